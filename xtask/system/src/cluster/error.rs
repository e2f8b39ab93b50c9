//! What the API refuses, as ECS writes it.

use serde_json::{Value, json};

/// A refusal with its code and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub code: &'static str,
    pub message: String,
}

pub(super) type Answer = Result<Value, ApiError>;

impl ApiError {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub fn client(message: impl Into<String>) -> Self {
        Self::new("ClientException", message)
    }

    pub fn to_json(&self) -> Value {
        json!({ "__type": self.code, "message": self.message })
    }
}
