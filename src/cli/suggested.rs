//! Words that a shell completes for an argument, and arguments that accept other text as well.

use std::ffi::OsStr;

use clap::{
    Arg, Command, ValueEnum,
    builder::{PossibleValue, TypedValueParser},
};

use super::{catalog, topic::Topic};
use crate::profile::{Peer, SHIPPED};

/// Parses an argument with a function, and tells shells which words there are.
#[derive(Clone)]
pub(super) struct Suggested<T> {
    words: fn() -> Vec<String>,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> Suggested<T> {
    pub(super) fn new(words: fn() -> Vec<String>, parse: fn(&str) -> Result<T, String>) -> Self {
        Self { words, parse }
    }
}

impl Suggested<String> {
    /// Accepts any text.
    pub(super) fn text(words: fn() -> Vec<String>) -> Self {
        Self::new(words, |text| Ok(text.to_owned()))
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Suggested<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        TypedValueParser::parse_ref(&self.parse, command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.words)().into_iter().map(PossibleValue::new)))
    }
}

/// Names of the shipped profiles.
pub(super) fn profiles() -> Vec<String> {
    SHIPPED.iter().map(|shipped| shipped.name.to_owned()).collect()
}

/// Names of the kinds of misbehaving clients.
pub(super) fn peers() -> Vec<String> {
    let names = |peer: &Peer| [vec![peer.name().to_owned()], peer.aliases()].concat();
    Peer::value_variants().iter().flat_map(names).collect()
}

/// What `badpeer list` accepts: topics, and the names of everything that it lists.
pub(super) fn listed() -> Vec<String> {
    let topics = Topic::value_variants().iter().map(|topic| topic.name());
    let names = Topic::value_variants().iter().flat_map(|topic| catalog::names(*topic));
    let mut all: Vec<String> = topics.chain(names).chain(peers()).collect();
    all.sort();
    all.dedup();
    all
}
