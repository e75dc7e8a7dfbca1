//! Whether the reference server's knobs are possible together.

use super::{Dispatch, HeadParsing, Overflow, ServerOptions, Service, Trigger};
use crate::profile::unix_path;
use crate::units::{ByteRate, Bytes, Count, OrOff, Span};

/// A typing error should not ask for a million threads.
const MOST_THREADS: u32 = 1024;
const NONE_PLANTED: bool = cfg!(not(feature = "planted-defects"));
const NEEDS_PLANTED: &str =
    "needs a build with planted defects: cargo build --release --features planted-defects";

/// listen(2) takes an int.
const MOST_BACKLOG: u32 = i32::MAX as u32;

/// Nor for all memory.
const MOST_UPLOADS: u64 = 1 << 30;

/// Whether a key is at fault, the key, and what to write instead.
type Fault = (bool, &'static str, &'static str);

fn is_zero(size: OrOff<Bytes>) -> bool {
    size.0 == Some(Bytes(0))
}

fn is_no_time(time: OrOff<Span>) -> bool {
    time.0.is_some_and(|time| time.0.is_zero())
}

impl ServerOptions {
    /// Whether all of it is possible together, and does what it says.
    ///
    /// # Errors
    /// The key that is at fault, and what to write instead.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let all = self.protocol_faults().into_iter().chain(self.number_faults());
        let mut all =
            all.chain(self.combination_faults()).chain(self.time_faults()).chain(self.unix_faults());
        match all.find(|(is_fault, ..)| *is_fault) {
            Some((_, key, message)) => Err((key, message)),
            None => Ok(()),
        }
    }

    /// What only some protocols have.
    fn protocol_faults(&self) -> [Fault; 5] {
        [
            (
                self.root.is_some() && self.protocol != Service::Http,
                "root",
                "needs protocol = \"http\": the other protocols serve no files",
            ),
            (
                self.head_parsing == HeadParsing::LineByLine && self.protocol != Service::Http,
                "head_parsing",
                "needs protocol = \"http\": the messages of the other protocols have no head",
            ),
            (
                self.uploads.0.is_some() && self.protocol != Service::Http,
                "uploads",
                "needs protocol = \"http\": the other protocols have no uploads",
            ),
            (is_zero(self.uploads), "uploads", "must be above 0; write off to refuse uploads"),
            (
                self.uploads.0.is_some_and(|Bytes(most)| most > MOST_UPLOADS),
                "uploads",
                "must be at most 1GiB",
            ),
        ]
    }

    /// Sizes and counts.
    fn number_faults(&self) -> [Fault; 7] {
        [
            (is_zero(self.read_quantum), "read_quantum", "must be above 0; write off for no bound"),
            (is_zero(self.send_piece), "send_piece", "must be above 0; write off for no bound"),
            (
                self.descriptors.0.is_some_and(|Count(most)| most < self.least_descriptors()),
                "descriptors",
                "must be at least 16, and 4 more for each thread unless dispatch is single",
            ),
            (self.backlog.0 > MOST_BACKLOG, "backlog", "must be at most 2147483647"),
            (self.threads.0 > MOST_THREADS, "threads", "must be at most 1024"),
            (self.prepend.0 > 64 * 1024, "prepend", "must be at most 64KiB"),
            (self.min_rate.0 == Some(ByteRate(0)), "min_rate", "must be above 0; write off for no bound"),
        ]
    }

    /// What needs another key.
    fn combination_faults(&self) -> [Fault; 7] {
        [
            (
                !self.processing_time.0.is_zero() && self.dispatch != Dispatch::Single,
                "processing_time",
                "needs dispatch = \"single\": one event loop counts the requests in progress",
            ),
            (
                self.concurrency_limit.0.is_some() && self.processing_time.0.is_zero(),
                "concurrency_limit",
                "needs a processing_time above 0: without it every request is answered at once",
            ),
            (
                self.lost_wakeup && (self.trigger == Trigger::Level || self.max_sends.0.is_none()),
                "lost_wakeup",
                "needs trigger = \"edge\" and a number for max_sends: without them no wake-up can be lost",
            ),
            (
                self.lost_wakeup && self.dispatch == Dispatch::Workers,
                "lost_wakeup",
                "needs another dispatch: workers arm every connection again after each turn",
            ),
            (
                self.overflow == Overflow::Pause && self.send_limit.0.is_none(),
                "overflow",
                "pause needs a send_limit to pause at",
            ),
            (NONE_PLANTED && self.plant_leak.0 > 0, "plant_leak", NEEDS_PLANTED),
            (NONE_PLANTED && !self.plant_delay.0.is_zero(), "plant_delay", NEEDS_PLANTED),
        ]
    }

    /// Times.
    fn time_faults(&self) -> [Fault; 6] {
        [
            (self.tick.0.is_zero(), "tick", "must be longer than 0"),
            (is_no_time(self.send_timeout), "send_timeout", "must be longer than 0; write off for none"),
            (is_no_time(self.deadline), "deadline", "must be longer than 0; write off for none"),
            (
                is_no_time(self.message_timeout),
                "message_timeout",
                "must be longer than 0; write off for none",
            ),
            (is_no_time(self.idle_timeout), "idle_timeout", "must be longer than 0; write off for none"),
            (
                self.user_timeout.0.is_some_and(|time| time.0.as_millis() == 0),
                "user_timeout",
                "must be at least 1ms; write off for none",
            ),
        ]
    }

    /// What a UNIX-domain socket does not have.
    fn unix_faults(&self) -> [Fault; 3] {
        let path = unix_path::of(&self.listen);
        let is_unix = path.is_some();
        let is_possible =
            self.listen == unix_path::FRESH || path.is_none_or(|path| unix_path::check(path).is_ok());
        [
            (
                !is_possible,
                "listen",
                "a UNIX socket needs unix: and a path of at most 107 bytes, or @ and a name; unix: alone takes a fresh path",
            ),
            (
                is_unix && self.user_timeout.0.is_some(),
                "user_timeout",
                "needs TCP (TCP_USER_TIMEOUT): over a UNIX socket use send_timeout, or listen on TCP",
            ),
            (
                is_unix && self.notsent_lowat.0.is_some(),
                "notsent_lowat",
                "needs TCP (TCP_NOTSENT_LOWAT): over a UNIX socket use send_buffer, or listen on TCP",
            ),
        ]
    }

    /// With fewer it could not even begin to listen.
    const fn least_descriptors(&self) -> u32 {
        match self.dispatch {
            Dispatch::Single => 16,
            _ => 16_u32.saturating_add(self.threads.0.saturating_mul(4)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn flags_are_parsed_back_to_the_options() {
        let options: ServerOptions = toml::from_str(
            r#"
            protocol = "http"
            root = "/srv"
            trigger = "edge"
            buffer = "contiguous"
            send_limit = "off"
            send_timeout = "250ms"
            evict_by = "fin"
            write_interest = "always-arm"
            max_sends = 4
            min_rate = "64KiB/s"
            shrink = false
            "#,
        )
        .expect("options");
        assert_ne!(options, ServerOptions::default());
        let flags = [vec!["serve".to_owned()], options.to_flags()].concat();
        assert_eq!(ServerOptions::try_parse_from(flags).expect("flags"), options);
    }

    #[test]
    fn a_backlog_beyond_what_the_kernel_grants_is_refused_if_it_was_set() {
        let refused = |text: &str| {
            let options: ServerOptions = toml::from_str(text).expect("options");
            [128, 4096].map(|somaxconn| options.refused_backlog(somaxconn).is_some())
        };
        assert_eq!(refused(""), [false, false]);
        assert_eq!(refused("backlog = 128"), [false, false]);
        assert_eq!(refused("backlog = 129"), [true, false]);
        assert_eq!(refused("backlog = 5000"), [true, true]);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<ServerOptions>("sendlimit = 1").is_err());
    }

    #[test]
    fn impossible_options_are_refused() {
        assert_eq!(ServerOptions::default().check(), Ok(()));
        for (text, key) in [
            ("lost_wakeup = true", "lost_wakeup"),
            ("trigger = 'edge'\nlost_wakeup = true\nmax_sends = 'off'", "lost_wakeup"),
            ("trigger = 'edge'\nlost_wakeup = true\ndispatch = 'workers'", "lost_wakeup"),
            ("threads = 5000", "threads"),
            ("backlog = 3000000000", "backlog"),
            ("descriptors = 15", "descriptors"),
            ("descriptors = 23\ndispatch = 'reactors'", "descriptors"),
            ("overflow = 'pause'\nsend_limit = 'off'", "overflow"),
            ("root = '/srv'", "root"),
            ("head_parsing = 'line-by-line'", "head_parsing"),
            ("uploads = '1MiB'", "uploads"),
            ("protocol = 'http'\nuploads = '0B'", "uploads"),
            ("protocol = 'http'\nuploads = '2GiB'", "uploads"),
            ("processing_time = '1ms'\ndispatch = 'reactors'", "processing_time"),
            ("concurrency_limit = 4", "concurrency_limit"),
            ("tick = 0", "tick"),
            ("deadline = '0s'", "deadline"),
            ("user_timeout = '10us'", "user_timeout"),
        ] {
            let options: ServerOptions = toml::from_str(text).expect("options");
            assert_eq!(options.check().map_err(|(key, _)| key), Err(key), "{text}");
        }
    }
}
