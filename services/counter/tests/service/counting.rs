//! Views: none is lost, none is counted twice, and there is an end to what can be counted.

use std::collections::BTreeSet;
use std::thread;

use serde_json::json;
use service_testkit::Http;

use crate::support::{VIEWS, count_after_view, read, service, start, view};

#[test]
fn views_are_counted_page_by_page() {
    let (_redis, service) = start(&[]);
    let http = &service.http;
    assert_eq!(read(http, "/"), 0);
    assert_eq!(
        [count_after_view(http, "/"), count_after_view(http, "/"), count_after_view(http, "/a")],
        [1, 2, 1]
    );
    assert_eq!([read(http, "/"), read(http, "/a"), read(http, "/b")], [2, 1, 0]);
    assert_eq!(count_after_view(http, "/ü/日本 \"'$(x)"), 1);
    assert_eq!(read(http, "/%C3%BC/%E6%97%A5%E6%9C%AC%20%22'$(x)"), 1);
}

#[test]
fn a_thousand_views_at_once_through_two_instances_are_a_thousand() {
    let (redis, first) = start(&[]);
    let second = service(&redis, &[]);
    let clients: Vec<Http> =
        (0..8).map(|number| if number % 2 == 0 { &first } else { &second }.http.clone()).collect();
    let counts: Vec<u64> = thread::scope(|scope| {
        let counting: Vec<_> = clients
            .iter()
            .map(|http| scope.spawn(|| (0..125).map(|_| count_after_view(http, "/")).collect::<Vec<_>>()))
            .collect();
        counting.into_iter().flat_map(|counts| counts.join().expect("every view is counted")).collect()
    });
    assert_eq!(
        counts.iter().copied().collect::<BTreeSet<_>>(),
        (1..=1000).collect(),
        "each count was given once"
    );
    assert_eq!(read(&first.http, "/"), 1000);
}

#[test]
fn of_pages_that_race_for_the_last_place_only_as_many_win_as_there_are_places() {
    let (redis, first) = start(&[("MAX_PAGES", "5")]);
    let second = service(&redis, &[("MAX_PAGES", "5")]);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let viewing: Vec<_> = (0..40)
            .map(|number| {
                let http = if number % 2 == 0 { &first } else { &second }.http.clone();
                scope.spawn(move || {
                    let answer = view(&http, &format!("/{number}"));
                    assert!(answer.status == 200 || answer.code() == "too_many_pages", "{answer:?}");
                    answer.status
                })
            })
            .collect();
        viewing.into_iter().map(|status| status.join().expect("every view is answered")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5);
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 35);
    let known = statuses.iter().position(|status| *status == 200).expect("five won");
    assert_eq!(
        count_after_view(&first.http, &format!("/{known}")),
        2,
        "pages that are known are still counted"
    );
}

#[test]
fn what_is_no_page_is_refused_with_the_reason() {
    let (_redis, service) = start(&[]);
    for (body, status, code) in [
        (json!({"page": "guestbook"}).to_string(), 422, "invalid_page"),
        (json!({"page": "/a?b"}).to_string(), 422, "invalid_page"),
        (json!({"page": "/\n"}).to_string(), 422, "invalid_page"),
        (json!({"page": format!("/{}", "x".repeat(200))}).to_string(), 422, "invalid_page"),
        (json!({"page": 1}).to_string(), 422, "wrong_shape"),
        (json!({}).to_string(), 422, "wrong_shape"),
        ("page=/".to_owned(), 400, "bad_json"),
    ] {
        let answer = service.http.send("POST", VIEWS, &[("content-type", "application/json")], &body);
        assert_eq!((answer.status, answer.code()), (status, code), "{body}: {answer:?}");
    }
    assert_eq!(service.http.get(VIEWS).code(), "bad_query");
    assert_eq!(service.http.get(&format!("{VIEWS}?page=x")).code(), "invalid_page");
}

#[test]
fn a_page_of_another_origin_cannot_count_without_asking_first() {
    let (_redis, service) = start(&[]);
    let body = json!({"page": "/"}).to_string();
    for headers in [
        vec![("content-type", "text/plain")],
        vec![("origin", "https://evil.example"), ("content-type", "text/plain")],
    ] {
        let answer = service.http.send("POST", VIEWS, &headers, &body);
        assert_eq!((answer.status, answer.code()), (415, "not_json"), "{headers:?}");
    }
    assert_eq!(read(&service.http, "/"), 0);
}
