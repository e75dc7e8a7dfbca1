//! `slow-body`: the payload of every request is sent slowly.

use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
    drip::Drip,
};

pub(super) const DECLARATION: Declaration<SlowBody> = Declaration {
    about: About {
        name: "slow-body",
        text: "Sends the head of every request at once, and then its payload `bytes` bytes (default 1) at a time, \
               with a pause of `every` before each: R-U-D-Y. The server waits for the announced body, often with \
               memory reserved for it. It also stands for an upload over a bad link. Settings: bytes (at least 1), \
               every (a time).",
        rx: false,
        tx: true,
        needs: Needs::Body,
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
pub(super) struct SlowBody(Drip);

impl Behavior for SlowBody {
    fn next(&mut self, mut view: View<'_>) -> Step {
        match view.message.head_left {
            0 => {
                let left = view.message.left;
                self.0.next(&mut view, left)
            }
            left => Step::Move(left as usize),
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
    fn sends_heads_at_once_and_bodies_drop_by_drop() {
        let seen = steps_of_requests(&mut SlowBody(drip()), 5, 8, 8);
        let (head, two, one) = (Step::Move(5), Step::Move(2), Step::Move(1));
        assert_eq!(seen[0], head);
        assert!(matches!(seen[1], Step::Wait(_)));
        assert_eq!(seen[2..], [two, PAUSE, one, head, PAUSE, two]);
    }
}
