//! Holds answers against an OpenAPI document: the status has to be documented, and the body has to have its shape.
//!
//! Knows as much of JSON Schema as the documents of the services use, and panics at a keyword that it does not know.

use serde_json::Value;

/// Every method and path in a document, as in `GET /healthz`, sorted.
///
/// # Panics
/// When the text is no OpenAPI document.
pub fn documented_routes(text: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(text).expect("the document is JSON");
    let paths = document["paths"].as_object().expect("it has paths");
    let mut routes: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("a path has methods").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    routes.sort();
    routes
}

/// What is wrong with an answer by the document, or nothing. `path` has no query.
pub(crate) fn check(
    document: &Value,
    method: &str,
    path: &str,
    status: u16,
    body: &[u8],
) -> Result<(), String> {
    // What no route has is answered in the same form, and no document lists it.
    if status == 405 || (status == 404 && find(document, path).is_none()) {
        return conforms(document, &document["components"]["schemas"]["Error"], &parse(body)?);
    }
    let item = find(document, path).ok_or_else(|| format!("no path of the document is `{path}`"))?;
    let responses = &item[method.to_lowercase()]["responses"];
    let mut response = &responses[status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = resolve(document, reference)?;
    }
    if response.is_null() {
        return Err(format!("{method} {path} is not documented to answer {status}"));
    }
    match &response["content"]["application/json"]["schema"] {
        Value::Null if body.is_empty() => Ok(()),
        Value::Null => Err(format!("{status} is documented to have no body")),
        schema => conforms(document, schema, &parse(body)?),
    }
}

fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body)
        .map_err(|_| format!("the body is not JSON: {:?}", String::from_utf8_lossy(body)))
}

/// The path item whose template matches.
fn find<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    let matches = |template: &str| {
        let (wanted, found): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        wanted.len() == found.len()
            && wanted.iter().zip(&found).all(|(wanted, found)| wanted == found || wanted.starts_with('{'))
    };
    document["paths"].as_object()?.iter().find(|(template, _)| matches(template)).map(|(_, item)| item)
}

fn resolve<'a>(document: &'a Value, reference: &str) -> Result<&'a Value, String> {
    let pointer = reference.strip_prefix('#').ok_or("references stay inside the document")?;
    document.pointer(pointer).ok_or_else(|| format!("nothing is at `{reference}`"))
}

fn conforms(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let keywords = schema.as_object().ok_or("a schema is an object")?;
    for (keyword, wanted) in keywords {
        let is_kept = match keyword.as_str() {
            "$ref" => {
                return conforms(document, resolve(document, wanted.as_str().unwrap_or_default())?, value);
            }
            "type" => has_type(wanted, value),
            "required" => each(wanted).all(|name| value.get(name.as_str().unwrap_or_default()).is_some()),
            "enum" => each(wanted).any(|one| one == value),
            "minimum" => value.as_f64() >= wanted.as_f64(),
            "minLength" => value.as_str().is_some_and(|text| text.chars().count() as u64 >= number(wanted)),
            "maxLength" => value.as_str().is_some_and(|text| text.chars().count() as u64 <= number(wanted)),
            "pattern" => {
                wanted == "^[0-9]+$" && value.as_str().is_some_and(|text| text.parse::<u64>().is_ok())
            }
            "format" => wanted == "date-time" && value.as_str().is_some_and(is_utc_time),
            "properties" | "additionalProperties" | "items" | "description" => true,
            unknown => return Err(format!("the keyword `{unknown}` is not known here")),
        };
        if !is_kept {
            return Err(format!("`{value}` breaks `{keyword}: {wanted}`"));
        }
    }
    if let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, member) in members {
            match properties.get(name) {
                Some(property) => conforms(document, property, member)?,
                None if schema["additionalProperties"] == false => {
                    return Err(format!("`{name}` is not documented"));
                }
                None => {}
            }
        }
    }
    if let (Some(items), Some(item)) = (value.as_array(), schema.get("items")) {
        items.iter().try_for_each(|value| conforms(document, item, value))?;
    }
    Ok(())
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => false,
    };
    is(wanted) || each(wanted).any(is)
}

/// `2026-11-23T10:15:30.123Z`.
fn is_utc_time(text: &str) -> bool {
    let shape: String =
        text.chars().map(|character| if character.is_ascii_digit() { '9' } else { character }).collect();
    shape == "9999-99-99T99:99:99.999Z"
}

fn each(list: &Value) -> std::slice::Iter<'_, Value> {
    list.as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "paths": {"/things/{id}": {"get": {"responses": {
                "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "204": {"description": "Nothing."},
            }}}},
            "components": {"schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["id"],
                    "additionalProperties": false,
                    "properties": {"id": {"type": "integer", "minimum": 1}, "name": {"type": ["string", "null"]}},
                },
                "Error": {"type": "object", "required": ["error"]},
            }},
        })
    }

    fn answer(status: u16, body: &str) -> Result<(), String> {
        check(&document(), "GET", "/things/7", status, body.as_bytes())
    }

    #[test]
    fn what_is_documented_passes() {
        assert_eq!(answer(200, r#"{"id": 1, "name": null}"#), Ok(()));
        assert_eq!(answer(204, ""), Ok(()));
        assert_eq!(check(&document(), "GET", "/nowhere", 404, br#"{"error": "x"}"#), Ok(()));
    }

    #[test]
    fn each_departure_is_found() {
        for (status, body) in [
            (200, r#"{"name": "x"}"#),
            (200, r#"{"id": 0}"#),
            (200, r#"{"id": "1"}"#),
            (200, r#"{"id": 1, "more": 1}"#),
            (200, r#"{"id": 1, "name": 2}"#),
            (200, "[]"),
            (200, "no JSON"),
            (204, "x"),
            (404, "{}"),
        ] {
            assert!(answer(status, body).is_err(), "{status} {body}");
        }
        assert!(check(&document(), "GET", "/nowhere", 404, b"{}").is_err());
    }
}
