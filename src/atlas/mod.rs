//! The atlas: the same faults at many servers, at their defaults and hardened, as one document.

mod catalog;
mod cell;
mod declared;
mod profile;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use self::{
    catalog::{CatalogError, fault, fault_name, fault_names, faults, server, server_names, servers},
    cell::{Cell, Outcome},
    declared::{Directive, Documented, Fault, Server, Variant},
    profile::{CellProfile, GOOD, PEERS, Plan, cell_profile},
};
use crate::{record::Machine, units::Span};

/// Version of the format of [`Atlas`].
pub const FORMAT: u32 = 1;

/// All that an atlas shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Atlas {
    /// [`FORMAT`].
    pub format: u32,
    /// badpeer's version.
    pub badpeer: String,
    /// When the first and the last of its runs were started (RFC 3339, UTC), also of those that were kept from before; `None`
    /// before there is one.
    #[serde(default)]
    pub runs: Option<(String, String)>,
    /// The machine.
    pub machine: Machine,
    /// Peers of each fault.
    pub peers: u32,
    /// How long peers were watched that nothing ended, at the defaults.
    pub hold: Span,
    /// The timeout that hardened variants set.
    pub timeout: Span,
    /// Whether it was a quick one: peers were watched at the defaults for a few seconds only.
    pub quick: bool,
    /// The versions of all servers that runs in its folder were made with, by name.
    #[serde(default)]
    pub versions: IndexMap<String, Option<String>>,
    /// The servers, in the order of the page.
    pub servers: Vec<ServerEntry>,
    /// The faults, in the order of the page.
    pub faults: Vec<FaultEntry>,
    /// What was measured.
    pub cells: Vec<Cell>,
}

/// A server of an atlas.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerEntry {
    /// Its name.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// What it says of its version, in a line.
    pub version: Option<String>,
    /// Where its timeouts are documented.
    pub documentation: Option<String>,
    /// The directives of the hardened variant, with their timeouts filled in.
    pub hardened: Vec<Directive>,
    /// Why it was left out, if it was.
    pub skipped: Option<String>,
}

/// A fault of an atlas.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FaultEntry {
    /// Its name.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// What a peer does.
    pub about: String,
}

impl Atlas {
    /// Counts a run that was started then.
    pub fn note_run(&mut self, started: &str) {
        let (first, last) = self.runs.take().unwrap_or_else(|| (started.to_owned(), started.to_owned()));
        // In one time zone and one form, the order of texts is that of times.
        self.runs = Some((first.min(started.to_owned()), last.max(started.to_owned())));
    }

    /// The cell of a server, a variant and a fault.
    #[must_use]
    pub fn cell(&self, server: &str, variant: Variant, fault: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.server == server && cell.variant == variant && cell.fault == fault)
    }

    /// The variants of a server that have cells.
    #[must_use]
    pub fn variants(&self, server: &str) -> Vec<Variant> {
        let has = |variant: &Variant| {
            self.cells.iter().any(|cell| cell.server == server && cell.variant == *variant)
        };
        Variant::ALL.into_iter().filter(has).collect()
    }

    /// Puts the cells into the order of the page.
    pub fn sort(&mut self) {
        let Self { servers, faults, cells, .. } = self;
        cells.sort_by_key(|cell| {
            let server = servers.iter().position(|server| server.name == cell.server);
            let fault = faults.iter().position(|fault| fault.name == cell.fault);
            (server, cell.variant.name(), fault)
        });
    }

    /// The servers that were measured.
    pub fn measured(&self) -> impl Iterator<Item = &ServerEntry> {
        self.servers.iter().filter(|server| server.skipped.is_none())
    }
}
