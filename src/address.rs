//! The addresses behind a name such as `localhost:8080`.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
};

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
