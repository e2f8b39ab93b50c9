//! What the emulators say there is in the account, asked without Terraform and without the code under test.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Body, Error};

/// Where to ask.
pub struct Account {
    moto: String,
    cloudfront: String,
}

/// The account that moto answers for.
const ACCOUNT: &str = "123456789012";

/// Lists of what has no tags to be found by: a name, where it is asked, and what each entry begins with.
const CLOUDFRONT: &[(&str, &str)] = &[
    ("distribution", "<DistributionSummary>"),
    ("function", "<FunctionSummary>"),
    ("origin-access-control", "<OriginAccessControlSummary>"),
    ("response-headers-policy?Type=custom", "<ResponseHeadersPolicySummary>"),
    ("cache-policy?Type=custom", "<CachePolicySummary>"),
    ("origin-request-policy?Type=custom", "<OriginRequestPolicySummary>"),
    ("key-value-store", "<KeyValueStore>"),
];

impl Account {
    /// Of the variables that lead the SDKs there.
    pub fn new(variables: &BTreeMap<String, String>) -> Self {
        let of = |name: &str| variables[name].clone();
        Self { moto: of("AWS_ENDPOINT_URL"), cloudfront: of("AWS_ENDPOINT_URL_CLOUDFRONT") }
    }

    /// The ARNs of everything with a tag that is not deleted, or about to be: a NAT gateway is listed for an hour after its
    /// end, a secret until the days are over in which it can be restored.
    pub fn tagged(&self) -> Vec<String> {
        let mut arns = Vec::new();
        let mut page = json!({});
        loop {
            let answer = self.ask_json("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", &page);
            let list = answer["ResourceTagMappingList"].as_array().expect("a list").iter();
            arns.extend(list.filter_map(|resource| resource["ResourceARN"].as_str()).map(str::to_owned));
            match answer["PaginationToken"].as_str() {
                Some(token) if !token.is_empty() => page = json!({"PaginationToken": token}),
                _ => break,
            }
        }
        arns.retain(|arn| !self.is_ending(arn));
        arns
    }

    fn is_ending(&self, arn: &str) -> bool {
        if arn.contains(":secretsmanager:") {
            let answer =
                self.ask_json("secretsmanager", "secretsmanager.DescribeSecret", &json!({"SecretId": arn}));
            return !answer["DeletedDate"].is_null();
        }
        let Some((_, id)) = arn.split_once(":natgateway/") else { return false };
        let query = format!("Action=DescribeNatGateways&Version=2016-11-15&NatGatewayId.1={id}");
        self.ask_query("ec2", &query).contains("<state>deleted</state>")
    }

    /// By kind, how many there are of what has no tags, or is in no list of tags.
    pub fn untagged(&self) -> BTreeMap<&'static str, usize> {
        let cloudfront = CLOUDFRONT.iter().map(|(list, entry)| {
            let url = format!("{}/2020-05-31/{list}", self.cloudfront);
            (*list, get(&url, "cloudfront").matches(entry).count())
        });
        let zones = get(&format!("{}/2013-04-01/hostedzone", self.moto), "route53");
        let roles = self.ask_query("iam", "Action=ListRoles&Version=2010-05-08");
        // Not AWS's own, which are in every account.
        let policies = self.ask_query("iam", "Action=ListPolicies&Version=2010-05-08&Scope=Local");
        let providers = self.ask_query("iam", "Action=ListOpenIDConnectProviders&Version=2010-05-08");
        let budgets = "AWSBudgetServiceGateway.DescribeBudgets";
        let budgets = self.ask_json("budgets", budgets, &json!({"AccountId": ACCOUNT}));
        let repositories = "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories";
        let repositories = self.ask_json("ecr", repositories, &json!({}));
        let others = [
            ("zones", zones.matches("<HostedZone>").count()),
            ("roles", roles.matches("<RoleId>").count()),
            ("policies", policies.matches("<PolicyId>").count()),
            ("identity providers", providers.matches("<Arn>").count()),
            ("budgets", budgets["Budgets"].as_array().expect("a list").len()),
            ("repositories", repositories["repositories"].as_array().expect("a list").len()),
        ];
        cloudfront.chain(others).collect()
    }

    /// The names of all snapshots of databases and caches, automated ones too; sorted.
    pub fn snapshots(&self) -> Vec<String> {
        let databases = self.ask_query("rds", "Action=DescribeDBSnapshots&Version=2014-10-31");
        let caches = self.ask_query("elasticache", "Action=DescribeSnapshots&Version=2015-02-02");
        let of_databases = texts(&databases, "DBSnapshotIdentifier");
        let mut names: Vec<String> = of_databases.chain(texts(&caches, "SnapshotName")).collect();
        names.sort();
        names
    }

    /// Makes a snapshot of a database, as a person does by hand.
    pub fn take_snapshot(&self, database: &str, name: &str) {
        let of = format!("DBInstanceIdentifier={database}&DBSnapshotIdentifier={name}");
        self.ask_query("rds", &format!("Action=CreateDBSnapshot&Version=2014-10-31&{of}"));
    }

    /// Gives a repository an image with `tag`, which no other has, and gives its digest.
    pub fn put_image(&self, repository: &str, tag: &str) -> String {
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let part = |name: &str| json!({"mediaType": name, "size": 2, "digest": format!("sha256:{tag:0>64}")});
        let manifest = json!({"schemaVersion": 2, "mediaType": kind,
            "config": part("application/vnd.oci.image.config.v1+json"),
            "layers": [part("application/vnd.oci.image.layer.v1.tar")]});
        let body =
            json!({"repositoryName": repository, "imageManifest": manifest.to_string(), "imageTag": tag});
        let answer = self.ask_json("ecr", "AmazonEC2ContainerRegistry_V20150921.PutImage", &body);
        answer["image"]["imageId"]["imageDigest"].as_str().expect("a digest").to_owned()
    }

    /// The digests of a repository's images.
    pub fn images(&self, repository: &str) -> Vec<String> {
        let body = json!({"repositoryName": repository});
        let answer = self.ask_json("ecr", "AmazonEC2ContainerRegistry_V20150921.ListImages", &body);
        let images = answer["imageIds"].as_array().expect("a list").iter();
        images.map(|image| image["imageDigest"].as_str().expect("a digest").to_owned()).collect()
    }

    /// The keys of a bucket that begin with `prefix`, at most 1000; sorted.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        texts(&get(&format!("{}/{bucket}?list-type=2&prefix={prefix}", self.moto), "s3"), "Key").collect()
    }

    pub fn put_object(&self, bucket: &str, key: &str, content: &str) {
        let request = ureq::put(format!("{}/{bucket}/{key}", self.moto)).header("authorization", scope("s3"));
        text(request.send(content));
    }

    /// An object of S3.
    pub fn object(&self, bucket: &str, key: &str) -> String {
        get(&format!("{}/{bucket}/{key}", self.moto), "s3")
    }

    fn ask_json(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = ureq::post(&self.moto)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", scope(service));
        serde_json::from_str(&text(request.send(body.to_string()))).expect("it is JSON")
    }

    fn ask_query(&self, service: &str, query: &str) -> String {
        let request = ureq::post(&self.moto)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", scope(service));
        text(request.send(query))
    }
}

/// moto looks into it for the service and looks at nothing else.
fn scope(service: &str) -> String {
    let credential = format!("emulated/20260101/eu-central-1/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none")
}

fn get(url: &str, service: &str) -> String {
    text(ureq::get(url).header("authorization", scope(service)).call())
}

/// What stands in each element of the name `element`, which holds no other.
fn texts<'a>(document: &'a str, element: &'a str) -> impl Iterator<Item = String> + 'a {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let parts: Vec<&str> = document.split(&begin).skip(1).collect();
    parts.into_iter().map(move |part| part.split(&end).next().unwrap_or_default().to_owned())
}

fn text(answer: Result<Response<Body>, Error>) -> String {
    answer.expect("it answers").body_mut().read_to_string().expect("text")
}
