//! Names of a distribution for people: the plan, what became of it, and how things stand.

use std::fmt::Write as _;
use std::time::Duration;

use crate::core::domain::certificate::CertificateStatus;
use crate::core::domain::distribution::ViewerCertificate;
use crate::core::domain::dns::{Delegation, DnsAnswer};
use crate::core::domain::name::DnsName;
use crate::core::domain::outcome::DomainOutcome;
use crate::core::domain::plan::{BatchPurpose, DomainPlan, ExternalReason, ExternalRecord, Purpose, Step};
use crate::core::domain::problem::{Problem, Severity};
use crate::core::domain::record::{RecordChange, RecordType};
use crate::core::domain::status::{
    CertificateReport, DomainStatus, Leads, NameStatus, RenewalRecord, Unreached,
};
use crate::core::domain::waiting::{Waiting, WaitingRecord};
use crate::core::outcome::Ending;

use super::human;
use super::terminal::style::{self, paint};

/// The plan: what is done in which order, what is in the way, what stays as it is. Of a plan that leaves nothing to do, also the
/// names that nobody gets to the distribution by.
pub fn render_plan(plan: &DomainPlan, unreached: Option<&Unreached>) -> String {
    let verb = match plan.purpose {
        Purpose::Apply => "names of",
        Purpose::Remove => "remove names of",
    };
    let mut text = format!(
        "{verb} {} ({}): {}\n",
        paint(style::BOLD, &plan.distribution_id),
        plan.distribution_domain,
        name_list(&plan.names)
    );
    let mut last_heading = String::new();
    for step in &plan.steps {
        let (heading, lines) = describe(step);
        if heading != last_heading {
            let _ = writeln!(text, "\n  {}", paint(style::BOLD, &heading));
            last_heading = heading;
        }
        for line in lines {
            let _ = writeln!(text, "    {line}");
        }
    }
    if plan.steps.is_empty() && plan.blocking().next().is_none() {
        let what = match (plan.purpose, unreached) {
            (Purpose::Apply, None) => "all names lead here, and the certificate is good for them".into(),
            (Purpose::Apply, Some(unreached)) => nothing_left(&unreached.names),
            (Purpose::Remove, _) => "there is nothing of sitepush's to remove".into(),
        };
        let _ = writeln!(text, "\n{what}");
    }
    if plan.has_changes() {
        let count = human::count(plan.change_count() as u64, "change", "changes");
        let is_open = plan.steps.iter().any(|step| matches!(step, Step::AwaitValidationRecords { .. }));
        let more = if is_open { ", and the validation records that ACM makes up" } else { "" };
        let _ = writeln!(text, "\n{count}{more}");
    }
    if !plan.external_records.is_empty() {
        text.push('\n');
        text.push_str(&render_external(&plan.external_records));
    }
    if !plan.notes.is_empty() {
        text.push('\n');
    }
    for note in &plan.notes {
        let _ = writeln!(text, "{} {note}", paint(style::DIM, "note:"));
    }
    if !plan.problems.is_empty() {
        text.push('\n');
    }
    text.push_str(&render_problems(&plan.problems));
    text
}

/// What a removal does not do; empty where nothing has to be said.
pub fn render_still_configured(names: &[DnsName]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!(
        "{} still in `domains` of sitepush.toml: {}; take it out, or the next `sitepush domain apply` sets it up again\n",
        paint(style::DIM, "note:"),
        name_list(names)
    )
}

fn nothing_left(unreached: &[DnsName]) -> String {
    format!("nothing is left to do here, and visitors do not get to {} yet", name_list(unreached))
}

/// What somebody has to do elsewhere before visitors get to the names; empty where they do.
pub fn render_unreached(unreached: Option<&Unreached>) -> String {
    let Some(unreached) = unreached else { return String::new() };
    let mut text = format!("{}\n", nothing_left(&unreached.names));
    for remedy in &unreached.remedies {
        let _ = writeln!(text, "  {remedy}");
    }
    if unreached.remedies.is_empty() {
        text.push_str("  `sitepush domain status` shows what is not right yet\n");
    }
    text
}

/// What has to be written by hand; empty where nothing has.
pub fn render_external(records: &[ExternalRecord]) -> String {
    let mut text = String::new();
    if records.is_empty() {
        return text;
    }
    let heading = "to be written by hand where the DNS of these names is, and to stay there";
    let _ = writeln!(text, "  {}", paint(style::BOLD, heading));
    for ExternalRecord { reason, name, target } in records {
        let more = match reason {
            ExternalReason::Validation => "",
            ExternalReason::Visitors => {
                "   (ALIAS or ANAME at the top of a zone), when the alias is on the distribution"
            }
        };
        let _ = writeln!(text, "    {name} CNAME {target}{more}");
    }
    text
}

fn render_problems(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let (style, label) = match problem.severity {
            Severity::Blocking => (style::ERROR, "problem"),
            Severity::Warning => (style::WARNING, "warning"),
        };
        let _ = writeln!(text, "{}   `{}`: {}", paint(style, label), problem.name, problem.what);
        let _ = writeln!(text, "          remedy  {}", problem.remedy);
    }
    text
}

fn name_list<'a>(names: impl IntoIterator<Item = &'a DnsName>) -> String {
    let shown = names.into_iter().map(|name| {
        let readable = name.to_unicode();
        if readable == name.as_str() { readable } else { format!("{readable} ({name})") }
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A step as a heading and the lines below it.
fn describe(step: &Step) -> (String, Vec<String>) {
    let plus = paint(style::ADD, "+");
    let minus = paint(style::REMOVE, "-");
    let tilde = paint(style::CHANGE, "~");
    match step {
        Step::RequestCertificate { names, key_algorithm, reason, .. } => (
            "certificate (us-east-1)".into(),
            vec![format!(
                "{plus} request one for {} ({}): {reason}",
                name_list(names),
                key_algorithm.title()
            )],
        ),
        Step::AwaitValidationRecords { .. } => {
            ("validation".into(), vec!["  the records are written when ACM has made them up".into()])
        }
        Step::AwaitCertificate { .. } => {
            ("validation".into(), vec!["  wait until ACM has issued the certificate".into()])
        }
        Step::ChangeRecords { zone, purpose, changes } => {
            let zone_name = match &zone.profile {
                Some(profile) => format!("{} ({}, profile {profile})", zone.name, zone.id),
                None => format!("{} ({})", zone.name, zone.id),
            };
            let heading = match purpose {
                BatchPurpose::Validation | BatchPurpose::ValidationRemoval => {
                    format!("validation records in {zone_name}")
                }
                BatchPurpose::Renewal => format!("renewal of the certificate, in {zone_name}"),
                BatchPurpose::Claim | BatchPurpose::Release => format!("ownership in {zone_name}"),
                BatchPurpose::Visitors | BatchPurpose::HttpsRecords | BatchPurpose::Withdrawal => {
                    format!("records in {zone_name}")
                }
            };
            (heading, change_lines(changes))
        }
        Step::UpdateDistribution { added, removed, certificate, changes_certificate, .. } => {
            let mut lines: Vec<String> = added.iter().map(|name| format!("{plus} alias {name}")).collect();
            lines.extend(removed.iter().map(|name| format!("{minus} alias {name}")));
            if *changes_certificate {
                lines.push(format!("{tilde} certificate: {}", viewer_certificate(certificate.as_ref())));
            }
            ("distribution".into(), lines)
        }
        Step::AwaitDeployment => ("distribution".into(), vec!["  wait until all edges know it".into()]),
        Step::DeleteCertificate { arn } => {
            ("certificate (us-east-1)".into(), vec![format!("{minus} delete {arn}")])
        }
    }
}

fn viewer_certificate(certificate: Option<&ViewerCertificate>) -> String {
    match certificate {
        None => "the requested one, by SNI, TLSv1.2_2021".into(),
        Some(ViewerCertificate::CloudFronts) => "CloudFront's own".into(),
        Some(ViewerCertificate::Iam { id }) => format!("{id} of IAM"),
        Some(ViewerCertificate::Acm { arn, is_sni, floor }) => {
            let manner = if *is_sni { "by SNI" } else { "by an address of its own" };
            format!("{arn}, {manner}, {}", floor.0)
        }
    }
}

/// One line for each record that is made, taken away, or replaced by another one of its name and type.
fn change_lines(changes: &[RecordChange]) -> Vec<String> {
    let is_counterpart = |one: &RecordChange, other: &RecordChange| {
        let (record, of_other) = (one.record(), other.record());
        std::mem::discriminant(one) != std::mem::discriminant(other)
            && (&record.name, &record.record_type) == (&of_other.name, &of_other.record_type)
    };
    let line = |change: &RecordChange| {
        let record = change.record();
        let before = changes.iter().find(|other| is_counterpart(change, other));
        let (sign, summary) = match (change, before) {
            // Told with what comes in its place.
            (RecordChange::Delete(_), Some(_)) => return None,
            (RecordChange::Delete(_), None) => (paint(style::REMOVE, "-"), record.summary()),
            (RecordChange::Create(_), None) => (paint(style::ADD, "+"), record.summary()),
            // What is ours is written anew: the new text says it all.
            (RecordChange::Create(_), Some(_)) if record.record_type == RecordType::Txt => {
                (paint(style::CHANGE, "~"), record.summary())
            }
            (RecordChange::Create(_), Some(before)) => {
                let summary = format!("{} (was: {})", record.summary(), before.record().summary());
                (paint(style::CHANGE, "~"), summary)
            }
        };
        Some(format!("{sign} {} {} {summary}", record.name, record.record_type))
    };
    changes.iter().filter_map(line).collect()
}

/// One line for a step that begins.
pub fn begun(step: &Step) -> Option<String> {
    let text = match step {
        Step::RequestCertificate { names, .. } => {
            format!("requesting a certificate for {}", name_list(names))
        }
        Step::ChangeRecords { zone, purpose, .. } => {
            let count = human::count(step.change_count() as u64, "change", "changes");
            let what = match purpose {
                BatchPurpose::Validation => "writing validation records",
                BatchPurpose::Renewal => "putting back the records that ACM renews by",
                BatchPurpose::Claim => "writing down what is ours",
                BatchPurpose::Visitors => "leading visitors here",
                BatchPurpose::HttpsRecords => "writing HTTPS records",
                BatchPurpose::Withdrawal => "leading visitors away",
                BatchPurpose::Release => "forgetting what was ours",
                BatchPurpose::ValidationRemoval => "removing validation records",
            };
            format!("{what}: {count} in {}", zone.name)
        }
        Step::UpdateDistribution { added, removed, .. } => {
            let mut parts = Vec::new();
            if !added.is_empty() {
                parts.push(format!("adding {}", name_list(added)));
            }
            if !removed.is_empty() {
                parts.push(format!("taking off {}", name_list(removed)));
            }
            if parts.is_empty() {
                parts.push("changing the certificate".into());
            }
            format!("distribution: {}", parts.join(", "))
        }
        Step::DeleteCertificate { arn } => format!("deleting the certificate {arn}"),
        Step::AwaitValidationRecords { .. } | Step::AwaitCertificate { .. } | Step::AwaitDeployment => {
            return None;
        }
    };
    Some(text)
}

/// A wait: what it is for, and each record with who sees it.
pub fn render_waiting(waiting: &Waiting) -> String {
    let mut text = format!(
        "{}, {} left",
        waiting_headline(waiting),
        human::duration(Duration::from_secs(waiting.left_seconds))
    );
    for record in &waiting.records {
        text.push('\n');
        text.push_str(&render_record(record));
    }
    text
}

/// The same without the time, for a log in which each line is a change.
pub fn render_waiting_for_log(waiting: &Waiting) -> String {
    let mut text = format!("{}\n", waiting_headline(waiting));
    for record in &waiting.records {
        text.push_str(&render_record(record));
        text.push('\n');
    }
    text
}

fn waiting_headline(waiting: &Waiting) -> String {
    format!("waiting for {}: {}", waiting.awaited.title(), waiting.state)
}

fn render_record(record: &WaitingRecord) -> String {
    if record.is_validated {
        return format!("  {} {}", paint(style::ADD, "validated"), name_list(&record.names));
    }
    let mut text = format!("  {} {}", paint(style::CHANGE, "waiting  "), name_list(&record.names));
    let _ = write!(text, "\n    record    {} CNAME {}", record.record, record.target);
    if let Some(zone_id) = &record.zone_id {
        let right = record.right_count();
        let all = record.servers.len();
        let odd = record.servers.iter().find(|server| !server.answer.is_cname(&record.target));
        let odd = odd.map(|server| format!("; {}: {}", server.server, server.answer.summary()));
        let _ = write!(
            text,
            "\n    zone      {zone_id}: {right} of {all} name servers answer it{}",
            odd.unwrap_or_default()
        );
    }
    let seen = if record.resolver.is_cname(&record.target) {
        "answers it".to_owned()
    } else {
        record.resolver.summary()
    };
    let _ = write!(text, "\n    resolver  {seen}");
    if let Some(diagnosis) = record.diagnosis() {
        let _ = write!(text, "\n    so        {diagnosis}");
    }
    text
}

/// What a run did. How a wait stood at its end was shown while it lasted.
pub fn render_outcome(outcome: &DomainOutcome, purpose: Purpose) -> String {
    let mut text = String::new();
    if let Some(failure) = &outcome.failure {
        let _ = writeln!(text, "{} {}", paint(style::ERROR, "error:"), failure.what);
        for cause in &failure.causes {
            let _ = writeln!(text, "  caused by: {cause}");
        }
    }
    if let Some(waiting) = outcome.waiting.as_ref().filter(|_| outcome.ending == Ending::PartWay) {
        let time = human::duration(Duration::from_secs(waiting.elapsed_seconds));
        let awaited = waiting.awaited.title();
        let _ = writeln!(
            text,
            "{} {awaited}: not there after {time} ({})",
            paint(style::ERROR, "error:"),
            waiting.state
        );
    }
    let changes = outcome.done.iter().map(|step| step.change_count() as u64).sum();
    let steps = human::count(changes, "change", "changes");
    let time = human::duration(Duration::from_millis(outcome.elapsed_milliseconds));
    let headline = match (outcome.ending, purpose) {
        (Ending::NothingToDo, _) => "nothing to do".to_owned(),
        (Ending::Done, Purpose::Apply) => format!("{} {steps} in {time}", paint(style::ADD.bold(), "done:")),
        (Ending::Done, Purpose::Remove) => {
            format!("{} {steps} in {time}", paint(style::ADD.bold(), "removed:"))
        }
        (Ending::PartWay, _) => {
            format!("{} {steps} in {time}, and there is more to do", paint(style::WARNING, "part way:"))
        }
        (Ending::Interrupted, _) => {
            format!("{} {steps} in {time}, and there is more to do", paint(style::WARNING, "stopped:"))
        }
    };
    let _ = writeln!(text, "{headline}");
    if let Some(hint) = hint(outcome) {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

fn hint(outcome: &DomainOutcome) -> Option<String> {
    if let Some(failure) = &outcome.failure {
        return Some(failure.hint.clone());
    }
    match outcome.ending {
        Ending::PartWay | Ending::Interrupted => {
            Some("run the same command again: it goes on where this run ended".to_owned())
        }
        Ending::NothingToDo | Ending::Done => None,
    }
}

/// How each name stands.
pub fn render_status(status: &DomainStatus) -> String {
    let deployed = if status.is_deployed { "deployed" } else { "being deployed" };
    let mut text = format!(
        "distribution  {} ({}), {deployed}\n",
        paint(style::BOLD, &status.distribution_id),
        status.distribution_domain
    );
    if status.certificates.is_empty() {
        let _ = writeln!(text, "certificate   CloudFront's own, good for no name of yours");
    }
    for certificate in &status.certificates {
        text.push_str(&render_certificate(certificate));
    }
    for name in &status.names {
        text.push_str(&render_name(name));
    }
    text.push_str(&render_external(&status.external_records));
    text.push_str(&render_problems(&status.problems));
    let blocking = status.problems.iter().filter(|problem| problem.severity == Severity::Blocking).count();
    let verdict = match (blocking, status.has_changes) {
        (0, false) if !status.is_right => {
            let wrong = status.names.iter().filter(|name| !name.is_right());
            let wrong: Vec<DnsName> = wrong.map(|name| name.name.clone()).collect();
            paint(style::CHANGE, &nothing_left(&wrong))
        }
        (0, false) => paint(style::ADD, "all names lead here"),
        (0, true) => paint(style::CHANGE, "`sitepush domain apply` does what is missing"),
        (count, _) => paint(
            style::ERROR,
            &human::count(count as u64, "problem is in the way", "problems are in the way"),
        ),
    };
    let _ = writeln!(text, "verdict       {verdict}");
    text
}

fn render_certificate(certificate: &CertificateReport) -> String {
    let state = match &certificate.status {
        CertificateStatus::PendingValidation => "pending validation".to_owned(),
        CertificateStatus::Issued => "issued".to_owned(),
        CertificateStatus::Expired => "expired".to_owned(),
        CertificateStatus::ValidationTimedOut => "validation timed out".to_owned(),
        CertificateStatus::Failed => "failed".to_owned(),
        CertificateStatus::Revoked => "revoked".to_owned(),
        CertificateStatus::Inactive => "inactive".to_owned(),
        CertificateStatus::Other(text) => human::one_line(text),
    };
    let ends =
        certificate.not_after.map(|end| format!(", until {}", end.strftime("%Y-%m-%d"))).unwrap_or_default();
    let shown = if certificate.is_shown { "shown" } else { "not shown" };
    let mut text = format!("certificate   {}\n", certificate.arn);
    let _ = writeln!(text, "              {state}{ends}, {shown}: {}", name_list(&certificate.names));
    for record in &certificate.records {
        let _ = writeln!(text, "{}", render_record(record));
    }
    for RenewalRecord { record, target, resolver, .. } in &certificate.renewal {
        let seen = if resolver.is_cname(target) { "seen".to_owned() } else { resolver.summary() };
        let _ = writeln!(text, "  renewal     {record} CNAME {target}: {seen}");
    }
    if certificate.renewal.iter().any(|record| record.fault().is_some()) {
        let _ = writeln!(
            text,
            "              {}",
            paint(style::WARNING, "without these records ACM cannot renew it")
        );
    }
    text
}

fn render_name(name: &NameStatus) -> String {
    let sign = if name.is_right() { paint(style::ADD, "right") } else { paint(style::CHANGE, "not yet") };
    let mut text = format!("{}: {sign}\n", paint(style::BOLD, &name_list([&name.name])));
    let yes = |is_so: bool, yes: &str, no: &str| if is_so { yes.to_owned() } else { no.to_owned() };
    let _ = writeln!(
        text,
        "  alias       {}",
        yes(name.is_alias, "on the distribution", "not on the distribution")
    );
    let _ = writeln!(text, "  certificate {}", yes(name.is_certified, "good for it", "not good for it"));
    let delegation = match &name.delegation {
        Some(Delegation::Right) => ", the world asks it",
        Some(Delegation::Partly { .. }) => ", the world asks it and others",
        Some(Delegation::Unknown { .. }) | None => "",
        Some(Delegation::Elsewhere { .. } | Delegation::Missing | Delegation::Broken { .. }) => {
            ", the world does not ask it"
        }
    };
    let zone = name.zone_id.as_deref().unwrap_or("none here");
    let _ = writeln!(text, "  zone        {zone}{delegation}");
    if name.records.is_empty() && name.zone_id.is_some() {
        let _ = writeln!(text, "  records     none");
    }
    for record in &name.records {
        let whose = if record.is_ours { "ours" } else { "not ours" };
        let leads = match record.leads {
            Leads::Here => "leads here",
            Leads::Elsewhere => "leads elsewhere",
        };
        let _ =
            writeln!(text, "  {:<11} {leads}, {whose}: {}", record.record_type.to_string(), record.content);
    }
    let here = match name.is_led_here {
        Some(true) => ", the distribution's",
        Some(false) => "",
        None if matches!(name.resolver, DnsAnswer::NoAnswer(_)) => "",
        None => ", CloudFront's; whether the distribution's cannot be told by them",
    };
    let _ = writeln!(text, "  resolver    {}{here}", name.resolver.summary());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::domain::name::DnsName;
    use crate::core::domain::record::{Made, Ownership, RecordContent, RecordSet};
    use crate::core::domain::zone::HostedZone;

    #[test]
    fn a_plan_shows_each_record_that_it_writes_and_counts_what_it_shows() {
        let name = DnsName::from_service("example.com");
        let own = DnsName::from_service("d111.cloudfront.net");
        let zone = HostedZone { id: "Z1".into(), name: name.clone(), is_private: false, profile: None };
        let content = RecordContent::Values { ttl_seconds: 60, values: vec!["192.0.2.10".into()] };
        let foreign = RecordSet { name: name.clone(), record_type: RecordType::A, content, is_simple: true };
        let text = |made: &[Made]| {
            let made = made.iter().copied().collect();
            Ownership { distribution_id: "E1EXAMPLE".into(), made }.record(&name)
        };
        let changes = vec![
            RecordChange::Delete(foreign),
            RecordChange::Delete(text(&[Made::Alias])),
            RecordChange::Create(RecordSet::alias(&name, RecordType::A, &own)),
            RecordChange::Create(RecordSet::alias(&name, RecordType::Aaaa, &own)),
            RecordChange::Create(text(&[Made::Alias, Made::A, Made::Aaaa])),
        ];
        let plan = DomainPlan {
            purpose: Purpose::Apply,
            distribution_id: "E1EXAMPLE".into(),
            distribution_domain: own,
            names: vec![name],
            steps: vec![Step::ChangeRecords { zone, purpose: BatchPurpose::Visitors, changes }],
            problems: Vec::new(),
            notes: Vec::new(),
            external_records: Vec::new(),
        };
        let shown = anstream::adapter::strip_str(&render_plan(&plan, None)).to_string();
        let lines: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        let expected = [
            "~ example.com A alias of d111.cloudfront.net (was: 192.0.2.10)",
            "+ example.com AAAA alias of d111.cloudfront.net",
            "~ _sitepush.example.com TXT \"heritage=sitepush,sitepush/distribution=E1EXAMPLE,sitepush/made=alias+a+aaaa\"",
        ];
        assert_eq!(lines, expected);
        assert!(shown.ends_with("\n3 changes\n"), "{shown}");
        let begun = begun(&plan.steps[0]).expect("a line");
        assert_eq!(begun, "leading visitors here: 3 changes in example.com");
    }
}
