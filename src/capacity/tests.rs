//! The search against servers that are functions: what is found, and in how many repeats.

use super::{Next, Plan, borders, most_repeats, next, search::note};
use crate::record::{Finding, Level, SearchEnd};

const PLAN: Plan = Plan { from: 10, to: 20_000, precision: 0.1, confirmations: 3, is_binary: false };

/// A search to its end: the bracket, how it ended, the levels, and the number of repeats. The finding of a repeat is that
/// of its level and of how many were made there before.
fn search(
    plan: &Plan,
    finding: impl Fn(u64, usize) -> Finding,
) -> (Option<u64>, Option<u64>, SearchEnd, Vec<Level>) {
    let mut levels: Vec<Level> = Vec::new();
    for _ in 0..500 {
        let value = match next(plan, &levels, true) {
            Next::Measure(value) => value,
            Next::End(end) => {
                let (holds, fails) = borders(&levels);
                return (holds.map(|level| level.value), fails.map(|level| level.value), end, levels.clone());
            }
        };
        assert!((plan.from..=plan.to).contains(&value), "{value}");
        let before = levels.iter().find(|level| level.value == value).map_or(0, |level| level.repeats.len());
        note(&mut levels, value, finding(value, before));
    }
    panic!("the search does not end: {levels:?}");
}

fn repeats(levels: &[Level]) -> usize {
    levels.iter().map(|level| level.repeats.len()).sum()
}

fn up_to(capacity: u64) -> impl Fn(u64, usize) -> Finding {
    move |value, _| if value <= capacity { Finding::Holds } else { Finding::Fails }
}

#[test]
fn the_bracket_contains_the_capacity_and_is_as_narrow_as_asked() {
    let mut most = 0;
    for capacity in (10..20_000).step_by(37) {
        let (holds, fails, end, levels) = search(&PLAN, up_to(capacity));
        let (holds, fails) = (holds.expect("one holds"), fails.expect("one fails"));
        assert!(holds <= capacity && capacity < fails, "{capacity}: {holds} {fails}");
        assert!((fails - holds) as f64 <= (holds as f64 * 0.1).max(1.0), "{capacity}: {holds} {fails}");
        assert_eq!(end, SearchEnd::Narrow);
        for border in [holds, fails] {
            let level = levels.iter().find(|level| level.value == border).expect("measured");
            assert_eq!(level.conclusive(), 3, "{capacity}: {border} is confirmed");
        }
        most = most.max(repeats(&levels));
    }
    assert!(most.abs_diff(most_repeats(&PLAN)) <= 1, "{most} {}", most_repeats(&PLAN));
}

#[test]
fn a_width_ends_the_search_earlier() {
    let (holds, fails, ..) = search(&Plan { precision: 0.5, ..PLAN }, up_to(700));
    assert_eq!((holds, fails), (Some(640), Some(960)));
    let wide = most_repeats(&Plan { precision: 0.5, ..PLAN });
    assert!(wide < most_repeats(&PLAN) && wide >= 12, "{wide}");
}

#[test]
fn nothing_that_fails_and_a_first_level_that_fails_are_ends_of_their_own() {
    let (holds, fails, end, _) = search(&PLAN, up_to(1 << 40));
    assert_eq!((holds, fails, end), (Some(20_000), None, SearchEnd::NoFailure));
    let (holds, fails, end, levels) = search(&PLAN, up_to(0));
    assert_eq!((holds, fails, end), (None, Some(10), SearchEnd::FirstFails));
    assert_eq!(levels[0].conclusive(), 3);
    let only = Plan { to: 10, ..PLAN };
    assert_eq!(search(&only, up_to(10)).2, SearchEnd::NoFailure);
    assert_eq!(search(&only, up_to(9)).2, SearchEnd::FirstFails);
}

#[test]
fn a_level_that_holds_above_one_that_fails_is_seen() {
    let odd = |value: u64, _| if (300..500).contains(&value) { Finding::Fails } else { Finding::Holds };
    let (holds, fails, end, levels) = search(&PLAN, odd);
    assert!(holds.is_some_and(|holds| holds < 300) && fails.is_some_and(|fails| fails <= 320), "{fails:?}");
    assert_eq!(end, SearchEnd::Narrow);
    let above = levels.iter().find(|level| level.value == 640).expect("one level beyond the failure");
    assert_eq!(above.finding(), Finding::Holds);
}

#[test]
fn a_border_that_holds_only_sometimes_lies_within_the_bracket() {
    // Its first repeat holds, the next one fails.
    let noisy = |value: u64, before: usize| match value {
        0..600 => Finding::Holds,
        600..700 => [Finding::Holds, Finding::Fails][before.min(1)],
        _ => Finding::Fails,
    };
    let (holds, fails, end, levels) = search(&PLAN, noisy);
    let (holds, fails) = (holds.expect("one holds"), fails.expect("one fails"));
    assert!(holds < 600 && fails >= 700, "{holds} {fails}");
    assert_eq!(end, SearchEnd::Narrow);
    assert!(levels.iter().any(|level| level.finding() == Finding::Mixed));
}

#[test]
fn inconclusive_repeats_are_made_again_a_few_times() {
    let once =
        |value: u64, before: usize| if before == 0 { Finding::Inconclusive } else { up_to(700)(value, 0) };
    let (holds, fails, end, levels) = search(&PLAN, once);
    assert!(holds.is_some_and(|holds| holds <= 700) && fails.is_some_and(|fails| fails > 700));
    assert_eq!(end, SearchEnd::Narrow);
    assert!(levels.iter().all(|level| level.count(Finding::Inconclusive) == 1));
    let (holds, fails, end, levels) = search(&PLAN, |_, _| Finding::Inconclusive);
    assert_eq!((holds, fails, end), (None, None, SearchEnd::Inconclusive));
    assert_eq!((levels.len(), repeats(&levels)), (2, 6), "two levels, each with two retries");
}

#[test]
fn levels_that_stay_inconclusive_widen_the_bracket() {
    let blind = |value: u64, _| {
        if (660..1100).contains(&value) { Finding::Inconclusive } else { up_to(700)(value, 0) }
    };
    let (holds, fails, end, levels) = search(&PLAN, blind);
    let (holds, fails) = (holds.expect("one holds"), fails.expect("one fails"));
    assert!(holds < 660 && fails >= 1100, "{holds} {fails}");
    assert_eq!(end, SearchEnd::Inconclusive, "what lies between is not known");
    assert!(repeats(&levels) < 60, "{}", repeats(&levels));
    // The load generator can do no more than this.
    let weak = |value: u64, _| if value > 700 { Finding::Inconclusive } else { Finding::Holds };
    let (holds, fails, end, _) = search(&PLAN, weak);
    assert_eq!((holds, fails, end), (Some(640), None, SearchEnd::Inconclusive));
}

#[test]
fn without_time_the_ends_are_confirmed_as_they_are() {
    let mut levels = Vec::new();
    for (value, finding) in [(10, Finding::Holds), (20, Finding::Holds), (40, Finding::Fails)] {
        note(&mut levels, value, finding);
    }
    assert_eq!(next(&PLAN, &levels, true), Next::Measure(80), "one level beyond the failure");
    for (value, finding) in
        [(20, Finding::Holds), (20, Finding::Holds), (40, Finding::Fails), (40, Finding::Fails)]
    {
        assert_eq!(next(&PLAN, &levels, false), Next::Measure(value));
        note(&mut levels, value, finding);
    }
    assert_eq!(next(&PLAN, &levels, false), Next::End(SearchEnd::OutOfTime));
    let mut unfailed = Vec::new();
    (0..3).for_each(|_| note(&mut unfailed, 10, Finding::Holds));
    assert_eq!(next(&PLAN, &unfailed, false), Next::End(SearchEnd::Inconclusive));
    assert_eq!(next(&PLAN, &[], false), Next::End(SearchEnd::Inconclusive));
}
