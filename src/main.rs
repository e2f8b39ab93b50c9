//! The program: parse, run, exit code.

use clap::Parser as _;
use sitepush::cli::Cli;
use sitepush::commands;
use sitepush::error::Error;
use sitepush::exit_code::ExitCode;
use sitepush::ui::terminal;

fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let is_json = cli.command.prints_json();
    let runtime = tokio::runtime::Runtime::new().expect("the system starts threads");
    let code = runtime.block_on(async {
        match commands::run(cli.command).await {
            Ok(code) => code,
            Err(error) => {
                terminal::note(&error.render());
                if is_json {
                    terminal::json(&error.document());
                }
                error.exit_code()
            }
        }
    });
    // What still runs (a renewal of a lock that was given back, say) has nothing left to say.
    runtime.shutdown_background();
    code.into()
}

/// Help and version are data, on stdout; mistakes go to stderr.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::Done;
    }
    // The arguments could not be read, so this one is looked for by itself.
    if std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        terminal::json(&Error::usage(message).document());
    }
    ExitCode::Usage
}
