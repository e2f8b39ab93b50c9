//! Where images go: the address of a registry, and a connection to one. Every call is tried again while that may help.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};

use super::ecr;
use super::error::ImageError;
use super::layer::digest;
use super::manifest::MANIFEST;
use super::retry::{Retry, Verdict, retrying};

/// The other form of a manifest, which older builders write.
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A registry, and the folder in it under which each service has a repository. What it prints for debugging has no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// With the port, if it is not the scheme's own.
    host: String,
    /// Without slashes at its ends; may be empty.
    prefix: String,
    transport: Transport,
    log_in: LogIn,
}

/// Who it is told that is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LogIn {
    /// With a name and a password, or without.
    As(RegistryAuth),
    /// With a password that ECR gives, in the region of its host.
    Ecr { region: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Https,
    Http,
}

impl Registry {
    /// Reads an address: `HOST[:PORT][/PREFIX]`, with `https://` or `http://` in front if one likes. Without either, it is HTTPS,
    /// but for a registry on this machine, as other tools have it.
    ///
    /// # Errors
    /// When it is no such address, or says `http://` of another machine.
    pub fn parse(address: &str) -> Result<Self> {
        let refuse = |why| ImageError::Address { given: address.to_owned(), why };
        let (scheme, rest) = match address.split_once("://") {
            Some(("http", rest)) => (Some(Transport::Http), rest),
            Some(("https", rest)) => (Some(Transport::Https), rest),
            Some(_) => return Err(refuse("it has another scheme than `https` and `http`").into()),
            None => (None, address),
        };
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        if host.contains('@') {
            return Err(refuse("names and passwords do not belong into it").into());
        }
        if host.is_empty()
            || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        {
            return Err(refuse("it has no host").into());
        }
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte);
        if !prefix.bytes().all(is_plain) || prefix.split('/').skip(1).any(str::is_empty) {
            return Err(refuse(
                "what follows the host may have lower-case letters, digits, dots, dashes and slashes",
            )
            .into());
        }
        let transport = match (scheme, is_loopback(host)) {
            (Some(Transport::Http), false) => {
                return Err(ImageError::PlainHttp { host: host.to_owned() }.into());
            }
            (Some(transport), _) => transport,
            (None, true) => Transport::Http,
            (None, false) => Transport::Https,
        };
        let log_in = match ecr::region(host) {
            Some(region) => LogIn::Ecr { region: region.to_owned() },
            None => LogIn::As(RegistryAuth::Anonymous),
        };
        Ok(Self { host: host.to_owned(), prefix: prefix.to_owned(), transport, log_in })
    }

    /// The same, asked with a name and a password.
    #[must_use]
    pub fn with_password(self, user: String, password: String) -> Self {
        Self { log_in: LogIn::As(RegistryAuth::Basic(user, password)), ..self }
    }

    /// The name of a service's repository, without the host.
    pub fn repository(&self, service: &str) -> String {
        if self.prefix.is_empty() { service.to_owned() } else { format!("{}/{service}", self.prefix) }
    }

    /// How a task definition names an image: `HOST/REPOSITORY@sha256:…`.
    pub fn pinned(&self, service: &str, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host, self.repository(service))
    }

    /// Sees whether the registry answers and takes the password, for a service's repository. Changes nothing.
    ///
    /// # Errors
    /// When there is no password, or the registry does not answer or does not take it.
    pub async fn check(&self, service: &str) -> Result<()> {
        let connection = self.connect(service, RegistryOperation::Push).await?;
        // Where a password goes along with each call, as with ECR, nothing has looked at it yet.
        connection.digest_of("latest").await.map(drop)
    }

    /// Opens a connection for the repository of one service; for ECR, gets a password.
    ///
    /// # Errors
    /// When there is no password, or the registry does not answer or does not take it.
    pub(super) async fn connect(&self, service: &str, operation: RegistryOperation) -> Result<Connection> {
        let protocol = match self.transport {
            Transport::Https => ClientProtocol::Https,
            Transport::Http => ClientProtocol::Http,
        };
        let config = ClientConfig {
            protocol,
            // ECR refuses chunks under 5 MiB, and this client's have 4.
            use_monolithic_push: true,
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(60)),
            user_agent: concat!("sitepush/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).context("cannot make a client for registries")?;
        let auth = match &self.log_in {
            LogIn::As(auth) => auth.clone(),
            LogIn::Ecr { region } => ecr::password(&self.host, region).await?,
        };
        let repository = self.repository(service);
        let connection =
            Connection { client, auth, host: self.host.clone(), repository, retry: Retry::default() };
        connection.log_in(operation).await?;
        Ok(connection)
    }
}

/// Whether only this machine can be meant.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// One repository, ready to be asked.
pub(super) struct Connection {
    client: Client,
    auth: RegistryAuth,
    host: String,
    repository: String,
    retry: Retry,
}

impl Connection {
    /// The client forgets why it got no token and goes on without: so a token is got first, where the reason can be seen.
    async fn log_in(&self, operation: RegistryOperation) -> Result<()> {
        let reference = self.reference("latest");
        let call = async || self.client.auth(&reference, &self.auth, operation).await;
        self.call("a log-in", call).await.map(drop)
    }

    /// The digest that a tag has, or none when there is no such tag, or no such repository.
    pub async fn digest_of(&self, tag: &str) -> Result<Option<String>> {
        let reference = self.reference(tag);
        let call = async || self.client.fetch_manifest_digest(&reference, &self.auth).await;
        match self.call(&format!("a question about `{}:{tag}`", self.repository), call).await {
            Ok(digest) => Ok(Some(digest)),
            Err(error) => match error.downcast_ref() {
                Some(ImageError::NotThere { .. }) => Ok(None),
                _ => Err(error),
            },
        }
    }

    pub async fn has_blob(&self, digest: &str) -> Result<bool> {
        let reference = self.reference("latest");
        let call = async || self.client.blob_exists(&reference, digest).await;
        self.call(&format!("a question about {digest}"), call).await
    }

    pub async fn put_blob(&self, digest: &str, bytes: Vec<u8>) -> Result<()> {
        let reference = self.reference("latest");
        let bytes = bytes::Bytes::from(bytes);
        let call = async || self.client.push_blob(&reference, bytes.clone(), digest).await;
        self.call(&format!("the upload of {digest}"), call).await.map(drop)
    }

    /// Gives a manifest a tag. All that it names has to be there.
    pub async fn put_manifest(&self, tag: &str, media_type: &str, bytes: &[u8]) -> Result<()> {
        let reference = self.reference(tag);
        let call = async || {
            let media_type = media_type
                .parse()
                .map_err(|_| OciDistributionError::UnsupportedMediaTypeError(media_type.to_owned()))?;
            self.client.push_manifest_raw(&reference, bytes.to_vec(), media_type).await
        };
        self.call(&format!("the upload of `{}:{tag}`", self.repository), call).await.map(drop)
    }

    /// The manifest of an image, which is what its digest says.
    pub async fn manifest(&self, wanted: &str) -> Result<Vec<u8>> {
        let reference = Reference::with_digest(self.host.clone(), self.repository.clone(), wanted.to_owned());
        let accepted = [MANIFEST, DOCKER_MANIFEST];
        let call = async || self.client.pull_manifest_raw(&reference, &self.auth, &accepted).await;
        let answer = self.call(&format!("a request for `{}@{wanted}`", self.repository), call).await;
        let (bytes, _) = answer.map_err(|error| match error.downcast_ref() {
            Some(ImageError::NotThere { what }) => {
                ImageError::NotThere { what: format!("{what}@{wanted}") }.into()
            }
            _ => error,
        })?;
        ensure!(digest(&bytes) == wanted, "`{}` sent another manifest than {wanted}", self.host);
        Ok(bytes.to_vec())
    }

    /// Bytes that a manifest names, which are what their digest says.
    pub async fn blob(&self, wanted: &str) -> Result<Vec<u8>> {
        let reference = self.reference("latest");
        let call = async || {
            let mut bytes = Vec::new();
            self.client.pull_blob(&reference, wanted, &mut bytes).await?;
            Ok(bytes)
        };
        let bytes = self.call(&format!("a request for {wanted}"), call).await?;
        ensure!(digest(&bytes) == wanted, "`{}` sent other bytes than {wanted}", self.host);
        Ok(bytes)
    }

    fn reference(&self, tag: &str) -> Reference {
        Reference::with_tag(self.host.clone(), self.repository.clone(), tag.to_owned())
    }

    /// Makes a call, again while it fails for a reason that may pass; and says what kind of failure it was in the end.
    async fn call<T>(
        &self,
        doing: &str,
        call: impl AsyncFn() -> Result<T, OciDistributionError>,
    ) -> Result<T> {
        retrying(self.retry, judge, call).await.map_err(|(error, attempts)| {
            let (host, doing) = (self.host.clone(), doing.to_owned());
            match kind(&error) {
                Kind::NotThere => ImageError::NotThere { what: format!("{host}/{}", self.repository) }.into(),
                Kind::Denied => ImageError::Denied { host, doing, source: brief(error) }.into(),
                Kind::Passing => {
                    ImageError::Unreachable { host, doing, attempts, source: brief(error) }.into()
                }
                Kind::Other => {
                    anyhow::Error::from_boxed(brief(error)).context(format!("`{host}` did not take {doing}"))
                }
            }
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NotThere,
    Denied,
    /// May pass: too much to do, a connection that broke.
    Passing,
    Other,
}

fn judge(error: &OciDistributionError) -> Verdict {
    if kind(error) == Kind::Passing { Verdict::Again } else { Verdict::GiveUp }
}

fn kind(error: &OciDistributionError) -> Kind {
    use OciDistributionError as Error;
    match error {
        Error::RequestError(error) => match error.status() {
            Some(status) => kind_of_status(status.as_u16()),
            // One that could not be put together will not be, either.
            None if error.is_builder() => Kind::Other,
            None => Kind::Passing,
        },
        Error::ServerError { code, .. } => kind_of_status(*code),
        Error::IoError(_) => Kind::Passing,
        Error::UnauthorizedError { .. } | Error::AuthenticationFailure(_) => Kind::Denied,
        Error::ImageManifestNotFoundError(_) => Kind::NotThere,
        Error::RegistryError { envelope, .. } => match envelope.errors.first().map(|error| &error.code) {
            Some(OciErrorCode::Toomanyrequests) => Kind::Passing,
            Some(OciErrorCode::Denied | OciErrorCode::Unauthorized) => Kind::Denied,
            Some(OciErrorCode::NameUnknown | OciErrorCode::ManifestUnknown | OciErrorCode::NotFound) => {
                Kind::NotThere
            }
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

fn kind_of_status(status: u16) -> Kind {
    match status {
        404 => Kind::NotThere,
        401 | 403 => Kind::Denied,
        408 | 429 | 500.. => Kind::Passing,
        _ => Kind::Other,
    }
}

/// The cause without addresses, which may be signed, and without bodies.
fn brief(error: OciDistributionError) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        OciDistributionError::RequestError(error) => error.without_url().into(),
        OciDistributionError::ServerError { code, .. } => format!("it answered {code}").into(),
        OciDistributionError::UnauthorizedError { .. } => "it wants a log-in, or another one".into(),
        OciDistributionError::RegistryError { envelope, .. } => envelope.to_string().into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_host_repository_and_digest() {
        let ecr = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
        for address in [format!("{ecr}/example-staging"), format!("https://{ecr}/example-staging/")] {
            let registry = Registry::parse(&address).expect("an address");
            assert_eq!(
                registry.pinned("counter", "sha256:1"),
                format!("{ecr}/example-staging/counter@sha256:1")
            );
            assert_eq!(registry.transport, Transport::Https);
        }
        let registry = Registry::parse("http://127.0.0.1:5000").expect("an address");
        assert_eq!(registry.pinned("counter", "sha256:1"), "127.0.0.1:5000/counter@sha256:1");
    }

    #[test]
    fn only_this_machine_is_asked_without_encryption() {
        for address in
            ["http://127.0.0.1:5000/x", "http://localhost:5000", "http://[::1]:5000", "127.0.0.9:5000"]
        {
            assert_eq!(Registry::parse(address).expect(address).transport, Transport::Http, "{address}");
        }
        for address in
            ["https://127.0.0.1:5000", "registry.example", "localhost.example:5000", "127.0.0.1.example"]
        {
            assert_eq!(Registry::parse(address).expect(address).transport, Transport::Https, "{address}");
        }
        for address in ["http://registry.example", "http://127.0.0.1.example/x", "http://10.0.0.1:5000"] {
            let error =
                Registry::parse(address).expect_err(address).downcast::<ImageError>().expect("one of ours");
            assert!(matches!(error, ImageError::PlainHttp { .. }), "{address}: {error}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let registry = Registry::parse("registry.example").expect("an address");
        let shown = format!("{:?}", registry.with_password("ada".to_owned(), "a secret".to_owned()));
        assert!(shown.contains("ada") && !shown.contains("a secret"), "{shown}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "/x",
            "ftp://a.example",
            "https://user:secret@a.example",
            "a.example/X",
            "a.example/x//y",
            "a b",
        ] {
            assert!(Registry::parse(bad).is_err(), "{bad}");
        }
        let error = Registry::parse("https://user:secret@a.example").expect_err("it has a password");
        assert!(
            error
                .downcast_ref::<ImageError>()
                .is_some_and(|error| matches!(error, ImageError::Address { .. }))
        );
    }

    fn server(code: u16) -> OciDistributionError {
        OciDistributionError::ServerError { code, url: String::new(), message: "a page".to_owned() }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_a_refusal_is_not() {
        for code in [408, 429, 500, 502, 503, 504] {
            assert_eq!(judge(&server(code)), Verdict::Again, "{code}");
        }
        for code in [400, 401, 403, 404, 405, 413] {
            assert_eq!(judge(&server(code)), Verdict::GiveUp, "{code}");
        }
    }

    #[test]
    fn neither_addresses_nor_pages_are_shown() {
        assert_eq!(brief(server(503)).to_string(), "it answered 503");
        let error = OciDistributionError::UnauthorizedError { url: "https://x/?signature=1".to_owned() };
        assert!(!brief(error).to_string().contains("signature"));
    }
}
