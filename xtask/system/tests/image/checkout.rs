//! A repository with one service, and `cargo xtask image` run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A program without dependencies. It says who it is, whether it can change its own root, and what it was told.
const PROGRAM: &str = r#"//! Says what it sees.

unsafe extern "C" {
    safe fn getuid() -> u32;
    safe fn getgid() -> u32;
}

fn main() {
    println!("user {} group {}", getuid(), getgid());
    println!("writing {:?}", std::fs::write("/written", "").map_err(|error| error.kind()));
    println!("replacing itself {:?}", std::fs::write("/app", "").map_err(|error| error.kind()));
    println!("commit {}", std::env::var("COMMIT").unwrap_or_default());
    println!("certificates {}", std::fs::read_to_string("/etc/ssl/certs/rds.pem").unwrap_or_default());
    println!("made in {}", library::HERE);
}
"#;

/// Makes a file while it is built, as many libraries do; the compiler knows it by its whole path.
const BUILD_SCRIPT: &str = r#"//! Makes a file.

fn main() {
    let folder = std::env::var("OUT_DIR").expect("Cargo tells it");
    let content = "/// Where this is.\npub const HERE: &str = file!();\n";
    std::fs::write(format!("{folder}/here.rs"), content).expect("it is ours");
}
"#;

/// Of a service: what Terraform and the router are told.
const DESCRIPTION: &str =
    r#"{"port": 8080, "priority": 1, "paths": ["/api/*"], "cpu": 256, "memory_mib": 512}"#;

/// A checkout in a folder of its own.
pub struct Checkout {
    pub root: PathBuf,
    _home: TempDir,
}

/// How `cargo xtask image` ended.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Checkout {
    /// A repository with the service `app` and one commit, the same every time, in a folder whose name has `name` in it.
    pub fn make(name: &str) -> Self {
        let home = tempfile::Builder::new().prefix(name).tempdir().expect("a folder");
        let root = home.path().canonicalize().expect("it is there").join(name);
        let checkout = Self { root, _home: home };
        checkout.write("Cargo.toml", "[workspace]\nmembers = [\"services/app\", \"services/library\"]\nresolver = \"3\"\n\n[profile.image]\ninherits = \"release\"\nstrip = true\n");
        checkout.write("services/app/Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\nlibrary = { path = \"../library\" }\n");
        checkout.write("services/app/src/main.rs", PROGRAM);
        let description =
            r#"{"port": 8080, "priority": 1, "paths": ["/api/*"], "cpu": 256, "memory_mib": 512}"#;
        checkout.write("services/app/service.json", description);
        checkout.write("services/app/image/etc/ssl/certs/rds.pem", "authorities\n");
        checkout.write(
            "services/library/Cargo.toml",
            "[package]\nname = \"library\"\nversion = \"0.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n",
        );
        checkout.write(
            "services/library/src/lib.rs",
            "//! No service.\n\ninclude!(concat!(env!(\"OUT_DIR\"), \"/here.rs\"));\n",
        );
        checkout.write("services/library/build.rs", BUILD_SCRIPT);
        checkout.write(".gitignore", "/target\n");
        checkout.run(Command::new("cargo").args(["generate-lockfile", "--offline"]));
        checkout.git(&["init", "--quiet", "--initial-branch", "main"]);
        checkout.git(&["add", "--all"]);
        checkout.commit("The first");
        checkout
    }

    /// Adds a service that its Dockerfile builds.
    pub fn write_dockerfile(&self, service: &str) {
        self.write(&format!("services/{service}/Dockerfile"), "FROM scratch\n");
        self.write(&format!("services/{service}/service.json"), DESCRIPTION);
    }

    pub fn write(&self, file: &str, content: &str) {
        let file = self.root.join(file);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("a folder");
        fs::write(file, content).expect("a file");
    }

    pub fn commit(&self, message: &str) {
        self.git(&["commit", "--quiet", "--all", "--allow-empty", "--message", message]);
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Runs git as nobody in particular, at one time.
    pub fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(arguments);
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), "Ada").env(format!("GIT_{role}_EMAIL"), "ada@example.com");
            git.env(format!("GIT_{role}_DATE"), "2026-11-26T12:00:00Z");
        }
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        self.run(&mut git)
    }

    fn run(&self, command: &mut Command) -> String {
        let output = command.current_dir(&self.root).output().expect("it can be run");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// `cargo xtask image` with arguments.
    pub fn image(&self, arguments: &[&str]) -> Answer {
        self.image_with(arguments, &[])
    }

    /// The same, with variables.
    pub fn image_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Answer {
        let mut program = Command::new(env!("CARGO_BIN_EXE_system"));
        program.arg("image").args(arguments).current_dir(&self.root);
        // As Cargo tells it, from where it stands in this repository.
        program.env("CARGO_MANIFEST_DIR", self.root.join("xtask/system"));
        program
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("SITEPUSH_REGISTRY")
            .env_remove("SITEPUSH_REGISTRY_USER")
            .env_remove("SITEPUSH_REGISTRY_PASSWORD")
            .envs(variables.iter().copied());
        Answer::of(&program.output().expect("it can be run"))
    }

    /// Builds the one image, and returns what is told of it.
    pub fn build(&self) -> Value {
        self.image(&["--json"]).images()[0].clone()
    }

    /// Pushes to a registry, and returns what is told of the image.
    pub fn push(&self, registry: &str) -> Value {
        self.image(&["--push", "--registry", registry, "--json"]).images()[0].clone()
    }
}

impl Answer {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The images in the document; it has to have gone well.
    pub fn images(&self) -> Vec<Value> {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        let document: Value = serde_json::from_str(&self.stdout).expect("stdout is one document");
        document["images"].as_array().expect("a list").clone()
    }
}

/// A text in a document.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value}"))
}

/// A document in a file.
pub fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).expect("it is there")).expect("JSON")
}

/// A blob of a layout, as a document.
pub fn blob(layout: &str, digest: &str) -> Value {
    read(&Path::new(layout).join("blobs").join(digest.replace(':', "/")))
}
