//! `race`: several threads send, or receive, on one socket.

use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use super::{About, Behavior, Needs, Step, View};
use crate::units::Bytes;

pub(super) const ABOUT: About = About {
    name: "race",
    text: "Lets `threads` threads use one socket without an agreed order: a misuse that destroys the order of the \
        data. On tx each thread sends whole messages of its own: small messages arrive whole but out of order; \
        messages larger than the free send buffer are torn, whether a thread waits with poll or in the system call; \
        with a `header` that has its own system call, messages of any size are torn. On rx the threads read the open \
        answers in equal parts: with depth 1 each thread reads a part of one answer, with depth = threads one answer \
        each; a thread gets the bytes that are next and takes them for its own. Needs protocol = \"echo\" (on rx also \
        http with check = \"content\") and a closed loop. Settings: threads (at least 1; 1 is the control), blocking \
        (threads wait in the system call; default: in poll, with a non-blocking socket), header (tx: bytes of each \
        message that are sent first, in a system call of their own; default 0B), lock (one thread at a time moves a \
        whole message or part: no message is torn, but the order is still lost).",
    rx: true,
    tx: true,
    needs: Needs::Nothing,
};

/// Threads on one socket, and how each of them uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Race {
    /// How many.
    pub threads: NonZeroU8,
    /// Their system calls wait for the socket; else they fail, and `poll` waits.
    #[serde(default)]
    pub blocking: bool,
    /// Sending: bytes of each message that have a system call of their own; 0 for none.
    #[serde(default)]
    pub header: Bytes,
    /// A thread keeps the others out until its message, or its part, is through.
    #[serde(default)]
    pub lock: bool,
}

impl Behavior for Race {
    fn next(&mut self, _: View<'_>) -> Step {
        Step::Race(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::steps, *};

    #[test]
    fn every_step_is_a_race() {
        let mut race: Race = toml::from_str("threads = 4\nheader = '8B'").expect("knobs");
        assert_eq!(race, Race { header: Bytes(8), ..toml::from_str("threads = 4").expect("knobs") });
        assert_eq!(steps(&mut race, 2), [Step::Race(race); 2]);
    }
}
