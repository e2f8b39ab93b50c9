//! The database goes away in every way that it can, and comes back.

use std::time::{Duration, Instant};

use service_testkit::{Postgres, wait_until};

use crate::support::{ENTRIES, Sql, messages, service, sign, start};

#[test]
fn while_the_database_is_down_answers_are_503_and_afterwards_all_is_well_without_a_restart() {
    let (mut postgres, service) = start(&[]);
    let http = &service.http;
    for round in ["one", "two"] {
        assert_eq!(sign(http, "Ada", round).status, 201);
        postgres.stop();
        for _ in 0..3 {
            for answer in [http.get(ENTRIES), sign(http, "Ada", "lost"), http.get("/readyz")] {
                assert_eq!((answer.status, answer.code()), (503, "store_unavailable"), "{answer:?}");
                assert_eq!(answer.header("retry-after"), "1");
            }
            assert_eq!(http.get("/healthz").status, 200, "a new process would not mend it");
        }
        postgres.resume();
        service.wait_until_ready();
    }
    assert_eq!(messages(http, ENTRIES), ["two", "one"]);
}

#[test]
fn a_service_that_is_there_before_its_database_migrates_it_when_it_comes() {
    let (mut postgres, _) = Postgres::start(false);
    postgres.stop();
    let service = service(&postgres, &[]);
    service.wait_for_log("cannot migrate yet");
    assert_eq!(service.http.get("/healthz").status, 200, "a new process would not mend it");
    assert_eq!(service.http.get("/readyz").status, 503);
    assert_eq!(sign(&service.http, "Ada", "early").status, 503);
    postgres.resume();
    service.wait_until_ready();
    assert_eq!(sign(&service.http, "Ada", "in time").status, 201);
}

#[test]
fn a_database_that_hangs_costs_a_bounded_wait_and_no_connection_for_ever() {
    let (mut postgres, service) = start(&[("DATABASE_SECONDS", "1"), ("DATABASE_POOL_SIZE", "2")]);
    assert_eq!(sign(&service.http, "Ada", "before").status, 201);
    postgres.freeze();
    for _ in 0..4 {
        let begun = Instant::now();
        let answer = service.http.get(ENTRIES);
        assert_eq!((answer.status, answer.code()), (503, "store_unavailable"), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(service.http.get("/healthz").status, 200);
    }
    postgres.thaw();
    service.wait_until_ready();
    assert_eq!(messages(&service.http, ENTRIES), ["before"]);
}

#[test]
fn connections_that_the_server_cut_are_replaced() {
    let (postgres, service) = start(&[]);
    let sql = Sql::connect(&postgres);
    assert_eq!(sign(&service.http, "Ada", "before").status, 201);
    for _ in 0..5 {
        sql.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'guestbook'",
        );
        // One request may meet the cut connection before its end has been read; the next one must not.
        wait_until("a new connection is made", || (service.http.get(ENTRIES).status == 200).then_some(()));
        assert_eq!(service.http.get(ENTRIES).status, 200);
    }
}

#[test]
fn a_password_that_was_changed_makes_the_instance_one_to_replace() {
    let (postgres, service) = start(&[]);
    let sql = Sql::connect(&postgres);
    assert_eq!(service.http.get("/healthz").status, 200);
    sql.run("ALTER ROLE app PASSWORD 'another one'");
    assert_eq!(service.http.get("/readyz").status, 200, "connections that are there go on");
    sql.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'guestbook'");
    wait_until("the refusal is noticed", || {
        service.http.get("/readyz");
        let answer = service.http.get("/healthz");
        (answer.status == 503 && answer.code() == "credentials_refused").then_some(())
    });
    sql.run("ALTER ROLE app PASSWORD 'correct horse battery'");
    service.wait_until_ready();
    assert_eq!(service.http.get("/healthz").status, 200);
}

#[test]
fn a_database_that_only_reads_is_one_that_is_down() {
    let (postgres, service) = start(&[]);
    let sql = Sql::connect(&postgres);
    assert_eq!(sign(&service.http, "Ada", "before").status, 201);
    // What a primary looks like that has become a replica.
    sql.run("ALTER SYSTEM SET default_transaction_read_only = on");
    sql.run("SELECT pg_reload_conf()");
    wait_until("writing is refused", || {
        let answer = sign(&service.http, "Ada", "lost");
        (answer.status == 503 && answer.code() == "store_unavailable").then_some(())
    });
    sql.run("SET default_transaction_read_only = off");
    sql.run("ALTER SYSTEM RESET default_transaction_read_only");
    sql.run("SELECT pg_reload_conf()");
    wait_until("writing works again", || (sign(&service.http, "Ada", "after").status == 201).then_some(()));
    assert_eq!(messages(&service.http, ENTRIES)[0], "after");
}
