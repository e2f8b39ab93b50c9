//! Images of services that bring a Dockerfile, built by `docker buildx`.
//!
//! Whether such an image is the same every time is up to its Dockerfile: packages that it installs are what a mirror has today.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use xtask::project::Project;
use xtask::tools;

use super::error::ImageError;
use super::layout::{Layout, fresh_folder, replace};
use super::manifest::labels;
use super::services::Service;
use super::source::Source;

/// Builds into `layout`. The context is the service's folder.
///
/// # Errors
/// When Docker is not here, the build fails, or what it leaves is no single image.
pub(super) fn build(project: &Project, service: &Service, source: &Source, layout: &Path) -> Result<Layout> {
    if tools::find("docker").is_none() {
        return Err(ImageError::NoDocker { service: service.name.clone() }.into());
    }
    let fresh = fresh_folder(layout)?;
    let mut docker = project.command("docker");
    tell(&mut docker, service, source, &fresh);
    tools::run(&mut docker)?;
    // Read before it takes the other's place.
    Layout::read(&fresh)?;
    replace(&fresh, layout)?;
    Layout::read(layout)
}

fn tell(docker: &mut Command, service: &Service, source: &Source, output: &Path) {
    docker.args(["buildx", "build", "--platform", "linux/amd64"]);
    // A statement of how it was built holds times, and makes an index out of the one image.
    docker.arg("--provenance=false");
    docker.arg(format!("--output=type=oci,tar=false,rewrite-timestamp=true,dest={}", output.display()));
    docker.arg(format!("--build-arg=SOURCE_DATE_EPOCH={}", source.time.as_second()));
    docker.arg(format!("--build-arg=COMMIT={}", source.tag()));
    for (key, value) in labels(&service.name, source) {
        docker.arg(format!("--label={key}={value}"));
    }
    docker.arg(&service.folder);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jiff::Timestamp;

    use super::*;
    use crate::image::services::Kind;

    #[test]
    fn docker_is_told_the_platform_the_time_and_the_labels() {
        let service =
            Service { name: "app".to_owned(), folder: PathBuf::from("services/app"), kind: Kind::Dockerfile };
        let time = Timestamp::from_second(1_700_000_000).expect("a time");
        let source = Source { commit: "c0ffee".to_owned(), changed: Vec::new(), time, url: None };
        let mut docker = Command::new("docker");
        tell(&mut docker, &service, &source, Path::new("out"));
        assert_eq!(
            tools::describe(&docker),
            "docker buildx build --platform linux/amd64 --provenance=false \
             --output=type=oci,tar=false,rewrite-timestamp=true,dest=out --build-arg=SOURCE_DATE_EPOCH=1700000000 --build-arg=COMMIT=c0ffee \
             --label=org.opencontainers.image.created=2023-11-14T22:13:20Z --label=org.opencontainers.image.revision=c0ffee \
             --label=org.opencontainers.image.title=app --label=org.opencontainers.image.version=c0ffee services/app"
        );
    }
}
