//! The price of bad peers: a headline for each point, how small a price can be told apart from noise, and the numbers of each
//! phase.

use super::{
    table::{Align, Table},
    view::{NOTHING, axes, mean, show},
};
use crate::{
    metric::Unit,
    record::{Phased, Point, Price, Record},
    units::human_time,
};

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
    let prices = prices(point);
    let slowest = |price: &Price| price.worst().and_then(|good| good.p99_ns.with).unwrap_or(0.0);
    let costliest = prices.iter().max_by(|a, b| slowest(a).total_cmp(&slowest(b)))?;
    Some(format!("{} ({})", costliest.headline(), noise(&prices)))
}

fn prices(point: &Point) -> Vec<&Price> {
    point.repeats.iter().filter_map(|repeat| repeat.price.as_ref()).collect()
}

/// The numbers before the bad peers came, with them, and after they had left: means over the repeats. Empty where no price was
/// measured.
pub(super) fn table(point: &Point) -> Table {
    use Align::{Left, Right};
    let head = [("bad peers", Left), ("before", Right), ("with", Right), ("after", Right)];
    let mut table = Table::new("The price of bad peers", &head);
    let prices = prices(point);
    let mut row = |title: &str, unit: Unit, of: &dyn Fn(&Price) -> Option<Phased>| {
        let phased: Vec<Phased> = prices.iter().filter_map(|price| of(price)).collect();
        let cell = |number: fn(&Phased) -> Option<f64>| {
            let values: Vec<f64> = phased.iter().filter_map(number).collect();
            mean(&values).map_or_else(|| NOTHING.to_owned(), |mean| show(unit, mean))
        };
        let cells = [cell(|phased| phased.before), cell(|phased| phased.with), cell(|phased| phased.after)];
        if cells.iter().any(|cell| cell != NOTHING) {
            table.row(std::iter::once(title.to_owned()).chain(cells).collect());
        }
    };
    row("server memory (RSS)", Unit::Bytes, &|price| Some(price.user_memory));
    row("kernel memory", Unit::Bytes, &|price| Some(price.kernel_memory));
    row("server CPU", Unit::Cores, &|price| Some(price.server_cores));
    let Some(first) = prices.first() else { return table };
    for (index, good) in first.good.iter().enumerate() {
        let name = |what: &str| format!("{}: {what}", good.group);
        row(&name("answers"), Unit::PerSecond, &|price| Some(price.good.get(index)?.answers_per_second));
        row(&name("p50"), Unit::Nanoseconds, &|price| Some(price.good.get(index)?.p50_ns));
        row(&name("p99"), Unit::Nanoseconds, &|price| Some(price.good.get(index)?.p99_ns));
        row(&name("longest silence"), Unit::Nanoseconds, &|price| Some(price.good.get(index)?.silence_ns));
    }
    table
}

/// When memory and response times were back, a sentence for each repeat that differs.
pub(super) fn afterwards(point: &Point) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for price in prices(point) {
        let back = |what: &str, ns: Option<u64>| match ns {
            Some(ns) => format!("{what} back {} after the bad peers had left", human_time(ns as f64)),
            None => format!("{what} not seen to be back after the bad peers had left"),
        };
        let memory = back("memory was", price.memory_back_ns);
        let text = format!("{memory}; {}", back("response times were", price.latency_back_ns));
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
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

    #[test]
    fn the_numbers_of_each_phase_are_means_over_the_repeats() {
        let point = |repeats| Point { axes: IndexMap::new(), repeats, verdicts: Vec::new() };
        let of = table(&point(vec![repeat(2e6, 5e6), repeat(4e6, 7e6)]));
        assert_eq!(of.rows(), [["good: p99", "3 ms", "6 ms", NOTHING].map(str::to_owned).to_vec()]);
        assert!(table(&point(vec![Repeat::default()])).is_empty());
    }

    #[test]
    fn what_was_not_seen_to_be_back_is_said() {
        let mut back = repeat(2e6, 5e6);
        back.price.as_mut().expect("a price").memory_back_ns = Some(2_000_000_000);
        let point = Point { axes: IndexMap::new(), repeats: vec![back.clone(), back], verdicts: Vec::new() };
        assert_eq!(
            afterwards(&point),
            [
                "memory was back 2 s after the bad peers had left; response times were not seen to be back after the bad \
              peers had left"
            ]
        );
    }
}
