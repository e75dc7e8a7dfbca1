//! The addresses behind a name, and the one that answers.

use std::{
    fs,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::Path,
    time::Duration,
};

use nix::{
    errno::Errno,
    unistd::{AccessFlags, access},
};

use crate::{
    address::{Address, resolve},
    probe::listeners,
    run::RunError,
};

/// How long a server on another machine may take to accept a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The addresses behind `host:port`, or that of a UNIX-domain socket; there is at least one.
pub(super) fn resolved(address: &str) -> Result<Vec<Address>, RunError> {
    let mut found =
        resolve(address).map_err(|e| RunError::Start(format!("cannot resolve {address}: {e}")))?;
    // `localhost` often is both; most servers listen on the older one, some on both.
    found.sort_by_key(|address| address.inet().is_some_and(|address| address.is_ipv6()));
    Ok(found)
}

/// The first of several addresses of a name that accepts connections; the first of all if none does.
pub(super) fn the_one_that_accepts(addresses: &[Address]) -> Address {
    let accepts = |address: &&Address| {
        address.inet().is_some_and(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
    };
    match addresses {
        [only] => *only,
        several => several.iter().find(accepts).copied().unwrap_or(several[0]),
    }
}

/// The numbers of the sockets that accept connections to one of these addresses.
pub(super) fn listening(addresses: &[Address]) -> Result<Vec<u32>, RunError> {
    let mut all = Vec::new();
    for address in addresses {
        all.extend(listeners::listening(*address).map_err(|error| {
            RunError::Start(format!("cannot determine which process listens at {address}: {error}"))
        })?);
    }
    Ok(all)
}

/// Half a sentence about the servers that listen on the port of this address at other addresses; empty without one.
pub(super) fn elsewhere(address: Address) -> String {
    let Some(port) = address.inet().map(|address| address.port()) else { return String::new() };
    let at = |ip: IpAddr| Address::Inet(SocketAddr::new(ip, port));
    let found: Vec<Address> = listeners::addresses(port).into_iter().map(at).collect();
    if found.is_empty() { String::new() } else { format!(" (a server listens at {})", listed(&found)) }
}

/// The addresses, for a message.
pub(super) fn listed(addresses: &[Address]) -> String {
    addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(" and ")
}

/// All addresses of that name, with a port in place of 0 that is free at the first. At the path of a UNIX-domain socket nothing
/// may listen yet.
pub(super) fn free_addresses(address: &str) -> Result<Vec<Address>, RunError> {
    let mut addresses = resolved(address)?;
    let Some(first) = addresses[0].inet() else {
        return if listening(&addresses)?.is_empty() {
            Ok(addresses)
        } else {
            Err(RunError::Start(format!(
                "{} is not free: a server listens there; stop it, or set server.address to another path",
                addresses[0]
            )))
        };
    };
    let taken = |error| {
        RunError::Start(format!(
            "{first} is not free: {error}; set server.address to another address, or to port 0"
        ))
    };
    // Also where the port is given: a server that listens there already would be taken for this one.
    let port = TcpListener::bind(first).and_then(|listener| listener.local_addr()).map_err(taken)?.port();
    for address in &mut addresses {
        if let Address::Inet(address) = address {
            address.set_port(port);
        }
    }
    Ok(addresses)
}

/// Why no connection to the UNIX-domain socket of this path is possible, if that can be told without one.
pub(super) fn obstacle(path: &Path) -> Option<String> {
    match fs::metadata(path) {
        Err(error) => Some(match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such socket; start the server first, or give the command that starts it".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                "permission denied for its folder; run badpeer as a user who may enter it".to_owned()
            }
            _ => error.to_string(),
        }),
        Ok(file) if !file.file_type().is_socket() => Some("it is no socket; give the path of the server's socket".to_owned()),
        Ok(_) => match access(path, AccessFlags::W_OK) {
            Err(Errno::EACCES) => Some(
                "permission denied; run badpeer as a user who may write to the socket, or have the server make it with \
                 other permissions"
                    .to_owned(),
            ),
            _ => None,
        },
    }
}

/// What to do about a UNIX-domain socket that is silent.
pub(super) const NO_LISTENER: &str =
    "nothing listens there; start the server first, or give the command that starts it";

/// Why nothing listens at a UNIX-domain socket, which takes a connection where something does.
pub(super) fn why_silent(path: &Path) -> &'static str {
    match UnixStream::connect(path).map_err(|error| error.raw_os_error().map(Errno::from_raw)) {
        Err(Some(Errno::EPROTOTYPE)) => {
            "it is no stream socket; badpeer drives servers at stream sockets only"
        }
        _ => NO_LISTENER,
    }
}
