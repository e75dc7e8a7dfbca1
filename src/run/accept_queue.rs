//! The accept queue of a server on this machine, at which the clients look while they connect.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    address::Address,
    client::{AcceptQueue, QueueReading},
    probe::{SocketEntry, SocketProbe},
};

/// The listening sockets of a server, as the kernel shows them.
#[derive(Debug)]
struct Listeners {
    server: Address,
    probe: Mutex<SocketProbe>,
}

/// The accept queue of the server at this address; `None` where it cannot be seen: on another machine, or in another network
/// namespace.
pub(super) fn accept_queue(server: Address) -> Option<Arc<dyn AcceptQueue>> {
    let listeners = Listeners { server, probe: Mutex::new(SocketProbe::new().ok()?) };
    (server.is_here() && listeners.read().is_some()).then(|| Arc::new(listeners) as Arc<dyn AcceptQueue>)
}

impl AcceptQueue for Listeners {
    fn read(&self) -> Option<QueueReading> {
        let mut probe = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
        fullest(&probe.accepting(self.server).ok()?)
    }
}

/// The queue with the least room: the kernel chooses among sockets that share a port (`SO_REUSEPORT`).
fn fullest(sockets: &[SocketEntry]) -> Option<QueueReading> {
    let reading = |socket: &SocketEntry| QueueReading {
        waiting: u64::from(socket.receive_queue),
        most: u64::from(socket.send_queue),
    };
    let room = |queue: &QueueReading| queue.most.saturating_sub(queue.waiting);
    sockets.iter().map(reading).min_by_key(room)
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;
    use crate::address::{Endpoint, is_of_this_machine};

    #[test]
    fn waiting_connections_and_the_backlog_are_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let queue = accept_queue(address.into()).expect("a listener here");
        assert_eq!(queue.read(), Some(QueueReading { waiting: 0, most: 128 }));
        let _waiting: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        assert_eq!(queue.read(), Some(QueueReading { waiting: 3, most: 128 }));
        drop(listener.accept().unwrap());
        assert_eq!(queue.read(), Some(QueueReading { waiting: 2, most: 128 }));
        drop(listener);
        assert_eq!(queue.read(), None);
        assert!(accept_queue(address.into()).is_none(), "nothing listens there");
    }

    #[test]
    fn a_server_elsewhere_has_no_queue_to_look_at() {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], port));
        let is_elsewhere = !is_of_this_machine(elsewhere.ip());
        assert_eq!(accept_queue(elsewhere.into()).is_none(), is_elsewhere);
        assert!(accept_queue(SocketAddr::from(([127, 0, 0, 9], port)).into()).is_some(), "at any address");
    }

    #[test]
    fn the_fullest_of_several_queues_counts() {
        let socket = |receive_queue, send_queue| SocketEntry {
            local: Endpoint::default(),
            remote: Endpoint::default(),
            is_v6_only: false,
            state: crate::probe::TcpState::Listen,
            receive_queue,
            send_queue,
            inode: 1,
            memory: crate::sys::SocketMemory::default(),
            tcp: crate::sys::TcpInfo::default(),
        };
        let waiting = |sockets: &[SocketEntry]| fullest(sockets).map(|queue| queue.waiting);
        assert_eq!(waiting(&[socket(1, 8), socket(90, 96), socket(9, 99)]), Some(90));
        assert_eq!(waiting(&[socket(1, 8), socket(9, 9)]), Some(9));
        assert_eq!(waiting(&[]), None);
    }
}
