//! Whether the clients' addresses are this machine's and can reach the server, and whether they have ports enough.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use indexmap::IndexMap;

use super::RunError;
use crate::{
    address::{Address, is_of_this_machine, local_ports, resolve},
    client::{self, Port},
    profile::{Group, Profile, SourceAddresses},
};

/// Gives each group that names no addresses those of the profile.
pub(super) fn groups(profile: &Profile) -> Vec<Group> {
    let with_source = |group: &Group| Group { source: sources_of(profile, group).clone(), ..group.clone() };
    profile.clients.iter().map(with_source).collect()
}

fn sources_of<'a>(profile: &'a Profile, group: &'a Group) -> &'a SourceAddresses {
    if group.source.is_default() { &profile.source } else { &group.source }
}

/// Checks before anything runs that every address is one of this machine's, fits the server's, and that there are as many
/// ports as connections.
pub(super) fn check(profile: &Profile) -> Result<(), RunError> {
    // A name that cannot be resolved is reported when the server is looked for.
    let Ok(servers) = resolve(profile.server.address()) else { return Ok(()) };
    check_reach(profile, &servers)?;
    check_ports(profile, &servers, local_ports())
}

/// Checks that the clients can reach a server that has one of these addresses, each from their own.
pub(super) fn check_reach(profile: &Profile, servers: &[Address]) -> Result<(), RunError> {
    let servers = inet(servers);
    for (index, group) in profile.clients.iter().enumerate() {
        let number = index.to_string();
        let path: &[&str] =
            if group.source.is_default() { &["source"] } else { &["clients", &number, "source"] };
        for source in &sources_of(profile, group).0 {
            if let Some(message) = obstacle(*source, &servers) {
                return Err(RunError::impossible(path, message));
            }
        }
    }
    Ok(())
}

/// Those of TCP.
fn inet(servers: &[Address]) -> Vec<SocketAddr> {
    servers.iter().filter_map(Address::inet).collect()
}

/// Why no connection to any of these addresses of a server can come from here.
fn obstacle(source: IpAddr, servers: &[SocketAddr]) -> Option<String> {
    let family = |ip: IpAddr| if ip.to_canonical().is_ipv4() { "IPv4" } else { "IPv6" };
    let fits: Vec<&SocketAddr> =
        servers.iter().filter(|server| family(server.ip()) == family(source)).collect();
    let Some(server) = fits.first() else {
        let server = servers.first()?;
        return Some(format!(
            "{source} is an {} address, but the server's, {}, is {}: use addresses of the same family",
            family(source),
            server.ip(),
            family(server.ip())
        ));
    };
    if !is_of_this_machine(source) {
        return Some(format!(
            "{source} is no address of this machine: use one that `ip address` shows, or add it (`ip address add \
             {source} dev DEVICE` as root)"
        ));
    }
    (source.is_loopback() && !is_of_this_machine(server.ip())).then(|| {
        format!(
            "{source} is a loopback address, from which {} on another machine cannot be reached: use an address of a \
             network interface (`ip address` shows them)",
            server.ip()
        )
    })
}

/// Checks that no address needs more ports than it has; `None` is the one that the kernel chooses.
fn check_ports(profile: &Profile, servers: &[Address], ports: u32) -> Result<(), RunError> {
    let Some((source, connections)) = busiest_source(profile, servers) else { return Ok(()) };
    if connections <= f64::from(ports) {
        return Ok(());
    }
    let own = inet(servers)
        .first()
        .is_some_and(|server| server.ip() == IpAddr::from(std::net::Ipv6Addr::LOCALHOST));
    let from = match source {
        Some(source) => format!("address {source}"),
        None if own => "address ::1, the only IPv6 loopback address".to_owned(),
        None => "address".to_owned(),
    };
    Err(RunError::Start(format!(
        "{connections:.0} connections cannot come from one {from}: it has {ports} local ports to one server. Name more \
         addresses of this machine (`source` in the profile, --source of bench), widen the range (`sysctl -w \
         net.ipv4.ip_local_port_range=\"1024 65535\"`), or use fewer clients"
    )))
}

/// The address that most connections come from, and how many; `None` where the kernel chooses it. Nothing where the loopback
/// network is shared out.
fn busiest_source(profile: &Profile, servers: &[Address]) -> Option<(Option<IpAddr>, f64)> {
    if servers.iter().any(Address::is_unix) {
        return None;
    }
    let spreads = servers.iter().any(|server| client::spreads(*server));
    let mut connections: BTreeMap<Option<IpAddr>, f64> = BTreeMap::new();
    for group in &profile.clients {
        let sources = &sources_of(profile, group).0;
        let all = f64::from(group.connections());
        for source in sources {
            *connections.entry(Some(*source)).or_default() += all / sources.len() as f64;
        }
        if sources.is_empty() && !spreads {
            *connections.entry(None).or_default() += all;
        }
    }
    connections.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// What a reader should know where one address has so many connections that the kernel looks long for each port.
pub(super) fn remark(profile: &Profile, server: Address) -> Option<String> {
    remark_on(profile, server, local_ports())
}

/// The same where an address has so many ports.
fn remark_on(profile: &Profile, server: Address, ports: u32) -> Option<String> {
    let (source, connections) = busiest_source(profile, &[server])?;
    // The kernel tries the ports of one parity first, which are half of them.
    (connections > f64::from(ports / 2)).then(|| {
        let which = source.map(|source| format!(" {source}")).unwrap_or_default();
        format!(
            "{connections:.0} connections came from one address{which}: beyond half of its local ports the kernel \
             searches long for each, which costs the load generator up to 30 times the CPU time; name more addresses \
             (`source`, --source)"
        )
    })
}

/// How many connections came from each address; none did over a UNIX-domain socket.
pub(super) fn used(ports: &[Port]) -> IndexMap<String, u64> {
    let mut used: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for port in ports {
        if let Some(ip) = port.end.ip() {
            *used.entry(ip).or_default() += 1;
        }
    }
    used.into_iter().map(|(ip, connections)| (ip.to_string(), connections)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{address::Endpoint, profile::Source};

    fn profile(top: &str, group: &str) -> Profile {
        let text = format!(
            "title = 't'\n{top}\n[[clients]]\nname = 'a'\ncount = 100\nload = {{ depth = 1, payload = 9 }}\n\
             [[clients]]\nname = 'b'\ncount = 30\nload = {{ depth = 1, payload = 9 }}\n{group}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    fn at(addresses: &[&str]) -> Vec<Address> {
        addresses.iter().map(|address| address.parse().expect("an address")).collect()
    }

    fn refusal(result: Result<(), RunError>) -> (Vec<String>, String) {
        match result {
            Err(RunError::Impossible { path, message }) => (path, message),
            Err(RunError::Start(message)) => (Vec::new(), message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_group_without_addresses_has_those_of_the_profile() {
        let profile = profile("source = ['127.0.0.2']", "source = ['127.0.0.3', '127.0.0.4']");
        let texts: Vec<String> = groups(&profile).iter().map(|group| group.source.to_string()).collect();
        assert_eq!(texts, ["127.0.0.2", "127.0.0.3, 127.0.0.4"]);
    }

    #[test]
    fn addresses_that_cannot_reach_the_server_are_refused() {
        let reach = |source: &str, servers: &[&str]| {
            check_reach(&profile("", &format!("source = ['{source}']")), &at(servers))
        };
        assert_eq!(reach("127.0.0.2", &["127.0.0.1:80"]), Ok(()));
        assert_eq!(reach("127.0.0.2", &["[::1]:80", "127.0.0.1:80"]), Ok(()), "a name that is both");
        assert_eq!(reach("::1", &["[::1]:80"]), Ok(()));
        for (source, server, part) in [
            ("192.0.2.9", "127.0.0.1:80", "192.0.2.9 is no address of this machine: use one"),
            ("2001:db8::9", "[::1]:80", "2001:db8::9 is no address of this machine"),
            ("127.0.0.2", "[::1]:80", "127.0.0.2 is an IPv4 address, but the server's, ::1, is IPv6"),
            ("::1", "127.0.0.1:80", "::1 is an IPv6 address, but the server's, 127.0.0.1, is IPv4"),
            ("127.0.0.2", "192.0.2.1:80", "127.0.0.2 is a loopback address, from which 192.0.2.1 on another"),
            ("::1", "[2001:db8::1]:80", "::1 is a loopback address"),
        ] {
            let (path, message) = refusal(reach(source, &[server]));
            assert!(message.contains(part), "{message}");
            assert_eq!(path, ["clients", "1", "source"]);
        }
        let of_all = check_reach(&profile("source = ['::1']", ""), &at(&["127.0.0.1:80"]));
        assert_eq!(refusal(of_all).0, ["source"]);
    }

    #[test]
    fn ports_are_counted_for_each_address() {
        let check = |top: &str, group: &str, server: &str, ports| {
            check_ports(&profile(top, group), &at(&[server]), ports)
        };
        assert_eq!(check("", "", "127.0.0.1:80", 9), Ok(()), "the loopback network has enough");
        assert_eq!(check("", "", "192.0.2.1:80", 130), Ok(()));
        assert!(
            refusal(check("", "", "192.0.2.1:80", 129))
                .1
                .starts_with("130 connections cannot come from one address: it")
        );
        assert!(refusal(check("", "", "[::1]:80", 129)).1.contains("::1, the only IPv6 loopback address"));
        let two = "source = ['127.0.0.2', '127.0.0.3']";
        assert_eq!(check(two, "", "127.0.0.1:80", 65), Ok(()));
        let short = refusal(check(two, "source = ['127.0.0.3']", "127.0.0.1:80", 79)).1;
        assert!(
            short.starts_with("80 connections cannot come from one address 127.0.0.3: it has 79"),
            "{short}"
        );
        assert!(short.contains("--source") && short.contains("ip_local_port_range"), "{short}");
    }

    #[test]
    fn more_connections_than_half_of_the_ports_of_an_address_get_a_remark() {
        let remark = |top: &str, server: &str, ports| remark_on(&profile(top, ""), at(&[server])[0], ports);
        assert_eq!(remark("", "[::1]:80", 260), None);
        let slow = remark("", "[::1]:80", 258).expect("a remark");
        assert!(slow.starts_with("130 connections came from one address: beyond half"), "{slow}");
        assert_eq!(remark("", "127.0.0.1:80", 258), None, "they are shared out");
        let named = remark("source = ['127.0.0.2']", "127.0.0.1:80", 258).expect("a remark");
        assert!(named.starts_with("130 connections came from one address 127.0.0.2:"), "{named}");
    }

    #[test]
    fn the_connections_of_each_address_are_counted() {
        let from = |last| Port { end: Endpoint::new([127, 0, 0, last].into(), 7), ..Port::default() };
        let used: Vec<(String, u64)> = used(&[from(2), from(10), from(2)]).into_iter().collect();
        assert_eq!(used, [("127.0.0.2".to_owned(), 2), ("127.0.0.10".to_owned(), 1)]);
    }
}
