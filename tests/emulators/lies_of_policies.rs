//! Where an emulator that enforces policies asks for another permission than AWS does: each departure by name, so that its end
//! is noticed.
//!
//! Each links what AWS documents, as docs/emulators.md does.

use std::collections::BTreeSet;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use serde_json::{Value, json};

use crate::emulator::{Emulator, cloudfront_client_as, s3_client_as};
use crate::least::{Judged, Names, User, Widening, without};
use crate::permissions;
use crate::support::BUCKET;

/// A policy that allows these actions on these resources.
fn allowing(actions: &[&str], resources: &[&str]) -> Value {
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// The code of the error that a call ended with; none when it did what was asked.
fn code<T, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> Option<String> {
    answer.err().map(|error| {
        let status = error.raw_response().expect("an answer").status().as_u16();
        error.code().map_or_else(|| status.to_string(), str::to_owned)
    })
}

fn objects() -> String {
    format!("arn:aws:s3:::{BUCKET}/*")
}

/// `s3:DeleteObject` is asked for on the objects:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
#[test]
fn moto_asks_for_the_bucket_when_objects_are_deleted() {
    let emulator = Emulator::moto();
    let user = permissions::User::create(&emulator);
    let s3 = s3_client_as(&emulator.url, user.credentials());
    let is_deleted = |resource: &str| {
        user.may(&allowing(&["s3:DeleteObject"], &[resource]));
        let file = ObjectIdentifier::builder().key("file").build().expect("complete");
        let delete = Delete::builder().objects(file).build().expect("complete");
        let answer = emulator.runtime.block_on(s3.delete_objects().bucket(BUCKET).delete(delete).send());
        let refused = answer.expect("what is denied is told one by one").errors.unwrap_or_default();
        refused.iter().for_each(|error| assert_eq!(error.code(), Some("AccessDenied")));
        refused.is_empty()
    };
    assert_eq!((is_deleted(&objects()), is_deleted(&format!("arn:aws:s3:::{BUCKET}"))), (false, true));
}

/// `s3:GetObject` is asked for on the source:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
#[test]
fn moto_asks_nothing_for_the_source_of_a_copy() {
    let emulator = Emulator::moto();
    emulator.put_foreign("file", "one");
    let user = permissions::User::create(&emulator);
    let s3 = s3_client_as(&emulator.url, user.credentials());
    user.may(&allowing(&["s3:PutObject"], &[&objects()]));
    let read = s3.get_object().bucket(BUCKET).key("file").send();
    assert_eq!(code(emulator.runtime.block_on(read)).as_deref(), Some("AccessDenied"));
    let copy = s3.copy_object().bucket(BUCKET).key("copy").copy_source(format!("{BUCKET}/file")).send();
    assert_eq!(code(emulator.runtime.block_on(copy)), None);
}

/// With a version id, `s3:GetObjectVersion` is asked for:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
#[test]
fn moto_takes_the_headers_of_a_version_for_those_of_the_object() {
    let emulator = Emulator::moto();
    emulator.put_foreign("file", "one");
    let version = emulator.get("file").0.version_id.expect("the bucket keeps versions");
    let user = permissions::User::create(&emulator);
    let s3 = s3_client_as(&emulator.url, user.credentials());
    let head = |action: &str| {
        user.may(&allowing(&[action], &[&objects()]));
        let request = s3.head_object().bucket(BUCKET).key("file").version_id(&version);
        code(emulator.runtime.block_on(request.send()))
    };
    assert_eq!(head("s3:GetObjectVersion").as_deref(), Some("403"));
    assert_eq!(head("s3:GetObject"), None);
}

/// A request that is signed as documented is taken:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
#[test]
fn moto_refuses_every_signature_at_cloudfront_where_it_enforces_policies() {
    let emulator = Emulator::moto();
    let user = permissions::User::create(&emulator);
    user.may(&allowing(&["*"], &["*"]));
    let cloudfront = cloudfront_client_as(&emulator.url, user.credentials());
    let answer = emulator.runtime.block_on(cloudfront.list_distributions().send());
    let error = answer.expect_err("everything is allowed, and yet it is refused");
    let body = error.raw_response().expect("an answer").body().bytes().expect("a whole one");
    let body = String::from_utf8_lossy(body);
    assert!(body.contains("SignatureDoesNotMatch"), "{body}");
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What doctor is denied when ministack is not allowed this.
fn denied_to_doctor(left_out: Widening) -> BTreeSet<String> {
    let judged = Judged::new();
    let user = User::create(&judged.world.emulator, "doctor");
    user.may_without(left_out, judged.policy.clone());
    user.denied(judged.doctor())
}

/// Each has an ARN, and is asked for by it:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudfront.html>
#[test]
fn ministack_knows_no_arn_of_what_distributions_are_made_of() {
    let parts = [
        "cache-policy",
        "function",
        "origin-access-control",
        "origin-request-policy",
        "response-headers-policy",
    ];
    assert_eq!(denied_to_doctor(Widening::DistributionParts), set(&parts));
}

/// A key value store has an ARN, and is asked for by it:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudfrontkeyvaluestore.html>
#[test]
fn ministack_knows_no_arn_of_key_value_stores() {
    assert_eq!(denied_to_doctor(Widening::KeyValueStore), set(&["key-value-stores"]));
}

/// A change of records has an ARN, and is asked for by it:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html>
#[test]
fn ministack_knows_no_arn_of_changes_of_records() {
    let emulator = Emulator::ministack();
    let (place, user) = (Names::new(&emulator, "narrow.example"), User::create(&emulator, "names"));
    user.may_without(Widening::RecordChanges, place.policy("apply"));
    assert_eq!(user.denied(place.command("apply", &[])), set(&["change"]));
}

/// Who has an alias is asked of a distribution:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudfront.html>
#[test]
fn ministack_asks_nothing_of_a_distribution_when_aliases_conflict() {
    let emulator = Emulator::ministack();
    let (place, user) = (Names::new(&emulator, "narrow.example"), User::create(&emulator, "names"));
    user.may_without(Widening::ConflictingAliases, place.policy("apply"));
    assert_eq!(user.denied_at_a_taken_alias(place.command("apply", &[])), set(&["conflicting-alias"]));
}

/// `acm:ValidationMethod` is in the request of a certificate:
/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-conditions.html>
#[test]
fn ministack_does_not_know_how_a_certificate_is_to_be_validated() {
    let emulator = Emulator::ministack();
    let (place, user) = (Names::new(&emulator, "narrow.example"), User::create(&emulator, "names"));
    user.may_without(Widening::ValidationMethod, place.policy("apply"));
    let request = "CertificateManager.RequestCertificate";
    assert_eq!(user.denied(place.command("apply", &[])), set(&[request]));
}

/// `aws:ResourceTag` has the tags of the certificate that a call is about:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscertificatemanager.html>
#[test]
fn ministack_knows_no_tags_of_certificates() {
    let emulator = Emulator::ministack();
    let (place, user) = (Names::new(&emulator, "narrow.example"), User::create(&emulator, "names"));
    place.apply();
    user.may_without(Widening::OwnCertificates, place.policy("remove"));
    let delete = "CertificateManager.DeleteCertificate";
    assert_eq!(user.denied(place.command("remove", &[])), set(&[delete]));
}

/// Who requests a certificate with a tag needs `acm:AddTagsToCertificate`, too:
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscertificatemanager.html>
#[test]
fn ministack_tags_a_new_certificate_for_who_may_not_tag_any() {
    let emulator = Emulator::ministack();
    let (place, user) = (Names::new(&emulator, "narrow.example"), User::create(&emulator, "names"));
    let tag = ("CertificateTag".to_owned(), "acm:AddTagsToCertificate".to_owned());
    user.may(without(&place.policy("apply"), &tag));
    assert_eq!(user.denied(place.command("apply", &[])), set(&[]));
    assert!(place.is_set_up());
}

/// A condition on the names of a certificate is held against those that are requested:
/// <https://docs.aws.amazon.com/acm/latest/userguide/acm-conditions.html>
#[test]
fn ministack_requests_certificates_for_other_names_than_the_policy_has() {
    let emulator = Emulator::ministack();
    let (place, user) = (Names::new(&emulator, "narrow.example"), User::create(&emulator, "names"));
    let other = json!(["other.example"]);
    let policy = with_condition(place.policy("apply"), "StringEquals", "acm:DomainNames", &other);
    user.may(policy);
    assert_eq!(user.denied(place.command("apply", &[])), set(&[]));
    assert!(place.is_set_up());
}

/// A condition on the names of records is held against those that are changed:
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html>
#[test]
fn ministack_changes_records_of_other_names_than_the_policy_has() {
    let emulator = Emulator::ministack();
    let (place, user) = (Names::new(&emulator, "narrow.example"), User::create(&emulator, "names"));
    let key = "route53:ChangeResourceRecordSetsNormalizedRecordNames";
    let other = json!(["other.example"]);
    user.may(with_condition(place.policy("apply"), "StringLike", key, &other));
    assert_eq!(user.denied(place.command("apply", &[])), set(&[]));
    assert!(place.is_set_up());
}

/// The policy with these values of a condition that holds of all values.
fn with_condition(mut policy: Value, operator: &str, key: &str, values: &Value) -> Value {
    let operator = format!("ForAllValues:{operator}");
    let statements = policy["Statement"].as_array_mut().expect("a list");
    let mut conditions = statements
        .iter_mut()
        .filter_map(|statement| statement.get_mut("Condition")?.get_mut(&operator)?.get_mut(key));
    *conditions.next().expect("it is limited") = values.clone();
    drop(conditions);
    policy
}
