//! Lies that a server may tell, planted one by one: each must be found, counted as what was planted, and named with the
//! connection and the byte; by the clients' engine for every protocol, and in the reports of the built program.

mod liar;

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

use self::liar::{DIFFERENT, GREETING, Liar, Lie, SPEECHES, Speech, own_content, speech};
use crate::common::{badpeer, ending, trial, with_profile};

/// The words of the group of clients that meets a liar, with so many requests under way on each connection.
fn keys(speech: &Speech, connections: usize, depth: usize) -> String {
    let keys = speech.keys.replace("DEPTH", &depth.to_string());
    format!("name = \"g\"\ncount = {connections}\n{keys}\n")
}

/// What clients find that meet this lie for 300 ms, and where the stream first differs from what it should be.
fn found(speech: &'static Speech, lie: Lie, connections: usize, depth: usize) -> (GroupResult, usize) {
    let liar = Liar::start(speech, lie, connections);
    let group: Group = toml::from_str(&keys(speech, connections, depth)).expect("a group");
    let plan = Plan {
        address: liar.address,
        groups: vec![group],
        seed: 1,
        epoch_ns: monotonic_ns(),
        warmup: Duration::ZERO,
        measure: Duration::from_millis(300),
        sample_every: Duration::from_millis(50),
        threads: 1,
        sampled: std::sync::Arc::new(AtomicBool::new(true)),
    };
    let mut driven = client::drive(&plan, &AtomicBool::new(false), &mpsc::channel().0).expect("clients");
    (driven.groups.remove(0), liar.difference())
}

/// The first fault must be on the first connection, at this byte, and called so.
fn assert_named(speech: &Speech, content: &Tally, at: usize, words: &str) {
    let named = content.first_fault.map(|fault| fault.to_string()).unwrap_or_default();
    let expected = format!("connection 0, received byte {at}: {words}");
    assert!(named.starts_with(&expected), "{}: {named}\nis not\n{expected}: {content:?}", speech.name);
}

#[test]
fn an_honest_server_is_believed() {
    for speech in SPEECHES {
        let GroupResult { requests, content, .. } = found(speech, Lie::Nothing, 2, 4).0;
        assert!(requests.answered > 20 && content.verified > 2000, "{}: {requests:?}", speech.name);
        assert_eq!((requests.unanswered, requests.lost), (0, 0), "{}", speech.name);
        assert_eq!(content, Tally { verified: content.verified, ..Tally::default() }, "{}", speech.name);
    }
}

#[test]
fn a_flipped_byte_is_one_corrupt_byte_wherever_it_is() {
    for speech in SPEECHES {
        for (depth, from_end) in [(1, 1), (4, 1), (4, 50)] {
            let offset = speech.payload_ends - from_end;
            let (group, at) = found(speech, Lie::Flip(offset), 1, depth);
            assert_named(speech, &group.content, at, speech.flipped);
            assert_eq!((group.content.corrupt, group.content.torn), (1, 0), "{}", speech.name);
            assert_eq!((group.requests.unanswered, group.requests.lost), (0, 0), "{}", speech.name);
        }
    }
}

#[test]
fn a_byte_too_few_or_too_many_is_named_where_the_stream_goes_wrong() {
    for speech in SPEECHES {
        for lie in [Lie::Drop(speech.payload_ends - 60), Lie::Double(speech.payload_ends - 60)] {
            let (group, at) = found(speech, lie, 1, 4);
            assert_named(speech, &group.content, at, speech.shifted);
            assert!(group.content.corrupt > 1, "{}: {:?}", speech.name, group.content);
        }
    }
    let (group, at) = found(speech("echo"), Lie::Drop(40), 1, 4);
    assert_eq!(group.content.corrupt, group.content.verified - at as u64, "all that is not at its place");
}

#[test]
fn two_messages_in_each_others_place_are_reordered() {
    for (speech, bytes) in own_content().into_iter().zip([200, 200, 264]) {
        let GroupResult { content, requests, .. } = found(speech, Lie::Swap, 1, 4).0;
        let place = 3 * speech.answer_bytes;
        assert_named(speech, &content, place, "here is byte 400 of this connection's stream");
        assert_eq!((content.corrupt, content.reordered, content.torn), (bytes, 1, 0), "{}", speech.name);
        assert_eq!(requests.unanswered, 0, "{}", speech.name);
    }
}

#[test]
fn an_answer_that_comes_twice_is_out_of_order_or_unasked() {
    let again = "here is byte 300 of this connection's stream";
    for (speech, bytes) in own_content().into_iter().skip(1).zip([100, 132]) {
        let GroupResult { content, requests, .. } = found(speech, Lie::Repeat, 1, 4).0;
        assert_named(speech, &content, 4 * speech.answer_bytes, again);
        assert_eq!((content.corrupt, content.reordered), (bytes, 1), "{}", speech.name);
        assert_eq!(requests.unanswered, 0, "{}", speech.name);
    }
    // Whose answers are a stream are out of place from there on.
    for (speech, at) in [(speech("echo"), 400), (speech("resp"), 4 * 108 + 6)] {
        assert_named(speech, &found(speech, Lie::Repeat, 1, 4).0.content, at, again);
    }
    // Whose answers are all the same has one too many.
    for speech in SPEECHES.iter().filter(|speech| speech.flipped == DIFFERENT) {
        let content = found(speech, Lie::Repeat, 1, 1).0.content;
        assert_named(speech, &content, 5 * speech.answer_bytes, "an answer that nobody asked for");
    }
}

#[test]
fn answers_to_the_wrong_connection_say_whose_they_are() {
    let whose = "here is byte 300 of connection 1";
    for (speech, bytes) in own_content().into_iter().zip([200, 200, 264]) {
        let GroupResult { content, requests, .. } = found(speech, Lie::Cross, 2, 4).0;
        assert_named(speech, &content, 3 * speech.answer_bytes, whose);
        assert_eq!(content.corrupt, bytes, "{}: of both connections", speech.name);
        assert_eq!(requests.unanswered, 2, "{}: nobody got them", speech.name);
    }
    let resp = speech("resp");
    assert_named(resp, &found(resp, Lie::Cross, 2, 4).0.content, 3 * resp.answer_bytes + 6, whose);
}

#[test]
fn an_answer_that_is_cut_off_is_named_where_it_ends() {
    for speech in SPEECHES {
        let group = found(speech, Lie::CutOff, 1, 4).0;
        let place = 3 * speech.answer_bytes + speech.answer_bytes / 2;
        assert_named(speech, &group.content, place, "the connection ends here, within an answer");
        assert_eq!((group.content.corrupt, group.requests.lost), (0, 4), "{}", speech.name);
        assert_eq!(group.ledger, Ledger { opened: 1, evicted_fin: 1, ..Ledger::default() });
    }
}

#[test]
fn answers_that_never_come_are_missed() {
    for speech in SPEECHES {
        let GroupResult { content, requests, .. } = found(speech, Lie::Silence, 1, 4).0;
        assert_eq!((requests.answered, requests.unanswered), (3, 4), "{}", speech.name);
        assert_eq!((content.corrupt, content.first_fault), (0, None), "{}", speech.name);
    }
}

#[test]
fn bytes_that_nobody_asked_for_are_found_at_their_place() {
    for speech in SPEECHES {
        let content = found(speech, Lie::Greet, 1, 4).0.content;
        if speech.name == "raw" {
            // What comes first is taken for the first answer: every other differs from it.
            assert!(content.corrupt > 100, "{content:?}");
        } else {
            assert_named(speech, &content, 0, "");
            assert!(content.corrupt >= GREETING.len() as u64, "{}: {content:?}", speech.name);
        }
    }
}

#[test]
fn the_reports_name_the_connection_and_the_byte() {
    let flips = SPEECHES.iter().map(|speech| (speech, Lie::Flip(speech.payload_ends - 9), speech.flipped));
    let others = [
        (speech("frame"), Lie::Cross, "here is byte 300 of connection 1"),
        (speech("line"), Lie::Swap, "here is byte 400 of this connection's stream"),
        (speech("http"), Lie::CutOff, "the connection ends here, within an answer"),
        (speech("echo"), Lie::Silence, ""),
    ];
    for (speech, lie, words) in flips.chain(others) {
        let connections = if lie == Lie::Cross { 2 } else { 1 };
        let liar = Liar::start(speech, lie, connections);
        let folder = with_profile(&format!(
            "title = \"a liar\"\nwarmup = \"0s\"\nmeasure = \"500ms\"\nsample_every = \"50ms\"\n\
             server = {{ attach = {{ address = \"{}\" }} }}\n\
             expect = {{ corrupt_bytes = \"= 0\", \"g.unanswered\" = \"= 0\", \"g.lost\" = \"= 0\" }}\n\
             [[clients]]\n{}",
            liar.address,
            keys(speech, connections, 4),
        ));
        let (code, said) = ending(&badpeer(&["run", "quick.toml"], folder.path()));
        assert_eq!(code, Some(1), "{} {lie:?}: {said}", speech.name);
        if lie == Lie::Silence {
            assert!(said.contains("FAIL  g.unanswered = 0: 4"), "{said}");
            continue;
        }
        let content = &trial(folder.path(), "quick")["groups"][0]["content"];
        let fault = &content["first_fault"];
        let text = format!("connection 0, received byte {}: {words}", fault["at"]);
        assert!(fault["stream"] == 0 && fault["at"].as_u64() >= Some(300), "{content}");
        assert_eq!(
            matches!(lie, Lie::Flip(_)),
            content["corrupt"] == 1,
            "{} {lie:?}: {content}",
            speech.name
        );
        let spoken = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(spoken.contains(&text), "{} {lie:?}: {text}\nis not in\n{spoken}", speech.name);
        let page = fs::read_to_string(folder.path().join("reports/quick/latest/index.html")).expect("a page");
        assert!(
            page.contains(&text.replace('\'', "&#39;")),
            "{} {lie:?}: {text}\nis not on the page",
            speech.name
        );
    }
}
