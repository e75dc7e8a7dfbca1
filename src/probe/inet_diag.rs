//! The wire format of `sock_diag(7)` for TCP: which sockets to ask for, and what the kernel says of each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::{Attributes, array_at, attribute};
use crate::{
    address::Endpoint,
    sys::{SocketMemory, TcpInfo},
};

/// State of a TCP socket, with the kernel's numbers (`include/net/tcp_states.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "RFC 9293 section 3.3.2 says what each state means")]
pub enum TcpState {
    Established = 1,
    SynSent,
    SynReceived,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
}

impl TcpState {
    /// Every state, in the order of the kernel's numbers.
    pub const ALL: [Self; 11] = [
        Self::Established,
        Self::SynSent,
        Self::SynReceived,
        Self::FinWait1,
        Self::FinWait2,
        Self::TimeWait,
        Self::Close,
        Self::CloseWait,
        Self::LastAck,
        Self::Listen,
        Self::Closing,
    ];

    pub(super) fn from_kernel(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&state| state as u8 == number)
    }
}

/// Whose end of a connection a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The server's, also where it listens.
    Server,
    /// The client's.
    Client,
}

/// One socket, as the kernel described it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketEntry {
    /// Whose end it is.
    pub side: Side,
    /// This end; its address is unspecified where it listens at all of them.
    pub local: Endpoint,
    /// The other end; its port is 0 for a listening socket.
    pub remote: Endpoint,
    /// A socket that listens at all addresses of IPv6 takes no connections of IPv4 (`IPV6_V6ONLY`).
    pub is_v6_only: bool,
    /// Its state.
    pub state: TcpState,
    /// Bytes that arrived and were not read, a FIN counted as one; for a listening socket the connections that wait
    /// for `accept`.
    pub receive_queue: u32,
    /// Bytes that the peer has not acknowledged, sent or not; for a listening socket its backlog.
    pub send_queue: u32,
    /// Its number in the links of /proc/PID/fd; 0 while or when no process has it.
    pub inode: u32,
    /// What it costs the kernel.
    pub memory: SocketMemory,
    /// What TCP knows of it.
    pub tcp: TcpInfo,
}

#[cfg(test)]
impl SocketEntry {
    /// One that listens on a port, at all addresses of IPv4.
    pub(super) fn listening(port: u16) -> Self {
        Self {
            side: Side::Server,
            local: Endpoint::at_port(port),
            remote: Endpoint::default(),
            is_v6_only: false,
            state: TcpState::Listen,
            receive_queue: 0,
            send_queue: 0,
            inode: 0,
            memory: SocketMemory::default(),
            tcp: TcpInfo::default(),
        }
    }
}

/// `linux/inet_diag.h`. The older of the two requests, because it alone answers for IPv4 and IPv6 in one walk over
/// the kernel's table; the newer, `SOCK_DIAG_BY_FAMILY`, has to be sent twice. The answers are the same.
pub(super) const TCPDIAG_GETSOCK: u16 = 18;
const INET_DIAG_REQ_BYTECODE: u16 = 1;
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_SKMEMINFO: u16 = 7;
/// Given for every listening socket of IPv6, without being asked for.
const INET_DIAG_SKV6ONLY: u16 = 11;
const INET_DIAG_MSG_BYTES: usize = 72;

/// All addresses, all states but TIME-WAIT, with what TCP knows and what it costs.
pub(super) fn request(port: u16) -> Vec<u8> {
    let extensions = 1_u8 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_SKMEMINFO - 1);
    request_for(port, TcpState::ALL.into_iter().filter(|&state| state != TcpState::TimeWait), extensions)
}

/// The listening sockets alone, with their queues: the kernel walks its table of them, which connections do not lengthen.
pub(super) fn request_listeners(port: u16) -> Vec<u8> {
    request_for(port, [TcpState::Listen], 0)
}

/// Those in TIME-WAIT: the kernel keeps no more than the ports of a connection, and for how much longer.
pub(super) fn request_time_wait(port: u16) -> Vec<u8> {
    request_for(port, [TcpState::TimeWait], 0)
}

/// `struct inet_diag_req` and a filter.
fn request_for(port: u16, states: impl IntoIterator<Item = TcpState>, extensions: u8) -> Vec<u8> {
    let states = states.into_iter().fold(0_u32, |bits, state| bits | 1 << state as u8);
    let mut bytes = vec![libc::AF_INET as u8, 0, 0, extensions];
    bytes.extend([0; 48]);
    bytes.extend(states.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(attribute(INET_DIAG_REQ_BYTECODE, &port_filter(port)));
    bytes
}

/// `local port == port || remote port == port`, as a program for `inet_diag_bc_run()`. Every operation is a jump:
/// by `yes` bytes when it holds, else by `no`; who arrives exactly at the end is accepted, who jumps past it is not.
fn port_filter(port: u16) -> Vec<u8> {
    const JUMP: u8 = 1;
    const LOCAL_AT_LEAST: u8 = 2;
    const LOCAL_AT_MOST: u8 = 3;
    const REMOTE_AT_LEAST: u8 = 4;
    const REMOTE_AT_MOST: u8 = 5;
    let operation = |code: u8, yes: u8, no: u16| {
        let [low, high] = no.to_ne_bytes();
        [code, yes, low, high]
    };
    let operand = operation(0, 0, port);
    [
        operation(LOCAL_AT_LEAST, 8, 20), // at 0, else to 20
        operand,
        operation(LOCAL_AT_MOST, 8, 12), // at 8, else to 20
        operand,
        operation(JUMP, 4, 20),            // at 16, always by `no`: to the end
        operation(REMOTE_AT_LEAST, 8, 20), // at 20, else past the end
        operand,
        operation(REMOTE_AT_MOST, 8, 12), // at 28, else past the end
        operand,
    ]
    .concat()
}

/// `struct inet_diag_msg`: family, state, timer, retransmits; ports in network order, addresses, interface, cookie;
/// from byte 52 expiry, the two queues, owner, inode; then attributes. `port` is the server's.
pub(super) fn decode(payload: &[u8], port: u16) -> Option<SocketEntry> {
    let (local, remote) = ends(payload)?;
    let mut socket = SocketEntry {
        side: if local.port() == Some(port) { Side::Server } else { Side::Client },
        local,
        remote,
        is_v6_only: false,
        state: TcpState::from_kernel(*payload.get(1)?)?,
        receive_queue: u32::from_ne_bytes(array_at(payload, 56)?),
        send_queue: u32::from_ne_bytes(array_at(payload, 60)?),
        inode: u32::from_ne_bytes(array_at(payload, 68)?),
        memory: SocketMemory::default(),
        tcp: TcpInfo::default(),
    };
    for (kind, value) in (Attributes { rest: payload.get(INET_DIAG_MSG_BYTES..)? }) {
        match kind {
            INET_DIAG_INFO => socket.tcp = TcpInfo::parse(value),
            INET_DIAG_SKMEMINFO => socket.memory = SocketMemory::parse(value),
            INET_DIAG_SKV6ONLY => socket.is_v6_only = value.first().is_some_and(|byte| *byte != 0),
            _ => {}
        }
    }
    Some(socket)
}

/// One of the two addresses, in the family of the first byte.
/// A connection that has ended, of which the kernel keeps the ports: [`TcpState::TimeWait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWait {
    /// This end, which closed first.
    pub local: Endpoint,
    /// The other end.
    pub remote: Endpoint,
    /// How long ago it ended, in milliseconds.
    pub age_ms: u32,
}

/// `TCP_TIMEWAIT_LEN` of `include/net/tcp.h`.
const TIME_WAIT_MS: u32 = 60_000;

/// From byte 52 of `struct inet_diag_msg`: the time that is left, in milliseconds.
pub(super) fn decode_time_wait(payload: &[u8]) -> Option<TimeWait> {
    let state = TcpState::from_kernel(*payload.get(1)?)?;
    let left_ms = u32::from_ne_bytes(array_at(payload, 52)?);
    let (local, remote) = ends(payload)?;
    let age_ms = TIME_WAIT_MS.saturating_sub(left_ms);
    (state == TcpState::TimeWait).then_some(TimeWait { local, remote, age_ms })
}

/// Both ends of a connection: `struct inet_diag_sockid`, at byte 4 of `struct inet_diag_msg`. An IPv4 address is in the
/// first four of its 16 bytes.
fn ends(payload: &[u8]) -> Option<(Endpoint, Endpoint)> {
    let is_six = i32::from(*payload.first()?) == libc::AF_INET6;
    let address = |offset: usize| {
        Some(if is_six {
            IpAddr::V6(Ipv6Addr::from(array_at::<16>(payload, offset)?))
        } else {
            IpAddr::V4(Ipv4Addr::from(array_at::<4>(payload, offset)?))
        })
    };
    let port = |offset| Some(u16::from_be_bytes(array_at(payload, offset)?));
    Some((Endpoint::new(address(8)?, port(4)?), Endpoint::new(address(24)?, port(6)?)))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::super::netlink::Netlink;
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn a_request_has_the_wire_format() {
        let bytes = request(0x1f90);
        assert_eq!(bytes[..4], [2, 0, 0, 0b100_0010]);
        assert_eq!(bytes[52..60], [0b1011_1110, 0b1111, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[60..72], [40, 0, 1, 0, 2, 8, 20, 0, 0, 0, 0x90, 0x1f]);
        assert_eq!(bytes.len(), 60 + 40);
    }

    #[test]
    fn a_socket_is_decoded_from_the_wire_format() {
        let mut payload = vec![2, 4, 0, 0, 0x1f, 0x90, 0x80, 0x01, 127, 0, 0, 1];
        payload.resize(INET_DIAG_MSG_BYTES, 0);
        payload[24..28].copy_from_slice(&[127, 0, 0, 2]);
        payload[56..60].copy_from_slice(&5_u32.to_ne_bytes());
        payload[60..64].copy_from_slice(&6_u32.to_ne_bytes());
        payload[68..72].copy_from_slice(&7_u32.to_ne_bytes());
        payload.extend(attribute(99, &[1]));
        payload.extend(attribute(INET_DIAG_SKMEMINFO, &3_u32.to_ne_bytes()));
        payload.extend(attribute(INET_DIAG_INFO, &[4]));
        let socket = decode(&payload, 8080).unwrap();
        assert_eq!((socket.side, decode(&payload, 1).unwrap().side), (Side::Server, Side::Client));
        let end = |ip: [u8; 4], port| Endpoint::new(ip.into(), port);
        assert_eq!((socket.local, socket.remote), (end([127, 0, 0, 1], 8080), end([127, 0, 0, 2], 0x8001)));
        assert_eq!((socket.state, socket.tcp.state), (TcpState::FinWait1, 4));
        assert_eq!((socket.receive_queue, socket.send_queue, socket.memory.rmem_alloc), (5, 6, 3));
        assert_eq!(socket.inode, 7);
        assert!(!socket.is_v6_only);
        assert_eq!(decode(&payload[..60], 8080), None);
        payload[0] = libc::AF_INET6 as u8;
        payload[8..24].copy_from_slice(&Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets());
        payload[24..40].copy_from_slice(&[0xfd; 16]);
        payload.extend(attribute(INET_DIAG_SKV6ONLY, &[1]));
        let six = decode(&payload, 8080).unwrap();
        assert!(six.is_v6_only);
        assert_eq!(six.local, socket.local, "an IPv4 client of a socket for both families");
        assert_eq!(six.remote, Endpoint::new([0xfd; 16].into(), 0x8001));
    }

    #[test]
    fn the_kernel_filters_by_port() {
        let [ours, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let port = ours.local_addr().unwrap().port();
        let _clients =
            [&ours, &other].map(|listener| TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let mut found = Vec::new();
        let dumped = Netlink::open().unwrap().dump(TCPDIAG_GETSOCK, &request(port), |payload| {
            let socket = decode(payload, port).unwrap();
            found.push((socket.local.port() == Some(port), socket.remote.port() == Some(port)));
        });
        dumped.unwrap();
        found.sort_unstable();
        // The client's end; the listener and the server's end.
        assert_eq!(found, [(false, true), (true, false), (true, false)]);
    }
}
