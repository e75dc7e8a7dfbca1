//! The reports of a search and of a soak, from made-up records.

use badpeer::{
    record::{
        Border, Bracket, Capacity, ExpectationResult, Finding, Growth, LateGrowth, Level, LevelRepeat,
        LevelUnit, Record, SearchEnd, Soak, Trend, Unmeasured, Verdict,
    },
    report::{Format, files, markdown, meaning, terminal, tracker::Numbers},
};

use super::fixture;

/// A search whose levels are the points of a sweep: the first holds, the others fail, one of them only sometimes.
fn search() -> Record {
    let mut record = fixture::sweep();
    let found = |finding, reason: &str| LevelRepeat { finding, reason: Some(reason.to_owned()) };
    let findings = [
        vec![LevelRepeat { finding: Finding::Holds, reason: None }],
        vec![LevelRepeat { finding: Finding::Holds, reason: None }, found(Finding::Fails, "late")],
        vec![found(Finding::Fails, "later")],
        vec![found(Finding::Inconclusive, "only 7 of 80 were <there>")],
    ];
    record.points.resize(findings.len(), record.points[0].clone());
    let level = |(index, repeats): (usize, Vec<LevelRepeat>)| {
        let value = 10_u64 << index;
        Level { value, text: value.to_string(), repeats }
    };
    let border = |value: u64, p99, verdict| Border {
        value,
        text: value.to_string(),
        repeats: 1,
        figures: vec![ExpectationResult::new("good.latency_p99", "< 20ms", Some(p99), verdict)],
    };
    record.capacity = Some(Capacity {
        of: "clients.good.count".into(),
        unit: LevelUnit::Count,
        from: 10,
        to: 80,
        precision: 0.1,
        confirmations: 1,
        levels: findings.into_iter().enumerate().map(level).collect(),
        bracket: Bracket {
            holds: Some(border(10, 12e6, Verdict::Pass)),
            fails: Some(border(40, 31e6, Verdict::Fail)),
        },
        end: Some(SearchEnd::Narrow),
        remarks: Vec::new(),
    });
    record
}

const BRACKET: &str = "holds 10, fails 40: good.latency_p99 < 20ms (12 ms at 10, 31 ms at 40)";

#[test]
fn a_search_is_reported_as_its_bracket() {
    let record = search();
    assert_eq!(meaning(&record), format!("clients.good.count {BRACKET}."));
    assert_eq!(record.verdict(), Verdict::Pass, "that a level fails is what a search is for");
    let shown = terminal::capacity(&record, terminal::Style::PLAIN);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "20 mixed 1 of 2 hold",
        "20 held in 1 of 2 repeats; where it failed: late",
        "80 is inconclusive after 1 repeat: only 7 of 80 were <there>",
        BRACKET,
    ] {
        assert!(flat.contains(part), "{part}\n{shown}");
    }
    assert!(markdown::record(&record, None).contains("80 is inconclusive"));
    let made =
        files(&record, None, &[Format::Html, Format::Svg, Format::Junit], Numbers::Judged).expect("made");
    let file = |name: &str| {
        let (_, bytes) = made.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("{name}"));
        String::from_utf8_lossy(bytes).into_owned()
    };
    assert!(
        file("index.html").contains("were &lt;there&gt;") && !file("index.html").contains("were <there>")
    );
    assert!(file("capacity.svg").contains("holds 10, fails 40"));
    assert!(file("junit.xml").contains("the bracket is found"));
    let of_points = made.iter().filter(|(name, _)| name.starts_with("latency-percentiles-")).count();
    assert_eq!(of_points, 2, "the ends of the bracket have charts over time");
}

#[test]
fn a_level_that_holds_above_one_that_fails_is_said() {
    let mut record = search();
    let capacity = record.capacity.as_mut().expect("a search");
    capacity.levels[3].repeats = vec![LevelRepeat { finding: Finding::Holds, reason: None }];
    let shown = terminal::capacity(&record, terminal::Style::PLAIN);
    assert!(shown.contains("it fails 40 but holds 80"), "{shown}");
}

#[test]
fn a_soak_is_reported_as_what_grows() {
    let mut record = fixture::record();
    let trend = |name: &str, finding, per_hour: f64| Trend {
        name: name.into(),
        finding,
        per_hour,
        low: per_hour - 1024.0,
        high: per_hour + 1024.0,
        late: None,
        correlation: 0.2,
        ends: (1e6, 2e6),
        least: 32_768.0,
        reason: None,
    };
    let mut soak = Soak {
        settled_after: 120.0,
        seconds: 480.0,
        connections_per_hour: 3.6e6,
        trends: vec![
            trend("server_rss", Growth::Grows, 3.6e6 * 1.024),
            trend("kernel_memory", Growth::NotShown, 0.0),
        ],
        ..Soak::default()
    };
    record.soak = Some(soak.clone());
    assert_eq!(record.verdict(), Verdict::Fail);
    let wanted = "server_rss grows by 3.52 MiB per hour ± 1 KiB, which is 1 KiB per 1000 connections.";
    assert!(meaning(&record).starts_with(wanted), "{}", meaning(&record));
    let shown = terminal::render(&record, terminal::Style::PLAIN);
    assert!(shown.contains("no growth shown, at most 1 KiB"), "{shown}");
    assert!(markdown::record(&record, None).contains("server_rss"));
    soak.trends[0].finding = Growth::NotShown;
    soak.connections_per_hour = 10.0;
    record.soak = Some(soak);
    assert!(meaning(&record).starts_with("server_rss in 480 s: no growth shown, at most 3.52 MiB per hour."));
    let shown = terminal::render(&record, terminal::Style::PLAIN);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("so a leak per connection does not show"), "{shown}");
}

#[test]
fn a_soak_without_a_verdict_says_what_is_not_known_and_what_helps() {
    let mut record = fixture::record();
    let trend = |name: &str, finding, high: f64| Trend {
        name: name.into(),
        finding,
        per_hour: 1e6,
        low: -1.0,
        high,
        late: None,
        correlation: 0.2,
        ends: (1e6, 2e6),
        least: 32_768.0,
        reason: None,
    };
    let with = |trends: Vec<Trend>, unmeasured: &[(&str, &str)]| {
        let unmeasured = unmeasured
            .iter()
            .map(|(name, reason)| Unmeasured { name: (*name).to_owned(), reason: (*reason).to_owned() });
        Soak {
            seconds: 480.0,
            resolution: Some(3_686_400.0),
            trends,
            unmeasured: unmeasured.collect(),
            ..Soak::default()
        }
    };
    let rss = || trend("server_rss", Growth::NotShown, 1024.0);
    let mut meant = |soak: Soak| {
        record.soak = Some(soak);
        assert!(terminal::render(&record, terminal::Style::PLAIN).contains("server_rss"));
        meaning(&record)
    };
    let wide = meant(with(vec![trend("server_rss", Growth::Unclear, 524_288_000.0)], &[]));
    let wanted = "server_rss may grow by up to 500 MiB per hour, and more than 3.52 MiB is not excluded (--resolution): \
                  use a longer window.";
    assert!(wide.starts_with(wanted), "{wide}");
    // What hides from badpeer is not a question of time.
    let hidden = meant(with(Vec::new(), &[("server_rss", "not measured: another machine")]));
    assert!(
        hidden.starts_with("server_rss: not measured: another machine.") && !hidden.contains("longer window"),
        "{hidden}"
    );
    let half = meant(with(vec![rss()], &[("kernel_memory", "not measured: hidden")]));
    assert!(half.starts_with("kernel_memory: not measured: hidden."), "{half}");
    let busy = Trend {
        reason: Some("the host was busy".into()),
        ..trend("good.response_p50", Growth::Unknown, 0.0)
    };
    let times = meant(with(vec![rss(), busy], &[]));
    let wanted = "server_rss in 480 s: no growth shown, at most 1 KiB per hour. good.response_p50 not known: the host was busy.";
    assert!(times.starts_with(wanted), "{times}");
    let late = Some(LateGrowth { per_hour: 102_400.0, low: 101_376.0, high: 103_424.0 });
    let slower = meant(with(vec![Trend { low: 1.0, late, ..trend("server_rss", Growth::Grows, 2e6) }], &[]));
    let wanted = "server_rss grows by 100 KiB per hour ± 1 KiB in the second half, and faster before";
    assert!(slower.starts_with(wanted), "{slower}");
    let off = meant(with(vec![Trend { low: 1.0, late, ..trend("server_rss", Growth::LevelsOff, 2e6) }], &[]));
    assert!(off.contains("is not shown to grow in the second half: at most 101 KiB per hour"), "{off}");
}

#[test]
fn records_of_a_search_and_of_a_soak_meet_the_schema() {
    let mut record = search();
    record.soak =
        Some(Soak { settled_after: 1.0, seconds: 4.0, connections_per_hour: 5.0, ..Soak::default() });
    let unmeasured = Unmeasured { name: "kernel_memory".into(), reason: "not measured".into() };
    record.soak.iter_mut().for_each(|soak| soak.unmeasured.push(unmeasured.clone()));
    let schema = badpeer::cli::schema::schema(badpeer::cli::schema::Kind::Record);
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut value = serde_json::to_value(&record).expect("JSON");
    assert!(validator.is_valid(&value));
    let back: Record = serde_json::from_value(value.clone()).expect("a record");
    assert_eq!((back.capacity, back.soak), (record.capacity, record.soak));
    value["capacity"]["levels"][0]["repeats"][0]["finding"] = "PERHAPS".into();
    assert!(!validator.is_valid(&value));
}
