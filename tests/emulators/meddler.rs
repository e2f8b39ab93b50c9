//! A proxy on the loopback interface that damages, refuses or holds back some requests and passes on the others.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
pub enum Meddling {
    /// In bodies, these bytes become those, as many.
    Replace(&'static str, &'static str),
    /// Requests whose target contains this are answered with 503.
    Refuse(&'static str),
    /// Requests with this in them are answered with this status and code.
    Answer(&'static str, u16, &'static str),
    /// The same until the end of the refusals has come.
    AnswerUntil(Refusal, End),
    /// So many requests with this in their head are answered with this document.
    Serve(&'static str, &'static str, usize),
    /// Requests with this in them wait until [`Meddler::let_go`].
    Hold(&'static str),
    /// The first request whose first line begins with this is passed on, and its answer is lost with the connection.
    LoseAnswer(&'static str),
    /// So many changes of certificates, records and distributions pass; what comes after is swallowed.
    PassChanges(usize),
}

/// What is refused, and how.
#[derive(Clone, Copy)]
pub struct Refusal {
    /// Requests with this in them.
    pub part: &'static str,
    pub status: u16,
    pub code: &'static str,
    pub message: &'static str,
}

/// When refusals end.
#[derive(Clone, Copy)]
pub struct End {
    /// They do not before a request with this in its body has passed.
    pub after: Option<&'static str>,
    /// And then so many more come.
    pub more: usize,
}

/// An error as its service would write it: ACM in JSON, the others in XML.
fn error(head: &str, Refusal { status, code, message, .. }: Refusal) -> String {
    let body = if head.to_ascii_lowercase().contains("x-amz-target") {
        format!(r#"{{"__type":"{code}","message":"{message}"}}"#)
    } else {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    };
    format!("HTTP/1.1 {status} No\r\n{REQUEST_ID}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// As all services but S3 tell it.
const REQUEST_ID: &str = "x-amzn-RequestId: 0a1b2c3d-meddled\r\n";

/// Whether a request changes certificates, records or distributions.
fn is_change(head: &str) -> bool {
    head.starts_with("POST /2013-04-01/hostedzone")
        || head.starts_with("PUT /2020-05-31/distribution")
        || head.contains("CertificateManager.RequestCertificate")
        || head.contains("CertificateManager.DeleteCertificate")
}

/// No test waits longer for a request to come, and no request to be let go.
const LIMIT: Duration = Duration::from_secs(60);

/// Its threads end with the connections, and at the latest with the test's process.
pub struct Meddler {
    pub url: String,
    count: Arc<AtomicUsize>,
    is_open: Arc<AtomicBool>,
}

impl Meddler {
    pub fn start(upstream: &str, meddling: Meddling) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let count = Arc::new(AtomicUsize::new(0));
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let is_open = Arc::new(AtomicBool::new(false));
        let (counter, gate) = (Arc::clone(&count), Arc::clone(&is_open));
        let late = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, counter, gate) = (upstream.clone(), Arc::clone(&counter), Arc::clone(&gate));
                let late = Arc::clone(&late);
                // A connection that breaks is the client's to notice.
                thread::spawn(move || pass_on(client, &upstream, meddling, (&counter, &late), &gate));
            }
        });
        Self { url, count, is_open }
    }

    /// Waits for the first request that is held back.
    #[track_caller]
    pub fn wait(&self) {
        assert!(wait_until(|| self.count() > 0), "no request came that was to be held back");
    }

    /// Passes on what was held back, and from now on everything.
    pub fn let_go(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    /// How many requests it meddled with.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

fn wait_until(is_so: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !is_so() && started.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(5));
    }
    is_so()
}

fn pass_on(
    mut client: TcpStream,
    upstream: &str,
    meddling: Meddling,
    (count, late): (&AtomicUsize, &AtomicUsize),
    is_open: &AtomicBool,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream)?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(std::net::Shutdown::Both);
    });
    let mut requests = BufReader::new(client.try_clone()?);
    loop {
        let Some((head, mut body)) = read_request(&mut requests)? else { return Ok(()) };
        match meddling {
            Meddling::Refuse(part) if head.lines().next().is_some_and(|line| line.contains(part)) => {
                count.fetch_add(1, Ordering::SeqCst);
                client.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            }
            Meddling::Answer(part, status, code) if has(&head, &body, part) => {
                count.fetch_add(1, Ordering::SeqCst);
                let refusal = Refusal { part, status, code, message: "no" };
                client.write_all(error(&head, refusal).as_bytes())?;
                continue;
            }
            Meddling::AnswerUntil(refusal, end)
                if has(&head, &body, refusal.part) && is_refused(end, is_open, late) =>
            {
                count.fetch_add(1, Ordering::SeqCst);
                client.write_all(error(&head, refusal).as_bytes())?;
                continue;
            }
            Meddling::AnswerUntil(_, End { after, .. }) => {
                if after.is_some_and(|after| has("", &body, after)) {
                    is_open.store(true, Ordering::SeqCst);
                }
            }
            Meddling::Serve(part, document, times)
                if head.contains(part) && late.fetch_add(1, Ordering::SeqCst) < times =>
            {
                count.fetch_add(1, Ordering::SeqCst);
                let length = document.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{document}");
                client.write_all(answer.as_bytes())?;
                continue;
            }
            Meddling::PassChanges(limit)
                if is_change(&head) && count.fetch_add(1, Ordering::SeqCst) >= limit =>
            {
                return Ok(());
            }
            Meddling::Hold(part) if has(&head, &body, part) => {
                count.fetch_add(1, Ordering::SeqCst);
                wait_until(|| is_open.load(Ordering::SeqCst));
            }
            Meddling::LoseAnswer(start)
                if head.starts_with(start) && count.fetch_add(1, Ordering::SeqCst) == 0 =>
            {
                return lose_answer(&client, upstream, &head, &body);
            }
            Meddling::Refuse(_)
            | Meddling::Answer(..)
            | Meddling::Serve(..)
            | Meddling::Hold(_)
            | Meddling::LoseAnswer(_)
            | Meddling::PassChanges(_) => {}
            Meddling::Replace(from, to) => {
                if let Some(at) = memchr::memmem::find(&body, from.as_bytes()) {
                    count.fetch_add(1, Ordering::SeqCst);
                    body[at..at + from.len()].copy_from_slice(to.as_bytes());
                }
            }
        }
        server.write_all(head.as_bytes())?;
        server.write_all(&body)?;
    }
}

fn has(head: &str, body: &[u8], part: &str) -> bool {
    head.contains(part) || memchr::memmem::find(body, part.as_bytes()).is_some()
}

/// Whether a request is to be refused: what ends the refusals has not come, or not long enough ago.
fn is_refused(end: End, has_come: &AtomicBool, late: &AtomicUsize) -> bool {
    (end.after.is_some() && !has_come.load(Ordering::SeqCst))
        || late.fetch_add(1, Ordering::SeqCst) < end.more
}

/// Passes a request on by a connection of its own, waits for the answer, and hangs up on the client.
fn lose_answer(client: &TcpStream, upstream: &str, head: &str, body: &[u8]) -> std::io::Result<()> {
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(head.as_bytes())?;
    server.write_all(body)?;
    server.read_exact(&mut [0])?;
    client.shutdown(std::net::Shutdown::Both)
}

/// The next request: its head with the empty line, and its body of the length that the head says. None at the end.
pub fn read_request(requests: &mut impl BufRead) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if requests.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let lengths = head.lines().filter_map(|line| line.split_once(": "));
    let length = lengths.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.filter_map(|(_, value)| value.parse().ok()).next().unwrap_or(0);
    let mut body = vec![0; length];
    requests.read_exact(&mut body)?;
    Ok(Some((head, body)))
}
