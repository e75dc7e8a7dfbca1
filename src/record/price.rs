//! What bad peers cost a server: before they came, with them, and after they had left.

use serde::{Deserialize, Serialize};

/// What bad peers cost in one repeat whose profile has the phases `before` and `with`, and mostly `after`. Bad peers are the
/// groups that come in the phase `with`, whatever they do; good clients are the steady groups that are there all the time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Price {
    /// Bad peers that were to connect.
    pub peers: u64,
    /// How many of them were connected at some time.
    pub connected: u64,
    /// How long they were there, in nanoseconds.
    pub with_ns: u64,
    /// Resident memory of the server's processes, in bytes: the peak of `before`, the peak of `with`, and at the end of `after`.
    pub user_memory: Phased,
    /// Kernel memory of the server's sockets, in bytes, at the same instants.
    pub kernel_memory: Phased,
    /// By how much the resident memory grew for each peer that was connected, in bytes.
    pub user_bytes_per_peer: Option<f64>,
    /// By how much the kernel memory grew for each peer that was connected, in bytes.
    pub kernel_bytes_per_peer: Option<f64>,
    /// How far the samples of the resident memory lie apart in `before`, in bytes: growth within that is noise.
    pub user_noise_bytes: Option<f64>,
    /// The same of the kernel memory.
    pub kernel_noise_bytes: Option<f64>,
    /// CPU time of the server per second, in cores.
    pub server_cores: Phased,
    /// What each group of good clients got.
    pub good: Vec<GoodClients>,
    /// Bad peers whose connection the server ended.
    pub ended: u64,
    /// Of these, ended by RST.
    pub ended_by_reset: u64,
    /// Of these, ended by FIN.
    pub ended_by_fin: u64,
    /// Of these, the ones whose last answer was an error: HTTP's 408, for instance.
    pub ended_after_error: u64,
    /// How the first error answer to a bad peer begins: the status line of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_answer: Option<String>,
    /// Median time from connecting until the server ended a bad peer, in nanoseconds; of several groups, the longest.
    pub ended_after_ns: Option<u64>,
    /// Bad peers that the server still held when they left.
    pub held: u64,
    /// Time after the bad peers had left until of each kind at most a tenth of all memory that they had added was left, or no
    /// more than noise, in nanoseconds, as far as samples show: 0 if that was so when they left, `None` if it did not happen in
    /// the run.
    pub memory_back_ns: Option<u64>,
    /// The same until the 99th percentile of an interval between two samples was no longer than the longest of `before`.
    pub latency_back_ns: Option<u64>,
}

/// A number in each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Phased {
    /// Before the bad peers came.
    pub before: Option<f64>,
    /// While they were there.
    pub with: Option<f64>,
    /// After they had left.
    pub after: Option<f64>,
}

/// What a group of good clients got.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GoodClients {
    /// Its name.
    pub group: String,
    /// Median response time, in nanoseconds.
    pub p50_ns: Phased,
    /// 99th percentile of the response time, in nanoseconds.
    pub p99_ns: Phased,
    /// The longest 99th percentile of an interval between two samples of `before`, in nanoseconds: one of `with` that is no
    /// longer is noise. `None` where `before` or `with` has too few answers for that to be known.
    pub p99_noise_ns: Option<f64>,
    /// Whether the 99th percentile of `with` is a lower bound, because requests without a valid answer lie there.
    pub is_lower_bound: bool,
    /// Answers per second.
    pub answers_per_second: Phased,
    /// Longest time in which the whole group got no answer, in nanoseconds.
    pub silence_ns: Phased,
}

/// A growth of less than this is noise, in bytes. The kernel counts resident pages for each core apart and adds them up only
/// now and then (proc_pid_statm(5) calls the numbers inaccurate); what is under way on sockets at an instant is a matter of luck.
const LEAST_GROWTH: f64 = 256.0 * 1024.0;

impl Phased {
    /// By how much the number grew when the bad peers came; 0 if it did not.
    #[must_use]
    pub fn growth(&self) -> Option<f64> {
        Some((self.with? - self.before?).max(0.0))
    }
}

impl GoodClients {
    /// Whether they waited longer with bad peers than noise explains; `None` where that is not known.
    #[must_use]
    pub fn is_slower(&self) -> Option<bool> {
        if self.is_lower_bound || (self.p99_ns.before.is_some() && self.p99_ns.with.is_none()) {
            return Some(true);
        }
        Some(self.p99_ns.with? > self.p99_noise_ns?)
    }
}

impl Price {
    /// User and kernel memory for each peer that was connected, in bytes; of what was measured.
    #[must_use]
    pub fn bytes_per_peer(&self) -> Option<f64> {
        [self.user_bytes_per_peer, self.kernel_bytes_per_peer].into_iter().flatten().reduce(|a, b| a + b)
    }

    /// The growth up to which resident memory is noise, in bytes; `None` where it was not measured.
    #[must_use]
    pub fn user_noise(&self) -> Option<f64> {
        self.user_noise_bytes.map(|moved| moved.max(LEAST_GROWTH))
    }

    /// The same of kernel memory.
    #[must_use]
    pub fn kernel_noise(&self) -> Option<f64> {
        self.kernel_noise_bytes.map(|moved| moved.max(LEAST_GROWTH))
    }

    /// The same price with the noise of all of these repeats of the same profile, where it is larger than its own.
    #[must_use]
    pub fn with_noise_of(&self, all: &[&Self]) -> Self {
        let most =
            |of: &dyn Fn(&Self) -> Option<f64>| all.iter().filter_map(|price| of(price)).reduce(f64::max);
        let mut price = self.clone();
        price.user_noise_bytes = most(&|price| price.user_noise_bytes);
        price.kernel_noise_bytes = most(&|price| price.kernel_noise_bytes);
        for (index, good) in price.good.iter_mut().enumerate() {
            good.p99_noise_ns = most(&|price| price.good.get(index)?.p99_noise_ns);
        }
        price
    }

    /// The group of good clients that had the longest response times while the bad peers were there.
    #[must_use]
    pub fn worst(&self) -> Option<&GoodClients> {
        let p99 = |good: &GoodClients| good.p99_ns.with.unwrap_or(f64::INFINITY);
        self.good.iter().max_by(|a, b| p99(a).total_cmp(&p99(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(noise_ns: Option<f64>, moved: f64) -> Price {
        let p99_ns = Phased { before: Some(2e6), with: Some(4e6), after: None };
        let good = vec![GoodClients { p99_ns, p99_noise_ns: noise_ns, ..GoodClients::default() }];
        Price { kernel_noise_bytes: Some(moved), good, ..Price::default() }
    }

    #[test]
    fn good_clients_are_slower_only_beyond_what_intervals_before_differ_by() {
        for (noise_ns, is_slower) in [(Some(3e6), Some(true)), (Some(4e6), Some(false)), (None, None)] {
            assert_eq!(price(noise_ns, 0.0).good[0].is_slower(), is_slower, "{noise_ns:?}");
        }
        let mut good = price(Some(9e6), 0.0).good.remove(0);
        good.is_lower_bound = true;
        assert_eq!(good.is_slower(), Some(true), "some never got an answer");
        good.is_lower_bound = false;
        good.p99_ns.with = None;
        assert_eq!(good.is_slower(), Some(true), "nobody got an answer");
    }

    #[test]
    fn the_noise_of_several_repeats_is_the_largest() {
        let (one, other) = (price(Some(3e6), 7e6), price(Some(5e6), 1e6));
        let all = one.with_noise_of(&[&one, &other]);
        assert_eq!((all.good[0].p99_noise_ns, all.kernel_noise()), (Some(5e6), Some(7e6)));
        assert_eq!((all.user_noise(), price(None, 9.0).kernel_noise()), (None, Some(LEAST_GROWTH)));
        let user = Price { user_noise_bytes: Some(9e6), ..other };
        assert_eq!(one.with_noise_of(&[&one, &user]).user_noise(), Some(9e6));
    }
}
