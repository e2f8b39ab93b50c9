//! CloudFront's key value stores: what an edge function reads.
//!
//! Touches the CloudFront KeyValueStore API. Never decides what is written.

use aws_config::SdkConfig;
use aws_sdk_cloudfrontkeyvaluestore::Client;
use aws_sdk_cloudfrontkeyvaluestore::config::Builder;
use aws_sdk_cloudfrontkeyvaluestore::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_smithy_types::Document;

use crate::core::iam_policy::operation::Operation;

use super::aws;
use super::call::{CallError, FailureKind, Permission, Retry};

/// Writers of other keys change the store's ETag too; so often is a write that came second made again.
const WRITE_ATTEMPTS: usize = 5;

/// The KeyValueStore API. Cloned freely.
#[derive(Clone)]
pub struct KeyValueStores {
    client: Client,
    retry: Retry,
}

impl KeyValueStores {
    pub fn new(config: &SdkConfig, retry: &Retry) -> Self {
        let retry = retry.to_place(&aws::place_of(config, "CloudFront KeyValueStore"));
        let mut builder = Builder::from(config);
        if let Some(url) = aws::endpoint_of(config, "CloudFront KeyValueStore") {
            builder.set_endpoint_url(None);
            builder = builder.endpoint_resolver(AsGiven { url });
        }
        Self { client: Client::from_conf(builder.build()), retry }
    }

    /// The same, but requests are on their way only while `permit` grants it.
    #[must_use]
    pub fn permitted_by(&self, permit: impl Fn() -> Permission + Send + Sync + 'static) -> Self {
        Self { retry: self.retry.permitted_by(permit), ..self.clone() }
    }

    /// The same, but what failed is not tried again once `is_given_up` says so.
    #[must_use]
    pub fn given_up_when(&self, is_given_up: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { retry: self.retry.given_up_when(is_given_up), ..self.clone() }
    }

    /// The value of a key; none when the store has no such key.
    ///
    /// # Errors
    /// [`FailureKind::NotFound`] when there is no such store.
    pub async fn get(&self, store_arn: &str, key: &str) -> Result<Option<String>, CallError> {
        self.e_tag(store_arn).await?;
        self.value(store_arn, key).await
    }

    /// Makes the value of a key `value`, unless it is.
    ///
    /// # Errors
    /// [`FailureKind::NotFound`] when there is no such store, [`FailureKind::PreconditionFailed`] when others write
    /// to it all the time.
    pub async fn put(&self, store_arn: &str, key: &str, value: &str) -> Result<(), CallError> {
        let mut attempt = 1;
        loop {
            let e_tag = self.e_tag(store_arn).await?;
            if self.value(store_arn, key).await?.as_deref() == Some(value) {
                return Ok(());
            }
            match self.put_if(store_arn, key, value, &e_tag).await {
                Err(error) if error.kind == FailureKind::PreconditionFailed && attempt < WRITE_ATTEMPTS => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn e_tag(&self, store_arn: &str) -> Result<String, CallError> {
        self.retry
            .calling(Operation::DESCRIBE_KEY_VALUE_STORE)
            .run(store_arn, || async {
                let request = self.client.describe_key_value_store().kvs_arn(store_arn);
                Ok(request.send().await.map_err(CallError::from)?.e_tag)
            })
            .await
    }

    async fn value(&self, store_arn: &str, key: &str) -> Result<Option<String>, CallError> {
        let found = self
            .retry
            .calling(Operation::GET_KEY)
            .run(store_arn, || async {
                let request = self.client.get_key().kvs_arn(store_arn).key(key);
                Ok(request.send().await.map_err(CallError::from)?.value)
            })
            .await;
        match found {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind == FailureKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn put_if(&self, store_arn: &str, key: &str, value: &str, e_tag: &str) -> Result<(), CallError> {
        self.retry
            .calling(Operation::PUT_KEY)
            .run(store_arn, || async {
                let request = self.client.put_key().kvs_arn(store_arn).key(key).value(value).if_match(e_tag);
                request.send().await.map_err(CallError::from).map(drop)
            })
            .await
    }
}

/// An endpoint that is not AWS, as it was given: the SDK would put the account's number before its name, which an
/// address of digits cannot bear.
#[derive(Debug)]
struct AsGiven {
    url: String,
}

impl ResolveEndpoint for AsGiven {
    fn resolve_endpoint<'a>(&'a self, _params: &'a Params) -> EndpointFuture<'a> {
        let text = |text: &str| Document::String(text.to_owned());
        let scheme = [
            ("name", text("sigv4a")),
            ("signingName", text("cloudfront-keyvaluestore")),
            ("signingRegionSet", Document::Array(vec![text("*")])),
        ];
        let scheme = scheme.map(|(name, value)| (name.to_owned(), value));
        let schemes = vec![Document::Object(scheme.into_iter().collect())];
        EndpointFuture::ready(Ok(Endpoint::builder()
            .url(self.url.clone())
            .property("authSchemes", schemes)
            .build()))
    }
}
