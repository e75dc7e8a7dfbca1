//! Statistics: quantiles, means and intervals.

mod fold;
mod fold_within;
mod multiple;
mod paired;
mod quantile;
mod theil_sen;

pub use self::{
    fold::{Growth, Instants, fold, growth, interpolated, slopes},
    fold_within::fold_within,
    multiple::{holm, testable},
    paired::{
        Estimate, clopper_pearson_upper, findable, hodges_lehmann, scatter, sign_p, signed_rank_p, ways,
    },
    quantile::{mean, median, quantile},
    theil_sen::{Slope, block_medians, errors_of_99_percent, theil_sen},
};
