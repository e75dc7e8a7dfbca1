//! The slots beyond the first rotation: each level has 64, and each of them spans a whole rotation of the level below.

use super::occupied::SLOTS;

/// Slots of one level.
const WIDTH: usize = 64;
const WIDTH_BITS: u32 = WIDTH.trailing_zeros();
const NEAR_BITS: u32 = SLOTS.trailing_zeros();
/// So many levels reach every tick.
const LEVELS: usize = (u64::BITS - NEAR_BITS).div_ceil(WIDTH_BITS) as usize;

/// Slots of all levels together.
pub(super) const FAR_SLOTS: usize = LEVELS * WIDTH;

/// Which slots are occupied, and since which tick at the earliest.
#[derive(Debug)]
pub(super) struct Far {
    /// A bit for each slot of a level.
    occupied: [u64; LEVELS],
    /// No entry of the slot has an earlier tick.
    lowest: Box<[u64]>,
}

impl Default for Far {
    fn default() -> Self {
        Far { occupied: [0; LEVELS], lowest: vec![u64::MAX; FAR_SLOTS].into_boxed_slice() }
    }
}

impl Far {
    /// The slot of a tick later than `settled`; `None` where it lies in the same rotation.
    pub(super) fn slot_of(settled: u64, tick: u64) -> Option<usize> {
        let differing = settled ^ tick;
        let highest = differing.checked_ilog2()?.checked_sub(NEAR_BITS)?;
        Some(slot_in((highest / WIDTH_BITS) as usize, tick))
    }

    /// The slot holds an entry of this tick from now on.
    pub(super) fn insert(&mut self, slot: usize, tick: u64) {
        self.occupied[slot / WIDTH] |= 1 << (slot % WIDTH);
        self.lowest[slot] = self.lowest[slot].min(tick);
    }

    /// The slot is empty.
    pub(super) fn remove(&mut self, slot: usize) {
        self.occupied[slot / WIDTH] &= !(1 << (slot % WIDTH));
        self.lowest[slot] = u64::MAX;
    }

    /// No entry has an earlier tick; `u64::MAX` where there is none. What is on a lower level is sooner.
    pub(super) fn soonest(&self) -> u64 {
        let level = self.occupied.iter().position(|occupied| *occupied != 0);
        level.map_or(u64::MAX, |level| {
            self.lowest[level * WIDTH + self.occupied[level].trailing_zeros() as usize]
        })
    }

    /// An occupied slot whose span this tick lies in.
    pub(super) fn around(&self, tick: u64) -> Option<usize> {
        let slots = (0..LEVELS).map(|level| slot_in(level, tick));
        slots.into_iter().find(|slot| self.occupied[slot / WIDTH] >> (slot % WIDTH) & 1 == 1)
    }
}

fn slot_in(level: usize, tick: u64) -> usize {
    let place = tick >> (NEAR_BITS + WIDTH_BITS * level as u32);
    level * WIDTH + place as usize % WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ticks_lie_on_higher_levels() {
        let rotation = SLOTS as u64;
        let slot = |tick| Far::slot_of(5 * rotation + 7, tick);
        assert_eq!([slot(5 * rotation + 8), slot(6 * rotation - 1)], [None, None]);
        assert_eq!(slot(6 * rotation), Some(6));
        assert_eq!(slot(64 * rotation - 1), Some(63));
        assert_eq!(slot(64 * rotation), Some(WIDTH + 1));
        assert_eq!(slot(64 * 64 * rotation), Some(2 * WIDTH + 1));
        assert!(slot(u64::MAX) < Some(FAR_SLOTS));
    }

    #[test]
    fn the_soonest_tick_is_on_the_lowest_level() {
        let rotation = SLOTS as u64;
        let mut far = Far::default();
        assert_eq!(far.soonest(), u64::MAX);
        for tick in [70 * rotation, 9 * rotation + 3, 9 * rotation + 1, 5 * rotation] {
            far.insert(Far::slot_of(0, tick).expect("not in the first rotation"), tick);
        }
        assert_eq!((far.soonest(), far.around(9 * rotation)), (5 * rotation, Some(9)));
        far.remove(5);
        assert_eq!((far.soonest(), far.around(5 * rotation)), (9 * rotation + 1, None));
        far.remove(9);
        assert_eq!((far.soonest(), far.around(100 * rotation)), (70 * rotation, Some(WIDTH + 1)));
    }
}
