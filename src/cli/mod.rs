//! The command line: commands, their arguments, and the exit codes.

mod baseline;
mod bench;
mod calibrate;
mod catalog;
mod compare;
mod completions;
mod core;
mod gate;
mod github;
mod list;
mod perform;
mod progress;
mod report;
mod run;
pub mod schema;
mod serve;
mod store;

use std::{
    fmt::Display,
    io::{self, IsTerminal, Read, Write},
    process::ExitCode,
    sync::OnceLock,
    thread,
};

use clap::{Parser, Subcommand};
use nix::{
    errno::Errno,
    sys::signal::{SigSet, SigmaskHow},
};

use crate::{
    profile::secrets,
    report::medium,
    run::{Interrupt, RunError},
};

/// Measures what misbehaving clients cost a TCP server: badpeer drives it with good and misbehaving clients, watches it
/// from outside and through the kernel, checks every received byte, and ends with a verdict, charts and files for CI.
///
/// Exit codes: 0 pass; 1 an expectation failed, the server died under load, or a server got worse; 2 wrong usage, or a
/// profile that cannot be run; 3 the server could not be started or reached, the base of a comparison died, or results
/// could not be written; 4 no verdict (the load generator or the host was the limit, an expected metric could not be
/// measured, or good clients got no answer); 130 interrupted.
///
/// Exit code 0 of a run means that all expectations were met in every repeat, that no received byte was wrong, and that
/// no request of a good client got an error, unless the profile says otherwise. It says nothing about metrics without
/// an expectation, which the reports show without a verdict. Exit code 0 of a comparison means PASS or INCONCLUSIVE;
/// with --strict, INCONCLUSIVE is exit code 4.
#[derive(Debug, Parser)]
#[command(name = "badpeer", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run profiles: start the server, drive it, check the expectations, write reports
    Run(run::Args),
    /// Drive any TCP server with good and misbehaving clients, without a profile
    Bench(Box<bench::Args>),
    /// Run the reference server until SIGTERM
    Serve(Box<serve::Args>),
    /// Run one core experiment in this process and print its metrics
    #[command(hide = true)]
    Core(core::Args),
    /// Show two records side by side, or run two servers in pairs of repeats and decide whether the second got worse
    Compare(compare::Args),
    /// Compare a server with itself several times: measures the false alarm rate on this machine and the smallest
    /// change that is detected
    Calibrate(calibrate::Args),
    /// Make reports from kept records: the reports of one run again, an index of all runs, a gallery, or charts over
    /// commits
    Report(report::Args),
    /// List profiles, protocols, behaviors, metrics, server knobs or core experiments
    List(list::Args),
    /// Print the JSON schema of profiles, records or comparisons
    Schema { of: schema::Kind },
    /// Print a shell completion script: for bash, `source <(badpeer completions bash)`
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write the pages of all commands into a folder
    Man(completions::Man),
    /// Start a program on request, and end it when stdin is closed: for a parent that may be killed
    #[command(hide = true)]
    Guard(crate::run::Orders),
    /// Show what this machine allows, what each limitation costs a measurement, and how to remove it
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Pass = 0,
    Failed = 1,
    Usage = 2,
    Target = 3,
    Invalid = 4,
    Interrupted = 130,
}

impl Exit {
    /// The more important of two exit codes: a failure is not hidden by a missing verdict elsewhere.
    fn worse(self, other: Self) -> Self {
        let mildest_first =
            [Self::Pass, Self::Invalid, Self::Failed, Self::Target, Self::Usage, Self::Interrupted];
        let place = |exit| mildest_first.iter().position(|one| *one == exit);
        if place(self) < place(other) { other } else { self }
    }
}

/// A failure: its message and its exit code.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }
}

/// The exit code of a run that could not be started or finished.
const fn exit_of(error: &RunError) -> Exit {
    match error {
        RunError::Impossible { .. } => Exit::Usage,
        RunError::Interrupted => Exit::Interrupted,
        RunError::Missing(_) | RunError::Start(_) | RunError::Died(_) | RunError::Clients(_) => Exit::Target,
    }
}

/// Starts to handle Ctrl-C and SIGTERM.
fn interrupt() -> Result<Interrupt, Failure> {
    Interrupt::new().map_err(|e| Failure::new(Exit::Target, format!("cannot wait for signals: {e}")))
}

/// The whole command line, for tests that check command lines.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Parses the command line, runs the command, and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Pass };
            if let Err(unsaid) = error.print().and_then(|()| io::stdout().flush()) {
                let _ = UNSAID.set(unsaid);
            }
            return ExitCode::from(unless_unsaid(exit) as u8);
        }
    };
    let done = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::Bench(args) => bench::main(&args),
        Command::Serve(args) => serve::main(&args),
        Command::Core(args) => core::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Calibrate(args) => calibrate::main(&args),
        Command::Report(args) => report::main(&args),
        Command::List(args) => {
            list::main(&args);
            Ok(Exit::Pass)
        }
        Command::Schema { of } => Ok(schema::main(of)),
        Command::Completions { shell } => Ok(completions::completions(shell)),
        Command::Man(args) => completions::man(&args),
        Command::Guard(orders) => {
            crate::run::guard(&orders);
            Ok(Exit::Pass)
        }
        Command::Doctor { json } => {
            doctor(json);
            Ok(Exit::Pass)
        }
    };
    let exit = done.unwrap_or_else(|failure| {
        complain(&failure.message);
        failure.exit
    });
    ExitCode::from(unless_unsaid(exit) as u8)
}

/// The exit code, or that of a failed write to stdout.
fn unless_unsaid(exit: Exit) -> Exit {
    let Some(error) = UNSAID.get() else { return exit };
    complain(&format!("cannot write the results to stdout: {error}"));
    exit.worse(Exit::Target)
}

fn doctor(json: bool) {
    let findings = crate::doctor::examine();
    if json {
        print_raw(&to_json(&findings));
    } else {
        say(crate::doctor::render(&findings).trim_end());
    }
}

/// The command line as records keep it: without the values of fields that are secrets.
fn command_line() -> Vec<String> {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    secrets::command(&words)
}

/// Returns when stdin ends: the process at its other end has closed it or has exited.
fn await_end_of_stdin() {
    let mut ignored = [0; 64];
    while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
}

/// Runs this on a thread with blocked signals, because another thread waits for them.
fn in_background(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let unable = |e: Errno| Failure::new(Exit::Target, format!("cannot block signals: {e}"));
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(unable)?;
    let made = thread::Builder::new().spawn(work);
    before.thread_set_mask().map_err(unable)?;
    made.map(drop).map_err(|e| Failure::new(Exit::Target, format!("cannot create a thread: {e}")))
}

/// The first error of writing to stdout.
static UNSAID: OnceLock<io::Error> = OnceLock::new();

/// Prints results to stdout. A failed write is reported at the end, so that later work is still done.
fn say(text: &str) {
    print_raw(&medium::terminal(text, colored()));
}

/// The same for another program: JSON, a script, a page for `man`.
fn print_raw(text: &str) {
    let mut stdout = io::stdout().lock();
    if let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        let _ = UNSAID.set(error);
    }
}

/// Prints an error to stderr.
fn complain(message: &str) {
    let message = medium::terminal(message, false);
    let _ = writeln!(io::stderr().lock(), "badpeer: {message}");
}

/// Whether output may be colored: on a terminal with colors, unless NO_COLOR is set (no-color.org).
fn colored() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    std::io::stdout().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").is_some_and(|term| term != "dumb")
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_of_two_exit_codes_counts() {
        assert_eq!(Exit::Failed.worse(Exit::Invalid), Exit::Failed);
        assert_eq!(Exit::Invalid.worse(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Pass.worse(Exit::Invalid), Exit::Invalid);
        assert_eq!(Exit::Interrupted.worse(Exit::Target), Exit::Interrupted);
        assert_eq!(Exit::Pass.worse(Exit::Pass), Exit::Pass);
    }

    #[test]
    fn the_command_line_definition_is_consistent() {
        command().debug_assert();
    }
}
