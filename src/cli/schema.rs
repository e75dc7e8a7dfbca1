//! `badpeer schema`: the JSON schemas of profiles, records and comparisons.

use schemars::schema_for;

use super::{Exit, print_raw};
use crate::{gate::PairedComparison, profile::Profile, record::Record};

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Profiles. An editor that knows TOML reads the schema from the line `#:schema FILE` at the top of a profile
    Profile,
    /// record.json
    Record,
    /// comparison.json
    Comparison,
}

/// The schema (JSON Schema, draft 2020-12), with a line break at its end.
#[must_use]
pub fn schema(kind: Kind) -> String {
    let schema = match kind {
        Kind::Profile => schema_for!(Profile),
        Kind::Record => schema_for!(Record),
        Kind::Comparison => schema_for!(PairedComparison),
    };
    format!("{:#}\n", schema.as_value())
}

pub(super) fn main(kind: Kind) -> Exit {
    print_raw(schema(kind).trim_end());
    Exit::Pass
}
