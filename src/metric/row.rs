//! What was read at one instant, or makes up one summary.

use super::table::Metric;

/// One instant, or one summary: a value for each metric that was read. What was not read is absent, never zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    values: Vec<f64>,
}

impl Default for Row {
    fn default() -> Self {
        Self { values: vec![f64::NAN; Metric::ALL.len()] }
    }
}

impl Row {
    /// Says what was read, in the metric's unit.
    pub fn set(&mut self, metric: Metric, value: f64) {
        self.values[metric as usize] = value;
    }

    /// What was read, in the metric's unit, if it was.
    #[must_use]
    pub fn value(&self, metric: Metric) -> Option<f64> {
        Some(self.values[metric as usize]).filter(|value| !value.is_nan())
    }

    /// How much more this has than `earlier`, where both were read.
    #[must_use]
    pub fn less(&self, earlier: &Self) -> Self {
        Self { values: self.values.iter().zip(&earlier.values).map(|(now, then)| now - then).collect() }
    }

    /// Adds what `other` has read to what was read of the same; what only one has is kept.
    pub fn add(&mut self, other: &Self) {
        for (mine, others) in self.values.iter_mut().zip(&other.values).filter(|(_, others)| !others.is_nan())
        {
            *mine = if mine.is_nan() { *others } else { *mine + others };
        }
    }

    /// Takes over everything that `other` has read.
    pub fn merge(&mut self, other: &Self) {
        for &metric in Metric::ALL {
            if let Some(value) = other.value(metric) {
                self.set(metric, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unread_number_is_absent() {
        let mut row = Row::default();
        assert_eq!(row.value(Metric::ServerRss), None);
        row.set(Metric::ServerRss, 0.0);
        assert_eq!(row.value(Metric::ServerRss), Some(0.0));
        let mut other = Row::default();
        other.set(Metric::ServerPss, 2.0);
        row.merge(&other);
        assert_eq!((row.value(Metric::ServerRss), row.value(Metric::ServerPss)), (Some(0.0), Some(2.0)));
        other.add(&row);
        assert_eq!((other.value(Metric::ServerRss), other.value(Metric::ServerPss)), (Some(0.0), Some(4.0)));
    }
}
