//! What the server decides about a peer, from numbers alone: which limit is broken, and whether it took too long.

mod ack_progress;
mod time_limits;

use std::path::PathBuf;

use self::time_limits::nanoseconds;
pub(super) use self::{
    ack_progress::{AckProgress, UnixProgress},
    time_limits::{Seen, TimeLimits, Waiting},
};
use crate::{
    buffer::{Kind, Layout},
    profile::{
        Dispatch, EvictBy, HeadParsing, Overflow, ReadStrategy, ServerOptions, Service, Trigger,
        WriteInterest,
    },
    reactor::Mode,
    server::planted::PlantedDefects,
    units::{Bytes, Count, OrOff},
};

/// Memory beyond this is not kept by a connection that is quiet, nor by the heap when connections are gone.
pub(super) const LARGE_BYTES: usize = 64 * 1024;

/// The options, as the loop wants them; `off` is the largest number where nothing is ever that large.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) protocol: Service,
    pub(super) head_parsing: HeadParsing,
    pub(super) root: Option<PathBuf>,
    pub(super) mode: Mode,
    dispatch: Dispatch,
    /// Threads that answer, and the shared event loop of several workers: each keeps files open.
    pub(super) answering: u64,
    pub(super) write_interest: WriteInterest,
    pub(super) max_sends: u32,
    pub(super) send_piece: usize,
    pub(super) lost_wakeup: bool,
    pub(super) read_quantum: usize,
    pub(super) work_ns: u64,
    /// How long a request is in progress; 0: it is answered at once.
    pub(super) processing_ns: u64,
    pub(super) concurrency_limit: usize,
    pub(super) buffer: Kind,
    pub(super) layout: Layout,
    pub(super) shrink: bool,
    pub(super) read_strategy: ReadStrategy,
    pub(super) receive_limit: Option<usize>,
    pub(super) send_limit: Option<usize>,
    pub(super) overflow: Overflow,
    pub(super) soft_limit: Option<usize>,
    pub(super) times: TimeLimits,
    pub(super) user_timeout: bool,
    pub(super) evict_by: EvictBy,
    pub(super) max_connections: usize,
    pub(super) drain_ns: u64,
    pub(super) tick_ns: u64,
    pub(super) planted: PlantedDefects,
}

impl Policy {
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self {
            protocol: options.protocol,
            head_parsing: options.head_parsing,
            root: options.root.clone(),
            mode: match options.trigger {
                Trigger::Level => Mode::Level,
                Trigger::Edge => Mode::Edge,
            },
            dispatch: options.dispatch,
            answering: match options.dispatch {
                Dispatch::Single => 1,
                Dispatch::Reactors | Dispatch::WorkersShared => u64::from(options.threads.0),
                Dispatch::Workers => u64::from(options.threads.0) + 1,
            },
            write_interest: options.write_interest,
            max_sends: options.max_sends.0.map_or(u32::MAX, |Count(sends)| sends),
            send_piece: or_off(&options.send_piece).unwrap_or(usize::MAX),
            lost_wakeup: options.lost_wakeup,
            read_quantum: or_off(&options.read_quantum).unwrap_or(usize::MAX),
            work_ns: nanoseconds(options.work_per_message),
            processing_ns: nanoseconds(options.processing_time),
            concurrency_limit: options.concurrency_limit.0.map_or(usize::MAX, |Count(most)| most as usize),
            buffer: options.buffer,
            layout: Layout {
                initial: size(options.initial),
                limit: None,
                prepend: size(options.prepend),
                shift: options.shift,
            },
            shrink: options.shrink,
            read_strategy: options.read_strategy,
            receive_limit: or_off(&options.receive_limit),
            send_limit: or_off(&options.send_limit),
            overflow: options.overflow,
            soft_limit: or_off(&options.soft_limit),
            times: TimeLimits::new(options),
            user_timeout: options.user_timeout.0.is_some(),
            evict_by: options.evict_by,
            max_connections: options.max_connections.0.map_or(usize::MAX, |Count(most)| most as usize),
            drain_ns: nanoseconds(options.drain),
            tick_ns: nanoseconds(options.tick),
            planted: PlantedDefects::new(options),
        }
    }

    /// Is a connection that was reported not reported again before it is armed anew?
    pub(super) fn one_shot(&self) -> bool {
        self.dispatch == Dispatch::Workers
    }

    /// Have other threads the same connections?
    pub(super) fn is_shared(&self) -> bool {
        self.dispatch == Dispatch::WorkersShared
    }

    /// Do more bytes wait to be sent than the send limit allows?
    pub(super) fn above_high_water(&self, waiting: usize) -> bool {
        self.send_limit.is_some_and(|limit| waiting > limit)
    }

    /// Do so few bytes wait that the requests of a paused connection may be read again? The distance to the high-water
    /// mark keeps a connection from being paused and resumed for each answer.
    pub(super) fn below_low_water(&self, waiting: usize) -> bool {
        self.send_limit.is_none_or(|limit| waiting <= limit / 2)
    }

    /// Does a connection for which nothing waits hold more than it should keep? Who asks for no memory before the
    /// first use asks for none after the last.
    pub(super) fn slack(&self, held: usize) -> bool {
        self.shrink && held > if self.layout.initial == 0 { 0 } else { LARGE_BYTES }
    }
}

fn size(bytes: Bytes) -> usize {
    usize::try_from(bytes.0).unwrap_or(usize::MAX)
}

fn or_off(bytes: &OrOff<Bytes>) -> Option<usize> {
    bytes.0.map(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_send_limit_may_be_reached_and_not_exceeded() {
        let limited = Policy { send_limit: Some(100), ..Policy::new(&ServerOptions::default()) };
        assert!(!limited.above_high_water(100) && limited.above_high_water(101));
        assert!(!limited.below_low_water(51) && limited.below_low_water(50));
        assert!(!Policy { send_limit: None, ..limited }.above_high_water(usize::MAX));
    }
}
