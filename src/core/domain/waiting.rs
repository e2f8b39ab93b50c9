//! What is waited for, as it stands: each name, its record, and who sees it by now.

use serde::Serialize;

use super::dns::DnsAnswer;
use super::name::DnsName;

/// What ends the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Awaited {
    /// ACM has made up the records.
    ValidationRecords,
    /// ACM has issued the certificate.
    Certificate,
    /// CloudFront has told all edges.
    Deployment,
    /// CloudFront sees that a record that led elsewhere is gone.
    OldRecordForgotten,
    /// CloudFront has let go of the certificate.
    CertificateUnused,
    /// Route 53 has told all name servers.
    Propagation,
    /// A change that was accepted is read back.
    ReadBack,
}

impl Awaited {
    pub fn title(self) -> &'static str {
        match self {
            Self::ValidationRecords => "the validation records",
            Self::Certificate => "the certificate",
            Self::Deployment => "the distribution to be deployed",
            Self::OldRecordForgotten => "the old record to be forgotten",
            Self::CertificateUnused => "the certificate to be let go",
            Self::Propagation => "all name servers to have the records",
            Self::ReadBack => "what was changed to be read back",
        }
    }
}

/// What one name server of the zone answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerAnswer {
    pub server: DnsName,
    pub answer: DnsAnswer,
}

/// One validation record and who sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingRecord {
    /// The names that it proves.
    pub names: Vec<DnsName>,
    pub record: DnsName,
    pub target: DnsName,
    /// The id of the zone that it is in; none where there is no zone for it.
    pub zone_id: Option<String>,
    /// What the zone's own name servers answer.
    pub servers: Vec<ServerAnswer>,
    /// What the public resolver answers.
    pub resolver: DnsAnswer,
    /// What ACM says.
    pub is_validated: bool,
    /// Whether Route 53 has had the time that it takes to tell all of a zone's name servers.
    pub is_overdue: bool,
}

/// How long Route 53 takes to tell all of a zone's name servers, as a rule.
///
/// Source: "Route 53 propagation", Amazon Route 53 FAQs: within 60 seconds under normal conditions.
pub const PROPAGATION_SECONDS: u64 = 60;

impl WaitingRecord {
    /// How many of the zone's servers answer what they should.
    pub fn right_count(&self) -> usize {
        self.servers.iter().filter(|server| server.answer.is_cname(&self.target)).count()
    }

    /// What holds it up, in a sentence; none when it is validated.
    pub fn diagnosis(&self) -> Option<String> {
        if self.is_validated {
            return None;
        }
        Some(match &self.zone_id {
            None if self.resolver.is_cname(&self.target) => self.fault_of_resolver(),
            None => {
                "no hosted zone here holds it: the record has to be written where the domain's DNS is".into()
            }
            Some(zone_id) => self.fault_of_servers(zone_id).unwrap_or_else(|| self.fault_of_resolver()),
        })
    }

    /// What is wrong with the answers of the zone's own servers; none where all that answer have the record.
    fn fault_of_servers(&self, zone_id: &str) -> Option<String> {
        let of = |is_meant: &dyn Fn(&DnsAnswer) -> bool| {
            self.servers.iter().find(|found| is_meant(&found.answer) && !found.answer.is_cname(&self.target))
        };
        if self.servers.is_empty() {
            return Some("the zone's name servers are not known, so only the resolver was asked".into());
        }
        if let Some(odd) = of(&|answer| matches!(answer, DnsAnswer::Records(_))) {
            return Some(format!("{} answers something else: {}", odd.server, odd.answer.summary()));
        }
        for ServerAnswer { server, answer } in &self.servers {
            if let DnsAnswer::Referred { zone, servers } = answer {
                let others = servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return Some(format!(
                    "{server} refers to other servers for {zone} ({others}): the record belongs into the zone that they serve"
                ));
            }
        }
        if let Some(failing) = of(&|answer| matches!(answer, DnsAnswer::Failed(_))) {
            return Some(format!(
                "{} does not serve the zone: {}; compare the zone's name servers with those in Route 53",
                failing.server,
                failing.answer.summary()
            ));
        }
        if let Some(late) = of(&|answer| matches!(answer, DnsAnswer::NoSuchName | DnsAnswer::NoRecords)) {
            return Some(if self.is_overdue {
                format!(
                    "{} still does not have it, which takes Route 53 a minute as a rule: is the record still in zone {zone_id}?",
                    late.server
                )
            } else {
                "Route 53 is still telling the zone's name servers, which takes up to a minute".into()
            });
        }
        let all_silent = self.servers.iter().all(|found| matches!(found.answer, DnsAnswer::NoAnswer(_)));
        all_silent.then(|| {
            "none of the zone's name servers answers from here: is DNS let through on this network?".into()
        })
    }

    /// What is wrong with the resolver's answer, or what else ACM waits for.
    fn fault_of_resolver(&self) -> String {
        let silent = self.servers.iter().find(|found| matches!(found.answer, DnsAnswer::NoAnswer(_)));
        match &self.resolver {
            answer if answer.is_cname(&self.target) => match silent {
                Some(silent) => format!(
                    "everybody who answers sees the record, but {} does not answer from here: ACM looks again every few minutes",
                    silent.server
                ),
                None => "everybody sees the record: ACM looks again every few minutes".into(),
            },
            DnsAnswer::Records(_) => {
                "the resolver has an older answer, or asks another zone: compare the domain's name servers with the zone's"
                    .into()
            }
            DnsAnswer::NoAnswer(_) => "the zone has it; the resolver does not answer from here".into(),
            DnsAnswer::Failed(why) => format!(
                "the zone has it, and resolvers get no answer for it ({why}): compare the domain's name servers with the zone's"
            ),
            DnsAnswer::NoSuchName | DnsAnswer::NoRecords | DnsAnswer::Referred { .. } => {
                "the zone has it, and the world asks another one: compare the domain's name servers with the zone's".into()
            }
        }
    }
}

/// A wait as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub awaited: Awaited,
    /// What ACM or CloudFront says, in its word.
    pub state: String,
    /// Of a certificate that is waited for.
    pub records: Vec<WaitingRecord>,
    pub elapsed_seconds: u64,
    pub left_seconds: u64,
}

impl Waiting {
    /// Whether the same would be shown but for the time.
    pub fn looks_like(&self, other: &Self) -> bool {
        self.awaited == other.awaited && self.state == other.state && self.records == other.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DnsName {
        DnsName::from_service(text)
    }

    fn right() -> DnsAnswer {
        DnsAnswer::Records(vec!["_Y.acm-validations.aws.".into()])
    }

    fn record(servers: Vec<DnsAnswer>, resolver: DnsAnswer) -> WaitingRecord {
        let numbered = servers.into_iter().enumerate();
        WaitingRecord {
            names: vec![name("example.com")],
            record: name("_x.example.com"),
            target: name("_y.acm-validations.aws"),
            zone_id: Some("Z1".into()),
            servers: numbered
                .map(|(at, answer)| ServerAnswer { server: name(&format!("ns-{at}.example.net")), answer })
                .collect(),
            resolver,
            is_validated: false,
            is_overdue: false,
        }
    }

    #[test]
    fn what_holds_a_validation_up_is_told_by_who_sees_the_record() {
        let silent = || DnsAnswer::NoAnswer("it timed out".into());
        let refused = DnsAnswer::Failed("REFUSED".into());
        let referral =
            || DnsAnswer::Referred { zone: name("dev.example.com"), servers: vec![name("ns.example.org")] };
        let wrong = || DnsAnswer::Records(vec!["elsewhere.example.net.".into()]);
        for (servers, resolver, words) in [
            (vec![right(), right()], right(), "ACM looks again"),
            (vec![right(), DnsAnswer::NoSuchName], DnsAnswer::NoSuchName, "still telling"),
            (vec![right(), right()], DnsAnswer::NoSuchName, "asks another one"),
            (vec![right(), right()], DnsAnswer::Failed("SERVFAIL".into()), "get no answer for it (SERVFAIL)"),
            (vec![right(), right()], silent(), "the resolver does not answer"),
            (vec![right(), right()], wrong(), "older answer"),
            (
                vec![right(), wrong()],
                right(),
                "ns-1.example.net answers something else: elsewhere.example.net.",
            ),
            (vec![silent(), silent()], silent(), "none of the zone's name servers answers"),
            (vec![right(), silent()], right(), "but ns-1.example.net does not answer from here"),
            (vec![right(), silent()], DnsAnswer::NoSuchName, "asks another one"),
            (vec![right(), referral()], DnsAnswer::NoSuchName, "for dev.example.com (ns.example.org)"),
            (vec![right(), refused], right(), "ns-1.example.net does not serve the zone: failed (REFUSED)"),
            (vec![], right(), "are not known"),
        ] {
            let record = record(servers, resolver);
            let diagnosis = record.diagnosis().expect("it waits");
            assert!(diagnosis.contains(words), "{record:?}: {diagnosis}");
        }
        let late = record(vec![right(), DnsAnswer::NoSuchName], right());
        let overdue = WaitingRecord { is_overdue: true, ..late };
        let diagnosis = overdue.diagnosis().expect("it waits");
        assert!(
            diagnosis.contains("is the record still in zone Z1") && !diagnosis.contains("up to a minute")
        );
        let validated = WaitingRecord { is_validated: true, ..record(vec![], DnsAnswer::NoSuchName) };
        assert_eq!(validated.diagnosis(), None);
        let nowhere = WaitingRecord { zone_id: None, ..record(vec![], DnsAnswer::NoSuchName) };
        assert!(nowhere.diagnosis().is_some_and(|text| text.contains("no hosted zone")));
    }
}
