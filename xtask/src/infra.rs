//! The Terraform under `infra/`: laid out as `terraform fmt` does it, valid, keeping its promises against mocks, and
//! clean for checkov.
//!
//! Terraform writes beside what it reads, so it works on a copy under the target folder and never in the tree. Nothing
//! here talks to AWS.

use std::env;
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::guide::Guide;
use crate::project::Project;
use crate::tools::{self, Missing};

/// What is copied: the modules, the one file outside of them that they deploy, and what the services say of themselves.
const SOURCES: &[&str] = &["infra/", "src/edge_function.js"];
const DESCRIPTION: &str = "/service.json";

/// A folder with this file is a root or a child module.
const MODULE: &str = "/terraform.tf";

/// What every module has beside its resources (the mocks' tests too: `terraform test` passes where there are none).
const NEEDED: &[&str] = &["main.tf", "variables.tf", "outputs.tf", "README.md", "tests/unit.tftest.hcl"];

/// The module that makes something of each service, and its test that names none; and a host in the zone of that test.
const APPLICATION: &str = "infra/modules/application";
const ANY_SERVICES: &str = "tests/any_services.tftest.hcl";
const HOST: &str = "guide.test.example.com";

/// What checkov is installed from, with all that it needs, at which versions.
const REQUIREMENTS: &str = "infra/requirements.txt";

/// Names a folder with the provider, laid out as Terraform mirrors are, for machines that reach no registry.
const PLUGIN_DIR: &str = "SITEPUSH_TF_PLUGIN_DIR";

/// Checks all of `infra/`; returns what is missing, when nothing can be downloaded.
///
/// # Errors
/// When a module is not as it should be, or a test or a check of one fails.
pub fn test(project: &Project) -> Result<Option<Missing>> {
    let files = project.files()?;
    let modules = modules(&files);
    tools::run(project.command("terraform").args(["fmt", "-check", "-diff", "-recursive", "infra"]))?;
    complete(project, &files, &modules)?;

    let copy = copy(project, &files)?;
    for module in &modules {
        println!("\n--- {module}");
        let terraform = Terraform::new(project, copy.join(module))?;
        if let Some(missing) = terraform.init()? {
            return Ok(Some(missing));
        }
        terraform.validate()?;
        terraform.test(&[])?;
    }
    guide(project, &copy, &modules)?;
    checkov(project)
}

/// Follows the guide that adds a service as far as it concerns Terraform: the modules that read what services say of themselves
/// still keep their promises, also when this service has a name of its own, and when it is the only one.
fn guide(project: &Project, copy: &Path, modules: &[String]) -> Result<()> {
    let guide = Guide::read(project)?;
    let name = format!("{}{DESCRIPTION}", guide.folder);
    let (_, description) = guide
        .files
        .iter()
        .find(|(path, _)| *path == name)
        .with_context(|| format!("the guide has no {name}"))?;
    let file = copy.join(&name);
    fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
    fs::write(&file, description).with_context(|| format!("cannot write {}", file.display()))?;
    let reads_services =
        |module: &&String| module.ends_with("/application") || module.contains("/environments/");
    for module in modules.iter().filter(reads_services) {
        println!("\n--- {module}, with the service of the guide");
        Terraform::new(project, copy.join(module))?.test(&[])?;
    }
    let any_services =
        || Terraform::new(project, copy.join(APPLICATION))?.test(&[&format!("-filter={ANY_SERVICES}")]);
    fs::write(&file, with_host(description)?)?;
    println!("\n--- {APPLICATION}, with the service of the guide under a name of its own");
    any_services()?;
    fs::write(&file, description)?;
    only(copy, &guide.folder)?;
    println!("\n--- {APPLICATION}, with the service of the guide alone");
    any_services()
}

/// What a service says of itself, with a host beside its paths: none of this repository's has any.
fn with_host(description: &str) -> Result<String> {
    let mut description: serde_json::Value = serde_json::from_str(description)?;
    let members = description.as_object_mut().context("a description is an object")?;
    members.insert("hosts".to_owned(), serde_json::json!([HOST]));
    Ok(description.to_string())
}

/// Takes all services but one out of the copy: who starts from this project brings others.
fn only(copy: &Path, folder: &str) -> Result<()> {
    let kept = copy.join(folder);
    let services = kept.parent().context("a service lies in a folder")?;
    for service in fs::read_dir(services).with_context(|| format!("cannot read {}", services.display()))? {
        let service = service?.path();
        if service != kept {
            fs::remove_dir_all(&service).with_context(|| format!("cannot remove {}", service.display()))?;
        }
    }
    Ok(())
}

/// Whether Terraform's provider for AWS is to be had; what is missing, when it is not.
///
/// # Errors
/// When Terraform refuses for another reason.
pub fn need_provider(project: &Project) -> Result<Option<Missing>> {
    let files = project.files()?;
    Terraform::new(project, copy(project, &files)?.join("infra/modules/services"))?.init()
}

/// The folders of the modules, environments last: they are made of the others.
fn modules(files: &[String]) -> Vec<String> {
    let folders = files.iter().filter_map(|file| file.strip_suffix(MODULE));
    let mut modules: Vec<String> =
        folders.filter(|folder| folder.starts_with("infra/")).map(str::to_owned).collect();
    modules.sort_by_key(|module| (module.contains("/environments/"), module.clone()));
    modules
}

/// Requires of each module the files that a reader looks for, and of each variable as many tests of refusals as it has validations;
/// of each provider that it tags what it makes; of each environment that its state is locked; and of each page that its links lead somewhere.
fn complete(project: &Project, files: &[String], modules: &[String]) -> Result<()> {
    let mut wrong = Vec::new();
    for module in modules {
        let has = |name: &&&str| files.contains(&format!("{module}/{name}"));
        wrong.extend(NEEDED.iter().filter(|name| !has(name)).map(|name| format!("{module} has no {name}")));
        let read =
            |name: &str| fs::read_to_string(project.path(&format!("{module}/{name}"))).unwrap_or_default();
        let tests = read("tests/unit.tftest.hcl");
        let variables = read("variables.tf");
        for (name, validation_count) in validated(&variables) {
            let refusal_count = refusal_count(&tests, name);
            if refusal_count < validation_count {
                wrong.push(format!(
                    "{module}: `{name}` has {validation_count} validations, and {refusal_count} tests expect it to be refused"
                ));
            }
        }
        let terraform = read("terraform.tf");
        let untagged =
            providers(&terraform).filter(|provider| !provider.contains("tags = local.tags")).count();
        if untagged > 0 {
            wrong.push(format!("{module}: {untagged} of its providers do not tag what they make"));
        }
        if module.contains("/environments/") && !locks_state(&terraform) {
            wrong.push(format!("{module}: nothing keeps two runs of Terraform from its state at once"));
        }
    }
    for page in files.iter().filter(|file| file.starts_with("infra/") && file.ends_with(".md")) {
        let folder = project.path(page).parent().context("a file lies in a folder")?.to_owned();
        let text = fs::read_to_string(project.path(page))?;
        let broken = links(&text).filter(|link| !folder.join(link).exists());
        wrong.extend(broken.map(|link| format!("{page} leads to `{link}`, which is not there")));
    }
    if modules.is_empty() || !wrong.is_empty() {
        bail!("{} modules in `infra`: {}", modules.len(), wrong.join("; "));
    }
    Ok(())
}

/// The files that a page refers to, relative to it.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

/// What the file configures each of its AWS providers with: environments do, for the modules that they are made of. That a
/// provider tags everything, mocks do not show.
fn providers(terraform: &str) -> impl Iterator<Item = &str> {
    terraform.split("\nprovider \"aws\" {").skip(1).filter_map(|rest| rest.split("\n}").next())
}

/// Whether the file has Terraform lock its state, in the bucket itself. Mocks have no state.
fn locks_state(terraform: &str) -> bool {
    let backend = terraform.split("\n  backend \"s3\" {").nth(1).and_then(|rest| rest.split("\n  }").next());
    backend.is_some_and(|backend| {
        backend.lines().any(|line| line.split_whitespace().eq(["use_lockfile", "=", "true"]))
    })
}

/// The variables that have validations, and how many each.
fn validated(variables: &str) -> Vec<(&str, usize)> {
    let mut names: Vec<(&str, usize)> = Vec::new();
    let mut current = "";
    for line in variables.lines() {
        if let Some(rest) = line.strip_prefix("variable \"") {
            current = rest.split('"').next().unwrap_or_default();
        } else if line.trim() == "validation {" {
            match names.last_mut() {
                Some((name, count)) if *name == current => *count += 1,
                _ => names.push((current, 1)),
            }
        }
    }
    names
}

/// How many tests expect a value of the variable to be refused.
fn refusal_count(tests: &str, name: &str) -> usize {
    let lists = tests.lines().filter_map(|line| line.trim().strip_prefix("expect_failures"));
    let names_it = |list: &&str| {
        list.split(|c: char| !(c.is_alphanumeric() || "._".contains(c)))
            .any(|word| word == format!("var.{name}"))
    };
    lists.filter(names_it).count()
}

/// A fresh copy of what Terraform reads; the folder that stands for the root.
fn copy(project: &Project, files: &[String]) -> Result<PathBuf> {
    let copy = project.scratch("infra").join("copy");
    if copy.exists() {
        fs::remove_dir_all(&copy).with_context(|| format!("cannot clear {}", copy.display()))?;
    }
    let is_read = |file: &&String| {
        SOURCES.iter().any(|source| file.starts_with(source))
            || (file.starts_with("services/") && file.ends_with(DESCRIPTION))
    };
    for file in files.iter().filter(is_read) {
        let to = copy.join(file);
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        fs::copy(project.path(file), &to).with_context(|| format!("cannot copy `{file}`"))?;
    }
    Ok(copy)
}

/// Terraform in one folder of the copy.
struct Terraform {
    folder: PathBuf,
    /// Keeps downloaded providers from one module to the next: the one for AWS is 600 MB.
    cache: PathBuf,
    plugins: Option<PathBuf>,
}

impl Terraform {
    fn new(project: &Project, folder: PathBuf) -> Result<Self> {
        let cache = project.scratch("infra").join("providers");
        fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        let plugins = env::var_os(PLUGIN_DIR).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        Ok(Self { folder, cache, plugins })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("terraform");
        command.current_dir(&self.folder).envs([
            ("CHECKPOINT_DISABLE", "1"),
            ("TF_IN_AUTOMATION", "1"),
            ("TF_INPUT", "0"),
            // The copy has no lock file to break: the provider's version is pinned in each module.
            ("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "1"),
        ]);
        command.env("TF_PLUGIN_CACHE_DIR", &self.cache);
        command
    }

    fn init(&self) -> Result<Option<Missing>> {
        const UNREACHABLE: Missing = Missing {
            tool: "Terraform's provider for AWS",
            how: "nothing could be downloaded: connect to Terraform's registry, or name a folder that holds the provider in SITEPUSH_TF_PLUGIN_DIR",
        };
        let mut init = self.command();
        init.args(["init", "-backend=false", "-no-color"]);
        if let Some(plugins) = &self.plugins {
            init.arg(format!("-plugin-dir={}", plugins.display()));
        }
        let output = init.stdin(Stdio::null()).output().context("cannot run `terraform init`")?;
        if output.status.success() {
            return Ok(None);
        }
        let complaints = String::from_utf8_lossy(&output.stderr);
        eprint!("{complaints}");
        if has_no_provider(&complaints) {
            return Ok(Some(UNREACHABLE));
        }
        bail!("`{}` ended with {}", tools::describe(&init), output.status);
    }

    fn test(&self, arguments: &[&str]) -> Result<()> {
        tools::run(self.command().arg("test").args(color()).args(arguments))
    }

    /// Terraform validates only what has its providers; a module that is passed one is lent it for as long.
    fn validate(&self) -> Result<()> {
        let declared = fs::read_to_string(self.folder.join("terraform.tf"))?;
        let lent = self.folder.join("lent_providers.tf");
        let blocks =
            aliases(&declared).map(|alias| format!("provider \"aws\" {{\n  alias = \"{alias}\"\n}}\n"));
        fs::write(&lent, blocks.collect::<String>())?;
        tools::run(self.command().arg("validate").args(color()))?;
        fs::remove_file(&lent)?;
        Ok(())
    }
}

/// Terraform colors its output in pipes too unless told not to.
fn color() -> Option<&'static str> {
    (!std::io::stdout().is_terminal()).then_some("-no-color")
}

/// Whether Terraform gave up because no registry answered, or the named folder has no such provider.
fn has_no_provider(complaints: &str) -> bool {
    complaints.contains("Failed to query available provider packages")
        && ["could not connect to", "was not found in any of the search locations", "provider registry"]
            .iter()
            .any(|reason| complaints.contains(reason))
}

/// The names of the AWS providers that a module has to be passed.
fn aliases(terraform: &str) -> impl Iterator<Item = &str> {
    let lists = terraform.lines().filter_map(|line| line.trim().strip_prefix("configuration_aliases"));
    let words = lists.flat_map(|list| list.split(|c: char| !(c.is_alphanumeric() || "._".contains(c))));
    words.filter_map(|word| word.strip_prefix("aws."))
}

/// Looks for what is known to be unsafe; what is meant to be so says why beside the resource.
fn checkov(project: &Project) -> Result<Option<Missing>> {
    println!("\n--- checkov");
    let requirements = project.path(REQUIREMENTS);
    let versions =
        fs::read_to_string(&requirements).with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let wanted = ["--requirement", requirements.to_str().context("the path is not UTF-8")?];
    let programs = match tools::python_environment(&project.scratch("checkov"), &wanted, &versions)? {
        Ok(programs) => programs,
        Err(missing) => return Ok(Some(missing)),
    };
    tools::run(&mut checkov_command(project, &programs))?;
    Ok(None)
}

fn checkov_command(project: &Project, programs: &Path) -> Command {
    let mut command = project.command(&programs.join("checkov").to_string_lossy());
    command.args(["--directory", "infra", "--framework", "terraform", "--compact", "--quiet"]);
    command.args(["--skip-download", "--skip-resources-without-violations"]);
    command
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::Engine as _;

    use super::*;

    #[test]
    fn environments_come_after_the_modules_that_they_are_made_of() {
        let files = ["infra/environments/a", "infra/modules/b", "infra/modules/b/c", "elsewhere"];
        let files = files.map(|folder| format!("{folder}/terraform.tf"));
        assert_eq!(modules(&files), ["infra/modules/b", "infra/modules/b/c", "infra/environments/a"]);
    }

    #[test]
    fn each_validation_of_a_variable_needs_a_test_that_expects_its_refusal() {
        let variables =
            "variable \"free\" {\n}\n\nvariable \"size\" {\n  validation {\n  }\n\n  validation {\n  }\n}\n";
        assert_eq!(validated(variables), [("size", 2)]);
        let refused = "  expect_failures = [var.size]\n";
        assert_eq!(refusal_count(refused, "size"), 1);
        assert_eq!(refusal_count(&format!("{refused}  expect_failures = [var.a, var.size]\n"), "size"), 2);
        assert_eq!(refusal_count("  expect_failures = [var.size_gb]\n", "size"), 0);
        assert_eq!(refusal_count("  # var.size\n", "size"), 0);
    }

    #[test]
    fn each_provider_that_is_configured_is_looked_at() {
        let text = "terraform {\n}\n\nprovider \"aws\" {\n  default_tags {\n    tags = local.tags\n  }\n}\n\n# tags = local.tags\nprovider \"aws\" {\n  alias = \"b\"\n}\n";
        let tagged: Vec<bool> =
            providers(text).map(|provider| provider.contains("tags = local.tags")).collect();
        assert_eq!(tagged, [true, false]);
        assert_eq!(providers("terraform {\n  required_providers {\n    aws = {}\n  }\n}\n").count(), 0);
    }

    #[test]
    fn a_state_is_locked_by_its_backend_and_by_nothing_else() {
        let backend =
            |line: &str| format!("terraform {{\n  backend \"s3\" {{\n    encrypt = true\n{line}  }}\n}}\n");
        assert!(locks_state(&backend("    use_lockfile = true\n")));
        assert!(locks_state(&backend("    use_lockfile   = true\n")));
        for line in ["", "    use_lockfile = false\n", "    # use_lockfile = true\n"] {
            assert!(!locks_state(&backend(line)), "{line:?}");
        }
        assert!(!locks_state(&format!("{}\nuse_lockfile = true\n", backend(""))));
    }

    #[test]
    fn links_to_files_are_told_from_addresses_and_headings() {
        let page = "[a](b.md#part), [c](https://example.com/d) and [e](#f), [g](../h/)";
        assert_eq!(links(page).collect::<Vec<_>>(), ["b.md", "../h/"]);
    }

    #[test]
    fn a_registry_that_does_not_answer_is_told_from_a_version_that_it_does_not_have() {
        let failed = "Error: Failed to query available provider packages\n\n";
        assert!(has_no_provider(&format!("{failed}could not connect to the registry: timeout")));
        assert!(!has_no_provider(&format!(
            "{failed}no available releases match the given constraints ~> 55.1"
        )));
        assert!(!has_no_provider("Error: Unsupported block type"));
    }

    #[test]
    fn the_providers_that_a_module_is_passed_are_read_from_its_declaration() {
        let declared = "    aws = {\n      configuration_aliases = [aws.us_east_1, aws.other]\n    }\n";
        assert_eq!(aliases(declared).collect::<Vec<_>>(), ["us_east_1", "other"]);
        assert_eq!(aliases("    aws = {}\n").count(), 0);
    }

    /// Terraform tells a service where the authorities of its database are; nothing but its image can bring them.
    #[test]
    fn the_image_of_a_service_brings_the_authorities_that_it_is_to_trust() {
        let project = Project::find().expect("cargo runs the tests");
        let settings =
            fs::read_to_string(project.path(&format!("{APPLICATION}/services.tf"))).expect("it is there");
        let told = settings.lines().find_map(|line| line.trim().strip_prefix("DATABASE_CA_FILE = \"/"));
        let authorities = told.and_then(|told| told.strip_suffix('"')).expect("it says where");
        let mut trusting = 0;
        for file in project.files().expect("git lists them").iter().filter(|file| file.ends_with(DESCRIPTION))
        {
            let text = fs::read_to_string(project.path(file)).expect("it is there");
            let description: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
            let uses_database = |stores: &Vec<_>| stores.iter().any(|store| store == "database");
            if !description["stores"].as_array().is_some_and(uses_database) {
                continue;
            }
            trusting += 1;
            let image = file.strip_suffix(DESCRIPTION).expect("it ends so");
            let brought = project.path(&format!("{image}/image/{authorities}"));
            assert!(brought.is_file(), "{image} has no {}", brought.display());
        }
        assert!(trusting > 0, "no service uses the database");
    }

    /// Elsewhere the guestbook would refuse its database for ever, and be taken for healthy.
    #[test]
    fn environments_take_the_regions_whose_authorities_the_guestbook_brings_and_no_others() {
        let project = Project::find().expect("cargo runs the tests");
        let read = |file: &str| fs::read_to_string(project.path(file)).expect("it is there");
        let bundle = read("services/guestbook/image/etc/ssl/certs/rds.pem");
        let brought: BTreeSet<String> =
            bundle.split("-----BEGIN CERTIFICATE-----").skip(1).map(region).collect();
        assert!(brought.contains("eu-central-1"), "{brought:?}");

        let modules = modules(&project.files().expect("git lists them"));
        let mut environments = modules.iter().filter(|module| module.contains("/environments/")).peekable();
        assert!(environments.peek().is_some(), "there is no environment");
        for environment in environments {
            let variables = read(&format!("{environment}/variables.tf"));
            let (before, _) = variables.split_once("], var.region)").expect("the region is one of a list");
            let (_, list) = before.rsplit_once("contains([").expect("the list begins");
            let taken: BTreeSet<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
            assert_eq!(taken, brought, "{environment}");
        }
    }

    /// The region that one of RDS's authorities, in PEM, is of: `Amazon RDS eu-central-1 Root CA RSA2048 G1` is its name.
    fn region(pem: &str) -> String {
        let body: String = pem.split("-----END").next().unwrap_or_default().split_whitespace().collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(body).expect("PEM is base64");
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        let name = decoded.split_once("Amazon RDS ").and_then(|(_, rest)| rest.split_once(" Root CA"));
        name.expect("the authority is of a region").0.to_owned()
    }
}
