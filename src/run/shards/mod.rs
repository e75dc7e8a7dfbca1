//! A run of several processes, here or on several machines: each is a shard that drives a part of the clients, all from the same
//! instant on, and one may observe the server. What they leave in a folder is merged into one record.
//!
//! ```text
//!   shard 1 ─▶ shard-1-of-2.json, shard-1-of-2.part.json ─┐
//!   shard 2 ─▶ shard-2-of-2.json, shard-2-of-2.part.json ─┼─▶ merge ─▶ Record
//!   observer ▶ observer.json, observer.part.json ─────────┘
//! ```

mod clock;
mod collect;
mod driving;
mod end;
mod error;
mod here;
mod identity;
mod merge;
mod observing;
mod part;
mod state;
mod worker;

pub(super) use self::here::Here;
pub use self::{
    driving::{Order, drive},
    end::ShardEnd,
    error::MergeError,
    merge::merge,
    observing::observe,
    worker::work,
};
