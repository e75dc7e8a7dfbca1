//! The wire format of `sock_diag(7)` for UNIX-domain sockets: what is asked for, and what the kernel says of each.

use super::{
    inet_diag::TcpState,
    netlink::{Attributes, array_at},
};
use crate::sys::SocketMemory;

/// One stream socket, as the kernel described it. One that waits to be accepted is not among them: it has no number yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnixSocket {
    /// [`TcpState::CloseWait`] where the peer has ended its stream, which the kernel notes beside the state.
    pub(super) state: TcpState,
    pub(super) inode: u32,
    /// What it was bound to, or what the listening socket was bound to that accepted it; a name in the abstract namespace begins
    /// with a zero byte.
    pub(super) name: Vec<u8>,
    /// The inode of its file and the device of that, as the kernel numbers it.
    pub(super) file: Option<(u32, u32)>,
    /// The number of the other end's socket; 0 where that is closed, or was not accepted yet.
    pub(super) peer: u32,
    /// Bytes that came and were not read; of a listening socket the connections that wait to be accepted.
    pub(super) receive_queue: u32,
    /// Of a listening socket its backlog.
    pub(super) backlog: u32,
    /// What was sent and not read yet is charged to the sender: it is in `wmem_queued` here.
    pub(super) memory: SocketMemory,
}

/// `linux/sock_diag.h`, `linux/unix_diag.h`.
pub(super) const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SHOW_NAME: u32 = 0x01;
const SHOW_VFS: u32 = 0x02;
const SHOW_PEER: u32 = 0x04;
const SHOW_QUEUES: u32 = 0x10;
const SHOW_MEMORY: u32 = 0x20;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_VFS: u16 = 1;
const UNIX_DIAG_PEER: u16 = 2;
const UNIX_DIAG_RQLEN: u16 = 4;
const UNIX_DIAG_MEMINFO: u16 = 5;
const UNIX_DIAG_SHUTDOWN: u16 = 6;
const UNIX_DIAG_MSG_BYTES: usize = 16;
/// `include/net/sock.h`.
const RCV_SHUTDOWN: u8 = 1;

/// All that listen or are connected, with their queues and what they cost: `struct unix_diag_req`. The kernel has no filter for
/// a server.
pub(super) fn request() -> Vec<u8> {
    request_for([TcpState::Established, TcpState::Listen], SHOW_PEER | SHOW_QUEUES | SHOW_MEMORY)
}

/// The listening ones alone, with their queues.
pub(super) fn request_listeners() -> Vec<u8> {
    request_for([TcpState::Listen], SHOW_QUEUES)
}

fn request_for(states: impl IntoIterator<Item = TcpState>, show: u32) -> Vec<u8> {
    let states = states.into_iter().fold(0_u32, |bits, state| bits | 1 << state as u8);
    let any_inode = 0_u32;
    let any_cookie = u32::MAX;
    let mut bytes = vec![libc::AF_UNIX as u8, 0, 0, 0];
    for number in [states, any_inode, show | SHOW_NAME | SHOW_VFS, any_cookie, any_cookie] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes
}

/// `struct unix_diag_msg`: family, type, state, padding, inode, cookie; then attributes. `None` for what is no stream.
pub(super) fn decode(payload: &[u8]) -> Option<UnixSocket> {
    if i32::from(*payload.get(1)?) != libc::SOCK_STREAM {
        return None;
    }
    let number = |bytes: &[u8], offset| array_at(bytes, offset).map(u32::from_ne_bytes);
    let mut socket = UnixSocket {
        state: TcpState::from_kernel(*payload.get(2)?)?,
        inode: number(payload, 4)?,
        name: Vec::new(),
        file: None,
        peer: 0,
        receive_queue: 0,
        backlog: 0,
        memory: SocketMemory::default(),
    };
    for (kind, value) in (Attributes { rest: payload.get(UNIX_DIAG_MSG_BYTES..)? }) {
        match kind {
            UNIX_DIAG_NAME => value.clone_into(&mut socket.name),
            UNIX_DIAG_VFS => socket.file = number(value, 0).zip(number(value, 4)),
            UNIX_DIAG_PEER => socket.peer = number(value, 0)?,
            UNIX_DIAG_RQLEN => {
                (socket.receive_queue, socket.backlog) = (number(value, 0)?, number(value, 4)?);
            }
            UNIX_DIAG_MEMINFO => {
                let memory = SocketMemory::parse(value);
                socket.memory = SocketMemory { wmem_queued: memory.wmem_alloc, ..memory };
            }
            UNIX_DIAG_SHUTDOWN if value.first().is_some_and(|byte| byte & RCV_SHUTDOWN != 0) => {
                socket.state = TcpState::CloseWait;
            }
            _ => {}
        }
    }
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::super::netlink::attribute;
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn a_request_has_the_wire_format() {
        let bytes = request();
        assert_eq!(bytes[..8], [1, 0, 0, 0, 0b10, 0b100, 0, 0]);
        assert_eq!((&bytes[8..12], bytes[12], bytes.len()), (&[0; 4][..], 0x37, 24));
        assert_eq!(bytes[16..], [0xff; 8]);
    }

    #[test]
    fn a_socket_is_decoded_from_the_wire_format() {
        let mut payload = vec![1, 1, 1, 0];
        payload.extend([7_u32, 0, 0].map(u32::to_ne_bytes).concat());
        payload.extend(attribute(UNIX_DIAG_NAME, b"/run/a\0"));
        payload.extend(attribute(UNIX_DIAG_VFS, &[5_u32, 6].map(u32::to_ne_bytes).concat()));
        payload.extend(attribute(UNIX_DIAG_PEER, &8_u32.to_ne_bytes()));
        payload.extend(attribute(UNIX_DIAG_RQLEN, &[9_u32, 10].map(u32::to_ne_bytes).concat()));
        payload.extend(attribute(UNIX_DIAG_MEMINFO, &[0_u32, 1, 11, 12].map(u32::to_ne_bytes).concat()));
        let socket = decode(&payload).unwrap();
        assert_eq!((socket.state, socket.inode, socket.peer), (TcpState::Established, 7, 8));
        assert_eq!((socket.name.as_slice(), socket.file), (&b"/run/a\0"[..], Some((5, 6))));
        assert_eq!((socket.receive_queue, socket.backlog), (9, 10));
        assert_eq!((socket.memory.kernel_bytes(), socket.memory.sndbuf), (11, 12));
        payload.extend(attribute(UNIX_DIAG_SHUTDOWN, &[2]));
        assert_eq!(decode(&payload).unwrap().state, TcpState::Established, "it sends no more itself");
        payload.extend(attribute(UNIX_DIAG_SHUTDOWN, &[3]));
        assert_eq!(decode(&payload).unwrap().state, TcpState::CloseWait);
        payload[1] = libc::SOCK_DGRAM as u8;
        assert_eq!(decode(&payload), None);
        assert_eq!(decode(&[1, 1]), None);
    }
}
