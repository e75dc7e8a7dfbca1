//! A length header in front of an existing body: the bytes moved, and the system calls.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
};

use super::cpu_time::cpu_ns;
use crate::{
    buffer::{Buffer, Contiguous, Layout, PREPEND_BYTES},
    metric::{Metric, Row},
    profile::{Method, Prepend},
};

pub(super) fn run(asked: &Prepend) -> io::Result<Row> {
    let mut sink = Counted { file: File::options().write(true).open("/dev/null")?, calls: 0 };
    let body = vec![7; asked.body.0 as usize];
    let mut buffer = buffer(asked.method, body.len());
    let mut result = Ok(());
    let cpu = cpu_ns(|| {
        result = (0..asked.steps.0).try_for_each(|_| send(asked.method, &mut buffer, &body, &mut sink));
    });
    result?;
    let (work, steps) = (buffer.work(), f64::from(asked.steps.0));
    let mut row = Row::default();
    row.set(Metric::CoreCpuPerStep, cpu / steps);
    row.set(Metric::CoreMovedPerByte, work.moved as f64 / work.appended as f64);
    row.set(Metric::CoreCallsPerStep, sink.calls as f64 / steps);
    Ok(row)
}

/// A buffer that never has to grow, and keeps room in front where the method needs it.
#[must_use]
pub fn buffer(method: Method, body: usize) -> Contiguous {
    let prepend = if method == Method::Prepend { PREPEND_BYTES } else { 0 };
    Contiguous::with(Layout { initial: 2 * (PREPEND_BYTES + body), prepend, ..Layout::default() })
}

/// One message: its body, then the header whose length is known only now, then both to the sink, which must take all.
///
/// # Errors
/// What the sink says.
///
/// # Panics
/// When the buffer has a limit below the body and its header.
pub fn send(method: Method, buffer: &mut dyn Buffer, body: &[u8], sink: &mut dyn Write) -> io::Result<()> {
    let header = (body.len() as u64).to_be_bytes();
    buffer.append(body).expect("no limit is in the way");
    match method {
        Method::Prepend | Method::Insert => buffer.prepend(&header).expect("no limit is in the way"),
        Method::TwoWrites => sink.write_all(&header)?,
        Method::Writev => {
            let taken = sink.write_vectored(&[IoSlice::new(&header), IoSlice::new(buffer.front())])?;
            buffer.retrieve(taken - header.len());
            return Ok(());
        }
    }
    buffer.write_to(sink).map(drop)
}

/// A file, and how often the kernel was called for it.
struct Counted {
    file: File,
    calls: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        self.file.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.calls += 1;
        self.file.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, Count};

    const METHODS: [Method; 4] = [Method::Prepend, Method::Insert, Method::Writev, Method::TwoWrites];

    #[test]
    fn every_method_sends_the_same_bytes() {
        for method in METHODS {
            let (mut buffer, mut sent) = (buffer(method, 4), Vec::new());
            for body in [b"body", b"next"] {
                send(method, &mut buffer, body, &mut sent).expect("a Vec takes everything");
            }
            assert_eq!(sent, b"\0\0\0\0\0\0\0\x04body\0\0\0\0\0\0\0\x04next", "{method}");
            assert_eq!(buffer.readable(), 0);
        }
    }

    #[test]
    fn each_method_costs_calls_or_moves() {
        for (method, calls, moved) in METHODS
            .into_iter()
            .zip([1.0, 1.0, 1.0, 2.0])
            .zip([0.0, 1.0, 0.0, 0.0])
            .map(|((method, calls), moved)| (method, calls, moved))
        {
            for body in [1, 500, 100_000] {
                let row = run(&Prepend { method, body: Bytes(body), steps: Count(100) }).expect("/dev/null");
                let found = (row.value(Metric::CoreCallsPerStep), row.value(Metric::CoreMovedPerByte));
                assert_eq!(found, (Some(calls), Some(moved)), "{method}, {body} bytes");
            }
        }
    }
}
