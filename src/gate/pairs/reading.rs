//! A number as one trial has it: measured, or no more than known to be at least so much.

use super::{
    super::{
        lost::lacks,
        validity::{clients_were_put_off, clients_were_the_limit},
    },
    gated::Gated,
};
use crate::{
    metric::{Metric, Unit, group_of},
    record::Trial,
    stats,
};

/// A quantile is trusted from so many requests beyond it on.
const BEYOND: f64 = 100.0;
/// The difference between a number and one that is as bad as can be, as a logarithm: far beyond any that is measured.
pub(in crate::gate) const WORST: f64 = 20.0;

/// What a trial has of a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    Measured(f64),
    /// As bad as can be: who got no proper answer lies in it. It is at least this, if so much is known.
    Censored {
        least: f64,
        cause: String,
    },
}

/// A gated number, and what must be known to read it.
pub(super) struct Number<'a> {
    gated: &'a Gated,
    kind: Kind,
    /// -1 where less is worse.
    sign: f64,
}

impl<'a> Number<'a> {
    pub(super) fn of(gated: &'a Gated) -> Self {
        Self { gated, kind: Kind::of(&gated.name), sign: gated.sign() }
    }

    /// The trial's number, if it has enough of it.
    pub(super) fn read(&self, trial: &Trial) -> Option<Reading> {
        let name = &self.gated.name;
        let value = trial.summary.get(name).copied();
        if let Some(cause) = trial.censored.get(name) {
            return Some(Reading::Censored { least: value.unwrap_or(0.0), cause: cause.clone() });
        }
        value.filter(|_| self.kind.is_trusted(name, trial)).map(Reading::Measured)
    }

    /// What both trials of a pair have of it; what one of them lacks only because it was hardly answered is censored.
    pub(super) fn read_both(&self, base: &Trial, head: &Trial) -> Option<(Reading, Reading)> {
        let silent = |trial: &Trial, other: &Trial| {
            let least = trial.summary.get(&self.gated.name).copied().unwrap_or(0.0);
            self.was_silent(trial, other).then(|| Reading::Censored { least, cause: "unanswered".to_owned() })
        };
        match (self.read(base), self.read(head)) {
            (Some(base), Some(head)) => Some((base, head)),
            (Some(of_base), None) => Some((of_base, silent(head, base)?)),
            (None, Some(of_head)) => Some((silent(base, head)?, of_head)),
            (None, None) => None,
        }
    }

    /// How much worse `head` is, as a logarithm: the most there is if it alone is as bad as can be, nothing if both are.
    pub(super) fn difference(&self, base: &Reading, head: &Reading) -> f64 {
        match (base, head) {
            (Reading::Measured(base), Reading::Measured(head)) => self.sign * self.gated.ratio(*base, *head),
            (Reading::Measured(_), Reading::Censored { .. }) => WORST,
            (Reading::Censored { .. }, Reading::Measured(_)) => -WORST,
            (Reading::Censored { .. }, Reading::Censored { .. }) => 0.0,
        }
    }

    /// The median; where half of them and more are as bad as can be, the least that it may be, and why.
    pub(super) fn median(&self, readings: &[&Reading]) -> Option<(f64, Option<String>)> {
        let cause = |reading: &&Reading| match reading {
            Reading::Censored { cause, .. } => Some(cause.clone()),
            Reading::Measured(_) => None,
        };
        let causes: Vec<String> = readings.iter().filter_map(cause).collect();
        if causes.len() * 2 >= readings.len() {
            let least: Vec<f64> = readings.iter().map(|reading| reading.least()).collect();
            return Some((stats::median(&least)?, causes.first().cloned()));
        }
        let value = |reading: &&Reading| match reading {
            Reading::Measured(value) => *value,
            Reading::Censored { .. } => self.sign * f64::INFINITY,
        };
        Some((stats::median(&readings.iter().map(value).collect::<Vec<_>>())?, None))
    }

    /// Whether the trial lacks a quantile because its group got less than a quarter of the answers that it got in the
    /// other: far less than chance, or a slightly longer window, gives or takes.
    fn was_silent(&self, trial: &Trial, other: &Trial) -> bool {
        let answers = |trial| answers(&self.gated.name, trial);
        matches!(self.kind, Kind::Quantile { .. }) && answers(trial) * 4.0 < answers(other)
    }
}

impl Reading {
    const fn least(&self) -> f64 {
        match self {
            Self::Measured(value) | Self::Censored { least: value, .. } => *value,
        }
    }
}

/// What a number needs to be one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Requests beyond it; the share of them that is.
    Quantile {
        beyond: f64,
    },
    /// Clients that were not the limit.
    Rate,
    /// All but a few of the events that it is made of.
    Time(Metric),
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match crate::record::stat_of(name).map(|stat| stat.metric) {
            Some(Metric::LatencyP50 | Metric::ServiceP50) => Self::Quantile { beyond: 0.5 },
            Some(Metric::LatencyP90) => Self::Quantile { beyond: 0.1 },
            Some(Metric::LatencyP99 | Metric::ServiceP99) => Self::Quantile { beyond: 0.01 },
            Some(Metric::LatencyP999) => Self::Quantile { beyond: 0.001 },
            Some(Metric::Answered) => Self::Rate,
            Some(metric) if metric.spec().unit == Unit::Nanoseconds => Self::Time(metric),
            _ => Self::Other,
        }
    }

    fn is_trusted(self, name: &str, trial: &Trial) -> bool {
        match self {
            Self::Quantile { beyond } => answers(name, trial) >= BEYOND / beyond && !is_put_off(name, trial),
            Self::Rate => !clients_were_the_limit(trial) && !is_put_off(name, trial),
            Self::Time(metric) => !lacks(metric, group(name), trial),
            Self::Other => true,
        }
    }
}

/// Whether the trial's number is one: a quantile needs requests beyond it, a time of evictions all but a few of them, and a
/// rate is the server's only where the clients were not the limit.
pub(in crate::gate) fn is_trusted(name: &str, trial: &Trial) -> bool {
    Kind::of(name).is_trusted(name, trial)
}

/// Whether the number's group could not open connections as fast as it needed them.
fn is_put_off(name: &str, trial: &Trial) -> bool {
    clients_were_put_off(trial, group(name))
}

/// The answers that the number's group got in the window.
fn answers(name: &str, trial: &Trial) -> f64 {
    trial.summary.get(&format!("{}.requests", group(name))).copied().unwrap_or(0.0)
}

/// The group that the number is of; empty if it is of the whole run.
fn group(name: &str) -> &str {
    group_of(name).unwrap_or_default()
}
