//! Several threads that drive the clients: together they do what one would have done.

use std::collections::BTreeSet;

use badpeer::metric::Metric;

use super::{driven_by, of, served};

const GROUPS: &str = r#"
    [[clients]]
    name = "closed"
    count = 5
    load = { depth = 2, payload = "100B" }
    [[clients]]
    name = "one"
    count = 1
    load = { rate = "200/s", payload = "16B" }
    [[clients]]
    name = "open"
    count = 7
    load = { rate = "500/s", payload = "16B", answer = "3000B" }
    [[clients]]
    name = "comes and goes"
    count = 4
    load = { depth = 1, payload = "16B" }
    lifetime = "100ms"
    reconnect = { at_most = "1000/s" }
"#;

#[apply(timed_test!)]
fn threads_split_connections_and_keep_the_rate_of_the_group() {
    let driven = served("", |address| driven_by(3, address, GROUPS, 1000));
    for (group, summary) in driven.groups.iter().zip(&driven.summaries) {
        assert!(group.ledger.balances(), "{group:?}");
        assert_eq!((group.content.corrupt, group.content.first_fault), (0, None), "{}", group.name);
        assert!(group.requests.answered > 100, "{group:?}");
        assert_eq!(of(summary, Metric::Opened) as u64, group.ledger.opened);
    }
    let opened = |index: usize| driven.groups[index].ledger.opened;
    assert_eq!((opened(0), opened(1), opened(2)), (5, 1, 7));
    assert!((20..80).contains(&opened(3)), "4 connections that live for 100 ms each: {} of them", opened(3));
    assert_eq!(driven.ports.len() as u64, driven.groups.iter().map(|group| group.ledger.opened).sum::<u64>());
    assert!(driven.ports.is_sorted_by_key(|port| port.opened_ns));
    // The only connection of "one" is not driven by the thread that reports the groups.
    let started = |index: usize| driven.groups[index].loop_started_ns;
    assert_eq!([0, 1, 2, 3].map(|index| started(index).is_some()), [false, true, true, false]);
    // From the first connection on it took a while until the open loops began.
    for (index, rate) in [(1, 200.0), (2, 500.0)] {
        let missed = started(index).expect("an open loop") as f64 / 1e9;
        let offered = of(&driven.summaries[index], Metric::Offered);
        let whole = rate * (1.0 - missed);
        assert!((whole * 0.95..=rate).contains(&offered), "{offered} requests per second, {missed} s late");
    }
    assert!(driven.whole[1].value(Metric::Due) > Some(100.0), "what became due of it: {:?}", driven.whole[1]);
    let latencies = driven.groups[0].response_ns.count();
    assert!(latencies.abs_diff(driven.groups[0].requests.answered) < 30, "those of all threads: {latencies}");
    let (rows, seconds) = driven.window.as_ref().expect("the whole window");
    assert!((0.9..1.2).contains(seconds), "{seconds} s");
    let answered = [&rows[0], &driven.whole[0]].map(|row| of(row, Metric::Answered));
    assert!(
        answered[0] > 0.9 * answered[1] && answered[0] <= answered[1],
        "in the window and in all: {answered:?}"
    );
    let busy = of(&driven.run, Metric::HarnessBusy);
    assert!((0.01..=1.1).contains(&busy), "{busy} of the time");
}

#[apply(timed_test!)]
fn every_thread_sends_different_content() {
    // Connections with the same content could not be distinguished: the first bytes that each sends must differ.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let reading = std::thread::spawn(move || {
        let first = |_| {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut bytes = [0; 64];
            std::io::Read::read_exact(&mut stream, &mut bytes).expect("its request");
            (bytes, stream)
        };
        let all: Vec<_> = (0..9).map(first).collect();
        all.iter().map(|(bytes, _)| *bytes).collect::<BTreeSet<_>>().len()
    });
    let clients = r#"
        [[clients]]
        name = "all"
        count = 9
        protocol = "echo"
        load = { depth = 1, payload = "64B" }
    "#;
    driven_by(4, address, clients, 500);
    assert_eq!(reading.join().expect("no panic"), 9);
}

/// 450 requests of each of these groups become due, well before the end: whichever thread starts them, and whoever has to
/// wait for the connections of the others.
const SCHEDULED: &str = r#"
    [[clients]]
    name = "constant"
    count = 7
    load = { rate = "1000/s for 450ms then 0/s", payload = "16B" }
    [[clients]]
    name = "poisson"
    count = 5
    load = { rate = "1000/s for 450ms then 0/s", payload = "16B", arrivals = "poisson" }
    [[clients]]
    name = "fewer than threads"
    count = 2
    load = { rate = "500/s to 1300/s over 500ms then 0/s", payload = "16B" }
    [[clients]]
    name = "shared writers"
    count = 3
    protocol = "frame"
    load = { rate = "1000/s for 450ms then 0/s", payload = "64B" }
    tx = { race = { threads = 2, lock = true, header = "16B" } }
"#;

#[test]
fn any_number_of_threads_starts_the_same_requests() {
    let due = |threads: u32| {
        let driven = served("", |address| driven_by(threads, address, SCHEDULED, 1500));
        driven.groups.iter().map(|group| group.requests.started + group.requests.skipped).collect::<Vec<_>>()
    };
    let of_one = due(1);
    assert_eq!([of_one[0], of_one[2], of_one[3]], [450; 3], "{of_one:?}");
    assert!((350..550).contains(&of_one[1]), "a Poisson process: {of_one:?}");
    for threads in 2..=4 {
        assert_eq!(due(threads), of_one, "{threads} threads");
    }
}

/// Five downloads in ranges over four connections, beside connections that other threads have.
const RANGES: &str = r#"
    [[clients]]
    name = "other"
    count = 3
    protocol = "http"
    load = { rate = "100/s for 300ms then 0/s" }
    [[clients]]
    name = "ranges"
    count = 4
    protocol = "http"
    http = { path = "/bytes/40000", ranges = true }
    load = { depth = 1, answer = "40000B" }
    requests_per_connection = 5
"#;

#[test]
fn any_number_of_threads_moves_the_same_ranges() {
    for threads in 1..=4 {
        let driven = served("protocol = \"http\"", |address| driven_by(threads, address, RANGES, 1500));
        let answered = [0, 1].map(|index| driven.groups[index].requests.answered);
        assert_eq!(answered, [30, 20], "{threads} threads");
    }
}
