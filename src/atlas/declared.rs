//! Servers and faults, as their files declare them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::units::Span;

/// A server: `server.toml` in a folder of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its name: that of its folder.
    #[serde(skip)]
    pub name: String,
    /// Its place among the others, from the first on.
    #[serde(default = "last")]
    pub order: u32,
    /// What it is called.
    pub title: String,
    /// The Debian package that has it.
    pub package: Option<String>,
    /// A command that prints its version.
    #[serde(default)]
    pub version: Vec<String>,
    /// Where its timeouts are documented.
    pub documentation: Option<String>,
    /// The section `[server]` of a profile.
    pub server: Table,
    /// What it is asked for, by the name that faults use: keys of a group of clients.
    pub requests: IndexMap<String, Table>,
    /// What the hardened variant sets.
    #[serde(default)]
    pub hardened: Vec<Directive>,
    /// What its documentation says of faults at its defaults.
    #[serde(default)]
    pub documented: Vec<Documented>,
    /// The files in its folder, by name, without `server.toml`.
    #[serde(skip)]
    pub files: IndexMap<String, String>,
}

/// The place of what names none.
const fn last() -> u32 {
    u32::MAX
}

/// A line of a server's configuration, or arguments of its command, in the hardened variant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directive {
    /// The line; `{seconds}` is the timeout.
    pub directive: String,
    /// What holds without it.
    pub default: String,
    /// The faults that it is set against.
    pub against: Vec<String>,
}

/// What a server's documentation says of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documented {
    /// The fault's name.
    pub fault: String,
    /// What is said.
    pub says: String,
    /// When a connection is ended according to that.
    pub ended_after: Option<Span>,
    /// Whether it is never ended according to that.
    #[serde(default)]
    pub held: bool,
    /// The status of the answer that comes before the end according to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// A fault: what each peer does that has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name: its file's stem.
    #[serde(skip)]
    pub name: String,
    /// Its place among the others, from the first on.
    #[serde(default = "last")]
    pub order: u32,
    /// What it is called.
    pub title: String,
    /// What a peer does, in a sentence.
    pub about: String,
    /// The request that it is made with, of those that servers declare.
    pub request: String,
    /// The protocols that know it; all where none is named.
    #[serde(default)]
    pub protocols: Vec<String>,
    /// Whether the peers end their connections themselves, or are answered all the time: a server that goes on with them does
    /// nothing wrong.
    #[serde(default)]
    pub goes_on: bool,
    /// Keys of the group of peers.
    pub client: Table,
}

/// Which configuration of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// As it is without any directive
    Default,
    /// With the directives that bound what bad peers cost
    Hardened,
}

impl Variant {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Default, Self::Hardened];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Hardened => "hardened",
        }
    }
}
