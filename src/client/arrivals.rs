//! The open loops: every request that becomes due is given to a connection, or counted as skipped.

use super::{connection::Connection, engine::Engine};
use crate::{load::Pacing, reactor::Token, sys};

/// Requests that one connection may have under way in an open loop; beyond it arrivals are skipped.
const MOST_PENDING: usize = 1 << 16;
/// Arrivals that one group may start before the others, and the sockets, have their turn.
const TURN_ARRIVALS: usize = 128;

impl Engine<'_> {
    /// Gives arrivals that are due to connections.
    pub(super) fn start_arrivals(&mut self) {
        let end = self.plan.window_ns().1;
        for index in 0..self.groups.len() {
            for _ in 0..TURN_ARRIVALS {
                let Some(due_ns) = self.next_arrival(index, end) else { break };
                self.io.now_ns = sys::monotonic_ns();
                self.late(due_ns);
                let token = self.groups[index].next_in_turn();
                self.start_arrival(index, due_ns, token);
            }
        }
    }

    /// How late an arrival is now. Those of the warm-up do not count: connections are still being opened.
    fn late(&mut self, due_ns: u64) {
        if due_ns >= self.plan.window_ns().0 {
            self.pacing_error.saturating_record(self.io.now_ns.saturating_sub(due_ns));
        }
    }

    /// When the group's next arrival became due, if it did, and before the end.
    fn next_arrival(&mut self, index: usize, end_ns: u64) -> Option<u64> {
        let group = &mut self.groups[index];
        let pace = group.pace.as_mut()?;
        let start_ns = group.start.at_ns()?;
        let elapsed_ns = self.io.now_ns.min(end_ns - 1).checked_sub(start_ns)?;
        match pace.decide(elapsed_ns) {
            Pacing::Due(due) => {
                pace.skip(group.part.of - 1);
                Some(start_ns + due)
            }
            Pacing::Wait(_) => None,
        }
    }

    fn start_arrival(&mut self, index: usize, due_ns: u64, token: Option<Token>) {
        let group = &mut self.groups[index];
        let connection = token.and_then(|token| self.connections.entry(token));
        let has_room = |connection: &&mut Connection| {
            connection.pending.open() < MOST_PENDING
                && connection.pending.started() < group.requests_per_connection()
                && !connection.tx.is_shut()
        };
        match connection.filter(has_room) {
            None => group.skip(due_ns),
            Some(connection) => {
                connection.start(due_ns, group);
                let fate = connection.send(&mut self.io, group);
                self.settle(token, fate);
            }
        }
    }

    /// The window is over: what became due in it and was not started never will be, and was so late at least.
    pub(super) fn abandon_arrivals(&mut self) {
        let end = self.plan.window_ns().1;
        for index in 0..self.groups.len() {
            while let Some(due_ns) = self.next_arrival(index, end) {
                self.late(due_ns);
                self.groups[index].skip(due_ns);
            }
        }
    }
}
