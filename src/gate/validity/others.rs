//! Programs on the server's cores and clients on its port other than badpeer, which affect rates, latencies and CPU
//! time.

use super::figures::{Figures, percent};
use crate::{
    metric::{Fold, Metric},
    units::human_count,
};

/// Share of the server's cores that other programs may use while the server waits for its cores: its rate is wrong by
/// as much, and a rate that differs by less counts as the same anyway.
pub const MOST_OTHERS: f64 = 0.1;
/// The server waits for its cores when it spends this share of the time in which it is ready to run without one. Below
/// it, other programs run on other cores, or at other times, than the server.
pub const WAITING: f64 = 0.1;
/// Other programs are worth a note from this share of the server's cores on.
pub const NOTABLE_OTHERS: f64 = 0.05;
/// Share of the requests to the server that other clients may send: rates, and what a request costs, are wrong by as much.
pub const MOST_OTHER_REQUESTS: f64 = 0.05;
/// Other clients that send fewer requests a second only check whether the server is alive, and are not a load.
pub const LEAST_OTHER_REQUESTS_PER_SECOND: f64 = 2.0;

impl Figures<'_> {
    /// The share of the server's cores that other programs used, and the share of the time for which the server waited
    /// for a core.
    fn others_on_cores(&self) -> Option<(f64, f64)> {
        let others = self.of(Metric::OthersOnServerCores, Fold::Final)?;
        Some((others, self.of(Metric::ServerRunDelayShare, Fold::Final).unwrap_or(0.0)))
    }

    pub(super) fn crowded_cores(&self) -> Option<String> {
        let (others, waited) = self.others_on_cores()?;
        (others >= MOST_OTHERS && waited >= WAITING).then(|| {
            format!(
                "other programs used {} of the server's cores, and the server waited for a core {} of the time in \
                 which it was ready to run, so rates and latencies are not those of the server alone; end other \
                 programs, or give the server cores of its own",
                percent(others),
                percent(waited)
            )
        })
    }

    pub(super) fn others_beside(&self) -> Option<String> {
        let (others, waited) = self.others_on_cores().filter(|(others, _)| *others >= NOTABLE_OTHERS)?;
        self.crowded_cores().is_none().then(|| {
            format!(
                "other programs used {} of the server's cores; the server waited for a core {} of the time in which it was \
                 ready to run",
                percent(others),
                percent(waited)
            )
        })
    }

    /// The share of other clients in all requests, if it is more than an occasional check.
    fn crowd(&self) -> Option<f64> {
        let per_second = self.of(Metric::OtherRequests, Fold::Final)? / (self.window_ns() / 1e9);
        let share = self.of(Metric::OtherRequestsShare, Fold::Final)?;
        (share >= MOST_OTHER_REQUESTS && per_second >= LEAST_OTHER_REQUESTS_PER_SECOND).then_some(share)
    }

    fn other_clients(&self) -> Option<String> {
        let requests = self.of(Metric::OtherRequests, Fold::Final).filter(|requests| *requests > 0.0)?;
        let connections = self.of(Metric::OtherClients, Fold::Final).unwrap_or(0.0);
        let share = self.of(Metric::OtherRequestsShare, Fold::Final).unwrap_or(0.0);
        Some(format!(
            "clients other than badpeer's sent at least {} requests to the server's port during the measurement, over \
             {} connection(s): {} of all",
            human_count(requests),
            human_count(connections),
            percent(share)
        ))
    }

    pub(super) fn crowded_port(&self) -> Option<String> {
        self.crowd()?;
        Some(format!(
            "{}; rates, latencies and CPU time per request include these requests (limit: {}). Stop these clients, or \
             measure another instance",
            self.other_clients()?,
            percent(MOST_OTHER_REQUESTS)
        ))
    }

    pub(super) fn clients_beside(&self) -> Option<String> {
        let text = self.other_clients()?;
        self.crowd().is_none().then(|| format!("{text}; they add to the server's CPU time and memory"))
    }
}
