//! Runs profiles, judges them, writes reports, and prints the results.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Exit, Failure,
    baseline::{self, Baselines},
    complain, github, history,
    progress::Bar,
    run_json::{RunJson, SKIP, closing},
    say,
    store::{self, Store},
};
use crate::{
    gate::BaselineComparison,
    profile::{Axes, Profile},
    record::{Record, Verdict},
    report::{
        self, Format,
        history::HistoryError,
        tracker::{CiReport, Numbers},
    },
    run::{self, Interrupt, Observer, Progress, Request, RunError},
};

/// Options for reports and output.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// Folder for the reports
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,

    /// Report formats
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Format::DEFAULT.iter().copied())]
    format: Vec<Format>,

    /// Give trackers every metric that can get better or worse, also of each phase. Default: those that are gated or
    /// expected
    #[arg(long)]
    all_metrics: bool,

    /// Print only the verdicts
    #[arg(long, short)]
    quiet: bool,

    /// List every check, also those that passed, and show the tables and remarks of every point of a sweep
    #[arg(long, short)]
    verbose: bool,

    /// Print the verdicts and all metrics as JSON; `full` adds the samples
    #[arg(long, value_enum, value_name = "DETAIL", num_args = 0..=1, require_equals = true, default_missing_value = "brief")]
    json: Option<JsonDetail>,

    /// Add a row for each run to a history, which `badpeer report --history` draws over commits. Default: history.csv
    /// in --out
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    history: Option<OsString>,

    #[command(flatten)]
    baselines: Baselines,
}

/// How much JSON is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum JsonDetail {
    /// Verdicts, metrics and counts
    Brief,
    /// Also every sample
    Full,
}

impl Output {
    fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// The points of a record as they are printed, without samples unless those are asked for.
    fn points(&self, record: &Record) -> Vec<serde_json::Value> {
        let Some(detail) = self.json else { return Vec::new() };
        let mut points: Vec<serde_json::Value> =
            record.points.iter().filter_map(|point| serde_json::to_value(point).ok()).collect();
        if detail == JsonDetail::Brief {
            let repeats = points.iter_mut().filter_map(|point| point.get_mut("trials")?.as_array_mut());
            for repeat in repeats.flatten().filter_map(serde_json::Value::as_object_mut) {
                repeat.shift_remove("series");
            }
        }
        points
    }

    /// The folder for the reports.
    pub(super) fn folder(&self) -> &Path {
        &self.out
    }

    /// Whether as little as possible is printed while something runs.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet || self.json.is_some()
    }

    /// The history that rows are added to, if any.
    fn history(&self) -> Option<PathBuf> {
        let named = self.history.as_ref()?;
        Some(if named.is_empty() { self.out.join("history.csv") } else { named.into() })
    }
}

/// Which numbers trackers are given.
pub(super) fn numbers(all: bool) -> Numbers {
    if all { Numbers::All } else { Numbers::Judged }
}

/// Runs all profiles. A profile whose program is not installed is reported as skipped and fails nothing.
pub(super) fn perform(requests: &[Request], output: &Output) -> Result<Exit, Failure> {
    output.baselines.check(&output.out, requests)?;
    let able = requests.iter().map(able).collect::<Result<Vec<_>, _>>()?;
    // What cannot be kept is not measured.
    store::check(&output.out)?;
    if let Some(file) = output.history() {
        history::check(&file).map_err(|error| match error {
            HistoryError::Write(..) => Failure::new(Exit::Target, error),
            HistoryError::Read(..) | HistoryError::Parse { .. } => Failure::usage(error),
        })?;
    }
    let mut interrupt = super::exit::interrupt()?;
    let mut worst = Exit::Pass;
    let mut runs = Vec::new();
    for (request, able) in requests.iter().zip(able) {
        if interrupt.requested() {
            worst = Exit::Interrupted;
            break;
        }
        let exit = match able {
            // An error in writing is reported, and the next profile is run all the same.
            Ok(()) => run_one(request, output, &mut interrupt, &mut runs),
            Err(missing) => {
                runs.push(skip(request, missing, output));
                Exit::Pass
            }
        };
        worst = worst.worse(exit);
        if exit == Exit::Interrupted {
            break;
        }
    }
    if output.is_json() {
        super::print_raw(&super::to_json(&runs));
    } else if requests.len() > 1 {
        say(&closing(&runs));
    }
    Ok(worst)
}

/// Whether this machine can run the profile, or why it is skipped.
fn able(request: &Request) -> Result<Result<(), String>, Failure> {
    match run::check(request) {
        Ok(()) => Ok(Ok(())),
        Err(RunError::Missing(what)) => Ok(Err(what)),
        Err(RunError::Impossible { path, message }) => {
            Err(Failure::usage(request.source.fault_at(&path, &message)))
        }
        Err(error) => Err(Failure::new(super::exit::exit_of(&error), named(request, &error))),
    }
}

/// An error behind the name of its profile. `badpeer bench` has no profile.
fn named(request: &Request, error: &RunError) -> String {
    if request.source.file.is_empty() { error.to_string() } else { format!("{}: {error}", request.name) }
}

fn skip(request: &Request, missing: String, output: &Output) -> RunJson {
    if !output.is_json() {
        let style = super::console::style(output.verbose);
        say(&report::terminal::skipped(&request.name, &request.profile.title, &missing, style));
    }
    RunJson {
        profile: request.name.clone(),
        verdict: SKIP,
        interrupted: false,
        meaning: None,
        price: Vec::new(),
        started: None,
        error: None,
        skipped: Some(missing),
        reports: None,
        baseline: None,
        points: Vec::new(),
    }
}

fn run_one(request: &Request, output: &Output, interrupt: &mut Interrupt, runs: &mut Vec<RunJson>) -> Exit {
    let store = match Store::new(&output.out, &request.name) {
        Ok(store) => store,
        Err(failure) => {
            complain(&failure.message);
            return failure.exit;
        }
    };
    let mut watcher = Watcher { store: &store, repeat: 0, bar: Bar::new(output.is_quiet()), unwritten: None };
    let (record, result) = run::run(request, interrupt, &mut watcher);
    watcher.bar.clear();
    let unwritten = watcher.unwritten.take();
    let named = |error: &RunError| named(request, error);
    conclude(&record, &result, &named, unwritten, &store, output, runs)
}

/// Reports and judges a record that was made elsewhere, and leaves it as a run does.
pub(super) fn report_record(record: &Record, output: &Output) -> Result<Exit, Failure> {
    store::check(&output.out)?;
    let store = Store::new(&output.out, &record.name)?;
    let mut runs = Vec::new();
    let exit = conclude(record, &Ok(()), &ToString::to_string, None, &store, output, &mut runs);
    if output.is_json() {
        super::print_raw(&super::to_json(&runs));
    }
    Ok(exit)
}

/// Says what a record came to, and leaves it with its reports. `unwritten`: what could not be written before.
fn conclude(
    record: &Record,
    result: &Result<(), RunError>,
    named: &dyn Fn(&RunError) -> String,
    unwritten: Option<Failure>,
    store: &Store,
    output: &Output,
    runs: &mut Vec<RunJson>,
) -> Exit {
    let measured = record.points.iter().any(|point| !point.repeats.is_empty());
    let is_finished = result.is_ok() && !record.interrupted;
    let (comparison, left) =
        if measured { leave(record, store, output, is_finished) } else { (None, Ok(())) };
    let left = unwritten.map_or(left, Err);
    match result {
        // The verdict of a record says so.
        Err(RunError::Died(_)) if measured && !output.is_json() && record.died().is_some() => {}
        Err(error) => complain(&named(error)),
        Ok(()) => {}
    }
    let since = baseline::exit(comparison.as_ref());
    let worse = comparison.as_ref().filter(|_| record.verdict() == Verdict::Pass && since != Exit::Pass);
    runs.push(RunJson {
        profile: record.name.clone(),
        verdict: worse.map_or(record.verdict().word(), |comparison| comparison.verdict.word()),
        interrupted: record.interrupted,
        meaning: measured.then(|| worse.map_or_else(|| report::meaning(record), report::baseline::meaning)),
        price: report::price::headlines(record),
        started: Some(record.started.clone()),
        error: result.as_ref().err().map(ToString::to_string),
        skipped: None,
        reports: measured.then(|| store.folder().to_owned()),
        baseline: comparison,
        points: output.points(record),
    });
    let exit = exit(record, result).worse(since);
    if let Err(failure) = left {
        complain(&failure.message);
        return exit.worse(failure.exit);
    }
    exit
}

/// Prints the result of the record and then writes the reports, so that the result is printed even if writing fails.
fn leave(
    record: &Record,
    store: &Store,
    output: &Output,
    is_finished: bool,
) -> (Option<BaselineComparison>, Result<(), Failure>) {
    let weighed = output.baselines.weigh(&output.out, record);
    let comparison = weighed.as_ref().ok().cloned().flatten();
    if !output.is_json() {
        print(record, store, comparison.as_ref(), output);
    }
    github::tell(
        || CiReport::of_run(record, comparison.as_ref(), Numbers::Judged),
        || report::markdown::record(record, comparison.as_ref()),
    );
    let written = weighed.and_then(|_| write(record, comparison.as_ref(), store, output, is_finished));
    (comparison, written)
}

fn write(
    record: &Record,
    comparison: Option<&BaselineComparison>,
    store: &Store,
    output: &Output,
    is_finished: bool,
) -> Result<(), Failure> {
    store.write(record)?;
    if let Some(comparison) = comparison {
        store.write_baseline_comparison(comparison)?;
    }
    report::files(record, comparison, &output.format, numbers(output.all_metrics))
        .and_then(|files| report::write(files, store.folder()))
        .map_err(|e| Failure::new(Exit::Target, format!("cannot write the reports: {e}")))?;
    if let Some(file) = output.history() {
        history::append(&file, record).map_err(|error| {
            Failure::new(Exit::Target, format!("cannot add to the history {}: {error}", file.display()))
        })?;
    }
    let is_sound = is_finished && record.verdict() != Verdict::Invalid;
    if let Some(message) = output.baselines.keep(&output.out, record, is_sound)?.filter(|_| !output.is_json())
    {
        say(&format!("{message}\n"));
    }
    Ok(())
}

/// The result of a run for the terminal.
fn print(record: &Record, store: &Store, comparison: Option<&BaselineComparison>, output: &Output) {
    let style = super::console::style(output.verbose);
    if output.quiet {
        say(&report::terminal::verdicts(record, style));
    } else {
        say(&report::terminal::render(record, style));
        match store.folder().join("index.html") {
            page if output.format.contains(&Format::Html) => say(&format!("page: {}\n", page.display())),
            _ => say(&format!("reports: {}\n", store.folder().display())),
        }
    }
    if let Some(comparison) = comparison {
        say(&report::terminal::baseline(comparison, style));
    }
}

fn exit(record: &Record, result: &Result<(), RunError>) -> Exit {
    match result {
        // What a server does under load is found out, and not a fault of the surroundings.
        Err(RunError::Died(_)) => Exit::Failed,
        Err(error) => super::exit::exit_of(error),
        Ok(()) if record.interrupted => Exit::Interrupted,
        Ok(()) => Exit::of(record.verdict(), true),
    }
}

/// Shows progress, and keeps the record on disk up to date.
struct Watcher<'a> {
    store: &'a Store,
    /// The number of the repeat under way.
    repeat: usize,
    bar: Bar,
    /// Whether something could not be written, which is reported when the run is over.
    unwritten: Option<Failure>,
}

impl Observer for Watcher<'_> {
    fn repeat(&mut self, number: usize, of: usize, axes: &Axes, profile: &Profile) {
        let point: Vec<String> = axes.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        let which = if of > 1 { format!(" {number}/{of}") } else { String::new() };
        self.repeat = number;
        let name = format!("{}{which}{}", self.store.name(), point.concat());
        match profile.core {
            Some(_) => self.bar.start(&name, Duration::ZERO, "experimenting"),
            None => self.bar.start(&name, profile.duration(), "starting the server"),
        }
    }

    fn sample(&mut self, progress: &Progress) {
        self.bar.show(progress);
    }

    fn folder(&self) -> Option<&Path> {
        Some(self.store.folder())
    }

    fn output(&mut self, file: &Path) {
        self.unwritten =
            self.store.keep(file, &format!("server-{}.log", self.repeat)).err().or(self.unwritten.take());
    }

    fn repeat_done(&mut self, record: &Record) {
        self.bar.clear();
        self.unwritten = self.store.write(record).err().or(self.unwritten.take());
    }
}
