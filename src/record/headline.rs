//! The price of bad peers in one line.

use super::price::{GoodClients, Phased, Price};
use crate::units::{human_bytes, human_count, human_time};

/// A silence is named when it is so many times as long as before, and by so much longer, in nanoseconds: a few turns of a
/// scheduler are no silence.
const SILENCE_FACTOR: f64 = 2.0;
const SILENCE_NS: f64 = 100e6;

impl Price {
    /// The price in one line, for people: what was added to the server's memory, what good clients waited, and what became of
    /// the bad peers.
    #[must_use]
    pub fn headline(&self) -> String {
        let parts = [self.memory(), self.worst().and_then(slower), Some(self.endings())];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let connected = if self.connected < self.peers {
            format!(" ({} connected)", human_count(self.connected as f64))
        } else {
            String::new()
        };
        let count = human_count(self.peers as f64);
        format!("{count} bad {}{connected} cost: {}", peers(self.peers), parts.join(" · "))
    }

    /// `kernel +935 MiB (3.74 MiB each)`: what grew by more than noise; `None` where no memory was measured.
    fn memory(&self) -> Option<String> {
        let kinds = [
            ("server", self.user_memory, self.user_bytes_per_peer, self.user_noise()),
            ("kernel", self.kernel_memory, self.kernel_bytes_per_peer, self.kernel_noise()),
        ];
        kinds.iter().find_map(|(_, memory, ..)| memory.growth())?;
        let shown = |(kind, memory, each, noise): (&str, Phased, Option<f64>, Option<f64>)| {
            let growth = memory.growth().filter(|growth| *growth > noise.unwrap_or(0.0))?;
            let each = each.map(|each| format!(" ({} each)", human_bytes(each))).unwrap_or_default();
            Some(format!("{kind} +{}{each}", human_bytes(growth)))
        };
        let shown: Vec<String> = kinds.into_iter().filter_map(shown).collect();
        Some(if shown.is_empty() { "memory within noise".to_owned() } else { shown.join(", ") })
    }

    /// How many the server ended, when and how, and how many it still held.
    fn endings(&self) -> String {
        if self.ended == 0 {
            let time = human_time(self.with_ns as f64);
            return if self.peers == 1 {
                format!("it was not ended in {time}")
            } else {
                format!("none was ended in {time}")
            };
        }
        let kinds = [(self.ended_by_reset, "RST"), (self.ended_by_fin, "FIN")];
        let mut kinds: Vec<String> =
            kinds.iter().filter(|(count, _)| *count > 0).map(|(count, by)| format!("{count} {by}")).collect();
        // These are among the others.
        if self.ended_after_error > 0 {
            let answer =
                self.error_answer.as_deref().map_or("an error".to_owned(), |begins| format!("`{begins}`"));
            kinds.push(format!("{} of them after the answer {answer}", self.ended_after_error));
        }
        let by = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        let after =
            self.ended_after_ns.map(|ns| format!(" after {}", human_time(ns as f64))).unwrap_or_default();
        format!("{} ended{after}{by}, {} still held", self.ended, self.held)
    }
}

const fn peers(count: u64) -> &'static str {
    if count == 1 { "peer" } else { "peers" }
}

/// `good p99 2 ms → 818 ms, no answers for 1.6 s`, or `good p99 within noise (2 ms → 2.1 ms)` where the difference is noise; `None`
/// where no response time was measured.
fn slower(good: &GoodClients) -> Option<String> {
    let p99 = good.p99_ns;
    p99.with.or(p99.before)?;
    let bound = if good.is_lower_bound { "> " } else { "" };
    let before = p99.before.map_or_else(|| "not measured".to_owned(), human_time);
    let with = p99.with.map_or_else(|| "no answer".to_owned(), human_time);
    let change = format!("{before} → {bound}{with}");
    let usual = good.silence_ns.before.unwrap_or(0.0);
    let longest = good.silence_ns.with.unwrap_or(0.0);
    let is_silent = longest > usual * SILENCE_FACTOR && longest > usual + SILENCE_NS;
    let silence = if is_silent { format!(", no answers for {}", human_time(longest)) } else { String::new() };
    Some(match good.is_slower() {
        Some(false) => format!("{} p99 within noise ({change}){silence}", good.group),
        Some(true) | None => format!("{} p99 {change}{silence}", good.group),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1024.0 * 1024.0;

    const fn phased(before: f64, with: f64) -> Phased {
        Phased { before: Some(before), with: Some(with), after: None }
    }

    #[test]
    fn the_headline_names_memory_latency_and_endings() {
        let good = GoodClients {
            group: "good".into(),
            p99_ns: phased(2e6, 8e8),
            p99_noise_ns: Some(3e6),
            is_lower_bound: true,
            silence_ns: phased(1e6, 1.6e9),
            ..GoodClients::default()
        };
        let price = Price {
            peers: 10,
            connected: 10,
            user_memory: phased(5.0 * MIB, 4.0 * MIB),
            user_bytes_per_peer: Some(0.0),
            kernel_memory: phased(MIB, 31.0 * MIB),
            kernel_bytes_per_peer: Some(3.0 * MIB),
            kernel_noise_bytes: Some(MIB),
            good: vec![good],
            ended: 3,
            ended_by_reset: 1,
            ended_by_fin: 2,
            ended_after_ns: Some(700),
            held: 7,
            ..Price::default()
        };
        assert_eq!(
            price.headline(),
            "10 bad peers cost: kernel +30 MiB (3 MiB each) · good p99 2 ms → > 800 ms, no answers for 1.60 s · 3 ended after 700 ns (1 RST, 2 FIN), 7 still held"
        );
        let timed_out = Price {
            connected: 8,
            ended_after_error: 2,
            error_answer: Some("HTTP/1.1 408 Request Timeout".into()),
            ..price
        };
        let text = timed_out.headline();
        assert!(text.starts_with("10 bad peers (8 connected) cost: kernel"), "{text}");
        assert!(
            text.contains(
                "(1 RST, 2 FIN, 2 of them after the answer `HTTP/1.1 408 Request Timeout`), 7 still held"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_was_not_measured_or_did_not_happen_is_left_out() {
        let price = Price {
            peers: 1,
            connected: 1,
            with_ns: 5_000_000_000,
            good: vec![GoodClients { group: "good".into(), ..GoodClients::default() }],
            ..Price::default()
        };
        assert_eq!(price.headline(), "1 bad peer cost: it was not ended in 5 s");
        let price = Price { kernel_memory: phased(9.0, 7.0), ..price };
        assert_eq!(price.headline(), "1 bad peer cost: memory within noise · it was not ended in 5 s");
    }

    #[test]
    fn a_difference_within_noise_is_no_price() {
        let good = GoodClients {
            group: "good".into(),
            p99_ns: phased(2e6, 3e6),
            p99_noise_ns: Some(3e6),
            silence_ns: phased(1e6, 9e7),
            ..GoodClients::default()
        };
        let price = Price {
            peers: 2,
            connected: 2,
            with_ns: 1_000_000_000,
            user_memory: phased(5.0 * MIB, 5.2 * MIB),
            user_noise_bytes: Some(0.0),
            kernel_memory: phased(MIB, 3.0 * MIB),
            kernel_noise_bytes: Some(2.0 * MIB),
            good: vec![good],
            ..Price::default()
        };
        assert_eq!(
            price.headline(),
            "2 bad peers cost: memory within noise · good p99 within noise (2 ms → 3 ms) · none was ended in 1 s"
        );
        let found = |change: fn(&mut Price)| {
            let mut price = price.clone();
            change(&mut price);
            price.headline()
        };
        assert!(found(|price| price.good[0].p99_noise_ns = Some(2.9e6)).contains("good p99 2 ms → 3 ms"));
        assert!(found(|price| price.kernel_noise_bytes = Some(MIB)).contains("kernel +2 MiB"));
        assert!(found(|price| price.good[0].silence_ns.with = Some(2e8)).contains("no answers for 200 ms"));
        let usual = found(|price| price.good[0].silence_ns = phased(2e8, 3.5e8));
        assert!(!usual.contains("no answers"), "not even twice as long as before: {usual}");
    }
}
