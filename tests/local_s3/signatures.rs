//! Who may ask: signatures, access keys and regions.

use aws_sdk_s3::config::Region;

use crate::support::{BUCKET, client, config, plain_site, refusal};

#[tokio::test]
async fn an_unknown_key_and_a_wrong_secret_are_told_apart() {
    let site = plain_site().await;
    let credentials = site.store.options().credentials.clone();
    let stranger = client(&site.server, "stranger", &credentials.secret_access_key);
    let get = stranger.get_object().bucket(BUCKET).key("a").send().await;
    assert_eq!(refusal(get), (403, "InvalidAccessKeyId".to_owned()));
    let forger = client(&site.server, &credentials.access_key_id, "guess");
    let put = forger.put_object().bucket(BUCKET).key("a").send().await;
    assert_eq!(refusal(put), (403, "SignatureDoesNotMatch".to_owned()));
    assert!(site.store.keys(BUCKET).is_empty());
}

#[tokio::test]
async fn an_unsigned_request_is_denied() {
    let site = plain_site().await;
    let anonymous = config(&site.server, "-", "-").allow_no_auth().build();
    let anonymous = aws_sdk_s3::Client::from_conf(anonymous);
    let get = anonymous.get_object().bucket(BUCKET).key("a").customize().mutate_request(|request| {
        request.headers_mut().remove("authorization");
    });
    let (status, code) = refusal(get.send().await);
    assert_eq!(status, 403, "{code}");
}

#[tokio::test]
async fn a_request_signed_for_another_region_is_told_the_right_one() {
    let site = plain_site().await;
    let credentials = &site.store.options().credentials;
    let config = config(&site.server, &credentials.access_key_id, &credentials.secret_access_key);
    let elsewhere = aws_sdk_s3::Client::from_conf(config.region(Region::new("eu-west-1")).build());
    let list = elsewhere.list_objects_v2().bucket(BUCKET).send().await;
    let raw = list.as_ref().expect_err("refused").raw_response().expect("an answer");
    assert_eq!(raw.headers().get("x-amz-bucket-region"), Some("us-east-1"));
    assert_eq!(refusal(list), (400, "AuthorizationHeaderMalformed".to_owned()));
}
