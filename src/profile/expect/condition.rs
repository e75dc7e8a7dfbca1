//! The conditions of an expectation: `< 20ms`, `> 90% @ server.trigger=level`, `<= 1s or <= 20 * latency_p50`.

use std::cmp::Ordering;

use super::super::{
    names::{At, Names, in_phase},
    value::{Axes, percent},
};
use crate::metric::{Key, Stat};

/// How a measured number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equal,
    Not,
}

/// The longer signs come first: `<=` starts with `<`.
const SIGNS: [(&str, Operator); 7] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("!=", Operator::Not),
    ("==", Operator::Equal),
    ("<", Operator::Below),
    (">", Operator::Above),
    ("=", Operator::Equal),
];

/// What stands between two alternatives.
const OR: &str = " or ";

/// What a measured number is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// This, in the stat's unit.
    Number(f64),
    /// This share of what was measured at the point of the sweep where these keys have these values.
    Share(f64, Axes),
    /// So many times another number of the same repeat, by its name in the summary.
    Times(f64, String),
}

/// A measured number, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Known {
    /// All of it.
    Exactly(f64),
    /// It is not less than this; how much more is unknown.
    AtLeast(f64),
    /// It is infinite, and not less than this as far as it was looked at.
    Infinite(f64),
}

impl Known {
    /// The number, or the bound.
    #[must_use]
    pub const fn figure(self) -> f64 {
        match self {
            Self::Exactly(figure) | Self::AtLeast(figure) | Self::Infinite(figure) => figure,
        }
    }
}

/// One alternative of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    operator: Operator,
    /// What the measured number is compared with.
    pub wanted: Wanted,
}

/// Alternatives of which one must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Most have one.
    pub alternatives: Vec<Alternative>,
    /// As written.
    pub text: String,
}

impl Operator {
    /// Whether more is never better for it.
    const fn is_from_above(self) -> bool {
        matches!(self, Self::Below | Self::AtMost)
    }

    fn holds(self, measured: f64, limit: f64) -> bool {
        match self {
            Self::Below => measured < limit,
            Self::AtMost => measured <= limit,
            Self::Above => measured > limit,
            Self::AtLeast => measured >= limit,
            // Counts are whole and exact as floats; nothing else is compared for equality in earnest.
            Self::Equal => (measured - limit).abs() < 1e-9,
            Self::Not => (measured - limit).abs() >= 1e-9,
        }
    }
}

impl Alternative {
    fn parse(text: &str, number: &str, stat: Stat, names: &Names<'_>) -> Result<Self, String> {
        let text = text.trim();
        let sign = SIGNS.iter().find(|(sign, _)| text.starts_with(sign));
        let (sign, operator) =
            sign.ok_or(format!("`{text}` must start with <, <=, >, >=, = or !=, as in \"< 20ms\""))?;
        let wanted = text[sign.len()..].trim();
        let wanted = match (wanted.split_once('@'), wanted.split_once('*')) {
            (Some((share, at)), _) if !share.contains('*') => {
                let (share, at) = (percent(share.trim())?, names.at(at)?);
                match at.phase {
                    None => Wanted::Share(share, at.axes),
                    Some(phase) if at.axes.is_empty() => {
                        Wanted::Times(share, in_phase(number, stat, &phase)?)
                    }
                    Some(_) => {
                        return Err("compare with a phase or with a point of the sweep, not with both".into());
                    }
                }
            }
            (_, Some((factor, other))) => times(factor.trim(), other.trim(), number, stat, names)?,
            _ => Wanted::Number(stat.unit().parse(wanted)?),
        };
        Ok(Self { operator: *operator, wanted })
    }

    /// Whether it holds of a number, where the limit is this; `None` if that is undecided. What has no upper bound is
    /// not below any limit, whichever it is; but nothing is said against the number of another point that is not known.
    fn holds(&self, measured: Known, limit: Option<f64>) -> Option<bool> {
        let fails_anyway = self.operator.is_from_above() || self.operator == Operator::Equal;
        match measured {
            Known::Exactly(figure) => Some(self.operator.holds(figure, limit?)),
            _ if fails_anyway && (limit.is_some() || matches!(self.wanted, Wanted::Times(..))) => Some(false),
            Known::Infinite(_) => limit.map(|_| true),
            Known::AtLeast(bound) => (bound > limit?).then_some(true),
        }
    }
}

/// `20 * latency_p50`: the other number must have the same unit; without a group it is of the same one, and without a phase,
/// too.
fn times(factor: &str, other: &str, number: &str, stat: Stat, names: &Names<'_>) -> Result<Wanted, String> {
    let times = factor.parse::<f64>().ok().filter(|times| times.is_finite() && *times > 0.0);
    let times = times.ok_or(format!("`{factor}` is not a factor: write \"< 20 * latency_p50\""))?;
    let (other, phase) = match other.split_once('@') {
        None => (other, Key::parse(number).and_then(|key| key.phase).map(str::to_owned)),
        Some((other, at)) => match names.at(at)? {
            At { axes, phase: Some(phase) } if axes.is_empty() => (other.trim(), Some(phase)),
            _ => {
                return Err(
                    "compare with a phase: a factor is of another number of the same repeat".to_owned()
                );
            }
        },
    };
    let of_group = Key::parse(number).and_then(|key| key.group).zip(Stat::named(other));
    let own = of_group.map(|(group, stat)| Key::new(Some(group), stat).to_string());
    let name = own.filter(|own| names.stat(own).is_ok()).unwrap_or_else(|| other.to_owned());
    let other = names.stat(&name)?;
    let unit = other.unit();
    if unit != stat.unit() {
        return Err(format!(
            "`{name}` is in {} but `{number}` is in {}: they cannot be compared",
            unit.name(),
            stat.unit().name()
        ));
    }
    let name = phase.map_or(Ok(name.clone()), |phase| in_phase(&name, other, &phase))?;
    Ok(Wanted::Times(times, name))
}

/// The places behind which an alternative begins, and what stands before each.
fn alternatives(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(OR) {
        if starts_with_sign(&text[at + OR.len()..]) {
            parts.push(&text[start..at]);
            start = at + OR.len();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn starts_with_sign(text: &str) -> bool {
    SIGNS.iter().any(|(sign, _)| text.trim_start().starts_with(sign))
}

impl Condition {
    /// Conditions with commas between them.
    pub(super) fn all(text: &str, number: &str, stat: Stat, names: &Names<'_>) -> Result<Vec<Self>, String> {
        // A comma also separates the keys of a point, and may be in the name of a group: what has no sign belongs to the
        // condition before it.
        let mut texts: Vec<String> = Vec::new();
        for part in text.split(',') {
            match texts.last_mut() {
                Some(last) if !starts_with_sign(part) && last.contains(['@', '*']) => {
                    *last = format!("{last},{part}");
                }
                _ => texts.push(part.to_owned()),
            }
        }
        texts.iter().map(|text| Self::parse(text.trim(), number, stat, names)).collect()
    }

    fn parse(text: &str, number: &str, stat: Stat, names: &Names<'_>) -> Result<Self, String> {
        let each = alternatives(text).into_iter().map(|part| Alternative::parse(part, number, stat, names));
        Ok(Self { alternatives: each.collect::<Result<_, _>>()?, text: text.to_owned() })
    }

    /// Whether it holds of a number; `None` if that is undecided. `limit` gives what an alternative compares with, if
    /// that was measured.
    #[must_use]
    pub fn holds(&self, measured: Known, limit: impl Fn(&Wanted) -> Option<f64>) -> Option<bool> {
        let each: Vec<Option<bool>> =
            self.alternatives.iter().map(|one| one.holds(measured, limit(&one.wanted))).collect();
        // One that holds is enough; without one, an undecided one might hold.
        if each.contains(&Some(true)) {
            Some(true)
        } else if each.contains(&None) {
            None
        } else {
            Some(false)
        }
    }

    /// On which side of what is wanted a number lies that does not meet it, where all that is wanted are plain numbers.
    #[must_use]
    pub fn missed_by(&self, measured: f64) -> Option<Ordering> {
        let side = |one: &Alternative| match one.wanted {
            Wanted::Number(limit) if !one.operator.holds(measured, limit) => Some(match one.operator {
                Operator::Below | Operator::AtMost => Ordering::Greater,
                Operator::Above | Operator::AtLeast => Ordering::Less,
                Operator::Equal | Operator::Not => measured.total_cmp(&limit),
            }),
            _ => None,
        };
        let mut sides = self.alternatives.iter().map(side);
        let first = sides.next()??;
        sides.all(|other| other == Some(first)).then_some(first)
    }

    /// Whether a number that may be too small can still show that it holds: reaching so much is enough.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        let from_below = [Operator::Above, Operator::AtLeast, Operator::Equal];
        let is_floor =
            |one: &Alternative| matches!(one.wanted, Wanted::Number(_)) && from_below.contains(&one.operator);
        self.alternatives.iter().all(is_floor)
    }

    /// Whether a number that may be too large can still show that it holds: staying below is enough.
    #[must_use]
    pub fn is_ceiling(&self) -> bool {
        let is_number = |one: &Alternative| matches!(one.wanted, Wanted::Number(_));
        self.bounds_from_above() && self.alternatives.iter().all(is_number)
    }

    /// Whether it says no more than how large the number may be.
    #[must_use]
    pub fn bounds_from_above(&self) -> bool {
        self.alternatives.iter().all(|one| one.operator.is_from_above())
    }

    /// Whether it says no more than how small the number may be.
    #[must_use]
    pub fn bounds_from_below(&self) -> bool {
        let from_below = [Operator::Above, Operator::AtLeast];
        self.alternatives.iter().all(|one| from_below.contains(&one.operator))
    }

    /// Which of two numbers is harder on it: the larger one or the smaller one, or neither.
    #[must_use]
    pub fn harder(&self, a: f64, b: f64) -> Ordering {
        match self.alternatives.first().map(|one| one.operator) {
            Some(Operator::Below | Operator::AtMost) => a.total_cmp(&b),
            Some(Operator::Above | Operator::AtLeast) => b.total_cmp(&a),
            _ => Ordering::Equal,
        }
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn conditions(number: &str, text: &str) -> Result<Vec<Condition>, String> {
        let sweep = IndexMap::new();
        let names = Names {
            groups: vec!["good", "shared, small"],
            is_core: false,
            sweep: &sweep,
            phases: Vec::new(),
        };
        Condition::all(text, number, names.stat(number)?, &names)
    }

    fn one(number: &str, text: &str) -> Condition {
        conditions(number, text).expect(text).remove(0)
    }

    /// Whether it holds, where every other number is this one.
    fn holds(condition: &Condition, measured: Known, other: Option<f64>) -> Option<bool> {
        condition.holds(measured, |wanted| match wanted {
            Wanted::Number(limit) => Some(*limit),
            Wanted::Share(factor, _) | Wanted::Times(factor, _) => other.map(|other| other * factor),
        })
    }

    #[test]
    fn one_alternative_that_holds_is_enough() {
        let wait = one("good.longest_wait", "<= 1s or <= 20 * latency_p50");
        assert_eq!(wait.alternatives.len(), 2);
        assert_eq!(wait.alternatives[1].wanted, Wanted::Times(20.0, "good.latency_p50".into()));
        let of = |seconds: f64, median: f64| holds(&wait, Known::Exactly(seconds * 1e9), Some(median * 1e9));
        assert_eq!(of(0.9, 0.001), Some(true), "below a second");
        assert_eq!(of(1.1, 0.001), Some(false), "above both");
        assert_eq!(of(1.1, 0.1), Some(true), "slow all the time");
        assert_eq!(holds(&wait, Known::Exactly(0.9e9), None), Some(true), "the other is not needed");
        assert_eq!(holds(&wait, Known::Exactly(1.1e9), None), None, "the other is needed, and is not there");
        assert!(wait.bounds_from_above() && !wait.is_ceiling());
    }

    #[test]
    fn a_lower_bound_is_never_below_a_limit() {
        let bound = Known::AtLeast(5.0);
        for text in ["< 9", "<= 9", "= 9", "= 5", "< 9 or < 20 * good.evicted"] {
            assert_eq!(holds(&one("good.lost", text), bound, None), Some(false), "{text}");
        }
        for (text, expected) in [("> 4", Some(true)), (">= 4", Some(true)), ("> 9", None), ("!= 9", None)] {
            assert_eq!(holds(&one("good.lost", text), bound, None), expected, "{text}");
        }
        for (text, expected) in
            [("> 9", true), (">= 9", true), ("!= 9", true), ("< 9", false), ("= 9", false)]
        {
            assert_eq!(holds(&one("good.lost", text), Known::Infinite(5.0), None), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_missed_number_lies_above_or_below_the_limit() {
        for (text, measured, side) in [
            ("= 0", 3.0, Some(Ordering::Greater)),
            ("= 5", 3.0, Some(Ordering::Less)),
            ("< 3", 3.0, Some(Ordering::Greater)),
            ("> 3", 3.0, Some(Ordering::Less)),
            ("< 3 or > 9", 5.0, None),
            ("< 3 or < 4", 5.0, Some(Ordering::Greater)),
            ("< 2 * good.evicted", 5.0, None),
            ("= 3", 3.0, None),
        ] {
            assert_eq!(one("good.lost", text).missed_by(measured), side, "{text}");
        }
    }

    #[test]
    fn a_factor_may_refer_to_a_number_of_another_group() {
        let other = one("good.latency_p99", "< 3 * shared, small.latency_p99, > 1ms");
        assert_eq!(other.alternatives[0].wanted, Wanted::Times(3.0, "shared, small.latency_p99".into()));
        assert_eq!(
            one("server_rss_growth", "< 2 * server_rss_start").alternatives[0].wanted,
            Wanted::Times(2.0, "server_rss_start".into())
        );
    }

    #[test]
    fn incomparable_conditions_are_refused() {
        for (number, text, part) in [
            ("good.latency_p99", "< x * latency_p50", "is not a factor"),
            ("good.latency_p99", "< -2 * latency_p50", "is not a factor"),
            ("good.latency_p99", "< 2 * requests", "cannot be compared"),
            ("good.latency_p99", "< 2 * latency_p5", "did you mean `latency_p50`?"),
            ("good.latency_p99", "< 2s or 3s", "is not a time"),
            ("good.latency_p99", "< 2s or", "is not a time"),
        ] {
            let message = conditions(number, text).expect_err(text);
            assert!(message.contains(part), "{message}");
        }
    }
}
