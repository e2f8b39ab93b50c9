//! What one client may take, what pages of other origins may do, and what is logged and measured.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;
use service_testkit::{Http, wait_until};

use crate::support::{ENTRIES, Sql, TOKEN, as_moderator, messages, service, sign, start};

#[test]
fn a_body_over_the_limit_is_refused_whether_or_not_it_says_so() {
    let (postgres, service) = start(&[("BODY_BYTES", "1000")]);
    let body = json!({"name": "Ada", "message": "m", "more": "x".repeat(1000)}).to_string();
    let answer = service.http.send("POST", ENTRIES, &[("content-type", "application/json")], &body);
    assert_eq!((answer.status, answer.code()), (413, "body_too_large"));

    let head = format!(
        "POST {ENTRIES} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
    );
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let stream =
        service.http.open(format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n").as_bytes());
    let text = Http::rest(stream);
    assert!(text.starts_with("HTTP/1.1 413 ") && text.contains("body_too_large"), "{text}");
    assert_eq!(Sql::connect(&postgres).number("SELECT count(*) FROM entries"), 0);
}

#[test]
fn a_body_that_does_not_come_is_waited_for_only_so_long() {
    let (_postgres, service) = start(&[("BODY_SECONDS", "1")]);
    let head = format!(
        "POST {ENTRIES} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{"
    );
    let begun = Instant::now();
    let text = Http::rest(service.http.open(head.as_bytes()));
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("body_too_slow"), "{text}");
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn a_request_that_waits_for_the_database_is_answered_in_time() {
    let (postgres, service) =
        start(&[("REQUEST_SECONDS", "2"), ("BODY_SECONDS", "1"), ("DATABASE_SECONDS", "60")]);
    let lock = Sql::connect(&postgres);
    lock.run("BEGIN; LOCK TABLE entries IN ACCESS EXCLUSIVE MODE");
    let answer = service.http.get(ENTRIES);
    assert_eq!((answer.status, answer.code()), (503, "timed_out"));
    lock.run("ROLLBACK");
    assert_eq!(messages(&service.http, ENTRIES), [""; 0]);
}

#[test]
fn a_head_that_does_not_come_ends_its_connection() {
    let (_postgres, service) = start(&[("KEEP_ALIVE_SECONDS", "1")]);
    let begun = Instant::now();
    let text = Http::rest(service.http.open(b"GET /healthz HTTP/1.1\r\nhost: x\r\n"));
    assert!(!text.contains("200 OK"), "{text}");
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(20), "{waited:?}");
}

#[test]
fn connections_over_the_limit_wait_for_a_place() {
    let (_postgres, service) =
        start(&[("MAX_CONNECTIONS", "3"), ("REQUEST_SECONDS", "60"), ("BODY_SECONDS", "60")]);
    // The client of the tests may hold one connection that it has used before.
    let head = format!(
        "POST {ENTRIES} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"
    );
    let held: Vec<_> = (0..3).map(|_| service.http.open(head.as_bytes())).collect();
    let waiting = service.http.open(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    waiting.set_read_timeout(Some(Duration::from_millis(700))).expect("a socket has time limits");
    let copy = waiting.try_clone().expect("a socket can be shared");
    assert!(Http::rest(copy).starts_with("(no answer"), "there is no place for it yet");
    drop(held);
    waiting.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket has time limits");
    let text = Http::rest(waiting);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
}

#[test]
fn pages_of_the_sites_origin_may_call_and_those_of_others_may_not() {
    let (_postgres, service) = start(&[("SITE_ORIGIN", "https://www.example.com")]);
    let preflight = |origin, method| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", method),
            ("access-control-request-headers", "content-type"),
        ];
        service.http.send("OPTIONS", ENTRIES, &headers, "")
    };
    let allowed = preflight("https://www.example.com", "POST");
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://www.example.com");
    assert_eq!(allowed.header("access-control-allow-methods"), "GET,POST");
    assert_eq!(allowed.header("access-control-allow-headers"), "content-type");
    assert_eq!(allowed.header("access-control-allow-credentials"), "");

    for foreign in
        ["https://evil.example", "https://www.example.com.evil.example", "http://www.example.com", "null"]
    {
        assert_eq!(preflight(foreign, "POST").header("access-control-allow-origin"), "", "{foreign}");
        let read = service.http.send("GET", ENTRIES, &[("origin", foreign)], "");
        assert_eq!(read.header("access-control-allow-origin"), "", "{foreign}");
    }
    // Answers of every kind can be read by the site's pages, and are never kept for another origin.
    for (path, status) in
        [(ENTRIES, 200), ("/api/guestbook/nothing", 404), ("/api/guestbook/entries?limit=0", 400)]
    {
        let answer = service.http.send("GET", path, &[("origin", "https://www.example.com")], "");
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), "https://www.example.com", "{path}");
        assert_eq!(answer.header("access-control-expose-headers"), "x-request-id", "{path}");
        assert!(answer.header("vary").contains("origin"), "{path}: {answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[test]
fn without_an_origin_no_foreign_page_may_call() {
    let (_postgres, service) = start(&[]);
    let answer = service.http.send("GET", ENTRIES, &[("origin", "https://www.example.com")], "");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""));
}

#[test]
fn a_request_is_found_in_the_log_by_its_id_and_tells_no_secrets() {
    let (_postgres, service) = start(&[("LOG_LEVEL", "debug")]);
    let body = json!({"name": "a private name", "message": "a private message"}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("x-request-id", "from-the-edge.1"),
        ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678"),
    ];
    let answer = service.http.send("POST", ENTRIES, &headers, &body);
    assert_eq!(answer.header("x-request-id"), "from-the-edge.1");
    let forged = service.http.send("GET", ENTRIES, &[("x-request-id", "\",\"level\":\"forged")], "");
    assert_eq!(forged.header("x-request-id").len(), 32, "{forged:?}");
    as_moderator(&service.http, "GET", "/api/guestbook/moderation/entries", "");

    let is_it = |line: &serde_json::Value| {
        line["message"] == "request" && line["span"]["request_id"] == "from-the-edge.1"
    };
    let line = wait_until("the request is logged", || service.log().into_iter().find(|line| is_it(line)));
    assert_eq!(
        (&line["method"], &line["path"], &line["route"], &line["status"]),
        (&json!("POST"), &json!(ENTRIES), &json!(ENTRIES), &json!(201))
    );
    assert_eq!(line["trace_id"], "Root=1-67891233-abcdef012345678912345678");
    assert!(line["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0), "{line}");
    let log = format!("{:?}", service.log());
    for secret in [TOKEN, "a private", "correct horse battery"] {
        assert!(!log.contains(secret), "the log holds `{secret}`");
    }
}

#[test]
fn measurements_are_written_in_the_format_that_cloudwatch_reads() {
    let (_postgres, service) = start(&[("METRICS_SECONDS", "1"), ("METRICS_NAMESPACE", "staging")]);
    sign(&service.http, "Ada", "Hello");
    service.http.get("/api/guestbook/nothing");
    service.http.get("/readyz");
    let is_metrics = |line: &serde_json::Value| line.get("_aws").is_some();
    let total = |name: &str| -> u64 {
        service.log().iter().filter(|line| is_metrics(line)).filter_map(|line| line[name].as_u64()).sum()
    };
    wait_until("both requests are measured", || (total("Requests") == 2).then_some(()));
    assert_eq!((total("ClientErrors"), total("ServerErrors"), total("EntriesAdded")), (1, 0, 1));
    let log = service.log();
    let line = log.iter().find(|line| is_metrics(line)).expect("there is one");
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!((&directive["Namespace"], &line["service"]), (&json!("staging"), &json!("guestbook")));
    assert!(line["Duration"][0].as_f64().is_some_and(|duration| duration > 0.0), "{line}");
    assert!(line["PoolInUse"].as_f64().is_some_and(|in_use| in_use < 8.0), "{line}");
}

#[test]
fn one_instance_takes_no_more_connections_than_its_pool_has() {
    let (postgres, first) = start(&[("DATABASE_POOL_SIZE", "2")]);
    let (sql, lock) = (Sql::connect(&postgres), Sql::connect(&postgres));
    lock.run("BEGIN; LOCK TABLE entries IN ACCESS EXCLUSIVE MODE");
    let heads: Vec<_> = (0..6)
        .map(|_| {
            let head = format!("GET {ENTRIES} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            first.http.open(head.as_bytes())
        })
        .collect();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'guestbook'";
    wait_until("both connections wait", || {
        (sql.number(&format!("{waiting} AND wait_event_type = 'Lock'")) == 2).then_some(())
    });
    assert_eq!(sql.number(waiting), 2);
    // The four without a connection give up first; the two on the lock are stopped by the limit of their statement.
    for head in heads {
        let text = Http::rest(head);
        assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("store_unavailable"), "{text}");
        assert!(text.contains("retry-after: 1"), "{text}");
    }
    lock.run("ROLLBACK");
    assert_eq!(messages(&first.http, ENTRIES), [""; 0]);
    let second = service(&postgres, &[]);
    second.wait_until_ready();
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let (_postgres, service) = start(&[]);
    let mut stream = service.http.open(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("it is open");
    let text = Http::rest(stream);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert!(text.contains(r#""status":"alive""#) && text.contains(r#""status":"ready""#), "{text}");
}

#[test]
fn a_refusal_before_the_body_has_come_costs_no_other_request_its_connection() {
    let (_postgres, service) = start(&[]);
    let refused = [
        (format!("POST {ENTRIES}"), "text/plain", "415 Unsupported Media Type"),
        ("POST /api/guestbook/nothing".to_owned(), "application/json", "404 Not Found"),
        (format!("PUT {ENTRIES}"), "application/json", "405 Method Not Allowed"),
    ];
    for (line, content_type, status) in refused {
        let head = format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\n");
        let mut stream = service.http.open(format!("{head}content-length: 4\r\n\r\n").as_bytes());
        // Time to answer without the body, for a server that would.
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(b"body").expect("it is open");
        std::thread::sleep(Duration::from_millis(100));
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .expect("it is open");
        let text = Http::rest(stream);
        assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{text}");
        assert!(text.contains("HTTP/1.1 200 OK") && text.contains(r#""status":"alive""#), "{text}");
        assert_eq!(text.matches("connection: close").count(), 1, "only the last answer ends it: {text}");
    }
}

#[test]
fn a_body_that_nobody_waits_for_ends_its_connection_with_a_word() {
    let (_postgres, service) = start(&[("BODY_BYTES", "1000")]);
    let too_long = "content-type: application/json\r\ncontent-length: 2000\r\n";
    let never_comes = "content-type: text/plain\r\ncontent-length: 4\r\n";
    let asks_first = "content-type: text/plain\r\nexpect: 100-continue\r\ncontent-length: 4\r\n";
    for (headers, status) in [(too_long, "413"), (never_comes, "415"), (asks_first, "415")] {
        let head = format!("POST {ENTRIES} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        let text = Http::rest(service.http.open(head.as_bytes()));
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.contains("connection: close"), "{text}");
    }
}
