//! An address at which nothing of the release is: one finding, where there would be as many as pages, each with a remedy for
//! a site that is nearly right.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Expected, Fault, Finding, VerifyPlan};

/// Replaces what was found of pages and files by one finding where every one of them is missing, leads elsewhere or has
/// bytes of another site. No release would mend that.
pub(super) fn gathered(plan: &VerifyPlan, findings: Vec<Finding>) -> Vec<Finding> {
    let objects: BTreeSet<&str> = plan.checks.iter().filter(|check| is_object(check)).map(path).collect();
    let strange: BTreeMap<&str, &Finding> = findings
        .iter()
        .filter(|finding| is_strange(finding.fault))
        .map(|finding| (finding.path.as_str(), finding))
        .collect();
    // That another release is live is another matter, and then other bytes are no wonder.
    if objects.len() < 2
        || plan.live_instead.is_some()
        || !objects.iter().all(|path| strange.contains_key(path))
    {
        return findings;
    }
    let first = plan.checks.iter().find_map(|check| strange.get(path(check)));
    let Some(finding) = first.map(|first| one(plan, first, objects.len())) else { return findings };
    let stays = |finding: &Finding| is_of_the_connection(finding.fault);
    findings.into_iter().filter(stays).chain([finding]).collect()
}

fn path(check: &Check) -> &str {
    check.path.as_str()
}

fn is_object(check: &Check) -> bool {
    matches!(check.expected, Expected::Object(_))
}

/// Whether another site would look so. What the release before had is of this one.
fn is_strange(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::NotThere | Fault::Status | Fault::Bytes | Fault::Encoding | Fault::UnexpectedRedirect
    )
}

fn is_of_the_connection(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::NoAnswer
            | Fault::TimedOut
            | Fault::StateReadable
            | Fault::PlainHttp
            | Fault::SecurityHeader
            | Fault::Certificate
            | Fault::Tls
            | Fault::OldTls
    )
}

fn one(plan: &VerifyPlan, first: &Finding, count: usize) -> Finding {
    let remedy = match first.fault {
        Fault::UnexpectedRedirect => {
            "verify the address that it redirects to, and make that the target's `url`".to_owned()
        }
        _ => format!(
            "look whether {} is the site's address; if it is, `sitepush doctor` looks for what keeps it from the bucket",
            plan.site
        ),
    };
    Finding {
        fault: Fault::Elsewhere,
        is_of_release: false,
        key: None,
        what: "and all other addresses have nothing of the release".to_owned(),
        expected: format!("{} pages and files of {}", plan.asked_count, plan.release_id),
        found: format!("{}, and the like for all {count} addresses of pages and files", first.found),
        remedy,
        ..first.clone()
    }
}
