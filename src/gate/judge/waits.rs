//! Which metrics are times that somebody waited.

use crate::metric::Metric;

/// Whether it is a quantile of how long something took, the longest included.
pub(super) fn is_quantile(metric: Metric) -> bool {
    is_latency(metric) || matches!(metric, Metric::DownloadP50 | Metric::DownloadMax)
}

pub(super) fn is_wait(metric: Metric) -> bool {
    matches!(metric, Metric::LongestWait | Metric::LongestSilence)
}

pub(super) fn is_latency(metric: Metric) -> bool {
    use Metric::{LatencyMax, LatencyP50, LatencyP90, LatencyP99, LatencyP999, ServiceP50, ServiceP99};
    [LatencyP50, LatencyP90, LatencyP99, LatencyP999, LatencyMax, ServiceP50, ServiceP99].contains(&metric)
}
