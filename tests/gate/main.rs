//! Two servers, or two runs, compared by the built program.

mod baseline;
#[path = "../common/mod.rs"]
mod common;
mod servers;
mod silence;
