//! What the clients of the bucket are set up with.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::edges::aws::{Connection, load};

/// A large manifest takes longer than an endpoint is listened to that never answered.
#[tokio::test]
async fn an_answer_is_heard_before_its_body_has_come() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let connection = Connection {
        endpoint_url: Some(format!("http://{}", listener.local_addr().expect("an address"))),
        static_keys: Some(("id".to_owned(), "secret".to_owned())),
        ..Connection::default()
    };
    let retry = Retry::new(Duration::from_secs(60));
    let (config, clock) = (load(&connection, &Clock::system()).await, Clock::system());
    let bucket = Bucket::new(&config, "bucket", KeyPrefix::default(), &retry, &clock);
    let reading = tokio::spawn(async move { bucket.get_state("manifest.json.gz").await });

    let (mut client, _) = listener.accept().await.expect("a request comes");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await.expect("a head"));
    }
    assert!(!retry.contact().is_made());
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\netag: \"tag\"\r\n\r\n";
    client.write_all(head).await.expect("the client reads");
    // Whoever waits in vain is ended by the runner of the tests.
    while !retry.contact().is_made() {
        tokio::task::yield_now().await;
    }
    client.write_all(b"bytes").await.expect("the client reads");
    let file = reading.await.expect("no panic").expect("an answer").expect("a file");
    assert_eq!((&*file.bytes, file.e_tag.as_str()), (&b"bytes"[..], "tag"));
}
