//! The table of all metrics. A new metric needs a line in one of its parts and one `row.set` in the probe that reads it.
//!
//! ```text
//!   /// help
//!   Variant: "name" ("label") Scope Unit Better [Folds] Panel noise definite Side is Kind gated Whom(Fold) still floor budget added number;
//! ```
//! - The label is the name with spaces unless given.
//! - `definite Above` or `Below`: no load and no noise excuses a number on that side of what is expected. Any other time, rate
//!   or cost depends on how busy the host is.
//! - `is`: what sort of number it is, where that decides how it is trusted and excused.
//! - `gated`: of whom a comparison of two servers gates it without being asked to; by its last fold unless given.
//! - `still`: it does not move unless something is wrong. Floor and budget of a change.
//! - `added`: what a gate adds to both sides before their ratio is taken, so that small numbers are compared by their
//!   difference; by the unit unless given. For lateness it is the finest tick that the reference server is run with; a
//!   profile's own replaces it. For the server's memory it is 8 MiB: another build has its code in other places, and the
//!   pages of it that are mapped differ by some hundred KiB.

mod clients;
mod core_experiments;
mod load_generator;
mod server;

use self::{
    clients::client_metrics, core_experiments::core_metrics, load_generator::load_generator_metrics,
    server::server_metrics,
};
use super::spec::{Better, Definite, Fold, Gate, Kind, Panel, Scope, Spec, Still, given};
use super::{declare::metrics, unit::Unit};

// Each part adds its metrics to those before it and hands all of them to the next.
server_metrics! { load_generator_metrics client_metrics core_metrics metrics: }
