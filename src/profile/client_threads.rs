//! How many threads drive the clients.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// Threads of the load generator. Written as a number, or `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientThreads {
    /// One for each core that the load generator has.
    Auto,
    /// So many.
    Number(u32),
}

impl ClientThreads {
    /// Threads that can drive the clients.
    pub(super) const MOST: u32 = 64;

    /// How many there are where the load generator has so many cores (0: any) for so many connections.
    #[must_use]
    pub fn on(self, cores: usize, connections: u64) -> u32 {
        let Self::Number(number) = self else {
            let most = u64::from(Self::MOST).min(connections);
            return (cores as u64).clamp(1, most.max(1)) as u32;
        };
        number
    }

    /// How many there are in each of several processes: it must be the same number in all, and the processes are what uses
    /// the cores.
    #[must_use]
    pub const fn of_shard(self) -> u32 {
        if let Self::Number(number) = self { number } else { 1 }
    }

    /// Whether each of so many threads would have something to do for so many connections.
    ///
    /// # Errors
    /// What to write instead.
    pub(super) fn check(self, connections: u64) -> Result<(), String> {
        match self {
            Self::Number(number) if !(1..=Self::MOST).contains(&number) => {
                Err(format!("must be from 1 to {}, or auto", Self::MOST))
            }
            // Of groups without connections another fault is told.
            Self::Number(number) if u64::from(number) > connections.max(1) => {
                Err("there are more threads than connections: use fewer threads, or auto".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Default for ClientThreads {
    fn default() -> Self {
        Self::Number(1)
    }
}

impl FromStr for ClientThreads {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse()
            .map(Self::Number)
            .map_err(|_| format!("must be a whole number from 1 to {}, or auto", Self::MOST))
    }
}

impl fmt::Display for ClientThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl Serialize for ClientThreads {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Number(number) => serializer.serialize_u32(*number),
        }
    }
}

impl JsonSchema for ClientThreads {
    fn schema_name() -> Cow<'static, str> {
        "ClientThreads".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Threads of the load generator: a number, or \"auto\": one for each of its cores",
            "anyOf": [{ "type": "integer", "minimum": 1, "maximum": Self::MOST }, { "const": "auto" }],
        })
    }
}

impl<'de> Deserialize<'de> for ClientThreads {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAuto)
    }
}

struct NumberOrAuto;

impl Visitor<'_> for NumberOrAuto {
    type Value = ClientThreads;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 1 to {}, or \"auto\"", ClientThreads::MOST)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ClientThreads, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<ClientThreads, E> {
        // What no thread count is becomes one that is refused.
        Ok(ClientThreads::Number(u32::try_from(number).unwrap_or(0)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<ClientThreads, E> {
        Ok(ClientThreads::Number(u32::try_from(number).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Keys {
        threads: ClientThreads,
    }

    #[test]
    fn auto_is_a_thread_for_each_core_and_no_more_than_connections() {
        let auto = |cores, connections| ClientThreads::Auto.on(cores, connections);
        assert_eq!(
            [auto(0, 9), auto(1, 9), auto(4, 9), auto(4, 3), auto(200, 999), auto(4, 0)],
            [1, 1, 4, 3, 64, 1]
        );
        assert_eq!(ClientThreads::Number(7).on(2, 9), 7);
    }

    #[test]
    fn a_number_or_auto_is_read_and_written_back() {
        for text in ["threads = 3\n", "threads = \"auto\"\n"] {
            let keys: Keys = toml::from_str(text).expect("threads");
            assert_eq!(keys.threads.check(9), Ok(()));
            assert_eq!(toml::to_string(&keys).expect("TOML"), text);
        }
        for (text, part) in [
            ("0", "must be from 1 to 64, or auto"),
            ("65", "must be from 1 to 64"),
            ("-1", "must be from 1 to 64"),
            ("10", "more threads than connections: use fewer threads, or auto"),
            ("'all'", "must be a whole number from 1 to 64, or auto"),
            ("1.5", "expected a whole number from 1 to 64, or \"auto\""),
        ] {
            let read = toml::from_str::<Keys>(&format!("threads = {text}"))
                .map_err(|error| error.message().to_owned());
            let message = read.and_then(|keys| keys.threads.check(9)).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
