//! Profiles, read from TOML. A `Profile` is always valid: every constructor checks it.

mod bench;
mod check;
mod core;
mod expect;
mod fault;
mod gate;
mod implied;
mod keys;
mod labels;
mod names;
mod overrides;
mod parse;
mod peer;
mod phases;
mod protocol;
pub mod secrets;
mod server;
mod shipped;
mod suggestion;
mod target;
mod value;
mod visit;

pub use self::{
    bench::{Bench, LongestWait},
    core::{Backlog, Core, Decode, Decoder, Method, Prepend, Scheme, Timers},
    expect::{Alternative, Condition, Expectation, Known, Wanted},
    gate::{Limits, Shares},
    keys::{Group, Profile},
    labels::CHARTS,
    parse::{ProfileError, Source},
    peer::{Crowd, Peer},
    phases::{AFTER, BEFORE, Phase, WITH},
    server::{
        Dispatch, EvictBy, HeadParsing, Overflow, Progress, ReadStrategy, ServerOptions, Service, Trigger,
        WriteInterest,
    },
    shipped::{SHIPPED, Shipped, TOUR, shipped_file},
    suggestion::meant,
    target::{Attach, Program, Target},
    value::Axes,
    visit::Visit,
};
