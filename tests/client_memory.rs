//! What one more client costs in user space: nothing of it may grow with what the client has to say or to hear.

use std::{
    net::TcpListener,
    sync::{atomic::AtomicBool, mpsc},
    time::Duration,
};

use badpeer::{
    client::{self, Plan},
    profile::Group,
    sys::monotonic_ns,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The most that lay on the heap while so many slow readers were there: they are few enough for the listener's queue,
/// so they need not be accepted.
fn peak(count: usize) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let group = format!(
        "name = 'slow'\ncount = {count}\nload = {{ depth = 1, payload = '16B' }}\n\
         rx = {{ slow = {{ bytes = 1024, every = '1s' }} }}"
    );
    let group: Group = toml::from_str(&group).expect("a group");
    let plan = Plan {
        accept_queue: None,
        address: address.into(),
        groups: vec![group],
        seed: 1,
        epoch_ns: monotonic_ns(),
        warmup: Duration::ZERO,
        measure: Duration::from_millis(500),
        phases: Vec::new(),
        sample_every: Duration::from_secs(1),
        threads: 1,
        shard: None,
        sampled: std::sync::Arc::new(AtomicBool::new(true)),
    };
    let (sender, _ticks) = mpsc::channel();
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let driven = client::drive(&plan, &AtomicBool::new(false), &sender).expect("the machine suffices");
    let peak = HEAP.peak_usage() - before;
    assert_eq!(driven.groups[0].ledger.still_alive, count as u64);
    peak
}

#[test]
fn a_slow_reader_costs_less_than_a_kibibyte() {
    // Tables double, so that from one power of two to another nothing is half used.
    let (few, many) = (peak(32), peak(128));
    let each = (many - few) / (128 - 32);
    assert!((100..1024).contains(&each), "{each} bytes for each client");
}
