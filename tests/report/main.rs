//! What a record is made into: looked at as a reader would, and checked as a browser would.

mod bounds;
mod browser;
mod capacity;
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
    record::{Loopback, Point, Record, Verdict},
    report::{
        self, Format, compare,
        terminal::{self, Style},
        tracker::Numbers,
    },
};

const ALL: [Format; 5] = [Format::Csv, Format::Png, Format::Svg, Format::Html, Format::Markdown];

/// One of the files, as text.
fn text(files: Vec<(String, Vec<u8>)>, name: &str) -> String {
    let (_, bytes) = files.into_iter().find(|(file, _)| file == name).expect(name);
    String::from_utf8(bytes).expect("UTF-8")
}

fn file(record: &Record, format: Format, name: &str) -> String {
    text(report::files(record, None, &[format], Numbers::All).expect("files"), name)
}

fn names(record: &Record, format: Format) -> Vec<String> {
    report::files(record, None, &[format], Numbers::All)
        .expect("files")
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

/// The same run, slower, with a number more and one less, on another kernel and loopback interface.
fn slower() -> Record {
    let mut record = fixture::record();
    record.machine.kernel = "6.9.1".into();
    record.machine.loopback = Some(Loopback { mtu: 1500, ..Loopback::USUAL });
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
    let text = terminal::render(&fixture::record(), Style::PLAIN);
    insta::assert_snapshot!("terminal", text);
    let colored = terminal::render(&fixture::record(), Style { color: true, ..Style::PLAIN });
    assert!(colored.contains("\x1b[1;31mFAIL\x1b[0m") && !text.contains('\x1b'));
}

#[test]
fn the_markdown_summary_matches_its_snapshot() {
    insta::assert_snapshot!("markdown", file(&fixture::record(), Format::Markdown, "summary.md"));
}

#[test]
fn record_comparison_matches_its_snapshot() {
    let (a, b) = (fixture::record(), slower());
    let text = terminal::records(&a, &b, Style::PLAIN);
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
    assert!(terminal::records(&a, &a, Style::PLAIN).contains("0 got worse, 0 got better"));
}

#[test]
fn totals_of_windows_that_differ_are_left_out() {
    let (a, mut b) = (fixture::record(), fixture::record());
    let all = Style { verbose: true, ..Style::PLAIN };
    assert!(terminal::records(&a, &b, all).contains("    server_waits "));
    for repeat in &mut b.points[0].repeats {
        let window_ns = repeat.measured_ns();
        repeat.window_ns.1 += window_ns / 50;
    }
    let text = terminal::records(&a, &b, all);
    assert!(
        text.contains("! the measured windows differ (5 s and 5.10 s), so totals")
            && text.contains("    server_waits_rate "),
        "{text}"
    );
    assert!(!text.contains("    server_waits ") && !text.contains("only in"), "{text}");
}

#[test]
fn terminal_output_fits_80_columns() {
    let (record, sweep) = (fixture::record(), fixture::sweep());
    let texts = [
        terminal::render(&record, Style::PLAIN),
        terminal::render(&sweep, Style::PLAIN),
        terminal::records(&record, &slower(), Style::PLAIN),
        terminal::records(&record, &sweep, Style::PLAIN),
    ];
    for line in texts.iter().flat_map(|text| text.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn terminal_output_fits_40_columns_and_breaks_no_name() {
    let (record, sweep) = (fixture::record(), fixture::sweep());
    for verbose in [false, true] {
        let style = Style { width: 40, verbose, ..Style::PLAIN };
        let texts = [
            terminal::render(&record, style),
            terminal::render(&sweep, style),
            terminal::records(&record, &slower(), style),
            terminal::records(&record, &sweep, style),
        ];
        let known: Vec<String> = badpeer::metric::Stat::all().map(badpeer::metric::Stat::name).collect();
        for line in texts.iter().flat_map(|text| text.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // The longest names of two columns, which do not break, need a few more.
            assert!(line.chars().count() <= 44 && !line.contains('…'), "{line}");
            // What is left of a name that was broken ends or begins with an underscore or a dot of it.
            for word in words.iter().filter(|word| word.contains('_')) {
                assert!(!word.starts_with('_') && !word.ends_with('_'), "{line}");
            }
        }
        let names = texts
            .iter()
            .flat_map(|text| text.split_whitespace())
            .filter(|word| known.iter().any(|name| name == word.rsplit('.').next().unwrap_or(word)));
        assert!(names.count() > 20, "whole names are there");
    }
}

#[test]
fn terminal_output_uses_the_width_there_is() {
    let sweep = fixture::sweep();
    let [narrow, wide] = [80, 160].map(|width| terminal::render(&sweep, Style { width, ..Style::PLAIN }));
    assert!(wide.lines().count() < narrow.lines().count(), "{wide}");
    let head =
        |text: &str| text.lines().find(|line| line.contains(" met ")).map_or(0, |line| line.chars().count());
    assert!(head(&narrow) <= 80 && head(&wide) > 80, "the table uses it as well: {wide}");
    for text in [&narrow, &wide] {
        assert!(!text.contains('…'), "nothing is cut: {text}");
    }
}

#[test]
fn a_sweep_is_one_table_and_says_everything_once() {
    let sweep = fixture::sweep();
    let text = terminal::render(&sweep, Style { width: 160, ..Style::PLAIN });
    let rows = text.lines().filter(|line| line.trim_start().starts_with("chained, ")).count();
    assert_eq!(rows, 3, "a row for each point: {text}");
    assert_eq!(text.matches("server and clients share 2 cores (at all 6 points)").count(), 1, "{text}");
    assert!(text.contains("30 of 30 expectations met (-v lists them)"), "{text}");
    assert!(!text.contains("late: min"), "the tables of each point are for -v: {text}");
    let verbose = terminal::render(&sweep, Style { verbose: true, ..Style::PLAIN });
    assert_eq!(verbose.matches("late: min").count(), 6, "{verbose}");
    assert_eq!(verbose.matches("PASS  corrupt_bytes = 0: 0 B at server.buffer = ").count(), 6, "{verbose}");
}

#[test]
fn a_check_that_fails_at_several_points_is_named_once() {
    let mut sweep = fixture::sweep();
    for point in &mut sweep.points {
        point.verdicts[1].verdict = Verdict::Fail;
    }
    let text = terminal::render(&sweep, Style::PLAIN);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        words.matches("FAIL good.latency_p99 < 3ms: 3.30 ms at server.buffer = contiguous").count(),
        1,
        "{text}"
    );
    assert!(words.contains("and 3 more (-v lists them)"), "{text}");
}

#[test]
fn checks_of_an_invalid_run_are_a_few_lines() {
    let mut record = fixture::record();
    for check in &mut record.points[0].verdicts {
        check.verdict = Verdict::Invalid;
    }
    let lines = |style| terminal::render(&record, style).matches("\nINVALID ").count();
    assert_eq!(lines(Style::PLAIN), 3 + 1, "three checks, and the outcome");
    assert_eq!(lines(Style { verbose: true, ..Style::PLAIN }), 5 + 1);
    assert!(terminal::render(&record, Style::PLAIN).contains("and 2 more (-v lists them)"));
}

#[test]
fn a_check_of_one_point_names_it_once() {
    let mut sweep = fixture::sweep();
    let check = &mut sweep.points[0].verdicts[0];
    (check.verdict, check.name) = (Verdict::Fail, "server_rss_growth @ server.buffer=contiguous".to_owned());
    let text = terminal::render(&sweep, Style { width: 160, ..Style::PLAIN });
    let line = text.lines().find(|line| line.starts_with("FAIL")).expect("the check");
    assert!(line.contains(" @ server.buffer=contiguous") && !line.contains(" at "), "{line}");
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
    let pictures = report::files(&fixture::record(), None, &[Format::Png], Numbers::All).expect("pictures");
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
    for text in ["contiguous", "chained", "good, send_limit = off", "10 ms"] {
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
    let made = report::files(&record, None, &ALL, Numbers::All).expect("files");
    assert_eq!(made.len(), 4, "tables and pages, no charts");
    assert!(terminal::render(&record, Style::PLAIN).contains("interrupted"));
    record.points.clear();
    assert!(report::files(&record, None, &ALL, Numbers::All).is_ok());
}

#[test]
fn files_are_written_to_the_given_folder() {
    let dir = tempfile::tempdir().expect("a directory");
    let below = dir.path().join("a/b");
    let files = || report::files(&fixture::record(), None, &[Format::Markdown], Numbers::All).expect("files");
    let written = report::write(files(), &below).expect("written");
    assert_eq!(written, [below.join("summary.md")]);
    assert!(written[0].is_file());
    let error = report::write(files(), &written[0]).expect_err("a file");
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}
