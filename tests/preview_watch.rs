//! `preview --watch` beside builds that do not keep their output folder.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Site, program};

/// However busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A preview at work; it ends with this value.
struct Preview {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
}

impl Preview {
    fn start(site: &Site) -> Self {
        let mut child = program()
            .args(["preview", "dist", "--watch", "--port", "0", "--json"])
            .current_dir(site.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        let document: Value = serde_json::from_str(&line).expect("one line of JSON");
        let url = document["site_url"].as_str().expect("text");
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, stderr) = (Arc::clone(&said), child.stderr.take().expect("it is piped"));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                heard.lock().expect("not poisoned").push_str(&format!("{line}\n"));
            }
        });
        Self { child, address, said }
    }

    fn said(&self) -> String {
        self.said.lock().expect("not poisoned").clone()
    }

    fn home(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    }

    #[track_caller]
    fn comes_to_serve(&self, text: &str) {
        self.waits_for(|preview| preview.home().contains(text), text);
    }

    #[track_caller]
    fn comes_to_say(&self, text: &str) {
        self.waits_for(|preview| preview.said().contains(text), text);
    }

    #[track_caller]
    fn waits_for(&self, is_there: impl Fn(&Self) -> bool, what: &str) {
        let started = Instant::now();
        while !is_there(self) {
            assert!(started.elapsed() < PATIENCE, "no `{what}`:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn remove_build(site: &Site) {
    std::fs::remove_dir_all(site.path().join("dist")).expect("the folder is there");
}

#[test]
fn a_build_that_makes_its_folder_anew_is_seen_every_time() {
    let site = Site::new();
    site.write("dist/index.html", "edition 0");
    let preview = Preview::start(&site);
    preview.comes_to_serve("edition 0");
    for edition in 1..=4 {
        remove_build(&site);
        site.write("dist/index.html", format!("edition {edition}"));
        preview.comes_to_serve(&format!("edition {edition}"));
    }
    site.write("dist/index.html", "an edit");
    preview.comes_to_serve("an edit");
}

#[test]
fn a_folder_put_in_the_place_of_another_is_seen() {
    let site = Site::new();
    site.write("dist/index.html", "first").write("next/index.html", "second");
    let preview = Preview::start(&site);
    preview.comes_to_serve("first");
    let path = |name: &str| site.path().join(name);
    std::fs::rename(path("dist"), path("last")).expect("folders can be moved");
    std::fs::rename(path("next"), path("dist")).expect("folders can be moved");
    preview.comes_to_serve("second");
    site.write("dist/index.html", "third");
    preview.comes_to_serve("third");
}

#[test]
fn while_the_folder_is_gone_or_empty_one_line_says_so_and_the_last_build_is_served() {
    let site = Site::new();
    site.write("dist/index.html", "the site");
    let preview = Preview::start(&site);
    remove_build(&site);
    preview.comes_to_say("dist is gone: the last build stays until there is another");
    assert!(preview.home().contains("the site"));
    site.write("dist/index.html", "again");
    preview.comes_to_serve("again");
    site.remove("dist/index.html");
    preview.comes_to_say("dist is empty: the last build stays until there is another");
    assert!(preview.home().contains("again"));
    let said = preview.said();
    assert!(!said.contains("error:") && !said.contains("left the build"), "{said}");
}
