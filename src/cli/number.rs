//! Whole numbers on the command line.

/// Parses a whole number of this range.
pub(super) fn whole<T: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_range_are_refused_with_the_range() {
        let parse = whole::<u32>(1, 64);
        assert_eq!([parse("1"), parse("64")], [Ok(1), Ok(64)]);
        for text in ["0", "65", "x", "-1", "1.5", "", "99999999999999999999"] {
            assert_eq!(parse(text), Err("must be a whole number from 1 to 64".to_owned()), "{text}");
        }
    }
}
