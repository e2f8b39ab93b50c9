//! What many large files at once ask of this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use sitepush::core::headers::ObjectHeaders;
use sitepush::core::key::{KeyPrefix, ObjectKey};
use sitepush::edges::aws::{Connection, load};
use sitepush::edges::call::{CallError, Retry};
use sitepush::edges::clock::Clock;
use sitepush::edges::s3::{Bucket, MAX_PARTS_IN_MEMORY, PartSource, WriteMode};
use sitepush::local::faults::{Effect, Rule};
use sitepush::local::s3::{Store, serve};
use sitepush::local::target::store_options;

/// The parts that are in memory, and the most that ever were.
#[derive(Clone, Default)]
struct Parts {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// A part, counted for as long as it is kept.
struct Part(Parts);

impl Part {
    fn new(parts: &Parts) -> Self {
        let now = parts.now.fetch_add(1, Ordering::SeqCst) + 1;
        parts.most.fetch_max(now, Ordering::SeqCst);
        Self(parts.clone())
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        b"a part"
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A file of one part.
struct OnePart(Option<Parts>);

impl PartSource for OnePart {
    fn next_part(&mut self) -> Result<Option<Bytes>, CallError> {
        Ok(self.0.take().map(|parts| Bytes::from_owner(Part::new(&parts))))
    }
}

#[tokio::test]
async fn however_many_large_files_are_sent_memory_holds_a_few_parts() {
    let store = Store::memory(store_options());
    store.create_bucket("bucket");
    store.faults().add(
        Rule::new(Effect::Delay(Duration::from_millis(200))).method(Method::PUT).operation("UploadPart"),
    );
    let server = serve(&store, 0).await.expect("it listens");
    let keys = &store.options().credentials;
    let connection = Connection {
        endpoint_url: Some(server.endpoint_url()),
        static_keys: Some((keys.access_key_id.clone(), keys.secret_access_key.clone())),
        region: Some(store.options().region.clone()),
        ..Connection::default()
    };
    let retry = Retry::new(Duration::from_secs(60));
    let bucket = Bucket::new(
        &load(&connection, &Clock::system()).await,
        "bucket",
        KeyPrefix::default(),
        &retry,
        &Clock::system(),
    );
    let parts = Parts::default();
    let sent = (0..20).map(|number| {
        let (bucket, file) = (bucket.clone(), OnePart(Some(parts.clone())));
        tokio::spawn(async move {
            let key = ObjectKey::new(format!("{number}.bin")).expect("a key");
            bucket.put_object_multipart(&key, file, &ObjectHeaders::default(), WriteMode::Overwrite).await
        })
    });
    for sent in futures::future::join_all(sent).await {
        sent.expect("no panic").expect("sent");
    }
    assert_eq!(store.keys("bucket").len(), 20);
    assert_eq!(parts.most.load(Ordering::SeqCst), MAX_PARTS_IN_MEMORY, "so many at once, and no more");
}
