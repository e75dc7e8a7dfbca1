//! The built program, as a user runs it. All of these tests are one crate, so that those that wait for a server, or for a
//! window to end, wait side by side.

#[macro_use]
extern crate macro_rules_attribute;
#[macro_use]
#[path = "../common/mod.rs"]
mod common;
mod atlas;
mod capacity;
mod cli;
mod core_experiments;
mod entry;
mod evictions;
mod faults;
mod lifetimes;
mod many_slow_readers;
mod mistakes;
mod namespaces;
mod orphans;
mod output;
mod price;
mod profiles;
mod protocols;
mod redis;
mod refused;
mod secrets;
mod shards;
mod signals;
mod silence;
mod soak;
mod sources;
mod targets;
mod unix_sockets;
mod uploads;
mod user_agent;
mod validity;
mod verdicts;
mod window;
