//! Debian's `docker-registry` on a free port of the loopback interface, and `skopeo` to look into it.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use service_testkit::{free_port, wait_until};
use tempfile::TempDir;

/// Where the tests find the two programs; `cargo xtask test --only images` says it.
const REGISTRY: &str = "SITEPUSH_DOCKER_REGISTRY";
const SKOPEO: &str = "SITEPUSH_SKOPEO";

/// A registry of its own, stopped by its process id when the test ends.
pub struct Registry {
    pub port: u16,
    process: Child,
    home: TempDir,
}

impl Registry {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// One that asks each call for a name and a password, as ECR does: `AWS` and `a word`.
    pub fn start_with_password() -> Self {
        Self::start_with("AWS:$2b$04$I8Ku8DVx07.g8YqMNp0Vne4vZoXVxLLxlOiJhKza1.wYuqUXTh4e2\n")
    }

    /// `users` is a file of names and hashes by bcrypt; empty for anybody.
    fn start_with(users: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let folder = home.path().display();
        let mut settings = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: false}}}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"}}\n"
        );
        if !users.is_empty() {
            fs::write(home.path().join("htpasswd"), users).expect("a file");
            settings += &format!("auth: {{htpasswd: {{realm: images, path: {folder}/htpasswd}}}}\n");
        }
        fs::write(home.path().join("config.yml"), settings).expect("a file");
        let log = fs::File::create(home.path().join("log")).expect("a file");
        let mut server = Command::new(program(REGISTRY));
        server.arg("serve").arg(home.path().join("config.yml"));
        server.stdout(log.try_clone().expect("a file")).stderr(log).stdin(Stdio::null());
        let process = server.spawn().expect("the registry can be run");
        let registry = Self { port, process, home };
        wait_until("the registry listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        registry
    }

    /// Where images go: a folder in this registry.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/example", self.port)
    }

    /// How often something was begun to be sent: uploads of blobs, and manifests.
    pub fn uploads(&self) -> (usize, usize) {
        let log = fs::read_to_string(self.home.path().join("log")).expect("a log");
        let count = |word: &str| log.lines().filter(|line| line.contains(word)).count();
        (count("\"POST /v2/example/app/blobs/uploads/"), count("\"PUT /v2/example/app/manifests/"))
    }

    /// The file that holds a blob.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hash = digest.strip_prefix("sha256:").expect("a digest");
        self.home.path().join("data/docker/registry/v2/blobs/sha256").join(&hash[..2]).join(hash).join("data")
    }

    /// What `skopeo inspect` says of an image.
    pub fn inspect(&self, name: &str) -> Option<Value> {
        let name = format!("docker://127.0.0.1:{}/{name}", self.port);
        let output =
            skopeo().args(["inspect", "--tls-verify=false", &name]).output().expect("skopeo can be run");
        output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// Whether `skopeo` gets an image with this name and password, such as `ada:secret`.
    pub fn gives(&self, name: &str, user_and_password: &str) -> bool {
        let name = format!("docker://127.0.0.1:{}/{name}", self.port);
        let arguments = ["inspect", "--tls-verify=false", "--creds", user_and_password, &name];
        skopeo().args(arguments).output().expect("skopeo can be run").status.success()
    }

    /// Copies an image with `skopeo`, from or to this registry.
    pub fn copy(&self, from: &str, to: &str) {
        let mut skopeo = skopeo();
        skopeo.args(["copy", "--src-tls-verify=false", "--dest-tls-verify=false", from, to]);
        let output = skopeo.output().expect("skopeo can be run");
        assert!(output.status.success(), "{skopeo:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn skopeo() -> Command {
    let mut skopeo = Command::new(program(SKOPEO));
    // Some systems have no policy that allows anything.
    skopeo.arg("--insecure-policy");
    skopeo
}

/// A program that the task runner names; without the task runner, the one in the path.
fn program(variable: &str) -> PathBuf {
    let name = if variable == SKOPEO { "skopeo" } else { "docker-registry" };
    std::env::var_os(variable).map_or_else(|| Path::new(name).to_owned(), PathBuf::from)
}
