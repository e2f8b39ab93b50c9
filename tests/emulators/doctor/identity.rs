//! Credentials that are nobody's, or not for long.

use jiff::{SignedDuration, Timestamp};

use super::Break;
use super::place::{Place, World, file};
use crate::emulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

const fn case(name: &'static str, finds: &'static [&'static str], change: fn(&World, &mut Place)) -> Break {
    Break { name, finds, change }
}

/// Has a program give the credentials, as SSO's and many others do, with so many minutes left.
fn with_credentials_for(place: &mut Place, minutes: i64) {
    let credentials = file(
        &serde_json::json!({
            "Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY,
            "Expiration": (Timestamp::now() + SignedDuration::from_mins(minutes)).to_string(),
        })
        .to_string(),
    );
    let profiles = file(&format!("[profile given]\ncredential_process = cat {credentials}\n"));
    place.environment.push(("AWS_CONFIG_FILE", profiles));
    place.more.extend(["--profile".into(), "given".into()]);
}

pub const CASES: &[Break] = &[
    case("a key that nobody has", &["problem credentials"], |_, place| {
        place.environment.push(("AWS_ACCESS_KEY_ID", "AKIAEXAMPLENOBODY".into()));
    }),
    case("credentials for hours", &[], |_, place| with_credentials_for(place, 180)),
    case("credentials for minutes", &["warning expiry"], |_, place| with_credentials_for(place, 10)),
];
