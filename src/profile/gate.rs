//! The limits that a profile sets for a comparison of two servers: `"good.latency_p99" = "floor 10%, budget 20%"`, or
//! `"off"`.

use super::{
    names::{At, Names, in_phase},
    value::percent,
};
use crate::metric::{Better, Stat};

/// How far a number may move between two servers.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The name of the number in a repeat's summary.
    pub number: String,
    /// What it names.
    pub stat: Stat,
    /// The shares; `None` where the number is not gated.
    pub shares: Option<Shares>,
}

/// Shares of the base's number, from 0: 0.1 is 10 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// A change is a regression only if it is surely larger.
    pub floor: f64,
    /// A change is a pass only if it is surely smaller.
    pub budget: f64,
}

impl Shares {
    /// A budget of twice the floor, where only the noise is known.
    #[must_use]
    pub fn above(floor: f64) -> Self {
        Self { floor, budget: 2.0 * floor }
    }

    /// Reads `budget 20%`, `floor 10%` or both, with a comma between them; either is made from the other.
    fn parse(text: &str) -> Result<Self, String> {
        let (mut floor, mut budget) = (None, None);
        for part in text.split(',').map(str::trim) {
            let previous = match part.split_once(char::is_whitespace) {
                Some(("floor", share)) => floor.replace(percent(share.trim())?),
                Some(("budget", share)) => budget.replace(percent(share.trim())?),
                _ => {
                    return Err(format!(
                        "`{part}` must be off, or a floor and a budget as in \"floor 10%, budget 20%\""
                    ));
                }
            };
            if previous.is_some() {
                return Err(format!("`{text}` gives a value twice: remove one"));
            }
        }
        let shares = match (floor, budget) {
            (Some(floor), Some(budget)) => Self { floor, budget },
            (Some(floor), None) => Self::above(floor),
            (None, budget) => {
                let budget = budget.unwrap_or_default();
                Self { floor: budget / 2.0, budget }
            }
        };
        if shares.floor > shares.budget {
            return Err("the floor must not be above the budget".to_owned());
        }
        Ok(shares)
    }
}

impl Limits {
    /// Reads one line of `[gate]`.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and what may have been meant.
    pub(super) fn parse(number: &str, text: &str, names: &Names<'_>) -> Result<Self, String> {
        let (number, phase) = match number.split_once('@') {
            None => (number, None),
            Some((number, at)) => match names.at(at)? {
                At { axes, phase: Some(phase) } if axes.is_empty() => (number.trim(), Some(phase)),
                _ => {
                    return Err(
                        "limits hold at every point of a sweep: remove what is behind the @".to_owned()
                    );
                }
            },
        };
        let stat = names.stat(number)?;
        let number = phase.map_or(Ok(number.to_owned()), |phase| in_phase(number, stat, &phase))?;
        let shares = if text.trim() == "off" { None } else { Some(Shares::parse(text)?) };
        if shares.is_some() && stat.metric.spec().better == Better::Neither {
            return Err("it has no better direction, so it cannot be gated".to_owned());
        }
        Ok(Self { number, stat, shares })
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn parsed(number: &str, text: &str) -> Result<Option<Shares>, String> {
        let sweep = IndexMap::new();
        let names = Names { groups: vec!["good"], is_core: false, sweep: &sweep, phases: vec!["with"] };
        let limits = Limits::parse(number, text, &names)?;
        assert_eq!(limits.number, number, "as it is in a summary");
        Ok(limits.shares)
    }

    #[test]
    fn floor_and_budget_default_from_each_other() {
        let shares = |floor, budget| Ok(Some(Shares { floor, budget }));
        assert_eq!(parsed("good.latency_p99", "floor 10%, budget 25%"), shares(0.1, 0.25));
        assert_eq!(parsed("good.latency_p99", "budget  20 %"), shares(0.1, 0.2));
        assert_eq!(parsed("server_cpu_per_request", "floor 4%"), shares(0.04, 0.08));
        assert_eq!(parsed("server_cpu_per_request", "off"), Ok(None));
        assert_eq!(parsed("good.latency_p99 @ with", "floor 10%"), shares(0.1, 0.2));
    }

    #[test]
    fn invalid_limits_are_refused() {
        for (number, text, part) in [
            ("good.latency_p99", "20%", "must be off, or a floor"),
            ("good.latency_p99", "", "must be off, or a floor"),
            ("good.latency_p99", "budget 20", "is not a share"),
            ("good.latency_p99", "budget 1%, budget 2%", "a value twice"),
            ("good.latency_p99", "floor 2%, budget 1%", "above the budget"),
            ("good.latency_p98", "off", "did you mean `latency_p9"),
            ("server_processes_peak", "floor 1%", "no better direction"),
            ("good.latency_p99 @ wiht", "off", "did you mean `with`?"),
            ("good.server_ended @ with", "off", "has no value for a phase"),
            ("good.latency_p99 @ with, seed=1", "off", "[sweep] has no key"),
        ] {
            let message = parsed(number, text).expect_err(text);
            assert!(message.contains(part), "{message}");
        }
    }
}
