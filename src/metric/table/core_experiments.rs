//! The metrics of a core experiment. Each experiment defines its step: 4 KiB in and out, a message, an event.

macro_rules! core_metrics {
    ($next:ident $($others:ident)*: $($before:tt)*) => { $next! { $($others)*: $($before)*

    /// CPU time of a step
    CoreCpuPerStep: "core_cpu_per_step" Core Nanoseconds Lower [Final] None 0.1;
    /// CPU time for each byte that arrived
    CoreCpuPerByte: "core_cpu_per_byte" Core Nanoseconds Lower [Final] None 0.1;
    /// System calls of a step
    CoreCallsPerStep: "core_calls_per_step" Core Count Lower [Final] None 0.0;
    /// Bytes moved inside the buffer for each byte appended, growing included
    CoreMovedPerByte: "core_moved_per_byte" Core Count Lower [Final] None 0.01;
    /// Memory allocations of a step
    CoreAllocationsPerStep: "core_allocations_per_step" Core Count Lower [Final] None 0.01;
    /// Largest memory of the buffer
    CoreFootprint: "core_footprint" Core Bytes Lower [Final] None 0.01;
    /// Resident memory with the backlog in place, minus that before
    CoreRssLoaded: "core_rss_loaded" Core Bytes Lower [Final] None 0.05;
    /// Resident memory after the last byte was drained, minus that before
    CoreRssDrained: "core_rss_drained" Core Bytes Lower [Final] None 0.1;
    /// Resident memory after the drained buffer was shrunk, minus that before
    CoreRssShrunk: "core_rss_shrunk" Core Bytes Lower [Final] None 0.5;
    /// Largest number of timers kept, including those that a move left behind
    CoreEntries: "core_entries" Core Count Lower [Final] None 0.01;
    /// Timers that fired although their deadline had been moved, per move
    CoreStalePerStep: "core_stale_per_step" Core Count Lower [Final] None 0.05;
    /// Smallest time between a deadline and the firing of its timer; negative is too early
    CoreLatenessMin: "core_lateness_min" Core Nanoseconds Neither [Final] None 0.5;
    /// Largest time between a deadline and the firing of its timer, if the owner wakes when it should
    CoreLatenessMax: "core_lateness_max" Core Nanoseconds Lower [Final] None 0.1;
    } };
}

pub(super) use core_metrics;
