//! The pages: self-contained, well-formed, with the record's values behind their charts, and of use without a script.

use badpeer::{
    metric::Metric,
    record::{Loopback, Record, Repeat},
    report::{self, Format, tracker::Numbers},
};
use serde_json::Value;

use super::{file, fixture, text};

fn page(record: &Record) -> String {
    file(record, Format::Html, "index.html")
}

/// The page without its scripts, and what is in them.
fn split_scripts(page: &str) -> (String, Vec<String>) {
    let (mut rest, mut without, mut scripts) = (page, String::new(), Vec::new());
    while let Some((before, after)) = rest.split_once("<script") {
        let (script, after) = after.split_once("</script>").expect("a script ends");
        without.push_str(before);
        scripts.push(script.split_once('>').expect("its tag ends").1.to_owned());
        rest = after;
    }
    (without + rest, scripts)
}

#[test]
fn the_page_is_well_formed_and_loads_nothing() {
    for record in [fixture::record(), fixture::sweep()] {
        let (page, scripts) = split_scripts(&page(&record));
        well_formed(&page);
        assert_eq!(scripts.len(), 3, "the values, uPlot, and what uses them");
        for outside in ["src=", "href", "url(", "@import", "http:", "https:"] {
            assert!(!page.contains(outside), "the page would load something: {outside}");
        }
        for outside in ["fetch(", "XMLHttpRequest", "import(", "WebSocket", "sendBeacon", ".src", "eval("] {
            assert!(!scripts.iter().any(|script| script.contains(outside)), "a script could load: {outside}");
        }
    }
}

#[test]
fn every_chart_is_visible_without_scripts() {
    for record in [fixture::record(), fixture::sweep()] {
        let (page, _) = split_scripts(&page(&record));
        for (name, _) in report::files(&record, None, &[Format::Svg], Numbers::All).expect("charts") {
            let id = format!("<figure id=\"{}\"", name.trim_end_matches(".svg"));
            let (_, figure) = page.split_once(&id).unwrap_or_else(|| panic!("the page lacks {name}"));
            let (figure, _) = figure.split_once("</figure>").expect("it ends");
            assert!(figure.contains("<svg"), "{name}");
        }
    }
}

/// The values of a line: those of the times at which it has some.
fn line(charts: &Value, chart: &str, label: &str) -> Vec<(f64, f64)> {
    let found = charts.as_array().expect("charts").iter().find(|c| c["name"] == chart).expect(chart);
    let layers = found["layers"].as_array().expect("layers");
    let layer = layers.iter().find(|layer| layer["label"] == label).expect(label);
    let place = layer["x"].as_u64().expect("a place") as usize;
    let (x, y) = (&found["xs"][place], layer["y"].as_array().expect("values"));
    let value = |(index, y): (usize, &Value)| Some((x[index].as_f64()?, y.as_f64()?));
    y.iter().enumerate().filter_map(value).collect()
}

#[test]
fn chart_values_equal_those_of_the_record() {
    let record = fixture::record();
    let (_, scripts) = split_scripts(&page(&record));
    let charts: Value = serde_json::from_str(&scripts[0]).expect("JSON");
    let repeat: &Repeat = &record.points[0].repeats[0];
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs();
    let same = |drawn: &[(f64, f64)], column: Option<&[Option<f64>]>| {
        let kept = repeat.series.points(column.expect("a column"));
        assert_eq!(drawn.len(), kept.len());
        for ((x, y), (at_ns, value)) in drawn.iter().zip(kept) {
            assert!(near(*x, at_ns as f64 / 1e9) && near(*y, value), "{x} {y} for {at_ns} {value}");
        }
    };
    let rss = line(&charts, "where-the-bytes-wait", "server's memory (RSS)");
    same(&rss, repeat.series.run(Metric::ServerRss));
    let p99 = line(&charts, "latency", "good: p99");
    same(&p99, repeat.series.group("good", Metric::IntervalP99));
    let percentiles = line(&charts, "latency-percentiles", "good: response time");
    let response = &repeat.groups[0].response_ns;
    for (x, latency) in [(1.0, 0.0), (10.0, 0.9), (100.0, 0.99)] {
        let drawn = percentiles.iter().find(|place| near(place.0, x)).expect("a place").1;
        assert_eq!(Some(drawn as u64), response.quantile(latency), "{x}");
    }
}

#[test]
fn lanes_of_bad_peers_are_above_charts_over_time() {
    let (_, scripts) = split_scripts(&page(&fixture::record()));
    let charts: Value = serde_json::from_str(&scripts[0]).expect("JSON");
    for chart in charts.as_array().expect("charts").iter().filter(|chart| chart["x"]["shows"] == "seconds") {
        let of = |kind: &str| {
            let layers = chart["layers"].as_array().expect("layers").iter();
            layers
                .filter(|layer| layer["kind"] == kind)
                .map(|layer| layer["label"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(of("spans"), ["stalled reader: some connected"], "the good ones are not marked");
        assert_eq!(of("marks"), ["evicted (send_timeout) × 56", "evicted (send_limit) × 8"]);
        assert!(!chart["struck"].as_array().expect("times").is_empty());
    }
}

#[test]
fn the_page_opens_with_the_chart_that_the_profile_names() {
    let mut record = fixture::record();
    record.profile.chart = Some("connections".to_owned());
    let (page, _) = split_scripts(&page(&record));
    let (_, first) = page.split_once("<figure id=\"").expect("a chart");
    assert!(first.starts_with("connections\""), "{}", &first[..40]);
    assert_eq!(page.matches("<figure id=\"connections\"").count(), 1);
}

#[test]
fn charts_over_time_name_what_is_measured() {
    let (_, scripts) = split_scripts(&page(&fixture::record()));
    let charts: Value = serde_json::from_str(&scripts[0]).expect("JSON");
    let names = |chart: &Value| {
        let notes = chart["notes"].as_array().expect("notes").clone();
        notes.iter().map(|note| note[1].as_str().expect("words").to_owned()).collect::<Vec<_>>()
    };
    for chart in charts.as_array().expect("charts").iter().filter(|chart| chart["x"]["shows"] == "seconds") {
        assert_eq!(names(chart), ["warm-up", "measured"], "{}", chart["name"]);
    }
}

#[test]
fn the_page_says_what_loopback_interface_there_was() {
    let mut record = fixture::record();
    record.machine.loopback = Some(Loopback { mtu: 1500, segmentation_offload: Some(false) });
    let fact = "<dt>Loopback</dt><dd>MTU 1500, segmentation offload off</dd>";
    assert!(page(&record).contains(fact));
    record.machine.loopback = None;
    assert!(!page(&record).contains("Loopback"));
}

#[test]
fn the_page_opens_with_verdict_numbers_and_chart() {
    for (record, number) in
        [(fixture::record(), "3.19\u{a0}ms"), (fixture::sweep(), "2.32\u{a0}– 8.38\u{a0}ms")]
    {
        let (page, _) = split_scripts(&page(&record));
        let place = |words: &str| page.find(words).unwrap_or_else(|| panic!("no {words}"));
        let (_, numbers) = page.split_once("<dl class=\"figures\">").expect("numbers");
        let (numbers, _) = numbers.split_once("</dl>").expect("they end");
        assert!(numbers.contains("good: response time p99") && numbers.contains(number), "{numbers}");
        assert!(place("<b class=") < place("class=\"figures\""), "the verdict is first");
        assert!(place("class=\"figures\"") < place("id=\"answer\""), "then the numbers");
        assert!(place("id=\"answer\"") < place("class=\"about\""), "then the chart, then words");
    }
}

/// The words of a picture, and where they start (or end, or have their middle).
fn words(svg: &str) -> Vec<(String, f64)> {
    let word = |element: &str| {
        let (_, at) = element.split_once("x=\"")?;
        let (at, _) = at.split_once('"')?;
        let (_, text) = element.split_once('>')?;
        let (text, _) = text.split_once("</text>")?;
        Some((text.trim().to_owned(), at.parse().ok()?))
    };
    svg.split("<text ").skip(1).filter_map(word).collect()
}

#[test]
fn lines_are_named_at_their_ends_where_there_is_room() {
    let at = |record: &Record, chart: &str, name: &str| {
        let svg = file(record, Format::Svg, chart);
        words(&svg).into_iter().find(|(text, _)| text == name).unwrap_or_else(|| panic!("no {name}: {svg}")).1
    };
    let end = at(&fixture::record(), "throughput.svg", "good");
    assert!(end > 800.0, "beside the plot: {end}");
    let long = "those that behave as well as they can";
    let renamed = serde_json::to_string(&fixture::record()).expect("JSON").replace("good", long);
    let start = at(&serde_json::from_str(&renamed).expect("a record"), "throughput.svg", long);
    assert!(start < 500.0, "too long a name is in the legend: {start}");
}

#[test]
fn labels_replace_the_values_of_a_sweep() {
    let mut record = fixture::sweep();
    let labels = ["small", "middle", "none"].map(str::to_owned).to_vec();
    record.profile.labels.insert("server.send_limit".to_owned(), labels);
    let chart = file(&record, Format::Svg, "sweep-latency_p99.svg");
    assert!(chart.contains("good, none") && !chart.contains("send_limit = off"), "{chart}");
}

#[test]
fn charts_along_a_sweep_have_a_picture_for_phones() {
    let (page, _) = split_scripts(&page(&fixture::sweep()));
    let (_, chart) = page.split_once("<figure id=\"sweep-latency_p99\"").expect("a chart");
    let (chart, _) = chart.split_once("</figure>").expect("it ends");
    assert!(chart.contains("viewBox=\"0 0 400 340\"") && chart.contains("class=\"title\""), "{chart}");
}

#[test]
fn a_comparison_has_a_page_with_every_pair() {
    for (factor, word) in [(1.0, "PASS"), (2.0, "REGRESSION")] {
        let comparison = fixture::comparison("<b>\"control\"", factor);
        let files = report::comparison_files(&comparison, &[Format::Html]).expect("files");
        let (page, scripts) = split_scripts(&text(files, "index.html"));
        well_formed(&page);
        assert!(scripts.is_empty() && page.contains(&format!("{word}</b>")));
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>\"control"));
        let pictures = report::comparison_files(&comparison, &[Format::Svg]).expect("charts");
        let names: Vec<&str> = pictures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["intervals.svg", "pairs-1-server-rss-peak.svg"]);
        let pairs = String::from_utf8_lossy(&pictures[1].1);
        // A dot for each pair, and one in the legend for each stage.
        let shown = comparison.findings[0].evidence.differences.len();
        assert_eq!(pairs.matches("<circle").count(), shown + 2);
    }
}

#[test]
fn names_from_outside_are_escaped() {
    let evil = "<script>alert('&\"')</script>";
    let mut record = fixture::record();
    for text in [&mut record.name, &mut record.profile.title, &mut record.profile.about, &mut record.started]
    {
        *text = evil.into();
    }
    record.command.push(evil.into());
    record.points[0].axes.insert(evil.into(), evil.into());
    for repeat in &mut record.points[0].repeats {
        repeat.notes.push(evil.into());
        repeat.invalid.push(evil.into());
        repeat.groups[0].name = evil.into();
        repeat.evictions.iter_mut().for_each(|eviction| eviction.reason = evil.into());
        let alive = repeat.series.columns.shift_remove("good.alive").expect("a column");
        repeat.series.columns.insert(format!("{evil}.alive"), alive);
    }
    record.points.push(record.points[0].clone());
    let page = file(&record, Format::Html, "index.html");
    let (page, scripts) = split_scripts(&page);
    well_formed(&page);
    assert!(page.contains("&lt;script&gt;") && scripts[0].contains("\\u003cscript>"));
    let charts: Value = serde_json::from_str(&scripts[0]).expect("JSON");
    let labels = charts
        .as_array()
        .expect("charts")
        .iter()
        .flat_map(|chart| chart["layers"].as_array().expect("layers"));
    let came_back = |layer: &Value| layer["label"].as_str().is_some_and(|label| label.contains(evil));
    assert!(labels.into_iter().any(came_back), "the name comes back as it was");
    assert!(!file(&record, Format::Markdown, "summary.md").contains("<script"));
    for (name, bytes) in report::files(&record, None, &[Format::Svg], Numbers::All).expect("charts") {
        assert!(!String::from_utf8_lossy(&bytes).contains("<script"), "{name}");
    }
}

/// Every element that is opened is closed, in order, and every attribute's quotes are.
fn well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        rest = after;
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        let name = tag.split_whitespace().next().expect("a name").trim_end_matches('/');
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed out of order");
        } else if !tag.ends_with('/') && !["!DOCTYPE", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn a_sweep_that_goes_down_is_drawn_from_the_least_to_the_greatest() {
    let mut rising = fixture::sweep();
    for point in &mut rising.points {
        if point.axes["server.send_limit"] == "off" {
            point.axes.insert("server.send_limit".to_owned(), "64MiB".to_owned());
        }
        point.axes.shift_remove("server.buffer");
    }
    rising.points.truncate(3);
    let mut falling = rising.clone();
    falling.points.reverse();
    let titles = |record| {
        let page = file(record, Format::Html, "index.html");
        let texts = page.split("aria-label=\"").skip(1).filter_map(|rest| rest.split('"').next());
        texts.filter(|text| text.contains("64MiB")).map(ToOwned::to_owned).collect::<Vec<String>>()
    };
    let found = titles(&rising);
    assert!(found.iter().any(|title| title.contains("rose from")), "{found:?}");
    assert_eq!(titles(&falling), found);
}
