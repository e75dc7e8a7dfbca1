//! Quantities with units, such as `64KiB`, `10ms` and `2000/s`: parsing and printing.

mod human;
mod schema;

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use human::{human_bytes, human_count, human_time};

/// A text that is not the quantity it should be; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct BadQuantity {
    text: String,
    expected: &'static str,
}

/// A number of bytes. Written `512`, `512B`, `64KiB`, `1MiB`, `2GiB`, or decimal `10kB`, `10MB`, `1GB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A length of time. Written `10ms`, `2s`, `1m`, `500us`, `20ns`; a bare number is seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

/// Events per second. Written `2000/s`, `30/m`; a bare number is per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

/// Bytes per second. Written `64KiB/s`; without the `/s` it is per second too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteRate(pub u64);

/// A number of things, at least 1. Written `16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(pub u32);

/// A quantity, or the word `off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrOff<T>(pub Option<T>);

const BYTE_UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
];
const TIME_UNITS: &[(&str, f64)] =
    &[("", 1e9), ("s", 1e9), ("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("ns", 1.0), ("m", 60e9), ("h", 3600e9)];
const RATE_UNITS: &[(&str, f64)] = &[("", 1.0), ("/s", 1.0), ("/m", 1.0 / 60.0), ("/ms", 1e3)];

/// A number of the given units, times its unit. `None` for anything negative, infinite or misspelt.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let factor = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    Some(number * factor).filter(|value| value.is_finite())
}

impl FromStr for Bytes {
    type Err = BadQuantity;
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let expected = "a size such as 512B, 64KiB or 50MB";
        let value = scaled(text, BYTE_UNITS).filter(|v| *v <= 1e15);
        value.map(|v| Self(v as u64)).ok_or_else(|| BadQuantity { text: text.into(), expected })
    }
}

impl FromStr for Span {
    type Err = BadQuantity;
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let expected = "a time such as 500us, 10ms, 2s or 1m";
        let value = scaled(text, TIME_UNITS).filter(|v| *v <= 1e17);
        value
            .map(|v| Self(Duration::from_nanos(v.round() as u64)))
            .ok_or_else(|| BadQuantity { text: text.into(), expected })
    }
}

impl FromStr for Rate {
    type Err = BadQuantity;
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let expected = "a rate such as 2000/s or 30/m";
        let value = scaled(text, RATE_UNITS).filter(|v| *v <= 1e9);
        value.map(Self).ok_or_else(|| BadQuantity { text: text.into(), expected })
    }
}

impl FromStr for ByteRate {
    type Err = BadQuantity;
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bytes = text.trim().strip_suffix("/s").unwrap_or(text).parse::<Bytes>();
        let expected = "a rate such as 512B/s, 64KiB/s or 1MiB/s";
        bytes.map(|Bytes(bytes)| Self(bytes)).map_err(|_| BadQuantity { text: text.into(), expected })
    }
}

impl FromStr for Count {
    type Err = BadQuantity;
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let count = text.trim().parse().ok().filter(|count| *count > 0);
        count
            .map(Self)
            .ok_or_else(|| BadQuantity { text: text.into(), expected: "a whole number of at least 1" })
    }
}

impl<T: FromStr<Err = BadQuantity>> FromStr for OrOff<T> {
    type Err = BadQuantity;
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        if text.trim() == "off" { Ok(Self(None)) } else { text.parse().map(|quantity| Self(Some(quantity))) }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
            .into_iter()
            .find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        match exact {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.as_nanos();
        let exact = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)]
            .into_iter()
            .find(|(_, size)| ns.is_multiple_of(*size));
        match exact {
            Some((unit, size)) => write!(f, "{}{unit}", ns / size),
            None => write!(f, "{ns}ns"),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", Bytes(self.0))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for OrOff<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(quantity) => quantity.fmt(f),
            None => f.write_str("off"),
        }
    }
}

/// Serialized as people write it; read back from that, or from a bare number.
macro_rules! as_text {
    ($($name:ident $(<$t:ident: $bound:path>)?),*) => { $(
        impl$(<$t: fmt::Display>)? Serialize for $name$(<$t>)? {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de $(, $t: $bound)?> Deserialize<'de> for $name$(<$t>)? {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrNumber)?.parse().map_err(de::Error::custom)
            }
        }
    )* };
}
as_text!(Bytes, Span, Rate, ByteRate, Count, OrOff<T: FromStr<Err = BadQuantity>>);

/// Accepts what a TOML author may write for a quantity, and hands it on as text.
pub(crate) struct TextOrNumber;

impl de::Visitor<'_> for TextOrNumber {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity such as \"64KiB\", \"10ms\" or \"2000/s\", or a number")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_parsed_in_all_notations() {
        assert_eq!("64KiB".parse(), Ok(Bytes(65_536)));
        assert_eq!("1.5MiB".parse(), Ok(Bytes(1_572_864)));
        assert_eq!("10 kB".parse(), Ok(Bytes(10_000)));
        assert_eq!("10ms".parse(), Ok(Span(Duration::from_millis(10))));
        assert_eq!("1.5".parse(), Ok(Span(Duration::from_millis(1500))));
        assert_eq!("2000/s".parse(), Ok(Rate(2000.0)));
        assert_eq!("30/m".parse(), Ok(Rate(0.5)));
        assert_eq!("off".parse(), Ok(OrOff::<Span>(None)));
        assert_eq!("64KiB/s".parse(), Ok(ByteRate(65_536)));
        assert_eq!("100".parse(), Ok(ByteRate(100)));
        assert_eq!("16".parse(), Ok(OrOff(Some(Count(16)))));
    }

    #[test]
    fn invalid_quantities_are_refused() {
        for text in ["", "-1s", "10 parsecs", "1e9", "s", "NaN", "10KiBs", "1..2s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("0".parse::<Count>().is_err() && "1.5".parse::<Count>().is_err());
        assert!("64KiB/m".parse::<ByteRate>().is_err());
        let message = "12q".parse::<Bytes>().expect_err("no such unit").to_string();
        assert_eq!(message, "`12q` is not a size such as 512B, 64KiB or 50MB");
    }

    #[test]
    fn printed_quantities_are_read_back() {
        for bytes in [0, 1, 1000, 1024, 65_536, 1 << 20, (1 << 20) + 1, 3 << 30] {
            assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
        }
        for ns in [0, 1, 1_000, 2_000_000, 1_500_000_000, 60_000_000_000] {
            let span = Span(Duration::from_nanos(ns));
            assert_eq!(span.to_string().parse(), Ok(span));
        }
        assert_eq!(ByteRate(1536).to_string().parse(), Ok(ByteRate(1536)));
        assert_eq!(OrOff::<Bytes>(None).to_string().parse(), Ok(OrOff::<Bytes>(None)));
    }
}
