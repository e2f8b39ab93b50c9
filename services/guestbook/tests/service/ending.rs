//! SIGTERM, as ECS sends it: what was begun is answered, and the end comes in time.

use std::io::Write;
use std::time::{Duration, Instant};

use service_testkit::{Http, wait_until};

use crate::support::{ENTRIES, Sql, sign, start};

const BODY: &str = r#"{"name":"Ada","message":"at the last moment"}"#;

fn head() -> String {
    let length = BODY.len();
    format!(
        "POST {ENTRIES} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let (postgres, service) =
        start(&[("REQUEST_SECONDS", "30"), ("BODY_SECONDS", "30"), ("DRAIN_SECONDS", "30")]);
    let (first, second) = BODY.split_at(10);
    let mut stream = service.http.open(format!("{}{first}", head()).as_bytes());
    // Once another request was answered, this one's head has been read too.
    assert_eq!(service.http.get("/healthz").status, 200);
    service.signal("TERM");
    service.wait_for_log("no new connections are taken");
    wait_until("connections are refused", || {
        service.http.try_send("GET", "/healthz", &[("connection", "close")], "").is_err().then_some(())
    });
    stream.write_all(second.as_bytes()).expect("the connection is still there");
    let text = Http::rest(stream);
    assert!(text.starts_with("HTTP/1.1 201 "), "{text}");
    assert!(text.contains("connection: close"), "{text}");
    let stopped = service.wait();
    assert_eq!(stopped.status.code(), Some(0), "{:?}", stopped.log);
    assert_eq!(Sql::connect(&postgres).number("SELECT count(*) FROM entries"), 1);
    assert!(stopped.log.iter().any(|line| line["EntriesAdded"] == 1), "the last measurements are written");
}

#[test]
fn a_statement_under_way_is_answered_before_the_end() {
    let (postgres, service) = start(&[]);
    let (sql, lock) = (Sql::connect(&postgres), Sql::connect(&postgres));
    lock.run("BEGIN; LOCK TABLE entries IN ACCESS EXCLUSIVE MODE");
    let stream = service.http.open(format!("{}{BODY}", head()).as_bytes());
    wait_until("the statement waits", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'guestbook' AND wait_event_type = 'Lock'";
        (sql.number(waiting) == 1).then_some(())
    });
    service.signal("TERM");
    service.wait_for_log("no new connections are taken");
    lock.run("COMMIT");
    let text = Http::rest(stream);
    assert!(text.starts_with("HTTP/1.1 201 "), "{text}");
    assert_eq!(service.wait().status.code(), Some(0));
}

#[test]
fn new_requests_are_taken_while_the_load_balancer_looks_elsewhere() {
    let (_postgres, service) = start(&[("DRAIN_DELAY_SECONDS", "60")]);
    service.signal("TERM");
    service.wait_for_log("ending; new requests are still taken");
    for _ in 0..10 {
        let answer = sign(&service.http, "Ada", "still here");
        assert_eq!((answer.status, answer.header("connection")), (201, "close"));
    }
    let ready = service.http.get("/readyz");
    assert_eq!((ready.status, ready.code()), (503, "ending"));
    // Nobody needs to wait for the rest of the minute.
    service.signal("INT");
    assert_eq!(service.wait().status.code(), Some(0));
}

#[test]
fn the_load_balancer_has_all_the_time_that_was_said() {
    let (_postgres, service) = start(&[("DRAIN_DELAY_SECONDS", "2")]);
    let begun = Instant::now();
    service.signal("TERM");
    assert_eq!(service.wait().status.code(), Some(0));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn a_request_that_never_ends_is_cut_off_in_time() {
    let (_postgres, service) =
        start(&[("DRAIN_SECONDS", "1"), ("REQUEST_SECONDS", "60"), ("BODY_SECONDS", "60")]);
    let stream = service.http.open(head().as_bytes());
    assert_eq!(service.http.get("/healthz").status, 200);
    let begun = Instant::now();
    service.signal("TERM");
    let stopped = service.wait();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(stopped.status.code(), Some(1), "a request was lost");
    assert!(
        stopped.log.iter().any(|line| line["message"] == "the time to drain is up; requests are cut off")
    );
    assert!(!Http::rest(stream).contains("201"));
}

#[test]
fn a_person_at_a_terminal_does_not_wait_for_a_load_balancer() {
    let (_postgres, service) = start(&[("DRAIN_DELAY_SECONDS", "60")]);
    service.signal("INT");
    assert_eq!(service.wait().status.code(), Some(0));
}
