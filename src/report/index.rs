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
    pub outcome: &'static str,
    /// What that means, in a sentence.
    pub meaning: String,
    /// The link to its page, from the folder of the index.
    pub page: Option<String>,
    /// The link to a picture of it, likewise.
    pub picture: Option<String>,
}

impl Entry {
    /// A run whose files are in `folder`, which lies below `root`.
    #[must_use]
    pub fn of_record(record: &Record, root: &Path, folder: &Path) -> Self {
        let picture = telling(record).and_then(|figure| drawn(root, folder, &figure.name));
        Self {
            name: record.name.clone(),
            title: record.profile.title.clone(),
            started: record.started.clone(),
            commit: record.commit.clone(),
            outcome: record.verdict().word(),
            meaning: meaning(record),
            page: there(root, folder, "index.html"),
            picture,
        }
    }

    /// A comparison whose files are in `folder`, which lies below `root`.
    #[must_use]
    pub fn of_comparison(comparison: &PairedComparison, root: &Path, folder: &Path) -> Self {
        let origin = &comparison.origin;
        Self {
            name: format!("compare {}", origin.name),
            title: format!("{} against {}", origin.head, origin.base),
            started: origin.started.clone(),
            commit: None,
            outcome: comparison.verdict.word(),
            meaning: gate::meaning(comparison),
            page: there(root, folder, "index.html"),
            picture: drawn(root, folder, "intervals"),
        }
    }
}

fn drawn(root: &Path, folder: &Path, chart: &str) -> Option<String> {
    ["svg", "png"].iter().find_map(|kind| there(root, folder, &format!("{chart}.{kind}")))
}

/// The link to a file in the folder, if it is there, from the root.
fn there(root: &Path, folder: &Path, name: &str) -> Option<String> {
    let file = folder.join(name);
    let below = file.strip_prefix(root).ok().filter(|_| file.is_file())?;
    Some(medium::link(below))
}
