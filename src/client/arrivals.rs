//! The open loops: every request that becomes due waits for a connection with room, and counts from when it was due.

use super::engine::Engine;
use crate::{load::Pacing, reactor::Token};

/// Arrivals that one group may start before the others, and the sockets, have their turn.
const TURN_ARRIVALS: usize = 128;
/// A request that is started so much later than it was due is counted as late, in nanoseconds.
const LATE_NS: u64 = 10_000_000;

impl Engine<'_> {
    /// Gives arrivals that are due to connections.
    pub(super) fn start_arrivals(&mut self) {
        let end = self.plan.window_ns().1;
        for index in 0..self.groups.len() {
            for _ in 0..TURN_ARRIVALS {
                let Some(due_ns) = self.next_arrival(index, end) else { break };
                self.context.read_clock();
                self.arrive(index, due_ns);
                self.serve_waiting(index);
            }
        }
    }

    /// A request became due, and is late by now if the engine was. Those of the warm-up do not count as late: connections
    /// are still being opened.
    fn arrive(&mut self, index: usize, due_ns: u64) {
        let late_ns = self.context.now_ns.saturating_sub(due_ns);
        if due_ns >= self.plan.window_ns().0 {
            self.pacing_error.saturating_record(late_ns);
            self.started_late += u64::from(late_ns > LATE_NS);
        }
        self.groups[index].arrived(due_ns, self.context.now_ns);
    }

    /// Gives what waits to connections with room, in turn.
    pub(super) fn serve_waiting(&mut self, index: usize) {
        while !self.groups[index].queue.is_empty() {
            let Some(token) = self.groups[index].queue.take_free() else { return };
            self.serve_one(index, token);
        }
    }

    fn serve_one(&mut self, index: usize, token: Token) {
        let Some(connection) = self.connections.entry(token) else { return };
        connection.is_offered = false;
        let group = &mut self.groups[index];
        connection.take_one(group);
        let close_reason = connection.send(&mut self.context, group);
        self.settle(Some(token), close_reason);
    }

    /// When the group's next arrival became due, if it did, and before the end.
    fn next_arrival(&mut self, index: usize, end_ns: u64) -> Option<u64> {
        let group = &mut self.groups[index];
        let pace = group.pace.as_mut()?;
        let start_ns = group.start.at_ns()?;
        let elapsed_ns = self.context.now_ns.min(end_ns - 1).checked_sub(start_ns)?;
        match pace.decide(elapsed_ns) {
            Pacing::Due(due) => {
                pace.skip(group.part.of - 1);
                Some(start_ns + due)
            }
            Pacing::Wait(_) => None,
        }
    }

    /// The window is over: what became due in it and was not taken note of arrives now, and waits with the others for the
    /// last answers.
    pub(super) fn take_last_arrivals(&mut self) {
        let end = self.plan.window_ns().1;
        for index in 0..self.groups.len() {
            while let Some(due_ns) = self.next_arrival(index, end) {
                self.arrive(index, due_ns);
            }
            self.serve_waiting(index);
        }
    }
}
