//! The program: parse, run, exit code.

use clap::Parser as _;
use sitepush::cli::Cli;
use sitepush::commands;
use sitepush::exit_code::ExitCode;
use sitepush::ui::terminal;

fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("the system starts threads");
    let code = runtime.block_on(async {
        match commands::run(cli.command).await {
            Ok(code) => code,
            Err(error) => {
                terminal::note(&error.render());
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
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done }
}
