//! Reads what shards and an observer have left in a folder, and says which of them are missing, and why.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    error::MergeError,
    identity::{FORMAT, Identity, sha256, start},
    part::{ObserverPart, Part},
    state::{Stage, State, stem},
};
use crate::{client::Shard, run::repeat};

/// Counts and times of a shard lie below this, which is six days in nanoseconds: those of all shards can be added up.
const MOST_OF_A_SHARD: u64 = 1 << 49;
/// Instants of a machine's clock lie below this.
const MOST_OF_A_CLOCK: u64 = 1 << 62;

/// Most shards: their number and that of their threads are multiplied.
pub(super) const MOST_SHARDS: u32 = 10_000;

/// What was left in a folder.
pub(super) struct Collected {
    pub(super) run: Identity,
    /// What can be used of the shards.
    pub(super) parts: Vec<(State, Part)>,
    pub(super) observer: Option<(State, ObserverPart)>,
    /// What is lost, late, dead or damaged, in words: then the run is not valid.
    pub(super) missing: Vec<String>,
    /// What of the observer cannot be used, in words.
    pub(super) notes: Vec<String>,
}

/// Reads a folder.
pub(super) fn collect(folder: &Path) -> Result<Collected, MergeError> {
    let states = states(folder)?;
    let (shards, observers): (Vec<_>, Vec<_>) = states.iter().partition(|(_, state)| state.shard.is_some());
    let Some((first_path, first)) = shards.first() else {
        return Err(MergeError::Unreadable(format!(
            "no shard has left a file in {}: give the folder that `badpeer run --shard` had as --out",
            folder.display()
        )));
    };
    for (path, state) in shards.iter().skip(1).chain(&observers) {
        let differences = first.run.differences(&state.run);
        if !differences.is_empty() {
            return Err(MergeError::Different(format!(
                "{} and {} are of different runs: {} differ{}; use an empty --out for each run, and the same badpeer and \
                 profile everywhere",
                first_path.display(),
                path.display(),
                differences.join(", "),
                if differences.len() == 1 { "s" } else { "" },
            )));
        }
    }
    let run = first.run.clone();
    if !(1..=MOST_SHARDS).contains(&run.shards) {
        return Err(MergeError::Unreadable(format!("{} names {} shards", first_path.display(), run.shards)));
    }
    let mut found =
        Collected { run, parts: Vec::new(), observer: None, missing: Vec::new(), notes: Vec::new() };
    for index in 0..found.run.shards {
        let shard = Shard { index, of: found.run.shards };
        let state = shards.iter().map(|(_, state)| state).find(|state| state.shard == Some(index + 1));
        found.add_shard(folder, shard, state.map(|state| (*state).clone()));
    }
    for (_, state) in observers {
        found.add_observer(folder, state.clone());
    }
    Ok(found)
}

/// The files of all, with their paths, the first shard first.
fn states(folder: &Path) -> Result<Vec<(PathBuf, State)>, MergeError> {
    let no =
        |path: &Path, why: String| MergeError::Unreadable(format!("cannot read {}: {why}", path.display()));
    let entries = fs::read_dir(folder).map_err(|error| no(folder, error.to_string()))?;
    let is_state = |name: &str| {
        let is_ours = name == "observer.json"
            || (name.starts_with("shard-") && Path::new(name).extension().is_some_and(|end| end == "json"));
        is_ours && !name.ends_with(".part.json")
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut states = Vec::new();
    for path in names.filter(|name| is_state(name)).map(|name| folder.join(name)) {
        let text = fs::read_to_string(&path).map_err(|error| no(&path, error.to_string()))?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| no(&path, format!("it is damaged: {error}")))?;
        let format = value.get("format").and_then(Value::as_u64);
        if format != Some(FORMAT.into()) {
            let format = format.map_or_else(|| "unknown".to_owned(), |format| format.to_string());
            let why = format!("its format is {format}, but this badpeer reads format {FORMAT}");
            return Err(MergeError::Different(format!("{}: {why}", path.display())));
        }
        let state: State =
            serde_json::from_value(value).map_err(|error| no(&path, format!("it is damaged: {error}")))?;
        states.push((path, state));
    }
    states.sort_by_key(|(path, state)| (state.shard, path.clone()));
    Ok(states)
}

impl Collected {
    fn add_shard(&mut self, folder: &Path, shard: Shard, state: Option<State>) {
        let who = format!("shard {} of {}", shard.index + 1, shard.of);
        let Some(state) = state else {
            self.missing.push(format!(
                "{who} is lost: it left no file, so it never started or wrote into another folder"
            ));
            return;
        };
        let who = format!("{who} ({}, process {})", state.host.name, state.process);
        self.missing.extend(how_it_ended(&who, &state));
        if state.part.is_none() {
            return;
        }
        let bounds = [("kept", MOST_OF_A_SHARD), ("ticks", MOST_OF_A_SHARD), ("host", MOST_OF_A_SHARD)];
        let read = part::<Part>(folder, &state, &bounds).and_then(|part| self.check(shard, part));
        match read {
            Ok(part) => self.parts.push((state, part)),
            Err(why) => self.missing.push(format!("what {who} measured is left out: {why}")),
        }
    }

    fn add_observer(&mut self, folder: &Path, state: State) {
        if state.part.is_none() {
            let ended = how_it_ended("the observer", &state).unwrap_or_default();
            self.notes.push(format!("{ended}: what only it could see is missing"));
            return;
        }
        match part::<ObserverPart>(folder, &state, &[("seen", MOST_OF_A_CLOCK)]) {
            Ok(part) if part.run == state.run => self.observer = Some((state, part)),
            Ok(_) => self.notes.push("what the observer saw is left out: it is of another run".to_owned()),
            Err(why) => self.notes.push(format!("what the observer saw is left out: {why}")),
        }
    }

    /// Whether a part is that of this shard in this run.
    fn check(&self, shard: Shard, part: Part) -> Result<Part, String> {
        if part.run != self.run || part.shard != shard {
            return Err("it is of another run".to_owned());
        }
        let address = part.of.address.parse().map_err(|_| format!("`{}` is no address", part.of.address))?;
        let plan = repeat::plan(
            &part.of.profile,
            address,
            self.run.seed,
            0,
            part.of.profile.client_threads.of_shard(),
            None,
        );
        let groups = plan.groups.len();
        part.ticks.iter().try_for_each(|tick| tick.restored(groups).map(drop))?;
        part.kept.check(&plan)?;
        Ok(part)
    }
}

/// Why what a shard did is not whole, if it is not.
fn how_it_ended(who: &str, state: &State) -> Option<String> {
    let message = state.message.clone().unwrap_or_default();
    match (state.state, state.exit) {
        (Stage::Finished, Some(0)) => None,
        (Stage::Finished, _) => Some(format!("{who} is not valid: {message}")),
        (Stage::Running, _) => Some(format!(
            "{who} did not finish: its file still says `running`, for a start at {}; it was killed, or still runs",
            start(state.run.start_ns)
        )),
        (Stage::Late, _) => Some(format!("{who} was late: {message}")),
        (Stage::Interrupted, _) => Some(format!("{who} was interrupted")),
        (Stage::Failed, _) => Some(format!("{who} failed: {message}")),
    }
}

/// What was measured, if the file is the one that was written, and no number under these keys is larger than it can be.
fn part<T: DeserializeOwned>(folder: &Path, state: &State, bounds: &[(&str, u64)]) -> Result<T, String> {
    let Some(wanted) = &state.part else { return Err("there is none".to_owned()) };
    let shard = state.shard.map(|number| Shard { index: number.saturating_sub(1), of: state.run.shards });
    let name = format!("{}.part.json", stem(shard));
    if wanted.name != name {
        return Err(format!("its file is called {}, not {name}", wanted.name));
    }
    let bytes = fs::read(folder.join(&name)).map_err(|error| format!("cannot read {name}: {error}"))?;
    let found = sha256(&bytes);
    if found != wanted.sha256 {
        return Err(format!("{name} is damaged: its SHA-256 is {found}, but {} was written", wanted.sha256));
    }
    let damaged = |why: String| format!("{name} is damaged: {why}");
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    for (key, most) in bounds {
        if let Some(number) = value.get(*key).and_then(|value| number_above(value, *most)) {
            return Err(damaged(format!("no number of `{key}` can be as large as {number}")));
        }
    }
    serde_json::from_value(value).map_err(|error| damaged(error.to_string()))
}

/// A whole number that is larger than that.
fn number_above(value: &Value, most: u64) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().filter(|number| *number > most),
        Value::Array(values) => values.iter().find_map(|value| number_above(value, most)),
        Value::Object(values) => values.values().find_map(|value| number_above(value, most)),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}
