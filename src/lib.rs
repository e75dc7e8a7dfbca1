//! badpeer: what bad peers cost your TCP server, measured from outside and from the kernel, byte by byte.

pub mod buffer;
pub mod timers;
