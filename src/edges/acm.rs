//! Certificate Manager: certificates, and what they wait for.
//!
//! Touches the ACM API in one region: CloudFront takes certificates from `us-east-1` only. Never decides which is used.

use std::collections::BTreeSet;

use aws_config::{Region, SdkConfig};
use aws_sdk_acm::Client;
use aws_sdk_acm::primitives::DateTime;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateStatus as AcmStatus, CertificateSummary, CertificateType, DomainStatus,
    Filters, KeyAlgorithm as AcmKey, Tag, ValidationMethod,
};
use jiff::Timestamp;

use crate::core::domain::certificate::{
    Certificate, CertificateStatus, Issuance, KeyAlgorithm, OWNER_TAG, Validation,
};
use crate::core::domain::name::DnsName;
use crate::core::iam_policy::operation::Operation;

use super::aws::{WholeAnswers, place_of};
use super::call::{CallError, FailureKind, Retry};

/// The ACM API in one region. Cloned freely.
#[derive(Clone)]
pub struct CertificateManager {
    client: Client,
    retry: Retry,
}

/// A certificate as the list tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCertificate {
    pub arn: String,
    /// All of them, unless `has_more_names`.
    pub names: BTreeSet<DnsName>,
    /// The list holds at most 100 names of each.
    pub has_more_names: bool,
    pub status: CertificateStatus,
}

/// A certificate that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct CertificateRequest<'a> {
    /// The first, at most 64 characters, becomes the subject; there is at least one.
    pub names: &'a [DnsName],
    pub key_algorithm: KeyAlgorithm,
    /// The same within an hour gives the same certificate: letters and digits, at most 32.
    pub idempotency_token: &'a str,
    /// The distribution that it is for, kept in a tag.
    pub distribution_id: &'a str,
}

impl CertificateManager {
    /// The API in `region`, whatever the configuration's own region is.
    pub fn new(config: &SdkConfig, region: &str, retry: &Retry) -> Self {
        let service_config = aws_sdk_acm::config::Builder::from(config)
            .region(Region::new(region.to_owned()))
            .interceptor(WholeAnswers)
            .build();
        let retry = retry.to_place(&place_of(config, "ACM"));
        Self { client: Client::from_conf(service_config), retry }
    }

    /// The same, but what failed is not tried again once `is_given_up` says so.
    #[must_use]
    pub fn given_up_when(&self, is_given_up: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { retry: self.retry.given_up_when(is_given_up), ..self.clone() }
    }

    /// Every certificate of the region, of every kind of key, in the order in which ACM lists them.
    ///
    /// # Errors
    /// As any call.
    pub async fn list_certificates(&self) -> Result<Vec<ListedCertificate>, CallError> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let output = self
                .retry
                .calling(Operation::LIST_CERTIFICATES)
                .run("ListCertificates", || async {
                    // Without a filter, ACM leaves out all keys but RSA of 1024 and 2048 bits.
                    let filters = Filters::builder().set_key_types(Some(all_keys())).build();
                    let request =
                        self.client.list_certificates().includes(filters).set_next_token(token.clone());
                    request.send().await.map_err(CallError::from)
                })
                .await?;
            found.extend(output.certificate_summary_list().iter().filter_map(listed));
            token = output.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// One certificate, with the tag that tells whether it is ours.
    ///
    /// # Errors
    /// [`FailureKind::NotFound`] when it is not there any more.
    pub async fn describe_certificate(&self, arn: &str) -> Result<Certificate, CallError> {
        let output = self
            .retry
            .calling(Operation::DESCRIBE_CERTIFICATE)
            .run(arn, || async {
                let request = self.client.describe_certificate().certificate_arn(arn);
                request.send().await.map_err(|error| not_found(CallError::from(error)))
            })
            .await?;
        let detail = output
            .certificate()
            .ok_or_else(|| CallError::local(FailureKind::Other, "the answer has no certificate"))?;
        let tags = self
            .retry
            .calling(Operation::LIST_TAGS_FOR_CERTIFICATE)
            .run(arn, || async {
                let request = self.client.list_tags_for_certificate().certificate_arn(arn);
                request.send().await.map_err(|error| not_found(CallError::from(error)))
            })
            .await?;
        let owner = tags.tags().iter().find(|tag| tag.key() == OWNER_TAG);
        let requested_for = owner.and_then(Tag::value).map(str::to_owned);
        Ok(described(arn, detail, requested_for))
    }

    /// Requests a certificate that is validated by DNS, and gives its ARN. ACM puts it into the public logs, as browsers
    /// want it: that cannot be turned off any more, so nothing is said of it.
    ///
    /// Source: `CertificateOptions`, ACM API Reference.
    ///
    /// # Errors
    /// Code `LimitExceededException` when the account's quota is used up.
    pub async fn request_certificate(&self, wanted: CertificateRequest<'_>) -> Result<String, CallError> {
        let first = wanted.names.first().expect("a certificate has a name");
        let others: Vec<String> = wanted.names[1..].iter().map(ToString::to_string).collect();
        let tag = Tag::builder().key(OWNER_TAG).value(wanted.distribution_id).build();
        let tag = tag.expect("a tag has a key");
        let output = self
            .retry
            .calling(Operation::REQUEST_CERTIFICATE)
            .run(first.as_str(), || async {
                self.client
                    .request_certificate()
                    .domain_name(first.as_str())
                    .set_subject_alternative_names((!others.is_empty()).then(|| others.clone()))
                    .validation_method(ValidationMethod::Dns)
                    .key_algorithm(key_of(wanted.key_algorithm))
                    .idempotency_token(wanted.idempotency_token)
                    .tags(tag.clone())
                    .send()
                    .await
                    .map_err(CallError::from)
            })
            .await?;
        output
            .certificate_arn()
            .map(str::to_owned)
            .ok_or_else(|| CallError::local(FailureKind::Other, "the answer names no certificate"))
    }

    /// Deletes a certificate.
    ///
    /// # Errors
    /// Code `ResourceInUseException` while something uses it.
    pub async fn delete_certificate(&self, arn: &str) -> Result<(), CallError> {
        let deleted = self
            .retry
            .calling(Operation::DELETE_CERTIFICATE)
            .run(arn, || async {
                let request = self.client.delete_certificate().certificate_arn(arn);
                request.send().await.map_err(|error| not_found(CallError::from(error)))
            })
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if error.kind == FailureKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn not_found(error: CallError) -> CallError {
    match error.code.as_str() {
        "ResourceNotFoundException" => CallError { kind: FailureKind::NotFound, ..error },
        _ => error,
    }
}

fn all_keys() -> Vec<AcmKey> {
    vec![
        AcmKey::Rsa1024,
        AcmKey::Rsa2048,
        AcmKey::Rsa3072,
        AcmKey::Rsa4096,
        AcmKey::EcPrime256v1,
        AcmKey::EcSecp384r1,
        AcmKey::EcSecp521r1,
    ]
}

fn key_of(algorithm: KeyAlgorithm) -> AcmKey {
    match algorithm {
        KeyAlgorithm::EcPrime256v1 => AcmKey::EcPrime256v1,
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::OtherServed | KeyAlgorithm::NotServed => AcmKey::Rsa2048,
    }
}

fn listed(summary: &CertificateSummary) -> Option<ListedCertificate> {
    let arn = summary.certificate_arn()?.to_owned();
    let others = summary.subject_alternative_name_summaries();
    let names = summary.domain_name().into_iter().chain(others.iter().map(String::as_str));
    Some(ListedCertificate {
        arn,
        names: names.map(DnsName::from_service).collect(),
        has_more_names: summary.has_additional_subject_alternative_names().unwrap_or(false),
        status: status_of(summary.status()),
    })
}

fn described(arn: &str, detail: &CertificateDetail, requested_for: Option<String>) -> Certificate {
    let names = detail.domain_name().into_iter();
    let names = names.chain(detail.subject_alternative_names().iter().map(String::as_str));
    let options = detail.domain_validation_options();
    // While ACM has not made up the records, it tells no method either.
    let is_by_dns =
        |method: Option<&ValidationMethod>| method.is_none_or(|method| *method == ValidationMethod::Dns);
    Certificate {
        arn: arn.to_owned(),
        names: names.map(DnsName::from_service).collect(),
        status: status_of(detail.status()),
        key_algorithm: algorithm_of(detail.key_algorithm()),
        issuance: match detail.r#type() {
            Some(CertificateType::Imported) => Issuance::Imported,
            Some(CertificateType::Private) => Issuance::Private,
            _ => Issuance::Amazon,
        },
        is_validated_by_dns: options.iter().all(|option| is_by_dns(option.validation_method())),
        validations: options
            .iter()
            .map(|option| Validation {
                name: DnsName::from_service(option.domain_name()),
                record: option.resource_record().map(|record| {
                    (DnsName::from_service(record.name()), DnsName::from_service(record.value()))
                }),
                is_validated: option.validation_status() == Some(&DomainStatus::Success),
            })
            .collect(),
        not_before: detail.not_before().and_then(time),
        not_after: detail.not_after().and_then(time),
        in_use_by: detail.in_use_by().to_vec(),
        failure: detail.failure_reason().map(|reason| reason.as_str().to_owned()),
        requested_for,
    }
}

fn time(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}

fn status_of(status: Option<&AcmStatus>) -> CertificateStatus {
    match status {
        Some(AcmStatus::PendingValidation) => CertificateStatus::PendingValidation,
        Some(AcmStatus::Issued) => CertificateStatus::Issued,
        Some(AcmStatus::Expired) => CertificateStatus::Expired,
        Some(AcmStatus::ValidationTimedOut) => CertificateStatus::ValidationTimedOut,
        Some(AcmStatus::Failed) => CertificateStatus::Failed,
        Some(AcmStatus::Revoked) => CertificateStatus::Revoked,
        Some(AcmStatus::Inactive) => CertificateStatus::Inactive,
        other => CertificateStatus::Other(other.map(|status| status.as_str().to_owned()).unwrap_or_default()),
    }
}

/// Source: "Requirements for using SSL/TLS certificates with CloudFront", CloudFront Developer Guide: RSA, and of the
/// curves P-256 only. ACM says `RSA_2048` here and `RSA-2048` there.
fn algorithm_of(algorithm: Option<&AcmKey>) -> KeyAlgorithm {
    let text = algorithm.map_or("RSA_2048", AcmKey::as_str).replace('-', "_");
    match text.as_str() {
        "RSA_2048" => KeyAlgorithm::Rsa2048,
        "EC_prime256v1" => KeyAlgorithm::EcPrime256v1,
        "RSA_1024" | "RSA_3072" | "RSA_4096" => KeyAlgorithm::OtherServed,
        _ => KeyAlgorithm::NotServed,
    }
}
