//! The addresses that the connections of a thread come from.
//!
//! The kernel looks for a local port for each connection, and takes the longer the more of them one address already uses
//! to reach the same server. Of 19,800 connections to one listener each costs the clients 25 to 50 µs of CPU time if
//! several addresses share them; from one address those after the 14,000th, which is half of the ports, cost 900 µs.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    address::{Address, is_of_this_machine, local_ports},
    profile,
};

/// Connections that come from one address of the loopback network before those of the next, unless there are fewer ports
/// than usual: a server that limits connections by address, or lets only 127.0.0.1 in, meets no other with a few clients.
const TURN: u32 = 1000;
/// One address is not used for more than this part of its ports in a turn.
const PART_OF_PORTS: u32 = 16;
/// Addresses of the loopback network that are used: with 10,000 connections a second, one of them comes again after 100 s,
/// when its ports have left TIME-WAIT, which lasts 60 s.
const LOOPBACK_ADDRESSES: u32 = 1000;

/// The addresses that the connections of each group come from.
pub(super) struct Sources(Vec<GroupSources>);

/// Those of a group.
enum GroupSources {
    /// The kernel chooses.
    Any,
    /// Those that the profile names, in turn; how many connections have come from them.
    Named(Vec<IpAddr>, u32),
    /// The loopback network, so many connections from each address in turn.
    Loopback(u32),
}

impl Sources {
    /// Those of these groups, of which each names its own or none, to this server.
    pub(super) fn new(groups: &[profile::Group], server: Address) -> Self {
        Self::of(groups, spreads(server).then(|| TURN.min(local_ports() / PART_OF_PORTS).max(1)))
    }

    /// The same, where so many connections in turn come from each address of the loopback network, or the kernel chooses.
    fn of(groups: &[profile::Group], turn: Option<u32>) -> Self {
        let of = |group: &profile::Group| match (&group.source, turn) {
            (named, _) if !named.is_default() => GroupSources::Named(named.0.clone(), 0),
            (_, Some(turn)) => GroupSources::Loopback(turn),
            (_, None) => GroupSources::Any,
        };
        Self(groups.iter().map(of).collect())
    }

    /// Where the next connection of this group comes from, if that is not left to the kernel; it is that of this number
    /// among the connections of all threads, and `threads` of them open some.
    pub(super) fn next(&mut self, group: usize, number: u32, thread: u32, threads: u32) -> Option<IpAddr> {
        match &mut self.0[group] {
            GroupSources::Any => None,
            GroupSources::Named(addresses, opened) => {
                let own = opened.wrapping_mul(threads).wrapping_add(thread);
                *opened = opened.wrapping_add(1);
                Some(addresses[own as usize % addresses.len()])
            }
            GroupSources::Loopback(turn) => Some(loopback(number / *turn)),
        }
    }
}

/// The address of the loopback network of this number, after which the first comes again.
fn loopback(number: u32) -> IpAddr {
    let first = u32::from(Ipv4Addr::LOCALHOST);
    Ipv4Addr::from(first + number % LOOPBACK_ADDRESSES).into()
}

/// Whether connections to this server come from several addresses although none is named: it is in the IPv4 loopback
/// network, whose addresses are all this machine's. IPv6 has one loopback address.
pub(crate) fn spreads(server: Address) -> bool {
    let ip = server.inet().map(|server| server.ip());
    let is_loopback = matches!(ip, Some(IpAddr::V4(ip)) if ip.is_loopback());
    // Some sandboxes have one of them only.
    is_loopback && is_of_this_machine(loopback(1)) && is_of_this_machine(loopback(LOOPBACK_ADDRESSES - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(more: &str) -> profile::Group {
        toml::from_str(&format!("name = 'g'\ncount = 1\n{more}")).expect("a group")
    }

    fn sources(groups: &[&str], turn: Option<u32>) -> Sources {
        Sources::of(&groups.iter().map(|more| group(more)).collect::<Vec<_>>(), turn)
    }

    #[test]
    fn connections_to_loopback_come_from_one_address_after_the_other() {
        let mut sources = sources(&["", ""], Some(1000));
        let mut from = |group, number| sources.next(group, number, 0, 1).expect("an address").to_string();
        assert_eq!([from(0, 0), from(0, 999), from(1, 1000)], ["127.0.0.1", "127.0.0.1", "127.0.0.2"]);
        assert_eq!(
            [from(0, 255_000), from(0, 999_999), from(0, 1_000_000)],
            ["127.0.1.0", "127.0.3.232", "127.0.0.1"]
        );
    }

    #[test]
    fn elsewhere_the_kernel_chooses() {
        for server in ["192.0.2.1:80", "[::1]:80", "[fd00::1]:80", "0.0.0.0:80", "unix:/a"] {
            assert!(!spreads(server.parse().expect("an address")), "{server}");
        }
        assert!(spreads("127.9.9.9:80".parse().expect("an address")));
        assert_eq!(sources(&[""], None).next(0, 7, 0, 1), None);
    }

    #[test]
    fn named_addresses_take_turns_within_each_group_over_all_threads() {
        let named = "source = ['127.0.0.7', '127.0.0.8']";
        let from = |thread, threads| {
            let mut sources = sources(&[named, named], Some(1000));
            // The connections of two groups are opened by turns.
            let each = (0..8).map(|number| sources.next(number % 2, number as u32, thread, threads));
            let all: Vec<String> = each.map(|address| address.expect("an address").to_string()).collect();
            let of =
                |ip: &str, group: usize| all.iter().skip(group).step_by(2).filter(|own| *own == ip).count();
            [of("127.0.0.7", 0), of("127.0.0.8", 0), of("127.0.0.7", 1), of("127.0.0.8", 1)]
        };
        assert_eq!(from(0, 1), [2, 2, 2, 2]);
        assert_eq!((from(0, 3), from(1, 3), from(2, 3)), ([2, 2, 2, 2], [2, 2, 2, 2], [2, 2, 2, 2]));
        // With two threads each has one of them, and both have all.
        assert_eq!((from(0, 2), from(1, 2)), ([4, 0, 4, 0], [0, 4, 0, 4]));
    }
}
