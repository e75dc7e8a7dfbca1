//! Bytes in parts that are as equal as can be.

/// Part `index` (from 0) of `bytes` bytes in `count` parts that are as equal as can be: its first byte, and how many.
#[must_use]
pub fn part_of(bytes: u64, index: u64, count: u64) -> (u64, u64) {
    let border = |index: u64| (u128::from(bytes) * u128::from(index) / u128::from(count)) as u64;
    let start = border(index);
    (start, border(index + 1) - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_adjacent_and_add_up_to_the_whole() {
        for (bytes, count) in [(0, 3), (10, 3), (7, 7), (u64::MAX, 250)] {
            let mut next = 0;
            for index in 0..count {
                let (start, length) = part_of(bytes, index, count);
                assert_eq!(start, next);
                assert!(length.abs_diff(bytes / count) <= 1, "{length} of {bytes} in {count}");
                next += length;
            }
            assert_eq!(next, bytes);
        }
    }
}
