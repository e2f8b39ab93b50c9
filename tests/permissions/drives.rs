//! What leads each command through all that it may ask.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use sitepush::local::control::ControlPlane;
use sitepush::local::faults::Rule;

use crate::lab::{ENVIRONMENT, Lab, PART_WAY, USAGE};
use crate::support::{DISTRIBUTION, Site};

/// What the style sheet says in the end.
const STYLE: &str = "1";

/// The flags that name the distribution and its store.
fn edge() -> Vec<String> {
    let store = ControlPlane::store_arn(DISTRIBUTION);
    vec!["--distribution".into(), DISTRIBUTION.into(), "--key-value-store".into(), store]
}

fn with<'a>(edge: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    edge.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

fn drive_plan(lab: &mut Lab) {
    let edge = edge();
    lab.watch(&with(&edge, &[])).before("push", &[]);
    lab.store_again("style.css").watch(&with(&edge, &["--verify-remote"]));
}

/// A large file that fails, and then is sent after all.
pub fn drive_large_push(lab: &mut Lab) {
    lab.site.write("film.bin", vec![1; 17 << 20]);
    lab.cloud.faults().add(Rule::internal_error().operation("UploadPart").times(1000));
    lab.watch_to(PART_WAY, &["--retry-seconds", "0"]);
    lab.cloud.faults().clear();
    lab.watch(&[]);
    lab.site.remove("film.bin");
}

/// A first push to a distribution; a new name, new bytes and less; new headers and a repair; a bad release taken back.
pub fn drive_push(lab: &mut Lab) {
    let edge = edge();
    lab.watch(&with(&edge, &["--wait"]));
    lab.site.write("style.css", STYLE).write("copy.css", "body { color: black }").remove("about/index.html");
    lab.watch(&with(&edge, &["--wait"]));
    lab.site.write("_headers", "/style.css\n  Cache-Control: no-cache\n");
    lab.watch(&with(&edge, &["--verify-remote"]));
    lab.site.write("index.html", "worse");
    let configuration = Site::new();
    configuration.write("sitepush.toml", format!("[targets.live]\nurl = \"{}\"\n", wrong_site()));
    let path = configuration.path().join("sitepush.toml");
    let path = path.to_str().expect("a plain path").to_owned();
    let more = ["--target", "live", "--config", &path, "--verify=1", "--rollback-on-failure"];
    lab.watch_to(PART_WAY, &with(&edge, &more));
}

fn drive_status(lab: &mut Lab) {
    let edge = ["--distribution", DISTRIBUTION];
    lab.watch(&[]).before("push", &edge);
    lab.site.write("index.html", "better");
    lab.before("push", &edge).watch(&["--verify-remote", "--invalidation-cost", edge[0], edge[1]]);
}

fn drive_verify(lab: &mut Lab) {
    lab.watch_to(USAGE, &["http://127.0.0.1:1"]);
    lab.before("push", &[]).watch_to(ENVIRONMENT, &["http://127.0.0.1:1"]);
}

fn drive_releases(lab: &mut Lab) {
    lab.watch(&[]).before("push", &[]).watch(&[]);
}

/// To a release that the distribution never showed, with earlier bytes and one page less, after a run that died.
fn drive_rollback(lab: &mut Lab) {
    let edge = edge();
    lab.before("push", &[]);
    lab.site.write("style.css", "1").write("new.html", "new").remove("about/index.html");
    lab.before("push", &[]).leave_unfinished().watch(&with(&edge, &["--wait"]));
}

/// As people do it most.
pub fn drive_plain_rollback(lab: &mut Lab) {
    lab.before("push", &[]);
    lab.site.write("style.css", "1");
    lab.before("push", &[]).watch(&[]);
}

/// After a run that died; of a distribution that the record does not know; with debts of the push before.
fn drive_prune(lab: &mut Lab) {
    let edge = edge();
    let prune = with(&edge, &["--keep", "1", "--days", "0", "--wait"]);
    lab.before("push", &[]);
    lab.site.remove("assets/more-CzQAN4l5.js").write("index.html", "less");
    lab.before("push", &[]).leave_unfinished().watch(&prune);
    lab.site.remove("about/index.html").write("index.html", "even less");
    for operation in ["PutKey", "CreateInvalidation"] {
        lab.cloud.faults().add(Rule::access_denied().operation(operation));
    }
    lab.run("push", &with(&edge, &[])).expect_code(PART_WAY);
    lab.cloud.faults().clear();
    lab.cloud.store().clear_requests();
    lab.watch(&prune);
    lab.cloud.put_foreign(&format!("{}stranger.txt", lab.key_prefix()), "not ours");
    lab.watch(&["--prune-unknown", "--yes"]);
}

fn drive_invalidate(lab: &mut Lab) {
    lab.watch(&["/", "--wait", "--distribution", DISTRIBUTION]);
}

fn drive_unlock(lab: &mut Lab) {
    lab.watch(&[]).before("push", &[]).leave_unfinished().watch(&["--force"]);
}

pub fn drive(lab: &mut Lab) {
    match lab.command {
        "plan" => drive_plan(lab),
        "push" => {
            // The first push of all asks whether the bucket keeps versions, the first to a distribution asks for it.
            drive_large_push(lab);
            drive_push(lab);
        }
        "status" => drive_status(lab),
        "verify" => drive_verify(lab),
        "releases" => drive_releases(lab),
        "rollback" => drive_rollback(lab),
        "prune" => drive_prune(lab),
        "invalidate" => drive_invalidate(lab),
        "unlock" => drive_unlock(lab),
        other => panic!("`{other}` is not driven: nothing tells whether its policy is the least"),
    }
}

/// The address of a site that has the style sheet that was published, and the same page for whatever else was, as long as the test
/// program runs.
fn wrong_site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.expect("a connection");
            let mut request = [0; 4096];
            let length = connection.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]);
            let request = request.lines().next().unwrap_or_default();
            let status = if request.contains("sitepush") { "404 Not Found" } else { "200 OK" };
            let body = if request.contains("/style.css ") { STYLE } else { "wrong" };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close", body.len());
            let answer = format!("{head}\r\n\r\n{body}");
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}
