//! Runs that are kept to be compared with: `OUT/baselines/NAME/PROFILE.json`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{Exit, Failure, store};
use crate::{
    files,
    gate::{self, Against, Call},
    record::{Point, Record, Trial},
};

/// What is kept, and what is compared with.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Baselines {
    /// Keep the records under this name, to compare later runs with; a run with errors, or with requests that nobody
    /// answered, is not kept, which is exit code 1
    #[arg(long, value_name = "NAME", value_parser = name)]
    save_baseline: Option<String>,

    /// Compare with the records that were kept under this name; worse in every repeat, or errors and silence of this run
    /// whatever the kept one had, is exit code 1; numbers that the kept one has and this one lacks are 4
    #[arg(long, value_name = "NAME", value_parser = name)]
    baseline: Option<String>,
}

fn name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() || text.starts_with('.') || !text.chars().all(is_plain) {
        return Err("write letters, digits, `.`, `_` and `-`".to_owned());
    }
    Ok(text.to_owned())
}

fn file(out: &Path, name: &str, profile: &str) -> PathBuf {
    out.join("baselines").join(name).join(format!("{}.json", files::name(profile)))
}

/// Two profiles whose baselines would be one file.
fn of_one_file<'a>(profiles: &[&'a str]) -> Option<[&'a str; 2]> {
    let mut seen = HashMap::new();
    profiles.iter().find_map(|profile| seen.insert(files::name(profile), *profile).map(|one| [one, *profile]))
}

impl Baselines {
    /// Whether every baseline that is asked for is there and can be read, and none would take the place of another: told
    /// before anything is run.
    pub(super) fn check(&self, out: &Path, profiles: &[&str]) -> Result<(), Failure> {
        let is_asked = self.save_baseline.is_some() || self.baseline.is_some();
        if let Some([one, other]) = of_one_file(profiles).filter(|_| is_asked) {
            let which = if one == other { format!("called {one}") } else { format!("{one} and {other}") };
            return Err(Failure::usage(format!(
                "two profiles are {which}, and their baselines would be one file: run one of them, or rename it"
            )));
        }
        let Some(name) = &self.baseline else { return Ok(()) };
        for profile in profiles {
            let file = file(out, name, profile);
            if !file.is_file() {
                return Err(Failure::usage(format!(
                    "there is no baseline `{name}` of {profile} ({} is missing); make it with `badpeer run {profile} \
                     --repeats 5 --save-baseline {name}`",
                    file.display()
                )));
            }
            store::read(&file)?;
        }
        Ok(())
    }

    /// The record against its baseline, if one is asked for.
    pub(super) fn weigh(&self, out: &Path, record: &Record) -> Result<Option<Against>, Failure> {
        let Some(name) = &self.baseline else { return Ok(None) };
        let then = store::read(&file(out, name, &record.name))?;
        Ok(Some(Against::of(name, &then, record)))
    }

    /// Keeps the record, if that is asked for, and says so; one that was cut short or proves nothing is none to compare with,
    /// nor is one with errors or silence, which is a failure.
    pub(super) fn keep(
        &self,
        out: &Path,
        record: &Record,
        is_sound: bool,
    ) -> Result<Option<String>, Failure> {
        let Some(name) = &self.save_baseline else { return Ok(None) };
        if !is_sound {
            return Ok(Some("not kept as a baseline: it was cut short, or proves nothing".to_owned()));
        }
        let faults = gate::unfit(record);
        if !faults.is_empty() {
            return Err(Failure::new(
                Exit::Failed,
                format!(
                    "{}: not kept as a baseline: {}. A baseline must be a run without errors and silence: mend the server \
                     or ask for less, and run again; where this is the question, expect it in [expect]",
                    record.name,
                    faults.join("; ")
                ),
            ));
        }
        let no_repeat_tells = |point: &Point| !point.trials.iter().any(Trial::is_sound);
        if let Some(why) = record.doubt().filter(|_| record.points.iter().any(no_repeat_tells)) {
            return Err(Failure::new(
                Exit::Invalid,
                format!("{}: not kept as a baseline: {}", record.name, why.trim_end_matches('.')),
            ));
        }
        let file = file(out, name, &record.name);
        let written = store::put(&file, record);
        written.map_err(|e| Failure::new(Exit::Target, format!("cannot write {}: {e}", file.display())))?;
        Ok(Some(format!("kept as a baseline: {}", file.display())))
    }
}

/// The exit code of a run against its baseline.
pub(super) fn exit(against: Option<&Against>) -> Exit {
    match against.map(|against| (against.call, against.lost.is_empty())) {
        Some((Call::Regression | Call::Fail, _)) => Exit::Failed,
        Some((Call::Invalid, _) | (_, false)) => Exit::Invalid,
        Some((Call::Pass | Call::Inconclusive, true)) | None => Exit::Pass,
    }
}
