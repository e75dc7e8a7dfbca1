//! The price of bad peers in one line.

use super::price::{GoodClients, Phased, Price};
use crate::units::{human_bytes, human_count, human_time};

/// A silence is named when it is so many times as long as before, and by so much longer, in nanoseconds.
const SILENCE_FACTOR: f64 = 2.0;
const SILENCE_NS: f64 = 10e6;

impl Price {
    /// The price in one line, for people: what was added to the server's memory, what good clients waited, and what became of
    /// the bad peers.
    #[must_use]
    pub fn headline(&self) -> String {
        let parts = [self.memory(), self.worst().and_then(slower), Some(self.endings())];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("{} bad {} cost: {}", human_count(self.peers as f64), peers(self.peers), parts.join(" · "))
    }

    /// `kernel +935 MiB (3.74 MiB each)`: what grew; `None` where no memory was measured.
    fn memory(&self) -> Option<String> {
        let kinds = [
            ("server", self.user_memory, self.user_bytes_per_peer),
            ("kernel", self.kernel_memory, self.kernel_bytes_per_peer),
        ];
        kinds.iter().find_map(|(_, memory, _)| memory.growth())?;
        let shown = |(kind, memory, each): (&str, Phased, Option<f64>)| {
            let growth = memory.growth().filter(|growth| *growth > 0.0)?;
            let each = each.map(|each| format!(" ({} each)", human_bytes(each))).unwrap_or_default();
            Some(format!("{kind} +{}{each}", human_bytes(growth)))
        };
        let shown: Vec<String> = kinds.into_iter().filter_map(shown).collect();
        Some(if shown.is_empty() { "no memory".to_owned() } else { shown.join(", ") })
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
        let kinds = [
            (self.ended_by_reset, "RST"),
            (self.ended_by_fin, "FIN"),
            (self.ended_after_error, "after an error answer"),
        ];
        let kinds: Vec<String> =
            kinds.iter().filter(|(count, _)| *count > 0).map(|(count, by)| format!("{count} {by}")).collect();
        let by = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        let after =
            self.ended_after_ns.map(|ns| format!(" after {}", human_time(ns as f64))).unwrap_or_default();
        format!("{} ended{after}{by}, {} still held", self.ended, self.held)
    }
}

const fn peers(count: u64) -> &'static str {
    if count == 1 { "peer" } else { "peers" }
}

/// `good p99 2 ms → 818 ms, no answers for 1.6 s`; `None` where no response time was measured.
fn slower(good: &GoodClients) -> Option<String> {
    good.p99_ns.with.or(good.p99_ns.before)?;
    let time = |ns: Option<f64>| ns.map_or_else(|| "not measured".to_owned(), human_time);
    let bound = if good.is_lower_bound { "> " } else { "" };
    let p99 = good.p99_ns;
    let mut text = format!("{} p99 {} → {bound}{}", good.group, time(p99.before), time(p99.with));
    let usual = good.silence_ns.before.unwrap_or(0.0);
    let longest = good.silence_ns.with.unwrap_or(0.0);
    if longest > usual * SILENCE_FACTOR && longest > usual + SILENCE_NS {
        text += &format!(", no answers for {}", human_time(longest));
    }
    Some(text)
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
            is_lower_bound: true,
            silence_ns: phased(1e6, 1.6e9),
            ..GoodClients::default()
        };
        let price = Price {
            peers: 10,
            user_memory: phased(5.0 * MIB, 4.0 * MIB),
            user_bytes_per_peer: Some(0.0),
            kernel_memory: phased(MIB, 31.0 * MIB),
            kernel_bytes_per_peer: Some(3.0 * MIB),
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
    }

    #[test]
    fn what_was_not_measured_or_did_not_happen_is_left_out() {
        let price = Price {
            peers: 1,
            with_ns: 5_000_000_000,
            good: vec![GoodClients { group: "good".into(), ..GoodClients::default() }],
            ..Price::default()
        };
        assert_eq!(price.headline(), "1 bad peer cost: it was not ended in 5 s");
        let price = Price { kernel_memory: phased(9.0, 7.0), ..price };
        assert_eq!(price.headline(), "1 bad peer cost: no memory · it was not ended in 5 s");
    }
}
