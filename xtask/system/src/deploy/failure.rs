//! Why a task stopped: what was being done, by which class, and what to do about it.

use std::error::Error;
use std::fmt::Write as _;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::class::Class;
use crate::image::ImageError;

/// What was being done, to what, and what stopped it; causes are a chain of their own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub class: Class,
    pub message: String,
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, message)
    }

    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Class::Refused, message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Class::Conflict, message)
    }

    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Class::Environment, message)
    }

    pub fn service(message: impl Into<String>) -> Self {
        Self::new(Class::Service, message)
    }

    /// What a call to AWS came to. `doing` is what was being done to what, such as "cannot read `x`".
    pub fn aws<E>(doing: impl Into<String>, error: &SdkError<E>) -> anyhow::Error
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let class = class_of(error);
        let mut failure = Self::new(class, doing);
        let _ = write!(failure.message, ": {}", reason(error));
        if class == Class::Environment {
            failure.hint = Some("look at AWS_PROFILE and AWS_REGION, and sign in again".to_owned());
        }
        failure.into()
    }
}

fn class_of<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Class {
    /// Error codes that are about who asks. Source: "Common Errors" of the services' API references.
    const WHO: &[&str] = &[
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ];
    match error {
        SdkError::ServiceError(service)
            if service.raw().status().as_u16() != 403
                && !service.err().code().is_some_and(|code| WHO.contains(&code)) =>
        {
            Class::Service
        }
        _ => Class::Environment,
    }
}

/// AWS's own words where there are some.
fn reason<E: Error + ProvideErrorMetadata + Send + Sync + 'static>(error: &SdkError<E>) -> String {
    match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or("AWS gives no reason")),
        // An answer without a document, such as that of HEAD, says what it says by its status.
        None => match error {
            SdkError::ServiceError(service) => {
                format!("it was answered with status {}", service.raw().status().as_u16())
            }
            other => innermost(other),
        },
    }
}

/// What went wrong at the bottom: the layers above it say only that something did.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The class of an error, wherever in its chain it is said; an error without one is a failure part way.
pub fn class(error: &anyhow::Error) -> Class {
    let of_image = || said::<ImageError>(error).map(ImageError::class);
    said::<Failure>(error).map(|failure| failure.class).or_else(of_image).unwrap_or(Class::Service)
}

/// What to do about it, where somebody knows.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    let of_image = || said::<ImageError>(error).and_then(ImageError::hint);
    said::<Failure>(error).and_then(|failure| failure.hint.clone()).or_else(of_image)
}

fn said<E: Error + Send + Sync + 'static>(error: &anyhow::Error) -> Option<&E> {
    // What was said as context is no link of the chain by its own type; what was returned as an error is.
    error.downcast_ref().or_else(|| error.chain().find_map(|cause| cause.downcast_ref()))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_class_is_found_below_what_was_said_about_it() {
        let error: anyhow::Error = Failure::refused("the tree is dirty").hint("commit").into();
        let error = Err::<(), _>(error).context("cannot deploy").expect_err("it is one");
        assert_eq!(class(&error), Class::Refused);
        assert_eq!(hint(&error).as_deref(), Some("commit"));
        let error =
            anyhow::anyhow!("terraform said so").context(Failure::conflict("locked")).context("cannot plan");
        assert_eq!(class(&error), Class::Conflict, "said as context");
        assert_eq!(class(&anyhow::anyhow!("something")), Class::Service);
    }

    #[test]
    fn a_registry_that_is_not_reached_is_no_failure_part_way() {
        let unreachable = ImageError::Unreachable {
            host: "registry".to_owned(),
            doing: "a push".to_owned(),
            attempts: 4,
            source: "refused".into(),
        };
        let error = anyhow::Error::from(unreachable).context("cannot push the image of `counter`");
        assert_eq!(class(&error), Class::Environment);
        assert!(hint(&error).is_some());
    }
}
