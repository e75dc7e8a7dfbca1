//! `split`: every message is sent in two pieces, cut at one offset after the other.

use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};
use crate::units::Span;

pub(super) const DECLARATION: Declaration<Split> = Declaration {
    about: About {
        name: "split",
        text: "Sends what waits in two pieces, with a pause of `every` (default 0) between them. The cut is after \
               the first byte, the next time after the second, and so on: with depth = 1 a message is cut at every \
               offset in turn, within its head, within its body, and between the two. The answer must be the same as \
               for one piece. Settings: every (a time).",
        rx: false,
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

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Split {
    /// Pause between the two pieces.
    #[serde(default)]
    every: Span,
    /// Where the next message is cut.
    #[serde(skip)]
    cut: u64,
    /// Bytes that will have moved when the first piece is sent.
    #[serde(skip)]
    first_ends: Option<u64>,
    /// The pause behind the first piece is over.
    #[serde(skip)]
    paused: bool,
}

impl Behavior for Split {
    fn next(&mut self, view: View<'_>) -> Step {
        let Some(end) = self.first_ends else {
            self.cut = if self.cut + 1 < view.left { self.cut + 1 } else { 1 };
            self.first_ends = Some(view.moved + self.cut);
            return Step::Move(self.cut as usize);
        };
        if view.moved < end {
            return Step::Move((end - view.moved) as usize);
        }
        if !self.paused && !self.every.0.is_zero() {
            self.paused = true;
            return Step::Wait(self.every.0);
        }
        (self.first_ends, self.paused) = (None, false);
        Step::Move(usize::try_from(view.left).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::{super::Message, *};

    /// The steps for messages of `size` bytes, one after the other.
    fn steps(every: Duration, size: u64, count: usize) -> Vec<Step> {
        let mut split = Split { every: Span(every), ..Split::default() };
        let mut moved = 0;
        (0..count)
            .map(|_| {
                let step = next(&mut split, moved, size - moved % size);
                if let Step::Move(bytes) = step {
                    moved += bytes as u64;
                }
                step
            })
            .collect()
    }

    fn next(split: &mut Split, moved: u64, left: u64) -> Step {
        split.next(View { moved, left, message: Message::default(), rng: &mut Xoshiro256PlusPlus::seed_from_u64(1) })
    }

    #[test]
    fn cuts_at_one_offset_after_the_other() {
        let expected = [1, 3, 2, 2, 3, 1, 1, 3].map(Step::Move);
        assert_eq!(steps(Duration::ZERO, 4, 8), expected);
        assert_eq!(steps(Duration::ZERO, 1, 3), [Step::Move(1); 3], "nothing to cut");
    }

    #[test]
    fn pauses_between_the_two_pieces() {
        let pause = Step::Wait(Duration::from_millis(1));
        let (one, two, three) = (Step::Move(1), Step::Move(2), Step::Move(3));
        assert_eq!(steps(Duration::from_millis(1), 4, 6), [one, pause, three, two, pause, two]);
    }

    #[test]
    fn a_first_piece_cut_short_by_the_socket_is_completed() {
        let mut split = Split { cut: 2, ..Split::default() };
        assert_eq!(next(&mut split, 10, 6), Step::Move(3));
        assert_eq!(next(&mut split, 11, 5), Step::Move(2), "one of three bytes went out");
        assert_eq!(next(&mut split, 13, 3), Step::Move(3));
    }
}
