//! What to make of one answer.

use crate::core::content_type;
use crate::core::digest::Sha256Digest;
use crate::core::headers::ObjectHeaders;

use super::{
    Answer, Check, Decoded, Expected, ExpectedObject, Fault, Finding, Missing, NoAnswer, Severity, SiteUrl,
    transport,
};

/// Judges the answer to a check; nothing found is as it should be.
pub fn judge(site: &SiteUrl, check: &Check, answer: &Result<Answer, NoAnswer>) -> Vec<Finding> {
    let judge = Judge { site, check };
    let answer = match answer {
        Ok(answer) => answer,
        // That nobody listens without TLS, or answers nothing, is no harm.
        Err(_) if check.expected == Expected::Https => return Vec::new(),
        Err(failure) => return vec![judge.no_answer(failure)],
    };
    match &check.expected {
        Expected::Object(expected) => judge.object(expected, answer),
        Expected::Redirect(to) => judge.redirect(to, answer),
        Expected::Missing(missing) => judge.missing(missing, answer),
        Expected::Denied => judge.denied(answer),
        Expected::Https => transport::judge_plain_http(site, &check.path, answer),
    }
}

/// Browsers that keep an error longer than this show it when the page is there again.
const ERROR_KEPT_SECONDS: u64 = 60;

/// CloudFront compresses bodies of 1,000 to 10,000,000 bytes (Developer Guide, "Serve compressed files").
const COMPRESSED_BYTES: std::ops::RangeInclusive<u64> = 1_000..=10_000_000;

/// Of the types that gain from compression, those that CloudFront leaves alone (the list in the same place).
const NOT_COMPRESSED: &[&str] = &[
    "application/manifest+json",
    "application/ld+json",
    "application/geo+json",
    "application/atom+xml",
    "application/xslt+xml",
    "model/gltf+json",
    "text/markdown",
    "text/calendar",
    "text/vtt",
];

struct Judge<'a> {
    site: &'a SiteUrl,
    check: &'a Check,
}

impl Judge<'_> {
    fn object(&self, expected: &ExpectedObject, answer: &Answer) -> Vec<Finding> {
        match answer.status {
            200 => {}
            301 | 302 | 303 | 307 | 308 => return vec![self.unexpected_redirect(answer)],
            403 | 404 | 410 => return vec![self.not_there(answer)],
            status => {
                let what = "answers with an unexpected status";
                let remedy = "look at the distribution's and the origin's logs for this request";
                return vec![self.problem(
                    Fault::Status,
                    what,
                    "status 200",
                    format!("status {status}"),
                    answer,
                    remedy,
                )];
            }
        }
        let mut findings = Vec::new();
        findings.extend(self.content_type(expected, answer));
        findings.extend(self.cache_control(expected, answer));
        findings.extend(self.other_headers(expected, answer));
        if let Some(bytes) = self.bytes(expected, answer) {
            // Other headers came with the other bytes, and go with them.
            for finding in &mut findings {
                finding.remedy.clone_from(&bytes.remedy);
            }
            findings.push(bytes);
        }
        findings.extend(self.compression(expected, answer));
        findings
    }

    /// Of an object that is stored with a `Content-Encoding`, the record has the digest of the encoded bytes, which come
    /// through as they are. Any other encoding was put on by the edge, and is undone first.
    fn bytes(&self, expected: &ExpectedObject, answer: &Answer) -> Option<Finding> {
        let stored = expected.headers.content_encoding.as_deref();
        let told = encoding(answer);
        let body = &answer.body;
        let (sha256, size_bytes) = match (stored, told.as_deref(), &body.decoded) {
            (Some(stored), Some(told), _) if stored.eq_ignore_ascii_case(told) => {
                (body.sha256, body.size_bytes)
            }
            (None, None, _) => (body.sha256, body.size_bytes),
            (None, Some(_), Some(Decoded::Whole { sha256, size_bytes })) => (Some(*sha256), *size_bytes),
            (stored, told, decoded) => {
                let named = |encoding: Option<&str>| {
                    encoding.map_or_else(|| "no encoding".to_owned(), |name| format!("`{name}`"))
                };
                let wanted = match stored {
                    Some(_) => named(stored),
                    None => "no encoding, `gzip` or `br`".to_owned(),
                };
                let cause = match decoded {
                    Some(Decoded::Broken(cause)) => format!(", which cannot be undone: {cause}"),
                    _ => String::new(),
                };
                return Some(self.problem(
                    Fault::Encoding,
                    "has another encoding than the object",
                    &wanted,
                    named(told) + &cause,
                    answer,
                    "find out what between bucket and visitor changes the encoding, and invalidate the path",
                ));
            }
        };
        if sha256 == Some(expected.sha256) {
            return None;
        }
        let found = format!("{}, {size_bytes} bytes", short(sha256));
        let wanted = format!("{}, {} bytes", short(Some(expected.sha256)), expected.size_bytes);
        let is_old = expected.before.is_some() && sha256 == expected.before;
        let (fault, what, remedy) = match (is_old, answer.cache_signs().is_hit()) {
            (true, true) => (
                Fault::OldCopy,
                "is what the release before had, from a cache",
                format!("run `sitepush invalidate '{}'`", self.check.path),
            ),
            (true, false) => (
                Fault::OldBytes,
                "is what the release before had",
                "run `sitepush status --verify-remote`: the bucket may have it, or a cache that does not say so"
                    .to_owned(),
            ),
            (false, _) => (
                Fault::Bytes,
                "has other bytes than the release",
                "run `sitepush push --verify-remote`, which repairs the bucket, and invalidate the path"
                    .to_owned(),
            ),
        };
        Some(self.problem(fault, what, &wanted, found, answer, &remedy))
    }

    fn content_type(&self, expected: &ExpectedObject, answer: &Answer) -> Option<Finding> {
        let wanted = expected.headers.content_type.as_deref()?;
        let found = answer.header("content-type");
        let parts = |text: &str| {
            let lower = text.to_ascii_lowercase();
            let (essence, parameters) = lower.split_once(';').unwrap_or((&lower, ""));
            (essence.trim().to_owned(), parameters.replace([' ', '"'], ""))
        };
        let (wanted_parts, found_parts) = (parts(wanted), found.map(parts));
        let before = expected.headers_before.as_ref();
        let is_of_before =
            before.is_some_and(|before| found_parts == before.content_type.as_deref().map(parts));
        if found_parts.as_ref() == Some(&wanted_parts) {
            return None;
        }
        let is_charset_missing = found_parts.is_some_and(|(essence, parameters)| {
            essence == wanted_parts.0 && !parameters.contains("charset=")
        });
        let (fault, what) = if is_charset_missing {
            (Fault::Charset, "does not say its character set")
        } else {
            (Fault::ContentType, "has another content type")
        };
        Some(self.header_problem((fault, what), ("content-type", wanted), is_of_before, answer))
    }

    fn cache_control(&self, expected: &ExpectedObject, answer: &Answer) -> Option<Finding> {
        let wanted = expected.headers.cache_control.as_deref()?;
        let directives = |text: &str| {
            let mut directives: Vec<String> =
                text.split(',').map(|directive| directive.trim().to_ascii_lowercase()).collect();
            directives.sort();
            directives
        };
        let found = answer.header("cache-control").map(directives);
        if found == Some(directives(wanted)) {
            return None;
        }
        let before = expected.headers_before.as_ref();
        let is_of_before =
            before.is_some_and(|before| found == before.cache_control.as_deref().map(directives));
        let what = (Fault::CacheControl, "is to be cached in another way");
        Some(self.header_problem(what, ("cache-control", wanted), is_of_before, answer))
    }

    fn other_headers(&self, expected: &ExpectedObject, answer: &Answer) -> Vec<Finding> {
        let of = |headers: &ObjectHeaders| {
            [
                ("content-disposition", headers.content_disposition.clone()),
                ("content-language", headers.content_language.clone()),
            ]
        };
        let before = expected.headers_before.as_deref().map(of).unwrap_or_default();
        let mut findings = Vec::new();
        for ((name, wanted), (_, before)) in of(&expected.headers).into_iter().zip(before) {
            let found = answer.header(name);
            let Some(wanted) = wanted.filter(|wanted| found != Some(wanted)) else { continue };
            let is_of_before = expected.headers_before.is_some() && found == before.as_deref();
            let what = (Fault::Header, "has another header than the object");
            findings.push(self.header_problem(what, (name, &wanted), is_of_before, answer));
        }
        findings
    }

    /// S3 has the header as the record says. So where another one comes, something on the way puts it there, which it would
    /// with the release before as well: unless what comes is just what that one had, as from a copy.
    fn header_problem(
        &self,
        (fault, what): (Fault, &str),
        (name, wanted): (&str, &str),
        is_of_before: bool,
        answer: &Answer,
    ) -> Finding {
        let found = answer.header(name).map_or_else(|| "none".to_owned(), |found| format!("`{found}`"));
        let remedy = if answer.cache_signs().is_hit() {
            format!("run `sitepush invalidate '{}'`; it may be a copy from before", self.check.path)
        } else {
            "look for a response headers policy that overrides it; `sitepush push --verify-remote` repairs the object"
                .to_owned()
        };
        let finding = self.problem(fault, what, &format!("`{wanted}`"), found, answer, &remedy);
        Finding { is_of_release: is_of_before, ..finding }
    }

    fn compression(&self, expected: &ExpectedObject, answer: &Answer) -> Option<Finding> {
        let content_type = expected.headers.content_type.as_deref()?;
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is_compressed = expected.headers.content_encoding.is_none()
            && COMPRESSED_BYTES.contains(&expected.size_bytes)
            && content_type::is_compressible(content_type)
            && !NOT_COMPRESSED.contains(&essence);
        if !is_compressed || encoding(answer).is_some() {
            return None;
        }
        let mut finding = self.problem(
            Fault::NotCompressed,
            "is not compressed for a client that accepts it",
            "`br` or `gzip`",
            format!("{} bytes as they are", answer.body.size_bytes),
            answer,
            "let the cache behavior compress, and the cache policy keep Brotli and gzip apart",
        );
        finding.severity = Severity::Warning;
        Some(finding)
    }

    fn redirect(&self, to: &str, answer: &Answer) -> Vec<Finding> {
        let location = answer.header("location").unwrap_or_default();
        let is_redirect = matches!(answer.status, 301 | 302 | 307 | 308);
        let path = self.site.path_of_location(location);
        if is_redirect && path.as_deref() == Some(to) {
            return Vec::new();
        }
        if is_redirect {
            return vec![self.unexpected_redirect(answer)];
        }
        vec![self.problem(
            Fault::NoRedirect,
            "does not redirect",
            &format!("a redirect to `{to}`"),
            format!("status {}", answer.status),
            answer,
            "install the edge function (`sitepush edge-function`) and name its `key_value_store` in the target",
        )]
    }

    fn unexpected_redirect(&self, answer: &Answer) -> Finding {
        let location = answer.header("location").unwrap_or_default();
        let is_loop = has_loop(&self.site.url_of(&self.check.path), &answer.trail);
        let wanted = match &self.check.expected {
            Expected::Redirect(to) => format!("a redirect to `{to}`"),
            _ => "the page itself".to_owned(),
        };
        let found = format!("status {} to `{location}`", answer.status);
        let remedy = "look at the redirects of the edge function and at `site.trailing_slash`";
        if is_loop {
            return self.problem(
                Fault::RedirectLoop,
                "redirects in a circle",
                &wanted,
                found,
                answer,
                remedy,
            );
        }
        let is_here = self.site.path_of_location(location).is_some();
        let remedy = if is_here { remedy } else { "look what sends visitors to another site" };
        let finding =
            self.problem(Fault::UnexpectedRedirect, "redirects elsewhere", &wanted, found, answer, remedy);
        // The edge function knows the paths of this site alone.
        Finding { is_of_release: finding.is_of_release && is_here, ..finding }
    }

    fn not_there(&self, answer: &Answer) -> Finding {
        let is_own_path = self.check.key.as_ref().is_some_and(|key| {
            let name = crate::core::invalidation::encode(key.file_name());
            self.check.path.ends_with(&format!("/{name}"))
        });
        let remedy = if self.check.path == "/" {
            "set the distribution's default root object to `index.html`"
        } else if is_own_path {
            "run `sitepush status --verify-remote`; if the bucket has it, look at the distribution's origin path and access"
        } else {
            "install the edge function (`sitepush edge-function`), or set `site.clean_urls = false`"
        };
        let found = format!("status {}", answer.status);
        let finding = self.problem(Fault::NotThere, "is not there", "status 200", found, answer, remedy);
        // Under any other address it is the distribution that leads nowhere, with any release. A file that is really
        // missing is missing under its own path, too, which is asked for as well.
        Finding { is_of_release: finding.is_of_release && is_own_path, ..finding }
    }

    fn missing(&self, missing: &Missing, answer: &Answer) -> Vec<Finding> {
        let status = format!("status {}", answer.status);
        let mut findings = Vec::new();
        match answer.status {
            404 | 410 => {}
            403 if matches!(missing, Missing::MadeUp { .. }) => {
                let mut finding = self.problem(
                    Fault::NotFoundStatus,
                    "is refused instead of not found",
                    "status 404",
                    status,
                    answer,
                    "grant the distribution `s3:ListBucket`: S3 says 403 to those who may not know what is there",
                );
                finding.severity = Severity::Warning;
                findings.push(finding);
            }
            403 => {}
            200 => findings.extend(self.soft(missing, answer)),
            301 | 302 | 303 | 307 | 308 => findings.extend(self.redirect_of_missing(missing, answer)),
            _ => findings.push(self.problem(
                Fault::NotFoundStatus,
                "is answered by another status than 404",
                "status 404",
                status,
                answer,
                "look at the distribution's custom error responses",
            )),
        }
        if let (Missing::MadeUp { error_page }, 404) = (missing, answer.status) {
            findings.extend(error_page.and_then(|page| self.error_page(page, answer)));
            findings.extend(self.error_kept(answer));
        }
        findings
    }

    /// A success where nothing is.
    fn soft(&self, missing: &Missing, answer: &Answer) -> Option<Finding> {
        let found = format!("status 200, {} bytes", answer.body.size_bytes);
        let wanted = "status 404";
        match missing {
            Missing::MadeUp { .. } => Some(self.problem(
                Fault::SoftNotFound,
                "is answered as if it were there",
                wanted,
                found,
                answer,
                "let the custom error response keep status 404; for an application of one page set `site.single_page`",
            )),
            Missing::Left { before } => {
                let is_old = plain_digest(answer) == Some(*before) || answer.body.sha256 == Some(*before);
                let what = if is_old {
                    "left the release, and is answered as before"
                } else {
                    "left the release, and is answered"
                };
                let remedy = format!("run `sitepush invalidate '{}'`", self.check.path);
                Some(self.problem(Fault::StillThere, what, wanted, found, answer, &remedy))
            }
            Missing::OtherCase => {
                let mut finding = self.problem(
                    Fault::LetterCase,
                    "is answered, although the file is written otherwise",
                    wanted,
                    found,
                    answer,
                    "find out what changes the case of paths: every file has many addresses, each cached by itself",
                );
                finding.severity = Severity::Warning;
                Some(finding)
            }
        }
    }

    /// That what is gone leads elsewhere is somebody's wish; that a made-up name does is not, but where it ends may be
    /// an error page.
    fn redirect_of_missing(&self, missing: &Missing, answer: &Answer) -> Option<Finding> {
        let Missing::MadeUp { .. } = missing else { return None };
        if has_loop(&self.site.url_of(&self.check.path), &answer.trail) {
            return Some(self.unexpected_redirect(answer));
        }
        let location = answer.header("location").unwrap_or_default();
        let mut finding = self.problem(
            Fault::NotFoundStatus,
            "redirects instead of not being found",
            "status 404",
            format!("status {} to `{location}`", answer.status),
            answer,
            "let what is not there be answered with 404: search engines keep asking otherwise",
        );
        finding.severity = Severity::Warning;
        Some(finding)
    }

    fn error_page(&self, page: Sha256Digest, answer: &Answer) -> Option<Finding> {
        let found = plain_digest(answer);
        if found == Some(page) || answer.body.sha256 == Some(page) {
            return None;
        }
        let mut finding = self.problem(
            Fault::ErrorPage,
            "does not show the release's 404.html",
            &short(Some(page)),
            format!("{}, {} bytes", short(found), answer.body.size_bytes),
            answer,
            "let the distribution's custom error response for 404 be `/404.html`, or invalidate it",
        );
        finding.severity = Severity::Warning;
        Some(finding)
    }

    fn error_kept(&self, answer: &Answer) -> Option<Finding> {
        let cache_control = answer.header("cache-control")?.to_ascii_lowercase();
        let max_age = cache_control.split(',').find_map(|part| part.trim().strip_prefix("max-age="));
        let seconds = max_age.and_then(|seconds| seconds.parse::<u64>().ok())?;
        if seconds <= ERROR_KEPT_SECONDS {
            return None;
        }
        let mut finding = self.problem(
            Fault::ErrorKept,
            "is an error that browsers keep",
            &format!("`max-age` of at most {ERROR_KEPT_SECONDS}"),
            format!("`{cache_control}`"),
            answer,
            "give 404.html a `cache_control` of its own by a rule: a page that is added later is not seen until then",
        );
        finding.severity = Severity::Warning;
        Some(finding)
    }

    fn denied(&self, answer: &Answer) -> Vec<Finding> {
        if answer.status != 200 {
            return Vec::new();
        }
        vec![self.problem(
            Fault::StateReadable,
            "lets everybody read sitepush's own record",
            "status 403 or 404",
            "status 200".to_owned(),
            answer,
            "deny the distribution `.sitepush/*` in the bucket policy (docs/permissions.md)",
        )]
    }

    fn no_answer(&self, failure: &NoAnswer) -> Finding {
        let (fault, what, found) = match failure {
            NoAnswer::Connect(cause) | NoAnswer::Other(cause) => {
                (Fault::NoAnswer, "gives no answer", cause.clone())
            }
            NoAnswer::TimedOut { seconds } => {
                (Fault::TimedOut, "takes too long", format!("no whole answer in {seconds} s"))
            }
            NoAnswer::Truncated(cause) => (Fault::Truncated, "ends before its announced end", cause.clone()),
            NoAnswer::TooLong { limit_bytes } => {
                (Fault::Bytes, "has other bytes than the release", format!("more than {limit_bytes} bytes"))
            }
        };
        let expected = match &self.check.expected {
            Expected::Object(object) => format!("{} bytes", object.size_bytes),
            _ => "an answer".to_owned(),
        };
        let remedy = match fault {
            Fault::TimedOut => "look at what is slow behind the distribution; `--timeout` waits longer",
            Fault::Bytes => {
                "run `sitepush push --verify-remote`, which repairs the bucket, and invalidate the path"
            }
            _ => "run it again; if it stays so, look at the distribution's logs",
        };
        self.problem(fault, what, &expected, found, &Answer::default(), remedy)
    }

    fn problem(
        &self,
        fault: Fault,
        what: &str,
        expected: &str,
        found: String,
        answer: &Answer,
        remedy: &str,
    ) -> Finding {
        Finding {
            severity: Severity::Problem,
            fault,
            is_of_release: fault.may_be_of_release() && self.check.is_changed,
            path: self.check.path.clone(),
            key: self.check.key.clone(),
            what: what.to_owned(),
            expected: expected.to_owned(),
            found,
            cache: answer.cache_signs(),
            remedy: remedy.to_owned(),
        }
    }
}

/// The encoding that an answer tells, in lower case; `identity` is none.
fn encoding(answer: &Answer) -> Option<String> {
    let told = answer.header("content-encoding")?.trim().to_ascii_lowercase();
    (!told.is_empty() && told != "identity").then_some(told)
}

/// The digest of the bytes as a browser sees them, where they can be seen.
fn plain_digest(answer: &Answer) -> Option<Sha256Digest> {
    match (encoding(answer), &answer.body.decoded) {
        (None, _) => answer.body.sha256,
        (Some(_), Some(Decoded::Whole { sha256, .. })) => Some(*sha256),
        (Some(_), _) => None,
    }
}

/// The beginning of a digest: enough to tell two apart.
fn short(digest: Option<Sha256Digest>) -> String {
    digest.map_or_else(|| "no bytes".to_owned(), |digest| format!("SHA-256 {}", &digest.to_string()[..12]))
}

/// Whether the trail of redirects comes back to where it was.
fn has_loop(start: &str, trail: &[String]) -> bool {
    let mut seen = vec![start];
    trail.iter().any(|place| {
        let is_seen = seen.contains(&place.as_str());
        seen.push(place);
        is_seen
    })
}
