//! Several threads on one socket: the misuse itself. They share the socket, and a lock if `lock` is set.
//!
//! [`Writers`] are handed whole messages; [`Readers`] are handed rounds of bytes, and wake the event loop up when all
//! bytes of a round are there. Both end with the connection that has started them.

mod readers;
mod shared;
mod threads;
mod writers;

pub(super) use self::{readers::Readers, writers::Writers};
