//! What the server spent on one answered request, and what others spent beside it: what is counted is divided by what was
//! answered between the same two readings.

use crate::{
    metric::{Fold, Metric, Row},
    probe::OtherClients,
    profile::Profile,
    record::Repeat,
    stats::{self, Growth, Instants},
};

/// The kernel reports user and system time in hundredths of a second: below this, their share is a matter of chance.
const LEAST_CPU_NS: f64 = 1e8;

/// The counters of a repeat.
pub(super) struct Costs<'a> {
    repeat: &'a Repeat,
    instants: Instants,
    /// Answers that had come, over time, of each group.
    answered: Vec<Vec<(i64, f64)>>,
}

impl<'a> Costs<'a> {
    /// `whole` is what each group had counted when the clients stopped.
    pub(super) fn new(profile: &Profile, repeat: &'a Repeat, instants: Instants, whole: &[Row]) -> Self {
        let answered = profile.clients.iter().zip(whole).map(|(group, whole)| {
            let mut counted = vec![(0, 0.0)];
            counted.extend(repeat.series.group_points(&group.name, Metric::Answered));
            counted.extend(instants.left.zip(whole.value(Metric::Answered)));
            counted
        });
        Self { repeat, instants, answered: answered.collect() }
    }

    /// Sets what one answered request cost, and what is counted over all groups.
    pub(super) fn add(&self, row: &mut Row) {
        let groups = &self.repeat.groups;
        row.set(Metric::VerifiedBytes, groups.iter().map(|g| g.content.verified).sum::<u64>() as f64);
        row.set(Metric::CorruptBytes, groups.iter().map(|g| g.content.corrupt).sum::<u64>() as f64);
        for (metric, counter) in [
            (Metric::ServerCpuPerRequest, Metric::ServerCpu),
            (Metric::ServerCpuUserPerRequest, Metric::ServerCpuUser),
            (Metric::ServerCpuSystemPerRequest, Metric::ServerCpuSystem),
            (Metric::ServerInstructionsPerRequest, Metric::ServerInstructions),
        ] {
            if let Some(cost) = self.growth(counter).and_then(|growth| self.per_request(growth)) {
                row.set(metric, cost);
            }
        }
        if let (Some(user), Some(system)) =
            (self.total(Metric::ServerCpuUser), self.total(Metric::ServerCpuSystem))
            && user + system >= LEAST_CPU_NS
        {
            row.set(Metric::ServerKernelShare, system / (user + system));
        }
        self.add_wakeups(row);
        self.add_calls(row);
    }

    /// Sets what others did to the server: on its cores, and on its port.
    pub(super) fn add_others(&self, others: Option<OtherClients>, answered: u64, row: &mut Row) {
        if let (Some(cpu), Some(waited)) = (self.total(Metric::ServerCpu), self.total(Metric::ServerRunDelay))
            && cpu + waited > 0.0
        {
            row.set(Metric::ServerRunDelayShare, waited / (cpu + waited));
        }
        if let Some(share) = self.others_on_cores() {
            row.set(Metric::OthersOnServerCores, share);
        }
        if let Some(others) = others {
            row.set(Metric::OtherClients, others.connections as f64);
            row.set(Metric::OtherRequests, others.requests as f64);
            // Requests of ours that were pipelined came in fewer segments; those on short connections were not all seen.
            let all = others.requests + others.own_requests.max(answered);
            if all > 0 {
                row.set(Metric::OtherRequestsShare, others.requests as f64 / all as f64);
            }
        }
    }

    /// What is neither the server's nor ours, where the server may use our cores. Interrupts that the kernel counts against
    /// the server make it too small, and never too large.
    fn others_on_cores(&self) -> Option<f64> {
        let effective = &self.repeat.effective;
        let shared = effective.server_cores.iter().any(|core| effective.client_cores.contains(core));
        let unpinned = effective.client_cores.is_empty();
        let rate = |metric| self.growth(metric).map(|growth| growth.rate() / 1e9);
        let ours = if shared || unpinned { rate(Metric::HarnessProcessCpu)? } else { 0.0 };
        let others = rate(Metric::ServerCoresUsed)? - rate(Metric::ServerCpu)? - ours;
        Some((others / effective.server_cores.len().max(1) as f64).max(0.0))
    }

    fn add_wakeups(&self, row: &mut Row) {
        if let (Some(bytes), Some(wakeups)) =
            (self.total(Metric::WakeupBytes), self.total(Metric::WriteWakeups))
            && wakeups > 0.0
        {
            row.set(Metric::BytesPerWakeup, bytes / wakeups);
            let granted = self.repeat.series.run_points(Metric::ServerSendBuffer);
            if let Some(granted) = stats::fold(Fold::Peak, &granted, self.instants) {
                row.set(Metric::WakeupShare, bytes / wakeups / granted);
            }
        }
    }

    fn add_calls(&self, row: &mut Row) {
        let Some(messages) = self.total(Metric::ServerMessages).filter(|messages| *messages > 0.0) else {
            return;
        };
        let mut all = 0.0;
        for (metric, counter) in [
            (Metric::ServerReadsPerRequest, Metric::ServerReads),
            (Metric::ServerWritesPerRequest, Metric::ServerWrites),
            (Metric::ServerControlsPerRequest, Metric::ServerControls),
            (Metric::ServerWaitsPerRequest, Metric::ServerWaits),
        ] {
            let Some(calls) = self.total(counter) else { return };
            row.set(metric, calls / messages);
            all += calls;
        }
        row.set(Metric::ServerCallsPerRequest, all / messages);
    }

    fn growth(&self, metric: Metric) -> Option<Growth> {
        stats::growth(&self.repeat.series.run_points(metric), self.instants)
    }

    fn total(&self, metric: Metric) -> Option<f64> {
        self.growth(metric).map(|growth| growth.value)
    }

    /// A counter's growth for each request that was answered between its two readings.
    fn per_request(&self, growth: Growth) -> Option<f64> {
        let until = |at: i64| -> f64 {
            self.answered.iter().filter_map(|counted| stats::interpolated(counted, at)).sum()
        };
        let answered = until(growth.to) - until(growth.from);
        (answered >= 1.0).then(|| growth.value / answered)
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::{
        profile::SHIPPED,
        record::{Clock, Effective, Series},
    };

    const MS: i64 = 1_000_000;

    /// A source, when it was read, and its columns.
    type Read<'a> = (&'a str, &'a [i64], &'a [(&'a str, &'a [f64])]);

    /// A repeat whose samples were taken at these times, in milliseconds, with these columns by source. Its window lies
    /// from 100 ms to 300 ms, and the clients disconnect at 360 ms.
    fn costs(at_ms: &[i64], sources: &[Read<'_>], effective: Effective) -> Row {
        let profile = SHIPPED[0].source().parse(&[]).expect("valid");
        let mut series = Series { at_ns: at_ms.iter().map(|ms| ms * MS).collect(), ..Series::default() };
        for (source, read_ms, columns) in sources {
            let names = columns.iter().map(|(name, _)| name.replace("GROUP", &profile.clients[0].name));
            let names: Vec<String> = names.collect();
            for (name, (_, values)) in names.iter().zip(*columns) {
                series.columns.insert(name.clone(), values.iter().map(|value| Some(*value)).collect());
            }
            let read = read_ms.iter().map(|ms| Some(ms * MS)).collect();
            series.clocks.insert((*source).to_owned(), Clock { columns: names, at_ns: read });
        }
        let repeat =
            Repeat { series, effective, summary: IndexMap::new(), ..crate::record::Repeat::default() };
        let instants = Instants { from: 100 * MS, to: 300 * MS, left: Some(360 * MS) };
        let mut whole = Row::default();
        whole.set(Metric::Answered, 310.0);
        let costs = Costs::new(&profile, &repeat, instants, &[whole]);
        let mut row = Row::default();
        costs.add(&mut row);
        costs.add_others(None, 0, &mut row);
        row
    }

    #[test]
    fn costs_are_divided_by_requests_between_the_same_readings() {
        // One request a millisecond, each of which costs 2; the CPU time was read 30 ms after the window had begun.
        let cost = |read_ms: &[i64]| {
            let cpu: Vec<f64> = read_ms.iter().map(|ms| *ms as f64 * 2.0).collect();
            let requests = [0.0, 100.0, 200.0, 300.0];
            let sources: [Read<'_>; 2] = [
                ("process", read_ms, &[("server_cpu", &cpu)]),
                ("clients", &[0, 100, 200, 300], &[("GROUP.requests", &requests)]),
            ];
            costs(&[0, 100, 200, 300], &sources, Effective::default()).value(Metric::ServerCpuPerRequest)
        };
        assert_eq!(cost(&[0, 100, 200, 300]), Some(2.0));
        assert_eq!(cost(&[0, 130, 200, 300]), Some(2.0));
        // After the window answers trickle: ten in 60 ms.
        assert!(cost(&[0, 100, 200, 312]).is_some_and(|cost| (cost - 424.0 / 202.0).abs() < 1e-9));
        assert_eq!(cost(&[0, 100, 200, 370]), None, "the clients had disconnected");
    }

    #[test]
    fn cpu_time_of_others_excludes_server_and_load_generator() {
        let others = |server_cores: &[usize], client_cores: &[usize]| {
            let effective = Effective {
                server_cores: server_cores.to_vec(),
                client_cores: client_cores.to_vec(),
                ..Effective::default()
            };
            let every: &[i64] = &[0, 100, 200, 300];
            let per_second =
                |cores: f64| -> Vec<f64> { every.iter().map(|ms| (ms * MS) as f64 * cores).collect() };
            let (cpu, used, ours, waited) =
                (per_second(0.5), per_second(0.9), per_second(0.3), per_second(0.125));
            let sources: [Read<'_>; 2] = [
                ("process", every, &[("server_cpu", &cpu), ("server_run_delay", &waited)]),
                ("host", every, &[("server_cores_used", &used), ("harness_process_cpu", &ours)]),
            ];
            let row = costs(every, &sources, effective);
            assert_eq!(row.value(Metric::ServerRunDelayShare), Some(0.2));
            row.value(Metric::OthersOnServerCores).map(|share| (share * 1000.0).round())
        };
        assert_eq!(others(&[0], &[1]), Some(400.0));
        assert_eq!(others(&[0, 1], &[2]), Some(200.0));
        assert_eq!(others(&[0, 1], &[1]), Some(50.0), "we are not others");
        assert_eq!(others(&[0], &[]), Some(100.0));
    }
}
