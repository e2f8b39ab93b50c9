//! The password of AWS's registry, which is good for twelve hours.

use aws_config::{BehaviorVersion, Region};
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
    let answer = aws_sdk_ecr::Client::new(&config).get_authorization_token().send().await;
    let token = answer.map_err(Cause::from).and_then(|answer| {
        let data = answer.authorization_data.unwrap_or_default().into_iter().next();
        decode(data.and_then(|data| data.authorization_token).as_deref())
    });
    let (user, password) = token.map_err(|source| ImageError::Password { host: host.to_owned(), source })?;
    Ok(RegistryAuth::Basic(user, password))
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
    use super::*;

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
