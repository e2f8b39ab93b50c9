//! The password of AWS's registry, which is good for twelve hours.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_ecr::Client;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;

use super::error::ImageError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The region of a host such as `111122223333.dkr.ecr.eu-central-1.amazonaws.com`; none for a host that is not ECR's.
///
/// Source: Amazon ECR user guide, "Private registry authentication" and "Endpoints and quotas" (FIPS).
pub(super) fn region(host: &str) -> Option<&str> {
    let rest = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let (account, rest) = rest.split_once(".dkr.")?;
    let region = rest.strip_prefix("ecr.").or_else(|| rest.strip_prefix("ecr-fips."))?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (is_account && !region.is_empty() && !region.contains('.')).then_some(region)
}

/// Asks ECR for a name and a password, with the credentials that every AWS tool takes.
///
/// # Errors
/// When there are no credentials, they may not, or ECR does not answer.
pub(super) async fn password(host: &str, region: &str) -> Result<RegistryAuth, ImageError> {
    let config =
        aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned())).load().await;
    let pair = ask(&Client::new(&config)).await;
    let (user, password) = pair.map_err(|source| ImageError::Password { host: host.to_owned(), source })?;
    Ok(RegistryAuth::Basic(user, password))
}

async fn ask(client: &Client) -> Result<(String, String), Cause> {
    let answer = client.get_authorization_token().send().await?;
    let data = answer.authorization_data.unwrap_or_default().into_iter().next();
    decode(data.and_then(|data| data.authorization_token).as_deref())
}

/// `AWS:…` in base64.
fn decode(token: Option<&str>) -> Result<(String, String), Cause> {
    let text = STANDARD.decode(token.ok_or("ECR answered without a token")?).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = text.as_deref().and_then(|text| text.split_once(':'));
    let (user, password) = pair.ok_or("ECR answered with a token that is no name and password")?;
    Ok((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use aws_sdk_ecr::config::{Config, Credentials};

    use super::*;

    /// A server that answers once, as ECR does; and the request that it got.
    fn server(status: &str, body: &str) -> (String, thread::JoinHandle<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("it has one"));
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let request = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut request = [0; 4096];
            let length = stream.read(&mut request).expect("a request");
            stream.write_all(answer.as_bytes()).expect("it listens");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (address, request)
    }

    fn client(address: &str) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "a test"))
            .endpoint_url(address);
        Client::from_conf(config.build())
    }

    #[tokio::test]
    async fn ecr_is_asked_for_a_token_in_the_region_of_the_host() {
        let body = format!(
            r#"{{"authorizationData":[{{"authorizationToken":"{}"}}]}}"#,
            STANDARD.encode("AWS:word")
        );
        let (address, request) = server("200 OK", &body);
        let pair = ask(&client(&address)).await.expect("it answers");
        assert_eq!(pair, ("AWS".to_owned(), "word".to_owned()));
        let request = request.join().expect("it was asked");
        assert!(request.contains("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"), "{request}");
        assert!(request.contains("/eu-central-1/ecr/aws4_request"), "{request}");
    }

    #[tokio::test]
    async fn a_refusal_of_ecr_is_kept_as_the_cause() {
        let body = r#"{"__type":"UnrecognizedClientException","message":"The security token is invalid."}"#;
        let (address, _request) = server("400 Bad Request", body);
        let source = ask(&client(&address)).await.expect_err("it refuses");
        let error = anyhow::Error::from(ImageError::Password { host: "a host".to_owned(), source });
        assert!(format!("{error:#}").contains("UnrecognizedClientException"), "{error:#}");
    }

    #[test]
    fn the_region_is_in_the_name_of_the_host() {
        for (host, wanted) in [
            ("111122223333.dkr.ecr.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("111122223333.dkr.ecr.eu-central-1.amazonaws.com.example", None),
            ("example.dkr.ecr.eu-central-1.amazonaws.com", None),
            ("127.0.0.1:5000", None),
        ] {
            assert_eq!(region(host), wanted, "{host}");
        }
    }

    #[test]
    fn a_token_is_a_name_and_a_password() {
        let token = STANDARD.encode("AWS:a:b");
        assert_eq!(decode(Some(&token)).expect("it is one"), ("AWS".to_owned(), "a:b".to_owned()));
        for bad in [None, Some("%"), Some("QVdT")] {
            assert!(decode(bad).is_err(), "{bad:?}");
        }
    }
}
