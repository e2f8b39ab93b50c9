//! Who gets a request, and with what.

use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use system::router::{Options, Router, Rule, StartError};
use tokio::sync::mpsc;

use crate::support::{Backend, begin, get, post, register, router, router_with, send, text};

#[tokio::test]
async fn healthy_targets_take_turns() {
    let router = router().await;
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    register(&router, &[a.address, b.address]).await;
    let mut names = Vec::new();
    for _ in 0..4 {
        names.push(get(&router, "/api/x").await.body);
    }
    names.dedup();
    assert_eq!(names.len(), 4, "neither answers twice in a row: {names:?}");
}

#[tokio::test]
async fn registering_twice_is_registering_once() {
    let router = router().await;
    let a = Backend::named("a").await;
    register(&router, &[a.address, a.address]).await;
    assert_eq!(router.health("api").len(), 1);
}

#[tokio::test]
async fn a_request_arrives_as_it_was_with_the_load_balancers_headers() {
    let router = router().await;
    let backend = Backend::start(|request| async move {
        let body = request.into_body().collect().await.expect("it is whole").to_bytes();
        let mut response = Response::new(http_body_util::Full::from(body).boxed_unsync());
        response.headers_mut().append("set-cookie", "a=1".parse().unwrap());
        response.headers_mut().append("set-cookie", "b=2".parse().unwrap());
        *response.status_mut() = http::StatusCode::CREATED;
        response
    })
    .await;
    register(&router, &[backend.address]).await;
    let request = Request::post("/api/x%20y?z=%2F&z").header("host", "www.example.com").header("x-own", "1");
    let answer = send(router.address(), request.body(text("hello")).unwrap()).await;
    assert_eq!((answer.status, answer.body.as_str()), (201, "hello"));
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);

    let seen = backend.seen().remove(0);
    let header = |name: &str| seen.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/api/x%20y?z=%2F&z"));
    assert_eq!((header("host"), header("x-own")), ("www.example.com", "1"));
    assert_eq!((header("x-forwarded-for"), header("x-forwarded-proto")), ("127.0.0.1", "http"));
    assert_eq!(header("x-forwarded-port"), router.address().port().to_string());
    assert!(header("x-amzn-trace-id").starts_with("Root=1-"), "{seen:?}");
}

#[tokio::test]
async fn without_a_rule_the_answer_is_the_listeners_own() {
    let answer = get(&router().await, "/other").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body, r#"{"error":{"code":"not_found","message":"no service answers here"}}"#);
}

#[tokio::test]
async fn every_answer_is_told_with_who_gave_it() {
    let (sender, mut entries) = mpsc::unbounded_channel();
    let tell = std::sync::Arc::new(move |entry: &system::router::Entry| sender.send(entry.clone()).unwrap());
    let router = router_with(Options { on_request: Some(tell), ..Options::default() }).await;
    let a = Backend::named("a").await;
    register(&router, &[a.address]).await;
    get(&router, "/api/x?y").await;
    get(&router, "/other").await;
    let (first, second) = (entries.recv().await.unwrap(), entries.recv().await.unwrap());
    assert_eq!((first.path.as_str(), first.status, first.target), ("/api/x?y", 200, Some(a.address)));
    assert_eq!((second.status, second.group, second.target), (404, None, None));
}

#[tokio::test]
async fn requests_that_may_be_sent_again_share_a_connection_and_others_have_their_own() {
    let router = router().await;
    let backend = Backend::named("a").await;
    register(&router, &[backend.address]).await;
    for _ in 0..3 {
        get(&router, "/api/x").await;
    }
    for _ in 0..2 {
        post(&router, "/api/x", "y").await;
    }
    let connections: Vec<_> = backend.seen().iter().map(|seen| seen.connection).collect();
    let [a, b, c, d, e] = connections[..] else { panic!("five requests: {connections:?}") };
    assert!(a == b && b == c, "a kept connection is used again: {connections:?}");
    assert!(d != a && e != a && d != e, "a POST has a connection of its own: {connections:?}");
}

#[tokio::test]
async fn an_answer_passes_through_piece_by_piece() {
    let router = router().await;
    let (pieces, receiver) = mpsc::unbounded_channel::<&'static str>();
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(Some(receiver)));
    let backend = Backend::start(move |_| {
        let mut receiver = receiver.lock().unwrap().take().expect("one request");
        let stream = futures::stream::poll_fn(move |context| {
            receiver.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece.into()))))
        });
        async move { Response::new(StreamBody::new(stream).boxed_unsync()) }
    })
    .await;
    register(&router, &[backend.address]).await;
    pieces.send("first").unwrap();
    let mut body = begin(router.address(), Request::get("/api/x").body(text("")).unwrap()).await.into_body();
    // The second piece is only sent when the first has arrived.
    for piece in ["first", "second"] {
        let frame = body.frame().await.expect("a piece comes").expect("it is whole");
        assert_eq!(frame.into_data().unwrap(), piece);
        let _ = pieces.send("second");
    }
}

#[tokio::test]
async fn a_body_passes_through_piece_by_piece() {
    let router = router().await;
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let backend = Backend::start(move |request| {
        let arrived = arrived.clone();
        async move {
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                arrived.send(frame.expect("it is whole").into_data().unwrap()).unwrap();
            }
            Response::new(text("done"))
        }
    })
    .await;
    register(&router, &[backend.address]).await;
    let (pieces, mut receiver) = mpsc::unbounded_channel::<&'static str>();
    let stream = futures::stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece.into()))))
    });
    let request = Request::post("/api/x").body(StreamBody::new(stream).boxed_unsync()).unwrap();
    let answer = tokio::spawn(send(router.address(), request));
    for piece in ["first", "second"] {
        pieces.send(piece).unwrap();
        assert_eq!(arrivals.recv().await.expect("it arrives before the next is sent"), piece);
    }
    drop(pieces);
    assert_eq!(answer.await.unwrap().body, "done");
}

#[tokio::test]
async fn rules_that_contradict_each_other_are_refused_at_the_start() {
    let rule = |group: &str| Rule {
        priority: 1,
        paths: vec!["/x".to_owned()],
        hosts: Vec::new(),
        group: group.to_owned(),
    };
    let error = Router::start(vec![rule("a"), rule("b")]).await.expect_err("they have one priority");
    assert!(matches!(error, StartError::Rules(_)), "{error}");
}
