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

fn derive(commands: &[&str], target: &PolicyTarget) -> PolicyDocument {
    let commands: Vec<_> = commands.iter().map(|name| CommandNeeds::find(name).expect("a command")).collect();
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
    assert_eq!(condition["StringLike"]["s3:prefix"], "a${*}b/site/*");
    assert!(statement(&derive(&["status"], &target()), "Names").expect("one").condition.is_none());
}

#[test]
fn commands_that_only_read_the_record_see_no_other_name() {
    let policy = derive(&["releases"], &target());
    let condition = statement(&policy, "NamesOfState").expect("a statement").condition.as_ref();
    assert_eq!(condition.expect("a condition")["StringLike"]["s3:prefix"], ".sitepush/*");
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
    let names: Vec<&str> = needs::COMMANDS.iter().map(|needs| needs.command).collect();
    let mut turned: Vec<&str> = names.iter().rev().copied().collect();
    turned.extend(&names);
    assert_eq!(derive(&names, &target()), derive(&turned, &target()));
}

#[test]
fn who_may_push_may_do_all_else_but_add_up_what_invalidations_cost() {
    let names: Vec<&str> = needs::COMMANDS.iter().map(|needs| needs.command).collect();
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
fn every_command_fits_into_a_managed_policy() {
    let names: Vec<&str> = needs::COMMANDS.iter().map(|needs| needs.command).collect();
    let many = PolicyTarget {
        distributions: (0..40).map(|index| format!("E1234567890{index:03}")).collect(),
        ..target()
    };
    let characters = derive(&names, &many).characters();
    assert!(characters < MANAGED_POLICY_CHARACTERS, "{characters}");
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
