//! The readings of all sources in one sample, and their exact times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    metric::{Metric, Row, Scope},
    profile::Profile,
    record::{Clock, Series},
    sys,
};

/// Samples by when they were due, in nanoseconds since the first client; the first lies before it.
pub(super) type Samples = BTreeMap<i64, Sample>;

/// Where numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    /// The server's processes, from /proc.
    Process,
    /// The processor's counters.
    Instructions,
    /// The machine, and this process.
    Host,
    /// The kernel's sockets.
    Sockets,
    /// The reference server's own counters.
    Server,
    /// The page tables of the server's processes.
    Pages,
    /// The clients.
    Clients,
}

impl Source {
    const ALL: [Self; 7] = [
        Self::Process,
        Self::Instructions,
        Self::Host,
        Self::Sockets,
        Self::Server,
        Self::Pages,
        Self::Clients,
    ];

    /// Its name in the record.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Instructions => "instructions",
            Self::Host => "host",
            Self::Sockets => "sockets",
            Self::Server => "server",
            Self::Pages => "pages",
            Self::Clients => "clients",
        }
    }
}

/// What one source said; times are on the monotonic clock, in nanoseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) source: Source,
    /// When it was asked.
    pub(super) from_ns: u64,
    /// When it had answered.
    pub(super) until_ns: u64,
    pub(super) row: Row,
}

impl Reading {
    /// Asks a source.
    pub(super) fn take(source: Source, ask: impl FnOnce(&mut Row)) -> Self {
        let mut row = Row::default();
        let from_ns = sys::monotonic_ns();
        ask(&mut row);
        Self { source, from_ns, until_ns: sys::monotonic_ns(), row }
    }

    /// The middle of the time that the answer took: what it says is taken to hold at that instant.
    pub(super) const fn at_ns(&self) -> u64 {
        self.from_ns.midpoint(self.until_ns)
    }
}

/// One instant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sample {
    /// When it was begun, on the monotonic clock, in nanoseconds.
    pub(super) at_ns: u64,
    pub(super) readings: Vec<Reading>,
    /// What the clients counted of each group, as of the reading of [`Source::Clients`].
    pub(super) groups: Vec<Row>,
}

impl Sample {
    pub(super) fn of(readings: Vec<Reading>) -> Self {
        let at_ns = readings.first().map_or_else(sys::monotonic_ns, |reading| reading.from_ns);
        Self { at_ns, readings, groups: Vec::new() }
    }

    /// What was read of the whole run.
    pub(super) fn value(&self, metric: Metric) -> Option<f64> {
        self.readings.iter().find_map(|reading| reading.row.value(metric))
    }

    fn reading(&self, source: Source) -> Option<&Reading> {
        self.readings.iter().find(|reading| reading.source == source)
    }
}

/// All samples by column, with the time of each source, on the clients' clock.
pub(super) fn series(profile: &Profile, samples: &Samples, epoch_ns: u64) -> Series {
    let since = |at_ns: u64| at_ns as i64 - epoch_ns as i64;
    let samples: Vec<&Sample> = samples.values().collect();
    let mut series =
        Series { at_ns: samples.iter().map(|sample| since(sample.at_ns)).collect(), ..Series::default() };
    for source in Source::ALL {
        let readings: Vec<Option<&Reading>> = samples.iter().map(|sample| sample.reading(source)).collect();
        let nothing = Row::default();
        let rows: Vec<&Row> = readings.iter().map(|r| r.map_or(&nothing, |reading| &reading.row)).collect();
        let known = series.columns.len();
        for &metric in Metric::ALL.iter().filter(|metric| metric.spec().scope == Scope::Run) {
            series.add(None, metric, &rows);
        }
        if source == Source::Clients {
            add_groups(&mut series, profile, &samples);
        }
        let columns: Vec<String> = series.columns.keys().skip(known).cloned().collect();
        if !columns.is_empty() {
            let at_ns = readings.iter().map(|reading| reading.map(|r| since(r.at_ns()))).collect();
            series.clocks.insert(source.name().to_owned(), Clock { columns, at_ns });
        }
    }
    series
}

fn add_groups(series: &mut Series, profile: &Profile, samples: &[&Sample]) {
    let nothing = Row::default();
    for &metric in Metric::ALL.iter().filter(|metric| metric.spec().scope == Scope::Group) {
        for (index, group) in profile.clients.iter().enumerate() {
            let rows: Vec<&Row> =
                samples.iter().map(|sample| sample.groups.get(index).unwrap_or(&nothing)).collect();
            series.add(Some(&group.name), metric, &rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::SHIPPED;

    fn reading(source: Source, from_ns: u64, until_ns: u64, metric: Metric, value: f64) -> Reading {
        let mut row = Row::default();
        row.set(metric, value);
        Reading { source, from_ns, until_ns, row }
    }

    #[test]
    fn each_source_keeps_its_own_clock() {
        let profile = SHIPPED[0].source().parse(&[]).expect("valid");
        let cpu = |from_ns, value| reading(Source::Process, from_ns, from_ns + 2, Metric::ServerCpu, value);
        let dump =
            |from_ns, value| reading(Source::Sockets, from_ns, from_ns + 40, Metric::KernelMemory, value);
        let first = Sample::of(vec![cpu(1000, 5.0), dump(1002, 7.0)]);
        let mut second = Sample::of(vec![cpu(1100, 6.0)]);
        second.readings.push(reading(Source::Clients, 1101, 1101, Metric::HarnessCpu, 1.0));
        let mut counts = Row::default();
        counts.set(Metric::Answered, 9.0);
        second.groups = vec![counts];
        let samples = Samples::from([(-1, first), (90, second)]);
        let series = series(&profile, &samples, 1010);
        assert_eq!(series.at_ns, [-10, 90]);
        assert_eq!(series.run_points(Metric::ServerCpu), [(-9, 5.0), (91, 6.0)]);
        assert_eq!(series.run_points(Metric::KernelMemory), [(12, 7.0)]);
        let group = &profile.clients[0].name;
        assert_eq!(series.group_points(group, Metric::Answered), [(91, 9.0)]);
        assert_eq!(series.clocks["clients"].columns, ["harness_cpu".to_owned(), format!("{group}.requests")]);
        assert_eq!(series.clocks["sockets"].at_ns, [Some(12), None]);
    }
}
