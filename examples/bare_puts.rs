//! The machine's own limit: the files of a folder as signed PUTs in a bare loop, nothing compared and nothing recorded.
//!
//! `bare_puts FOLDER ENDPOINT BUCKET CONNECTIONS`. What a publisher cannot beat on this machine, measured in the same run.
#![expect(clippy::print_stdout, reason = "whoever started it reads the count")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, endpoint, bucket, connections] = arguments.as_slice() else {
        return Err("usage: bare_puts FOLDER ENDPOINT BUCKET CONNECTIONS".into());
    };
    let files: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    let job = Arc::new(Job {
        host: endpoint.trim_start_matches("http://").to_owned(),
        bucket: bucket.clone(),
        files,
        next: AtomicUsize::new(0),
    });
    let workers: Vec<_> =
        (0..connections.parse::<usize>()?).map(|_| tokio::spawn(Arc::clone(&job).work())).collect();
    for worker in workers {
        worker.await??;
    }
    println!("{}", job.files.len());
    Ok(())
}

struct Job {
    host: String,
    bucket: String,
    files: Vec<PathBuf>,
    next: AtomicUsize,
}

impl Job {
    async fn work(self: Arc<Self>) -> Result<(), Failure> {
        let stream = tokio::net::TcpStream::connect(&self.host).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = self.files.get(index) else { break };
            let response = sender.send_request(self.request(index, std::fs::read(path)?)?).await?;
            if !response.status().is_success() {
                return Err(format!("status {}", response.status()).into());
            }
            response.into_body().collect().await?;
        }
        drop(sender);
        driver.await??;
        Ok(())
    }

    fn request(&self, index: usize, body: Vec<u8>) -> Result<hyper::Request<Full<Bytes>>, Failure> {
        let keys = sitepush::local::s3::Credentials::default();
        let identity =
            Credentials::new(keys.access_key_id, keys.secret_access_key, None, None, "bench").into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()?
            .into();
        let uri = format!("http://{}/{}/bare/{index}", self.host, self.bucket);
        let headers = [("host", self.host.as_str())];
        let signable = SignableRequest::new("PUT", &uri, headers.into_iter(), SignableBody::Bytes(&body))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let mut request = hyper::Request::put(&uri).header("host", &self.host).body(Full::from(body))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}
