//! Deadlines, soonest first: a hierarchical timing wheel, O(1) to arm, to move, to cancel and to expire.

mod far;
mod lists;
mod occupied;

use self::far::{FAR_SLOTS, Far};
use self::lists::{Lists, NONE};
use self::occupied::Occupied;
pub use self::occupied::SLOTS;

/// Names an armed deadline. It is void once the deadline was cancelled or popped; a void name is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

/// A hierarchical timing wheel: scheme 7 of Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987).
///
/// ```text
///   tick = deadline rounded up
///
///   this rotation     4096 slots of a tick:              … 17   18   19   20 …
///   level 0             64 slots of 4096 ticks                 ╰─ moved when its first tick comes
///   level 1             64 slots of 64 × 4096 ticks       and so on, up to 2⁶⁴ ticks
/// ```
///
/// An entry lies on the level of the highest bits in which its tick differs from the tick settled last, so that all of a
/// level are sooner than all of the next. However many deadlines lie in one slot, they are looked at once for each level
/// that they pass: one that is a minute away, in ticks of 100 µs, twice. The soonest tick is known without a search, so
/// that the owner sleeps until it instead of ticking. Beyond the rotation it is a lower bound: moving or cancelling the
/// soonest deadline of a slot leaves it as it is, and costs at most one wake-up for nothing.
///
/// A deadline is never early, and late by less than one tick if the owner calls at [`next_wake_ns`]. Instants are
/// nanoseconds of any monotonic clock; the wheel reads none. Memory grows with the largest number ever armed.
///
/// [`next_wake_ns`]: Wheel::next_wake_ns
#[derive(Debug)]
pub struct Wheel<K> {
    tick_ns: u64,
    /// The present tick: what its slot holds is due, and earlier slots are empty.
    settled: u64,
    lists: Lists<K>,
    near: Occupied,
    far: Far,
    /// How often an entry was moved to a lower level.
    #[cfg(test)]
    moves: u64,
}

impl<K> Wheel<K> {
    /// An empty wheel with a resolution of `tick_ns`; its first rotation takes [`SLOTS`] ticks.
    ///
    /// # Panics
    /// If `tick_ns` is 0.
    #[must_use]
    pub fn new(tick_ns: u64, now_ns: u64) -> Self {
        assert!(tick_ns > 0, "a tick takes at least 1 ns");
        Wheel {
            tick_ns,
            settled: now_ns / tick_ns,
            lists: Lists::new(SLOTS + FAR_SLOTS),
            near: Occupied::default(),
            far: Far::default(),
            #[cfg(test)]
            moves: 0,
        }
    }

    /// Armed deadlines, including those that are due and not popped.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lists.used
    }

    /// Is nothing armed?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lists.used == 0
    }

    /// Arm a deadline for `key`. One that has passed is due at once.
    ///
    /// # Panics
    /// If 2³² − 1 deadlines are armed.
    pub fn arm(&mut self, deadline_ns: u64, key: K) -> TimerId {
        let index = self.lists.insert(key);
        self.place(index, deadline_ns);
        TimerId { index, generation: self.lists.entries[index as usize].generation }
    }

    /// Move a deadline, in either direction. `false` if `id` is void.
    pub fn rearm(&mut self, id: TimerId, deadline_ns: u64) -> bool {
        if !self.is_armed(id) {
            return false;
        }
        let tick = self.tick_of(deadline_ns);
        let entry = &mut self.lists.entries[id.index as usize];
        // Connections are touched many times in one tick: nothing to do then.
        if entry.tick == tick {
            entry.deadline_ns = deadline_ns;
        } else {
            self.unlink(id.index);
            self.place(id.index, deadline_ns);
        }
        true
    }

    /// Is it armed, or due and not popped?
    #[must_use]
    pub fn is_armed(&self, id: TimerId) -> bool {
        let entry = self.lists.entries.get(id.index as usize);
        entry.is_some_and(|entry| entry.generation == id.generation && entry.key.is_some())
    }

    /// Disarm a deadline and return its key. `None` if `id` is void.
    pub fn cancel(&mut self, id: TimerId) -> Option<K> {
        if !self.is_armed(id) {
            return None;
        }
        self.unlink(id.index);
        self.lists.release(id.index)
    }

    /// The instant at which it is worth calling [`pop_expired`](Wheel::pop_expired): the tick of the soonest
    /// deadline, or earlier once after that one was moved or cancelled. `None` when nothing is armed.
    #[must_use]
    pub fn next_wake_ns(&self) -> Option<u64> {
        (self.lists.used > 0).then(|| self.soonest().saturating_mul(self.tick_ns))
    }

    /// Disarm and return one deadline that is due at `now_ns`, with its key and the deadline that was asked for:
    /// earlier ticks first, and in the order of arming within a tick. Call until `None`.
    ///
    /// However far the time jumped, only slots that hold deadlines are visited.
    pub fn pop_expired(&mut self, now_ns: u64) -> Option<(TimerId, K, u64)> {
        let now = now_ns / self.tick_ns;
        while self.lists.used > 0 && self.due() == NONE && self.soonest() <= now {
            self.settle(self.soonest());
        }
        let index = self.due();
        if index == NONE {
            self.settle(now.max(self.settled));
            return None;
        }
        let entry = &self.lists.entries[index as usize];
        let (id, deadline_ns) = (TimerId { index, generation: entry.generation }, entry.deadline_ns);
        self.unlink(index);
        self.lists.release(index).map(|key| (id, key, deadline_ns))
    }

    /// The first entry that is due.
    fn due(&self) -> u32 {
        self.lists.first(slot_of(self.settled))
    }

    /// Rounded up: never early. What has passed shares the tick that was settled last.
    fn tick_of(&self, deadline_ns: u64) -> u64 {
        deadline_ns.div_ceil(self.tick_ns).max(self.settled)
    }

    /// Put an unlinked entry where its deadline belongs.
    fn place(&mut self, index: u32, deadline_ns: u64) {
        let tick = self.tick_of(deadline_ns);
        let entry = &mut self.lists.entries[index as usize];
        (entry.deadline_ns, entry.tick) = (deadline_ns, tick);
        if let Some(slot) = Far::slot_of(self.settled, tick) {
            self.far.insert(slot, tick);
            self.lists.link(index, SLOTS + slot);
        } else {
            self.near.insert(slot_of(tick));
            self.lists.link(index, slot_of(tick));
        }
    }

    /// Tick `tick` has come, and no entry has an earlier one: what lies in slots whose span has begun goes where the lower
    /// levels have a slot for it.
    fn settle(&mut self, tick: u64) {
        let is_same_rotation = Far::slot_of(self.settled, tick).is_none();
        self.settled = tick;
        if is_same_rotation {
            return;
        }
        while let Some(slot) = self.far.around(tick) {
            let index = self.lists.first(SLOTS + slot);
            let deadline_ns = self.lists.entries[index as usize].deadline_ns;
            self.unlink(index);
            self.place(index, deadline_ns);
            #[cfg(test)]
            {
                self.moves += 1;
            }
        }
    }

    /// The soonest tick: exactly within the rotation, a lower bound beyond it. `u64::MAX` where nothing is armed.
    fn soonest(&self) -> u64 {
        let slot = self.near.at_or_after(slot_of(self.settled));
        slot.map_or_else(
            || self.far.soonest(),
            |slot| self.settled - slot_of(self.settled) as u64 + slot as u64,
        )
    }

    /// Take an entry out of its list. Lower bounds stay: they are made exact when they matter.
    fn unlink(&mut self, index: u32) {
        let list = self.lists.unlink(index);
        if self.lists.first(list) == NONE {
            match list.checked_sub(SLOTS) {
                Some(slot) => self.far.remove(slot),
                None => self.near.remove(list),
            }
        }
    }
}

fn slot_of(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(wheel: &mut Wheel<char>, now_ns: u64) -> String {
        std::iter::from_fn(|| wheel.pop_expired(now_ns)).map(|(_, key, _)| key).collect()
    }

    #[test]
    fn a_deadline_is_rounded_up_to_the_next_tick() {
        let mut wheel = Wheel::new(10, 0);
        wheel.arm(11, 'a');
        assert_eq!(wheel.next_wake_ns(), Some(20));
        assert_eq!(drain(&mut wheel, 19), "");
        assert!(matches!(wheel.pop_expired(20), Some((_, 'a', 11))));
        assert_eq!((wheel.next_wake_ns(), wheel.is_empty()), (None, true));
    }

    #[test]
    fn a_passed_deadline_is_due_at_once() {
        let mut wheel = Wheel::new(10, 105);
        wheel.arm(3, 'a');
        assert!(wheel.next_wake_ns() <= Some(105));
        assert_eq!(drain(&mut wheel, 105), "a");
    }

    #[test]
    fn far_deadlines_cause_no_intermediate_wake_ups() {
        let mut wheel = Wheel::new(1, 0);
        let far = 10 * SLOTS as u64 + 5;
        wheel.arm(far, 'f');
        wheel.arm(5, 'n');
        assert_eq!(drain(&mut wheel, 5), "n", "same slot, ten rotations earlier");
        assert_eq!(wheel.next_wake_ns(), Some(far));
        assert_eq!(drain(&mut wheel, far - 1), "");
        assert_eq!(drain(&mut wheel, far), "f");
    }

    #[test]
    fn a_jump_over_many_rotations_keeps_the_order() {
        let mut wheel = Wheel::new(1, 0);
        for (rotations, slot, key) in [(3, 1, 'd'), (0, 9, 'a'), (2, 9, 'c'), (0, 9, 'b'), (1 << 40, 0, 'e')]
        {
            wheel.arm(rotations * SLOTS as u64 + slot, key);
        }
        assert_eq!(drain(&mut wheel, u64::MAX), "abcde");
    }

    #[test]
    fn a_stale_timer_id_has_no_effect() {
        let mut wheel = Wheel::new(1, 0);
        let old = wheel.arm(5, 'a');
        assert_eq!(wheel.cancel(old), Some('a'));
        let new = wheel.arm(6, 'b');
        assert_eq!(new.index, old.index, "the entry is used again");
        assert!(!wheel.rearm(old, 1));
        assert_eq!((wheel.cancel(old), wheel.len()), (None, 1));
    }

    #[test]
    fn a_deadline_at_u64_max_works() {
        let mut wheel = Wheel::new(1, u64::MAX - 1);
        wheel.arm(u64::MAX, 'z');
        assert_eq!(wheel.next_wake_ns(), Some(u64::MAX));
        assert_eq!(
            (drain(&mut wheel, u64::MAX - 1).as_str(), drain(&mut wheel, u64::MAX).as_str()),
            ("", "z")
        );
        assert_eq!(drain(&mut wheel, u64::MAX), "");
    }

    #[test]
    fn one_full_slot_is_not_looked_at_for_every_tick() {
        const FULL: u64 = 19_000;
        let mut wheel = Wheel::new(1, 0);
        let end = 300 * SLOTS as u64 + 77;
        let full: Vec<TimerId> = (0..FULL).map(|_| wheel.arm(end, 'f')).collect();
        for tick in (1..end).step_by(100) {
            wheel.arm(tick, 'n');
            assert_eq!(drain(&mut wheel, tick), "n");
        }
        for id in &full[..FULL as usize - 1] {
            assert_eq!((wheel.cancel(*id), wheel.next_wake_ns()), (Some('f'), Some(end)));
        }
        assert_eq!(drain(&mut wheel, end), "f");
        assert!(wheel.moves < 2 * FULL + 1000, "{} moves: each passes two levels", wheel.moves);
    }

    #[test]
    fn no_memory_is_allocated_after_warm_up() {
        let mut wheel = Wheel::new(1, 0);
        for now in 0..10_000 {
            let id = wheel.arm(now + 100, 'x');
            wheel.rearm(id, now + 50);
            while wheel.pop_expired(now).is_some() {}
        }
        assert_eq!(wheel.lists.entries.len(), 51, "as many entries as were ever armed together");
    }
}
