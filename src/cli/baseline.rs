//! Baselines: runs that are kept for later comparisons, in `OUT/baselines/NAME/PROFILE.json`.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use super::{Exit, Failure, sources::stem, store};
use crate::{
    files,
    gate::{self, BaselineComparison},
    profile::Profile,
    record::{Point, Record, Repeat},
    run::Request,
};

/// Which baseline a run is saved as or compared with.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Baselines {
    /// Keep the records under this name, so that later runs can be compared with them. A run with errors or unanswered
    /// requests is not kept, and the exit code is 1
    #[arg(long, value_name = "NAME", value_parser = name)]
    save_baseline: Option<String>,

    /// Compare with the records that were kept under this name. The exit code is 1 if a metric is worse in every
    /// repeat, or if this run has errors or unanswered requests, whatever the baseline had; it is 4 if this run lacks a
    /// metric of the baseline
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

/// Two profiles whose baselines would be the same file.
fn of_one_file<'a>(profiles: &[&'a str]) -> Option<[&'a str; 2]> {
    let mut seen = HashMap::new();
    profiles.iter().find_map(|profile| seen.insert(files::name(profile), *profile).map(|one| [one, *profile]))
}

/// The profile of a run: its title and how it was named on the command line.
struct Asked<'a> {
    name: &'a str,
    profile: &'a Profile,
    command: &'a [String],
}

impl<'a> Asked<'a> {
    fn of(record: &'a Record) -> Self {
        Self { name: &record.name, profile: &record.profile, command: &record.command }
    }

    /// Whether a record is of another profile: one in another file, or one with another title and another content. A
    /// profile whose content or title alone was changed counts as the same. The profiles of `bench` have no file and no
    /// title of their own.
    fn is_other_than(&self, kept: &Self) -> bool {
        if self.name != kept.name || self.is_of_bench() != kept.is_of_bench() {
            return true;
        }
        if self.is_of_bench() {
            return false;
        }
        let is_elsewhere = self.file().zip(kept.file()).is_some_and(|(file, kept)| file != kept);
        let is_another_question =
            self.profile.title != kept.profile.title && !gate::is_same_setting(self.profile, kept.profile);
        is_elsewhere || is_another_question
    }

    fn is_of_bench(&self) -> bool {
        self.command.get(1).is_some_and(|word| word == "bench")
    }

    /// The profile's file, if it was named by a file that still exists.
    fn file(&self) -> Option<PathBuf> {
        let words = self.command.iter().skip(2).filter(|word| stem(word) == self.name);
        words.filter_map(|word| fs::canonicalize(word).ok()).find(|file| file.is_file())
    }
}

impl Baselines {
    /// Checks before the run that every requested baseline exists and can be read, and that none would replace another.
    pub(super) fn check(&self, out: &Path, requests: &[Request]) -> Result<(), Failure> {
        let profiles: Vec<&str> = requests.iter().map(|request| request.name.as_str()).collect();
        for request in requests {
            let kept_as = request.profile.without_secrets();
            self.spare(out, &Asked { name: &request.name, profile: &kept_as, command: &request.command })?;
        }
        let is_asked = self.save_baseline.is_some() || self.baseline.is_some();
        if let Some([one, other]) = of_one_file(&profiles).filter(|_| is_asked) {
            let which = if one == other { format!("called {one}") } else { format!("{one} and {other}") };
            return Err(Failure::usage(format!(
                "two profiles are {which}, so their baselines would be the same file: run only one of them, or rename \
                 it"
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

    /// Checks that an existing baseline of this name, if one is to be saved, does not belong to another profile. A file
    /// that cannot be read belongs to no profile.
    fn spare(&self, out: &Path, asked: &Asked<'_>) -> Result<(), Failure> {
        let Some(name) = &self.save_baseline else { return Ok(()) };
        let file = file(out, name, asked.name);
        let kept = if file.is_file() { store::read(&file).ok() } else { None };
        match kept.filter(|kept| asked.is_other_than(&Asked::of(kept))) {
            None => Ok(()),
            Some(_) => Err(Failure::usage(format!(
                "{}: the baseline `{name}` in {} belongs to another profile and would be replaced: rename the \
                 profile's file, choose another name for --save-baseline, or delete that file",
                asked.name,
                file.display()
            ))),
        }
    }

    /// The comparison of the record with its baseline, if one is requested.
    pub(super) fn weigh(&self, out: &Path, record: &Record) -> Result<Option<BaselineComparison>, Failure> {
        let Some(name) = &self.baseline else { return Ok(None) };
        let then = store::read(&file(out, name, &record.name))?;
        Ok(Some(BaselineComparison::of(name, &then, record)))
    }

    /// Saves the record as a baseline, if requested, and reports it. An interrupted or invalid run is not saved; a run
    /// with errors or unanswered requests is not saved either, and fails.
    pub(super) fn keep(
        &self,
        out: &Path,
        record: &Record,
        is_sound: bool,
    ) -> Result<Option<String>, Failure> {
        let Some(name) = &self.save_baseline else { return Ok(None) };
        if !is_sound {
            return Ok(Some("not kept as a baseline: the run was interrupted or is not valid".to_owned()));
        }
        let faults = gate::unfit(record);
        if !faults.is_empty() {
            return Err(Failure::new(
                Exit::Failed,
                format!(
                    "{}: not kept as a baseline: {}. A baseline must be a run without errors and unanswered requests: \
                     fix the server, reduce the load, or declare the errors in [expect]",
                    record.name,
                    faults.join("; ")
                ),
            ));
        }
        let no_repeat_tells = |point: &Point| !point.repeats.iter().any(Repeat::is_sound);
        if let Some(why) = record.doubt().filter(|_| record.points.iter().any(no_repeat_tells)) {
            return Err(Failure::new(
                Exit::Invalid,
                format!("{}: not kept as a baseline: {}", record.name, why.trim_end_matches('.')),
            ));
        }
        self.spare(out, &Asked::of(record))?;
        let file = file(out, name, &record.name);
        let written = store::put(&file, record);
        written.map_err(|e| Failure::new(Exit::Target, format!("cannot write {}: {e}", file.display())))?;
        Ok(Some(format!("kept as a baseline: {}", file.display())))
    }
}

/// The exit code of the comparison of a run with its baseline.
pub(super) fn exit(comparison: Option<&BaselineComparison>) -> Exit {
    let of = |comparison: &BaselineComparison| match Exit::of(comparison.verdict, false) {
        Exit::Pass if !comparison.lost.is_empty() => Exit::Invalid,
        exit => exit,
    };
    comparison.map_or(Exit::Pass, of)
}
