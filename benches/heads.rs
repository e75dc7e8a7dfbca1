//! What parsing the head of a request costs a server, whole and line by line, when it comes in 1, 4 or 64 pieces or byte by
//! byte: the time of each head.

use std::{hint::black_box, time::Duration};

use badpeer::{
    buffer::{Buffer, INITIAL_BYTES, Kind, make},
    codec::http::{HEAD_BYTES, LineParser},
    experiment::decode::{arrive, arrive_for},
    profile::Decoder,
};
use criterion::{BenchmarkId, Criterion, Throughput};

const KINDS: [Kind; 2] = [Kind::Contiguous, Kind::Chained];
/// Fields of the short head, which a browser might send, and of the long one.
const FIELDS: [usize; 2] = [12, 90];

fn main() {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(300));
    let mut criterion = criterion.measurement_time(Duration::from_secs(1)).configure_from_args();
    for head in FIELDS.map(head) {
        for (pieces, step) in [
            ("1 piece", head.len()),
            ("4 pieces", head.len().div_ceil(4)),
            ("64 pieces", head.len().div_ceil(64)),
            ("pieces of a byte", 1),
        ] {
            parse(&mut criterion, &head, pieces, step);
        }
    }
    criterion.final_summary();
}

/// A head with so many fields of 80 bytes.
fn head(fields: usize) -> Vec<u8> {
    let mut head = b"GET /a/path/of/some/length?and=a&query=too HTTP/1.1\r\nHost: example.com\r\n".to_vec();
    for field in 0..fields {
        head.extend(format!("X-Field-{field:02}: {}\r\n", "x".repeat(66)).into_bytes());
    }
    [head, b"\r\n".to_vec()].concat()
}

/// A way to parse a head that arrives in pieces of so many bytes; how many heads were found.
type Parse = fn(&mut dyn Buffer, &[u8], usize) -> u64;

fn whole(buffer: &mut dyn Buffer, head: &[u8], piece: usize) -> u64 {
    arrive(Decoder::Http, buffer, head, piece)
}

fn line_by_line(buffer: &mut dyn Buffer, head: &[u8], piece: usize) -> u64 {
    let mut parser = LineParser::default();
    arrive_for(buffer, head, piece, |buffer| {
        black_box(parser.next(buffer, HEAD_BYTES).expect("a request")).is_some()
    })
}

fn parse(criterion: &mut Criterion, head: &[u8], pieces: &str, step: usize) {
    let mut group = criterion.benchmark_group(format!("a head of {} bytes in {pieces}", head.len()));
    group.throughput(Throughput::Bytes(head.len() as u64));
    for kind in KINDS {
        for (name, parse) in [("whole", whole as Parse), ("line by line", line_by_line)] {
            let mut buffer = make(kind, INITIAL_BYTES, None);
            group.bench_function(BenchmarkId::new(kind.to_string(), name), |bencher| {
                bencher.iter(|| {
                    let found = parse(&mut *buffer, head, step);
                    assert_eq!((found, buffer.readable()), (1, 0));
                });
            });
        }
    }
    group.finish();
}
