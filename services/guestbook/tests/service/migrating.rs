//! Migrations: once, whoever starts, and never against what another version has done.

use std::thread;
use std::time::{Duration, Instant};

use service_testkit::{Http, Postgres, Service, wait_until};

use crate::support::{ENTRIES, Sql, messages, service, sign, start};

#[test]
fn instances_that_start_together_migrate_once() {
    let (postgres, _) = Postgres::start(false);
    let services: Vec<Service> = thread::scope(|scope| {
        let starting: Vec<_> =
            (0..6).map(|_| scope.spawn(|| service(&postgres, &[("DATABASE_POOL_SIZE", "2")]))).collect();
        starting.into_iter().map(|service| service.join().expect("it starts")).collect()
    });
    for service in &services {
        service.wait_until_ready();
    }
    let applied: u64 = services
        .iter()
        .map(|service| {
            service.wait_for_log("the schema is up to date")["applied"].as_u64().expect("it is a number")
        })
        .sum();
    assert_eq!(applied, 2, "each migration by one of them");
    assert_eq!(Sql::connect(&postgres).number("SELECT count(*) FROM schema_migrations"), 2);
    for service in &services {
        assert_eq!(sign(&service.http, "Ada", "Hello").status, 201);
    }
}

#[test]
fn an_instance_waits_for_the_one_that_migrates() {
    let (postgres, _) = Postgres::start(false);
    let sql = Sql::connect(&postgres);
    // The number is part of the protocol between versions: an older one and a newer one have to meet on it.
    sql.run("SELECT pg_advisory_lock(7454976304729976683)");
    let service = service(&postgres, &[]);
    wait_until_it_waits_for_the_lock(&sql);
    service.wait_for_log("waiting for the migration lock, which another instance has");
    // Longer than a statement may take: waiting for a migration is no failure.
    let long_enough = Instant::now() + Duration::from_secs(6);
    while Instant::now() < long_enough {
        assert_is_migrating(&service);
        thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(service.http.get("/readyz").status, 503);
    assert_eq!(sql.number("SELECT count(*) FROM pg_tables WHERE tablename = 'entries'"), 0);
    sql.run("SELECT pg_advisory_unlock_all()");
    service.wait_until_ready();
    assert_eq!(service.http.get("/healthz").status, 200);
    assert!(service.log().iter().all(|line| line["message"] != "cannot migrate yet"), "it was no failure");
}

fn wait_until_it_waits_for_the_lock(sql: &Sql) {
    wait_until("it waits for the lock", || {
        (sql.number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 1)
            .then_some(())
    });
}

#[track_caller]
fn assert_is_migrating(service: &Service) {
    let answer = service.http.get("/healthz");
    assert_eq!((answer.status, answer.code()), (503, "migrating"), "{answer:?}");
}

/// Has every index take until an advisory lock, 1, is let go. It is not waited for but looked at, so that no time limit of
/// the service's holds for it.
const SLOW_INDEX: &str = "
    CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        WHILE NOT pg_try_advisory_xact_lock_shared(1) LOOP PERFORM pg_sleep(0.05); END LOOP;
    END $$;
    CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION slow();
    SELECT pg_advisory_lock(1)";

/// Called alive, it would have ECS end the instances of before, which answer.
#[test]
fn an_instance_that_migrates_is_not_alive_before_it_has_ended() {
    let (postgres, _) = Postgres::start(false);
    let sql = Sql::connect(&postgres);
    sql.run(SLOW_INDEX);
    let service = service(&postgres, &[]);
    wait_until_the_index_is_made(&sql);
    // Longer than requests wait for the schema.
    let long_enough = Instant::now() + Duration::from_secs(3);
    while Instant::now() < long_enough {
        assert_is_migrating(&service);
        thread::sleep(Duration::from_millis(250));
    }
    sql.run("SELECT pg_advisory_unlock(1)");
    service.wait_until_ready();
    assert_eq!(service.http.get("/healthz").status, 200);
}

/// ECS stops an instance that is not alive in time, and starts another.
#[test]
fn an_instance_that_is_stopped_while_it_migrates_leaves_neither_tables_nor_work_behind() {
    let (postgres, _) = Postgres::start(false);
    let sql = Sql::connect(&postgres);
    sql.run(SLOW_INDEX);
    let stopped = service(&postgres, &[]);
    wait_until_the_index_is_made(&sql);
    stopped.signal("TERM");
    stopped.wait();
    wait_until("the server gives its work up", || {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'guestbook'";
        (sql.number(others) == 0).then_some(())
    });
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename IN ('entries', 'schema_migrations')";
    assert_eq!(sql.number(tables), 0);
    sql.run("SELECT pg_advisory_unlock(1)");
    service(&postgres, &[]).wait_until_ready();
}

fn wait_until_the_index_is_made(sql: &Sql) {
    wait_until("it makes the index", || {
        let at_work = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'guestbook' AND state = 'active' AND query LIKE '%entries_shown%'";
        (sql.number(at_work) == 1).then_some(())
    });
}

/// An instance that has not reached the database yet is alive, and one that has just reached it is not.
#[test]
fn a_request_that_comes_before_the_schema_was_looked_at_waits_for_that() {
    let (postgres, _) = Postgres::start(false);
    let sql = Sql::connect(&postgres);
    sql.run("SELECT pg_advisory_lock(7454976304729976683)");
    let service = service(&postgres, &[]);
    wait_until_it_waits_for_the_lock(&sql);
    let request = format!("GET {ENTRIES} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let waiting = service.http.open(request.as_bytes());
    sql.run("SELECT pg_advisory_unlock_all()");
    let answer = Http::rest(waiting);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_schema_of_a_newer_version_is_left_alone_and_served() {
    let (postgres, first) = start(&[]);
    assert_eq!(sign(&first.http, "Ada", "Hello").status, 201);
    let sql = Sql::connect(&postgres);
    sql.run(
        "ALTER TABLE entries ADD COLUMN mood text; INSERT INTO schema_migrations VALUES (9, 'mood', '...')",
    );
    let older = service(&postgres, &[]);
    older.wait_until_ready();
    older.wait_for_log("the schema is newer than this version, which leaves it so");
    assert_eq!(messages(&older.http, ENTRIES), ["Hello"]);
    assert_eq!(
        messages(&first.http, ENTRIES),
        ["Hello"],
        "nor does the change disturb statements that were prepared"
    );
}

#[test]
fn a_schema_that_is_not_ours_ends_the_process_with_the_reason() {
    let (postgres, service) = start(&[]);
    let sql = Sql::connect(&postgres);
    drop(service);
    sql.run("UPDATE schema_migrations SET sql = 'CREATE TABLE entries ()' WHERE number = 1");
    let stopped = crate::support::service(&postgres, &[]).wait();
    assert_eq!(stopped.status.code(), Some(1));
    let reason = stopped.log.iter().find(|line| line["message"] == "cannot migrate").expect("it says why");
    assert_eq!(
        reason["cause"],
        "migration 1 (`entries`) was applied with another text than this version has"
    );
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    let (postgres, _) = Postgres::start(false);
    let sql = Sql::connect(&postgres);
    // The second migration's index has the name of something that is there already.
    sql.run("CREATE TABLE entries_shown ()");
    let stopped = service(&postgres, &[]).wait();
    assert_eq!(stopped.status.code(), Some(1));
    let reason = stopped.log.iter().find(|line| line["message"] == "cannot migrate").expect("it says why");
    assert!(
        reason["cause"].as_str().expect("it is a text").starts_with("migration 2 (`moderation`) failed"),
        "{reason}"
    );
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename IN ('entries', 'schema_migrations')";
    assert_eq!(sql.number(tables), 0, "the first migration neither");
}
