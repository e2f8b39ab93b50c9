//! Under which addresses a target's site is to be asked for.

use super::SiteUrl;
use crate::core::manifest::DistributionFacts;

/// One address, and what the distribution there makes of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub site: SiteUrl,
    /// Empty, or `/a/b` without a closing slash.
    pub origin_path: String,
}

/// Every address once, the told one first: `told` is where visitors find the site, `names` are sites by the target's names,
/// `distributions` what is known of the target's own, in its order.
///
/// Which of several distributions a name leads to is not known, so that each is asked at its own address besides. A
/// single one is asked at the told address alone; names may not lead to it yet, and stand for none. Empty only when nothing is told and nothing known.
pub fn addresses(
    told: Option<&SiteUrl>,
    names: &[SiteUrl],
    distributions: &[&DistributionFacts],
) -> Vec<Address> {
    let own = |facts: &&DistributionFacts| Address {
        site: SiteUrl::of_domain(&facts.domain_name),
        origin_path: facts.origin_path.clone(),
    };
    let named = told.into_iter().chain(names).map(|site| at(site, distributions));
    let own = distributions.iter().map(own);
    let own = own.filter(|_| distributions.len() > 1 || told.is_none());
    let mut all: Vec<Address> = Vec::new();
    for address in named.chain(own) {
        if all.iter().all(|known| known.site != address.site) {
            all.push(address);
        }
    }
    all
}

/// The address alone, whoever answers there: a distribution by its own name, else as the first one would.
pub fn at(site: &SiteUrl, distributions: &[&DistributionFacts]) -> Address {
    let named =
        distributions.iter().find(|facts| SiteUrl::of_domain(&facts.domain_name).host() == site.host());
    let facts = named.or(distributions.first());
    let origin_path = facts.map(|facts| facts.origin_path.clone()).unwrap_or_default();
    Address { site: site.clone(), origin_path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(domain_name: &str, origin_path: &str) -> DistributionFacts {
        DistributionFacts {
            domain_name: domain_name.into(),
            origin_path: origin_path.into(),
            has_cache_tags: false,
            checked_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn shown(addresses: &[Address]) -> Vec<String> {
        addresses.iter().map(|address| format!("{} {}", address.site, address.origin_path)).collect()
    }

    #[test]
    fn several_distributions_are_asked_each_and_one_at_its_name_alone() {
        let told = SiteUrl::parse("https://www.example.com").expect("an address");
        let (one, two) = (facts("d1.cloudfront.net", ""), facts("D2.cloudfront.net", "/docs"));
        let nothing: [String; 0] = [];
        assert_eq!(shown(&addresses(None, &[], &[])), nothing);
        assert_eq!(shown(&addresses(Some(&told), &[], &[])), ["https://www.example.com "]);
        assert_eq!(shown(&addresses(Some(&told), &[], &[&one])), ["https://www.example.com "]);
        assert_eq!(
            shown(&addresses(None, &[], &[&one, &two])),
            ["https://d1.cloudfront.net ", "https://d2.cloudfront.net /docs"]
        );
        assert_eq!(
            shown(&addresses(Some(&told), &[], &[&one, &two])),
            ["https://www.example.com ", "https://d1.cloudfront.net ", "https://d2.cloudfront.net /docs"]
        );
    }

    #[test]
    fn every_name_is_asked_once() {
        let told = SiteUrl::parse("https://www.example.com").expect("an address");
        let names = ["example.com", "www.example.com"].map(SiteUrl::of_domain);
        let one = facts("d1.cloudfront.net", "");
        assert_eq!(
            shown(&addresses(Some(&told), &names, &[&one])),
            ["https://www.example.com ", "https://example.com "]
        );
        assert_eq!(
            shown(&addresses(None, &names, &[&one])),
            ["https://example.com ", "https://www.example.com ", "https://d1.cloudfront.net "]
        );
    }

    #[test]
    fn a_distribution_that_is_named_itself_is_asked_once_and_by_its_own_origin_path() {
        let told = SiteUrl::parse("https://d2.cloudfront.net").expect("an address");
        let (one, two) = (facts("d1.cloudfront.net", ""), facts("d2.cloudfront.net", "/docs"));
        assert_eq!(
            shown(&addresses(Some(&told), &[], &[&one, &two])),
            ["https://d2.cloudfront.net /docs", "https://d1.cloudfront.net "]
        );
        assert_eq!(shown(&[at(&told, &[&one, &two])]), ["https://d2.cloudfront.net /docs"]);
    }
}
