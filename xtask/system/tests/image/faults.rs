//! A registry that has too much to do, drops connections, or is not there.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use service_testkit::free_port;

use crate::checkout::Checkout;
use crate::registry::Registry;

/// What one connection gets.
#[derive(Clone, Copy)]
enum Fault {
    /// It ends before an answer.
    Drop,
    /// It gets this status line, and ends.
    Answer(&'static str),
    /// It reaches the registry, for one answer.
    None,
}

/// Stands before a registry and gives one fault after another to the first connections, in turn with whole ones.
struct Gate {
    port: u16,
    met: Arc<AtomicUsize>,
}

impl Gate {
    /// After `faults`, each connection gets `rest`.
    fn before(registry: &Registry, faults: &'static [Fault], rest: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("it has one").port();
        let (behind, met) = (registry.port, Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&met);
        // Ends with the process.
        thread::spawn(move || {
            for (connection, fault) in
                listener.incoming().zip(faults.iter().copied().chain(std::iter::repeat(rest)))
            {
                let connection = connection.expect("a connection");
                if !matches!(fault, Fault::None) {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                thread::spawn(move || serve(connection, behind, fault));
            }
        });
        Self { port, met }
    }
}

fn serve(mut client: TcpStream, behind: u16, fault: Fault) {
    match fault {
        Fault::Drop => {}
        Fault::Answer(status) => {
            let mut head = [0; 4096];
            let _ = client.read(&mut head);
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = client.write_all(answer.as_bytes());
            let _ = client.shutdown(Shutdown::Write);
            let _ = client.read(&mut head);
        }
        Fault::None => {
            let mut server =
                TcpStream::connect((Ipv4Addr::LOCALHOST, behind)).expect("the registry is there");
            let (mut from_client, mut to_server) =
                (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
            thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Write);
            });
            // One answer a connection: then the next request meets the next fault.
            let mut answer = vec![0; 65_536];
            if let Ok(length) = server.read(&mut answer) {
                let _ = client.write_all(&answer[..length]);
            }
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

#[test]
fn a_registry_that_has_too_much_to_do_is_asked_again() {
    const FAULTS: &[Fault] = &[
        Fault::Answer("503 Service Unavailable"),
        Fault::None,
        Fault::Drop,
        Fault::Answer("429 Too Many Requests"),
        Fault::None,
        Fault::Answer("500 Internal Server Error"),
        Fault::None,
        Fault::Drop,
        Fault::None,
        Fault::Answer("502 Bad Gateway"),
    ];
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let gate = Gate::before(&registry, FAULTS, Fault::None);
    let image = checkout.push(&format!("http://127.0.0.1:{}/example", gate.port));
    assert_eq!(image["pushed"], true);
    assert_eq!(gate.met.load(Ordering::Relaxed), 6, "every fault was met");
    let seen = registry.inspect(&format!("example/app:{}", checkout.head())).expect("it is there");
    assert_eq!(seen["Digest"], image["digest"]);
}

#[test]
fn a_registry_that_is_not_there_ends_with_5() {
    let checkout = Checkout::make("app");
    let port = free_port();
    let answer = checkout.image(&["--push", "--registry", &format!("http://127.0.0.1:{port}/example")]);
    assert_eq!(answer.code, Some(5), "{}", answer.stderr);
    let part = format!("error: `127.0.0.1:{port}` did not answer to a log-in (6 attempts)\n");
    assert!(answer.stderr.starts_with(&part), "{}", answer.stderr);
    assert!(!checkout.root.join("target").exists(), "it was known before the build");
}

/// Nobody else's network is asked: the place where credentials would be taken to is this machine's, and closed.
#[test]
fn without_a_password_for_ecr_nothing_is_built() {
    let checkout = Checkout::make("app");
    let host = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    let closed = format!("http://127.0.0.1:{}", free_port());
    let credentials = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL", &closed),
    ];
    let answer = checkout.image_with(&["--push", "--registry", &format!("{host}/example")], &credentials);
    assert_eq!(answer.code, Some(5), "{}", answer.stderr);
    assert!(
        answer.stderr.starts_with(&format!("error: cannot get a password for `{host}`\n")),
        "{}",
        answer.stderr
    );
    assert!(!checkout.root.join("target").exists(), "it was known before the build");
}

#[test]
fn a_registry_that_refuses_is_not_asked_again() {
    // After two log-ins, one of them before the build, a question about a tag is up to four requests: before each of two, whether
    // a log-in is needed. It is refused for as long as it is asked, and one that were asked again would be so six times.
    const REFUSAL: Fault = Fault::Answer("403 Forbidden");
    let (registry, checkout) = (Registry::start(), Checkout::make("app"));
    let gate = Gate::before(&registry, &[Fault::None, Fault::None], REFUSAL);
    let answer =
        checkout.image(&["--push", "--registry", &format!("http://127.0.0.1:{}/example", gate.port)]);
    assert_eq!(answer.code, Some(5), "{}", answer.stderr);
    assert!(answer.stderr.contains("refused a question about `example/app:"), "{}", answer.stderr);
    let refused = gate.met.load(Ordering::Relaxed);
    assert!((1..=4).contains(&refused), "{refused} requests were refused");
    assert_eq!(registry.uploads(), (0, 0));
}
