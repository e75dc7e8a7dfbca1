//! Titles of charts.

use crate::{
    metric::{Fold, Key, Metric, Panel, Stat},
    record::Repeat,
    report::view::show,
};

/// What there is to see in a panel of a repeat, in a sentence with its figures.
pub(super) fn title(repeat: &Repeat, panel: Panel) -> String {
    let run = |metric, fold| shown(repeat, None, metric, fold);
    let to_groups = |metric, fold| {
        let each = repeat.groups.iter().filter_map(|group| {
            Some(format!("{} to {}", shown(repeat, Some(&group.name), metric, fold)?, group.name))
        });
        listed(&each.collect::<Vec<_>>())
    };
    let waited = |of: &str, metrics: [Metric; 3]| {
        let parts = ["the server", "its kernel", "the clients' kernel"].into_iter().zip(metrics);
        let peaks = parts.filter_map(|(place, metric)| Some((run(metric, Fold::Peak)?, place)));
        let peaks = peaks.enumerate().map(|(index, (peak, place))| match index {
            0 => format!("{peak}{of} waited in {place}"),
            _ => format!("{peak} in {place}"),
        });
        listed(&peaks.collect::<Vec<_>>()).map(|peaks| format!("Up to {peaks}"))
    };
    let (sentence, otherwise) = match panel {
        Panel::Throughput => (
            to_groups(Metric::Answered, Fold::Rate).map(|rates| format!("Answers came at {rates}")),
            "Throughput",
        ),
        Panel::Latency => (
            to_groups(Metric::LatencyP99, Fold::Final)
                .map(|times| format!("99 % of answers came within {times}")),
            "Response time, 99th percentile",
        ),
        Panel::Service => (
            to_groups(Metric::ServiceP99, Fold::Final)
                .map(|times| format!("99 % of answers came, once the request was sent, within {times}")),
            "Service time, 99th percentile",
        ),
        Panel::BytesWait => (
            waited("", [Metric::SendBuffered, Metric::KernelSendQueue, Metric::ClientReceiveQueue]),
            "Bytes of answers that wait",
        ),
        Panel::RequestsWait => (
            waited(
                " of requests",
                [Metric::ReceiveBuffered, Metric::KernelReceiveQueue, Metric::ClientSendQueue],
            ),
            "Bytes of requests that wait",
        ),
        Panel::Cpu => (
            cpu(run(Metric::ServerCpu, Fold::Rate), run(Metric::HarnessCpu, Fold::Rate)),
            "CPU while measuring",
        ),
        _ => (kept(repeat), "Connections open"),
    };
    sentence.unwrap_or_else(|| otherwise.to_owned())
}

fn cpu(server: Option<String>, clients: Option<String>) -> Option<String> {
    let used = [("the server", server), ("the load generator", clients)];
    let used = used.into_iter().filter_map(|(who, value)| Some(format!("{who} used {}", value?)));
    listed(&used.collect::<Vec<_>>()).map(|used| format!("While measuring, {used}"))
}

fn kept(repeat: &Repeat) -> Option<String> {
    let each = repeat.groups.iter().map(|group| {
        format!("{} of {} connections of {}", group.ledger.still_alive, group.ledger.opened, group.name)
    });
    listed(&each.collect::<Vec<_>>()).map(|kept| format!("Open at the end: {kept}"))
}

/// As many as a title has room for; `None` of nothing.
fn listed(facts: &[String]) -> Option<String> {
    const ROOM: usize = 3;
    match facts {
        [] => None,
        [only] => Some(only.clone()),
        [first @ .., last] if facts.len() <= ROOM => Some(format!("{} and {last}", first.join(", "))),
        _ => Some(format!("{} and {} more", facts[..ROOM].join(", "), facts.len() - ROOM)),
    }
}

fn shown(repeat: &Repeat, group: Option<&str>, metric: Metric, fold: Fold) -> Option<String> {
    let stat = Stat { metric, fold };
    repeat.summary.get(&Key::new(group, stat).to_string()).map(|value| show(stat.unit(), *value))
}
