//! The name of a number in a summary: its group, if it has one, and its stat.

use std::fmt;

use super::stat::Stat;

/// The identity of a number: `good.latency_p99`, `server_rss_peak`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The client group; `None` where the number is of the whole run, or of an experiment.
    pub group: Option<&'a str>,
    /// What it is.
    pub stat: Stat,
}

impl<'a> Key<'a> {
    /// The number of a group, or of the whole run.
    #[must_use]
    pub const fn new(group: Option<&'a str>, stat: Stat) -> Self {
        Self { group, stat }
    }

    /// The number of this name, which may have the point of a sweep behind it: `good.latency_p99 @ server.trigger=edge`. A
    /// group's name may have dots.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let plain = |name: &'a str| match name.rsplit_once('.') {
            Some((group, stat)) => Stat::named(stat).map(|stat| Self::new(Some(group), stat)),
            None => Stat::named(name).map(|stat| Self::new(None, stat)),
        };
        plain(name).or_else(|| plain(Self::name_in(name)))
    }

    /// The name of a number in a phase of the measured window.
    #[must_use]
    pub fn in_phase(name: &str, phase: &str) -> String {
        format!("{name} @ {phase}")
    }

    /// The phase in a name that [`Self::in_phase`] made; `None` in another name.
    #[must_use]
    pub fn phase_in(name: &str) -> Option<&str> {
        name.split_once(" @ ").map(|(_, phase)| phase)
    }

    /// The name without the point of a sweep or the phase behind it, also of a number that is not known: a record may be of another version.
    #[must_use]
    pub fn name_in(name: &'a str) -> &'a str {
        name.split('@').next().unwrap_or(name).trim()
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            Some(group) => write!(f, "{group}.{}", self.stat.name()),
            None => f.write_str(&self.stat.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_from_what_it_is_printed_as() {
        for stat in Stat::all() {
            for group in [None, Some("good"), Some("a.b c")] {
                let key = Key::new(group, stat);
                assert_eq!(Key::parse(&key.to_string()), Some(key));
            }
        }
    }

    #[test]
    fn the_point_of_a_sweep_behind_a_name_is_ignored() {
        let of = |name| Key::parse(name).map(|key| key.to_string());
        assert_eq!(of("good.latency_p99 @ server.trigger=edge"), Some("good.latency_p99".to_owned()));
        assert_eq!(of("evictions @ seed=1"), Some("evictions".to_owned()));
        assert_eq!(of("a@b.errors"), Some("a@b.errors".to_owned()));
        assert_eq!([of("good.latency_p9"), of("good.")], [None, None]);
        let name = Key::in_phase("good.latency_p99", "with");
        assert_eq!(
            (name.as_str(), of(&name)),
            ("good.latency_p99 @ with", Some("good.latency_p99".to_owned()))
        );
        assert_eq!((Key::phase_in(&name), Key::phase_in("good.latency_p99")), (Some("with"), None));
    }
}
