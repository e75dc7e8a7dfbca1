//! `trickle`: a few bytes, just before a timeout ends.

use std::{num::NonZeroU32, time::Duration};

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};
use crate::units::Span;

pub(super) const DECLARATION: Declaration<Trickle> = Declaration {
    about: About {
        name: "trickle",
        text: "Moves `bytes` bytes shortly before each end of `within`, counted from the previous burst: between \
               once and twice `before` (default 50ms) earlier, at random, so that the clients of a group do not move \
               in step. It defeats every timer of length `within` that restarts with progress, with the least \
               possible progress; a minimum rate or an absolute deadline stops it. On rx, `bytes` must be as much as \
               the receive buffer holds (twice recv_buffer); otherwise the window stays closed and the server sees \
               no progress: with 64 KiB, 40,000 bytes are too few. Settings: bytes (at least 1), within, before \
               (times).",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
        needs_tcp: false,
        delays_requests: true,
    },
    reads_everything: |_| false,
    piece_bytes: |_| None,
    race: |_| None,
    bytes_per_second: |_| None,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trickle {
    /// Bytes of each burst, at least 1.
    bytes: NonZeroU32,
    /// The time that is never reached without progress: the timer that is beaten.
    within: Span,
    /// How long before its end the burst comes: once to twice that.
    #[serde(default = "shortly")]
    before: Span,
    /// Bytes that may have been moved when the present burst is over.
    #[serde(skip)]
    released: u64,
}

fn shortly() -> Span {
    Span(Duration::from_millis(50))
}

impl Behavior for Trickle {
    fn next(&mut self, view: View<'_>) -> Step {
        if view.moved < self.released {
            return Step::Move((self.released - view.moved) as usize);
        }
        self.released = view.moved + u64::from(self.bytes.get());
        let early = self.before.0.mul_f64(1.0 + view.rng.random::<f64>());
        Step::Rest(self.within.0.saturating_sub(early))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::steps, *};

    #[test]
    fn sends_each_burst_shortly_before_the_timeout() {
        let mut trickle: Trickle = toml::from_str("bytes = 7\nwithin = '1s'\nbefore = '100ms'").expect("knobs");
        let (mut pauses, mut bursts) = (Vec::new(), 0);
        for step in steps(&mut trickle, 100) {
            match step {
                Step::Rest(pause) => pauses.push(pause.as_millis()),
                step => {
                    assert_eq!((step, bursts + 1), (Step::Move(7), pauses.len()), "a pause before every burst");
                    bursts += 1;
                }
            }
        }
        assert!(pauses.iter().all(|pause| (800..=900).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause < 830) && pauses.iter().any(|pause| *pause > 870));
    }

    #[test]
    fn does_not_pause_when_the_margin_exceeds_the_time() {
        let mut trickle: Trickle = toml::from_str("bytes = 1\nwithin = '10ms'").expect("knobs");
        assert_eq!(steps(&mut trickle, 2), [Step::Rest(Duration::ZERO), Step::Move(1)]);
    }
}
