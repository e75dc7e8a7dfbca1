//! An instant that is known only to lie between two observations.

/// Bounds of an instant on the monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Between {
    /// It was not before this.
    pub earliest_ns: u64,
    /// It was not after this.
    pub latest_ns: u64,
}

impl Between {
    /// Between these two; where they contradict each other, at the later one.
    #[must_use]
    pub fn new(earliest_ns: u64, latest_ns: u64) -> Self {
        Self { earliest_ns, latest_ns: latest_ns.max(earliest_ns) }
    }

    /// Halfway, in nanoseconds: off by at most half of what is not known.
    #[must_use]
    pub const fn middle_ns(self) -> u64 {
        self.earliest_ns.midpoint(self.latest_ns)
    }

    /// When the later of two happened.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        Self {
            earliest_ns: self.earliest_ns.max(other.earliest_ns),
            latest_ns: self.latest_ns.max(other.latest_ns),
        }
    }

    /// It is known that it was not before this.
    #[must_use]
    pub fn not_before(self, earliest_ns: u64) -> Self {
        Self::new(self.earliest_ns.max(earliest_ns), self.latest_ns)
    }

    /// If so, it may have been at any time later.
    #[must_use]
    pub const fn or_later(self, so: bool) -> Self {
        if so { Self { latest_ns: u64::MAX, ..self } } else { self }
    }

    /// The instant between these bounds that is nearest to what somebody says, who may be off by `slack_ns`.
    #[must_use]
    pub const fn nearest_ns(self, said_ns: u64, slack_ns: u64) -> u64 {
        let earliest = self.earliest_ns.saturating_sub(slack_ns);
        let latest = self.latest_ns.saturating_add(slack_ns);
        if said_ns < earliest {
            earliest
        } else if said_ns > latest {
            latest
        } else {
            said_ns
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_instants_is_bounded_by_both() {
        let (first, second) = (Between::new(10, 50), Between::new(30, 40));
        assert_eq!(first.later(second), Between::new(30, 50));
        assert_eq!(Between::new(10, 50).middle_ns(), 30);
    }

    #[test]
    fn bounds_never_contradict_each_other() {
        assert_eq!(Between::new(9, 5), Between { earliest_ns: 9, latest_ns: 9 });
        assert_eq!(Between::new(1, 5).not_before(7), Between::new(7, 7));
        assert_eq!(Between::new(4, 9).or_later(true), Between::new(4, u64::MAX));
    }

    #[test]
    fn a_reported_instant_is_clamped_to_the_bounds() {
        let known = Between::new(100, 200);
        assert_eq!(
            [150, 95, 80, 205, 900].map(|claimed| known.nearest_ns(claimed, 10)),
            [150, 95, 90, 205, 210]
        );
    }
}
