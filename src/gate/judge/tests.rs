//! Verdicts of made-up repeats.

use super::*;
use crate::{gate::repeat, profile::Source, record::*};

fn profile(expect: &str) -> Profile {
    let text = format!(
        "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n[sweep]\nseed = [1, 2]\n\
         [expect]\n{expect}"
    );
    Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
}

fn point(seed: u32, repeats: &[Repeat]) -> Point {
    let axes = [("seed".to_owned(), seed.to_string())].into_iter().collect();
    Point { axes, repeats: repeats.to_vec(), verdicts: Vec::new() }
}

fn verdict_on(expect: &str, repeats: &[Repeat]) -> (Option<f64>, Verdict) {
    let verdicts = judge(&profile(expect), &[point(1, repeats)], 0);
    (verdicts[0].measured, verdicts[0].verdict)
}

#[test]
fn a_point_is_judged_by_its_own_conditions_and_against_others() {
    let at = |seed, value| point(seed, &[repeat(&[("evictions", value)])]);
    let points = [at(1, 100.0), at(2, 70.0)];
    let verdicts_on = |expect: &str, index, points: &[Point]| -> Vec<Verdict> {
        judge(&profile(expect), points, index).iter().map(|result| result.verdict).collect()
    };
    assert_eq!(verdicts_on("\"evictions @ seed=2\" = \"< 80\"", 0, &points), []);
    assert_eq!(verdicts_on("\"evictions @ seed=2\" = \"< 80\"", 1, &points), [Verdict::Pass]);
    let share = "\"evictions @ seed=2\" = \"> 80% @ seed=1\"";
    assert_eq!(verdicts_on(share, 1, &points), [Verdict::Fail]);
    assert_eq!(verdicts_on(share, 1, &[at(1, 80.0), at(2, 70.0)]), [Verdict::Pass]);
    let forward = "\"evictions @ seed=1\" = \"> 80% @ seed=2\"";
    assert_eq!(verdicts_on(forward, 0, &points[..1]), [Verdict::Inconclusive]);
}

#[test]
fn every_repeat_must_meet_every_condition() {
    let expect = "evictions = \"> 1, < 5\"";
    let of = |values: &[f64]| {
        verdict_on(expect, &values.iter().map(|v| repeat(&[("evictions", *v)])).collect::<Vec<_>>())
    };
    assert_eq!(of(&[2.0, 3.0]), (Some(2.0), Verdict::Pass));
    assert_eq!(of(&[2.0, 5.0]), (Some(5.0), Verdict::Fail));
    assert_eq!(of(&[1.0, 3.0]), (Some(1.0), Verdict::Fail));
}

#[test]
fn an_unmeasured_number_is_inconclusive() {
    assert_eq!(verdict_on("evictions = \"= 0\"", &[repeat(&[])]), (None, Verdict::Inconclusive));
    assert_eq!(verdict_on("evictions = \"= 0\"", &[]), (None, Verdict::Inconclusive));
}

#[test]
fn a_repeat_cut_short_is_not_judged() {
    let mut cut = repeat(&[("evictions", 7.0)]);
    cut.cut_short = true;
    let whole = repeat(&[("evictions", 0.0)]);
    assert_eq!(verdict_on("evictions = \"= 0\"", &[whole, cut.clone()]), (Some(0.0), Verdict::Pass));
    assert_eq!(verdict_on("evictions = \"= 0\"", &[cut]).1, Verdict::Inconclusive);
}

#[test]
fn an_invalid_repeat_gives_invalid() {
    let mut bad = repeat(&[("evictions", 0.0)]);
    assert_eq!(verdict_on("evictions = \"= 0\"", &[bad.clone()]).1, Verdict::Pass);
    bad.invalid.push("it was not the server".to_owned());
    assert_eq!(verdict_on("evictions = \"= 0\"", &[bad]).1, Verdict::Invalid);
}

/// What comes of an expectation where these numbers were measured, and the clients were so busy here and there.
fn with_busy_clients(load: &str, expect: &str, busy: [f64; 2]) -> Verdict {
    let numbers =
        [("g.requests", 50.0), ("g.latency_p99", 2e6), ("g.evicted", 0.0), ("pacing_error_p99", 11e6)];
    let at = |seed, busy| point(seed, &[repeat(&[&numbers[..], &[("harness_busy", busy)]].concat())]);
    let mut profile = profile(expect);
    profile.clients[0].load = toml::from_str(load).expect("a load");
    judge(&profile, &[at(1, busy[0]), at(2, busy[1])], 0)[0].verdict
}

#[test]
fn busy_clients_allow_only_verdicts_that_hold_regardless() {
    use Verdict::{Fail, Invalid, Pass};
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
fn busy_clients_invalidate_both_sides_of_a_comparison() {
    let share = "\"g.requests @ seed=1\" = \"> 80% @ seed=2\"";
    let of = |busy| with_busy_clients("depth = 1", share, busy);
    assert_eq!(of([0.1, 0.1]), Verdict::Pass);
    assert_eq!(of([0.96, 0.1]), Verdict::Invalid);
    assert_eq!(of([0.1, 0.96]), Verdict::Invalid);
}

#[test]
fn a_latency_can_exceed_one_inflated_by_the_clients() {
    let of = |condition, busy| {
        let expect = format!("\"g.latency_p99 @ seed=1\" = \"{condition} @ seed=2\"");
        with_busy_clients("rate = 9", &expect, busy)
    };
    assert_eq!(of("> 80%", [0.1, 0.1]), Verdict::Pass);
    assert_eq!(of("> 80%", [0.1, 0.96]), Verdict::Pass, "the other is at most as large as it seems");
    assert_eq!(of("> 80%", [0.96, 0.1]), Verdict::Invalid);
    assert_eq!(of("< 120%", [0.1, 0.96]), Verdict::Invalid);
    assert_eq!(of("> 120%", [0.1, 0.96]), Verdict::Invalid, "it may be larger than the other really is");
}

#[test]
fn a_latency_far_below_one_that_was_delayed_by_the_clients_passes() {
    // Of the 40 ms at the other point, the load generator caused 12.
    let delayed = |undelayed_ns| {
        let mut repeat = repeat(&[("g.latency_p99", 40e6)]);
        repeat.groups.push(GroupResult {
            name: "g".to_owned(),
            response_ns: Buckets(vec![(40_000_000, 1000)]),
            undelayed_ns: Buckets(vec![(undelayed_ns, 1000)]),
            ..GroupResult::default()
        });
        repeat
    };
    let of = |figure: f64, condition: &str| {
        let expect = format!("\"g.latency_p99 @ seed=1\" = \"{condition} @ seed=2\"");
        let mut profile = profile(&expect);
        profile.clients[0].load = toml::from_str("rate = 1000").expect("a load");
        let points = [point(1, &[repeat(&[("g.latency_p99", figure)])]), point(2, &[delayed(28_000_000)])];
        judge(&profile, &points, 0)[0].verdict
    };
    assert_eq!(of(27e6, "< 100%"), Verdict::Pass, "it is below what the server caused");
    assert_eq!(of(29e6, "< 100%"), Verdict::Invalid, "it may be longer than that");
    assert_eq!(of(41e6, "< 100%"), Verdict::Invalid);
    assert_eq!(of(55e6, "< 200%"), Verdict::Pass);
}

/// A repeat of which these numbers are lower bounds.
fn censored(numbers: &[(&str, f64)], names: &[&str]) -> Repeat {
    let causes = names.iter().map(|name| ((*name).to_owned(), "unanswered".to_owned())).collect();
    Repeat { censored: causes, ..repeat(numbers) }
}

#[test]
fn a_latency_of_unanswered_requests_is_below_no_limit() {
    use Verdict::{Fail, Inconclusive, Pass};
    let silent = censored(&[("g.latency_p99", 2e6)], &["g.latency_p99"]);
    for (condition, wanted) in
        [("< 1s", Fail), ("<= 1s", Fail), ("= 2ms", Fail), ("> 1s", Pass), (">= 1h", Pass), ("!= 2ms", Pass)]
    {
        let expect = format!("\"g.latency_p99\" = \"{condition}\"");
        let result = judge(&profile(&expect), &[point(1, std::slice::from_ref(&silent))], 0).remove(0);
        assert_eq!(result.verdict, wanted, "{condition}");
        assert_eq!(result.shown(), "> 2 ms (unanswered)", "{condition}");
    }
    let wait = censored(&[("g.longest_wait", 2e9)], &["g.longest_wait"]);
    let of = |condition| {
        verdict_on(&format!("\"g.longest_wait\" = \"{condition}\""), std::slice::from_ref(&wait)).1
    };
    assert_eq!([of("< 3s"), of("> 1s"), of("> 3s")], [Fail, Pass, Inconclusive], "it may end in a second");
}

#[test]
fn one_repeat_with_unanswered_requests_decides() {
    let (whole, silent) =
        (repeat(&[("g.latency_p99", 9e6)]), censored(&[("g.latency_p99", 2e6)], &["g.latency_p99"]));
    let both = [whole.clone(), silent.clone()];
    let of = |expect: &str| judge(&profile(expect), &[point(1, &both)], 0).remove(0);
    let below = of("\"g.latency_p99\" = \"< 1s\"");
    assert_eq!((below.verdict, below.measured), (Verdict::Fail, Some(2e6)));
    assert_eq!(below.censored.as_deref(), Some("unanswered"));
    let above = of("\"g.latency_p99\" = \"> 10ms\"");
    assert_eq!((above.verdict, above.measured, above.censored), (Verdict::Fail, Some(9e6), None));
}

#[test]
fn a_lower_bound_of_another_point_is_not_compared_with() {
    let share = "\"g.latency_p99 @ seed=2\" = \"< 400% @ seed=1\"";
    let (known, silent) =
        (repeat(&[("g.latency_p99", 1e6)]), censored(&[("g.latency_p99", 2e6)], &["g.latency_p99"]));
    let of = |one: &Repeat, two: &Repeat| {
        let points = [point(1, std::slice::from_ref(one)), point(2, std::slice::from_ref(two))];
        judge(&profile(share), &points, 1)[0].verdict
    };
    assert_eq!(of(&known, &known), Verdict::Pass);
    assert_eq!(of(&silent, &known), Verdict::Inconclusive);
    assert_eq!(of(&known, &silent), Verdict::Fail);
    assert_eq!(of(&silent, &silent), Verdict::Inconclusive);
}

#[test]
fn a_wait_is_compared_with_the_median_of_its_own_repeat() {
    let expect = "\"g.longest_wait\" = \"<= 1s or <= 20 * latency_p50\"";
    let of = |repeat: Repeat| verdict_on(expect, &[repeat]).1;
    assert_eq!(of(repeat(&[("g.longest_wait", 2e9), ("g.latency_p50", 0.2e9)])), Verdict::Pass);
    assert_eq!(of(repeat(&[("g.longest_wait", 2e9), ("g.latency_p50", 1e6)])), Verdict::Fail);
    assert_eq!(of(repeat(&[("g.longest_wait", 2e9)])), Verdict::Inconclusive);
    let never = |censored_too: &[&str]| {
        let names = [&["g.longest_wait"], censored_too].concat();
        censored(&[("g.longest_wait", 2e9), ("g.latency_p50", 2e9)], &names)
    };
    assert_eq!(of(never(&[])), Verdict::Fail);
    assert_eq!(of(never(&["g.latency_p50"])), Verdict::Fail, "nothing came at all");
}

#[test]
fn definite_faults_fail_in_invalid_and_shortened_repeats() {
    use Verdict::{Fail, Inconclusive, Invalid, Pass};
    let of = |expect: &str, number: &str, value: f64| {
        let good = repeat(&[(number, 0.0)]);
        let mut invalid = repeat(&[(number, value)]);
        invalid.invalid.push("the load generator was stalled".to_owned());
        let mut cut = repeat(&[(number, value)]);
        cut.cut_short = true;
        [verdict_on(expect, &[good, invalid]).1, verdict_on(expect, &[cut]).1]
    };
    assert_eq!(of("corrupt_bytes = \"= 0\"", "corrupt_bytes", 3.0), [Fail, Fail]);
    assert_eq!(of("corrupt_bytes = \"= 0\"", "corrupt_bytes", 0.0), [Invalid, Inconclusive]);
    assert_eq!(of("corrupt_bytes = \"> 5B\"", "corrupt_bytes", 3.0), [Invalid, Inconclusive], "too few");
    assert_eq!(of("\"g.reordered\" = \"< 1\"", "g.reordered", 1.0), [Fail, Fail]);
    assert_eq!(of("eviction_lateness_min = \">= 0ms\"", "eviction_lateness_min", -1e6), [Fail, Fail]);
    assert_eq!(
        of("eviction_lateness_min = \"< 9ms\"", "eviction_lateness_min", 1e9),
        [Invalid, Inconclusive]
    );
    assert_eq!(of("evictions = \"= 40\"", "evictions", 39.0), [Invalid, Inconclusive], "the host was slow");
    assert_eq!(of("server_rejected = \"= 0\"", "server_rejected", 1.0), [Fail, Fail]);
    assert_eq!(verdict_on("corrupt_bytes = \"= 0\"", &[repeat(&[("corrupt_bytes", 0.0)])]).1, Pass);
}

#[test]
fn a_busy_host_invalidates_times_rates_and_failures_it_may_cause() {
    let of = |expect: &str, number: &str, value: f64| {
        let mut repeat = repeat(&[(number, value)]);
        repeat.disturbed.push("other programs had the server's cores".to_owned());
        verdict_on(expect, &[repeat]).1
    };
    let latency = |value| of("\"g.latency_p99\" = \"< 1s\"", "g.latency_p99", value);
    assert_eq!([latency(1e6), latency(2e9)], [Verdict::Invalid; 2]);
    let rate = |value| of("\"g.requests_rate\" = \"> 5/s\"", "g.requests_rate", value);
    assert_eq!([rate(9.0), rate(4.0)], [Verdict::Invalid; 2]);
    let memory = |value| of("server_rss_growth = \"< 1KiB\"", "server_rss_growth", value);
    assert_eq!([memory(9.0), memory(4096.0)], [Verdict::Pass, Verdict::Invalid]);
    let evicted = |value| of("\"g.evicted\" = \"= 3\"", "g.evicted", value);
    assert_eq!([evicted(3.0), evicted(2.0)], [Verdict::Pass, Verdict::Invalid]);
    let corrupt = |value| of("\"g.corrupt\" = \"= 0\"", "g.corrupt", value);
    assert_eq!([corrupt(0.0), corrupt(1.0)], [Verdict::Pass, Verdict::Fail]);
}

#[test]
fn a_busy_host_does_not_excuse_unexplained_waits() {
    let of = |expect: &str, numbers: &[(&str, f64)]| {
        let busy = [("server_run_delay_share", 0.4), ("harness_run_delay", 0.1), ("g.latency_p50", 2e5)];
        let mut repeat = repeat(&[numbers, &busy[..]].concat());
        repeat.disturbed.push("other programs had the server's cores".to_owned());
        verdict_on(expect, &[repeat]).1
    };
    let wait = |ns| of("\"g.longest_wait\" = \"< 1s\"", &[("g.longest_wait", ns)]);
    // 46 % of it, and 100 ms.
    assert_eq!([wait(2.0e9), wait(2.1e9)], [Verdict::Invalid, Verdict::Fail]);
    let silent = |ns| of("\"g.silent_share\" = \"< 1%\"", &[("g.silent_share", 0.1), ("g.longest_wait", ns)]);
    assert_eq!([silent(1.9e8), silent(2e8)], [Verdict::Invalid, Verdict::Fail]);
    assert_eq!(of("\"g.refused\" = \"= 0\"", &[("g.refused", 1.0)]), Verdict::Fail);
    let sound = repeat(&[("g.latency_p99", 2e9)]);
    let mut disturbed = repeat(&[("g.latency_p99", 1.0)]);
    disturbed.disturbed.push("the host was busy".to_owned());
    let latency = verdict_on("\"g.latency_p99\" = \"< 1s\"", &[sound, disturbed]).1;
    assert_eq!(latency, Verdict::Fail, "the repeat that was not disturbed decides");
}

#[test]
fn load_excuses_overload_answers_and_no_other_errors() {
    let of = |overloaded| {
        let mut repeat = repeat(&[("g.errors", 5.0)]);
        repeat.invalid.push("the host was busy".to_owned());
        let content = crate::codec::Tally { errors: 5, overloaded, ..Default::default() };
        repeat.groups.push(GroupResult { name: "g".into(), content, ..GroupResult::default() });
        repeat.summary.insert("g.errors_share".into(), 0.5);
        let [count, share] = ["\"g.errors\" = \"= 0\"", "\"g.errors_share\" = \"< 10%\""]
            .map(|expect| verdict_on(expect, std::slice::from_ref(&repeat)).1);
        assert_eq!(count, share, "{overloaded}");
        count
    };
    assert_eq!([of(0), of(3), of(5)], [Verdict::Fail, Verdict::Fail, Verdict::Invalid]);
}

#[test]
fn an_invalid_point_invalidates_comparisons_with_it() {
    let share = "\"evictions @ seed=2\" = \"> 80% @ seed=1\"";
    let of = |invalid: bool| {
        let mut other = repeat(&[("evictions", 100.0)]);
        other.invalid.extend(invalid.then(|| "it was not the server".to_owned()));
        judge(&profile(share), &[point(1, &[other]), point(2, &[repeat(&[("evictions", 70.0)])])], 1)[0]
            .verdict
    };
    assert_eq!([of(false), of(true)], [Verdict::Fail, Verdict::Invalid]);
}

#[test]
fn busy_clients_excuse_a_long_wait_and_not_an_endless_one() {
    let wait = "\"g.longest_wait\" = \"< 1s\"";
    let of = |value: f64, names: &[&str]| {
        let repeat = censored(&[("g.longest_wait", value), ("harness_run_delay", 0.6)], names);
        verdict_on(wait, &[repeat]).1
    };
    assert_eq!(of(0.5e9, &[]), Verdict::Pass, "it was short all the same");
    assert_eq!(of(2e9, &[]), Verdict::Invalid);
    assert_eq!(of(2e9, &["g.longest_wait"]), Verdict::Fail);
}
