//! How connections come in, and how the server stops letting them in.

use std::{io, net::TcpStream, sync::atomic::Ordering::Relaxed};

use super::{BATCH, DOOR, EventLoop, Key};
use crate::{
    reactor::{Interest, Mode, Token},
    server::{accept::Knock, connection::Connection},
    sys,
};

/// How long the door is left alone when nobody can be let in.
const STUCK_NS: u64 = 100_000_000;

impl EventLoop {
    pub(super) fn watch_the_door(&self) -> io::Result<()> {
        if let Some(door) = &self.door {
            self.shared.reactor.add(door, DOOR, Interest::READ, self.door_mode())?;
            self.shared.counters.controls.add(1);
        }
        Ok(())
    }

    /// Where several threads wait for the same, only one of them goes to the door.
    fn door_mode(&self) -> Mode {
        if self.shared.policy.one_shot() { Mode::OneShot } else { Mode::Level }
    }

    pub(super) fn listen_for(&mut self, interest: Interest) -> bool {
        let Some(door) = &self.door else { return false };
        self.shared.counters.controls.add(1);
        self.shared.reactor.modify(door, DOOR, interest, self.door_mode()).is_ok()
    }

    pub(super) fn accept(&mut self) {
        for _ in 0..BATCH {
            let Some(door) = &mut self.door else { return };
            match door.knock() {
                Knock::Visitor(stream, peer) => self.let_in(stream, peer.port()),
                Knock::Refused => {
                    self.shared.counters.accept_refused.add(1);
                    // Their descriptors are for those that come next.
                    self.shared.scratch.site.forget_files();
                }
                Knock::Nobody => break,
                Knock::Stuck if self.shared.scratch.site.forget_files() => {}
                Knock::Stuck => return self.shut_the_door(),
            }
        }
        if self.door_mode() == Mode::OneShot {
            self.listen_for(Interest::READ);
        }
    }

    fn let_in(&mut self, stream: TcpStream, peer_port: u16) {
        let counters = &self.shared.counters;
        if self.common.population.fetch_add(1, Relaxed) >= self.shared.policy.max_connections {
            // Dropped, and so closed.
            self.common.population.fetch_sub(1, Relaxed);
            counters.accept_refused.add(1);
            return;
        }
        if self.shared.policy.plant_leak > 0 {
            // Written to, or the pages would never be there; and seen by nobody, it would be left out by the compiler.
            std::hint::black_box(vec![1_u8; self.shared.policy.plant_leak].leak());
        }
        counters.accepted.add(1);
        counters.connections.shift(0, 1);
        for invitation in &self.invited {
            invitation.send(&stream, peer_port);
        }
        self.welcome(stream, peer_port);
    }

    pub(super) fn welcome(&mut self, stream: TcpStream, peer_port: u16) {
        let policy = &self.shared.policy;
        let token =
            self.connections.insert_with(|token| Box::new(Connection::new(stream, token, peer_port, policy)));
        let Some(connection) = self.connections.entry(token) else { return };
        match connection.watch(&self.shared) {
            Ok(()) => self.keep_books(token),
            Err(end) => self.close(token, end),
        }
    }

    /// A connection is gone. A guest was never counted.
    pub(super) fn leaves(&mut self) {
        if self.guests.is_none() {
            self.common.population.fetch_sub(1, Relaxed);
            self.shared.counters.connections.shift(1, 0);
            self.end_if_empty();
        }
    }

    /// Whoever drains last ends it for all.
    fn end_if_empty(&self) {
        if self.shared.draining && self.common.population.load(Relaxed) == 0 {
            self.common.wishes.stop();
        }
    }

    fn shut_the_door(&mut self) {
        if self.listen_for(Interest::default()) {
            self.timers.arm(sys::monotonic_ns() + STUCK_NS, Key::Door);
        }
    }

    /// Nobody is let in any more, and what has been asked is answered. The second time, not even that.
    pub(super) fn drain(&mut self, spill: &mut [u8]) {
        if self.shared.draining {
            self.stopped = true;
            return;
        }
        self.door = None;
        self.shared.draining = true;
        let end_ns = sys::monotonic_ns().saturating_add(self.shared.policy.drain_ns);
        self.timers.arm(end_ns, Key::Drained);
        for token in self.connections.tokens().collect::<Vec<_>>() {
            self.part(token, spill);
        }
        self.end_if_empty();
    }

    pub(super) fn part(&mut self, token: Token, spill: &mut [u8]) {
        let Some(connection) = self.connections.entry(token) else { return };
        let outcome = connection.part(&mut self.shared, spill);
        self.settle(token, outcome);
    }
}
