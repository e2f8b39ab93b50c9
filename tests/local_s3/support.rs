//! A served store and a client for it.

use std::fmt::Debug;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use sitepush::local::s3::{Running, Store, StoreOptions, Versioning, serve};

/// The bucket that every test uses.
pub const BUCKET: &str = "site";

pub struct Site {
    pub store: Store,
    pub server: Running,
    pub client: Client,
}

/// Serves a store in memory with an empty bucket.
pub async fn site(options: StoreOptions) -> Site {
    let store = Store::memory(options);
    store.create_bucket(BUCKET);
    serve_site(store).await
}

/// As [`site`], with versioning on.
pub async fn versioned_site() -> Site {
    site(StoreOptions { versioning: Versioning::On, ..StoreOptions::default() }).await
}

/// As [`site`], with the options of AWS's most ordinary bucket.
pub async fn plain_site() -> Site {
    site(StoreOptions::default()).await
}

pub async fn serve_site(store: Store) -> Site {
    let server = serve(&store, 0).await.expect("a free port");
    let credentials = &store.options().credentials;
    let config = config(&server, &credentials.access_key_id, &credentials.secret_access_key);
    let client = Client::from_conf(config.region(Region::new(store.options().region.clone())).build());
    Site { store, server, client }
}

/// A client that does not retry.
pub fn client(server: &Running, access_key_id: &str, secret_access_key: &str) -> Client {
    Client::from_conf(config(server, access_key_id, secret_access_key).build())
}

pub fn config(server: &Running, access_key_id: &str, secret_access_key: &str) -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(server.endpoint_url())
        .force_path_style(true)
        .region(Region::new("us-east-1"))
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new(access_key_id, secret_access_key, None, None, "test"))
}

impl Site {
    pub async fn put(&self, key: &str, body: &str) {
        let body = ByteStream::from(body.as_bytes().to_vec());
        self.client.put_object().bucket(BUCKET).key(key).body(body).send().await.expect("a put");
    }

    pub async fn get(&self, key: &str) -> String {
        let object = self.client.get_object().bucket(BUCKET).key(key).send().await.expect("a get");
        let bytes = object.body.collect().await.expect("a body").into_bytes();
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    /// The operations recorded, each with its key.
    pub fn asked(&self) -> Vec<String> {
        let requests = self.store.requests().into_iter();
        requests.map(|request| format!("{} {}", request.operation, request.key.unwrap_or_default())).collect()
    }
}

/// The status and error code of a failed call.
pub fn refusal<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E, HttpResponse>>,
) -> (u16, String) {
    let error = result.expect_err("a refusal");
    let status = error.raw_response().unwrap_or_else(|| panic!("no answer: {error:?}")).status().as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}

/// Whether the call failed without an answer.
pub fn was_dropped<T: Debug, E: Debug>(result: Result<T, SdkError<E, HttpResponse>>) -> bool {
    matches!(result.expect_err("no answer"), SdkError::DispatchFailure(_) | SdkError::ResponseError(_))
}
