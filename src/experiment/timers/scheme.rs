//! Three data structures for deadlines that are moved often and seldom reached.

use std::{cmp::Reverse, collections::BinaryHeap, fmt};

use crate::{
    profile::Scheme,
    timers::{TimerId, Wheel},
};

/// Deadlines by key, at most one each. Instants are nanoseconds of the owner's clock.
pub trait Keeper: fmt::Debug {
    /// Arms a deadline for a key that has none.
    fn arm(&mut self, key: u32, deadline_ns: u64);
    /// Moves the deadline of a key that has one; a later one only.
    fn rearm(&mut self, key: u32, deadline_ns: u64);
    /// When it is worth popping next; `None` when nothing is kept.
    fn next_wake_ns(&self) -> Option<u64>;
    /// Takes out one timer that has come up; call until `None`.
    fn pop(&mut self, now_ns: u64) -> Option<Popped>;
    /// Timers kept.
    fn entries(&self) -> usize;
}

/// A timer that has come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popped {
    /// The deadline of this key was reached; the key has none now.
    Reached {
        /// Whose it was.
        key: u32,
        /// What was asked for.
        deadline_ns: u64,
    },
    /// The deadline was moved meanwhile.
    Stale,
}

/// An empty keeper for keys below `keys`.
#[must_use]
pub fn keeper(scheme: Scheme, keys: u32, tick_ns: u64) -> Box<dyn Keeper> {
    let (wheel, keys) = (Wheel::new(tick_ns, 0), keys as usize);
    match scheme {
        Scheme::Wheel => Box::new(Eager { wheel, ids: vec![None; keys] }),
        Scheme::Heap => Box::new(Heap { heap: BinaryHeap::new(), deadlines_ns: vec![None; keys] }),
        Scheme::Lazy => Box::new(Lazy { wheel, deadlines_ns: vec![0; keys] }),
    }
}

/// The wheel: a move unlinks the timer and links it where it belongs.
#[derive(Debug)]
struct Eager {
    wheel: Wheel<u32>,
    ids: Vec<Option<TimerId>>,
}

impl Keeper for Eager {
    fn arm(&mut self, key: u32, deadline_ns: u64) {
        self.ids[key as usize] = Some(self.wheel.arm(deadline_ns, key));
    }

    fn rearm(&mut self, key: u32, deadline_ns: u64) {
        if let Some(id) = self.ids[key as usize] {
            self.wheel.rearm(id, deadline_ns);
        }
    }

    fn next_wake_ns(&self) -> Option<u64> {
        self.wheel.next_wake_ns()
    }

    fn pop(&mut self, now_ns: u64) -> Option<Popped> {
        let (_, key, deadline_ns) = self.wheel.pop_expired(now_ns)?;
        self.ids[key as usize] = None;
        Some(Popped::Reached { key, deadline_ns })
    }

    fn entries(&self) -> usize {
        self.wheel.len()
    }
}

/// A heap, soonest first, whose entries cannot be found again: a move adds one, and the old one stays until it comes up.
#[derive(Debug)]
struct Heap {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    deadlines_ns: Vec<Option<u64>>,
}

impl Keeper for Heap {
    fn arm(&mut self, key: u32, deadline_ns: u64) {
        self.deadlines_ns[key as usize] = Some(deadline_ns);
        self.heap.push(Reverse((deadline_ns, key)));
    }

    fn rearm(&mut self, key: u32, deadline_ns: u64) {
        self.arm(key, deadline_ns);
    }

    fn next_wake_ns(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((deadline_ns, _))| *deadline_ns)
    }

    fn pop(&mut self, now_ns: u64) -> Option<Popped> {
        let Reverse((deadline_ns, key)) = *self.heap.peek().filter(|Reverse((due, _))| *due <= now_ns)?;
        self.heap.pop();
        let asked = &mut self.deadlines_ns[key as usize];
        if *asked != Some(deadline_ns) {
            return Some(Popped::Stale);
        }
        *asked = None;
        Some(Popped::Reached { key, deadline_ns })
    }

    fn entries(&self) -> usize {
        self.heap.len()
    }
}

/// The wheel, and deadlines that are only noted: the timer stays where it is until it comes up, once in a timeout.
#[derive(Debug)]
struct Lazy {
    wheel: Wheel<u32>,
    deadlines_ns: Vec<u64>,
}

impl Keeper for Lazy {
    fn arm(&mut self, key: u32, deadline_ns: u64) {
        self.deadlines_ns[key as usize] = deadline_ns;
        self.wheel.arm(deadline_ns, key);
    }

    fn rearm(&mut self, key: u32, deadline_ns: u64) {
        self.deadlines_ns[key as usize] = deadline_ns;
    }

    fn next_wake_ns(&self) -> Option<u64> {
        self.wheel.next_wake_ns()
    }

    fn pop(&mut self, now_ns: u64) -> Option<Popped> {
        let (_, key, _) = self.wheel.pop_expired(now_ns)?;
        let deadline_ns = self.deadlines_ns[key as usize];
        if deadline_ns > now_ns {
            self.wheel.arm(deadline_ns, key);
            return Some(Popped::Stale);
        }
        Some(Popped::Reached { key, deadline_ns })
    }

    fn entries(&self) -> usize {
        self.wheel.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_deadline_fires_once_at_its_new_instant() {
        for (scheme, wakes) in [
            (Scheme::Wheel, vec![(40, "b 31"), (60, "a 55")]),
            (Scheme::Heap, vec![(11, "stale"), (31, "b 31"), (55, "a 55")]),
            (Scheme::Lazy, vec![(20, "stale"), (40, "b 31"), (60, "a 55")]),
        ] {
            let mut keeper = keeper(scheme, 2, 10);
            keeper.arm(0, 11);
            keeper.arm(1, 31);
            keeper.rearm(0, 55);
            for (wake_ns, expected) in wakes {
                assert_eq!(keeper.next_wake_ns(), Some(wake_ns), "{scheme}");
                assert_eq!(keeper.pop(wake_ns - 1), None, "{scheme}");
                let popped = match keeper.pop(wake_ns) {
                    None => "nothing".to_owned(),
                    Some(Popped::Stale) => "stale".to_owned(),
                    Some(Popped::Reached { key, deadline_ns }) => {
                        format!("{} {deadline_ns}", ["a", "b"][key as usize])
                    }
                };
                assert_eq!(popped, expected, "{scheme}");
                assert_eq!(keeper.pop(wake_ns), None, "{scheme}");
            }
            assert_eq!((keeper.next_wake_ns(), keeper.entries()), (None, 0));
        }
    }
}
