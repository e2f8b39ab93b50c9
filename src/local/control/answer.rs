//! What the API says when it says no, and the two shapes in which it says anything.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::xml::Element;

/// A refusal: an error code of the service, its HTTP status and a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    /// A refusal with these parts.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// As the XML API sends it.
    pub(super) fn into_xml(self) -> Response<Bytes> {
        let kind = if self.status < 500 { "Sender" } else { "Receiver" };
        let error =
            Element::new("Error").leaf("Type", kind).leaf("Code", self.code).leaf("Message", &self.message);
        let document = Element::new("ErrorResponse").child(&error).leaf("RequestId", "local");
        xml(self.status, &document)
    }

    /// As the JSON API sends it: the code is in a header.
    pub(super) fn into_json(self) -> Response<Bytes> {
        let mut response = json(self.status, &json!({ "Message": self.message }));
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(self.code));
        response
    }
}

pub(super) fn xml(status: u16, document: &Element) -> Response<Bytes> {
    respond(status, "text/xml", document.document())
}

pub(super) fn json(status: u16, document: &Value) -> Response<Bytes> {
    respond(status, "application/json", document.to_string())
}

pub(super) fn with_header(mut response: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn respond(status: u16, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    response.headers_mut().insert("x-amzn-requestid", HeaderValue::from_static("local"));
    response
}
