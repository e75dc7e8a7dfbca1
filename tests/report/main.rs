//! What a record is made into: looked at as a reader would, and checked as a browser would.

mod bounds;
mod fixture;
mod history;
mod index;
mod mutations;
mod page;
mod price;
mod schema;
mod trackers;

use badpeer::{
    metric::{Metric, Panel},
    record::{Point, Record, Verdict},
    report::{self, Format, compare, terminal},
};

const ALL: [Format; 5] = [Format::Csv, Format::Png, Format::Svg, Format::Html, Format::Markdown];

/// One of the files, as text.
fn text(files: Vec<(String, Vec<u8>)>, name: &str) -> String {
    let (_, bytes) = files.into_iter().find(|(file, _)| file == name).expect(name);
    String::from_utf8(bytes).expect("UTF-8")
}

fn file(record: &Record, format: Format, name: &str) -> String {
    text(report::files(record, None, &[format]).expect("files"), name)
}

fn names(record: &Record, format: Format) -> Vec<String> {
    report::files(record, None, &[format]).expect("files").into_iter().map(|(name, _)| name).collect()
}

/// The same run, slower, with a number more and one less, on another kernel.
fn slower() -> Record {
    let mut record = fixture::record();
    record.machine.kernel = "6.9.1".into();
    record.profile.seed = 7;
    for repeat in &mut record.points[0].repeats {
        let scale = |repeat: &mut badpeer::record::Repeat, name: &str, by: f64| {
            *repeat.summary.get_mut(name).expect(name) *= by;
        };
        scale(repeat, "good.latency_p99", 2.0);
        scale(repeat, "good.requests_rate", 0.7);
        scale(repeat, "server_rss_peak", 0.5);
        scale(repeat, "server_cpu_user_rate", 1.02);
        scale(repeat, "client_receive_queue_peak", 3.0);
        repeat.summary.insert("server_calls_per_request".into(), 60.0);
        repeat.summary.insert("corrupt_bytes".into(), 12.0);
        repeat.summary.insert("retransmits".into(), 3.0);
        repeat.summary.shift_remove("pacing_error_p99");
    }
    record
}

#[test]
fn the_terminal_report_matches_its_snapshot() {
    let text = terminal::render(&fixture::record(), false);
    insta::assert_snapshot!("terminal", text);
    let colored = terminal::render(&fixture::record(), true);
    assert!(colored.contains("\x1b[1;31mFAIL\x1b[0m") && !text.contains('\x1b'));
}

#[test]
fn the_markdown_summary_matches_its_snapshot() {
    insta::assert_snapshot!("markdown", file(&fixture::record(), Format::Markdown, "summary.md"));
}

#[test]
fn record_comparison_matches_its_snapshot() {
    let (a, b) = (fixture::record(), slower());
    let text = terminal::records(&a, &b);
    insta::assert_snapshot!("compare", text);
    let json = compare::to_json(&a, &b);
    let metrics = json["points"][0]["metrics"].as_array().expect("metrics");
    let judged = |name: &str| {
        let metric = metrics.iter().find(|metric| metric["name"] == name).expect(name);
        metric["judgment"].as_str().expect("a word").to_owned()
    };
    assert_eq!(judged("good.latency_p99"), "worse");
    assert_eq!(judged("server_rss_peak"), "better");
    assert_eq!(judged("server_cpu_user_rate"), "same");
    assert_eq!(judged("client_receive_queue_peak"), "fact");
    assert_eq!(json["points"][0]["only_b"], serde_json::json!(["retransmits"]));
    assert!(terminal::records(&a, &a).contains("0 got worse, 0 got better"));
}

#[test]
fn terminal_output_fits_80_columns() {
    let (record, sweep) = (fixture::record(), fixture::sweep());
    let texts = [
        terminal::render(&record, false),
        terminal::render(&sweep, false),
        terminal::records(&record, &slower()),
        terminal::records(&record, &sweep),
    ];
    for line in texts.iter().flat_map(|text| text.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn csv_tables_keep_every_digit() {
    let record = fixture::record();
    let series = file(&record, Format::Csv, "series.csv");
    insta::assert_snapshot!("series_csv", series.lines().take(6).collect::<Vec<_>>().join("\n"));
    insta::assert_snapshot!("summary_csv", file(&record, Format::Csv, "summary.csv"));
    let samples: usize = record.points[0].repeats.iter().map(|repeat| repeat.series.at_ns.len()).sum();
    assert_eq!(series.lines().count(), 1 + samples);
    let sweep = file(&fixture::sweep(), Format::Csv, "summary.csv");
    assert!(sweep.starts_with("server.buffer,server.send_limit,repeat,seed,"), "{sweep}");
    assert!(sweep.contains("\nchained,off,2,43,"), "{sweep}");
}

#[test]
fn every_chart_is_a_non_empty_picture() {
    let pictures = report::files(&fixture::record(), None, &[Format::Png]).expect("pictures");
    assert_eq!(pictures.len(), 8);
    for (name, bytes) in pictures {
        let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
        assert_eq!((side(16), side(20)), (1400, 700), "{name}");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("pixels");
        let colored =
            |pixel: &&[u8]| pixel.iter().max().zip(pixel.iter().min()).is_some_and(|(a, b)| a - b > 60);
        // Axes and words are gray: what has a color is data.
        assert!(pixels.chunks_exact(3).filter(colored).count() > 1000, "{name} shows nothing");
    }
}

#[test]
fn a_chart_without_data_is_not_drawn() {
    let mut record = fixture::record();
    let all = names(&record, Format::Svg);
    assert_eq!(
        all,
        [
            "throughput.svg",
            "latency.svg",
            "service-time.svg",
            "where-the-bytes-wait.svg",
            "cpu.svg",
            "connections.svg",
            "latency-percentiles.svg",
            "eviction-lateness.svg"
        ]
    );
    for repeat in &mut record.points[0].repeats {
        repeat.evictions.clear();
        repeat.series.columns.retain(|name, _| {
            let name = name.rsplit('.').next().expect("a name");
            let spec = Metric::ALL.iter().map(|metric| metric.spec()).find(|spec| spec.name == name);
            spec.is_some_and(|spec| spec.panel != Panel::Cpu && spec.panel != Panel::BytesWait)
        });
    }
    assert_eq!(
        names(&record, Format::Svg),
        ["throughput.svg", "latency.svg", "service-time.svg", "connections.svg", "latency-percentiles.svg"]
    );
}

#[test]
fn a_sweep_is_drawn_along_its_first_axis() {
    let charts = names(&fixture::sweep(), Format::Svg);
    assert!(charts.contains(&"sweep-server_rss_peak.svg".to_owned()));
    assert!(charts.contains(&"sweep-latency_p99.svg".to_owned()));
    assert!(!charts.contains(&"sweep-corrupt_bytes.svg".to_owned()), "all zero");
    assert!(charts.contains(&"latency-6.svg".to_owned()) && !charts.contains(&"latency.svg".to_owned()));
    let chart = file(&fixture::sweep(), Format::Svg, "sweep-latency_p99.svg");
    for text in ["contiguous", "chained", "good, server.send_limit = off", "10 ms"] {
        assert!(chart.contains(text), "{text}");
    }
}

#[test]
fn an_interrupted_run_is_reported() {
    let mut record = fixture::record();
    record.interrupted = true;
    record.points =
        vec![Point { axes: indexmap::IndexMap::new(), repeats: Vec::new(), verdicts: Vec::new() }];
    assert_eq!(record.verdict(), Verdict::Inconclusive);
    let made = report::files(&record, None, &ALL).expect("files");
    assert_eq!(made.len(), 4, "tables and pages, no charts");
    assert!(terminal::render(&record, false).contains("interrupted"));
    record.points.clear();
    assert!(report::files(&record, None, &ALL).is_ok());
}

#[test]
fn files_are_written_to_the_given_folder() {
    let dir = tempfile::tempdir().expect("a directory");
    let below = dir.path().join("a/b");
    let files = || report::files(&fixture::record(), None, &[Format::Markdown]).expect("files");
    let written = report::write(files(), &below).expect("written");
    assert_eq!(written, [below.join("summary.md")]);
    assert!(written[0].is_file());
    let error = report::write(files(), &written[0]).expect_err("a file");
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}
