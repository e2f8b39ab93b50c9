//! A ministack with good set-ups, as many as are wanted.

use std::future::Future;
use std::io::Write as _;

use aws_sdk_cloudfront::primitives::Blob;
use aws_sdk_cloudfront::types as cf;
use aws_sdk_s3::types as s3;
use serde_json::{Value, json};

use crate::dns::{NameServers, Reply};
use crate::emulator::Emulator;
use crate::support::{Answer, Site};

/// The function as infra installs it.
pub const FUNCTION: &str = include_str!("../../../src/edge_function.js");

/// What all set-ups share.
pub struct World {
    pub emulator: Emulator,
    pub store_arn: String,
    pub cache_policy: String,
    pub access_control: String,
    pub headers_policy: String,
    pub request_policy: String,
    pub function_arn: String,
    servers: NameServers,
}

/// One set-up: a bucket, a distribution, and how doctor is asked about them.
pub struct Place {
    pub name: String,
    pub bucket: String,
    pub distribution: String,
    pub arn: String,
    pub store_arn: String,
    /// More arguments.
    pub more: Vec<String>,
    /// What is set for doctor beside, or in place of, what every run has.
    pub environment: Vec<(&'static str, String)>,
    /// Where the certificates are, if not with the rest.
    pub certificates: Option<Emulator>,
}

impl Place {
    pub fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["doctor", "--bucket", &self.bucket];
        for (flag, value) in [("--distribution", &self.distribution), ("--key-value-store", &self.store_arn)]
        {
            if !value.is_empty() {
                arguments.extend([flag, value]);
            }
        }
        arguments.extend(self.more.iter().map(String::as_str));
        arguments.extend(more);
        arguments
    }

    /// The good policy, whose statements may be changed by their `Sid`.
    pub fn policy(&self) -> Value {
        let bucket = format!("arn:aws:s3:::{}", self.bucket);
        let service = json!({ "Service": "cloudfront.amazonaws.com" });
        let ours = json!({ "StringEquals": { "AWS:SourceArn": self.arn } });
        json!({ "Version": "2012-10-17", "Statement": [
            { "Sid": "DistributionReads", "Effect": "Allow", "Principal": service, "Action": "s3:GetObject",
              "Resource": format!("{bucket}/*"), "Condition": ours },
            { "Sid": "MissingFilesAreNotFound", "Effect": "Allow", "Principal": service, "Action": "s3:ListBucket",
              "Resource": bucket, "Condition": ours },
            { "Sid": "RecordsStayPrivate", "Effect": "Deny", "Principal": service, "Action": "s3:GetObject",
              "Resource": [format!("{bucket}/.sitepush/*"), format!("{bucket}/*/.sitepush/*")] },
            { "Sid": "EncryptedConnectionsOnly", "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": "s3:*",
              "Resource": [bucket, format!("{bucket}/*")],
              "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
        ]})
    }
}

impl World {
    pub fn start() -> Self {
        let emulator = Emulator::ministack();
        let servers = NameServers::start(|asked| match (asked.kind.as_str(), asked.name.as_str()) {
            (_, "nowhere.example.com") => Reply::NoSuchName,
            ("PTR", "30.2.0.192.in-addr.arpa") => {
                Reply::Records(vec!["server-192-0-2-30.lhr50.r.cloudfront.net.".into()])
            }
            ("PTR" | "CNAME", _) => Reply::NoSuchName,
            ("A", "rotating.example.com") => Reply::Records(vec!["192.0.2.30".into()]),
            ("AAAA", "forgotten.example.com") => Reply::Records(vec!["2001:db9::9".into()]),
            ("AAAA", "www.old.example.com") => Reply::Records(Vec::new()),
            ("AAAA", _) => Reply::Records(vec!["2001:db8::1".into()]),
            (_, "away.example.com") => Reply::Records(vec!["192.0.2.9".into()]),
            _ => Reply::Records(vec!["192.0.2.1".into()]),
        });
        let mut world = Self {
            emulator,
            store_arn: String::new(),
            cache_policy: String::new(),
            access_control: String::new(),
            headers_policy: String::new(),
            request_policy: String::new(),
            function_arn: String::new(),
            servers,
        };
        world.store_arn = world.store("routing");
        world.cache_policy = world.cache_policy("good", |_| {}, |_| {});
        world.access_control = world.access_control("good", "s3", "always");
        world.headers_policy =
            world.response_headers("good", ("X-Frame-Options", "DENY", true), &["x-amz-version-id"]);
        world.request_policy = world.origin_request("good", "whitelist", &["Origin"]);
        world.function_arn = world.function("routing", FUNCTION, Some(&world.store_arn), true);
        world
    }

    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.emulator.runtime.block_on(future)
    }

    pub fn doctor(&self, place: &Place) -> Answer {
        let mut command = self.emulator.command(&place.arguments(&["--json"]));
        command.envs(place.environment.iter().map(|(name, value)| (name, value)));
        Answer::from_output(&command.output().expect("the program starts"))
    }

    pub fn store(&self, name: &str) -> String {
        let request = self.emulator.cloudfront.create_key_value_store().name(name);
        let output = self.wait(request.send()).expect("stores can be made");
        output.key_value_store.expect("one was made").arn
    }

    pub fn access_control(&self, name: &str, kind: &str, signing: &str) -> String {
        let config = cf::OriginAccessControlConfig::builder()
            .name(name)
            .signing_protocol(cf::OriginAccessControlSigningProtocols::Sigv4)
            .signing_behavior(signing.into())
            .origin_access_control_origin_type(kind.into())
            .build()
            .expect("complete");
        let request = self.emulator.cloudfront.create_origin_access_control();
        let output = self.wait(request.origin_access_control_config(config).send()).expect("it can be made");
        output.origin_access_control.expect("one was made").id
    }

    pub fn cache_policy(
        &self,
        name: &str,
        change: impl Fn(&mut cf::CachePolicyConfig),
        change_key: impl Fn(&mut cf::ParametersInCacheKeyAndForwardedToOrigin),
    ) -> String {
        let headers = cf::CachePolicyHeadersConfig::builder().header_behavior("none".into()).build();
        let cookies = cf::CachePolicyCookiesConfig::builder().cookie_behavior("none".into()).build();
        let query = cf::CachePolicyQueryStringsConfig::builder().query_string_behavior("none".into()).build();
        let mut key = cf::ParametersInCacheKeyAndForwardedToOrigin::builder()
            .enable_accept_encoding_gzip(true)
            .enable_accept_encoding_brotli(true)
            .headers_config(headers.expect("complete"))
            .cookies_config(cookies.expect("complete"))
            .query_strings_config(query.expect("complete"))
            .build()
            .expect("complete");
        change_key(&mut key);
        let mut config = cf::CachePolicyConfig::builder()
            .name(name)
            .min_ttl(0)
            .default_ttl(0)
            .max_ttl(31_536_000)
            .parameters_in_cache_key_and_forwarded_to_origin(key)
            .build()
            .expect("complete");
        change(&mut config);
        let request = self.emulator.cloudfront.create_cache_policy().cache_policy_config(config);
        self.wait(request.send()).expect("policies can be made").cache_policy.expect("one was made").id
    }

    /// A policy for what the origin is told; `behavior` is `allViewer` and the like, for these headers.
    pub fn origin_request(&self, name: &str, behavior: &str, headers: &[&str]) -> String {
        let named = (!headers.is_empty()).then(|| {
            let items = headers.iter().map(|header| (*header).to_owned()).collect();
            let count = i32::try_from(headers.len()).expect("few");
            cf::Headers::builder().quantity(count).set_items(Some(items)).build().expect("complete")
        });
        let headers = cf::OriginRequestPolicyHeadersConfig::builder().header_behavior(behavior.into());
        let headers = headers.set_headers(named).build().expect("complete");
        let cookies = cf::OriginRequestPolicyCookiesConfig::builder().cookie_behavior("none".into()).build();
        let query = cf::OriginRequestPolicyQueryStringsConfig::builder();
        let query = query.query_string_behavior("none".into()).build();
        let config = cf::OriginRequestPolicyConfig::builder()
            .name(name)
            .headers_config(headers)
            .cookies_config(cookies.expect("complete"))
            .query_strings_config(query.expect("complete"))
            .build()
            .expect("complete");
        let request = self.emulator.cloudfront.create_origin_request_policy();
        let output = self.wait(request.origin_request_policy_config(config).send());
        output.expect("policies can be made").origin_request_policy.expect("one was made").id
    }

    pub fn function(&self, name: &str, code: &str, store: Option<&str>, is_published: bool) -> String {
        let stores = store.map(|arn| {
            let store = cf::KeyValueStoreAssociation::builder().key_value_store_arn(arn).build();
            let stores = cf::KeyValueStoreAssociations::builder().quantity(1).items(store.expect("complete"));
            stores.build().expect("complete")
        });
        let config = cf::FunctionConfig::builder()
            .comment("tests")
            .runtime(cf::FunctionRuntime::CloudfrontJs20)
            .set_key_value_store_associations(stores)
            .build()
            .expect("complete");
        let client = &self.emulator.cloudfront;
        let request =
            client.create_function().name(name).function_code(Blob::new(code)).function_config(config);
        let output = self.wait(request.send()).expect("functions can be made");
        if is_published {
            let request = client.publish_function().name(name).if_match(output.e_tag.expect("an ETag"));
            self.wait(request.send()).expect("functions can be published");
        }
        let summary = output.function_summary.expect("one was made");
        summary.function_metadata.expect("it has some").function_arn
    }

    /// A new set-up that is as it ought to be.
    pub fn good(&self, name: &str) -> Place {
        let bucket = format!("site-{name}");
        self.emulator.create_bucket(&bucket);
        let config = self.good_distribution(name, &bucket);
        let request = self.emulator.cloudfront.create_distribution().distribution_config(config);
        let made =
            self.wait(request.send()).expect("distributions can be made").distribution.expect("one was made");
        let resolver = self.servers.resolver.to_string();
        let place = Place {
            name: name.to_owned(),
            bucket,
            distribution: made.id,
            arn: made.arn,
            store_arn: self.store_arn.clone(),
            more: vec!["--resolver".to_owned(), resolver],
            environment: Vec::new(),
            certificates: None,
        };
        self.block_public_access(&place, |_| {});
        self.set_ownership(&place, "BucketOwnerEnforced");
        self.set_versioning(&place, s3::BucketVersioningStatus::Enabled);
        self.set_encryption(&place, s3::ServerSideEncryption::Aes256, None);
        self.set_policy(&place, &place.policy());
        self.set_lifecycle(&place, |_| {});
        place
    }

    fn good_distribution(&self, name: &str, bucket: &str) -> cf::DistributionConfig {
        let s3 = cf::S3OriginConfig::builder().origin_access_identity("").build();
        let origin = cf::Origin::builder()
            .id("bucket")
            .domain_name(format!("{bucket}.s3.us-east-1.amazonaws.com"))
            .origin_access_control_id(&self.access_control)
            .s3_origin_config(s3)
            .build()
            .expect("complete");
        let behavior = cf::DefaultCacheBehavior::builder()
            .target_origin_id("bucket")
            .viewer_protocol_policy(cf::ViewerProtocolPolicy::RedirectToHttps)
            .compress(true)
            .cache_policy_id(&self.cache_policy)
            .response_headers_policy_id(&self.headers_policy)
            .origin_request_policy_id(&self.request_policy)
            .function_associations(function_association(&self.function_arn))
            .build()
            .expect("complete");
        cf::DistributionConfig::builder()
            .caller_reference(name)
            .comment(name)
            .enabled(true)
            .default_root_object("index.html")
            .http_version(cf::HttpVersion::Http2and3)
            .origins(cf::Origins::builder().quantity(1).items(origin).build().expect("complete"))
            .default_cache_behavior(behavior)
            .custom_error_responses(error_response(404, Some("404"), 10))
            .build()
            .expect("complete")
    }

    /// Changes the distribution's configuration.
    pub fn update(&self, place: &Place, change: impl Fn(&mut cf::DistributionConfig)) {
        let client = &self.emulator.cloudfront;
        let id = &place.distribution;
        let found = self.wait(client.get_distribution_config().id(id).send()).expect("it is there");
        let mut config = found.distribution_config.expect("it has one");
        change(&mut config);
        let request = client.update_distribution().id(id).distribution_config(config);
        self.wait(request.if_match(found.e_tag.expect("an ETag")).send()).expect("it can be changed");
    }

    /// Changes the default cache behavior.
    pub fn update_behavior(&self, place: &Place, change: impl Fn(&mut cf::DefaultCacheBehavior)) {
        self.update(place, |config| change(config.default_cache_behavior.as_mut().expect("there is one")));
    }

    /// Adds a cache behavior for these paths, which leads to the bucket as the default one does, but for a change.
    pub fn add_behavior(&self, place: &Place, pattern: &str, change: impl Fn(&mut cf::CacheBehavior)) {
        let mut behavior = cf::CacheBehavior::builder()
            .path_pattern(pattern)
            .target_origin_id("bucket")
            .viewer_protocol_policy(cf::ViewerProtocolPolicy::RedirectToHttps)
            .compress(true)
            .cache_policy_id(&self.cache_policy)
            .function_associations(function_association(&self.function_arn))
            .build()
            .expect("complete");
        change(&mut behavior);
        self.update(place, |config| {
            let found = config.cache_behaviors.as_ref().and_then(|found| found.items.clone());
            let mut all = found.unwrap_or_default();
            all.push(behavior.clone());
            let count = i32::try_from(all.len()).expect("few");
            let behaviors = cf::CacheBehaviors::builder().quantity(count).set_items(Some(all)).build();
            config.cache_behaviors = Some(behaviors.expect("complete"));
        });
    }

    /// Adds an origin that is no bucket, as `elsewhere`.
    pub fn add_load_balancer(&self, place: &Place) {
        let custom = cf::CustomOriginConfig::builder()
            .http_port(80)
            .https_port(443)
            .origin_protocol_policy(cf::OriginProtocolPolicy::HttpsOnly)
            .build()
            .expect("complete");
        let origin = cf::Origin::builder().id("elsewhere").domain_name("lb.example.com");
        let origin = origin.custom_origin_config(custom).build().expect("complete");
        self.update(place, |config| {
            let origins = config.origins.as_mut().expect("there are some");
            origins.items.push(origin.clone());
            origins.quantity += 1;
        });
    }

    /// A response headers policy that adds one header and takes others away.
    pub fn response_headers(&self, name: &str, added: (&str, &str, bool), removed: &[&str]) -> String {
        let (header, value, overrides) = added;
        let added = cf::ResponseHeadersPolicyCustomHeader::builder()
            .header(header)
            .value(value)
            .r#override(overrides);
        let added = cf::ResponseHeadersPolicyCustomHeadersConfig::builder()
            .quantity(1)
            .items(added.build().expect("complete"))
            .build()
            .expect("complete");
        let removed = removed.iter().map(|header| {
            cf::ResponseHeadersPolicyRemoveHeader::builder().header(*header).build().expect("complete")
        });
        let removed: Vec<_> = removed.collect();
        let removed = cf::ResponseHeadersPolicyRemoveHeadersConfig::builder()
            .quantity(i32::try_from(removed.len()).expect("few"))
            .set_items(Some(removed))
            .build()
            .expect("complete");
        let config = cf::ResponseHeadersPolicyConfig::builder()
            .name(name)
            .custom_headers_config(added)
            .remove_headers_config(removed)
            .build()
            .expect("complete");
        let request = self.emulator.cloudfront.create_response_headers_policy();
        let output = self.wait(request.response_headers_policy_config(config).send());
        output.expect("policies can be made").response_headers_policy.expect("one was made").id
    }

    /// Publishes a site with pages in `/`, `/docs/` and `/api/`, telling no store of it.
    pub fn publish(&self, place: &Place) {
        self.push(place, "body {}", &[], &self.emulator.url).success();
    }

    /// The same with this style sheet and more arguments, through a proxy.
    pub fn push(&self, place: &Place, style: &str, more: &[&str], endpoint: &str) -> Answer {
        let site = Site::new();
        site.write("index.html", "<h1>home</h1>").write("docs/a.html", "<h1>a</h1>");
        site.write("api/index.html", "<h1>the API</h1>").write("style.css", style);
        let folder = site.path().to_str().expect("a plain path");
        let target = ["--bucket", &place.bucket, "--distribution", &place.distribution];
        let mut command = self.emulator.command(&[&["push", folder], &target[..], more].concat());
        let output = command.env("AWS_ENDPOINT_URL", endpoint).output();
        Answer::from_output(&output.expect("the program starts"))
    }

    /// Changes the only origin.
    pub fn update_origin(&self, place: &Place, change: impl Fn(&mut cf::Origin)) {
        self.update(place, |config| change(&mut config.origins.as_mut().expect("there are some").items[0]));
    }

    pub fn block_public_access(
        &self,
        place: &Place,
        change: impl Fn(&mut s3::PublicAccessBlockConfiguration),
    ) {
        let mut block = s3::PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        change(&mut block);
        let request = self.emulator.s3.put_public_access_block().bucket(&place.bucket);
        self.wait(request.public_access_block_configuration(block).send()).expect("it can be set");
    }

    pub fn set_ownership(&self, place: &Place, ownership: &str) {
        let rule = s3::OwnershipControlsRule::builder().object_ownership(ownership.into()).build();
        let controls =
            s3::OwnershipControls::builder().rules(rule.expect("complete")).build().expect("complete");
        let request = self.emulator.s3.put_bucket_ownership_controls().bucket(&place.bucket);
        self.wait(request.ownership_controls(controls).send()).expect("it can be set");
    }

    pub fn set_versioning(&self, place: &Place, status: s3::BucketVersioningStatus) {
        let versioning = s3::VersioningConfiguration::builder().status(status).build();
        let request = self.emulator.s3.put_bucket_versioning().bucket(&place.bucket);
        self.wait(request.versioning_configuration(versioning).send()).expect("it can be set");
    }

    pub fn set_encryption(&self, place: &Place, algorithm: s3::ServerSideEncryption, key: Option<&str>) {
        let by_default = s3::ServerSideEncryptionByDefault::builder().sse_algorithm(algorithm);
        let by_default = by_default.set_kms_master_key_id(key.map(str::to_owned)).build();
        let rule = s3::ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(by_default.expect("complete"))
            .build();
        let config = s3::ServerSideEncryptionConfiguration::builder().rules(rule).build().expect("complete");
        let request = self.emulator.s3.put_bucket_encryption().bucket(&place.bucket);
        self.wait(request.server_side_encryption_configuration(config).send()).expect("it can be set");
    }

    pub fn set_policy(&self, place: &Place, policy: &Value) {
        let request = self.emulator.s3.put_bucket_policy().bucket(&place.bucket).policy(policy.to_string());
        self.wait(request.send()).expect("it can be set");
    }

    /// The good rule, changed.
    pub fn set_lifecycle(&self, place: &Place, change: impl Fn(&mut s3::LifecycleRule)) {
        let mut rule = s3::LifecycleRule::builder()
            .id("forget-old-versions")
            .status(s3::ExpirationStatus::Enabled)
            .filter(s3::LifecycleRuleFilter::builder().prefix("").build())
            .noncurrent_version_expiration(
                s3::NoncurrentVersionExpiration::builder().noncurrent_days(90).build(),
            )
            .expiration(s3::LifecycleExpiration::builder().expired_object_delete_marker(true).build())
            .abort_incomplete_multipart_upload(
                s3::AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build(),
            )
            .build()
            .expect("complete");
        change(&mut rule);
        let config = s3::BucketLifecycleConfiguration::builder().rules(rule).build().expect("complete");
        let request = self.emulator.s3.put_bucket_lifecycle_configuration().bucket(&place.bucket);
        self.wait(request.lifecycle_configuration(config).send()).expect("it can be set");
    }

    /// Puts a file of sitepush's own there.
    pub fn put_state(&self, place: &Place, name: &str, content: &[u8]) {
        let request = self.emulator.s3.put_object().bucket(&place.bucket).key(format!(".sitepush/{name}"));
        self.wait(request.body(content.to_vec().into()).send()).expect("objects can be put");
    }

    /// An issued certificate for these names.
    pub fn certificate(&self, names: &[&str]) -> String {
        let request = self.emulator.acm.request_certificate().domain_name(names[0]);
        let others: Vec<String> = names[1..].iter().map(|name| (*name).to_owned()).collect();
        let request = request.set_subject_alternative_names((!others.is_empty()).then_some(others));
        let request = request.validation_method(aws_sdk_acm::types::ValidationMethod::Dns);
        self.wait(request.send()).expect("certificates can be requested").certificate_arn.expect("an ARN")
    }
}

pub fn function_association(arn: &str) -> cf::FunctionAssociations {
    let association = cf::FunctionAssociation::builder()
        .function_arn(arn)
        .event_type(cf::EventType::ViewerRequest)
        .build()
        .expect("complete");
    cf::FunctionAssociations::builder().quantity(1).items(association).build().expect("complete")
}

pub fn error_response(code: i32, response: Option<&str>, seconds: i64) -> cf::CustomErrorResponses {
    let response = cf::CustomErrorResponse::builder()
        .error_code(code)
        .set_response_code(response.map(str::to_owned))
        .response_page_path("/404.html")
        .error_caching_min_ttl(seconds)
        .build()
        .expect("complete");
    cf::CustomErrorResponses::builder().quantity(1).items(response).build().expect("complete")
}

/// A configuration file with these lines for the target; it lives as long as the test program.
pub fn configuration(place: &Place, lines: &str) -> String {
    file(&format!("[targets.production]\nbucket = \"{}\"\n{lines}\n", place.bucket))
}

/// A file with this in it, whose name ends as one of sitepush's; it lives as long as the test program.
pub fn file(text: &str) -> String {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("files can be written");
    let (_, path) = file.keep().expect("files can be kept");
    path.to_str().expect("a plain path").to_owned()
}
