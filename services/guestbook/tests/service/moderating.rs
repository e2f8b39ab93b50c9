//! Moderation: who may, what it does, and what everyone else sees of it.

use serde_json::json;

use crate::support::{ENTRIES, MODERATION, as_moderator, messages, sign, start, texts};

#[test]
fn only_the_token_moderates() {
    let (_postgres, service) = start(&[]);
    let id = sign(&service.http, "Ada", "Hello").json["id"].as_str().expect("it has an id").to_owned();
    let entry = format!("{MODERATION}/{id}");
    let wrong = [
        vec![],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "Bearer the-moderators-toke")],
        vec![("authorization", "Bearer the-moderators-token2")],
        vec![("authorization", "Basic the-moderators-token")],
    ];
    for headers in wrong {
        for (method, path) in [("GET", MODERATION), ("DELETE", &entry), ("PATCH", &entry)] {
            let answer = service.http.send(method, path, &headers, "");
            assert_eq!((answer.status, answer.code()), (401, "not_a_moderator"), "{method} {headers:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    assert_eq!(messages(&service.http, ENTRIES), ["Hello"]);
    assert_eq!(as_moderator(&service.http, "GET", MODERATION, "").status, 200);
}

#[test]
fn a_hidden_entry_is_for_moderators_only_and_can_come_back() {
    let (_postgres, service) = start(&[]);
    let http = &service.http;
    let ids: Vec<_> = ["one", "two", "three"]
        .map(|message| sign(http, "Ada", message).json["id"].as_str().expect("it has an id").to_owned())
        .into();
    let hide = |hidden: bool| {
        let answer = as_moderator(
            http,
            "PATCH",
            &format!("{MODERATION}/{}", ids[1]),
            &json!({"hidden": hidden}).to_string(),
        );
        assert_eq!((answer.status, &answer.json["hidden"]), (200, &json!(hidden)), "{answer:?}");
    };
    hide(true);
    hide(true);
    assert_eq!(messages(http, ENTRIES), ["three", "one"]);
    let page = http.get(&format!("{ENTRIES}?limit=2")).json;
    assert!(page["next_before"].is_null(), "a hidden entry is no reason for another page");
    let all = as_moderator(http, "GET", MODERATION, "").json;
    assert_eq!(texts(&all, "message"), ["three", "two", "one"]);
    assert_eq!(all["entries"][1]["hidden"], true);
    hide(false);
    assert_eq!(messages(http, ENTRIES), ["three", "two", "one"]);
}

#[test]
fn a_deleted_entry_is_gone_and_only_once() {
    let (_postgres, service) = start(&[]);
    let id = sign(&service.http, "Ada", "Hello").json["id"].as_str().expect("it has an id").to_owned();
    let path = format!("{MODERATION}/{id}");
    assert_eq!(as_moderator(&service.http, "DELETE", &path, "").status, 204);
    assert_eq!(messages(&service.http, ENTRIES), [""; 0]);
    for gone in [
        &path,
        &format!("{MODERATION}/12345"),
        &format!("{MODERATION}/x"),
        &format!("{MODERATION}/1%20OR%201=1"),
    ] {
        let deleted = as_moderator(&service.http, "DELETE", gone, "");
        assert_eq!((deleted.status, deleted.code()), (404, "not_found"), "{gone}");
        let hidden = as_moderator(&service.http, "PATCH", gone, r#"{"hidden": true}"#);
        assert_eq!((hidden.status, hidden.code()), (404, "not_found"), "{gone}");
    }
}

#[test]
fn without_a_token_nobody_moderates() {
    let (_postgres, service) = start(&[("MODERATION_TOKEN", "")]);
    for headers in
        [vec![], vec![("authorization", "Bearer ")], vec![("authorization", "Bearer the-moderators-token")]]
    {
        let answer = service.http.send("GET", MODERATION, &headers, "");
        assert_eq!((answer.status, answer.code()), (403, "moderation_off"), "{headers:?}");
    }
}
