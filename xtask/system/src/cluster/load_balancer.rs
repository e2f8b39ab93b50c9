//! What leads requests to tasks and says which are healthy.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::router::{Router, TargetHealth};

/// A load balancer with target groups, by their ARNs.
#[async_trait]
pub trait LoadBalancer: Send + Sync {
    /// Adds a target and starts to check it.
    fn register(&self, target_group_arn: &str, address: SocketAddr);

    /// Sends it no more requests, and returns when those that it has are answered, or its time is up.
    async fn deregister(&self, target_group_arn: &str, address: SocketAddr);

    /// What is known of each target.
    fn health(&self, target_group_arn: &str) -> Vec<TargetHealth>;
}

/// The groups of a [`Router`], which knows them by names of its own.
pub struct RoutedGroups {
    router: Arc<Router>,
    name_of: Box<dyn Fn(&str) -> String + Send + Sync>,
}

impl RoutedGroups {
    /// `name_of` gives the router's name for a target group's ARN.
    pub fn new(router: Arc<Router>, name_of: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { router, name_of: Box::new(name_of) }
    }
}

#[async_trait]
impl LoadBalancer for RoutedGroups {
    fn register(&self, target_group_arn: &str, address: SocketAddr) {
        self.router.register(&(self.name_of)(target_group_arn), address);
    }

    async fn deregister(&self, target_group_arn: &str, address: SocketAddr) {
        self.router.deregister(&(self.name_of)(target_group_arn), address).await;
    }

    fn health(&self, target_group_arn: &str) -> Vec<TargetHealth> {
        self.router.health(&(self.name_of)(target_group_arn))
    }
}
