//! Which group a request is for. Pure.

use thiserror::Error;
use wildmatch::WildMatch;

/// A listener's rule: where a request goes whose path and host match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Rules are tried from the lowest number to the highest; each has its own.
    pub priority: u32,
    /// Patterns of the path, of which one has to match all of it; empty is any path. `*` is any text, `?` one character;
    /// case-sensitive.
    pub paths: Vec<String>,
    /// Patterns of the host, without a port, of which one has to match; empty is any host. Case does not matter.
    pub hosts: Vec<String>,
    /// The target group.
    pub group: String,
}

/// Rules that a load balancer would refuse.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    #[error("the rules for `{first}` and `{second}` both have the priority {priority}")]
    SamePriority { priority: u32, first: String, second: String },
    #[error("the rule for `{group}` has neither paths nor hosts")]
    NoCondition { group: String },
}

/// Rules in the order in which they are tried.
#[derive(Debug, Clone)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn new(mut rules: Vec<Rule>) -> Result<Self, RuleError> {
        rules.sort_by_key(|rule| rule.priority);
        if let Some(rule) = rules.iter().find(|rule| rule.paths.is_empty() && rule.hosts.is_empty()) {
            return Err(RuleError::NoCondition { group: rule.group.clone() });
        }
        let same = rules.windows(2).find(|pair| pair[0].priority == pair[1].priority);
        if let Some([first, second]) = same {
            let (first, second, priority) = (first.group.clone(), second.group.clone(), first.priority);
            return Err(RuleError::SamePriority { priority, first, second });
        }
        Ok(Self(rules))
    }

    /// The groups that a rule names.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| rule.group.as_str())
    }

    /// The group for a request; `host` as in the request's header, `path` without the query.
    pub(super) fn group(&self, host: &str, path: &str) -> Option<&str> {
        let host = without_port(host).to_ascii_lowercase();
        self.0.iter().find(|rule| rule.matches(&host, path)).map(|rule| rule.group.as_str())
    }
}

impl Rule {
    /// `host` is in lower case.
    fn matches(&self, host: &str, path: &str) -> bool {
        let has_path = self.paths.is_empty() || self.paths.iter().any(|pattern| glob(pattern, path));
        let has_host = || self.hosts.iter().any(|pattern| glob(&pattern.to_ascii_lowercase(), host));
        has_path && (self.hosts.is_empty() || has_host())
    }
}

/// `example.com` out of `example.com:80`; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether the pattern matches all of the text.
fn glob(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(priority: u32, paths: &[&str], hosts: &[&str], group: &str) -> Rule {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Rule { priority, paths: owned(paths), hosts: owned(hosts), group: group.to_owned() }
    }

    #[test]
    fn patterns_match_as_the_load_balancers_do() {
        for (pattern, path, expected) in [
            ("/api/x", "/api/x", true),
            ("/api/x", "/api/x/", false),
            ("/api/x/*", "/api/x/", true),
            ("/api/x/*", "/api/x/y/z", true),
            ("/api/x/*", "/api/x", false),
            ("/API/*", "/api/x", false),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("/a*b*c", "/axxbyybzzc", true),
            ("/a*b*c", "/axxbyybzz", false),
            ("/?", "/\u{e9}", true),
            ("*", "/", true),
        ] {
            assert_eq!(glob(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_lowest_number_wins_whatever_the_order_they_are_given_in() {
        let rules =
            Rules::new(vec![rule(20, &["/api/*"], &[], "any"), rule(10, &["/api/x"], &[], "x")]).unwrap();
        assert_eq!(rules.group("", "/api/x"), Some("x"));
        assert_eq!(rules.group("", "/api/y"), Some("any"));
        assert_eq!(rules.group("", "/other"), None);
        assert_eq!(rules.groups().collect::<Vec<_>>(), ["x", "any"]);
    }

    #[test]
    fn a_rule_with_both_wants_a_path_and_a_host() {
        let rules = Rules::new(vec![
            rule(1, &["/api/*"], &["*.Example.com"], "both"),
            rule(2, &[], &["example.com", "[::1]"], "host"),
        ])
        .unwrap();
        assert_eq!(rules.group("API.example.com:443", "/api/x"), Some("both"));
        assert_eq!(rules.group("api.example.com", "/x"), None);
        assert_eq!(rules.group("example.com", "/api/x"), Some("host"));
        assert_eq!(rules.group("[::1]:80", "/"), Some("host"));
    }

    #[test]
    fn rules_that_a_load_balancer_refuses_are_refused() {
        let twice = Rules::new(vec![rule(1, &["/a"], &[], "a"), rule(1, &["/b"], &[], "b")]).unwrap_err();
        assert_eq!(twice.to_string(), "the rules for `a` and `b` both have the priority 1");
        let bare = Rules::new(vec![rule(1, &[], &[], "a")]).unwrap_err();
        assert_eq!(bare, RuleError::NoCondition { group: "a".to_owned() });
    }
}
