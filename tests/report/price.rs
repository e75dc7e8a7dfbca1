//! What bad peers cost, in every kind of report.

use badpeer::{
    record::{GoodClients, Phase, Phased, Price, Record},
    report::{
        Format, compare,
        terminal::{self, Style},
        tracker::{CiReport, Numbers, github},
    },
};

use crate::{file, fixture};

const MIB: f64 = 1024.0 * 1024.0;
const SECOND: i64 = 1_000_000_000;
const HEADLINE: &str = "64 bad peers cost: kernel +128 MiB (2 MiB each) · good p99 2 ms → 800 ms, no answers for \
                        1.60 s · 60 ended after 2 s (60 RST), 4 still held";

/// Two repeats, of which one shows the price that [`HEADLINE`] states, and the other half of it.
pub(super) fn priced() -> Record {
    let mut record = fixture::record();
    for (name, second) in [("before", 1), ("with", 2), ("after", 5)] {
        record.profile.phases.insert(name.into(), format!("{second}s").parse().expect("a time"));
    }
    record.profile.expect.insert("good.latency_p99 @ with".into(), "< 200% @ before".into());
    for (index, repeat) in record.points[0].repeats.iter_mut().enumerate() {
        let share = 1.0 / (index + 1) as f64;
        for (name, from, to) in [("before", 1, 2), ("with", 2, 5), ("after", 5, 6)] {
            repeat.phases.push(Phase { name: name.into(), from_ns: from * SECOND, to_ns: to * SECOND });
            repeat.summary.insert(format!("good.latency_p99 @ {name}"), 8e8 * share);
            repeat.summary.insert(format!("good.latency_p50 @ {name}"), 8e6 * share);
        }
        repeat.summary.insert("memory_per_peer".into(), 2.0 * MIB * share);
        let phased = |before, with| Phased { before: Some(before), with: Some(with), after: Some(before) };
        let good = GoodClients {
            group: "good".into(),
            p50_ns: phased(1e6, 8e6),
            p99_ns: phased(2e6, 8e8 * share),
            p99_noise_ns: Some(3e6),
            answers_per_second: phased(2000.0, 1000.0),
            silence_ns: phased(3e6, 1.6e9 * share),
            is_lower_bound: false,
        };
        repeat.price = Some(Price {
            peers: 64,
            connected: 64,
            with_ns: 3_000_000_000,
            kernel_memory: phased(MIB, MIB + 128.0 * MIB * share),
            kernel_bytes_per_peer: Some(2.0 * MIB * share),
            kernel_noise_bytes: Some(0.5 * MIB),
            good: vec![good],
            ended: 60,
            ended_by_reset: 60,
            ended_after_ns: Some(2_000_000_000),
            held: 4,
            memory_back_ns: Some(1_500_000_000),
            ..Price::default()
        });
    }
    record
}

/// Without line breaks, and as a reader sees it.
fn flat(text: &str) -> String {
    let text = text.replace("&gt;", ">").replace("<code>", "").replace("</code>", "").replace('`', "");
    text.replace('\\', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_report_begins_with_the_price_and_the_noise() {
    let record = priced();
    let noise = "The repeat with the longest p99 of 2. Noise: kernel up to +512 KiB, good p99 up to 3 ms (from the phase \
                 before of all repeats). good p99 exceeds its noise in 2 of 2 repeats.";
    for (name, text) in [
        ("terminal", terminal::render(&record, Style::PLAIN)),
        ("verdicts", terminal::verdicts(&record, Style::PLAIN)),
        ("markdown", file(&record, Format::Markdown, "summary.md")),
        ("page", file(&record, Format::Html, "index.html")),
    ] {
        let text = flat(&text);
        assert_eq!(text.matches(HEADLINE).count(), 1, "{name}: {text:.3000}");
        assert!(text.contains(noise), "{name}: {text:.3000}");
        let first_table = ["offered", "FAIL good"].into_iter().filter_map(|words| text.find(words)).min();
        let first_table = first_table.unwrap_or(usize::MAX);
        assert!(text.find(HEADLINE) < Some(first_table), "{name}: the price comes first");
    }
}

#[test]
fn the_terminal_report_of_a_price_fits_80_columns_and_shows_each_phase() {
    let text = terminal::render(&priced(), Style::PLAIN);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let text = flat(&text);
    assert!(text.contains("bad peers before with after"), "{text}");
    assert!(text.contains("good: answers 2000/s 1000/s 2000/s"), "{text}");
    assert!(
        text.contains(
            "the server's memory was normal again 1.50 s after the bad peers left; response times were not"
        ),
        "{text}"
    );
}

#[test]
fn trackers_get_the_price_and_the_phases_that_something_is_expected_of() {
    let record = priced();
    assert!(
        flat(&file(&record, Format::Junit, "junit.xml"))
            .contains(&format!("<system-out>{HEADLINE}</system-out>"))
    );
    let lines = github::annotations(&CiReport::of_run(&record, None, Numbers::Judged));
    assert_eq!(lines[0], format!("::notice title=badpeer {}::{HEADLINE}", record.name));
    let of = |numbers| {
        let files = badpeer::report::files(&record, None, &[Format::Openmetrics], numbers).expect("files");
        let (_, bytes) = files.into_iter().find(|(name, _)| name == "openmetrics.txt").expect("a file");
        String::from_utf8(bytes).expect("text")
    };
    let all = of(Numbers::All);
    assert_eq!(all.lines().filter(|line| line.contains("phase=")).count(), 6, "every phase: {all}");
    let metrics = of(Numbers::Judged);
    let phases: Vec<&str> = metrics.lines().filter(|line| line.contains("phase=")).collect();
    let [line] = phases[..] else { panic!("{phases:?}") };
    assert!(line.contains("group=\"good\",phase=\"with\"") && line.ends_with("} 0.6"), "{line}");
    assert!(metrics.contains("badpeer_memory_per_peer_bytes{"), "{metrics}");
    let bencher = file(&record, Format::Bencher, "bencher.json");
    let bencher: serde_json::Value = serde_json::from_str(&bencher).expect("JSON");
    let of_phase = &bencher[format!("{} good @ with", record.name)];
    assert_eq!(of_phase["latency_p99"]["value"].as_f64(), Some(6e8), "{bencher}");
    assert!(
        bencher[format!("{} good", record.name)]["latency_p99"]["value"].as_f64() < Some(5e8),
        "{bencher}"
    );
}

#[test]
fn tables_and_comparisons_keep_phases_apart() {
    let summary = file(&priced(), Format::Csv, "summary.csv");
    assert!(
        summary.lines().next().is_some_and(|head| head.contains(",good.latency_p99_ns @ with,")),
        "{summary}"
    );
    let json = compare::to_json(&priced(), &priced());
    let metrics = json["points"][0]["metrics"].as_array().expect("metrics");
    let of = |name: &str| metrics.iter().filter(|metric| metric["name"] == name).count();
    assert_eq!(["good.latency_p99", "good.latency_p99 @ with", "good.latency_p99 @ before"].map(of), [1; 3]);
}
