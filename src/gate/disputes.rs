//! Evictions of which a server tells another time than was seen from outside.

use super::lost::disputed;
use crate::{
    metric::{Fold, Metric, Stat},
    profile::Profile,
    record::{Outcome, Point, Verdict},
};

/// What is implied wherever something is expected of the lateness of evictions: that what the server says of them is what was
/// seen from outside. Where it is not, it is told whatever is expected.
#[must_use]
pub fn disputes(profile: &Profile, point: &Point) -> Option<Verdict> {
    let stat = Stat { metric: Metric::EvictionsDisputed, fold: Fold::Final };
    let expectations = profile.expectations();
    if expectations.iter().any(|e| e.stat.metric == stat.metric && super::lies_at(point, &e.at)) {
        return None;
    }
    let values = super::measured(point, &stat.name())?;
    let worst = values.into_iter().fold(0.0, f64::max);
    let lateness = [Metric::LatenessMin, Metric::LatenessP50, Metric::LatenessP99];
    let is_implied =
        expectations.iter().any(|e| lateness.contains(&e.stat.metric) && super::lies_at(point, &e.at));
    (is_implied || worst > 0.0).then(|| Verdict {
        name: stat.name(),
        condition: "= 0 (implied)".to_owned(),
        measured: Some(worst),
        outcome: if worst > 0.0 { Outcome::Fail } else { Outcome::Pass },
    })
}

/// A sentence about the eviction whose time is disputed most, if one is by more than so many nanoseconds.
#[must_use]
pub fn dispute(trial: &crate::record::Trial, tick_ns: u64) -> Option<String> {
    let time = |ns: f64| crate::units::human_time(ns);
    let worst = disputed(trial).filter(|eviction| eviction.disagreement_ns > tick_ns)?;
    let claimed =
        worst.claimed_lateness_ns.map(|ns| format!(" {} after the end of its timeout,", time(ns as f64)));
    let lateness = worst
        .lateness_ns
        .map(|ns| format!("; with the profile's timeout, and as seen, it came {} after it", time(ns as f64)));
    Some(format!(
        "the server tells of an eviction ({}){} and what was seen from outside differs from that by {} at least{}",
        worst.reason,
        claimed.unwrap_or_default(),
        time(worst.disagreement_ns as f64),
        lateness.unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        profile::Source,
        record::{Eviction, Trial},
    };

    fn verdict(expect: &str, disputed: &[f64]) -> Option<Outcome> {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n[expect]\n{expect}"
        );
        let profile = Source { file: "t.toml".into(), text }.parse(&[]).expect("valid");
        let trials =
            disputed.iter().map(|count| super::super::trial(&[("evictions_disputed", *count)])).collect();
        disputes(&profile, &Point { axes: indexmap::IndexMap::new(), trials, verdicts: Vec::new() })
            .map(|verdict| verdict.outcome)
    }

    #[test]
    fn who_expects_something_of_lateness_expects_the_truth() {
        let late = "eviction_lateness_p99 = \"< 1s\"";
        assert_eq!(verdict(late, &[0.0, 0.0]), Some(Outcome::Pass));
        assert_eq!(verdict(late, &[0.0, 1.0]), Some(Outcome::Fail));
        assert_eq!(verdict("", &[0.0]), None);
        assert_eq!(verdict("", &[2.0]), Some(Outcome::Fail), "nobody asked, and it is told");
        assert_eq!(verdict("evictions_disputed = \"< 9\"", &[2.0]), None, "the profile judges it itself");
        assert_eq!(verdict(late, &[]), None);
    }

    #[test]
    fn the_worst_dispute_is_told_in_a_sentence() {
        let eviction = |disagreement_ns| Eviction {
            reason: "send_timeout".into(),
            lateness_ns: Some(200_000_000),
            claimed_lateness_ns: Some(1_000_000),
            disagreement_ns,
            ..Eviction::default()
        };
        let trial = Trial { evictions: vec![eviction(5), eviction(190_000_000)], ..Trial::default() };
        let sentence = dispute(&trial, 1_000_000).expect("a sentence");
        assert!(
            sentence.contains("(send_timeout) 1.00 ms after") && sentence.contains("190 ms at least"),
            "{sentence}"
        );
        assert_eq!(dispute(&trial, 200_000_000), None);
    }
}
