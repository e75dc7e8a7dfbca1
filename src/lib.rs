//! badpeer measures what misbehaving clients cost a TCP server, from outside and through the kernel.
//!
//! A pure core decides, a thin shell acts, a table declares, a record remembers. Imports point down only:
//! `units text` < `buffer timers metric` < `behavior load codec` < `profile` < `record stats` < `gate capacity soak` < `sys files address programs` < `reactor` <
//! `server client probe atlas` < `experiment run report` < `cli`. A test fails on an upward import.

// The core: no clock, no socket, no file, no thread.
pub mod behavior;
pub mod buffer;
pub mod capacity;
pub mod codec;
pub mod gate;
pub mod load;
pub mod metric;
pub mod profile;
pub mod record;
pub mod soak;
pub mod stats;
pub mod text;
pub mod timers;
pub mod units;

// The shell: sockets, clocks, processes, files.
pub mod address;
pub mod atlas;
pub mod cli;
pub mod client;
pub mod doctor;
pub mod experiment;
pub mod files;
pub mod probe;
pub mod programs;
pub mod reactor;
pub mod report;
pub mod run;
pub mod server;
pub mod sys;
