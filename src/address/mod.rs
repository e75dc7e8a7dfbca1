//! The addresses behind a name such as `localhost:8080` or `unix:/run/app.sock`, the ends of a connection, and how many the
//! kernel allows.

mod endpoint;

use std::{
    fmt, fs, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket},
    path::Path,
    str::FromStr,
};

use nix::sys::socket::UnixAddr;
use serde::{Deserialize, Serialize};

pub use self::endpoint::Endpoint;
use crate::profile::unix_path;

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Address {
    /// TCP, over IPv4 or IPv6.
    Inet(SocketAddr),
    /// A UNIX-domain stream socket: its path, or its name in the abstract namespace (`unix(7)`).
    Unix(UnixAddr),
}

impl Address {
    /// The address and port, if it is one of TCP.
    #[must_use]
    pub const fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether it is that of a UNIX-domain socket.
    #[must_use]
    pub const fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// The file of a UNIX-domain socket that has one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        if let Self::Unix(address) = self { address.path() } else { None }
    }

    /// What clients call the server in the requests of a protocol that wants a name: a UNIX-domain socket has none.
    #[must_use]
    pub fn host(&self) -> String {
        match self {
            Self::Inet(address) => address.to_string(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Whether it is an address of this machine.
    #[must_use]
    pub(crate) fn is_here(&self) -> bool {
        match self {
            Self::Inet(address) => address.ip().is_unspecified() || is_of_this_machine(address.ip()),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(address) => match (address.path(), address.as_abstract()) {
                (Some(path), _) => write!(f, "unix:{}", path.display()),
                (None, Some(name)) => write!(f, "unix:@{}", String::from_utf8_lossy(name)),
                (None, None) => f.write_str("unix:"),
            },
        }
    }
}

impl FromStr for Address {
    type Err = String;

    /// Reads what [`Display`](fmt::Display) writes. A relative path counts from the current directory.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some(name) = unix_path::of(text) else {
            return text.parse().map(Self::Inet).map_err(|_| format!("`{text}` is no address"));
        };
        unix_path::check(name)?;
        let made = if let Some(name) = name.strip_prefix('@') {
            UnixAddr::new_abstract(name.as_bytes())
        } else {
            let path = std::path::absolute(name).map_err(|error| format!("{name}: {error}"))?;
            unix_path::check(&path.display().to_string())?;
            UnixAddr::new(&path)
        };
        made.map(Self::Unix).map_err(|error| format!("{name}: {error}"))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl ToSocketAddrs for Address {
    type Iter = std::option::IntoIter<SocketAddr>;

    /// # Errors
    /// [`io::ErrorKind::Unsupported`] for a UNIX-domain socket.
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.inet().ok_or_else(|| io::ErrorKind::Unsupported.into()).map(|address| Some(address).into_iter())
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

/// The addresses behind `host:port`, of which there is at least one, in the order of the system's resolver; or the one of a
/// UNIX-domain socket.
///
/// # Errors
/// What the resolver says; [`io::ErrorKind::NotFound`] where the name has no address; [`io::ErrorKind::InvalidInput`] for a
/// path that no socket can have.
pub(crate) fn resolve(text: &str) -> io::Result<Vec<Address>> {
    if unix_path::of(text).is_some() {
        let address =
            text.parse().map_err(|error: String| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        return Ok(vec![address]);
    }
    let found: Vec<Address> = text.to_socket_addrs()?.map(Address::Inet).collect();
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
    fn an_address_is_written_as_it_is_read() {
        for text in ["127.0.0.1:80", "[::1]:80", "unix:/run/app.sock", "unix:@name", "unix:/a b:c"] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
            let json = serde_json::to_string(&address).expect("JSON");
            assert_eq!(serde_json::from_str::<Address>(&json).expect("the same"), address);
        }
        let relative: Address = "unix:app.sock".parse().expect("a path");
        let here = std::env::current_dir().expect("a directory").join("app.sock");
        assert_eq!(relative.path(), Some(here.as_path()));
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_refused() {
        let refused = |text: &str| text.parse::<Address>().expect_err(text);
        assert!(refused(&format!("unix:/{}", "x".repeat(107))).contains("107 bytes"));
        assert!("unix:/tmp/x".parse::<Address>().is_ok());
        assert!(refused("unix:").contains("path"));
        assert!(refused("8080").contains("no address"));
        assert_eq!(resolve("unix:").expect_err("no path").kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_unix_socket_is_here_and_called_localhost() {
        let unix: Address = "unix:/run/app.sock".parse().expect("an address");
        assert_eq!((unix.host().as_str(), unix.is_here(), unix.inet()), ("localhost", true, None));
        assert!(unix.to_socket_addrs().is_err());
        let inet: Address = "127.0.0.1:80".parse().expect("an address");
        assert_eq!((inet.host().as_str(), inet.path()), ("127.0.0.1:80", None));
    }
}
