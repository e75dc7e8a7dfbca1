//! All runs and comparisons of a folder on one page.

use std::path::Path;

use super::{gallery::telling, gate, meaning::meaning, medium};
use crate::{gate::PairedComparison, record::Record};

/// A run or a comparison, as the page lists it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The profile's name, or that and what it was compared for.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// When it was started (RFC 3339), or its folder's name, which says the same.
    pub started: String,
    /// The commit, where there was one.
    pub commit: Option<String>,
    /// PASS and so on.
    pub verdict: &'static str,
    /// What that means, in a sentence.
    pub meaning: String,
    /// The link to its page, from the folder of the index.
    pub page: Option<String>,
    /// The link to a picture of it, likewise.
    pub picture: Option<String>,
}

impl Entry {
    /// A run whose files are in this folder.
    #[must_use]
    pub fn of_record(record: &Record, folder: &Folder<'_>) -> Self {
        let picture = telling(record).and_then(|figure| folder.drawn(&figure.name));
        Self {
            name: record.name.clone(),
            title: record.profile.title.clone(),
            started: record.started.clone(),
            commit: record.commit.clone(),
            verdict: record.verdict().word(),
            meaning: meaning(record),
            page: folder.link("index.html"),
            picture,
        }
    }

    /// A comparison whose files are in this folder.
    #[must_use]
    pub fn of_comparison(comparison: &PairedComparison, folder: &Folder<'_>) -> Self {
        let origin = &comparison.origin;
        Self {
            name: format!("compare {}", origin.name),
            title: format!("{} against {}", origin.head, origin.base),
            started: origin.started.clone(),
            commit: None,
            verdict: comparison.verdict.word(),
            meaning: gate::meaning(comparison),
            page: folder.link("index.html"),
            picture: folder.drawn("intervals"),
        }
    }
}

/// Where the files of a run or of a comparison are.
#[derive(Clone, Debug)]
pub struct Folder<'a> {
    /// Its path from the folder of the index.
    pub path: &'a Path,
    /// The names of the files that are in it.
    pub files: &'a [String],
}

impl Folder<'_> {
    /// The link to a file in it, if it is there.
    fn link(&self, name: &str) -> Option<String> {
        self.files.iter().any(|file| file == name).then(|| medium::link(&self.path.join(name)))
    }

    fn drawn(&self, chart: &str) -> Option<String> {
        ["svg", "png"].iter().find_map(|kind| self.link(&format!("{chart}.{kind}")))
    }
}
