//! What a run that was killed has left running: its Terraform goes on to the end of its apply and writes down what it made, its
//! `sitepush` finishes its push. Whoever takes over the lock waits for them first. They are known by a variable of their
//! environment, which names what they work on.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::process;
use super::ui::Ui;

/// The variable that all programs are given which change something.
pub const MARK: &str = "SITEPUSH_DEPLOYMENT";

const POLL: Duration = Duration::from_millis(500);

/// Waits until no program works on `deployment` any more. The lock has to be held, so that no other begins.
///
/// # Errors
/// When the person stops.
pub async fn wait(deployment: &str, stop: &CancellationToken, ui: Ui) -> Result<()> {
    let mut is_told = false;
    while let Some((name, id)) = running(deployment) {
        process::unless_stopped(stop)?;
        if !is_told {
            ui.step(&format!("waiting for `{name}` of the dead run to end (process {id})"));
            is_told = true;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Name and id of a process that works on `deployment`. None on systems without `/proc`.
fn running(deployment: &str) -> Option<(String, u32)> {
    let mark = format!("{MARK}={deployment}");
    let has_mark = |id: &u32| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(has_mark).find_map(|id| {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?.trim().to_owned();
        // A provider outlives a Terraform that was killed, and does nothing more.
        (!name.starts_with("terraform-")).then_some((name, id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_left_running_is_found_by_what_it_works_on_and_waited_for() {
        let deployment = format!("bucket/of-{}", std::process::id());
        let mut command = std::process::Command::new("sleep");
        let mut child = command.arg("60").env(MARK, &deployment).spawn().expect("it runs");
        // Until the child has become `sleep` it is a copy of this process.
        let found = loop {
            if let Some(found) = running(&deployment) {
                break found;
            }
        };
        assert_eq!(found.1, child.id());
        assert_eq!(running("bucket/of-others"), None);

        let stop = CancellationToken::new();
        stop.cancel();
        let stopped = wait(&deployment, &stop, Ui::default()).await.expect_err("the person stops");
        assert_eq!(stopped.to_string(), "stopped");

        child.kill().expect("it runs");
        child.wait().expect("it ends");
        wait(&deployment, &CancellationToken::new(), Ui::default()).await.expect("nothing is left");
    }
}
