//! What is filled into the command, the environment and the files of a program: where it is to listen, and its folder.

use indexmap::IndexMap;

use super::RunError;
use crate::{
    address::Address,
    profile::{
        Program,
        unix_path::{self, FRESH},
    },
};

/// Whether the program is told where it is to listen.
pub(super) fn check(program: &Program, files: &IndexMap<String, String>) -> Result<(), RunError> {
    let texts = program.command.iter().chain(program.env.values());
    let texts: Vec<&String> = texts.chain(program.files.iter().filter_map(|name| files.get(name))).collect();
    let has = |place: &str| texts.iter().any(|text| text.contains(place));
    let is_unix = unix_path::of(&program.address).is_some();
    let message = if is_unix && has("{port}") {
        "a UNIX socket has no {port}: write {socket} for its path, or {address} for unix: and its path"
    } else if !is_unix && has("{socket}") {
        "the program listens on TCP, where there is no {socket}: set server.address = \"unix:\", or write {port}"
    } else if program.address == FRESH && !has("{socket}") && !has("{address}") {
        "the program does not get the path to listen on: write {socket} where the path belongs in its command, env or \
         files, or name the path that it listens on (server.address = \"unix:/PATH\")"
    } else if program.address.ends_with(":0") && !is_unix && !has("{port}") && !has("{address}") {
        "the program does not get the free port to listen on: write {port} where the port belongs in its command, env or \
         files, or name the address that it listens on in place of port 0"
    } else {
        return Ok(());
    };
    Err(RunError::impossible(&["server", "command"], message))
}

/// The text with its places filled in.
pub(super) fn filled_in(text: &str, address: Address, dir: &str) -> String {
    let text = match address {
        Address::Inet(address) => text.replace("{port}", &address.port().to_string()),
        // A name in the abstract namespace is written with an @, as most programs do.
        Address::Unix(_) => text.replace("{socket}", unix_path::of(&address.to_string()).unwrap_or_default()),
    };
    text.replace("{address}", &address.to_string()).replace("{dir}", dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        let address = "127.0.0.1:8080".parse().expect("an address");
        let text = filled_in("listen {address}; pid {dir}/pid; # {port} {other} ${x}", address, "/tmp/a");
        assert_eq!(text, "listen 127.0.0.1:8080; pid /tmp/a/pid; # 8080 {other} ${x}");
        let address = "unix:/tmp/a/s".parse().expect("an address");
        assert_eq!(
            filled_in("listen {address}; {socket} {port}", address, ""),
            "listen unix:/tmp/a/s; /tmp/a/s {port}"
        );
    }
}
