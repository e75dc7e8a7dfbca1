//! A gallery of runs: of each the one chart that tells most, what it shows, and what it came to.

use super::{
    ReportError, chart,
    chart::Figure,
    view::{manner, meaning},
};
use crate::record::{Record, stat_of};

/// A picture is this much larger than a figure: 800×400 pixels.
const SMALL: f64 = 0.8;

/// The chart that tells most of a run: of a sweep the first number that is expected; else where the bytes wait if some
/// group misbehaves, and the latencies if none does.
pub(super) fn telling(record: &Record) -> Option<Figure> {
    let figures = chart::figures(record);
    let expected = record.profile.expect.keys().filter_map(|name| stat_of(name));
    let of_sweep = expected.map(|stat| format!("sweep-{}", stat.name()));
    let misbehaves = |group: &crate::profile::Group| !(group.rx.is_steady() && group.tx.is_steady());
    let usual: &[&str] = if record.profile.clients.iter().any(misbehaves) {
        &["where-the-bytes-wait", "connections", "latency"]
    } else {
        &["latency-percentiles", "throughput"]
    };
    let names: Vec<String> = of_sweep.chain(usual.iter().map(|name| (*name).to_owned())).collect();
    let place = |name: &String| figures.iter().position(|figure| figure.name == *name);
    let best = names.iter().find_map(place).unwrap_or(0);
    figures.into_iter().nth(best)
}

/// The files of the gallery, by name: a page in Markdown, and a picture of each run.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn files(records: &[Record]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut files = Vec::new();
    let mut text = String::from(
        "# Gallery\n\nWhat each profile found, in the one chart that tells most. Made by `badpeer report --gallery` from the \
         newest run of each.\n",
    );
    for record in records {
        let name = &record.name;
        text += &format!("\n## {name}\n\n**{}**\n\n", line(&record.profile.title));
        if let Some(figure) = telling(record) {
            let picture = format!("{name}.png");
            text += &format!("![{}]({picture})\n\n{}\n\n", line(&figure.title), line(&figure.caption));
            files.push((picture, figure.picture(SMALL)?));
        }
        text += &format!(
            "{}: {} ({}; {}, {} cores)\n",
            record.outcome().word(),
            line(&meaning(record)),
            manner(record),
            line(&record.machine.cpu),
            record.machine.cores
        );
    }
    files.push(("README.md".to_owned(), text.into_bytes()));
    Ok(files)
}

/// Text on one line that Markdown takes for nothing but text.
fn line(text: &str) -> String {
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('[', "\\[").replace(']', "\\]")
}
