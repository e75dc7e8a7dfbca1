//! What may have been meant by a name that is not known.

/// So many names are suggested at most.
const MOST: usize = 3;
/// What another form of a word counts, where the word itself counts 1.
const ANOTHER_FORM: f64 = 0.8;
/// What a word counts in the text about a name.
const IN_TEXT: f64 = 0.6;

/// `; did you mean …?` where some of the known names are near enough to be meant: one that differs by a few letters, else
/// those that have a word in common with it.
#[must_use]
pub fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    meant_by_words(name, known.map(|known| (known, "")))
}

/// The same of names with a text about each, whose words count as well.
#[must_use]
pub fn meant_by_words<'a>(name: &str, known: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let known: Vec<(&str, &str)> = known.collect();
    let near = |of: fn(&str, &str) -> usize, most: usize| {
        let all = known.iter().map(|(known, _)| (of(name, known), *known));
        all.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= most)
    };
    let all = match near(letters, 1 + name.len() / 8) {
        Some((_, typed)) => vec![typed],
        None => alike(name, &known),
    };
    let all = match near(distance, 1 + name.len() / 4) {
        Some((_, typed)) if all.is_empty() => vec![typed],
        _ => all,
    };
    match all.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [one] => format!("; did you mean {one}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}

/// The names that have the most words in common with this one, rare words before frequent ones, and short names before long
/// ones. Of names that differ in their last word, the first.
fn alike<'a>(name: &str, known: &[(&'a str, &str)]) -> Vec<&'a str> {
    let parts = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| word.len() > 2).map(str::to_lowercase).collect()
    };
    let known: Vec<_> = known.iter().map(|(name, text)| (*name, parts(name), parts(text))).collect();
    let has = |words: &[String], word: &str| words.iter().any(|other| is_same_word(other, word));
    let share = |name: &[String], text: &[String], word: &String| match () {
        () if name.contains(word) => 1.0,
        () if has(name, word) => ANOTHER_FORM,
        () if has(text, word) => IN_TEXT,
        () => 0.0,
    };
    let mut scores: Vec<(f64, &str)> = known.iter().map(|(name, ..)| (0.0, *name)).collect();
    for word in parts(name) {
        let count = known.iter().filter(|(_, name, text)| has(name, &word) || has(text, &word)).count();
        for ((score, _), (_, name, text)) in scores.iter_mut().zip(&known) {
            *score += share(name, text, &word) / count.max(1) as f64;
        }
    }
    // A word that only texts have tells too little.
    let is_named = |known: &str| parts(name).iter().any(|word| has(&parts(known), word));
    scores.retain(|(score, known)| *score > 0.0 && is_named(known));
    let stem = |name: &'a str| name.rsplit_once('_').map_or(name, |(stem, _)| stem);
    let length = |name: &'a str| (stem(name).len(), stem(name) != name);
    scores.sort_by(|(a, one), (b, other)| b.total_cmp(a).then(length(one).cmp(&length(other))));
    let mut all: Vec<&str> = Vec::new();
    for (_, name) in scores {
        if all.len() < MOST && !all.iter().any(|other| stem(other) == stem(name)) {
            all.push(name);
        }
    }
    all
}

/// Whether two words are forms of one, as `evict` and `evictions`.
fn is_same_word(one: &str, other: &str) -> bool {
    let common = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let shorter = one.chars().count().min(other.chars().count());
    one == other || (common >= 4 && common + 2 >= shorter)
}

/// How many letters differ, whatever their case.
fn letters(name: &str, known: &str) -> usize {
    strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase())
}

/// The same; a metric may lack its last part, as `latency` for `latency_p50`.
fn distance(name: &str, known: &str) -> usize {
    let without_last = known.rsplit_once('_').map(|(first, _)| 1 + letters(name, first));
    let whole = letters(name, known);
    without_last.map_or(whole, |distance| distance.min(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_words_in_common_are_suggested() {
        let known = [
            ("server_rss_peak", "Resident memory of the server: the largest sample"),
            ("server_rss_end", "Resident memory of the server: after the last client"),
            ("server_waits", "Wake-ups of the server"),
            ("kernel_memory_peak", "Kernel memory of the server's sockets"),
            ("evicted", "Connections that the server ended"),
            ("evictions", ""),
            ("idle", "a bad peer"),
        ];
        for (name, hint) in [
            ("server_memory", "; did you mean `kernel_memory_peak`, `server_rss_peak` or `server_waits`?"),
            ("evicted_within", "; did you mean `evicted` or `evictions`?"),
            ("evict", "; did you mean `evicted` or `evictions`?"),
            ("memory", "; did you mean `kernel_memory_peak`?"),
            ("throughput", ""),
            ("peer", ""),
        ] {
            assert_eq!(meant_by_words(name, known.into_iter()), hint, "{name}");
        }
    }

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
