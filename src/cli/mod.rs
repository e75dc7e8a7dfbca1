//! The command line: commands, their arguments, and the exit codes.

mod atlas;
mod background;
mod bad_peers;
mod baseline;
mod bench;
mod bench_flags;
mod calibrate;
mod capacity;
mod catalog;
mod compare;
mod completions;
mod console;
mod core;
mod exit;
mod gate;
mod github;
pub mod history;
mod init;
mod list;
mod merge;
mod netns;
mod number;
mod perform;
mod phase_flags;
mod place;
mod progress;
mod report;
mod run;
mod run_json;
pub mod schema;
mod serve;
mod shards;
mod show;
mod soak;
mod sources;
mod store;
mod suggested;
mod topic;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{
    console::{complain, print_raw, say, to_json, unless_unsaid, unsaid},
    exit::{Exit, Failure},
};

/// What comes behind the short help.
const HINT: &str = "`badpeer --help` also explains the exit codes.";

/// What comes behind the long help.
const EXIT_CODES: &str = "\
Exit codes:
  0    Pass: all expectations were met in every repeat, no received byte was
       wrong, and no request of a good client got an error, unless the profile
       says otherwise. It says nothing about metrics without an expectation,
       which the reports show without a verdict. Of a comparison: PASS or
       INCONCLUSIVE; with --strict, INCONCLUSIVE is exit code 4.
  1    An expectation failed, answers were wrong or errors (also those of a
       server that speaks another protocol than the clients), the server died
       under load, or a server got worse.
  2    Wrong usage, or a profile that cannot be run.
  3    The server could not be started or reached, the base of a comparison
       died, --netns is not permitted, or results could not be written.
  4    No verdict: the load generator or the host was the limit, an expected
       metric could not be measured, or good clients got no answer and no
       expectation covers that.
  130  Interrupted.";

/// Measures what misbehaving clients cost a TCP server: badpeer drives it with good and misbehaving clients, watches it
/// from outside and through the kernel, checks every received byte, and ends with a verdict, charts and files for CI.
#[derive(Debug, Parser)]
#[command(name = "badpeer", version, max_term_width = 100, after_help = HINT, after_long_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run profiles: start the server, drive it, check the expectations, write reports
    Run(run::Args),
    /// Drive any TCP server with good and misbehaving clients, without a profile
    #[command(mut_arg("all_metrics", |arg| arg.visible_alias("all")))]
    Bench(Box<bench::Args>),
    /// Find out how much a server holds, as a bracket: the number of bad peers, or a rate, that holds and one that fails
    Capacity(Box<capacity::Args>),
    /// Run a profile for a long time, and find out whether the server's memory, descriptors or response times grow
    Soak(Box<soak::Args>),
    /// Run the reference server until SIGTERM
    Serve(Box<serve::Args>),
    /// Run one core experiment in this process and print its metrics
    #[command(hide = true)]
    Core(core::Args),
    /// Show two records side by side, or run two servers in pairs of repeats and decide whether the second got worse
    Compare(compare::Args),
    /// Compare a server with itself several times, to measure the false alarm rate on this machine and the smallest
    /// change that is detected
    Calibrate(calibrate::Args),
    /// Show which timeout of which server stops which fault: the same bad peers at every server that is installed, at its
    /// defaults and hardened, as one page
    Atlas(atlas::Args),
    /// Put together what the shards of a run have left, to one record with its verdict and reports
    Merge(merge::Args),
    /// Make reports from kept records: the reports of one run again, an index of all runs, a gallery, or charts over
    /// commits
    Report(report::Args),
    /// List profiles, protocols, behaviors, bad peers, metrics, server knobs or core experiments, or describe one of them
    List(list::Args),
    /// Print the TOML of a shipped profile, or a file that its server needs
    Show(show::Args),
    /// Write a profile to start from: commented, and ready to run
    Init(init::Args),
    /// Print the JSON schema of profiles, records or comparisons
    Schema { of: schema::Kind },
    /// Print a shell completion script: for bash, `source <(badpeer completions bash)`
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write the pages of all commands into a folder
    Man(completions::Man),
    /// Drive a part of the clients for another badpeer, as standard input says
    #[command(hide = true)]
    Shard,
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
            unsaid(error.print());
            return ExitCode::from(unless_unsaid(exit) as u8);
        }
    };
    let done = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::Bench(args) => bench::main(&args),
        Command::Capacity(args) => capacity::main(&args, command()),
        Command::Soak(args) => soak::main(&args),
        Command::Serve(args) => serve::main(&args),
        Command::Core(args) => core::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Calibrate(args) => calibrate::main(&args),
        Command::Atlas(args) => atlas::main(&args),
        Command::Merge(args) => merge::main(&args),
        Command::Report(args) => report::main(&args),
        Command::List(args) => list::main(&args),
        Command::Show(args) => show::main(&args),
        Command::Init(args) => init::main(&args),
        Command::Schema { of } => Ok(schema::main(of)),
        Command::Completions { shell } => Ok(completions::completions(shell, command())),
        Command::Man(args) => completions::man(&args, command()),
        Command::Shard => shards::work(),
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

fn doctor(json: bool) {
    let findings = crate::doctor::examine();
    if json {
        print_raw(&to_json(&findings));
    } else {
        say(crate::doctor::render(&findings).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_definition_is_consistent() {
        command().debug_assert();
    }
}
