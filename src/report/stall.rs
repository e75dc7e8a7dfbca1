//! Where bytes were held up: a sentence or two for each group, from the behavior of its clients and from the server's
//! TCP_INFO.

use super::view::{groups, results, show};
use crate::{
    behavior::Spec,
    metric::{Fold, Key, Metric, Stat, Unit},
    record::Point,
    stats::mean,
};

/// From this share of the time on, something was the reason why the server could not send.
const REASON: f64 = 0.5;
/// Own buffers hold a server back for short times only, between an acknowledgment and the next: less is much.
const REASON_OF_BUFFER: f64 = 0.2;

/// A sentence or two for each group that the server could not send to as it wanted.
pub(super) fn explanations(point: &Point) -> Vec<String> {
    groups(point).into_iter().filter_map(|group| explain(point, group)).collect()
}

fn explain(point: &Point, group: &str) -> Option<String> {
    let number =
        |group, metric, fold| mean(&point.values(&Key::new(group, Stat { metric, fold }).to_string()));
    let of = |metric| number(Some(group), metric, Fold::Final);
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    if let Some(limited) = of(Metric::SendBufferLimited).filter(|limited| *limited >= REASON_OF_BUFFER) {
        let granted = number(None, Metric::ServerSendBuffer, Fold::Peak);
        let granted = granted.map(|bytes| format!(" ({} at most)", show(Unit::Bytes, bytes)));
        return Some(format!(
            "`{group}`: the server's own kernel send buffer{} was full for {} of the time in which it had something \
             to send, while the clients' windows had room. It is too small for this path: set a larger SO_SNDBUF, or \
             none, so that the kernel adapts it.",
            granted.unwrap_or_default(),
            share(limited),
        ));
    }
    let limited = of(Metric::WindowLimited).filter(|limited| *limited >= REASON)?;
    let closed = of(Metric::WindowClosed)
        .map(|closed| format!(", and were closed in {} of the samples", share(closed)));
    let unsent = of(Metric::UnsentPeak).map(|bytes| {
        format!("; up to {} waited unsent in its kernel for one client", show(Unit::Bytes, bytes))
    });
    let rx = results(point, group).next().map(|result| result.rx.clone()).unwrap_or_default();
    let received = number(Some(group), Metric::Received, Fold::Rate);
    let ended = of(Metric::ServerEnded).filter(|ended| *ended > 0.0);
    Some(format!(
        "`{group}`: {}. Their receive windows held up sending for {} of the time in which the server had something to \
         send{}{}. {}",
        manner(&rx, received),
        share(limited),
        closed.unwrap_or_default(),
        unsent.unwrap_or_default(),
        remedy(&rx, ended.is_some()),
    ))
}

/// What the clients do, by their behavior, and their total rate.
fn manner(rx: &Spec, received: Option<f64>) -> String {
    let rate = received.map(|rate| show(Unit::Bytes.per_second(), rate));
    let took = |verb: &str| {
        rate.as_ref().map_or_else(String::new, |rate| format!(": together they {verb} {rate} in the window"))
    };
    if rx.stalls() {
        "the clients of this group do not read".to_owned()
    } else if rx.reads_everything() {
        format!("the clients of this group read everything, but too slowly{}", took("took"))
    } else {
        format!("the clients of this group read slowly (`{}`){}", rx.about().name, took("read"))
    }
}

/// What a server can do about it; `ended`: it did end some of them.
fn remedy(rx: &Spec, ended: bool) -> &'static str {
    match (rx.stalls(), rx.reads_everything(), ended) {
        (true, _, true) => "A server can only wait for such a client or close it; this server closed some.",
        (true, _, false) => {
            "A server can only wait for such a client or close it; this needs a limit or a timer."
        }
        (false, true, _) => {
            "The load generator or its receive buffers (recv_buffer) were the limit here, not the server."
        }
        (false, false, true) => "They make progress, but the server closed some of them.",
        (false, false, false) => {
            "A timer that restarts with all progress never closes such a client; a minimum rate, a deadline or a \
             limit does."
        }
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::record::{GroupResult, Repeat};

    fn point(rx: &str, numbers: &[(&str, f64)]) -> Point {
        #[derive(serde::Deserialize)]
        struct Holder {
            rx: Spec,
        }
        let rx = toml::from_str::<Holder>(&format!("rx = {rx}")).expect("a behavior").rx;
        let summary: IndexMap<String, f64> =
            numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let groups = vec![GroupResult { name: "bad".to_owned(), rx, ..GroupResult::default() }];
        let repeat = Repeat { groups, summary, ..Repeat::default() };
        Point { axes: IndexMap::new(), repeats: vec![repeat], verdicts: Vec::new() }
    }

    fn explanation(rx: &str, limited: f64, progress: f64, buffer: f64, ended: f64) -> Option<String> {
        let numbers = [
            ("bad.window_limited", limited),
            ("bad.window_closed", 0.9),
            ("bad.stall_progress", progress),
            ("bad.send_buffer_limited", buffer),
            ("bad.unsent_peak", 1_048_576.0),
            ("bad.received_rate", 2_097_152.0),
            ("bad.server_ended", ended),
            ("server_send_buffer_peak", 8192.0),
        ];
        explanations(&point(rx, &numbers)).pop()
    }

    const SLOW: &str = "{ slow = { bytes = 1024, every = \"100ms\" } }";

    #[test]
    fn clients_are_described_by_their_behavior_whatever_their_progress() {
        for progress in [0.0, 0.02, 0.5] {
            let never = explanation("\"stall\"", 0.99, progress, 0.0, 0.0).expect("an explanation");
            assert!(never.contains("the clients of this group do not read. Their"), "{never}");
            assert!(
                never.contains("99 %") && never.contains("1 MiB") && never.contains("needs a limit"),
                "{never}"
            );
            let slow = explanation(SLOW, 0.99, progress, 0.0, 0.0).expect("an explanation");
            assert!(
                slow.contains("read slowly (`slow`): together they read 2 MiB/s in the window"),
                "{slow}"
            );
            assert!(slow.contains("never closes such a client") && !slow.contains("do not read"), "{slow}");
        }
        let steady = explanation("\"steady\"", 0.99, 0.5, 0.0, 0.0).expect("an explanation");
        assert!(steady.contains("read everything") && steady.contains("not the server"), "{steady}");
    }

    #[test]
    fn the_explanation_never_contradicts_evictions() {
        let never = explanation("\"stall\"", 0.99, 0.0, 0.0, 40.0).expect("an explanation");
        assert!(never.contains("this server closed some"), "{never}");
        let slow = explanation(SLOW, 0.99, 0.3, 0.0, 8.0).expect("an explanation");
        assert!(slow.contains("but the server closed some") && !slow.contains("never closes"), "{slow}");
    }

    #[test]
    fn a_small_send_buffer_of_the_server_is_reported_first() {
        let buffer = explanation(SLOW, 0.1, 0.9, 0.6, 0.0).expect("an explanation");
        assert!(
            buffer.contains("SO_SNDBUF") && buffer.contains("8 KiB") && buffer.contains("60 %"),
            "{buffer}"
        );
    }

    #[test]
    fn without_held_up_bytes_there_is_no_explanation() {
        assert_eq!(explanation("\"stall\"", 0.1, 0.9, 0.0, 0.0), None);
        assert_eq!(explanations(&point("\"stall\"", &[])), Vec::<String>::new());
    }
}
