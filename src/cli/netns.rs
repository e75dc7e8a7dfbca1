//! `--netns`: clients and servers in a network namespace of their own, whose loopback interface has other settings.

use std::net::IpAddr;

use super::{Exit, Failure, number::whole};
use crate::{
    address::{Address, resolve},
    profile::{Profile, Target, meant},
    sys::{NetworkNamespace, refusal},
};

/// MTUs that loopback can have: IPv4 needs the least (RFC 791), and the largest is the usual one.
const LEAST_MTU: u32 = 68;
const MOST_MTU: u32 = 65_536;
/// With less an interface loses its IPv6 addresses (RFC 8200, section 5).
const LEAST_MTU_OF_IPV6: u32 = 1280;

/// The keys of `--netns`.
const KEYS: [&str; 2] = ["mtu", "offload"];

/// The network namespace that is asked for, if one is.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Netns {
    /// Run clients and servers in a network namespace of their own, whose loopback interface has these settings: mtu=1500 (68
    /// to 65536; below 1280 it has no IPv6), offload=off (no segmentation offload, so that no packet is longer than the MTU).
    /// It needs no root where user namespaces are allowed, see `badpeer doctor`
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = settings)]
    netns: Option<Settings>,
}

/// What the loopback interface is to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settings {
    /// In bytes.
    mtu: Option<u32>,
    /// Whether segmentation is left to it.
    offload: Option<bool>,
}

impl Netns {
    /// Moves this process into the namespace, if one is asked for. No thread may have been started before.
    ///
    /// # Errors
    /// [`Exit::Usage`] if one of the profiles cannot be run in it, [`Exit::Target`] where it cannot be made.
    pub(super) fn enter<'a>(&self, profiles: impl IntoIterator<Item = &'a Profile>) -> Result<(), Failure> {
        let Some(settings) = self.netns else { return Ok(()) };
        let has_ipv6 = settings.mtu.is_none_or(|mtu| mtu >= LEAST_MTU_OF_IPV6);
        obstacle(profiles, has_ipv6).map_or(Ok(()), |message| self.refuse(&message))?;
        self.enter_with_own_servers()
    }

    /// The same for servers that are all started on loopback.
    pub(super) fn enter_with_own_servers(&self) -> Result<(), Failure> {
        let Some(settings) = self.netns else { return Ok(()) };
        NetworkNamespace::new(settings.mtu, settings.offload.unwrap_or(true)).enter().map_err(|error| {
            let refusal = refusal(&error);
            Failure::new(
                Exit::Target,
                format!("--netns: cannot make a network namespace: {}; {}", refusal.reason, refusal.remedy),
            )
        })
    }

    /// Refuses the option, if it is given.
    pub(super) fn refuse(&self, message: &str) -> Result<(), Failure> {
        if self.netns.is_some() { Err(Failure::usage(format!("--netns: {message}"))) } else { Ok(()) }
    }
}

/// Why these profiles cannot be run in a namespace that has nothing but loopback, or why that changes nothing.
fn obstacle<'a>(profiles: impl IntoIterator<Item = &'a Profile>, has_ipv6: bool) -> Option<String> {
    let mut uses_loopback = false;
    for profile in profiles.into_iter().filter(|profile| profile.core.is_none()) {
        let address = profile.server.address();
        if matches!(profile.server, Target::Attached { .. }) {
            return Some(format!(
                "the server at {address} runs outside of the new network namespace and cannot be reached from within: give \
                 the command that starts it (`bench ADDRESS -- COMMAND`, or `command` of [server]), or start both by hand \
                 in one namespace (docs/loopback.md)"
            ));
        }
        if profile.server.is_unix() {
            continue;
        }
        uses_loopback = true;
        // A name that cannot be resolved is reported when the server is started.
        let addresses = resolve(address).unwrap_or_default();
        if addresses.is_empty() || addresses.iter().any(|address| is_on_loopback(address, has_ipv6)) {
            continue;
        }
        let has = if has_ipv6 { "" } else { " (and with an MTU below 1280 no IPv6)" };
        return Some(format!(
            "the new network namespace has a loopback interface only{has}, and {address} is no address of it: let the \
             server listen at 127.0.0.1"
        ));
    }
    let message = "no server here is reached over TCP, and neither UNIX sockets nor core experiments use the loopback \
                   interface: remove the option";
    (!uses_loopback).then(|| message.to_owned())
}

fn is_on_loopback(address: &Address, has_ipv6: bool) -> bool {
    let is_own = |ip: IpAddr| (ip.is_loopback() || ip.is_unspecified()) && (has_ipv6 || ip.is_ipv4());
    address.inet().is_some_and(|address| is_own(address.ip()))
}

fn settings(text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    for pair in text.split(',') {
        let (key, value) =
            pair.split_once('=').ok_or("write KEY=VALUE, as in mtu=1500 or mtu=1500,offload=off")?;
        let is_new = match key {
            "mtu" => settings.mtu.replace(mtu(value)?).is_none(),
            "offload" => settings.offload.replace(on_or_off(value)?).is_none(),
            _ => {
                let hint = meant(key, KEYS.into_iter());
                return Err(format!("there is no key `{key}`; the keys are {}{hint}", KEYS.join(", ")));
            }
        };
        if !is_new {
            return Err(format!("{key} is there twice"));
        }
    }
    Ok(settings)
}

fn mtu(text: &str) -> Result<u32, String> {
    whole(LEAST_MTU.into(), MOST_MTU.into())(text).map_err(|message| format!("mtu {message}"))
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("offload must be on or off".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Source;

    #[test]
    fn settings_are_keys_with_values() {
        let of = |mtu, offload| Ok(Settings { mtu, offload });
        assert_eq!(settings("mtu=1500"), of(Some(1500), None));
        assert_eq!(settings("offload=off,mtu=65536"), of(Some(65_536), Some(false)));
        assert_eq!(settings("offload=on"), of(None, Some(true)));
        for (text, message) in [
            ("", "write KEY=VALUE"),
            ("1500", "write KEY=VALUE"),
            ("mtu=1500,", "write KEY=VALUE"),
            ("mtu=", "mtu must be a whole number from 68 to 65536"),
            ("mtu=67", "mtu must be a whole number from 68 to 65536"),
            ("mtu=65537", "mtu must be a whole number from 68 to 65536"),
            ("mtu=1500,mtu=9000", "mtu is there twice"),
            ("offload=no", "offload must be on or off"),
            ("mut=1500", "there is no key `mut`; the keys are mtu, offload; did you mean `mtu`?"),
            ("delay=5ms", "there is no key `delay`; the keys are mtu, offload"),
        ] {
            let refused = settings(text).expect_err(text);
            assert!(refused.starts_with(message), "{text}: {refused}");
        }
    }

    fn profile(server: &str) -> Profile {
        let text = format!(
            "title = 'x'\n[server]\n{server}\n[[clients]]\nname = 'a'\ncount = 1\nload = {{ depth = 1, payload = 9 }}"
        );
        let parsed = Source { file: "x.toml".into(), text }.parse(&[]);
        parsed.unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(servers: &[&str]) -> Option<String> {
        let profiles: Vec<Profile> = servers.iter().map(|server| profile(server)).collect();
        obstacle(&profiles, true)
    }

    #[test]
    fn only_servers_that_are_started_on_loopback_are_driven_in_a_namespace() {
        let own = "protocol = 'frame'";
        for server in
            [own, "listen = '127.0.0.9:0'", "command = ['x']", "command = ['x']\naddress = '0.0.0.0:80'"]
        {
            assert_eq!(refused(&[server]), None, "{server}");
        }
        let unix = "listen = 'unix:'";
        assert_eq!(refused(&[unix, own]), None, "a profile beside it uses TCP");
        for (servers, message) in [
            (&["attach = '127.0.0.1:80'"][..], "the server at 127.0.0.1:80 runs outside"),
            (&[own, "attach = 'unix:/x'"], "the server at unix:/x runs outside"),
            (&["command = ['x']\naddress = '192.0.2.1:80'"], "the new network namespace has a loopback"),
            (&[unix], "no server here is reached over TCP"),
        ] {
            let refused = refused(servers).expect(message);
            assert!(refused.starts_with(message), "{servers:?}: {refused}");
        }
    }

    #[test]
    fn a_server_at_an_ipv6_address_needs_an_mtu_of_1280() {
        let six = [profile("listen = '[::1]:0'")];
        assert_eq!(obstacle(&six, true), None);
        let refused = obstacle(&six, false).expect("no IPv6");
        assert!(refused.contains("(and with an MTU below 1280 no IPv6), and [::1]:0 is"), "{refused}");
        assert_eq!(obstacle(&[profile("protocol = 'frame'")], false), None);
    }
}
