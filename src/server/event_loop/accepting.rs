//! How an event loop accepts connections.

use std::io;

use super::{connections::Connections, sharing::SharedSocketSender, tokens::ACCEPTOR};
use crate::{
    address::Endpoint,
    reactor::{Interest, Mode},
    server::{
        accept::{Accepted, Acceptor},
        context::Context,
        policy::Policy,
        timers::TimerEvent,
        transport::Transport,
    },
    sys,
};

/// Connections accepted at one go.
const BATCH: usize = 64;
/// How long accepting pauses when no connection can be accepted, in nanoseconds.
const PAUSE_NS: u64 = 100_000_000;

/// The acceptor of an event loop, as long as it has one.
pub(super) struct Accepting {
    acceptor: Option<Acceptor>,
    /// Loops that get every connection as well.
    socket_senders: Vec<SharedSocketSender>,
}

impl Accepting {
    /// Watches the acceptor from now on.
    ///
    /// # Errors
    /// When epoll has no memory or no watches left.
    pub(super) fn new(acceptor: Option<Acceptor>, context: &Context) -> io::Result<Self> {
        if let Some(acceptor) = &acceptor {
            context.reactor.add(acceptor, ACCEPTOR, Interest::READ, mode(&context.policy))?;
            context.counters.controls.add(1);
        }
        Ok(Self { acceptor, socket_senders: Vec::new() })
    }

    /// From now on another loop gets every connection as well.
    pub(super) fn share_with(&mut self, sender: SharedSocketSender) {
        self.socket_senders.push(sender);
    }

    /// Accepts again after a pause.
    pub(super) fn resume(&self, context: &Context) {
        self.listen_for(Interest::READ, context);
    }

    /// No connection is accepted any more.
    pub(super) fn stop(&mut self) {
        self.acceptor = None;
    }

    /// Accepts the connections that wait, up to a batch.
    pub(super) fn accept(&mut self, connections: &mut Connections) {
        for _ in 0..BATCH {
            let Some(acceptor) = &mut self.acceptor else { return };
            match acceptor.accept() {
                Accepted::Connection(transport, peer) => self.admit(transport, peer, connections),
                Accepted::Refused => {
                    connections.context().counters.accept_refused.add(1);
                    // The descriptors of open files are for the next connections.
                    connections.context_mut().scratch.site.forget_files();
                }
                Accepted::NoneWaiting => break,
                Accepted::Stuck if connections.context_mut().scratch.site.forget_files() => {}
                Accepted::Stuck => return self.pause(connections),
            }
        }
        if mode(&connections.context().policy) == Mode::OneShot {
            self.listen_for(Interest::READ, connections.context());
        }
    }

    fn admit(&self, transport: Transport, peer: Endpoint, connections: &mut Connections) {
        let context = connections.context();
        if !connections.common().admit() {
            // Dropped, and so closed.
            context.counters.accept_refused.add(1);
            return;
        }
        context.policy.planted.leak();
        context.counters.accepted.add(1);
        context.counters.connections.shift(0, 1);
        for sender in &self.socket_senders {
            sender.send(&transport, peer);
        }
        connections.add(transport, peer);
    }

    fn pause(&self, connections: &mut Connections) {
        if self.listen_for(Interest::default(), connections.context()) {
            connections.timers().arm(sys::monotonic_ns() + PAUSE_NS, TimerEvent::ResumeAccepting);
        }
    }

    fn listen_for(&self, interest: Interest, context: &Context) -> bool {
        let Some(acceptor) = &self.acceptor else { return false };
        context.counters.controls.add(1);
        context.reactor.modify(acceptor, ACCEPTOR, interest, mode(&context.policy)).is_ok()
    }
}

/// Where several threads wait for the same events, only one of them accepts.
fn mode(policy: &Policy) -> Mode {
    if policy.one_shot() { Mode::OneShot } else { Mode::Level }
}
