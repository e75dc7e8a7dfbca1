//! Did it get worse since a run that was kept? Weaker than pairs: the two were measured at different times, so whatever
//! drifted on the machine between them looks like a change of the server.
//!
//! The rule does without a model of the noise. The repeats of each side are taken as they are: a number is a REGRESSION if
//! every new repeat is worse than every old one by more than the floor, a PASS if no new repeat is worse than any old one by
//! as much as the budget, and else INCONCLUSIVE. If both runs came from the same server and nothing drifted, n old and m new
//! repeats would part like that once in (n + m choose n) numbers: once in 20 with three of each, once in 252 with five. With
//! fewer than three on either side nothing is called, nor with more numbers than a twentieth of those ways: with five repeats
//! of each, of more than twelve numbers none would be.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::pairs::{Call, Gated, gated, is_trusted};
use crate::{
    metric::{Better, Fold, Metric, Scope, Stat, Unit},
    profile::Profile,
    record::{Point, Record, named_at, stat_of},
    stats,
};

/// Repeats of each side from which on something is called.
const LEAST_REPEATS: usize = 3;

/// A run against one that was kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Against {
    /// The baseline's name.
    pub baseline: String,
    /// When the baseline was measured (RFC 3339).
    pub started: String,
    /// The commit that it was measured at, where there was one.
    pub commit: Option<String>,
    /// What else is different than the server: another machine, kernel, badpeer or profile. Then only counts are gated.
    pub differs: Vec<String>,
    /// Every number that both have.
    pub numbers: Vec<Since>,
    /// Numbers that the baseline has and this run has not.
    #[serde(default)]
    pub lost: Vec<String>,
    /// What it all comes to.
    pub call: Call,
}

/// A number then and now. Shares are of the baseline's, more being worse: 0.1 is 10 % worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Since {
    /// What is gated, and how.
    #[serde(flatten)]
    pub gated: Gated,
    /// The point of the sweep.
    pub axes: IndexMap<String, String>,
    /// The baseline's repeats.
    pub then: Vec<f64>,
    /// The new repeats.
    pub now: Vec<f64>,
    /// How much worse the best new repeat is than the worst old one.
    pub low: f64,
    /// How much worse the worst new repeat is than the best old one.
    pub high: f64,
    /// What is said; `None`: shown, and not gated.
    pub call: Option<Call>,
}

impl Against {
    /// Weighs a run against a baseline of this name.
    #[must_use]
    pub fn of(name: &str, baseline: &Record, now: &Record) -> Self {
        let differs = differs(baseline, now);
        let mut numbers = Vec::new();
        for point in &now.points {
            let Some(then) = baseline.points.iter().find(|then| then.axes == point.axes) else { continue };
            let gated = numbers_of(&now.profile);
            numbers
                .extend(gated.into_iter().filter_map(|gated| since(gated, then, point, differs.is_empty())));
        }
        let lost = lost(baseline, now, &numbers);
        correct(&mut numbers);
        let calls: Vec<Call> = numbers.iter().filter_map(|since: &Since| since.call).collect();
        let call = [Call::Regression, Call::Inconclusive, Call::Pass];
        let call = match call.into_iter().find(|call| calls.contains(call)).unwrap_or(Call::Invalid) {
            Call::Pass if !lost.is_empty() => Call::Inconclusive,
            call => call,
        };
        Self {
            baseline: name.to_owned(),
            started: baseline.started.clone(),
            commit: baseline.commit.clone(),
            differs,
            numbers,
            lost,
            call,
        }
    }
}

/// What the baseline has and the new run has not, or at points that are no more.
fn lost(baseline: &Record, now: &Record, numbers: &[Since]) -> Vec<String> {
    let is_there = |name: &str, point: &Point| {
        numbers.iter().any(|since| since.gated.name == name && since.axes == point.axes)
    };
    let gated = numbers_of(&now.profile);
    let of_point = |point: &Point| -> Vec<String> {
        let had = gated.iter().filter(|gated| !values(&gated.name, point).is_empty());
        had.filter(|gated| !is_there(&gated.name, point))
            .map(|gated| named_at(&gated.name, &point.axes))
            .collect()
    };
    baseline.points.iter().flat_map(of_point).collect()
}

/// With many numbers one parts by chance: a regression is only called where so many repeats would seldom part in any of them.
fn correct(numbers: &mut [Since]) {
    let looks = numbers.iter().filter(|since| since.call.is_some()).count();
    for since in numbers {
        let repeats = (since.then.len(), since.now.len());
        if since.call == Some(Call::Regression)
            && stats::ways(repeats.0, repeats.0 + repeats.1) < 20.0 * looks as f64
        {
            since.call = Some(Call::Inconclusive);
        }
    }
}

/// The number in the trials that prove something and have enough of it.
fn values(name: &str, point: &Point) -> Vec<f64> {
    let trusted = point.trials.iter().filter(|trial| trial.is_sound() && is_trusted(name, trial));
    trusted.filter_map(|trial| trial.summary.get(name).copied()).collect()
}

/// What is gated: what a comparison gates, and of a core experiment every cost.
fn numbers_of(profile: &Profile) -> Vec<Gated> {
    if profile.core.is_none() {
        return gated(profile);
    }
    let costs = Metric::ALL.iter().filter(|metric| {
        let spec = metric.spec();
        spec.scope == Scope::Core && spec.better == Better::Lower && spec.folds.contains(&Fold::Final)
    });
    costs.map(|metric| Gated::of(Stat { metric: *metric, fold: Fold::Final }, None)).collect()
}

fn since(gated: Gated, then: &Point, now: &Point, is_same_setting: bool) -> Option<Since> {
    let (then, values_now) = (values(&gated.name, then), values(&gated.name, now));
    let all = || then.iter().flat_map(|then| values_now.iter().map(|now| gated.difference(*then, *now)));
    let (low, high) = (all().reduce(f64::min)?, all().reduce(f64::max)?);
    let few = then.len().min(values_now.len()) < LEAST_REPEATS;
    let is_gated = is_same_setting || is_count(&gated.name);
    let call = is_gated.then(|| {
        if few {
            Call::Inconclusive
        } else if low > gated.floor.ln_1p() {
            Call::Regression
        } else if high < gated.budget.ln_1p() || high <= 0.0 {
            Call::Pass
        } else {
            Call::Inconclusive
        }
    });
    let axes = now.axes.clone();
    Some(Since { gated, axes, then, now: values_now, low: low.exp_m1(), high: high.exp_m1(), call })
}

/// Whether it is the same on any machine: neither a time, nor a rate, nor memory.
fn is_count(name: &str) -> bool {
    let is_as_long_as_the_window = |stat: Stat| matches!(stat.fold, Fold::Total | Fold::Whole);
    stat_of(name).is_some_and(|stat| stat.unit() == Unit::Count && !is_as_long_as_the_window(stat))
}

/// What is different beside the server.
fn differs(baseline: &Record, now: &Record) -> Vec<String> {
    let setting = |profile: &Profile| {
        let mut setting = profile.clone();
        (setting.title, setting.about) = (String::new(), String::new());
        setting.expect.clear();
        setting.gate.clear();
        (setting.seed, setting.repeats) = (0, 1);
        setting
    };
    let (then, here) = (&baseline.machine, &now.machine);
    let memory = |bytes: u64| crate::units::human_bytes(bytes as f64);
    let pairs = [
        ("processor", then.cpu.clone(), here.cpu.clone()),
        ("number of cores", then.cores.to_string(), here.cores.to_string()),
        ("memory", memory(then.memory_bytes), memory(here.memory_bytes)),
        ("instruction set", then.arch.clone(), here.arch.clone()),
        ("kernel", then.kernel.clone(), here.kernel.clone()),
        ("badpeer", baseline.badpeer.clone(), now.badpeer.clone()),
    ];
    let mut differs: Vec<String> = pairs
        .into_iter()
        .filter(|(_, then, here)| then != here)
        .map(|(what, then, here)| format!("another {what}: {then} then, {here} now"))
        .collect();
    if setting(&baseline.profile) != setting(&now.profile) || baseline.files != now.files {
        differs.push("the profile asks for something else now".to_owned());
    }
    differs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate::trial, record::Machine};

    fn record(cpus: &[f64]) -> Record {
        let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
        let numbers =
            |cpu: &f64| [("server_cpu_per_request", *cpu), ("server_calls_per_request", cpu / 1000.0)];
        let trials = cpus.iter().map(|cpu| trial(&numbers(cpu))).collect();
        Record {
            format: 1,
            badpeer: "1".into(),
            command: Vec::new(),
            name: "t".into(),
            started: String::new(),
            machine: Machine::default(),
            commit: None,
            profile: toml::from_str(text).expect("a profile"),
            files: IndexMap::new(),
            points: vec![Point { axes: IndexMap::new(), trials, verdicts: Vec::new() }],
            interrupted: false,
        }
    }

    fn calls(against: &Against) -> Vec<Option<Call>> {
        against.numbers.iter().map(|since| since.call).collect()
    }

    #[test]
    fn every_new_repeat_must_be_worse_than_every_old_one() {
        let base = record(&[1000.0, 1010.0, 1020.0, 1000.0]);
        let call = |now: &[f64]| Against::of("main", &base, &record(now)).call;
        assert_eq!(call(&[1200.0, 1210.0, 1230.0, 1200.0]), Call::Regression);
        assert_eq!(
            call(&[1200.0, 1210.0, 1230.0]),
            Call::Inconclusive,
            "two numbers part so once in 18 times"
        );
        assert_eq!(call(&[1200.0, 1210.0, 1015.0]), Call::Inconclusive, "one is as good as before");
        assert_eq!(call(&[1005.0, 1010.0, 1015.0]), Call::Pass);
        assert_eq!(call(&[700.0, 710.0, 720.0]), Call::Pass, "better");
        assert_eq!(call(&[1040.0, 1045.0, 1050.0]), Call::Pass, "worse by less than the floor");
        assert_eq!(call(&[1500.0, 1500.0]), Call::Inconclusive, "two repeats prove nothing");
    }

    #[test]
    fn on_another_kernel_only_counts_are_gated() {
        let base = record(&[1000.0, 1010.0, 1020.0, 1020.0]);
        let mut now = record(&[1500.0, 1500.0, 1500.0, 1500.0]);
        assert_eq!(
            calls(&Against::of("main", &base, &now)),
            [Some(Call::Regression), Some(Call::Regression)]
        );
        now.machine.kernel = "6.9".into();
        let against = Against::of("main", &base, &now);
        assert_eq!(calls(&against), [None, Some(Call::Regression)], "system calls are the same anywhere");
        assert_eq!(against.differs, ["another kernel:  then, 6.9 now"]);
        now.machine.kernel = String::new();
        now.profile.clients[0].count = 2;
        assert_eq!(calls(&Against::of("main", &base, &now))[0], None, "another question");
        now.profile = base.profile.clone();
        now.profile.title = "said in other words".into();
        assert_eq!(calls(&Against::of("main", &base, &now))[0], Some(Call::Regression));
    }

    #[test]
    fn what_is_no_more_is_no_pass() {
        let base = record(&[1000.0, 1010.0, 1020.0]);
        let mut now = base.clone();
        for trial in &mut now.points[0].trials {
            trial.summary.shift_remove("server_cpu_per_request");
        }
        let against = Against::of("main", &base, &now);
        assert_eq!(against.call, Call::Inconclusive);
        assert_eq!(against.lost, ["server_cpu_per_request"]);
        let whole = Against::of("main", &base, &base.clone());
        assert_eq!((whole.call, whole.lost.len()), (Call::Pass, 0));
    }

    #[test]
    fn a_point_that_was_not_there_is_not_compared() {
        let (base, mut now) = (record(&[1.0, 1.0, 1.0]), record(&[1.0, 1.0, 1.0]));
        now.points[0].axes.insert("server.buffer".into(), "chained".into());
        let against = Against::of("main", &base, &now);
        assert_eq!((against.numbers.len(), against.call), (0, Call::Invalid));
    }
}
