//! One direction of one connection: asks its behavior what to do, and keeps the time.

use std::time::Duration;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::{
    behavior::{Behavior, CloseMethod, Message, Race, Spec, Step, View},
    client::context::{Context, TimerEvent},
    timers::TimerId,
};

/// A pause that could not be kept within this is not made up for: the schedule starts again.
const CATCH_UP: Duration = Duration::from_secs(1);

/// What may be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Move so many bytes with one system call.
    Move(usize),
    /// Send so many bytes of a request that never ends.
    Endless(usize),
    /// Nothing before this time (ns).
    Wait(u64),
    /// Nothing, ever.
    Hold,
    /// Let several threads use the socket.
    Race(Race),
    /// End the connection.
    End(CloseMethod),
}

/// One direction.
pub(super) struct Direction {
    /// A steady direction has no behavior to ask: it costs nothing.
    driver: Option<Box<Driver>>,
    /// The timer that ends the present pause.
    timer: Option<TimerId>,
    is_shut: bool,
}

struct Driver {
    behavior: Box<dyn Behavior>,
    rng: Xoshiro256PlusPlus,
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
                rng: Xoshiro256PlusPlus::seed_from_u64(seed),
                pending: None,
                due_ns: 0,
                blocked: false,
            })
        });
        Self { driver, timer: None, is_shut: false }
    }

    /// Whether there is no behavior to ask.
    pub(super) fn is_steady(&self) -> bool {
        self.driver.is_none()
    }

    /// What may be done at this time, with so many bytes moved and `left` bytes to move, which lie there among the messages.
    pub(super) fn allowed(
        &mut self,
        now_ns: u64,
        moved: u64,
        left: u64,
        place: impl FnOnce() -> Message,
    ) -> Allowed {
        if self.is_shut {
            return Allowed::Hold;
        }
        let Some(driver) = &mut self.driver else { return Allowed::Move(usize::MAX) };
        driver.allowed(now_ns, moved, left, place())
    }

    /// How the connection ends now that nothing is left to move, if it does.
    pub(super) fn spent(&mut self, moved: u64, place: impl FnOnce() -> Message) -> Option<CloseMethod> {
        let driver = self.driver.as_mut().filter(|_| !self.is_shut)?;
        driver.behavior.spent(View { moved, left: 0, message: place(), rng: &mut driver.rng })
    }

    /// Changes bytes that come next as the behavior says.
    pub(super) fn corrupt(&mut self, moved: u64, bytes: &mut [u8]) {
        if let Some(driver) = &mut self.driver {
            driver.behavior.corrupt(moved, bytes);
        }
    }

    /// The move was carried out, if only in part.
    pub(super) fn carried_out(&mut self) {
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
        self.is_shut = true;
    }

    /// Whether nothing will be moved any more.
    pub(super) fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// Nothing is moved until then: `event` happens when the pause is over.
    pub(super) fn pause(&mut self, until_ns: u64, event: TimerEvent, context: &mut Context) {
        if self.timer.is_none() {
            self.timer = Some(context.timers.arm(until_ns, event));
        }
    }

    /// The timer that ends the present pause.
    pub(super) const fn timer(&self) -> Option<TimerId> {
        self.timer
    }

    /// The pause is over.
    pub(super) fn timer_fired(&mut self, context: &mut Context) {
        self.timer = None;
        if let Some(driver) = &self.driver {
            context.delays.pause(driver.due_ns, context.now_ns);
        }
    }
}

impl Driver {
    fn allowed(&mut self, now_ns: u64, moved: u64, left: u64, message: Message) -> Allowed {
        loop {
            match self.pending {
                Some(Allowed::Wait(until)) if until <= now_ns => self.pending = None,
                Some(pending) => return pending,
                None => {}
            }
            let step = self.behavior.next(View { moved, left, message, rng: &mut self.rng });
            self.pending = Some(match step {
                Step::Move(bytes) => Allowed::Move(bytes),
                Step::Endless(bytes) => Allowed::Endless(bytes),
                Step::Wait(pause) => Allowed::Wait(self.resume_ns(now_ns, pause)),
                Step::Rest(pause) => {
                    self.blocked = true;
                    Allowed::Wait(self.resume_ns(now_ns, pause))
                }
                Step::Hold => Allowed::Hold,
                Step::Race(race) => Allowed::Race(race),
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

    fn direction(behavior: &str) -> Direction {
        #[derive(serde::Deserialize)]
        struct Holder {
            rx: Spec,
        }
        let holder: Holder = toml::from_str(&format!("rx = {behavior}")).expect("a behavior");
        Direction::new(&holder.rx, 1)
    }

    fn slow() -> Direction {
        direction("{ slow = { bytes = 10, every = \"10ms\" } }")
    }

    /// What is allowed now, after so many bytes.
    fn allowed(direction: &mut Direction, now: u64, moved: u64) -> Allowed {
        direction.allowed(now, moved, u64::MAX, Message::default)
    }

    /// The end of the pause that is allowed now, after so many bytes.
    fn pause(direction: &mut Direction, now: u64, moved: u64) -> u64 {
        match allowed(direction, now, moved) {
            Allowed::Wait(until) => until,
            other => panic!("{other:?} is no pause"),
        }
    }

    #[test]
    fn a_steady_direction_may_always_move() {
        let mut direction = Direction::new(&Spec::default(), 1);
        assert_eq!(allowed(&mut direction, 0, 0), Allowed::Move(usize::MAX));
    }

    #[test]
    fn a_late_move_does_not_delay_the_next_pause() {
        let mut direction = slow();
        let first = pause(&mut direction, 5000 * MS, 0);
        assert_eq!(allowed(&mut direction, first + 3 * MS, 0), Allowed::Move(10));
        direction.carried_out();
        assert_eq!(pause(&mut direction, first + 3 * MS, 10), first + 10 * MS);
    }

    #[test]
    fn waiting_for_the_socket_delays_the_next_pause() {
        let mut direction = slow();
        let first = pause(&mut direction, 5000 * MS, 0);
        assert_eq!(allowed(&mut direction, first, 0), Allowed::Move(10));
        direction.blocked();
        assert_eq!(allowed(&mut direction, first + 500 * MS, 0), Allowed::Move(10), "it stays allowed");
        direction.carried_out();
        assert_eq!(pause(&mut direction, first + 500 * MS, 10), first + 510 * MS);
    }

    #[test]
    fn a_shut_direction_moves_nothing() {
        let mut direction = Direction::new(&Spec::default(), 1);
        direction.shut();
        assert_eq!(allowed(&mut direction, 9, 0), Allowed::Hold);
    }

    #[test]
    fn a_rest_counts_from_when_it_begins() {
        let mut direction = direction("{ stall-resume = { bytes = 10, silence = \"2s\" } }");
        for (now, moved) in [(5000 * MS, 0), (7500 * MS, 10)] {
            assert_eq!(allowed(&mut direction, now, moved), Allowed::Move(10));
            direction.carried_out();
            assert_eq!(pause(&mut direction, now + MS, moved + 10), now + 2001 * MS);
        }
    }

    #[test]
    fn half_close_is_reported_once_when_nothing_is_left_to_send() {
        let mut direction = direction("{ half-close = { messages = 2 } }");
        let mut spent = |whole| direction.spent(0, || Message::of_answers(whole));
        assert_eq!([spent(1), spent(2)], [None, Some(CloseMethod::HalfClose)]);
        direction.shut();
        assert_eq!(direction.spent(0, || Message::of_answers(2)), None);
        assert_eq!(Direction::new(&Spec::default(), 1).spent(0, Message::default), None);
    }
}
