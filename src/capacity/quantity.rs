//! A level on the command line: a number, or one with a unit.

use crate::{
    record::LevelUnit,
    units::{ByteRate, Bytes, Rate, Span},
};

/// Reads `640`, `1000/s`, `64KiB`, `1MiB/s` or `10ms`.
///
/// # Errors
/// What it must be instead.
pub fn quantity(text: &str) -> Result<(LevelUnit, u64), String> {
    let text = text.trim();
    if let Ok(count) = text.parse::<u64>() {
        return Ok((LevelUnit::Count, count));
    }
    if let Some(Rate(rate)) = text.parse().ok().filter(|_| text.contains('/')) {
        if rate.fract() > 0.0 {
            return Err(format!("`{text}` is not a whole number per second"));
        }
        return Ok((LevelUnit::PerSecond, rate as u64));
    }
    // A bare fraction would be a size, or a time in seconds.
    if text.ends_with(|c: char| c.is_ascii_alphabetic()) {
        if let Ok(Bytes(bytes)) = text.parse() {
            return Ok((LevelUnit::Bytes, bytes));
        }
        if let Some(ByteRate(bytes)) = text.parse().ok().filter(|_| text.ends_with("/s")) {
            return Ok((LevelUnit::BytesPerSecond, bytes));
        }
        if let Ok(Span(time)) = text.parse() {
            return Ok((LevelUnit::Nanoseconds, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
        }
    }
    Err(format!("`{text}` is not a level such as 640, 1000/s, 64KiB, 1MiB/s or 10ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_number_with_or_without_a_unit() {
        for (text, unit, value) in [
            ("10", LevelUnit::Count, 10),
            ("1000/s", LevelUnit::PerSecond, 1000),
            ("120/m", LevelUnit::PerSecond, 2),
            ("64KiB", LevelUnit::Bytes, 65536),
            ("2MiB/s", LevelUnit::BytesPerSecond, 2 << 20),
            ("10ms", LevelUnit::Nanoseconds, 10_000_000),
            ("2m", LevelUnit::Nanoseconds, 120_000_000_000),
        ] {
            assert_eq!(quantity(text), Ok((unit, value)), "{text}");
        }
        for text in ["", "many", "-1", "1.5", "1/m", "10 miles"] {
            assert!(quantity(text).is_err(), "{text}");
        }
    }
}
