//! A metric in one repeat: a measured value, or a lower bound.

use super::super::{
    gated::Gated,
    lost::lacks,
    validity::{clients_were_put_off, clients_were_the_limit},
};
use crate::{
    metric::{Fold, Key, Kind, Metric, Stat, Unit},
    record::Repeat,
    stats,
};

/// A quantile is trusted from so many requests beyond it on.
const BEYOND: f64 = 100.0;
/// The difference between a number and one that is as bad as can be, as a logarithm: far beyond any that is measured.
pub(in crate::gate) const WORST: f64 = 20.0;

/// What a repeat has of a number.
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
    needs: Needs,
    /// -1 where less is worse.
    sign: f64,
}

impl<'a> Number<'a> {
    pub(super) fn of(gated: &'a Gated) -> Self {
        Self { gated, needs: Needs::of(&gated.name), sign: gated.sign() }
    }

    /// The repeat's number, if it has enough of it.
    pub(super) fn read(&self, repeat: &Repeat) -> Option<Reading> {
        let name = &self.gated.name;
        let value = repeat.summary.get(name).copied();
        if let Some(cause) = repeat.censored.get(name) {
            return Some(Reading::Censored { least: value.unwrap_or(0.0), cause: cause.clone() });
        }
        value.filter(|_| self.needs.are_met(name, repeat)).map(Reading::Measured)
    }

    /// What both repeats of a pair have of it; what one of them lacks only because it was hardly answered is censored.
    pub(super) fn read_both(&self, base: &Repeat, head: &Repeat) -> Option<(Reading, Reading)> {
        let silent = |repeat: &Repeat, other: &Repeat| {
            let least = repeat.summary.get(&self.gated.name).copied().unwrap_or(0.0);
            self.was_silent(repeat, other)
                .then(|| Reading::Censored { least, cause: "unanswered".to_owned() })
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

    /// Whether the repeat lacks a quantile because its group got less than a quarter of the answers that it got in the
    /// other: far less than chance, or a slightly longer window, gives or takes.
    fn was_silent(&self, repeat: &Repeat, other: &Repeat) -> bool {
        let answers = |repeat| answers(&self.gated.name, repeat);
        matches!(self.needs, Needs::Beyond(_)) && answers(repeat) * 4.0 < answers(other)
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
enum Needs {
    /// Requests beyond it; the share of them that is.
    Beyond(f64),
    /// Clients that were not the limit.
    Rate,
    /// All but a few of the events that it is made of.
    Events,
    Nothing,
}

impl Needs {
    fn of(name: &str) -> Self {
        let Some(spec) = Key::parse(name).map(|key| key.stat.metric.spec()) else { return Self::Nothing };
        match spec.kind {
            Kind::Latency(beyond) if beyond > 0.0 => Self::Beyond(beyond),
            Kind::Answers => Self::Rate,
            _ if spec.unit == Unit::Nanoseconds => Self::Events,
            _ => Self::Nothing,
        }
    }

    fn are_met(self, name: &str, repeat: &Repeat) -> bool {
        match self {
            Self::Beyond(share) => answers(name, repeat) >= BEYOND / share && !is_put_off(name, repeat),
            Self::Rate => !clients_were_the_limit(repeat) && !is_put_off(name, repeat),
            Self::Events => Key::parse(name).is_none_or(|key| !lacks(key, repeat)),
            Self::Nothing => true,
        }
    }
}

/// Whether the repeat's number is one: a quantile needs requests beyond it, a time of evictions all but a few of them,
/// and a rate is the server's only where the clients were not the limit.
pub(in crate::gate) fn is_trusted(name: &str, repeat: &Repeat) -> bool {
    Needs::of(name).are_met(name, repeat)
}

/// Whether the number's group could not open connections as fast as it needed them.
fn is_put_off(name: &str, repeat: &Repeat) -> bool {
    group(name).is_some_and(|group| clients_were_put_off(repeat, group))
}

/// The answers that the number's group got in the window, or in the phase that the number is of.
fn answers(name: &str, repeat: &Repeat) -> f64 {
    let stat = Stat { metric: Metric::Answered, fold: Fold::Total };
    let of = Key::parse(name).map(|key| Key { stat, ..key }.to_string());
    of.and_then(|name| repeat.summary.get(&name).copied()).unwrap_or(0.0)
}

/// The group that the number is of; `None` if it is of the whole run.
fn group(name: &str) -> Option<&str> {
    Key::parse(name).and_then(|key| key.group)
}
