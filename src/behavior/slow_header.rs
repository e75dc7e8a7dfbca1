//! `slow-header`: the head of every request is sent slowly.

use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
    drip::Drip,
};

pub(super) const DECLARATION: Declaration<SlowHeader> = Declaration {
    about: About {
        name: "slow-header",
        text: "Sends the head of every request `bytes` bytes (default 1) at a time, with a pause of `every` before \
               each, and its body, if it has one, at once: slowloris. While bytes keep coming no idle timer fires, \
               and the application never sees the request; only a limit on the time for a whole message helps. The \
               head of a frame is its first 32 bytes. Settings: bytes (at least 1), every (a time).",
        rx: false,
        tx: true,
        needs: Needs::Head,
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
#[serde(transparent)]
pub(super) struct SlowHeader(Drip);

impl Behavior for SlowHeader {
    fn next(&mut self, mut view: View<'_>) -> Step {
        match view.message.head_left {
            0 => Step::Move(view.message.left as usize),
            left => self.0.next(&mut view, left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            drip::tests::{PAUSE, drip},
            tests::steps_of_requests,
        },
        *,
    };

    #[test]
    fn sends_heads_drop_by_drop_and_bodies_at_once() {
        let seen = steps_of_requests(&mut SlowHeader(drip()), 5, 9, 9);
        let (two, one, body) = (Step::Move(2), Step::Move(1), Step::Move(4));
        assert_eq!(seen[1..], [two, PAUSE, two, PAUSE, one, body, PAUSE, two]);
    }
}
