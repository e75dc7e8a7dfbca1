//! Whether a server grew over a long run, in words and as a table.

use super::{
    table::{
        Align::{Left, Right},
        Table,
    },
    view::show,
};
use crate::{
    metric::{Column, Metric, Unit},
    record::{Growth, Soak, Trend},
    soak::per_connections,
    units::human_time,
};

/// What it came to: `server_rss grows by 3.5 MiB per hour ± 120 KiB, which is 1 KiB per 1000 connections.`
pub(super) fn sentence(soak: &Soak) -> String {
    let growing = soak.trends.iter().filter(|trend| trend.finding == Growth::Grows);
    let growing: Vec<String> =
        growing.map(|trend| format!("{} {}", trend.name, found(soak, trend))).collect();
    if !growing.is_empty() {
        return format!("{}.", growing.join("; "));
    }
    let memory = soak.trends.iter().find(|trend| trend.name == Metric::ServerRss.spec().name);
    let seconds = human_time(soak.seconds * 1e9);
    match memory {
        Some(memory) => format!("{} in {seconds}: {}.", memory.name, found(soak, memory)),
        None => format!("Memory was not measured often enough in {seconds}: use a longer window."),
    }
}

/// What was found of a trend: the end of a sentence.
fn found(soak: &Soak, trend: &Trend) -> String {
    let unit = unit(trend);
    let each = per_connections(soak, trend, 1000.0).map(|value| show(unit, value));
    match trend.finding {
        Growth::Grows => {
            let each = each.map(|each| format!(", which is {each} per 1000 connections")).unwrap_or_default();
            let half = (trend.high - trend.low) / 2.0;
            format!("grows by {} per hour ± {}{each}", show(unit, trend.per_hour), show(unit, half))
        }
        Growth::LevelsOff => "grew at first, and not in the second half".to_owned(),
        Growth::NotShown => format!("no growth shown, at most {} per hour", show(unit, trend.high.max(0.0))),
        Growth::Unknown => format!("not known: {}", trend.reason.as_deref().unwrap_or("not valid")),
    }
}

fn unit(trend: &Trend) -> Unit {
    Column::parse(&trend.name).map_or(Unit::Count, |column| column.metric.spec().unit)
}

/// A row for each number that was looked at.
pub(super) fn table(soak: &Soak) -> Table {
    let head = [("growth of", Left), ("first block", Right), ("last block", Right), ("finding", Left)];
    let mut table = Table::new("Growth", &head);
    for trend in &soak.trends {
        let ends = [trend.ends.0, trend.ends.1].map(|value| show(unit(trend), value));
        table.row([vec![trend.name.clone()], ends.to_vec(), vec![found(soak, trend)]].concat());
    }
    table
}

/// How it was looked for, in a sentence.
pub(super) fn manner(soak: &Soak) -> String {
    let [settled, seconds] = [soak.settled_after, soak.seconds].map(|seconds| human_time(seconds * 1e9));
    format!(
        "Growth in {seconds} after {settled} of settling, by medians of blocks, with intervals of 99 %; {:.0} connections \
         were opened per hour{}.",
        soak.connections_per_hour,
        if soak.connections_per_hour * soak.seconds / 3600.0 < 1000.0 {
            ", so a leak per connection does not show"
        } else {
            ""
        }
    )
}
