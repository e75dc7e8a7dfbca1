//! Annotations and the step summary for GitHub Actions.

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
};

use super::complain;
use crate::{
    files,
    report::tracker::{CiReport, github},
};

/// Inside of GitHub Actions, marks what failed and adds the page to the step's summary; elsewhere neither is made.
pub(super) fn tell(report: impl FnOnce() -> CiReport, page: impl FnOnce() -> String) {
    if env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        // Workflow commands are read from stderr as well, and stdout may be JSON.
        let mut stderr = io::stderr().lock();
        for line in github::annotations(&report()) {
            let _ = writeln!(stderr, "{line}");
        }
    }
    let Some(file) = env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else { return };
    if let Err(error) = add(Path::new(&file), &page()) {
        complain(&format!("cannot add to the step summary {}: {error}", Path::new(&file).display()));
    }
}

fn add(file: &Path, page: &str) -> io::Result<()> {
    files::regular(file)?;
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file)?;
    let already = file.metadata()?.len() as usize;
    files::append(&mut file, github::summary(&format!("{page}\n"), already).as_bytes())
}
