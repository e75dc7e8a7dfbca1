//! Messages that no sane client would send, cut anywhere: no panic, no endless turn, and the cuts change nothing.
//!
//! A few thousand conversations, always the same, unless `BADPEER_FUZZ_SECONDS` asks for more: then each protocol is
//! tested for that long, and the number of conversations is printed. One protocol alone:
//! `cargo test --release --lib frames_cut`.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::*;
use crate::{
    buffer::{self, Kind},
    codec::frame::{Header, opening},
    profile::{HeadParsing, ServerOptions},
    units::{Bytes, OrOff},
};

const CASES: u64 = 1_000;
/// Answers can be much longer than requests: what comes after so many bytes is not compared.
const COMPARED: usize = 200_000;

const HTTP: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD /bytes/100 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /bytes/70000 HTTP/1.1\r\nhost: y:80\r\nRange: bytes=10-69000\r\n\r\n",
    b"POST /a%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world",
    b"PUT http://x/y?z HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"PUT /uploads/a HTTP/1.1\r\nHost: x\r\nContent-Range: bytes 2-5/8\r\nContent-Length: 4\r\n\r\nabcd",
    b"PUT /uploads/a HTTP/1.1\r\nHost: x\r\nContent-Range: bytes 5-7/8\r\nContent-Length: 3\r\n\r\nefg",
    b"PUT /uploads/b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nhij",
    b"GET /uploads/a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n",
];
/// The same where there are files, and one beside them that must not be served.
const FILES: &[&[u8]] = &[
    b"GET /ten.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /large HTTP/1.1\r\nHost: x\r\nRange: bytes=10-69000\r\n\r\n",
    b"GET /sub/up/../ten.txt?q HTTP/1.1\r\nHost: x\r\nRange: bytes=-3\r\n\r\n",
    b"GET /%2e%2e/secret HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /sub/up/secret HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /out HTTP/1.0\r\n\r\n",
    b"HEAD http://x//sub HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /./sub//index.html HTTP/1.1\r\nHost: x\r\nRange: bytes=3-\r\n\r\n",
    b"GET /empty HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n",
    b"POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
];
const SECRET: &[u8] = b"nobody may see this";

const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b" ",
    b":",
    b"\0",
    b"\xff",
    b"%2e%2E/",
    b"%00",
    b"/",
    b"0\r\n",
    b"ffffffffffffffff",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: y\r\n",
    b"Range: bytes=-5\r\n",
    b"Content-Range: bytes 0-1/8\r\n",
    b"99999999",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"HTTP/1.0",
    b"HTTP/9.9",
    b"A: b\r\n c\r\n",
    b"../",
    b"..%2f",
    b"..",
    b"secret",
    b"/out",
    b"up/",
    b"/ten.txt",
    b"/large",
    b"bytes=9-",
];

/// All that can be seen of a conversation from outside.
#[derive(Debug, PartialEq, Eq)]
struct Observed {
    answers: Vec<u8>,
    messages: u64,
    refused: Option<EvictionReason>,
    end: Option<ConversationEnd>,
}

/// What is said, and under which options.
struct Case {
    options: ServerOptions,
    bytes: Vec<u8>,
}

impl Case {
    fn new(protocol: Service, with_files: bool, rng: &mut Xoshiro256PlusPlus) -> Self {
        let limit = [64, 300, 5_000, 1 << 20][rng.random_range(0..4)];
        let receive_limit = OrOff(Some(Bytes(limit)));
        let options = ServerOptions { protocol, receive_limit, ..ServerOptions::default() };
        let mut bytes = Vec::new();
        for _ in 0..rng.random_range(1..6) {
            message(protocol, with_files, rng, &mut bytes);
        }
        for _ in 0..rng.random_range(0..4) {
            mutate(rng, &mut bytes);
        }
        Self { options, bytes }
    }

    /// The same, where heads are parsed in this way.
    fn parsing(&self, head_parsing: HeadParsing) -> Self {
        let options = ServerOptions { head_parsing, ..self.options.clone() };
        Self { options, bytes: self.bytes.clone() }
    }

    /// The bytes come in pieces of up to `most`; `None` where the answers are too many to compare.
    fn converse(
        &self,
        kind: Kind,
        rng: &mut Xoshiro256PlusPlus,
        most: usize,
        scratch: &mut Scratch,
    ) -> Option<Observed> {
        let policy = Policy::new(&self.options);
        let mut conversation = Conversation::new(&policy);
        let mut receive = buffer::make(kind, rng.random_range(0..100), policy.receive_limit);
        let mut send = buffer::make(kind, 64, None);
        let mut observed = Observed { answers: Vec::new(), messages: 0, refused: None, end: None };
        // Request by request, or as many as there are.
        let permits = if most == usize::MAX || rng.random() { u64::MAX } else { 1 };
        let mut left = &self.bytes[..];
        while !left.is_empty() && observed.refused.is_none() {
            let room = policy.receive_limit.unwrap() - receive.readable();
            if room == 0 {
                observed.refused = Some(EvictionReason::ReceiveLimit);
                break;
            }
            let (now, later) = left.split_at(rng.random_range(1..=most.min(left.len())).min(room));
            receive.append(now).unwrap();
            left = later;
            let mut more = true;
            while more && observed.answers.len() < COMPARED {
                let batch = conversation.answer(&mut *receive, &mut *send, scratch, permits);
                match batch {
                    Ok(batch) => {
                        assert!(!batch.more || batch.appended > 0, "a turn without an end");
                        observed.messages += batch.messages;
                    }
                    Err(reason) => observed.refused = Some(reason),
                }
                more = batch.is_ok_and(|batch| batch.more || batch.is_held);
                let waiting = send.readable();
                observed.answers.extend_from_slice(send.peek(waiting));
                send.retrieve(waiting);
                let piece = rng.random_range(1..=COMPARED);
                more |= conversation
                    .streamed_body()
                    .is_some_and(|body| body.send_into(&mut observed.answers, piece));
            }
        }
        observed.end = conversation.end();
        // The dates may differ, and an echo does not know what a message is.
        observed.answers = observed
            .answers
            .split_inclusive(|b| *b == b'\n')
            .filter(|l| !l.starts_with(b"Date: "))
            .flatten()
            .copied()
            .collect();
        observed.messages = if self.options.protocol == Service::Echo || observed.refused.is_some() {
            0
        } else {
            observed.messages
        };
        (observed.answers.len() < COMPARED).then_some(observed)
    }
}

fn message(service: Service, with_files: bool, rng: &mut Xoshiro256PlusPlus, out: &mut Vec<u8>) {
    match service {
        _ if rng.random_ratio(1, 20) => {
            let start = out.len();
            out.resize(start + rng.random_range(1..200), 0);
            rng.fill_bytes(&mut out[start..]);
        }
        Service::Http if with_files => out.extend_from_slice(FILES[rng.random_range(0..FILES.len())]),
        Service::Http => out.extend_from_slice(HTTP[rng.random_range(0..HTTP.len())]),
        Service::Frame => {
            let (answer, payload) = (rng.random_range(0..10_000), rng.random_range(0..500));
            let header =
                Header { sequence: rng.random(), stream: 3, answer, offset: rng.random_range(0..1 << 40) };
            out.extend_from_slice(&opening(&header, payload));
            let start = out.len();
            out.resize(start + payload, 0);
            crate::codec::content::fill(3, header.offset, &mut out[start..]);
        }
        Service::Line | Service::Echo => {
            out.resize(out.len() + rng.random_range(0..90), b'x');
            out.extend_from_slice([&b"\n"[..], b"\r\n", b"\n\n"][rng.random_range(0..3)]);
        }
    }
}

fn mutate(rng: &mut Xoshiro256PlusPlus, bytes: &mut Vec<u8>) {
    let at = rng.random_range(0..=bytes.len());
    let end = at + rng.random_range(0..=(bytes.len() - at).min(40));
    match rng.random_range(0..5) {
        0 => drop(bytes.drain(at..end)),
        1 => drop(bytes.splice(at..at, WORDS[rng.random_range(0..WORDS.len())].iter().copied())),
        2 => drop(bytes.splice(at..end, WORDS[rng.random_range(0..WORDS.len())].iter().copied())),
        3 => {
            let copy = bytes[at..end].to_vec();
            let times = rng.random_range(1..50);
            drop(bytes.splice(at..at, copy.repeat(times)));
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.random();
            }
        }
    }
}

/// For one conversation: what it has uploaded, the next must not find.
fn scratch(files: Option<&Path>) -> Scratch {
    Scratch::new(files, 1, Some(Arc::new(Uploads::new(1000)))).unwrap()
}

/// Whatever is sent, in whatever pieces, into whatever buffer: the answers are the same, and none contains the secret.
fn explore(protocol: Service, files: Option<&Path>) {
    let seconds = std::env::var("BADPEER_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let start = Instant::now();
    let over = |seed| seconds.map_or(seed >= CASES, |most| start.elapsed() >= Duration::from_secs(most));
    let scratch = || scratch(files);
    let (mut seed, mut compared) = (0, 0);
    while !over(seed) {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let case = Case::new(protocol, files.is_some(), rng);
        let whole = case.converse(Kind::Contiguous, rng, usize::MAX, &mut scratch());
        let other = (protocol == Service::Http).then(|| case.parsing(HeadParsing::LineByLine));
        for (case, kind, most) in [&case].into_iter().chain(&other).flat_map(|case| {
            [Kind::Contiguous, Kind::Chained].into_iter().flat_map(move |k| [1, 7, 100].map(|m| (case, k, m)))
        }) {
            let cut = case.converse(kind, rng, most, &mut scratch());
            if let (Some(whole), Some(cut)) = (&whole, &cut) {
                let (text, parsing) = (String::from_utf8_lossy(&case.bytes), case.options.head_parsing);
                assert!(
                    whole == cut,
                    "seed {seed}, {kind}, {parsing}, cuts of {most}: {text:?}\n{whole:?}\n{cut:?}"
                );
                assert!(
                    !cut.answers.windows(SECRET.len()).any(|bytes| bytes == SECRET),
                    "seed {seed}: {text:?}"
                );
                compared += 1;
            }
        }
        seed += 1;
    }
    assert!(compared > 1_000, "{compared} conversations were compared");
    if seconds.is_some() {
        writeln!(io::stderr(), "{protocol}: {seed} cases, {compared} comparisons").unwrap();
    }
}

#[test]
fn http_gets_the_same_answers_in_any_pieces() {
    explore(Service::Http, None);
}

#[test]
fn files_are_served_the_same_in_any_pieces() {
    let outside = tempfile::tempdir().unwrap();
    let root = outside.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(outside.path().join("secret"), SECRET).unwrap();
    fs::write(root.join("ten.txt"), "0123456789").unwrap();
    fs::write(root.join("large"), (0..70_000).map(|n| (n % 251) as u8).collect::<Vec<_>>()).unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::write(root.join("sub/index.html"), "<p>hello").unwrap();
    symlink("../secret", root.join("out")).unwrap();
    symlink(outside.path(), root.join("sub/up")).unwrap();
    explore(Service::Http, Some(&root));
}

/// After every piece, and not only in the end: the same answers, the same state of the message, the same end.
#[test]
fn http_heads_parsed_whole_and_line_by_line_are_answered_after_the_same_byte() {
    for seed in 0..CASES {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(seed);
        let whole = Case::new(Service::Http, false, rng);
        let line_by_line = whole.parsing(HeadParsing::LineByLine);
        let limit = whole.options.receive_limit.0.unwrap().0 as usize;
        let mut sides = [&whole, &line_by_line].map(|case| {
            let receive = buffer::make([Kind::Contiguous, Kind::Chained][seed as usize % 2], 64, Some(limit));
            (Conversation::new(&Policy::new(&case.options)), receive, scratch(None))
        });
        let mut left = &whole.bytes[..];
        while !left.is_empty() {
            let most = (limit - sides[0].1.readable()).min(left.len()).min(30);
            let (now, later) = left.split_at(rng.random_range(1..=most));
            left = later;
            let [one, other] = sides.each_mut().map(|(conversation, receive, scratch)| {
                receive.append(now).unwrap();
                let (answers, messages) = answers(conversation, &mut **receive, scratch);
                let has_begun = receive.readable() > 0 || conversation.is_within_message();
                let end = conversation.end();
                (answers, messages, has_begun && end.is_none(), end)
            });
            let text = String::from_utf8_lossy(&whole.bytes[..whole.bytes.len() - left.len()]);
            assert!(one == other, "seed {seed}: {text:?}\n{one:?}\n{other:?}");
        }
    }
}

/// The statuses and lengths of all answers that can be given now, and how many requests that were.
fn answers(
    conversation: &mut Conversation,
    receive: &mut dyn Buffer,
    scratch: &mut Scratch,
) -> (Vec<String>, u64) {
    let (mut send, mut found, mut messages) = (buffer::make(Kind::Chained, 64, None), Vec::new(), 0);
    loop {
        let batch = conversation.answer(receive, &mut *send, scratch, u64::MAX).unwrap();
        messages += batch.messages;
        let streamed = conversation.streamed_bytes();
        if let Some(body) = conversation.streamed_body() {
            body.sent(streamed);
        }
        let waiting = send.readable();
        let text = String::from_utf8_lossy(send.peek(waiting)).into_owned();
        let lines = text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: "));
        found.push(format!("{}{streamed}", lines.collect::<String>()));
        send.retrieve(waiting);
        if !batch.more {
            return (found, messages);
        }
    }
}

#[test]
fn lines_get_the_same_answers_in_any_pieces() {
    explore(Service::Line, None);
}

#[test]
fn frames_get_the_same_answers_in_any_pieces() {
    explore(Service::Frame, None);
}

#[test]
fn echoes_are_the_same_in_any_pieces() {
    explore(Service::Echo, None);
}
