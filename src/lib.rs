//! badpeer: what bad peers cost your TCP server, measured from outside and from the kernel, byte by byte.

pub mod behavior;
pub mod buffer;
pub mod client;
pub mod codec;
pub mod doctor;
pub mod gate;
pub mod load;
pub mod metric;
pub mod probe;
pub mod profile;
pub mod reactor;
pub mod record;
pub mod stats;
pub mod sys;
pub mod timers;
pub mod units;
