//! A mistake, on purpose: a connection that one loop accepts is handed to others as well, as a second descriptor of the
//! same socket. Each of them reads what it gets hold of and answers that.

use std::{
    io,
    net::TcpStream,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::{EventLoop, GUESTS};
use crate::reactor::{Interest, Mode};

/// Where guests are sent to.
pub(super) struct Invitation {
    bell: Arc<EventFd>,
    streams: Sender<(TcpStream, u16)>,
}

/// Where guests come from.
pub(super) struct Guests {
    bell: Arc<EventFd>,
    streams: Receiver<(TcpStream, u16)>,
}

impl Invitation {
    /// Without a descriptor, or when the other loop has ended, the guest stays away.
    pub(super) fn send(&self, stream: &TcpStream, peer_port: u16) {
        if let Ok(stream) = stream.try_clone()
            && self.streams.send((stream, peer_port)).is_ok()
        {
            // It fails only when the counter is full: then the bell rings.
            let _ = self.bell.write(1);
        }
    }
}

impl EventLoop {
    /// From now on `guest` gets every connection that comes in here.
    pub(in crate::server) fn invite(&mut self, guest: &mut Self) -> io::Result<()> {
        let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (sender, receiver) = channel();
        guest.shared.reactor.add(&*bell, GUESTS, Interest::READ, Mode::Edge)?;
        guest.shared.counters.controls.add(1);
        guest.guests = Some(Guests { bell: Arc::clone(&bell), streams: receiver });
        self.invited.push(Invitation { bell, streams: sender });
        Ok(())
    }

    pub(super) fn admit_guests(&mut self) {
        let Some(guests) = &self.guests else { return };
        // Read before the queue: what comes later rings again.
        let _ = guests.bell.read();
        let streams: Vec<_> = guests.streams.try_iter().collect();
        for (stream, peer_port) in streams {
            self.add_connection(stream, peer_port);
        }
    }
}
