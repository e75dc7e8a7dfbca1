//! Connections that the server ended: a sentence for each group about how, after how long, and with how many bytes in
//! the kernel.

use std::fmt::Write as _;

use super::view::{counts, groups, results, show};
use crate::{
    metric::Unit,
    record::{Point, ServerEndings},
    stats::mean,
};

/// A sentence for each group of which the server ended connections.
pub(super) fn sentences(point: &Point) -> Vec<String> {
    groups(point).into_iter().filter_map(|group| sentence(point, group)).collect()
}

/// A number of connections that ended in one way.
type Count = fn(&ServerEndings) -> u64;

fn sentence(point: &Point, group: &str) -> Option<String> {
    let all: Vec<&ServerEndings> = results(point, group).map(|result| &result.server_endings).collect();
    if all.iter().all(|endings| endings.count == 0) {
        return None;
    }
    let count = |of: Count| counts(all.iter().map(|endings| of(endings)));
    let any = |of: Count| all.iter().any(|endings| of(endings) > 0);
    let typical = |of: fn(&ServerEndings) -> Option<u64>| {
        mean(&all.iter().filter_map(|endings| of(endings)).map(|ns| ns as f64).collect::<Vec<_>>())
    };
    let time = |ns: f64| show(Unit::Nanoseconds, ns);
    let mut how = Vec::new();
    let kinds: [(&str, Count); 4] = [
        ("RST", |e| e.by_reset),
        ("FIN", seen_fin),
        ("FIN, not yet seen by the client", |e| e.by_fin.saturating_sub(seen_fin(e))),
        ("not seen by the client", |e| e.unnoticed.saturating_sub(e.by_fin.saturating_sub(seen_fin(e)))),
    ];
    let happened: Vec<_> = kinds.into_iter().filter(|(_, of)| any(*of)).collect();
    for (kind, of) in &happened {
        // Where all ended alike, the number is said already.
        how.push(if happened.len() == 1 { (*kind).to_owned() } else { format!("{} {kind}", count(*of)) });
    }
    let mut text = format!("`{group}`: {} ended by the server", count(|e| e.count));
    if let Some(after) = typical(|e| e.after_ns) {
        let _ = write!(text, " {} after connecting", time(after));
    }
    let _ = write!(text, " ({})", how.join("; "));
    if any(|e| e.after_error) {
        let _ = write!(text, ", {} of them after an error answer", count(|e| e.after_error));
    }
    if let (Some(held), Some(uncertain)) =
        (typical(|e| e.held_ns.map(|(_, about, _)| about)), typical(|e| e.held_uncertain_ns))
    {
        let _ = write!(text, ", {} after the last progress (± {})", time(held), time(uncertain));
    }
    let known = all.iter().filter_map(|endings| endings.left_bytes);
    let left = mean(&known.map(|bytes| bytes as f64).collect::<Vec<_>>());
    match left {
        Some(bytes) if bytes > 0.0 => {
            let _ = write!(
                text,
                "; {} were still in the kernel at the end of the window",
                show(Unit::Bytes, bytes)
            );
        }
        Some(_) => text += "; no bytes stayed in the kernel",
        None => {}
    }
    Some(text + ".")
}

/// A FIN that the client has read.
const fn seen_fin(endings: &ServerEndings) -> u64 {
    endings.count.saturating_sub(endings.unnoticed).saturating_sub(endings.by_reset)
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::record::{GroupResult, Repeat};

    fn sentence_on(endings: &[ServerEndings]) -> Option<String> {
        let repeat = |endings: &ServerEndings| {
            let group = GroupResult {
                name: "stalled".into(),
                server_endings: endings.clone(),
                ..GroupResult::default()
            };
            Repeat { groups: vec![group], ..Repeat::default() }
        };
        let repeats = endings.iter().map(repeat).collect();
        sentences(&Point { axes: IndexMap::new(), repeats, verdicts: Vec::new() }).pop()
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_sentence_says_who_closed_how_and_after_how_long() {
        let behind = ServerEndings {
            count: 20,
            by_fin: 20,
            unnoticed: 20,
            unnoticed_alive: 20,
            after_ns: Some(60 * SECOND),
            held_ns: Some((61 * SECOND, 60 * SECOND, 59 * SECOND)),
            held_uncertain_ns: Some(SECOND / 10),
            left_sockets: Some(20),
            left_bytes: Some(75 << 20),
            ..ServerEndings::default()
        };
        assert_eq!(
            sentence_on(std::slice::from_ref(&behind)).expect("a sentence"),
            "`stalled`: 20 ended by the server 60 s after connecting (FIN, not yet seen by the client), 60 s after the last \
             progress (± 100 ms); 75 MiB were still in the kernel at the end of the window."
        );
        let mixed = ServerEndings {
            count: 7,
            by_reset: 2,
            by_fin: 4,
            unnoticed: 2,
            after_error: 3,
            after_ns: None,
            held_ns: None,
            left_bytes: Some(0),
            ..behind
        };
        assert_eq!(
            sentence_on(&[mixed]).expect("a sentence"),
            "`stalled`: 7 ended by the server (2 RST; 3 FIN; 1 FIN, not yet seen by the client; 1 not seen by the client), 3 of \
             them after an error answer; no bytes stayed in the kernel."
        );
        assert_eq!(sentence_on(&[ServerEndings::default()]), None);
    }
}
