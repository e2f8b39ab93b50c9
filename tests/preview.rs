//! What `sitepush preview --watch` sees of a build that goes on.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::{Site, program};

/// A preview that is ended with the test.
struct Preview {
    child: Child,
    address: String,
}

impl Preview {
    fn watching(site: &Site) -> Self {
        let mut command = program();
        command.args(["preview", "--watch", "--port", "0", "--json"]).arg(site.path().join("dist"));
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it is");
        let document: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let url = document["site_url"].as_str().expect("an address");
        let address = url.trim_start_matches("http://").to_owned();
        // It says that it watches only after it has begun to.
        let stderr = child.stderr.as_mut().expect("it is piped");
        let mut notes = BufReader::new(stderr).lines();
        assert!(notes.any(|line| line.expect("text").starts_with("watching ")));
        Self { child, address }
    }

    fn page(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let started = Instant::now();
        while !self.page().contains(text) {
            assert!(started.elapsed() < Duration::from_secs(20), "`{text}` was never served");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_folder_that_is_removed_and_made_again_is_still_watched() {
    let site = Site::new();
    site.write("dist/index.html", "edition one");
    let preview = Preview::watching(&site);
    preview.wait_for("edition one");
    std::fs::remove_dir_all(site.path().join("dist")).expect("removed");
    std::thread::sleep(Duration::from_secs(1));
    site.write("dist/index.html", "edition two");
    preview.wait_for("edition two");
    site.write("dist/index.html", "edition three");
    preview.wait_for("edition three");
}
