//! `badpeer run`: from profiles to verdicts.

use std::{
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Exit, Failure, complain, progress::Bar, say, store::Store};
use crate::{
    profile::{Axes, Profile, SHIPPED, Source, TOUR},
    record::{Outcome, Record},
    report,
    run::{self, Interrupt, Observer, Progress, Request, RunError},
    units::Span,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names (see `badpeer list profiles`) or paths; none: the quick tour
    #[arg(value_name = "PROFILE")]
    profiles: Vec<String>,

    /// Run every profile that comes with badpeer
    #[arg(long, conflicts_with = "profiles")]
    all: bool,

    /// Folder for the reports
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,

    /// Seed of everything random
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,

    /// How often each profile is run
    #[arg(long, value_name = "N")]
    repeats: Option<u32>,

    /// Length of the measured window, where there are clients
    #[arg(long, short = 'd', value_name = "TIME")]
    duration: Option<Span>,

    /// Time between two samples, where there are clients
    #[arg(long, value_name = "TIME")]
    sample_every: Option<Span>,

    /// Set a key of the profile: server.send_limit=off, clients.NAME.count=10
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,

    /// Say nothing but the verdicts
    #[arg(long, short)]
    quiet: bool,

    /// Print the verdicts and all numbers as JSON
    #[arg(long)]
    json: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, as in server.send_limit=off")?;
    if key.is_empty() {
        return Err("the key is missing".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

impl Args {
    /// The profiles that are asked for.
    fn names(&self) -> Vec<String> {
        if self.all {
            return SHIPPED.iter().map(|shipped| shipped.name.to_owned()).collect();
        }
        if self.profiles.is_empty() {
            return TOUR.iter().map(|&name| name.to_owned()).collect();
        }
        self.profiles.clone()
    }

    /// Every option that stands for a key of the profile, as such; a core experiment has no window.
    fn overrides(&self, is_core: bool) -> Axes {
        let key = |key: &str, value: Option<String>| value.map(|value| (key.to_owned(), value));
        let window = |span: Option<Span>| span.filter(|_| !is_core).map(|span| span.to_string());
        [
            key("seed", self.seed.map(|n| n.to_string())),
            key("repeats", self.repeats.map(|n| n.to_string())),
            key("measure", window(self.duration)),
            key("sample_every", window(self.sample_every)),
        ]
        .into_iter()
        .flatten()
        .chain(self.set.iter().cloned())
        .collect()
    }
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let names = args.names();
    // Every profile is read before the first is run: a fault in the last one is told at once.
    let requests: Vec<Request> = names.iter().map(|name| request(name, args)).collect::<Result<_, _>>()?;
    for request in &requests {
        let impossible = |error: RunError| {
            let exit = if matches!(error, RunError::Impossible(_)) { Exit::Usage } else { Exit::Target };
            Failure::new(exit, format!("{}: {error}", request.name))
        };
        run::check(request).map_err(impossible)?;
    }
    let mut interrupt =
        Interrupt::new().map_err(|e| Failure::new(Exit::Target, format!("cannot wait for signals: {e}")))?;
    let mut worst = Exit::Pass;
    let mut outcomes = Vec::new();
    for request in &requests {
        if interrupt.requested() {
            worst = Exit::Interrupted;
            break;
        }
        let exit = run_one(request, args, &mut interrupt, &mut outcomes)?;
        worst = worst.max(exit);
        if exit == Exit::Interrupted {
            break;
        }
    }
    if args.json {
        say(&super::to_json(&outcomes));
    } else if requests.len() > 1 {
        say(&closing(&outcomes));
    }
    Ok(worst)
}

/// A line for each profile that was run.
fn closing(outcomes: &[Done]) -> String {
    let lines: Vec<String> =
        outcomes.iter().map(|done| format!("{:<12} {}", done.outcome.word(), done.profile)).collect();
    lines.join("\n")
}

/// What is printed of a profile with `--json`.
#[derive(serde::Serialize)]
struct Done {
    profile: String,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reports: Option<PathBuf>,
    points: Vec<crate::record::Point>,
}

fn request(name: &str, args: &Args) -> Result<Request, Failure> {
    let source = source(name)?;
    let is_core = source.parse(&args.set).map_err(Failure::usage)?.core.is_some();
    let overrides = args.overrides(is_core);
    Ok(Request {
        name: stem(name),
        profile: source.parse(&overrides).map_err(Failure::usage)?,
        points: source.expand(&overrides).map_err(Failure::usage)?,
        command: std::env::args().collect(),
    })
}

fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// A shipped profile's text, or a file's.
fn source(name: &str) -> Result<Source, Failure> {
    if let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == name) {
        return Ok(shipped.source());
    }
    match fs::read_to_string(name) {
        Ok(text) => Ok(Source { file: name.to_owned(), text }),
        Err(error) => {
            let known: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
            Err(Failure::usage(format!(
                "cannot read the profile `{name}`: {error}; give a path, or one of: {}",
                known.join(", ")
            )))
        }
    }
}

fn run_one(
    request: &Request,
    args: &Args,
    interrupt: &mut Interrupt,
    outcomes: &mut Vec<Done>,
) -> Result<Exit, Failure> {
    let store = Store::new(&args.out, &request.name)?;
    let mut watcher = Watcher { store: &store, bar: Bar::new(args.quiet || args.json), unwritten: None };
    let (record, result) = run::run(request, interrupt, &mut watcher);
    watcher.bar.clear();
    if let Some(failure) = watcher.unwritten.take() {
        return Err(failure);
    }
    let measured = record.points.iter().any(|point| !point.trials.is_empty());
    if measured {
        store.write(&record)?;
        report::write(&record, report::Format::DEFAULT, store.folder())
            .map_err(|e| Failure::new(Exit::Target, format!("cannot write the reports: {e}")))?;
    }
    let color =
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if measured && !args.json {
        if args.quiet {
            say(&report::terminal::verdicts(&record, color));
        } else {
            say(&report::terminal::render(&record, color));
            say(&format!("page: {}\n", store.folder().join("index.html").display()));
        }
    }
    if let Err(error) = &result {
        complain(&format!("{}: {error}", request.name));
    }
    outcomes.push(Done {
        profile: request.name.clone(),
        outcome: record.outcome(),
        error: result.as_ref().err().map(ToString::to_string),
        reports: measured.then(|| store.folder().to_owned()),
        points: if args.json { record.points.clone() } else { Vec::new() },
    });
    Ok(exit(&record, &result))
}

fn exit(record: &Record, result: &Result<(), RunError>) -> Exit {
    match result {
        Err(RunError::Impossible(_)) => Exit::Usage,
        Err(_) => Exit::Target,
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
    bar: Bar,
    /// The record could not be written: told when the run is over.
    unwritten: Option<Failure>,
}

impl Observer for Watcher<'_> {
    fn trial(&mut self, number: usize, of: usize, axes: &Axes, profile: &Profile) {
        let point: Vec<String> = axes.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        let which = if of > 1 { format!(" {number}/{of}") } else { String::new() };
        let name = format!("{}{which}{}", self.store.name(), point.concat());
        match profile.core {
            Some(_) => self.bar.start(&name, Duration::ZERO, "experimenting"),
            None => self.bar.start(&name, profile.duration(), "starting the server"),
        }
    }

    fn sample(&mut self, progress: &Progress) {
        self.bar.show(progress);
    }

    fn trial_done(&mut self, record: &Record) {
        self.bar.clear();
        self.unwritten = self.store.write(record).err();
    }
}
