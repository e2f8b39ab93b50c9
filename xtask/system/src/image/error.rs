//! What can go wrong with an image in a way that somebody can act on, the class that decides the exit code, and a hint.
//!
//! Anything else is an `anyhow` error with its context, and ends with 1.

use thiserror::Error;

use crate::class::Class;

/// The variables with the name and the password for a registry that is not ECR.
pub(super) const USER: &str = "SITEPUSH_REGISTRY_USER";
pub(super) const PASSWORD: &str = "SITEPUSH_REGISTRY_PASSWORD";

/// A failure with a known cause.
#[derive(Debug, Error)]
pub enum ImageError {
    #[error("there is no service `{name}` in `services/`")]
    UnknownService { name: String, known: Vec<String> },
    #[error("`{given}` is no address of a registry: {why}")]
    Address { given: String, why: &'static str },
    #[error("`{host}` would be asked over plain HTTP, which only this machine's own registries may be")]
    PlainHttp { host: String },
    #[error("`--push` needs to know where to")]
    NowhereToPush,
    #[error("`{set}` is set, and `{missing}` is not")]
    HalfALogIn { set: &'static str, missing: &'static str },
    #[error("the tree differs from commit {commit}, so its images are not that commit's")]
    DirtyTree { commit: String, files: Vec<String> },
    #[error("`{reference}` is there already, with the digest {there}, and this build has {ours}")]
    TagTaken { reference: String, there: String, ours: String },
    #[error("cannot get a password for `{host}`")]
    Password {
        host: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("`{host}` refused {doing}")]
    Denied {
        host: String,
        doing: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("there is no `{what}` in the registry")]
    NotThere { what: String },
    #[error("`{host}` did not answer to {doing} ({attempts} attempts)")]
    Unreachable {
        host: String,
        doing: String,
        attempts: u32,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("`{service}` has a Dockerfile, which `docker buildx` builds, and that is not here")]
    NoDocker { service: String },
}

impl ImageError {
    pub fn class(&self) -> Class {
        match self {
            Self::UnknownService { .. }
            | Self::Address { .. }
            | Self::PlainHttp { .. }
            | Self::NowhereToPush
            | Self::HalfALogIn { .. } => Class::Usage,
            Self::DirtyTree { .. } | Self::TagTaken { .. } => Class::Refused,
            Self::Password { .. }
            | Self::Denied { .. }
            | Self::NotThere { .. }
            | Self::Unreachable { .. }
            | Self::NoDocker { .. } => Class::Environment,
        }
    }

    /// One action that may help.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownService { known, .. } => format!("there are {}", known.join(", ")),
            Self::Address { .. } => {
                "give it as `111122223333.dkr.ecr.eu-central-1.amazonaws.com/example-staging`, or `http://127.0.0.1:5000/example`"
                    .to_owned()
            }
            Self::PlainHttp { host } => format!("use `https://{host}`"),
            Self::NowhereToPush => "name the registry with `--registry`".to_owned(),
            Self::HalfALogIn { .. } => "set both for a registry with a log-in, and neither for another, or for ECR".to_owned(),
            Self::DirtyTree { files, .. } => {
                format!("commit or stash {}; without `--push` the images are built all the same", few(files))
            }
            Self::TagTaken { .. } => {
                "by its labels, what is there is no image of this service and commit: if nothing runs it, delete it in the registry; \
                 else commit anew"
                    .to_owned()
            }
            Self::Password { .. } => "see that AWS credentials are there, and may call ecr:GetAuthorizationToken".to_owned(),
            Self::Denied { .. } => {
                format!("who asks has to be allowed to do this in this repository; for another registry than ECR, `{USER}` and `{PASSWORD}` say who that is")
            }
            Self::NotThere { .. } => "`infra` makes the repositories: apply it first, or look for a typing error".to_owned(),
            Self::Unreachable { .. } => "run it again: what has arrived is not sent twice".to_owned(),
            Self::NoDocker { .. } => "install Docker with buildx (https://docs.docker.com)".to_owned(),
        })
    }
}

/// The first few of some names.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_files_is_cut() {
        let files: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        assert_eq!(few(&files), "`a`, `b`, `c` and 2 more");
        assert_eq!(few(&files[..3]), "`a`, `b`, `c`");
    }
}
