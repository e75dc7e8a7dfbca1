//! Repeats that are invalid for nothing but a load generator that was late.

use super::figures::Figures;
use crate::{
    metric::{Fold, Metric},
    profile::Profile,
    record::Repeat,
};

/// How late the load generator was at most, in nanoseconds, where this alone is why a repeat is invalid: what takes much longer
/// than that is the server's all the same. `None` where the repeat is valid, or is invalid for another reason.
#[must_use]
pub fn late_only(profile: &Profile, repeat: &Repeat) -> Option<f64> {
    let figures = Figures { profile, repeat };
    let lateness = [figures.pacing(), figures.pauses()];
    let is_lateness = |reason: &String| lateness.iter().flatten().any(|late| late == reason);
    if repeat.invalid.is_empty() || !repeat.invalid.iter().all(is_lateness) {
        return None;
    }
    let late =
        [figures.of(Metric::PacingErrorP99, Fold::Final), figures.of(Metric::HarnessPauseMax, Fold::Final)];
    late.into_iter().flatten().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate, profile::Source};

    #[test]
    fn lateness_alone_is_told_from_other_reasons() {
        let text = "title = 't'\n[[clients]]\nname = 'g'\ncount = 1\nload = { rate = 9, payload = 9 }";
        let profile = Source { file: "t.toml".into(), text: text.into() }.parse(&[]).expect("valid");
        let late = [("pacing_error_p99", 51e6), ("harness_paused", 202e6), ("harness_pause_max", 60e6)];
        let judged = |numbers: &[(&str, f64)], more: &[&str]| {
            let mut repeat = Repeat { window_ns: (0, 2_000_000_000), ..gate::repeat(numbers) };
            repeat.invalid = gate::examine(&profile, &repeat).invalid;
            repeat.invalid.extend(more.iter().map(|reason| (*reason).to_owned()));
            late_only(&profile, &repeat)
        };
        assert_eq!(judged(&late, &[]), Some(60e6));
        assert_eq!(judged(&late[..1], &[]), Some(51e6));
        assert_eq!(judged(&late, &["a shard was lost"]), None);
        assert_eq!(judged(&[], &["a shard was lost"]), None);
        assert_eq!(judged(&[("pacing_error_p99", 49e6)], &[]), None, "it is valid");
    }
}
