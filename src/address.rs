//! The addresses behind a name such as `localhost:8080`, the ends of a connection, and how many the kernel allows.

use std::{
    fmt, fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket},
};

use serde::{Deserialize, Serialize};

/// One end of a TCP connection: an address and a port. Connections to one server are told apart by the client's end, as
/// two clients can have the same port at different addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "SocketAddr", into = "SocketAddr")]
pub struct Endpoint {
    /// The address. An IPv4 address that is mapped into IPv6 (`::ffff:127.0.0.1`, as a socket for both families sees it)
    /// is the IPv4 address: both ends of a connection give it the same name.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// This port at this address.
    #[must_use]
    pub fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip: ip.to_canonical(), port }
    }
}

impl Default for Endpoint {
    /// Any address and no port: that of a socket that is not connected.
    fn default() -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip(), address.port())
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(end: Endpoint) -> Self {
        Self::new(end.ip, end.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// Whether the address is one of this machine's: only those can be bound.
pub(crate) fn is_of_this_machine(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// How many local ports the kernel chooses from for connections of one address to one server, as
/// `net.ipv4.ip_local_port_range` says, for IPv6 as well; the usual number where that cannot be read.
pub(crate) fn local_ports() -> u32 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    ports_of(&range).unwrap_or(USUAL_PORTS)
}

/// How many connections may wait to be accepted on one socket (`net.core.somaxconn`); `None` if that cannot be read.
pub(crate) fn most_backlog() -> Option<u32> {
    fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?.trim().parse().ok()
}

/// From 32768 to 60999.
const USUAL_PORTS: u32 = 28_232;

/// The number of ports from the first to the last of a range.
fn ports_of(range: &str) -> Option<u32> {
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (last + 1).checked_sub(first)
}

/// The addresses behind `host:port`, of which there is at least one, in the order of the system's resolver.
///
/// # Errors
/// What the resolver says; [`io::ErrorKind::NotFound`] where the name has no address.
pub(crate) fn resolve(text: &str) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<SocketAddr> = text.to_socket_addrs()?.collect();
    if found.is_empty() {
        Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"))
    } else {
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_a_range_are_counted_with_both_ends() {
        assert_eq!(ports_of("32768\t60999\n"), Some(USUAL_PORTS));
        assert_eq!([ports_of("40000 40049"), ports_of(""), ports_of("9 7")], [Some(50), None, None]);
    }

    #[test]
    fn only_addresses_of_this_machine_are_its_own() {
        let is_own = |text: &str| is_of_this_machine(text.parse().expect("an address"));
        assert_eq!([is_own("127.0.0.1"), is_own("127.9.9.9"), is_own("192.0.2.1")], [true, true, false]);
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let end = |text: &str| Endpoint::from(text.parse::<SocketAddr>().expect("an address"));
        assert_eq!(end("[::ffff:127.0.0.2]:80"), end("127.0.0.2:80"));
        assert_ne!(end("127.0.0.1:80"), end("127.0.0.2:80"));
        assert_eq!(
            [end("[fd00::2]:80"), end("127.0.0.2:80")].map(|end| end.to_string()),
            ["[fd00::2]:80", "127.0.0.2:80"]
        );
    }
}
