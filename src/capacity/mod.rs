//! The search for how much a server holds: levels and what they came to go in, the next level comes out.

mod finding;
mod presence;
mod quantity;
mod search;
#[cfg(test)]
mod tests;

pub use self::{
    finding::{finding, is_count_of, is_of},
    quantity::quantity,
    search::{Next, Plan, borders, most_repeats, next},
};
