//! `slow`: a number of bytes, then a pause, repeatedly.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};
use crate::units::Span;

pub(super) const DECLARATION: Declaration<Slow> = Declaration {
    about: About {
        name: "slow",
        text: "Moves `bytes` bytes, pauses for `every`, and repeats: exactly bytes/every per second as long as there \
               is something to move. Connections start at a random point of their first pause, so that the clients \
               of a group do not move in step. On rx it is a slow reader (a phone on a bad link, a stuck consumer), \
               on tx a slow sender (slowloris). Settings: bytes (at least 1), every (a time).",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
        needs_tcp: false,
        delays_requests: true,
    },
    reads_everything: |_| false,
    piece_bytes: |slow| Some(slow.burst()),
    race: |_| None,
    bytes_per_second: Slow::bytes_per_second,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Slow {
    /// Bytes of each burst, at least 1.
    bytes: std::num::NonZeroU32,
    /// Time from one burst to the next.
    every: Span,
    /// Bytes that may have been moved when the present burst ends.
    #[serde(skip)]
    released: u64,
}

impl Slow {
    /// Bytes of each burst.
    pub(super) const fn burst(&self) -> u64 {
        self.bytes.get() as u64
    }

    fn bytes_per_second(&self) -> Option<f64> {
        let rate = f64::from(self.bytes.get()) / self.every.0.as_secs_f64();
        Some(rate).filter(|rate| rate.is_finite())
    }
}

impl Behavior for Slow {
    fn next(&mut self, view: View<'_>) -> Step {
        if view.moved < self.released {
            return Step::Move((self.released - view.moved) as usize);
        }
        let first = self.released == 0;
        self.released += u64::from(self.bytes.get());
        Step::Wait(if first { self.every.0.mul_f64(view.rng.random::<f64>()) } else { self.every.0 })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::{
        super::{Message, tests::steps},
        *,
    };

    fn slow() -> Slow {
        Slow { bytes: 100.try_into().expect("not 0"), every: Span(Duration::from_millis(10)), released: 0 }
    }

    #[test]
    fn bursts_and_pauses_alternate() {
        let seen = steps(&mut slow(), 5);
        assert!(matches!(seen[0], Step::Wait(first) if first < Duration::from_millis(10)));
        let pause = Step::Wait(Duration::from_millis(10));
        assert_eq!(seen[1..], [Step::Move(100), pause, Step::Move(100), pause]);
    }

    #[test]
    fn a_burst_cut_short_is_completed_before_the_pause() {
        let mut slow = slow();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut ask = |moved| slow.next(View { moved, left: u64::MAX, message: Message::default(), rng: &mut rng });
        ask(0);
        assert_eq!(ask(0), Step::Move(100));
        assert_eq!(ask(30), Step::Move(70));
        assert_eq!(ask(100), Step::Wait(Duration::from_millis(10)));
    }
}
