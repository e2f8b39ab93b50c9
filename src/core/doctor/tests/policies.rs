//! Bucket policies: whom they let in, and to what.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_policy_is_judged_as_iam_judges_it() {
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let (mut facts, expected) = good();
        let mut policy = policy();
        change(policy["Statement"].as_array_mut().expect("a list"));
        facts.bucket.policy = Reading::Known(policy.to_string());
        found(&facts, &expected)
    };
    let none = Vec::<String>::new();
    // Other ways to say the same.
    assert_eq!(with(&|all| all[0]["Action"] = json!(["S3:getobject"])), none);
    assert_eq!(with(&|all| all[0]["Action"] = json!("s3:Get*")), none);
    assert_eq!(
        with(&|all| all[0]["Condition"] =
            json!({ "ArnLike": { "aws:sourcearn": "arn:aws:cloudfront::*:distribution/E?" } })),
        none
    );
    assert_eq!(
        with(&|all| all[0]["Condition"] = json!({ "StringEquals": { "aws:SourceAccount": "123456789012" } })),
        none
    );
    // Too little.
    assert_eq!(
        with(&|all| all[0]["Condition"]["StringEquals"]["AWS:SourceArn"] =
            json!("arn:aws:cloudfront::123456789012:distribution/E2")),
        ["problem policy"]
    );
    assert_eq!(with(&|all| all[0]["Resource"] = json!("arn:aws:s3:::site")), ["problem policy"]);
    assert_eq!(
        with(&|all| all[0]["Principal"] = json!({ "AWS": "arn:aws:iam::1:user/a" })),
        ["problem policy"]
    );
    assert_eq!(with(&|all| all[0]["Effect"] = json!("Deny")), ["problem policy"]);
    assert_eq!(with(&|all| drop(all.remove(1))), ["warning policy-listing"]);
    // Too much.
    assert_eq!(with(&|all| drop(all.remove(2))), ["problem policy-state"]);
    assert_eq!(
        with(&|all| all[2]["Condition"] = json!({ "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } })),
        ["problem policy-state"],
        "a denial that may not hold"
    );
    assert_eq!(
        with(&|all| drop(all[0].as_object_mut().expect("an object").remove("Condition"))),
        ["warning policy"]
    );
    // Everybody is everybody: services, too, unless they are spared.
    for everybody in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ["*"] })] {
        assert_eq!(with(&|all| all[2]["Principal"] = everybody.clone()), none, "{everybody}");
        let denial = json!({ "Effect": "Deny", "Principal": everybody, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::site/*" });
        assert_eq!(with(&|all| all.push(denial.clone())), ["problem policy"]);
        let spares_services = |operator: &str| {
            let mut denial = denial.clone();
            denial["Condition"] = json!({ operator: { "aws:PrincipalIsAWSService": "false" } });
            with(&|all| all.push(denial.clone()))
        };
        assert_eq!(spares_services("Bool"), none);
        assert_eq!(spares_services("BoolIfExists"), none);
    }
    let public = |more: Value| {
        let mut statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::site/*" });
        statement.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        with(&move |all| all.push(statement.clone()))
    };
    // The public access block is on: nobody gets in as long as it is.
    assert_eq!(public(json!({})), ["warning policy-public"]);
    assert_eq!(public(json!({ "Principal": { "AWS": ["*"] } })), ["warning policy-public"]);
    assert_eq!(public(json!({ "Principal": { "AWS": "arn:aws:iam::1:root" } })), none);
    assert_eq!(public(json!({ "Resource": "arn:aws:s3:::other/*" })), none);
    assert_eq!(
        public(json!({ "Condition": { "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } } })),
        ["warning policy-public"]
    );
    // Whether other distributions come from there is not known; that strangers may is told.
    assert_eq!(
        public(
            json!({ "Action": "s3:GetObject", "Condition": { "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } } })
        ),
        ["warning policy-public"]
    );
    assert_eq!(
        public(json!({ "Condition": { "StringEquals": { "aws:SourceArn": ARN } } })),
        none,
        "a stranger has no source"
    );
}

#[test]
fn an_origin_access_identity_is_a_user_and_no_service() {
    let with = |principal: Value, change: &dyn Fn(&mut Value)| {
        let (mut facts, expected) = good();
        let origin = default_behavior(&mut facts).origin.as_mut().expect("there is one");
        origin.access = OriginAccess::Identity { id: "E2QWRUHAPOMQZL".into() };
        let mut policy = policy();
        for statement in policy["Statement"].as_array_mut().expect("a list").iter_mut().take(3) {
            statement["Principal"] = principal.clone();
            statement.as_object_mut().expect("an object").remove("Condition");
        }
        change(&mut policy);
        facts.bucket.policy = Reading::Known(policy.to_string());
        found(&facts, &expected)
    };
    let user = |partition: &str, id: &str| json!({ "AWS": format!("arn:{partition}:iam::cloudfront:user/CloudFront Origin Access Identity {id}") });
    let same = |_: &mut Value| {};
    let no_right = ["problem policy", "warning policy-listing", "warning origin-access"];
    assert_eq!(with(user("aws", "E2QWRUHAPOMQZL"), &same), ["warning origin-access"]);
    assert_eq!(with(user("aws-cn", "E2QWRUHAPOMQZL"), &same), ["warning origin-access"]);
    assert_eq!(with(user("aws", "E2QWRUHAPOMQZ"), &same), no_right, "another one's");
    assert_eq!(with(json!({ "Service": "cloudfront.amazonaws.com" }), &same), no_right);
    // A request of a user has no source.
    let tied = |policy: &mut Value| {
        policy["Statement"][0]["Condition"] = json!({ "StringEquals": { "AWS:SourceArn": ARN } });
    };
    assert_eq!(with(user("aws", "E2QWRUHAPOMQZL"), &tied), ["problem policy", "warning origin-access"]);
    // Nobody knows here whom a canonical user id stands for: it may allow, and does not surely deny.
    let canonical =
        json!({ "CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be" });
    assert_eq!(with(canonical.clone(), &same), ["problem policy-state", "warning origin-access"]);
    let denied_by_name = |policy: &mut Value| {
        policy["Statement"][2]["Principal"] = user("aws", "E2QWRUHAPOMQZL");
    };
    assert_eq!(with(canonical, &denied_by_name), ["warning origin-access"]);
    // A denial that spares services does not spare it.
    let denial = |policy: &mut Value| {
        policy["Statement"][3] = json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::site/*", "Condition": { "Bool": { "aws:PrincipalIsAWSService": "false" } } });
    };
    assert_eq!(with(user("aws", "E2QWRUHAPOMQZL"), &denial), ["problem policy", "warning origin-access"]);
}

#[test]
fn a_policy_is_open_where_one_folder_or_one_action_is() {
    let public = |action: &str, resource: &str| {
        let (mut facts, expected) = good();
        let mut policy = policy();
        let statement =
            json!({ "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource });
        policy["Statement"].as_array_mut().expect("a list").push(statement);
        facts.bucket.policy = Reading::Known(policy.to_string());
        public_access_block(&mut facts).restricts_public_buckets = false;
        found(&facts, &expected)
    };
    let open = ["warning public-access", "problem policy-public"];
    assert_eq!(public("s3:PutObject", "arn:aws:s3:::site/assets/*"), open);
    assert_eq!(public("s3:GetObject", "arn:aws:s3:::site/.sitepush/*"), open);
    assert_eq!(public("s3:GetObject", "arn:aws:s3:::site/private.txt"), open);
    assert_eq!(public("s3:GetObjectVersion", "arn:aws:s3:::site/*"), open);
    assert_eq!(public("s3:PutBucketPolicy", "arn:aws:s3:::site"), open);
    assert_eq!(public("s3:DeleteObjectVersion", "arn:aws:s3:::sit?/*"), open);
    assert_eq!(public("s3:PutObject", "arn:aws:s3:::site2/assets/*"), ["warning public-access"]);
    assert_eq!(public("s3:PutBucketPolicy", "arn:aws:s3:::site2"), ["warning public-access"]);
}

#[test]
fn every_record_is_out_of_the_distributions_reach_or_none_passes() {
    for denied in ["manifest.json.gz", "lock.json", "releases/*", "parts/*", "intent.json"] {
        let (mut facts, expected) = good();
        let mut policy = policy();
        policy["Statement"][2]["Resource"] = json!(format!("arn:aws:s3:::site/.sitepush/{denied}"));
        facts.bucket.policy = Reading::Known(policy.to_string());
        assert_eq!(found(&facts, &expected), ["problem policy-state"], "only {denied} is denied");
    }
}

#[test]
fn a_policy_for_a_distribution_that_was_not_read_does_not_pass_for_right() {
    let unread = |policy: Reading<String>| {
        let (mut facts, expected) = good();
        facts.distributions.insert("E1".into(), denied());
        facts.aliases.clear();
        facts.bucket.policy = policy;
        found(&facts, &expected)
    };
    assert_eq!(unread(Reading::Known(policy().to_string())), ["unknown policy", "warning enabled"]);
    assert_eq!(unread(Reading::Absent), ["problem policy", "warning enabled"]);
}
