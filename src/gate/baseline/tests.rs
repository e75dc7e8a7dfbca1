//! Baseline comparisons of made-up records.

use indexmap::IndexMap;

use super::*;
use crate::{
    gate::repeat,
    record::{ExpectationResult, GroupResult, Loopback, Machine, Requests, Verdict},
};

fn record(cpus: &[f64]) -> Record {
    let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
    let numbers = |cpu: &f64| [("server_cpu_per_request", *cpu), ("server_calls_per_request", cpu / 1000.0)];
    let repeats = cpus.iter().map(|cpu| repeat(&numbers(cpu))).collect();
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
        points: vec![Point { axes: IndexMap::new(), repeats, verdicts: Vec::new() }],
        capacity: None,
        soak: None,
        interrupted: false,
    }
}

fn verdicts(comparison: &BaselineComparison) -> Vec<Option<Verdict>> {
    comparison.numbers.iter().map(|change| change.verdict).collect()
}

#[test]
fn a_regression_needs_every_new_repeat_worse_than_every_old_one() {
    let base = record(&[1000.0, 1010.0, 1020.0, 1000.0]);
    let verdict = |now: &[f64]| BaselineComparison::of("main", &base, &record(now)).verdict;
    assert_eq!(verdict(&[1200.0, 1210.0, 1230.0, 1200.0]), Verdict::Regression);
    assert_eq!(
        verdict(&[1200.0, 1210.0, 1230.0]),
        Verdict::Inconclusive,
        "two numbers part so once in 18 times"
    );
    assert_eq!(verdict(&[1200.0, 1210.0, 1015.0]), Verdict::Inconclusive, "one is as good as before");
    assert_eq!(verdict(&[1005.0, 1010.0, 1015.0]), Verdict::Pass);
    assert_eq!(verdict(&[700.0, 710.0, 720.0]), Verdict::Pass, "better");
    assert_eq!(verdict(&[1040.0, 1045.0, 1050.0]), Verdict::Pass, "worse by less than the floor");
    assert_eq!(verdict(&[1500.0, 1500.0]), Verdict::Inconclusive, "two repeats prove nothing");
}

#[test]
fn a_lower_bound_is_worse_than_any_number() {
    let base = record(&[1000.0, 1010.0, 1020.0, 1000.0]);
    let bounds = |figure: f64| {
        let mut record = record(&[figure; 4]);
        for repeat in &mut record.points[0].repeats {
            let names: Vec<String> = repeat.summary.keys().cloned().collect();
            repeat.censored.extend(names.into_iter().map(|name| (name, "lost".to_owned())));
        }
        record
    };
    assert_eq!(
        BaselineComparison::of("main", &base, &bounds(500.0)).verdict,
        Verdict::Regression,
        "it is unknown how much more"
    );
    assert_eq!(BaselineComparison::of("main", &bounds(500.0), &base).verdict, Verdict::Pass);
    assert_eq!(
        BaselineComparison::of("main", &bounds(500.0), &bounds(900.0)).verdict,
        Verdict::Pass,
        "both as bad as can be"
    );
}

#[test]
fn a_stored_comparison_has_flat_numbers_and_is_read_back() {
    let base = record(&[1000.0, 1010.0, 1020.0, 1020.0]);
    let mut now = record(&[1000.0, 1010.0, 1020.0, 1020.0]);
    now.machine.kernel = "another".to_owned();
    let comparison = BaselineComparison::of("main", &base, &now);
    assert_eq!(verdicts(&comparison), [None, Some(Verdict::Pass)]);
    let stored = serde_json::to_value(&comparison).expect("JSON");
    for key in ["name", "floor", "budget", "start", "axes", "then", "now", "low", "high", "call"] {
        assert!(stored["numbers"][0].get(key).is_some(), "{key}");
    }
    let read: BaselineComparison = serde_json::from_value(stored).expect("a comparison");
    assert_eq!(read.numbers, comparison.numbers);
}

#[test]
fn only_counts_are_gated_on_another_kernel_or_loopback_interface() {
    let base = record(&[1000.0, 1010.0, 1020.0, 1020.0]);
    let mut now = record(&[1500.0, 1500.0, 1500.0, 1500.0]);
    assert_eq!(
        verdicts(&BaselineComparison::of("main", &base, &now)),
        [Some(Verdict::Regression), Some(Verdict::Regression)]
    );
    now.machine.kernel = "6.9".into();
    let comparison = BaselineComparison::of("main", &base, &now);
    assert_eq!(
        verdicts(&comparison),
        [None, Some(Verdict::Regression)],
        "system calls are the same anywhere"
    );
    assert_eq!(comparison.differs, ["the kernel changed:  then, 6.9 now"]);
    now.machine.kernel = String::new();
    now.machine.loopback = Some(Loopback { mtu: 1500, ..Loopback::USUAL });
    let comparison = BaselineComparison::of("main", &base, &now);
    assert_eq!(verdicts(&comparison), [None, Some(Verdict::Regression)]);
    let changed = "the loopback interface changed: unknown then, MTU 1500, segmentation offload on now";
    assert_eq!(comparison.differs, [changed]);
    now.machine.loopback = Some(Loopback::USUAL);
    now.profile.clients[0].count = 2;
    assert_eq!(verdicts(&BaselineComparison::of("main", &base, &now))[0], None, "another question");
    now.profile = base.profile.clone();
    now.profile.title = "said in other words".into();
    now.profile.chart = Some("cpu".into());
    now.profile.labels.insert("server.buffer".into(), vec!["short".into()]);
    assert_eq!(verdicts(&BaselineComparison::of("main", &base, &now))[0], Some(Verdict::Regression));
}

#[test]
fn a_missing_number_is_inconclusive() {
    let base = record(&[1000.0, 1010.0, 1020.0]);
    let mut now = base.clone();
    for repeat in &mut now.points[0].repeats {
        repeat.summary.shift_remove("server_cpu_per_request");
    }
    let comparison = BaselineComparison::of("main", &base, &now);
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    assert_eq!(comparison.lost, ["server_cpu_per_request"]);
    let whole = BaselineComparison::of("main", &base, &base.clone());
    assert_eq!((whole.verdict, whole.lost.len()), (Verdict::Pass, 0));
}

#[test]
fn a_time_with_missing_events_is_not_measured() {
    let timed = |unseen: f64| {
        let mut record = record(&[1000.0, 1010.0, 1020.0]);
        let bad = "name = \"bad\"\ncount = 1\nload = { depth = 1, payload = 9 }\nrx = \"stall\"";
        record.profile.clients.push(toml::from_str(bad).expect("a group"));
        for repeat in &mut record.points[0].repeats {
            let numbers =
                [("stalled_for_p50", 2e9), ("server_ended", 100.0), ("server_ended_unseen", unseen)];
            repeat.summary.extend(numbers.map(|(name, value)| (format!("bad.{name}"), value)));
        }
        record
    };
    let whole = BaselineComparison::of("main", &timed(1.0), &timed(1.0));
    assert!(
        whole.numbers.iter().any(|change| change.gated.name == "bad.stalled_for_p50")
            && whole.lost.is_empty()
    );
    let holes = BaselineComparison::of("main", &timed(0.0), &timed(2.0));
    assert!(holes.numbers.iter().all(|change| change.gated.name != "bad.stalled_for_p50"));
    assert_eq!(holes.lost, ["bad.stalled_for_p50 (more than 1 % of its events are missing)"]);
    assert_eq!(holes.verdict, Verdict::Inconclusive);
}

#[test]
fn a_point_missing_in_the_baseline_is_not_compared() {
    let (base, mut now) = (record(&[1.0, 1.0, 1.0]), record(&[1.0, 1.0, 1.0]));
    now.points[0].axes.insert("server.buffer".into(), "chained".into());
    let comparison = BaselineComparison::of("main", &base, &now);
    assert_eq!((comparison.numbers.len(), comparison.verdict), (0, Verdict::Invalid));
}

/// A made-up run of the group `g`, of which so many requests came to this.
fn answered(answered: u64, unanswered: u64, lost: u64, errors: f64) -> Record {
    let mut record = record(&[1000.0, 1010.0, 1020.0]);
    for repeat in &mut record.points[0].repeats {
        let requests = Requests {
            started: answered + unanswered + lost,
            answered,
            unanswered,
            lost,
            ..Requests::default()
        };
        repeat.groups = vec![GroupResult { name: "g".into(), requests, ..GroupResult::default() }];
        repeat.summary.insert("g.errors".into(), errors);
        repeat.summary.insert("g.silent_connections".into(), 0.0);
    }
    record
}

#[test]
fn a_run_with_errors_or_silence_is_unfit_as_a_baseline_and_fails() {
    let good = answered(1000, 0, 0, 0.0);
    assert!(unfit(&good).is_empty(), "{:?}", unfit(&good));
    for (bad, part) in [
        (answered(1000, 3, 0, 0.0), "9 requests unanswered in `g` in 3 of 3 repeats"),
        (answered(1000, 0, 1, 0.0), "3 requests lost in `g`"),
        (answered(1000, 0, 0, 2.0), "6 errors in `g`"),
        (answered(0, 0, 0, 0.0), "no answer at all in `g`"),
    ] {
        assert_eq!(unfit(&bad).len(), 1, "{:?}", unfit(&bad));
        assert!(unfit(&bad)[0].contains(part), "{:?}", unfit(&bad));
        let comparison = BaselineComparison::of("main", &good, &bad);
        assert_eq!((comparison.verdict, comparison.faults.len()), (Verdict::Fail, 1), "{part}");
        assert_eq!(
            BaselineComparison::of("main", &bad, &good).verdict,
            Verdict::Pass,
            "the baseline's own are past"
        );
    }
    let mut silent = good.clone();
    silent.points[0].repeats[1].summary["g.silent_connections"] = 2.0;
    assert!(unfit(&silent)[0].contains("2 connections without an answer in `g` in 1 of 3 repeats"));
    silent.points[0].repeats[1].invalid.push("the host was busy".into());
    assert!(unfit(&silent).is_empty(), "a repeat that proves nothing");
    let mut corrupt = silent;
    corrupt.points[0].repeats[1].summary.insert("corrupt_bytes".into(), 5.0);
    assert!(unfit(&corrupt)[0].contains("5 bytes were wrong"), "no load does that");
}

#[test]
fn errors_that_the_profile_expects_make_no_run_unfit() {
    let mut record = answered(1000, 3, 0, 0.0);
    let verdict = |verdict| ExpectationResult::new("g.unanswered", "> 0", None, verdict);
    record.points[0].verdicts = vec![verdict(Verdict::Pass)];
    assert!(unfit(&record).is_empty());
    record.points[0].verdicts = vec![verdict(Verdict::Fail)];
    assert_eq!(unfit(&record).len(), 2, "{:?}", unfit(&record));
    record.profile.clients[0].lifetime = Some("1s".parse().expect("a time"));
    record.points[0].verdicts.clear();
    record.points[0].repeats.iter_mut().for_each(|repeat| repeat.groups[0].requests.unanswered = 0);
    record.points[0].repeats.iter_mut().for_each(|repeat| repeat.groups[0].requests.lost = 3);
    assert!(unfit(&record).is_empty(), "they close whatever is under way");
}

#[test]
fn numbers_are_lost_or_new_whichever_profile_gates_them() {
    let with = |name: &str| {
        let mut record = record(&[1000.0, 1010.0, 1020.0]);
        record.profile.clients[0].name = name.to_owned();
        for repeat in &mut record.points[0].repeats {
            repeat.summary.insert(format!("{name}.requests_rate"), 5000.0);
        }
        record
    };
    let (base, now) = (with("old"), with("new"));
    let comparison = BaselineComparison::of("main", &base, &now);
    assert_eq!(
        (&comparison.lost[..], &comparison.new[..]),
        (&["old.requests_rate".to_owned()][..], &["new.requests_rate".to_owned()][..])
    );
    assert_ne!(comparison.verdict, Verdict::Pass);
    // A group that is there, and whose number the profile no longer gates, is lost as well.
    let mut idle = with("old");
    idle.profile.clients[0].load.depth = None;
    for repeat in &mut idle.points[0].repeats {
        repeat.summary.shift_remove("old.requests_rate");
    }
    assert_eq!(BaselineComparison::of("main", &base, &idle).lost, ["old.requests_rate"]);
    assert_eq!(BaselineComparison::of("main", &idle, &base).new, ["old.requests_rate"]);
    // A point that is no more.
    let mut moved = base.clone();
    moved.points[0].axes.insert("seed".into(), "2".into());
    let comparison = BaselineComparison::of("main", &base, &moved);
    assert_eq!((comparison.lost.len(), comparison.new.len()), (3, 3));
}

#[test]
fn constant_numbers_do_not_count_and_are_judged_by_their_median() {
    let with = |waits: [f64; 4], ended: f64| {
        let mut record = record(&[1000.0, 1010.0, 1020.0, 1000.0]);
        for (repeat, wait) in record.points[0].repeats.iter_mut().zip(waits) {
            repeat.summary.insert("g.longest_wait".into(), wait);
            repeat.summary.insert("g.errors_share".into(), ended);
        }
        record
    };
    let base = with([2e6, 9e6, 3e6, 20e6], 0.0);
    let of = |now: &Record, name: &str| {
        let comparison = BaselineComparison::of("main", &base, now);
        comparison.numbers.iter().find(|change| change.gated.name == name).and_then(|change| change.verdict)
    };
    assert_eq!(of(&with([80e6, 2e6, 3e6, 4e6], 0.0), "g.longest_wait"), Some(Verdict::Pass));
    assert_eq!(of(&with([0.3e9; 4], 0.0), "g.longest_wait"), Some(Verdict::Regression));
    assert_eq!(of(&with([2e6; 4], 0.02), "g.errors_share"), Some(Verdict::Regression));
    let comparison = BaselineComparison::of("main", &base, &with([2e6; 4], 0.0));
    assert!(comparison.numbers.iter().any(BaselineChange::stood_still), "{:?}", comparison.numbers);
}
