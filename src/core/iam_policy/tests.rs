//! Policies for made-up targets, statement by statement.

use super::*;

fn target() -> PolicyTarget {
    PolicyTarget {
        partition: "aws".to_owned(),
        bucket: "example-site".to_owned(),
        distributions: vec!["E2".to_owned(), "E1".to_owned(), "E2".to_owned()],
        ..PolicyTarget::default()
    }
}

fn name(text: &str) -> DnsName {
    DnsName::parse(text).expect("a name")
}

fn with_names() -> PolicyTarget {
    PolicyTarget { domains: vec![name("www.example.com"), name("*.example.com")], ..target() }
}

fn all_commands() -> Vec<&'static str> {
    needs::COMMANDS.iter().map(|needs| needs.command).collect()
}

fn derive(commands: &[&str], target: &PolicyTarget) -> PolicyDocument {
    let commands = commands.iter().flat_map(|name| CommandNeeds::named(name)).collect::<Vec<_>>();
    PolicyDocument::derive(&commands, target)
}

fn statement<'a>(policy: &'a PolicyDocument, sid: &str) -> Option<&'a Statement> {
    policy.statement.iter().find(|statement| statement.sid == sid)
}

#[test]
fn what_is_not_configured_is_not_granted() {
    let policy = derive(&["push"], &target());
    let sids: Vec<_> = policy.statement.iter().map(|statement| statement.sid).collect();
    assert_eq!(sids, ["Objects", "Names", "Bucket", "Distributions"]);
    let nothing = PolicyTarget { distributions: Vec::new(), ..target() };
    assert_eq!(derive(&["invalidate"], &nothing).statement, []);
    let store = "arn:aws:cloudfront::111122223333:key-value-store/S";
    let key = "arn:aws:kms:eu-central-1:111122223333:key/K";
    let all =
        PolicyTarget { key_value_store: Some(store.to_owned()), kms_key: Some(key.to_owned()), ..target() };
    let policy = derive(&["push"], &all);
    assert_eq!(statement(&policy, "KeyValueStore").expect("a statement").resource, [store]);
    let encryption = statement(&policy, "EncryptionKey").expect("a statement");
    assert_eq!(encryption.resource, [key]);
    assert_eq!(encryption.action, ["kms:Decrypt", "kms:GenerateDataKey"]);
    let reading = derive(&["releases"], &all);
    assert_eq!(statement(&reading, "EncryptionKey").expect("a statement").action, ["kms:Decrypt"]);
}

#[test]
fn a_prefix_limits_objects_and_names() {
    let prefix = KeyPrefix::new("a*b/site").expect("a prefix");
    let policy = derive(&["status", "unlock"], &PolicyTarget { prefix, ..target() });
    let objects = statement(&policy, "Objects").expect("a statement");
    assert_eq!(objects.resource, ["arn:aws:s3:::example-site/a${*}b/site/*"]);
    let state = statement(&policy, "State").expect("a statement");
    assert_eq!(state.resource, ["arn:aws:s3:::example-site/a${*}b/site/.sitepush/*"]);
    assert_eq!(state.action, ["s3:PutObject"], "reading is granted on all objects already");
    let names = statement(&policy, "Names").expect("a statement");
    assert_eq!(names.resource, ["arn:aws:s3:::example-site"]);
    let condition = names.condition.as_ref().expect("a condition");
    assert_eq!(condition.values("StringLike", "s3:prefix"), ["a${*}b/site/*"]);
    assert!(statement(&derive(&["status"], &target()), "Names").expect("one").condition.is_none());
}

#[test]
fn commands_that_only_read_the_record_see_no_other_name() {
    let policy = derive(&["releases"], &target());
    let condition = statement(&policy, "NamesOfState").expect("a statement").condition.as_ref();
    assert_eq!(condition.expect("a condition").values("StringLike", "s3:prefix"), [".sitepush/*"]);
    assert!(statement(&policy, "Names").is_none());
}

#[test]
fn distributions_are_named_once_in_their_partition_and_account() {
    let arns = |target: &PolicyTarget| derive(&["invalidate"], target).statement[0].resource.clone();
    assert_eq!(
        arns(&target()),
        ["arn:aws:cloudfront::*:distribution/E1", "arn:aws:cloudfront::*:distribution/E2"]
    );
    let china = PolicyTarget {
        partition: partition_of("cn-north-1").to_owned(),
        account: Some("111122223333".to_owned()),
        ..target()
    };
    assert_eq!(arns(&china)[0], "arn:aws-cn:cloudfront::111122223333:distribution/E1");
    let objects = derive(&["plan"], &china).statement[0].resource.clone();
    assert_eq!(objects, ["arn:aws-cn:s3:::example-site/*"]);
}

#[test]
fn objects_of_an_access_point_are_named_through_it() {
    let bucket = "arn:aws:s3:eu-west-1:111122223333:accesspoint/site".to_owned();
    let policy = derive(&["plan"], &PolicyTarget { bucket: bucket.clone(), ..target() });
    assert_eq!(statement(&policy, "Objects").expect("one").resource, [format!("{bucket}/object/*")]);
    assert_eq!(statement(&policy, "Names").expect("one").resource, [bucket]);
}

#[test]
fn neither_order_nor_repetition_of_commands_changes_the_policy() {
    let names = all_commands();
    let mut turned: Vec<&str> = names.iter().rev().copied().collect();
    turned.extend(&names);
    assert_eq!(derive(&names, &with_names()), derive(&turned, &with_names()));
}

#[test]
fn who_may_push_may_do_all_else_but_add_up_what_invalidations_cost() {
    let is_about_set_up = |name: &&str| *name == "doctor" || name.starts_with("domain ");
    let names: Vec<&str> = all_commands().into_iter().filter(|name| !is_about_set_up(name)).collect();
    let (all, push) = (derive(&names, &target()), derive(&["push"], &target()));
    for (all, push) in all.statement.iter().zip(&push.statement) {
        let more: Vec<_> = all.action.iter().filter(|action| !push.action.contains(action)).collect();
        let expected: &[&str] =
            if all.sid == "Distributions" { &["cloudfront:ListInvalidations"] } else { &[] };
        assert_eq!(more, expected.iter().collect::<Vec<_>>(), "{}", all.sid);
        assert_eq!((all.sid, &all.resource, &all.condition), (push.sid, &push.resource, &push.condition));
    }
    assert_eq!(all.statement.len(), push.statement.len());
}

#[test]
fn every_command_but_those_about_names_fits_into_a_managed_policy() {
    let is_about_names = |name: &&str| name.starts_with("domain ");
    let names: Vec<&str> = all_commands().into_iter().filter(|name| !is_about_names(name)).collect();
    let many = PolicyTarget {
        distributions: (0..40).map(|index| format!("E1234567890{index:03}")).collect(),
        ..target()
    };
    let characters = derive(&names, &many).characters();
    assert!(characters < MANAGED_POLICY_CHARACTERS, "{characters}");
}

#[test]
fn all_commands_fit_into_a_managed_policy_for_as_many_names_as_a_certificate_has() {
    let domains = (0..10).map(|index| name(&format!("site-number-{index}.example.com"))).collect();
    let target = PolicyTarget { domains, ..with_names() };
    let characters = derive(&all_commands(), &target).characters();
    assert!(characters < MANAGED_POLICY_CHARACTERS, "{characters}");
}

#[test]
fn records_are_those_of_the_names_and_none_else() {
    let policy = derive(&["domain apply"], &with_names());
    let records = statement(&policy, "Records").expect("a statement");
    assert_eq!(records.action, ["route53:ChangeResourceRecordSets"]);
    assert_eq!(records.resource, ["arn:aws:route53:::hostedzone/*"]);
    let condition = records.condition.as_ref().expect("a condition");
    let label = "_????????????????????????????????";
    assert_eq!(
        condition.values("ForAllValues:StringLike", "route53:ChangeResourceRecordSetsNormalizedRecordNames"),
        [
            "\\052.example.com".to_owned(),
            format!("{label}.example.com"),
            format!("{label}.www.example.com"),
            "_sitepush-wildcard.example.com".to_owned(),
            format!("_sitepush.{label}.example.com"),
            format!("_sitepush.{label}.www.example.com"),
            "_sitepush.www.example.com".to_owned(),
            "www.example.com".to_owned(),
        ]
    );
    let actions = condition.values("ForAllValues:StringEquals", "route53:ChangeResourceRecordSetsActions");
    assert_eq!(actions, ["CREATE", "DELETE"]);
    let zones = PolicyTarget { hosted_zones: vec!["Z2".into(), "Z1".into(), "Z2".into()], ..with_names() };
    let policy = derive(&["domain"], &zones);
    for sid in ["HostedZones", "Records"] {
        let resource = &statement(&policy, sid).expect("a statement").resource;
        assert_eq!(*resource, ["arn:aws:route53:::hostedzone/Z1", "arn:aws:route53:::hostedzone/Z2"]);
    }
}

#[test]
fn certificates_are_made_for_the_names_and_deleted_by_the_tag() {
    let policy = derive(&["domain"], &with_names());
    let condition = |sid| statement(&policy, sid).and_then(|found| found.condition.as_ref()).expect("one");
    let new = condition("NewCertificate");
    assert_eq!(
        new.values("ForAllValues:StringEquals", "acm:DomainNames"),
        ["www.example.com", "*.example.com"]
    );
    assert_eq!(new.values("StringEquals", "acm:ValidationMethod"), ["DNS"]);
    assert_eq!(new.values("StringEquals", "aws:RequestedRegion"), ["us-east-1"]);
    assert_eq!(new.values("StringEquals", REQUEST_TAG), ["E1", "E2"]);
    assert_eq!(condition("CertificateTag").values("StringEquals", REQUEST_TAG), ["E1", "E2"]);
    assert_eq!(condition("OwnCertificates").values("StringEquals", RESOURCE_TAG), ["E1", "E2"]);
    assert_eq!(REQUEST_TAG.rsplit('/').next(), Some(OWNER_TAG));
    assert_eq!(RESOURCE_TAG.rsplit('/').next(), Some(OWNER_TAG));
    let tagged = &statement(&policy, "CertificateTag").expect("a statement").resource;
    assert_eq!(*tagged, ["arn:aws:acm:us-east-1:*:certificate/*"]);
}

#[test]
fn who_looks_at_names_may_change_nothing() {
    let policy = derive(&["domain plan", "domain status", "doctor"], &with_names());
    let actions = policy.statement.iter().flat_map(|statement| &statement.action);
    for action in actions {
        let (_, verb) = action.split_once(':').expect("a service");
        let is_reading = ["Get", "List", "Describe", "Decrypt"].iter().any(|start| verb.starts_with(start));
        assert!(is_reading, "{action}");
    }
}

#[test]
fn without_a_distribution_nothing_is_granted_about_names() {
    let target = PolicyTarget { distributions: Vec::new(), ..with_names() };
    assert_eq!(derive(&["domain"], &target).statement, []);
    let sids: Vec<_> = derive(&["doctor"], &target).statement.iter().map(|found| found.sid).collect();
    assert_eq!(sids, ["State", "Bucket"]);
}

#[test]
fn a_bucket_that_is_asked_for_itself_is_not_granted_by_names_once_more() {
    let policy = derive(&["doctor", "status"], &target());
    let bucket = statement(&policy, "Bucket").expect("a statement");
    assert!(bucket.action.contains(&"s3:ListBucket") && bucket.condition.is_none());
    assert_eq!((statement(&policy, "Names"), statement(&policy, "NamesOfState")), (None, None));
}

#[test]
fn every_partition_is_told_by_its_regions() {
    for (region, partition) in [
        ("eu-central-1", "aws"),
        ("", "aws"),
        ("cn-northwest-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eusc-de-east-1", "aws-eusc"),
    ] {
        assert_eq!(partition_of(region), partition, "{region}");
    }
}
