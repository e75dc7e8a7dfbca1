//! The price of bad peers: a headline for each point, and how small a price can be told apart from noise.

use super::view::axes;
use crate::record::{Point, Price, Record};

/// What bad peers cost at each point, with the point in front where there are several; nothing where no price was measured.
pub(super) fn headlines(record: &Record) -> Vec<String> {
    let several = record.points.len() > 1;
    let of = |point: &Point| {
        let text = of_point(point)?;
        Some(if several { format!("{}: {text}", axes(point)) } else { text })
    };
    record.points.iter().filter_map(of).collect()
}

/// The costliest repeat, and what is known of the noise.
fn of_point(point: &Point) -> Option<String> {
    let prices: Vec<&Price> = point.repeats.iter().filter_map(|repeat| repeat.price.as_ref()).collect();
    let slowest = |price: &Price| price.worst().and_then(|good| good.p99_ns.with).unwrap_or(0.0);
    let costliest = prices.iter().max_by(|a, b| slowest(a).total_cmp(&slowest(b)))?;
    Some(format!("{} ({})", costliest.headline(), noise(&prices)))
}

/// How much the good clients' 99th percentile differs between repeats before the bad peers come: a price within that is noise.
fn noise(prices: &[&Price]) -> String {
    if prices.len() < 2 {
        return "one repeat: its noise is not known".to_owned();
    }
    let before = prices.iter().filter_map(|price| price.worst()?.p99_ns.before).filter(|ns| *ns > 0.0);
    let (mut least, mut most, mut count) = (f64::INFINITY, 0.0_f64, 0);
    for ns in before {
        (least, most, count) = (least.min(ns), most.max(ns), count + 1);
    }
    let repeats = format!("the costliest of {} repeats", prices.len());
    if count < 2 {
        return format!("{repeats}; its noise is not known");
    }
    format!("{repeats}; without bad peers p99 differs between them by a factor of {:.2}", most / least)
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::record::{GoodClients, Phased, Repeat};

    fn repeat(before: f64, with: f64) -> Repeat {
        let p99_ns = Phased { before: Some(before), with: Some(with), after: None };
        let good = vec![GoodClients { group: "good".into(), p99_ns, ..GoodClients::default() }];
        Repeat { price: Some(Price { peers: 9, good, ..Price::default() }), ..Repeat::default() }
    }

    fn headline(repeats: Vec<Repeat>) -> Option<String> {
        of_point(&Point { axes: IndexMap::new(), repeats, verdicts: Vec::new() })
    }

    #[test]
    fn the_headline_is_of_the_costliest_repeat_and_names_the_noise() {
        let several = headline(vec![repeat(2e6, 5e6), repeat(3e6, 8e8)]).expect("a price");
        assert!(several.starts_with("9 bad peers cost: good p99 3 ms → 800 ms"), "{several}");
        assert!(
            several.ends_with(
                "(the costliest of 2 repeats; without bad peers p99 differs between them by a factor of 1.50)"
            ),
            "{several}"
        );
        let one = headline(vec![repeat(2e6, 5e6)]).expect("a price");
        assert!(one.ends_with("(one repeat: its noise is not known)"), "{one}");
        assert_eq!(headline(vec![Repeat::default()]), None);
    }
}
