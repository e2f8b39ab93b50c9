//! What a program is made of: the crates that are linked into it, as a CycloneDX document.
//!
//! Which crates those are, Cargo says for this one package, this platform and this package's features; what is only needed to
//! build, and macros, are not in the program. Licenses, checksums and who needs whom come from the manifests and Cargo.lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use cyclonedx_bom::external_models::date_time::DateTime;
use cyclonedx_bom::external_models::normalized_string::NormalizedString;
use cyclonedx_bom::external_models::uri::Purl;
use cyclonedx_bom::models::bom::{Bom, SpecVersion, UrnUuid};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata as Subject;
use cyclonedx_bom::models::tool::{Tool, Tools};
use cyclonedx_bom::validation::Validate;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use xtask::project::Project;

use super::program::TARGET;
use super::source::Source;

/// A crate by name and version, as both Cargo's tree and its metadata tell it.
type NameVersion = (String, String);

/// The list for the image with the digest given, as JSON.
///
/// # Errors
/// When Cargo fails, or the document would not be valid.
pub(super) fn of(
    project: &Project,
    package: &str,
    service: &str,
    digest: &str,
    source: &Source,
) -> Result<Vec<u8>> {
    let linked = linked(&tree(project, package)?)?;
    let mut command = MetadataCommand::new();
    command.current_dir(project.path(""));
    command.other_options(["--locked", "--filter-platform", TARGET].map(str::to_owned));
    let metadata = command.exec().context("cannot read the workspace")?;
    let lock = fs::read_to_string(project.path("Cargo.lock")).context("cannot read Cargo.lock")?;
    let bom = document(package, service, digest, source, (&linked, &metadata, &checksums(&lock)?))?;
    let validity = bom.validate_version(SpecVersion::V1_5);
    ensure!(validity.passed(), "the list of what is in `{service}` is not valid: {validity:?}");
    let mut json = Vec::new();
    bom.output_as_json(&mut json, SpecVersion::V1_5)
        .context("cannot write the list of what is in the program")?;
    Ok(json)
}

fn tree(project: &Project, package: &str) -> Result<String> {
    let mut cargo = project.command("cargo");
    cargo.args(["tree", "--locked", "--package", package, "--target", TARGET]);
    cargo.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--no-dedupe", "--format", "{p}"]);
    let output = cargo.output().context("cannot run `cargo tree`")?;
    ensure!(
        output.status.success(),
        "`cargo tree` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout).context("`cargo tree` answers something else than text")
}

/// The crates in Cargo's tree: lines such as `serde v1.0.229` or `guestbook v0.0.0 (/folder)`.
fn linked(tree: &str) -> Result<BTreeSet<NameVersion>> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let version = words.next().and_then(|word| word.strip_prefix('v'));
        Ok((name, version.with_context(|| format!("`cargo tree` answers `{line}`"))?.to_owned()))
    };
    tree.lines().filter(|text| !text.is_empty()).map(line).collect()
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

fn checksums(lock: &str) -> Result<BTreeMap<NameVersion, String>> {
    let lock: Lock = toml::from_str(lock).context("Cargo.lock is none")?;
    Ok(lock.package.into_iter().filter_map(|one| Some(((one.name, one.version), one.checksum?))).collect())
}

/// Puts the document together.
fn document(
    package: &str,
    service: &str,
    digest: &str,
    source: &Source,
    (linked, metadata, checksums): (&BTreeSet<NameVersion>, &Metadata, &BTreeMap<NameVersion, String>),
) -> Result<Bom> {
    let key = |package: &Package| (package.name.to_string(), package.version.to_string());
    let packages: BTreeMap<NameVersion, &Package> =
        metadata.packages.iter().map(|package| (key(package), package)).collect();
    let mut components = Vec::new();
    let mut subject = None;
    for name in linked {
        let found =
            packages.get(name).with_context(|| format!("Cargo's metadata lacks `{} {}`", name.0, name.1))?;
        if name.0 == package {
            let image = digest.strip_prefix("sha256:").map(str::to_owned);
            let mut component = component(Classification::Container, found, image.as_ref())?;
            component.name = NormalizedString::new(service);
            component.version = Some(NormalizedString::new(&source.tag()));
            subject = Some(component);
        } else {
            components.push(component(Classification::Library, found, checksums.get(name))?);
        }
    }
    Ok(Bom {
        serial_number: Some(serial_number(digest)),
        metadata: Some(Subject {
            timestamp: Some(DateTime::try_from(source.time.to_string()).context("a time that is none")?),
            tools: Some(Tools::List(vec![Tool::new(
                "sitepush",
                "cargo xtask image",
                env!("CARGO_PKG_VERSION"),
            )])),
            component: Some(subject.with_context(|| format!("`{package}` is not in its own tree"))?),
            ..Subject::default()
        }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies(linked, metadata)?)),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    })
}

/// The same image has the same list, and another one another: the number is made of the digest.
fn serial_number(digest: &str) -> UrnUuid {
    let hash = const_hex::encode(Sha256::digest(digest));
    // Version 8 is for numbers that are made in a way of one's own (RFC 9562).
    let (time, rest) = hash[..32].split_at(8);
    UrnUuid(format!("urn:uuid:{time}-{}-8{}-8{}-{}", &rest[..4], &rest[5..8], &rest[9..12], &rest[12..]))
}

fn component(kind: Classification, package: &Package, checksum: Option<&String>) -> Result<Component> {
    let (name, version) = (package.name.as_str(), package.version.to_string());
    let purl = Purl::new("cargo", name, &version).with_context(|| format!("`{name}` has no package URL"))?;
    let mut component = Component::new(kind, name, &version, Some(purl.to_string()));
    component.purl = Some(purl);
    component.hashes = checksum.map(|checksum| {
        Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(checksum.clone()) }])
    });
    // Some older crates still write `MIT/Apache-2.0`.
    let license = package.license.as_ref().map(|license| license.replace('/', " OR "));
    component.licenses = license.map(|license| Licenses(vec![LicenseChoice::expression(&license)]));
    Ok(component)
}

/// Who needs whom, among the crates that are linked.
fn dependencies(linked: &BTreeSet<NameVersion>, metadata: &Metadata) -> Result<Vec<Dependency>> {
    let resolve = metadata.resolve.as_ref().context("Cargo's metadata has no dependencies")?;
    let reference = |name: &NameVersion| Purl::new("cargo", &name.0, &name.1).map(|purl| purl.to_string());
    let names: BTreeMap<_, NameVersion> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, (package.name.to_string(), package.version.to_string())))
        .collect();
    let mut dependencies = Vec::new();
    for node in &resolve.nodes {
        let Some(name) = names.get(&node.id).filter(|name| linked.contains(*name)) else { continue };
        let is_linked = |kinds: &[cargo_metadata::DepKindInfo]| {
            kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
        };
        let needed: BTreeSet<String> = node
            .deps
            .iter()
            .filter(|needed| is_linked(&needed.dep_kinds))
            .filter_map(|needed| names.get(&needed.pkg).filter(|name| linked.contains(*name)))
            .map(reference)
            .collect::<Result<_, _>>()?;
        dependencies.push(Dependency {
            dependency_ref: reference(name)?,
            dependencies: needed.into_iter().collect(),
        });
    }
    dependencies.sort_by(|one, other| one.dependency_ref.cmp(&other.dependency_ref));
    Ok(dependencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_read_with_and_without_folders() {
        let tree = "guestbook v0.0.0 (/folder with spaces/guestbook)\nserde v1.0.229\n\nserde v1.0.229\n";
        let wanted = [("guestbook", "0.0.0"), ("serde", "1.0.229")];
        let wanted = wanted.map(|(name, version)| (name.to_owned(), version.to_owned()));
        assert_eq!(linked(tree).expect("it is a tree"), BTreeSet::from(wanted));
        assert!(linked("error: no").is_err());
    }

    #[test]
    fn one_image_has_one_serial_number_and_it_is_a_valid_one() {
        let (one, other) = (serial_number("sha256:1"), serial_number("sha256:2"));
        assert_eq!(one, serial_number("sha256:1"));
        assert_ne!(one, other);
        assert_eq!(UrnUuid::new(one.0.clone()).map_err(|_| one.0.clone()), Ok(one));
    }

    #[test]
    fn a_program_lists_what_is_linked_into_it_and_who_needs_whom() {
        let project = Project::find().expect("Cargo runs the tests");
        let source = Source {
            commit: "c0ffee".to_owned(),
            changed: Vec::new(),
            time: jiff::Timestamp::UNIX_EPOCH,
            url: None,
        };
        let json = of(&project, "counter", "counter", &format!("sha256:{}", "0".repeat(64)), &source)
            .expect("a list");
        let list: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(
            (list["bomFormat"].as_str(), list["specVersion"].as_str()),
            (Some("CycloneDX"), Some("1.5"))
        );
        assert_eq!(list["metadata"]["component"]["name"], "counter");
        let components = list["components"].as_array().expect("a list");
        let find = |name: &str| components.iter().find(|component| component["name"] == name);
        let redis = find("redis").expect("it speaks with Redis");
        assert!(redis["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/redis@")), "{redis}");
        assert_eq!(redis["hashes"][0]["content"].as_str().map(str::len), Some(64));
        assert!(redis["licenses"][0]["expression"].is_string(), "{redis}");
        // What only tests, macros, build scripts, another service or another platform need.
        for absent in ["tempfile", "serde_derive", "cc", "tokio-postgres", "windows-sys"] {
            assert_eq!(find(absent), None);
        }
        let dependencies = list["dependencies"].as_array().expect("a list");
        let counter = dependencies.iter().find(|one| one["ref"] == list["metadata"]["component"]["bom-ref"]);
        let needed = counter.expect("it needs some")["dependsOn"].as_array().expect("a list");
        assert!(needed.contains(&redis["bom-ref"]), "{needed:?}");
    }
}
