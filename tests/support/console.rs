//! Runs the console examples of the docs, in order, against an embedded target of their own.
//!
//! A page gets a working folder with a small build in `dist`, a sitepush.toml and a commit. Every `$ ` line of a
//! ```` ```console ```` block is given to a shell, and what it prints (both streams, in their order) must be what the
//! page shows. A line that is only `...` stands for any number of lines. Two comments say what a reader need not see:
//! `<!-- docs-test: COMMAND -->` runs a command that must succeed, and `<!-- docs-test-put: KEY TEXT -->` has
//! somebody else write an object.
//!
//! With `SITEPUSH_UPDATE_DOCS=1` the pages are rewritten instead, where they differ in more than times and ids.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Command;

use regex_lite::Regex;

use crate::support::{BUCKET, Cloud, DISTRIBUTION, Site, program};

/// One example session: its target, its folder and the last exit code.
struct Session {
    cloud: Cloud,
    home: Site,
    last_code: i32,
}

/// What a page asks for, with the lines that it takes.
enum Step<'a> {
    /// A line of prose, or of a block in another language.
    Text(&'a str),
    Hidden(&'a str, &'a str),
    Put {
        line: &'a str,
        key: &'a str,
        text: &'a str,
    },
    Shown {
        command: &'a str,
        output: Vec<&'a str>,
    },
}

/// Runs all examples of a page and returns it as it should be; the problems are told with their commands.
pub fn run_page(page: &str) -> (String, Vec<String>) {
    let mut session = Session::new();
    let mut result = String::new();
    let mut problems = Vec::new();
    for step in steps(page) {
        match step {
            Step::Text(line) => result.push_str(line),
            Step::Hidden(line, command) => {
                let output = session.run(command);
                if session.last_code != 0 {
                    problems.push(format!("hidden `{command}` failed:\n{output}"));
                }
                result.push_str(line);
            }
            Step::Put { line, key, text } => {
                session.cloud.put_foreign(key, text.to_owned());
                result.push_str(line);
            }
            Step::Shown { command, output } => {
                let expected = output.concat();
                let actual = session.run(command);
                let _ = writeln!(result, "$ {command}");
                if fits(&expected, &actual) {
                    result.push_str(&expected);
                } else {
                    problems.push(format!("$ {command}\n--- the page\n{expected}--- the program\n{actual}"));
                    result.push_str(&actual);
                }
            }
        }
    }
    (result, problems)
}

fn steps(page: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut in_console = false;
    for line in page.split_inclusive('\n') {
        let text = line.trim_end_matches('\n');
        if text.starts_with("```") {
            in_console = text == "```console";
            steps.push(Step::Text(line));
        } else if let (true, Some(command)) = (in_console, text.strip_prefix("$ ")) {
            steps.push(Step::Shown { command, output: Vec::new() });
        } else if let (true, Some(Step::Shown { output, .. })) = (in_console, steps.last_mut()) {
            output.push(line);
        } else if let Some(command) = comment(text, "docs-test") {
            steps.push(Step::Hidden(line, command));
        } else if let Some((key, text)) = comment(text, "docs-test-put").and_then(|put| put.split_once(' ')) {
            steps.push(Step::Put { line, key, text });
        } else {
            steps.push(Step::Text(line));
        }
    }
    steps
}

fn comment<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix("<!-- ")?.strip_prefix(name)?.strip_prefix(": ")?.strip_suffix(" -->")
}

impl Session {
    fn new() -> Self {
        let home = Site::new();
        home.write(
            "dist/index.html",
            "<script src=\"/assets/app-DRXg7gsA.js\"></script><a href=\"/about/\">about</a>\n",
        )
        .write(
            "dist/about/index.html",
            "<img src=\"/assets/photo-D0KLVOtM.png\"><link href=\"/style.css\">\n",
        )
        .write("dist/assets/app-DRXg7gsA.js", "console.log(1)\n".repeat(400))
        .write("dist/assets/more-CzQAN4l5.js", "console.log(2)\n".repeat(80))
        .write("dist/assets/photo-D0KLVOtM.png", vec![7; 24_000])
        .write("dist/style.css", "body { color: black }\n")
        .write("sitepush.toml", configuration());
        let mut session = Self { cloud: Cloud::new(), home, last_code: 0 };
        session
            .run("git init -q && echo dist > .gitignore && git add . && git commit -qm 'Add the front page'");
        assert_eq!(session.last_code, 0, "the examples need git");
        session
    }

    /// Runs a command in the page's folder and returns what it printed.
    fn run(&mut self, command: &str) -> String {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut shell = self.shell(command);
        shell.stdout(writer.try_clone().expect("a pipe has copies")).stderr(writer);
        let mut child = shell.spawn().expect("there is a shell");
        // It holds the pipe's other end, which must close when the child ends.
        drop(shell);
        let mut output = String::new();
        let mut reader = BufReader::new(reader);
        if command.starts_with("sitepush preview") {
            while !output.contains("Ctrl-C ends it") && reader.read_line(&mut output).expect("text") > 0 {}
            child.kill().expect("it is at work");
        } else {
            reader.read_to_string(&mut output).expect("text");
        }
        self.last_code = child.wait().expect("it ends").code().unwrap_or(0);
        output
    }

    fn shell(&self, command: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_sitepush"));
        let mut path = binary.parent().expect("a folder").as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        // `exec` lets a killed preview be the preview, and the first line gives `$?` its value.
        let exec = if command.starts_with("sitepush preview") { "exec " } else { "" };
        let script = format!("(exit {})\n{exec}{command}", self.last_code);
        let mut shell = Command::new("sh");
        for (name, value) in program().get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        shell
            .args(["-c", &script])
            .current_dir(self.home.path())
            .env("PATH", path)
            .env("USER", "ada")
            .env("AWS_ACCESS_KEY_ID", &self.cloud.target.credentials().access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.cloud.target.credentials().secret_access_key)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", self.cloud.target.endpoint_url())
            .env("SITE_URL", self.cloud.target.site_url())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", "2026-11-23T09:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-11-23T09:00:00Z")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .stdin(std::process::Stdio::null());
        shell
    }
}

fn configuration() -> String {
    format!(
        "[site]\ndirectory = \"dist\"\n\n[targets.production]\nbucket = \"{BUCKET}\"\ndistributions = [\"{DISTRIBUTION}\"]\n"
    )
}

/// Whether the program's output is the page's, but for what differs from run to run and for lines left out.
pub fn fits(expected: &str, actual: &str) -> bool {
    let expected = redact(expected);
    let actual = redact(actual);
    let mut parts: Vec<Vec<&str>> = vec![Vec::new()];
    for line in expected.lines() {
        match line.trim() {
            "..." => parts.push(Vec::new()),
            _ => parts.last_mut().expect("one at least").push(line),
        }
    }
    let lines: Vec<&str> = actual.lines().collect();
    let (first, rest) = parts.split_first().expect("one at least");
    let Some((last, middle)) = rest.split_last() else { return lines == *first };
    if lines.len() < first.len() + last.len() || !lines.starts_with(first) || !lines.ends_with(last) {
        return false;
    }
    let mut open = &lines[first.len()..lines.len() - last.len()];
    middle.iter().all(|part| {
        let at = (0..=open.len().saturating_sub(part.len())).find(|at| open[*at..].starts_with(part));
        at.is_some_and(|at| {
            open = &open[at + part.len()..];
            true
        })
    })
}

/// The text without what no two runs share: release ids, times, durations, ports, owners, widths.
fn redact(text: &str) -> String {
    const RULES: &[(&str, &str)] = &[
        (r"\d{8}T\d{6}Z-([0-9a-f]{7}|nocommit)(-\d+)?", "RELEASE"),
        (r"\b[0-9a-f]{40}\b", "COMMIT"),
        (r"\b[0-9a-f]{7}\b", "COMMIT"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?( UTC|Z)?", "TIME"),
        (r"\d\d:\d\d:\d\d UTC", "TIME"),
        (r"in \d+(\.\d)? s\b", "in SOME s"),
        (r"\d+ s old", "SOME s old"),
        (r#""elapsed_milliseconds": \d+"#, "MILLISECONDS"),
        (r"sitepush-RELEASE-(\d+)-[0-9a-f]{16}", "REFERENCE"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"ada@\S+ \(process \d+\)", "ada@HOST (process ID)"),
        (r"(\S) {2,}", "$1  "),
    ];
    RULES.iter().fold(text.to_owned(), |text, (pattern, replacement)| {
        Regex::new(pattern).expect("a pattern").replace_all(&text, *replacement).into_owned()
    })
}
