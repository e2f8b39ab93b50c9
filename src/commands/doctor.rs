//! `sitepush doctor`: whether account, bucket and distribution are as publishing needs them.

use std::error::Error as _;
use std::time::Duration;

use crate::cli::DoctorArgs;
use crate::core::doctor::{self, Damage, Expected, Facts, LockFacts, Reading, StateFacts, StoreFacts};
use crate::core::domain::certificate::CLOUDFRONT_REGION;
use crate::core::edge_settings::STORE_KEY;
use crate::core::lock::{self, LockDecision};
use crate::edges::acm::CertificateManager;
use crate::edges::aws;
use crate::edges::call::{CallError, Retry};
use crate::edges::clock::Clock;
use crate::edges::cloudfront::CloudFront;
use crate::edges::dns::{Dns, PUBLIC_RESOLVER};
use crate::edges::key_value_store::KeyValueStores;
use crate::edges::process;
use crate::edges::s3::Bucket;
use crate::edges::sts::TokenService;
use crate::error::{Class, Error};
use crate::execute::doctor::{self as execute_doctor, DoctorEdges, reading};
use crate::exit_code::ExitCode;
use crate::local::edge::function;
use crate::settings::{DoctorSettings, TargetSettings};
use crate::ui::doctor_view::{self, DoctorDocument};
use crate::ui::terminal;

use super::connect::connection_to;
use super::world::World;

/// Many things are asked, and a person waits: what does not answer by then is said not to.
const RETRY_LIMIT: Duration = Duration::from_secs(10);

/// Looks at everything and prints what was found; changes nothing.
///
/// # Errors
/// When nobody answers, or the settings cannot be used.
pub async fn run(args: &DoctorArgs) -> Result<ExitCode, Error> {
    let settings = DoctorSettings::resolve(args)?;
    let target = &settings.target;
    let (edges, stores) = connect(&settings).await;
    // The first answer also tells the service's clock, and whether anybody is there.
    let bucket = execute_doctor::bucket(&edges.bucket).await;
    let identity = execute_doctor::identity(&edges).await;
    if let (Reading::Failed { why }, Reading::Failed { .. }) = (&bucket.region, &identity.caller) {
        return Err(Error::new(
            Class::Environment,
            format!("nobody answers about bucket `{}`", target.bucket),
        )
        .caused_by(why.clone())
        .with_hint("check the network and `--endpoint-url`"));
    }
    let (distributions, state) = tokio::join!(
        execute_doctor::distributions(&edges, &target.distributions),
        state(&edges, &stores, target)
    );
    let aliases = execute_doctor::aliases(&edges, &distributions).await;
    let facts = Facts { identity, bucket, distributions, aliases, state };
    let expected = Expected {
        bucket: target.bucket.clone(),
        prefix: target.prefix.clone(),
        site_host: target.site_url.as_ref().map(|url| url.host().to_owned()),
        domains: settings.domains.clone(),
        store_arn: target.key_value_store.clone(),
        routing: settings.routing,
        function_code: function::SOURCE.to_owned(),
        now: edges.clock.service_now(),
    };
    let document = DoctorDocument::new(target.bucket.clone(), doctor::examine(&facts, &expected));
    if settings.is_json {
        terminal::json(&document);
    } else {
        terminal::data(&doctor_view::render(&document, terminal::width()));
    }
    Ok(if document.problem_count == 0 { ExitCode::Done } else { ExitCode::Refused })
}

async fn connect(settings: &DoctorSettings) -> (DoctorEdges, KeyValueStores) {
    let target = &settings.target;
    let clock = Clock::system();
    let config = aws::load(&connection_to(target), &clock).await;
    let retry = Retry::new(RETRY_LIMIT);
    let edges = DoctorEdges {
        tokens: TokenService::new(&config, &retry),
        bucket: Bucket::new(&config, &target.bucket, target.prefix.clone(), &retry, &clock),
        cloudfront: CloudFront::new(&config, &retry),
        certificates: CertificateManager::new(&config, CLOUDFRONT_REGION, &retry),
        dns: Dns::new(settings.resolver.unwrap_or(PUBLIC_RESOLVER)),
        clock,
    };
    (edges, KeyValueStores::new(&config, &retry))
}

/// What sitepush keeps in the bucket, and what the store says of it.
async fn state(edges: &DoctorEdges, stores: &KeyValueStores, target: &TargetSettings) -> StateFacts {
    let world = match World::read(&edges.bucket).await {
        Ok(world) => world,
        Err(error) => return unread(&error),
    };
    let lock = match lock::decide(world.lock.as_ref(), edges.clock.service_now(), process::is_gone) {
        LockDecision::Clean => LockFacts::Free,
        LockDecision::Recover { reason } => LockFacts::Unfinished { why: reason },
        LockDecision::Busy { holder, expires, .. } => {
            LockFacts::Held { holder: holder.owner, until: expires }
        }
    };
    let wanted = world.manifest().and_then(|manifest| manifest.edge_settings.as_ref());
    let found = match &target.key_value_store {
        Some(arn) => Some(reading(stores.get(arn, STORE_KEY).await)),
        None => None,
    };
    let store = StoreFacts { wanted: wanted.map(|wanted| wanted.value.clone()), found };
    let Some(manifest) = world.manifest() else {
        return StateFacts { lock, store, ..nothing(Reading::Absent) };
    };
    let paid = world.settlement().paid;
    let kept = || manifest.stale.values().filter(|stale| !stale.is_due);
    StateFacts {
        release: Reading::Known(manifest.release.id.to_string()),
        live_keys: manifest.objects.keys().cloned().collect(),
        damage: None,
        release_count: manifest.history.len() as u64,
        live_bytes: manifest.objects.values().map(|object| object.size_bytes).sum(),
        kept_bytes: kept().map(|stale| stale.object.size_bytes).sum(),
        kept_count: kept().count() as u64,
        lock,
        debt_count: manifest.owed.iter().filter(|owed| !paid.contains(&owed.caller_reference)).count() as u64,
        store,
    }
}

/// The state when it cannot be read. A record that is there and cannot be used is damage, not a lack of knowledge.
fn unread(error: &Error) -> StateFacts {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let call = causes.find_map(|cause| cause.downcast_ref::<CallError>());
    let state = nothing(match call {
        Some(call) => reading(Err(call.clone())),
        None => Reading::Failed { why: error.to_string() },
    });
    let damage = (error.class == Class::Refused).then(|| {
        let causes = std::iter::successors(error.source(), |cause| (*cause).source());
        let text = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
        let what = text.collect::<Vec<_>>().join(": ");
        Damage { what, remedy: error.hint.clone().unwrap_or_default() }
    });
    StateFacts { damage, lock: LockFacts::Unread, ..state }
}

fn nothing(release: Reading<String>) -> StateFacts {
    StateFacts {
        release,
        live_keys: Vec::new(),
        damage: None,
        release_count: 0,
        live_bytes: 0,
        kept_bytes: 0,
        kept_count: 0,
        lock: LockFacts::Free,
        debt_count: 0,
        store: StoreFacts { wanted: None, found: None },
    }
}
