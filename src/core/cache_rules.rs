//! Which headers each key is stored with. First match wins, attribute by attribute: the user's rules, then
//! `_headers`, then the built-in ones.
//!
//! Pure. The one thing that no rule can do is to make a key immutable that is known or bound to change.

use std::borrow::Cow;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::compressed_form::{IDENTITY, compressed, precompressed};
use super::content_type;
use super::fingerprint::{Naming, Verdict};
use super::headers::{MAX_METADATA_BYTES, ObjectHeaders, problem_with};
use super::headers_file::HeadersFile;
use super::inventory::Packing;
use super::key::ObjectKey;
use super::object_class::{ObjectClass, is_service_worker};

/// For names that change with their content: cached by everyone, for a year, and not asked for again.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// For everything else: browsers ask each time and are mostly answered "unchanged".
pub const REVALIDATE: &str = "public, max-age=0, must-revalidate";

/// The same, but the edge keeps it until it is invalidated, which every push does.
pub const REVALIDATE_AT_BROWSER: &str = "public, max-age=0, s-maxage=31536000, must-revalidate";

/// Whether somebody drops the edge's copies when they change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeCaching {
    /// We do, with each push.
    Invalidated,
    /// Nobody: the edge must ask again.
    Unmanaged,
}

/// A rule of the user's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserRule {
    /// Globs over keys: `*` stays inside a segment, `**` does not.
    pub patterns: Vec<String>,
    pub cache_control: Option<String>,
    pub content_type: Option<String>,
    pub packing: Option<Packing>,
    /// Lower-case names: `content-disposition`, `content-language`, `x-amz-meta-*`.
    pub headers: Vec<(String, String)>,
}

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("a rule without `match` applies to nothing")]
    MatchesNothing,
    #[error("a rule that sets nothing does nothing")]
    SetsNothing,
    #[error("`{pattern}` is not a pattern: {problem}")]
    Pattern { pattern: String, problem: String },
    #[error("objects cannot carry the header `{name}`")]
    Header { name: String },
    #[error("`{name}` has a key of its own: use `{}`", .name.replace('-', "_"))]
    OwnKey { name: String },
    #[error("{text:?} cannot be a `{name}`: {problem}")]
    Value { name: String, text: String, problem: String },
    #[error("{size_bytes} bytes of metadata, and S3 takes {MAX_METADATA_BYTES}")]
    Metadata { size_bytes: usize },
}

impl RuleError {
    /// The key of the rule at which the mistake stands, and that below it in a table; none for the whole rule.
    pub fn place(&self) -> Option<(&'static str, Option<&str>)> {
        match self {
            Self::MatchesNothing | Self::SetsNothing => None,
            Self::Pattern { .. } => Some(("match", None)),
            Self::Value { name, .. } if name == "cache-control" => Some(("cache_control", None)),
            Self::Value { name, .. } if name == "content-type" => Some(("content_type", None)),
            Self::Header { name } | Self::OwnKey { name } | Self::Value { name, .. } => {
                Some(("headers", Some(name)))
            }
            Self::Metadata { .. } => Some(("headers", None)),
        }
    }

    /// What the user can do about it, where the message does not say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::MatchesNothing => Some("name files, such as `match = \"downloads/**\"`"),
            Self::SetsNothing => {
                Some("give `cache_control`, `content_type`, `compress` or `headers`, or remove it")
            }
            Self::Pattern { .. } => {
                Some("`*` stands for anything inside a segment, `**` for any segments; `[[]` is a bracket")
            }
            Self::Header { .. } => Some("put it into the distribution's response headers policy"),
            Self::OwnKey { .. } | Self::Value { .. } | Self::Metadata { .. } => None,
        }
    }
}

impl UserRule {
    /// Whether it can be used.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check(&self) -> Result<(), RuleError> {
        CompiledRule::new(1, self).map(|_| ())
    }
}

/// All rules, ready for use.
#[derive(Clone, Debug)]
pub struct CacheRules {
    user: Vec<CompiledRule>,
    headers_file: HeadersFile,
    edge: EdgeCaching,
}

#[derive(Clone, Debug)]
struct CompiledRule {
    rule: UserRule,
    globs: GlobSet,
    /// `sitepush.toml rule 2 (`*.pdf`)`.
    name: String,
}

/// What was seen of a file besides its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Looked at only when the name has no extension.
    pub first_bytes: &'a [u8],
    /// Whether the build has the file of the same name without the ending `.gz`, `.br` or `.zst`.
    pub has_plain_sibling: bool,
}

/// What a file is stored with, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classified {
    pub headers: ObjectHeaders,
    pub class: ObjectClass,
    /// Which rule gave the cache control.
    pub rule: Cow<'static, str>,
    pub reason: Cow<'static, str>,
    pub warning: Option<String>,
}

impl CacheRules {
    /// Compiles the rules; the second value is what a person should know of them.
    ///
    /// # Errors
    /// When a pattern, a header or a cache control cannot be used.
    pub fn new(
        user: &[UserRule],
        headers_file: Option<&HeadersFile>,
        edge: EdgeCaching,
    ) -> Result<(Self, Vec<String>), RuleError> {
        let numbered = user.iter().enumerate();
        let user =
            numbered.map(|(index, rule)| CompiledRule::new(index + 1, rule)).collect::<Result<_, _>>()?;
        let headers_file = headers_file.cloned().unwrap_or_default();
        let mut warnings = Vec::new();
        if !headers_file.unsupported.is_empty() {
            warnings.push(format!(
                "`_headers`: objects in S3 cannot carry {}; put them into the distribution's response headers policy",
                headers_file.unsupported.join(", ")
            ));
        }
        Ok((Self { user, headers_file, edge }, warnings))
    }

    /// The rules of the user's that match none of these keys, each in a sentence: most are mistyped.
    pub fn idle(&self, keys: &[&ObjectKey]) -> Vec<String> {
        let is_idle = |rule: &&CompiledRule| !keys.iter().any(|key| rule.globs.is_match(key.as_str()));
        let idle = self.user.iter().filter(is_idle);
        idle.map(|rule| format!("{} matches no file of the build", rule.name)).collect()
    }

    /// How the bytes of a key are stored. A file that is compressed already is left as it is.
    pub fn packing(&self, key: &ObjectKey, first_bytes: &[u8]) -> Packing {
        let wanted = self.matching(key).find_map(|rule| rule.rule.packing).unwrap_or(Packing::AsIs);
        let is_plain = || {
            compressed(key).is_none()
                && content_type::is_compressible(&self.content_type(key, key, first_bytes))
        };
        if wanted == Packing::AsIs || is_plain() { wanted } else { Packing::AsIs }
    }

    /// Decides a key's headers and class. `verdict` is what its name says; `is_demoted` that its past says otherwise.
    pub fn classify(
        &self,
        key: &ObjectKey,
        seen: Seen<'_>,
        verdict: Verdict,
        is_demoted: bool,
    ) -> Classified {
        let told_encoding = self.told_encoding(key);
        let form_of = precompressed(key, seen.has_plain_sibling, told_encoding);
        let underlying = form_of.as_ref().map_or(key, |(underlying, _)| underlying);
        let content_type = self.content_type(key, underlying, seen.first_bytes);
        let is_html = content_type.starts_with("text/html");
        let may_change_name = !is_demoted && !is_html && !is_service_worker(key);
        let naming = if may_change_name { verdict.naming } else { Naming::Lasting };
        let may_be_immutable = naming == Naming::Hashed;
        let chosen = self.cache_control(key, may_be_immutable, verdict.reason, is_demoted);
        let class = match naming {
            Naming::Hashed if chosen.text.contains("immutable") => ObjectClass::Fingerprinted,
            // Open pages ask for a hashed name whatever header a rule gave it.
            Naming::Hashed | Naming::HashLike => ObjectClass::HashLike,
            Naming::Lasting => ObjectClass::of_lasting_name(key, is_html),
        };
        let mut headers = ObjectHeaders {
            cache_control: Some(chosen.text),
            content_type: Some(content_type),
            content_encoding: match (self.packing(key, seen.first_bytes), told_encoding) {
                (Packing::Gzip, _) => Some("gzip".into()),
                (Packing::AsIs, Some(told)) => (told != IDENTITY).then(|| told.to_owned()),
                (Packing::AsIs, None) => form_of.map(|(_, encoding)| encoding.to_owned()),
            },
            ..ObjectHeaders::default()
        };
        self.add_other_headers(key, &mut headers);
        Classified { headers, class, rule: chosen.rule, reason: chosen.reason, warning: chosen.warning }
    }

    fn matching<'a>(&'a self, key: &'a ObjectKey) -> impl Iterator<Item = &'a CompiledRule> {
        self.user.iter().filter(|rule| rule.globs.is_match(key.as_str()))
    }

    /// The header that the first matching `_headers` rule gives, with its line.
    fn by_headers_file(&self, key: &ObjectKey, name: &str) -> Option<(&str, usize)> {
        let mut rules = self.headers_file.rules.iter().filter(|rule| rule.matches(key));
        rules.find_map(|rule| {
            let (_, value) = rule.headers.iter().find(|(header, _)| header == name)?;
            Some((value.as_str(), rule.line))
        })
    }

    /// The encoding that a rule gives, [`IDENTITY`] for none.
    fn told_encoding<'a>(&'a self, key: &'a ObjectKey) -> Option<&'a str> {
        const NAME: &str = "content-encoding";
        let by_rule = self.matching(key).find_map(|rule| {
            rule.rule.headers.iter().find(|(name, _)| name == NAME).map(|(_, value)| value.as_str())
        });
        by_rule.or_else(|| self.by_headers_file(key, NAME).map(|(value, _)| value))
    }

    /// The type that a rule gives to `key`, or that of what it stands for.
    fn content_type(&self, key: &ObjectKey, underlying: &ObjectKey, first_bytes: &[u8]) -> String {
        let by_rule = self.matching(key).find_map(|rule| rule.rule.content_type.clone());
        let by_file = || self.by_headers_file(key, "content-type").map(|(value, _)| value.to_owned());
        by_rule.or_else(by_file).unwrap_or_else(|| content_type::derive(underlying, first_bytes))
    }

    fn cache_control(
        &self,
        key: &ObjectKey,
        may_be_immutable: bool,
        why: &'static str,
        is_demoted: bool,
    ) -> Chosen {
        let by_rule = self.matching(key).find_map(|rule| {
            let text = rule.rule.cache_control.clone()?;
            Some((text, rule.name.clone(), rule.names_exactly(key)))
        });
        let by_file = || {
            let (text, line) = self.by_headers_file(key, "cache-control")?;
            Some((text.to_owned(), format!("_headers line {line}"), false))
        };
        if let Some((text, rule, is_exact)) = by_rule.or_else(by_file) {
            let is_unsafe = text.contains("immutable") && !may_be_immutable && (!is_exact || is_demoted);
            if !is_unsafe {
                return Chosen {
                    text,
                    reason: format!("{rule} says so").into(),
                    rule: rule.into(),
                    warning: None,
                };
            }
            let warning = format!(
                "{rule} calls `{key}` immutable, but {}; it is revalidated instead",
                if is_demoted {
                    "its bytes have changed before"
                } else {
                    "its name does not change with its content"
                }
            );
            return Chosen {
                text: self.revalidate().into(),
                rule: "built-in: revalidate".into(),
                reason: "never immutable".into(),
                warning: Some(warning),
            };
        }
        let (text, rule, reason) = match (may_be_immutable, is_demoted) {
            (true, _) => (IMMUTABLE, "built-in: fingerprinted", why),
            (false, true) => {
                (self.revalidate(), "built-in: demoted", "its bytes have changed under this name")
            }
            (false, false) => (self.revalidate(), "built-in: revalidate", why),
        };
        Chosen { text: text.into(), rule: rule.into(), reason: reason.into(), warning: None }
    }

    fn revalidate(&self) -> &'static str {
        match self.edge {
            EdgeCaching::Invalidated => REVALIDATE_AT_BROWSER,
            EdgeCaching::Unmanaged => REVALIDATE,
        }
    }

    fn add_other_headers(&self, key: &ObjectKey, headers: &mut ObjectHeaders) {
        let user = self.matching(key).flat_map(|rule| rule.rule.headers.iter());
        let file = self.headers_file.rules.iter().filter(|rule| rule.matches(key));
        let all = user.chain(file.flat_map(|rule| rule.headers.iter()));
        for (name, value) in all {
            let place = match name.as_str() {
                "content-disposition" => &mut headers.content_disposition,
                "content-language" => &mut headers.content_language,
                // It was decided together with the type.
                "content-encoding" => continue,
                _ => {
                    if let Some(name) = name.strip_prefix("x-amz-meta-") {
                        headers.metadata.entry(name.to_owned()).or_insert_with(|| value.clone());
                    }
                    continue;
                }
            };
            place.get_or_insert_with(|| value.clone());
        }
    }
}

struct Chosen {
    text: String,
    rule: Cow<'static, str>,
    reason: Cow<'static, str>,
    warning: Option<String>,
}

impl CompiledRule {
    fn new(number: usize, rule: &UserRule) -> Result<Self, RuleError> {
        if rule.patterns.is_empty() {
            return Err(RuleError::MatchesNothing);
        }
        let UserRule { patterns: _, cache_control, content_type, packing, headers } = rule;
        if cache_control.is_none() && content_type.is_none() && packing.is_none() && headers.is_empty() {
            return Err(RuleError::SetsNothing);
        }
        let mut builder = GlobSetBuilder::new();
        for pattern in &rule.patterns {
            let failed = |error: globset::Error| RuleError::Pattern {
                pattern: pattern.clone(),
                problem: error.kind().to_string(),
            };
            builder.add(GlobBuilder::new(pattern).literal_separator(true).build().map_err(failed)?);
        }
        let globs = builder.build().map_err(|error| RuleError::Pattern {
            pattern: rule.patterns.join(", "),
            problem: error.kind().to_string(),
        })?;
        if let Some((name, _)) = rule.headers.iter().find(|(name, _)| !is_carried(name)) {
            let has_own_key = matches!(name.as_str(), "cache-control" | "content-type");
            let name = name.clone();
            return Err(if has_own_key { RuleError::OwnKey { name } } else { RuleError::Header { name } });
        }
        check_values(rule)?;
        let name = format!("sitepush.toml rule {number} (`{}`)", rule.patterns.join("`, `"));
        Ok(Self { rule: rule.clone(), globs, name })
    }

    fn names_exactly(&self, key: &ObjectKey) -> bool {
        self.rule.patterns.iter().any(|pattern| pattern == key.as_str())
    }
}

/// Finds values that S3 would refuse, before anything is sent.
fn check_values(rule: &UserRule) -> Result<(), RuleError> {
    let own = [("cache-control", &rule.cache_control), ("content-type", &rule.content_type)];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let others = rule.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, text) in own.chain(others) {
        if let Some(problem) = problem_with(name, text) {
            return Err(RuleError::Value { name: name.into(), text: text.into(), problem });
        }
    }
    let metadata = rule
        .headers
        .iter()
        .filter_map(|(name, value)| Some(name.strip_prefix("x-amz-meta-")?.len() + value.len()));
    let size_bytes = metadata.sum();
    if size_bytes > MAX_METADATA_BYTES {
        return Err(RuleError::Metadata { size_bytes });
    }
    Ok(())
}

fn is_carried(name: &str) -> bool {
    matches!(name, "content-disposition" | "content-language" | "content-encoding")
        || name.strip_prefix("x-amz-meta-").is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ObjectKey {
        ObjectKey::new(text).expect("a key")
    }

    fn rules(user: &[UserRule], headers: &str, edge: EdgeCaching) -> CacheRules {
        let file = HeadersFile::parse(headers).expect("parses");
        CacheRules::new(user, Some(&file), edge).expect("rules").0
    }

    fn cache_rule(pattern: &str, cache_control: &str) -> UserRule {
        UserRule {
            patterns: vec![pattern.into()],
            cache_control: Some(cache_control.into()),
            ..UserRule::default()
        }
    }

    fn verdict(naming: Naming) -> Verdict {
        Verdict { naming, reason: "" }
    }

    fn control(rules: &CacheRules, name: &str, is_fingerprinted: bool, is_demoted: bool) -> String {
        let naming = if is_fingerprinted { Naming::Hashed } else { Naming::Lasting };
        let classified = rules.classify(&key(name), Seen::default(), verdict(naming), is_demoted);
        classified.headers.cache_control.expect("always given")
    }

    #[test]
    fn hashed_names_are_immutable_and_the_rest_is_revalidated() {
        let managed = rules(&[], "", EdgeCaching::Invalidated);
        assert_eq!(control(&managed, "assets/app-3f9c2e1a.js", true, false), IMMUTABLE);
        assert_eq!(control(&managed, "index.html", false, false), REVALIDATE_AT_BROWSER);
        let alone = rules(&[], "", EdgeCaching::Unmanaged);
        assert_eq!(control(&alone, "index.html", false, false), REVALIDATE);
    }

    #[test]
    fn a_name_that_open_pages_may_ask_for_is_told_apart_from_one_that_may_be_cached_for_good() {
        let class = |rules: &CacheRules, naming, is_demoted| {
            let classified = rules.classify(
                &key("assets/logo-Bpd14Z_1.png"),
                Seen::default(),
                verdict(naming),
                is_demoted,
            );
            (classified.class, classified.headers.is_immutable())
        };
        let plain = rules(&[], "", EdgeCaching::Invalidated);
        assert_eq!(class(&plain, Naming::Hashed, false), (ObjectClass::Fingerprinted, true));
        assert_eq!(class(&plain, Naming::HashLike, false), (ObjectClass::HashLike, false));
        assert_eq!(class(&plain, Naming::Lasting, false), (ObjectClass::Other, false));
        assert_eq!(class(&plain, Naming::HashLike, true), (ObjectClass::Other, false), "its past tells");
        let shorter = rules(&[cache_rule("assets/**", "max-age=60")], "", EdgeCaching::Invalidated);
        assert_eq!(class(&shorter, Naming::Hashed, false), (ObjectClass::HashLike, false));
        let broad = rules(&[cache_rule("**", "max-age=31536000, immutable")], "", EdgeCaching::Invalidated);
        assert_eq!(class(&broad, Naming::HashLike, false), (ObjectClass::HashLike, false));
        let page = plain.classify(&key("a.html"), Seen::default(), verdict(Naming::HashLike), false);
        assert_eq!(page.class, ObjectClass::Page);
    }

    #[test]
    fn a_demoted_key_is_never_immutable_whatever_a_rule_says() {
        let by_user =
            rules(&[cache_rule("assets/**", "max-age=31536000, immutable")], "", EdgeCaching::Unmanaged);
        assert_eq!(control(&by_user, "assets/app-3f9c2e1a.js", true, true), REVALIDATE);
        let exact =
            rules(&[cache_rule("assets/a.js", "max-age=31536000, immutable")], "", EdgeCaching::Unmanaged);
        assert_eq!(control(&exact, "assets/a.js", true, true), REVALIDATE);
    }

    #[test]
    fn a_broad_rule_cannot_make_a_page_immutable_and_an_exact_one_can() {
        let broad = rules(&[cache_rule("**", "max-age=31536000, immutable")], "", EdgeCaching::Unmanaged);
        let page = broad.classify(&key("index.html"), Seen::default(), Verdict::default(), false);
        assert_eq!(page.headers.cache_control.as_deref(), Some(REVALIDATE));
        assert!(page.warning.is_some());
        let exact =
            rules(&[cache_rule("logo.svg", "max-age=31536000, immutable")], "", EdgeCaching::Unmanaged);
        assert!(control(&exact, "logo.svg", false, false).contains("immutable"));
    }

    #[test]
    fn the_users_rules_come_before_headers_files_and_both_before_the_built_in_ones() {
        let both = rules(
            &[cache_rule("a/*", "max-age=1")],
            "/*\n  cache-control: max-age=2\n  content-language: en",
            EdgeCaching::Unmanaged,
        );
        assert_eq!(control(&both, "a/x.png", false, false), "max-age=1");
        assert_eq!(control(&both, "a/b/x.png", false, false), "max-age=2");
        let headers = both.classify(&key("a/x.png"), Seen::default(), Verdict::default(), false).headers;
        assert_eq!(headers.content_language.as_deref(), Some("en"));
    }

    #[test]
    fn compressed_siblings_have_the_type_of_what_they_stand_for() {
        let plain = rules(&[], "", EdgeCaching::Unmanaged);
        let alone = Seen::default();
        let beside = Seen { has_plain_sibling: true, ..alone };
        for (name, seen, content_type, encoding) in [
            ("app.js.br", alone, "text/javascript; charset=utf-8", Some("br")),
            ("app.js.gz", beside, "text/javascript; charset=utf-8", Some("gzip")),
            ("prices.json.gz", beside, "application/json", Some("gzip")),
            ("prices.json.gz", alone, "application/gzip", None),
            ("data.csv.gz", alone, "application/gzip", None),
            ("sitemap.xml.gz", alone, "application/gzip", None),
            ("archive.tar.gz", beside, "application/gzip", None),
        ] {
            let headers = plain.classify(&key(name), seen, Verdict::default(), false).headers;
            assert_eq!(headers.content_type.as_deref(), Some(content_type), "{name}");
            assert_eq!(headers.content_encoding.as_deref(), encoding, "{name}");
        }
    }

    #[test]
    fn a_rule_for_the_encoding_wins_over_the_name() {
        let encoded = |value: &str| UserRule {
            patterns: vec!["**".into()],
            headers: vec![("content-encoding".into(), value.into())],
            ..UserRule::default()
        };
        let headers = |rules: &CacheRules, name: &str| {
            let seen = Seen { has_plain_sibling: true, ..Seen::default() };
            let headers = rules.classify(&key(name), seen, Verdict::default(), false).headers;
            (headers.content_type.expect("always given"), headers.content_encoding)
        };
        let none = rules(&[encoded("identity")], "", EdgeCaching::Unmanaged);
        assert_eq!(headers(&none, "app.js.gz"), ("application/gzip".into(), None));
        assert_eq!(headers(&none, "app.js"), ("text/javascript; charset=utf-8".into(), None));
        let gzip = rules(&[encoded("gzip")], "", EdgeCaching::Unmanaged);
        assert_eq!(headers(&gzip, "data.csv.gz"), ("text/csv; charset=utf-8".into(), Some("gzip".into())));
        let by_file = rules(&[], "/*\n  content-encoding: identity", EdgeCaching::Unmanaged);
        assert_eq!(headers(&by_file, "app.js.gz"), ("application/gzip".into(), None));
    }

    #[test]
    fn a_rule_that_hits_no_file_is_told() {
        let two = rules(
            &[cache_rule("*.css", "no-store"), cache_rule("*.pfd", "no-store")],
            "",
            EdgeCaching::Unmanaged,
        );
        let keys = [key("a.css"), key("a.pdf")];
        assert_eq!(
            two.idle(&keys.each_ref()),
            ["sitepush.toml rule 2 (`*.pfd`) matches no file of the build"]
        );
    }

    #[test]
    fn only_compressible_types_are_compressed() {
        let gzip =
            UserRule { patterns: vec!["**".into()], packing: Some(Packing::Gzip), ..UserRule::default() };
        let gzip = rules(&[gzip], "", EdgeCaching::Unmanaged);
        assert_eq!(gzip.packing(&key("a.css"), b""), Packing::Gzip);
        assert_eq!(gzip.packing(&key("a.png"), b""), Packing::AsIs);
        assert_eq!(gzip.packing(&key("a.css.br"), b""), Packing::AsIs);
        let headers = gzip.classify(&key("a.css"), Seen::default(), Verdict::default(), false).headers;
        assert_eq!(headers.content_encoding.as_deref(), Some("gzip"));
    }

    #[test]
    fn rules_that_cannot_work_are_refused() {
        let refused =
            |rule: UserRule| CacheRules::new(&[rule], None, EdgeCaching::Unmanaged).expect_err("refused");
        assert!(matches!(refused(cache_rule("[", "no-store")), RuleError::Pattern { .. }));
        assert!(matches!(refused(cache_rule("*", "max-age=abc")), RuleError::Value { .. }));
        let frame = UserRule {
            patterns: vec!["*".into()],
            headers: vec![("x-frame-options".into(), "DENY".into())],
            ..UserRule::default()
        };
        assert!(matches!(refused(frame), RuleError::Header { .. }));
        let nowhere = UserRule { patterns: Vec::new(), ..cache_rule("*", "no-store") };
        assert_eq!(refused(nowhere), RuleError::MatchesNothing);
        let idle = UserRule { patterns: vec!["*".into()], ..UserRule::default() };
        assert_eq!(refused(idle.clone()), RuleError::SetsNothing);
        let page = UserRule { content_type: Some("html".into()), ..idle.clone() };
        assert!(matches!(refused(page), RuleError::Value { .. }));
        let own = UserRule { headers: vec![("cache-control".into(), "no-store".into())], ..idle };
        assert_eq!(refused(own).to_string(), "`cache-control` has a key of its own: use `cache_control`");
    }
}
