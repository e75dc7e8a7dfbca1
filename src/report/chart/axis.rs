//! The positions of values on an axis, and its labels.

use crate::{
    metric::Unit,
    units::{human_bytes, human_count, human_time},
};

/// A scale with ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Values and what is written at them.
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) shows: Shows,
    log: bool,
    /// What its values are, where the kind of values does not tell it.
    name: String,
}

/// What the values of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// Time since the first client started, in seconds.
    Seconds,
    /// 1/(1 − q) of a quantile.
    Nines,
    /// What was measured.
    Measured(Unit),
    /// What a key of the profile was set to.
    Settings,
}

impl Axis {
    /// Where a value stands between the axis's ends (0 and 1).
    pub(super) fn place(&self, value: f64) -> f64 {
        let scaled = |v: f64| if self.log { v.max(self.from).ln() } else { v };
        ((scaled(value) - scaled(self.from)) / (scaled(self.to) - scaled(self.from))).clamp(0.0, 1.0)
    }

    /// The same axis of values that are called this.
    pub(super) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// What stands beside the axis: what its values are; empty where its labels say it.
    pub(super) fn title(&self) -> &str {
        match self.shows {
            _ if !self.name.is_empty() => &self.name,
            Shows::Seconds => "time since the first client connected",
            Shows::Nines => "share of the answers",
            Shows::Measured(unit) => match unit {
                Unit::Bytes => "bytes",
                Unit::BytesPerSecond => "bytes per second",
                Unit::Nanoseconds => "time",
                Unit::Count => "number",
                Unit::PerSecond => "per second",
                Unit::Cores => "share of a core",
                Unit::Share => "share",
            },
            Shows::Settings => "",
        }
    }

    /// The value that stands this share of the axis further on.
    pub(super) fn further(&self, value: f64, share: f64) -> f64 {
        if self.log {
            value * (self.to / self.from).powf(share)
        } else {
            value + (self.to - self.from) * share
        }
    }

    /// Whether equal distances are equal factors.
    pub(super) fn is_log(&self) -> bool {
        self.log
    }

    /// For values that are compared with each other: from zero, but decades where that would hide the small ones.
    pub(super) fn of_values(unit: Unit, min: f64, max: f64) -> Self {
        const FAR_APART: f64 = 100.0;
        match unit {
            Unit::Share => Self::share(),
            _ if min <= 0.0 || max / min < FAR_APART => Self::from_zero(unit, max),
            Unit::Bytes | Unit::BytesPerSecond => Self::powers_of_two(unit, min, max),
            _ => Self::decades(unit, min, max),
        }
    }

    /// Powers of two around `min` and `max`, both above zero, with some of them written.
    fn powers_of_two(unit: Unit, min: f64, max: f64) -> Self {
        const MOST_TICKS: i32 = 8;
        let (first, last) = (min.log2().floor() as i32, max.log2().ceil() as i32);
        let step = ((last - first) / MOST_TICKS + 1) as usize;
        let ticks = (first..=last).step_by(step).map(|power| 2_f64.powi(power)).map(|v| (v, label(unit, v)));
        Self {
            from: 2_f64.powi(first),
            to: 2_f64.powi(last),
            ticks: ticks.collect(),
            shows: Shows::Measured(unit),
            log: true,
            name: String::new(),
        }
    }

    /// From zero to a round value above `max`.
    pub(super) fn from_zero(unit: Unit, max: f64) -> Self {
        let max = if max > 0.0 { max * 1.08 } else { smallest(unit) };
        let step = step(unit, max / 5.0);
        // Two ticks tell no distance.
        let to = (max / step).ceil().max(2.0) * step;
        Self {
            from: 0.0,
            to,
            ticks: ticks(unit, step, 0.0, to),
            shows: Shows::Measured(unit),
            log: false,
            name: String::new(),
        }
    }

    /// From `from` to `to` with a little room, zero included.
    pub(super) fn around_zero(unit: Unit, from: f64, to: f64) -> Self {
        let (low, high) = (from.min(0.0), to.max(0.0));
        let room = ((high - low) * 0.06).max(smallest(unit));
        let (from, to) = (low - room, high + room);
        let step = step(unit, (to - from) / 8.0);
        Self {
            from,
            to,
            ticks: ticks(unit, step, from, to),
            shows: Shows::Measured(unit),
            log: false,
            name: String::new(),
        }
    }

    /// Changes as shares, zero included, with their signs.
    pub(super) fn changes(low: f64, high: f64) -> Self {
        let room = ((high - low) * 0.08).max(0.005);
        let (from, to) = (low - room, high + room);
        let step = decimal_step((to - from) / 9.0);
        let (first, last) = ((from / step).ceil() as i64, (to / step + 1e-9).floor() as i64);
        let digits = usize::from(step < 0.0099);
        let label = |share: f64| match share {
            0.0 => "0".to_owned(),
            share => format!("{:+.digits$} %", share * 100.0),
        };
        let ticks = (first..=last).map(|i| i as f64 * step).map(|share| (share, label(share))).collect();
        Self { from, to, ticks, shows: Shows::Measured(Unit::Share), log: false, name: String::new() }
    }

    /// Decades around `min` and `max`, both above zero.
    pub(super) fn decades(unit: Unit, min: f64, max: f64) -> Self {
        let from = round_down(min);
        // Far enough for three ticks.
        let to = round_up(max.max(from * 4.0));
        let factors: &[f64] = if to / from > 1001.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let (first, last) = (from.log10().floor() as i32, to.log10().ceil() as i32);
        let ticks = (first..=last)
            .flat_map(|decade| factors.iter().map(move |factor| factor * 10_f64.powi(decade)))
            .filter(|v| (from * 0.999..=to * 1.001).contains(v))
            .map(|v| (v, label(unit, v)))
            .collect();
        Self { from, to, ticks, shows: Shows::Measured(unit), log: true, name: String::new() }
    }

    /// Time in seconds.
    pub(super) fn seconds(from: f64, to: f64) -> Self {
        let step = decimal_step(((to - from) / 10.0).max(0.001));
        let first = (from / step).ceil().max(0.0) as i64;
        let last = (to / step + 1e-9).floor() as i64;
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let ticks = (first..=last).map(|i| i as f64 * step).map(|v| (v, format!("{v:.digits$} s"))).collect();
        Self { from, to: to.max(from + 0.001), ticks, shows: Shows::Seconds, log: false, name: String::new() }
    }

    /// 1/(1 − q) for shares q of `count` values: each further nine has the same width.
    pub(super) fn nines(count: f64) -> Self {
        let to = count.max(10.0);
        let shares =
            [(0.0, "0 %"), (0.5, "50 %"), (0.75, "75 %"), (0.9, "90 %"), (0.95, "95 %"), (0.99, "99 %")];
        let shares = shares.map(|(q, label)| (1.0 / (1.0 - q), label.to_owned()));
        let further =
            (3..12).map(|nines| (10_f64.powi(nines), format!("99.{} %", "9".repeat(nines as usize - 2))));
        let ticks = shares.into_iter().chain(further).filter(|(x, _)| *x <= to * 1.001).collect();
        Self { from: 1.0, to, ticks, shows: Shows::Nines, log: true, name: String::new() }
    }

    /// Names at equal distances, at 0, 1, 2 and so on.
    pub(super) fn names(names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
        Self {
            from: -0.5,
            to: names.len() as f64 - 0.5,
            ticks,
            shows: Shows::Settings,
            log: false,
            name: String::new(),
        }
    }

    /// Quantities where they belong, each with its own name; where two names would touch, the first stays. From zero on,
    /// unless they grow by factors, and so far that most would stand at zero.
    pub(super) fn quantities(mut named: Vec<(f64, String)>) -> Self {
        const LEAST_DISTANCE: f64 = 0.055;
        named.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        if grow_by_factors(&named) {
            let (from, to) = (named[0].0, named[named.len() - 1].0);
            let room = (to / from).powf(0.05);
            return Self {
                from: from / room,
                to: to * room,
                ticks: named,
                shows: Shows::Settings,
                log: true,
                name: String::new(),
            };
        }
        let to = named.iter().map(|(value, _)| *value).fold(f64::MIN_POSITIVE, f64::max) * 1.06;
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for (value, name) in named {
            if ticks.iter().all(|(other, _)| (value - other).abs() > to * LEAST_DISTANCE) {
                ticks.push((value, name));
            }
        }
        Self { from: -0.04 * to, to, ticks, shows: Shows::Settings, log: false, name: String::new() }
    }

    /// From none to all.
    pub(super) fn share() -> Self {
        let ticks = (0..=4).map(|i| f64::from(i) / 4.0).map(|v| (v, format!("{:.0} %", v * 100.0))).collect();
        Self {
            from: 0.0,
            to: 1.0,
            ticks,
            shows: Shows::Measured(Unit::Share),
            log: false,
            name: String::new(),
        }
    }
}

/// Whether each quantity is some times the one before, and the last far from the first.
fn grow_by_factors(named: &[(f64, String)]) -> bool {
    let far_apart = named.first().zip(named.last()).is_some_and(|(first, last)| last.0 >= first.0 * 50.0);
    far_apart && named.windows(2).all(|pair| (2.0..=128.0).contains(&(pair[1].0 / pair[0].0)))
}

fn ticks(unit: Unit, step: f64, from: f64, to: f64) -> Vec<(f64, String)> {
    let (first, last) = ((from / step).ceil() as i64, (to / step + 1e-9).floor() as i64);
    (first..=last).map(|i| i as f64 * step).map(|v| (v, label(unit, v))).collect()
}

/// The extent of an axis on which there is nothing but zero.
fn smallest(unit: Unit) -> f64 {
    match unit {
        Unit::Bytes | Unit::BytesPerSecond => 1024.0,
        Unit::Nanoseconds => 1000.0,
        Unit::Count | Unit::PerSecond => 1.0,
        Unit::Cores | Unit::Share => 0.1,
    }
}

/// The round distance between ticks that is nearest above `least`.
fn step(unit: Unit, least: f64) -> f64 {
    match unit {
        Unit::Bytes | Unit::BytesPerSecond => 2_f64.powi(least.max(1.0).log2().ceil() as i32),
        Unit::Count => decimal_step(least).max(1.0),
        _ => decimal_step(least),
    }
}

fn decimal_step(least: f64) -> f64 {
    round_up(least)
}

/// The nearest 1, 2 or 5 times a power of ten that is not below.
fn round_up(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|f| f * decade).find(|v| *v >= value * 0.999).unwrap_or(value)
}

/// The nearest 1, 2 or 5 times a power of ten that is not above.
fn round_down(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    [5.0, 2.0, 1.0].into_iter().map(|f| f * decade).find(|v| *v <= value * 1.001).unwrap_or(value)
}

/// A value in its shortest form.
fn label(unit: Unit, value: f64) -> String {
    if value.abs() < 1e-12 {
        return "0".to_owned();
    }
    let text = match unit {
        Unit::Bytes => human_bytes(value),
        Unit::BytesPerSecond => format!("{}/s", human_bytes(value)),
        Unit::Nanoseconds => human_time(value),
        Unit::Count => human_count(value),
        Unit::PerSecond => format!("{}/s", human_count(value)),
        Unit::Cores | Unit::Share if value.abs() < 0.0999 => format!("{:.1} %", value * 100.0),
        Unit::Cores | Unit::Share => format!("{:.0} %", value * 100.0),
    };
    // The zeros at the end of a fraction say nothing here.
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') && !number.contains('e') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_of_the_unit() {
        let mib = 1_048_576.0;
        let bytes = Axis::from_zero(Unit::Bytes, 61.0 * mib);
        assert_eq!(written(&bytes), ["0", "16 MiB", "32 MiB", "48 MiB", "64 MiB", "80 MiB"]);
        let rate = Axis::from_zero(Unit::PerSecond, 2010.0);
        assert_eq!(written(&rate), ["0", "500/s", "1000/s", "1500/s", "2000/s", "2500/s"]);
        let cores = Axis::from_zero(Unit::Cores, 0.43);
        assert_eq!(written(&cores), ["0", "10 %", "20 %", "30 %", "40 %", "50 %"]);
        let gib = Axis::from_zero(Unit::Bytes, 1.2e9);
        assert_eq!(written(&gib), ["0", "256 MiB", "512 MiB", "768 MiB", "1 GiB", "1.25 GiB"]);
        assert_eq!(written(&Axis::from_zero(Unit::Count, 2.0)), ["0", "1", "2", "3"]);
        assert_eq!(written(&Axis::from_zero(Unit::Count, 0.0)), ["0", "1", "2"]);
        assert_eq!(written(&Axis::seconds(-0.1, 2.05)), ["0.0 s", "0.5 s", "1.0 s", "1.5 s", "2.0 s"]);
    }

    #[test]
    fn decades_enclose_the_values() {
        let narrow = Axis::decades(Unit::Nanoseconds, 4.1e5, 3.2e6);
        assert_eq!(written(&narrow), ["200 µs", "500 µs", "1 ms", "2 ms", "5 ms"]);
        let wide = Axis::decades(Unit::Nanoseconds, 3e4, 2.5e9);
        assert_eq!(written(&wide), ["100 µs", "1 ms", "10 ms", "100 ms", "1 s"]);
        assert!((wide.place(2e4) - 0.0).abs() < 1e-9 && (wide.place(5e9) - 1.0).abs() < 1e-9);
        assert!((narrow.place(1e6) - 0.5).abs() < 1e-9, "the middle of 200 µs and 5 ms is 1 ms");
    }

    #[test]
    fn quantities_that_grow_by_factors_get_a_logarithmic_axis() {
        let axis = |values: &[f64]| {
            Axis::quantities(values.iter().map(|value| (*value, value.to_string())).collect())
        };
        let factors = axis(&[1000.0, 10_000.0, 100_000.0]);
        assert!(factors.is_log() && written(&factors) == ["1000", "10000", "100000"]);
        assert!((factors.place(10_000.0) - 0.5).abs() < 1e-9);
        assert!((factors.place(factors.further(1000.0, 0.1)) - factors.place(1000.0) - 0.1).abs() < 1e-9);
        assert_eq!(written(&axis(&[100_000.0, 1000.0, 10_000.0])), written(&factors), "in whatever order");
        assert_eq!(written(&axis(&[400.0, 200.0, 201.0, 0.0])), ["0", "200", "400"]);
        for linear in [&[1.0, 1000.0, 4000.0][..], &[0.0, 16.0, 256.0], &[1.0, 4.0, 16.0]] {
            assert!(!axis(linear).is_log(), "{linear:?}");
        }
    }

    #[test]
    fn values_far_apart_get_a_logarithmic_axis() {
        assert!(Axis::of_values(Unit::Nanoseconds, 60.0, 60_000.0).is_log());
        let bytes = Axis::of_values(Unit::Bytes, 2e5, 6e8);
        assert_eq!(written(&bytes), ["128 KiB", "512 KiB", "2 MiB", "8 MiB", "32 MiB", "128 MiB", "512 MiB"]);
        assert!(!Axis::of_values(Unit::Nanoseconds, 60.0, 600.0).is_log());
        assert!(!Axis::of_values(Unit::Count, 0.0, 600.0).is_log());
    }

    #[test]
    fn a_signed_axis_contains_zero() {
        let axis = Axis::around_zero(Unit::Nanoseconds, 1e6, 9e6);
        assert!(axis.from < 0.0 && axis.to > 9e6);
        assert!(written(&axis).contains(&"0") && written(&axis).contains(&"8 ms"));
    }
}
