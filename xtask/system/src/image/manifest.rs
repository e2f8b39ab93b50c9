//! The documents of an image: its configuration and its manifest, as the OCI image specification has them.
//!
//! They are hashed, so their bytes must not depend on anything but their values: fields in the order below, maps sorted. That is
//! why these types are our own; other people's keep labels in maps without an order.
//! Source: <https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md>, and `manifest.md` beside it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::layer::{Layer, digest};
use super::root::USER_ID;
use super::source::Source;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The port that services listen on, unless they are told another.
const PORT: &str = "8080/tcp";

/// How a container of an image is run. Of an image that somebody else made, the fields that are not told are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// `uid:gid` in images of ours.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_default")]
    pub exposed_ports: BTreeMap<String, Nothing>,
    /// `NAME=value`, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub env: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub cmd: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
}

/// An empty object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Nothing {}

impl ImageConfig {
    /// The words of the command line, the program first.
    pub fn command(&self) -> Vec<&str> {
        self.entrypoint.iter().chain(&self.cmd).map(String::as_str).collect()
    }

    /// User and group as numbers; none for names, which only the image's own files could explain.
    pub fn user_ids(&self) -> Option<(u32, u32)> {
        let (user, group) = self.user.split_once(':').unwrap_or((&self.user, &self.user));
        Some((user.parse().ok()?, group.parse().ok()?))
    }
}

/// The configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ConfigFile {
    pub architecture: String,
    pub os: String,
    #[serde(default)]
    pub created: String,
    #[serde(default)]
    pub config: ImageConfig,
    pub rootfs: RootFsDigests,
    #[serde(default)]
    pub history: Vec<History>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RootFsDigests {
    #[serde(rename = "type")]
    pub kind: String,
    pub diff_ids: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    #[serde(default)]
    pub created: String,
    #[serde(default)]
    pub created_by: String,
}

/// The manifest: what an image is made of, and what its digest is taken of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub schema_version: u32,
    #[serde(default)]
    pub media_type: String,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A reference to bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    /// In bytes.
    pub size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        let (media_type, size) = (media_type.to_owned(), bytes.len() as u64);
        Self { media_type, digest: digest(bytes), size, annotations: BTreeMap::new() }
    }
}

impl Manifest {
    /// What is stored: the configuration, then the layers; each digest once.
    pub fn blobs(&self) -> Vec<&Descriptor> {
        let mut seen = BTreeSet::new();
        std::iter::once(&self.config).chain(&self.layers).filter(|blob| seen.insert(&blob.digest)).collect()
    }

    /// The bytes of the image in a registry, without those of the manifest.
    pub fn size_bytes(&self) -> u64 {
        self.blobs().iter().map(|blob| blob.size).sum()
    }
}

/// An image as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub manifest: Vec<u8>,
    pub config: Vec<u8>,
    pub layer: Layer,
}

impl Image {
    /// Makes the documents for one layer that holds the program `/NAME`.
    ///
    /// # Errors
    /// Never, unless a document cannot be written as JSON.
    pub fn describe(name: &str, layer: Layer, source: &Source) -> Result<Self> {
        let labels = labels(name, source);
        let created = source.time.to_string();
        let config = ConfigFile {
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            created: created.clone(),
            config: ImageConfig {
                user: format!("{USER_ID}:{USER_ID}"),
                exposed_ports: BTreeMap::from([(PORT.to_owned(), Nothing {})]),
                // What the services tell on `/healthz` and in their logs.
                env: vec![format!("COMMIT={}", source.tag())],
                entrypoint: vec![format!("/{name}")],
                cmd: Vec::new(),
                working_dir: "/".to_owned(),
                labels: labels.clone(),
            },
            rootfs: RootFsDigests { kind: "layers".to_owned(), diff_ids: vec![layer.diff_id.clone()] },
            history: vec![History { created, created_by: "cargo xtask image".to_owned() }],
        };
        let config = serde_json::to_vec(&config).context("cannot write the configuration")?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            config: Descriptor::of(CONFIG, &config),
            layers: vec![Descriptor::of(LAYER, &layer.bytes)],
            annotations: labels,
        };
        let manifest = serde_json::to_vec(&manifest).context("cannot write the manifest")?;
        Ok(Self { manifest, config, layer })
    }
}

/// Where an image comes from. Source: <https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md>.
pub(super) fn labels(name: &str, source: &Source) -> BTreeMap<String, String> {
    let mut labels = identity(name, source);
    labels.insert(label("created"), source.time.to_string());
    labels.extend(source.url.clone().map(|url| (label("source"), url)));
    labels
}

/// Those of the labels that say which service an image is of, and which commit: the same for every clone and all tools.
pub(super) fn identity(name: &str, source: &Source) -> BTreeMap<String, String> {
    let labels = [("title", name.to_owned()), ("revision", source.commit.clone()), ("version", source.tag())];
    labels.map(|(key, value)| (label(key), value)).into()
}

fn label(key: &str) -> String {
    format!("org.opencontainers.image.{key}")
}

/// Some builders write `null` for nothing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::image::root::RootFs;

    fn image(commit: &str) -> Image {
        let source = Source {
            commit: commit.to_owned(),
            changed: Vec::new(),
            time: Timestamp::from_second(1_700_000_000).expect("a time"),
            url: Some("https://example.com/group/name".to_owned()),
        };
        let root = RootFs::assemble("app", b"program".to_vec(), RootFs::default()).expect("nothing collides");
        Image::describe("app", Layer::pack(&root).expect("packed"), &source).expect("described")
    }

    #[test]
    fn the_configuration_says_who_runs_what_and_where_it_comes_from() {
        let config: serde_json::Value = serde_json::from_slice(&image("c0ffee").config).expect("JSON");
        assert_eq!(
            config["config"],
            serde_json::json!({
                "User": "65532:65532",
                "ExposedPorts": {"8080/tcp": {}},
                "Env": ["COMMIT=c0ffee"],
                "Entrypoint": ["/app"],
                "WorkingDir": "/",
                "Labels": {
                    "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
                    "org.opencontainers.image.revision": "c0ffee",
                    "org.opencontainers.image.source": "https://example.com/group/name",
                    "org.opencontainers.image.title": "app",
                    "org.opencontainers.image.version": "c0ffee",
                },
            })
        );
        assert_eq!(config["created"], "2023-11-14T22:13:20Z");
        assert_eq!(config["architecture"], "amd64");
    }

    #[test]
    fn the_manifest_names_the_bytes_beside_it() {
        let image = image("c0ffee");
        let manifest: Manifest = serde_json::from_slice(&image.manifest).expect("it can be read back");
        assert_eq!(manifest.config.digest, digest(&image.config));
        assert_eq!(manifest.layers[0].digest, image.layer.digest);
        assert_eq!(manifest.size_bytes(), (image.config.len() + image.layer.bytes.len()) as u64);
    }

    #[test]
    fn another_commit_is_another_image_with_the_same_layer() {
        let (one, other) = (image("c0ffee"), image("decade"));
        assert_ne!(digest(&one.manifest), digest(&other.manifest));
        assert_eq!(one.layer, other.layer);
    }

    #[test]
    fn configurations_of_other_builders_are_read() {
        let text = r#"{"User": "1000", "Cmd": ["/bin/app", "-v"], "Entrypoint": null, "Labels": null, "OnBuild": null}"#;
        let config: ImageConfig = serde_json::from_str(text).expect("nothing has to be there");
        assert_eq!(config.command(), ["/bin/app", "-v"]);
        assert_eq!(config.user_ids(), Some((1000, 1000)));
        assert_eq!(ImageConfig { user: "app".to_owned(), ..ImageConfig::default() }.user_ids(), None);
    }
}
