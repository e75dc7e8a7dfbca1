//! Every decoder: what is right is found right, what is wrong is found where it is, however the bytes are cut.

mod errors;
mod first;

use proptest::prelude::*;

use super::*;
use crate::codec::{
    Fault, SHARED_STREAM,
    content::{self, Origin},
};

const STREAM: u32 = 5;

/// What a decoder makes of `bytes` in these pieces, and of the end of the stream.
fn decode(script: &Script, bytes: &[u8], pieces: &[usize]) -> (Vec<Answered>, Tally) {
    let mut decoder = script.decoder(STREAM);
    let (mut answers, mut rest, mut sizes) = (Vec::new(), bytes, pieces.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(*sizes.next().expect("a size")));
        decoder.feed(piece, &mut |answer| answers.push(answer));
        rest = after;
    }
    decoder.end(&mut |answer| answers.push(answer));
    (answers, decoder.tally())
}

/// The same, for pieces of all sizes, which must change nothing.
fn decode_cuts(script: impl Fn() -> Script, bytes: &[u8]) -> (Vec<Answered>, Tally) {
    let whole = decode(&script(), bytes, &[bytes.len().max(1)]);
    for step in (1..=bytes.len()).take(200) {
        assert_eq!(
            decode(&script(), bytes, &[step]),
            whole,
            "by {step}: {:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    whole
}

fn fault(at: u64, flaw: Flaw) -> Fault {
    Fault { stream: STREAM, at, found: None, flaw: Some(flaw) }
}

fn ok_answers(count: u64) -> Vec<Answered> {
    (0..count).map(|sequence| Answered { sequence, error: false, last: false, gave_up: false }).collect()
}

fn made(stream: u32, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    content::fill(stream, offset, &mut bytes);
    bytes
}

fn http(keys: &str, answer: Option<u64>) -> Script {
    Script::http(&toml::from_str(keys).expect("a request"), "host", 0, answer, None)
}

fn resp(command: &str, payload: u64, answer: Option<u64>) -> Script {
    Script::resp(&resp::Command { command: command.to_owned(), check: None }, payload, answer)
}

fn raw(keys: &str) -> Script {
    Script::raw(&toml::from_str(keys).expect("an exchange"))
}

#[test]
fn http_answers_of_every_framing_are_found() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
        HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n\
        HTTP/1.1 200 OK\r\nDate: another\r\nContent-Length: 5\r\n\r\nhello\
        HTTP/1.0 200 OK\r\n\r\nhello";
    let (answers, tally) = decode_cuts(|| http("", Some(5)), text.as_bytes());
    let mut wanted = ok_answers(4);
    wanted[3].last = true;
    assert_eq!(answers, wanted);
    assert_eq!(tally, Tally { verified: text.len() as u64, ..Tally::default() });
}

#[test]
fn http_answers_without_a_body_end_with_their_head() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let (answers, tally) = decode_cuts(|| http("method = \"HEAD\"", Some(5)), head.repeat(3).as_bytes());
    assert_eq!((answers, tally.corrupt, tally.first_fault), (ok_answers(3), 0, None));
    let nothing = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n";
    let (answers, tally) = decode_cuts(|| http("status = 204", None), nothing.repeat(3).as_bytes());
    assert_eq!((answers, tally.corrupt), (ok_answers(3), 0));
    let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(decode_cuts(|| http("", Some(0)), empty.as_bytes()).0, ok_answers(1));
}

#[test]
fn an_unexpected_status_is_an_error_and_its_body_is_skipped() {
    let text =
        "HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nsorryHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (answers, tally) = decode_cuts(|| http("", Some(2)), text.as_bytes());
    assert_eq!(answers.iter().map(|answer| answer.error).collect::<Vec<_>>(), [true, false]);
    assert_eq!((tally.errors, tally.corrupt, tally.verified), (1, 0, text.len() as u64 - 5));
    assert_eq!(tally.first_fault, Some(fault(0, Flaw::StatusOther { found: 503 })));
}

#[test]
fn http_bodies_are_compared_with_the_first_or_with_content() {
    let answer = |body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    };
    let (hello, jello) = (answer(b"hello"), answer(b"jello"));
    let start = 2 * hello.len() as u64;
    let (answers, tally) = decode_cuts(|| http("", None), &[&hello[..], &hello, &jello, &hello].concat());
    assert_eq!((answers, tally.corrupt), (ok_answers(4), 1));
    assert_eq!(tally.first_fault, Some(fault(start + hello.len() as u64 - 5, Flaw::Different)));
    let any = decode_cuts(|| http("check = \"any\"", None), &[&hello[..], &jello].concat()).1;
    assert_eq!((any.corrupt, any.verified), (0, 2 * hello.len() as u64 - 10));

    let content = || http("check = \"content\"", Some(100));
    let right = answer(&made(SHARED_STREAM, 0, 100));
    let mut wrong = answer(&made(SHARED_STREAM, 0, 100));
    let at = wrong.len() - 40;
    wrong[at..].copy_from_slice(&made(9, 77, 40));
    let (answers, tally) = decode_cuts(content, &[right.clone(), wrong].concat());
    let differ = made(9, 77, 40).iter().zip(made(SHARED_STREAM, 60, 40)).filter(|(a, b)| **a != *b).count();
    assert_eq!((answers.len(), tally.corrupt), (2, differ as u64));
    let found = Some(Origin { stream: 9, offset: 77 });
    let at = (right.len() + at) as u64;
    assert_eq!(tally.first_fault, Some(Fault { stream: STREAM, at, found, flaw: None }));
    let short = decode_cuts(content, &answer(&made(SHARED_STREAM, 0, 90))).1;
    assert_eq!(
        (short.corrupt, short.first_fault),
        (10, Some(fault(0, Flaw::Length { found: 90, wanted: 100 })))
    );
}

#[test]
fn malformed_http_is_reported_with_its_offset() {
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(http::HEAD_BYTES));
    for (text, at, flaw) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", 0, Flaw::StatusLine),
        ("x\r\n\r\n", 0, Flaw::StatusLine),
        ("HTTP/1.1 200 OK\r\nA b\r\n\r\n", 17, Flaw::Head),
        ("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 0, Flaw::BareLf),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhel\r\n\r\nlo", 17, Flaw::BareLf),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\nxyz", 0, Flaw::Upgrade),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 17, Flaw::Framing),
        (&"HTTP/1.1 100 Continue\r\n\r\n".repeat(101), 2500, Flaw::TooManyInterim),
        (&format!("{chunked}5\r\nhelloX"), chunked.len() + 8, Flaw::Chunk),
        (&format!("{chunked}fffffffffffffffff\r\n"), chunked.len() + 15, Flaw::Chunk),
        (&long, 0, Flaw::HeadTooLong),
    ] {
        let (answers, tally) =
            decode_cuts(|| http("check = \"any\"", None), format!("{good}{text}").as_bytes());
        assert_eq!(answers, ok_answers(1), "{flaw}");
        assert_eq!(tally.first_fault, Some(fault((good.len() + at) as u64, flaw)), "{text:.60}");
        assert_eq!(tally.corrupt, (text.len() - at) as u64, "{flaw}: nothing behind it is right");
    }
}

#[test]
fn an_unknown_status_is_an_error_and_hides_no_later_answer() {
    let answer = |status: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for check in ["any", "none"].map(|check| format!("check = \"{check}\"")) {
        let (answers, tally) =
            decode_cuts(|| http(&check, None), (answer("999", "a") + &answer("042", "b")).as_bytes());
        assert_eq!((answers.len(), tally.errors, tally.corrupt), (2, 2, 0), "{check}");
        let flaw = Flaw::StatusOther { found: 999 };
        assert_eq!(tally.first_fault, Some(fault(0, flaw)));
    }
    let text = [answer("200", "right"), answer("999", "other"), answer("200", "wrong")].concat();
    let tally = decode_cuts(|| http("check = \"bytes\"", None), text.as_bytes()).1;
    assert_eq!(tally.errors, 1);
    assert!(tally.corrupt > 0, "the third answer differs from the first");
}

#[test]
fn echoed_lines_are_verified_and_faults_are_distinguished() {
    let mut lines = vec![0; 4 * 41];
    Script::line(40).encoder(STREAM).fill(0, &mut lines);
    assert!(lines.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'\n'));
    let (answers, tally) = decode_cuts(|| Script::line(40), &lines);
    assert_eq!((answers, tally), (ok_answers(4), Tally { verified: 164, ..Tally::default() }));

    let mut foreign = vec![0; 41];
    Script::line(40).encoder(9).fill(0, &mut foreign);
    let (answers, tally) =
        decode_cuts(|| Script::line(40), &[&lines[..41], &foreign, &lines[82..123]].concat());
    assert_eq!((answers.iter().map(|a| a.sequence).collect::<Vec<_>>(), tally.corrupt), (vec![0, 2], 40));
    let found = Some(Origin { stream: 9, offset: 0 });
    assert_eq!(tally.first_fault, Some(Fault { stream: STREAM, at: 41, found, flaw: None }));

    // Of the second and the third line, one came before the other; the first came twice.
    let line = |n: usize| &lines[41 * n..41 * (n + 1)];
    let (answers, tally) =
        decode_cuts(|| Script::line(40), &[line(0), line(2), line(1), line(0), line(3)].concat());
    assert_eq!(answers.iter().map(|a| a.sequence).collect::<Vec<_>>(), [0, 2, 1, 0, 3]);
    assert_eq!((tally.corrupt, tally.reordered), (120, 2));
    let found = Some(Origin { stream: STREAM, offset: 80 });
    assert_eq!(tally.first_fault, Some(Fault { stream: STREAM, at: 41, found, flaw: None }));

    for at in [0, 29, 31, 39] {
        let mut flipped = lines.clone();
        flipped[41 + at] = b'x';
        let (answers, tally) = decode_cuts(|| Script::line(40), &flipped);
        let first = tally.first_fault.map(|fault| fault.at);
        assert_eq!((answers, tally.corrupt, first), (ok_answers(4), 1, Some(41 + at as u64)));
    }

    let tally = decode_cuts(|| Script::line(40), &[&lines[..30], b"\n", &lines[41..82]].concat()).1;
    assert_eq!(
        (tally.corrupt, tally.first_fault),
        (10, Some(fault(0, Flaw::Length { found: 30, wanted: 40 })))
    );
}

#[test]
fn resp_answers_are_checked_by_the_command() {
    assert_eq!(decode_cuts(|| resp("PING", 0, None), b"+PONG\r\n+PONG\r\n").0, ok_answers(2));
    let bulk = |bytes: &[u8]| [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let echoes = [bulk(&made(STREAM, 0, 20)), bulk(&made(STREAM, 20, 20))].concat();
    let (answers, tally) = decode_cuts(|| resp("ECHO", 20, None), &echoes);
    assert_eq!((answers, tally.corrupt, tally.first_fault), (ok_answers(2), 0, None));
    let value = bulk(&made(SHARED_STREAM, 0, 20));
    let (answers, tally) = decode_cuts(|| resp("GET k", 0, Some(20)), &[&value[..], b"$-1\r\n"].concat());
    assert_eq!(answers[1], Answered { sequence: 1, error: true, last: false, gave_up: false });
    assert_eq!(tally.first_fault, Some(fault(27, Flaw::RespNull)));
    let (answers, tally) = decode_cuts(|| resp("SET k", 9, None), b"+OK\r\n-OOM no\r\n+OK\r\n");
    assert_eq!((answers.len(), tally.errors, tally.corrupt), (3, 1, 0));
    assert_eq!(tally.first_fault, Some(fault(5, Flaw::RespError)));
    let nested = b"*2\r\n*1\r\n$3\r\nabc\r\n:7\r\n*2\r\n+a\r\n-ERR\r\n*0\r\n";
    let (answers, tally) = decode_cuts(|| resp("EXEC", 0, None), nested);
    assert_eq!((answers.len(), tally.errors, tally.corrupt), (3, 1, 0));
}

#[test]
fn an_unexpected_resp_answer_is_corrupt() {
    for (text, at, corrupt, flaw) in [
        ("+PING\r\n", 2, 1, Flaw::RespOther),
        ("+QING\r\n", 1, 2, Flaw::RespOther),
        ("+PONGS\r\n", 0, 8, Flaw::RespOther),
        ("+\r\n", 0, 3, Flaw::RespOther),
        ("$4\r\nPONG\r\n", 0, 10, Flaw::RespOther),
        ("HTTP/1.1 400\r\n", 0, 14, Flaw::RespType(b'H')),
    ] {
        let tally = decode_cuts(|| resp("PING", 0, None), text.as_bytes()).1;
        assert_eq!((tally.corrupt, tally.first_fault), (corrupt, Some(fault(at, flaw))), "{text}");
    }
    let short = [b"$19\r\n", &made(STREAM, 0, 19)[..], b"\r\n"].concat();
    let tally = decode_cuts(|| resp("ECHO", 20, None), &short).1;
    assert_eq!(
        (tally.corrupt, tally.first_fault),
        (1, Some(fault(0, Flaw::Length { found: 19, wanted: 20 })))
    );
    let mut flipped = [b"$20\r\n", &made(STREAM, 0, 20)[..], b"\r\n"].concat();
    flipped[9] ^= 1;
    let tally = decode_cuts(|| resp("ECHO", 20, None), &flipped).1;
    assert_eq!((tally.corrupt, tally.first_fault.map(|fault| fault.at)), (1, Some(9)));
}

#[test]
fn raw_answers_end_at_a_delimiter_or_by_length() {
    let until = || raw("send = 'x'\nuntil = '\\r\\n'");
    assert_eq!(decode_cuts(until, b"a\rb\r\na\rb\r\n").0, ok_answers(2));
    let tally = decode_cuts(until, b"ab\r\n\r\nab\r\n").1;
    assert_eq!((tally.corrupt, tally.first_fault), (2 + 2, Some(fault(4, Flaw::Different))));
    assert_eq!(decode_cuts(|| raw("send = 'x'\nlength = 3"), b"abcabc").0, ok_answers(2));
    let tally = decode_cuts(|| raw("send = 'x'\nlength = 3"), b"abcabdab").1;
    assert_eq!((tally.corrupt, tally.verified), (1, 8));
    let differs = Fault { stream: STREAM, at: 5, found: None, flaw: Some(Flaw::Different) };
    assert_eq!(tally.first_fault, Some(differs));
    assert_eq!(decode_cuts(|| raw("send = 'x'\nlength = 3\ncheck = 'any'"), b"abcabd").1.corrupt, 0);
    let endless = vec![b'x'; raw::MOST_BYTES as usize + 5];
    let tally = decode(&until(), &endless, &[1 << 20]).1;
    assert_eq!((tally.corrupt, tally.first_fault), (raw::MOST_BYTES + 5, Some(fault(0, Flaw::NoDelimiter))));
}

#[test]
fn a_connection_that_ends_within_an_answer_is_reported_with_the_offset() {
    let mut line = vec![0; 30];
    Script::line(40).encoder(STREAM).fill(0, &mut line);
    for (script, bytes) in [
        (Script::line(40), line),
        (Script::echo(40), made(STREAM, 0, 50)),
        (Script::frame(0, 9), frame::prefix(33, 0).to_vec()),
        (http("", None), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell".to_vec()),
        (http("", None), b"HTTP/1.1 2".to_vec()),
        (resp("PING", 0, None), b"+PONG\r\n+PON".to_vec()),
        (raw("send = 'x'\nlength = 3"), b"abcab".to_vec()),
    ] {
        let tally = decode(&script, &bytes, &[1]).1;
        assert_eq!((tally.corrupt, tally.first_fault), (0, Some(fault(bytes.len() as u64, Flaw::CutOff))));
    }
}

#[test]
fn an_unrequested_answer_is_corrupt() {
    let mut decoder = resp("PING", 0, None).decoder(STREAM);
    decoder.feed(b"+PONG\r\n", &mut |_| {});
    decoder.unasked(1);
    assert_eq!((decoder.tally().corrupt, decoder.tally().first_fault), (1, Some(fault(7, Flaw::Unasked))));
}

/// A script of every kind whose answers are compared with something.
fn scripts() -> Vec<fn() -> Script> {
    vec![
        || http("", None),
        || http("check = \"content\"", Some(30)),
        || http("method = \"HEAD\"", None),
        || Script::line(20),
        || resp("PING", 0, None),
        || resp("ECHO", 12, None),
        || resp("LRANGE l 0 9", 0, None),
        || first::checked("LRANGE l 0 9", "bytes"),
        || first::checked("LRANGE l 0 9", "length"),
        || raw("send = 'x'\nuntil = '\\r\\n\\r\\n'"),
        || raw("send = 'x'\nlength = 7"),
        || Script::frame(5, 9),
    ]
}

/// What answers are made of, right and wrong.
const WORDS: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 503 No\r\n",
    b"HTTP/1.1 204 \r\n",
    b"HTTP/1.1 100 \r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\r\n",
    b"\n",
    b"hello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"a",
    b"\r",
    b"+PONG\r\n",
    b"-ERR no\r\n",
    b":7\r\n",
    b"$5\r\nhello\r\n",
    b"$-1\r\n",
    b"*2\r\n",
    b"*0\r\n",
    b"$",
    b"*1\r\n",
    b"\0\xff",
    b"\r\n\r\n",
];

proptest! {
    #[test]
    fn fragmentation_changes_no_finding(
        words in proptest::collection::vec(0..WORDS.len(), 0..40),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        pieces in proptest::collection::vec(1_usize..30, 1..20),
        script in 0_usize..12,
    ) {
        let script = scripts()[script];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| WORDS[*word]).copied().collect();
        bytes.extend(noise);
        let whole = decode(&script(), &bytes, &[bytes.len().max(1)]);
        prop_assert_eq!(decode(&script(), &bytes, &pieces), whole.clone());
        prop_assert_eq!(decode(&script(), &bytes, &[1]), whole.clone());
        let tally = whole.1;
        prop_assert!(tally.verified <= bytes.len() as u64);
        let fault = tally.first_fault.filter(|fault| fault.flaw != Some(Flaw::CutOff));
        prop_assert!(fault.is_none() || tally.corrupt + tally.errors + tally.reordered > 0);
        prop_assert!(tally.corrupt + tally.errors == 0 || tally.first_fault.is_some());
    }
}

#[test]
fn an_endless_request_begins_like_a_finite_one() {
    let begun = |script: &Script| {
        let mut encoder = script.encoder(STREAM).endless()?;
        let mut bytes = [0; 100];
        encoder.fill(0, &mut bytes);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let line = begun(&Script::line(10)).expect("a line has an end");
    assert!(line.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
    let head = begun(&http("", None)).expect("a head has an end");
    assert!(head.starts_with("GET / HTTP/1.1\r\nHost: host\r\nUser-Agent: badpeer/"), "{head}");
    assert!(head.contains("\r\nX-Endless: ") && head.matches("\r\n").count() == 3, "{head}");
    let command = begun(&resp("PING", 0, None)).expect("a string has a length");
    assert!(command.starts_with("*1\r\n$4611686018427387904\r\n"), "{command}");
    assert_eq!(begun(&raw("send = 'x'\nuntil = '\\n'")), None);
}
