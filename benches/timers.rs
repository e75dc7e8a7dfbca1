//! The timing wheel against a binary heap with lazy deletion, and against noting what moves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Duration;

use badpeer::experiment::timers::Connections;
use badpeer::profile::{Scheme, Timers};
use badpeer::timers::Wheel;
use criterion::Criterion;

/// Deadlines armed, as by so many connections.
const ARMED: usize = 100_000;
/// 10 ms.
const TICK_NS: u64 = 10_000_000;
/// Time between events: 100,000 a second.
const EVENT_NS: u64 = 10_000;

fn main() {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1));
    let mut criterion = criterion.measurement_time(Duration::from_secs(3)).configure_from_args();
    moves(&mut criterion);
    expiry(&mut criterion);
    criterion.final_summary();
}

/// An event on a random connection moves its deadline; hardly any is ever reached.
fn moves(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("move one of 100,000 deadlines");
    for scheme in [Scheme::Wheel, Scheme::Heap, Scheme::Lazy] {
        let mut connections = Connections::new(&Timers { scheme, ..Timers::default() }, 42);
        group.bench_function(scheme.to_string(), |bencher| bencher.iter(|| connections.event()));
    }
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

/// When the next event happens, and the how many-th it is.
#[derive(Default)]
struct Clock {
    now_ns: u64,
    events: usize,
}

impl Clock {
    fn event(&mut self) -> (u64, usize) {
        self.now_ns += EVENT_NS;
        self.events += 1;
        (self.now_ns, self.events)
    }
}
