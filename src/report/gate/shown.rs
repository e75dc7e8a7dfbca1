//! How metrics of a comparison and their changes are printed.

use crate::{
    gate::PairedChange,
    metric::{Key, Unit},
};

/// A change that is larger is none that was measured: one of the two got no answer to measure.
const MOST: f64 = 1e6;

/// How a number and its changes are written.
pub(super) struct Shown<'a> {
    finding: &'a PairedChange,
    unit: Unit,
}

impl<'a> Shown<'a> {
    pub(super) fn of(finding: &'a PairedChange) -> Self {
        let known = Key::parse(&finding.gated.name).map(|key| key.stat.unit());
        let unknown = if finding.is_of_invalid_repeats() { Unit::Share } else { Unit::Count };
        Self { finding, unit: known.unwrap_or(unknown) }
    }

    /// The base's median.
    pub(super) fn base(&self) -> String {
        self.value(self.finding.evidence.base, self.finding.evidence.base_censored.as_deref())
    }

    /// The head's median.
    pub(super) fn head(&self) -> String {
        self.value(self.finding.evidence.head, self.finding.evidence.head_censored.as_deref())
    }

    fn value(&self, value: f64, censored: Option<&str>) -> String {
        match censored {
            None => self.unit.show(value),
            Some(cause) if value > 0.0 => format!("> {} ({cause})", self.unit.show(value)),
            Some(cause) => format!("none ({cause})"),
        }
    }

    /// How much worse the head is.
    pub(super) fn estimate(&self) -> String {
        self.change(self.finding.evidence.change.value)
    }

    /// The interval of that.
    pub(super) fn interval(&self) -> String {
        let change = self.finding.evidence.change;
        format!("{} to {}", self.change(change.low), self.change(change.high))
    }

    /// In percent of the base; where that is small beside what is added to both sides, in its unit.
    pub(super) fn change(&self, share: f64) -> String {
        let (base, start) = (self.finding.evidence.base, self.finding.gated.start);
        if share.ln_1p().abs() > MOST.ln() {
            return if share > 0.0 { "unbounded" } else { "-unbounded" }.to_owned();
        }
        let amount = share * (base + start);
        if base > start && self.finding.evidence.base_censored.is_none() {
            return format!("{:+.1} %", amount / base * 100.0);
        }
        let sign = if amount < 0.0 { "-" } else { "+" };
        format!("{sign}{}", self.unit.show(amount.abs()))
    }
}
