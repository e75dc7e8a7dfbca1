//! The name of a number in a summary: its group, if it has one, its stat, and the phase that it is of.

use std::fmt;

use super::stat::Stat;

/// The identity of a number: `good.latency_p99`, `server_rss_peak`, `good.latency_p99 @ with`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The client group; `None` where the number is of the whole run, or of an experiment.
    pub group: Option<&'a str>,
    /// What it is.
    pub stat: Stat,
    /// The phase of the measured window; `None` where the number is of the whole window.
    pub phase: Option<&'a str>,
}

impl<'a> Key<'a> {
    /// The number of a group, or of the whole run.
    #[must_use]
    pub const fn new(group: Option<&'a str>, stat: Stat) -> Self {
        Self { group, stat, phase: None }
    }

    /// The same number in a phase of the measured window.
    #[must_use]
    pub const fn within(self, phase: &'a str) -> Self {
        Self { phase: Some(phase), ..self }
    }

    /// The number of this name, which may have a phase and the point of a sweep behind it: `good.latency_p99 @ with,
    /// server.trigger=edge`. A group's name may have dots.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let plain = |name: &'a str| match name.rsplit_once('.') {
            Some((group, stat)) => Stat::named(stat).map(|stat| Self::new(Some(group), stat)),
            None => Stat::named(name).map(|stat| Self::new(None, stat)),
        };
        let with_place = |(at, _)| {
            let mut place = name[at + 1..].split(',').map(str::trim);
            Some(Self { phase: place.find(|part| !part.contains('=')), ..plain(name[..at].trim())? })
        };
        plain(name).or_else(|| name.match_indices('@').find_map(with_place))
    }

    /// The name without what stands behind its `@`, also of a number that is not known: a record may be of another version.
    #[must_use]
    pub fn name_in(name: &'a str) -> &'a str {
        name.split('@').next().unwrap_or(name).trim()
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(group) = self.group {
            write!(f, "{group}.")?;
        }
        f.write_str(&self.stat.name())?;
        self.phase.map_or(Ok(()), |phase| write!(f, " @ {phase}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_from_what_it_is_printed_as() {
        for stat in Stat::all() {
            for group in [None, Some("good"), Some("a.b c"), Some("a @ b")] {
                for phase in [None, Some("with")] {
                    let key = Key { phase, ..Key::new(group, stat) };
                    assert_eq!(Key::parse(&key.to_string()), Some(key));
                }
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
        assert_eq!(of("good.latency_p99@seed=1, with"), Some("good.latency_p99 @ with".to_owned()));
    }
}
