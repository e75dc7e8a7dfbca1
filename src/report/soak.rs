//! Whether a server grew over a long run, in words and as a table.

use super::{
    table::{
        Align::{Left, Right},
        Table,
    },
    view::{NOTHING, show},
};
use crate::{
    metric::{Column, Metric, Unit},
    record::{Growth, Soak, Trend, Verdict},
    soak::per_connections,
    units::human_time,
};

/// What it came to: `server_rss grows by 3.5 MiB per hour ± 120 KiB, which is 1 KiB per 1000 connections.`
pub(super) fn sentence(soak: &Soak) -> String {
    match soak.verdict() {
        Verdict::Fail => listed(soak, |trend| trend.finding == Growth::Grows, &[]),
        Verdict::Pass => passing(soak),
        _ => {
            let missing = missing(soak, |name| soak.open_questions().any(|open| open == name));
            match listed(soak, |trend| trend.is_open() && !trend.is_of_time(), &missing) {
                none if none.is_empty() => "The server's memory was not measured.".to_owned(),
                some => some,
            }
        }
    }
}

/// That memory is not shown to grow; and of which response times it is not known.
fn passing(soak: &Soak) -> String {
    let seconds = human_time(soak.seconds * 1e9);
    let rss = Metric::ServerRss.spec().name;
    let memory = soak.trends.iter().find(|trend| trend.name == rss);
    let memory = memory
        .map(|memory| format!("{} in {seconds}: {}.", memory.name, found(soak, memory)))
        .unwrap_or_default();
    let times = listed(soak, Trend::is_open, &missing(soak, |_| true));
    [memory, times].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What was found of these trends, and these other parts, as one sentence; nothing of none.
fn listed(soak: &Soak, which: impl Fn(&Trend) -> bool, others: &[String]) -> String {
    let trends = soak.trends.iter().filter(|trend| which(trend));
    let mut parts: Vec<String> =
        trends.map(|trend| format!("{} {}", trend.name, found(soak, trend))).collect();
    parts.extend_from_slice(others);
    if parts.is_empty() { String::new() } else { format!("{}.", parts.join("; ")) }
}

/// What was to be looked at and was not measured, of these names.
fn missing(soak: &Soak, which: impl Fn(&str) -> bool) -> Vec<String> {
    let missing = soak.unmeasured.iter().filter(|unmeasured| which(&unmeasured.name));
    missing.map(|unmeasured| format!("{}: {}", unmeasured.name, unmeasured.reason)).collect()
}

/// What was found of a trend: the end of a sentence.
fn found(soak: &Soak, trend: &Trend) -> String {
    let unit = unit(trend);
    let size = |value: f64| show(unit, value);
    match trend.finding {
        Growth::Grows => grows(soak, trend),
        Growth::LevelsOff => {
            let rest = trend.late.map(|late| format!(": at most {} per hour", size(late.high.max(0.0))));
            let begins = if trend.ends.1 > trend.ends.0 { "grew at first, and " } else { "" };
            format!("{begins}is not shown to grow in the second half{}", rest.unwrap_or_default())
        }
        Growth::NotShown => format!("no growth shown, at most {} per hour", size(trend.high.max(0.0))),
        Growth::Unclear => unclear(soak, trend),
        Growth::Unknown => format!("not known: {}", trend.reason.as_deref().unwrap_or("not valid")),
    }
}

fn grows(soak: &Soak, trend: &Trend) -> String {
    let (unit, lasting) = (unit(trend), trend.lasting());
    let size = |value: f64| show(unit, value);
    let each = per_connections(soak, trend, 1000.0)
        .map(|each| format!(", which is {} per 1000 connections", size(each)))
        .unwrap_or_default();
    let half = (lasting.high - lasting.low) / 2.0;
    let when = if lasting.high < trend.per_hour {
        " in the second half, and faster before"
    } else if trend.low <= 0.0 {
        " in the second half"
    } else {
        ""
    };
    format!("grows by {} per hour ± {}{when}{each}", size(lasting.per_hour), size(half))
}

/// Why it is not said that it does not grow, and what helps.
fn unclear(soak: &Soak, trend: &Trend) -> String {
    if let Some(reason) = &trend.reason {
        return format!("not known: {reason}");
    }
    let unit = unit(trend);
    let grew_at_first = trend.low > 0.0;
    let high = trend.late.filter(|_| grew_at_first).map_or(trend.high, |late| late.high);
    let more = match (soak.resolution, unit) {
        (Some(resolution), Unit::Bytes) => {
            format!(", and more than {} is not excluded (--resolution)", show(unit, resolution))
        }
        _ => String::new(),
    };
    let begins = if grew_at_first { "grew at first, and may still grow" } else { "may grow" };
    format!("{begins} by up to {} per hour{more}: use a longer window", show(unit, high))
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
    for unmeasured in &soak.unmeasured {
        let [none, of_none] = [NOTHING, NOTHING].map(str::to_owned);
        table.row(vec![unmeasured.name.clone(), none, of_none, unmeasured.reason.clone()]);
    }
    table
}

/// How it was looked for, in a sentence.
pub(super) fn manner(soak: &Soak) -> String {
    let [settled, seconds] = [soak.settled_after, soak.seconds].map(|seconds| human_time(seconds * 1e9));
    format!(
        "Growth in {seconds} after {settled} of settling, by medians of blocks, with intervals of 99 %; beside the first of \
         each client, {:.0} connections were opened per hour{}.",
        soak.connections_per_hour,
        if soak.connections_per_hour * soak.seconds / 3600.0 < 1000.0 {
            ", so a leak per connection does not show"
        } else {
            ""
        }
    )
}
