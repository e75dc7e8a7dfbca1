//! The folders of runs: `OUT/PROFILE/UTC-TIME/`; `OUT/PROFILE/latest` points to the newest.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Exit, Failure};
use crate::{
    files,
    gate::{BaselineComparison, COMPARISON_FORMAT, PairedComparison},
    record::{FORMAT, Record},
    report::{self, Format},
};

/// The file of a comparison, in its folder.
const COMPARISON: &str = "comparison.json";

/// The link to the newest run.
const LATEST: &str = "latest";

/// The comparison of a run with a baseline, beside its record.
const BASELINE_COMPARISON: &str = "against-baseline.json";

/// The folder of one run, and of no other.
#[derive(Debug)]
pub(super) struct Store {
    name: String,
    folder: PathBuf,
    /// The folders that were made for it, the innermost first.
    made: Vec<PathBuf>,
}

impl Drop for Store {
    fn drop(&mut self) {
        // Of a run that left nothing behind, nothing stays: what is not empty cannot be removed.
        self.made.iter().for_each(|folder| {
            let _ = fs::remove_dir(folder);
        });
    }
}

impl Store {
    /// Makes a folder for a run of this profile; it goes again if nothing is written into it.
    pub(super) fn new(out: &Path, name: &str) -> Result<Self, Failure> {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let parent = out.join(files::name(name));
        let latest = parent.join(LATEST);
        if fs::symlink_metadata(&latest).is_ok_and(|found| !found.is_symlink()) {
            let why =
                "is not a link to the newest run and would be replaced: move it, or choose another --out";
            return Err(Failure::new(Exit::Target, format!("{} {why}", latest.display())));
        }
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let missing: Vec<PathBuf> = parent.ancestors().take_while(is_missing).map(Path::to_owned).collect();
        match files::make_own_folder(&parent, &time) {
            Ok(folder) => {
                let made = [vec![folder.clone()], missing].concat();
                Ok(Self { name: name.to_owned(), folder, made })
            }
            Err(error) => Err(unwritable(&parent, &error)),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the record, whole or not at all, and points `latest` here.
    pub(super) fn write(&self, record: &Record) -> Result<(), Failure> {
        let written = put(&self.folder.join("record.json"), record).and_then(|()| self.point_latest_here());
        written.map_err(|e| self.unwritable(&e))
    }

    /// Writes the comparison of the record with a baseline beside it.
    pub(super) fn write_baseline_comparison(&self, comparison: &BaselineComparison) -> Result<(), Failure> {
        put(&self.folder.join(BASELINE_COMPARISON), comparison).map_err(|e| self.unwritable(&e))
    }

    /// Takes a copy of a file, unless there is nothing in it.
    pub(super) fn keep(&self, file: &Path, name: &str) -> Result<(), Failure> {
        if fs::metadata(file).is_ok_and(|metadata| metadata.len() == 0) {
            return Ok(());
        }
        files::copy(file, &self.folder.join(name)).map_err(|e| self.unwritable(&e))
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        unwritable(&self.folder, error)
    }

    fn point_latest_here(&self) -> io::Result<()> {
        let (Some(parent), Some(own)) = (self.folder.parent(), self.folder.file_name()) else {
            return Ok(());
        };
        files::link(own.as_ref(), &parent.join(LATEST))
    }
}

fn unwritable(folder: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Target,
        format!("cannot write into {}: {error}; choose another --out", folder.display()),
    )
}

/// Checks before the measurement that the folder for reports can be created and written into.
pub(super) fn check(out: &Path) -> Result<(), Failure> {
    files::writable(out).map_err(|error| unwritable(out, &error))
}

/// Writes JSON, whole or not at all, into a folder that is made if it is not there.
pub(super) fn put(file: &Path, value: &impl serde::Serialize) -> io::Result<()> {
    let text = serde_json::to_string(value).map_err(io::Error::other)?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    files::write(file, text.as_bytes())
}

/// Reads a record: a `record.json`, or the folder that holds it.
pub(super) fn read(path: &Path) -> Result<Record, Failure> {
    let file = if path.is_dir() { path.join("record.json") } else { path.to_owned() };
    load(&file, "record", FORMAT)
}

/// The comparison of the record in this folder with a baseline, if there is one.
pub(super) fn read_baseline_comparison(folder: &Path) -> Result<Option<BaselineComparison>, Failure> {
    let file = folder.join(BASELINE_COMPARISON);
    if !file.is_file() {
        return Ok(None);
    }
    let no = |e: &dyn std::fmt::Display| Failure::usage(format!("cannot read {}: {e}", file.display()));
    let text = fs::read_to_string(&file).map_err(|e| no(&e))?;
    serde_json::from_str(&text).map(Some).map_err(|e| no(&e))
}

fn load<T: serde::de::DeserializeOwned>(file: &Path, what: &str, own: u32) -> Result<T, Failure> {
    let text = files::regular(file)
        .and_then(|()| fs::read_to_string(file))
        .map_err(|e| Failure::usage(format!("cannot read the {what} {}: {e}", file.display())))?;
    parse(&text, own).map_err(|e| Failure::usage(format!("{} is not a {what}: {e}", file.display())))
}

/// Reads what this version of its format can hold.
fn parse<T: serde::de::DeserializeOwned>(text: &str, own: u32) -> Result<T, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(own) => {}
        Some(format) => return Err(format!("its format is {format}, but this badpeer reads format {own}")),
        None => return Err("its format version is missing".into()),
    }
    serde_json::from_value(value).map_err(|e| e.to_string())
}

/// What reports are made from.
pub(super) enum Kept {
    Record(Box<Record>),
    Comparison(Box<PairedComparison>),
}

/// Reads a record or a comparison: its file, or the folder that holds it.
pub(super) fn read_either(path: &Path) -> Result<Kept, Failure> {
    let file = if path.is_dir() { path.join(COMPARISON) } else { path.to_owned() };
    if file.is_file() && file.ends_with(COMPARISON) {
        let comparison = load(&file, "comparison", COMPARISON_FORMAT)?;
        return Ok(Kept::Comparison(Box::new(comparison)));
    }
    Ok(Kept::Record(Box::new(read(path)?)))
}

/// The content of a folder of reports.
#[derive(Default)]
pub(super) struct ReportFolder {
    /// Every run and comparison, with its folder.
    pub(super) kept: Vec<(PathBuf, Kept)>,
    /// What could not be read, and why.
    pub(super) broken: Vec<String>,
}

/// Every run and comparison in `root/NAME/TIME/`.
pub(super) fn all(root: &Path) -> Result<ReportFolder, Failure> {
    let unreadable =
        |path: &Path, e: io::Error| Failure::usage(format!("cannot read {}: {e}", path.display()));
    let folders = |path: &Path| -> Result<Vec<PathBuf>, Failure> {
        let entries = fs::read_dir(path).map_err(|e| unreadable(path, e))?;
        // `latest` is a link: what it leads to is there by its own name.
        let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        let mut folders: Vec<PathBuf> =
            entries.filter_map(Result::ok).filter(is_folder).map(|entry| entry.path()).collect();
        folders.sort();
        Ok(folders)
    };
    let mut contents = ReportFolder::default();
    for name in folders(root)? {
        for folder in folders(&name)? {
            let has = |file: &str| folder.join(file).is_file();
            if !has(COMPARISON) && !has("record.json") {
                continue;
            }
            let path = if has(COMPARISON) { folder.clone() } else { folder.join("record.json") };
            match read_either(&path) {
                Ok(found) => contents.kept.push((folder, found)),
                Err(failure) => contents.broken.push(failure.message),
            }
        }
    }
    Ok(contents)
}

/// The names of the files in a folder; none where it cannot be read.
pub(super) fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Writes a comparison and its reports into a folder of its own, and returns the folder.
pub(super) fn keep_comparison(
    out: &Path,
    comparison: &PairedComparison,
    formats: &[Format],
) -> Result<PathBuf, Failure> {
    let store = Store::new(out, &format!("compare-{}", comparison.origin.name))?;
    let text = serde_json::to_string_pretty(comparison).map_err(io::Error::other);
    let written = text.and_then(|text| {
        files::write(&store.folder.join(COMPARISON), text.as_bytes())?;
        store.point_latest_here()
    });
    written.map_err(|e| store.unwritable(&e))?;
    report::comparison_files(comparison, formats)
        .and_then(|files| report::write(files, &store.folder))
        .map_err(|e| Failure::new(Exit::Target, e))?;
    Ok(store.folder.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_version_is_refused() {
        let refused = |text| parse::<Record>(text, FORMAT).expect_err(text);
        assert!(refused("{\"format\": 99}").contains("format is 99"));
        assert!(refused("{}").contains("is missing"));
        assert!(!refused("nothing").is_empty());
    }
}
