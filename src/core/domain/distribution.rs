//! What of a distribution concerns its names.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::name::DnsName;

/// A distribution with what its names depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributionNames {
    pub id: String,
    /// Its own name, such as `d111111abcdef8.cloudfront.net`.
    pub domain_name: DnsName,
    /// Whether its last change has reached all edges.
    pub is_deployed: bool,
    pub aliases: BTreeSet<DnsName>,
    pub certificate: ViewerCertificate,
    /// Without it, an AAAA record has nothing to answer.
    pub has_ipv6: bool,
    /// What an HTTPS record tells browsers.
    pub has_http2_or_3: bool,
}

/// What visitors are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewerCertificate {
    /// That of `*.cloudfront.net`, good for no alias.
    CloudFronts,
    Acm {
        arn: String,
        /// By SNI; else by an address of its own, which costs 600 dollars a month.
        is_sni: bool,
        floor: ProtocolFloor,
    },
    /// One kept in IAM.
    Iam { id: String },
}

/// The security policy of a distribution, such as `TLSv1.2_2021`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProtocolFloor(pub String);

impl ProtocolFloor {
    /// What sitepush sets where less is set.
    ///
    /// Source: "Supported protocols and ciphers between viewers and CloudFront", CloudFront Developer Guide.
    pub fn recommended() -> Self {
        Self("TLSv1.2_2021".to_owned())
    }

    /// Whether it is the recommended one or a newer one.
    pub fn is_enough(&self) -> bool {
        matches!(self.0.as_str(), "TLSv1.2_2021" | "TLSv1.2_2025" | "TLSv1.3_2025")
    }
}

impl ViewerCertificate {
    /// The ARN, where it is one of ACM.
    pub fn arn(&self) -> Option<&str> {
        match self {
            Self::Acm { arn, .. } => Some(arn),
            Self::CloudFronts | Self::Iam { .. } => None,
        }
    }

    /// This certificate by SNI, with the protocols of before where those are enough.
    #[must_use]
    pub fn with_arn(&self, arn: &str) -> Self {
        let floor = match self {
            Self::Acm { floor, .. } if floor.is_enough() => floor.clone(),
            _ => ProtocolFloor::recommended(),
        };
        Self::Acm { arn: arn.to_owned(), is_sni: true, floor }
    }

    /// Whether it is served by addresses of its own, for clients without SNI. With those, CloudFront takes no floor but
    /// `SSLv3` and `TLSv1`.
    ///
    /// Source: "Values that you specify for your distribution", "Security policy", CloudFront Developer Guide.
    pub fn has_own_addresses(&self) -> bool {
        matches!(self, Self::Acm { is_sni: false, .. })
    }
}
