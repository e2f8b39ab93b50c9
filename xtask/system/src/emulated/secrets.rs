//! Secrets as a task definition names them, out of the emulator's Secrets Manager.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::tree::REGION;

/// Asks `endpoint` for what `valueFrom` names: an ARN, or `ARN:key::` for a key of a JSON secret.
pub fn source(
    endpoint: String,
) -> Arc<dyn Fn(String) -> BoxFuture<'static, Result<String, String>> + Send + Sync> {
    Arc::new(move |from: String| {
        let endpoint = endpoint.clone();
        async move {
            let asked = tokio::task::spawn_blocking(move || read(&endpoint, &from)).await;
            asked.map_err(|error| error.to_string())?
        }
        .boxed()
    })
}

/// The ARN, which has seven parts, and the key.
fn split(from: &str) -> (String, Option<String>) {
    let parts: Vec<&str> = from.split(':').collect();
    let arn = parts[..parts.len().min(7)].join(":");
    (arn, parts.get(7).filter(|key| !key.is_empty()).map(|key| (*key).to_owned()))
}

fn read(endpoint: &str, from: &str) -> Result<String, String> {
    let (arn, key) = split(from);
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=emulated/20260101/{REGION}/secretsmanager/aws4_request, SignedHeaders=host, Signature=none"
    );
    let answer = ureq::post(endpoint)
        .header("x-amz-target", "secretsmanager.GetSecretValue")
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", &scope)
        .send(json!({ "SecretId": arn }).to_string());
    let mut answer = answer.map_err(|error| format!("`{arn}`: {error}"))?;
    let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
    let document: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let secret = document["SecretString"].as_str().ok_or_else(|| format!("`{arn}` has no text"))?;
    let Some(key) = key else { return Ok(secret.to_owned()) };
    let members: Value = serde_json::from_str(secret).map_err(|_| format!("`{arn}` is not JSON"))?;
    members[&key].as_str().map(str::to_owned).ok_or_else(|| format!("`{arn}` has no key `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_after_the_seven_parts_of_an_arn() {
        let arn = "arn:aws:secretsmanager:eu-central-1:1:secret:rds!db-x";
        assert_eq!(split(arn), (arn.to_owned(), None));
        assert_eq!(split(&format!("{arn}:password::")), (arn.to_owned(), Some("password".to_owned())));
        assert_eq!(split(&format!("{arn}:::")), (arn.to_owned(), None));
    }
}
