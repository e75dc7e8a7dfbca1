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
        let peaks = peaks.enumerate().map(|(index, peak)| match (index, peak) {
            // What waits in the server itself is known of the reference server only.
            (0, (peak, "its kernel")) => format!("{peak}{of} waited in the server's kernel"),
            (0, (peak, place)) => format!("{peak}{of} waited in {place}"),
            (_, (peak, place)) => format!("{peak} in {place}"),
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
    let each = repeat.groups.iter().enumerate().map(|(index, group)| {
        let of = |words: &str| {
            format!("{}{words} {} of {}", group.name, group.ledger.still_alive, group.ledger.opened)
        };
        if index == 0 { of(" had") + " connections open" } else { of("") }
    });
    listed(&each.collect::<Vec<_>>()).map(|kept| format!("At the end, {kept}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::GroupResult;

    fn repeat(summary: &[(&str, f64)]) -> Repeat {
        let group = |name: &str| GroupResult { name: name.to_owned(), ..GroupResult::default() };
        Repeat {
            groups: ["a", "b", "c", "d"].map(group).to_vec(),
            summary: summary.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            ..Repeat::default()
        }
    }

    #[test]
    fn a_title_is_a_sentence_with_the_figures_that_there_are() {
        let of = |panel, summary: &[(&str, f64)]| title(&repeat(summary), panel);
        for (panel, summary, wanted) in [
            (Panel::Throughput, &[("a.requests_rate", 2e3)][..], "Answers came at 2000/s to a"),
            (
                Panel::Latency,
                &[("a.latency_p99", 2e6), ("b.latency_p99", 3e6)],
                "99 % of answers came within 2 ms to a and 3 ms to b",
            ),
            (
                Panel::BytesWait,
                &[("send_buffered_peak", 2048.0), ("kernel_send_queue_peak", 4096.0)],
                "Up to 2 KiB waited in the server and 4 KiB in its kernel",
            ),
            (
                Panel::BytesWait,
                &[("kernel_send_queue_peak", 4096.0), ("client_receive_queue_peak", 1024.0)],
                "Up to 4 KiB waited in the server's kernel and 1 KiB in the clients' kernel",
            ),
            (
                Panel::RequestsWait,
                &[("receive_buffered_peak", 1024.0)],
                "Up to 1 KiB of requests waited in the server",
            ),
            (Panel::Cpu, &[("server_cpu_rate", 0.5)], "While measuring, the server used 50.0 %"),
            (Panel::Cpu, &[], "CPU while measuring"),
            (
                Panel::Connections,
                &[],
                "At the end, a had 0 of 0 connections open, b 0 of 0, c 0 of 0 and 1 more",
            ),
        ] {
            assert_eq!(of(panel, summary), wanted);
        }
    }
}
