//! How one direction of one connection is driven. A behavior is one decision: what to do next.
//!
//! It owns no socket and reads no clock, so its test is a list of steps. To add one: a file beside this one with a
//! struct of its knobs, its `Behavior` and its `DECLARATION`; and one line in the table below. The profile key, its checking,
//! `badpeer list behaviors` and the driver follow.

mod close_condition;
mod decision;
mod declaration;
mod drip;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, value::MapAccessDeserializer},
};

pub use self::{
    decision::{Behavior, CloseMethod, Message, Race, Step, View},
    declaration::{About, Needs},
};

macro_rules! behaviors {
    ($($module:ident $variant:ident),+ $(,)?) => {
        $(mod $module;)+

        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        #[schemars(rename = "BehaviorWithKnobs")]
        enum Kind { $($variant($module::$variant)),+ }

        impl Spec {
            /// What each behavior declares, in the order of the table.
            pub const ABOUT: &'static [About] = &[$($module::DECLARATION.about),+];

            /// What this one declares.
            #[must_use]
            pub const fn about(&self) -> &'static About {
                match self.0 { $(Kind::$variant(_) => &$module::DECLARATION.about),+ }
            }

            /// Whether it never lets received bytes wait longer than it must.
            #[must_use]
            pub fn reads_everything(&self) -> bool {
                match &self.0 { $(Kind::$variant(knobs) => ($module::DECLARATION.reads_everything)(knobs)),+ }
            }

            /// Bytes after which it makes its next cut, where cutting requests into pieces is what it does.
            #[must_use]
            pub fn piece_bytes(&self) -> Option<u64> {
                match &self.0 { $(Kind::$variant(knobs) => ($module::DECLARATION.piece_bytes)(knobs)),+ }
            }

            /// The threads that share each socket, if there are any.
            #[must_use]
            pub fn race(&self) -> Option<&Race> {
                match &self.0 { $(Kind::$variant(knobs) => ($module::DECLARATION.race)(knobs)),+ }
            }

            /// How many bytes it moves in a second, as long as there is something to move, where that is what it is for.
            #[must_use]
            pub fn bytes_per_second(&self) -> Option<f64> {
                match &self.0 { $(Kind::$variant(knobs) => ($module::DECLARATION.bytes_per_second)(knobs)),+ }
            }

            /// A fresh run of it.
            #[must_use]
            pub fn start(&self) -> Box<dyn Behavior> {
                match &self.0 { $(Kind::$variant(knobs) => Box::new(knobs.clone())),+ }
            }
        }
    };
}

/// A behavior with its knobs, as a profile names it: `"stall"` or `{ slow = { bytes = 1024, every = "100ms" } }`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Spec(Kind);

behaviors! {
    steady Steady,
    slow Slow,
    stall Stall,
    fragment Fragment,
    split Split,
    race Race,
    stall_resume StallResume,
    trickle Trickle,
    slow_header SlowHeader,
    slow_body SlowBody,
    burst Burst,
    idle Idle,
    garbage Garbage,
    endless Endless,
    half_close HalfClose,
    close Close,
    reset Reset,
    vanish Vanish,
}

impl Default for Spec {
    fn default() -> Self {
        Self(Kind::Steady(steady::Steady::default()))
    }
}

impl Spec {
    /// Whether it moves whatever there is at once: the driver then need not ask it.
    #[must_use]
    pub const fn is_steady(&self) -> bool {
        self.about().is_steady
    }

    /// Whether it stops moving bytes at some point and stays connected.
    #[must_use]
    pub const fn stalls(&self) -> bool {
        self.about().stalls
    }

    /// Whether it never sends a request.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.about().is_idle
    }

    /// Whether it changes sent bytes, so that the right answers are unknown.
    #[must_use]
    pub const fn sends_invalid_bytes(&self) -> bool {
        self.about().sends_invalid_bytes
    }

    /// Whether it leaves connections behind that neither side has ended.
    #[must_use]
    pub const fn ends_silently(&self) -> bool {
        self.about().ends_silently
    }
}

impl JsonSchema for Spec {
    fn schema_name() -> Cow<'static, str> {
        "Behavior".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let without_knobs = |about: &&About| {
            let alone = serde_json::json!({ about.name: {} });
            serde_json::from_value::<Kind>(alone).is_ok()
        };
        let name = |about: &About| json_schema!({ "const": about.name, "description": about.text });
        let names: Vec<Schema> = Self::ABOUT.iter().filter(without_knobs).map(name).collect();
        let with_knobs = generator.subschema_for::<Kind>();
        json_schema!({
            "description": "Behavior in one direction: \"stall\", or { slow = { bytes = 1024, every = \"100ms\" } }; \
             `badpeer list behaviors` describes all of them",
            "anyOf": [{ "oneOf": names }, with_knobs],
        })
    }
}

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

/// `"stall"` is short for `{ stall = {} }`.
struct NameOrTable;

impl<'de> de::Visitor<'de> for NameOrTable {
    type Value = Spec;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a behavior such as \"stall\" or { slow = { bytes = 1024, every = \"100ms\" } }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Spec, E> {
        let table = std::iter::once((name, de::value::MapDeserializer::<_, E>::new(NO_KNOBS.into_iter())));
        self.visit_map(de::value::MapDeserializer::new(table))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Spec, A::Error> {
        Kind::deserialize(MapAccessDeserializer::new(map)).map(Spec)
    }
}

const NO_KNOBS: [(&str, u8); 0] = [];

#[cfg(test)]
mod tests;
