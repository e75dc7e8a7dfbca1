//! Who listens at an address: from the listening socket's number to the processes that hold it.

use std::{fs, io, net::IpAddr};

use super::SocketProbe;
use crate::address::Address;

/// The processes that hold a listening socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Their ids, ascending.
    pub processes: Vec<u32>,
    /// Some processes did not let us look: they belong to someone else.
    pub hidden: bool,
}

/// The numbers of the sockets that accept connections to `address`, in our network namespace: those that listen at this
/// address, or at all addresses.
///
/// # Errors
/// As for [`SocketProbe::sockets`].
pub fn listening(address: impl Into<Address>) -> io::Result<Vec<u32>> {
    let sockets = SocketProbe::new()?.accepting(address)?;
    Ok(sockets.iter().map(|socket| socket.inode).collect())
}

/// The addresses at which something listens on `port`, ascending; none if it cannot be determined.
#[must_use]
pub fn addresses(port: u16) -> Vec<IpAddr> {
    let sockets = SocketProbe::new().and_then(|mut probe| probe.listeners(port)).unwrap_or_default();
    let mut addresses: Vec<IpAddr> = sockets.iter().filter_map(|socket| socket.local.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Who of `candidates` holds one of these sockets.
#[must_use]
pub fn holders(inodes: &[u32], candidates: impl IntoIterator<Item = u32>) -> Holders {
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let mut found = Holders::default();
    for pid in candidates {
        match fs::read_dir(format!("/proc/{pid}/fd")) {
            Ok(mut descriptors) => {
                let is_one = |entry: io::Result<fs::DirEntry>| {
                    let link = entry.and_then(|entry| fs::read_link(entry.path()));
                    link.is_ok_and(|link| links.iter().any(|wanted| link.as_os_str() == wanted.as_str()))
                };
                if descriptors.any(is_one) {
                    found.processes.push(pid);
                }
            }
            Err(error) => found.hidden |= error.kind() == io::ErrorKind::PermissionDenied,
        }
    }
    found.processes.sort_unstable();
    found
}

/// Every process of this machine, as far as /proc shows them.
pub fn everyone() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Of these processes, those whose parent is not one of them.
#[must_use]
pub fn topmost(processes: &[u32]) -> Vec<u32> {
    let is_top = |pid: &&u32| parent(**pid).is_none_or(|parent| !processes.contains(&parent));
    processes.iter().filter(is_top).copied().collect()
}

/// Field 4 of `proc_pid_stat(5)`.
pub(super) fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// What a process calls itself; `?` when it is gone.
#[must_use]
pub fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "?".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        os::fd::OwnedFd,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::probe::eventually;

    #[test]
    fn the_listening_parent_is_found_for_its_children() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inodes = listening(address).unwrap();
        assert_eq!(inodes.len(), 1);
        let inherited = OwnedFd::from(listener.try_clone().unwrap());
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(inherited)).spawn().unwrap();
        let own = std::process::id();
        let mut both = vec![own, child.id()];
        both.sort_unstable();
        // A process that another test starts has it as well, until it is another program.
        assert!(eventually(|| holders(&inodes, everyone()).processes == both), "{both:?}");
        assert_eq!(topmost(&both), [own]);
        assert_eq!(name(child.id()), "sleep");
        child.kill().unwrap();
        child.wait().unwrap();
        drop(listener);
        assert!(eventually(|| listening(address).unwrap().is_empty()));
        assert!(holders(&inodes, everyone()).processes.is_empty());
    }

    #[test]
    fn a_server_at_another_address_of_the_port_does_not_listen_at_this_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let at = |host: &str| listening(format!("{host}:{port}").parse::<Address>().unwrap()).unwrap().len();
        assert_eq!(["127.0.0.1", "127.0.0.2", "[::1]", "0.0.0.0"].map(at), [1, 0, 0, 1]);
        assert_eq!(addresses(port), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_server_at_all_addresses_of_ipv6_listens_in_ipv4_as_well() {
        // Where there is IPv6.
        let Ok(listener) = TcpListener::bind("[::]:0") else { return };
        let port = listener.local_addr().unwrap().port();
        let at = |host: &str| listening(format!("{host}:{port}").parse::<Address>().unwrap()).unwrap().len();
        assert_eq!(["127.0.0.1", "127.0.0.2", "[::1]"].map(at), [1, 1, 1]);
    }
}
