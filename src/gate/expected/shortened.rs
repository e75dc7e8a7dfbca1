//! What trials that are shorter than the profile's own can be asked of what it expects.
//!
//! - Rates, shares, times and costs for each request are judged *as they are*: they do not grow with the window. So is what
//!   nothing at all satisfies (`evictions = 0`, `skipped < 80`): more time could only make it worse.
//! - Counts over the window (`requests > 7500`) are *scaled* to the profile's window.
//! - All else (`evicted = 40`, what lies in memory at the end) may need the whole window to come about. It is judged as it is
//!   where the base meets it in so short a window: then the head has to, too. Where the base does not it is *skipped*, by name.
//!
//! A profile that expects evictions is not shortened at all, unless that is asked for: they have to come about first.

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use super::Judged;
use crate::{
    metric::{Fold, Metric, Stat, Unit},
    profile::{Expectation, Profile, Wanted},
    record::{Outcome, Point},
};

/// Trials that were shorter than the profile asks for, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Window {
    /// The window that the profile asks for.
    pub asked: f64,
    /// The window that was measured.
    pub measured: f64,
}

/// What shorter trials can be asked.
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

    /// Why it cannot be judged of trials so short, if it cannot.
    pub(super) fn is_beyond(self, head: Outcome, base: Outcome) -> Option<&'static str> {
        if head == Outcome::Inconclusive && base == Outcome::Inconclusive {
            return Some("not measured in so short a window");
        }
        (self == Self::AsTheBase && base != Outcome::Pass)
            .then_some("the base does not meet it in so short a window")
    }
}

pub(super) fn kind(expectation: &Expectation) -> Kind {
    let Stat { metric, fold } = expectation.stat;
    let unit = expectation.stat.unit();
    let name = metric.spec().name;
    let is_steady = fold == Fold::Rate
        || matches!(unit, Unit::Share | Unit::PerSecond | Unit::Cores)
        || (fold == Fold::Final && unit == Unit::Nanoseconds)
        || name.contains("_per_")
        || metric == Metric::WakeupShare;
    let is_of_content = matches!(metric, Metric::CorruptBytes | Metric::GroupCorrupt);
    let only_grows = (unit == Unit::Count && matches!(fold, Fold::Final | Fold::Whole)) || is_of_content;
    if is_steady || (only_grows && nothing_meets(expectation)) {
        Kind::AsItIs
    } else if fold == Fold::Total {
        Kind::Scaled
    } else {
        Kind::AsTheBase
    }
}

/// Whether a number of 0 is as expected.
fn nothing_meets(expectation: &Expectation) -> bool {
    let number = |wanted: &Wanted| match wanted {
        Wanted::Number(limit) => Some(*limit),
        Wanted::Share(..) | Wanted::Times(..) => None,
    };
    let mut conditions = expectation.conditions.iter();
    conditions.all(|condition| condition.holds(Known::Exactly(0.0), number) == Some(true))
}

/// Multiplies the counts over the window that are expected something of.
pub(super) fn scale(point: &mut Point, profile: &Profile, window: Window) {
    let expectations = profile.expectations();
    let scaled = expectations.iter().filter(|expectation| kind(expectation) == Kind::Scaled);
    // One number may be expected different things of at different points.
    let numbers: IndexSet<&str> = scaled.map(|expectation| expectation.number.as_str()).collect();
    for trial in &mut point.trials {
        for number in &numbers {
            if let Some(value) = trial.summary.get_mut(*number) {
                *value *= window.asked / window.measured;
            }
        }
    }
}

/// Whether the profile expects evictions, which come about only as fast as its timeouts let them.
#[must_use]
pub fn needs_the_whole_window(profile: &Profile) -> bool {
    let of_evictions = |metric: Metric| {
        let name = metric.spec().name;
        name.starts_with("evict") || name.starts_with("stalled_for") || metric == Metric::ServerEnded
    };
    profile
        .expectations()
        .iter()
        .any(|expectation| of_evictions(expectation.stat.metric) && !nothing_meets(expectation))
}
