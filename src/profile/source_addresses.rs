//! The addresses that clients connect from, as a profile names them.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, SeqAccess, Visitor},
};

/// Addresses of this machine that connections come from, one after the other. None: the default, which is any address, or
/// one after the other of the loopback network where the server is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SourceAddresses(pub Vec<IpAddr>);

impl SourceAddresses {
    /// Whether none is named.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether connections to one server can come from all of them.
    ///
    /// # Errors
    /// What to write instead.
    pub(super) fn check(&self) -> Result<(), String> {
        for (index, address) in self.0.iter().enumerate() {
            if address.is_unspecified() || address.is_multicast() || *address == IpAddr::from([255; 4]) {
                return Err(format!(
                    "{address} is no address of one machine: use one that `ip address` shows"
                ));
            }
            if self.0[..index].contains(address) {
                return Err(format!("{address} is there twice: remove one of them"));
            }
            let first = self.0[0];
            if first.is_ipv4() != address.is_ipv4() {
                return Err(format!(
                    "{first} and {address} are an IPv4 and an IPv6 address, but the server has one address: use \
                     sources of its family only"
                ));
            }
        }
        Ok(())
    }
}

/// One address, as on a command line.
///
/// # Errors
/// What to write instead.
pub fn source_address(text: &str) -> Result<IpAddr, String> {
    IpAddr::from_str(text.trim())
        .map(|address| address.to_canonical())
        .map_err(|_| format!("must be an IP address such as 127.0.0.2 or fd00::2, not `{text}`"))
}

impl fmt::Display for SourceAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

impl JsonSchema for SourceAddresses {
    fn schema_name() -> Cow<'static, str> {
        "SourceAddresses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Addresses of this machine that connections come from, one after the other",
            "type": "array",
            "items": { "type": "string" },
            "minItems": 1,
        })
    }
}

impl<'de> Deserialize<'de> for SourceAddresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Addresses)
    }
}

struct Addresses;

impl<'de> Visitor<'de> for Addresses {
    type Value = SourceAddresses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of addresses, as in [\"10.0.0.2\", \"10.0.0.3\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<SourceAddresses, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = texts.next_element::<String>()? {
            all.push(source_address(&text).map_err(A::Error::custom)?);
        }
        if all.is_empty() {
            return Err(A::Error::custom(
                "must name an address at least: without the key the default is used",
            ));
        }
        Ok(SourceAddresses(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Keys {
        source: SourceAddresses,
    }

    fn read(value: &str) -> Result<SourceAddresses, String> {
        let keys: Keys = toml::from_str(&format!("source = {value}")).map_err(|e| e.message().to_owned())?;
        keys.source.check().map(|()| keys.source)
    }

    #[test]
    fn addresses_of_either_family_are_read_and_written_back() {
        for text in ["[\"10.0.0.2\",\"10.0.0.3\"]", "[\"fd00::2\"]"] {
            let sources = read(text).expect("addresses");
            assert_eq!(serde_json::to_string(&sources).expect("JSON"), text);
        }
        assert_eq!(read("['::ffff:10.0.0.2']"), read("['10.0.0.2']"), "a mapped address is the IPv4 address");
        assert_eq!(read("['10.0.0.2', '10.0.0.3']").expect("two").to_string(), "10.0.0.2, 10.0.0.3");
    }

    #[test]
    fn what_no_connection_can_come_from_is_refused() {
        for (value, part) in [
            ("[]", "must name an address at least"),
            ("'10.0.0.2'", "a list of addresses, as in [\"10.0.0.2\", \"10.0.0.3\"]"),
            ("[1]", "expected a string"),
            ("['eth0']", "must be an IP address such as 127.0.0.2 or fd00::2, not `eth0`"),
            ("['10.0.0.2/24']", "not `10.0.0.2/24`"),
            ("['10.0.0.2', '10.0.0.2']", "10.0.0.2 is there twice"),
            ("['0.0.0.0']", "is no address of one machine"),
            ("['::']", "is no address of one machine"),
            ("['224.0.0.1']", "is no address of one machine"),
            ("['255.255.255.255']", "is no address of one machine"),
            ("['10.0.0.2', 'fd00::2']", "an IPv4 and an IPv6 address"),
        ] {
            let message = read(value).expect_err(value);
            assert!(message.contains(part), "{value}: {message}");
        }
    }
}
