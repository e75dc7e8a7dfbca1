//! Differences of pairs: how large, how sure, and whether they can be chance. Everything here is exact: the levels come
//! from the coin that ordered each pair, not from an assumption about how measurements scatter.

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

/// Holm's step-down correction: each chance as it counts when all of them were looked at, in the given order.
#[must_use]
pub fn holm(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let mut adjusted = vec![1.0; chances.len()];
    let mut worst: f64 = 0.0;
    for (place, index) in order.into_iter().enumerate() {
        worst = worst.max(chances[index] * (chances.len() - place) as f64).min(1.0);
        adjusted[index] = worst;
    }
    adjusted
}

/// The upper end of the exact (Clopper–Pearson) interval of a rate that was seen `hits` times in `trials`, one-sided at
/// `alpha` (0 to 1). 1 without trials.
#[must_use]
pub fn clopper_pearson_upper(hits: u32, trials: u32, alpha: f64) -> f64 {
    if hits >= trials {
        return 1.0;
    }
    // The rate at which so few hits, or fewer, would have the chance alpha.
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let rate = f64::midpoint(low, high);
        if at_most(hits, trials, rate) > alpha { low = rate } else { high = rate }
    }
    high
}

/// The chance of at most `hits` in `trials` at this rate.
fn at_most(hits: u32, trials: u32, rate: f64) -> f64 {
    let odds = rate / (1.0 - rate);
    let mut term = (1.0 - rate).powf(f64::from(trials));
    let mut sum = term;
    for hit in 1..=hits {
        term *= odds * f64::from(trials - hit + 1) / f64::from(hit);
        sum += term;
    }
    sum.min(1.0)
}

/// The smallest true shift of these differences, on top of `floor`, that the signed-rank test at `alpha` finds with a
/// chance of 80 %: z(1−α) + z(0.8) standard errors of the test, whose efficiency is 3/π, with a standard deviation
/// estimated from the median of the absolute deviations, so that a spike does not decide. `None` below two differences.
#[must_use]
pub fn detectable(differences: &[f64], floor: f64, alpha: f64) -> Option<f64> {
    if differences.len() < 2 {
        return None;
    }
    let median = super::median(differences)?;
    let deviations: Vec<f64> = differences.iter().map(|d| (d - median).abs()).collect();
    let scatter = 1.4826 * super::median(&deviations)?;
    let efficiency = 3.0 / std::f64::consts::PI;
    let error = scatter / (efficiency * differences.len() as f64).sqrt();
    Some(floor + (normal_quantile(1.0 - alpha) + normal_quantile(0.8)) * error)
}

/// The quantile of the standard normal distribution, by bisection of its distribution function.
fn normal_quantile(q: f64) -> f64 {
    let (mut low, mut high) = (-9.0_f64, 9.0_f64);
    for _ in 0..60 {
        let z = f64::midpoint(low, high);
        if normal_below(z) < q { low = z } else { high = z }
    }
    f64::midpoint(low, high)
}

/// The standard normal distribution function, by its power series (Marsaglia 2004): exact to the last digits for |z| < 9.
fn normal_below(z: f64) -> f64 {
    let (mut sum, mut term, mut n) = (z, z, 1.0);
    while term.abs() > 1e-17 * sum.abs().max(1e-300) {
        n += 2.0;
        term *= z * z / n;
        sum += term;
    }
    0.5 + sum * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt()
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
        fn the_interval_is_the_tests(differences in prop::collection::vec(-1.0_f64..1.0, 8..20)) {
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
    fn tables_of_the_test_agree() {
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
    fn a_shift_is_estimated_and_a_spike_does_not_decide() {
        let estimate = hodges_lehmann(&[0.1, 0.11, 0.09, 0.1, 0.12, 0.08, 0.1, 5.0], 0.05).unwrap();
        assert!((estimate.value - 0.105).abs() < 0.01, "{estimate:?}");
        assert_eq!(hodges_lehmann(&[], 0.05), None);
        assert_eq!(hodges_lehmann(&[2.0], 0.05), Some(Estimate { value: 2.0, low: 2.0, high: 2.0 }));
    }

    #[test]
    fn many_looks_cost_what_holm_says() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        assert_eq!(holm(&[0.6, 0.5]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn the_bound_of_a_rate_is_exact() {
        // Without a hit it is 1 − alpha^(1/n): the "rule of three".
        assert!((clopper_pearson_upper(0, 60, 0.05) - (1.0 - 0.05_f64.powf(1.0 / 60.0))).abs() < 1e-9);
        // R: binom.test(1, 20, alternative = "less")$conf.int: 0.2161.
        assert!((clopper_pearson_upper(1, 20, 0.05) - 0.2161).abs() < 1e-4);
        assert!(clopper_pearson_upper(3, 3, 0.05) >= 1.0);
        assert!(clopper_pearson_upper(0, 0, 0.05) >= 1.0);
    }

    #[test]
    fn what_could_have_been_found() {
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-9);
        assert!((normal_quantile(0.5)).abs() < 1e-9);
        let differences: Vec<f64> = (0..20).map(|n| if n % 2 == 0 { 0.01 } else { -0.01 }).collect();
        // sigma = 0.0148, efficiency 0.955, n = 20: a standard error of 0.00339, times 1.645 + 0.842.
        let found = detectable(&differences, 0.02, 0.05).unwrap();
        assert!((found - 0.0284).abs() < 2e-4, "{found}");
        assert_eq!(detectable(&[1.0], 0.0, 0.05), None);
    }
}
