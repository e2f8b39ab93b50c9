//! Name servers on the loopback interface: a resolver and a zone's own servers, with answers by a function.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Runtime;

/// One question as a server hears it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The server's address; the first of the test's addresses is the resolver.
    pub server: Ipv4Addr,
    /// Lower case, without the dot at its end.
    pub name: String,
    /// `A`, `CNAME` and so on.
    pub kind: String,
    pub wants_recursion: bool,
}

/// What the server does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These values, as they stand in zones; none means that there are no such records.
    Records(Vec<String>),
    NoSuchName,
    Fails,
    /// No answer of its own, but who serves the zone of this name.
    Referral(String, Vec<String>),
    /// The same after a while, as of a resolver that gets no answer itself.
    Late(Duration, Box<Reply>),
    /// Nothing at all.
    Silence,
}

type Answers = Arc<dyn Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync>;

/// Runs until it is dropped.
pub struct NameServers {
    /// The resolver's address; the other servers have the same port.
    pub resolver: SocketAddr,
    _runtime: Runtime,
}

/// The addresses of a resolver and of two servers of a zone.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
pub const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
pub const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

impl NameServers {
    /// With answers that are known at once.
    pub fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let answers = Arc::new(answers);
        Self::start_async(move |asked| {
            let answers = Arc::clone(&answers);
            Box::pin(async move { answers(&asked) })
        })
    }

    pub fn start_async(answers: impl Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync + 'static) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let answers: Answers = Arc::new(answers);
        // A port that is free at one address may be taken at another.
        for _ in 0..20 {
            if let Some(resolver) = runtime.block_on(bind(&answers)) {
                return Self { resolver, _runtime: runtime };
            }
        }
        panic!("no port is free at all addresses");
    }

    /// For `--resolver`.
    pub fn flag(&self) -> String {
        self.resolver.to_string()
    }
}

async fn bind(answers: &Answers) -> Option<SocketAddr> {
    let first = UdpSocket::bind((RESOLVER, 0)).await.expect("a free port");
    let resolver = first.local_addr().expect("an address");
    let mut sockets = vec![(RESOLVER, first, TcpListener::bind(resolver).await.ok()?)];
    for address in [FIRST, SECOND] {
        let at = SocketAddr::new(IpAddr::V4(address), resolver.port());
        sockets.push((address, UdpSocket::bind(at).await.ok()?, TcpListener::bind(at).await.ok()?));
    }
    for (address, udp, tcp) in sockets {
        let mut server = Server::new(Handler { address, answers: Arc::clone(answers) });
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 512);
        tokio::spawn(async move { server.block_until_done().await });
    }
    Some(resolver)
}

struct Handler {
    address: Ipv4Addr,
    answers: Answers,
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let query = &request.queries.queries()[0];
        let asked = Asked {
            server: self.address,
            name: query.name().to_string().to_lowercase().trim_end_matches('.').to_owned(),
            kind: query.query_type().to_string(),
            wants_recursion: request.metadata.recursion_desired,
        };
        let mut reply = (self.answers)(asked).await;
        while let Reply::Late(pause, meant) = reply {
            tokio::time::sleep(pause).await;
            reply = *meant;
        }
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = true;
        let (mut records, mut authorities) = (Vec::new(), Vec::new());
        match reply {
            Reply::Records(values) => {
                records.extend(
                    values.iter().map(|value| record(query.name().into(), query.query_type(), value)),
                );
            }
            Reply::NoSuchName => metadata.response_code = ResponseCode::NXDomain,
            Reply::Fails => metadata.response_code = ResponseCode::ServFail,
            Reply::Referral(zone, servers) => {
                metadata.authoritative = false;
                let zone = Name::from_ascii(format!("{zone}.")).expect("a name");
                authorities.extend(servers.iter().map(|server| record(zone.clone(), RecordType::NS, server)));
            }
            Reply::Late(..) => unreachable!("it was waited for"),
            Reply::Silence => return Header { metadata, counts: HeaderCounts::default() }.into(),
        }
        let none = || std::iter::empty::<&Record>();
        let builder = MessageResponseBuilder::from_message_request(request);
        let response = builder.build(metadata, records.iter(), authorities.iter(), none(), none());
        response_handle.send_response(response).await.expect("a response can be sent")
    }
}

fn record(name: Name, kind: RecordType, value: &str) -> Record {
    let data = RData::try_from_str(kind, value).unwrap_or_else(|error| panic!("{kind} {value}: {error}"));
    Record::from_rdata(name, 1, data)
}
