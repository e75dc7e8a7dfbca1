//! The command line: commands, their arguments, and the exit codes.

mod background;
mod baseline;
mod bench;
mod calibrate;
mod catalog;
mod compare;
mod completions;
mod console;
mod core;
mod exit;
mod gate;
mod github;
pub mod history;
mod list;
mod perform;
mod progress;
mod report;
mod run;
pub mod schema;
mod serve;
mod sources;
mod store;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{
    console::{complain, print_raw, say, to_json, unless_unsaid, unsaid},
    exit::{Exit, Failure},
};

/// What bad peers cost your TCP server: it is driven with good clients and with clients that misbehave, watched from
/// outside and from the kernel, every byte is checked, and the run ends with a verdict, pictures and files for CI.
///
/// Exit codes: 0 pass, 1 an expectation failed or a server got worse, 2 bad usage or profile, 3 the target could not be
/// started or reached or died, or results not be written, 4 nothing is proven (the harness itself was the limit, what was
/// expected could not be measured, or good clients got no answer), 130 interrupted.
///
/// Exit code 0 of a run says that everything that was expected held in every repeat, and that no received byte was wrong and no
/// request of a good client erred, which is expected unless the profile says otherwise. It says nothing of numbers that nobody
/// expected anything of: they are in the reports. Exit code 0 of a comparison says that no number surely got worse, which
/// includes INCONCLUSIVE, unless --strict makes that 4.
#[derive(Debug, Parser)]
#[command(name = "badpeer", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run profiles: start the server, drive it, judge it, report
    Run(run::Args),
    /// Drive any server that listens on TCP, with good clients and bad peers, without a profile
    Bench(Box<bench::Args>),
    /// Be the reference server, until SIGTERM
    Serve(Box<serve::Args>),
    /// Make one core experiment in this process, and print what it found
    #[command(hide = true)]
    Core(core::Args),
    /// Show two records side by side; or run two servers in pairs of trials and tell whether one got worse
    Compare(compare::Args),
    /// Compare a server with itself, again and again: how often the gate is wrong here, and what it can find
    Calibrate(calibrate::Args),
    /// Make reports from what runs left behind: those of one again, a page over all, a gallery, charts over commits
    Report(report::Args),
    /// Tell what there is: profiles, behaviors, metrics, server, core
    List(list::Args),
    /// Print the JSON schema of profiles, records or comparisons, for editors and for programs that read them
    Schema { of: schema::Kind },
    /// Print a script that completes these words: for bash, `source <(badpeer completions bash)`
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write those of all commands into a folder
    Man(completions::Man),
    /// Start a program on a word, and end it when stdin ends without another: for a harness that may be killed
    #[command(hide = true)]
    Guard(crate::run::Orders),
    /// Tell what this machine allows, what each lack costs, and how to mend it
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// The whole command line, for whoever wants to check words against it.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Parses the command line, does what it says; the exit code.
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
        Command::Completions { shell } => Ok(completions::completions(shell, command())),
        Command::Man(args) => completions::man(&args, command()),
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
