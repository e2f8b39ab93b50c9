//! What is claimed of a body is checked before it is stored, and told again when asked for.

use std::time::Duration;

use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType};
use s3s::crypto::{Checksum as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{BUCKET, Site, client, config, plain_site, refusal};

/// The SHA-256 of `hello` in base64.
const SHA256_OF_HELLO: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

fn hello() -> ByteStream {
    ByteStream::from_static(b"hello")
}

fn assert_nothing_stored(site: &Site) {
    assert!(site.store.keys(BUCKET).is_empty(), "{:?}", site.store.keys(BUCKET));
}

#[tokio::test]
async fn each_algorithm_is_verified_and_told_when_asked_for() {
    let site = plain_site().await;
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let put = site
            .client
            .put_object()
            .bucket(BUCKET)
            .key("a")
            .body(hello())
            .checksum_algorithm(algorithm.clone());
        let put = put.send().await.expect("a put");
        let head = site.client.head_object().bucket(BUCKET).key("a").checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.expect("a head");
        let (stored, told) = match algorithm {
            ChecksumAlgorithm::Crc32 => (put.checksum_crc32(), head.checksum_crc32()),
            ChecksumAlgorithm::Crc32C => (put.checksum_crc32_c(), head.checksum_crc32_c()),
            ChecksumAlgorithm::Sha1 => (put.checksum_sha1(), head.checksum_sha1()),
            _ => (put.checksum_sha256(), head.checksum_sha256()),
        };
        assert!(stored.is_some());
        assert_eq!(stored, told);
        assert_eq!(head.checksum_type(), Some(&ChecksumType::FullObject));
    }
    let head = site.client.head_object().bucket(BUCKET).key("a").send().await.expect("a head");
    assert_eq!(head.checksum_sha256(), None, "not asked for");
}

#[tokio::test]
async fn a_wrong_checksum_stores_nothing() {
    let site = plain_site().await;
    let put = site.client.put_object().bucket(BUCKET).key("a").body(ByteStream::from_static(b"other"));
    let put = put.checksum_sha256(SHA256_OF_HELLO).send().await;
    assert_eq!(refusal(put), (400, "BadDigest".to_owned()));
    assert_nothing_stored(&site);
    let put = site.client.put_object().bucket(BUCKET).key("a").body(hello()).checksum_sha256(SHA256_OF_HELLO);
    put.send().await.expect("the right one");
}

/// Forwards one connection to the server, with one letter of the body changed.
async fn tampering_proxy(site: &Site) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (address, server) = (listener.local_addr().expect("an address"), site.server.address);
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("a client");
        let server = TcpStream::connect(server).await.expect("the server");
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut chunk).await {
            if let Some(at) = chunk[..length].windows(5).position(|window| window == b"hello") {
                chunk[at + 1] = b'u';
            }
            to_server.write_all(&chunk[..length]).await.expect("the server listens");
        }
        drop(answers);
    });
    address
}

#[tokio::test]
async fn a_body_in_chunks_is_signed_chunk_by_chunk_and_has_its_checksum_in_the_trailer() {
    let site = plain_site().await;
    let credentials = &site.store.options().credentials;
    // A body that is read from a file is sent in chunks.
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "hello").expect("write");
    let body = async || ByteStream::from_path(file.path()).await.expect("a body");

    let config = config(&site.server, &credentials.access_key_id, &credentials.secret_access_key);
    let endpoint = format!("http://{}", tampering_proxy(&site).await);
    let tampered = aws_sdk_s3::Client::from_conf(config.endpoint_url(endpoint).build());
    let put = tampered.put_object().bucket(BUCKET).key("a").body(body().await).send().await;
    assert_eq!(refusal(put), (403, "SignatureDoesNotMatch".to_owned()));
    assert_nothing_stored(&site);

    let put =
        site.client.put_object().bucket(BUCKET).key("a").body(body().await).send().await.expect("untouched");
    assert_eq!(put.checksum_crc32(), Some("NhCmhg=="));
    let sent = &site.store.requests()[1];
    assert_eq!(sent.header("x-amz-trailer"), Some("x-amz-checksum-crc32"));
    assert_eq!(sent.header("x-amz-checksum-crc32"), None);
    assert_eq!(site.store.object(BUCKET, "a").expect("an object").headers.content_encoding, None);
}

#[tokio::test]
async fn a_wrong_content_md5_stores_nothing() {
    let site = plain_site().await;
    let put =
        |md5: &str| site.client.put_object().bucket(BUCKET).key("a").body(hello()).content_md5(md5).send();
    assert_eq!(refusal(put("AAAAAAAAAAAAAAAAAAAAAA==").await), (400, "BadDigest".to_owned()));
    assert_eq!(refusal(put("nonsense").await), (400, "InvalidDigest".to_owned()));
    assert_nothing_stored(&site);
    put("XUFAKrxLKna5cZ2REBfFkg==").await.expect("the right one");
}

/// Sends a presigned PUT of `hello` with this `x-amz-content-sha256`, which the SDK itself would never get wrong.
async fn put_with_content_sha256(site: &Site, digest: &str) -> String {
    let expiry = PresigningConfig::expires_in(Duration::from_secs(60)).expect("an expiry");
    let put =
        site.client.put_object().bucket(BUCKET).key("a").presigned(expiry).await.expect("a presigned put");
    let address = site.server.address.to_string();
    let path = put.uri().split_once(&address).expect("our own address").1;
    let request = format!(
        "PUT {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 5\r\nx-amz-content-sha256: {digest}\r\n\
         connection: close\r\n\r\nhello"
    );
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_wrong_content_sha256_stores_nothing() {
    let site = plain_site().await;
    let answer = put_with_content_sha256(&site, &"0".repeat(64)).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("<Code>XAmzContentSHA256Mismatch</Code>"), "{answer}");
    assert_nothing_stored(&site);
    let right = const_hex::encode(Sha256::checksum(b"hello"));
    let answer = put_with_content_sha256(&site, &right).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(site.get("a").await, "hello");
}

#[tokio::test]
async fn a_body_without_a_claim_gets_a_checksum_of_the_servers_own() {
    let site = plain_site().await;
    let credentials = &site.store.options().credentials;
    let config = config(&site.server, &credentials.access_key_id, &credentials.secret_access_key);
    let bare = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired).build();
    let bare = aws_sdk_s3::Client::from_conf(bare);
    bare.put_object().bucket(BUCKET).key("a").body(hello()).send().await.expect("a put");
    assert!(site.store.requests()[0].header("x-amz-trailer").is_none());
    let reader = client(&site.server, &credentials.access_key_id, &credentials.secret_access_key);
    let head = reader.head_object().bucket(BUCKET).key("a").checksum_mode(ChecksumMode::Enabled).send().await;
    assert!(head.expect("a head").checksum_crc64_nvme().is_some());
    assert_eq!(site.get("a").await, "hello");
}
