//! The addresses behind a name, and the one that answers.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use crate::{address::resolve, probe::listeners, run::RunError};

/// How long a server on another machine may take to accept a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The addresses behind `host:port`, of which there is at least one.
pub(super) fn resolved(address: &str) -> Result<Vec<SocketAddr>, RunError> {
    let mut found =
        resolve(address).map_err(|e| RunError::Start(format!("cannot resolve {address}: {e}")))?;
    // `localhost` often is both; most servers listen on the older one, some on both.
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found)
}

/// The first of several addresses of a name that accepts connections; the first of all if none does.
pub(super) fn the_one_that_accepts(addresses: &[SocketAddr]) -> SocketAddr {
    let accepts = |address: &&SocketAddr| TcpStream::connect_timeout(address, PATIENCE).is_ok();
    match addresses {
        [only] => *only,
        several => several.iter().find(accepts).copied().unwrap_or(several[0]),
    }
}

/// The numbers of the sockets that accept connections to one of these addresses.
pub(super) fn listening(addresses: &[SocketAddr]) -> Result<Vec<u32>, RunError> {
    let mut all = Vec::new();
    for address in addresses {
        all.extend(listeners::listening(*address).map_err(|error| {
            RunError::Start(format!("cannot determine which process listens at {address}: {error}"))
        })?);
    }
    Ok(all)
}

/// Half a sentence about the servers that listen on this port at other addresses; empty without one.
pub(super) fn elsewhere(port: u16) -> String {
    let found: Vec<SocketAddr> =
        listeners::addresses(port).into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    if found.is_empty() { String::new() } else { format!(" (a server listens at {})", listed(&found)) }
}

/// The addresses, for a message.
pub(super) fn listed(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" and ")
}

/// All addresses of that name, with a port in place of 0 that is free at the first.
pub(super) fn free_addresses(address: &str) -> Result<Vec<SocketAddr>, RunError> {
    let mut addresses = resolved(address)?;
    let first = addresses[0];
    let taken = |error| {
        RunError::Start(format!(
            "{first} is not free: {error}; set server.address to another address, or to port 0"
        ))
    };
    // Also where the port is given: a server that listens there already would be taken for this one.
    let port = TcpListener::bind(first).and_then(|listener| listener.local_addr()).map_err(taken)?.port();
    for address in &mut addresses {
        address.set_port(port);
    }
    Ok(addresses)
}
