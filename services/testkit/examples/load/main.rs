//! How many requests a second the services answer, on stores of their own, and what that costs them: as the rows of a table.
//!
//! It is told the folder of the two programs and how many seconds each request is made for. `SITEPUSH_POSTGRES` names the folder of
//! PostgreSQL's programs and `SITEPUSH_REDIS` Redis's, as for the tests; `wrk` makes the requests.

#![expect(clippy::print_stdout, reason = "it talks to the person who started it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use service_testkit::{Durability, Group, Postgres, Redis, StoreSettings, free_port, wait_until};

const POST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/load/post.lua");

/// Clock ticks a second, in which Linux tells the time of a process. Source: proc(5), sysconf(3).
const TICKS: f64 = 100.0;

/// What is asked of each service, in this order; with a body it is a POST.
const GUESTBOOK: &[(&str, &str)] = &[
    (
        "/api/guestbook/entries",
        r#"{"name":"Ada","message":"The view from up here was worth each of the four hundred steps, too."}"#,
    ),
    ("/api/guestbook/entries", ""),
    ("/healthz", ""),
];
const COUNTER: &[(&str, &str)] = &[
    ("/api/counter/views", r#"{"page":"/guestbook/"}"#),
    ("/api/counter/views?page=/guestbook/", ""),
    ("/api/counter/summary", ""),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let programs = PathBuf::from(arguments.next().expect("the first argument is the folder of the programs"));
    let seconds: u32 = arguments.next().map_or(10, |text| text.parse().expect("the second is a number"));
    println!(
        "| Request | per second | median | 99% | failed | CPU of the service | its memory |\n|---|---|---|---|---|---|---|"
    );

    let folder = tempfile::tempdir().expect("there is room for a folder");
    let settings = |variable: &str, name: &str| StoreSettings {
        program: std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set")).into(),
        folder: folder.path().join(name),
        password: "correct-horse".to_owned(),
        port: free_port(),
        // As they are by themselves: with all that they do to lose nothing.
        durability: Durability::Durable,
        group: Group::Shared,
    };
    let_others_through(folder.path());
    let postgres = Postgres::open(settings("SITEPUSH_POSTGRES", "postgres")).expect("PostgreSQL starts");
    let mut variables = postgres.variables();
    variables.push(("MODERATION_TOKEN", "a-token-that-nobody-uses".to_owned()));
    measure(&programs.join("guestbook"), &variables, GUESTBOOK, seconds);
    let redis = Redis::open(settings("SITEPUSH_REDIS", "redis")).expect("Redis starts");
    measure(&programs.join("counter"), &redis.variables(), COUNTER, seconds);
}

/// PostgreSQL is another user where this is root.
fn let_others_through(folder: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    fs::set_permissions(folder, mode).expect("it is ours");
}

/// A service, ended with this.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure(program: &Path, variables: &[(&str, String)], requests: &[(&str, &str)], seconds: u32) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(program);
    command.env_clear().env("LISTEN_ADDRESS", &address);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    // It logs as it does by itself, for nobody.
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program can be run");
    let service = Service(child);
    wait_until("the service is ready", || ureq::get(format!("http://{address}/readyz")).call().ok());
    for (path, body) in requests {
        let before = cpu_seconds(service.0.id());
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "-c32", &format!("-d{seconds}s"), "--latency"]);
        if !body.is_empty() {
            wrk.args(["-s", POST]);
        }
        wrk.arg(format!("http://{address}{path}"));
        if !body.is_empty() {
            wrk.args(["--", body]);
        }
        let output = wrk.output().expect("wrk can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8_lossy(&output.stdout);
        let cpu = cpu_seconds(service.0.id()) - before;
        let requests: f64 = before_word(&told, "requests in").parse().expect("wrk counts");
        let method = if body.is_empty() { "GET" } else { "POST" };
        println!(
            "| `{method} {path}` | {} | {} | {} | {} | {:.0} µs | {} kB |",
            after_word(&told, "Requests/sec:"),
            after_word(&told, "50%"),
            after_word(&told, "99%"),
            failed(&told),
            cpu / requests * 1e6,
            memory_kib(service.0.id()),
        );
    }
}

/// What wrk says of answers that are none of success, and of connections that broke; it says nothing where there are none.
fn failed(told: &str) -> String {
    let lines = told.lines().map(str::trim);
    let failed: Vec<&str> =
        lines.filter(|line| line.starts_with("Non-2xx") || line.starts_with("Socket errors")).collect();
    if failed.is_empty() { "none".to_owned() } else { failed.join("; ") }
}

fn after_word<'a>(told: &'a str, word: &str) -> &'a str {
    let rest = told.lines().find_map(|line| line.trim().strip_prefix(word));
    rest.unwrap_or_else(|| panic!("wrk says nothing of {word}:\n{told}")).trim()
}

fn before_word<'a>(told: &'a str, word: &str) -> &'a str {
    let line = told.lines().find_map(|line| line.split_once(word));
    line.unwrap_or_else(|| panic!("wrk says nothing of {word}:\n{told}")).0.trim()
}

/// The time that a process has used, by itself and in the kernel. Source: proc(5), `stat`.
fn cpu_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    // The name of the program, which may hold blanks, is in parentheses; what follows begins with the third field.
    let rest = stat.rsplit_once(") ").expect("it has a name").1;
    let ticks = |field: usize| -> f64 {
        rest.split(' ').nth(field - 3).and_then(|text| text.parse().ok()).expect("it is a number")
    };
    (ticks(14) + ticks(15)) / TICKS
}

/// The most memory that a process has held.
fn memory_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}
