//! What is asked of ACM, Route 53 and CloudFront about names, and what becomes of answers in pages: an endpoint that a test
//! writes the answers of.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sitepush::core::domain::certificate::{CLOUDFRONT_REGION, KeyAlgorithm};
use sitepush::core::domain::distribution::{DistributionNames, ViewerCertificate};
use sitepush::core::domain::name::DnsName;
use sitepush::edges::acm::{CertificateManager, CertificateRequest};
use sitepush::edges::aws::{self, Connection};
use sitepush::edges::call::{FailureKind, Retry};
use sitepush::edges::clock::Clock;
use sitepush::edges::cloudfront::CloudFront;
use sitepush::edges::route53::Route53;
use tokio::runtime::Runtime;

/// A request: its first line, and its body.
type Asked = (String, String);

/// An endpoint, and what it was asked. Its threads end with the test program.
struct Endpoint {
    config: aws_config::SdkConfig,
    runtime: Runtime,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Endpoint {
    /// Answers each request with the body that `answer` gives for it.
    fn start(answer: impl Fn(&Asked) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream, &*answer, &seen));
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connection = Connection {
            region: Some("us-east-1".to_owned()),
            endpoint_url: Some(format!("http://{address}")),
            static_keys: Some(("id".to_owned(), "secret".to_owned())),
            ..Connection::default()
        };
        let config = runtime.block_on(aws::load(&connection, &Clock::system()));
        Self { config, runtime, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&Asked) -> String, seen: &Mutex<Vec<Asked>>) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let of_length =
            |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<u64>().ok();
        let length = head.lines().find_map(of_length).unwrap_or(0);
        let mut body = String::new();
        reader.by_ref().take(length).read_to_string(&mut body).ok()?;
        let asked = (head.lines().next().unwrap_or_default().to_owned(), body);
        let text = answer(&asked);
        seen.lock().expect("no panic").push(asked);
        let head = format!("HTTP/1.1 200 OK\r\nETag: ETAG1\r\nContent-Length: {}\r\n\r\n", text.len());
        writer.write_all((head + &text).as_bytes()).ok()?;
    }
}

/// Nothing is sent twice.
fn once() -> Retry {
    Retry::new(Duration::ZERO)
}

fn name(text: &str) -> DnsName {
    DnsName::from_service(text)
}

#[test]
fn a_certificate_is_requested_with_validation_by_dns_and_the_wanted_key() {
    for (key_algorithm, told) in
        [(KeyAlgorithm::Rsa2048, "RSA_2048"), (KeyAlgorithm::EcPrime256v1, "EC_prime256v1")]
    {
        let endpoint = Endpoint::start(|_| json!({ "CertificateArn": "arn:aws:acm:1" }).to_string());
        let acm = CertificateManager::new(&endpoint.config, CLOUDFRONT_REGION, &once());
        let wanted = CertificateRequest {
            names: &[name("example.com"), name("*.example.com")],
            key_algorithm,
            idempotency_token: "abc",
            distribution_id: "E1EXAMPLE",
        };
        let arn = endpoint.runtime.block_on(acm.request_certificate(wanted)).expect("an ARN");
        assert_eq!(arn, "arn:aws:acm:1");
        let [(_, body)] = endpoint.asked().try_into().expect("one request");
        let expected = json!({
            "DomainName": "example.com",
            "SubjectAlternativeNames": ["*.example.com"],
            "ValidationMethod": "DNS",
            "IdempotencyToken": "abc",
            "KeyAlgorithm": told,
            "Tags": [{ "Key": "sitepush", "Value": "E1EXAMPLE" }],
        });
        assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON"), expected);
    }
}

#[test]
fn certificates_are_listed_to_the_last_page() {
    let endpoint = Endpoint::start(|(_, body)| {
        let asked: Value = serde_json::from_str(body).expect("JSON");
        let certificate = |of: &str| json!([{ "CertificateArn": format!("arn:{of}"), "DomainName": of }]);
        match asked["NextToken"].as_str() {
            None => json!({ "CertificateSummaryList": certificate("a.example"), "NextToken": "two" }),
            Some("two") => json!({ "CertificateSummaryList": [], "NextToken": "three" }),
            Some(_) => json!({ "CertificateSummaryList": certificate("b.example") }),
        }
        .to_string()
    });
    let acm = CertificateManager::new(&endpoint.config, CLOUDFRONT_REGION, &once());
    let found = endpoint.runtime.block_on(acm.list_certificates()).expect("a listing");
    let arns: Vec<&str> = found.iter().map(|found| found.arn.as_str()).collect();
    assert_eq!(arns, ["arn:a.example", "arn:b.example"]);
    assert_eq!(endpoint.asked().len(), 3);
}

const ROUTE_53: &str = "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"";

#[test]
fn hosted_zones_are_listed_to_the_last_page() {
    let endpoint = Endpoint::start(|(line, _)| {
        let (id, more) = if line.contains("marker=Z2") {
            ("Z2", "<IsTruncated>false</IsTruncated>")
        } else {
            ("Z1", "<IsTruncated>true</IsTruncated><NextMarker>Z2</NextMarker>")
        };
        format!(
            "<ListHostedZonesResponse {ROUTE_53}><HostedZones><HostedZone><Id>/hostedzone/{id}</Id>\
             <Name>{id}.example.</Name><CallerReference>x</CallerReference></HostedZone></HostedZones>\
             <Marker></Marker>{more}<MaxItems>1</MaxItems></ListHostedZonesResponse>"
        )
    });
    let route53 = Route53::new(&endpoint.config, &once());
    let zones = endpoint.runtime.block_on(route53.list_hosted_zones(None)).expect("a listing");
    let ids: Vec<(&str, &str)> = zones.iter().map(|zone| (zone.id.as_str(), zone.name.as_str())).collect();
    assert_eq!(ids, [("Z1", "z1.example"), ("Z2", "z2.example")]);
}

#[test]
fn the_record_sets_of_a_name_are_read_to_their_end_and_no_further() {
    let endpoint = Endpoint::start(|(line, _)| {
        let set = |name: &str, kind: &str, value: &str| {
            format!(
                "<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>60</TTL><ResourceRecords>\
                 <ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
            )
        };
        let (sets, next) = if line.contains("type=TXT") {
            let sets = set("www.example.com.", "TXT", "\"a\"") + &set("x.example.com.", "A", "192.0.2.2");
            (sets, ("x.example.com.", "AAAA"))
        } else {
            (set("www.example.com.", "A", "192.0.2.1"), ("www.example.com.", "TXT"))
        };
        format!(
            "<ListResourceRecordSetsResponse {ROUTE_53}><ResourceRecordSets>{sets}</ResourceRecordSets>\
             <IsTruncated>true</IsTruncated><NextRecordName>{}</NextRecordName><NextRecordType>{}</NextRecordType>\
             <MaxItems>1</MaxItems></ListResourceRecordSetsResponse>",
            next.0, next.1
        )
    });
    let route53 = Route53::new(&endpoint.config, &once());
    let of = name("www.example.com");
    let found = endpoint.runtime.block_on(route53.list_record_sets("Z1", &of)).expect("a listing");
    let kinds: Vec<&str> = found.iter().map(|set| set.record_type.as_str()).collect();
    assert_eq!(kinds, ["A", "TXT"]);
    assert_eq!(endpoint.asked().len(), 2, "what comes behind the name is left alone");
}

/// Of a distribution in a list, what its document has to have.
fn summary(id: &str, alias: &str) -> String {
    format!(
        "<DistributionSummary><Id>{id}</Id><ARN>a</ARN><Status>Deployed</Status>\
         <LastModifiedTime>2026-01-01T00:00:00Z</LastModifiedTime><DomainName>{id}.cloudfront.net</DomainName>\
         <Aliases><Quantity>1</Quantity><Items><CNAME>{alias}</CNAME></Items></Aliases>\
         <Origins><Quantity>0</Quantity><Items></Items></Origins>\
         <DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>\
         </DefaultCacheBehavior><CacheBehaviors><Quantity>0</Quantity></CacheBehaviors>\
         <CustomErrorResponses><Quantity>0</Quantity></CustomErrorResponses><Comment></Comment>\
         <PriceClass>PriceClass_All</PriceClass><Enabled>true</Enabled><ViewerCertificate></ViewerCertificate>\
         <Restrictions><GeoRestriction><RestrictionType>none</RestrictionType><Quantity>0</Quantity></GeoRestriction>\
         </Restrictions><WebACLId></WebACLId><HttpVersion>http2</HttpVersion><IsIPV6Enabled>true</IsIPV6Enabled>\
         <Staging>false</Staging></DistributionSummary>"
    )
}

#[test]
fn the_aliases_of_all_distributions_are_listed_to_the_last_page() {
    let endpoint = Endpoint::start(|(line, _)| {
        let (item, more) = if line.contains("Marker=E2") {
            (summary("E2", "b.example"), "<IsTruncated>false</IsTruncated>")
        } else {
            (summary("E1", "A.example."), "<IsTruncated>true</IsTruncated><NextMarker>E2</NextMarker>")
        };
        format!(
            "<DistributionList xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Marker></Marker>{more}\
             <MaxItems>1</MaxItems><Quantity>1</Quantity><Items>{item}</Items></DistributionList>"
        )
    });
    let cloudfront = CloudFront::new(&endpoint.config, &once());
    let found = endpoint.runtime.block_on(cloudfront.list_aliases()).expect("a listing");
    let expected = [(name("a.example"), "E1".to_owned()), (name("b.example"), "E2".to_owned())];
    assert_eq!(found, expected.into());
}

#[test]
fn a_distribution_that_is_not_as_it_was_read_is_left_alone() {
    let endpoint = Endpoint::start(|_| {
        "<DistributionConfig xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
         <CallerReference>x</CallerReference><Aliases><Quantity>1</Quantity><Items><CNAME>a.example</CNAME></Items>\
         </Aliases><Comment></Comment><Enabled>true</Enabled></DistributionConfig>"
            .to_owned()
    });
    let cloudfront = CloudFront::new(&endpoint.config, &once());
    let wanted: BTreeSet<DnsName> = [name("a.example"), name("c.example")].into();
    let read = |alias: &str| DistributionNames {
        id: "E1".into(),
        domain_name: name("d111.cloudfront.net"),
        is_deployed: true,
        aliases: [name(alias)].into(),
        certificate: ViewerCertificate::CloudFronts,
        has_ipv6: true,
        has_http2_or_3: true,
    };
    let update = |read: &DistributionNames| {
        let call = cloudfront.update_distribution_names(read, &wanted, &ViewerCertificate::CloudFronts);
        endpoint.runtime.block_on(call)
    };
    let puts =
        || endpoint.asked().into_iter().filter(|(line, _)| line.starts_with("PUT ")).collect::<Vec<_>>();
    let error = update(&read("b.example")).expect_err("somebody changed it");
    assert_eq!(error.kind, FailureKind::PreconditionFailed, "{error}");
    assert!(puts().is_empty());
    // What the answer to a change says does not matter here.
    let _ = update(&read("a.example"));
    let [(_, body)] = puts().try_into().expect("one change");
    assert!(body.contains("<CNAME>c.example</CNAME>"), "{body}");
}
