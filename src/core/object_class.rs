//! What kind of object a key is, as far as the order of a push and the life of old objects depend on it.

use serde::{Deserialize, Serialize};

use super::key::ObjectKey;

/// The kinds, in the order in which a push writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectClass {
    /// Its name changes with its content: written first, kept after it left the build, and immutable unless a rule says
    /// otherwise.
    Fingerprinted,
    /// Its name may change with its content, but calling that certain is not safe, or a rule wants another header:
    /// cached and invalidated as the rest, written first when new and kept after it left the build, since open pages
    /// may ask for it.
    HashLike,
    /// Scripts, images, data and all the rest under a lasting name.
    Other,
    /// An HTML page: written after everything that it may refer to.
    Page,
    /// The page at the root, by which most visitors enter.
    RootPage,
    /// A script that decides in browsers what is fetched: written last of all.
    ServiceWorker,
}

impl ObjectClass {
    /// Whether pages that are still open may ask for an object of this class after it left the build.
    pub fn outlives_the_build(self) -> bool {
        matches!(self, Self::Fingerprinted | Self::HashLike)
    }

    /// The class of a key that is not fingerprinted. `is_html` says that its content type is that of a page.
    pub fn of_lasting_name(key: &ObjectKey, is_html: bool) -> Self {
        match key.as_str() {
            "index.html" => Self::RootPage,
            _ if is_service_worker(key) => Self::ServiceWorker,
            _ if is_html || key.is_page() => Self::Page,
            _ => Self::Other,
        }
    }
}

/// Whether browsers are told to register this script, by the names that frameworks give it.
///
/// Source: defaults of Workbox, vite-plugin-pwa, Angular, Create React App, Gatsby and Flutter.
pub fn is_service_worker(key: &ObjectKey) -> bool {
    matches!(
        key.file_name(),
        "sw.js"
            | "service-worker.js"
            | "serviceworker.js"
            | "service_worker.js"
            | "ServiceWorker.js"
            | "ngsw-worker.js"
            | "ngsw.json"
            | "safety-worker.js"
            | "worker-basic.min.js"
            | "registerSW.js"
            | "flutter_service_worker.js"
            | "firebase-messaging-sw.js"
            | "OneSignalSDKWorker.js"
            | "pwa-sw.js"
            | "sw.mjs"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_after_files_and_entrances_last() {
        let class = |text: &str| ObjectClass::of_lasting_name(&ObjectKey::new(text).expect("a key"), false);
        assert_eq!(class("app.css"), ObjectClass::Other);
        assert_eq!(class("guide/index.html"), ObjectClass::Page);
        assert_eq!(class("guide/myindex.html"), ObjectClass::Page);
        assert_eq!(class("index.html"), ObjectClass::RootPage);
        assert_eq!(class("sw.js"), ObjectClass::ServiceWorker);
        assert!(
            ObjectClass::Fingerprinted < ObjectClass::HashLike && ObjectClass::HashLike < class("app.css")
        );
        assert!(class("app.css") < class("a.html") && class("a.html") < class("index.html"));
        assert!(class("index.html") < class("sw.js"));
    }
}
