//! Differences of pairs: how large, how sure, and whether they can be chance. Everything here is exact: the levels come
//! from the coin that ordered each pair, not from an assumption about how measurements scatter.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::quantile::median;

/// The chance, in 0 to 1, that differences like these are as far above zero as they are, or farther, if a coin decided the
/// sign of each: the exact one-sided signed-rank test. Equal sizes share their middle rank, and a difference of zero takes
/// a rank and adds nothing to either side. Without differences it is 1.
#[must_use]
pub fn signed_rank_p(differences: &[f64]) -> f64 {
    let ranks = doubled_ranks(differences);
    let observed: usize =
        ranks.iter().zip(differences).filter(|(_, d)| **d > 0.0).map(|(rank, _)| rank).sum();
    let signed = ranks.iter().zip(differences).filter(|(_, difference)| **difference != 0.0);
    let chances = rank_sum_chances(&signed.map(|(rank, _)| *rank).collect::<Vec<_>>());
    chances[observed..].iter().sum::<f64>().min(1.0)
}

/// The chance of each sum, from 0 up, of the ranks whose coin says "above".
fn rank_sum_chances(ranks: &[usize]) -> Vec<f64> {
    let mut chances = vec![0.0; ranks.iter().sum::<usize>() + 1];
    chances[0] = 1.0;
    for rank in ranks {
        for sum in (0..chances.len()).rev() {
            let above = sum.checked_sub(*rank).map_or(0.0, |rest| chances[rest]);
            chances[sum] = f64::midpoint(chances[sum], above);
        }
    }
    chances
}

/// Twice the rank of each difference by its size: whole numbers, also where equals share a middle rank.
fn doubled_ranks(differences: &[f64]) -> Vec<usize> {
    let smaller = |size: f64| differences.iter().filter(|other| other.abs() < size).count();
    let equal = |size: f64| differences.iter().filter(|other| other.abs().total_cmp(&size).is_eq()).count();
    differences.iter().map(|d| 2 * smaller(d.abs()) + equal(d.abs()) + 1).collect()
}

/// How large a difference is, with the interval that holds it.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Estimate {
    /// The Hodges–Lehmann estimate: the median of the means of every two differences.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The Hodges–Lehmann estimate, with the interval of the values that the signed-rank test at `alpha` (both sides together,
/// 0 to 1) would not refuse. `None` without differences. Where there are too few for that level, the interval is as wide
/// as the differences, and its true level is 1 − 2^(1−n).
#[must_use]
pub fn hodges_lehmann(differences: &[f64], alpha: f64) -> Option<Estimate> {
    let mut means: Vec<f64> = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
    for (index, one) in differences.iter().enumerate() {
        means.extend(differences[index..].iter().map(|other| f64::midpoint(*one, *other)));
    }
    means.sort_by(f64::total_cmp);
    if means.is_empty() {
        return None;
    }
    // The first mean that is not refused lies at the last that is counted out.
    let cut = means_to_cut(differences.len(), alpha / 2.0).saturating_sub(1);
    let middle = means.len() / 2;
    let value =
        if means.len() % 2 == 1 { means[middle] } else { f64::midpoint(means[middle - 1], means[middle]) };
    let (low, high) = (means[cut], means[means.len() - 1 - cut]);
    Some(Estimate { value, low, high })
}

/// The largest c with P(rank sum < c) at most `alpha`, for n differences without ties: a shift is refused if fewer than c
/// of the sorted means lie below it.
fn means_to_cut(n: usize, alpha: f64) -> usize {
    let chances = rank_sum_chances(&(1..=n).collect::<Vec<_>>());
    let mut below = 0.0;
    let refused = chances.iter().take_while(|chance| {
        below += **chance;
        below <= alpha
    });
    refused.count()
}

/// The upper end of the exact (Clopper–Pearson) interval of a rate that was seen `hits` times in `repeats`, one-sided at
/// `alpha` (0 to 1). 1 without repeats.
#[must_use]
pub fn clopper_pearson_upper(hits: u32, repeats: u32, alpha: f64) -> f64 {
    if hits >= repeats {
        return 1.0;
    }
    // The rate at which so few hits, or fewer, would have the chance alpha.
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let rate = f64::midpoint(low, high);
        if at_most(hits, repeats, rate) > alpha { low = rate } else { high = rate }
    }
    high
}

/// The chance of at most `hits` in `repeats` at this rate.
fn at_most(hits: u32, repeats: u32, rate: f64) -> f64 {
    let odds = rate / (1.0 - rate);
    let mut term = (1.0 - rate).powf(f64::from(repeats));
    let mut sum = term;
    for hit in 1..=hits {
        term *= odds * f64::from(repeats - hit + 1) / f64::from(hit);
        sum += term;
    }
    sum.min(1.0)
}

/// The standard deviation of these differences, estimated from the median of their absolute deviations, so that a spike
/// does not decide; 0 without differences.
#[must_use]
pub fn scatter(differences: &[f64]) -> f64 {
    let deviation = || {
        let middle = median(differences)?;
        median(&differences.iter().map(|d| (d - middle).abs()).collect::<Vec<_>>())
    };
    1.4826 * deviation().unwrap_or(0.0)
}

/// The smallest true shift, in standard deviations of normal differences, that two signed-rank tests of so many pairs each, at
/// these levels, both find with a chance of 80 %. By simulation, as the normal approximation promises far too much for few
/// pairs. `None` where not even pairs that all agree reach the levels.
#[must_use]
pub fn findable(pairs: usize, first: f64, fresh: f64) -> Option<f64> {
    // The same question is asked for each number, and again in each of many comparisons.
    static KNOWN: Mutex<BTreeMap<(usize, u64, u64), Option<f64>>> = Mutex::new(BTreeMap::new());
    let question = (pairs, first.to_bits(), fresh.to_bits());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry(question).or_insert_with(|| simulated(pairs, first, fresh))
}

fn simulated(pairs: usize, first: f64, fresh: f64) -> Option<f64> {
    let chances = rank_sum_chances(&(1..=pairs).collect::<Vec<_>>());
    let critical = |level: f64| {
        let mut beyond = 0.0;
        let reached = chances.iter().rev().take_while(|chance| {
            beyond += **chance;
            beyond <= level
        });
        Some(chances.len() - reached.count()).filter(|sum| *sum < chances.len())
    };
    let (first, fresh) = (critical(first)?, critical(fresh)?);
    let mut noise = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut normal = || (0..12).map(|_| noise.random::<f64>()).sum::<f64>() - 6.0;
    let samples: Vec<Vec<f64>> = (0..(40_000 / pairs.max(1)).clamp(200, 2000))
        .map(|_| (0..pairs).map(|_| normal()).collect())
        .collect();
    let power = |shift: f64| {
        let sums: Vec<usize> = samples.iter().map(|sample| rank_sum_above(sample, shift)).collect();
        let share = |critical| sums.iter().filter(|sum| **sum >= critical).count() as f64 / sums.len() as f64;
        share(first) * share(fresh)
    };
    let (mut low, mut high) = (0.0_f64, 16.0_f64);
    for _ in 0..12 {
        let shift = f64::midpoint(low, high);
        if power(shift) < 0.8 { low = shift } else { high = shift }
    }
    Some(high)
}

/// The sum of the ranks of those values that are above zero once they are shifted.
fn rank_sum_above(sample: &[f64], shift: f64) -> usize {
    let mut shifted: Vec<f64> = sample.iter().map(|value| value + shift).collect();
    shifted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    shifted.iter().enumerate().filter(|(_, value)| **value > 0.0).map(|(index, _)| index + 1).sum()
}

/// The chance of at least `hits` heads if a fair coin is thrown so often: the exact one-sided sign test.
#[must_use]
pub fn sign_p(hits: usize, throws: usize) -> f64 {
    let signs: Vec<f64> = (0..throws).map(|throw| if throw < hits { 1.0 } else { -1.0 }).collect();
    signed_rank_p(&signs)
}

/// In how many ways `few` can be chosen of all; as a real number, as it may be large.
#[must_use]
pub fn ways(few: usize, all: usize) -> f64 {
    (0..few.min(all)).map(|n| (all - n) as f64 / (n + 1) as f64).product()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same chance by trying every assignment of signs.
    fn by_trying(differences: &[f64]) -> f64 {
        let ranks = doubled_ranks(differences);
        let sum = |above: &dyn Fn(usize) -> bool| -> usize {
            (0..ranks.len()).filter(|n| differences[*n] != 0.0 && above(*n)).map(|n| ranks[n]).sum()
        };
        let observed = sum(&|n| differences[n] > 0.0);
        let all = 1_u32 << differences.len();
        let hits = (0..all).filter(|signs| sum(&|n| signs >> n & 1 == 1) >= observed).count();
        hits as f64 / f64::from(all)
    }

    proptest! {
        #[test]
        fn the_test_is_exact_with_ties_and_zeros(differences in prop::collection::vec(-4_i32..=4, 1..11)) {
            let differences: Vec<f64> = differences.into_iter().map(f64::from).collect();
            prop_assert!((signed_rank_p(&differences) - by_trying(&differences)).abs() < 1e-12);
        }

        /// What lies in the interval is not refused by the test, and what lies outside is.
        #[test]
        fn the_interval_agrees_with_the_test(differences in prop::collection::vec(-1.0_f64..1.0, 8..20)) {
            // No two are alike, and no two of their means.
            let apart = |(n, d): (usize, f64)| d + 1e-3 * 1.37_f64.powi(n as i32);
            let differences: Vec<f64> = differences.into_iter().enumerate().map(apart).collect();
            let Estimate { value, low, high } = hodges_lehmann(&differences, 0.1).unwrap();
            prop_assert!(low <= value && value <= high);
            let p = |shift: f64, sign: f64| {
                signed_rank_p(&differences.iter().map(|d| sign * (d - shift)).collect::<Vec<_>>())
            };
            let step = 1e-9;
            prop_assert!(p(low - step, 1.0) <= 0.05 + 1e-9 && p(low + step, 1.0) > 0.05 - 1e-9);
            prop_assert!(p(high + step, -1.0) <= 0.05 + 1e-9 && p(high - step, -1.0) > 0.05 - 1e-9);
        }
    }

    #[test]
    fn chances_agree_with_published_tables() {
        // Critical values of the signed-rank test: n = 10, one-sided 0.05: 10; n = 20: 60. (P(T <= 10) = 0.0420.)
        let with_sum_below = |n: usize, below: usize| -> Vec<f64> {
            // The negative differences have the ranks that add up to `below`.
            let mut rest = below;
            (1..=n)
                .rev()
                .map(|rank| {
                    let negative = rank <= rest;
                    rest -= if negative { rank } else { 0 };
                    if negative { -(rank as f64) } else { rank as f64 }
                })
                .collect()
        };
        assert!((signed_rank_p(&with_sum_below(10, 10)) - 0.041_992_187_5).abs() < 1e-12);
        assert!(signed_rank_p(&with_sum_below(10, 11)) > 0.05);
        assert!(signed_rank_p(&with_sum_below(20, 60)) < 0.05);
        assert!(signed_rank_p(&with_sum_below(20, 61)) > 0.05);
        assert!((signed_rank_p(&[1.0; 12]) - 0.5_f64.powi(12)).abs() < 1e-15);
        assert!(signed_rank_p(&[]) >= 1.0);
        assert!(signed_rank_p(&[0.0, 0.0]) >= 1.0);
    }

    #[test]
    fn the_estimate_finds_a_shift_and_resists_a_spike() {
        let estimate = hodges_lehmann(&[0.1, 0.11, 0.09, 0.1, 0.12, 0.08, 0.1, 5.0], 0.05).unwrap();
        assert!((estimate.value - 0.105).abs() < 0.01, "{estimate:?}");
        assert_eq!(hodges_lehmann(&[], 0.05), None);
        assert_eq!(hodges_lehmann(&[2.0], 0.05), Some(Estimate { value: 2.0, low: 2.0, high: 2.0 }));
    }

    #[test]
    fn the_upper_bound_of_a_rate_is_exact() {
        // Without a hit it is 1 − alpha^(1/n): the "rule of three".
        assert!((clopper_pearson_upper(0, 60, 0.05) - (1.0 - 0.05_f64.powf(1.0 / 60.0))).abs() < 1e-9);
        // R: binom.test(1, 20, alternative = "less")$conf.int: 0.2161.
        assert!((clopper_pearson_upper(1, 20, 0.05) - 0.2161).abs() < 1e-4);
        assert!(clopper_pearson_upper(3, 3, 0.05) >= 1.0);
        assert!(clopper_pearson_upper(0, 0, 0.05) >= 1.0);
    }

    #[test]
    fn the_detectable_change_agrees_with_the_normal_approximation() {
        // Eight pairs can say 1 in 256 at best.
        assert_eq!(findable(8, 0.05 / 13.0, 0.02), None);
        assert!(findable(8, 0.05 / 12.0, 0.02).is_some());
        // Where the normal approximation is good: both tests with a chance of sqrt(0.8), hence z(0.9975) + z(0.894) for the
        // sharper of two, of 40 pairs, with an efficiency of 3/pi; the other test hardly fails then.
        let effect = findable(40, 0.05 / 20.0, 0.02).expect("enough pairs");
        let expected = (2.807 + 0.92) / (0.955_f64 * 40.0).sqrt();
        assert!((effect / expected - 1.0).abs() < 0.12, "{effect} {expected}");
        assert!(findable(12, 0.005, 0.02) > findable(20, 0.005, 0.02));
        let spiked = scatter(&[0.01, -0.01, 0.01, -0.01, 9.0]);
        assert!((spiked - 1.4826 * 0.02).abs() < 1e-9, "{spiked}");
    }

    #[test]
    fn the_sign_test_matches_enumeration() {
        assert!((sign_p(5, 5) - 1.0 / 32.0).abs() < 1e-12);
        assert!((sign_p(4, 5) - 6.0 / 32.0).abs() < 1e-12);
        assert!(sign_p(0, 0) >= 1.0);
        for (few, all, expected) in [(3, 6, 20.0), (5, 10, 252.0), (0, 4, 1.0)] {
            assert!((ways(few, all) - expected).abs() < 1e-9);
        }
    }
}
