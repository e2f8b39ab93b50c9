//! CloudFront: a distribution's aliases and viewer certificate.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudfront::types::{
    Aliases, ConflictingAliasesList, HttpVersion, MinimumProtocolVersion, SslSupportMethod,
    ViewerCertificate as SdkCertificate,
};

use crate::core::domain::distribution::{DistributionNames, ProtocolFloor, ViewerCertificate};
use crate::core::domain::name::DnsName;
use crate::core::iam_policy::operation::Operation;

use super::CloudFront;
use crate::edges::call::{CallError, FailureKind};

impl CloudFront {
    /// A distribution with what its names depend on.
    ///
    /// # Errors
    /// [`FailureKind::NotFound`] when there is no such distribution.
    pub async fn get_distribution_names(&self, id: &str) -> Result<DistributionNames, CallError> {
        let output = self
            .retry
            .calling(Operation::GET_DISTRIBUTION)
            .run(id, || async { self.client.get_distribution().id(id).send().await.map_err(CallError::from) })
            .await?;
        let distribution = output
            .distribution()
            .ok_or_else(|| CallError::local(FailureKind::Other, "the answer has no distribution"))?;
        let config = distribution
            .distribution_config()
            .ok_or_else(|| CallError::local(FailureKind::Other, "the answer has no configuration"))?;
        Ok(DistributionNames {
            id: id.to_owned(),
            domain_name: DnsName::from_service(distribution.domain_name()),
            is_deployed: is_deployed(distribution.status()),
            aliases: alias_names(config.aliases()),
            certificate: certificate_of(config.viewer_certificate()),
            has_ipv6: config.is_ipv6_enabled().unwrap_or(false),
            has_http2_or_3: !matches!(config.http_version(), None | Some(HttpVersion::Http11)),
        })
    }

    /// The aliases of every distribution of the account, each with the distribution that has it.
    ///
    /// # Errors
    /// As any call.
    pub async fn list_aliases(&self) -> Result<BTreeMap<DnsName, String>, CallError> {
        let mut found = BTreeMap::new();
        let mut marker: Option<String> = None;
        loop {
            let output = self
                .retry
                .calling(Operation::LIST_DISTRIBUTIONS)
                .run("ListDistributions", || async {
                    let request = self.client.list_distributions().set_marker(marker.clone());
                    request.send().await.map_err(CallError::from)
                })
                .await?;
            let Some(list) = output.distribution_list() else { return Ok(found) };
            for summary in list.items() {
                let aliases = alias_names(summary.aliases()).into_iter();
                found.extend(aliases.map(|alias| (alias, summary.id().to_owned())));
            }
            marker = list.next_marker().filter(|_| list.is_truncated()).map(str::to_owned);
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// Who else has an alias, as far as CloudFront tells: other accounts' ids are partly hidden.
    ///
    /// # Errors
    /// As any call; CloudFront tells only if this distribution has a certificate for the alias.
    pub async fn list_conflicting_aliases(
        &self,
        id: &str,
        alias: &DnsName,
    ) -> Result<Vec<(DnsName, String)>, CallError> {
        let output = self
            .retry
            .calling(Operation::LIST_CONFLICTING_ALIASES)
            .run(id, || async {
                let request =
                    self.client.list_conflicting_aliases().distribution_id(id).alias(alias.as_str());
                request.send().await.map_err(CallError::from)
            })
            .await?;
        let list = output.conflicting_aliases_list();
        let items = list.map(ConflictingAliasesList::items).unwrap_or_default().iter();
        Ok(items
            .filter_map(|item| {
                Some((DnsName::from_service(item.alias()?), item.distribution_id()?.to_owned()))
            })
            .filter(|(_, owner)| owner != id)
            .collect())
    }

    /// Gives a distribution these aliases and this certificate, and leaves everything else as it is.
    ///
    /// `read` is what the change was planned on.
    ///
    /// # Errors
    /// [`FailureKind::PreconditionFailed`] when aliases or certificate are not as they were read, or somebody changed the
    /// distribution in the same moment. Code `CNAMEAlreadyExists` when another distribution has an alias.
    pub async fn update_distribution_names(
        &self,
        read: &DistributionNames,
        aliases: &BTreeSet<DnsName>,
        certificate: &ViewerCertificate,
    ) -> Result<(), CallError> {
        let output = self
            .retry
            .calling(Operation::GET_DISTRIBUTION_CONFIG)
            .run(&read.id, || async {
                self.client.get_distribution_config().id(&read.id).send().await.map_err(CallError::from)
            })
            .await?;
        let (Some(config), Some(e_tag)) = (output.distribution_config(), output.e_tag()) else {
            return Err(CallError::local(FailureKind::Other, "the answer has no configuration or no ETag"));
        };
        let has_moved = alias_names(config.aliases()) != read.aliases
            || certificate_of(config.viewer_certificate()) != read.certificate;
        if has_moved {
            let text = "its aliases or its certificate are not as they were when this was planned";
            return Err(CallError::local(FailureKind::PreconditionFailed, text));
        }
        let mut wanted = config.clone();
        wanted.aliases = Some(aliases_of(aliases));
        if let Some(certificate) = sdk_certificate(certificate) {
            wanted.viewer_certificate = Some(certificate);
        }
        self.retry
            .calling(Operation::UPDATE_DISTRIBUTION)
            .run(&read.id, || async {
                let request = self.client.update_distribution().id(&read.id).if_match(e_tag);
                request.distribution_config(wanted.clone()).send().await.map_err(CallError::from)
            })
            .await?;
        Ok(())
    }
}

/// CloudFront says `Deployed`; some stand-ins say it in capitals.
pub(super) fn is_deployed(status: &str) -> bool {
    status.eq_ignore_ascii_case("deployed")
}

pub(super) fn alias_names(aliases: Option<&Aliases>) -> BTreeSet<DnsName> {
    let items = aliases.map(Aliases::items).unwrap_or_default();
    items.iter().map(|alias| DnsName::from_service(alias)).collect()
}

fn aliases_of(names: &BTreeSet<DnsName>) -> Aliases {
    let items: Vec<String> = names.iter().map(ToString::to_string).collect();
    Aliases::builder()
        .quantity(i32::try_from(items.len()).unwrap_or(i32::MAX))
        .set_items((!items.is_empty()).then_some(items))
        .build()
        .expect("the quantity is given")
}

pub(super) fn certificate_of(certificate: Option<&SdkCertificate>) -> ViewerCertificate {
    let Some(certificate) = certificate else { return ViewerCertificate::CloudFronts };
    if let Some(arn) = certificate.acm_certificate_arn().filter(|arn| !arn.is_empty()) {
        let is_sni = certificate.ssl_support_method() == Some(&SslSupportMethod::SniOnly);
        let floor = certificate.minimum_protocol_version().map_or("", MinimumProtocolVersion::as_str);
        return ViewerCertificate::Acm {
            arn: arn.to_owned(),
            is_sni,
            floor: ProtocolFloor(floor.to_owned()),
        };
    }
    match certificate.iam_certificate_id().filter(|id| !id.is_empty()) {
        Some(id) => ViewerCertificate::Iam { id: id.to_owned() },
        None => ViewerCertificate::CloudFronts,
    }
}

/// None for a certificate of IAM, which sitepush never sets: it stays as it is.
fn sdk_certificate(certificate: &ViewerCertificate) -> Option<SdkCertificate> {
    match certificate {
        ViewerCertificate::CloudFronts => {
            Some(SdkCertificate::builder().cloud_front_default_certificate(true).build())
        }
        ViewerCertificate::Acm { arn, is_sni, floor } => Some(
            SdkCertificate::builder()
                .acm_certificate_arn(arn)
                .ssl_support_method(if *is_sni { SslSupportMethod::SniOnly } else { SslSupportMethod::Vip })
                .minimum_protocol_version(MinimumProtocolVersion::from(floor.0.as_str()))
                .build(),
        ),
        ViewerCertificate::Iam { .. } => None,
    }
}
