//! How one direction of one connection is driven. A behavior is one decision: what to do next.
//!
//! It owns no socket and reads no clock, so its test is a list of steps. To add one: a file beside this one with a
//! struct of its knobs, its `Behavior` and its `ABOUT`; and one line in the table below. The profile key, its checking,
//! `badpeer list behaviors` and the driver follow.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, value::MapAccessDeserializer},
};

/// What a client does next in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Move at most so many bytes with one system call, as soon as the socket lets it, and ask again.
    Move(usize),
    /// Do nothing for so long, and ask again. Waits follow each other without drifting.
    Wait(Duration),
    /// Do nothing more in this direction; the connection stays.
    Hold,
    /// Hand the next messages to so many threads that send on this one socket at the same time.
    Race(usize),
    /// End the connection.
    End(End),
}

/// How a client ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// FIN: an orderly close.
    Close,
    /// FIN in the sending direction only; answers are still read.
    HalfClose,
    /// RST: what is under way is dropped.
    Reset,
}

/// What a behavior may know.
#[derive(Debug)]
pub struct View<'a> {
    /// Bytes moved in this direction so far.
    pub moved: u64,
    /// Bytes that wait to be sent; for receiving nobody knows, and it is `u64::MAX`.
    pub left: u64,
    /// Randomness, seeded by the run.
    pub rng: &'a mut ChaCha8Rng,
}

/// The decision.
pub trait Behavior: Send {
    /// What to do next.
    fn next(&mut self, view: View<'_>) -> Step;
}

/// A page about a behavior, for `badpeer list behaviors`.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name in profiles.
    pub name: &'static str,
    /// What it does, what it stands for, and its knobs.
    pub text: &'static str,
    /// Whether it can drive the receiving direction.
    pub rx: bool,
    /// Whether it can drive the sending direction.
    pub tx: bool,
}

macro_rules! behaviors {
    ($($module:ident $variant:ident),+ $(,)?) => {
        $(mod $module;)+

        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
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
    pub const fn keeps_up(&self) -> bool {
        match &self.0 {
            Kind::Steady(_) => true,
            Kind::Fragment(knobs) => !knobs.pauses(),
            _ => false,
        }
    }

    /// Threads that each connection needs beside the engine's.
    #[must_use]
    pub const fn threads(&self) -> u8 {
        match &self.0 {
            Kind::Race(knobs) => knobs.threads(),
            _ => 0,
        }
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
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// What a behavior does when every move is carried out in full.
    pub(super) fn steps(behavior: &mut dyn Behavior, count: usize) -> Vec<Step> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut moved = 0;
        (0..count)
            .map(|_| {
                let step = behavior.next(View { moved, left: u64::MAX, rng: &mut rng });
                if let Step::Move(bytes) = step {
                    moved = moved.saturating_add(bytes as u64);
                }
                step
            })
            .collect()
    }

    fn parsed(text: &str) -> Result<Spec, String> {
        #[derive(Deserialize)]
        struct Holder {
            rx: Spec,
        }
        toml::from_str::<Holder>(&format!("rx = {text}")).map(|h| h.rx).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn a_name_alone_is_a_behavior() {
        assert_eq!(parsed("\"stall\""), parsed("{ stall = {} }"));
        assert_eq!(parsed("\"steady\""), Ok(Spec::default()));
    }

    #[test]
    fn what_is_misspelt_is_refused_with_what_there_is() {
        assert!(parsed("\"stahl\"").expect_err("unknown").contains("expected one of `steady`, `slow`"));
        assert!(parsed("{ slow = { byte = 1 } }").expect_err("unknown").contains("`bytes`"));
        assert!(parsed("\"slow\"").expect_err("no knobs").contains("missing field"));
    }

    #[test]
    fn every_behavior_reads_back_and_has_a_page() {
        for text in [
            "\"steady\"",
            "\"stall\"",
            "{ slow = { bytes = 1, every = \"1ms\" } }",
            "{ race = { threads = 2 } }",
        ] {
            let spec = parsed(text).expect("a behavior");
            let again = toml::to_string(&std::collections::BTreeMap::from([("rx", &spec)])).expect("text");
            assert_eq!(
                parsed(again.trim_start_matches("[rx]").trim_start_matches("rx = ")).ok().or_else(|| {
                    toml::from_str::<std::collections::BTreeMap<String, Spec>>(&again).ok()?.remove("rx")
                }),
                Some(spec.clone())
            );
            assert!(!spec.about().text.is_empty() && (spec.about().rx || spec.about().tx));
        }
    }
}
