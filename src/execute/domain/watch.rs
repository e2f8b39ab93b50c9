//! Waits, and shows what is waited for. Every wait ends: with what it waits for, at the time limit, or when the user
//! wants to stop.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::core::domain::certificate::{Certificate, CertificateStatus};
use crate::core::domain::distribution::{DistributionNames, ViewerCertificate};
use crate::core::domain::event::{DomainEvent, DomainEvents};
use crate::core::domain::facts::DomainFacts;
use crate::core::domain::name::DnsName;
use crate::core::domain::waiting::{Awaited, Waiting, WaitingRecord};
use crate::edges::call::{CallError, FailureKind};
use crate::edges::route53::Route53;
use crate::execute::upload::Stop;

use super::observe::{DomainEdges, Trouble, watch_now};
use super::steps::is_led_elsewhere;

/// The pause before the second look; it grows by half up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often a pause looks whether the user wants to stop.
const STOP_GRAIN: Duration = Duration::from_millis(100);

/// Why a wait ended without what it waited for.
pub enum Unfinished {
    /// The time is up.
    TimedOut(Waiting),
    /// The user wants to stop.
    Stopped(Waiting),
    /// ACM gave up, and why.
    Failed { certificate: Box<Certificate> },
    /// A question got no answer.
    Trouble(Trouble),
}

/// One look at what is waited for.
struct Look {
    state: String,
    records: Vec<WaitingRecord>,
    is_there: bool,
}

/// The clock and the ears of all waits of a run.
pub struct Patience<'a> {
    pub edges: &'a DomainEdges,
    pub events: &'a DomainEvents,
    pub stop: &'a Stop,
    pub deadline: Instant,
}

impl Patience<'_> {
    /// Until ACM has made up the records of a certificate.
    pub async fn validation_records(&self, arn: &str) -> Result<(), Unfinished> {
        self.until(Awaited::ValidationRecords, async |_| {
            let certificate = match self.describe(arn).await {
                // One that was requested a moment ago is not known everywhere in ACM.
                Err(Unfinished::Trouble(trouble)) if trouble.source.kind == FailureKind::NotFound => {
                    return Ok(Look { state: "not there yet".into(), records: Vec::new(), is_there: false });
                }
                found => found?,
            };
            let is_there = !certificate.validations.is_empty()
                && certificate.validations.iter().all(|validation| validation.record.is_some());
            let is_over = certificate.status != CertificateStatus::PendingValidation;
            let state = if is_there { "made up" } else { "not made up yet" };
            Ok(Look { state: state.into(), records: Vec::new(), is_there: is_there || is_over })
        })
        .await
    }

    /// Until a certificate is issued.
    pub async fn certificate(&self, arn: &str, facts: &DomainFacts) -> Result<(), Unfinished> {
        self.until(Awaited::Certificate, async |elapsed_seconds| {
            let certificate = self.describe(arn).await?;
            let is_there = match certificate.status {
                CertificateStatus::Issued => true,
                CertificateStatus::PendingValidation => false,
                _ => return Err(Unfinished::Failed { certificate: Box::new(certificate) }),
            };
            let validated =
                certificate.validations.iter().filter(|validation| validation.is_validated).count();
            let state = format!("{validated} of {} names validated", certificate.validations.len());
            let records = if is_there {
                Vec::new()
            } else {
                watch_now(self.edges, facts, &certificate, elapsed_seconds).await
            };
            Ok(Look { state, records, is_there })
        })
        .await
    }

    /// Until a distribution's last change is everywhere.
    pub async fn deployment(&self, id: &str) -> Result<(), Unfinished> {
        self.until(Awaited::Deployment, async |_| {
            let found = self.edges.cloudfront.get_distribution_names(id).await;
            let what = format!("cannot read distribution `{id}`");
            let found = found.map_err(|error| Unfinished::Trouble(Trouble::new(what)(error)))?;
            let state = if found.is_deployed { "deployed" } else { "in progress" };
            Ok(Look { state: state.into(), records: Vec::new(), is_there: found.is_deployed })
        })
        .await
    }

    /// Until CloudFront no longer sees that a name leads to another distribution; gives what it says to the change then.
    pub async fn acceptance(
        &self,
        own: &DistributionNames,
        aliases: &BTreeSet<DnsName>,
        certificate: &ViewerCertificate,
    ) -> Result<Result<(), CallError>, Unfinished> {
        let mut said = Ok(());
        self.until(Awaited::OldRecordForgotten, async |_| {
            said = self.edges.cloudfront.update_distribution_names(own, aliases, certificate).await;
            let is_there = !said.as_ref().is_err_and(is_led_elsewhere);
            let state = "CloudFront still sees a record that leads to another distribution";
            Ok(Look { state: state.into(), records: Vec::new(), is_there })
        })
        .await?;
        Ok(said)
    }

    /// Until a certificate could be deleted: CloudFront lets go of it some minutes after its last use.
    pub async fn deletion(&self, arn: &str) -> Result<(), Unfinished> {
        self.until(Awaited::CertificateUnused, async |_| {
            let is_there = match self.edges.certificates.delete_certificate(arn).await {
                Ok(()) => true,
                Err(error) if error.code == "ResourceInUseException" => false,
                Err(error) => {
                    let what = format!("cannot delete the certificate `{arn}`");
                    return Err(Unfinished::Trouble(Trouble::new(what)(error)));
                }
            };
            let state = if is_there { "deleted" } else { "still in use" };
            Ok(Look { state: state.into(), records: Vec::new(), is_there })
        })
        .await
    }

    /// Until Route 53 has told all name servers of these changes, each with the account that it was made in.
    pub async fn propagation(&self, changes: &[(Route53, String)]) -> Result<(), Unfinished> {
        self.until(Awaited::Propagation, async |_| {
            let mut open = 0;
            for (route53, id) in changes {
                // Whoever may not ask does not wait.
                open += u32::from(!route53.is_change_in_sync(id).await.unwrap_or(true));
            }
            let state = format!("{} of {} changes under way", open, changes.len());
            Ok(Look { state, records: Vec::new(), is_there: open == 0 })
        })
        .await
    }

    async fn describe(&self, arn: &str) -> Result<Certificate, Unfinished> {
        let found = self.edges.certificates.describe_certificate(arn).await;
        let what = format!("cannot read the certificate `{arn}`");
        found.map_err(|error| Unfinished::Trouble(Trouble::new(what)(error)))
    }

    /// Looks again and again until it is there. A look that is not over at the time limit is given up: `look` may be dropped
    /// at any time. It is told how many seconds the wait has lasted.
    async fn until(
        &self,
        awaited: Awaited,
        mut look: impl AsyncFnMut(u64) -> Result<Look, Unfinished>,
    ) -> Result<(), Unfinished> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut seen = (String::from("nobody has answered yet"), Vec::new());
        loop {
            let looked = tokio::time::timeout_at(self.deadline, look(started.elapsed().as_secs())).await;
            let is_over = looked.is_err();
            if let Ok(found) = looked {
                let Look { state, records, is_there } = found?;
                if is_there {
                    return Ok(());
                }
                seen = (state, records);
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            let (state, records) = seen.clone();
            let elapsed_seconds = started.elapsed().as_secs();
            let waiting = Waiting { awaited, state, records, elapsed_seconds, left_seconds: left.as_secs() };
            (self.events)(DomainEvent::Waiting(waiting.clone()));
            if is_over || left.is_zero() {
                return Err(Unfinished::TimedOut(waiting));
            }
            if self.is_stopped_within(pause.min(left)).await {
                return Err(Unfinished::Stopped(waiting));
            }
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Pauses, and says whether the user wants to stop: told within a moment.
    pub async fn is_stopped_within(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        while !self.stop.is_requested() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            tokio::time::sleep(left.min(STOP_GRAIN)).await;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::Arc;

    use crate::core::domain::certificate::CLOUDFRONT_REGION;
    use crate::edges::acm::CertificateManager;
    use crate::edges::aws::{self, Connection};
    use crate::edges::call::Retry;
    use crate::edges::clock::Clock;
    use crate::edges::cloudfront::CloudFront;
    use crate::edges::dns::Dns;

    use super::*;

    /// Shorter than an endpoint is listened to that has never answered: that is told apart, and sooner.
    const LIMIT: Duration = Duration::from_secs(10);

    async fn edges_at(address: SocketAddr) -> (DomainEdges, Route53) {
        let connection = Connection {
            region: Some(CLOUDFRONT_REGION.to_owned()),
            endpoint_url: Some(format!("http://{address}")),
            static_keys: Some(("id".to_owned(), "secret".to_owned())),
            ..Connection::default()
        };
        let config = aws::load(&connection, &Clock::system()).await;
        let retry = Retry::new(Duration::ZERO);
        let edges = DomainEdges {
            cloudfront: CloudFront::new(&config, &retry),
            certificates: CertificateManager::new(&config, CLOUDFRONT_REGION, &retry),
            elsewhere: Vec::new(),
            zones: Vec::new(),
            dns: Dns::new(address),
            clock: Clock::system(),
        };
        (edges, Route53::new(&config, &retry))
    }

    /// Time stands still but for what is waited for, so that it passes at once.
    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_at_its_time_limit_though_nobody_answers() {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (edges, route53) = edges_at(silent.local_addr().expect("an address")).await;
        let events: DomainEvents = Arc::new(|_| {});
        let stop = Stop::default();
        for awaited in [Awaited::Deployment, Awaited::Propagation, Awaited::ValidationRecords] {
            let started = Instant::now();
            let patience =
                Patience { edges: &edges, events: &events, stop: &stop, deadline: started + LIMIT };
            let ended = match awaited {
                Awaited::Deployment => patience.deployment("E1").await,
                Awaited::Propagation => patience.propagation(&[(route53.clone(), "C1".into())]).await,
                _ => patience.validation_records("arn:1").await,
            };
            let Err(Unfinished::TimedOut(waiting)) = ended else { panic!("{awaited:?} ended otherwise") };
            assert_eq!((waiting.awaited, waiting.left_seconds), (awaited, 0));
            assert_eq!(waiting.state, "nobody has answered yet");
            // The clock ticks in milliseconds.
            assert_eq!(started.elapsed().as_secs(), LIMIT.as_secs(), "{awaited:?}");
        }
    }

    /// Answers every request with this document; its threads end with the test program.
    fn answering(document: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                loop {
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n")
                        && reader.read_line(&mut head).is_ok_and(|count| count > 0)
                    {}
                    if head.is_empty() {
                        break;
                    }
                    let of_length = |line: &str| {
                        line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<u64>().ok()
                    };
                    let length = head.lines().find_map(of_length).unwrap_or(0);
                    let _ = reader.by_ref().take(length).read_to_end(&mut Vec::new());
                    let answer =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{document}", document.len());
                    let _ = reader.get_mut().write_all(answer.as_bytes());
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn a_certificate_that_fails_ends_the_wait_with_acms_reason() {
        // The answers to DescribeCertificate and ListTagsForCertificate in one.
        let address = answering(
            r#"{"Certificate":{"CertificateArn":"arn:1","DomainName":"example.com","Status":"FAILED","FailureReason":"CAA_ERROR"},"Tags":[]}"#,
        );
        let (edges, _) = edges_at(address).await;
        let events: DomainEvents = Arc::new(|_| {});
        let stop = Stop::default();
        let patience =
            Patience { edges: &edges, events: &events, stop: &stop, deadline: Instant::now() + LIMIT };
        let facts = DomainFacts {
            now: edges.clock.local_now(),
            distribution: DistributionNames {
                id: "E1".into(),
                domain_name: DnsName::from_service("d111.cloudfront.net"),
                is_deployed: true,
                aliases: BTreeSet::new(),
                certificate: ViewerCertificate::CloudFronts,
                has_ipv6: true,
                has_http2_or_3: true,
            },
            aliases: None,
            certificates: Vec::new(),
            elsewhere: None,
            zones: Vec::new(),
            zone_facts: BTreeMap::new(),
            records: BTreeMap::new(),
            led_away: BTreeMap::new(),
            caa: BTreeMap::new(),
            unread_caa: BTreeMap::new(),
        };
        let ended = patience.certificate("arn:1", &facts).await;
        let Err(Unfinished::Failed { certificate }) = ended else { panic!("it goes on") };
        assert_eq!(certificate.failure.as_deref(), Some("CAA_ERROR"));
    }
}
