//! What may have been meant by a name that is not known.

/// `; did you mean …?` where one of the known names is near enough to be meant.
#[must_use]
pub fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|k| (distance(name, k), k)).min_by_key(|(distance, _)| *distance);
    match near {
        Some((distance, k)) if distance <= 1 + name.len() / 4 => format!("; did you mean `{k}`?"),
        _ => String::new(),
    }
}

/// How many letters differ, whatever their case; a metric may lack its last part, as `latency` for `latency_p50`.
fn distance(name: &str, known: &str) -> usize {
    let between = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let without_last = known.rsplit_once('_').map(|(first, _)| 1 + between(first));
    let whole = between(known);
    without_last.map_or(whole, |distance| distance.min(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_distant_one_is_not() {
        let known = ["latency_p50", "latency_p99", "stall", "GET"];
        for (name, hint) in [
            ("latncy_p99", "; did you mean `latency_p99`?"),
            ("latency", "; did you mean `latency_p50`?"),
            ("latncy", "; did you mean `latency_p50`?"),
            ("stal", "; did you mean `stall`?"),
            ("get", "; did you mean `GET`?"),
            ("throughput", ""),
        ] {
            assert_eq!(meant(name, known.into_iter()), hint, "{name}");
        }
    }
}
