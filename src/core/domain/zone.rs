//! Hosted zones, and which of them a name's records belong to.

use serde::{Deserialize, Serialize};

use super::name::DnsName;

/// A hosted zone of Route 53.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostedZone {
    /// Without `/hostedzone/`.
    pub id: String,
    pub name: DnsName,
    pub is_private: bool,
    /// The profile by whose account it was found; none for the target's own.
    pub profile: Option<String>,
}

/// The zones that a name's records could be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneChoice<'a> {
    /// One, or several public ones of the same name: delegation tells which counts.
    Public(Vec<&'a HostedZone>),
    /// Resolvers of the world do not see it.
    PrivateOnly(&'a HostedZone),
    None,
}

/// The public zones with the longest name that holds `name`.
pub fn choose<'a>(zones: &'a [HostedZone], name: &DnsName) -> ZoneChoice<'a> {
    let holding = || zones.iter().filter(|zone| name.is_within(&zone.name));
    let longest = holding().filter(|zone| !zone.is_private).map(|zone| zone.name.as_str().len()).max();
    match longest {
        Some(length) => {
            let is_longest = |zone: &&HostedZone| !zone.is_private && zone.name.as_str().len() == length;
            ZoneChoice::Public(holding().filter(is_longest).collect())
        }
        None => match holding().max_by_key(|zone| zone.name.as_str().len()) {
            Some(private) => ZoneChoice::PrivateOnly(private),
            None => ZoneChoice::None,
        },
    }
}

/// The public zones that hold `name`, at whatever name above it.
pub fn holding<'a>(zones: &'a [HostedZone], name: &DnsName) -> impl Iterator<Item = &'a HostedZone> {
    zones.iter().filter(move |zone| !zone.is_private && name.is_within(&zone.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(id: &str, name: &str, is_private: bool) -> HostedZone {
        HostedZone { id: id.into(), name: DnsName::from_service(name), is_private, profile: None }
    }

    #[test]
    fn the_longest_public_zone_counts() {
        let zones = [
            zone("Z1", "example.com.", false),
            zone("Z2", "shop.example.com.", false),
            zone("Z3", "www.shop.example.com.", true),
            zone("Z4", "ample.com.", false),
            zone("Z5", "internal.example.net.", true),
            zone("Z6", "example.com.", false),
        ];
        let chosen = |name: &str| match choose(&zones, &DnsName::from_service(name)) {
            ZoneChoice::Public(found) => {
                found.iter().map(|zone| zone.id.clone()).collect::<Vec<_>>().join(" ")
            }
            ZoneChoice::PrivateOnly(zone) => format!("private {}", zone.id),
            ZoneChoice::None => "none".to_owned(),
        };
        for (name, expected) in [
            ("example.com", "Z1 Z6"),
            ("www.example.com", "Z1 Z6"),
            ("shop.example.com", "Z2"),
            ("www.shop.example.com", "Z2"),
            ("*.shop.example.com", "Z2"),
            ("a.internal.example.net", "private Z5"),
            ("example.org", "none"),
        ] {
            assert_eq!(chosen(name), expected, "{name}");
        }
    }
}
