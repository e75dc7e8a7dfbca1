//! The addresses behind a name, and the one that answers.

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{address::resolve, run::RunError};

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
