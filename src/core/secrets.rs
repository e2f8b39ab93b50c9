//! What must never be published: private keys and access keys, told by how they look.
//!
//! Pure and streaming: a file goes through in chunks of any size. Only patterns that nothing else looks like: a
//! refusal for a wrong reason teaches people to switch the check off.

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretKind {
    PrivateKey,
    AwsAccessKey,
    GitHubToken,
    SlackToken,
    StripeKey,
}

impl fmt::Display for SecretKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrivateKey => "a private key",
            Self::AwsAccessKey => "an AWS access key id",
            Self::GitHubToken => "a GitHub token",
            Self::SlackToken => "a Slack token",
            Self::StripeKey => "a live Stripe key",
        })
    }
}

/// A beginning that announces a secret, and how the rest of it must look.
struct Pattern {
    kind: SecretKind,
    start: &'static [u8],
    /// Bytes after `start` that must all be of the alphabet.
    length: usize,
    alphabet: fn(u8) -> bool,
}

fn upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn key_header(byte: u8) -> bool {
    byte.is_ascii_uppercase() || matches!(byte, b' ' | b'-')
}

/// Source: IAM User Guide, "Unique identifiers" (AKIA long-term, ASIA temporary, 16 more); RFC 7468 for PEM; the
/// services' own announcements of their token prefixes.
const PATTERNS: &[Pattern] = &[
    Pattern { kind: SecretKind::PrivateKey, start: b"-----BEGIN ", length: 16, alphabet: key_header },
    Pattern { kind: SecretKind::AwsAccessKey, start: b"AKIA", length: 16, alphabet: upper_or_digit },
    Pattern { kind: SecretKind::AwsAccessKey, start: b"ASIA", length: 16, alphabet: upper_or_digit },
    Pattern { kind: SecretKind::GitHubToken, start: b"ghp_", length: 36, alphabet: alphanumeric },
    Pattern {
        kind: SecretKind::SlackToken,
        start: b"xoxb-",
        length: 10,
        alphabet: |byte| byte.is_ascii_digit(),
    },
    Pattern { kind: SecretKind::StripeKey, start: b"sk_live_", length: 24, alphabet: alphanumeric },
];

/// Searchers for the beginnings. One pass for each is faster than one automaton for all: they are vectorized.
static STARTS: LazyLock<Vec<Finder<'static>>> =
    LazyLock::new(|| PATTERNS.iter().map(|pattern| Finder::new(pattern.start)).collect());

/// Bytes of a chunk that are looked at again with the next: the longest pattern and one byte on either side.
const OVERLAP_BYTES: usize = 64;

/// Looks for secrets in a stream of bytes.
#[derive(Default)]
pub struct SecretScanner {
    /// The end of what came before, for what lies across the seam.
    tail: Vec<u8>,
    found: Vec<SecretKind>,
}

impl SecretScanner {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next chunk.
    pub fn update(&mut self, chunk: &[u8]) {
        if !self.tail.is_empty() {
            let mut seam = std::mem::take(&mut self.tail);
            seam.extend_from_slice(&chunk[..chunk.len().min(OVERLAP_BYTES)]);
            self.search(&seam);
            self.tail = seam;
        }
        self.search(chunk);
        if chunk.len() >= OVERLAP_BYTES {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - OVERLAP_BYTES..]);
        } else {
            if self.tail.is_empty() {
                self.tail.extend_from_slice(chunk);
            }
            let surplus = self.tail.len().saturating_sub(OVERLAP_BYTES);
            self.tail.drain(..surplus);
        }
    }

    /// The kinds of secrets that were found, sorted, each once.
    pub fn finish(mut self) -> Vec<SecretKind> {
        self.found.sort_unstable();
        self.found.dedup();
        self.found
    }

    fn search(&mut self, bytes: &[u8]) {
        for (pattern, start) in PATTERNS.iter().zip(STARTS.iter()) {
            if self.found.contains(&pattern.kind) {
                continue;
            }
            if start.find_iter(bytes).any(|at| pattern.matches(bytes, at)) {
                self.found.push(pattern.kind);
            }
        }
    }
}

impl Pattern {
    fn matches(&self, bytes: &[u8], at: usize) -> bool {
        let rest = &bytes[at + self.start.len()..];
        let Some(body) = rest.get(..self.length) else { return false };
        if !body.iter().all(|byte| (self.alphabet)(*byte)) {
            return false;
        }
        match self.kind {
            SecretKind::PrivateKey => is_private_key_header(rest),
            SecretKind::AwsAccessKey => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let is_inside_word =
                    at > 0 && is_word(&bytes[at - 1]) || rest.get(self.length).is_some_and(is_word);
                // The documentation's own examples end so.
                !is_inside_word && !body.ends_with(b"EXAMPLE")
            }
            _ => true,
        }
    }
}

/// `PRIVATE KEY-----` (`PRIVATE KEY BLOCK-----` of OpenPGP) after at most three words (`RSA`, `ENCRYPTED`, `PGP`...).
fn is_private_key_header(rest: &[u8]) -> bool {
    let header = &rest[..rest.len().min(40)];
    let is_word = |byte: &u8| byte.is_ascii_uppercase() || *byte == b' ';
    memchr::memmem::find(header, b"PRIVATE KEY").is_some_and(|at| {
        let end = &header[at + b"PRIVATE KEY".len()..];
        header[..at].iter().all(is_word) && (end.starts_with(b"-----") || end.starts_with(b" BLOCK-----"))
    })
}

/// Whether a file by this name holds secrets whatever is in it. `key` has `/` between segments.
pub fn is_secret_name(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    let is_environment = name == ".env"
        || name.strip_prefix(".env.").is_some_and(|kind| !matches!(kind, "example" | "sample" | "template"));
    is_environment
        || matches!(
            name,
            ".npmrc" | ".netrc" | ".pgpass" | ".htpasswd" | "id_rsa" | "id_ed25519" | "id_ecdsa" | "id_dsa"
        )
        || key.ends_with(".aws/credentials")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<SecretKind> {
        let mut scanner = SecretScanner::new();
        scanner.update(text.as_bytes());
        scanner.finish()
    }

    fn access_key() -> String {
        // In two parts, so that this file is not itself a finding.
        format!("{}{}", "AKIA", "QWERTYUIOPASDF12")
    }

    #[test]
    fn keys_are_found_where_they_are_real() {
        assert_eq!(found(&format!("key: '{}'", access_key())), [SecretKind::AwsAccessKey]);
        assert_eq!(found("-----BEGIN RSA PRIVATE KEY-----\nMII"), [SecretKind::PrivateKey]);
        assert_eq!(found("-----BEGIN PRIVATE KEY-----\nMII"), [SecretKind::PrivateKey]);
        assert_eq!(found("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQO"), [SecretKind::PrivateKey]);
        assert_eq!(found(&format!("ghp_{}", "a1".repeat(18))), [SecretKind::GitHubToken]);
    }

    #[test]
    fn look_alikes_are_not_called_secrets() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN PGP PUBLIC KEY BLOCK-----",
            "a word like AKIAsomething",
            "\"-----BEGIN \" + type + \" PRIVATE KEY-----\"",
            "xoxb- is how Slack tokens begin",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
        assert_eq!(found(&format!("x{}", access_key())), []);
        assert_eq!(found(&format!("{}9", access_key())), []);
    }

    #[test]
    fn a_secret_across_chunks_is_found_wherever_they_are_cut() {
        let text = format!("{} {} {}", "x".repeat(100), access_key(), "y".repeat(100));
        for cut in 0..text.len() {
            let mut scanner = SecretScanner::new();
            scanner.update(&text.as_bytes()[..cut]);
            scanner.update(&text.as_bytes()[cut..]);
            assert_eq!(scanner.finish(), [SecretKind::AwsAccessKey], "cut at {cut}");
        }
        let mut scanner = SecretScanner::new();
        for byte in text.as_bytes() {
            scanner.update(std::slice::from_ref(byte));
        }
        assert_eq!(scanner.finish(), [SecretKind::AwsAccessKey]);
    }

    #[test]
    fn environment_files_are_secret_by_name_and_their_templates_are_not() {
        for name in [".env", "a/.env.production", ".npmrc", "id_rsa"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [".env.example", "env.js", "environment", "id_rsa.pub", "rsa.html"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
