//! How the event loop accepts connections, and how it stops.

use std::{io, net::TcpStream, sync::atomic::Ordering::Relaxed};

use super::{ACCEPTOR, BATCH, EventLoop, Key};
use crate::{
    reactor::{Interest, Mode, Token},
    server::{accept::Accepted, connection::Connection},
    sys,
};

/// How long accepting pauses when no connection can be accepted, in nanoseconds.
const PAUSE_NS: u64 = 100_000_000;

impl EventLoop {
    pub(super) fn watch_acceptor(&self) -> io::Result<()> {
        if let Some(acceptor) = &self.acceptor {
            self.shared.reactor.add(acceptor, ACCEPTOR, Interest::READ, self.acceptor_mode())?;
            self.shared.counters.controls.add(1);
        }
        Ok(())
    }

    /// Where several threads wait for the same events, only one of them accepts.
    fn acceptor_mode(&self) -> Mode {
        if self.shared.policy.one_shot() { Mode::OneShot } else { Mode::Level }
    }

    pub(super) fn listen_for(&mut self, interest: Interest) -> bool {
        let Some(acceptor) = &self.acceptor else { return false };
        self.shared.counters.controls.add(1);
        self.shared.reactor.modify(acceptor, ACCEPTOR, interest, self.acceptor_mode()).is_ok()
    }

    pub(super) fn accept(&mut self) {
        for _ in 0..BATCH {
            let Some(acceptor) = &mut self.acceptor else { return };
            match acceptor.accept() {
                Accepted::Connection(stream, peer) => self.admit(stream, peer.port()),
                Accepted::Refused => {
                    self.shared.counters.accept_refused.add(1);
                    // The descriptors of open files are for the next connections.
                    self.shared.scratch.site.forget_files();
                }
                Accepted::NoneWaiting => break,
                Accepted::Stuck if self.shared.scratch.site.forget_files() => {}
                Accepted::Stuck => return self.pause_accepting(),
            }
        }
        if self.acceptor_mode() == Mode::OneShot {
            self.listen_for(Interest::READ);
        }
    }

    fn admit(&mut self, stream: TcpStream, peer_port: u16) {
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
        for sender in &self.socket_senders {
            sender.send(&stream, peer_port);
        }
        self.add_connection(stream, peer_port);
    }

    pub(super) fn add_connection(&mut self, stream: TcpStream, peer_port: u16) {
        let policy = &self.shared.policy;
        let token =
            self.connections.insert_with(|token| Box::new(Connection::new(stream, token, peer_port, policy)));
        let Some(connection) = self.connections.entry(token) else { return };
        match connection.watch(&self.shared) {
            Ok(()) => self.update_bookkeeping(token),
            Err(end) => self.close(token, end),
        }
    }

    /// A connection is closed. One that another loop accepted was never counted.
    pub(super) fn connection_closed(&mut self) {
        if self.shared_sockets.is_none() {
            self.common.population.fetch_sub(1, Relaxed);
            self.shared.counters.connections.shift(1, 0);
            self.end_if_empty();
        }
    }

    /// Whoever drains last ends it for all.
    fn end_if_empty(&self) {
        if self.shared.draining && self.common.population.load(Relaxed) == 0 {
            self.common.shutdown.stop();
        }
    }

    fn pause_accepting(&mut self) {
        if self.listen_for(Interest::default()) {
            self.timers.arm(sys::monotonic_ns() + PAUSE_NS, Key::Acceptor);
        }
    }

    /// No connection is accepted any more, and requests that have arrived are answered. The second time, not even those.
    pub(super) fn drain(&mut self, spill: &mut [u8]) {
        if self.shared.draining {
            self.stopped = true;
            return;
        }
        self.acceptor = None;
        self.shared.draining = true;
        let end_ns = sys::monotonic_ns().saturating_add(self.shared.policy.drain_ns);
        self.timers.arm(end_ns, Key::Drained);
        for token in self.connections.tokens().collect::<Vec<_>>() {
            self.drain_connection(token, spill);
        }
        self.end_if_empty();
    }

    pub(super) fn drain_connection(&mut self, token: Token, spill: &mut [u8]) {
        let Some(connection) = self.connections.entry(token) else { return };
        let outcome = connection.drain(&mut self.shared, spill);
        self.settle(token, outcome);
    }
}
