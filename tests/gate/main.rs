//! Two servers, or two runs, compared by the built program.

#[macro_use]
extern crate macro_rules_attribute;
#[macro_use]
#[path = "../common/mod.rs"]
mod common;
mod baseline;
mod jobs;
mod servers;
mod silence;
