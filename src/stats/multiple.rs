//! Many tests at once: what each chance counts for when all of them were looked at.

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

/// Which of several tests are made at all, given the smallest chance that each could come to (Tarone 1990, A modified
/// Bonferroni method for discrete data): a test that cannot reach the level even if all the evidence is for it can
/// raise no false alarm, and need not be counted among those that can.
///
/// The smallest chance of a sign-flip test is given by the sizes of its differences alone, never by their signs, so the
/// choice does not depend on what the coin decides: the level of those that are made holds whatever is left out. Where
/// so few pairs stand that none could reach the level among all that could alone, the first of them are made, in the
/// given order, as many as the level allows.
#[must_use]
pub fn testable(smallest: &[f64], alpha: f64) -> Vec<bool> {
    let within = |count: usize| -> Vec<usize> {
        let level = alpha / count as f64;
        (0..smallest.len()).filter(|index| smallest[*index] <= level).collect()
    };
    let enough = (1..=smallest.len()).find(|count| within(*count).len() <= *count);
    let mut made = enough.map(within).unwrap_or_default();
    if let Some(count) = enough.filter(|count| made.is_empty() && *count > 1) {
        made = within(count - 1);
        made.truncate(count - 1);
    }
    (0..smallest.len()).map(|index| made.contains(&index)).collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::*;
    use crate::stats::signed_rank_p;

    #[test]
    fn p_values_are_adjusted_after_holm() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        assert_eq!(holm(&[0.6, 0.5]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn a_test_that_cannot_reach_the_level_is_not_counted() {
        assert_eq!(testable(&[1.0, 1e-6, 1.0], 0.05), [false, true, false]);
        assert_eq!(testable(&[0.04, 0.04], 0.05), [true, false], "one of them has the level to itself");
        assert_eq!(testable(&[0.02, 0.02, 0.5], 0.05), [true, true, false]);
        assert!(testable(&[], 0.05).is_empty());
        // Eight pairs, 14 numbers that all moved: twelve of them can still be judged.
        let made = testable(&[1.0 / 256.0; 14], 0.05);
        assert_eq!(made.iter().filter(|made| **made).count(), 12);
        assert!(made[0] && made[11] && !made[12]);
    }

    const GATES: usize = 2000;

    /// Twelve numbers of noise of which most do not move, as shares of errors do, and some move now and then: how often
    /// at least one of them fails.
    #[test]
    fn the_error_level_holds_with_constant_numbers() {
        let mut coin = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut alarms = 0;
        for _ in 0..GATES {
            let numbers: Vec<Vec<f64>> = (0..12)
                .map(|number| {
                    let still = [0.0, 0.0, 0.5, 0.8, 0.9, 1.0][number % 6];
                    let one = |coin: &mut Xoshiro256PlusPlus| {
                        if coin.random::<f64>() < still { 0.0 } else { coin.random::<f64>() - 0.5 }
                    };
                    (0..12).map(|_| one(&mut coin)).collect()
                })
                .collect();
            let moved = |number: &Vec<f64>| number.iter().filter(|d| **d != 0.0).count() as i32;
            let smallest: Vec<f64> = numbers.iter().map(|number| 0.5_f64.powi(moved(number))).collect();
            let made = testable(&smallest, 0.05);
            let chances: Vec<f64> = numbers
                .iter()
                .zip(made)
                .filter(|(_, made)| *made)
                .map(|(number, _)| signed_rank_p(number))
                .collect();
            alarms += usize::from(holm(&chances).iter().any(|chance| *chance <= 0.05));
        }
        // 5 % of 2,000 is 100, three standard deviations of which are 30.
        assert!(alarms <= 130, "{alarms} of {GATES}");
        assert!(alarms >= 40, "nothing is given away: {alarms} of {GATES}");
    }
}
