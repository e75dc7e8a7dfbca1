//! Quantities printed with three digits and a unit.

/// `1.5 MiB`: three significant digits, for people.
#[must_use]
pub fn human_bytes(bytes: f64) -> String {
    human(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// `1.52 ms`: three significant digits, for people. `ns` is nanoseconds.
#[must_use]
pub fn human_time(ns: f64) -> String {
    if ns.abs() >= 1e9 {
        return format!("{} s", significant(ns / 1e9));
    }
    human(ns, 1000.0, &["ns", "µs", "ms"])
}

/// `12.3 k`: three significant digits and a decimal prefix, for people.
#[must_use]
pub fn human_count(count: f64) -> String {
    if count.abs() < 10_000.0 {
        return significant(count);
    }
    human(count / 1e3, 1000.0, &["k", "M", "G"])
}

fn human(value: f64, step: f64, units: &[&str]) -> String {
    let mut scaled = value;
    let mut unit = 0;
    // 999.5 rounds up to four digits: it belongs to the next unit already.
    while scaled.abs() >= step - 0.5 && unit + 1 < units.len() {
        scaled /= step;
        unit += 1;
    }
    format!("{} {}", significant(scaled), units[unit])
}

/// At most three significant digits, whole numbers whole.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    if (value - value.round()).abs() < 1e-9 || magnitude >= 99.95 {
        // `+ 0.0` turns a negative zero into zero.
        format!("{:.0}", value + 0.0)
    } else if magnitude >= 9.995 {
        format!("{value:.1}")
    } else if magnitude >= 0.01 {
        format!("{value:.2}")
    } else {
        format!("{value:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn human_numbers_have_three_significant_digits() {
        assert_eq!(human_bytes(0.0), "0 B");
        assert_eq!(human_bytes(1_600_000.0), "1.53 MiB");
        assert_eq!(human_bytes(1023.9), "1.00 KiB");
        assert_eq!(human_time(1_520_000.0), "1.52 ms");
        assert_eq!(human_time(61e9), "61 s");
        assert_eq!(human_count(123_456.0), "123 k");
        assert_eq!(human_count(42.0), "42");
    }
}
