//! `badpeer core`: one core experiment in this process, started by `badpeer run`.

use indexmap::IndexMap;
use nix::{
    sys::signal::{Signal, kill},
    unistd::getpid,
};

use super::{Exit, Failure, print_raw};
use crate::{experiment, metric::Stat, profile::Core};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Seed of all random choices
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,

    /// Stop when stdin is closed: for a parent that may be killed
    #[arg(long, hide = true)]
    until_stdin_ends: bool,

    #[command(subcommand)]
    core: Core,
}

/// Prints what was found as JSON, in a line: numbers by their names.
pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    if args.until_stdin_ends {
        super::background::in_background(end_with_stdin)?;
    }
    args.core.check().map_err(|(key, message)| Failure::usage(format!("{key}: {message}")))?;
    let row = experiment::run(&args.core, args.seed)
        .map_err(|e| Failure::new(Exit::Target, format!("the experiment failed: {e}")))?;
    let found = Stat::all().filter_map(|stat| Some((stat.name(), row.value(stat.metric)?)));
    let found: IndexMap<String, f64> = found.collect();
    print_raw(&serde_json::to_string(&found).map_err(|e| Failure::new(Exit::Target, e))?);
    Ok(Exit::Pass)
}

/// Nothing is left to be put in order.
fn end_with_stdin() {
    super::background::await_end_of_stdin();
    let _ = kill(getpid(), Signal::SIGKILL);
}
