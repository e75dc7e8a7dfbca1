//! `badpeer report`: makes the reports of a run or of a comparison again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Exit, Failure, complain, history,
    perform::numbers,
    say,
    store::{self, Kept, ReportFolder},
};
use crate::{
    profile::SHIPPED,
    record::Record,
    report::{
        self, Format, gallery,
        index::{Entry, Folder},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A record.json or a comparison.json, or the folder of a run or of a comparison
    #[arg(required_unless_present_any = ["history", "index", "gallery"])]
    record: Option<PathBuf>,

    /// Draw every metric of a history (see `run --history`) over its commits, into the folder `history` beside it
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "reports/history.csv", conflicts_with_all = ["record", "format"])]
    history: Option<PathBuf>,

    /// Make a page over all runs and comparisons in a folder: index.html in that folder
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "reports", conflicts_with_all = ["record", "format", "history"])]
    index: Option<PathBuf>,

    /// Make a gallery of the newest run of each profile in a folder: one chart each and a README.md, in `gallery` in
    /// that folder
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "reports", conflicts_with_all = ["record", "format", "history", "index"])]
    gallery: Option<PathBuf>,

    /// Report formats. Default: those that `run` or `compare` write
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<Format>,

    /// Give trackers every metric that can get better or worse, also of each phase. Default: those that are gated or
    /// expected
    #[arg(long, visible_alias = "all")]
    all_metrics: bool,

    /// Folder for the reports. Default: the folder of the record
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let failed = |error: report::ReportError| Failure::new(Exit::Target, error);
    let (files, folder) = if let Some(record) = &args.record {
        (again(args, record)?, beside(record))
    } else if let Some(file) = &args.history {
        let folder = file.parent().map(PathBuf::from).unwrap_or_default();
        let text = history::read(file).map_err(Failure::usage)?;
        let files = report::history_files(&text, &file.display().to_string()).map_err(Failure::usage)?;
        (files, folder.join("history"))
    } else if let Some(root) = &args.index {
        let ReportFolder { kept, broken } = store::all(root)?;
        let entry = |(folder, kept): &(PathBuf, Kept)| {
            let files = store::file_names(folder);
            let folder = Folder { path: folder.strip_prefix(root).unwrap_or(folder), files: &files };
            match kept {
                Kept::Record(record) => Entry::of_record(record, &folder),
                Kept::Comparison(comparison) => Entry::of_comparison(comparison, &folder),
            }
        };
        let page = report::index_page(kept.iter().map(entry).collect(), &broken).map_err(failed)?;
        (vec![("index.html".to_owned(), page.into_bytes())], root.clone())
    } else {
        let root = args.gallery.clone().unwrap_or_default();
        let ReportFolder { kept, broken } = store::all(&root)?;
        for text in &broken {
            complain(text);
        }
        (gallery::files(&newest(kept)).map_err(failed)?, root.join("gallery"))
    };
    let folder = args.out.clone().unwrap_or(folder);
    let written = report::write(files, &folder).map_err(|e| Failure::new(Exit::Target, e))?;
    for file in written {
        say(&file.display().to_string());
    }
    Ok(Exit::Pass)
}

/// The newest run of each profile, in the order of `badpeer list profiles`; those of other profiles behind them.
fn newest(kept: Vec<(PathBuf, Kept)>) -> Vec<Record> {
    let mut newest: BTreeMap<(usize, String), Record> = BTreeMap::new();
    for (_, kept) in kept {
        let Kept::Record(record) = kept else { continue };
        let place = SHIPPED.iter().position(|shipped| shipped.name == record.name).unwrap_or(SHIPPED.len());
        let key = (place, record.name.clone());
        if newest.get(&key).is_none_or(|other| other.started < record.started) {
            newest.insert(key, *record);
        }
    }
    newest.into_values().collect()
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
        Kept::Record(kept) => {
            let comparison = store::read_baseline_comparison(&beside(record))?;
            report::files(&kept, comparison.as_ref(), or(Format::DEFAULT), numbers(args.all_metrics))
        }
        Kept::Comparison(comparison) => report::comparison_files(&comparison, or(Format::OF_COMPARISON)),
    };
    files.map_err(Failure::usage)
}
