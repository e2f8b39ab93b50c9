//! What the edge function must know of a site: its settings in the key value store, from the site's keys.
//!
//! Pure. The format is described at the top of `edge_function.js`, which reads it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::invalidation::UrlStyle;
use super::key::{ObjectKey, ViewerMapping};

/// The key of the live settings in the store.
pub const STORE_KEY: &str = "release";

/// What the edge function's key value store says while a release is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeSettings {
    /// The store's ARN.
    pub store_arn: String,
    /// The value of [`STORE_KEY`]: JSON of at most 1 KB.
    pub value: String,
}

/// Which of `/about` and `/about/` answers itself; the other one redirects there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrailingSlash {
    /// `/about/` for `about/index.html`, `/about` for `about.html`: the address at which relative links work as they do
    /// in the build.
    Auto,
    Add,
    Remove,
    /// Both answer.
    #[default]
    Keep,
}

impl TrailingSlash {
    /// The setting's value, or none for what the function does untold.
    fn value(self) -> Option<&'static str> {
        match self {
            Self::Auto => Some("auto"),
            Self::Add => Some("add"),
            Self::Remove => Some("remove"),
            Self::Keep => None,
        }
    }
}

/// How a site wants its paths understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    pub url_style: UrlStyle,
    /// For clean paths only.
    pub trailing_slash: TrailingSlash,
    /// Navigations to what is no file get the root page.
    pub is_single_page: bool,
}

/// A value in the store has at most 1 KB (CloudFront Developer Guide, "Quotas on key value stores").
const MAX_VALUE_BYTES: usize = 1024;

/// The value of [`STORE_KEY`] for a site that is published in place.
///
/// `about.html` pages and `about/index.html` pages are both found under `/about`: the commoner kind is the rule, the
/// others are routes of their own as far as they fit. In a single-page application all are routes: what is none is the
/// application's. `mapping` tells under which paths viewers find the keys.
pub fn derive<'a>(
    keys: impl Iterator<Item = &'a ObjectKey>,
    mapping: &ViewerMapping,
    routing: Routing,
) -> String {
    let path_of = |key: &ObjectKey| mapping.viewer_path(key).map(|path| path.as_str().to_owned());
    let shell = path_of(&ObjectKey::root_page()).filter(|_| routing.is_single_page);
    if routing.url_style == UrlStyle::Exact {
        let mut settings = Map::from_iter([("pages".to_owned(), json!("exact"))]);
        settings.extend(shell.map(|shell| ("shell".to_owned(), json!(shell))));
        return Value::Object(settings).to_string();
    }
    let mut files = Vec::new();
    let mut directories = Vec::new();
    for (key, path) in keys.filter(|key| key.is_page()).filter_map(|key| Some((key, path_of(key)?))) {
        match key.as_str() {
            "index.html" | "404.html" => {}
            _ => match (path.strip_suffix("/index.html"), path.strip_suffix(".html")) {
                (Some(directory), _) => directories.push(directory.to_owned()),
                (None, Some(file)) => files.push(file.to_owned()),
                (None, None) => {}
            },
        }
    }
    let is_files = files.len() > directories.len();
    let mut settings = Map::new();
    settings.insert("pages".into(), json!(if is_files { "html" } else { "directory" }));
    settings.extend(routing.trailing_slash.value().map(|slash| ("slash".to_owned(), json!(slash))));
    settings.extend(shell.map(|shell| ("shell".to_owned(), json!(shell))));
    let mut told = Vec::new();
    if is_files || routing.is_single_page {
        told.extend(directories.iter().map(|page| (page, "/index.html")));
    }
    if !is_files || routing.is_single_page {
        told.extend(files.iter().map(|page| (page, ".html")));
    }
    let mut routes = Map::new();
    for (page, ending) in told {
        let file = percent_encoding::utf8_percent_encode(page, &UNSAFE);
        let mut longer = routes.clone();
        longer.insert(page.clone(), json!({ "file": format!("{file}{ending}") }));
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

    const CLEAN: Routing =
        Routing { url_style: UrlStyle::Clean, trailing_slash: TrailingSlash::Keep, is_single_page: false };

    fn settings(names: &[&str], is_single_page: bool) -> Value {
        let keys: Vec<ObjectKey> = names.iter().map(|name| ObjectKey::new(*name).expect("a key")).collect();
        let routing = Routing { is_single_page, ..CLEAN };
        serde_json::from_str(&derive(keys.iter(), &ViewerMapping::default(), routing)).expect("JSON")
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
    fn every_page_of_a_single_page_application_is_a_route() {
        for names in [
            ["index.html", "two.html", "three.html", "four/index.html"],
            ["index.html", "two/index.html", "three/index.html", "four.html"],
        ] {
            let routes = &settings(&names, true)["routes"];
            for name in &names[1..] {
                let page = name.trim_end_matches("/index.html").trim_end_matches(".html");
                assert_eq!(routes[format!("/{page}")]["file"], format!("/{name}"));
            }
        }
    }

    #[test]
    fn the_value_always_fits_into_the_store() {
        let names: Vec<String> = (0..200)
            .map(|number| format!("page-{number}/index.html"))
            .chain((0..100).map(|number| format!("odd-{number}.html")))
            .collect();
        let keys: Vec<ObjectKey> =
            names.iter().map(|name| ObjectKey::new(name.as_str()).expect("a key")).collect();
        let routing = Routing { is_single_page: true, ..CLEAN };
        assert!(derive(keys.iter(), &ViewerMapping::default(), routing).len() <= MAX_VALUE_BYTES);
    }

    #[test]
    fn routes_are_paths_of_viewers_and_not_keys() {
        let keys = ["index.html", "a/index.html", "b/index.html", "c.html"];
        let keys = keys.map(|name| ObjectKey::new(name).expect("a key"));
        let prefix = super::super::key::KeyPrefix::new("docs").expect("a prefix");
        let mapping = ViewerMapping { prefix, origin_path: String::new() };
        let routing = Routing { is_single_page: true, ..CLEAN };
        let value: Value = serde_json::from_str(&derive(keys.iter(), &mapping, routing)).expect("JSON");
        assert_eq!(value["shell"], "/docs/index.html");
        assert_eq!(value["routes"]["/docs/c"], json!({ "file": "/docs/c.html" }));
        assert_eq!(value["routes"]["/docs/a"], json!({ "file": "/docs/a/index.html" }));
    }

    #[test]
    fn exact_paths_need_no_routes() {
        let keys = ["index.html", "a.html"].map(|name| ObjectKey::new(name).expect("a key"));
        let routing = Routing { url_style: UrlStyle::Exact, trailing_slash: TrailingSlash::Add, ..CLEAN };
        assert_eq!(derive(keys.iter(), &ViewerMapping::default(), routing), r#"{"pages":"exact"}"#);
    }

    #[test]
    fn a_slash_form_that_was_asked_for_is_told_and_the_default_takes_no_room() {
        let told = |trailing_slash| {
            let routing = Routing { trailing_slash, ..CLEAN };
            let keys = [ObjectKey::root_page()];
            derive(keys.iter(), &ViewerMapping::default(), routing)
        };
        assert_eq!(told(TrailingSlash::Auto), r#"{"pages":"directory","slash":"auto"}"#);
        assert_eq!(told(TrailingSlash::Keep), r#"{"pages":"directory"}"#);
        assert_eq!(told(TrailingSlash::Add), r#"{"pages":"directory","slash":"add"}"#);
        assert_eq!(told(TrailingSlash::Remove), r#"{"pages":"directory","slash":"remove"}"#);
    }
}
