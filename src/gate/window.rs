//! How the expectations of a profile are judged in repeats with another window than the profile's (`-d`).
//!
//! - Rates, shares, times and costs for each request are judged *as they are*: they do not grow with the window. So is what
//!   nothing at all satisfies (`evictions = 0`, `skipped < 80`): more time could only make it worse. That it holds in so short
//!   a window does not prove that it holds in the profile's, which a note says.
//! - Counts over the window (`requests > 7500`) are *scaled* to the profile's window.
//! - All else (`evicted = 40`, what lies in memory at the end, a wait that is to be longer than a second, any number of a load
//!   that changes with time) may need the whole window to come about. In a comparison it is judged as it is where the base
//!   meets it in so short a window: then the head has to, too. Where the base does not it is *skipped*, by name. In a run it
//!   is judged where it holds; where it does not, it is INCONCLUSIVE.
//!
//! What no load excuses ([`crate::metric::Definite`]) no window excuses either: an eviction before its time is early however
//! short the window is.
//!
//! A comparison by a profile that expects evictions, or something of when they come, or whose load changes with time, is not
//! shortened at all, unless that is asked for: they have to come about first.

use std::cmp::Ordering;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use super::judge::{is_definite, judge};
use crate::{
    metric::{Fold, Metric, Stat, Unit},
    profile::{Condition, Expectation, Group, Known, Profile, Wanted},
    record::{ExpectationResult, Point, Verdict},
    units::human_time,
};

/// A scaled count that misses what is expected by fewer standard deviations than this proves nothing.
const LEAST_DEVIATIONS: f64 = 3.0;

/// A scaled amount that misses what is expected by less than this share of itself proves nothing.
const LEAST_SHARE: f64 = 0.2;

/// A window of another length than the profile's, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Window {
    /// The profile's window, in seconds.
    pub asked: f64,
    /// The measured window, in seconds.
    pub measured: f64,
}

/// How an expectation was judged if repeats were shorter than the profile's window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// The repeats were as long as the profile's window.
    #[default]
    Whole,
    /// The value of the shorter repeats as it is.
    AsItIs,
    /// A count of the shorter repeats, scaled to the profile's window.
    Scaled,
}

/// What shorter repeats can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AsItIs,
    Scaled,
    /// Whatever the base meets.
    AsTheBase,
}

impl Kind {
    pub(super) const fn judged(self) -> Judged {
        match self {
            Self::AsItIs | Self::AsTheBase => Judged::AsItIs,
            Self::Scaled => Judged::Scaled,
        }
    }

    /// Why it cannot be judged of repeats so short, if it cannot.
    pub(super) fn is_beyond(self, head: Verdict, base: Verdict) -> Option<&'static str> {
        if head == Verdict::Inconclusive && base == Verdict::Inconclusive {
            return Some("not measured in so short a window");
        }
        (self != Self::AsItIs && base != Verdict::Pass)
            .then_some("the base does not meet it in so short a window")
    }
}

pub(super) fn kind(expectation: &Expectation, profile: &Profile) -> Kind {
    let Stat { metric, fold } = expectation.stat;
    let unit = expectation.stat.unit();
    let name = metric.spec().name;
    let is_steady = fold == Fold::Rate
        || matches!(unit, Unit::Share | Unit::PerSecond | Unit::Cores)
        || (fold == Fold::Final && unit == Unit::Nanoseconds)
        || name.contains("_per_");
    if only_grows(expectation) && nothing_meets(expectation) {
        return Kind::AsItIs;
    }
    let is_least_time =
        unit == Unit::Nanoseconds && !expectation.conditions.iter().all(Condition::bounds_from_above);
    if is_least_time || changes_with_time(expectation, profile) {
        Kind::AsTheBase
    } else if is_steady {
        Kind::AsItIs
    } else if fold == Fold::Total {
        Kind::Scaled
    } else {
        Kind::AsTheBase
    }
}

/// Whether the number is of a load that is another one early in the window than late in it, or of a part of the window.
fn changes_with_time(expectation: &Expectation, profile: &Profile) -> bool {
    if expectation.phase.is_some() {
        return true;
    }
    let group = expectation.group();
    let mut meant = profile.clients.iter().filter(|client| group.is_none_or(|group| client.name == group));
    meant.any(is_changing)
}

fn is_changing(group: &Group) -> bool {
    let rate = group.load.rate.as_ref();
    !group.start.0.is_zero() || group.stop.is_some() || rate.is_some_and(|schedule| !schedule.is_constant())
}

/// Whether more time can only make the number larger.
fn only_grows(expectation: &Expectation) -> bool {
    let Stat { metric, fold } = expectation.stat;
    let is_of_content = matches!(metric, Metric::CorruptBytes | Metric::GroupCorrupt);
    (expectation.stat.unit() == Unit::Count && matches!(fold, Fold::Final | Fold::Whole)) || is_of_content
}

/// Whether a number of 0 is as expected.
fn nothing_meets(expectation: &Expectation) -> bool {
    let mut conditions = expectation.conditions.iter();
    conditions.all(|condition| condition.holds(Known::Exactly(0.0), number) == Some(true))
}

/// What is compared with, where that is a plain number.
fn number(wanted: &Wanted) -> Option<f64> {
    match wanted {
        Wanted::Number(limit) => Some(*limit),
        Wanted::Share(..) | Wanted::Times(..) => None,
    }
}

impl Window {
    /// How many times as much comes about in the profile's window.
    fn factor(self) -> f64 {
        self.asked / self.measured
    }

    /// What a reader of repeats of this length must bear in mind.
    #[must_use]
    pub fn note(self) -> String {
        let [measured, asked] = self.times();
        format!(
            "the window was {measured}, but the profile asks for {asked}: results may differ in the full window"
        )
    }

    fn times(self) -> [String; 2] {
        [self.measured, self.asked].map(|seconds| human_time(seconds * 1e9))
    }
}

/// What each expectation that the profile writes comes to at the point of this number, in repeats of another length.
pub(super) fn judge_in(
    profile: &Profile,
    points: &[Point],
    index: usize,
    window: Window,
) -> Vec<ExpectationResult> {
    let mut points = points.to_vec();
    for point in &mut points {
        scale(point, profile, window);
    }
    let expectations = profile.expectations();
    let meant = expectations.iter().filter(|expectation| expectation.is_at(&points[index].axes));
    let results = judge(profile, &points, index).into_iter().zip(meant);
    results
        .map(|(result, expectation)| in_window(result, expectation, kind(expectation, profile), window))
        .collect()
}

/// A result that does not fail what the length of the repeats alone may have missed.
fn in_window(
    mut result: ExpectationResult,
    expectation: &Expectation,
    kind: Kind,
    window: Window,
) -> ExpectationResult {
    let [measured, asked] = window.times();
    if kind == Kind::Scaled {
        result.condition = format!("{} (in {asked}, scaled from {measured})", result.condition);
    }
    let is_by_length = match (kind, result.measured) {
        _ if result.verdict != Verdict::Fail => false,
        (_, Some(figure)) if is_unexcused(expectation, figure, window) => false,
        (Kind::AsItIs, _) | (_, None) => false,
        (Kind::Scaled, Some(figure)) => is_close(expectation, figure, window),
        (Kind::AsTheBase, Some(figure)) => {
            let is_more = |c: &Condition| c.missed_by(figure) == Some(Ordering::Greater);
            let is_more = only_grows(expectation) && expectation.conditions.iter().any(is_more);
            // More than is wanted will not become less in a longer window, nor less than is wanted more in a shorter one.
            is_more == (window.measured > window.asked)
        }
    };
    if is_by_length {
        let name = &result.name;
        result.verdict = Verdict::Inconclusive;
        result.reason = Some(format!(
            "`{name}` is not judged: a window of {measured} does not show what happens in the profile's {asked}."
        ));
    }
    result
}

/// Whether neither load nor the length of the repeats excuses that this number is not as expected: only of what grows
/// with time may a longer window make more.
pub(super) fn is_unexcused(expectation: &Expectation, figure: f64, window: Window) -> bool {
    let is_by_more_time = only_grows(expectation) && window.measured > window.asked;
    is_definite(expectation, figure) && !is_by_more_time
}

/// Whether a scaled number misses what is expected by no more than short repeats scatter.
fn is_close(expectation: &Expectation, figure: f64, window: Window) -> bool {
    let margin = match expectation.stat.unit() {
        // Of independent events.
        Unit::Count => LEAST_DEVIATIONS * (figure / window.factor()).max(1.0).sqrt() * window.factor(),
        _ => LEAST_SHARE * figure,
    };
    let near = [figure - margin, figure + margin];
    let is_met = |condition: &Condition| match condition.missed_by(figure) {
        Some(side) => near.iter().any(|figure| condition.missed_by(*figure) != Some(side)),
        // Another point or number, which is compared with, is scaled alike.
        None => condition.holds(Known::Exactly(figure), number) == Some(true),
    };
    expectation.conditions.iter().all(is_met)
}

/// Multiplies the counts over the window that are expected something of.
pub(super) fn scale(point: &mut Point, profile: &Profile, window: Window) {
    let expectations = profile.expectations();
    let scaled = expectations.iter().filter(|expectation| kind(expectation, profile) == Kind::Scaled);
    // One number may be expected different things of at different points.
    let numbers: IndexSet<&str> = scaled.map(|expectation| expectation.number.as_str()).collect();
    for repeat in &mut point.repeats {
        for number in &numbers {
            if let Some(value) = repeat.summary.get_mut(*number) {
                *value *= window.factor();
            }
        }
    }
}

/// Whether the profile's load changes with time, or it names phases of the window, or it expects evictions, or something of when
/// they come: they come about only as fast as its timeouts let them.
#[must_use]
pub fn needs_the_whole_window(profile: &Profile) -> bool {
    if !profile.phases.is_empty() || profile.clients.iter().any(is_changing) {
        return true;
    }
    let of_evictions = |metric: Metric| {
        let name = metric.spec().name;
        name.starts_with("evict") || name.starts_with("stalled_for") || metric == Metric::ServerEnded
    };
    // Of evictions that have not come about no time is known, whatever it is to be.
    let needs_some = |e: &Expectation| e.stat.unit() == Unit::Nanoseconds || !nothing_meets(e);
    profile.expectations().iter().any(|e| of_evictions(e.stat.metric) && needs_some(e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gate::{repeat, verdicts},
        profile::Source,
    };

    /// A tenth of the profile's window.
    const SHORT: Window = Window { asked: 10.0, measured: 1.0 };

    fn judged(name: &str, condition: &str, figure: f64, window: Window) -> ExpectationResult {
        judged_at("9", name, condition, figure, window)
    }

    fn judged_at(rate: &str, name: &str, condition: &str, figure: f64, window: Window) -> ExpectationResult {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ rate = \"{rate}\", payload = 9 }}\n[expect]\n\
             \"{name}\" = \"{condition}\""
        );
        let profile = Source { file: "t.toml".into(), text }.parse(&[]).expect("valid");
        let repeats = vec![repeat(&[(name, figure)])];
        let point = Point { axes: indexmap::IndexMap::new(), repeats, verdicts: Vec::new() };
        verdicts(&profile, &[point], 0, Some(window)).remove(0)
    }

    #[test]
    fn scaled_counts_fail_only_beyond_their_scatter() {
        let requests = |figure| judged("g.requests", "> 7500", figure, SHORT);
        let passed = requests(800.0);
        assert_eq!((passed.verdict, passed.measured), (Verdict::Pass, Some(8000.0)));
        assert_eq!(passed.condition, "> 7500 (in 10 s, scaled from 1 s)");
        assert_eq!(requests(700.0).verdict, Verdict::Inconclusive, "by less than three deviations of 26");
        assert_eq!(requests(600.0).verdict, Verdict::Fail);
        assert_eq!(judged("g.requests", "= 7999", 800.0, SHORT).verdict, Verdict::Inconclusive);
        let long = Window { asked: 1.0, measured: 10.0 };
        assert_eq!(judged("g.requests", "< 100", 900.0, long).verdict, Verdict::Pass);
        assert_eq!(judged("g.requests", "< 100", 9000.0, long).verdict, Verdict::Fail);
    }

    #[test]
    fn a_shorter_window_fails_no_expectation_that_needs_the_whole_one() {
        let evicted = |condition, figure, window| judged("g.evicted", condition, figure, window);
        let missed = evicted("= 40", 0.0, SHORT);
        assert_eq!(missed.verdict, Verdict::Inconclusive);
        let sentence =
            "`g.evicted` is not judged: a window of 1 s does not show what happens in the profile's 10 s.";
        assert_eq!(missed.reason.as_deref(), Some(sentence));
        assert_eq!(evicted("= 40", 40.0, SHORT).verdict, Verdict::Pass);
        assert_eq!(evicted("= 40", 41.0, SHORT).verdict, Verdict::Fail, "they will not become fewer");
        assert_eq!(evicted("= 0", 1.0, SHORT).verdict, Verdict::Fail);
        let long = Window { asked: 1.0, measured: 10.0 };
        assert_eq!(evicted("= 40", 0.0, long).verdict, Verdict::Fail, "it had more time than that");
        assert_eq!(evicted("= 40", 41.0, long).verdict, Verdict::Inconclusive, "more came in more time");
        let late = judged("g.longest_wait", "> 500ms", 1e6, SHORT);
        assert_eq!(late.verdict, Verdict::Inconclusive, "a queue grows with time");
    }

    #[test]
    fn a_shorter_window_does_not_excuse_an_early_eviction() {
        let early = |window| judged("eviction_lateness_min", ">= 0ms", -5e6, window).verdict;
        let long = Window { asked: 1.0, measured: 10.0 };
        assert_eq!([early(SHORT), early(long)], [Verdict::Fail; 2]);
        assert_eq!(judged("eviction_lateness_min", ">= 0ms", 5e6, SHORT).verdict, Verdict::Pass);
        assert_eq!(judged("g.stalled_for_min", ">= 2s", 1.9e9, SHORT).verdict, Verdict::Fail);
        assert_eq!(judged("g.stalled_for_max", ">= 2s", 1.9e9, SHORT).verdict, Verdict::Inconclusive);
        assert_eq!(judged("evicted_protocol", "= 4", 8.0, long).verdict, Verdict::Inconclusive, "more time");
        assert_eq!(judged("evicted_protocol", "= 4", 8.0, SHORT).verdict, Verdict::Fail);
    }

    #[test]
    fn a_load_that_changes_with_time_is_not_scaled() {
        const RAMP: &str = "1000/s to 7000/s over 6s";
        for (name, condition, figure) in [
            ("g.due", "> 26000", 1000.0),
            ("g.latency_p99", "> 500ms", 1e6),
            ("server_cpu_rate", "> 0.6", 0.1),
        ] {
            let verdict = judged_at(RAMP, name, condition, figure, SHORT).verdict;
            assert_eq!(verdict, Verdict::Inconclusive, "{name}");
        }
        assert_eq!(judged_at(RAMP, "g.evicted", "= 0", 1.0, SHORT).verdict, Verdict::Fail);
    }

    #[test]
    fn rates_and_times_are_judged_as_they_are() {
        for (name, condition, figure) in [
            ("g.latency_p99", "< 1ms", 2e6),
            ("g.requests_rate", "> 700/s", 600.0),
            ("corrupt_bytes", "= 0", 1.0),
        ] {
            assert_eq!(judged(name, condition, figure, SHORT).verdict, Verdict::Fail, "{name}");
        }
    }
}
