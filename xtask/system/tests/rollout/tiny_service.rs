//! What the tests run as a task: a server that is healthy, unhealthy, or ends, as its environment says. It knows just enough
//! HTTP for a load balancer that speaks it well.

#![expect(clippy::print_stdout, reason = "its log is what it is for")]

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

fn main() -> ExitCode {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let (version, behavior) = (variable("VERSION"), variable("BEHAVIOR"));
    println!("version {version} starts");
    if behavior == "crash" {
        println!("cannot find the answer to everything");
        return ExitCode::from(42);
    }
    if behavior == "starts another" {
        let mut other = Command::new("sleep").arg("600").spawn().expect("there is a sleep");
        println!("started process {}", other.id());
        thread::spawn(move || other.wait());
    }
    let listener = TcpListener::bind(variable("LISTEN_ADDRESS")).expect("the address is free");
    for stream in listener.incoming().flatten() {
        let (version, behavior) = (version.clone(), behavior.clone());
        thread::spawn(move || converse(&stream, &version, &behavior));
    }
    ExitCode::SUCCESS
}

/// Answers requests without bodies, one after the other, until the connection ends.
fn converse(stream: &TcpStream, version: &str, behavior: &str) {
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(first)) = lines.next() {
        let rest_of_head = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty());
        rest_of_head.for_each(drop);
        if first.contains(" /slow ") {
            thread::sleep(Duration::from_millis(50));
        }
        let is_check = first.contains(" /healthz ");
        let status = if is_check && behavior == "unhealthy" { "500 Internal Server Error" } else { "200 OK" };
        let body = if first.contains(" /motd ") {
            fs::read_to_string("/motd").unwrap_or_else(|error| error.to_string())
        } else {
            version.to_owned()
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut stream = stream;
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
