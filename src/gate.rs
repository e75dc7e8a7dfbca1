//! Is it as expected, and was it the server that was measured? Records in, verdicts out.

mod baseline;
mod calibration;
mod comparison;
mod disputes;
mod expected;
mod lost;
mod pairs;
mod validity;

pub use self::{
    baseline::*, calibration::*, comparison::*, disputes::*, expected::*, lost::*, pairs::*, validity::*,
};
use crate::{
    metric::Metric,
    profile::{Axes, Condition, Expectation, Group, Profile, Wanted},
    record::{Outcome, Point, Verdict},
    stats,
};

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
            let unproven = invalid || is_the_clients_own(profile, expectation, points, point, outcome);
            let outcome = if unproven { Outcome::Invalid } else { outcome };
            let texts: Vec<&str> = expectation.conditions.iter().map(|c| c.text.as_str()).collect();
            Verdict { name: expectation.name.clone(), condition: texts.join(", "), measured, outcome }
        })
        .collect()
}

/// Whether the point's keys have these values.
fn lies_at(point: &Point, axes: &Axes) -> bool {
    axes.iter().all(|(key, value)| point.axes.get(key) == Some(value))
}

/// The number of that name in every whole trial of the point; `None` if one of them lacks it.
#[must_use]
pub fn measured(point: &Point, number: &str) -> Option<Vec<f64>> {
    let whole = point.trials.iter().filter(|trial| !trial.cut_short);
    let values: Option<Vec<f64>> = whole.map(|trial| trial.summary.get(number).copied()).collect();
    values.filter(|values| !values.is_empty())
}

/// The point with the given keys as given, and all others as they are here.
fn other_point<'a>(points: &'a [Point], point: &Point, at: &Axes) -> Option<&'a Point> {
    let mut axes = point.axes.clone();
    axes.extend(at.iter().cloned());
    points.iter().find(|other| other.axes == axes)
}

/// Whether what came out says more about the clients than about the server, here or at a point that is compared with.
///
/// Clients that are too busy make rates smaller and latencies longer than they are: a rate that was reached all the same
/// was reached, and an open loop's latency that stayed below its limit did. Only a closed loop's latency proves nothing
/// either way, because the load was not what it should have been.
fn is_the_clients_own(
    profile: &Profile,
    expectation: &Expectation,
    points: &[Point],
    point: &Point,
    outcome: Outcome,
) -> bool {
    let name = expectation.number.rsplit_once('.').map(|(group, _)| group);
    let Some(group) = profile.clients.iter().find(|group| Some(group.name.as_str()) == name) else {
        return false;
    };
    let is_closed = group.load.depth.is_some();
    let mut conditions = expectation.conditions.iter();
    let in_spite_of_it = if is_throughput(expectation.stat.metric, group) {
        conditions.all(Condition::is_floor)
    } else if is_latency(expectation.stat.metric) {
        !is_closed && conditions.all(Condition::is_ceiling)
    } else {
        return false;
    };
    let compared = expectation.conditions.iter().filter_map(|condition| match &condition.wanted {
        Wanted::Number(_) => None,
        Wanted::Share(_, at) => other_point(points, point, at),
    });
    let limited = if is_closed { clients_were_the_limit } else { clients_were_late };
    let is_limited = |point: &Point| point.trials.iter().any(limited);
    !(in_spite_of_it && outcome == Outcome::Pass) && compared.chain([point]).any(is_limited)
}

fn is_throughput(metric: Metric, group: &Group) -> bool {
    let paced_by_behavior = !group.is_steady();
    match metric {
        Metric::Answered => true,
        Metric::Received | Metric::Sent => !paced_by_behavior,
        _ => false,
    }
}

fn is_latency(metric: Metric) -> bool {
    use Metric::{LatencyMax, LatencyP50, LatencyP90, LatencyP99, LatencyP999, ServiceP50, ServiceP99};
    [LatencyP50, LatencyP90, LatencyP99, LatencyP999, LatencyMax, ServiceP50, ServiceP99].contains(&metric)
}

/// The measured number that is hardest on the expectation, and whether all conditions hold in all trials.
fn weigh(expectation: &Expectation, points: &[Point], point: &Point) -> (Option<f64>, Outcome) {
    let Some(values) = measured(point, &expectation.number) else { return (None, Outcome::Inconclusive) };
    let elsewhere = |at: &Axes| {
        let other = other_point(points, point, at)?;
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

/// A made-up trial that has these numbers and nothing else.
#[cfg(test)]
fn trial(numbers: &[(&str, f64)]) -> crate::record::Trial {
    let summary = numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    crate::record::Trial { seed: 1, window_ns: (0, 1), summary, ..crate::record::Trial::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{profile::Source, record::*};

    fn profile(expect: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n[sweep]\nseed = [1, 2]\n\
             [expect]\n{expect}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
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
        let mut bad = trial(&[("evictions", 0.0)]);
        assert_eq!(outcome("evictions = \"= 0\"", &[bad.clone()]).1, Outcome::Pass);
        bad.invalid.push("it was not the server".to_owned());
        assert_eq!(outcome("evictions = \"= 0\"", &[bad]).1, Outcome::Invalid);
    }

    /// What comes of an expectation where these numbers were measured, and the clients were so busy here and there.
    fn with_busy_clients(load: &str, expect: &str, busy: [f64; 2]) -> Outcome {
        let numbers =
            [("g.requests", 50.0), ("g.latency_p99", 2e6), ("g.evicted", 0.0), ("pacing_error_p99", 11e6)];
        let at = |seed, busy| point(seed, &[trial(&[&numbers[..], &[("harness_busy", busy)]].concat())]);
        let mut profile = profile(expect);
        profile.clients[0].load = toml::from_str(load).expect("a load");
        judge(&profile, &[at(1, busy[0]), at(2, busy[1])], 0)[0].outcome
    }

    #[test]
    fn busy_clients_prove_only_what_holds_in_spite_of_it() {
        use Outcome::{Fail, Invalid, Pass};
        for (expect, idle, closed, open) in [
            ("\"g.requests\" = \"> 40\"", Pass, Pass, Pass),
            ("\"g.requests\" = \"= 50\"", Pass, Pass, Pass),
            ("\"g.requests\" = \"> 60\"", Fail, Invalid, Invalid),
            ("\"g.requests\" = \"< 60\"", Pass, Invalid, Invalid),
            ("\"g.requests\" = \"> 40, < 60\"", Pass, Invalid, Invalid),
            ("\"g.latency_p99\" = \"< 3ms\"", Pass, Invalid, Pass),
            ("\"g.latency_p99\" = \"< 1ms\"", Fail, Invalid, Invalid),
            ("\"g.latency_p99\" = \"> 1ms\"", Pass, Invalid, Invalid),
            ("\"g.evicted\" = \"= 0\"", Pass, Pass, Pass),
        ] {
            for (load, busy) in [("depth = 1", closed), ("rate = 9", open)] {
                assert_eq!(with_busy_clients(load, expect, [0.94, 1.0]), idle, "{load}: {expect}");
                assert_eq!(with_busy_clients(load, expect, [0.96, 0.1]), busy, "{load}: {expect}");
            }
        }
    }

    #[test]
    fn busy_clients_spoil_a_comparison_on_both_of_its_sides() {
        let share = "\"g.requests @ seed=1\" = \"> 80% @ seed=2\"";
        let of = |busy| with_busy_clients("depth = 1", share, busy);
        assert_eq!(of([0.1, 0.1]), Outcome::Pass);
        assert_eq!(of([0.96, 0.1]), Outcome::Invalid);
        assert_eq!(of([0.1, 0.96]), Outcome::Invalid);
    }
}
