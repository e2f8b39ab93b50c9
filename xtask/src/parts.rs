//! The parts of the test suite: a table, and one function for each row.
//!
//! A part shows its own output, fails with an error, and returns the tool it lacks instead of passing without it.

use anyhow::Result;

use crate::project::Project;
use crate::tools::{self, Missing};
use crate::{
    browser, cluster, demo, deploy, dev, emulators, frontend, images, infra, services, tidy, workflows,
};

/// What a part is run with.
pub struct Run {
    pub project: Project,
    /// Whether to take the time for more cases and for tests that are off by default.
    pub thorough: bool,
}

/// One row of the table.
pub struct Part {
    pub name: &'static str,
    pub about: &'static str,
    pub run: fn(&Run) -> Result<Option<Missing>>,
}

/// The parts in the order in which they run: what fails fastest comes first.
pub const PARTS: &[Part] = &[
    Part { name: "format", about: "the layout of the Rust code", run: format },
    Part { name: "tidy", about: "who imports whom, and the shape of the files", run: tidy },
    Part { name: "clippy", about: "Rust lints, as errors", run: clippy },
    Part { name: "rust", about: "Rust tests and the examples in its docs", run: rust },
    Part {
        name: "frontend",
        about: "types, tests and a repeatable build of the web application",
        run: frontend,
    },
    Part { name: "workflows", about: "the workflows of GitHub Actions, by a linter", run: workflows },
    Part { name: "infra", about: "the Terraform modules: layout, validity, promises, checkov", run: infra },
    Part {
        name: "emulators",
        about: "the promises against implementations of S3 and CloudFront that nobody here wrote",
        run: emulators,
    },
    Part {
        name: "services",
        about: "the container services against real PostgreSQL and real Redis",
        run: services,
    },
    Part {
        name: "images",
        about: "the images of the services in a real registry, pulled and run",
        run: images,
    },
    Part {
        name: "cluster",
        about: "the local stand-in for ECS, asked by Terraform's own provider",
        run: cluster,
    },
    Part {
        name: "dev",
        about: "the whole application on this machine, hurt and replaced while it runs",
        run: dev,
    },
    Part {
        name: "system",
        about: "the whole application deployed to what stands in for AWS, killed, replaced, taken back and away",
        run: system,
    },
    Part { name: "demo", about: "`cargo xtask demo`, to its end", run: demo },
    Part { name: "browser", about: "the published application in a headless Chromium", run: browser },
];

fn format(run: &Run) -> Result<Option<Missing>> {
    tools::run(run.project.command("cargo").args(["fmt", "--all", "--", "--check"]))?;
    Ok(None)
}

fn tidy(run: &Run) -> Result<Option<Missing>> {
    tidy::check(&run.project)?;
    Ok(None)
}

fn clippy(run: &Run) -> Result<Option<Missing>> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    tools::run(run.project.command("cargo").args(arguments))?;
    Ok(None)
}

fn rust(run: &Run) -> Result<Option<Missing>> {
    let has_nextest = tools::find("cargo-nextest").is_some();
    let mut tests = run.project.command("cargo");
    match (has_nextest, run.thorough) {
        (true, false) => tests.args(["nextest", "run", "--workspace"]),
        (true, true) => {
            tests.args(["nextest", "run", "--profile", "thorough", "--workspace", "--run-ignored", "all"])
        }
        (false, false) => tests.args(["test", "--workspace", "--all-targets"]),
        (false, true) => tests.args(["test", "--workspace", "--all-targets", "--", "--include-ignored"]),
    };
    if run.thorough {
        tests.env("PROPTEST_CASES", "4096").env("SITEPUSH_THOROUGH", "1");
    }
    tools::run(&mut tests)?;
    tools::run(run.project.command("cargo").args(["test", "--doc", "--workspace"]))?;
    Ok(None)
}

fn frontend(run: &Run) -> Result<Option<Missing>> {
    if let Err(missing) = tools::need_node() {
        return Ok(Some(missing));
    }
    frontend::install(&run.project)?;
    frontend::npm_run(&run.project, "check")?;
    frontend::npm_run(&run.project, "test")?;
    frontend::build_is_repeatable(&run.project)?;
    Ok(None)
}

fn workflows(run: &Run) -> Result<Option<Missing>> {
    if let Err(missing) = tools::need_node() {
        return Ok(Some(missing));
    }
    workflows::lint(&run.project)?;
    Ok(None)
}

fn infra(run: &Run) -> Result<Option<Missing>> {
    if let Err(missing) = tools::need_terraform().and_then(|()| tools::need_python()) {
        return Ok(Some(missing));
    }
    infra::test(&run.project)
}

fn emulators(run: &Run) -> Result<Option<Missing>> {
    if let Err(missing) = tools::need_python() {
        return Ok(Some(missing));
    }
    emulators::test(&run.project, run.thorough)
}

fn services(run: &Run) -> Result<Option<Missing>> {
    services::test(&run.project)
}

fn images(run: &Run) -> Result<Option<Missing>> {
    images::test(&run.project)
}

fn cluster(run: &Run) -> Result<Option<Missing>> {
    if let Err(missing) = tools::need_terraform() {
        return Ok(Some(missing));
    }
    cluster::test(&run.project)
}

fn dev(run: &Run) -> Result<Option<Missing>> {
    dev::test(&run.project)
}

fn system(run: &Run) -> Result<Option<Missing>> {
    deploy::test(&run.project, run.thorough)
}

fn demo(run: &Run) -> Result<Option<Missing>> {
    if let Err(missing) = tools::need_node() {
        return Ok(Some(missing));
    }
    demo::once(&run.project)?;
    Ok(None)
}

fn browser(run: &Run) -> Result<Option<Missing>> {
    if let Err(missing) = tools::need_node() {
        return Ok(Some(missing));
    }
    let chromium = match tools::need_chromium() {
        Ok(chromium) => chromium,
        Err(missing) => return Ok(Some(missing)),
    };
    frontend::install_if_needed(&run.project)?;
    frontend::build(&run.project, "dev")?;
    browser::look(&run.project, &chromium)?;
    Ok(None)
}
