//! Growth that is planted, and growth that is not there.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::*;
use crate::record::{GroupResult, Ledger, Point, Series};

const PAGE: f64 = 4096.0;
const SECOND: i64 = 1_000_000_000;
const BOUND: Bound = Bound::PerHour(Plan::USUAL_RESOLUTION as f64);

/// Values that were read once a second.
fn each_second(values: impl IntoIterator<Item = f64>) -> Vec<(i64, f64)> {
    values.into_iter().enumerate().map(|(second, value)| (second as i64 * SECOND, value)).collect()
}

/// Eight minutes of memory in pages, a sample a second: this growth per hour, and an arena of an allocator that grows and is
/// given back, with a memory of half a minute.
fn memory(seed: u64, per_hour: f64) -> Vec<(i64, f64)> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut arena: f64 = 0.0;
    each_second((0..480).map(|second| {
        arena = arena * 0.97 + (random.random::<f64>() - 0.5) * 12_000.0;
        ((8e6 + arena + per_hour * f64::from(second) / 3600.0) / PAGE).round() * PAGE
    }))
}

/// The trend of the whole of a series.
fn of(series: &[(i64, f64)]) -> Trend {
    let to = series.last().expect("values").0;
    trend("server_rss", series, (0, to), LEAST_BYTES, BOUND).expect("enough values")
}

fn is_near(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() < wanted * 0.01
}

fn finding(series: &[(i64, f64)]) -> Growth {
    of(series).finding
}

/// Eight minutes of what a function makes of the seconds.
fn series(of: impl Fn(f64) -> f64) -> Vec<(i64, f64)> {
    each_second((0..480).map(|second| of(f64::from(second))))
}

#[test]
fn a_leak_of_a_kibibyte_per_thousand_connections_is_found_in_ten_minutes() {
    // 1000 connections a second leak 3.5 MiB in an hour; a fifth of the time is left out.
    let found = (0..200).filter(|seed| finding(&memory(*seed, 3600.0 * 1024.0)) == Growth::Grows).count();
    assert!(found >= 195, "{found} of 200");
}

#[test]
fn a_clean_server_is_not_accused_and_passes() {
    let findings: Vec<Growth> = (0..500).map(|seed| finding(&memory(seed, 0.0))).collect();
    let with = |wanted| findings.iter().filter(|finding| **finding == wanted).count();
    assert!(with(Growth::Grows) <= 10, "{} of 500", with(Growth::Grows));
    assert!(with(Growth::Unclear) <= 10, "{} of 500", with(Growth::Unclear));
    assert_eq!(finding(&series(|_| 8e6)), Growth::NotShown);
    assert_eq!(finding(&series(|at| 8e6 + at * 50.0)), Growth::NotShown, "24 KiB are six pages");
    assert_eq!(finding(&series(|at| 8e6 + at * 1000.0)), Growth::Grows);
}

#[test]
fn growth_that_ends_is_no_leak() {
    assert_eq!(finding(&series(|at| 8e6 + at.min(230.0) * 1000.0)), Growth::LevelsOff);
    let slower = of(&series(|at| 8e6 + at.min(230.0) * 1000.0 + at * 20.0));
    assert_eq!(slower.finding, Growth::LevelsOff, "what is left comes to less than eight pages");
    assert!(is_near(slower.lasting().per_hour, 20.0 * 3600.0), "{slower:?}");
    let step = |when: f64| finding(&series(move |at| if at > when { 9e6 } else { 8e6 }));
    assert_eq!([step(100.0), step(240.0)], [Growth::LevelsOff; 2], "flat in the second half");
    assert_eq!(step(400.0), Growth::Unclear, "it may be the first of many");
    assert_eq!(
        finding(&series(|at| 8e6 + (at - 300.0).max(0.0) * 5000.0)),
        Growth::Unclear,
        "it has just begun"
    );
}

#[test]
fn a_leak_that_became_slower_is_one() {
    for late in [250.0, 100.0] {
        let found = of(&series(|at| 8e6 + at.min(240.0) * 1000.0 + (at - 240.0).max(0.0) * late));
        assert_eq!(found.finding, Growth::Grows, "{late} bytes a second: {found:?}");
        assert!(is_near(found.lasting().per_hour, late * 3600.0), "{late}: {found:?}");
    }
    // With a second half so noisy that a leak as large as the first may go on, it is not acquitted.
    let swing = |at: f64| if at > 240.0 { 150_000.0 * ((at / 20.0).floor() % 3.0 - 1.0) } else { 0.0 };
    let noisy = of(&series(|at| 8e6 + at.min(240.0) * 2000.0 + swing(at)));
    assert_eq!(noisy.finding, Growth::Unclear, "{noisy:?}");
}

#[test]
fn what_may_have_grown_by_more_than_was_asked_for_is_not_acquitted() {
    // 3.5 MiB per hour are 480 KiB in eight minutes; this swings by twice as much.
    let swings = |by: f64| series(move |at| 8e6 + by * ((at / 20.0).floor() % 3.0));
    assert_eq!(finding(&swings(1e6)), Growth::Unclear);
    assert_eq!(finding(&swings(50_000.0)), Growth::NotShown);
    let asked = |resolution: f64| {
        let found =
            trend("server_rss", &swings(1e6), (0, 479 * SECOND), LEAST_BYTES, Bound::PerHour(resolution));
        found.expect("enough values").finding
    };
    assert_eq!(asked(1e9), Growth::NotShown, "as much was allowed");
    // In four seconds, even seven pages come to 25 MiB per hour.
    let short: Vec<(i64, f64)> = (0..40).map(|at| (at * SECOND / 10, 8e6 + at as f64 * 700.0)).collect();
    assert_eq!(finding(&short), Growth::Unclear);
}

#[test]
fn a_series_with_gaps_is_not_acquitted() {
    let whole = series(|_| 8e6);
    let part = |parts: i64| -> Vec<(i64, f64)> {
        whole.iter().copied().filter(|(at, _)| *at < parts * 20 * SECOND).collect()
    };
    let found = |parts| trend("server_rss", &part(parts), (0, 480 * SECOND), LEAST_BYTES, BOUND);
    assert_eq!(found(21).expect("enough").finding, Growth::NotShown);
    let few = found(19).expect("enough for a slope");
    assert_eq!(few.finding, Growth::Unclear);
    assert!(few.reason.expect("a reason").starts_with("only 19 of 24 parts of the time have values"));
    let fewer = found(5).expect_err("no slope").expect("a reason");
    assert!(fewer.starts_with("only 5 of 24 parts"), "{fewer}");
    assert_eq!(found(0), Err(None), "it was never read");
    // A leak is one however few values show it.
    let leak: Vec<(i64, f64)> = (0..200).map(|at| (at * SECOND, 8e6 + at as f64 * 5000.0)).collect();
    let found = trend("server_rss", &leak, (0, 480 * SECOND), LEAST_BYTES, BOUND).expect("enough");
    assert_eq!(found.finding, Growth::Grows);
}

/// A record of ten minutes with a sample a second: memory that grows by so many bytes a second, and so many connected.
fn record(bytes: f64, connected: impl Fn(f64) -> f64, ledger: Ledger) -> Record {
    let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 2000\nload = { depth = 1, payload = 9 }";
    let mut series = Series { at_ns: (0..=600).map(|second| second * SECOND).collect(), ..Series::default() };
    let mut add = |name: &str, of: &dyn Fn(f64) -> f64| {
        let values = (0..=600).map(|second| Some(of(f64::from(second)))).collect();
        series.columns.insert(name.to_owned(), values);
    };
    add("server_rss", &|at| 8e6 + at * bytes);
    add("kernel_memory", &|_| 1e6);
    add("server_descriptors", &|_| 20.0);
    add("g.response_p50", &|_| 1e6);
    add("g.alive", &connected);
    let group = GroupResult { name: "g".into(), ledger, ..GroupResult::default() };
    let repeat = Repeat { window_ns: (0, 600 * SECOND), groups: vec![group], series, ..Repeat::default() };
    let point = Point { axes: indexmap::IndexMap::new(), repeats: vec![repeat], verdicts: Vec::new() };
    Record::of_points(text, vec![point])
}

fn plan() -> Plan {
    Plan { settling: 0.2, resolution: Plan::USUAL_RESOLUTION as f64 }
}

#[test]
fn the_first_connections_are_none_that_come_and_go() {
    let found = |opened, refused| {
        let ledger = Ledger { opened, refused, ..Ledger::default() };
        let soak = soak(&record(1000.0, |_| 2000.0, ledger), &plan()).expect("a whole repeat");
        let each = per_connections(&soak, &soak.trends[0], 1000.0);
        (soak.connections_per_hour.round(), each.map(f64::round))
    };
    assert_eq!(found(2000, 0), (0.0, None), "each client opened one");
    // 100 a second, each of which leaks ten bytes.
    assert_eq!(found(62_000, 0), (360_000.0, Some(10_000.0)));
    assert_eq!(found(62_000, 60_000), (0.0, None), "what was refused is no connection");
}

#[test]
fn what_was_never_measured_is_named_with_its_reason() {
    let mut record = record(0.0, |_| 2000.0, Ledger::default());
    let passing = soak(&record, &plan()).expect("a whole repeat");
    assert_eq!((passing.unmeasured.len(), passing.verdict()), (0, crate::record::Verdict::Pass));
    for (name, part) in [
        ("server_rss", "not measured: the server's process is not known"),
        ("server_descriptors", "not measured: the server's process is not known"),
        ("kernel_memory", "not measured: the server's sockets"),
    ] {
        let columns = &mut record.points[0].repeats[0].series.columns;
        let column = columns.shift_remove(name).expect("measured");
        let found = soak(&record, &plan()).expect("a whole repeat");
        assert_eq!(found.verdict(), crate::record::Verdict::Inconclusive, "{name}");
        assert_eq!(found.unmeasured[0].name, name);
        assert!(found.unmeasured[0].reason.starts_with(part), "{:?}", found.unmeasured);
        record.points[0].repeats[0].series.columns.insert(name.to_owned(), column);
    }
}

#[test]
fn a_load_that_changed_neither_accuses_nor_acquits() {
    let rss = |bytes, connected: fn(f64) -> f64| {
        let found = soak(&record(bytes, connected, Ledger::default()), &plan()).expect("a whole repeat");
        found.trends[0].clone()
    };
    let rises = |at: f64| at * 3.0;
    let falls = |at: f64| 2000.0 - at * 3.0;
    let accused = rss(1000.0, rises);
    assert_eq!(accused.finding, Growth::Unknown);
    assert!(accused.reason.expect("a reason").contains("of 2000 clients of `g` were connected at first"));
    assert_eq!(rss(0.0, falls).finding, Growth::Unknown, "nobody was there to make it grow");
    assert_eq!(rss(1000.0, falls).finding, Growth::Grows, "it grows all the same");
    assert_eq!(rss(0.0, rises).finding, Growth::NotShown, "not even so");
    assert_eq!(rss(1000.0, |at| 1950.0 + at / 10.0).finding, Growth::Grows, "it hardly changed");
}
