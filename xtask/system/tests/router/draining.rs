//! Targets that leave, and a router that ends, while something is asked of them.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use system::router::{Drained, Options, TargetState};
use tokio::sync::Notify;

use crate::support::{Backend, get, register, router, router_with, text, wait_for, wait_until};

/// A server that answers when it is told to.
async fn slow() -> (Backend, Arc<Notify>) {
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    let backend = Backend::start(move |_| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            Response::new(text("slow"))
        }
    })
    .await;
    (backend, go_on)
}

#[tokio::test]
async fn a_target_that_leaves_answers_what_it_has_and_gets_nothing_new() {
    let router = Arc::new(router().await);
    let ((old, go_on), new) = (slow().await, Backend::named("new").await);
    register(&router, &[old.address]).await;
    let asking = Arc::clone(&router);
    let first = tokio::spawn(async move { get(&asking, "/api/x").await });
    wait_until("the request is under way", || old.seen().len() == 1).await;
    register(&router, &[new.address]).await;

    let leaving = Arc::clone(&router);
    let address = old.address;
    let drained = tokio::spawn(async move { leaving.deregister("api", address).await });
    wait_for(&router, address, TargetState::Draining).await;
    let health = router.health("api").remove(0);
    assert_eq!(health.reason, Some("Target.DeregistrationInProgress"));
    for _ in 0..4 {
        assert_eq!(get(&router, "/api/x").await.body, "new");
    }
    assert!(!drained.is_finished(), "it waits for the request that is under way");
    go_on.notify_one();
    assert_eq!(first.await.unwrap().body, "slow");
    assert_eq!(drained.await.unwrap(), Drained::Whole);
    assert_eq!(router.health("api").len(), 1, "it is gone");
    assert_eq!(old.seen().len(), 1);
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_its_target_for_ever() {
    let router = Arc::new(router_with(Options { drain_limit: Duration::ZERO, ..Options::default() }).await);
    let (backend, _go_on) = slow().await;
    register(&router, &[backend.address]).await;
    let asking = Arc::clone(&router);
    let request = tokio::spawn(async move { get(&asking, "/api/x").await });
    wait_until("the request is under way", || backend.seen().len() == 1).await;
    assert_eq!(router.deregister("api", backend.address).await, Drained::CutOff(1));
    assert_eq!(router.health("api"), []);
    request.abort();
}

#[tokio::test]
async fn a_target_that_nobody_knows_cannot_leave() {
    let router = router().await;
    let stranger = "127.0.0.1:9".parse().unwrap();
    assert_eq!(router.deregister("api", stranger).await, Drained::Unknown);
    assert_eq!(router.deregister("other", stranger).await, Drained::Unknown);
    assert_eq!(router.health("other"), []);
}

#[tokio::test]
async fn a_target_may_come_back_while_it_drains() {
    let router = Arc::new(router().await);
    let (backend, go_on) = slow().await;
    register(&router, &[backend.address]).await;
    let asking = Arc::clone(&router);
    let request = tokio::spawn(async move { get(&asking, "/api/x").await });
    wait_until("the request is under way", || backend.seen().len() == 1).await;
    let (leaving, address) = (Arc::clone(&router), backend.address);
    let drained = tokio::spawn(async move { leaving.deregister("api", address).await });
    wait_for(&router, address, TargetState::Draining).await;
    register(&router, &[address]).await;
    go_on.notify_one();
    assert_eq!((request.await.unwrap().status, drained.await.unwrap()), (200, Drained::Whole));
    let states: Vec<_> = router.health("api").into_iter().map(|health| health.state).collect();
    assert_eq!(states, [TargetState::Healthy]);
}

#[tokio::test]
async fn a_router_that_is_stopped_answers_what_was_begun() {
    let router = router().await;
    let (backend, go_on) = slow().await;
    register(&router, &[backend.address]).await;
    let address = router.address();
    let request = http::Request::get("/api/x").body(text("")).unwrap();
    let asking = tokio::spawn(crate::support::send(address, request));
    wait_until("the request is under way", || backend.seen().len() == 1).await;
    let stopping = tokio::spawn(router.stop());
    // The listener is gone before what was begun is.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();
    assert_eq!(asking.await.unwrap().body, "slow");
    stopping.await.unwrap();
}
