//! A repeat and its profile, and its metrics of the whole run.

use crate::{
    metric::{Fold, Metric, Stat},
    profile::Profile,
    record::Repeat,
};

/// A number of the whole run.
pub(in crate::gate) fn number(repeat: &Repeat, metric: Metric, fold: Fold) -> Option<f64> {
    repeat.summary.get(&Stat { metric, fold }.name()).copied()
}

pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

pub(super) struct Figures<'a> {
    pub(super) profile: &'a Profile,
    pub(super) repeat: &'a Repeat,
}

impl Figures<'_> {
    pub(super) fn of(&self, metric: Metric, fold: Fold) -> Option<f64> {
        number(self.repeat, metric, fold)
    }

    pub(super) fn window_ns(&self) -> f64 {
        self.repeat.measured_ns() as f64
    }
}
