//! The wheel against a sorted map: the same deadlines in the same order, never early, and no idle wake-ups.

use std::collections::BTreeMap;

use badpeer::timers::{SLOTS, TimerId, Wheel};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_timing_wheel_behaves_like_a_sorted_map(
        tick_ns in prop_oneof![Just(1_u64), Just(7), Just(1_000_000)],
        start_ticks in 0..3 * SLOTS as u64,
        ops in prop::collection::vec(op(), 1..300),
    ) {
        let mut pair = Pair::new(tick_ns, start_ticks * tick_ns + tick_ns / 2);
        for op in &ops {
            pair.apply(op);
        }
        while !pair.model.is_empty() {
            pair.apply(&Op::SleepUntilWoken);
        }
        prop_assert!(pair.wheel.is_empty());
        prop_assert_eq!(pair.wheel.next_wake_ns(), None);
    }
}

/// Instants are milliticks from now, so that every tick length gets the same test.
#[derive(Clone, Debug)]
enum Op {
    Arm(i64),
    Rearm(usize, i64),
    Cancel(usize),
    Pass(i64),
    SleepUntilWoken,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => deadline().prop_map(Op::Arm),
        4 => (any::<usize>(), deadline()).prop_map(|(which, at)| Op::Rearm(which, at)),
        2 => any::<usize>().prop_map(Op::Cancel),
        2 => (0..3000_i64).prop_map(Op::Pass),
        1 => (0..20_000 * SLOTS as i64).prop_map(Op::Pass),
        1 => (0..9_000_000 * SLOTS as i64).prop_map(Op::Pass),
        4 => Just(Op::SleepUntilWoken),
    ]
}

fn deadline() -> impl Strategy<Value = i64> {
    let rotation = 1000 * SLOTS as i64;
    prop_oneof![
        1 => -5000..1_i64,
        4 => 0..20_000_i64,
        2 => 0..rotation,
        2 => 0..20 * rotation,
        2 => 0..9000 * rotation,
        1 => (1..4_i64).prop_map(move |n| n * rotation),
        1 => (1..4_i64).prop_map(move |n| n * 64 * rotation),
    ]
}

struct Pair {
    tick_ns: u64,
    now_ns: u64,
    wheel: Wheel<u64>,
    /// By tick and then by order of arming: the key, the name and the deadline.
    model: BTreeMap<(u64, u64), (u64, TimerId, u64)>,
    /// The last tick that is over.
    settled: u64,
    count: u64,
    /// How often a deadline was taken away, and how often we were woken for nothing.
    disturbed: u64,
    idle_wakes: u64,
}

impl Pair {
    fn new(tick_ns: u64, now_ns: u64) -> Self {
        let (wheel, model) = (Wheel::new(tick_ns, now_ns), BTreeMap::new());
        let settled = now_ns / tick_ns;
        Pair { tick_ns, now_ns, wheel, model, settled, count: 0, disturbed: 0, idle_wakes: 0 }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Arm(at) => {
                let at = self.instant(at);
                self.count += 1;
                let id = self.wheel.arm(at, self.count);
                self.model.insert((self.tick(at), self.count), (self.count, id, at));
            }
            Op::Rearm(which, at) => self.rearm(which, at),
            Op::Cancel(which) => {
                if let Some(place) = self.pick(which) {
                    self.disturb(place);
                    let (key, id, _) = self.model.remove(&place).expect("it was picked");
                    assert_eq!(self.wheel.cancel(id), Some(key));
                    assert_eq!(self.wheel.cancel(id), None, "its name is void");
                    assert!(!self.wheel.rearm(id, 0), "its name is void");
                }
            }
            Op::Pass(time) => {
                self.now_ns = self.instant(time);
                self.expire();
            }
            Op::SleepUntilWoken => {
                if let Some(wake_ns) = self.wheel.next_wake_ns() {
                    self.now_ns = self.now_ns.max(wake_ns);
                    self.idle_wakes += u64::from(self.expire() == 0);
                    assert!(self.idle_wakes <= self.disturbed, "woken for nothing");
                }
            }
        }
        self.check();
    }

    fn rearm(&mut self, which: usize, at: i64) {
        let Some(place) = self.pick(which) else { return };
        let at = self.instant(at);
        let (key, id, _) = self.model[&place];
        assert!(self.wheel.rearm(id, at));
        let tick = self.tick(at);
        if tick == place.0 {
            self.model.insert(place, (key, id, at));
            return;
        }
        self.disturb(place);
        self.model.remove(&place);
        self.count += 1;
        self.model.insert((tick, self.count), (key, id, at));
    }

    /// Pop what is due from both; how many that were.
    fn expire(&mut self) -> usize {
        let mut popped = 0;
        let due = self.now_ns / self.tick_ns;
        while let Some((id, key, deadline_ns)) = self.wheel.pop_expired(self.now_ns) {
            let ((tick, _), expected) = self.model.pop_first().expect("nothing was armed");
            assert_eq!((key, id, deadline_ns), expected);
            assert!(tick <= due && deadline_ns <= self.now_ns, "early");
            popped += 1;
        }
        assert!(self.model.keys().all(|(tick, _)| *tick > due), "late");
        self.settled = self.settled.max(due);
        popped
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.model.len());
        let soonest_ns = self.model.keys().next().map(|(tick, _)| tick * self.tick_ns);
        match (self.wheel.next_wake_ns(), soonest_ns) {
            (Some(wake_ns), Some(soonest_ns)) => assert!(wake_ns <= soonest_ns, "{wake_ns} > {soonest_ns}"),
            (wake, soonest) => assert_eq!(wake, soonest),
        }
        if self.disturbed == 0 {
            assert_eq!(self.wheel.next_wake_ns(), soonest_ns, "exact, as nothing was taken away");
        }
    }

    fn pick(&self, which: usize) -> Option<(u64, u64)> {
        let armed = self.model.len();
        (armed > 0).then(|| *self.model.keys().nth(which % armed).expect("it is in range"))
    }

    /// Taking away one that is not due yet may cost one idle wake-up: it may be the soonest of its slot.
    fn disturb(&mut self, place: (u64, u64)) {
        self.disturbed += u64::from(place.0 > self.settled);
    }

    fn instant(&self, milliticks: i64) -> u64 {
        self.now_ns.saturating_add_signed(milliticks * self.tick_ns as i64 / 1000)
    }

    fn tick(&self, deadline_ns: u64) -> u64 {
        deadline_ns.div_ceil(self.tick_ns).max(self.settled)
    }
}
