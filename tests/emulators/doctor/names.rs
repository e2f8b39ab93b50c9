//! Names that do not lead to the site, and certificates that are not good for them.

use aws_sdk_acm::primitives::Blob;
use aws_sdk_cloudfront::types as cf;
use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use super::Break;
use super::place::{Place, World, configuration};
use crate::emulator::Emulator;

const fn case(name: &'static str, finds: &'static [&'static str], change: fn(&World, &mut Place)) -> Break {
    Break { name, finds, change }
}

/// Gives the distribution an alias and a certificate for these names.
pub fn with_names(world: &World, place: &Place, alias: &str, certified: &[&str], floor: &str) {
    show(world, place, alias, &world.certificate(certified), floor);
}

fn show(world: &World, place: &Place, alias: &str, certificate_arn: &str, floor: &str) {
    let certificate = cf::ViewerCertificate::builder()
        .acm_certificate_arn(certificate_arn)
        .ssl_support_method(cf::SslSupportMethod::SniOnly)
        .minimum_protocol_version(floor.into())
        .build();
    let aliases = cf::Aliases::builder().quantity(1).items(alias).build().expect("complete");
    world.update(place, |config| {
        config.aliases = Some(aliases.clone());
        config.viewer_certificate = Some(certificate.clone());
    });
}

/// Gives the distribution an alias and an imported certificate that ends in so many days. ministack does not read what is
/// imported and gives everything a year, so the certificates are a moto's.
fn with_certificate_of_days(world: &World, place: &mut Place, alias: &str, days: i64) {
    let end = Timestamp::now() + SignedDuration::from_hours(24 * days);
    let day = jiff::tz::Offset::UTC.to_datetime(end);
    let part = |number: i8| u8::try_from(number).expect("a month or a day");
    let mut params = CertificateParams::new(vec![alias.to_owned()]).expect("the name is one");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, alias);
    params.not_after = rcgen::date_time_ymd(i32::from(day.year()), part(day.month()), part(day.day()));
    let key = KeyPair::generate().expect("there is a key");
    let certificate = params.self_signed(&key).expect("it signs itself");
    let moto = Emulator::moto();
    let request = moto.acm.import_certificate();
    let request =
        request.certificate(Blob::new(certificate.pem())).private_key(Blob::new(key.serialize_pem()));
    let arn = world.wait(request.send()).expect("it is taken").certificate_arn.expect("an ARN");
    show(world, place, alias, &arn, "TLSv1.2_2021");
    place.environment.push(("AWS_ENDPOINT_URL_ACM", moto.url.clone()));
    place.certificates = Some(moto);
}

pub const CASES: &[Break] = &[
    case("a certificate with time left", &[], |world, place| {
        with_certificate_of_days(world, place, "www.fresh.example.com", 60);
    }),
    case("a certificate that nobody has renewed", &["warning certificate-end"], |world, place| {
        with_certificate_of_days(world, place, "www.late.example.com", 20);
    }),
    case("a certificate that is about to end", &["problem certificate-end"], |world, place| {
        with_certificate_of_days(world, place, "www.last.example.com", 5);
    }),
    case("a good name", &[], |world, place| {
        with_names(world, place, "www.good.example.com", &["www.good.example.com"], "TLSv1.2_2021");
    }),
    case("a certificate for another name", &["problem certificate"], |world, place| {
        with_names(world, place, "www.bare.example.com", &["other.example.com"], "TLSv1.2_2021");
    }),
    case("old protocols", &["warning tls"], |world, place| {
        with_names(world, place, "www.old.example.com", &["*.old.example.com"], "TLSv1");
    }),
    case("a name without an address", &["problem dns"], |world, place| {
        with_names(world, place, "nowhere.example.com", &["nowhere.example.com"], "TLSv1.2_2021");
    }),
    case("a name that leads elsewhere", &["warning dns"], |world, place| {
        with_names(world, place, "away.example.com", &["away.example.com"], "TLSv1.2_2021");
    }),
    case("a name that leads to CloudFront, nobody can tell where", &["unknown dns"], |world, place| {
        with_names(world, place, "rotating.example.com", &["rotating.example.com"], "TLSv1.2_2021");
    }),
    case("a name that leads elsewhere by IPv6", &["warning dns"], |world, place| {
        with_names(world, place, "forgotten.example.com", &["forgotten.example.com"], "TLSv1.2_2021");
    }),
    case("a certificate in IAM", &["warning certificate"], |world, place| {
        let certificate = cf::ViewerCertificate::builder()
            .iam_certificate_id("ASCAEXAMPLE")
            .ssl_support_method(cf::SslSupportMethod::SniOnly)
            .minimum_protocol_version("TLSv1.2_2021".into())
            .build();
        let aliases = cf::Aliases::builder().quantity(1).items("www.iam.example.com").build();
        let aliases = aliases.expect("complete");
        world.update(place, |config| {
            config.aliases = Some(aliases.clone());
            config.viewer_certificate = Some(certificate.clone());
        });
    }),
    case("no certificate", &["problem certificate"], |world, place| {
        let aliases = cf::Aliases::builder().quantity(1).items("www.none.example.com").build();
        let aliases = aliases.expect("complete");
        world.update(place, |config| config.aliases = Some(aliases.clone()));
    }),
    case("a name of the target is no alias", &["problem aliases"], |world, place| {
        with_names(world, place, "www.half.example.com", &["*.half.example.com"], "TLSv1.2_2021");
        let lines = "domains = [\"www.half.example.com\", \"shop.half.example.com\"]";
        let file = configuration(place, lines);
        place.more.extend(["--target".into(), "production".into(), "--config".into(), file]);
    }),
    case("all names of the target are aliases", &[], |world, place| {
        with_names(world, place, "*.whole.example.com", &["*.whole.example.com"], "TLSv1.2_2021");
        let lines = "domains = [\"www.whole.example.com\", \"*.whole.example.com\"]";
        let file = configuration(place, lines);
        place.more.extend(["--target".into(), "production".into(), "--config".into(), file]);
    }),
    case("the site's address is no alias", &["problem aliases"], |_, place| {
        let file = configuration(place, "url = \"https://www.example.org\"");
        place.more.extend(["--target".into(), "production".into(), "--config".into(), file]);
    }),
];
