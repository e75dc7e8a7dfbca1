//! `badpeer report`: the reports of a run or of a comparison, made again.

use std::path::PathBuf;

use super::{
    Exit, Failure, say,
    store::{self, Kept},
};
use crate::report::{self, Format};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A record.json or a comparison.json, or the folder of a run or of a comparison
    record: PathBuf,

    /// What to make; all that is made of it anyway unless given
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<Format>,

    /// Where to; beside the record unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let kept = store::read_either(&args.record)?;
    let beside = || {
        if args.record.is_dir() {
            return args.record.clone();
        }
        args.record.parent().map(PathBuf::from).unwrap_or_default()
    };
    let folder = args.out.clone().unwrap_or_else(beside);
    let or = |usual: &'static [Format]| match args.format.as_slice() {
        [] => usual,
        asked => asked,
    };
    let files = match &kept {
        Kept::Record(record) => report::files(record, or(Format::DEFAULT)),
        Kept::Comparison(comparison) => report::comparison_files(comparison, or(Format::OF_COMPARISON)),
    };
    let files = files.map_err(Failure::usage)?;
    let written = report::write(files, &folder).map_err(|e| Failure::new(Exit::Target, e))?;
    for file in written {
        say(&file.display().to_string());
    }
    Ok(Exit::Pass)
}
