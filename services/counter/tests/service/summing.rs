//! The summary: kept for its time and no longer, made once for everyone, and right.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};
use service_testkit::wait_until;

use crate::support::{SUMMARY, command, count_after_view, service, start};

fn summary(http: &service_testkit::Http) -> Value {
    let answer = http.get(SUMMARY);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

#[test]
fn a_summary_is_kept_for_its_time_and_then_made_anew() {
    let (_redis, service) = start(&[("SUMMARY_SECONDS", "3")]);
    let http = &service.http;
    let empty = summary(http);
    assert_eq!((&empty["total"], &empty["pages"]), (&json!(0), &json!([])));
    for page in ["/b", "/a", "/b", "/\"'\\ü"] {
        count_after_view(http, page);
    }
    assert_eq!(summary(http), empty, "its time is not over");
    let fresh = wait_until("its time is over", || Some(summary(http)).filter(|summary| *summary != empty));
    assert_eq!(fresh["total"], 4);
    let pages =
        json!([{"page": "/b", "count": 2}, {"page": "/\"'\\ü", "count": 1}, {"page": "/a", "count": 1}]);
    assert_eq!(fresh["pages"], pages);
    let lived = fresh["made_ms"].as_u64().expect("a time") - empty["made_ms"].as_u64().expect("a time");
    assert!(lived >= 3000, "{lived}");
}

#[test]
fn however_many_ask_at_once_it_is_made_once() {
    let (redis, first) = start(&[("SUMMARY_SECONDS", "600")]);
    let second = service(&redis, &[("SUMMARY_SECONDS", "600")]);
    count_after_view(&first.http, "/");
    let made: BTreeSet<u64> = thread::scope(|scope| {
        let asking: Vec<_> = (0..16)
            .map(|number| {
                let http = if number % 2 == 0 { &first } else { &second }.http.clone();
                scope.spawn(move || summary(&http)["made_ms"].as_u64().expect("a time"))
            })
            .collect();
        asking.into_iter().map(|made| made.join().expect("everyone is answered")).collect()
    });
    assert_eq!(made.len(), 1);
}

#[test]
fn only_the_twenty_most_viewed_pages_are_listed_and_all_are_in_the_total() {
    let (redis, service) = start(&[]);
    let mut words = vec!["HSET".to_owned(), "counter:views".to_owned()];
    for number in 1..=100_u64 {
        words.extend([format!("/{number}"), (number * 1_000_000_000).to_string()]);
    }
    command(&redis, &words.iter().map(String::as_str).collect::<Vec<_>>());
    let summary = summary(&service.http);
    assert_eq!(summary["total"], 5_050_000_000_000_u64);
    let pages = summary["pages"].as_array().expect("it lists pages");
    assert_eq!(pages.len(), 20);
    assert_eq!(pages[0], json!({"page": "/100", "count": 100_000_000_000_u64}));
    assert_eq!(pages[19], json!({"page": "/81", "count": 81_000_000_000_u64}));
}
