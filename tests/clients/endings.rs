//! How clients end connections, break off and come back, against the reference server: what is counted must be what
//! happened, and what was asked before must be answered.

use std::{
    io::{Read, Write},
    net::TcpListener,
    os::fd::AsFd,
    thread,
    time::Duration,
};

use badpeer::{
    metric::Metric,
    record::{GroupResult, Ledger},
    sys::tcp_info,
};

use super::{driven, driven_at};

/// What four clients with these keys came to in 400 ms.
fn four(server: &str, keys: &str) -> GroupResult {
    let clients = format!("[[clients]]\nname = \"g\"\ncount = 4\n{keys}");
    let group = driven(server, &clients, 400).groups.remove(0);
    assert!(group.ledger.balances(), "{:?}", group.ledger);
    let requests = group.requests;
    assert_eq!(requests.started, requests.answered + requests.unanswered + requests.lost, "{requests:?}");
    group
}

fn all(ledger: Ledger) -> Ledger {
    Ledger { opened: 4, ..ledger }
}

#[apply(patient_test!)]
fn a_half_closed_connection_gets_every_answer() {
    for (server, keys) in [
        ("", "load = { depth = 3, payload = 64, answer = \"1MiB\" }\ntx = { half-close = { messages = 3 } }"),
        (
            "protocol = \"http\"",
            "protocol = \"http\"\nload = { depth = 3, answer = 100000 }\n\
             http = { path = \"/bytes/100000\", check = \"content\" }\ntx = { half-close = { messages = 3 } }",
        ),
    ] {
        let group = four(server, keys);
        assert_eq!(group.ledger, all(Ledger { closed_by_us: 4, ..Ledger::default() }), "{keys}");
        assert_eq!((group.requests.started, group.requests.answered), (12, 12), "{keys}");
        assert_eq!((group.content.corrupt, group.content.errors), (0, 0), "{keys}");
    }
}

#[apply(patient_test!)]
fn a_half_close_before_the_first_request_closes_the_connection() {
    let group = four("", "load = { depth = 1, payload = 64 }\ntx = \"half-close\"");
    assert_eq!(group.ledger, all(Ledger { closed_by_us: 4, ..Ledger::default() }));
    assert_eq!(group.requests.started, 0, "nothing was asked");
}

#[apply(patient_test!)]
fn closing_with_unread_bytes_counts_as_a_reset() {
    let load = "recv_buffer = \"64KiB\"\nload = { depth = 1, payload = 64, answer = \"1MiB\" }";
    let between = four("", &format!("{load}\nrx = {{ close = {{ messages = 1 }} }}"));
    assert_eq!(between.ledger, all(Ledger { closed_by_us: 4, ..Ledger::default() }));
    assert_eq!((between.requests.answered, between.requests.lost), (4, 0));
    let within = four("", &format!("{load}\nrx = {{ close = {{ after = 1000 }} }}"));
    assert_eq!(within.ledger, all(Ledger { reset_by_us: 4, ..Ledger::default() }));
    assert_eq!((within.requests.answered, within.requests.lost), (0, 4));
}

#[apply(patient_test!)]
fn resets_happen_at_connect_or_within_an_answer() {
    for (rx, asked) in [("\"reset\"", 4), ("{ reset = { after = 1000 } }", 4)] {
        let keys = format!("load = {{ depth = 1, payload = 64, answer = \"1MiB\" }}\nrx = {rx}");
        let group = four("", &keys);
        assert_eq!(group.ledger, all(Ledger { reset_by_us: 4, ..Ledger::default() }), "{rx}");
        assert_eq!((group.requests.lost, group.requests.answered), (asked, 0), "{rx}");
    }
    let silent = four("", "load = { depth = 1, payload = 64 }\ntx = \"reset\"");
    assert_eq!((silent.ledger.reset_by_us, silent.requests.started), (4, 0), "nothing was asked");
}

/// A server for one connection that says ten bytes after so many, and ten more when the client has had its time to
/// vanish. What the kernel then knows of the connection: its state, and segments that are not acknowledged.
fn says_twice(listener: &TcpListener, request: usize) -> std::io::Result<(u8, u32)> {
    let (mut stream, _) = listener.accept()?;
    stream.read_exact(&mut vec![0; request])?;
    for _ in 0..2 {
        stream.write_all(&[b'x'; 10])?;
        thread::sleep(Duration::from_millis(150));
    }
    let info = tcp_info(stream.as_fd())?;
    Ok((info.state, info.unacked))
}

#[apply(timed_test!)]
fn a_vanished_peer_sends_no_segment() {
    const ESTABLISHED: u8 = 1;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = thread::spawn(move || says_twice(&listener, 48));
    let clients = "[[clients]]\nname = \"g\"\ncount = 1\nload = { depth = 1, payload = 16 }\n\
                   rx = { vanish = { after = 10 } }";
    let driven = driven_at(address, clients, 500);
    let seen = serving.join().expect("no panic").expect("a connection");
    let ledger = driven.groups[0].ledger;
    let measured = driven.summaries[0].value(Metric::Vanished);
    if driven.notes.is_empty() {
        assert_eq!(seen, (ESTABLISHED, 1));
        assert_eq!((ledger.vanished, measured), (1, Some(1.0)), "{ledger:?}");
    } else {
        // Who could not vanish stays connected, and says so.
        assert!(driven.notes[0].contains("could not vanish"), "{:?}", driven.notes);
        assert_eq!((ledger.vanished, measured), (0, None), "{ledger:?}");
    }
}

#[apply(patient_test!)]
fn garbage_and_endless_requests_are_refused_and_not_verified() {
    for (server, keys) in [
        ("", "load = { rate = \"200/s\", payload = 64 }\ntx = \"garbage\""),
        ("", "load = { depth = 1, payload = 64 }\ntx = { garbage = { one_in = 50 } }"),
        ("", "load = { depth = 1, payload = 64 }\ntx = \"endless\""),
        (
            "protocol = \"line\"\nreceive_limit = \"64KiB\"",
            "protocol = \"line\"\nload = { depth = 1, payload = 64 }\ntx = \"endless\"",
        ),
    ] {
        let group = four(server, keys);
        assert_eq!(group.ledger, all(Ledger { evicted_rst: 4, ..Ledger::default() }), "{keys}");
        assert_eq!(group.content.corrupt, 0, "{keys}");
    }
}

#[apply(patient_test!)]
fn a_slow_header_is_completed_and_answered() {
    for (behavior, least_ns) in [("slow-header", 250_000_000), ("slow-body", 270_000_000)] {
        let keys = format!(
            "load = {{ rate = \"8/s\", payload = 32 }}\ntx = {{ {behavior} = {{ bytes = 1, every = \"10ms\" }} }}"
        );
        let clients = format!("[[clients]]\nname = \"g\"\ncount = 4\n{keys}");
        let group = driven("", &clients, 800).groups.remove(0);
        assert!(group.requests.answered > 0 && group.content.corrupt == 0, "{:?}", group.requests);
        let fastest = group.service_ns.quantile(0.0).expect("answers");
        assert!(fastest > least_ns, "{behavior}: {fastest} ns for thirty-two drops");
    }
}

#[apply(patient_test!)]
fn a_reader_that_stalls_and_resumes_loses_no_byte() {
    let keys = "recv_buffer = \"64KiB\"\nload = { depth = 1, payload = 64, answer = \"2MiB\" }\n\
                rx = { stall-resume = { bytes = 1000000, silence = \"100ms\" } }";
    let group = four("send_timeout = \"2s\"", keys);
    assert!(group.requests.answered >= 1 && group.content.corrupt == 0, "{group:?}");
    assert_eq!(group.ledger.still_alive, 4);
    let once = "load = { depth = 1, payload = 64 }\n\
                tx = { stall-resume = { bytes = 40, silence = \"150ms\", once = true } }";
    let group = four("", once);
    assert!(group.requests.answered > 100, "{:?}", group.requests);
    assert!(group.response_ns.quantile(1.0).expect("answers") > 150_000_000, "the first was half sent");
}

#[apply(timed_test!)]
fn every_request_of_a_burst_is_answered() {
    let keys = "load = { depth = 50, payload = 64 }\ntx = { burst = { every = \"50ms\" } }";
    let group = four("", keys);
    assert!((1000..=4 * 50 * 9).contains(&group.requests.answered), "{:?}", group.requests);
    assert_eq!(group.content.corrupt, 0);
}

#[apply(patient_test!)]
fn an_idle_group_sends_nothing() {
    let group = four("idle_timeout = \"150ms\"", "tx = \"idle\"");
    assert_eq!(group.ledger, all(Ledger { evicted_rst: 4, ..Ledger::default() }));
    assert_eq!(group.requests.started, 0);
}

#[apply(timed_test!)]
fn connections_reopen_no_faster_than_the_limit() {
    let keys = "load = { depth = 1, payload = 64 }\nrx = { close = { messages = 5 } }\n\
                reconnect = { at_most = \"100/s\" }";
    let group = four("", keys);
    let opened = group.ledger.opened;
    assert!((20..=45).contains(&opened), "{opened} connections in 0.4 s");
    let ended = group.ledger.closed_by_us;
    assert!(opened - ended <= 4 && group.requests.lost == 0, "{group:?}");
    assert!(group.requests.answered >= 5 * ended, "{group:?}");
    let lived = four("", "load = { depth = 1, payload = 64 }\nlifetime = \"100ms\"\nreconnect = {}");
    assert!((12..=24).contains(&lived.ledger.opened), "{:?}", lived.ledger);
}

#[apply(timed_test!)]
fn an_evicted_connection_reopens_at_once() {
    let keys = "load = { depth = 1, payload = 64 }\ntx = \"garbage\"\nreconnect = { pause = \"20ms\" }";
    let group = four("", keys);
    assert!((20..=84).contains(&group.ledger.opened), "{:?}", group.ledger);
    assert!(group.ledger.evicted_rst >= group.ledger.opened - 4, "{:?}", group.ledger);
}

#[apply(patient_test!)]
fn a_lifetime_ends_after_pending_answers_and_hides_no_silence() {
    let keys = "protocol = \"echo\"\nload = { depth = 2, payload = 64 }\nlifetime = \"50ms\"\nreconnect = {}";
    let served = four("protocol = \"echo\"", keys);
    assert!(served.ledger.closed_by_us > 8 && served.requests.lost == 0, "{served:?}");
    assert_eq!(served.ledger.reset_by_us, 0, "{:?}", served.ledger);
    // A server that answers every second connection only.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for (index, mut stream) in listener.incoming().flatten().enumerate() {
            thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    if index % 2 == 0 && stream.write_all(&piece[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let driven = driven_at(address, &format!("[[clients]]\nname = \"g\"\ncount = 4\n{keys}"), 400);
    let (group, summary) = (&driven.groups[0], &driven.summaries[0]);
    assert!(group.requests.unanswered >= 4 && group.requests.lost == 0, "{:?}", group.requests);
    assert!(summary.value(Metric::SilentConnections) >= Some(2.0), "{summary:?}");
    assert!(summary.value(Metric::LongestWait) > Some(100e6), "{summary:?}");
}
