//! A mistake, on purpose: a connection that one loop accepts is handed to the other loops as well, as a second descriptor
//! of the same socket. Each loop reads what it gets and answers that.

use std::{
    io,
    net::TcpStream,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::{EventLoop, SHARED_SOCKETS};
use crate::reactor::{Interest, Mode};

/// Sends sockets to another loop.
pub(super) struct SharedSocketSender {
    wakeup: Arc<EventFd>,
    streams: Sender<(TcpStream, u16)>,
}

/// Receives sockets of another loop.
pub(super) struct SharedSocketReceiver {
    wakeup: Arc<EventFd>,
    streams: Receiver<(TcpStream, u16)>,
}

impl SharedSocketSender {
    /// Without a descriptor, or when the other loop has ended, the socket is not shared.
    pub(super) fn send(&self, stream: &TcpStream, peer_port: u16) {
        if let Ok(stream) = stream.try_clone()
            && self.streams.send((stream, peer_port)).is_ok()
        {
            // It fails only when the counter is full: then the other loop wakes up anyway.
            let _ = self.wakeup.write(1);
        }
    }
}

impl EventLoop {
    /// From now on `other` gets every connection that is accepted here.
    pub(in crate::server) fn share_sockets_with(&mut self, other: &mut Self) -> io::Result<()> {
        let wakeup = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (sender, receiver) = channel();
        other.shared.reactor.add(&*wakeup, SHARED_SOCKETS, Interest::READ, Mode::Edge)?;
        other.shared.counters.controls.add(1);
        other.shared_sockets = Some(SharedSocketReceiver { wakeup: Arc::clone(&wakeup), streams: receiver });
        self.socket_senders.push(SharedSocketSender { wakeup, streams: sender });
        Ok(())
    }

    pub(super) fn adopt_sockets(&mut self) {
        let Some(shared_sockets) = &self.shared_sockets else { return };
        // Read before the queue: what comes later wakes it up again.
        let _ = shared_sockets.wakeup.read();
        let streams: Vec<_> = shared_sockets.streams.try_iter().collect();
        for (stream, peer_port) in streams {
            self.add_connection(stream, peer_port);
        }
    }
}
