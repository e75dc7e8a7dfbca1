//! The timing wheel against the usual alternative, a binary heap with lazy deletion.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Duration;

use badpeer::timers::{TimerId, Wheel};
use criterion::Criterion;

/// Deadlines armed, as by so many connections.
const ARMED: usize = 100_000;
/// 10 ms.
const TICK_NS: u64 = 10_000_000;
/// Every event moves one deadline this far: 2 s. The same for all, which is kindest to the heap: a push at the end.
const TIMEOUT_NS: u64 = 2_000_000_000;
/// Time between events: 100,000 a second.
const EVENT_NS: u64 = 10_000;

fn main() {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1));
    let mut criterion = criterion.measurement_time(Duration::from_secs(3)).configure_from_args();
    moves(&mut criterion);
    expiry(&mut criterion);
    criterion.final_summary();
}

/// An event on a random connection moves its deadline; what is due is popped. Hardly any deadline is ever reached.
fn moves(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("move one of 100,000 deadlines");
    let mut wheel = Wheel::new(TICK_NS, 0);
    let mut ids: Vec<TimerId> = (0..ARMED).map(|key| wheel.arm(TIMEOUT_NS, key)).collect();
    let mut clock = Clock::default();
    group.bench_function("wheel", |bencher| {
        bencher.iter(|| {
            let (now, key) = clock.event();
            wheel.rearm(ids[key], now + TIMEOUT_NS);
            while let Some((_, key, _)) = wheel.pop_expired(now) {
                ids[key] = wheel.arm(now + TIMEOUT_NS, key);
            }
        });
    });
    let mut deadlines = vec![TIMEOUT_NS; ARMED];
    let mut heap: BinaryHeap<_> = (0..ARMED).map(|key| Reverse((TIMEOUT_NS, key))).collect();
    let mut clock = Clock::default();
    group.bench_function("heap", |bencher| {
        bencher.iter(|| {
            let (now, key) = clock.event();
            deadlines[key] = now + TIMEOUT_NS;
            heap.push(Reverse((now + TIMEOUT_NS, key)));
            while let Some(Reverse((deadline, key))) = heap.peek().copied()
                && deadline <= now
            {
                heap.pop();
                if deadlines[key] == deadline {
                    deadlines[key] = now + TIMEOUT_NS;
                    heap.push(Reverse((now + TIMEOUT_NS, key)));
                }
            }
        });
    });
    group.finish();
}

/// Every deadline is reached: one is armed, and one expires, at every event.
fn expiry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("arm one and expire one, 100,000 armed");
    let timeout_ns = ARMED as u64 * EVENT_NS;
    let mut wheel = Wheel::new(TICK_NS, 0);
    let mut clock = Clock::default();
    group.bench_function("wheel", |bencher| {
        bencher.iter(|| {
            let (now, key) = clock.event();
            wheel.arm(now + timeout_ns, key);
            while let Some(expired) = wheel.pop_expired(now) {
                black_box(expired);
            }
        });
    });
    let mut heap = BinaryHeap::new();
    let mut clock = Clock::default();
    group.bench_function("heap", |bencher| {
        bencher.iter(|| {
            let (now, key) = clock.event();
            heap.push(Reverse((now + timeout_ns, key)));
            while heap.peek().is_some_and(|Reverse((deadline, _))| *deadline <= now) {
                black_box(heap.pop());
            }
        });
    });
    group.finish();
}

/// When the next event happens, and to which connection.
struct Clock {
    now_ns: u64,
    random: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { now_ns: 0, random: 0x9e37_79b9_7f4a_7c15 }
    }
}

impl Clock {
    fn event(&mut self) -> (u64, usize) {
        self.now_ns += EVENT_NS;
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.now_ns, (self.random >> 32) as usize % ARMED)
    }
}
