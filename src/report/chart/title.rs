//! Titles of charts.

use crate::{
    metric::{Fold, Key, Metric, Panel, Stat},
    record::Repeat,
    report::view::show,
};

/// What there is to see in a panel of a repeat, in a line.
pub(super) fn title(repeat: &Repeat, panel: Panel) -> String {
    let run = |metric, fold| shown(repeat, None, metric, fold);
    let groups = |metric, fold| {
        let each = repeat.groups.iter().filter_map(|group| {
            Some(format!("{} {}", group.name, shown(repeat, Some(&group.name), metric, fold)?))
        });
        listed(&each.collect::<Vec<_>>())
    };
    let peaks = |parts: &[(&str, Option<String>)]| {
        let known = parts.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_deref()?)));
        known.collect::<Vec<_>>().join(", ")
    };
    let (what, facts) = match panel {
        Panel::Throughput => ("Throughput", groups(Metric::Answered, Fold::Rate)),
        Panel::Latency => ("Response time, 99th percentile", groups(Metric::LatencyP99, Fold::Final)),
        Panel::Service => ("Service time, 99th percentile", groups(Metric::ServiceP99, Fold::Final)),
        Panel::BytesWait => (
            "Bytes waiting at the peak",
            peaks(&[
                ("server", run(Metric::SendBuffered, Fold::Peak)),
                ("its kernel", run(Metric::KernelSendQueue, Fold::Peak)),
                ("clients' kernel", run(Metric::ClientReceiveQueue, Fold::Peak)),
            ]),
        ),
        Panel::RequestsWait => (
            "Bytes of requests waiting at the peak",
            peaks(&[
                ("server", run(Metric::ReceiveBuffered, Fold::Peak)),
                ("its kernel", run(Metric::KernelReceiveQueue, Fold::Peak)),
                ("clients' kernel", run(Metric::ClientSendQueue, Fold::Peak)),
            ]),
        ),
        Panel::Cpu => (
            "CPU while measuring",
            peaks(&[
                ("server", run(Metric::ServerCpu, Fold::Rate)),
                ("load generator", run(Metric::HarnessCpu, Fold::Rate)),
            ]),
        ),
        _ => ("Connections open at the end", kept(repeat)),
    };
    if facts.is_empty() { what.to_owned() } else { format!("{what}: {facts}") }
}

fn kept(repeat: &Repeat) -> String {
    let each = repeat
        .groups
        .iter()
        .map(|group| format!("{} {} of {}", group.name, group.ledger.still_alive, group.ledger.opened));
    listed(&each.collect::<Vec<_>>())
}

/// As many as a title has room for.
fn listed(facts: &[String]) -> String {
    const ROOM: usize = 3;
    match facts.len().saturating_sub(ROOM) {
        0 => facts.join(", "),
        more => format!("{} and {more} more", facts[..ROOM].join(", ")),
    }
}

fn shown(repeat: &Repeat, group: Option<&str>, metric: Metric, fold: Fold) -> Option<String> {
    let stat = Stat { metric, fold };
    repeat.summary.get(&Key::new(group, stat).to_string()).map(|value| show(stat.unit(), *value))
}
