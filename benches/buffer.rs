//! What the two buffers cost, without a kernel: at a backlog, in a search, in a read with a spill, with a header.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::time::Duration;

use badpeer::buffer::{Buffer, INITIAL_BYTES, Kind, make};
use badpeer::experiment::{
    backlog::{Drain, fill, step},
    decode::{arrive, message},
    prepend,
};
use badpeer::profile::{Decoder, Method};
use criterion::{BenchmarkId, Criterion, Throughput};

const KINDS: [Kind; 2] = [Kind::Contiguous, Kind::Chained];
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn main() {
    let criterion = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(500));
    let mut criterion = criterion.measurement_time(Duration::from_secs(2)).configure_from_args();
    backlog(&mut criterion);
    rise_and_fall(&mut criterion);
    find(&mut criterion);
    read(&mut criterion);
    header(&mut criterion);
    criterion.final_summary();
}

fn filled(kind: Kind, backlog: usize) -> Box<dyn Buffer + Send> {
    let mut buffer = make(kind, INITIAL_BYTES, None);
    fill(&mut *buffer, backlog, &[7; 4 * KIB]);
    buffer
}

/// 4 KiB in and 4 KiB out while so many bytes wait.
fn backlog(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append and drain 4 KiB");
    group.throughput(Throughput::Bytes(4 * KIB as u64));
    for (name, backlog) in [("4 KiB", 4 * KIB), ("1 MiB", MIB), ("64 MiB", 64 * MIB)] {
        for kind in KINDS {
            let mut buffer = filled(kind, backlog);
            group.bench_function(BenchmarkId::new(kind.to_string(), name), |bencher| {
                bencher.iter(|| step(&mut *buffer, &[7; 4 * KIB]));
            });
        }
    }
    group.finish();
}

/// A backlog that builds up from nothing and drains: growing included.
fn rise_and_fall(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fill 1 MiB and drain it");
    group.throughput(Throughput::Bytes(MIB as u64));
    for kind in KINDS {
        group.bench_function(kind.to_string(), |bencher| {
            bencher.iter(|| {
                let mut buffer = filled(kind, MIB);
                while buffer.write_to(&mut Drain(64 * KIB)).is_ok_and(|taken| taken > 0) {}
                buffer
            });
        });
    }
    group.finish();
}

/// A line of 16 KiB arrives in pieces of 16 bytes and is looked for after each: linear only if the search resumes.
fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("find the end of a fragmented line");
    let line = message(Decoder::Line, 16 * KIB);
    group.throughput(Throughput::Bytes(line.len() as u64));
    for kind in KINDS {
        group.bench_function(kind.to_string(), |bencher| {
            let mut buffer = make(kind, INITIAL_BYTES, None);
            bencher.iter(|| assert_eq!(arrive(Decoder::Line, &mut *buffer, &line, 16), 1));
        });
    }
    group.finish();
}

/// One read into a buffer of 1 KiB and a spill of 64 KiB: what fits, and what does not.
fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read_from with a spill");
    let mut spill = vec![0; 64 * KIB];
    for arriving in [512, 16 * KIB, 64 * KIB] {
        group.throughput(Throughput::Bytes(arriving as u64));
        for kind in KINDS {
            group.bench_function(BenchmarkId::new(kind.to_string(), arriving), |bencher| {
                bencher.iter(|| {
                    let mut buffer = make(kind, INITIAL_BYTES, None);
                    buffer.read_from(&mut Arriving(arriving), &mut spill).expect("it never fails");
                    buffer
                });
            });
        }
    }
    group.finish();
}

/// An 8-byte header in front of a body of 512 bytes.
fn header(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("an 8-byte header to /dev/null");
    let mut sink = File::options().write(true).open("/dev/null").expect("every Linux has it");
    for method in [Method::Prepend, Method::Insert, Method::Writev, Method::TwoWrites] {
        group.bench_function(method.to_string(), |bencher| {
            let mut buffer = prepend::buffer(method, 512);
            bencher.iter(|| prepend::send(method, &mut buffer, &[7; 512], &mut sink).is_ok());
        });
    }
    group.finish();
}

/// Has so many bytes for every call.
struct Arriving(usize);

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buffer)])
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut left = self.0;
        for slice in slices {
            let part = left.min(slice.len());
            slice[..part].fill(7);
            left -= part;
        }
        Ok(self.0 - left)
    }
}
