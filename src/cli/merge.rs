//! `badpeer merge`: puts together what the shards of a run have left.

use std::path::PathBuf;

use super::{
    Exit, Failure,
    perform::{Output, report_record},
    sources::command_line,
};
use crate::{
    run::{self, MergeError},
    units::Span,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that the shards had as --out
    #[arg(value_name = "DIR")]
    shards: PathBuf,

    /// How far the clocks of two machines may be apart, by what they say of themselves: beyond it the run is INVALID
    #[arg(long, value_name = "TIME", default_value = "100ms")]
    max_skew: Span,

    #[command(flatten)]
    output: Output,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let most_skew_ns = u64::try_from(args.max_skew.0.as_nanos()).unwrap_or(u64::MAX);
    let record = run::merge(&args.shards, command_line(), most_skew_ns).map_err(|error| match error {
        MergeError::Different(_) | MergeError::Unreadable(_) => Failure::usage(error),
        MergeError::Nothing(_) => Failure::new(Exit::Invalid, error),
    })?;
    report_record(&record, &args.output)
}
