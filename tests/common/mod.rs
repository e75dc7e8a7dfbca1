//! The built program, as a user runs it: what the suites that do so share.
#![allow(dead_code, unused_macros, reason = "each suite is a crate of its own and uses what it needs")]

#[macro_use]
pub(crate) mod host;
pub(crate) mod one_at_a_time;
pub(crate) mod pairs;
pub(crate) mod places;
pub(crate) mod process;

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

/// The same, with the tables as its only reports: a debug build takes seconds to draw the pictures of one run.
pub(crate) fn without_pictures(arguments: &[&str], folder: &Path) -> Output {
    let (command, rest) = arguments.split_first().expect("a command");
    badpeer(&[&[command, "--format", "csv"], rest].concat(), folder)
}

/// badpeer, which heeds every signal, also where the test itself was started to ignore some.
pub(crate) fn heeding() -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM").arg(BADPEER);
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code, and all that was said.
pub(crate) fn ending(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stderr) + &text(&output.stdout))
}

/// Names what a test could not judge, and why; it is printed even if the test passes.
pub(crate) fn skip(what: &str) {
    say(&format!("SKIP {what}"));
}

/// Prints a line that is seen even if the test passes.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
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

/// A number of a repeat.
pub(crate) fn number(repeat: &Value, name: &str) -> f64 {
    repeat["summary"][name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name} was not measured: {}", repeat["summary"]))
}

/// All texts of a repeat under this key, such as its notes, or why it proves nothing (`invalid`, `disturbed`).
pub(crate) fn texts(repeat: &Value, key: &str) -> String {
    let texts = repeat[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.collect::<Vec<_>>().join("\n")
}

/// The processes that have this text on their command line, whose words end with a NUL.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let line = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.filter(|pid| line(pid).contains(text)).collect()
}

/// Folders of servers that badpeer has not removed.
pub(crate) fn leftovers(temporary: &Path) -> Vec<String> {
    let names = fs::read_dir(temporary).expect("a folder").flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with("badpeer-")).collect()
}

/// Its only repeat.
pub(crate) fn repeat(folder: &Path, name: &str) -> Value {
    record(folder, name)["points"][0]["trials"][0].clone()
}
