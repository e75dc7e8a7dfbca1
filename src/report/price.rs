//! The price of bad peers: a headline for each point, how small a price can be distinguished from noise, and the numbers of each
//! phase.

use super::{
    table::{Align, Table},
    view::{NOTHING, axes, show},
};
use crate::{
    metric::{Key, Metric, Stat, Unit},
    profile::{AFTER, BEFORE, WITH},
    record::{GoodClients, Phased, Point, Price, Record},
    stats::mean,
    units::{human_bytes, human_time},
};

/// What bad peers cost at a point.
#[derive(Debug, PartialEq, serde::Serialize)]
pub struct Headline {
    /// The price in one line, with the point in front where there are several.
    #[serde(rename = "headline")]
    pub price: String,
    /// What of it would be noise, and how that is known.
    pub noise: String,
    /// The numbers behind it: of the costliest repeat, with the noise of all repeats.
    pub numbers: Price,
}

/// What bad peers cost at each point; nothing where no price was measured.
#[must_use]
pub fn headlines(record: &Record) -> Vec<Headline> {
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

/// The costliest repeat, and the noise of all of them: the one with the longest p99 where that is not noise, else the one with
/// the most memory for each bad peer.
fn of_point(point: &Point) -> Option<Headline> {
    let prices = prices(point);
    let is_slower = prices.iter().any(|price| is_slower(price, &prices));
    let cost = |price: &Price| {
        if is_slower {
            price.worst().map_or(0.0, |good| good.p99_ns.with.unwrap_or(f64::INFINITY))
        } else {
            price.bytes_per_peer().unwrap_or(0.0)
        }
    };
    let costliest = prices.iter().max_by(|a, b| cost(a).total_cmp(&cost(b)))?.with_noise_of(&prices);
    let most = if is_slower { "the longest p99" } else { "the most memory for each bad peer" };
    let is_valid =
        point.repeats.iter().all(|repeat| repeat.invalid.is_empty() && repeat.disturbed.is_empty());
    let doubt = if is_valid { "" } else { " · times are not valid" };
    let noise = noise(&prices, &costliest, most) + &earlier_clients(&costliest).unwrap_or_default();
    Some(Headline { price: costliest.headline() + doubt, noise, numbers: costliest })
}

/// That a server still held memory of earlier clients when the run began, which hides a part of what bad peers cost: it held more
/// than it did once they had left, by more than is noise.
fn earlier_clients(price: &Price) -> Option<String> {
    let given_back = price.user_memory.before? - price.user_memory.after?;
    (given_back > price.user_noise()?).then(|| {
        format!(
            " The server held {} more before the bad peers came than after they had left: memory of earlier clients hides a part \
             of the cost; restart the server, and measure again.",
            human_bytes(given_back)
        )
    })
}

/// Whether good clients waited longer than the noise of all repeats explains.
fn is_slower(price: &Price, all: &[&Price]) -> bool {
    price.with_noise_of(all).worst().and_then(GoodClients::is_slower) == Some(true)
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
    let mut row =
        |title: &str, unit: Unit, bounded: Option<Key<'_>>, of: &dyn Fn(&Price) -> Option<Phased>| {
            let phased: Vec<Phased> = prices.iter().filter_map(|price| of(price)).collect();
            let cell = |phase: &'static str, number: fn(&Phased) -> Option<f64>| {
                let values: Vec<f64> = phased.iter().filter_map(number).collect();
                let Some(mean) = mean(&values) else { return NOTHING.to_owned() };
                let key = bounded.map(|key| key.within(phase).to_string());
                let is_bound = key
                    .is_some_and(|key| point.repeats.iter().any(|repeat| repeat.censored.contains_key(&key)));
                format!("{}{}", if is_bound { "> " } else { "" }, show(unit, mean))
            };
            let cells = [
                cell(BEFORE, |phased| phased.before),
                cell(WITH, |phased| phased.with),
                cell(AFTER, |phased| phased.after),
            ];
            if cells.iter().any(|cell| cell != NOTHING) {
                table.row(std::iter::once(title.to_owned()).chain(cells).collect());
            }
        };
    row("server memory (RSS)", Unit::Bytes, None, &|price| Some(price.user_memory));
    row("kernel memory", Unit::Bytes, None, &|price| Some(price.kernel_memory));
    row("server CPU", Unit::Cores, None, &|price| Some(price.server_cores));
    let Some(first) = prices.first() else { return table };
    for (index, good) in first.good.iter().enumerate() {
        let name = |what: &str| format!("{}: {what}", good.group);
        row(&name("answers"), Unit::PerSecond, None, &|price| {
            Some(price.good.get(index)?.answers_per_second)
        });
        let bounded = |metric| Some(Key::new(Some(&good.group), Stat::once(metric)));
        row(&name("p50"), Unit::Nanoseconds, bounded(Metric::LatencyP50), &|price| {
            Some(price.good.get(index)?.p50_ns)
        });
        row(&name("p99"), Unit::Nanoseconds, bounded(Metric::LatencyP99), &|price| {
            Some(price.good.get(index)?.p99_ns)
        });
        row(&name("longest silence"), Unit::Nanoseconds, bounded(Metric::LongestSilence), &|price| {
            Some(price.good.get(index)?.silence_ns)
        });
    }
    table
}

/// When memory and response times were back, in a sentence: the latest of all repeats. `None` where no price was measured.
pub(super) fn afterwards(point: &Point) -> Option<String> {
    let prices = prices(point);
    let back = |what: &str, normal: &str, is_measured: fn(&Price) -> bool, of: fn(&Price) -> Option<u64>| {
        let measured: Vec<&Price> = prices.iter().copied().filter(|price| is_measured(price)).collect();
        let seen: Vec<u64> = measured.iter().filter_map(|price| of(price)).collect();
        let missing = match measured.len() - seen.len() {
            0 => String::new(),
            missing => format!(" (not in {missing} of {} repeats)", measured.len()),
        };
        match seen.into_iter().max() {
            _ if measured.is_empty() => None,
            Some(0) => Some(format!("{what} {normal} when the bad peers left{missing}")),
            Some(ns) => Some(format!(
                "{what} {normal} again {} after the bad peers left{missing}",
                human_time(ns as f64)
            )),
            None => Some(format!("{what} not {normal} again when the run ended")),
        }
    };
    let has_memory = |price: &Price| price.user_memory.growth().or(price.kernel_memory.growth()).is_some();
    let has_latency = |price: &Price| price.good.iter().any(|good| good.p99_ns.before.is_some());
    let memory = back("the server's memory was", "normal", has_memory, |price| price.memory_back_ns);
    let latency =
        back("response times were", "as short as before", has_latency, |price| price.latency_back_ns);
    let parts: Vec<String> = memory.into_iter().chain(latency).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How small a price can be distinguished from noise, in words; `costliest` has the noise of all
/// repeats and `most` of what is named.
fn noise(prices: &[&Price], costliest: &Price, most: &str) -> String {
    let memory = [("server", costliest.user_noise()), ("kernel", costliest.kernel_noise())];
    let memory =
        memory.into_iter().filter_map(|(kind, bytes)| Some(format!("{kind} up to +{}", human_bytes(bytes?))));
    let worst = costliest.worst().filter(|good| good.p99_ns.with.or(good.p99_ns.before).is_some());
    let p99 = worst.map(|good| match good.p99_noise_ns {
        Some(ns) => format!("{} p99 up to {}", good.group, human_time(ns)),
        None => format!("{} p99 not known (too few answers)", good.group),
    });
    let limits: Vec<String> = memory.chain(p99).collect();
    if limits.is_empty() {
        return "How much of this is noise is not known.".to_owned();
    }
    let limits = limits.join(", ");
    let count = prices.len();
    if count < 2 {
        return format!(
            "Noise: {limits} (from the phase `{BEFORE}` of one repeat; how much repeats differ is not known)."
        );
    }
    let slower = prices.iter().filter(|price| is_slower(price, prices)).count();
    let slower = match worst {
        Some(good) if slower > 0 => {
            format!(" {} p99 exceeds its noise in {slower} of {count} repeats.", good.group)
        }
        _ => String::new(),
    };
    format!(
        "The repeat with {most} of {count}. Noise: {limits} (from the phase `{BEFORE}` of all repeats).{slower}"
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
        Repeat {
            price: Some(Price { peers: 9, connected: 9, good, ..Price::default() }),
            ..Repeat::default()
        }
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
            "The repeat with the longest p99 of 3. Noise: good p99 up to 6 ms (from the phase `before` of all repeats). good \
             p99 exceeds its noise in 2 of 3 repeats."
        );
        let noise = headline(vec![repeat(2e6, 5e6), repeat(3e6, 5e6)]).expect("a price");
        assert!(noise.price.contains("good p99 within noise (3 ms → 5 ms)"), "{noise:?}");
        assert!(noise.noise.ends_with("of all repeats)."), "{noise:?}");
        assert_eq!(headline(vec![Repeat::default()]), None);
        let point = |value: &str| Point {
            axes: [("seed".to_owned(), value.to_owned())].into_iter().collect(),
            repeats: vec![repeat(2e6, 5e6)],
            verdicts: Vec::new(),
        };
        let text = "title = \"t\"\n[[clients]]\nname = \"good\"\ncount = 1\nload = { depth = 1 }";
        let lines = headlines(&Record::of_points(text, vec![point("1"), point("2")]));
        assert!(lines[1].price.starts_with("seed = 2: 9 bad peers cost: "), "{lines:?}");
        let memory = |bytes: f64| {
            let mut repeat = repeat(2e6, 3e6);
            repeat.price.as_mut().expect("a price").kernel_bytes_per_peer = Some(bytes);
            repeat
        };
        let memory = headline(vec![memory(1e6), memory(3e6), memory(2e6)]).expect("a price");
        assert!(
            memory.noise.starts_with("The repeat with the most memory for each bad peer of 3."),
            "{memory:?}"
        );
        assert_eq!(memory.numbers.kernel_bytes_per_peer, Some(3e6));
        let mut warm = repeat(2e6, 3e6);
        let price = warm.price.as_mut().expect("a price");
        price.user_memory = Phased { before: Some(18e6), with: Some(18e6), after: Some(14e6) };
        price.user_noise_bytes = Some(0.0);
        assert!(
            headline(vec![warm.clone()])
                .expect("a price")
                .noise
                .contains(" The server held 3.81 MiB more before")
        );
        warm.price.as_mut().expect("a price").user_memory.after = Some(17.9e6);
        warm.disturbed = vec!["other programs".to_owned()];
        let warm = headline(vec![warm]).expect("a price");
        assert!(!warm.noise.contains("The server held"), "{warm:?}");
        assert!(warm.price.ends_with(" · times are not valid"), "{warm:?}");
        let mut silent = repeat(2e6, 0.0);
        silent.price.as_mut().expect("a price").good[0].p99_ns.with = None;
        let silent = headline(vec![repeat(3e6, 8e8), silent, repeat(3e6, 8e8)]).expect("a price");
        assert!(silent.price.contains("good p99 2 ms → no answer"), "{silent:?}");
    }

    #[test]
    fn one_repeat_does_not_show_how_much_repeats_differ() {
        let mut one = repeat(2e6, 5e6);
        assert_eq!(
            headline(vec![one.clone()]).expect("a price").noise,
            "Noise: good p99 up to 4 ms (from the phase `before` of one repeat; how much repeats differ is not known)."
        );
        let price = one.price.as_mut().expect("a price");
        (price.good[0].p99_noise_ns, price.kernel_noise_bytes) = (None, Some(3.0 * 1024.0 * 1024.0));
        let noise = headline(vec![one]).expect("a price").noise;
        assert!(
            noise.contains("Noise: kernel up to +3 MiB, good p99 not known (too few answers) (from"),
            "{noise}"
        );
    }

    #[test]
    fn the_numbers_of_each_phase_are_means_over_the_repeats() {
        let point = |repeats| Point { axes: IndexMap::new(), repeats, verdicts: Vec::new() };
        let of = table(&point(vec![repeat(2e6, 5e6), repeat(4e6, 7e6)]));
        assert_eq!(of.rows(), [["good: p99", "3 ms", "6 ms", NOTHING].map(str::to_owned).to_vec()]);
        assert!(table(&point(vec![Repeat::default()])).is_empty());
        let mut unanswered = repeat(2e6, 5e6);
        unanswered.censored.insert("good.latency_p99 @ with".to_owned(), "unanswered".to_owned());
        let of = table(&point(vec![repeat(2e6, 5e6), unanswered]));
        assert_eq!(of.rows(), [["good: p99", "2 ms", "> 5 ms", NOTHING].map(str::to_owned).to_vec()]);
        let mut whole = repeat(2e6, 5e6);
        let price = whole.price.as_mut().expect("a price");
        for of in [&mut price.user_memory, &mut price.kernel_memory, &mut price.server_cores] {
            of.after = Some(0.5);
        }
        let of = table(&point(vec![whole]));
        let names: Vec<&str> = of.rows().iter().map(|cells| cells[0].as_str()).collect();
        assert_eq!(names, ["server memory (RSS)", "kernel memory", "server CPU", "good: p99"]);
    }

    #[test]
    fn the_latest_of_all_repeats_was_back_last() {
        let back = |prices: Vec<Price>| {
            let repeats = prices.into_iter().map(|price| Repeat { price: Some(price), ..Repeat::default() });
            afterwards(&Point { axes: IndexMap::new(), repeats: repeats.collect(), verdicts: Vec::new() })
        };
        let memory = |ns: Option<u64>| {
            let kernel_memory = Phased { before: Some(1.0), with: Some(2.0), after: None };
            Price { kernel_memory, memory_back_ns: ns, ..Price::default() }
        };
        let (one, two) = (Some(1_000_000_000), Some(2_000_000_000));
        assert_eq!(
            back(vec![memory(one), memory(two)]).as_deref(),
            Some("the server's memory was normal again 2 s after the bad peers left")
        );
        assert_eq!(
            back(vec![memory(one), memory(None)]).as_deref(),
            Some("the server's memory was normal again 1 s after the bad peers left (not in 1 of 2 repeats)")
        );
        assert_eq!(
            back(vec![memory(None)]).as_deref(),
            Some("the server's memory was not normal again when the run ended")
        );
        let slow = repeat(2e6, 5e6).price.expect("a price");
        assert_eq!(
            back(vec![slow]).as_deref(),
            Some("response times were not as short as before again when the run ended")
        );
        assert_eq!(back(vec![Price::default()]), None, "nothing was measured");
        assert_eq!(back(Vec::new()), None);
    }
}
