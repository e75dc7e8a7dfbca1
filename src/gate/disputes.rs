//! Evictions whose reported time differs from the observation from outside.

use crate::{
    record::{Eviction, Repeat},
    units::human_time,
};

/// A sentence about the eviction whose time is disputed most, if one is by more than so many nanoseconds.
#[must_use]
pub fn dispute(repeat: &Repeat, tick_ns: u64) -> Option<String> {
    let time = |ns: f64| human_time(ns);
    let worst = worst(repeat).filter(|eviction| eviction.disagreement_ns > tick_ns)?;
    let claimed =
        worst.claimed_lateness_ns.map(|ns| format!(" {} after the end of its timeout,", time(ns as f64)));
    let lateness = worst.lateness_ns.map(|ns| {
        format!(
            "; by the profile's timeout and the observation it came {} after the end of the timeout",
            time(ns as f64)
        )
    });
    Some(format!(
        "the server reported an eviction ({}){} which differs from the observation from outside by at least {}{}",
        worst.reason,
        claimed.unwrap_or_default(),
        time(worst.disagreement_ns as f64),
        lateness.unwrap_or_default(),
    ))
}

/// The eviction whose time is disputed most.
fn worst(repeat: &Repeat) -> Option<&Eviction> {
    repeat.evictions.iter().max_by_key(|eviction| eviction.disagreement_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_disputed_eviction_is_reported() {
        let eviction = |disagreement_ns| Eviction {
            reason: "send_timeout".into(),
            lateness_ns: Some(200_000_000),
            claimed_lateness_ns: Some(1_000_000),
            disagreement_ns,
            ..Eviction::default()
        };
        let repeat = Repeat { evictions: vec![eviction(5), eviction(190_000_000)], ..Repeat::default() };
        let sentence = dispute(&repeat, 1_000_000).expect("a sentence");
        assert!(
            sentence.contains("(send_timeout) 1 ms after") && sentence.contains("at least 190 ms"),
            "{sentence}"
        );
        assert_eq!(dispute(&repeat, 200_000_000), None);
    }
}
