//! The slope of a series that outliers and steps do not move: Theil and Sen's median of the slopes between all pairs.
//!
//! The interval is that of the slope of a line: so many standard errors, which come from the scatter of the residuals around
//! it. They are of independent values, and a series of memory has none. So two things are done: the series is cut into blocks
//! of equal time, each of which is its median ([`block_medians`]), and the variance is multiplied by (1 + r) / (1 − r), where
//! r is the correlation of neighboring residuals of the blocks (Bayley and Hammersley 1946, the effective number of
//! independent observations), corrected for its bias in short series (Kendall 1954) and never below 0.
//!
//! Sen's own interval (1968), by the ranks of the slopes, has no room for that: with r = 0.75 and 24 blocks it contains every
//! slope, and hides a leak that is forty times the noise.

use super::quantile::median;

/// Most correlation that is corrected for: with more there is hardly a second independent value.
const MOST_CORRELATION: f64 = 0.9;

/// Fewer values have no slope.
const FEWEST: usize = 8;

/// A slope with its interval, in values per unit of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// The median of the slopes between all pairs.
    pub slope: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The correlation of neighboring residuals that the interval was widened for, from 0 to 0.9.
    pub correlation: f64,
}

/// Times and medians of blocks of equal length in time, between two instants; blocks without a value are left out.
#[must_use]
pub fn block_medians(series: &[(f64, f64)], (from, to): (f64, f64), blocks: usize) -> Vec<(f64, f64)> {
    let length = (to - from) / blocks as f64;
    let block = |number: usize| {
        let (start, end) = (from + length * number as f64, from + length * (number + 1) as f64);
        let is_last = number + 1 == blocks;
        let within = series.iter().filter(|(at, _)| *at >= start && (*at < end || (is_last && *at <= to)));
        let values: Vec<f64> = within.map(|(_, value)| *value).collect();
        Some((f64::midpoint(start, end), median(&values)?))
    };
    (0..blocks).filter_map(block).collect()
}

/// Standard errors of an interval of 99 % of the slope of so many values: Student's two-sided 99 % for two degrees of freedom
/// fewer, and 6 % for a median in place of a mean. Of more than 24 values as of 24, which is a little too many.
#[must_use]
pub fn errors_of_99_percent(values: usize) -> f64 {
    const OF_A_MEDIAN: f64 = 1.064;
    /// From 6 degrees of freedom to 22 (Fisher and Yates, table III).
    const STUDENT: [f64; 17] = [
        3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878, 2.861,
        2.845, 2.831, 2.819,
    ];
    STUDENT[values.saturating_sub(FEWEST).min(STUDENT.len() - 1)] * OF_A_MEDIAN
}

/// The slope of values over times that all differ, and the interval of so many standard errors. `None` of fewer than eight
/// values.
#[must_use]
pub fn theil_sen(points: &[(f64, f64)], errors: f64) -> Option<Slope> {
    if points.len() < FEWEST {
        return None;
    }
    let mut slopes: Vec<f64> = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (at, (x, y)) in points.iter().enumerate() {
        slopes.extend(points[at + 1..].iter().map(|(later, value)| (value - y) / (later - x)));
    }
    let slope = median(&slopes)?;
    let count = points.len() as f64;
    let residuals = residuals(points, slope)?;
    let correlation = correlation(&residuals);
    let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
    let middle = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(x, _)| (x - middle) * (x - middle)).sum();
    let variance = squares / (count - 2.0) / spread * (1.0 + correlation) / (1.0 - correlation);
    let width = variance.sqrt() * errors;
    Some(Slope { slope, low: slope - width, high: slope + width, correlation })
}

/// How far the values lie from a line with this slope that has as many above as below.
fn residuals(points: &[(f64, f64)], slope: f64) -> Option<Vec<f64>> {
    let level: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
    let middle = median(&level)?;
    Some(level.iter().map(|value| value - middle).collect())
}

/// The correlation of neighboring residuals, from 0 to [`MOST_CORRELATION`].
fn correlation(residuals: &[f64]) -> f64 {
    let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
    if squares <= 0.0 {
        return 0.0;
    }
    let neighbors: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let count = residuals.len() as f64;
    // In a short series it comes out too small by about (1 + 4 r) / n.
    ((count * neighbors / squares + 1.0) / (count - 4.0)).clamp(0.0, MOST_CORRELATION)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;

    /// Standard errors of an interval of 99 % of 24 blocks.
    const SURE: f64 = 3.0;

    fn is_near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn the_slope_of_a_known_series_is_the_median_of_its_pairs() {
        let mut points: Vec<(f64, f64)> = (0..10).map(|x| (f64::from(x), 5.0 + 2.0 * f64::from(x))).collect();
        let exact = theil_sen(&points, SURE).expect("enough values");
        assert!([exact.slope, exact.low, exact.high].iter().all(|value| is_near(*value, 2.0)), "{exact:?}");
        assert!(is_near(exact.correlation, 0.0));
        // Of 45 pairs, nine have the outlier.
        points[3].1 = 1000.0;
        assert!(is_near(theil_sen(&points, SURE).expect("enough values").slope, 2.0));
        assert_eq!(theil_sen(&points[..7], SURE), None);
        // By hand: 28 pairs, more than half of them with the slope 1; residuals 0, 1, −1 and five times 0, whose squares
        // add up to 2; the times' to 42. The standard error is √(2 / 6 / 42).
        let swapped: Vec<(f64, f64)> = [1.0, 3.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0]
            .iter()
            .enumerate()
            .map(|(x, y)| (x as f64, *y))
            .collect();
        let found = theil_sen(&swapped, 1.0).expect("enough values");
        assert!(is_near(found.slope, 1.0) && is_near(found.correlation, 0.0), "{found:?}");
        assert!(is_near(found.high - found.slope, (2.0_f64 / 6.0 / 42.0).sqrt()), "{found:?}");
    }

    #[test]
    fn blocks_have_the_median_of_their_time() {
        let series: Vec<(f64, f64)> = (0..=8).map(|x| (f64::from(x), f64::from(x * 10))).collect();
        assert_eq!(block_medians(&series, (0.0, 8.0), 2), [(2.0, 15.0), (6.0, 60.0)]);
        assert_eq!(
            block_medians(&series, (0.0, 16.0), 4),
            [(2.0, 15.0), (6.0, 55.0), (10.0, 80.0)],
            "without the last"
        );
        assert!(block_medians(&[], (0.0, 8.0), 4).is_empty());
    }

    /// A series of so many blocks with this slope, whose noise has the correlation `memory` from block to block.
    fn noisy(random: &mut Xoshiro256PlusPlus, slope: f64, memory: f64, blocks: u32) -> Vec<(f64, f64)> {
        let mut state = 0.0;
        let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        (0..40).for_each(|_| state = memory * state + normal());
        (0..blocks)
            .map(|x| {
                state = memory * state + normal();
                (f64::from(x), slope * f64::from(x) + state)
            })
            .collect()
    }

    /// How often the interval of 99 % of so many blocks contains the slope, of 2000 series.
    fn coverage(memory: f64, blocks: u32) -> f64 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        let errors = errors_of_99_percent(blocks as usize);
        let holds = (0..2000).filter(|_| {
            let found = theil_sen(&noisy(&mut random, 0.3, memory, blocks), errors).expect("enough values");
            (found.low..=found.high).contains(&0.3)
        });
        holds.count() as f64 / 2000.0
    }

    #[test]
    fn the_interval_contains_the_slope_as_often_as_it_says() {
        for blocks in [8, 10, 12, 16, 24] {
            let independent = coverage(0.0, blocks);
            assert!(independent >= 0.985, "{blocks}: {independent}");
        }
        // What is left of the correlation in blocks of a series.
        for (memory, least) in [(0.3, 0.97), (0.5, 0.95)] {
            let found = coverage(memory, 24);
            assert!(found >= least, "{memory}: {found}");
        }
    }
}
