//! Targets that refuse, close, hang, talk nonsense or are ill.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use system::router::{HealthCheck, Options, TargetState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Backend, get, post, register, router, router_with, wait_for};

/// Healthy once, and then not asked again: only requests find out what became of the target.
fn checked_once() -> Options {
    let check = HealthCheck { unhealthy_threshold: u32::MAX, ..HealthCheck::default() };
    Options { check, ..Options::default() }
}

/// A server that closes each connection when its second request comes, without an answer, and at once for a POST;
/// counts what it read.
async fn closing() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("it works");
    let address = listener.local_addr().expect("it works");
    let count = Arc::new(AtomicUsize::new(0));
    let read = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("it works");
            let read = Arc::clone(&read);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                for round in 0..2 {
                    let Ok(length @ 1..) = stream.read(&mut buffer).await else { return };
                    let request = &buffer[..length];
                    let is_check = request.starts_with(b"GET /healthz");
                    if !is_check {
                        read.fetch_add(1, Ordering::Relaxed);
                    }
                    if round == 1 || request.starts_with(b"POST") {
                        return;
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
            });
        }
    });
    (address, count)
}

#[tokio::test]
async fn a_kept_connection_that_closes_fails_no_request_that_may_be_sent_again() {
    let router = router().await;
    let (address, read) = closing().await;
    register(&router, &[address]).await;
    for _ in 0..6 {
        assert_eq!(get(&router, "/api/x").await.status, 200);
    }
    assert!(read.load(Ordering::Relaxed) > 6, "some were sent over a connection that was closing");
}

#[tokio::test]
async fn what_may_not_be_repeated_is_sent_once() {
    let router = router().await;
    let (address, read) = closing().await;
    register(&router, &[address]).await;
    assert_eq!(post(&router, "/api/x", "y").await.status, 502);
    assert_eq!(read.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_target_that_refuses_connections_is_passed_over() {
    let router = router_with(checked_once()).await;
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    register(&router, &[a.address, b.address]).await;
    let refusing = a.address;
    drop(a);
    while tokio::net::TcpStream::connect(refusing).await.is_ok() {
        tokio::task::yield_now().await;
    }
    for _ in 0..4 {
        assert_eq!(get(&router, "/api/x").await.body, "b");
        assert_eq!(post(&router, "/api/x", "kept for the second target").await.body, "b");
    }
    router.deregister("api", b.address).await;
    assert_eq!(get(&router, "/api/x").await.status, 502, "nobody is left");
    assert_eq!(post(&router, "/api/x", "y").await.status, 502);
}

#[tokio::test]
async fn an_ill_target_gets_nothing_until_it_is_well_and_says_why() {
    let router = router().await;
    let (ill, well) = (Backend::named("ill").await, Backend::named("well").await);
    register(&router, &[ill.address, well.address]).await;
    ill.set_health(500);
    wait_for(&router, ill.address, TargetState::Unhealthy).await;
    let health = router.health("api").remove(0);
    assert_eq!(health.reason, Some("Target.ResponseCodeMismatch"));
    assert_eq!(health.description.as_deref(), Some("Health checks failed with these codes: [500]"));
    for _ in 0..4 {
        assert_eq!(get(&router, "/api/x").await.body, "well");
    }
    ill.set_health(200);
    wait_for(&router, ill.address, TargetState::Healthy).await;
    let bodies = [get(&router, "/api/x").await.body, get(&router, "/api/x").await.body];
    assert!(bodies.contains(&"ill".to_owned()), "{bodies:?}");
}

#[tokio::test]
async fn where_all_are_ill_all_are_asked_but_those_that_leave() {
    let router = router().await;
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    register(&router, &[a.address, b.address]).await;
    for backend in [&a, &b] {
        backend.set_health(500);
        wait_for(&router, backend.address, TargetState::Unhealthy).await;
    }
    let mut bodies = [get(&router, "/api/x").await.body, get(&router, "/api/x").await.body];
    bodies.sort();
    assert_eq!(bodies, ["a", "b"]);
    router.deregister("api", a.address).await;
    for _ in 0..2 {
        assert_eq!(get(&router, "/api/x").await.body, "b");
    }
    router.deregister("api", b.address).await;
    let answer = get(&router, "/api/x").await;
    assert_eq!((answer.status, answer.headers["server"].to_str().unwrap()), (503, "awselb/2.0"));
    assert!(answer.body.contains("<h1>503 Service Temporarily Unavailable</h1>"), "{answer:?}");
}

#[tokio::test]
async fn a_target_that_nobody_answers_for_is_ill() {
    let check = HealthCheck { limit: Duration::from_millis(100), ..HealthCheck::default() };
    let router = router_with(Options { check, ..Options::default() }).await;
    let (gone, hanging) = (listener().await, listener().await);
    let (gone_address, hanging_address) = (gone.local_addr().unwrap(), hanging.local_addr().unwrap());
    drop(gone);
    for (address, reason) in
        [(gone_address, "Target.FailedHealthChecks"), (hanging_address, "Target.Timeout")]
    {
        router.register("api", address);
        wait_for(&router, address, TargetState::Unhealthy).await;
        let health = router.health("api");
        let found = health.iter().find(|health| health.address == address).unwrap();
        assert_eq!(found.reason, Some(reason));
    }
}

#[tokio::test]
async fn a_group_without_targets_is_unavailable() {
    assert_eq!(get(&router().await, "/api/x").await.status, 503);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_504() {
    let options = Options { answer_limit: Duration::from_millis(50), ..checked_once() };
    let router = router_with(options).await;
    let backend = Backend::start(|_| std::future::pending()).await;
    register(&router, &[backend.address]).await;
    for answer in [get(&router, "/api/x").await, post(&router, "/api/x", "y").await] {
        assert_eq!(answer.status, 504);
        assert!(answer.body.contains("504 Gateway Time-out"), "{answer:?}");
    }
    assert_eq!(backend.seen().len(), 2, "what hangs is not tried again");
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_502() {
    let router = router_with(checked_once()).await;
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let Ok(length) = stream.read(&mut buffer).await else { return };
            let is_check = buffer[..length].starts_with(b"GET /healthz");
            let answer: &[u8] =
                if is_check { b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" } else { b"nonsense\r\n\r\n" };
            let _ = stream.write_all(answer).await;
        }
    });
    register(&router, &[address]).await;
    for answer in [get(&router, "/api/x").await, post(&router, "/api/x", "y").await] {
        assert_eq!(answer.status, 502);
        assert!(answer.body.contains("<h1>502 Bad Gateway</h1>"), "{answer:?}");
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("it works")
}
