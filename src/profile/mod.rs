//! Profiles, read from TOML. A `Profile` is always valid: every constructor checks it.

mod attach;
mod bench;
mod check;
mod client_threads;
mod core;
mod expect;
mod explanation;
mod fault;
mod flag;
mod gate;
mod implied;
mod keys;
mod labels;
#[cfg(test)]
mod mistakes;
mod names;
mod overrides;
mod parse;
mod peer;
mod phase_plan;
mod phases;
mod place;
mod protocol;
pub mod secrets;
mod server;
mod server_address;
mod shipped;
mod source_addresses;
mod suggestion;
mod target;
pub(crate) mod unix_path;
mod value;

pub use self::{
    attach::Attach,
    bench::{Bench, LongestWait},
    client_threads::ClientThreads,
    core::{Backlog, Core, Decode, Decoder, Method, Prepend, Scheme, Timers},
    expect::{Alternative, Condition, Expectation, Known, Wanted},
    gate::{Limits, Shares},
    keys::{Group, Profile},
    labels::CHARTS,
    overrides::is_set_by,
    parse::{ProfileError, Source},
    peer::{Crowd, Peer},
    phase_plan::PhasePlan,
    phases::{AFTER, BEFORE, Phase, WITH},
    server::{
        Dispatch, EvictBy, HeadParsing, Overflow, Progress, ReadStrategy, ServerOptions, Service, Trigger,
        WriteInterest,
    },
    shipped::{SHIPPED, Shipped, TOUR, shipped_file},
    source_addresses::{SourceAddresses, source_address},
    suggestion::{meant, meant_by_words},
    target::{Program, Target},
    value::Axes,
};
