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
    /// CloudFront has let go of the certificate.
    CertificateUnused,
    /// Route 53 has told all name servers.
    Propagation,
}

impl Awaited {
    pub fn title(self) -> &'static str {
        match self {
            Self::ValidationRecords => "the validation records",
            Self::Certificate => "the certificate",
            Self::Deployment => "the distribution to be deployed",
            Self::CertificateUnused => "the certificate to be let go",
            Self::Propagation => "all name servers to have the records",
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
}

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
        let wrong =
            |answer: &DnsAnswer| matches!(answer, DnsAnswer::Records(_)) && !answer.is_cname(&self.target);
        let is_silent = |answer: &DnsAnswer| matches!(answer, DnsAnswer::NoAnswer(_));
        let right = self.right_count();
        Some(if self.zone_id.is_none() {
            "no hosted zone here holds it: the record has to be written where the domain's DNS is".into()
        } else if self.servers.is_empty() {
            "the zone's name servers are not known, so only the resolver was asked".into()
        } else if let Some(odd) = self.servers.iter().find(|server| wrong(&server.answer)) {
            format!("{} answers something else: {}", odd.server, odd.answer.summary())
        } else if self.servers.iter().all(|server| is_silent(&server.answer)) {
            "none of the zone's name servers answers from here: is DNS let through on this network?".into()
        } else if right < self.servers.len() {
            "Route 53 is still telling the zone's name servers, which takes up to a minute".into()
        } else if wrong(&self.resolver) {
            "the resolver has an older answer, or asks another zone: compare the domain's name servers with the zone's".into()
        } else if self.resolver.is_cname(&self.target) {
            "everybody sees the record: ACM looks again every few minutes".into()
        } else if is_silent(&self.resolver) {
            "the zone has it; the resolver does not answer from here".into()
        } else {
            "the zone has it, and the world asks another one: compare the domain's name servers with the zone's".into()
        })
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
        }
    }

    #[test]
    fn what_holds_a_validation_up_is_told_by_who_sees_the_record() {
        let silent = || DnsAnswer::NoAnswer("it timed out".into());
        let wrong = || DnsAnswer::Records(vec!["elsewhere.example.net.".into()]);
        for (servers, resolver, words) in [
            (vec![right(), right()], right(), "ACM looks again"),
            (vec![right(), DnsAnswer::NoSuchName], DnsAnswer::NoSuchName, "still telling"),
            (vec![right(), right()], DnsAnswer::NoSuchName, "asks another one"),
            (vec![right(), right()], DnsAnswer::Failed("SERVFAIL".into()), "asks another one"),
            (vec![right(), right()], silent(), "the resolver does not answer"),
            (vec![right(), right()], wrong(), "older answer"),
            (
                vec![right(), wrong()],
                right(),
                "ns-1.example.net answers something else: elsewhere.example.net.",
            ),
            (vec![silent(), silent()], silent(), "none of the zone's name servers answers"),
            (vec![], right(), "are not known"),
        ] {
            let record = record(servers, resolver);
            let diagnosis = record.diagnosis().expect("it waits");
            assert!(diagnosis.contains(words), "{record:?}: {diagnosis}");
        }
        let validated = WaitingRecord { is_validated: true, ..record(vec![], DnsAnswer::NoSuchName) };
        assert_eq!(validated.diagnosis(), None);
        let nowhere = WaitingRecord { zone_id: None, ..record(vec![], DnsAnswer::NoSuchName) };
        assert!(nowhere.diagnosis().is_some_and(|text| text.contains("no hosted zone")));
    }
}
