//! The addresses behind a name such as `localhost:8080`, and the two ends of a connection.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
};

/// One end of a TCP connection: an address and a port. Connections to one server are told apart by the client's end, as
/// two clients can have the same port at different addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
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
