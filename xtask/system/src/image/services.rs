//! How the image of each service comes about: by a Dockerfile, or from the program that its package makes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use xtask::project::Project;

use super::error::ImageError;
use crate::services;

/// Something that gets an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The folder's name, which is the repository's in the registry too.
    pub name: String,
    /// `services/NAME`; absolute.
    pub folder: PathBuf,
    pub kind: Kind,
}

/// How the image comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A program of the workspace, put into an empty image.
    Program { package: String, binary: String },
    /// Whatever the Dockerfile says.
    Dockerfile,
}

/// Finds the services, sorted by name: the folders with a `service.json`, for which Terraform makes repositories. A folder with a
/// Dockerfile is built by that, whatever else is in it.
///
/// # Errors
/// When Cargo cannot read the workspace, a service has neither a Dockerfile nor a package, a package has no program or several,
/// or a name is none that a repository may have.
pub fn services(project: &Project) -> Result<Vec<Service>> {
    let metadata = workspace(project)?;
    let described = services::services(project)?;
    let service = |name: String| {
        ensure!(
            is_repository_name(&name),
            "`services/{name}` cannot be the name of a repository: use lower-case letters, digits and dashes"
        );
        let folder = project.path(&format!("services/{name}"));
        let kind = kind(&folder, &metadata)?;
        Ok(Service { name, folder, kind })
    };
    described.into_iter().map(|described| service(described.name)).collect()
}

/// The services with the names given, in the order of `all`; all of them when no name is given.
///
/// # Errors
/// When there is none of a name.
pub(super) fn choose(all: &[Service], names: &[String]) -> Result<Vec<Service>> {
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|service| service.name != **name)) {
        let known = all.iter().map(|service| service.name.clone()).collect();
        return Err(ImageError::UnknownService { name: unknown.clone(), known }.into());
    }
    let is_wanted = |service: &&Service| names.is_empty() || names.contains(&service.name);
    Ok(all.iter().filter(is_wanted).cloned().collect())
}

/// The workspace's own packages, without what they depend on.
pub(super) fn workspace(project: &Project) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.current_dir(project.path("")).no_deps();
    command.exec().context("cannot read the workspace")
}

fn kind(folder: &Path, metadata: &Metadata) -> Result<Kind> {
    if folder.join("Dockerfile").is_file() {
        return Ok(Kind::Dockerfile);
    }
    let manifest = folder.join("Cargo.toml");
    let package = metadata.packages.iter().find(|package| package.manifest_path == manifest);
    let package = package.with_context(|| {
        format!(
            "`{}` has a service.json, and neither a Dockerfile nor a package of the workspace",
            folder.display()
        )
    })?;
    Ok(Kind::Program { package: package.name.to_string(), binary: binary(package)? })
}

fn binary(package: &Package) -> Result<String> {
    let mut binaries = package.targets.iter().filter(|target| target.is_bin());
    match (binaries.next(), binaries.next()) {
        (Some(only), None) => Ok(only.name.clone()),
        (None, _) => bail!("`{}` makes no program to put into an image", package.name),
        _ => bail!("`{}` has more than one program: an image takes one, so split the package", package.name),
    }
}

/// As Terraform's module `registry` wants them.
fn is_repository_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Service {
        Service { name: name.to_owned(), folder: PathBuf::from(name), kind: Kind::Dockerfile }
    }

    #[test]
    fn the_services_of_this_repository_are_found_and_its_libraries_are_not() {
        let project = Project::find().expect("Cargo runs the tests");
        let found = services(&project).expect("the workspace can be read");
        let names: Vec<_> = found.iter().map(|service| service.name.as_str()).collect();
        assert!(names.contains(&"guestbook") && names.contains(&"counter"), "{names:?}");
        assert!(!names.contains(&"common") && !names.contains(&"testkit"), "{names:?}");
        let counter = found.iter().find(|service| service.name == "counter").expect("it is among them");
        assert_eq!(
            counter.kind,
            Kind::Program { package: "counter".to_owned(), binary: "counter".to_owned() }
        );
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_those_that_are() {
        let all = [service("counter"), service("guestbook")];
        let error = choose(&all, &["guestbok".to_owned()]).expect_err("there is no such service");
        let error = error.downcast::<ImageError>().expect("it is one of ours");
        assert_eq!(error.hint().as_deref(), Some("there are counter, guestbook"));
    }

    #[test]
    fn all_are_chosen_when_none_is_named() {
        let all = [service("counter"), service("guestbook")];
        assert_eq!(choose(&all, &[]).expect("none is unknown").len(), 2);
        assert_eq!(choose(&all, &["guestbook".to_owned()]).expect("it is there"), [service("guestbook")]);
    }

    #[test]
    fn names_that_a_registry_or_terraform_refuses_are_told_apart() {
        for good in ["guestbook", "a1", "page-views"] {
            assert!(is_repository_name(good), "{good}");
        }
        for bad in ["Guestbook", "1a", "page_views", "", "é"] {
            assert!(!is_repository_name(bad), "{bad}");
        }
    }
}
