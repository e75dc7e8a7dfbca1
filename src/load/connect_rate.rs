//! How fast the first connections of a group are opened, where a profile asks for it.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::schedule::{BadSchedule, Schedule};
use crate::units::TextOrNumber;

/// How fast the first connections of a group are opened, whatever the server accepts. Written as a schedule, or `off`.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectRate {
    /// No faster than this.
    AtMost(Schedule),
    /// All at once: a storm.
    Off,
}

impl ConnectRate {
    /// The schedule, if there is one.
    #[must_use]
    pub const fn schedule(&self) -> Option<&Schedule> {
        if let Self::AtMost(schedule) = self { Some(schedule) } else { None }
    }

    /// When so many connections may have been opened, in nanoseconds since the first; `None` if that never happens.
    #[must_use]
    pub fn due_ns(&self, opened: f64) -> Option<u64> {
        self.schedule().map_or(Some(0), |schedule| schedule.due_ns(opened))
    }
}

impl FromStr for ConnectRate {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        if text.trim() == "off" { Ok(Self::Off) } else { text.parse().map(Self::AtMost) }
    }
}

impl fmt::Display for ConnectRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(schedule) => schedule.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl Serialize for ConnectRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ConnectRate {
    fn schema_name() -> Cow<'static, str> {
        "ConnectRate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A rate, and how it changes: \"500/s\", \"50/s to 400/s over 8s then 400/s\"; or \"off\": all at \
             once",
            "anyOf": [{ "type": "string", "pattern": "[0-9]|off" }, { "type": "number", "minimum": 0 }],
        })
    }
}

impl<'de> Deserialize<'de> for ConnectRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(TextOrNumber)?;
        text.parse().map_err(|error: BadSchedule| de::Error::custom(format!("{error}, or off: all at once")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Keys {
        connect_rate: ConnectRate,
    }

    #[test]
    fn a_rate_is_a_schedule_or_off() {
        let rate = |text: &str| text.parse::<ConnectRate>();
        let written =
            ["off", "500/s", "50/s to 400/s over 8s"].map(|text| rate(text).expect("a rate").to_string());
        assert_eq!(written, ["off", "500/s", "50/s to 400/s over 8s"]);
        let due = |text: &str| rate(text).expect("a rate").due_ns(2.0);
        assert_eq!([due("off"), due("2/s"), due("0/s")], [Some(0), Some(1_000_000_000), None]);
        let keys: Keys = toml::from_str("connect_rate = 500").expect("a number");
        assert_eq!(keys.connect_rate.to_string(), "500/s");
        let message = toml::from_str::<Keys>("connect_rate = 'on'").expect_err("no rate").to_string();
        assert!(
            message.contains("`on` is not a rate") && message.contains("or off: all at once"),
            "{message}"
        );
    }
}
