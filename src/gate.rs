//! Verdicts: whether a record meets its expectations, and whether it is valid.

mod baseline;
mod calibration;
mod comparison;
mod disputes;
mod expected;
mod inflation;
mod judge;
mod lost;
mod pairs;
mod unserved;
mod validity;
mod window;

pub use self::{
    baseline::*, calibration::*, comparison::*, disputes::*, expected::*, inflation::*, judge::*, lost::*,
    pairs::*, unserved::*, validity::*, window::*,
};
use crate::{
    profile::Profile,
    record::{Point, Verdict},
};

/// The verdicts of all expectations at the point of this index: those of the profile, those that it implies
/// ([`Profile::implied`]), and that good clients were served ([`fn@unserved`],
/// [`ran_dry`]). `window` is that of the repeats, where
/// it is not the one that the profile is written for.
#[must_use]
pub fn verdicts(profile: &Profile, points: &[Point], index: usize, window: Option<Window>) -> Vec<Verdict> {
    let mut verdicts = match window {
        None => judge(profile, points, index),
        Some(window) => judge_in(profile, points, index, window),
    };
    let mut unserved = unserved(profile, &points[index], &verdicts);
    if unserved.is_empty() {
        unserved = ran_dry(profile, &points[index], &verdicts);
    }
    verdicts.extend(judge_each(&profile.implied(&points[index].axes), profile, points, index));
    verdicts.extend(unserved);
    verdicts
}

/// A made-up repeat with these metrics and nothing else.
#[cfg(test)]
fn trial(numbers: &[(&str, f64)]) -> crate::record::Trial {
    let summary = numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    crate::record::Trial { seed: 1, window_ns: (0, 1), summary, ..crate::record::Trial::default() }
}
