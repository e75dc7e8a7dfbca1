//! The price of bad peers: a headline for each point, how small a price can be told apart from noise, and the numbers of each
//! phase.

use super::{
    table::{Align, Table},
    view::{NOTHING, axes, show},
};
use crate::{
    metric::Unit,
    profile::BEFORE,
    record::{GoodClients, Phased, Point, Price, Record},
    stats::mean,
    units::{human_bytes, human_time},
};

/// What bad peers cost at a point.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Headline {
    /// The price in one line, with the point in front where there are several.
    pub(super) price: String,
    /// What of it would be noise, and how that is known.
    pub(super) noise: String,
}

/// What bad peers cost at each point; nothing where no price was measured.
pub(super) fn headlines(record: &Record) -> Vec<Headline> {
    let several = record.points.len() > 1;
    let of = |point: &Point| {
        let mut headline = of_point(point)?;
        if several {
            headline.price = format!("{}: {}", axes(point), headline.price);
        }
        Some(headline)
    };
    record.points.iter().filter_map(of).collect()
}

/// The costliest repeat, and the noise of all of them.
fn of_point(point: &Point) -> Option<Headline> {
    let prices = prices(point);
    let slowest = |price: &Price| price.worst().map_or(0.0, |good| good.p99_ns.with.unwrap_or(f64::INFINITY));
    let costliest = prices.iter().max_by(|a, b| slowest(a).total_cmp(&slowest(b)))?.with_noise_of(&prices);
    Some(Headline { price: costliest.headline(), noise: noise(&prices, &costliest) })
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

/// When memory and response times were back, in a sentence: the latest of all repeats. `None` where no price was measured.
pub(super) fn afterwards(point: &Point) -> Option<String> {
    let prices = prices(point);
    let back = |what: &str, of: fn(&Price) -> Option<u64>| {
        let seen: Vec<u64> = prices.iter().filter_map(|price| of(price)).collect();
        let missing = match prices.len() - seen.len() {
            0 => String::new(),
            missing => format!(" (in {missing} of {} repeats not at all)", prices.len()),
        };
        match seen.into_iter().max() {
            Some(ns) => {
                format!("{what} back {} after the bad peers had left{missing}", human_time(ns as f64))
            }
            None => format!("{what} not seen to be back after the bad peers had left"),
        }
    };
    let memory = back("Memory was", |price| price.memory_back_ns);
    let latency = back("response times were", |price| price.latency_back_ns);
    (!prices.is_empty()).then(|| format!("{memory}; {latency}."))
}

/// How small a price is told apart from noise, in words; `costliest` has the noise of all repeats.
fn noise(prices: &[&Price], costliest: &Price) -> String {
    let memory = [("server", costliest.user_noise()), ("kernel", costliest.kernel_noise())];
    let memory =
        memory.into_iter().filter_map(|(kind, bytes)| Some(format!("{kind} +{}", human_bytes(bytes?))));
    let worst = costliest.worst().filter(|good| good.p99_ns.with.or(good.p99_ns.before).is_some());
    let p99 = worst.map(|good| match good.p99_noise_ns {
        Some(ns) => format!("{} p99 {}", good.group, human_time(ns)),
        None => format!("{} p99 not known (too few answers)", good.group),
    });
    let limits: Vec<String> = memory.chain(p99).collect();
    if limits.is_empty() {
        return "It is not known what of this is noise.".to_owned();
    }
    let limits = limits.join(", ");
    let count = prices.len();
    if count < 2 {
        return format!(
            "Noise is up to: {limits} (from the phase `{BEFORE}` of one repeat; how far repeats differ is not known)."
        );
    }
    let is_slower = |price: &&&Price| {
        let with_noise = price.with_noise_of(prices);
        with_noise.worst().and_then(GoodClients::is_slower) == Some(true)
    };
    let slower = prices.iter().filter(is_slower).count();
    let slower = match worst {
        Some(good) if slower > 0 => format!(" {} p99 is beyond it in {slower} of them.", good.group),
        _ => String::new(),
    };
    format!(
        "The costliest of {count} repeats. Noise is up to: {limits} (from the phase `{BEFORE}` of all of them).{slower}"
    )
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::record::{GoodClients, Phased, Repeat};

    fn repeat(before: f64, with: f64) -> Repeat {
        let p99_ns = Phased { before: Some(before), with: Some(with), after: None };
        let p99_noise_ns = Some(before * 2.0);
        let good = vec![GoodClients { group: "good".into(), p99_ns, p99_noise_ns, ..GoodClients::default() }];
        Repeat { price: Some(Price { peers: 9, good, ..Price::default() }), ..Repeat::default() }
    }

    fn headline(repeats: Vec<Repeat>) -> Option<Headline> {
        of_point(&Point { axes: IndexMap::new(), repeats, verdicts: Vec::new() })
    }

    #[test]
    fn the_headline_is_of_the_costliest_repeat_and_the_noise_of_all() {
        let several = headline(vec![repeat(2e6, 5e6), repeat(3e6, 8e8), repeat(2e6, 9e6)]).expect("a price");
        assert!(several.price.starts_with("9 bad peers cost: good p99 3 ms → 800 ms ·"), "{several:?}");
        assert_eq!(
            several.noise,
            "The costliest of 3 repeats. Noise is up to: good p99 6 ms (from the phase `before` of all of them). good p99 is \
             beyond it in 2 of them."
        );
        let noise = headline(vec![repeat(2e6, 5e6), repeat(3e6, 5e6)]).expect("a price");
        assert!(noise.price.contains("good p99 not longer (3 ms → 5 ms)"), "{noise:?}");
        assert!(noise.noise.ends_with("of all of them)."), "{noise:?}");
        assert_eq!(headline(vec![Repeat::default()]), None);
        let mut silent = repeat(2e6, 0.0);
        silent.price.as_mut().expect("a price").good[0].p99_ns.with = None;
        let silent = headline(vec![repeat(3e6, 8e8), silent, repeat(3e6, 8e8)]).expect("a price");
        assert!(silent.price.contains("good p99 2 ms → no answer"), "{silent:?}");
    }

    #[test]
    fn one_repeat_does_not_tell_how_far_repeats_differ() {
        let mut one = repeat(2e6, 5e6);
        assert_eq!(
            headline(vec![one.clone()]).expect("a price").noise,
            "Noise is up to: good p99 4 ms (from the phase `before` of one repeat; how far repeats differ is not known)."
        );
        let price = one.price.as_mut().expect("a price");
        (price.good[0].p99_noise_ns, price.kernel_noise_bytes) = (None, Some(3.0 * 1024.0 * 1024.0));
        let noise = headline(vec![one]).expect("a price").noise;
        assert!(
            noise.contains("up to: kernel +3 MiB, good p99 not known (too few answers) (from"),
            "{noise}"
        );
    }

    #[test]
    fn the_numbers_of_each_phase_are_means_over_the_repeats() {
        let point = |repeats| Point { axes: IndexMap::new(), repeats, verdicts: Vec::new() };
        let of = table(&point(vec![repeat(2e6, 5e6), repeat(4e6, 7e6)]));
        assert_eq!(of.rows(), [["good: p99", "3 ms", "6 ms", NOTHING].map(str::to_owned).to_vec()]);
        assert!(table(&point(vec![Repeat::default()])).is_empty());
    }

    #[test]
    fn the_latest_of_all_repeats_was_back_last() {
        const NEVER: &str = "; response times were not seen to be back after the bad peers had left.";
        let back = |ns: &[Option<u64>]| {
            let repeats = ns.iter().map(|ns| {
                let mut back = repeat(2e6, 5e6);
                back.price.as_mut().expect("a price").memory_back_ns = *ns;
                back
            });
            afterwards(&Point { axes: IndexMap::new(), repeats: repeats.collect(), verdicts: Vec::new() })
        };
        let memory = |ns: &[Option<u64>]| back(ns).map(|text| text.replace(NEVER, ""));
        let (one, two) = (Some(1_000_000_000), Some(2_000_000_000));
        assert_eq!(memory(&[one, two]).as_deref(), Some("Memory was back 2 s after the bad peers had left"));
        assert_eq!(
            memory(&[one, None]).as_deref(),
            Some("Memory was back 1 s after the bad peers had left (in 1 of 2 repeats not at all)")
        );
        assert!(back(&[None]).is_some_and(|text| text.starts_with("Memory was not seen to be back")));
        assert_eq!(back(&[]), None);
    }
}
