//! What finding and checking answers costs a client: per answer and per byte, when they come whole and byte by byte, and when
//! all but the first are wrong.

use std::{hint::black_box, time::Duration};

use badpeer::codec::{
    Answered, Decoder, SHARED_STREAM, Script, content,
    frame::{self, Header},
    http, raw, resp,
};
use criterion::{BenchmarkId, Criterion, Throughput};

/// Answers in each stream that is decoded.
const ANSWERS: u64 = 64;
/// The connection whose answers they are.
const STREAM: u32 = 5;

fn main() {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300));
    let mut criterion = criterion.measurement_time(Duration::from_secs(1)).configure_from_args();
    for size in [16, 1024, 64 * 1024] {
        decode(&mut criterion, size, "whole", 256 * 1024);
        if size <= 1024 {
            decode(&mut criterion, size, "byte by byte", 1);
        }
    }
    garbage(&mut criterion, 64 * 1024);
    criterion.final_summary();
}

/// A protocol with answers of `size` bytes of content: its name, a fresh script, and the stream of answers.
type Case = (&'static str, Script, Vec<u8>);

fn cases(size: usize) -> Vec<Case> {
    let ask = |keys: &str| toml::from_str::<http::RequestSpec>(keys).expect("a request");
    let raw = |end: &str| {
        let exchange: raw::Exchange = toml::from_str(&format!("send = 'x'\n{end}")).expect("an exchange");
        Script::raw(&exchange)
    };
    let (bytes, known) = (size as u64, Some(size as u64));
    let echo = Script::echo(bytes);
    let http = |check: &str| Script::http(&ask(check), "host", 0, known, None);
    let command = |text: &str| resp::Command { command: text.to_owned(), check: None };
    let shared = made(SHARED_STREAM, 0, size);
    let head = "HTTP/1.1 200 OK\r\nServer: badpeer\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
                Content-Type: application/octet-stream\r\n";
    let by_length = [format!("{head}Content-Length: {size}\r\n\r\n").as_bytes(), &shared].concat();
    let chunk = format!("{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n");
    let chunked = [chunk.as_bytes(), &shared, b"\r\n0\r\n\r\n"].concat();
    let value = [format!("${size}\r\n").as_bytes(), &shared, b"\r\n"].concat();
    let text = [vec![b'x'; size], b"\r\n.\r\n".to_vec()].concat();
    let again = |answer: Vec<u8>| answer.repeat(ANSWERS as usize);
    vec![
        ("echo", echo.clone(), requests(&echo)),
        ("frame", Script::frame(bytes, size as u32), frames(size)),
        ("line", Script::line(bytes), requests(&Script::line(bytes))),
        ("http, content", http("check = 'content'"), again(by_length.clone())),
        ("http, as the first", http(""), again(by_length)),
        ("http, chunked", http("check = 'content'"), again(chunked)),
        ("resp", Script::resp(&command("GET k"), 0, known), again(value)),
        ("raw, delimiter", raw("until = '\\r\\n.\\r\\n'"), again(text)),
        ("raw, length", raw(&format!("length = {size}")), again(shared)),
    ]
}

fn made(stream: u32, offset: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    content::fill(stream, offset, &mut bytes);
    bytes
}

fn frames(size: usize) -> Vec<u8> {
    let frame = |sequence| {
        let header = Header { sequence, stream: STREAM, answer: 0, offset: sequence * size as u64 };
        [&frame::opening(&header, size)[..], &made(STREAM, header.offset, size)].concat()
    };
    (0..ANSWERS).flat_map(frame).collect()
}

/// For protocols whose answers look like their requests.
fn requests(script: &Script) -> Vec<u8> {
    let mut encoder = script.encoder(STREAM);
    let mut bytes = vec![0; (ANSWERS * encoder.message_bytes()) as usize];
    encoder.fill(0, &mut bytes);
    bytes
}

/// Feeds all the answers in pieces of `step` bytes; how many were found.
fn feed(mut decoder: Decoder, bytes: &[u8], step: usize) -> u64 {
    let mut count = 0;
    for piece in bytes.chunks(step) {
        decoder.feed(black_box(piece), &mut |answer: Answered| count += u64::from(!answer.error));
    }
    black_box(decoder.tally());
    count
}

fn corrupt(mut decoder: Decoder, bytes: &[u8]) -> u64 {
    decoder.feed(bytes, &mut |_| {});
    decoder.tally().corrupt
}

/// Answers whose content is wrong in every byte, and another each time, behind a first one that is right; and noise that is
/// no answer at all.
fn garbage(criterion: &mut Criterion, size: usize) {
    let mut group =
        criterion.benchmark_group(format!("{ANSWERS} answers of {size} bytes, all but the first wrong"));
    for (name, script, mut bytes) in cases(size) {
        let noise: Vec<u8> = made(STREAM + 1, 0, bytes.len());
        // What frames an answer is text, or lies at its beginning.
        let answer = bytes.len() / ANSWERS as usize;
        for (at, byte) in bytes.iter_mut().enumerate().skip(answer) {
            if at % answer >= answer - size && !matches!(byte, b'\n' | b'\r') {
                *byte ^= 1 + (at / answer % 7) as u8;
            }
        }
        for (what, bytes) in [("content", bytes), ("noise", noise)] {
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(BenchmarkId::new(name, what), |bencher| {
                bencher.iter(|| feed(script.decoder(STREAM), &bytes, 256 * 1024));
            });
        }
    }
    group.finish();
}

/// The time of an iteration is that of [`ANSWERS`] answers.
fn decode(criterion: &mut Criterion, size: usize, manner: &str, step: usize) {
    let mut group = criterion.benchmark_group(format!("{ANSWERS} answers of {size} bytes, {manner}"));
    for (name, script, bytes) in cases(size) {
        assert_eq!(feed(script.decoder(STREAM), &bytes, step), ANSWERS, "{name}");
        assert_eq!(corrupt(script.decoder(STREAM), &bytes), 0, "{name}");
        group.throughput(Throughput::ElementsAndBytes { elements: ANSWERS, bytes: bytes.len() as u64 });
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| feed(script.decoder(STREAM), &bytes, step));
        });
    }
    group.finish();
}
