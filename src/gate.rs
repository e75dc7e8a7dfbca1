//! Is it as expected? Records in, verdicts out.

use crate::{
    metric::Row,
    profile::{Axes, Expectation, Profile},
    record::{Outcome, Point, Trial, Verdict},
    stats,
};

/// The engine may start requests this late (99th percentile) before its latencies mean nothing, in nanoseconds.
const WORST_PACING_ERROR_NS: f64 = 50e6;

/// A client thread that is busy for more than this share of a core may be what limits a closed loop.
const BUSY_CORES: f64 = 0.9;

/// What each expectation comes to at the point of this number. Every repeat must meet it; where nothing was measured,
/// here or at the point that is compared with, it is INCONCLUSIVE.
#[must_use]
pub fn judge(profile: &Profile, points: &[Point], index: usize) -> Vec<Verdict> {
    let point = &points[index];
    let invalid = point.trials.iter().any(|trial| !trial.invalid.is_empty());
    let meant = |expectation: &&Expectation| lies_at(point, &expectation.at);
    profile
        .expectations()
        .iter()
        .filter(meant)
        .map(|expectation| {
            let (measured, outcome) = weigh(expectation, points, point);
            let outcome = if invalid { Outcome::Invalid } else { outcome };
            let texts: Vec<&str> = expectation.conditions.iter().map(|c| c.text.as_str()).collect();
            Verdict { name: expectation.name.clone(), condition: texts.join(", "), measured, outcome }
        })
        .collect()
}

/// Whether the point's keys have these values.
fn lies_at(point: &Point, axes: &Axes) -> bool {
    axes.iter().all(|(key, value)| point.axes.get(key) == Some(value))
}

/// The number of that name in every trial of the point; `None` if one of them lacks it.
fn measured(point: &Point, number: &str) -> Option<Vec<f64>> {
    let whole = point.trials.iter().filter(|trial| !trial.cut_short);
    let values: Option<Vec<f64>> = whole.map(|trial| trial.summary.get(number).copied()).collect();
    values.filter(|values| !values.is_empty())
}

/// The measured number that is hardest on the expectation, and whether all conditions hold in all trials.
fn weigh(expectation: &Expectation, points: &[Point], point: &Point) -> (Option<f64>, Outcome) {
    let Some(values) = measured(point, &expectation.number) else { return (None, Outcome::Inconclusive) };
    // The point with the given keys as given, and all others as they are here.
    let elsewhere = |at: &Axes| {
        let mut axes = point.axes.clone();
        axes.extend(at.iter().cloned());
        let other = points.iter().find(|other| other.axes == axes)?;
        stats::quantile(&measured(other, &expectation.number)?, 0.5)
    };
    let mut shown = None;
    let mut outcome = Outcome::Pass;
    for condition in &expectation.conditions {
        let Some(limit) = condition.limit(elsewhere) else {
            outcome = if outcome == Outcome::Fail { outcome } else { Outcome::Inconclusive };
            continue;
        };
        let hardest = condition.hardest(values.iter().copied(), limit);
        let holds = hardest.is_some_and(|value| condition.holds(value, limit));
        if !holds && outcome != Outcome::Fail {
            (shown, outcome) = (hardest, Outcome::Fail);
        }
        shown = shown.or(hardest);
    }
    (shown.or(values.first().copied()), outcome)
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

/// What a reader must bear in mind, in words.
#[must_use]
pub fn reservations(trial: &Trial) -> Vec<String> {
    let busy = trial.summary.get("harness_cpu_rate").copied().unwrap_or(0.0);
    if busy < BUSY_CORES {
        return Vec::new();
    }
    vec![format!(
        "the clients' thread was busy {:.0} % of the time: the rate of a closed loop is as much theirs as the server's",
        busy * 100.0
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metric::Metric, profile::Source, record::*};

    fn profile(expect: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n[sweep]\nseed = [1, 2]\n\
             [expect]\n{expect}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    fn trial(summary: &[(&str, f64)]) -> Trial {
        Trial {
            seed: 1,
            window_ns: (0, 1),
            cut_short: false,
            effective: Effective::default(),
            series: Series::default(),
            groups: Vec::new(),
            evictions: Vec::new(),
            summary: summary.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            invalid: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn point(seed: u32, trials: &[Trial]) -> Point {
        let axes = [("seed".to_owned(), seed.to_string())].into_iter().collect();
        Point { axes, trials: trials.to_vec(), verdicts: Vec::new() }
    }

    fn outcome(expect: &str, trials: &[Trial]) -> (Option<f64>, Outcome) {
        let verdicts = judge(&profile(expect), &[point(1, trials)], 0);
        (verdicts[0].measured, verdicts[0].outcome)
    }

    #[test]
    fn a_point_is_judged_by_what_is_meant_for_it_and_against_others() {
        let at = |seed, value| point(seed, &[trial(&[("evictions", value)])]);
        let points = [at(1, 100.0), at(2, 70.0)];
        let outcomes = |expect: &str, index, points: &[Point]| -> Vec<Outcome> {
            judge(&profile(expect), points, index).iter().map(|verdict| verdict.outcome).collect()
        };
        assert_eq!(outcomes("\"evictions @ seed=2\" = \"< 80\"", 0, &points), []);
        assert_eq!(outcomes("\"evictions @ seed=2\" = \"< 80\"", 1, &points), [Outcome::Pass]);
        let share = "\"evictions @ seed=2\" = \"> 80% @ seed=1\"";
        assert_eq!(outcomes(share, 1, &points), [Outcome::Fail]);
        assert_eq!(outcomes(share, 1, &[at(1, 80.0), at(2, 70.0)]), [Outcome::Pass]);
        let forward = "\"evictions @ seed=1\" = \"> 80% @ seed=2\"";
        assert_eq!(outcomes(forward, 0, &points[..1]), [Outcome::Inconclusive]);
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
        assert_eq!(outcome("evictions = \"= 0\"", &[trial(&[])]), (None, Outcome::Inconclusive));
        assert_eq!(outcome("evictions = \"= 0\"", &[]), (None, Outcome::Inconclusive));
    }

    #[test]
    fn a_trial_that_was_cut_short_is_not_judged() {
        let mut cut = trial(&[("evictions", 7.0)]);
        cut.cut_short = true;
        let whole = trial(&[("evictions", 0.0)]);
        assert_eq!(outcome("evictions = \"= 0\"", &[whole, cut.clone()]), (Some(0.0), Outcome::Pass));
        assert_eq!(outcome("evictions = \"= 0\"", &[cut]).1, Outcome::Inconclusive);
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
