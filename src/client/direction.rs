//! One direction of one connection: asks its behavior what to do, and keeps the time.

use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    behavior::{Behavior, End, Spec, Step, View},
    timers::TimerId,
};

/// A pause that could not be kept within this is not made up for: the schedule starts again.
const CATCH_UP: Duration = Duration::from_secs(1);

/// What may be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Move so many bytes with one system call.
    Move(usize),
    /// Nothing before this time (ns).
    Wait(u64),
    /// Nothing, ever.
    Hold,
    /// Let so many threads send.
    Race(usize),
    /// End the connection.
    End(End),
}

/// One direction.
pub(super) struct Direction {
    /// A steady direction has nobody to ask: it costs nothing.
    driver: Option<Box<Driver>>,
    /// Bytes moved so far.
    pub(super) moved: u64,
    /// The timer that ends the present pause.
    pub(super) timer: Option<TimerId>,
    shut: bool,
}

struct Driver {
    behavior: Box<dyn Behavior>,
    rng: ChaCha8Rng,
    /// A step that is not carried out yet.
    pending: Option<Allowed>,
    /// When the last pause ended by the schedule; 0 before the first.
    due_ns: u64,
    /// The socket made the last move wait, so the schedule starts from when it ended.
    blocked: bool,
}

impl Direction {
    pub(super) fn new(spec: &Spec, seed: u64) -> Self {
        let driver = (!spec.is_steady()).then(|| {
            Box::new(Driver {
                behavior: spec.start(),
                rng: ChaCha8Rng::seed_from_u64(seed),
                pending: None,
                due_ns: 0,
                blocked: false,
            })
        });
        Self { driver, moved: 0, timer: None, shut: false }
    }

    /// What may be done at this time, with `left` bytes to move.
    pub(super) fn allowed(&mut self, now_ns: u64, left: u64) -> Allowed {
        let moved = self.moved;
        if self.shut {
            return Allowed::Hold;
        }
        self.driver.as_mut().map_or(Allowed::Move(usize::MAX), |driver| driver.allowed(now_ns, moved, left))
    }

    /// The move was carried out.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
        if let Some(driver) = &mut self.driver {
            driver.pending = None;
        }
    }

    /// The socket was not ready; the move stays allowed.
    pub(super) fn blocked(&mut self) {
        if let Some(driver) = &mut self.driver {
            driver.blocked = true;
        }
    }

    /// Nothing will be moved any more.
    pub(super) fn shut(&mut self) {
        self.shut = true;
    }
}

impl Driver {
    fn allowed(&mut self, now_ns: u64, moved: u64, left: u64) -> Allowed {
        loop {
            match self.pending {
                Some(Allowed::Wait(until)) if until <= now_ns => self.pending = None,
                Some(pending) => return pending,
                None => {}
            }
            let step = self.behavior.next(View { moved, left, rng: &mut self.rng });
            self.pending = Some(match step {
                Step::Move(bytes) => Allowed::Move(bytes),
                Step::Wait(pause) => Allowed::Wait(self.resume_ns(now_ns, pause)),
                Step::Hold => Allowed::Hold,
                Step::Race(threads) => Allowed::Race(threads),
                Step::End(end) => Allowed::End(end),
            });
        }
    }

    /// Pauses follow each other on a schedule of their own, so that being late now does not make everything later.
    fn resume_ns(&mut self, now_ns: u64, pause: Duration) -> u64 {
        let behind = now_ns.saturating_sub(self.due_ns) > (CATCH_UP + pause).as_nanos() as u64;
        let from = if self.blocked || behind { now_ns } else { self.due_ns };
        self.blocked = false;
        self.due_ns = from + pause.as_nanos() as u64;
        self.due_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn slow() -> Direction {
        #[derive(serde::Deserialize)]
        struct Holder {
            rx: Spec,
        }
        let holder: Holder =
            toml::from_str("rx = { slow = { bytes = 10, every = \"10ms\" } }").expect("a behavior");
        Direction::new(&holder.rx, 1)
    }

    /// The end of the pause that is allowed now.
    fn pause(direction: &mut Direction, now: u64) -> u64 {
        match direction.allowed(now, u64::MAX) {
            Allowed::Wait(until) => until,
            other => panic!("{other:?} is no pause"),
        }
    }

    #[test]
    fn a_steady_direction_may_always_move() {
        let mut direction = Direction::new(&Spec::default(), 1);
        assert_eq!(direction.allowed(0, 1), Allowed::Move(usize::MAX));
    }

    #[test]
    fn being_late_does_not_make_the_next_pause_later() {
        let mut direction = slow();
        let first = pause(&mut direction, 5000 * MS);
        assert_eq!(direction.allowed(first + 3 * MS, u64::MAX), Allowed::Move(10));
        direction.moved(10);
        assert_eq!(pause(&mut direction, first + 3 * MS), first + 10 * MS);
    }

    #[test]
    fn waiting_for_the_socket_does() {
        let mut direction = slow();
        let first = pause(&mut direction, 5000 * MS);
        assert_eq!(direction.allowed(first, u64::MAX), Allowed::Move(10));
        direction.blocked();
        assert_eq!(direction.allowed(first + 500 * MS, u64::MAX), Allowed::Move(10), "it stays allowed");
        direction.moved(10);
        assert_eq!(pause(&mut direction, first + 500 * MS), first + 510 * MS);
    }

    #[test]
    fn a_direction_that_is_shut_stays_shut() {
        let mut direction = Direction::new(&Spec::default(), 1);
        direction.shut();
        assert_eq!(direction.allowed(9, 1), Allowed::Hold);
    }
}
