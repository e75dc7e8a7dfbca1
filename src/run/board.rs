//! Where the ticks of all threads, or of all shards, come together.

use std::{
    collections::BTreeMap,
    sync::mpsc::{self, Receiver, Sender},
};

use super::sample::{Reading, Sample, Samples, Source};
use crate::{
    client::{KeptTick, Seen, Tick},
    metric::Row,
};

/// Puts ticks that were due at the same instant together.
pub(super) struct Board {
    epoch_ns: u64,
    ticks: Receiver<Tick>,
    /// How many send a tick at each instant.
    of: u32,
    /// By when they were due: those that not all have sent yet, added up, and how many have.
    open: BTreeMap<u64, (Tick, u32)>,
    /// Those that all have sent, in order, if they are to be kept.
    kept: Option<Vec<KeptTick>>,
}

impl Board {
    /// For the ticks of so many, whose first client connects at that time; and what they send them to.
    pub(super) fn new(epoch_ns: u64, of: u32) -> (Self, Sender<Tick>) {
        let (sender, ticks) = mpsc::channel();
        (Self { epoch_ns, ticks, of, open: BTreeMap::new(), kept: None }, sender)
    }

    /// The same, which keeps what was put together, too.
    pub(super) fn keeping(mut self) -> Self {
        self.kept = Some(Vec::new());
        self
    }

    /// What was put together until now.
    pub(super) fn into_kept(self) -> Vec<KeptTick> {
        self.kept.unwrap_or_default()
    }

    /// A tick that all have sent stands beside the sample that was due with it, or alone where there is none.
    pub(super) fn clear(&mut self, samples: &mut Samples) {
        for tick in self.ticks.try_iter() {
            let due_ns = tick.due_ns;
            let (whole, count) = match self.open.remove(&due_ns) {
                None => (tick, 1),
                Some((sum, count)) => (sum.with(tick), count + 1),
            };
            if count < self.of {
                self.open.insert(due_ns, (whole, count));
                continue;
            }
            if let Some(kept) = &mut self.kept {
                kept.push(whole.kept());
            }
            let at_ns = self.epoch_ns + whole.at_ns;
            let sample =
                samples.entry(due_ns as i64).or_insert_with(|| Sample { at_ns, ..Sample::default() });
            let (source, row) = (Source::Clients, whole.run);
            sample.readings.push(Reading { source, from_ns: at_ns, until_ns: at_ns, row });
            sample.groups = whole.groups.iter().map(seen).collect();
        }
    }
}

impl Tick {
    /// Both together.
    fn with(mut self, other: Self) -> Self {
        self.at_ns = self.at_ns.max(other.at_ns);
        self.run.add(&other.run);
        for (mine, others) in self.groups.iter_mut().zip(other.groups) {
            mine.counts.add(&others.counts);
            mine.latencies.add(others.latencies);
        }
        self
    }
}

/// A group's counters and latencies at one instant.
fn seen(seen: &Seen) -> Row {
    let mut row = seen.counts.clone();
    seen.latencies.show(&mut row);
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::Latencies, metric::Metric};

    #[test]
    fn a_sample_merges_the_ticks_of_all_threads() {
        let (board, sender) = Board::new(0, 2);
        let mut board = board.keeping();
        let mut samples = Samples::new();
        let mut send = |due_ns, answered, responses: &[u64]| {
            let mut counts = Row::default();
            counts.set(Metric::Answered, answered);
            let mut latencies = Latencies::default();
            for ns in responses {
                latencies.record(*ns, (*ns > 8).then_some(*ns - 3));
            }
            let groups = vec![Seen { counts, latencies }];
            let _ = sender.send(Tick { due_ns, at_ns: due_ns, run: Row::default(), groups });
            board.clear(&mut samples);
            let seen = samples.get(&(due_ns as i64))?.groups[0].clone();
            let shown =
                [Metric::Answered, Metric::IntervalP50, Metric::IntervalP99, Metric::IntervalServiceP50];
            Some(shown.map(|metric| seen.value(metric)))
        };
        assert_eq!(send(100, 5.0, &[7, 9]), None);
        assert_eq!(send(200, 6.0, &[]), None, "the same thread again");
        assert_eq!(send(100, 2.0, &[8]), Some([Some(7.0), Some(8.0), Some(9.0), Some(6.0)]));
        assert_eq!(send(200, 3.0, &[]), Some([Some(9.0), None, None, None]));
        let kept = board.into_kept();
        assert_eq!(kept.iter().map(|tick| tick.due_ns).collect::<Vec<_>>(), [100, 200]);
        let text = serde_json::to_string(&kept[0]).expect("JSON");
        let again: KeptTick = serde_json::from_str(&text).expect("a tick");
        let shown = seen(&again.restored(1).expect("of one group").groups[0]);
        assert_eq!(
            (shown.value(Metric::IntervalP50), shown.value(Metric::IntervalP99)),
            (Some(8.0), Some(9.0))
        );
        assert!(again.restored(2).is_err_and(|why| why.contains("the 2 groups of the profile")));
    }
}
