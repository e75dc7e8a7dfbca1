//! What a TOML file asks for.

mod server;

pub use server::{EvictBy, ServerOptions, Trigger};
