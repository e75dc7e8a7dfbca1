//! Parser of profiles; errors name the file, the line and the key.

use std::slice;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::{Table, Value};

use super::{
    explanation::{explained, key_at},
    fault::Fault,
    flag::flag,
    keys::Profile,
    overrides::{literal, set},
    place::{line_of, locate, path_at, shown_path, within_section},
    secrets,
    shipped::{SHIPPED, Shipped},
    value::{Axes, plain},
};

/// Points that a sweep may have.
const MOST_POINTS: usize = 1000;

/// Characters of a key and its value that a message shows.
const MOST_SHOWN: usize = 200;

/// A profile's text and where it comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as the user knows it; empty if the text was made of the flags of `badpeer bench`.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// A profile that cannot be run, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", brief(place))]
pub struct ProfileError {
    /// `file:line`, or the flag that is at fault.
    pub place: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// As much of a text as a message has room for.
fn brief(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Source {
    /// Reads the profile, with the values of `overrides` (`server.send_limit`, `off`) in place of its own.
    ///
    /// # Errors
    /// Anything that keeps it from being run, at its line.
    pub fn parse(&self, overrides: &[(String, String)]) -> Result<Profile, ProfileError> {
        let plain: Profile = toml::from_str(&self.text).map_err(|e| self.grammar(&e))?;
        let mut table: Table = toml::from_str(&self.text).map_err(|e| self.grammar(&e))?;
        Profile::check_keys(&table).map_err(|f| self.fault(&f))?;
        if overrides.is_empty() {
            return plain.check().map_err(|f| self.fault(&f)).map(|()| plain);
        }
        for (key, value) in overrides {
            let refused = |message| ProfileError { place: set_by(key, value), message };
            set(&mut table, key, &literal(value)).map_err(refused)?;
            // Set one by one, so that a fault is attributed to the override that made it.
            Profile::deserialize(table.clone()).map_err(|e| refused(explained(e.message())))?;
            Profile::check_keys(&table).map_err(|fault| refused(fault.message))?;
        }
        let profile = Profile::deserialize(table).map_err(|e| self.grammar(&e))?;
        profile.check().map_err(|fault| self.fault_of(&fault, overrides, plain.check().is_ok()))?;
        Ok(profile)
    }

    /// A fault that shows with these overrides: theirs where the profile alone is without one. Named is the override
    /// without which there is no fault, or all of them where each depends on another.
    fn fault_of(&self, fault: &Fault, overrides: &[(String, String)], is_theirs: bool) -> ProfileError {
        if !is_theirs {
            return self.fault(fault);
        }
        let is_fine_without = |at: &usize| self.is_fine(overrides[..*at].iter().chain(&overrides[at + 1..]));
        let one = (0..overrides.len()).rev().find(is_fine_without);
        let blamed = one.map_or(overrides, |at| slice::from_ref(&overrides[at]));
        let place: Vec<String> = blamed.iter().map(|(key, value)| set_by(key, value)).collect();
        let key = shown_path(&self.text, &fault.path);
        let is_named = blamed.len() == 1 && blamed[0].0 == key;
        let message = if is_named { fault.message.clone() } else { format!("{key}: {}", fault.message) };
        ProfileError { place: place.join(" "), message }
    }

    /// Whether the profile can be run with these overrides.
    fn is_fine<'a>(&self, overrides: impl Iterator<Item = &'a (String, String)>) -> bool {
        let mut table: Table = toml::from_str(&self.text).unwrap_or_default();
        let mut overrides = overrides;
        overrides.all(|(key, value)| set(&mut table, key, &literal(value)).is_ok())
            && Profile::deserialize(table).is_ok_and(|profile| profile.check().is_ok())
    }

    /// Every point of the sweep: the keys it sets and the profile with them set. One point without a sweep.
    ///
    /// # Errors
    /// A sweep that sets an unknown key or an impossible value.
    pub fn expand(&self, overrides: &[(String, String)]) -> Result<Vec<(Axes, Profile)>, ProfileError> {
        let base = self.parse(overrides)?;
        let count = base.sweep.values().fold(1_usize, |count, values| count.saturating_mul(values.len()));
        if count > MOST_POINTS {
            let message = format!("{count} combinations are too many: use at most {MOST_POINTS}");
            return Err(self.fault(&Fault { path: vec!["sweep".to_owned()], message }));
        }
        let mut points: Vec<Axes> = vec![Vec::new()];
        for (key, values) in &base.sweep {
            if values.is_empty() {
                let path = vec!["sweep".to_owned(), key.clone()];
                return Err(
                    self.fault(&Fault { path, message: "has no values: add at least one".to_owned() })
                );
            }
            points = points
                .iter()
                .flat_map(|point| {
                    values
                        .iter()
                        .map(move |value| [point.clone(), vec![(key.clone(), plain(value))]].concat())
                })
                .collect();
        }
        points
            .into_iter()
            .map(|axes| {
                let all = [overrides, &axes].concat();
                let profile = self.parse(&all).map_err(|error| self.at_point(error, &axes))?;
                Ok((shown(axes, &base.sweep), profile))
            })
            .collect()
    }

    /// An error of one point: the place of the key that causes it.
    fn at_point(&self, error: ProfileError, axes: &Axes) -> ProfileError {
        let of_sweep = |(key, value): &&(String, String)| error.place == set_by(key, value);
        match axes.iter().find(of_sweep) {
            Some((key, value)) => {
                let path = ["sweep".to_owned(), key.clone()];
                let setting = brief(&secrets::word(&format!("{key}={value}")));
                self.error(locate(&self.text, &path), format!("sweep {setting}: {}", error.message))
            }
            None => error,
        }
    }

    fn grammar(&self, error: &toml::de::Error) -> ProfileError {
        let at =
            error.span().map(|span| span.start + within_section(&self.text[span.start..], error.message()));
        let message = explained(error.message());
        let is_of_value = ["must be ", "unknown value "].iter().any(|start| message.starts_with(start))
            || (message.starts_with('`') && message.contains(" is not "));
        let key = at.filter(|_| is_of_value).and_then(|at| {
            let path = path_at(&self.text, at).filter(|path| !path.is_empty());
            path.map(|path| shown_path(&self.text, &path))
                .or_else(|| key_at(&self.text, at).map(str::to_owned))
        });
        let message = key.map_or_else(|| message.clone(), |key| format!("{key}: {message}"));
        self.error(at.map(|at| line_of(&self.text, at)), message)
    }

    fn fault(&self, fault: &Fault) -> ProfileError {
        if self.file.is_empty() {
            return ProfileError { place: flag(&fault.path).to_owned(), message: fault.message.clone() };
        }
        let key = shown_path(&self.text, &fault.path);
        self.error(locate(&self.text, &fault.path), format!("{key}: {}", fault.message))
    }

    /// A fault that shows only where the profile is to be run: at the line of the keys that lead to it.
    #[must_use]
    pub fn fault_at(&self, path: &[String], message: &str) -> ProfileError {
        self.fault(&Fault { path: path.to_vec(), message: message.to_owned() })
    }

    /// Missing keys are reported at the first line.
    fn error(&self, line: Option<usize>, message: String) -> ProfileError {
        // Nobody has a file with the lines of what comes with the program.
        let shipped = SHIPPED.iter().find(|shipped| shipped.text == self.text);
        let place = match (self.file.as_str(), shipped) {
            ("", _) => "bench".to_owned(),
            (_, Some(shipped)) => shipped.name.to_owned(),
            (file, None) => format!("{file}:{}", line.unwrap_or(1)),
        };
        ProfileError { place, message }
    }
}

impl Shipped {
    /// Its text, for parsing.
    #[must_use]
    pub fn source(&self) -> Source {
        Source { file: format!("profiles/{}.toml", self.name), text: self.text.to_owned() }
    }
}

/// The option that sets it, as messages name it.
fn set_by(key: &str, value: &str) -> String {
    format!("--set {}", secrets::word(&format!("{key}={value}")))
}

/// A point as it is shown and kept: without secrets.
fn shown(axes: Axes, sweep: &IndexMap<String, Vec<Value>>) -> Axes {
    let number = |key: &String, value: &String| {
        let values = sweep.get(key).into_iter().flatten();
        values.map(plain).position(|one| one == *value).map_or(0, |index| index + 1)
    };
    let shown = |(key, value): (String, String)| {
        let value = secrets::swept(&key, &value, number(&key, &value));
        (key, value)
    };
    axes.into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"title = "a test"
measure = "1s"

[server]
send_limit = "1MiB"

[[clients]]
name = "good"
count = 2
load = { depth = 1, payload = "64B" }

[[clients]]
name = "slow reader"
count = 3
load = { rate = "10/s", payload = "16B", answer = "8MiB" }
rx = { slow = { bytes = 1024, every = "100ms" } }

[expect]
corrupt_bytes = "= 0"
"#;

    fn parse(text: &str) -> Result<Profile, ProfileError> {
        Source { file: "x.toml".into(), text: text.into() }.parse(&[])
    }

    fn refused(from: &str, to: &str) -> String {
        assert!(TEXT.contains(from), "{from}");
        parse(&TEXT.replace(from, to)).expect_err(to).to_string()
    }

    fn overridden(key: &str, value: &str) -> Result<Profile, String> {
        let source = Source { file: "x.toml".into(), text: TEXT.into() };
        source.parse(&[(key.into(), value.into())]).map_err(|e| e.to_string())
    }

    #[test]
    fn a_valid_profile_is_parsed() {
        let profile = parse(TEXT).expect("valid");
        assert_eq!((profile.clients.len(), profile.connections(), profile.expectations().len()), (2, 5, 1));
    }

    #[test]
    fn faults_name_file_line_and_key() {
        for (from, to, wanted) in [
            ("count = 2", "cuont = 2", "x.toml:9: unknown key `cuont`"),
            ("count = 2", "cuont = 2", "did you mean `count`?"),
            (
                "count = 2",
                "count = -2",
                "x.toml:9: clients.good.count: must be a whole number from 0 to 4294967295, not -2",
            ),
            ("count = 2", "count = \"two\"", "x.toml:9: clients.good.count: must be a whole number"),
            ("count = 2", "count = 0", "x.toml:9: clients.good.count: must be at least 1"),
            ("\"1MiB\"", "\"1 mile\"", "x.toml:5: server.send_limit: `1 mile` is not a size"),
            ("\"1s\"", "\"0s\"", "x.toml:2: measure: "),
            ("\"1MiB\"", "\"off\"\noverflow = \"pause\"", "x.toml:6: server.overflow: pause needs"),
            ("corrupt_bytes", "corupt_bytes", "x.toml:19: expect.corupt_bytes: there is no metric"),
            (
                "[expect]",
                "[gate]\nserver_rss_growth = \"5%\"\n[expect]",
                "x.toml:19: gate.server_rss_growth: `5%`",
            ),
            ("slow =", "slwo =", "did you mean `slow`?"),
            ("\"slow reader\"", "\"good\"", "x.toml:13: name of group 2 in [[clients]]: there are two"),
            ("[server]", "[server]\nprotocol = \"echo\"", "set server.protocol = \"frame\""),
            (
                "[server]",
                "[server]\nprotocol = \"line\"",
                "speaks frame, the server speaks line: set server.protocol",
            ),
            (
                "[server]",
                "[server]\ncommand = [\"a\"]",
                "x.toml:4: `send_limit` is a knob of the reference server",
            ),
            ("[server]", "[server]\nroot = \"/srv\"", "x.toml:5: server.root: needs protocol = \"http\""),
            ("rx = { slow = { bytes = 1024, every = \"100ms\" } }", "rx = \"half-close\"", "tx only"),
            ("title = ", "title ", "x.toml:1: "),
        ] {
            let message = refused(from, to);
            assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
        }
    }

    #[test]
    fn faults_of_a_core_experiment_name_their_line() {
        let text =
            "title = \"a test\"\n[core]\nexperiment = \"timers\"\narmed = 7\ntick = \"1ms\"\n[expect]\n";
        assert!(parse(text).is_ok());
        for (from, to, wanted) in [
            ("armed", "armd", "x.toml:4: unknown key `armd`"),
            ("\"1ms\"", "\"1 mile\"", "x.toml:5: core.tick: `1 mile` is not a time"),
            ("\"1ms\"", "\"0ms\"", "x.toml:5: core.tick: must be longer than 0"),
            ("timers", "timer", "x.toml:3: core.experiment: unknown value `timer`"),
            ("experiment = \"timers\"", "", "x.toml:2: the key `experiment` is missing"),
            ("[core]", "warmup = 1\n[core]", "x.toml:2: warmup: a [core] experiment has no server"),
        ] {
            let message = parse(&text.replace(from, to)).expect_err(to).to_string();
            assert!(message.contains(wanted), "{message}\nlacks\n{wanted}");
        }
    }

    #[test]
    fn overrides_reach_every_key() {
        let unlimited = overridden("server.send_limit", "off").expect("valid").server;
        assert_eq!(unlimited.reference().expect("the reference server").send_limit.0, None);
        assert_eq!(overridden("clients.slow reader.count", "7").expect("valid").clients[1].count, 7);
        assert_eq!(overridden("clients.0.count", "7").expect("valid").clients[0].count, 7);
        let all = overridden("clients.*.load.payload", "9B").expect("valid").clients;
        assert!(all.iter().all(|group| group.load.payload.0 == 9), "the star is every group");
        assert_eq!(overridden("expect.good.lost", "= 0").expect("valid").expectations().len(), 2);
        assert_eq!(overridden("gate.good.latency_p99", "off").expect("valid").limits().len(), 1);
    }

    #[test]
    fn a_wrong_override_is_reported_as_an_override() {
        let message = overridden("server.send_limt", "off").expect_err("unknown");
        assert!(message.starts_with("--set server.send_limt=off: unknown key"), "{message}");
        assert!(message.contains("did you mean `send_limit`?"), "{message}");
        assert!(
            overridden("clients.goood.count", "1").expect_err("unknown").contains("did you mean `good`?")
        );
    }

    #[test]
    fn a_sweep_expands_to_every_combination() {
        let text = format!(
            "{TEXT}\n[sweep]\n\"server.buffer\" = [\"contiguous\", \"chained\"]\nrepeats = [1, 2, 3]\n"
        );
        let points = Source { file: "x.toml".into(), text }.expand(&[]).expect("valid");
        assert_eq!(points.len(), 6);
        assert_eq!(points[5].0, [("server.buffer".into(), "chained".into()), ("repeats".into(), "3".into())]);
        assert_eq!(points[5].1.repeats, 3);
    }
}
