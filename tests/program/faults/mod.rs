//! Faults of a server, planted one by one: each must be found, counted as what was planted, and named with the
//! connection and the byte; by the load generator for every protocol, and in the reports of the built program.

mod faulty_server;

use std::{
    fs,
    sync::{atomic::AtomicBool, mpsc},
    time::Duration,
};

use badpeer::{
    client::{self, Plan},
    codec::Tally,
    profile::Group,
    record::{GroupResult, Ledger},
    sys::monotonic_ns,
};

use self::faulty_server::{
    AnswerFault, DIFFERENT, FaultyServer, GREETING, PROTOCOLS, ProtocolCase, own_content, protocol,
};
use crate::common::{badpeer, ending, repeat, with_profile};

/// The keys of the group of clients that meets a faulty server, with so many requests under way on each connection.
fn keys(protocol: &ProtocolCase, connections: usize, depth: usize) -> String {
    let keys = protocol.keys.replace("DEPTH", &depth.to_string());
    format!("name = \"g\"\ncount = {connections}\n{keys}\n")
}

/// What clients find in 300 ms when the server has this fault, and where the stream first differs from what it should be.
fn found(
    protocol: &'static ProtocolCase,
    planted: AnswerFault,
    connections: usize,
    depth: usize,
) -> (GroupResult, usize) {
    let server = FaultyServer::start(protocol, planted, connections);
    let group: Group = toml::from_str(&keys(protocol, connections, depth)).expect("a group");
    let plan = Plan {
        accept_queue: None,
        address: server.address.into(),
        groups: vec![group],
        seed: 1,
        epoch_ns: monotonic_ns(),
        warmup: Duration::ZERO,
        measure: Duration::from_millis(300),
        phases: Vec::new(),
        sample_every: Duration::from_millis(50),
        threads: 1,
        shard: None,
        sampled: std::sync::Arc::new(AtomicBool::new(true)),
    };
    let mut driven = client::drive(&plan, &AtomicBool::new(false), &mpsc::channel().0).expect("clients");
    (driven.groups.remove(0), server.difference())
}

/// The first fault must be on the first connection, at this byte, and called so.
fn assert_named(protocol: &ProtocolCase, content: &Tally, at: usize, words: &str) {
    let named = content.first_fault.map(|fault| fault.to_string()).unwrap_or_default();
    let expected = format!("connection 1, {}: {words}", place(at as u64, words));
    assert!(named.starts_with(&expected), "{}: {named}\nis not\n{expected}: {content:?}", protocol.name);
}

/// Where a fault is that is called so, counted from 1.
fn place(at: u64, words: &str) -> String {
    if words == CUT_OFF { format!("behind {at} received bytes") } else { format!("received byte {}", at + 1) }
}

const CUT_OFF: &str = "the connection ends here, in the middle of an answer";

#[apply(timed_test!)]
fn a_correct_server_has_no_faults() {
    for protocol in PROTOCOLS {
        let GroupResult { requests, content, .. } = found(protocol, AnswerFault::Nothing, 2, 4).0;
        assert!(requests.answered > 20 && content.verified > 2000, "{}: {requests:?}", protocol.name);
        assert_eq!((requests.unanswered, requests.lost), (0, 0), "{}", protocol.name);
        assert_eq!(content, Tally { verified: content.verified, ..Tally::default() }, "{}", protocol.name);
    }
}

#[apply(timed_test!)]
fn a_flipped_byte_counts_as_one_corrupt_byte_at_any_offset() {
    for protocol in PROTOCOLS {
        for (depth, from_end) in [(1, 1), (4, 1), (4, 50)] {
            let offset = protocol.payload_ends - from_end;
            let (group, at) = found(protocol, AnswerFault::Flip(offset), 1, depth);
            assert_named(protocol, &group.content, at, protocol.flipped);
            assert_eq!((group.content.corrupt, group.content.torn), (1, 0), "{}", protocol.name);
            assert_eq!((group.requests.unanswered, group.requests.lost), (0, 0), "{}", protocol.name);
        }
    }
}

#[apply(timed_test!)]
fn a_missing_or_doubled_byte_is_reported_at_its_offset() {
    for protocol in PROTOCOLS {
        for planted in
            [AnswerFault::Drop(protocol.payload_ends - 60), AnswerFault::Double(protocol.payload_ends - 60)]
        {
            let (group, at) = found(protocol, planted, 1, 4);
            assert_named(protocol, &group.content, at, protocol.shifted);
            assert!(group.content.corrupt > 1, "{}: {:?}", protocol.name, group.content);
        }
    }
    let (group, at) = found(protocol("echo"), AnswerFault::Drop(40), 1, 4);
    assert_eq!(group.content.corrupt, group.content.verified - at as u64, "all that is not at its place");
}

#[apply(timed_test!)]
fn two_swapped_messages_are_reordered() {
    for (protocol, bytes) in own_content().into_iter().zip([200, 200, 264]) {
        let GroupResult { content, requests, .. } = found(protocol, AnswerFault::Swap, 1, 4).0;
        let place = 3 * protocol.answer_bytes;
        assert_named(protocol, &content, place, "this is byte 401 of this connection's stream");
        assert_eq!((content.corrupt, content.reordered, content.torn), (bytes, 1, 0), "{}", protocol.name);
        assert_eq!(requests.unanswered, 0, "{}", protocol.name);
    }
}

#[apply(timed_test!)]
fn a_repeated_answer_is_out_of_order_or_unrequested() {
    let again = "this is byte 301 of this connection's stream";
    for (protocol, bytes) in own_content().into_iter().skip(1).zip([100, 132]) {
        let GroupResult { content, requests, .. } = found(protocol, AnswerFault::Repeat, 1, 4).0;
        assert_named(protocol, &content, 4 * protocol.answer_bytes, again);
        assert_eq!((content.corrupt, content.reordered), (bytes, 1), "{}", protocol.name);
        assert_eq!(requests.unanswered, 0, "{}", protocol.name);
    }
    // Whose answers are a stream are out of place from there on.
    for (protocol, at) in [(protocol("echo"), 400), (protocol("resp"), 4 * 108 + 6)] {
        assert_named(protocol, &found(protocol, AnswerFault::Repeat, 1, 4).0.content, at, again);
    }
    // Whose answers are all the same has one too many.
    for protocol in PROTOCOLS.iter().filter(|protocol| protocol.flipped == DIFFERENT) {
        let content = found(protocol, AnswerFault::Repeat, 1, 1).0.content;
        assert_named(protocol, &content, 5 * protocol.answer_bytes, "an unrequested answer");
    }
}

#[apply(timed_test!)]
fn answers_of_another_connection_are_identified() {
    let whose = "this is byte 301 of connection 2";
    for (protocol, bytes) in own_content().into_iter().zip([200, 200, 264]) {
        let GroupResult { content, requests, .. } = found(protocol, AnswerFault::Cross, 2, 4).0;
        assert_named(protocol, &content, 3 * protocol.answer_bytes, whose);
        assert_eq!(content.corrupt, bytes, "{}: of both connections", protocol.name);
        assert_eq!(requests.unanswered, 2, "{}: no client got them", protocol.name);
    }
    let resp = protocol("resp");
    assert_named(resp, &found(resp, AnswerFault::Cross, 2, 4).0.content, 3 * resp.answer_bytes + 6, whose);
}

#[apply(timed_test!)]
fn a_truncated_answer_is_reported_at_its_end() {
    for protocol in PROTOCOLS {
        let group = found(protocol, AnswerFault::CutOff, 1, 4).0;
        let place = 3 * protocol.answer_bytes + protocol.answer_bytes / 2;
        assert_named(protocol, &group.content, place, CUT_OFF);
        assert_eq!((group.content.corrupt, group.requests.lost), (0, 4), "{}", protocol.name);
        assert_eq!(group.ledger, Ledger { opened: 1, evicted_fin: 1, ..Ledger::default() });
    }
}

#[apply(timed_test!)]
fn missing_answers_are_unanswered() {
    for protocol in PROTOCOLS {
        let GroupResult { content, requests, .. } = found(protocol, AnswerFault::Silence, 1, 4).0;
        assert_eq!((requests.answered, requests.unanswered), (3, 4), "{}", protocol.name);
        assert_eq!((content.corrupt, content.first_fault), (0, None), "{}", protocol.name);
    }
}

#[apply(timed_test!)]
fn unrequested_bytes_are_reported_at_their_offset() {
    for protocol in PROTOCOLS {
        let content = found(protocol, AnswerFault::Greet, 1, 4).0.content;
        if protocol.name == "raw" {
            // What comes first is taken for the first answer: every other differs from it.
            assert!(content.corrupt > 100, "{content:?}");
        } else {
            assert_named(protocol, &content, 0, "");
            assert!(content.corrupt >= GREETING.len() as u64, "{}: {content:?}", protocol.name);
        }
    }
}

#[apply(timed_test!)]
fn reports_name_the_connection_and_the_byte() {
    let flips = PROTOCOLS
        .iter()
        .map(|protocol| (protocol, AnswerFault::Flip(protocol.payload_ends - 9), protocol.flipped));
    let others = [
        (protocol("frame"), AnswerFault::Cross, "this is byte 301 of connection 2"),
        (protocol("line"), AnswerFault::Swap, "this is byte 401 of this connection's stream"),
        (protocol("http"), AnswerFault::CutOff, CUT_OFF),
        (protocol("echo"), AnswerFault::Silence, ""),
    ];
    for (protocol, planted, words) in flips.chain(others) {
        let connections = if planted == AnswerFault::Cross { 2 } else { 1 };
        let server = FaultyServer::start(protocol, planted, connections);
        let folder = with_profile(&format!(
            "title = \"a faulty server\"\nwarmup = \"0s\"\nmeasure = \"500ms\"\nsample_every = \"50ms\"\n\
             server = {{ attach = {{ address = \"{}\" }} }}\n\
             expect = {{ corrupt_bytes = \"= 0\", \"g.unanswered\" = \"= 0\", \"g.lost\" = \"= 0\" }}\n\
             [[clients]]\n{}",
            server.address,
            keys(protocol, connections, 4),
        ));
        let (code, printed) = ending(&badpeer(&["run", "quick.toml", "--format", "csv,html"], folder.path()));
        assert_eq!(code, Some(1), "{} {planted:?}: {printed}", protocol.name);
        if planted == AnswerFault::Silence {
            assert!(printed.contains("FAIL  g.unanswered = 0: 4"), "{printed}");
            continue;
        }
        let content = &repeat(folder.path(), "quick")["groups"][0]["content"];
        let fault = &content["first_fault"];
        let place = place(fault["at"].as_u64().expect("an offset"), words);
        let text = format!("connection 1, {place}: {words}");
        assert!(fault["stream"] == 0 && fault["at"].as_u64() >= Some(300), "{content}");
        assert_eq!(
            matches!(planted, AnswerFault::Flip(_)),
            content["corrupt"] == 1,
            "{} {planted:?}: {content}",
            protocol.name
        );
        let spoken = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(spoken.contains(&text), "{} {planted:?}: {text}\nis not in\n{spoken}", protocol.name);
        let page = fs::read_to_string(folder.path().join("reports/quick/latest/index.html")).expect("a page");
        assert!(
            page.contains(&text.replace('\'', "&#39;")),
            "{} {planted:?}: {text}\nis not on the page",
            protocol.name
        );
    }
}
