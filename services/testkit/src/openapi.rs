//! Holds answers against an OpenAPI document: the status has to be documented, and the body has to have its shape. And requests that
//! are answered well: whoever knows the document alone has to be able to make them.
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

/// What is wrong by the document with a request that was answered well, or nothing: names in its query that nobody can know of,
/// a value or a body of another shape, something required that did without. `path` may have a query.
pub(crate) fn check_request(document: &Value, method: &str, path: &str, body: &[u8]) -> Result<(), String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let item = find(document, path).ok_or_else(|| format!("no path of the document is `{path}`"))?;
    let operation = &item[method.to_lowercase()];
    let mut required = Vec::new();
    let mut documented = Vec::new();
    for parameter in each(&operation["parameters"]).filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().ok_or("a parameter has a name")?;
        documented.push((name, &parameter["schema"]));
        if parameter["required"] == true {
            required.push(name);
        }
    }
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let (_, schema) = documented
            .iter()
            .find(|(documented, _)| *documented == name)
            .ok_or_else(|| format!("the parameter `{name}` is not documented"))?;
        conforms(document, schema, &value_of(schema, &text))
            .map_err(|problem| format!("the parameter `{name}`: {problem}"))?;
        required.retain(|required| *required != name);
    }
    if let Some(name) = required.first() {
        return Err(format!("the parameter `{name}` is documented to be required, and was not"));
    }
    let wanted = &operation["requestBody"];
    match &wanted["content"]["application/json"]["schema"] {
        _ if body.is_empty() && wanted["required"] == true => {
            Err("a body is documented to be required, and was not".to_owned())
        }
        _ if body.is_empty() => Ok(()),
        Value::Null => Err("no body of the request is documented".to_owned()),
        schema => {
            conforms(document, schema, &parse(body)?).map_err(|problem| format!("the request: {problem}"))
        }
    }
}

/// A parameter's text, as a value of the type that its schema says.
fn value_of(schema: &Value, text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) if schema["type"] == "integer" => number.into(),
        _ => text.into(),
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
            "maximum" => value.as_f64() <= wanted.as_f64(),
            "minLength" => value.as_str().is_some_and(|text| text.chars().count() as u64 >= number(wanted)),
            "maxLength" => value.as_str().is_some_and(|text| text.chars().count() as u64 <= number(wanted)),
            "pattern" => {
                wanted == "^[0-9]+$" && value.as_str().is_some_and(|text| text.parse::<u64>().is_ok())
            }
            "format" => wanted == "date-time" && value.as_str().is_some_and(is_utc_time),
            "properties" | "additionalProperties" | "items" | "description" | "default" => true,
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
            "paths": {
                "/things/{id}": {"get": {"responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                    "204": {"description": "Nothing."},
                }}},
                "/things": {
                    "get": {"parameters": [
                        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5}},
                        {"name": "kind", "in": "query", "required": true, "schema": {"type": "string"}},
                    ]},
                    "post": {"requestBody": {
                        "required": true,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    }},
                },
            },
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

    #[test]
    fn a_request_that_is_documented_passes() {
        for (method, path, body) in [
            ("GET", "/things/7", ""),
            ("GET", "/things?kind=a", ""),
            ("GET", "/things?limit=9&kind=%C3%A4+b%26", ""),
            ("POST", "/things", r#"{"id": 1}"#),
        ] {
            assert_eq!(check_request(&document(), method, path, body.as_bytes()), Ok(()), "{method} {path}");
        }
    }

    #[test]
    fn each_departure_of_a_request_is_found() {
        for (method, path, body) in [
            ("GET", "/nowhere", ""),
            ("GET", "/things/7?kind=a", ""),
            ("GET", "/things?kind=a&k%69nds=b", ""),
            ("GET", "/things?limit=5", ""),
            ("GET", "/things?kind=a&limit=0", ""),
            ("GET", "/things?kind=a&limit=10", ""),
            ("GET", "/things?kind=a&limit=x", ""),
            ("GET", "/things?kind=a", "{}"),
            ("POST", "/things", ""),
            ("POST", "/things", "{}"),
            ("POST", "/things", "no JSON"),
        ] {
            assert!(
                check_request(&document(), method, path, body.as_bytes()).is_err(),
                "{method} {path} {body}"
            );
        }
    }
}
