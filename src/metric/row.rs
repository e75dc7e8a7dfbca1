//! What was read at one instant, or makes up one summary.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};

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

/// The names of the metrics that were read, and their values.
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let read = |metric: &Metric| Some((metric.spec().name, self.value(*metric)?));
        serializer.collect_map(Metric::ALL.iter().filter_map(read))
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names)
    }
}

/// Reads names of metrics and their values.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Row;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("names of metrics and numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut row = Row::default();
        while let Some((name, value)) = map.next_entry::<String, f64>()? {
            let metric = Metric::ALL.iter().find(|metric| metric.spec().name == name);
            let metric = metric.ok_or_else(|| A::Error::custom(format!("there is no metric `{name}`")))?;
            row.set(*metric, value);
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_kept_by_the_names_of_what_was_read() {
        let mut row = Row::default();
        // No two metrics share a name.
        for (index, &metric) in Metric::ALL.iter().enumerate() {
            row.set(metric, index as f64 + 0.1);
        }
        let text = serde_json::to_string(&row).expect("JSON");
        assert_eq!(serde_json::from_str::<Row>(&text).expect("a row"), row);
        let nothing = serde_json::to_string(&Row::default()).expect("JSON");
        assert_eq!(nothing, "{}");
        assert_eq!(serde_json::from_str::<Row>("{}").expect("a row").value(Metric::ServerRss), None);
        let refusal = serde_json::from_str::<Row>(r#"{"server_rzz": 1}"#).expect_err("unknown").to_string();
        assert!(refusal.contains("there is no metric `server_rzz`"), "{refusal}");
    }

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
