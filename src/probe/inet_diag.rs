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

/// One socket, as the kernel described it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketEntry {
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

/// The server's side of a port, at all addresses, in all states but TIME-WAIT: what TCP knows of each, and what it costs.
pub(super) fn request_server(port: u16) -> Vec<u8> {
    let extensions = 1_u8 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_SKMEMINFO - 1);
    request_for(Ends::Local(port), but(&[TcpState::TimeWait]), extensions)
}

/// The clients' side of a port, with no more than the queues: the kernel locks no socket for that.
pub(super) fn request_clients(port: u16) -> Vec<u8> {
    request_for(Ends::Remote(port), but(&[TcpState::TimeWait, TcpState::Listen]), 0)
}

/// The listening sockets alone, with their queues: the kernel walks its table of them, which connections do not lengthen.
pub(super) fn request_listeners(port: u16) -> Vec<u8> {
    request_for(Ends::Local(port), [TcpState::Listen], 0)
}

/// Those in TIME-WAIT at either end: the kernel keeps no more than the ports of a connection, and for how much longer.
pub(super) fn request_time_wait(port: u16) -> Vec<u8> {
    request_for(Ends::Either(port), [TcpState::TimeWait], 0)
}

fn but(left_out: &[TcpState]) -> impl Iterator<Item = TcpState> {
    TcpState::ALL.into_iter().filter(|state| !left_out.contains(state))
}

/// Whose port it must be.
#[derive(Clone, Copy)]
enum Ends {
    /// That of the socket itself.
    Local(u16),
    /// That of its peer.
    Remote(u16),
    Either(u16),
}

/// `struct inet_diag_req` and a filter.
fn request_for(ends: Ends, states: impl IntoIterator<Item = TcpState>, extensions: u8) -> Vec<u8> {
    let states = states.into_iter().fold(0_u32, |bits, state| bits | 1 << state as u8);
    let mut bytes = vec![libc::AF_INET as u8, 0, 0, extensions];
    bytes.extend([0; 48]);
    bytes.extend(states.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(attribute(INET_DIAG_REQ_BYTECODE, &port_filter(ends)));
    bytes
}

const JUMP: u8 = 1;
const LOCAL: u8 = 2;
const REMOTE: u8 = 4;

/// A program for `inet_diag_bc_run()`: the port of one end, or `local port == port || remote port == port`. Every operation
/// is a jump: by `yes` bytes when it holds, else by `no`; who arrives exactly at the end is accepted, who jumps past it is
/// not.
fn port_filter(ends: Ends) -> Vec<u8> {
    const ONE: u16 = 16;
    match ends {
        Ends::Local(port) => port_is(LOCAL, port, ONE + 4),
        Ends::Remote(port) => port_is(REMOTE, port, ONE + 4),
        Ends::Either(port) => {
            // At 16: always by `no`, to the end at 36.
            let jump = operation(JUMP, 4, ONE + 4);
            [port_is(LOCAL, port, ONE + 4), jump.to_vec(), port_is(REMOTE, port, ONE + 4)].concat()
        }
    }
}

/// `port <= that of the end && that of the end <= port`, or on by `no` bytes.
fn port_is(end: u8, port: u16, no: u16) -> Vec<u8> {
    let (at_least, at_most) = (end, end + 1);
    let operand = operation(0, 0, port);
    [operation(at_least, 8, no), operand, operation(at_most, 8, no - 8), operand].concat()
}

fn operation(code: u8, yes: u8, no: u16) -> [u8; 4] {
    let [low, high] = no.to_ne_bytes();
    [code, yes, low, high]
}

/// `struct inet_diag_msg`: family, state, timer, retransmits; ports in network order, addresses, interface, cookie;
/// from byte 52 expiry, the two queues, owner, inode; then attributes.
pub(super) fn decode(payload: &[u8]) -> Option<SocketEntry> {
    let (local, remote) = ends(payload)?;
    let mut socket = SocketEntry {
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
        let bytes = request_server(0x1f90);
        assert_eq!(bytes[..4], [2, 0, 0, 0b100_0010]);
        assert_eq!(bytes[52..60], [0b1011_1110, 0b1111, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[60..72], [20, 0, 1, 0, 2, 8, 20, 0, 0, 0, 0x90, 0x1f]);
        assert_eq!(bytes[72..], [3, 8, 12, 0, 0, 0, 0x90, 0x1f]);
        assert_eq!(request_time_wait(80).len(), 60 + 40);
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
        let socket = decode(&payload).unwrap();
        let end = |ip: [u8; 4], port| Endpoint::new(ip.into(), port);
        assert_eq!((socket.local, socket.remote), (end([127, 0, 0, 1], 8080), end([127, 0, 0, 2], 0x8001)));
        assert_eq!((socket.state, socket.tcp.state), (TcpState::FinWait1, 4));
        assert_eq!((socket.receive_queue, socket.send_queue, socket.memory.rmem_alloc), (5, 6, 3));
        assert_eq!(socket.inode, 7);
        assert!(!socket.is_v6_only);
        assert_eq!(decode(&payload[..60]), None);
        payload[0] = libc::AF_INET6 as u8;
        payload[8..24].copy_from_slice(&Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets());
        payload[24..40].copy_from_slice(&[0xfd; 16]);
        payload.extend(attribute(INET_DIAG_SKV6ONLY, &[1]));
        let six = decode(&payload).unwrap();
        assert!(six.is_v6_only);
        assert_eq!(six.local, socket.local, "an IPv4 client of a socket for both families");
        assert_eq!(six.remote, Endpoint::new([0xfd; 16].into(), 0x8001));
    }

    /// The ends of the sockets that the kernel answers with: whether the local port and the remote port are this one.
    fn answered(port: u16, request: &[u8]) -> Vec<(bool, bool)> {
        let mut found = Vec::new();
        let dumped = Netlink::open().unwrap().dump(TCPDIAG_GETSOCK, request, |payload| {
            let (local, remote) = ends(payload).unwrap();
            found.push((local.port() == Some(port), remote.port() == Some(port)));
        });
        dumped.unwrap();
        found.sort_unstable();
        found
    }

    #[test]
    fn the_kernel_filters_by_the_port_of_one_end() {
        const SERVER: (bool, bool) = (true, false);
        const CLIENT: (bool, bool) = (false, true);
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            // Where there is IPv6.
            let Ok(ours) = TcpListener::bind(address) else { continue };
            let other = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = ours.local_addr().unwrap().port();
            let _clients =
                [&ours, &other].map(|listener| TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            assert_eq!(answered(port, &request_server(port)), [SERVER, SERVER], "{address}: one listens");
            assert_eq!(answered(port, &request_clients(port)), [CLIENT], "{address}");
            assert_eq!(answered(port, &request_listeners(port)), [SERVER], "{address}");
            if address == "[::]:0" {
                let _v4 = TcpStream::connect(("127.0.0.1", port)).unwrap();
                assert_eq!(answered(port, &request_server(port)), [SERVER; 3], "IPv4 within IPv6");
                assert_eq!(answered(port, &request_clients(port)), [CLIENT; 2]);
            }
        }
    }

    #[test]
    fn the_end_of_a_connection_is_found_at_either_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for (by_client, wanted) in [(true, (false, true)), (false, (true, false))] {
            let (client, server) = (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0);
            let (first, last) = if by_client { (client, server) } else { (server, client) };
            drop(first);
            drop(last);
            let begun = std::time::Instant::now();
            while !answered(address.port(), &request_time_wait(address.port())).contains(&wanted) {
                assert!(begun.elapsed().as_secs() < 5, "closed by the client: {by_client}");
            }
        }
    }
}
