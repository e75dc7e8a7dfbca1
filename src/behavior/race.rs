//! `race`: several threads send on one socket.

use serde::{Deserialize, Serialize};

use super::{About, Behavior, Needs, Step, View};

pub(super) const ABOUT: About = About {
    name: "race",
    text: "Hands every message to one of `threads` threads, which all send on the same socket without agreeing on an \
           order: the misuse that destroys the order of the data. Small messages arrive whole but out of order; \
           messages beyond the free send buffer are torn. Needs a closed loop (depth) to have several messages \
           under way. Knob: threads (at least 1; 1 is the control).",
    rx: false,
    tx: true,
    needs: Needs::Nothing,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Race {
    threads: std::num::NonZeroU8,
}

impl Race {
    pub(super) const fn threads(&self) -> u8 {
        self.threads.get()
    }
}

impl Behavior for Race {
    fn next(&mut self, _: View<'_>) -> Step {
        Step::Race(usize::from(self.threads()))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::steps, *};

    #[test]
    fn every_message_is_raced() {
        let mut race = Race { threads: 4.try_into().expect("not 0") };
        assert_eq!(steps(&mut race, 2), [Step::Race(4); 2]);
    }
}
