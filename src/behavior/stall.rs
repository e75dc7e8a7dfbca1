//! `stall`: nothing more is moved, forever.

use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<Stall> = Declaration {
    about: About {
        name: "stall",
        text: "Moves `after` bytes (default 0) and then nothing more, without ending the connection. On rx it is a \
               client that never reads: the window closes and answers accumulate in the server. On tx it is a \
               request that is never complete. Settings: after (a size).",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: true,
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
pub(super) struct Stall {
    /// Bytes that are moved before.
    after: crate::units::Bytes,
}

impl Behavior for Stall {
    fn next(&mut self, view: View<'_>) -> Step {
        match self.after.0.saturating_sub(view.moved) {
            0 => Step::Hold,
            left => Step::Move(left as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::steps, *};
    use crate::units::Bytes;

    #[test]
    fn stalls_at_once_or_after_the_given_bytes() {
        assert_eq!(steps(&mut Stall::default(), 2), [Step::Hold, Step::Hold]);
        assert_eq!(steps(&mut Stall { after: Bytes(9) }, 2), [Step::Move(9), Step::Hold]);
    }
}
