//! Why bytes waited: what the server's own TCP says of the clients that it could not send to, as a sentence.

use super::view::{groups, key, mean, show, values};
use crate::{
    metric::{Fold, Metric, Stat, Unit},
    record::Point,
};

/// From this share of the time on, something was the reason why the server could not send.
const REASON: f64 = 0.5;
/// Own buffers hold a server back for short times only, between an acknowledgment and the next: less is much.
const REASON_OF_BUFFER: f64 = 0.2;
/// Who takes something at fewer looks than this does not read.
const PROGRESS: f64 = 0.1;

/// A sentence or two for each group that the server could not send to as it wanted.
pub(super) fn explanations(point: &Point) -> Vec<String> {
    groups(point).into_iter().filter_map(|group| explain(point, group)).collect()
}

fn explain(point: &Point, group: &str) -> Option<String> {
    let number = |group, metric, fold| mean(&values(point, &key(group, Stat { metric, fold })));
    let of = |metric| number(Some(group), metric, Fold::Final);
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    if let Some(limited) = of(Metric::SendBufferLimited).filter(|limited| *limited >= REASON_OF_BUFFER) {
        let granted = number(None, Metric::ServerSendBuffer, Fold::Peak);
        let granted = granted.map(|bytes| format!(" ({} at most)", show(Unit::Bytes, bytes)));
        return Some(format!(
            "{group}: the server's own kernel send buffer{} was full for {} of the time in which it had something to \
             send, while the clients' windows had room. It is too small for this path: a larger SO_SNDBUF, or none, so \
             that the kernel adapts it, would let more through.",
            granted.unwrap_or_default(),
            share(limited),
        ));
    }
    let limited = of(Metric::WindowLimited).filter(|limited| *limited >= REASON)?;
    let (closed, progress) = (of(Metric::WindowClosed), of(Metric::StallProgress)?);
    let unsent = show(Unit::Bytes, of(Metric::UnsentPeak)?);
    let closed = closed.map(|closed| format!(", and were closed at {} of the looks", share(closed)));
    let facts = format!(
        "Their receive windows let nothing through for {} of the time in which the server had something to send{}; up to \
         {unsent} waited unsent in its kernel for one of them",
        share(limited),
        closed.unwrap_or_default(),
    );
    Some(if progress < PROGRESS {
        format!(
            "{group}: its clients do not read. {facts}, and at {} of the looks nothing at all had been taken since the \
             look before. A server can do nothing for such a peer but wait for it or let it go: only a limit or a timer \
             ends it.",
            share(1.0 - progress),
        )
    } else {
        format!(
            "{group}: its clients read slower than they ask. {facts}, but at {} of the looks something had been taken \
             since the look before. A timer that starts again with all progress never ends such a peer; a minimum rate, \
             a deadline or a limit does.",
            share(progress),
        )
    })
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::record::{GroupResult, Trial};

    fn point(numbers: &[(&str, f64)]) -> Point {
        let summary: IndexMap<String, f64> =
            numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let groups = vec![GroupResult { name: "bad".to_owned(), ..GroupResult::default() }];
        let trial = Trial { groups, summary, ..Trial::default() };
        Point { axes: IndexMap::new(), trials: vec![trial], verdicts: Vec::new() }
    }

    fn said(limited: f64, progress: f64, buffer: f64) -> Option<String> {
        let numbers = [
            ("bad.window_limited", limited),
            ("bad.window_closed", 0.9),
            ("bad.stall_progress", progress),
            ("bad.send_buffer_limited", buffer),
            ("bad.unsent_peak", 1_048_576.0),
            ("server_send_buffer_peak", 8192.0),
        ];
        explanations(&point(&numbers)).pop()
    }

    #[test]
    fn each_signature_has_its_own_explanation() {
        let never = said(0.99, 0.02, 0.0).expect("an explanation");
        assert!(
            never.contains("do not read") && never.contains("99 %") && never.contains("1 MiB"),
            "{never}"
        );
        let slow = said(0.99, 0.19, 0.0).expect("an explanation");
        assert!(slow.contains("slower than they ask") && slow.contains("19 %"), "{slow}");
        let buffer = said(0.1, 0.9, 0.6).expect("an explanation");
        assert!(
            buffer.contains("SO_SNDBUF") && buffer.contains("8 KiB") && buffer.contains("60 %"),
            "{buffer}"
        );
    }

    #[test]
    fn where_nothing_was_held_up_nothing_is_said() {
        assert_eq!(said(0.1, 0.9, 0.0), None);
        assert_eq!(explanations(&point(&[])), Vec::<String>::new());
    }
}
