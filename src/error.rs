//! The error that a command ends with: what was being done, to what, what stopped it, and one hint.

use serde::Serialize;

use crate::exit_code::ExitCode;

/// What kind of failure it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Arguments, configuration, or the build's folder.
    Usage,
    /// Credentials, permissions, network.
    Environment,
    /// A guard refused.
    Refused,
    /// Somebody else is at work, or was quicker.
    Conflict,
    /// The service or this program failed.
    Service,
}

/// An error for people. Causes are printed below it, then the hint.
#[derive(Debug)]
pub struct Error {
    pub class: Class,
    /// Lower case, no final period, names in backticks.
    pub message: String,
    pub hint: Option<String>,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// The plan that was refused, for programs.
    pub plan: Option<Box<serde_json::Value>>,
}

/// What `--json` prints for an error.
#[derive(Debug, Serialize)]
pub struct ErrorDocument<'a> {
    error: ErrorFacts<'a>,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a serde_json::Value>,
}

#[derive(Debug, Serialize)]
struct ErrorFacts<'a> {
    class: Class,
    message: &'a str,
    causes: Vec<String>,
    hint: Option<&'a str>,
}

impl Error {
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None, source: None, plan: None }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Class::Usage, message)
    }

    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// With the plan that it is about.
    ///
    /// # Panics
    /// Never: a plan is JSON.
    #[must_use]
    pub fn about(self, plan: &impl Serialize) -> Self {
        let plan = serde_json::to_value(plan).expect("a plan has only string keys");
        Self { plan: Some(Box::new(plan)), ..self }
    }

    /// The documented exit code.
    pub fn exit_code(&self) -> ExitCode {
        match self.class {
            Class::Usage => ExitCode::Usage,
            Class::Environment => ExitCode::Environment,
            Class::Refused => ExitCode::Refused,
            Class::Conflict => ExitCode::Conflict,
            Class::Service => ExitCode::PartWay,
        }
    }

    /// The message, its causes and the hint, as they are printed.
    pub fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        for cause in self.causes() {
            text.push_str(&format!("  caused by: {cause}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        text
    }
}

impl Error {
    /// The same for programs.
    pub fn document(&self) -> ErrorDocument<'_> {
        let error = ErrorFacts {
            class: self.class,
            message: &self.message,
            causes: self.causes(),
            hint: self.hint.as_deref(),
        };
        ErrorDocument { error, exit_code: self.exit_code() as u8, plan: self.plan.as_deref() }
    }

    /// What led to it, the nearest first.
    fn causes(&self) -> Vec<String> {
        let first = self.source.as_deref().map(|source| source as &dyn std::error::Error);
        std::iter::successors(first, |error| error.source()).map(ToString::to_string).collect()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<crate::core::guard::Refusal> for Error {
    fn from(refusal: crate::core::guard::Refusal) -> Self {
        Self::new(Class::Refused, refusal.to_string()).with_hint(refusal.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_its_causes_and_one_hint() {
        let error = Error::new(Class::Environment, "cannot read bucket `b`")
            .caused_by("AccessDenied: no")
            .with_hint("ask for `s3:GetObject`");
        assert_eq!(
            error.render(),
            "error: cannot read bucket `b`\n  caused by: AccessDenied: no\nhint: ask for `s3:GetObject`\n"
        );
        assert_eq!(error.exit_code() as u8, 5);
        assert_eq!(
            serde_json::to_value(error.document()).expect("JSON"),
            serde_json::json!({
                "error": {
                    "class": "environment",
                    "message": "cannot read bucket `b`",
                    "causes": ["AccessDenied: no"],
                    "hint": "ask for `s3:GetObject`",
                },
                "exit_code": 5,
            })
        );
    }
}
