//! The rate of an open loop over time: constant, in ramps, in steps. Arrivals are the inverse of its integral, so none of
//! them drifts, and a Poisson process with a changing rate is one with rate 1 on another scale of time (the time-change
//! theorem: Çınlar, "Introduction to Stochastic Processes", 1975, section 4.7).

use std::borrow::Cow;
use std::{fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::units::{Rate, Span, TextOrNumber};

const NS: f64 = 1e9;
/// Between two phases.
const THEN: &str = " then ";

/// A rate over time. Written `2000/s`, `500/s to 4000/s over 8s`, `1000/s for 2s then 4000/s for 500ms then 1000/s`: each
/// phase follows the one before, and what the last one ends with stays. A rate of 0 is a pause.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    phases: Vec<Phase>,
    /// The rate after the last phase.
    rest: Rate,
}

/// A time in which the rate goes evenly from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Phase {
    from: Rate,
    to: Rate,
    over: Span,
}

/// A text that is no schedule; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a rate such as 2000/s, \"500/s to 4000/s over 8s\" or \"1000/s for 2s then 4000/s\" (only the last of \
     several phases may do without `for` or `over`)"
)]
pub struct BadSchedule(String);

impl Schedule {
    /// Every rate that it begins, ends or stays with.
    pub fn rates(&self) -> impl Iterator<Item = Rate> {
        self.phases.iter().flat_map(|phase| [phase.from, phase.to]).chain([self.rest])
    }

    /// The highest of them.
    #[must_use]
    pub fn peak(&self) -> Rate {
        self.rates().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or(self.rest)
    }

    /// Whether the rate is the same all the time.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.rates().all(|rate| rate == self.rest)
    }

    /// How long after its start the rate stays the same; zero if it is the same all the time.
    #[must_use]
    pub fn settles_after(&self) -> Duration {
        let is_rest = |phase: &&Phase| phase.from == self.rest && phase.to == self.rest;
        let constant = self.phases.iter().rev().take_while(is_rest).count();
        self.phases[..self.phases.len() - constant].iter().map(|phase| phase.over.0).sum()
    }

    /// When so many requests have become due, in nanoseconds since the start; `None` if that never happens.
    #[must_use]
    pub fn due_ns(&self, arrivals: f64) -> Option<u64> {
        let (mut start_ns, mut left) = (0_u128, arrivals);
        for phase in &self.phases {
            let whole = phase.arrivals();
            if left < whole {
                return u64::try_from(start_ns + (phase.seconds_until(left) * NS) as u128).ok();
            }
            left -= whole;
            start_ns += phase.over.0.as_nanos();
        }
        // A float that is no number of nanoseconds (a rate of 0) becomes the largest one, which is never.
        let rest_ns = if left > 0.0 || self.rest.0 == 0.0 { left * NS / self.rest.0 } else { 0.0 };
        if rest_ns.is_finite() { u64::try_from(start_ns + rest_ns as u128).ok() } else { None }
    }
}

impl Phase {
    /// Requests that become due in it.
    fn arrivals(&self) -> f64 {
        f64::midpoint(self.from.0, self.to.0) * self.over.0.as_secs_f64()
    }

    /// Seconds from its start until so many of them are due: the root of `from·t + (to−from)/(2·over)·t² = arrivals`, in
    /// the form that does not cancel when the rate hardly changes.
    fn seconds_until(&self, arrivals: f64) -> f64 {
        if arrivals <= 0.0 {
            return 0.0;
        }
        let slope = (self.to.0 - self.from.0) / self.over.0.as_secs_f64();
        let discriminant = (self.from.0 * self.from.0 + 2.0 * slope * arrivals).max(0.0);
        2.0 * arrivals / (self.from.0 + discriminant.sqrt())
    }
}

impl From<Rate> for Schedule {
    fn from(rest: Rate) -> Self {
        Self { phases: Vec::new(), rest }
    }
}

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let parts: Vec<&str> = words.split(THEN).collect();
        let bad = || BadSchedule(text.to_owned());
        let (last, before) = parts.split_last().ok_or_else(bad)?;
        let mut phases =
            before.iter().map(|part| part.parse()).collect::<Result<Vec<Phase>, _>>().map_err(|()| bad())?;
        if let Ok(rest) = last.parse() {
            return Ok(Self { phases, rest });
        }
        let phase: Phase = last.parse().map_err(|()| bad())?;
        phases.push(phase);
        Ok(Self { phases, rest: phase.to })
    }
}

impl FromStr for Phase {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (rates, over) = text.split_once(" over ").or_else(|| text.split_once(" for ")).ok_or(())?;
        let (from, to) = match rates.split_once(" to ") {
            Some(ends) if text.contains(" over ") => ends,
            None if text.contains(" for ") => (rates, rates),
            _ => return Err(()),
        };
        let rate = |text: &str| text.parse::<Rate>().map_err(drop);
        let over: Span = over.parse().map_err(drop)?;
        if over.0 == Duration::ZERO { Err(()) } else { Ok(Self { from: rate(from)?, to: rate(to)?, over }) }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, over } = self;
        if from == to { write!(f, "{from} for {over}") } else { write!(f, "{from} to {to} over {over}") }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, phase) in self.phases.iter().enumerate() {
            if index > 0 {
                f.write_str(THEN)?;
            }
            phase.fmt(f)?;
        }
        match self.phases.last() {
            None => self.rest.fmt(f),
            Some(last) if last.to == self.rest => Ok(()),
            Some(_) => write!(f, "{THEN}{}", self.rest),
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Schedule {
    fn schema_name() -> Cow<'static, str> {
        "Schedule".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A rate, and how it changes: \"2000/s\", \"500/s to 4000/s over 8s then 4000/s\"",
            "anyOf": [{ "type": "string", "pattern": "[0-9]" }, { "type": "number", "minimum": 0 }],
        })
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumber)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// When each of these arrivals is due, in milliseconds.
    fn due_ms(text: &str, arrivals: &[f64]) -> Vec<Option<u64>> {
        arrivals.iter().map(|&count| schedule(text).due_ns(count).map(|ns| ns / MS)).collect()
    }

    #[test]
    fn a_constant_rate_is_a_line() {
        assert_eq!(due_ms("100/s", &[0.0, 1.0, 250.0]), [Some(0), Some(10), Some(2500)]);
        assert_eq!(schedule("3/s").due_ns(3_000_000.0), Some(1_000_000 * 1_000_000_000));
    }

    #[test]
    fn phases_follow_each_other_and_the_last_one_stays() {
        let steps = "100/s for 1s then 400/s for 500ms then 50/s";
        // 100 in the first second, 200 in the half after it.
        assert_eq!(
            due_ms(steps, &[99.0, 100.0, 101.0, 299.0, 300.0, 301.0]),
            [Some(990), Some(1000), Some(1002), Some(1497), Some(1500), Some(1520)]
        );
        assert_eq!(due_ms("100/s for 1s", &[100.0, 200.0]), [Some(1000), Some(2000)]);
    }

    #[test]
    fn a_ramp_is_the_inverse_of_a_parabola() {
        // From 0 to 200/s over 2 s: t² · 50 requests are due after t seconds, 200 at its end.
        assert_eq!(
            due_ms("0/s to 200/s over 2s", &[0.0, 2.0, 50.0, 200.0, 400.0]),
            [Some(0), Some(200), Some(1000), Some(2000), Some(3000)]
        );
        // Downwards, the other way round; then silence.
        assert_eq!(
            due_ms("200/s to 0/s over 2s", &[0.0, 150.0, 198.0, 201.0]),
            [Some(0), Some(1000), Some(1800), None]
        );
    }

    #[test]
    fn a_ramp_that_hardly_rises_is_a_line() {
        let flat = schedule("1000/s for 3600s");
        let ramp = schedule("1000/s to 1000.000001/s over 3600s");
        for arrivals in [1.0, 1e3, 3.5e6] {
            let (flat, ramp) = (flat.due_ns(arrivals).unwrap(), ramp.due_ns(arrivals).unwrap());
            assert!(flat.abs_diff(ramp) < 10_000, "{arrivals}: {flat} ns, {ramp} ns");
        }
    }

    #[test]
    fn a_phase_without_requests_delays_the_next_ones() {
        assert_eq!(
            due_ms("10/s for 1s then 0/s for 5s then 10/s", &[9.0, 10.0, 11.0]),
            [Some(900), Some(6000), Some(6100)]
        );
    }

    #[test]
    fn a_printed_schedule_is_read_back() {
        for text in [
            "2000/s",
            "500/s to 4000/s over 8s",
            "1000/s for 2s then 4000/s for 500ms then 1000/s",
            "0/s to 10/s over 1s then 10/s for 3s then 0/s",
        ] {
            assert_eq!(schedule(text).to_string(), text);
        }
        assert_eq!(schedule(" 2000 "), Schedule::from(Rate(2000.0)));
        assert_eq!(schedule("60/m  for 2"), schedule("1/s for 2s"));
    }

    #[test]
    fn invalid_schedules_are_refused() {
        for text in [
            "",
            "fast",
            "-1/s",
            "1/s for",
            "1/s over 2s",
            "1/s to 2/s",
            "1/s to 2/s for 3s",
            "1/s for 0s",
            "1/s then 2/s",
            "1/s for 1s then",
            "1/s for 1s, 2/s",
            "1/s to 2/s to 3/s over 1s",
        ] {
            assert_eq!(text.parse::<Schedule>(), Err(BadSchedule(text.to_owned())), "{text}");
        }
    }
}
