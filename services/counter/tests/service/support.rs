//! The service on a Redis of its own, and a second way into that Redis.

use serde_json::{Value, json};
use service_testkit::{Answer, Http, Redis, Service};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_counter");
pub const OPENAPI: &str = include_str!("../../openapi.json");

pub const VIEWS: &str = "/api/counter/views";
pub const SUMMARY: &str = "/api/counter/summary";

/// A Redis and a service that uses it, with some more variables.
pub fn start(variables: &[(&str, &str)]) -> (Redis, Service) {
    let redis = Redis::start(false);
    let service = service(&redis, variables);
    (redis, service)
}

/// A service on a Redis that is there. The variables take the place of those with the same name.
pub fn service(redis: &Redis, variables: &[(&str, &str)]) -> Service {
    let store = redis.variables();
    let mut all: Vec<_> = store.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.push(("DRAIN_DELAY_SECONDS", "0"));
    all.extend(variables);
    Service::start(PROGRAM, OPENAPI, &all)
}

pub fn view(http: &Http, page: &str) -> Answer {
    http.post(VIEWS, &json!({"page": page}))
}

/// The count after one more view.
pub fn count_after_view(http: &Http, page: &str) -> u64 {
    let answer = view(http, page);
    assert_eq!(answer.status, 200, "{answer:?}");
    count(&answer.json)
}

/// How often a page was viewed; `page` is percent-encoded.
pub fn read(http: &Http, page: &str) -> u64 {
    let answer = http.get(&format!("{VIEWS}?page={page}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    count(&answer.json)
}

fn count(json: &Value) -> u64 {
    json["count"].as_u64().expect("it has a count")
}

/// Runs one command of the test's own.
pub fn command(redis: &Redis, words: &[&str]) {
    let url = format!("redis://:correct-horse-battery@127.0.0.1:{}", redis.port);
    let mut connection =
        redis::Client::open(url).expect("the address is one").get_connection().expect("Redis is there");
    let (name, arguments) = words.split_first().expect("there is a command");
    redis::cmd(name).arg(arguments).exec(&mut connection).expect("the command is good");
}
