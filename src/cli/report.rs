//! `badpeer report`: the reports of a run, made again.

use std::path::PathBuf;

use super::{Exit, Failure, say, store};
use crate::report::{self, Format};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A record.json, or the folder of a run
    record: PathBuf,

    /// What to make; all that a run makes unless given
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<Format>,

    /// Where to; beside the record unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let record = store::read(&args.record)?;
    let beside = || {
        if args.record.is_dir() {
            return args.record.clone();
        }
        args.record.parent().map(PathBuf::from).unwrap_or_default()
    };
    let folder = args.out.clone().unwrap_or_else(beside);
    let formats = if args.format.is_empty() { Format::DEFAULT } else { &args.format };
    let failed = |e: &dyn std::fmt::Display| {
        Failure::new(Exit::Target, format!("cannot write the reports into {}: {e}", folder.display()))
    };
    std::fs::create_dir_all(&folder).map_err(|e| failed(&e))?;
    for file in report::write(&record, formats, &folder).map_err(|e| failed(&e))? {
        say(&file.display().to_string());
    }
    Ok(Exit::Pass)
}
