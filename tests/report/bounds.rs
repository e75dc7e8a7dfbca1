//! Numbers that are lower bounds, because requests that were never answered lie there: every report says so.

use badpeer::{
    cli::history,
    record::Record,
    report::{
        Format, compare,
        terminal::{self, Style},
    },
};

use super::{file, fixture};

/// A run whose good clients were not all answered.
fn left_waiting() -> Record {
    let mut record = fixture::record();
    let causes = ["latency_p99", "latency_p999", "latency_max"];
    let causes = causes.map(|stat| (format!("good.{stat}"), "unanswered".to_owned()));
    record.points[0].repeats[1].censored = causes.into_iter().collect();
    record.points[0].verdicts[1].censored = Some("unanswered".to_owned());
    record
}

#[test]
fn tables_mark_lower_bounds() {
    let record = left_waiting();
    let text = terminal::render(&record, Style::PLAIN);
    assert!(text.contains("> 3.19 ms (unanswered)"), "{text}");
    assert!(text.contains("FAIL  good.latency_p99 < 3ms: > 3.30 ms (unanswered)"), "{text}");
    let markdown = file(&record, Format::Markdown, "summary.md");
    assert!(markdown.contains("> 3.19 ms (unanswered)"), "{markdown}");
    let page = file(&record, Format::Html, "index.html");
    assert!(page.contains("&gt; 3.19 ms (unanswered)"));
    assert!(page.contains("&gt; 3.30 ms (unanswered)"));
    let junit = file(&record, Format::Junit, "junit.xml");
    assert!(junit.contains("measured &gt; 3.30 ms (unanswered)"), "{junit}");
}

#[test]
fn the_summary_lists_lower_bounds() {
    let summary = file(&left_waiting(), Format::Csv, "summary.csv");
    let rows: Vec<&str> = summary.lines().collect();
    assert!(rows[0].ends_with(",censored"), "{}", rows[0]);
    assert!(rows[1].ends_with(','), "the first repeat has none: {}", rows[1]);
    let listed = "good.latency_p99=unanswered; good.latency_p999=unanswered; good.latency_max=unanswered";
    assert!(rows[2].ends_with(listed), "{}", rows[2]);
}

#[test]
fn trackers_get_no_lower_bound() {
    for (format, name) in [
        (Format::Bencher, "bencher.json"),
        (Format::GithubBenchmark, "benchmark-smaller.json"),
        (Format::Openmetrics, "openmetrics.txt"),
    ] {
        let (whole, bounds) = (file(&fixture::record(), format, name), file(&left_waiting(), format, name));
        assert!(whole.contains("latency_p99"), "{whole}");
        assert!(!bounds.contains("latency_p99") && bounds.contains("service_p99"), "{bounds}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.csv");
    history::append(&path, &left_waiting()).expect("a row");
    let text = std::fs::read_to_string(&path).expect("a history");
    assert!(!text.contains("good.latency_p99") && text.contains("good.latency_p50"), "{text}");
}

#[test]
fn a_lower_bound_is_worse_than_a_measured_value() {
    let (whole, bounds) = (fixture::record(), left_waiting());
    let text = terminal::records(&whole, &bounds, Style::PLAIN);
    let line = text.lines().find(|line| line.trim_start().starts_with("latency_p99 ")).expect("the number");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words.join(" "), "latency_p99 3.19 ms > 3.19 ms – worse (unanswered)");
    let both =
        terminal::records(&bounds, &bounds, Style::PLAIN).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(both.contains("latency_p99 > 3.19 ms > 3.19 ms – not known (unanswered)"), "{both}");
    assert!(both.contains("3 metrics have only lower bounds on both sides."), "{both}");
    let json = compare::to_json(&whole, &bounds);
    let metrics = json["points"][0]["metrics"].as_array().expect("numbers");
    let metric = metrics.iter().find(|metric| metric["name"] == "good.latency_p99").expect("the number");
    assert_eq!((&metric["judgment"], &metric["b_censored"]), (&"worse".into(), &"unanswered".into()));
    assert!(metric["change"].is_null() && metric.get("a_censored").is_none(), "{metric}");
}

#[test]
fn the_sweep_chart_mentions_lower_bounds() {
    let mut sweep = fixture::sweep();
    let caption = "Some values are lower bounds";
    assert!(!file(&sweep, Format::Html, "index.html").contains(caption));
    sweep.points[2].repeats[0].censored.insert("good.latency_p99".to_owned(), "lost".to_owned());
    let page = file(&sweep, Format::Html, "index.html");
    assert!(page.contains(caption) && page.contains("(lost)"));
}
