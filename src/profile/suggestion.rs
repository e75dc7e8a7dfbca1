//! What may have been meant by a name that is not known.

/// `; did you mean …?` where one of the known names is near enough to be meant.
#[must_use]
pub fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|k| (strsim::damerau_levenshtein(name, k), k)).min_by_key(|(distance, _)| *distance);
    match near {
        Some((distance, k)) if distance <= 1 + name.len() / 4 => format!("; did you mean `{k}`?"),
        _ => String::new(),
    }
}
