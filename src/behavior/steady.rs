//! `steady`: a good client.

use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<Steady> = Declaration {
    about: About {
        name: "steady",
        text: "Reads whatever has arrived at once; sends whatever is due at once. The default in both directions: a \
               good client. No settings.",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
        is_steady: true,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
        needs_tcp: false,
        delays_requests: false,
    },
    reads_everything: |_| true,
    piece_bytes: |_| None,
    race: |_| None,
    bytes_per_second: |_| None,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Steady {}

impl Behavior for Steady {
    fn next(&mut self, _: View<'_>) -> Step {
        Step::Move(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_all_bytes_at_once() {
        assert_eq!(super::super::tests::steps(&mut Steady {}, 2), [Step::Move(usize::MAX); 2]);
    }
}
