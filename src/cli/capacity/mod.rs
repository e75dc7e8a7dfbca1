//! `badpeer capacity`: how much a server holds, as a bracket.

mod args;
mod bad;
mod key;
mod origin;
mod outcome;
mod plan;
mod refused;
mod until;

pub(super) use self::args::Args;
use self::{outcome::Watcher, plan::Prepared};
use super::{
    Exit, Failure, say,
    store::{self, Store},
};
use crate::run::{self, RunError, Search};

/// Searches; `command` is the whole command line's definition.
pub(super) fn main(args: &Args, command: clap::Command) -> Result<Exit, Failure> {
    let prepared = Prepared::new(args, command)?;
    args.netns.enter(prepared.request.profiles())?;
    let named = |error: &RunError| format!("{}: {error}", prepared.request.name);
    match run::check(&prepared.request) {
        Ok(()) => {}
        Err(RunError::Missing(what)) => return Err(Failure::new(Exit::Target, format!("{what} is missing"))),
        Err(RunError::Impossible { path, message }) => {
            return Err(Failure::usage(prepared.request.source.fault_at(&path, &message)));
        }
        Err(error) => {
            let to = prepared.unit.text(prepared.plan.to);
            return Err(Failure::usage(format!("--to {to}: {error}, or choose a lower --to")));
        }
    }
    // What cannot be kept is not measured.
    store::check(&args.output.out)?;
    let budget = args.budget.map(|span| span.0);
    if !args.output.quiet && !args.output.json {
        say(&prepared.forecast(budget));
    }
    let store = Store::new(&args.output.out, &prepared.request.name)?;
    let mut interrupt = super::exit::interrupt()?;
    let mut watcher = Watcher::new(&store, args.output.quiet || args.output.json);
    let search = Search {
        request: &prepared.request,
        of: &prepared.of,
        unit: prepared.unit,
        plan: prepared.plan,
        budget,
        at: &|value| prepared.at(value),
    };
    let (record, result) = run::search(&search, &mut interrupt, &mut watcher);
    let unwritten = watcher.done();
    let result = result.as_ref().map_err(|error| (super::exit::exit_of(error), named(error)));
    Ok(outcome::leave(&record, result, unwritten, &store, &args.output))
}
