//! Messages nobody would send, cut anywhere: no panic, no endless turn, and the cuts change nothing.
//!
//! A few thousand conversations, always the same, unless `BADPEER_FUZZ_SECONDS` asks for more: then for so long.

use std::time::{Duration, Instant};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    buffer::{self, Kind},
    codec::frame::{Header, opening},
    profile::ServerOptions,
    units::{Bytes, OrOff},
};

const CASES: u64 = 3_000;
/// Answers can be much longer than requests: what comes after so many bytes is not compared.
const COMPARED: usize = 200_000;

const HTTP: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD /bytes/100 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /bytes/70000 HTTP/1.1\r\nhost: y:80\r\nRange: bytes=10-69000\r\n\r\n",
    b"POST /a%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello world",
    b"PUT http://x/y?z HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"\r\n",
];
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
    b"99999999",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"HTTP/1.0",
    b"HTTP/9.9",
    b"A: b\r\n c\r\n",
];

/// All that can be told of a conversation from outside.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    answers: Vec<u8>,
    messages: u64,
    refused: Option<Reason>,
    over: bool,
}

struct Case {
    options: ServerOptions,
    bytes: Vec<u8>,
}

impl Case {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let service = [Service::Http, Service::Http, Service::Line, Service::Frame, Service::Echo];
        let protocol = service[rng.random_range(0..service.len())];
        let limit = [64, 300, 5_000, 1 << 20][rng.random_range(0..4)];
        let receive_limit = OrOff(Some(Bytes(limit)));
        let options = ServerOptions { protocol, receive_limit, ..ServerOptions::default() };
        let mut bytes = Vec::new();
        for _ in 0..rng.random_range(1..6) {
            message(protocol, rng, &mut bytes);
        }
        for _ in 0..rng.random_range(0..4) {
            mutate(rng, &mut bytes);
        }
        Self { options, bytes }
    }

    /// The bytes come in pieces of up to `most`; `None` where the answers are too many to compare.
    fn converse(&self, kind: Kind, rng: &mut ChaCha8Rng, most: usize) -> Option<Told> {
        let policy = Policy::new(&self.options);
        let mut dialog = Dialog::new(&policy);
        let mut receive = buffer::make(kind, rng.random_range(0..100), policy.receive_limit);
        let mut send = buffer::make(kind, 64, None);
        let mut scratch = Scratch::new(None).unwrap();
        let mut told = Told { answers: Vec::new(), messages: 0, refused: None, over: false };
        let mut left = &self.bytes[..];
        while !left.is_empty() && told.refused.is_none() {
            let room = policy.receive_limit.unwrap() - receive.readable();
            if room == 0 {
                told.refused = Some(Reason::ReceiveLimit);
                break;
            }
            let (now, later) = left.split_at(rng.random_range(1..=most.min(left.len())).min(room));
            receive.append(now).unwrap();
            left = later;
            let mut more = true;
            while more && told.answers.len() < COMPARED {
                let batch = dialog.answer(&mut *receive, &mut *send, &mut scratch);
                match batch {
                    Ok(batch) => {
                        assert!(!batch.more || batch.appended > 0, "a turn without an end");
                        told.messages += batch.messages;
                    }
                    Err(reason) => told.refused = Some(reason),
                }
                more = batch.is_ok_and(|batch| batch.more);
                let waiting = send.readable();
                told.answers.extend_from_slice(send.peek(waiting));
                send.retrieve(waiting);
            }
        }
        told.over = dialog.over().is_some();
        // The dates may differ, and an echo does not know what a message is.
        told.answers = told
            .answers
            .split_inclusive(|b| *b == b'\n')
            .filter(|l| !l.starts_with(b"Date: "))
            .flatten()
            .copied()
            .collect();
        told.messages =
            if self.options.protocol == Service::Echo || told.refused.is_some() { 0 } else { told.messages };
        (told.answers.len() < COMPARED).then_some(told)
    }
}

fn message(service: Service, rng: &mut ChaCha8Rng, out: &mut Vec<u8>) {
    match service {
        _ if rng.random_ratio(1, 20) => {
            let start = out.len();
            out.resize(start + rng.random_range(1..200), 0);
            rng.fill_bytes(&mut out[start..]);
        }
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

fn mutate(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
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

#[test]
fn neither_nonsense_nor_cuts_change_what_is_answered() {
    let seconds = std::env::var("BADPEER_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let (start, mut compared) = (Instant::now(), 0);
    for seed in 0.. {
        let over = seconds.map_or(seed >= CASES, |seconds| start.elapsed() >= Duration::from_secs(seconds));
        if over {
            break;
        }
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let case = Case::new(rng);
        let whole = case.converse(Kind::Contiguous, rng, usize::MAX);
        for kind in [Kind::Contiguous, Kind::Chained] {
            for most in [1, 7, 100] {
                let cut = case.converse(kind, rng, most);
                if let (Some(whole), Some(cut)) = (&whole, &cut) {
                    let text = String::from_utf8_lossy(&case.bytes);
                    let protocol = case.options.protocol;
                    assert!(
                        whole == cut,
                        "seed {seed}, {protocol}, {kind}, cuts of {most}: {text:?}\n{whole:?}\n{cut:?}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 1_000, "{compared} conversations were compared");
}
