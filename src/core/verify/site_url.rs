//! Where visitors find a site, as a value.

use std::fmt;

/// `https://www.example.com`, or with a port, or with a path before every page's. Never has a closing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteUrl {
    is_https: bool,
    host: String,
    port: Option<u16>,
    /// Empty, or starts with `/` and ends without one.
    base_path: String,
}

/// Why a text is not where a site is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteUrlError {
    #[error("`{0}` is not the address of a site")]
    NotAnAddress(String),
    #[error("the address has a user name, a query or a fragment")]
    MoreThanAnAddress,
}

impl SiteUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it does not begin with `http://` or `https://` and a host, or has more than a path behind it.
    pub fn parse(text: &str) -> Result<Self, SiteUrlError> {
        let wrong = || SiteUrlError::NotAnAddress(text.to_owned());
        if text.contains(['@', '?', '#']) {
            return Err(SiteUrlError::MoreThanAnAddress);
        }
        let uri: http::Uri = text.parse().map_err(|_| wrong())?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        Ok(Self {
            is_https,
            host: host.to_ascii_lowercase(),
            port: uri.port_u16(),
            base_path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Where a distribution is, by its domain name. That of a stand-in may have a port.
    pub fn of_domain(name: &str) -> Self {
        let split = name.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = split.map_or((name, None), |(host, port)| (host, Some(port)));
        Self { is_https: true, host: host.to_ascii_lowercase(), port, base_path: String::new() }
    }

    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Without brackets round an IPv6 address.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The one that is connected to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.is_https { 443 } else { 80 })
    }

    /// Whether the address names a port, so that nothing is known of others.
    pub fn names_port(&self) -> bool {
        self.port.is_some()
    }

    /// The address of a path (percent-encoded, starts with `/`).
    pub fn url_of(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// The same without TLS: at the same port where the address names one, else at 80.
    pub fn plain_url_of(&self, path: &str) -> String {
        Self { is_https: false, ..self.clone() }.url_of(path)
    }

    /// The path on this site that a `Location` leads to from `path`: absolute, relative to the host or to the path. None
    /// when it leads to another host or to another scheme.
    pub fn path_of_location(&self, location: &str) -> Option<String> {
        let path = match Self::split(location) {
            None if location.starts_with('/') && !location.starts_with("//") => location.to_owned(),
            None => return None,
            Some((scheme, authority, path)) => {
                let own = self.to_string();
                let own = own.strip_suffix(&self.base_path).unwrap_or(&own);
                if !format!("{scheme}://{authority}").eq_ignore_ascii_case(own) {
                    return None;
                }
                if path.is_empty() { "/".to_owned() } else { path.to_owned() }
            }
        };
        path.strip_prefix(&self.base_path).map(str::to_owned)
    }

    /// Whether a `Location` leads to this very site by https: its host may be written with or without the port.
    pub fn is_https_location(&self, location: &str) -> bool {
        Self::split(location).is_some_and(|(scheme, authority, _)| {
            let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
            let is_ours = authority.eq_ignore_ascii_case(&self.host) || host.eq_ignore_ascii_case(&self.host);
            scheme.eq_ignore_ascii_case("https") && is_ours
        })
    }

    fn split(address: &str) -> Option<(&str, &str, &str)> {
        let (scheme, rest) = address.split_once("://")?;
        let at = rest.find('/').unwrap_or(rest.len());
        Some((scheme, &rest[..at], &rest[at..]))
    }
}

impl fmt::Display for SiteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.base_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> SiteUrl {
        SiteUrl::parse(text).expect("an address")
    }

    #[test]
    fn an_address_is_read_and_written_without_its_closing_slash() {
        for (text, written, port) in [
            ("https://www.example.com", "https://www.example.com", 443),
            ("https://WWW.example.com/", "https://www.example.com", 443),
            ("http://127.0.0.1:4173/", "http://127.0.0.1:4173", 4173),
            ("http://[::1]:80/docs/", "http://[::1]:80/docs", 80),
        ] {
            let site = site(text);
            assert_eq!((site.to_string().as_str(), site.port()), (written, port), "{text}");
        }
        assert_eq!(site("http://[::1]:1").host(), "::1");
        assert_eq!(SiteUrl::of_domain("d1.cloudfront.net").url_of("/a"), "https://d1.cloudfront.net/a");
    }

    #[test]
    fn what_is_no_address_of_a_site_is_refused() {
        for text in ["www.example.com", "ftp://a", "https://", "/a", ""] {
            assert!(matches!(SiteUrl::parse(text), Err(SiteUrlError::NotAnAddress(_))), "{text}");
        }
        for text in ["https://a/?b", "https://user:secret@a", "https://a#b"] {
            assert_eq!(SiteUrl::parse(text), Err(SiteUrlError::MoreThanAnAddress), "{text}");
        }
    }

    #[test]
    fn a_location_is_a_path_of_this_site_or_of_none() {
        let site = site("https://a.example/docs");
        for (location, path) in [
            ("/docs/b/", Some("/b/")),
            ("https://a.example/docs/b", Some("/b")),
            ("HTTPS://A.example/docs/b", Some("/b")),
            ("/b", None),
            ("http://a.example/docs/b", None),
            ("https://b.example/docs/b", None),
            ("//b.example/docs", None),
            ("b", None),
        ] {
            assert_eq!(site.path_of_location(location).as_deref(), path, "{location}");
        }
    }

    #[test]
    fn a_location_with_https_leads_to_this_host_or_to_another() {
        let site = site("https://a.example:8443");
        for (location, expected) in [
            ("https://a.example/", true),
            ("https://a.example:8443/x", true),
            ("http://a.example:8443/", false),
            ("https://b.example/", false),
            ("/", false),
        ] {
            assert_eq!(site.is_https_location(location), expected, "{location}");
        }
    }
}
