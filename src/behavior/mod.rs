//! How one direction of one connection is driven. A behavior is one decision: what to do next.
//!
//! It owns no socket and reads no clock, so its test is a list of steps. To add one: a file beside this one with a
//! struct of its knobs, its `Behavior` and its `ABOUT`; and one line in the table below. The profile key, its checking,
//! `badpeer list behaviors` and the driver follow.

mod close_condition;
mod drip;

use std::borrow::Cow;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, value::MapAccessDeserializer},
};

pub use self::race::Race;

/// What a client does next in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Move at most so many bytes with one system call, as soon as the socket lets it, and ask again.
    Move(usize),
    /// Send at most so many bytes of a request that never ends, in place of all that are due, and ask again. For
    /// behaviors that send nothing else from the first byte on.
    Endless(usize),
    /// Do nothing for so long, and ask again. Waits follow each other without drifting.
    Wait(Duration),
    /// Do nothing for so long from now, and ask again.
    Rest(Duration),
    /// Do nothing more in this direction; the connection stays.
    Hold,
    /// Let several threads send the next messages, or read the next answers, on this one socket at the same time.
    Race(Race),
    /// End the connection.
    End(CloseMethod),
}

/// How a client ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CloseMethod {
    /// FIN: an orderly close.
    Close,
    /// FIN in the sending direction only; answers are still read.
    HalfClose,
    /// RST: what is under way is dropped.
    Reset,
    /// Neither FIN nor RST: from now on the server gets no segment, not even an acknowledgment.
    Vanish,
}

/// What a behavior may know.
#[derive(Debug)]
pub struct View<'a> {
    /// Bytes moved in this direction so far.
    pub moved: u64,
    /// Bytes that wait to be sent; unknown for receiving, and then `u64::MAX`.
    pub left: u64,
    /// Where in its messages the direction is.
    pub message: Message,
    /// Randomness, seeded by the run.
    pub rng: &'a mut Xoshiro256PlusPlus,
}

/// Where in its messages a direction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Requests sent, or answers received, to the last byte.
    pub whole: u64,
    /// Bytes of the next request's head that are still to be sent: 0 within its body, and for receiving.
    pub head_left: u64,
    /// Bytes of the next request that are still to be sent; unknown for receiving, and then `u64::MAX`.
    pub left: u64,
}

impl Message {
    /// Where one is who has sent so many bytes of requests with `size` bytes (at least 1), `head` of them their head.
    #[must_use]
    pub const fn of_requests(moved: u64, head: u64, size: u64) -> Self {
        let at = moved % size;
        Self { whole: moved / size, head_left: head.saturating_sub(at), left: size - at }
    }

    /// Where one is who has received so many answers.
    #[must_use]
    pub const fn of_answers(whole: u64) -> Self {
        Self { whole, head_left: 0, left: u64::MAX }
    }
}

/// The decision.
pub trait Behavior: Send {
    /// What to do next.
    fn next(&mut self, view: View<'_>) -> Step;

    /// How the connection ends now that everything that is due was sent, if it does. For sending only: who receives
    /// is always asked what to do next.
    fn spent(&mut self, _: View<'_>) -> Option<CloseMethod> {
        None
    }

    /// Changes bytes that are about to be sent, of which the first is byte `offset` of the connection. Bytes that the
    /// socket did not take come again: what becomes of one depends on its offset alone.
    fn spoil(&mut self, _offset: u64, _bytes: &mut [u8]) {}
}

/// The description of a behavior, for `badpeer list behaviors`.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name in profiles.
    pub name: &'static str,
    /// What it does, what it stands for, and its settings.
    pub text: &'static str,
    /// Whether it can drive the receiving direction.
    pub rx: bool,
    /// Whether it can drive the sending direction.
    pub tx: bool,
    /// What it needs of the requests.
    pub needs: Needs,
}

/// What a behavior needs of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A head in front of a payload.
    Head,
    /// A payload.
    Body,
    /// An end of their own, so that one can go without.
    Framing,
}

macro_rules! behaviors {
    ($($module:ident $variant:ident),+ $(,)?) => {
        $(mod $module;)+

        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        #[schemars(rename = "BehaviorWithKnobs")]
        enum Kind { $($variant($module::$variant)),+ }

        impl Spec {
            /// A page about each behavior, in the order of the table.
            pub const ABOUT: &'static [About] = &[$($module::ABOUT),+];

            /// The page about this one.
            #[must_use]
            pub const fn about(&self) -> &'static About {
                match self.0 { $(Kind::$variant(_) => &$module::ABOUT),+ }
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
        matches!(self.0, Kind::Steady(_))
    }

    /// Whether it never lets received bytes wait longer than it must.
    #[must_use]
    pub const fn reads_everything(&self) -> bool {
        match &self.0 {
            Kind::Steady(_) | Kind::Race(_) | Kind::Close(_) | Kind::Reset(_) | Kind::Vanish(_) => true,
            Kind::Fragment(knobs) => !knobs.pauses(),
            _ => false,
        }
    }

    /// Whether it stops moving bytes at some point and stays connected.
    #[must_use]
    pub const fn stalls(&self) -> bool {
        matches!(self.0, Kind::Stall(_))
    }

    /// Bytes after which it makes its next cut, where cutting requests into pieces is what it does.
    #[must_use]
    pub const fn piece_bytes(&self) -> Option<u64> {
        match &self.0 {
            Kind::Fragment(knobs) => Some(knobs.piece()),
            Kind::Slow(knobs) => Some(knobs.burst()),
            _ => None,
        }
    }

    /// Whether it never sends a request.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.0, Kind::Idle(_))
    }

    /// Whether it changes sent bytes, so that the right answers are unknown.
    #[must_use]
    pub const fn sends_invalid_bytes(&self) -> bool {
        matches!(self.0, Kind::Garbage(_))
    }

    /// Whether it leaves connections behind that neither side has ended.
    #[must_use]
    pub const fn ends_silently(&self) -> bool {
        matches!(self.0, Kind::Vanish(_))
    }

    /// The threads that share each socket, if there are any.
    #[must_use]
    pub const fn race(&self) -> Option<&Race> {
        match &self.0 {
            Kind::Race(race) => Some(race),
            _ => None,
        }
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
