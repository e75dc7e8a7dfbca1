//! The load generator against a reference server in the same process: what it counts must be what happened.

#[macro_use]
extern crate macro_rules_attribute;
#[macro_use]
#[path = "../common/mod.rs"]
mod common;
mod endings;
mod idle;
mod lifetimes;
mod protocols;
mod resets;
mod shards;
mod sharing;
mod threads;
mod uploads;

use std::{
    sync::{atomic::AtomicBool, mpsc},
    thread,
    time::Duration,
};

use common::host::patience;

use badpeer::{
    address::Address,
    client::{self, Driven, Plan},
    metric::{Metric, Row},
    profile::{Group, ServerOptions},
    server::Server,
    sys::monotonic_ns,
};

/// Drives a fresh server with these groups for so many milliseconds, without warm-up.
fn driven(server: &str, clients: &str, measure_ms: u64) -> Driven {
    served(server, |address| driven_at(address, clients, measure_ms))
}

/// What clients do to a fresh server.
fn served(server: &str, clients: impl FnOnce(Address) -> Driven) -> Driven {
    let options: ServerOptions = toml::from_str(server).expect("options");
    let server = Server::bind(&options, None).expect("a server");
    let (address, stop) = (server.addresses().service, server.stop_handle());
    let serving = thread::spawn(|| server.run());
    let driven = clients(address);
    stop.stop();
    serving.join().expect("no panic").expect("a good end");
    driven
}

/// The same with a server that is there already.
fn driven_at(address: impl Into<Address>, clients: &str, measure_ms: u64) -> Driven {
    driven_by(1, address, clients, measure_ms)
}

/// The same with so many threads.
fn driven_by(threads: u32, address: impl Into<Address>, clients: &str, measure_ms: u64) -> Driven {
    let plan = plan(threads, address, clients, measure_ms);
    let (sender, _ticks) = mpsc::channel();
    let result = thread::spawn(move || client::drive(&plan, &AtomicBool::new(false), &sender)).join();
    result.expect("no panic").expect("the machine suffices")
}

fn plan(threads: u32, address: impl Into<Address>, clients: &str, measure_ms: u64) -> Plan {
    #[derive(serde::Deserialize)]
    struct Groups {
        clients: Vec<Group>,
    }
    let groups: Groups = toml::from_str(clients).expect("groups");
    Plan {
        address: address.into(),
        groups: groups.clients,
        seed: 1,
        epoch_ns: monotonic_ns(),
        warmup: Duration::ZERO,
        measure: Duration::from_millis(measure_ms * patience()),
        phases: Vec::new(),
        sample_every: Duration::from_millis(100),
        threads,
        accept_queue: None,
        shard: None,
        sampled: std::sync::Arc::new(AtomicBool::new(true)),
    }
}

fn of(row: &Row, metric: Metric) -> f64 {
    row.value(metric).unwrap_or_else(|| panic!("{} was not measured", metric.spec().name))
}

#[apply(timed_test!)]
fn a_slow_reader_behind_its_schedule_keeps_reading() {
    let clients = r#"
        [[clients]]
        name = "slow"
        count = 2
        load = { rate = "50/s", payload = "16B", answer = "64KiB" }
        rx = { slow = { bytes = 100, every = "1us" } }
    "#;
    let driven = driven("", clients, 600);
    let received = of(&driven.whole[0], Metric::Received);
    assert!(received > 500_000.0, "{received} bytes were received");
}

#[apply(patient_test!)]
fn a_slow_reader_reads_at_its_rate() {
    let clients = r#"
        [[clients]]
        name = "slow"
        count = 10
        recv_buffer = "32KiB"
        load = { depth = 1, payload = "16B", answer = "8MiB" }
        rx = { slow = { bytes = 1000, every = "10ms" } }
    "#;
    let driven = driven("", clients, 1500);
    let received = of(&driven.whole[0], Metric::Received) / patience() as f64;
    // Making 80 MiB of answers takes a debug build its time; going faster to make up for it is what it must not do.
    assert!((900_000.0..1_520_000.0).contains(&received), "{received} bytes instead of 1.5 MB");
}

#[apply(timed_test!)]
fn a_slow_sender_slows_every_request() {
    let clients = r#"
        [[clients]]
        name = "drips"
        count = 1
        load = { rate = "4/s", payload = "68B" }
        tx = { slow = { bytes = 10, every = "10ms" } }
    "#;
    // A request of 100 bytes takes ten pauses, also when there was a quarter of a second before it.
    let driven = driven("", clients, 1200);
    let fastest = driven.groups[0].response_ns.quantile(0.0).expect("answers");
    assert!(fastest > 85_000_000, "a request took {fastest} ns");
}

#[apply(timed_test!)]
fn an_open_loop_counts_skipped_requests_and_their_lateness() {
    let clients = r#"
        [[clients]]
        name = "flood"
        count = 1
        load = { rate = "1000000/s", payload = "16B" }
    "#;
    let driven = driven("", clients, 500);
    let group = &driven.groups[0];
    let due = group.requests.started + group.requests.skipped;
    assert!((450_000..=500_000).contains(&due), "{due} requests became due");
    let offered = of(&driven.summaries[0], Metric::Offered);
    assert!((offered - due as f64 * 2.0).abs() < 1.0, "{offered}/s were offered");
    assert!(of(&driven.run, Metric::StartedLate) > 1000.0, "no client starts a million requests a second");
    assert!(of(&driven.run, Metric::PacingErrorP99) > 1e6, "and none of them late?");
}

#[apply(timed_test!)]
fn opening_many_connections_does_not_block_other_groups() {
    let clients = r#"
        [[clients]]
        name = "good"
        count = 4
        load = { rate = "500/s", payload = "64B" }

        [[clients]]
        name = "storm"
        count = 3000
        start = "300ms"
        load = { depth = 1, payload = "64B" }
        tx = "stall"
    "#;
    let driven = driven("", clients, 1500);
    assert_eq!(driven.groups[1].ledger.still_alive, 3000);
    let p99 = of(&driven.summaries[0], Metric::LatencyP99);
    assert!(p99 < 150e6, "good clients waited {p99} ns");
}

#[apply(timed_test!)]
fn groups_come_and_leave_at_their_times() {
    let clients = r#"
        [[clients]]
        name = "good"
        count = 4
        load = { depth = 1, payload = "64B" }
        stop = "300ms"

        [[clients]]
        name = "half"
        count = 3
        load = { depth = 1, payload = "64B" }
        tx = { stall = { after = "8B" } }
        start = "200ms"
        stop = "400ms"
    "#;
    let driven = driven("", clients, 600);
    let [good, half] = &driven.groups[..] else { panic!("two groups") };
    assert_eq!((good.ledger.closed_by_us, good.ledger.still_alive), (4, 0));
    assert_eq!((good.requests.lost, good.requests.unanswered), (0, 0), "good clients wait for their answers");
    assert_eq!((half.ledger.opened, half.ledger.closed_by_us), (3, 3));
    for port in driven.ports {
        let open_ns = port.ended_ns.expect("it left") - port.opened_ns;
        let (least, most) = if port.group == 0 { (290, 400) } else { (190, 300) };
        assert!((least..most).contains(&(open_ns / 1_000_000)), "open for {open_ns} ns");
    }
}

#[apply(timed_test!)]
fn an_unfinished_request_counts_as_unanswered() {
    let clients = r#"
        [[clients]]
        name = "half"
        count = 3
        load = { depth = 1, payload = "64B" }
        tx = { stall = { after = "40B" } }
    "#;
    let driven = driven("", clients, 300);
    let requests = driven.groups[0].requests;
    assert_eq!((requests.started, requests.answered, requests.unanswered), (3, 0, 3));
    assert!(requests.oldest_unanswered_ns > 250_000_000);
}

#[apply(timed_test!)]
fn evicted_connections_and_their_lost_requests_are_counted() {
    let clients = r#"
        [[clients]]
        name = "never reads"
        count = 3
        recv_buffer = "16KiB"
        load = { rate = "300/s", payload = "16B", answer = "512KiB" }
        rx = "stall"
    "#;
    let driven = driven("send_limit = \"1MiB\"", clients, 800);
    let group = &driven.groups[0];
    assert_eq!((group.ledger.opened, group.ledger.evicted_rst), (3, 3));
    assert!(group.ledger.balances());
    let requests = group.requests;
    assert!(requests.lost > 0 && requests.skipped > 0, "{requests:?}");
    assert_eq!(requests.started, requests.answered + requests.unanswered + requests.lost);
    assert!(of(&driven.summaries[0], Metric::EvictedAfterMax) < 800e6);
}
