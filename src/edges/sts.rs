//! The Security Token Service: who the credentials belong to, and for how long.

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_sts::Client;
use jiff::Timestamp;

use crate::core::doctor::CallerIdentity;
use crate::core::iam_policy::operation::Operation;

use super::aws::{WholeAnswers, place_of};
use super::call::{CallError, FailureKind, Retry};

/// The STS API, and where its credentials come from.
#[derive(Clone)]
pub struct TokenService {
    client: Client,
    config: SdkConfig,
    retry: Retry,
}

impl TokenService {
    pub fn new(config: &SdkConfig, retry: &Retry) -> Self {
        let service_config = aws_sdk_sts::config::Builder::from(config).interceptor(WholeAnswers).build();
        let retry = retry.to_place(&place_of(config, "STS"));
        Self { client: Client::from_conf(service_config), config: config.clone(), retry }
    }

    /// Who asks; it takes no permission.
    ///
    /// # Errors
    /// [`FailureKind::Credentials`] when there are none, or they are not valid.
    pub async fn get_caller_identity(&self) -> Result<CallerIdentity, CallError> {
        let output = self
            .retry
            .calling(Operation::GET_CALLER_IDENTITY)
            .run("GetCallerIdentity", || async {
                self.client.get_caller_identity().send().await.map_err(CallError::from)
            })
            .await?;
        match (output.account, output.arn) {
            (Some(account), Some(arn)) => Ok(CallerIdentity { account, arn }),
            _ => Err(CallError::local(FailureKind::Unsupported, "the answer names nobody")),
        }
    }

    /// When the credentials end; none where they tell no end, or there are none.
    pub async fn credentials_end(&self) -> Option<Timestamp> {
        let credentials = self.config.credentials_provider()?.provide_credentials().await.ok()?;
        Timestamp::try_from(credentials.expiry()?).ok()
    }
}
