//! A gallery of runs: the most informative chart of each, what it shows, and the verdict.

use std::path::Path;

use super::{
    ReportError, chart, chart::Figure, meaning::meaning, medium, medium::markdown as plain, view::manner,
};
use crate::{
    metric::Key,
    {files, profile::Group, record::Record},
};

/// A picture is this much larger than a figure: 800×400 pixels.
const SMALL: f64 = 0.8;

/// From so many waiting bytes on, the chart shows where they wait.
const MUCH: f64 = 1_048_576.0;

/// The chart that tells most of a run.
pub(super) fn telling(record: &Record) -> Option<Figure> {
    let mut figures = chart::figures(record);
    most_telling(record, &figures).map(|place| figures.swap_remove(place))
}

/// Which of its charts tells most of a run: the one that its profile names. Else of a sweep the first number that is expected
/// and differs along it, and without one where the bytes wait if many do, the connections if some ended, and the latencies
/// if nothing happened to any client.
pub(super) fn most_telling(record: &Record, figures: &[Figure]) -> Option<usize> {
    let named = |figures: &[Figure], name: &str| figures.iter().position(|figure| figure.name == name);
    if let Some(place) = named(figures, chart::CAPACITY) {
        return Some(place);
    }
    let expected = record.profile.expect.keys().filter_map(|name| Key::parse(name));
    let of_sweep: Vec<usize> =
        expected.filter_map(|number| named(figures, &chart::sweep_file_name(number))).collect();
    let differs = of_sweep.iter().find(|place| figures[**place].spread() > 0.5);
    let usual = || usual(record).into_iter().find_map(|name| named(figures, name));
    let chosen = match record.profile.telling_number() {
        Some(key) => named(figures, &chart::sweep_file_name(key)),
        None => record.profile.chart.as_deref().and_then(|name| named(figures, name)),
    };
    let best = chosen.or(differs.or(of_sweep.first()).copied()).or_else(usual).unwrap_or(0);
    (best < figures.len()).then_some(best)
}

/// What to look at in a run without a sweep, the first that there is.
fn usual(record: &Record) -> Vec<&'static str> {
    let Some(repeat) = record.points.first().and_then(|point| point.repeats.first()) else {
        return Vec::new();
    };
    let peak = |name: &str| repeat.summary.get(name).copied().unwrap_or(0.0);
    let waited = peak("send_buffered_peak") + peak("kernel_send_queue_peak");
    let ended = repeat.groups.iter().any(|group| group.ledger.still_alive < group.ledger.opened);
    let bad = !record.profile.clients.iter().all(Group::is_steady);
    let all = [
        (bad && waited >= MUCH, "where-the-bytes-wait"),
        (ended, "connections"),
        (true, "latency-percentiles"),
        (true, "throughput"),
    ];
    all.into_iter().filter_map(|(fits, name)| fits.then_some(name)).collect()
}

/// The files of the gallery, by name: a page in Markdown, and a picture of each run.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn files(records: &[Record]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut files = Vec::new();
    let mut text = vec![
        "# Gallery\n\nThe most informative chart of each profile, made by `badpeer report --gallery` from its newest \
         run.\n"
            .to_owned(),
    ];
    for record in records {
        let name = &record.name;
        text.push(format!("\n## {}\n\n**{}**\n\n", plain(name), plain(&record.profile.title)));
        if let Some(figure) = telling(record) {
            let picture = format!("{}.png", files::name(name));
            let link = medium::link(Path::new(&picture));
            text.push(format!("![{}]({link})\n\n{}\n\n", plain(&figure.title), plain(&figure.caption)));
            files.push((picture, figure.picture(SMALL)?));
        }
        text.push(format!(
            "{}: {} ({}; {}, {} cores)\n",
            record.verdict().word(),
            plain(&meaning(record)),
            plain(&manner(record)),
            plain(&record.machine.cpu),
            record.machine.cores
        ));
    }
    files.push(("README.md".to_owned(), text.concat().into_bytes()));
    Ok(files)
}
