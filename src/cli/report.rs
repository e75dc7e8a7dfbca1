//! `badpeer report`: the reports of a run or of a comparison, made again.

use std::path::{Path, PathBuf};

use super::{
    Exit, Failure, say,
    store::{self, Kept},
};
use crate::report::{self, Format};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A record.json or a comparison.json, or the folder of a run or of a comparison
    #[arg(required_unless_present = "history")]
    record: Option<PathBuf>,

    /// Draw every number of a history (see `run --history`) over its commits, into the folder `history` beside it
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "reports/history.csv", conflicts_with_all = ["record", "format"])]
    history: Option<PathBuf>,

    /// What to make; all that is made of it anyway unless given
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<Format>,

    /// Where to; beside the record unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let (files, folder) = match (&args.record, &args.history) {
        (Some(record), _) => (again(args, record)?, beside(record)),
        (None, Some(file)) => (
            report::history_files(file).map_err(Failure::usage)?,
            file.parent().map(PathBuf::from).unwrap_or_default().join("history"),
        ),
        (None, None) => return Err(Failure::usage("give a record, a comparison or --history")),
    };
    let folder = args.out.clone().unwrap_or(folder);
    let written = report::write(files, &folder).map_err(|e| Failure::new(Exit::Target, e))?;
    for file in written {
        say(&file.display().to_string());
    }
    Ok(Exit::Pass)
}

fn beside(record: &Path) -> PathBuf {
    if record.is_dir() {
        return record.to_owned();
    }
    record.parent().map(PathBuf::from).unwrap_or_default()
}

/// What is made of a run or of a comparison.
fn again(args: &Args, record: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let or = |usual: &'static [Format]| match args.format.as_slice() {
        [] => usual,
        asked => asked,
    };
    let files = match store::read_either(record)? {
        Kept::Record(record) => report::files(&record, or(Format::DEFAULT)),
        Kept::Comparison(comparison) => report::comparison_files(&comparison, or(Format::OF_COMPARISON)),
    };
    files.map_err(Failure::usage)
}
