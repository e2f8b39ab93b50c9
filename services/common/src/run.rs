//! The life of a service's process, from its environment to its exit code.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tracing::{error, info};

use crate::api::{Api, Frame};
use crate::error::causes;
use crate::health::Store;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::server::{self, Ended};
use crate::settings::{CommonSettings, Environment};
use crate::{log, tls};

/// What a service can fail to start with.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// The exit code for settings that are refused, as everywhere in this project.
const EXIT_USAGE: u8 = 64;

/// Reads the settings, starts the service and serves it until the process is asked to end.
///
/// `read` takes the service's own settings from the environment, and `start` makes its store of them. `start` must not
/// wait for the store: one that is down is no reason not to start.
pub fn run<T, S: Store>(
    service: &'static str,
    read: fn(&mut Environment) -> T,
    api: Api<S>,
    start: impl AsyncFnOnce(T, &Frame) -> Result<S, StartError>,
) -> ExitCode {
    let mut environment = Environment::of_process();
    let settings = CommonSettings::read(&mut environment);
    let own = read(&mut environment);
    log::start(settings.log_level);
    let own = match environment.finish(own) {
        Ok(own) => own,
        Err(error) => {
            for problem in error.problems {
                error!(problem, "a setting is refused");
            }
            return ExitCode::from(EXIT_USAGE);
        }
    };
    tls::install_provider();
    let metrics = Arc::new(Metrics::new(service, &settings.metrics_namespace));
    let frame = Frame { service, settings, metrics, lifecycle: Arc::new(Lifecycle::default()) };
    let lived = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(StartError::from)
        .and_then(|runtime| runtime.block_on(live(own, &frame, api, start)));
    frame.metrics.flush();
    match lived {
        Ok(Ended::Drained) => ExitCode::SUCCESS,
        Ok(Ended::CutOff | Ended::GaveUp) => ExitCode::FAILURE,
        Err(error) => {
            error!(cause = causes(&*error), "cannot start");
            ExitCode::FAILURE
        }
    }
}

async fn live<T, S: Store>(
    own: T,
    frame: &Frame,
    api: Api<S>,
    start: impl AsyncFnOnce(T, &Frame) -> Result<S, StartError>,
) -> Result<Ended, StartError> {
    let Frame { service, settings, metrics, lifecycle } = frame;
    let address = &settings.listen_address;
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
    let store = start(own, frame).await?;
    let router = api.into_router(store, frame);
    tokio::spawn(Arc::clone(metrics).flush_every(settings.metrics_interval));
    info!(service, commit = settings.commit, address = %listener.local_addr()?, "listening");
    Ok(server::serve(listener, router, &settings.limits, lifecycle).await?)
}
