//! `idle`: the client connects and sends nothing.

use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};

pub(super) const DECLARATION: Declaration<Idle> = Declaration {
    about: About {
        name: "idle",
        text: "Connects and never sends anything: an unused connection pool, or an attack on the server's \
               descriptors. Its group has no load. No settings.",
        rx: false,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: true,
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
#[serde(deny_unknown_fields)]
pub(super) struct Idle {}

impl Behavior for Idle {
    fn next(&mut self, _: View<'_>) -> Step {
        Step::Hold
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::steps, *};

    #[test]
    fn sends_nothing() {
        assert_eq!(steps(&mut Idle {}, 2), [Step::Hold; 2]);
    }
}
