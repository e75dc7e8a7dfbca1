//! The names of numbers in a summary and of columns of samples: the group, if there is one, what was measured, and the phase that
//! a number is of.

use std::fmt;

use super::{stat::Stat, table::Metric};

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
        let plain = |name: &'a str| {
            let (group, stat) = Self::split(name);
            Some(Self::new(group, Stat::named(stat)?))
        };
        let with_place = |(at, _)| {
            let mut place = name[at + 1..].split(',').map(str::trim);
            Some(Self { phase: place.find(|part| !part.contains('=')), ..plain(name[..at].trim())? })
        };
        plain(name).or_else(|| name.match_indices('@').find_map(with_place))
    }

    /// The group, and the name of what was measured in it, also of a number that is not known.
    #[must_use]
    pub fn split(name: &'a str) -> (Option<&'a str>, &'a str) {
        name.rsplit_once('.').map_or((None, name), |(group, measured)| (Some(group), measured))
    }

    /// The name without what stands behind its `@`, also of a number that is not known: a record may be of another version.
    #[must_use]
    pub fn name_in(name: &'a str) -> &'a str {
        name.split('@').next().unwrap_or(name).trim()
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, self.group, &self.stat.name())?;
        self.phase.map_or(Ok(()), |phase| write!(f, " @ {phase}"))
    }
}

/// The identity of a column of samples: `good.requests`, `server_rss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// The client group; `None` where the samples are of the whole run.
    pub group: Option<&'a str>,
    /// What was sampled.
    pub metric: Metric,
}

impl<'a> Column<'a> {
    /// The samples of a group, or of the whole run.
    #[must_use]
    pub const fn new(group: Option<&'a str>, metric: Metric) -> Self {
        Self { group, metric }
    }

    /// The column of this name. A group's name may have dots.
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let (group, name) = Key::split(name);
        let metric = Metric::ALL.iter().find(|metric| metric.spec().name == name)?;
        Some(Self::new(group, *metric))
    }
}

impl fmt::Display for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, self.group, self.metric.spec().name)
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, group: Option<&str>, measured: &str) -> fmt::Result {
    match group {
        Some(group) => write!(f, "{group}.{measured}"),
        None => f.write_str(measured),
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
    fn a_column_is_parsed_from_what_it_is_printed_as() {
        for &metric in Metric::ALL {
            for group in [None, Some("good"), Some("a.b c")] {
                let column = Column::new(group, metric);
                assert_eq!(Column::parse(&column.to_string()), Some(column));
            }
        }
        assert_eq!(Column::parse("good.nothing"), None);
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
