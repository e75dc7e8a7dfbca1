//! How many connections can come from this machine to one server: ports, source addresses, and what TIME-WAIT keeps.

use std::net::IpAddr;

use super::finding::{Finding, State, good};

/// Addresses that a finding names.
const SHOWN: usize = 3;

/// What the kernel says of connections that have ended and whose ports are kept for 60 s.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended<'a> {
    /// `/proc/net/sockstat`.
    pub(super) sockstat: &'a str,
    /// `net.ipv4.tcp_max_tw_buckets`.
    pub(super) most: &'a str,
    /// `net.ipv4.tcp_tw_reuse`.
    pub(super) reuse: &'a str,
}

impl Ended<'_> {
    /// How many there are now: `TCP: inuse 5 orphan 0 tw 19800 alloc 9 mem 1`.
    fn now(&self) -> Option<u64> {
        let line = self.sockstat.lines().find(|line| line.starts_with("TCP:"))?;
        let mut words = line.split_whitespace().skip_while(|word| *word != "tw").skip(1);
        words.next()?.parse().ok()
    }

    fn words(&self) -> String {
        let now = self.now().map_or("unknown".to_owned(), |now| now.to_string());
        let again = match self.reuse {
            "0" => "used again after 60 s",
            "1" => "used again after 1 s",
            "2" => "used again after 1 s on loopback, after 60 s elsewhere",
            _ => "used again after 60 s at the latest",
        };
        format!("{now} of at most {} in TIME-WAIT now, {again} (tcp_tw_reuse {})", self.most, self.reuse)
    }
}

/// A client's port is taken until the connection ends, and longer (TIME-WAIT) where the client closed first.
pub(super) fn ports(range: &str, ended: Ended<'_>) -> Finding {
    const ENOUGH: u64 = 28_000;
    const WIDER: &str =
        r#"sysctl -w net.ipv4.ip_local_port_range="1024 65535", or more source addresses (--source)"#;
    let bounds: Vec<u64> = range.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[first, last] = bounds.as_slice() else {
        return good("client ports", "the range cannot be read".to_string()).but(
            State::Limited,
            "the number of possible clients is unknown",
            "sysctl net.ipv4.ip_local_port_range",
        );
    };
    let count = (last + 1).saturating_sub(first);
    let found = format!("{count} ({first} to {last}) from each address to one server; {}", ended.words());
    let finding = good("client ports", found);
    if ended.reuse == "0" {
        let costs = format!("{} new connections a second from each address before ports run out", count / 60);
        let mend = "sysctl -w net.ipv4.tcp_tw_reuse=2, or more source addresses (--source)";
        return finding.but(State::Limited, costs, mend);
    }
    if count < ENOUGH {
        let costs = format!("at most {count} clients from one address to one server port");
        return finding.but(State::Limited, costs, WIDER);
    }
    finding
}

/// The addresses that clients can connect from: `spreads` where any of the loopback network can be bound.
pub(super) fn source_addresses(all: &[IpAddr], spreads: bool, ports: u32) -> Finding {
    let mut outer: Vec<IpAddr> = all.iter().copied().filter(|ip| !is_local_only(*ip)).collect();
    outer.sort_unstable();
    outer.dedup();
    let named: Vec<String> = outer.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if outer.len() > SHOWN { ", …" } else { "" };
    let elsewhere = if outer.is_empty() {
        "no address to reach other machines".to_owned()
    } else {
        format!("{} to reach other machines ({}{more})", outer.len(), named.join(", "))
    };
    let loopback = if spreads {
        "all of 127.0.0.0/8 to servers there, used in turn; ::1 is the only one to a server there"
    } else {
        "127.0.0.1 only, not all of 127.0.0.0/8"
    };
    let finding = good("sources", format!("{loopback}; {elsewhere}"));
    if spreads {
        return finding;
    }
    finding.but(
        State::Limited,
        format!(
            "at most {ports} connections to one server here, and from half of them on each is slow to open"
        ),
        "ip address add 127.0.0.1/8 dev lo; or run outside of the sandbox that hides the loopback network",
    )
}

/// Addresses from which no other machine is reached, or only one on the same link whose interface would have to be named.
fn is_local_only(ip: IpAddr) -> bool {
    ip.is_loopback() || matches!(ip, IpAddr::V6(six) if six.is_unicast_link_local())
}

/// The addresses of all interfaces that are up.
pub(super) fn addresses() -> Vec<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?;
        let four = address.as_sockaddr_in().map(|four| IpAddr::from(four.ip()));
        four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::from(six.ip())))
    };
    interfaces.filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: Ended<'_> = Ended {
        sockstat: "sockets: used 9\nTCP: inuse 5 orphan 0 tw 19800 alloc 9 mem 1\n",
        most: "131072",
        reuse: "2",
    };

    #[test]
    fn ports_are_counted_with_both_ends() {
        let finding = ports("32768 60999", ENDED);
        assert_eq!(
            finding.found,
            "28232 (32768 to 60999) from each address to one server; 19800 of at most 131072 in TIME-WAIT now, used \
             again after 1 s on loopback, after 60 s elsewhere (tcp_tw_reuse 2)"
        );
        let states = [("32768 60999", "2"), ("32768 60999", "0"), ("50000 50009", "2"), ("", "")]
            .map(|(range, reuse)| ports(range, Ended { reuse, ..ENDED }).state);
        assert_eq!(states, [State::Good, State::Limited, State::Limited, State::Limited]);
        let few = ports("50000 50009", Ended { reuse: "1", ..ENDED });
        assert!(
            few.costs.contains("10 clients from one address") && few.mend.contains("--source"),
            "{few:?}"
        );
        let kept = ports("32768 60999", Ended { reuse: "0", sockstat: "", ..ENDED });
        assert!(kept.costs.starts_with("470 new connections a second from each address"), "{kept:?}");
        assert!(kept.found.contains("unknown of at most 131072"), "{kept:?}");
    }

    #[test]
    fn the_addresses_of_interfaces_are_listed() {
        let all = ["127.0.0.1", "::1", "fe80::1", "10.0.0.3", "10.0.0.2", "10.0.0.2"]
            .map(|ip| ip.parse().expect("an address"));
        let finding = source_addresses(&all, true, 28_232);
        assert!(finding.found.ends_with("; 2 to reach other machines (10.0.0.2, 10.0.0.3)"), "{finding:?}");
        assert!(source_addresses(&all[..3], true, 9).found.ends_with("; no address to reach other machines"));
        let sandbox = source_addresses(&all, false, 28_232);
        assert_eq!(sandbox.state, State::Limited);
        assert!(sandbox.costs.starts_with("at most 28232 connections"), "{sandbox:?}");
        assert!(addresses().contains(&IpAddr::from([127, 0, 0, 1])));
    }
}
