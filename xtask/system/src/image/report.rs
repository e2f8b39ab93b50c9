//! What `cargo xtask image` says at its end: a table for people, a document for programs. Makes text; prints nothing.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::build::BuiltImage;
use super::error::ImageError;
use super::push::{Arrival, PinnedImage};
use crate::class::Class;

/// One image and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub built: BuiltImage,
    /// None when nothing was to be pushed.
    pub pinned: Option<PinnedImage>,
}

#[derive(Serialize)]
struct Document<'a> {
    images: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    service: &'a str,
    /// Of what is in the registry, where something is.
    digest: &'a str,
    /// Null for an image that is on this machine alone.
    reference: Option<&'a str>,
    /// Null for the same; false when it was in the registry already.
    pushed: Option<bool>,
    /// Null for the same; true when what is in the registry was built of the same commit to other bytes than what is here.
    is_other_build: Option<bool>,
    size_bytes: u64,
    sbom: Option<&'a Path>,
    layout: &'a Path,
}

impl<'a> Row<'a> {
    fn of(done: &'a Done) -> Self {
        Self {
            service: &done.built.service,
            digest: done.pinned.as_ref().map_or(&done.built.digest, |pinned| &pinned.digest),
            reference: done.pinned.as_ref().map(|pinned| pinned.reference.as_str()),
            pushed: done.pinned.as_ref().map(|pinned| pinned.arrival == Arrival::Pushed),
            is_other_build: done.pinned.as_ref().map(|pinned| pinned.arrival == Arrival::FoundOtherBuild),
            size_bytes: done.built.size_bytes,
            sbom: done.built.sbom.as_deref(),
            layout: &done.built.layout,
        }
    }
}

/// The document, with a line end.
pub(super) fn json(images: &[Done]) -> Result<String> {
    let document = Document { images: images.iter().map(Row::of).collect() };
    Ok(serde_json::to_string_pretty(&document).context("cannot write the document")? + "\n")
}

/// One line for each image: what it is, and where. Paths are shown from `root`.
pub(super) fn table(images: &[Done], root: &Path) -> String {
    let width = images.iter().map(|done| done.built.service.len()).max().unwrap_or_default();
    let line = |done: &Done| {
        let BuiltImage { service, digest, layout, size_bytes, .. } = &done.built;
        let place = match &done.pinned {
            None => format!("in {}", layout.strip_prefix(root).unwrap_or(layout).display()),
            Some(PinnedImage { arrival, reference, .. }) => format!("{}: {reference}", arrival.told()),
        };
        // What is pushed has its digest in its name.
        let digest = if done.pinned.is_some() { String::new() } else { format!("{digest}  ") };
        format!(
            "{service:<width$}  {:>4}.{} MB  {digest}{place}\n",
            size_bytes / 1_000_000,
            size_bytes / 100_000 % 10
        )
    };
    images.iter().map(line).collect()
}

/// What is said of an error: the text for people, the document for programs, the exit code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub text: String,
    pub json: String,
    pub exit_code: u8,
}

/// Reads an error: message, causes from the nearest, and a hint where one is known.
pub(super) fn refusal(error: &anyhow::Error) -> Refusal {
    let known = error.chain().find_map(|cause| cause.downcast_ref::<ImageError>());
    let class = known.map_or(Class::Service, ImageError::class);
    let hint = known.and_then(ImageError::hint);
    let mut causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    // Some libraries tell a cause in their own text too.
    causes.dedup();
    let mut text = format!("error: {error}\n");
    text.extend(causes.iter().map(|cause| format!("  caused by: {cause}\n")));
    text.extend(hint.iter().map(|hint| format!("hint: {hint}\n")));
    let document = serde_json::json!({
        "error": {"class": class.name(), "message": error.to_string(), "causes": causes, "hint": hint},
        "exit_code": class.code(),
    });
    Refusal { text, json: format!("{document:#}\n"), exit_code: class.code() }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn done(service: &str, arrival: Option<Arrival>) -> Done {
        let built = BuiltImage {
            service: service.to_owned(),
            digest: "sha256:abc".to_owned(),
            layout: PathBuf::from("/project/target").join(service),
            size_bytes: 3_960_000,
            sbom: None,
        };
        let reference = format!("127.0.0.1:5000/{service}@sha256:abc");
        let pinned = arrival.map(|arrival| PinnedImage {
            service: service.to_owned(),
            reference,
            digest: built.digest.clone(),
            arrival,
        });
        Done { built, pinned }
    }

    #[test]
    fn the_table_says_where_each_image_is() {
        let images = [
            done("counter", None),
            done("guestbook", Some(Arrival::Pushed)),
            done("x", Some(Arrival::Found)),
            done("y", Some(Arrival::FoundOtherBuild)),
        ];
        assert_eq!(
            table(&images, Path::new("/project")),
            "counter       3.9 MB  sha256:abc  in target/counter\n\
             guestbook     3.9 MB  pushed: 127.0.0.1:5000/guestbook@sha256:abc\n\
             x             3.9 MB  already there: 127.0.0.1:5000/x@sha256:abc\n\
             y             3.9 MB  already there, built of this commit with other tools: 127.0.0.1:5000/y@sha256:abc\n"
        );
    }

    #[test]
    fn the_document_has_a_reference_only_for_what_was_pushed() {
        let document = json(&[done("counter", None), done("guestbook", Some(Arrival::Found))]).expect("JSON");
        let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        assert_eq!(document["images"][0]["reference"], serde_json::Value::Null);
        assert_eq!(document["images"][1]["reference"], "127.0.0.1:5000/guestbook@sha256:abc");
        assert_eq!(document["images"][1]["pushed"], false);
        assert_eq!(document["images"][1]["size_bytes"], 3_960_000);
    }

    #[test]
    fn an_error_has_its_causes_a_hint_and_the_code_of_its_class() {
        let source = "the connection was refused".into();
        let (host, doing) = ("127.0.0.1:1".to_owned(), "a log-in".to_owned());
        let error = anyhow::Error::from(ImageError::Unreachable { host, doing, attempts: 6, source });
        let refusal = refusal(&error.context("cannot push `counter`"));
        assert_eq!(
            refusal.text,
            "error: cannot push `counter`\n  caused by: `127.0.0.1:1` did not answer to a log-in (6 attempts)\n  \
             caused by: the connection was refused\nhint: run it again: what has arrived is not sent twice\n"
        );
        assert_eq!(refusal.exit_code, 5);
    }

    #[test]
    fn an_error_that_nobody_foresaw_is_a_failure() {
        assert_eq!(refusal(&anyhow::anyhow!("the disk is full")).exit_code, 1);
    }
}
