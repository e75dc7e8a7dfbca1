//! `latency.hlog`: the histograms of each group's response and service times, as HdrHistogram's log processors read them.

use std::time::{Duration, SystemTime};

use hdrhistogram::{
    Histogram,
    serialization::{
        V2DeflateSerializer,
        interval_log::{IntervalLogWriterBuilder, Tag},
    },
};

use crate::record::{Buckets, Record, Repeat};

const NS_PER_MS: f64 = 1e6;
/// What the columns are.
const LEGEND: &str =
    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"";

/// The whole file: an interval for each repeat of each point, tagged `point.repeat.group.response` or `….service`. Values
/// are nanoseconds; the maximum of each line is in milliseconds.
///
/// # Errors
/// A histogram that cannot be packed.
pub(in crate::report) fn render(record: &Record) -> Result<Vec<u8>, String> {
    let start = record.started.parse::<jiff::Timestamp>().map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
    let comment = format!("badpeer {}: {}, nanoseconds", record.badpeer, record.name);
    let mut out = b"#[Histogram log format version 1.3]\n".to_vec();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(&comment)
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(NS_PER_MS)
        .begin_log_with(&mut out, &mut serializer)
        .map_err(|e| e.to_string())?;
    log.write_comment(LEGEND).map_err(|e| e.to_string())?;
    for (tag, repeat, buckets) in histograms(record) {
        let span = |ns: i64| Duration::from_nanos(u64::try_from(ns).unwrap_or(0));
        let (start, length) = (span(repeat.window_ns.0), span(repeat.measured_ns()));
        log.write_histogram(&unpacked(buckets)?, start, length, Tag::new(&tag)).map_err(|e| e.to_string())?;
    }
    Ok(out)
}

/// Every histogram that has values, with its tag.
fn histograms(record: &Record) -> Vec<(String, &Repeat, &Buckets)> {
    let mut all = Vec::new();
    for (point, of_point) in record.points.iter().enumerate() {
        for (number, repeat) in of_point.repeats.iter().enumerate() {
            for group in &repeat.groups {
                let tag = |kind| format!("{}.{}.{}.{kind}", point + 1, number + 1, plain(&group.name));
                all.push((tag("response"), repeat, &group.response_ns));
                all.push((tag("service"), repeat, &group.service_ns));
            }
        }
    }
    all.retain(|(.., buckets)| buckets.count() > 0);
    all
}

fn unpacked(buckets: &Buckets) -> Result<Histogram<u64>, String> {
    let mut histogram = Histogram::new(3).map_err(|e| e.to_string())?;
    for (value, count) in &buckets.0 {
        histogram.record_n(*value, *count).map_err(|e| e.to_string())?;
    }
    Ok(histogram)
}

/// A tag has neither spaces nor commas.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
