//! A standing backlog: what enters and leaves a buffer in which many bytes wait, and what it gives back when they are gone.

use std::{
    hint::black_box,
    io::{self, IoSlice, Write},
};

use super::cpu_time::cpu_ns;
use crate::{
    buffer::{Buffer, INITIAL_BYTES, Layout, make_with},
    metric::{Metric, Row},
    probe::ProcessProbe,
    profile::Backlog,
    sys,
};

/// Bytes taken at a time when all is drained at the end.
const GULP_BYTES: usize = 64 * 1024;

pub(super) fn run(asked: &Backlog) -> io::Result<Row> {
    let mut process = ProcessProbe::new(std::process::id())?;
    let mut resident = || process.read().map(|reading| reading.rss_bytes as f64);
    let piece = vec![7; asked.piece.0 as usize];
    let before = resident()?;
    let mut buffer = make_with(asked.buffer, layout(asked));
    fill(&mut *buffer, asked.backlog.0 as usize, &piece);
    let filled = buffer.work();
    let mut footprint = buffer.footprint();
    let cpu = cpu_ns(|| {
        for _ in 0..asked.steps.0 {
            step(&mut *buffer, &piece);
            footprint = footprint.max(buffer.footprint());
        }
    });
    let loaded = resident()? - before;
    while buffer.write_to(&mut Drain(GULP_BYTES))? > 0 {}
    sys::trim_heap();
    let drained = resident()? - before;
    buffer.shrink();
    sys::trim_heap();
    let shrunk = resident()? - before;

    let (work, steps) = (buffer.work(), f64::from(asked.steps.0));
    let mut row = Row::default();
    row.set(Metric::CoreCpuPerStep, cpu / steps);
    row.set(Metric::CoreMovedPerByte, work.moved as f64 / work.appended as f64);
    row.set(Metric::CoreAllocationsPerStep, (work.allocations - filled.allocations) as f64 / steps);
    row.set(Metric::CoreFootprint, footprint as f64);
    row.set(Metric::CoreRssLoaded, loaded);
    row.set(Metric::CoreRssDrained, drained);
    row.set(Metric::CoreRssShrunk, shrunk);
    Ok(row)
}

/// With a `room`, growing is over before the steps begin, and this much is free behind the backlog.
fn layout(asked: &Backlog) -> Layout {
    let mut layout = Layout { shift: asked.shift, ..Layout::default() };
    layout.initial = match asked.room.0 {
        Some(room) => layout.prepend + (asked.backlog.0 + room.0) as usize,
        None => INITIAL_BYTES,
    };
    layout
}

/// Lets so many bytes wait, piece by piece.
///
/// # Panics
/// When the buffer has a limit below that.
pub fn fill(buffer: &mut dyn Buffer, backlog: usize, piece: &[u8]) {
    while buffer.readable() < backlog {
        let next = piece.len().min(backlog - buffer.readable());
        buffer.append(&piece[..next]).expect("no limit is in the way");
    }
}

/// A piece in at the end, and as much out at the front.
///
/// # Panics
/// When the buffer has a limit that leaves no room for the piece.
pub fn step(buffer: &mut dyn Buffer, piece: &[u8]) {
    buffer.append(piece).expect("no limit is in the way");
    let mut sink = Drain(piece.len());
    while sink.0 > 0 && buffer.write_to(&mut sink).is_ok_and(|taken| taken > 0) {}
}

/// Takes so many bytes in all, from the front of what it is offered, and looks at none.
#[derive(Debug)]
pub struct Drain(pub usize);

impl Drain {
    fn take(&mut self, offered: usize) -> usize {
        let taken = self.0.min(offered);
        self.0 -= taken;
        taken
    }
}

impl Write for Drain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.take(black_box(bytes).len()))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.take(black_box(slices).iter().map(|slice| slice.len()).sum()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        buffer::{Kind, Shift},
        units::{Bytes, Count, OrOff},
    };

    const KIB: u64 = 1024;

    fn found(asked: &Backlog) -> impl Fn(Metric) -> f64 + use<> {
        let row = run(asked).expect("/proc");
        move |metric| row.value(metric).unwrap_or_else(|| panic!("{metric:?} is missing"))
    }

    #[test]
    fn a_step_keeps_the_size_of_the_backlog() {
        for kind in [Kind::Contiguous, Kind::Chained] {
            let mut buffer = crate::buffer::make(kind, 16, None);
            fill(&mut *buffer, 10_001, &[7; 100]);
            step(&mut *buffer, &[7; 4000]);
            assert_eq!((buffer.readable(), buffer.work().appended), (10_001, 14_001));
        }
    }

    /// All but 4 KiB of the buffer wait: what each rule pays for 4 MiB that pass.
    fn near_full(shift: Shift, backlog: u64) -> impl Fn(Metric) -> f64 {
        found(&Backlog {
            buffer: Kind::Contiguous,
            shift,
            backlog: Bytes(backlog),
            room: OrOff(Some(Bytes(4 * KIB))),
            piece: Bytes(4 * KIB),
            steps: Count(1024),
        })
    }

    #[test]
    fn each_shift_rule_costs_moves_or_memory() {
        let moved = |shift, backlog| near_full(shift, backlog)(Metric::CoreMovedPerByte);
        let (small, large) = (moved(Shift::Always, 64 * KIB), moved(Shift::Always, 512 * KIB));
        assert!(small > 15.0 && large / small > 7.0, "grows with the backlog: {small}, {large}");
        assert!(moved(Shift::Amortized, 512 * KIB) <= 1.0);
        let held = |shift| near_full(shift, 64 * KIB)(Metric::CoreFootprint) / KIB as f64;
        assert!(held(Shift::Amortized) <= 138.0, "{} KiB", held(Shift::Amortized));
        assert!(held(Shift::Never) > 2048.0, "{} KiB of the 4 MiB that passed", held(Shift::Never));
    }
}
