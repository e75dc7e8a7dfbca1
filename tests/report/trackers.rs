//! What trackers of results and CI systems read, checked by the rules of each format, with names that try to break them.

use badpeer::{
    gate::{BaselineComparison, PairedComparison},
    record::{Record, Verdict},
    report::{
        self, Format,
        tracker::{CiReport, Numbers, github},
    },
};
use hdrhistogram::serialization::{
    Deserializer,
    interval_log::{IntervalLogIterator, LogEntry},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    file,
    fixture::{self, comparison},
    text,
};

/// What breaks out of XML, JSON, labels, workflow commands and lines.
const NASTY: &str = "a\"b'c<d>&e\\f,g::h%i\nj\rk\u{1}l]]>m é🦀\u{1b}[2J ##[error]n";

/// A record whose every name is this one, where it may be any.
fn named(name: &str) -> Record {
    let mut record = fixture::record();
    name.clone_into(&mut record.name);
    for point in &mut record.points {
        point.axes.insert("server.buffer".to_owned(), name.to_owned());
        for repeat in &mut point.repeats {
            let renamed = |(key, value): (&String, &f64)| {
                let stat = key.strip_prefix("good.");
                (stat.map_or_else(|| key.clone(), |stat| format!("{name}.{stat}")), *value)
            };
            repeat.summary = repeat.summary.iter().map(renamed).collect();
            for group in repeat.groups.iter_mut().filter(|group| group.name == "good") {
                name.clone_into(&mut group.name);
            }
        }
        for verdict in &mut point.verdicts {
            name.clone_into(&mut verdict.condition);
        }
    }
    record
}

fn of_comparison(comparison: &PairedComparison, format: Format, name: &str) -> String {
    text(report::comparison_files(comparison, &[format]).expect("files"), name)
}

/// The rules of a JUnit report: one suite, whose counts are those of its cases; a case has a name, a class, a time, and at
/// most one of failure, error and skipped. Gives back (cases, failures, errors, skipped).
fn junit(xml: &str) -> (usize, usize, usize, usize) {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
    let suites = document.root_element();
    assert_eq!(suites.tag_name().name(), "testsuites");
    let suite = suites.first_element_child().expect("a suite");
    assert_eq!((suite.tag_name().name(), suite.next_sibling_element()), ("testsuite", None));
    let cases: Vec<_> = suite.children().filter(roxmltree::Node::is_element).collect();
    let mut counts = [0; 3];
    for case in &cases {
        assert_eq!(case.tag_name().name(), "testcase");
        assert!(case.attribute("name").is_some_and(|name| !name.is_empty()));
        assert!(case.attribute("classname").is_some_and(|name| name.starts_with("badpeer.")));
        assert!(case.attribute("time").is_some_and(|time| time.parse::<f64>().is_ok()));
        let results: Vec<_> = case.children().filter(roxmltree::Node::is_element).collect();
        assert!(results.len() <= 1);
        for result in results {
            let kinds = ["failure", "error", "skipped"];
            let kind = kinds.iter().position(|kind| *kind == result.tag_name().name()).expect("a kind");
            assert!(result.attribute("message").is_some());
            assert_eq!(result.attribute("type").is_some(), kind < 2);
            counts[kind] += 1;
        }
    }
    for node in [suites, suite] {
        let printed =
            ["tests", "failures", "errors", "skipped"].map(|name| node.attribute(name).expect(name));
        let found = [cases.len(), counts[0], counts[1], counts[2]].map(|count| count.to_string());
        assert_eq!(printed, found.each_ref().map(String::as_str));
    }
    (cases.len(), counts[0], counts[1], counts[2])
}

fn conforms(schema: &Value, text: &str) {
    let instance: Value = serde_json::from_str(text).expect("JSON");
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let faults: Vec<String> = validator.iter_errors(&instance).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}\n{text}");
}

/// As github-action-benchmark documents it.
fn benchmark_schema() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name", "unit", "value"],
            "additionalProperties": false,
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "unit": {"type": "string", "minLength": 1},
                "value": {"type": "number"},
                "range": {"type": "string", "pattern": "^± [0-9.e-]+$"},
                "extra": {"type": "string"}
            }
        }
    })
}

/// As Bencher documents it.
fn bencher_schema() -> Value {
    json!({
        "type": "object",
        "propertyNames": {"minLength": 1, "maxLength": 1024},
        "additionalProperties": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"minLength": 1, "maxLength": 64},
            "additionalProperties": {
                "type": "object",
                "required": ["value"],
                "additionalProperties": false,
                "properties": {
                    "value": {"type": "number"},
                    "lower_value": {"type": "number"},
                    "upper_value": {"type": "number"}
                }
            }
        }
    })
}

/// The rules of OpenMetrics' text that concern gauges; gives back the number of samples.
fn openmetrics(text: &str) -> usize {
    let mut lines: Vec<&str> = text.strip_suffix('\n').expect("a line end").split('\n').collect();
    assert_eq!(lines.pop(), Some("# EOF"));
    let (mut family, mut seen, mut samples) = (String::new(), Vec::new(), Vec::new());
    for line in lines {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert_eq!(kind, "gauge");
            assert!(!seen.contains(&name), "{name} twice");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
            seen.push(name);
            name.clone_into(&mut family);
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').expect("a name and a unit");
            assert!(name == family && name.ends_with(&format!("_{unit}")), "{line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.starts_with(&format!("{family} ")), "{line}");
        } else {
            let labels = line.strip_prefix(&format!("{family}{{")).unwrap_or_else(|| panic!("{line}"));
            let (labels, value) = labels.rsplit_once("} ").expect("labels and a value");
            assert!(value.parse::<f64>().expect("a number").is_finite());
            let mut escaped = false;
            let quotes = labels.chars().filter(|c| {
                let counts = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                counts
            });
            assert_eq!(quotes.count(), 2 * labels.matches("=\"").count().min(3), "{line}");
            assert!(!samples.contains(&line), "{line} twice");
            samples.push(line);
        }
    }
    samples.len()
}

/// Everything that is made of a record and of a comparison under this name.
fn all_conform(name: &str) {
    let record = named(name);
    let verdicts = record.verdicts().count();
    assert!(junit(&file(&record, Format::Junit, "junit.xml")).0 >= verdicts);
    for name in ["benchmark-smaller.json", "benchmark-bigger.json"] {
        conforms(&benchmark_schema(), &file(&record, Format::GithubBenchmark, name));
    }
    conforms(&bencher_schema(), &file(&record, Format::Bencher, "bencher.json"));
    let comparison = comparison(name, 1.5);
    assert_eq!(junit(&of_comparison(&comparison, Format::Junit, "junit.xml")), (1, 1, 0, 0));
    conforms(&bencher_schema(), &of_comparison(&comparison, Format::Bencher, "bencher.json"));
    for report in [CiReport::of_run(&record, None, Numbers::All), CiReport::from(&comparison)] {
        for line in github::annotations(&report) {
            assert!(line.starts_with("::error title=") || line.starts_with("::warning title="), "{line}");
            assert!(
                !line.contains(|c: char| c.is_control() && c != '\t') && !line.contains("##["),
                "{line:?}"
            );
            let (properties, _) = line[2..].split_once("::").expect("a message");
            assert!(!properties["error title=".len()..].contains([',']), "{line}");
        }
    }
}

#[test]
fn every_format_is_valid() {
    all_conform("control");
    let record = fixture::record();
    let measured = record.verdicts().filter(|result| result.verdict == Verdict::Fail).count();
    let (cases, failures, ..) = junit(&file(&record, Format::Junit, "junit.xml"));
    assert!(cases >= 2 && failures == measured && failures > 0, "{cases} cases, {failures} failures");
    let samples = openmetrics(&file(&record, Format::Openmetrics, "openmetrics.txt"));
    assert!(samples > 10, "{samples} samples");
    let bencher: Value = serde_json::from_str(&file(&record, Format::Bencher, "bencher.json")).expect("JSON");
    let good = &bencher[&format!("{} good", record.name)];
    let median: Vec<f64> =
        record.points[0].repeats.iter().map(|repeat| repeat.summary["good.latency_p50"]).collect();
    let mean = median.iter().sum::<f64>() / median.len() as f64;
    assert!((good["latency"]["value"].as_f64().expect("nanoseconds") / mean - 1.0).abs() < 1e-9, "{good}");
    assert!(good["throughput"]["value"].is_number(), "{good}");
}

#[test]
fn hostile_names_break_no_format() {
    all_conform(NASTY);
    assert!(openmetrics(&file(&named("a\"b\\c\nd,e"), Format::Openmetrics, "openmetrics.txt")) > 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn random_names_break_no_format(name in "\\PC{1,40}|[\\x00-\\x7f]{1,40}") {
        // A dot divides group and number.
        all_conform(&format!("n{}", name.replace('.', "_")));
    }
}

#[test]
fn points_of_a_sweep_have_distinct_names() {
    let record = fixture::sweep();
    let all: Value = serde_json::from_str(&file(&record, Format::GithubBenchmark, "benchmark-smaller.json"))
        .expect("JSON");
    let mut names: Vec<&str> = all
        .as_array()
        .expect("an array")
        .iter()
        .map(|entry| entry["name"].as_str().expect("a name"))
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    let benches: Value = serde_json::from_str(&file(&record, Format::Bencher, "bencher.json")).expect("JSON");
    assert!(benches.as_object().expect("an object").len() >= record.points.len());
    assert!(openmetrics(&file(&record, Format::Openmetrics, "openmetrics.txt")) >= record.points.len());
}

#[test]
fn trackers_get_what_is_judged_unless_every_metric_is_asked_for() {
    let mut record = fixture::record();
    for repeat in &mut record.points[0].repeats {
        repeat.summary.insert("good.latency_p50 @ with".into(), 7e6);
    }
    let of = |numbers| {
        let files = report::files(&record, None, &[Format::Openmetrics], numbers).expect("files");
        text(files, "openmetrics.txt")
    };
    let (judged, all) = (of(Numbers::Judged), of(Numbers::All));
    assert!(judged.contains("latency_p99") && judged.contains("server_rss_growth"), "{judged}");
    assert!(judged.contains("badpeer_corrupt_bytes{"), "expected, and not gated: {judged}");
    assert!(judged.contains("badpeer_group_latency_p50_seconds{"), "gated, and not expected: {judged}");
    assert!(!judged.contains("server_waits") && all.contains("server_waits"), "{judged}");
    let is_of_a_phase = |text: &str| text.contains("phase=\"with\"");
    assert!(!is_of_a_phase(&judged) && is_of_a_phase(&all), "a phase that nothing is expected of: {all}");
    openmetrics(&judged);
    openmetrics(&all);
}

#[test]
fn values_for_trackers_keep_every_digit() {
    let mut record = fixture::record();
    record.points[0].repeats.truncate(1);
    record.points[0].repeats[0].summary.insert("good.latency_p99".into(), 1_234_567.0);
    let text = file(&record, Format::Openmetrics, "openmetrics.txt");
    assert!(
        text.contains("latency_p99_seconds{profile=\"stalled-readers\",group=\"good\"} 0.001234567\n"),
        "{text}"
    );
}

#[test]
fn smaller_and_bigger_metrics_are_separated() {
    let record = fixture::record();
    let names = |name| -> Vec<String> {
        let all: Value = serde_json::from_str(&file(&record, Format::GithubBenchmark, name)).expect("JSON");
        all.as_array().expect("an array").iter().map(|e| e["name"].as_str().expect("a name").into()).collect()
    };
    let (smaller, bigger) = (names("benchmark-smaller.json"), names("benchmark-bigger.json"));
    let name = |number: &str| format!("{}: {number}", record.name);
    assert!(smaller.contains(&name("good.latency_p99")) && !bigger.contains(&name("good.latency_p99")));
    assert!(bigger.contains(&name("good.requests_rate")) && !smaller.contains(&name("good.requests_rate")));
}

#[test]
fn the_histogram_log_is_read_back() {
    let record = fixture::record();
    let log = file(&record, Format::Hlog, "latency.hlog");
    assert!(log.starts_with("#[Histogram log format version 1.3]\n"), "{log}");
    let entries: Result<Vec<_>, _> = IntervalLogIterator::new(log.as_bytes()).collect();
    let mut tags = Vec::new();
    for entry in entries.expect("a log") {
        let LogEntry::Interval(interval) = entry else { continue };
        let tag = interval.tag().expect("a tag").as_str().to_owned();
        let packed = base64_decoded(interval.encoded_histogram());
        let histogram: hdrhistogram::Histogram<u64> =
            Deserializer::new().deserialize(&mut packed.as_slice()).expect("a histogram");
        let parts: Vec<&str> = tag.split('.').collect();
        let repeat = &record.points[parts[0].parse::<usize>().unwrap() - 1].repeats
            [parts[1].parse::<usize>().unwrap() - 1];
        let group =
            repeat.groups.iter().find(|group| group.name.replace(' ', "_") == parts[2]).expect("a group");
        let buckets = if parts[3] == "response" { &group.response_ns } else { &group.service_ns };
        assert_eq!(histogram.len(), buckets.count(), "{tag}");
        let median = buckets.quantile(0.5).expect("values");
        assert!(histogram.equivalent(histogram.value_at_quantile(0.5), median), "{tag}: {median}");
        tags.push(tag);
    }
    assert!(tags.iter().any(|tag| tag == "1.1.good.response"), "{tags:?}");
}

/// Base64, as a log has it.
fn base64_decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let digit = DIGITS.iter().position(|digit| *digit == byte).expect("a digit");
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    out
}

#[test]
fn a_comparison_is_read_back_and_a_pass_gives_no_annotation() {
    let same = comparison("control", 1.0);
    let back: PairedComparison =
        serde_json::from_str(&serde_json::to_string(&same).expect("JSON")).expect("a comparison");
    assert_eq!(back.findings, same.findings);
    assert_eq!(github::annotations(&CiReport::from(&same)), Vec::<String>::new());
    let worse = github::annotations(&CiReport::from(&comparison("control", 2.0)));
    assert_eq!(worse.len(), 1);
    assert!(
        worse[0].starts_with("::error title=badpeer compare-control%3A REGRESSION::server_rss_peak"),
        "{worse:?}"
    );
    let table = report::comparison_files(&same, &[Format::Csv]).expect_err("no table").to_string();
    assert!(table.contains("junit"), "{table}");
}

#[test]
fn text_of_a_baseline_comparison_is_escaped() {
    let (now, mut then) = (named("<img>*"), named("<img>*"));
    (then.commit, then.machine.cpu) = (Some("<img>*".into()), "<img>*".into());
    let mut comparison = BaselineComparison::of("<img>*", &then, &now);
    assert!(!comparison.differs.is_empty(), "{comparison:?}");
    comparison.lost.push("<img>*.latency_p99".into());
    comparison.new.push("<img>*.latency_p50".into());
    let page = report::markdown::record(&now, Some(&comparison));
    assert!(page.contains("## Against the baseline &lt;img>") && !page.contains("<img"), "{page}");
    assert!(!page.contains(">*"), "{page}");
}

#[test]
fn annotations_and_summaries_stay_within_githubs_limits() {
    let mut record = fixture::record();
    let verdict = record.points[0].verdicts.iter().find(|v| v.verdict == Verdict::Fail).expect("one").clone();
    record.points[0].verdicts = vec![verdict; 25];
    let lines = github::annotations(&CiReport::of_run(&record, None, Numbers::All));
    assert_eq!(lines.iter().filter(|line| line.starts_with("::error")).count(), 10);
    assert!(lines[9].ends_with("and 16 more"), "{}", lines[9]);
    assert_eq!(github::summary("short", 0), "short");
    let cut = github::summary(&"é".repeat(1 << 20), 100);
    assert!(cut.len() + 100 <= 1 << 20 && cut.ends_with("1 MiB)\n"), "{}", cut.len());
    assert_eq!(github::summary("more", 1 << 20), "");
}
