//! One end of a connection, by which the connections to one server are told apart.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// One end of a connection. Connections to one server are told apart by the client's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Endpoint {
    /// That of a TCP connection: two clients can have the same port at different addresses.
    Inet {
        /// The address. An IPv4 address that is mapped into IPv6 (`::ffff:127.0.0.1`, as a socket for both families sees it)
        /// is the IPv4 address: both ends of a connection give it the same name.
        ip: IpAddr,
        /// The port.
        port: u16,
    },
    /// That of a connection over a UNIX-domain socket, whose clients have no address as a rule: the number of the socket, by
    /// which the kernel names it to both ends (`sock_diag(7)`, `UNIX_DIAG_PEER`).
    Unix {
        /// The inode.
        socket: u32,
    },
}

impl Endpoint {
    /// This port at this address.
    #[must_use]
    pub fn new(ip: IpAddr, port: u16) -> Self {
        Self::Inet { ip: ip.to_canonical(), port }
    }

    /// This port at no address in particular.
    #[must_use]
    pub const fn at_port(port: u16) -> Self {
        Self::Inet { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port }
    }

    /// The address, if it has one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet { ip, .. } => Some(*ip),
            Self::Unix { .. } => None,
        }
    }

    /// The port, if it has one.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Inet { port, .. } => Some(*port),
            Self::Unix { .. } => None,
        }
    }
}

impl Default for Endpoint {
    /// Any address and no port: that of a socket that is not connected.
    fn default() -> Self {
        Self::at_port(0)
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip(), address.port())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet { ip, port } => SocketAddr::new(*ip, *port).fmt(f),
            Self::Unix { socket } => write!(f, "socket:{socket}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no_end = |_| format!("`{text}` is no end of a connection");
        match text.strip_prefix("socket:") {
            Some(socket) => socket.parse().map(|socket| Self::Unix { socket }).map_err(no_end),
            None => text
                .parse::<SocketAddr>()
                .map(Self::from)
                .map_err(|_| format!("`{text}` is no end of a connection")),
        }
    }
}

impl From<Endpoint> for String {
    fn from(end: Endpoint) -> Self {
        end.to_string()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
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

    #[test]
    fn an_end_is_read_as_it_is_written() {
        for end in [Endpoint::at_port(7), Endpoint::Unix { socket: 4_000_000_000 }] {
            let json = serde_json::to_string(&end).expect("JSON");
            assert_eq!(serde_json::from_str::<Endpoint>(&json).expect("the same"), end);
        }
        assert!("socket:x".parse::<Endpoint>().is_err() && "80".parse::<Endpoint>().is_err());
        assert_eq!((Endpoint::Unix { socket: 7 }.ip(), Endpoint::Unix { socket: 7 }.port()), (None, None));
    }
}
