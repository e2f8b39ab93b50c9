//! What files hold: nothing, secrets, more than expected.

use super::*;

#[test]
fn files_without_a_byte_are_published_kept_and_brought_back() {
    let cloud = Cloud::new();
    let site = Site::small();
    site.write(".well-known/empty", "").write("empty.html", "").write("empty.css", "");
    cloud.push(&site, &[]).success();
    for key in [".well-known/empty", "empty.html", "empty.css"] {
        assert_eq!(cloud.body(key), "");
    }
    let again = cloud.push(&site, &["--verify-remote"]).success();
    assert!(again.stderr.contains("is up to date"), "{}", again.stderr);
    site.write("empty.html", "not any more");
    cloud.push(&site, &[]).success();
    cloud.on_target("rollback", &[]).success();
    assert_eq!(cloud.body("empty.html"), "");
}

#[test]
fn secrets_stop_a_push_and_are_not_repeated() {
    // Put together here, so that this file is not itself a finding.
    let access_key = format!("{}{}", "AKIA", "QWERTYUIOPASDF12");
    let private_key = format!("-----BEGIN {} KEY-----\nMIIsecret\n", "RSA PRIVATE");
    for (name, content, word) in [
        (".env", "PASSWORD=hunter2", "`.env`"),
        ("config/.env.production", "PASSWORD=hunter2", "`config/.env.production`"),
        ("keys/server.pem", private_key.as_str(), "a private key in `keys/server.pem`"),
        ("app.js", access_key.as_str(), "an AWS access key id in `app.js`"),
    ] {
        let published = Published::new();
        published.site.write(name, content);
        let answer = published.refuses(&[], REFUSED, &[word, "site.allow_secrets"]);
        for secret in ["hunter2", "MIIsecret", access_key.as_str()] {
            assert!(!answer.stderr.contains(secret) && !answer.stdout.contains(secret), "{}", answer.stderr);
        }
        let plan =
            published.cloud.on_target("plan", &[published.site.path().to_str().expect("a plain path")]);
        plan.explains(REFUSED, &[word]);
    }
}

#[test]
fn a_false_alarm_can_be_allowed_by_name() {
    let cloud = Cloud::new();
    let site = Site::small();
    let access_key = format!("{}{}", "AKIA", "QWERTYUIOPASDF12");
    site.write("docs/keys.html", &access_key).write("docs/other.html", &access_key);
    let folder = Site::new();
    folder.write("sitepush.toml", "[site]\nallow_secrets = [\"docs/keys.html\"]\n");
    let config = folder.path().join("sitepush.toml");
    let config = config.to_str().expect("a plain path");
    cloud.push(&site, &["--config", config]).explains(REFUSED, &["`docs/other.html`"]);
    site.remove("docs/other.html");
    cloud.push(&site, &["--config", config]).success();
    assert_eq!(cloud.body("docs/keys.html"), access_key);
}
