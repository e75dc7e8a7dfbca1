//! Progress of a search, and what it leaves: the record, the reports, and the result on the terminal.

use std::path::{Path, PathBuf};

use super::{
    super::{
        Exit, Failure, complain, console, github, perform::numbers, print_raw, progress::Bar, say,
        store::Store, to_json,
    },
    args::Output,
};
use crate::{
    profile::{Axes, Profile},
    record::{Capacity, Record},
    report::{
        self, Format,
        tracker::{CiReport, Numbers},
    },
    run::{Observer, Progress},
};

/// Shows progress, and keeps the record on disk up to date.
pub(super) struct Watcher<'a> {
    store: &'a Store,
    number: usize,
    bar: Bar,
    unwritten: Option<Failure>,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(store: &'a Store, is_quiet: bool) -> Self {
        Self { store, number: 0, bar: Bar::new(is_quiet), unwritten: None }
    }

    /// Ends the progress; what could not be written, if anything.
    pub(super) fn done(mut self) -> Option<Failure> {
        self.bar.clear();
        self.unwritten
    }
}

impl Observer for Watcher<'_> {
    fn repeat(&mut self, number: usize, of: usize, axes: &Axes, profile: &Profile) {
        let level: Vec<String> = axes.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        self.number = number;
        let name = format!("{} {number} of about {of}:{}", self.store.name(), level.concat());
        self.bar.start(&name, profile.duration(), "starting the server");
    }

    fn sample(&mut self, progress: &Progress) {
        self.bar.show(progress);
    }

    fn folder(&self) -> Option<&Path> {
        Some(self.store.folder())
    }

    fn output(&mut self, file: &Path) {
        let kept = self.store.keep(file, &format!("server-{}.log", self.number));
        self.unwritten = kept.err().or(self.unwritten.take());
    }

    fn repeat_done(&mut self, record: &Record) {
        self.bar.clear();
        self.unwritten = self.store.write(record).err().or(self.unwritten.take());
    }
}

/// What is printed with `--json`.
#[derive(serde::Serialize)]
struct CapacityJson<'a> {
    #[serde(rename = "outcome")]
    verdict: &'static str,
    /// The bracket in a sentence.
    meaning: String,
    profile: &'a str,
    interrupted: bool,
    started: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reports: Option<PathBuf>,
    capacity: Option<&'a Capacity>,
}

/// Prints the result, and then writes the record and its reports. `result` says how the search was cut short, if it was, and
/// `unwritten` what could not be written before.
pub(super) fn leave(
    record: &Record,
    result: Result<&(), (Exit, String)>,
    unwritten: Option<Failure>,
    store: &Store,
    output: &Output,
) -> Exit {
    let is_measured = !record.points.is_empty();
    let failed = result.err();
    if output.json {
        print_raw(&to_json(&CapacityJson {
            verdict: record.verdict().word(),
            meaning: report::meaning(record),
            profile: &record.name,
            interrupted: record.interrupted,
            started: &record.started,
            error: failed.as_ref().map(|(_, message)| message.as_str()),
            reports: is_measured.then(|| store.folder().to_owned()),
            capacity: record.capacity.as_ref(),
        }));
    } else if is_measured {
        print(record, store, output);
    }
    let written = if is_measured { write(record, store, output) } else { Ok(()) };
    let exit = match failed {
        Some((exit, message)) => {
            complain(&message);
            exit
        }
        None if record.interrupted => Exit::Interrupted,
        None => Exit::of(record.verdict(), true),
    };
    match unwritten.map_or(written, Err) {
        Ok(()) => exit,
        Err(failure) => {
            complain(&failure.message);
            exit.worse(failure.exit)
        }
    }
}

fn print(record: &Record, store: &Store, output: &Output) {
    let style = console::style(false);
    if output.quiet {
        say(&report::terminal::capacity_line(record, style));
        return;
    }
    say(&report::terminal::capacity(record, style));
    match store.folder().join("index.html") {
        page if output.format.contains(&Format::Html) => say(&format!("page: {}", page.display())),
        _ => say(&format!("reports: {}", store.folder().display())),
    }
}

fn write(record: &Record, store: &Store, output: &Output) -> Result<(), Failure> {
    store.write(record)?;
    github::tell(
        || CiReport::of_run(record, None, Numbers::Judged),
        || report::markdown::record(record, None),
    );
    let files = report::files(record, None, &output.format, numbers(false));
    files
        .and_then(|files| report::write(files, store.folder()))
        .map(|_| ())
        .map_err(|error| Failure::new(Exit::Target, format!("cannot write the reports: {error}")))
}
