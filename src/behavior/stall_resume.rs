//! `stall-resume`: a number of bytes, then a pause, repeatedly or once.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};
use crate::units::Span;

pub(super) const DECLARATION: Declaration<StallResume> = Declaration {
    about: About {
        name: "stall-resume",
        text: "Moves `bytes` bytes as fast as possible, then does nothing for `silence`, and repeats; with once = \
               true it pauses only once. It stands for a phone that changes cells, a closed laptop, a consumer in a \
               long garbage collection: a client that comes back before a timer ends must lose nothing. On rx the \
               window closes meanwhile, on tx a request is left half sent. Settings: bytes (at least 1), silence (a \
               time), once (default false).",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StallResume {
    /// Bytes that are moved before each silence, at least 1.
    bytes: NonZeroU32,
    /// How long nothing is moved.
    silence: Span,
    /// After the first silence everything is moved as it comes.
    #[serde(default)]
    once: bool,
    /// Silences so far.
    #[serde(skip)]
    silences: u64,
}

impl Behavior for StallResume {
    fn next(&mut self, view: View<'_>) -> Step {
        if self.once && self.silences > 0 {
            return Step::Move(usize::MAX);
        }
        let silent_at = u64::from(self.bytes.get()) * (self.silences + 1);
        if view.moved < silent_at {
            return Step::Move((silent_at - view.moved) as usize);
        }
        self.silences += 1;
        Step::Rest(self.silence.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::tests::steps, *};

    const SILENCE: Step = Step::Rest(Duration::from_secs(2));

    fn stall_resume(once: bool) -> StallResume {
        toml::from_str(&format!("bytes = 100\nsilence = '2s'\nonce = {once}")).expect("knobs")
    }

    #[test]
    fn bytes_and_silence_alternate() {
        let hundred = Step::Move(100);
        assert_eq!(steps(&mut stall_resume(false), 4), [hundred, SILENCE, hundred, SILENCE]);
    }

    #[test]
    fn pauses_only_once_when_set() {
        let on = Step::Move(usize::MAX);
        assert_eq!(steps(&mut stall_resume(true), 4), [Step::Move(100), SILENCE, on, on]);
    }
}
