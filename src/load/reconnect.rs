//! When an ended connection is opened again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Rate, Span};

/// How a group reconnects: every connection that ends during the run is opened again, however it ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reconnect {
    /// Time from the end of a connection to the next attempt.
    pub pause: Span,
    /// Largest rate of attempts of the whole group; further ones are delayed. Default: 1000/s; at most 10000/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Rate>,
}

impl Reconnect {
    /// A page about when connections begin, end and come back, for `badpeer list behaviors`.
    pub const ABOUT: &str = "Keys of the group. start = \"3s\" and stop = \"8s\", counted from the start of the \
        warm-up, let a group come and leave: then good clients wait for open answers and close, others close at once, \
        and nothing is opened any more. connect_rate = \"500/s\" opens the first connections of a group at that \
        rate (or on a schedule, like load.rate), and connect_rate = \"off\" all at once, whatever the server accepts; \
        without it they are opened as fast as the server accepts them. requests_per_connection = 100 closes \
        each connection when 100 of its requests are answered. lifetime = \"2s\" closes each connection after that \
        time (the first ones of a group after a random part of it): good clients first wait for open answers, others \
        do not. reconnect = {} opens every ended connection again, however it ended, after `pause` (default 0s), but \
        at most `at_most` connections of the whole group per second (default 1000/s, at most 10000/s), and unless it is \
        set no faster than the server accepts them. With \
        requests_per_connection this produces churn; with a server that evicts or refuses, a reconnect storm. Good \
        HTTP clients also reconnect without it if the server announced the end of a connection, or closed it while no \
        request was open. Every attempt is counted as opened. source = [\"10.0.0.2\", \"10.0.0.3\"] names the addresses of \
        this machine that connections come from, in turn; at the top of the profile it is for all groups.";

    /// Attempts per second that a group can be allowed at most.
    pub const MOST_ATTEMPTS: Rate = Rate(1e4);

    /// Attempts per second that are allowed unless `at_most` is set.
    const USUAL_ATTEMPTS: Rate = Rate(1000.0);

    /// How clients reconnect by default, as every client would: as fast as allowed.
    pub const UNASKED: Self = Self { pause: Span(Duration::ZERO), at_most: Some(Self::MOST_ATTEMPTS) };

    /// Attempts of the whole group per second, at most.
    #[must_use]
    pub fn attempts(&self) -> Rate {
        self.at_most.unwrap_or(Self::USUAL_ATTEMPTS)
    }

    /// Requests of the whole group per second, at most, with so many on each connection.
    #[must_use]
    pub fn reach(&self, requests_per_connection: u32) -> Rate {
        Rate(self.attempts().0 * f64::from(requests_per_connection))
    }

    /// Whether the bound is the profile's, and not what a group is allowed anyway.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.at_most.is_some_and(|most| most.0 < Self::MOST_ATTEMPTS.0)
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { pause: Span(Duration::ZERO), at_most: None }
    }
}

/// The attempts of one group. Times are nanoseconds.
#[derive(Clone, Debug)]
pub struct Attempts {
    pause: Duration,
    gap: Duration,
    /// No attempt before this.
    next_ns: u64,
}

impl Attempts {
    /// Those of a group that `of` threads drive (at least 1), each with an equal part of what is allowed.
    ///
    /// # Panics
    /// If no attempts are allowed.
    #[must_use]
    pub fn new(reconnect: &Reconnect, of: u32) -> Self {
        let most = reconnect.attempts().0;
        assert!(most > 0.0, "attempts need a rate above 0");
        let gap = Duration::from_secs_f64(f64::from(of) / most);
        Self { pause: reconnect.pause.0, gap, next_ns: 0 }
    }

    /// When a connection that ended now is opened again, never before one that ended earlier; and how much of the time until
    /// then is because no more attempts are allowed.
    pub fn after(&mut self, now_ns: u64) -> (u64, u64) {
        let wanted_ns = now_ns + self.pause.as_nanos() as u64;
        let at_ns = wanted_ns.max(self.next_ns);
        self.next_ns = at_ns + self.gap.as_nanos() as u64;
        (at_ns, at_ns - wanted_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn attempts(text: &str) -> Attempts {
        Attempts::new(&toml::from_str(text).expect("knobs"), 1)
    }

    #[test]
    fn one_connection_reopens_at_once_or_after_a_pause() {
        assert_eq!(attempts("").after(7 * MS), (7 * MS, 0));
        assert_eq!(attempts("pause = '20ms'").after(7 * MS), (27 * MS, 0));
    }

    #[test]
    fn many_connections_reopen_no_faster_than_the_limit() {
        let mut attempts = attempts("at_most = '100/s'");
        let times: Vec<(u64, u64)> = [5, 5, 5, 6, 90, 91]
            .into_iter()
            .map(|ms| attempts.after(ms * MS))
            .map(|(at_ns, put_off_ns)| (at_ns / MS, put_off_ns / MS))
            .collect();
        assert_eq!(times, [(5, 0), (15, 10), (25, 20), (35, 29), (90, 0), (100, 9)]);
    }

    #[test]
    fn only_a_set_limit_below_the_maximum_counts_as_asked_for() {
        for (text, is_bounded) in [
            ("", false),
            ("at_most = '10000/s'", false),
            ("at_most = '1000/s'", true),
            ("pause = '1s'", false),
        ] {
            let reconnect: Reconnect = toml::from_str(text).expect("knobs");
            assert_eq!(reconnect.is_bounded(), is_bounded, "{text}");
        }
    }
}
