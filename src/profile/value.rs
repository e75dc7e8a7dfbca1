//! Values as text: keys and values of a sweep, and shares.

use toml::Value;

/// Keys and their values, as text.
pub type Axes = Vec<(String, String)>;

/// A value as text: what `--set` would be given.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `80%` as a share.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let share = number.filter(|number| number.is_finite() && *number > 0.0).map(|number| number / 100.0);
    share.ok_or(format!("`{text}` is not a share such as 80%"))
}
