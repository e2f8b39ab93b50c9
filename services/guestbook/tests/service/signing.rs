//! Signing and reading: what is put in comes out, page by page, and what is no entry is refused with the reason.

use std::collections::BTreeSet;

use serde_json::json;
use service_testkit::{Postgres, wait_until};

use crate::support::{ENTRIES, Sql, messages, service, sign, start, texts};

#[test]
fn an_entry_comes_back_as_it_was_signed_whatever_is_in_it() {
    let (postgres, service) = start(&[]);
    let http = &service.http;
    let texts = [
        ("Robert'); DROP TABLE entries;--", "' OR 1=1; --"),
        ("$1 %s ${x} {{y}}", "\\'; SELECT pg_sleep(10) --"),
        ("<script>alert(1)</script>", "a\nb\tc \"quoted\" \\ backslash"),
        ("名前 e\u{301} ǅ", "שלום 👩‍👩‍👧‍👦 \u{202e}drawkcab \u{10ffff}"),
        (&"é".repeat(60), &"👋".repeat(500)),
    ];
    for (name, message) in texts {
        let answer = sign(http, name, message);
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(
            (answer.json["name"].as_str(), answer.json["message"].as_str()),
            (Some(name), Some(message))
        );
    }
    let page = http.get(ENTRIES).json;
    let listed: Vec<_> = page["entries"].as_array().expect("there are entries").iter().rev().collect();
    assert_eq!(listed.len(), texts.len());
    for (entry, (name, message)) in listed.iter().zip(texts) {
        assert_eq!((entry["name"].as_str(), entry["message"].as_str()), (Some(name), Some(message)));
    }
    assert_eq!(Sql::connect(&postgres).number("SELECT count(*) FROM entries"), 5);
}

#[test]
fn a_thousand_entries_are_paged_without_a_gap_or_a_repetition() {
    let (_postgres, service) = start(&[]);
    for number in 0..1000 {
        assert_eq!(sign(&service.http, "Ada", &number.to_string()).status, 201);
    }
    let mut seen = Vec::new();
    let mut path = format!("{ENTRIES}?limit=37");
    loop {
        let page = service.http.get(&path).json;
        seen.extend(texts(&page, "id").into_iter().zip(texts(&page, "message")));
        // What is added while somebody reads must not shift the pages under them.
        assert_eq!(sign(&service.http, "Eve", "late").status, 201);
        let Some(before) = page["next_before"].as_str() else { break };
        path = format!("{ENTRIES}?limit=37&before={before}");
    }
    let ids: Vec<u64> = seen.iter().map(|(id, _)| id.parse().expect("an id is a number")).collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "from the newest to the oldest");
    let messages: BTreeSet<_> = seen.iter().map(|(_, message)| message).collect();
    assert_eq!((seen.len(), messages.len()), (1000, 1000));
}

#[test]
fn a_page_has_twenty_entries_unless_more_are_asked_for() {
    let (postgres, service) = start(&[]);
    Sql::connect(&postgres)
        .run("INSERT INTO entries (name, message) SELECT 'Ada', n::text FROM generate_series(1, 100) AS n");
    let newest: Vec<_> = (81..=100).rev().map(|number| number.to_string()).collect();
    assert_eq!(messages(&service.http, ENTRIES), newest);
    let all = service.http.get(&format!("{ENTRIES}?limit=100")).json;
    assert_eq!(texts(&all, "message").len(), 100);
    assert!(all["next_before"].is_null(), "the hundredth is the last");
    let rest = service.http.get(&format!("{ENTRIES}?before=1")).json;
    assert_eq!(rest, json!({"entries": [], "next_before": null}));
}

#[test]
fn what_is_no_entry_is_refused_with_the_reason_and_not_stored() {
    let (postgres, service) = start(&[]);
    let long = |length| "x".repeat(length);
    let cases = [
        (json!({"name": "", "message": "m"}).to_string(), 422, "invalid_name", "The name is empty."),
        (
            json!({"name": long(61), "message": "m"}).to_string(),
            422,
            "invalid_name",
            "The name is longer than 60 characters.",
        ),
        (
            json!({"name": "n\0", "message": "m"}).to_string(),
            422,
            "invalid_name",
            "The name holds a line break or a control character.",
        ),
        (json!({"name": "n", "message": "  "}).to_string(), 422, "invalid_message", "The message is empty."),
        (
            json!({"name": "n", "message": long(501)}).to_string(),
            422,
            "invalid_message",
            "The message is longer than 500 characters.",
        ),
        (json!({"name": "n"}).to_string(), 422, "wrong_shape", "missing field `message`"),
        (json!({"name": 7, "message": "m"}).to_string(), 422, "wrong_shape", "name: invalid type"),
        (json!(["n", 7]).to_string(), 422, "wrong_shape", ""),
        ("{".to_owned(), 400, "bad_json", "The body is not JSON."),
        ("{\"name\": \"\\ud800\", \"message\": \"m\"}".to_owned(), 400, "bad_json", ""),
        ("name=n&message=m".to_owned(), 400, "bad_json", ""),
    ];
    for (body, status, code, reason) in cases {
        let answer = service.http.send("POST", ENTRIES, &[("content-type", "application/json")], &body);
        assert_eq!((answer.status, answer.code()), (status, code), "{body}: {answer:?}");
        assert!(
            answer.json["error"].as_str().expect("it has a reason").contains(reason),
            "{body}: {answer:?}"
        );
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let body = json!({"name": "n", "message": "m"}).to_string();
        let answer = service.http.send("POST", ENTRIES, &[("content-type", content_type)], &body);
        assert_eq!(
            (answer.status, answer.code()),
            (415, "not_json"),
            "a page of any origin may send {content_type}"
        );
    }
    assert_eq!(Sql::connect(&postgres).number("SELECT count(*) FROM entries"), 0);
}

#[test]
fn a_query_that_makes_no_sense_is_refused() {
    let (_postgres, service) = start(&[]);
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=many",
        "before=x",
        "before=99999999999999999999",
        "limit=1;2",
    ] {
        let answer = service.http.get(&format!("{ENTRIES}?{query}"));
        assert_eq!((answer.status, answer.code()), (400, "bad_query"), "{query}: {answer:?}");
    }
}

#[test]
fn addresses_and_methods_that_there_are_not_are_answered_in_the_same_form() {
    let (_postgres, service) = start(&[]);
    let answer = service.http.get("/api/guestbook/nothing");
    assert_eq!((answer.status, answer.code()), (404, "not_found"));
    let answer = service.http.send("PUT", ENTRIES, &[], "");
    assert_eq!(
        (answer.status, answer.code(), answer.header("allow")),
        (405, "method_not_allowed", "GET,POST")
    );
    assert_eq!(answer.json["request_id"], answer.header("x-request-id"));
}

#[test]
fn a_statement_is_prepared_once_on_a_connection_however_often_it_is_executed() {
    let (postgres, _) = Postgres::start(false);
    let sql = Sql::connect(&postgres);
    sql.run("ALTER SYSTEM SET log_min_duration_statement = 0");
    sql.run("SELECT pg_reload_conf()");
    wait_until("new connections log their statements", || {
        let shown = Sql::connect(&postgres).rows("SHOW log_min_duration_statement");
        (shown[0].get::<_, &str>(0) == "0").then_some(())
    });
    let service = service(&postgres, &[("DATABASE_POOL_SIZE", "1")]);
    service.wait_until_ready();
    for number in 0..10 {
        assert_eq!(sign(&service.http, "Ada", &number.to_string()).status, 201);
    }
    // A line each: `LOG:  duration: 0.1 ms  parse s0: INSERT INTO entries ...`
    let log = postgres.log();
    let inserts: Vec<_> = log.lines().filter(|line| line.contains(": INSERT INTO entries ")).collect();
    let count = |stage: &str| inserts.iter().filter(|line| line.contains(stage)).count();
    assert_eq!((count(" ms  parse "), count(" ms  execute ")), (1, 10), "{inserts:#?}");
}
