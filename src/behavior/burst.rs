//! `burst`: requests are held back and then sent all at once.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};
use crate::units::Span;

pub(super) const DECLARATION: Declaration<Burst> = Declaration {
    about: About {
        name: "burst",
        text: "Holds requests back for `every`, then sends all of them in as few system calls as possible, whatever \
               was answered meanwhile, and repeats. With a depth of 1000 it pipelines a thousand requests; with rx = \
               \"stall\" it never reads an answer. It stands for a batch job, a flushed queue, a flood. The first \
               pause is shortened at random, so that the clients of a group do not move in step. Settings: every (a \
               time).",
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Burst {
    /// Time for which requests are held back.
    every: Span,
    #[serde(skip)]
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Phase {
    #[default]
    Fresh,
    /// Requests gather.
    Gathering,
    /// Until so many bytes were moved.
    Sending(u64),
}

impl Behavior for Burst {
    fn next(&mut self, view: View<'_>) -> Step {
        let (phase, step) = match self.phase {
            Phase::Sending(end) if view.moved < end => (self.phase, Step::Move((end - view.moved) as usize)),
            Phase::Sending(_) => (Phase::Gathering, Step::Rest(self.every.0)),
            Phase::Fresh => (Phase::Gathering, Step::Rest(self.every.0.mul_f64(view.rng.random::<f64>()))),
            Phase::Gathering => {
                (Phase::Sending(view.moved.saturating_add(view.left)), Step::Move(view.left as usize))
            }
        };
        self.phase = phase;
        step
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::{super::Message, *};

    #[test]
    fn requests_due_since_the_last_burst_are_sent_together() {
        let mut burst: Burst = toml::from_str("every = '100ms'").expect("knobs");
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut next =
            |moved, left| burst.next(View { moved, left, message: Message::default(), rng: &mut rng });
        let pause = Step::Rest(Duration::from_millis(100));
        assert!(matches!(next(0, 50), Step::Rest(first) if first < Duration::from_millis(100)));
        assert_eq!(next(0, 800), Step::Move(800));
        assert_eq!(next(500, 350), Step::Move(300), "what became due meanwhile has to wait");
        assert_eq!([next(800, 50), next(800, 900)], [pause, Step::Move(900)]);
    }
}
