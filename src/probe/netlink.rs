//! The wire format of netlink, asking for a dump, and making a change: `netlink(7)`, `sock_diag(7)`, `rtnetlink(7)`.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

const HEADER_BYTES: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x001;
const NLM_F_ACK: u16 = 0x004;
const NLM_F_DUMP_INTR: u16 = 0x010;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;

/// The kernel packs a dump into pieces of at most 32 KiB, if the reader has shown that it has room for them:
/// `netlink_dump()` in `net/netlink/af_netlink.c`.
const ROOM_BYTES: usize = 64 * 1024;

/// A netlink socket that asks `sock_diag`.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    room: Vec<u8>,
    sequence: u32,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let protocol = SockProtocol::NetlinkSockDiag;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&socket, sockopt::RcvBuf, &(4 * 1024 * 1024))?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(5))?;
        Ok(Self { socket, room: vec![0; ROOM_BYTES], sequence: 0 })
    }

    /// Ask for everything that fits `payload`, and hand each answer of type `kind` to `each`.
    ///
    /// Fails with `Interrupted` when the answer is not whole: messages were lost (`ENOBUFS`), or the table was
    /// changed under the kernel's hands (`NLM_F_DUMP_INTR`). What `each` has seen is then void. After any error the
    /// rest of the answer may still be under way: the socket is of no use any more.
    pub(super) fn dump(&mut self, kind: u16, payload: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = message(kind, NLM_F_REQUEST | NLM_F_DUMP, self.sequence, payload);
        send(self.socket.as_raw_fd(), &request, MsgFlags::empty())?;
        loop {
            let length = self.receive()?;
            for message in (Messages { rest: &self.room[..length] }) {
                if message.sequence != self.sequence {
                    continue;
                }
                if message.flags & NLM_F_DUMP_INTR != 0 {
                    return Err(not_whole("the table of sockets changed during the dump"));
                }
                match message.kind {
                    NLMSG_ERROR | NLMSG_DONE => return status(message.payload),
                    other if other == kind => each(message.payload),
                    _ => {}
                }
            }
            // The clients may share this core. A dump of 19,000 sockets takes 25 ms of it, a message of them 0.2 ms.
            thread::yield_now();
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        loop {
            // With MSG_TRUNC the true length is returned, so that a message that did not fit is noticed.
            match recv(self.socket.as_raw_fd(), &mut self.room, MsgFlags::MSG_TRUNC) {
                Ok(length) if length > self.room.len() => return Err(not_whole("a message did not fit")),
                Ok(length) => return Ok(length),
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => return Err(not_whole("messages were lost")),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A request to make something that is not there yet, and to acknowledge it.
pub(super) fn request(kind: u16, payload: &[u8]) -> Vec<u8> {
    message(kind, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 1, payload)
}

/// Sends a request to the routing part of the kernel, and waits for its acknowledgment. It makes nothing but system calls.
pub(super) fn acknowledged(request: &[u8]) -> io::Result<()> {
    let protocol = SockProtocol::NetlinkRoute;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(5))?;
    send(socket.as_raw_fd(), request, MsgFlags::empty())?;
    let mut room = [0; 1024];
    let length = recv(socket.as_raw_fd(), &mut room, MsgFlags::empty())?;
    let mut answers = Messages { rest: &room[..length] };
    let answer = answers.find(|answer| answer.kind == NLMSG_ERROR);
    answer.map_or(Err(Errno::EPROTO.into()), |answer| status(answer.payload))
}

fn not_whole(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, format!("sock_diag: {reason}"))
}

/// Both `NLMSG_ERROR` and `NLMSG_DONE` begin with a negative error number, or 0.
fn status(payload: &[u8]) -> io::Result<()> {
    match array_at(payload, 0).map_or(0, i32::from_ne_bytes) {
        0 => Ok(()),
        number => Err(io::Error::from_raw_os_error(-number)),
    }
}

/// The `N` bytes from `offset` on, if there are so many.
pub(super) fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset + N)?.try_into().ok()
}

fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&((HEADER_BYTES + payload.len()) as u32).to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&0_u32.to_ne_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// One attribute: length, kind, value, padded to four bytes.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = u32::from_ne_bytes(array_at(self.rest, 0)?) as usize;
        let message = Message {
            kind: u16::from_ne_bytes(array_at(self.rest, 4)?),
            flags: u16::from_ne_bytes(array_at(self.rest, 6)?),
            sequence: u32::from_ne_bytes(array_at(self.rest, 8)?),
            payload: self.rest.get(HEADER_BYTES..length)?,
        };
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// The attributes behind a fixed part: kind and value.
pub(super) struct Attributes<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let length = usize::from(u16::from_ne_bytes(array_at(self.rest, 0)?));
        let kind = u16::from_ne_bytes(array_at(self.rest, 2)?);
        let value = self.rest.get(4..length)?;
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn a_message_has_the_wire_format() {
        let bytes = message(20, NLM_F_REQUEST | NLM_F_DUMP, 7, &[0xaa, 0xbb, 0xcc, 0xdd]);
        let wire = [20, 0, 0, 0, 20, 0, 1, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd];
        assert_eq!(bytes, wire);
        assert_eq!(attribute(1, &[9, 8, 7]), [7, 0, 1, 0, 9, 8, 7, 0]);
    }

    #[test]
    fn several_messages_in_one_buffer_are_split() {
        let mut bytes = message(20, 2, 1, &[1, 2, 3, 4, 5]);
        bytes.resize(24, 0);
        bytes.extend(message(NLMSG_DONE, NLM_F_DUMP_INTR, 1, &[0; 4]));
        let found: Vec<_> = Messages { rest: &bytes }.map(|m| (m.kind, m.flags, m.payload.len())).collect();
        assert_eq!(found, [(20, 2, 5), (NLMSG_DONE, NLM_F_DUMP_INTR, 4)]);
    }

    #[test]
    fn malformed_messages_end_the_iteration() {
        for bytes in [&[0_u8; 40][..], &[255; 40], &[20, 0, 0, 0], &[]] {
            assert_eq!(Messages { rest: bytes }.count(), 0, "{bytes:?}");
        }
        let attributes = [attribute(7, &[1; 36]), attribute(2, &[]), vec![3, 0, 1, 0], vec![9]].concat();
        let kinds: Vec<u16> = Attributes { rest: &attributes }.map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [7, 2]);
    }

    #[test]
    fn an_error_number_becomes_an_error() {
        assert!(status(&0_i32.to_ne_bytes()).is_ok() && status(&[]).is_ok());
        let denied = status(&(-libc::EACCES).to_ne_bytes()).unwrap_err();
        assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
        let mut netlink = Netlink::open().unwrap();
        let refused = netlink.dump(20, &[255; 56], |_| panic!("nothing was asked for")).unwrap_err();
        assert!(refused.raw_os_error().is_some(), "{refused}");
        // A kind of request that there is not: RTM_MAX is far below.
        let refused = acknowledged(&request(1000, &[0; 16])).unwrap_err();
        assert!(refused.raw_os_error().is_some(), "{refused}");
    }
}
