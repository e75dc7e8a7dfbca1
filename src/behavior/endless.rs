//! `endless`: a request without an end.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};
use crate::units::Span;

pub(super) const DECLARATION: Declaration<Endless> = Declaration {
    about: About {
        name: "endless",
        text: "Sends one request that never ends, at most `bytes` bytes (default: all that the socket accepts) with \
               each system call and a pause of `every` (default 0) after each: a line without a newline, an HTTP \
               field without an end, a frame or a RESP string with a length beyond every limit. A server that waits \
               for the end stores all of it. (For requests that are only too long, set load.payload.) Settings: \
               bytes (at least 1), every (a time).",
        rx: false,
        tx: true,
        needs: Needs::Framing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
        needs_tcp: false,
        delays_requests: false,
    },
    reads_everything: |_| false,
    piece_bytes: |_| None,
    race: |_| None,
    bytes_per_second: |_| None,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Endless {
    /// Bytes of each system call at most; all that the socket takes unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<NonZeroU32>,
    /// Pause after each.
    every: Span,
    /// Bytes moved when the last piece was asked for, once one was.
    #[serde(skip)]
    asked_at: Option<u64>,
}

impl Behavior for Endless {
    fn next(&mut self, view: View<'_>) -> Step {
        if !self.every.0.is_zero() && self.asked_at.take().is_some_and(|at| view.moved > at) {
            return Step::Wait(self.every.0);
        }
        self.asked_at = Some(view.moved);
        Step::Endless(self.bytes.map_or(usize::MAX, |bytes| bytes.get() as usize))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::tests::steps, *};

    #[test]
    fn sends_on_at_once_or_after_a_pause() {
        assert_eq!(steps(&mut Endless::default(), 2), [Step::Endless(usize::MAX); 2]);
        let mut slow: Endless = toml::from_str("bytes = 5\nevery = '1ms'").expect("knobs");
        let (five, pause) = (Step::Endless(5), Step::Wait(Duration::from_millis(1)));
        assert_eq!(steps(&mut slow, 4), [five, pause, five, pause]);
    }
}
