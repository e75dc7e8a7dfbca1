//! Units: how values are printed and parsed.

use crate::units::{self, Bytes, Rate, Span};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
    /// Things.
    Count,
    /// Things per second.
    PerSecond,
    /// Bytes per second.
    BytesPerSecond,
    /// A part of a whole: 1.0 is all of it.
    Share,
    /// A share of one core: 1.0 is a core kept busy all the time.
    Cores,
}

impl Unit {
    /// The unit of this per second: nanoseconds per second are cores.
    #[must_use]
    pub const fn per_second(self) -> Self {
        match self {
            Self::Bytes => Self::BytesPerSecond,
            Self::Nanoseconds => Self::Cores,
            _ => Self::PerSecond,
        }
    }

    /// What a slope of this, per second, is multiplied with to get [`Unit::per_second`].
    #[must_use]
    pub const fn per_second_factor(self) -> f64 {
        match self {
            Self::Nanoseconds => 1e-9,
            _ => 1.0,
        }
    }

    /// Three significant digits and a unit, for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Bytes => units::human_bytes(value),
            Self::Nanoseconds => units::human_time(value),
            Self::Count => units::human_count(value),
            Self::PerSecond => format!("{}/s", units::human_count(value)),
            Self::BytesPerSecond => format!("{}/s", units::human_bytes(value)),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Cores => format!("{:.1} % of a core", value * 100.0),
        }
    }

    /// Parses a value of this unit as written in `[expect]`.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(self, text: &str) -> Result<f64, String> {
        let negative = text.trim().strip_prefix('-');
        let magnitude = negative.unwrap_or(text).trim();
        let parsed = match self {
            Self::Bytes => magnitude.parse::<Bytes>().map(|b| b.0 as f64).map_err(|e| e.to_string()),
            // In other tools a bare number is milliseconds; here it is unclear what is meant.
            Self::Nanoseconds if magnitude.parse::<f64>().is_ok_and(|number| number != 0.0) => {
                Err(format!("`{magnitude}` has no unit: write {magnitude}ms, {magnitude}us or {magnitude}s"))
            }
            Self::Nanoseconds => {
                magnitude.parse::<Span>().map(|s| s.0.as_nanos() as f64).map_err(|e| e.to_string())
            }
            Self::PerSecond => magnitude.parse::<Rate>().map(|r| r.0).map_err(|e| e.to_string()),
            Self::BytesPerSecond => {
                let bytes = magnitude.strip_suffix("/s").unwrap_or(magnitude);
                bytes.parse::<Bytes>().map(|b| b.0 as f64).map_err(|e| format!("{e}, per second"))
            }
            Self::Share => magnitude
                .strip_suffix('%')
                .and_then(|percent| percent.trim().parse::<f64>().ok())
                .filter(|percent| percent.is_finite())
                .map(|percent| percent / 100.0)
                .ok_or(format!("`{magnitude}` is not a share such as 80%")),
            Self::Count | Self::Cores => magnitude
                .parse::<f64>()
                .ok()
                .filter(|n| n.is_finite())
                .ok_or(format!("`{magnitude}` is not a number")),
        };
        parsed.map(|value| if negative.is_some() { -value } else { value })
    }

    /// The unit's name in tables for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Nanoseconds => "ns",
            Self::Count => "count",
            Self::PerSecond => "1/s",
            Self::BytesPerSecond => "bytes/s",
            Self::Share => "share",
            Self::Cores => "cores",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_parse_written_quantities() {
        assert_eq!(Unit::Bytes.parse("64KiB"), Ok(65_536.0));
        assert_eq!(Unit::Bytes.parse("-1KiB"), Ok(-1024.0));
        assert_eq!(Unit::Nanoseconds.parse("20ms"), Ok(20e6));
        assert_eq!(Unit::BytesPerSecond.parse("1MiB/s"), Ok(1_048_576.0));
        assert!(Unit::Count.parse("20ms").is_err());
        assert_eq!((Unit::Share.parse("62.5 %"), Unit::Share.show(0.625)), (Ok(0.625), "62.5 %".to_owned()));
        assert!(Unit::Share.parse("0.8").is_err());
        assert_eq!(Unit::Nanoseconds.per_second().show(0.5), "50.0 % of a core");
    }
}
