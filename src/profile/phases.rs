//! Phases: named parts of the measured window, whose figures can be compared with each other.

use std::time::Duration;

use super::{
    fault::{Fault, fault},
    keys::Profile,
};

/// A named part of the measured window. Times are counted from the start of the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase<'a> {
    /// Its name.
    pub name: &'a str,
    /// When it begins.
    pub from: Duration,
    /// When it ends: where the next one begins, or with the measured window.
    pub to: Duration,
}

/// The phase in which good clients are alone, before bad peers come.
pub const BEFORE: &str = "before";
/// The phase in which bad peers are there.
pub const WITH: &str = "with";
/// The phase in which good clients are alone again.
pub const AFTER: &str = "after";

impl Profile {
    /// The phases of the measured window, one after the other.
    #[must_use]
    pub fn phases(&self) -> Vec<Phase<'_>> {
        let mut begins: Vec<(&str, Duration)> =
            self.phases.iter().map(|(name, from)| (name.as_str(), from.0)).collect();
        begins.sort_by_key(|(_, from)| *from);
        let ends = begins.iter().skip(1).map(|(_, from)| *from).chain([self.duration()]);
        begins.iter().zip(ends).map(|(&(name, from), to)| Phase { name, from, to }).collect()
    }

    /// Whether it has the phases that tell what bad peers cost.
    #[must_use]
    pub fn has_price(&self) -> bool {
        [BEFORE, WITH].iter().all(|name| self.phases.contains_key(*name))
    }

    /// Checks that each phase lies in the measured window and is long enough to be sampled.
    pub(super) fn check_phases(&self) -> Result<(), Fault> {
        for Phase { name, from, to } in self.phases() {
            // It is a part of an expectation, and of the name of a file.
            let is_wrong = |c: char| !(c.is_alphanumeric() || c == '-' || c == '_');
            let message = if name.is_empty() || name.contains(is_wrong) {
                "a phase needs a name of letters, digits, `-` and `_`".to_owned()
            } else if from < self.warmup.0 {
                format!("begins before the measured window: use {} (the warm-up) or later", self.warmup)
            } else if from >= self.duration() {
                "begins after the end of the measured window: use an earlier time".to_owned()
            } else if to.saturating_sub(from) < self.sample_every.0 {
                format!("must last at least as long as the time between two samples ({})", self.sample_every)
            } else {
                continue;
            };
            return fault(&["phases", name], message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Source;

    fn parsed(phases: &str, expect: &str) -> Result<Profile, String> {
        let text = format!(
            "title = \"t\"\nwarmup = \"1s\"\nmeasure = \"4s\"\n[[clients]]\nname = \"good\"\ncount = 1\n\
             load = {{ depth = 1, payload = 9 }}\n[phases]\n{phases}\n[expect]\n{expect}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_phase_lasts_until_the_next_one_begins() {
        let profile = parsed("with = '2s'\nafter = '4s'\nbefore = '1s'", "").expect("valid");
        let phases: Vec<_> =
            profile.phases().iter().map(|p| (p.name, p.from.as_secs(), p.to.as_secs())).collect();
        assert_eq!(phases, [("before", 1, 2), ("with", 2, 4), ("after", 4, 5)]);
        let again = toml::to_string(&profile).expect("a profile can be written");
        assert_eq!(toml::from_str::<Profile>(&again).expect("and read again"), profile);
    }

    #[test]
    fn an_impossible_phase_is_refused() {
        for (phases, part) in [
            ("before = '500ms'", "t.toml:9: phases.before: begins before the measured window: use 1s"),
            ("before = '5s'", "phases.before: begins after the end"),
            ("before = '1s'\nwith = '1050ms'", "phases.before: must last at least as long as the time"),
            ("before = '1s'\nwith = '1s'", "must last at least"),
            ("\"a=b\" = '1s'", "a phase needs a name of letters"),
            ("\" a\" = '1s'", "a phase needs a name of letters"),
            ("\"\" = '1s'", "a phase needs a name of letters"),
            ("before = 'soon'", "t.toml:9: phases.before: `soon` is not a time"),
        ] {
            let message = parsed(phases, "").expect_err(phases);
            assert!(message.contains(part), "{message}\nlacks\n{part}");
        }
    }

    #[test]
    fn an_expectation_may_name_a_phase_that_there_is() {
        const PHASES: &str = "before = '1s'\nwith = '2s'";
        const PER_PEER: &str = "memory_per_peer = \"< 1MiB\"";
        assert!(parsed(PHASES, "\"good.latency_p99 @ with\" = \"< 200% @ before\"").is_ok());
        assert!(parsed(PHASES, PER_PEER).is_ok());
        let message = parsed("before = '1s'", PER_PEER).expect_err("there is no phase `with`");
        assert!(message.contains("`memory_per_peer` compares the phases `before` and `with`"), "{message}");
        for (expect, part) in [
            ("\"good.latency_p99 @ wiht\" = \"< 1s\"", "there is no phase `wiht`; did you mean `with`?"),
            ("\"good.server_ended @ with\" = \"= 0\"", "`server_ended` has no value for a phase"),
            ("\"good.latency_p99\" = \"< 200% @ befor\"", "did you mean `before`?"),
            ("\"good.latency_p99 @ with, before\" = \"< 1s\"", "name one phase only"),
        ] {
            let message = parsed(PHASES, expect).expect_err(expect);
            assert!(message.contains(part), "{message}\nlacks\n{part}");
        }
    }
}
