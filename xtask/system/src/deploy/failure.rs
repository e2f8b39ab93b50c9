//! Why a task stopped, by class: the class decides the exit code, and a hint says what to do. The classes and codes are
//! those of `sitepush` (docs/exit-codes.md).

use std::error::Error;
use std::fmt::Write as _;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// Who is to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Arguments or settings.
    Usage,
    /// Credentials, permissions, the network, a program that is missing.
    Environment,
    /// A guard, or the person who was asked.
    Refused,
    /// Somebody else is at it, or was quicker.
    Conflict,
    /// It failed part way; the same command goes on from there.
    Service,
    /// Ctrl-C.
    Interrupted,
}

impl Class {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::Environment => 5,
            Self::Refused => 3,
            Self::Conflict => 4,
            Self::Service => 1,
            Self::Interrupted => 130,
        }
    }

    /// As `--json` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Environment => "environment",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Service => "service",
            Self::Interrupted => "interrupted",
        }
    }
}

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
    failure(error).map_or(Class::Service, |failure| failure.class)
}

/// What to do about it, where somebody knows.
pub fn hint(error: &anyhow::Error) -> Option<&str> {
    failure(error).and_then(|failure| failure.hint.as_deref())
}

fn failure(error: &anyhow::Error) -> Option<&Failure> {
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
        assert_eq!(hint(&error), Some("commit"));
        let error =
            anyhow::anyhow!("terraform said so").context(Failure::conflict("locked")).context("cannot plan");
        assert_eq!(class(&error), Class::Conflict, "said as context");
        assert_eq!(class(&anyhow::anyhow!("something")), Class::Service);
    }

    #[test]
    fn codes_are_those_of_the_documentation() {
        let page = include_str!("../../../../docs/exit-codes.md");
        for class in [Class::Usage, Class::Environment, Class::Refused, Class::Conflict, Class::Service] {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", class.name())));
            let row = row.unwrap_or_else(|| panic!("no row for {}", class.name()));
            assert!(row.contains(&class.code().to_string()), "{row}");
        }
    }
}
