//! Name servers: what a resolver answers, and what a zone's own servers answer.
//!
//! Touches the network by DNS, over UDP and, for long answers, TCP. Nothing is kept: each question is asked anew.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType as Kind};

use crate::core::domain::dns::DnsAnswer;
use crate::core::domain::name::DnsName;

/// The resolver that is asked unless another is named: Cloudflare's public one, which keeps nothing longer than it may.
pub const PUBLIC_RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)), 53);

/// How long one server may take for one answer, and how often it is asked again.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 1;

/// The same for what tells a broken zone: a resolver asks dead name servers several times before it says `SERVFAIL`. A
/// datagram that is lost is sent again within this time.
const PATIENT_LIMIT: Duration = Duration::from_secs(6);
const PATIENT_ATTEMPTS: usize = 0;

/// A resolver that answers nothing is not asked again for this long: on a network that lets no DNS through, each question
/// would take its whole time.
const SILENCE: Duration = Duration::from_secs(30);

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Address,
    AddressV6,
    Cname,
    Caa,
    NameServers,
    Txt,
    /// The name of an address: see [`Dns::ask_name_of`].
    Pointer,
}

impl Question {
    fn kind(self) -> Kind {
        match self {
            Self::Address => Kind::A,
            Self::AddressV6 => Kind::AAAA,
            Self::Cname => Kind::CNAME,
            Self::Caa => Kind::CAA,
            Self::NameServers => Kind::NS,
            Self::Txt => Kind::TXT,
            Self::Pointer => Kind::PTR,
        }
    }

    /// How long the answer may take, and how often it is asked for again.
    fn patience(self) -> (Duration, usize) {
        match self {
            Self::Caa | Self::NameServers => (PATIENT_LIMIT, PATIENT_ATTEMPTS),
            Self::Address | Self::AddressV6 | Self::Cname | Self::Txt | Self::Pointer => {
                (ANSWER_LIMIT, ATTEMPTS)
            }
        }
    }
}

/// Asks name servers. Cloned freely.
#[derive(Clone, Debug)]
pub struct Dns {
    resolver: SocketAddr,
    /// When the resolver answered nothing at all, if it did not. Clones share it.
    silent_since: Arc<Mutex<Option<Instant>>>,
}

impl Dns {
    /// A zone's own servers are asked at the resolver's port, so that a whole DNS can be stood in for on one machine.
    pub fn new(resolver: SocketAddr) -> Self {
        Self { resolver, silent_since: Arc::default() }
    }

    pub fn resolver(&self) -> SocketAddr {
        self.resolver
    }

    /// What the resolver answers. One that answers other questions and not this one has failed to get an answer itself.
    pub async fn ask_resolver(&self, name: &DnsName, question: Question) -> DnsAnswer {
        if self.silence().is_some_and(|since| since.elapsed() < SILENCE) {
            return DnsAnswer::NoAnswer("it did not answer a moment ago".into());
        }
        let limit = question.patience();
        let answer = ask(self.resolver, Recursion::Desired, limit, name, question).await;
        let DnsAnswer::NoAnswer(why) = answer else {
            *self.lock() = None;
            return answer;
        };
        if self.is_alive().await {
            return DnsAnswer::Failed("no answer in time".into());
        }
        *self.lock() = Some(Instant::now());
        DnsAnswer::NoAnswer(why)
    }

    /// What the resolver answers for the name of an address.
    pub async fn ask_name_of(&self, address: IpAddr) -> DnsAnswer {
        let name = DnsName::from_service(&Name::from(address).to_ascii());
        self.ask_resolver(&name, Question::Pointer).await
    }

    /// Whether the resolver answers anything: each knows at once who serves the root.
    async fn is_alive(&self) -> bool {
        let root = DnsName::from_service(".");
        let limit = (ANSWER_LIMIT, PATIENT_ATTEMPTS);
        let answer = ask(self.resolver, Recursion::Desired, limit, &root, Question::NameServers).await;
        !matches!(answer, DnsAnswer::NoAnswer(_))
    }

    fn silence(&self) -> Option<Instant> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.silent_since.lock().expect("no panic while it is locked")
    }

    /// What the name server of this name answers out of its own zones.
    pub async fn ask_server(&self, server: &DnsName, name: &DnsName, question: Question) -> DnsAnswer {
        let mut address = self.ask_resolver(server, Question::Address).await;
        if address == DnsAnswer::NoRecords {
            address = self.ask_resolver(server, Question::AddressV6).await;
        }
        let address = match address {
            DnsAnswer::Records(addresses) => addresses.first().and_then(|text| text.parse::<IpAddr>().ok()),
            DnsAnswer::NoRecords | DnsAnswer::NoSuchName | DnsAnswer::Referred { .. } => None,
            DnsAnswer::Failed(why) | DnsAnswer::NoAnswer(why) => {
                return DnsAnswer::NoAnswer(format!("the address of {server}: {why}"));
            }
        };
        match address {
            Some(address) => {
                let server = SocketAddr::new(address, self.resolver.port());
                ask(server, Recursion::NotDesired, (ANSWER_LIMIT, ATTEMPTS), name, question).await
            }
            None => DnsAnswer::NoAnswer(format!("{server} has no address")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recursion {
    Desired,
    NotDesired,
}

async fn ask(
    server: SocketAddr,
    recursion: Recursion,
    limit: (Duration, usize),
    name: &DnsName,
    question: Question,
) -> DnsAnswer {
    let Ok(query) = Name::from_ascii(name.absolute()) else {
        return DnsAnswer::NoAnswer(format!("`{name}` cannot be asked for"));
    };
    let resolver = match resolver(server, recursion, limit) {
        Ok(resolver) => resolver,
        Err(error) => return DnsAnswer::NoAnswer(error.to_string()),
    };
    match resolver.lookup(query, question.kind()).await {
        Ok(found) => {
            let of_kind = found.answers().iter().filter(|record| record.record_type() == question.kind());
            let mut values: Vec<String> = of_kind.map(|record| value(&record.data)).collect();
            values.sort();
            if values.is_empty() { DnsAnswer::NoRecords } else { DnsAnswer::Records(values) }
        }
        Err(error) => answer_of(&error),
    }
}

fn resolver(
    server: SocketAddr,
    recursion: Recursion,
    (timeout, attempts): (Duration, usize),
) -> Result<TokioResolver, NetError> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options: &mut ResolverOpts = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = timeout;
    options.attempts = attempts;
    options.recursion_desired = recursion == Recursion::Desired;
    builder.build()
}

/// A value as it stands in a zone.
fn value(data: &RData) -> String {
    match data {
        RData::CAA(caa) => {
            format!("{} {} \"{}\"", caa.flags(), caa.tag, String::from_utf8_lossy(&caa.value))
        }
        other => other.to_string(),
    }
}

fn answer_of(error: &NetError) -> DnsAnswer {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(found)) => match found.response_code {
            ResponseCode::NXDomain => DnsAnswer::NoSuchName,
            ResponseCode::NoError => referral(found).unwrap_or(DnsAnswer::NoRecords),
            code => DnsAnswer::Failed(code_name(code)),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => DnsAnswer::Failed(code_name(*code)),
        NetError::Timeout => DnsAnswer::NoAnswer("it timed out".into()),
        NetError::NoConnections => DnsAnswer::NoAnswer("no connection".into()),
        other => DnsAnswer::NoAnswer(other.to_string()),
    }
}

/// An answer without records that names servers, and not whose zone it is, sends on to them.
///
/// Source: RFC 2308, section 2.1.1.
fn referral(found: &NoRecords) -> Option<DnsAnswer> {
    let servers = found.ns.as_deref().filter(|_| found.soa.is_none())?;
    let zone = DnsName::from_service(&servers.first()?.ns.name.to_string());
    let names = servers.iter().map(|server| DnsName::from_service(&server.ns.data.to_string()));
    Some(DnsAnswer::Referred { zone, servers: names.collect() })
}

fn code_name(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        ResponseCode::FormErr => "FORMERR".into(),
        other => other.to_string(),
    }
}
