//! A mistake, on purpose: a connection that one loop accepts is handed to the other loops as well, as a second descriptor
//! of the same socket. Each loop reads what it gets and answers that.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::tokens::SHARED_SOCKETS;
use crate::{
    address::Endpoint,
    reactor::{Interest, Mode},
    server::{context::Context, transport::Transport},
};

/// Sends sockets to another loop.
pub(super) struct SharedSocketSender {
    wakeup: Arc<EventFd>,
    sockets: Sender<(Transport, Endpoint)>,
}

/// Receives sockets of another loop.
pub(super) struct SharedSocketReceiver {
    wakeup: Arc<EventFd>,
    sockets: Receiver<(Transport, Endpoint)>,
}

impl SharedSocketSender {
    /// Without a descriptor, or when the other loop has ended, the socket is not shared.
    pub(super) fn send(&self, transport: &Transport, peer: Endpoint) {
        if let Ok(transport) = transport.duplicate()
            && self.sockets.send((transport, peer)).is_ok()
        {
            // It fails only when the counter is full: then the other loop wakes up anyway.
            let _ = self.wakeup.write(1);
        }
    }
}

impl SharedSocketReceiver {
    /// A receiver for the loop of this context, which is woken up by it, and what sends to it.
    ///
    /// # Errors
    /// When the kernel has no descriptor or no watch left.
    pub(super) fn new(context: &Context) -> io::Result<(SharedSocketSender, Self)> {
        let wakeup = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        context.reactor.add(&*wakeup, SHARED_SOCKETS, Interest::READ, Mode::Edge)?;
        context.counters.controls.add(1);
        let (sender, sockets) = channel();
        let sender = SharedSocketSender { wakeup: Arc::clone(&wakeup), sockets: sender };
        Ok((sender, Self { wakeup, sockets }))
    }

    /// The sockets that have come, with the ports of their peers.
    pub(super) fn receive(&self) -> Vec<(Transport, Endpoint)> {
        // Read before the queue: what comes later wakes the loop up again.
        let _ = self.wakeup.read();
        self.sockets.try_iter().collect()
    }
}
