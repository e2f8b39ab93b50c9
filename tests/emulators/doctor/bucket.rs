//! Buckets that are not as they ought to be.

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types as s3;
use serde_json::{Value, json};

use super::Break;
use super::place::{Place, World};

const fn case(name: &'static str, finds: &'static [&'static str], change: fn(&World, &mut Place)) -> Break {
    Break { name, finds, change }
}

/// Changes one statement of the good policy.
fn with_statement(world: &World, place: &Place, sid: &str, change: impl Fn(&mut Value)) {
    let mut policy = place.policy();
    let statements = policy["Statement"].as_array_mut().expect("a list");
    change(statements.iter_mut().find(|statement| statement["Sid"] == sid).expect("it is there"));
    world.set_policy(place, &policy);
}

fn without_statement(world: &World, place: &Place, sid: &str) {
    let mut policy = place.policy();
    policy["Statement"].as_array_mut().expect("a list").retain(|statement| statement["Sid"] != sid);
    world.set_policy(place, &policy);
}

fn with_one_more(world: &World, place: &Place, statement: Value) {
    let mut policy = place.policy();
    policy["Statement"].as_array_mut().expect("a list").push(statement);
    // A public policy is refused while such are blocked; one from before stays when the block comes.
    world.block_public_access(place, |block| block.block_public_policy = Some(false));
    world.set_policy(place, &policy);
    world.block_public_access(place, |_| {});
}

/// Everybody is meant by it, and the condition leaves only AWS's services.
fn denial_to_services(resource: &str) -> Value {
    json!({ "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": "s3:Get*", "Resource": resource,
        "Condition": { "Bool": { "aws:PrincipalIsAWSService": "true" } } })
}

fn objects(place: &Place) -> String {
    format!("arn:aws:s3:::{}/*", place.bucket)
}

pub const CASES: &[Break] = &[
    case("no such bucket", &["problem bucket", "problem origin"], |_, place| {
        place.bucket = "no-such-bucket".into();
    }),
    case("public ACLs may be set", &["warning public-access"], |world, place| {
        world.block_public_access(place, |block| block.block_public_acls = Some(false));
    }),
    case("public ACLs count", &["warning public-access"], |world, place| {
        world.block_public_access(place, |block| block.ignore_public_acls = Some(false));
    }),
    case("a public policy may be set", &["warning public-access"], |world, place| {
        world.block_public_access(place, |block| block.block_public_policy = Some(false));
    }),
    case("a public policy counts", &["warning public-access"], |world, place| {
        world.block_public_access(place, |block| block.restrict_public_buckets = Some(false));
    }),
    case("writers own objects", &["warning acls"], |world, place| world.set_ownership(place, "ObjectWriter")),
    case("ACLs are in force", &["warning acls"], |world, place| {
        world.set_ownership(place, "BucketOwnerPreferred");
    }),
    case("versions are no longer kept", &["problem versioning"], |world, place| {
        world.set_versioning(place, s3::BucketVersioningStatus::Suspended);
    }),
    case("AWS's own key of KMS", &["problem encryption"], |world, place| {
        world.set_encryption(place, s3::ServerSideEncryption::AwsKms, None);
    }),
    case("a key of KMS", &["warning encryption"], |world, place| {
        let key = "arn:aws:kms:us-east-1:000000000000:key/0c5c3a2e-0000-4000-8000-000000000000";
        world.set_encryption(place, s3::ServerSideEncryption::AwsKms, Some(key));
    }),
    case("no policy", &["problem policy"], |world, place| {
        let request = world.emulator.s3.delete_bucket_policy().bucket(&place.bucket);
        world.wait(request.send()).expect("it can be deleted");
    }),
    case("the distribution may not read", &["problem policy"], |world, place| {
        without_statement(world, place, "DistributionReads");
    }),
    case("another distribution may read", &["problem policy"], |world, place| {
        with_statement(world, place, "DistributionReads", |statement| {
            statement["Condition"] = json!({ "StringEquals": {
                "AWS:SourceArn": "arn:aws:cloudfront::000000000000:distribution/EOTHER" } });
        });
    }),
    case("it may read something else", &["problem policy"], |world, place| {
        let other = format!("arn:aws:s3:::{}/docs/*", place.bucket);
        with_statement(world, place, "DistributionReads", |statement| statement["Resource"] = json!(other));
    }),
    case("a denial takes it back", &["problem policy"], |world, place| {
        let statement = json!({ "Effect": "Deny", "Principal": { "Service": "cloudfront.amazonaws.com" },
            "Action": "s3:Get*", "Resource": objects(place) });
        with_one_more(world, place, statement);
    }),
    case("a denial for everybody takes it back from services", &["problem policy"], |world, place| {
        with_one_more(world, place, denial_to_services(&objects(place)));
    }),
    case("a denial for everybody keeps the records from services", &[], |world, place| {
        let records = format!("arn:aws:s3:::{}/.sitepush/*", place.bucket);
        with_statement(world, place, "RecordsStayPrivate", |statement| {
            *statement = denial_to_services(&records);
        });
    }),
    case("every distribution may read", &["warning policy"], |world, place| {
        with_statement(world, place, "DistributionReads", |statement| {
            statement.as_object_mut().expect("an object").remove("Condition");
        });
    }),
    case("what is missing is forbidden", &["warning policy-listing"], |world, place| {
        without_statement(world, place, "MissingFilesAreNotFound");
    }),
    case("the records may be read", &["problem policy-state"], |world, place| {
        without_statement(world, place, "RecordsStayPrivate");
    }),
    case("the denial misses the records", &["problem policy-state"], |world, place| {
        let other = format!("arn:aws:s3:::{}/sitepush/*", place.bucket);
        with_statement(world, place, "RecordsStayPrivate", |statement| statement["Resource"] = json!(other));
    }),
    case(
        "everybody may read",
        &["problem policy-public", "warning policy", "warning public-access"],
        |world, place| {
            let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": objects(place) });
            with_one_more(world, place, statement);
            world.block_public_access(place, |block| block.restrict_public_buckets = Some(false));
        },
    ),
    case(
        "everybody could write, were public access not blocked",
        &["warning policy-public"],
        |world, place| {
            let statement = json!({ "Effect": "Allow", "Principal": { "AWS": ["*"] }, "Action": ["s3:PutObject"],
            "Resource": objects(place) });
            with_one_more(world, place, statement);
        },
    ),
    case("everybody at one address may read", &["warning policy-public"], |world, place| {
        let statement = json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "s3:GetObject",
            "Resource": objects(place), "Condition": { "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } } });
        with_one_more(world, place, statement);
    }),
    case("no lifecycle", &["warning lifecycle"], |world, place| {
        let request = world.emulator.s3.delete_bucket_lifecycle().bucket(&place.bucket);
        world.wait(request.send()).expect("it can be deleted");
    }),
    case("the rule is off", &["warning lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| rule.status = s3::ExpirationStatus::Disabled);
    }),
    case("the rule is for a part", &["warning lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| {
            rule.filter = Some(s3::LifecycleRuleFilter::builder().prefix("old/").build());
        });
    }),
    case("objects in use are deleted", &["problem lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| {
            rule.expiration = Some(s3::LifecycleExpiration::builder().days(30).build());
        });
    }),
    case("objects in use are deleted on a day", &["problem lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| {
            let day = DateTime::from_secs(1_893_456_000);
            rule.expiration = Some(s3::LifecycleExpiration::builder().date(day).build());
        });
    }),
    case("objects in use are archived", &["problem lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| {
            let class = s3::TransitionStorageClass::Glacier;
            rule.transitions = Some(vec![s3::Transition::builder().days(30).storage_class(class).build()]);
        });
    }),
    case("earlier versions are archived", &["warning lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| {
            let transition = s3::NoncurrentVersionTransition::builder()
                .noncurrent_days(30)
                .storage_class(s3::TransitionStorageClass::DeepArchive)
                .build();
            rule.noncurrent_version_transitions = Some(vec![transition]);
        });
    }),
    case("large objects in use are deleted", &["warning lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| {
            rule.filter =
                Some(s3::LifecycleRuleFilter::builder().object_size_greater_than(1_000_000).build());
            rule.expiration = Some(s3::LifecycleExpiration::builder().days(30).build());
        });
    }),
    case("versions live a day", &["warning lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| {
            let versions = s3::NoncurrentVersionExpiration::builder().noncurrent_days(1).build();
            rule.noncurrent_version_expiration = Some(versions);
        });
    }),
    case("versions live a day, and the last fifty longer", &[], |world, place| {
        world.set_lifecycle(place, |rule| {
            let versions = s3::NoncurrentVersionExpiration::builder().noncurrent_days(1);
            rule.noncurrent_version_expiration = Some(versions.newer_noncurrent_versions(50).build());
        });
    }),
    case("versions live for ever", &["warning lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| rule.noncurrent_version_expiration = None);
    }),
    case("parts of uploads stay", &["warning lifecycle"], |world, place| {
        world.set_lifecycle(place, |rule| rule.abort_incomplete_multipart_upload = None);
    }),
];
