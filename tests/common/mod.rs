//! The built program, as a user runs it: what the suites that do so share.
#![allow(dead_code, reason = "each suite is a crate of its own and uses what it needs")]

pub(crate) mod pairs;

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The program.
pub(crate) const BADPEER: &str = env!("CARGO_BIN_EXE_badpeer");

/// Runs badpeer in a folder, which is also the folder for temporary files.
pub(crate) fn badpeer(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(BADPEER);
    command.args(arguments).current_dir(folder).env("TMPDIR", folder).stdin(Stdio::null());
    command.output().expect("badpeer runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code, and all that was said.
pub(crate) fn ending(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stderr) + &text(&output.stdout))
}

/// Names what a test could not judge, and why; it is told also where the test passes.
pub(crate) fn skip(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIP {what}");
}

/// A folder with this profile in it, as `quick.toml`.
pub(crate) fn with_profile(profile: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("quick.toml"), profile).expect("written");
    folder
}

/// The record of the newest run of a profile.
pub(crate) fn record(folder: &Path, name: &str) -> Value {
    let path = folder.join("reports").join(name).join("latest/record.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Its only trial.
pub(crate) fn trial(folder: &Path, name: &str) -> Value {
    record(folder, name)["points"][0]["trials"][0].clone()
}
