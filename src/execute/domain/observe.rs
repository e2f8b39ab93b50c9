//! Looks at everything that a plan of names is made from. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _};

use crate::core::domain::certificate::{Certificate, CertificateStatus, choose_issued, choose_pending};
use crate::core::domain::distribution::DistributionNames;
use crate::core::domain::dns::{Delegation, DnsAnswer};
use crate::core::domain::facts::{CaaFacts, DomainFacts, Elsewhere, UnreadCaa, ZoneFacts};
use crate::core::domain::intent::Intent;
use crate::core::domain::name::DnsName;
use crate::core::domain::record::{Ownership, RecordSet};
use crate::core::domain::status::RenewalRecord;
use crate::core::domain::waiting::{PROPAGATION_SECONDS, ServerAnswer, WaitingRecord};
use crate::core::domain::zone::{self, HostedZone};
use crate::edges::acm::{CertificateManager, ListedCertificate};
use crate::edges::call::{CallError, FailureKind};
use crate::edges::clock::Clock;
use crate::edges::cloudfront::CloudFront;
use crate::edges::dns::{Dns, Question};
use crate::edges::route53::Route53;

/// An account whose hosted zones count.
#[derive(Clone)]
pub struct ZoneAccount {
    /// None for the target's own.
    pub profile: Option<String>,
    pub route53: Route53,
}

/// All that names depend on. Cloned freely.
#[derive(Clone)]
pub struct DomainEdges {
    pub cloudfront: CloudFront,
    /// Of the region that CloudFront takes certificates from.
    pub certificates: CertificateManager,
    /// Of the regions that a certificate may have been requested in by mistake, by their names: those that this machine's
    /// settings name. Every region that there is would be 30 calls or more.
    pub elsewhere: Vec<(String, CertificateManager)>,
    pub zones: Vec<ZoneAccount>,
    pub dns: Dns,
    pub clock: Clock,
}

/// A question that could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Trouble {
    /// What was being done, to what.
    pub what: String,
    #[source]
    pub source: CallError,
}

impl Trouble {
    pub(super) fn new(what: impl Into<String>) -> impl FnOnce(CallError) -> Self {
        let what = what.into();
        move |source| Self { what, source }
    }
}

/// Requests of one kind in flight.
const CONCURRENCY: usize = 8;

impl DomainEdges {
    /// The account that a zone was found in.
    pub(super) fn account_of(&self, zone: &HostedZone) -> Option<&Route53> {
        let found = self.zones.iter().find(|account| account.profile == zone.profile);
        found.map(|account| &account.route53)
    }
}

/// Looks at a distribution and at all that concerns the names of an intent. `known_arn` is a certificate that is there
/// although lists may not have it yet.
///
/// # Errors
/// With the first question that got no answer.
pub async fn observe(
    edges: &DomainEdges,
    distribution_id: &str,
    intent: &Intent,
    known_arn: Option<&str>,
) -> Result<DomainFacts, Trouble> {
    let names = intent.names();
    // To take names off, nobody needs to know who else has them, or how a certificate could be had.
    let is_claim = matches!(intent, Intent::Apply(_));
    let (distribution, aliases, listed, zones) = futures::try_join!(
        read_distribution(edges, distribution_id),
        async { if is_claim { list_aliases(edges).await } else { Ok(None) } },
        async {
            edges
                .certificates
                .list_certificates()
                .await
                .map_err(Trouble::new("cannot list the certificates in us-east-1"))
        },
        list_zones(edges),
    )?;
    let now = edges.clock.local_now();
    let needed: BTreeSet<DnsName> = distribution.aliases.iter().chain(names).cloned().collect();
    let certificates =
        describe_all(edges, &listed, &needed, distribution.certificate.arn().into_iter().chain(known_arn))
            .await?;
    let issued = choose_issued(&certificates, &needed, distribution.certificate.arn(), now);
    let wants_certificate = is_claim && issued.is_none();
    let elsewhere = if wants_certificate { find_elsewhere(edges, &needed).await } else { None };
    let renewed = issued.filter(|_| is_claim);
    let proofs = validation_names(&certificates, renewed, &needed, distribution_id);
    let placed: BTreeSet<DnsName> = if wants_certificate {
        needed.iter().chain(&proofs).cloned().collect()
    } else {
        names.iter().chain(&proofs).cloned().collect()
    };
    let zone_facts = read_zones(edges, &zones, &placed).await?;
    let (caa, unread_caa) =
        if wants_certificate { read_caa(edges, &needed).await } else { Default::default() };
    let mut facts = DomainFacts {
        now,
        distribution,
        aliases,
        certificates,
        elsewhere,
        zones,
        zone_facts,
        records: BTreeMap::new(),
        led_away: BTreeMap::new(),
        caa,
        unread_caa,
    };
    let of_interest: BTreeSet<DnsName> = names.iter().chain(&proofs).cloned().collect();
    facts.records = read_records(edges, &facts, &of_interest).await?;
    if is_claim {
        facts.led_away = look_where_led(edges, &facts, names).await;
    }
    Ok(facts)
}

/// The names that are no aliases yet, whose DNS is not here, and that lead to another distribution.
async fn look_where_led(
    edges: &DomainEdges,
    facts: &DomainFacts,
    names: &[DnsName],
) -> BTreeMap<DnsName, DnsName> {
    let own = &facts.distribution;
    let asked = names.iter().filter(|name| !own.aliases.contains(name) && facts.is_external(name));
    let found = futures::stream::iter(asked)
        .map(|name| async move {
            let answer = edges.dns.ask_resolver(name, Question::Cname).await;
            Some((name.clone(), answer.other_distribution(&own.domain_name)?))
        })
        .buffered(CONCURRENCY);
    found.filter_map(std::future::ready).collect().await
}

async fn read_distribution(edges: &DomainEdges, id: &str) -> Result<DistributionNames, Trouble> {
    let found = edges.cloudfront.get_distribution_names(id).await;
    found.map_err(Trouble::new(format!("cannot read distribution `{id}`")))
}

/// None when it may not be asked: CloudFront itself refuses what is taken.
async fn list_aliases(edges: &DomainEdges) -> Result<Option<BTreeMap<DnsName, String>>, Trouble> {
    match edges.cloudfront.list_aliases().await {
        Ok(aliases) => Ok(Some(aliases)),
        Err(error) if matches!(error.kind, FailureKind::Denied | FailureKind::Unsupported) => Ok(None),
        Err(error) => Err(Trouble::new("cannot list the account's distributions")(error)),
    }
}

async fn list_zones(edges: &DomainEdges) -> Result<Vec<HostedZone>, Trouble> {
    let mut zones: Vec<HostedZone> = Vec::new();
    for account in &edges.zones {
        let found = account.route53.list_hosted_zones(account.profile.as_deref()).await;
        let whose = match &account.profile {
            Some(profile) => format!("cannot list the hosted zones of profile `{profile}`"),
            None => "cannot list the hosted zones".to_owned(),
        };
        let found = found.map_err(Trouble::new(whose))?;
        // Two profiles may lead to one account.
        let is_new = |zone: &HostedZone| !zones.iter().any(|known| known.id == zone.id);
        let new: Vec<HostedZone> = found.into_iter().filter(is_new).collect();
        zones.extend(new);
    }
    Ok(zones)
}

/// The certificates that are good for a needed name at least, and those that are named.
async fn describe_all<'a>(
    edges: &DomainEdges,
    listed: &'a [ListedCertificate],
    needed: &BTreeSet<DnsName>,
    named: impl Iterator<Item = &'a str>,
) -> Result<Vec<Certificate>, Trouble> {
    let concerns = |found: &&ListedCertificate| {
        found.has_more_names || found.names.iter().any(|name| needed.iter().any(|wanted| name.covers(wanted)))
    };
    let mut arns: BTreeSet<&str> = listed.iter().filter(concerns).map(|found| found.arn.as_str()).collect();
    arns.extend(named);
    let described = futures::stream::iter(arns)
        .map(|arn| async move {
            match edges.certificates.describe_certificate(arn).await {
                Ok(certificate) => Ok(Some(certificate)),
                // Deleted in between.
                Err(error) if error.kind == FailureKind::NotFound => Ok(None),
                Err(error) => Err(Trouble::new(format!("cannot read the certificate `{arn}`"))(error)),
            }
        })
        .buffered(CONCURRENCY);
    let found: Vec<Option<Certificate>> = described.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// An issued certificate for all names in another region. That it cannot be looked for is no failure.
async fn find_elsewhere(edges: &DomainEdges, needed: &BTreeSet<DnsName>) -> Option<Elsewhere> {
    let is_meant = |found: &ListedCertificate| {
        let covers = |wanted: &DnsName| found.names.iter().any(|name| name.covers(wanted));
        found.status == CertificateStatus::Issued && needed.iter().all(covers)
    };
    for (region, certificates) in &edges.elsewhere {
        let listed = certificates.list_certificates().await.unwrap_or_default();
        if let Some(found) = listed.into_iter().find(is_meant) {
            return Some(Elsewhere { region: region.clone(), arn: found.arn });
        }
    }
    None
}

/// The names of the validation records that a plan could be about: of ours, of the one that is `renewed` for the
/// distribution, and of the one that is waited for.
fn validation_names(
    certificates: &[Certificate],
    renewed: Option<&Certificate>,
    needed: &BTreeSet<DnsName>,
    id: &str,
) -> BTreeSet<DnsName> {
    let pending = choose_pending(certificates, needed, id);
    let named: Vec<&str> = [pending, renewed].into_iter().flatten().map(|found| found.arn.as_str()).collect();
    let concerned = certificates
        .iter()
        .filter(|found| found.requested_for.as_deref() == Some(id) || named.contains(&found.arn.as_str()));
    let validations = concerned.flat_map(|found| &found.validations);
    validations.filter_map(|validation| validation.record.as_ref()).map(|(name, _)| name.clone()).collect()
}

/// The zones that the names could be in: their name servers, and whom the world asks.
async fn read_zones(
    edges: &DomainEdges,
    zones: &[HostedZone],
    names: &BTreeSet<DnsName>,
) -> Result<BTreeMap<String, ZoneFacts>, Trouble> {
    let mut candidates: BTreeMap<&str, &HostedZone> = BTreeMap::new();
    for name in names {
        // Those with shorter names too: the world may ask them in place of the one with the longest.
        candidates.extend(zone::holding(zones, name).map(|zone| (zone.id.as_str(), zone)));
    }
    let read = futures::stream::iter(candidates.into_values())
        .map(|zone| async move {
            let name_servers = match edges.account_of(zone) {
                Some(route53) => match route53.get_name_servers(&zone.id).await {
                    Ok(servers) => servers,
                    Err(error) if error.kind == FailureKind::Denied => Vec::new(),
                    Err(error) => {
                        return Err(Trouble::new(format!("cannot read hosted zone `{}`", zone.name))(error));
                    }
                },
                None => Vec::new(),
            };
            let delegation = if name_servers.is_empty() {
                Delegation::Unknown { why: "the zone's name servers are not known".to_owned() }
            } else {
                let answer = edges.dns.ask_resolver(&zone.name, Question::NameServers).await;
                match Delegation::judge(&name_servers, &answer) {
                    Delegation::Partly { .. } | Delegation::Elsewhere { .. } => {
                        let named = read_named_servers(edges, zone).await;
                        let all: Vec<DnsName> = name_servers.iter().cloned().chain(named).collect();
                        Delegation::judge(&all, &answer)
                    }
                    judged => judged,
                }
            };
            Ok((zone.id.clone(), ZoneFacts { zone: zone.clone(), name_servers, delegation }))
        })
        .buffered(CONCURRENCY);
    read.try_collect().await
}

/// The name servers that a zone itself says it has: Route 53's own may be known by names of the user's domain there, which are
/// the ones that the world is told. None where they cannot be read.
///
/// Source: "Configuring white-label name servers", Amazon Route 53 Developer Guide.
async fn read_named_servers(edges: &DomainEdges, zone: &HostedZone) -> Vec<DnsName> {
    let Some(route53) = edges.account_of(zone) else { return Vec::new() };
    let found = route53.list_record_sets(&zone.id, &zone.name).await.unwrap_or_default();
    found.iter().flat_map(RecordSet::name_servers).collect()
}

/// The CAA records that hold for each name, looked for upward from it; and apart, the names for which the look ended at one
/// that could not be asked for: what is above it does not count then.
///
/// Source: RFC 8659, section 3: the nearest name that has some decides.
async fn read_caa(
    edges: &DomainEdges,
    needed: &BTreeSet<DnsName>,
) -> (BTreeMap<DnsName, CaaFacts>, BTreeMap<DnsName, UnreadCaa>) {
    let bases: BTreeSet<DnsName> = needed.iter().map(DnsName::base).collect();
    let asked: BTreeSet<DnsName> = bases.iter().flat_map(DnsName::ancestors).collect();
    let answers: BTreeMap<DnsName, DnsAnswer> = futures::stream::iter(asked)
        .map(|name| async move {
            let answer = edges.dns.ask_resolver(&name, Question::Caa).await;
            (name, answer)
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let (mut read, mut unread) = (BTreeMap::new(), BTreeMap::new());
    for base in bases {
        let nearest = base.ancestors().find_map(|at| match answers.get(&at)? {
            DnsAnswer::Records(records) => Some(Ok(CaaFacts { records: records.clone(), at })),
            DnsAnswer::NoRecords | DnsAnswer::NoSuchName | DnsAnswer::Referred { .. } => None,
            DnsAnswer::Failed(why) | DnsAnswer::NoAnswer(why) => {
                Some(Err(UnreadCaa { why: why.clone(), at }))
            }
        });
        match nearest {
            Some(Ok(found)) => drop(read.insert(base, found)),
            Some(Err(why)) => drop(unread.insert(base, why)),
            None => {}
        }
    }
    (read, unread)
}

/// The record sets of the names, of their text records, and of what is between a name and its zone's, each in its zone.
async fn read_records(
    edges: &DomainEdges,
    facts: &DomainFacts,
    names: &BTreeSet<DnsName>,
) -> Result<BTreeMap<DnsName, Vec<RecordSet>>, Trouble> {
    let mut wanted: BTreeSet<(&HostedZone, DnsName)> = BTreeSet::new();
    for name in names {
        if let Ok(ZoneFacts { zone, .. }) = facts.zone_of(name) {
            wanted.extend(name.ancestors().take_while(|at| *at != zone.name).map(|at| (zone, at)));
            wanted.extend([(zone, name.clone()), (zone, Ownership::record_name(name))]);
        }
    }
    let read = futures::stream::iter(wanted)
        .map(|(zone, name)| async move {
            let Some(route53) = edges.account_of(zone) else { return Ok((name, Vec::new())) };
            let what = format!("cannot read the records of `{name}` in hosted zone `{}`", zone.name);
            let records = route53.list_record_sets(&zone.id, &name).await.map_err(Trouble::new(what))?;
            Ok((name, records))
        })
        .buffered(CONCURRENCY);
    read.try_collect().await
}

/// Whether the world sees the records that ACM renews a certificate by.
pub async fn look_for_renewal(
    edges: &DomainEdges,
    facts: &DomainFacts,
    certificate: &Certificate,
) -> Vec<RenewalRecord> {
    let validations = certificate.validations.iter().filter(|_| certificate.is_renewed_by_records());
    let records: BTreeSet<_> = validations.filter_map(|validation| validation.record.clone()).collect();
    futures::stream::iter(records)
        .map(|(record, target)| async move {
            let resolver = edges.dns.ask_resolver(&record, Question::Cname).await;
            let zone_id = facts.zone_of(&record).ok().map(|zone| zone.zone.id.clone());
            RenewalRecord { record, target, zone_id, resolver }
        })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

/// Who sees the records that a certificate waits for, so many seconds after the wait began.
pub async fn watch_now(
    edges: &DomainEdges,
    facts: &DomainFacts,
    certificate: &Certificate,
    elapsed_seconds: u64,
) -> Vec<WaitingRecord> {
    let is_overdue = elapsed_seconds > PROPAGATION_SECONDS;
    let mut by_record: BTreeMap<(DnsName, DnsName), (BTreeSet<DnsName>, bool)> = BTreeMap::new();
    for validation in &certificate.validations {
        if let Some(record) = &validation.record {
            let entry = by_record.entry(record.clone()).or_insert((BTreeSet::new(), true));
            entry.0.insert(validation.name.clone());
            entry.1 &= validation.is_validated;
        }
    }
    futures::stream::iter(by_record)
        .map(|((record, target), (names, is_validated))| async move {
            let zone = facts.zone_of(&record).ok();
            let servers = zone.map(|zone| zone.name_servers.as_slice()).unwrap_or_default();
            let ask = |server: DnsName| {
                let record = record.clone();
                async move {
                    let answer = edges.dns.ask_server(&server, &record, Question::Cname).await;
                    ServerAnswer { server, answer }
                }
            };
            let (servers, resolver) = if is_validated {
                // Nobody needs to see it any more.
                (Vec::new(), DnsAnswer::Records(vec![target.absolute()]))
            } else {
                futures::join!(
                    futures::future::join_all(servers.iter().cloned().map(ask)),
                    edges.dns.ask_resolver(&record, Question::Cname)
                )
            };
            let zone_id = zone.map(|zone| zone.zone.id.clone());
            let names = names.into_iter().collect();
            WaitingRecord { names, record, target, zone_id, servers, resolver, is_validated, is_overdue }
        })
        .buffered(CONCURRENCY)
        .collect()
        .await
}
