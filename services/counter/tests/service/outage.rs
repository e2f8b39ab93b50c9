//! Redis goes away in every way that it can, and comes back.

use std::time::{Duration, Instant};

use service_testkit::{Http, Redis, wait_until};

use crate::support::{SUMMARY, command, count_after_view, read, service, start, view};

#[test]
fn while_redis_is_down_answers_are_503_and_afterwards_all_is_well_without_a_restart() {
    let (mut redis, service) = start(&[]);
    let http = &service.http;
    for round in 1..=2 {
        assert_eq!(count_after_view(http, "/"), round);
        redis.stop();
        for _ in 0..3 {
            for answer in [view(http, "/"), http.get(SUMMARY), http.get("/readyz")] {
                assert_eq!((answer.status, answer.code()), (503, "store_unavailable"), "{answer:?}");
            }
            assert_eq!(http.get("/healthz").status, 200, "a new process would not mend it");
        }
        redis.resume();
        service.wait_until_ready();
    }
    assert_eq!(read(http, "/"), 2, "nothing that failed was counted");
}

#[test]
fn a_service_that_is_there_before_its_redis_works_when_it_comes() {
    let mut redis = Redis::start(false);
    redis.stop();
    let service = service(&redis, &[]);
    assert_eq!(service.http.get("/healthz").status, 200);
    assert_eq!(service.http.get("/readyz").status, 503);
    redis.resume();
    service.wait_until_ready();
    assert_eq!(count_after_view(&service.http, "/"), 1);
}

#[test]
fn a_redis_that_hangs_costs_a_bounded_wait() {
    let (redis, service) = start(&[]);
    assert_eq!(count_after_view(&service.http, "/a"), 1);
    redis.freeze();
    for _ in 0..3 {
        let begun = Instant::now();
        let answer = view(&service.http, "/b");
        assert_eq!((answer.status, answer.code()), (503, "store_unavailable"), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(service.http.get("/healthz").status, 200);
    }
    redis.thaw();
    service.wait_until_ready();
    assert_eq!(count_after_view(&service.http, "/a"), 2);
    // What was sent before the answers stopped may have been counted, once each at most.
    assert!(read(&service.http, "/b") <= 3);
}

#[test]
fn those_who_wait_for_a_redis_that_hangs_do_not_wait_one_after_the_other() {
    let (redis, service) = start(&[]);
    redis.freeze();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(view(&service.http, "/").status, 503));
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    redis.thaw();
}

#[test]
fn connections_that_redis_cut_are_replaced() {
    let (redis, service) = start(&[]);
    for _ in 0..5 {
        command(&redis, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        wait_until("a new connection is made", || (view(&service.http, "/").status == 200).then_some(()));
        assert_eq!(view(&service.http, "/").status, 200);
    }
}

#[test]
fn a_primary_that_became_a_replica_is_left_for_the_new_one() {
    let (redis, service) = start(&[]);
    assert_eq!(count_after_view(&service.http, "/"), 1);
    command(&redis, &["REPLICAOF", "127.0.0.1", "1"]);
    for _ in 0..2 {
        let answer = view(&service.http, "/");
        assert_eq!((answer.status, answer.code()), (503, "store_unavailable"), "{answer:?}");
    }
    command(&redis, &["REPLICAOF", "NO", "ONE"]);
    wait_until("writing works again", || (view(&service.http, "/").status == 200).then_some(()));
    assert_eq!(read(&service.http, "/"), 2);
}

#[test]
fn a_redis_without_memory_is_one_to_try_again() {
    let (redis, service) = start(&[]);
    assert_eq!(count_after_view(&service.http, "/"), 1);
    command(&redis, &["CONFIG", "SET", "maxmemory", "1"]);
    let answer = view(&service.http, "/");
    assert_eq!((answer.status, answer.code()), (503, "store_unavailable"), "{answer:?}");
    command(&redis, &["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(count_after_view(&service.http, "/"), 2);
}

#[test]
fn a_mistake_of_our_own_is_no_outage() {
    let (redis, service) = start(&[]);
    command(&redis, &["SET", "counter:views", "not a hash"]);
    // By hand, because no document lists the status of a mistake.
    let request = "POST /api/counter/views HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        connection: close\r\ncontent-length: 12\r\n\r\n{\"page\":\"/\"}";
    let text = Http::rest(service.http.open(request.as_bytes()));
    assert!(text.starts_with("HTTP/1.1 500 ") && text.contains("\"code\":\"internal\""), "{text}");
    assert!(!text.contains("WRONGTYPE"), "what the store said is for the log: {text}");
    let line = service.wait_for_log("the store refuses a command");
    assert!(line["cause"].as_str().expect("it is a text").contains("WRONGTYPE"), "{line}");
    assert_eq!(service.http.get("/readyz").status, 200);
}

#[test]
fn a_password_that_was_changed_makes_the_instance_one_to_replace() {
    let (redis, service) = start(&[]);
    assert_eq!(count_after_view(&service.http, "/"), 1);
    command(&redis, &["CONFIG", "SET", "requirepass", "another-one"]);
    assert_eq!(count_after_view(&service.http, "/"), 2, "the connection that is there goes on");
    assert_eq!(service.http.get("/healthz").status, 200);
    let url = format!("redis://:another-one@127.0.0.1:{}", redis.port);
    let mut own =
        redis::Client::open(url).expect("the address is one").get_connection().expect("Redis is there");
    redis::cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).exec(&mut own).expect("the command is good");
    wait_until("the refusal is noticed", || {
        service.http.get("/readyz");
        let answer = service.http.get("/healthz");
        (answer.status == 503 && answer.code() == "credentials_refused").then_some(())
    });
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "correct-horse-battery"])
        .exec(&mut own)
        .expect("the command is good");
    service.wait_until_ready();
    assert_eq!(service.http.get("/healthz").status, 200);
}
