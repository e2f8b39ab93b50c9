//! The listener and the record of requests.

use sitepush::local::s3::{RequestLogging, Store, StoreOptions, listen, serve, service};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{BUCKET, client, plain_site, serve_site, site, was_dropped};

#[tokio::test]
async fn requests_are_recorded_in_order_without_their_credentials() {
    let site = plain_site().await;
    site.put("a b", "hello").await;
    site.get("a b").await;
    let list = site.client.list_objects_v2().bucket(BUCKET).prefix("a").send().await;
    list.expect("a listing");
    assert_eq!(site.asked(), ["PutObject a b", "GetObject a b", "ListObjectsV2 "]);
    let requests = site.store.requests();
    assert_eq!(requests[0].body_length_bytes, Some(5));
    assert_eq!(requests[0].status, Some(200));
    assert!(requests.iter().all(|request| request.header("authorization").is_none()));
    assert!(requests[2].query.contains("prefix=a"));
    site.store.clear_requests();
    assert!(site.store.requests().is_empty());
    site.get("a b").await;
    assert_eq!(site.store.requests()[0].sequence, 3);
}

#[tokio::test]
async fn a_benchmark_goes_without_the_record() {
    let site = site(StoreOptions { request_log: RequestLogging::Off, ..StoreOptions::default() }).await;
    site.put("a", "hello").await;
    assert!(site.store.requests().is_empty());
}

#[tokio::test]
async fn another_api_can_share_the_port() {
    let store = Store::memory(StoreOptions::default());
    store.create_bucket(BUCKET);
    let s3 = service(&store);
    let both = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let s3 = s3.clone();
        async move {
            if request.uri().path().starts_with("/2020-05-31/") {
                return Ok(http::Response::new(s3s::Body::from("the other one".to_owned())));
            }
            s3.answer(request.map(s3s::Body::from)).await
        }
    });
    let server = listen(both, 0).await.expect("a free port");
    let credentials = &store.options().credentials;
    let client = client(&server, &credentials.access_key_id, &credentials.secret_access_key);
    client.put_object().bucket(BUCKET).key("2020-05-31/a").send().await.expect("a key may look like it");
    let answer = get(server.address, "/2020-05-31/distribution").await;
    assert!(answer.ends_with("the other one"), "{answer}");
    let answer = get(server.address, "/site/2020-05-31/a").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "unsigned: {answer}");
}

#[tokio::test]
async fn a_connection_is_open_until_its_client_is_gone() {
    let server = serve(&Store::memory(StoreOptions::default()), 0).await.expect("a free port");
    assert_eq!(server.open_connections(), 0);
    let mut client = TcpStream::connect(server.address).await.expect("it listens");
    client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
    client.read_u8().await.expect("an answer");
    assert_eq!(server.open_connections(), 1);
    drop(client);
    while server.open_connections() > 0 {
        tokio::task::yield_now().await;
    }
}

/// The raw answer to an unsigned GET.
async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_stopped_server_leaves_its_port_and_a_new_one_goes_on() {
    let store = Store::memory(StoreOptions::default());
    store.create_bucket(BUCKET);
    let site = serve_site(store.clone()).await;
    site.put("a", "hello").await;
    let (client, address) = (site.client, site.server.address);
    site.server.stop().await;
    assert!(was_dropped(client.get_object().bucket(BUCKET).key("a").send().await));
    let again = serve(&store, address.port()).await.expect("the port is free");
    let get = client.get_object().bucket(BUCKET).key("a").send().await.expect("a get");
    assert_eq!(&get.body.collect().await.expect("a body").into_bytes()[..], b"hello");
    assert_eq!(again.address, address);
}
