//! What `sitepush domain` makes of its arguments and of sitepush.toml, before anybody is asked.

mod support;

use support::{Answer, Site, program};

const USAGE: i32 = 64;

/// Runs `domain ...` in a folder with this sitepush.toml; no service is anywhere near.
fn run(config: &str, arguments: &[&str]) -> Answer {
    let site = Site::new();
    site.write("sitepush.toml", config);
    let mut command = program();
    command
        .current_dir(site.path())
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ACCESS_KEY_ID", "local-access-key")
        .env("AWS_SECRET_ACCESS_KEY", "local-secret-access-key")
        .arg("domain")
        .args(arguments);
    Answer::from_output(&command.output().expect("the program starts"))
}

const ONE: &str = "[targets.production]\nbucket = \"example-site\"\ndistributions = [\"E1EXAMPLE\"]\n";

#[test]
fn without_names_or_without_one_distribution_it_is_said_what_to_give() {
    run(ONE, &["plan"]).explains(USAGE, &["no name is named", "`--domain`", "`domains`"]);
    run("", &["plan", "--domain", "example.com"]).explains(USAGE, &["no distribution", "`--distribution`"]);
    let two = ONE.replace("[\"E1EXAMPLE\"]", "[\"E1EXAMPLE\", \"E2EXAMPLE\"]");
    run(&two, &["apply", "--domain", "example.com"]).explains(USAGE, &["E1EXAMPLE, E2EXAMPLE"]);
    let answer = run(ONE, &["remove", "--yes"]).expect_code(USAGE);
    assert!(answer.stderr.contains("<NAME>"), "{}", answer.stderr);
}

#[test]
fn what_is_no_name_is_refused_wherever_it_stands() {
    for (text, words) in [
        ("https://example.com", "more than a name"),
        ("example.com/about", "more than a name"),
        ("localhost", "no dot"),
        ("192.0.2.1", "an address"),
        ("www.*.example.com", "not its whole first part"),
        ("my_site.example.com", "characters"),
    ] {
        for verb in ["plan", "apply", "status"] {
            run(ONE, &[verb, "--domain", text]).explains(USAGE, &[text, words]);
        }
        run(ONE, &["remove", "--yes", text]).explains(USAGE, &[text, words]);
        run(ONE, &["remove", "--yes", "--domain", text]).explains(USAGE, &[text, words]);
        run(&format!("{ONE}domains = [\"{text}\"]\n"), &["plan"]).explains(USAGE, &[text, words]);
    }
}

#[test]
fn several_names_in_one_and_a_resolver_without_a_port_are_understood_or_explained() {
    run(ONE, &["plan", "--domain", "a.example.com,b.example.com"])
        .explains(USAGE, &["each name is said by itself", "--domain example.com --domain www.example.com"]);
    let plan = |resolver: &str| run(ONE, &["plan", "--domain", "example.com", "--resolver", resolver]);
    for resolver in ["127.0.0.1", "127.0.0.1:53", "::1"] {
        // Far enough to look for somebody to ask: nobody answers there.
        plan(resolver).explains(5, &["127.0.0.1:1"]);
    }
    let refused = plan("resolver.example").expect_code(USAGE);
    assert!(refused.stderr.contains("`1.1.1.1:53`"), "{}", refused.stderr);
}

#[test]
fn flags_alone_are_enough_beside_a_configuration_with_several_targets() {
    let several =
        format!("{ONE}[targets.staging]\nbucket = \"example-staging\"\ndistributions = [\"E2EXAMPLE\"]\n");
    run(&several, &["plan", "--domain", "example.com"]).explains(USAGE, &["several targets"]);
    // Far enough to look for somebody to ask: nobody answers there.
    let flags = ["plan", "--domain", "example.com", "--distribution", "E3EXAMPLE"];
    run(&several, &flags).explains(5, &["127.0.0.1:1"]);
    let of_target = format!("{ONE}domains = [\"example.com\"]\n");
    run(&of_target, &["plan"]).explains(5, &["127.0.0.1:1"]);
}

#[test]
fn a_file_that_is_no_saved_plan_of_names_is_refused() {
    for (text, words) in [
        ("", "EOF"),
        ("{}", "missing field"),
        ("{\"schema\": 1, \"plan\": {}}", "missing field"),
        ("{\"domain_schema\": 99}", "another version"),
    ] {
        let site = Site::new();
        site.write("plan.json", text);
        let file = site.path().join("plan.json");
        run(ONE, &["apply", "--plan", file.to_str().expect("a plain path")])
            .explains(USAGE, &["plan.json", words]);
    }
    run(ONE, &["apply", "--plan", "plan.json", "--take-over"]).expect_code(USAGE);
}

#[test]
fn the_china_regions_are_refused_before_anybody_is_asked() {
    for verb in ["plan", "apply", "status"] {
        run(ONE, &[verb, "--domain", "example.com", "--region", "cn-north-1"])
            .explains(USAGE, &["China regions (`cn-north-1`)", "IAM"]);
    }
    run(ONE, &["remove", "--domain", "example.com", "--yes", "--region", "cn-northwest-1"])
        .explains(USAGE, &["cn-northwest-1"]);
}
