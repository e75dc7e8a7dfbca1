//! `badpeer compare`: two records side by side.

use std::path::PathBuf;

use super::{Exit, Failure, say, store, to_json};
use crate::report::compare;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The record to compare with: a record.json, or the folder of a run
    a: PathBuf,
    /// The record that is judged
    b: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let (a, b) = (store::read(&args.a)?, store::read(&args.b)?);
    if args.json {
        say(&to_json(&compare::to_json(&a, &b)));
    } else {
        say(compare::render(&a, &b).trim_end());
    }
    Ok(Exit::Pass)
}
