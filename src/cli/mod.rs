//! The command line: one file per command, and what they share.
//!
//! Results go to standard output, everything else to standard error. A command returns how the process ends or why it
//! could not do its work; that is printed here, once. Commands that only look (`check`, `test`, `explain`, `schema`) need no
//! running instance, those that ask one speak to its API like any other client.

mod against;
mod api;
mod check;
mod completions;
mod dead_letters;
mod demo;
mod events;
mod exit;
mod explain;
mod files;
mod follow;
mod healthcheck;
mod http;
mod init;
mod man;
mod output;
mod reload;
mod replay;
mod run;
mod schema;
mod send;
mod sink;
mod status;
mod targets;
mod test;

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::log_panics;
use crate::telemetry::log::{self, Format};

use exit::{Exit, Failure};

/// Routes the webhooks of Retell AI voice agents by rules: stored first, delivered with retries, explained
#[derive(Debug, Parser)]
#[command(name = "hookswitch", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Try `hookswitch demo`: it needs nothing. Exit codes: 0 done, 1 findings, 2 usage, 69 cannot \
                        reach, 70 internal error, 73 or 74 data folder, 78 configuration refused."
)]
struct Arguments {
    /// What to log on standard error: error, warn, info, debug, trace, or a filter like `info,hyper=debug`
    #[arg(
        long,
        global = true,
        display_order = 1000,
        env = "HOOKSWITCH_LOG",
        value_name = "LEVEL",
        hide_env_values = true
    )]
    log_level: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Test(test::Test),
    Explain(explain::Explain),
    Send(send::Send),
    Sink(sink::Sink),
    Status(status::Status),
    Events(events::Events),
    Replay(replay::Replay),
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLetters),
    #[command(subcommand)]
    Targets(targets::Targets),
    Reload(reload::Reload),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
    Healthcheck(healthcheck::Healthcheck),
}

/// Runs the command line and returns the process's exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    log_panics();
    let result = catch_unwind(AssertUnwindSafe(|| {
        set_log_up(&arguments);
        arguments.command.execute()
    }))
    .unwrap_or(Err(Failure::Silent(Exit::Internal)));
    let exit = match result {
        Ok(exit) => exit,
        Err(failure) => {
            complain(&failure);
            failure.exit()
        }
    };
    exit.into()
}

impl Command {
    fn execute(self) -> Result<Exit, Failure> {
        match self {
            Self::Run(command) => command.execute(),
            Self::Demo(command) => block_on(command.execute()),
            Self::Init(command) => command.execute(),
            Self::Check(command) => command.execute(),
            Self::Test(command) => command.execute(),
            Self::Explain(command) => command.execute(),
            Self::Send(command) => block_on(command.execute()),
            Self::Sink(command) => block_on(command.execute()),
            Self::Status(command) => block_on(command.execute()),
            Self::Events(command) => block_on(command.execute()),
            Self::Replay(command) => block_on(command.execute()),
            Self::DeadLetters(command) => block_on(command.execute()),
            Self::Targets(command) => block_on(command.execute()),
            Self::Reload(command) => block_on(command.execute()),
            Self::Schema(schema::Schema {}) => schema::Schema::execute(),
            Self::Completions(command) => command.execute(),
            Self::Man(command) => command.execute(),
            Self::Healthcheck(command) => block_on(command.execute()),
        }
    }

    /// What is logged if nobody says: a server tells what it does, a command only what is odd.
    fn default_log_level(&self) -> &'static str {
        match self {
            Self::Run(_) => "info",
            // Its configuration is unwise on purpose (`verify: none`), and a newcomer need not be told.
            Self::Demo(_) => "error",
            _ => "warn",
        }
    }
}

/// Help and version go to standard output and are no failure; everything else is one of usage.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    let printed = error.print();
    let exit = match error.kind() {
        DisplayHelp | DisplayVersion => {
            printed.map_or_else(|e| Failure::from(e).exit(), |()| Exit::Ok)
        }
        _ => Exit::Usage,
    };
    exit.into()
}

fn set_log_up(arguments: &Arguments) {
    let terminal = io::stderr().is_terminal();
    let format =
        if terminal { Format::Pretty { colour: output::may_colour(true) } } else { Format::Json };
    let filter = arguments.log_level.as_deref().filter(|level| !level.trim().is_empty());
    log::init(format, Some(filter.unwrap_or(arguments.command.default_log_level())));
}

/// Tells standard error why; if that is gone, too, the exit code has to do.
fn complain(failure: &Failure) {
    let text = failure.to_string();
    if !text.is_empty() {
        drop(writeln!(io::stderr(), "{text}"));
    }
}

/// Runs a client command: one thread is enough for it.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because(Exit::Internal, "no runtime", &error))?;
    runtime.block_on(work)
}
