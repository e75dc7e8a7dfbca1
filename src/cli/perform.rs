//! From requests to verdicts: each is run, judged, reported, and told of on the terminal.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Exit, Failure,
    baseline::{self, Baselines},
    complain, github,
    progress::Bar,
    say,
    store::{self, Store},
};
use crate::{
    gate::Against,
    profile::{Axes, Profile},
    record::{Outcome, Record},
    report::{self, Format, tracker::Told},
    run::{self, Interrupt, Observer, Progress, Request, RunError},
};

/// What is left behind, and what is said.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// Folder for the reports
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,

    /// What to make of each record
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Format::DEFAULT.iter().copied())]
    format: Vec<Format>,

    /// Say nothing but the verdicts
    #[arg(long, short)]
    quiet: bool,

    /// Print the verdicts and all numbers as JSON
    #[arg(long)]
    json: bool,

    /// Add a row for each run to a history, which `badpeer report --history` draws over commits
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "reports/history.csv")]
    history: Option<PathBuf>,

    #[command(flatten)]
    baselines: Baselines,
}

/// Runs all of them. One whose program is not installed is skipped, in so many words, and fails nothing.
pub(super) fn perform(requests: &[Request], output: &Output) -> Result<Exit, Failure> {
    output.baselines.check(&output.out, requests.iter().map(|request| request.name.as_str()))?;
    let able = requests.iter().map(able).collect::<Result<Vec<_>, _>>()?;
    // What cannot be kept is not measured.
    store::check(&output.out)?;
    if let Some(file) = &output.history {
        report::history::check(file).map_err(Failure::usage)?;
    }
    let mut interrupt = super::interrupt()?;
    let mut worst = Exit::Pass;
    let mut outcomes = Vec::new();
    for (request, able) in requests.iter().zip(able) {
        if interrupt.requested() {
            worst = Exit::Interrupted;
            break;
        }
        let exit = match able {
            Ok(()) => run_one(request, output, &mut interrupt, &mut outcomes)?,
            Err(missing) => {
                outcomes.push(skip(request, missing, output));
                Exit::Pass
            }
        };
        worst = worst.worse(exit);
        if exit == Exit::Interrupted {
            break;
        }
    }
    if output.json {
        say(&super::to_json(&outcomes));
    } else if requests.len() > 1 {
        say(&closing(&outcomes));
    }
    Ok(worst)
}

/// Whether this machine can do what is asked, or why it is skipped.
fn able(request: &Request) -> Result<Result<(), String>, Failure> {
    match run::check(request) {
        Ok(()) => Ok(Ok(())),
        Err(RunError::Missing(what)) => Ok(Err(what)),
        Err(error) => Err(Failure::new(super::exit_of(&error), format!("{}: {error}", request.name))),
    }
}

fn skip(request: &Request, missing: String, output: &Output) -> Done {
    if !output.json {
        say(&report::terminal::skipped(&request.name, &request.profile.title, &missing));
    }
    Done {
        profile: request.name.clone(),
        outcome: SKIP,
        meaning: None,
        started: None,
        error: None,
        skipped: Some(missing),
        reports: None,
        baseline: None,
        points: Vec::new(),
    }
}

/// What a profile comes to whose program is not installed.
const SKIP: &str = "SKIP";

/// A line for each profile that was run.
fn closing(outcomes: &[Done]) -> String {
    let lines: Vec<String> =
        outcomes.iter().map(|done| format!("{:<12} {}", done.outcome, done.profile)).collect();
    lines.join("\n")
}

/// What is printed of a profile with `--json`.
#[derive(serde::Serialize)]
struct Done {
    profile: String,
    outcome: &'static str,
    /// What the outcome means, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Why it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reports: Option<PathBuf>,
    /// Against what was kept, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Against>,
    points: Vec<crate::record::Point>,
}

fn run_one(
    request: &Request,
    output: &Output,
    interrupt: &mut Interrupt,
    outcomes: &mut Vec<Done>,
) -> Result<Exit, Failure> {
    let store = Store::new(&output.out, &request.name);
    let mut watcher =
        Watcher { store: &store, trial: 0, bar: Bar::new(output.quiet || output.json), unwritten: None };
    let (record, result) = run::run(request, interrupt, &mut watcher);
    watcher.bar.clear();
    if let Some(failure) = watcher.unwritten.take() {
        return Err(failure);
    }
    let measured = record.points.iter().any(|point| !point.trials.is_empty());
    let against = if measured { leave(&record, &store, output)? } else { None };
    if let Err(error) = &result {
        complain(&format!("{}: {error}", request.name));
    }
    let since = baseline::exit(against.as_ref());
    outcomes.push(Done {
        profile: request.name.clone(),
        outcome: record.outcome().word(),
        meaning: measured.then(|| report::meaning(&record)),
        started: Some(record.started.clone()),
        error: result.as_ref().err().map(ToString::to_string),
        skipped: None,
        reports: measured.then(|| store.folder().to_owned()),
        baseline: against,
        points: if output.json { record.points.clone() } else { Vec::new() },
    });
    Ok(exit(&record, &result).worse(since))
}

/// Writes what is made of the record, and says it.
fn leave(record: &Record, store: &Store, output: &Output) -> Result<Option<Against>, Failure> {
    store.write(record)?;
    let against = output.baselines.weigh(&output.out, record)?;
    if let Some(against) = &against {
        store.write_against(against)?;
    }
    report::files(record, against.as_ref(), &output.format)
        .and_then(|files| report::write(files, store.folder()))
        .map_err(|e| Failure::new(Exit::Target, format!("cannot write the reports: {e}")))?;
    github::tell(|| Told::of_run(record, against.as_ref()), || report::markdown(record, against.as_ref()));
    if !output.json {
        tell(record, store, against.as_ref(), output.quiet);
    }
    if let Some(kept) = output.baselines.keep(&output.out, record)?.filter(|_| !output.json) {
        say(&format!("kept as a baseline: {}\n", kept.display()));
    }
    if let Some(file) = &output.history {
        report::history::append(file, record).map_err(|error| {
            Failure::new(Exit::Target, format!("cannot add to the history {}: {error}", file.display()))
        })?;
    }
    Ok(against)
}

/// What came of a run, for who sits at the terminal.
fn tell(record: &Record, store: &Store, against: Option<&Against>, quiet: bool) {
    let color = super::colored();
    if quiet {
        say(&report::terminal::verdicts(record, color));
    } else {
        say(&report::terminal::render(record, color));
        match store.folder().join("index.html") {
            page if page.exists() => say(&format!("page: {}\n", page.display())),
            _ => say(&format!("reports: {}\n", store.folder().display())),
        }
    }
    if let Some(against) = against {
        say(&report::baseline::render(against, color));
    }
}

fn exit(record: &Record, result: &Result<(), RunError>) -> Exit {
    match result {
        Err(error) => super::exit_of(error),
        Ok(()) if record.interrupted => Exit::Interrupted,
        Ok(()) => match record.outcome() {
            Outcome::Pass => Exit::Pass,
            Outcome::Fail => Exit::Failed,
            Outcome::Invalid | Outcome::Inconclusive => Exit::Invalid,
        },
    }
}

/// Shows progress, and keeps the record on disk up to date.
struct Watcher<'a> {
    store: &'a Store,
    /// The number of the trial under way.
    trial: usize,
    bar: Bar,
    /// Something could not be written: told when the run is over.
    unwritten: Option<Failure>,
}

impl Observer for Watcher<'_> {
    fn trial(&mut self, number: usize, of: usize, axes: &Axes, profile: &Profile) {
        let point: Vec<String> = axes.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        let which = if of > 1 { format!(" {number}/{of}") } else { String::new() };
        self.trial = number;
        let name = format!("{}{which}{}", self.store.name(), point.concat());
        match profile.core {
            Some(_) => self.bar.start(&name, Duration::ZERO, "experimenting"),
            None => self.bar.start(&name, profile.duration(), "starting the server"),
        }
    }

    fn sample(&mut self, progress: &Progress) {
        self.bar.show(progress);
    }

    fn output(&mut self, file: &Path) {
        self.unwritten =
            self.store.keep(file, &format!("server-{}.log", self.trial)).err().or(self.unwritten.take());
    }

    fn trial_done(&mut self, record: &Record) {
        self.bar.clear();
        self.unwritten = self.store.write(record).err().or(self.unwritten.take());
    }
}
