//! Is it as expected? Records in, verdicts out.

use crate::{
    metric::Row,
    profile::{Expectation, Profile},
    record::{Outcome, Trial, Verdict},
};

/// The engine may start requests this late (99th percentile) before its latencies mean nothing, in nanoseconds.
const WORST_PACING_ERROR_NS: f64 = 50e6;

/// What each expectation of a profile comes to. Every repeat must meet it; what was not measured meets nothing.
#[must_use]
pub fn judge(profile: &Profile, trials: &[Trial]) -> Vec<Verdict> {
    let invalid = trials.iter().any(|trial| !trial.invalid.is_empty());
    profile
        .expectations()
        .iter()
        .map(|expectation| {
            let (measured, met) = weigh(expectation, trials);
            let outcome = match (invalid, met) {
                (true, _) => Outcome::Invalid,
                (false, true) => Outcome::Pass,
                (false, false) => Outcome::Fail,
            };
            let texts: Vec<&str> = expectation.conditions.iter().map(|c| c.text.as_str()).collect();
            Verdict { name: expectation.name.clone(), condition: texts.join(", "), measured, outcome }
        })
        .collect()
}

/// The measured number that is hardest on the expectation, and whether all conditions hold in all trials.
fn weigh(expectation: &Expectation, trials: &[Trial]) -> (Option<f64>, bool) {
    let measured: Vec<f64> =
        trials.iter().filter_map(|trial| trial.summary.get(&expectation.name).copied()).collect();
    if measured.is_empty() || measured.len() < trials.len() {
        return (None, false);
    }
    let hardest = |c: &crate::profile::Condition| {
        c.hardest(measured.iter().copied()).map(|value| (value, c.holds(value)))
    };
    let weighed: Vec<(f64, bool)> = expectation.conditions.iter().filter_map(hardest).collect();
    let shown = weighed.iter().find(|(_, holds)| !holds).or(weighed.first());
    (shown.map(|(value, _)| *value), weighed.iter().all(|(_, holds)| *holds))
}

/// Why a trial proves nothing, in words; empty if it stands.
#[must_use]
pub fn invalidity(trial: &Trial, engine: &Row) -> Vec<String> {
    let mut reasons = Vec::new();
    for group in trial.groups.iter().filter(|group| !group.ledger.balances()) {
        reasons.push(format!(
            "group `{}` lost track of connections ({:?}): this is a bug of badpeer",
            group.name, group.ledger
        ));
    }
    let late = engine.value(crate::metric::Metric::PacingErrorP99).unwrap_or(0.0);
    if late > WORST_PACING_ERROR_NS {
        reasons.push(format!(
            "the clients started requests {} late (99th percentile): latencies would be the harness's own; lower the \
             rate or give the clients more cores",
            crate::units::human_time(late)
        ));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metric::Metric, profile::Source, record::*};

    fn profile(expect: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n[expect]\n{expect}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    fn trial(summary: &[(&str, f64)]) -> Trial {
        Trial {
            seed: 1,
            window_ns: (0, 1),
            effective: Effective::default(),
            series: Series::default(),
            groups: Vec::new(),
            evictions: Vec::new(),
            summary: summary.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            invalid: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn outcome(expect: &str, trials: &[Trial]) -> (Option<f64>, Outcome) {
        let verdicts = judge(&profile(expect), trials);
        (verdicts[0].measured, verdicts[0].outcome)
    }

    #[test]
    fn every_repeat_must_meet_every_condition() {
        let expect = "evictions = \"> 1, < 5\"";
        let of = |values: &[f64]| {
            outcome(expect, &values.iter().map(|v| trial(&[("evictions", *v)])).collect::<Vec<_>>())
        };
        assert_eq!(of(&[2.0, 3.0]), (Some(2.0), Outcome::Pass));
        assert_eq!(of(&[2.0, 5.0]), (Some(5.0), Outcome::Fail));
        assert_eq!(of(&[1.0, 3.0]), (Some(1.0), Outcome::Fail));
    }

    #[test]
    fn what_was_not_measured_is_no_pass() {
        assert_eq!(outcome("evictions = \"= 0\"", &[trial(&[])]), (None, Outcome::Fail));
        assert_eq!(outcome("evictions = \"= 0\"", &[]), (None, Outcome::Fail));
    }

    #[test]
    fn an_invalid_trial_proves_nothing() {
        let mut late = Row::default();
        late.set(Metric::PacingErrorP99, 80e6);
        let mut bad = trial(&[("evictions", 0.0)]);
        assert_eq!(invalidity(&bad, &Row::default()), Vec::<String>::new());
        bad.invalid = invalidity(&bad, &late);
        assert_eq!(bad.invalid.len(), 1);
        assert_eq!(outcome("evictions = \"= 0\"", &[bad]).1, Outcome::Invalid);
    }
}
