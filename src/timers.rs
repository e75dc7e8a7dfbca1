//! Deadlines, soonest first.
