//! Route 53: hosted zones and their record sets.
//!
//! Touches the Route 53 API of one account. Never overwrites: a record set is created where there is none, and deleted
//! only as it was read.

use aws_config::SdkConfig;
use aws_sdk_route53::Client;
use aws_sdk_route53::error::SdkError;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, DelegationSet, HostedZoneConfig,
    ResourceRecord, ResourceRecordSet, RrType,
};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::core::domain::name::DnsName;
use crate::core::domain::record::{RecordChange, RecordContent, RecordSet, RecordType};
use crate::core::domain::zone::HostedZone;
use crate::core::iam_policy::operation::Operation;

use super::aws::{WholeAnswers, place_of};
use super::call::{CallError, FailureKind, Retry, request_id, service_error};
use super::xml;

/// Record sets in a page: a name has few, and the list goes on with other names.
const PAGE: i32 = 50;

/// The Route 53 API of one account. Cloned freely.
#[derive(Clone)]
pub struct Route53 {
    client: Client,
    retry: Retry,
}

impl Route53 {
    pub fn new(config: &SdkConfig, retry: &Retry) -> Self {
        let service_config = aws_sdk_route53::config::Builder::from(config).interceptor(WholeAnswers).build();
        let retry = retry.to_place(&place_of(config, "Route 53"));
        Self { client: Client::from_conf(service_config), retry }
    }

    /// The same, but what failed is not tried again once `is_given_up` says so.
    #[must_use]
    pub fn given_up_when(&self, is_given_up: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { retry: self.retry.given_up_when(is_given_up), ..self.clone() }
    }

    /// Every hosted zone of the account. `profile` is how that account was reached, for the zones to remember.
    ///
    /// # Errors
    /// As any call.
    pub async fn list_hosted_zones(&self, profile: Option<&str>) -> Result<Vec<HostedZone>, CallError> {
        let mut zones = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let output = self
                .retry
                .calling(Operation::LIST_HOSTED_ZONES)
                .run("ListHostedZones", || async {
                    let request = self.client.list_hosted_zones().set_marker(marker.clone());
                    request.send().await.map_err(CallError::from)
                })
                .await?;
            zones.extend(output.hosted_zones().iter().map(|zone| HostedZone {
                id: plain_id(zone.id()),
                name: DnsName::from_service(zone.name()),
                is_private: zone.config().is_some_and(HostedZoneConfig::private_zone),
                profile: profile.map(str::to_owned),
            }));
            marker = output.next_marker().filter(|_| output.is_truncated()).map(str::to_owned);
            if marker.is_none() {
                return Ok(zones);
            }
        }
    }

    /// The name servers that Route 53 gave a zone; none for a private one.
    ///
    /// # Errors
    /// [`FailureKind::NotFound`] when there is no such zone.
    pub async fn get_name_servers(&self, zone_id: &str) -> Result<Vec<DnsName>, CallError> {
        let output = self
            .retry
            .calling(Operation::GET_HOSTED_ZONE)
            .run(zone_id, || async {
                self.client.get_hosted_zone().id(zone_id).send().await.map_err(CallError::from)
            })
            .await?;
        let servers = output.delegation_set().map(DelegationSet::name_servers).unwrap_or_default();
        Ok(servers.iter().map(|server| DnsName::from_service(server)).collect())
    }

    /// The record sets of exactly this name, of every type.
    ///
    /// # Errors
    /// [`FailureKind::NotFound`] when there is no such zone.
    pub async fn list_record_sets(&self, zone_id: &str, name: &DnsName) -> Result<Vec<RecordSet>, CallError> {
        let mut found = Vec::new();
        let mut next: Option<(RrType, Option<String>)> = None;
        loop {
            let output = self
                .retry
                .calling(Operation::LIST_RESOURCE_RECORD_SETS)
                .run(name.as_str(), || async {
                    let (record_type, identifier) = next.clone().unzip();
                    self.client
                        .list_resource_record_sets()
                        .hosted_zone_id(zone_id)
                        .max_items(PAGE)
                        .start_record_name(name.absolute())
                        .set_start_record_type(record_type)
                        .set_start_record_identifier(identifier.flatten())
                        .send()
                        .await
                        .map_err(CallError::from)
                })
                .await?;
            // The list goes on with the names behind it.
            let of_name = output.resource_record_sets().iter().map(record_of);
            found.extend(of_name.filter(|record| record.name == *name));
            let next_name = output.next_record_name().map(DnsName::from_service);
            match output.next_record_type() {
                Some(next_type) if output.is_truncated() && next_name.as_ref() == Some(name) => {
                    next = Some((next_type.clone(), output.next_record_identifier().map(str::to_owned)));
                }
                _ => return Ok(found),
            }
        }
    }

    /// Makes all of these changes or none, and gives the change's id.
    ///
    /// # Errors
    /// [`FailureKind::PreconditionFailed`] when a record set is not as it was read, or is there already.
    pub async fn change_record_sets(
        &self,
        zone_id: &str,
        changes: &[RecordChange],
    ) -> Result<String, CallError> {
        let changes: Vec<Change> = changes.iter().map(change_of).collect();
        let batch = ChangeBatch::builder().set_changes(Some(changes)).comment("sitepush").build();
        let batch = batch.expect("the changes are given");
        let output = self
            .retry
            .calling(Operation::CHANGE_RESOURCE_RECORD_SETS)
            .run(zone_id, || async {
                self.client
                    .change_resource_record_sets()
                    .hosted_zone_id(zone_id)
                    .change_batch(batch.clone())
                    .send()
                    .await
                    .map_err(refused)
            })
            .await?;
        Ok(output.change_info().map(|info| plain_id(info.id())).unwrap_or_default())
    }

    /// Whether a change has reached all of a zone's name servers.
    ///
    /// # Errors
    /// As any call.
    pub async fn is_change_in_sync(&self, change_id: &str) -> Result<bool, CallError> {
        let output = self
            .retry
            .calling(Operation::GET_CHANGE)
            .run(change_id, || async {
                self.client.get_change().id(change_id).send().await.map_err(CallError::from)
            })
            .await?;
        Ok(output.change_info().is_some_and(|info| *info.status() == ChangeStatus::Insync))
    }
}

/// `/hostedzone/Z1` and `/change/C1` are `Z1` and `C1`.
fn plain_id(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}

fn refused(error: SdkError<ChangeResourceRecordSetsError, HttpResponse>) -> CallError {
    let told = error.raw_response().and_then(|response| {
        let body = std::str::from_utf8(response.body().bytes()?).ok()?;
        refusal(body, request_id(response).as_deref())
    });
    conditional(told.unwrap_or_else(|| CallError::from(error)))
}

/// The refusal of a batch in the document that only this call has, which the SDK does not read.
///
/// Source: the example of `ChangeResourceRecordSets`, Amazon Route 53 API Reference.
fn refusal(body: &str, request_id: Option<&str>) -> Option<CallError> {
    let reasons = xml::child_text(body, "Messages").filter(|_| body.contains("<InvalidChangeBatch"))?;
    Some(service_error(400, "InvalidChangeBatch".to_owned(), &reasons, request_id, None))
}

/// A batch is refused as a whole, under one code, for a record set that is there or is not as it was read.
fn conditional(error: CallError) -> CallError {
    let has_moved = ["but it already exists", "but it was not found", "do not match", "conflict"];
    let is_race =
        error.code == "InvalidChangeBatch" && has_moved.iter().any(|part| error.message.contains(part));
    if is_race { CallError { kind: FailureKind::PreconditionFailed, ..error } } else { error }
}

fn record_of(set: &ResourceRecordSet) -> RecordSet {
    let content = match set.alias_target() {
        Some(alias) => RecordContent::Alias {
            hosted_zone_id: alias.hosted_zone_id().to_owned(),
            target: DnsName::from_service(alias.dns_name()),
            evaluates_target_health: alias.evaluate_target_health(),
        },
        None => RecordContent::Values {
            ttl_seconds: set.ttl().unwrap_or_default(),
            values: set.resource_records().iter().map(|record| record.value().to_owned()).collect(),
        },
    };
    let is_simple = set.set_identifier().is_none()
        && set.health_check_id().is_none()
        && set.traffic_policy_instance_id().is_none()
        && set.weight().is_none()
        && set.region().is_none()
        && set.geo_location().is_none()
        && set.failover().is_none()
        && set.multi_value_answer().is_none()
        && set.cidr_routing_config().is_none()
        && set.geo_proximity_location().is_none();
    RecordSet {
        name: DnsName::from_service(set.name()),
        record_type: RecordType::from(set.r#type().as_str().to_owned()),
        content,
        is_simple,
    }
}

fn change_of(change: &RecordChange) -> Change {
    let (action, record) = match change {
        RecordChange::Create(record) => (ChangeAction::Create, record),
        RecordChange::Delete(record) => (ChangeAction::Delete, record),
    };
    let set = ResourceRecordSet::builder()
        .name(record.name.absolute())
        .r#type(RrType::from(record.record_type.as_str()));
    let set = match &record.content {
        RecordContent::Alias { hosted_zone_id, target, evaluates_target_health } => {
            let alias = AliasTarget::builder()
                .hosted_zone_id(hosted_zone_id)
                .dns_name(target.absolute())
                .evaluate_target_health(*evaluates_target_health);
            set.alias_target(alias.build().expect("all parts are given"))
        }
        RecordContent::Values { ttl_seconds, values } => {
            let record = |value: &String| ResourceRecord::builder().value(value).build().expect("a value");
            set.ttl(*ttl_seconds).set_resource_records(Some(values.iter().map(record).collect()))
        }
    };
    let set = set.build().expect("name and type are given");
    Change::builder().action(action).resource_record_set(set).build().expect("all parts are given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_planned_on_something_else_is_a_race_and_a_wrong_one_is_not() {
        let document = |reason: &str| {
            format!(
                "<?xml version=\"1.0\"?>\n<InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                 <Messages><Message>{reason}</Message></Messages></InvalidChangeBatch>"
            )
        };
        for (reason, kind) in [
            (
                "Tried to create resource record set www.example.com. type A, but it already exists",
                FailureKind::PreconditionFailed,
            ),
            (
                "Tried to delete resource record set www.example.com. type A, but it was not found",
                FailureKind::PreconditionFailed,
            ),
            (
                "[name='x', type='A'] but the values provided do not match the current values",
                FailureKind::PreconditionFailed,
            ),
            (
                "RRSet of type CNAME is not permitted as it conflicts with other records",
                FailureKind::PreconditionFailed,
            ),
            ("FATAL problem: DomainLabelTooLong", FailureKind::Other),
        ] {
            let error = conditional(refusal(&document(reason), Some("0a1b2c3d")).expect("a refusal"));
            assert_eq!(error.kind, kind, "{reason}");
            assert!(error.message.contains(reason), "{}", error.message);
            assert!(error.message.ends_with("(request 0a1b2c3d)"), "{}", error.message);
        }
        assert!(
            refusal("<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>", None).is_none()
        );
    }
}
