//! The text of a server's address: `HOST:PORT`, or that of a UNIX-domain socket.

use std::{net::Ipv6Addr, str::FromStr};

use super::unix_path::{self, FRESH};

/// Whether a server can be running there.
///
/// # Errors
/// What to write instead.
pub(super) fn check_running(address: &str) -> Result<(), String> {
    match (unix_path::of(address), port(address)) {
        (Some(path), _) => unix_path::check(path),
        (None, Some(1..)) => Ok(()),
        _ => Err(format!("{NO_ADDRESS}: write 127.0.0.1:8080")),
    }
}

/// Whether a server that is to be started can listen there; a free port, or a fresh path, is found then.
///
/// # Errors
/// What to write instead.
pub(super) fn check_to_be(address: &str) -> Result<(), String> {
    match (unix_path::of(address), port(address)) {
        (Some(_), _) if address == FRESH => Ok(()),
        (Some(path), _) => unix_path::check(path),
        (None, Some(_)) => Ok(()),
        (None, None) => Err(format!("{NO_ADDRESS}: write 127.0.0.1:0 for a free one")),
    }
}

/// The error for an invalid address. It does not repeat the address, which may contain a password.
const NO_ADDRESS: &str = "the address must be HOST:PORT, without a scheme, a user and a path, and the port at most 65535, or unix:/PATH";

/// The port of `host:port`; in an IPv6 address it follows the brackets.
fn port(address: &str) -> Option<u16> {
    let (host, port) = address.rsplit_once(':')?;
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match name {
        Some(six) => Ipv6Addr::from_str(six).is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || ".-_".contains(c)),
    };
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    if is_host && is_number { port.parse().ok() } else { None }
}
