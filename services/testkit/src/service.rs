//! A service as a process: started with its environment, listened to by its log, ended by a signal.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::http::Http;
use crate::process::{Process, wait_until};

/// A running service.
#[derive(Debug)]
pub struct Service {
    process: Process,
    log: Arc<Mutex<Vec<Value>>>,
    reader: Option<JoinHandle<()>>,
    /// Where it is and how to speak with it.
    pub http: Http,
}

/// How a service ended.
#[derive(Debug)]
pub struct Stopped {
    pub status: ExitStatus,
    pub log: Vec<Value>,
}

impl Service {
    /// Starts `program` with the variables given and no others, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(program: &str, openapi: &str, variables: &[(&str, &str)]) -> Self {
        let (mut process, log, reader) = spawn(program, variables);
        let address = wait_until("the service listens", || {
            if let Some(status) = process.try_wait().expect("it is our child") {
                panic!("the service ended with {status}: {:?}", log.lock().expect("nobody panicked"));
            }
            find(&log, "listening")
                .map(|line| line["address"].as_str().expect("it has an address").to_owned())
        });
        Self { process, log, reader: Some(reader), http: Http::new(&address, openapi) }
    }

    /// Runs `program` to its own end, for when it is not to start.
    ///
    /// # Panics
    /// When it does not end.
    pub fn run(program: &str, variables: &[(&str, &str)]) -> Stopped {
        let (mut process, log, reader) = spawn(program, variables);
        finish(&mut process, &log, Some(reader))
    }

    /// Waits until `/readyz` says that the store answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_until_ready(&self) {
        wait_until("the service is ready", || (self.http.get("/readyz").status == 200).then_some(()));
    }

    /// Sends a signal such as `TERM`.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Waits for the process to end.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait(mut self) -> Stopped {
        finish(&mut self.process, &self.log, self.reader.take())
    }

    /// Every line that it has logged so far, and every measurement.
    ///
    /// # Panics
    /// When the thread that reads them did.
    pub fn log(&self) -> Vec<Value> {
        self.log.lock().expect("nobody panicked").clone()
    }

    /// Waits for a line with this message.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait_for_log(&self, message: &str) -> Value {
        wait_until(message, || find(&self.log, message))
    }
}

type Spawned = (Process, Arc<Mutex<Vec<Value>>>, JoinHandle<()>);

fn spawn(program: &str, variables: &[(&str, &str)]) -> Spawned {
    let mut command = Command::new(program);
    command.env_clear().env("LISTEN_ADDRESS", "127.0.0.1:0").envs(variables.iter().copied());
    let mut process = Process::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let output = process.child().stdout.take().expect("the output is piped");
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    let reader = thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let value = serde_json::from_str(&line)
                .unwrap_or_else(|_| panic!("a line of the log is not JSON: {line}"));
            lines.lock().expect("nobody panicked").push(value);
        }
    });
    (process, log, reader)
}

fn finish(process: &mut Process, log: &Mutex<Vec<Value>>, reader: Option<JoinHandle<()>>) -> Stopped {
    let status = process.wait("the service ends");
    reader.map_or(Ok(()), JoinHandle::join).expect("the log could be read");
    Stopped { status, log: log.lock().expect("nobody panicked").clone() }
}

fn find(log: &Mutex<Vec<Value>>, message: &str) -> Option<Value> {
    log.lock().expect("nobody panicked").iter().find(|line| line["message"] == message).cloned()
}
