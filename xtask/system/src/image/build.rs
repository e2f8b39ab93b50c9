//! Builds the images of services and leaves each as a layout, with the list of what is in it beside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xtask::project::Project;

use super::layer::Layer;
use super::layout::Layout;
use super::manifest::Image;
use super::root::RootFs;
use super::services::{Kind, Service};
use super::source::Source;
use super::{dockerfile, program, sbom};

/// The folder of a service that is copied to the root of its image.
const OVERLAY: &str = "image";

/// An image on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    pub service: String,
    /// `sha256:…`: what a task definition names it by.
    pub digest: String,
    /// The folder of its OCI layout.
    pub layout: PathBuf,
    /// What a registry stores of it.
    pub size_bytes: u64,
    /// What the program is made of, in CycloneDX; none for an image that a Dockerfile makes.
    pub sbom: Option<PathBuf>,
}

/// Builds one image after another, in the order given. Cargo's and Docker's output is shown.
///
/// # Errors
/// When one cannot be built; those before it are in place then.
pub fn build(project: &Project, services: &[Service], source: &Source) -> Result<Vec<BuiltImage>> {
    let folder = project.scratch("images");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let build = |service: &Service| {
        let layout = folder.join(&service.name);
        let context = || format!("cannot build the image of `{}`", service.name);
        match &service.kind {
            Kind::Program { package, binary } => {
                from_program(project, service, (package, binary), source, &layout).with_context(context)
            }
            Kind::Dockerfile => {
                let image = dockerfile::build(project, service, source, &layout)?;
                Ok(built(service, &image, layout, None))
            }
        }
    };
    services.iter().map(build).collect()
}

fn from_program(
    project: &Project,
    service: &Service,
    (package, binary): (&str, &str),
    source: &Source,
    layout: &Path,
) -> Result<BuiltImage> {
    let program = program::compile(project, package, binary)?;
    let program = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let overlay = RootFs::read_overlay(&service.folder.join(OVERLAY))?;
    let layer = Layer::pack(&RootFs::assemble(&service.name, program, overlay)?)?;
    let image = Layout::write(layout, &Image::describe(&service.name, layer, source)?, &source.tag())?;
    let list = layout.with_extension("cdx.json");
    let contents = sbom::of(project, package, &service.name, &image.digest, source)?;
    fs::write(&list, contents).with_context(|| format!("cannot write {}", list.display()))?;
    Ok(built(service, &image, layout.to_owned(), Some(list)))
}

fn built(service: &Service, image: &Layout, layout: PathBuf, sbom: Option<PathBuf>) -> BuiltImage {
    BuiltImage {
        service: service.name.clone(),
        digest: image.digest.clone(),
        size_bytes: image.manifest.size_bytes() + image.manifest_bytes.len() as u64,
        layout,
        sbom,
    }
}
