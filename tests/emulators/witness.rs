//! A proxy on the loopback interface that keeps what was asked and what was answered.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::meddler::read_request;

/// A request and the answer to it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The first line and the headers.
    pub head: String,
    pub body: String,
    answer: String,
}

impl Exchange {
    /// `PUT /bucket/key`: method and target.
    pub fn call(&self) -> &str {
        self.head.lines().next().and_then(|line| line.rsplit_once(' ')).map_or("", |(call, _)| call)
    }

    /// Name and value of the headers, as they were sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.lines().skip(1).filter_map(|line| line.split_once(": "))
    }

    /// The value of a header, whatever the spelling of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether the service did what it was asked.
    pub fn is_done(&self) -> bool {
        self.answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2'))
    }

    /// Whether the service said that it is not permitted. ACM says it with status 400.
    pub fn is_denied(&self) -> bool {
        let status = self.answer.split(' ').nth(1);
        status == Some("403") || self.answer.contains("AccessDeniedException")
    }
}

/// Its threads end with the connections, and at the latest with the test's process.
pub struct Witness {
    pub url: String,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Witness {
    pub fn start(upstream: &str) -> Self {
        Self::told(upstream, |_| {})
    }

    /// Tells each exchange to `tell` before the client has its answer.
    pub fn told(upstream: &str, tell: impl Fn(&Exchange) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&exchanges);
        let tell = Arc::new(tell);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, kept, tell) = (upstream.clone(), Arc::clone(&kept), Arc::clone(&tell));
                // A connection that breaks is the client's to notice.
                thread::spawn(move || pass_on(client, &upstream, &kept, &*tell));
            }
        });
        Self { url, exchanges }
    }

    /// What was asked so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().expect("no panic while it is locked").clone()
    }

    pub fn has_seen_a_denial(&self) -> bool {
        self.exchanges().iter().any(Exchange::is_denied)
    }
}

/// One request to a connection, so that an answer ends with it.
fn pass_on(
    mut client: TcpStream,
    upstream: &str,
    kept: &Mutex<Vec<Exchange>>,
    tell: &(dyn Fn(&Exchange) + Send + Sync),
) -> std::io::Result<()> {
    let mut requests = BufReader::new(client.try_clone()?);
    let Some((head, body)) = read_request(&mut requests)? else { return Ok(()) };
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(closing(&head).as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let exchange = Exchange { head, body: text(&body), answer: text(&answer) };
    // Told and kept before the client has the answer: whoever looks after a run sees all of it.
    tell(&exchange);
    kept.lock().expect("no panic while it is locked").push(exchange);
    let end = memchr::memchr(b'\n', &answer).map_or(answer.len(), |at| at + 1);
    client.write_all(&answer[..end])?;
    client.write_all(b"connection: close\r\n")?;
    client.write_all(&answer[end..])
}

/// The head of a request after whose answer the connection closes.
pub fn closing(head: &str) -> String {
    let (first, rest) = head.split_once("\r\n").expect("a head has lines");
    let is_about_connection = |line: &&str| line.to_ascii_lowercase().starts_with("connection:");
    let rest: Vec<&str> = rest.split("\r\n").filter(|line| !is_about_connection(line)).collect();
    format!("{first}\r\nConnection: close\r\n{}", rest.join("\r\n"))
}
