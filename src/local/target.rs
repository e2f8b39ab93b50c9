//! The whole embedded target: bucket, S3 and CloudFront APIs on one port, the CDN edge on another.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::clock::Clock;
use super::control::plane::ControlPlane;
use super::edge::function::FunctionError;
use super::edge::{Edge, EdgeOptions, Origin, OriginObject, RunningEdge};
use super::front;
use super::s3::{Credentials, Running, Store, StoreOptions, Versioning};

/// How a target is set up.
pub struct TargetOptions {
    pub bucket: String,
    pub distribution_id: String,
    /// The site's port; 0 takes a free one.
    pub site_port: u16,
    pub edge: EdgeOptions,
    /// Further distributions in front of the same bucket, by id: managed, but without a port of their own.
    pub other_distributions: BTreeMap<String, EdgeOptions>,
    pub clock: Clock,
    /// How long an invalidation is said to be in progress.
    pub invalidations_take: Duration,
}

/// A store as a target wants it: with versions, which a rollback needs.
pub fn store_options() -> StoreOptions {
    StoreOptions { versioning: Versioning::On, ..StoreOptions::default() }
}

impl TargetOptions {
    /// A target for a test or a preview, on free ports.
    pub fn new(bucket: &str, distribution_id: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            distribution_id: distribution_id.to_owned(),
            site_port: 0,
            edge: EdgeOptions::default(),
            other_distributions: BTreeMap::new(),
            clock: Clock::default(),
            invalidations_take: Duration::ZERO,
        }
    }
}

/// A target at work. It ends when dropped.
pub struct Target {
    pub store: Store,
    pub control: ControlPlane,
    pub edge: Edge,
    pub bucket: String,
    pub distribution_id: String,
    api_listener: Running,
    edge_listener: RunningEdge,
}

/// Why a target did not start.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("cannot listen on 127.0.0.1 port {port}")]
    Listen {
        port: u16,
        #[source]
        source: std::io::Error,
    },
    #[error("the edge function cannot be run")]
    Function(#[source] FunctionError),
}

impl Target {
    /// Makes the bucket, if the store has none by that name, and listens.
    ///
    /// # Errors
    /// When the site's port is taken.
    pub async fn start(store: &Store, options: TargetOptions) -> Result<Self, TargetError> {
        store.create_bucket(&options.bucket);
        let make_edge = |edge_options| {
            let origin = BucketOrigin { store: store.clone(), bucket: options.bucket.clone() };
            Edge::new(Arc::new(origin), edge_options, options.clock.clone()).map_err(TargetError::Function)
        };
        let edge = make_edge(options.edge)?;
        let mut edges = BTreeMap::from([(options.distribution_id.clone(), edge.clone())]);
        for (id, edge_options) in options.other_distributions {
            edges.insert(id, make_edge(edge_options)?);
        }
        let control = ControlPlane::of_bucket(edges, options.invalidations_take, &options.bucket);
        let api_listener =
            front::serve(store, &control).await.map_err(|source| TargetError::Listen { port: 0, source })?;
        let port = options.site_port;
        let edge_listener = edge
            .serve(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .map_err(|source| TargetError::Listen { port, source })?;
        Ok(Self {
            store: store.clone(),
            control,
            edge,
            bucket: options.bucket,
            distribution_id: options.distribution_id,
            api_listener,
            edge_listener,
        })
    }

    /// Where S3 and CloudFront are asked.
    pub fn endpoint_url(&self) -> String {
        self.api_listener.endpoint_url()
    }

    /// How many connections to S3 and CloudFront are open: none when a publisher is gone and all that it asked for was
    /// dealt with.
    pub fn open_connections(&self) -> usize {
        self.api_listener.open_connections()
    }

    /// The key pair that the API asks for.
    pub fn credentials(&self) -> &Credentials {
        &self.store.options().credentials
    }

    /// The region that signatures must name.
    pub fn region(&self) -> &str {
        &self.store.options().region
    }

    /// Where viewers go; no closing slash.
    pub fn site_url(&self) -> String {
        format!("http://{}", self.edge_listener.address)
    }
}

/// The bucket as the edge reads it.
struct BucketOrigin {
    store: Store,
    bucket: String,
}

impl Origin for BucketOrigin {
    fn fetch<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<OriginObject>> {
        Box::pin(async move {
            let object = self.store.object(&self.bucket, key)?;
            let stored = &object.headers;
            let own = [
                ("cache-control", &stored.cache_control),
                ("content-type", &stored.content_type),
                ("content-encoding", &stored.content_encoding),
                ("content-disposition", &stored.content_disposition),
                ("content-language", &stored.content_language),
                ("expires", &stored.expires),
                ("x-amz-website-redirect-location", &stored.website_redirect_location),
            ];
            let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
            let metadata = stored.user_metadata.iter();
            let metadata = metadata.map(|(name, value)| (format!("x-amz-meta-{name}"), value.clone()));
            Some(OriginObject {
                headers: own.chain(metadata).collect(),
                body: object.bytes,
                e_tag: object.e_tag,
                last_modified: object.last_modified.try_into().expect("a clock told it"),
            })
        })
    }
}
