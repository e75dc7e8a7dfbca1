//! Tests of the price of bad peers.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::*;
use crate::{
    profile::Source,
    record::{GroupResult, Ledger, Phase, Series},
    stats::quantile,
};

const SECOND: i64 = 1_000_000_000;
const MIB: f64 = 1024.0 * 1024.0;

fn profile(bad: &str) -> Profile {
    let text = format!(
        "title = \"t\"\nmeasure = \"4s\"\n[[clients]]\nname = \"good\"\ncount = 1\n\
         load = {{ depth = 1, payload = 9 }}\n[[clients]]\nname = \"bad\"\ncount = 10\n\
         load = {{ depth = 1, payload = 9 }}\n{bad}\n\
         [phases]\nbefore = \"1s\"\nwith = \"2s\"\nafter = \"4s\""
    );
    Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
}

/// Ten bad peers from 2 s to 4 s.
fn repeat() -> Repeat {
    let mut repeat = Repeat::default();
    for (name, from, to) in [(BEFORE, 1, 2), (WITH, 2, 4), (AFTER, 4, 5)] {
        repeat.phases.push(Phase { name: name.into(), from_ns: from * SECOND, to_ns: to * SECOND });
    }
    for (name, value) in [
        ("server_rss_peak @ before", 5.0 * MIB),
        ("server_rss_peak @ with", 4.0 * MIB),
        ("kernel_memory_peak @ before", MIB),
        ("kernel_memory_peak @ with", 31.0 * MIB),
        ("kernel_memory_last @ after", 2.0 * MIB),
        ("good.latency_p99 @ before", 2e6),
        ("good.latency_p99 @ with", 8e8),
        ("good.longest_silence @ before", 1e6),
        ("good.longest_silence @ with", 1.6e9),
        ("good.latency_p50 @ before", 1e6),
        ("good.requests_rate @ with", 900.0),
        ("server_cpu_rate @ with", 0.5),
        ("good.requests @ before", 1000.0),
        ("good.requests @ with", 2000.0),
        ("bad.alive_peak @ with", 10.0),
    ] {
        repeat.summary.insert(name.to_owned(), value);
    }
    repeat.censored.insert("good.latency_p99 @ with".to_owned(), "unanswered".to_owned());
    repeat.series = Series { at_ns: (0..6).map(|s| s * SECOND).collect(), ..Series::default() };
    let mut column = |name: &str, values: [f64; 6]| {
        repeat.series.columns.insert(name.to_owned(), values.map(Some).to_vec());
    };
    column("server_rss", [5.0 * MIB; 6]);
    column("kernel_memory", [0.0, MIB, MIB, 31.0 * MIB, 31.0 * MIB, 2.0 * MIB]);
    column("bad.alive", [0.0, 0.0, 10.0, 8.0, 0.0, 0.0]);
    column("good.response_p99", [0.0, 9e9, 3e6, 8e8, 8e8, 4e6]);
    let server_endings = ServerEndings {
        count: 3,
        by_reset: 1,
        by_fin: 2,
        after_error: 2,
        unnoticed: 1,
        after_ns: Some(700),
        ..ServerEndings::default()
    };
    let ledger = Ledger { opened: 12, refused: 1, timed_out: 1, ..Ledger::default() };
    repeat.groups =
        vec![GroupResult { name: "bad".into(), server_endings, ledger, ..GroupResult::default() }];
    let error = "{\"stream\":3,\"number\":2,\"at\":0,\"begins\":\"HTTP/1.1 408\"}";
    repeat.groups[0].content.first_error = Some(serde_json::from_str(error).expect("an answer"));
    repeat
}

fn found() -> Price {
    let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
    price(&profile, &repeat()).expect("a price")
}

#[test]
fn the_price_is_what_the_phases_differ_by() {
    let price = found();
    assert_eq!((price.peers, price.connected, price.with_ns), (10, 10, 2_000_000_000));
    assert_eq!((price.user_bytes_per_peer, price.kernel_bytes_per_peer), (Some(0.0), Some(3.0 * MIB)));
    assert_eq!(price.bytes_per_peer(), Some(3.0 * MIB));
    assert_eq!(price.kernel_memory.after, Some(2.0 * MIB));
    let good = price.worst().expect("good clients");
    assert_eq!((good.p99_ns.before, good.p99_ns.with, good.is_lower_bound), (Some(2e6), Some(8e8), true));
    assert_eq!((price.ended, price.ended_by_reset, price.ended_by_fin), (3, 1, 2));
    assert_eq!((price.ended_after_error, price.error_answer.as_deref()), (2, Some("HTTP/1.1 408")));
    assert_eq!((good.p50_ns.before, good.answers_per_second.with), (Some(1e6), Some(900.0)));
    assert_eq!((good.silence_ns.with, price.server_cores.with), (Some(1.6e9), Some(0.5)));
    assert_eq!((price.held, price.ended_after_ns), (7, Some(700)), "one does not know that it was ended");
}

#[test]
fn memory_and_latency_are_back_when_a_sample_shows_it() {
    let found = found();
    assert_eq!(found.memory_back_ns, Some(1_000_000_000));
    assert_eq!(found.latency_back_ns, None, "the longest of before was 3 ms");
    let back = |at_border: f64, later: f64| {
        let mut repeat = repeat();
        let column = [0.0, 9e9, 3e6, 8e8, at_border, later].map(Some).to_vec();
        repeat.series.columns.insert("good.response_p99".to_owned(), column);
        let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
        price(&profile, &repeat).expect("a price").latency_back_ns
    };
    assert_eq!(back(1e6, 3e6), Some(1_000_000_000), "not the interval before the border");
    assert_eq!(back(1e6, 4e6), None);
    let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
    let mut late = repeat();
    late.series.at_ns[4] += 1;
    let column = [0.0, 9e9, 3e6, 8e8, 1e6, 3e6].map(Some).to_vec();
    late.series.columns.insert("good.response_p99".to_owned(), column);
    let latency = price(&profile, &late).expect("a price").latency_back_ns;
    assert_eq!(latency, Some(1_000_000_000), "that interval began before they left");
    let mut at_border = repeat();
    let column = [0.0, MIB, MIB, 31.0 * MIB, MIB, MIB].map(Some).to_vec();
    at_border.series.columns.insert("kernel_memory".to_owned(), column);
    let memory = price(&profile, &at_border).expect("a price").memory_back_ns;
    assert_eq!(memory, Some(1_000_000_000), "the sample at the border is of `with`");
    let mut evicted = repeat();
    let column = [0.0, MIB, 31.0 * MIB, MIB, MIB, MIB].map(Some).to_vec();
    evicted.series.columns.insert("kernel_memory".to_owned(), column);
    let memory = price(&profile, &evicted).expect("a price").memory_back_ns;
    assert_eq!(memory, Some(0), "the server had ended them before they left");
}

#[test]
fn memory_that_an_allocator_keeps_is_weighed_against_all_that_was_added() {
    let back = |kept: f64| {
        let mut repeat = repeat();
        repeat.summary.insert("server_rss_peak @ with".to_owned(), 5.0 * MIB + kept);
        let later = 5.0 * MIB + kept;
        let column = [5.0 * MIB, 5.0 * MIB, 5.0 * MIB, later, later, later];
        repeat.series.columns.insert("server_rss".to_owned(), column.map(Some).to_vec());
        let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
        price(&profile, &repeat).expect("a price").memory_back_ns
    };
    assert_eq!(back(2.0 * MIB), Some(1_000_000_000), "2 of 32 MiB");
    assert_eq!(back(4.0 * MIB), None, "4 of 34 MiB");
    let mut noisy = repeat();
    noisy.series.at_ns[2] -= 1;
    let column = [0.0, MIB, 7.0 * MIB, 31.0 * MIB, 31.0 * MIB, 6.0 * MIB].map(Some).to_vec();
    noisy.series.columns.insert("kernel_memory".to_owned(), column);
    let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
    let back = price(&profile, &noisy).expect("a price").memory_back_ns;
    assert_eq!(back, Some(1_000_000_000), "5 MiB more than before are noise");
}

#[test]
fn phases_and_groups_that_fit_none_have_no_price() {
    let priced = |bad: &str, change: fn(&mut Repeat)| {
        let mut repeat = repeat();
        change(&mut repeat);
        price(&profile(bad), &repeat).is_some()
    };
    assert!(priced("start = \"2s\"", |_| {}));
    assert!(!priced("start = \"4500ms\"", |_| {}), "it came when `with` was over");
    assert!(!priced("start = \"4s\"", |_| {}), "it came as `with` ended");
    assert!(!priced("start = \"1500ms\"", |_| {}), "it came before `with`");
    assert!(!priced("start = \"2s\"", |repeat| {
        (repeat.phases[0].from_ns, repeat.phases[0].to_ns) = (4 * SECOND, 5 * SECOND);
    }));
}

#[test]
fn peers_that_were_ended_before_a_sample_saw_them_were_connected() {
    let mut repeat = repeat();
    repeat.summary.insert("bad.alive_peak @ with".to_owned(), 1.0);
    let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
    let connected = |repeat: &Repeat| price(&profile, repeat).map(|price| price.connected);
    assert_eq!(connected(&repeat), Some(10));
    repeat.groups[0].ledger.timed_out = 7;
    assert_eq!(connected(&repeat), Some(4), "of 12 that were opened, 8 were not established");
    repeat.groups[0].ledger.opened = 99;
    assert_eq!(connected(&repeat), Some(10), "some came back");
}

#[test]
fn good_clients_that_come_are_a_price_of_their_own() {
    let profile = profile("start = \"2s\"\nstop = \"4s\"");
    assert_eq!(price(&profile, &repeat()).map(|price| (price.peers, price.good.len())), Some((10, 1)));
    let group = |keys: &str| {
        format!("[[clients]]\nname = \"x\"\ncount = 1\nload = {{ depth = 1, payload = 9 }}\n{keys}")
    };
    for keys in ["start = \"2s\"", "stop = \"1500ms\"", "rx = \"stall\"", "tx = \"stall\""] {
        let profile = self::profile(&format!("start = \"2s\"\nstop = \"4s\"\n{}", group(keys)));
        let price = price(&profile, &repeat()).expect("a price");
        assert_eq!(price.good.iter().map(|good| good.group.as_str()).collect::<Vec<_>>(), ["good"], "{keys}");
    }
}

#[test]
fn noise_is_what_the_numbers_before_move_by_alone() {
    let with = |answers: f64, kernel: f64| {
        let mut repeat = repeat();
        repeat.summary.insert("good.requests @ before".to_owned(), answers / 2.0);
        repeat.summary.insert("good.requests @ with".to_owned(), answers);
        repeat.series.at_ns[2] -= 1;
        repeat
            .series
            .columns
            .insert("kernel_memory".to_owned(), [0.0, 9.0, kernel, 99.0, 0.0, 0.0].map(Some).to_vec());
        let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
        price(&profile, &repeat).expect("a price")
    };
    let found = with(2000.0, 4.0);
    assert_eq!((found.user_noise_bytes, found.kernel_noise_bytes), (Some(0.0), Some(5.0)));
    assert_eq!(found.good[0].p99_noise_ns, Some(3e6), "not that of the warm-up, nor of with");
    assert_eq!(with(200.0, 4.0).good[0].p99_noise_ns, None, "two answers beyond the percentile");
    let mut at_border = repeat();
    let column = [0.0, 9.0, 4.0, 99.0, 0.0, 0.0].map(Some).to_vec();
    at_border.series.columns.insert("kernel_memory".to_owned(), column);
    let profile = profile("rx = \"stall\"\nstart = \"2s\"\nstop = \"4s\"");
    let noise = price(&profile, &at_border).expect("a price").kernel_noise_bytes;
    assert_eq!(noise, Some(0.0), "the sample at the border may see bad peers");
}

/// A repeat of 100 ms between two samples, with 200 requests each, some of them ten times as long; with bad peers all are longer by a
/// factor. Kernel memory is noise of 8 MiB, and more with bad peers.
fn drawn(seed: u64, factor: f64, more_bytes: f64) -> Price {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
    let tenth = SECOND / 10;
    let mut repeat = repeat();
    repeat.censored.clear();
    let mut columns = [Vec::new(), Vec::new()];
    let (mut latencies, mut memory) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let at_ns: Vec<i64> = (0..=50).map(|i| i * tenth).collect();
    for at in &at_ns {
        let is_with = *at > 2 * SECOND && *at <= 4 * SECOND;
        let is_before = *at > SECOND && *at <= 2 * SECOND;
        // An interval has its own level, as a machine has that others use.
        let level = 2e6 * (1.0 + rng.random::<f64>());
        let mut latency = || {
            let long = if rng.random::<f64>() < 0.03 { 10.0 } else { 1.0 };
            level * long * (1.0 + rng.random::<f64>()) * if is_with { factor } else { 1.0 }
        };
        let all: Vec<f64> = (0..200).map(|_| latency()).collect();
        let bytes = rng.random::<f64>() * 8.0 * MIB + if is_with { more_bytes } else { 0.0 };
        columns[0].push(quantile(&all, 0.99));
        columns[1].push(Some(bytes));
        for (phase, _) in [is_before, is_with].iter().enumerate().filter(|(_, is_in)| **is_in) {
            latencies[phase].extend_from_slice(&all);
            memory[phase].push(bytes);
        }
    }
    for (phase, name) in [BEFORE, WITH].into_iter().enumerate() {
        let mut set = |number: &str, value: f64| repeat.summary.insert(format!("{number} @ {name}"), value);
        set("good.requests", latencies[phase].len() as f64);
        set("good.latency_p99", quantile(&latencies[phase], 0.99).expect("requests"));
        set("kernel_memory_peak", memory[phase].iter().copied().fold(0.0, f64::max));
    }
    let [p99, kernel] = columns;
    repeat.series = Series { at_ns, ..Series::default() };
    repeat.series.columns.insert("good.response_p99".to_owned(), p99);
    repeat.series.columns.insert("kernel_memory".to_owned(), kernel);
    price(&profile("start = \"2s\"\nstop = \"4s\""), &repeat).expect("a price")
}

#[test]
fn clients_like_the_good_ones_have_no_price() {
    let prices: Vec<Price> = (0..200).map(|seed| drawn(seed, 1.0, 0.0)).collect();
    let slower = prices.iter().filter(|price| price.good[0].is_slower() != Some(false)).count();
    assert!(slower <= 10, "{slower} of 200 are slower by chance");
    let larger = prices.iter().filter(|price| price.headline().contains("kernel +")).count();
    assert!(larger <= 10, "{larger} of 200 need more memory by chance");
}

#[test]
fn a_price_beyond_noise_is_found() {
    let is_found =
        |price: &Price| price.good[0].is_slower() == Some(true) && price.headline().contains("kernel +1");
    let found = (0..200).filter(|seed| is_found(&drawn(*seed, 2.0, 12.0 * MIB))).count();
    assert!(found >= 190, "only {found} of 200");
}

#[test]
fn there_is_no_price_without_phases_or_bad_peers() {
    let profile = profile("rx = \"stall\"");
    assert_eq!(price(&profile, &repeat()), None);
    let profile = self::profile("start = \"2s\"");
    assert_eq!(price(&profile, &Repeat::default()), None);
    for missing in [0, 1] {
        let mut repeat = repeat();
        repeat.phases.remove(missing);
        assert_eq!(price(&profile, &repeat), None);
    }
}
