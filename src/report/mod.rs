//! Reports made from a record: text and tables as data, a renderer for each medium (terminal, Markdown, HTML), and
//! exporters. To add a format: one file beside this one, one variant of [`Format`], one line in the table of
//! `exporters.rs`.
//!
//! Everything here is made from a record and nothing else, so that it can be made again from `record.json` at any
//! time. Exporters return bytes; [`write()`] alone touches files.

pub mod atlas;
pub mod baseline;
mod capacity;
mod chart;
pub mod compare;
mod contents;
mod csv;
mod ended;
mod error;
mod exporters;
mod format;
pub mod gallery;
pub mod gate;
pub mod history;
mod html;
pub mod index;
mod key_figures;
pub mod markdown;
mod meaning;
pub mod medium;
pub mod price;
mod problems;
mod soak;
mod stall;
mod table;
pub mod terminal;
pub mod tracker;
mod view;

use std::{
    fs,
    path::{Path, PathBuf},
};

pub use self::{
    error::ReportError,
    exporters::{comparison_files, files, history_files, is_of_comparison},
    format::Format,
    html::index::index_page,
    meaning::meaning,
};
use crate::files::write as write_file;

/// Writes files into a directory, which is made if it is not there, and says which.
///
/// # Errors
/// A file that cannot be written.
pub fn write(files: Vec<(String, Vec<u8>)>, dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| ReportError::Write { path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;
    files
        .into_iter()
        .map(|(name, bytes)| {
            let path = dir.join(name);
            write_file(&path, &bytes).map_err(failed(&path))?;
            Ok(path)
        })
        .collect()
}
