//! Plans and outcomes as people read them: in the terminal, and as Markdown in a job's summary. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::changes::{Action, Change, Changes};
use super::destroy::Destroyed;
use super::outcome::Outcome;
use super::plan::{DeployPlan, Step};
use super::ui;

/// More changed resources than this are counted, not named.
const NAMED: usize = 20;

/// The plan of a deploy.
pub fn plan(plan: &DeployPlan) -> String {
    let mut text = format!("deploy {} to {}", short(&plan.commit), plan.environment);
    match &plan.from_commit {
        Some(from) => text.push_str(&format!(" (now {})\n\n", short(from))),
        None => text.push_str(", first release\n\n"),
    }
    if plan.is_empty() {
        text.push_str("nothing to do: this is what runs\n");
    }
    for step in &plan.steps {
        let _ = writeln!(text, "  {}", line(step));
        if let Step::Infrastructure { changes } = step {
            text.push_str(&named(changes));
        }
    }
    text
}

fn line(step: &Step) -> String {
    match step {
        Step::MakeStateBucket => {
            "state: make the bucket; then Terraform can plan, and its plan is shown before it is applied".to_owned()
        }
        Step::Bootstrap => {
            "infrastructure: all but containers, so that the images have somewhere to go; then the images and their containers"
                .to_owned()
        }
        Step::PushImage { service, image } => format!("image: push {service} {}", digest(image)),
        Step::Infrastructure { changes } => format!("infrastructure: {}", counted(changes)),
        Step::RollOut { service, from: Some(from), to } => {
            format!("service: roll out {service}, {} instead of {}", digest(to), digest(from))
        }
        Step::RollOut { service, from: None, to } => format!("service: start {service} {}", digest(to)),
        Step::PublishSite { from: Some(from) } => format!("site: build and publish (now {})", short(from)),
        Step::PublishSite { from: None } => "site: build and publish, for the first time".to_owned(),
        Step::CheckLive => "check: ask the site and the services as a visitor does".to_owned(),
        Step::WriteRecord => "record: write down what runs".to_owned(),
    }
}

/// `3 to create, 1 to change`
pub fn counted(changes: &Changes) -> String {
    let words = [
        (Action::Create, "to create"),
        (Action::Update, "to change"),
        (Action::Replace, "to replace"),
        (Action::Delete, "to delete"),
        (Action::Forget, "to forget"),
    ];
    let parts =
        words.iter().map(|(action, word)| (changes.count(*action), word)).filter(|(count, _)| *count > 0);
    parts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// The changes by name; those of a first deploy, which are too many to be read, by module.
pub fn named(changes: &Changes) -> String {
    let mut text = String::new();
    if changes.resources.len() > NAMED && changes.count(Action::Create) == changes.resources.len() {
        let mut modules: BTreeMap<String, usize> = BTreeMap::new();
        for change in &changes.resources {
            *modules.entry(module(change)).or_default() += 1;
        }
        for (module, count) in modules {
            let _ = writeln!(text, "    + {module}: {count}");
        }
        return text;
    }
    // What is replaced or deleted is named whatever else there is.
    let mut resources: Vec<_> = changes.resources.iter().collect();
    resources.sort_by_key(|change| !matches!(change.action, Action::Replace | Action::Delete));
    for change in resources.iter().take(NAMED) {
        let arguments = if change.arguments.is_empty() {
            String::new()
        } else {
            format!("  {}", change.arguments.join(", "))
        };
        let _ = writeln!(text, "    {} {}{arguments}", change.action.sign(), change.address);
    }
    if resources.len() > NAMED {
        let _ = writeln!(text, "    ... and {} more", resources.len() - NAMED);
    }
    text
}

/// `application.network` of `module.application.module.network.aws_vpc.this`.
fn module(change: &Change) -> String {
    let resource = change.address.find(&format!("{}.", change.kind)).unwrap_or_default();
    let module = change.address[..resource].trim_end_matches('.').replace("module.", "");
    if module.is_empty() { "the root module".to_owned() } else { module }
}

/// What a person reads in ten seconds.
pub fn summary(outcome: &Outcome) -> String {
    let mut text = String::new();
    let took = ui::duration(outcome.took());
    let Some(record) = &outcome.record else {
        let _ = writeln!(text, "nothing to do: {} runs {}", outcome.environment, short(&outcome.commit));
        return text;
    };
    let _ = writeln!(text, "{} runs {} ({took})", outcome.environment, short(&record.commit));
    let _ = writeln!(text, "  url       {}", outcome.url);
    let _ = writeln!(text, "  release   {}", record.id);
    if let Some(to) = &record.back_to {
        let _ = writeln!(text, "  back to   {to}");
    }
    if let Some(site) = &record.site_release {
        let _ = writeln!(text, "  site      {site}");
    }
    for (service, image) in &record.images {
        let _ = writeln!(text, "  {service:<9} {}", digest(image));
    }
    text
}

/// The same for the summary of a job on GitHub.
pub fn markdown(outcome: &Outcome) -> String {
    let Some(record) = &outcome.record else {
        return format!(
            "### {}: nothing to do\n\nIt runs `{}`.\n",
            outcome.environment,
            short(&outcome.commit)
        );
    };
    let mut text =
        format!("### {} runs `{}`\n\n| | |\n|---|---|\n", outcome.environment, short(&record.commit));
    let mut row = |name: &str, value: &str| text.push_str(&format!("| {name} | {value} |\n"));
    row("address", &outcome.url);
    row("release", &format!("`{}`", record.id));
    if let Some(to) = &record.back_to {
        row("back to", &format!("`{to}`"));
    }
    if let Some(site) = &record.site_release {
        row("site", &format!("`{site}`"));
    }
    for (service, image) in &record.images {
        row(service, &format!("`{}`", digest(image)));
    }
    row("took", &ui::duration(outcome.took()));
    text
}

/// A plan for the same place, with what a deploy would refuse of it.
pub fn markdown_plan(of: &DeployPlan, refusal: Option<&str>) -> String {
    let refusal = refusal.map_or_else(String::new, |why| format!("\n`deploy` would refuse this: {why}\n"));
    format!("### plan of {}\n\n```text\n{}\n```\n{refusal}", of.environment, plan(of).trim_end())
}

/// For the same place, the status of an environment, as a person reads it in the terminal.
pub fn markdown_status(environment: &str, text: &str) -> String {
    format!("### status of {environment}\n\n```text\n{}\n```\n", text.trim_end())
}

/// What an end has left, for the same place.
pub fn markdown_destroyed(destroyed: &Destroyed) -> String {
    let mut text = format!("### destroy of {}\n\nNothing of it runs.\n", destroyed.environment);
    if !destroyed.left.is_empty() || !destroyed.deleted_backups.is_empty() {
        text.push('\n');
    }
    for left in &destroyed.left {
        let _ = writeln!(text, "- stays: {}; to delete it for good: `{}`", left.what, left.remove);
    }
    for backup in &destroyed.deleted_backups {
        let _ = writeln!(text, "- deleted: {}", backup.what());
    }
    text
}

/// What went wrong, for the same place.
pub fn markdown_failure(task: &str, message: &str, hint: Option<&str>) -> String {
    let hint = hint.map_or_else(String::new, |hint| format!("\n{hint}\n"));
    format!("### {task} failed\n\n```text\n{message}\n```\n{hint}")
}

/// Seven digits of a commit.
pub fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

/// `sha256:1a2b3c4d5e6f` of a whole reference.
pub fn digest(image: &str) -> &str {
    let digest = image.rsplit_once('@').map_or(image, |(_, digest)| digest);
    digest.get(..19).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::super::ending::Backup;
    use super::super::{plan, record};
    use super::*;

    fn outcome() -> Outcome {
        let record = record::tests::record(0, "b");
        Outcome {
            task: "deploy".to_owned(),
            environment: "staging".to_owned(),
            url: "https://staging.example.com".to_owned(),
            commit: record.commit.clone(),
            record: Some(record),
            took_seconds: 127,
            gaps: Vec::new(),
        }
    }

    #[test]
    fn a_plan_names_what_is_replaced_first() {
        let mut list = vec![("z.aws_db_instance.this", &["delete", "create"][..])];
        let names: Vec<String> = (0..30).map(|index| format!("a.aws_x.n{index}")).collect();
        list.extend(names.iter().map(|name| (name.as_str(), &["create"][..])));
        let text = named(&Changes::of(&list));
        assert!(text.starts_with("    ± z.aws_db_instance.this\n"), "{text}");
        assert!(text.ends_with("    ... and 11 more\n"), "{text}");
        assert_eq!(counted(&Changes::of(&list)), "30 to create, 1 to replace");
    }

    #[test]
    fn a_first_plan_is_told_by_module() {
        let network: Vec<String> = (0..30)
            .map(|index| format!("module.application.module.network.aws_subnet.this[\"{index}\"]"))
            .collect();
        let names = network
            .iter()
            .map(String::as_str)
            .chain(["aws_iam_role.this", "module.dns.aws_route53_zone.this"]);
        let list: Vec<(&str, &[&str])> = names.map(|name| (name, &["create"][..])).collect();
        let expected = "    + application.network: 30\n    + dns: 1\n    + the root module: 1\n";
        assert_eq!(named(&Changes::of(&list)), expected);
        // A few are told by name.
        assert_eq!(
            named(&Changes::of(&list[30..])),
            "    + aws_iam_role.this\n    + module.dns.aws_route53_zone.this\n"
        );
    }

    #[test]
    fn a_plan_reads_in_the_order_of_its_steps() {
        let plan = plan::build(
            &plan::Wanted {
                environment: "staging".to_owned(),
                commit: "b".repeat(40),
                scope: plan::Scope::All,
                images: record::tests::record(0, "b").images,
            },
            &plan::Found { state_bucket: plan::Presence::Present, ..plan::Found::default() },
        );
        let expected = "deploy bbbbbbb to staging, first release\n\n  image: push guestbook sha256:b\n  \
            service: start guestbook sha256:b\n  site: build and publish, for the first time\n  \
            check: ask the site and the services as a visitor does\n  record: write down what runs\n";
        assert_eq!(super::plan(&plan), expected);
    }

    #[test]
    fn a_failure_says_what_failed_why_and_what_to_do() {
        let expected = "### deploy failed\n\n```text\ncannot plan: locked\n```\n\nwait\n";
        assert_eq!(markdown_failure("deploy", "cannot plan: locked", Some("wait")), expected);
        assert_eq!(markdown_failure("plan", "why", None), "### plan failed\n\n```text\nwhy\n```\n");
    }

    #[test]
    fn what_an_end_has_left_and_deleted_is_told_apart() {
        let [left, gone] = ["cache-1", "cache-2"].map(|name| Backup::CacheSnapshot(name.to_owned()));
        let mut destroyed = Destroyed {
            environment: "staging".to_owned(),
            is_destroyed: true,
            left: vec![left.left()],
            deleted_backups: vec![gone],
        };
        let nothing = "### destroy of staging\n\nNothing of it runs.\n";
        let expected = format!(
            "{nothing}\n- stays: the last snapshot of the cache, cache-1; to delete it for good: \
            `aws elasticache delete-snapshot --snapshot-name cache-1`\n- deleted: the last snapshot of the cache, cache-2\n"
        );
        assert_eq!(markdown_destroyed(&destroyed), expected);
        (destroyed.left, destroyed.deleted_backups) = (Vec::new(), Vec::new());
        assert_eq!(markdown_destroyed(&destroyed), nothing);
    }

    #[test]
    fn a_summary_says_what_runs() {
        let expected = "staging runs bbbbbbb (2 min 7 s)\n  url       https://staging.example.com\n  \
            release   20260921T141320Z-bbbbbbb\n  site      site-b\n  guestbook sha256:b\n";
        assert_eq!(summary(&outcome()), expected);
        let nothing = Outcome { record: None, ..outcome() };
        assert_eq!(summary(&nothing), "nothing to do: staging runs bbbbbbb\n");
        assert!(markdown(&outcome()).contains("| guestbook | `sha256:b` |\n"));
    }
}
