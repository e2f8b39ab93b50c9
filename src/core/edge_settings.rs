//! What the edge function must know of a site: its settings in the key value store, from the site's keys.
//!
//! Pure. The format is described at the top of `edge_function.js`, which reads it.

use serde_json::{Map, Value, json};

use super::key::ObjectKey;

/// A value in the store has at most 1 KB (CloudFront Developer Guide, "Quotas on key value stores").
const MAX_VALUE_BYTES: usize = 1024;

/// The value of the `release` key for a site that is published in place.
///
/// `about.html` pages and `about/index.html` pages are both found under `/about`: the commoner kind is the rule, the
/// others are routes of their own as far as they fit.
pub fn derive<'a>(keys: impl Iterator<Item = &'a ObjectKey>, is_single_page: bool) -> String {
    let mut files = Vec::new();
    let mut directories = Vec::new();
    for key in keys.filter(|key| key.is_page()) {
        match key.as_str() {
            "index.html" | "404.html" => {}
            page => match (page.strip_suffix("/index.html"), page.strip_suffix(".html")) {
                (Some(directory), _) => directories.push(directory),
                (None, Some(file)) => files.push(file),
                (None, None) => {}
            },
        }
    }
    let is_files = files.len() > directories.len();
    let mut settings = Map::new();
    settings.insert("pages".into(), json!(if is_files { "html" } else { "directory" }));
    if is_single_page {
        settings.insert("shell".into(), json!("/index.html"));
    }
    let (exceptions, ending) = if is_files { (&directories, "/index.html") } else { (&files, ".html") };
    let mut routes = Map::new();
    for page in exceptions {
        let file = percent_encoding::utf8_percent_encode(page, &UNSAFE);
        let mut longer = routes.clone();
        longer.insert(format!("/{page}"), json!({ "file": format!("/{file}{ending}") }));
        let mut candidate = settings.clone();
        candidate.insert("routes".into(), Value::Object(longer.clone()));
        if Value::Object(candidate).to_string().len() > MAX_VALUE_BYTES {
            break;
        }
        routes = longer;
    }
    if !routes.is_empty() {
        settings.insert("routes".into(), Value::Object(routes));
    }
    Value::Object(settings).to_string()
}

/// What a URI's path cannot hold as it is.
const UNSAFE: percent_encoding::AsciiSet = percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`');

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(names: &[&str], is_single_page: bool) -> Value {
        let keys: Vec<ObjectKey> = names.iter().map(|name| ObjectKey::new(*name).expect("a key")).collect();
        serde_json::from_str(&derive(keys.iter(), is_single_page)).expect("JSON")
    }

    #[test]
    fn the_commoner_kind_of_page_is_the_rule_and_the_others_are_routes() {
        let directories =
            settings(&["index.html", "a/index.html", "b/index.html", "c d.html", "x.js"], false);
        assert_eq!(
            directories,
            json!({ "pages": "directory", "routes": { "/c d": { "file": "/c%20d.html" } } })
        );
        let files = settings(&["index.html", "404.html", "a.html", "b.html", "c/index.html"], true);
        assert_eq!(files["pages"], "html");
        assert_eq!(files["shell"], "/index.html");
        assert_eq!(files["routes"]["/c"]["file"], "/c/index.html");
    }

    #[test]
    fn the_value_always_fits_into_the_store() {
        let names: Vec<String> = (0..200)
            .map(|number| format!("page-{number}/index.html"))
            .chain((0..100).map(|number| format!("odd-{number}.html")))
            .collect();
        let keys: Vec<ObjectKey> =
            names.iter().map(|name| ObjectKey::new(name.as_str()).expect("a key")).collect();
        assert!(derive(keys.iter(), true).len() <= MAX_VALUE_BYTES);
    }
}
