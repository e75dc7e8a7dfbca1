//! What an expectation may name: groups, metrics, and points of the sweep.

use indexmap::IndexMap;

use super::{
    phases::{BEFORE, WITH},
    suggestion::{meant, meant_by_words},
    value::{Axes, plain},
};
use crate::metric::{Key, Metric, Scope, Stat};

/// What an expectation may name.
pub(super) struct Names<'a> {
    pub(super) groups: Vec<&'a str>,
    /// It is about a core experiment.
    pub(super) is_core: bool,
    pub(super) sweep: &'a IndexMap<String, Vec<toml::Value>>,
    /// Phases of the measured window.
    pub(super) phases: Vec<&'a str>,
}

/// Where a number is of: what stands behind its `@`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    /// Keys of the sweep and their values.
    pub(super) axes: Axes,
    /// A phase of the measured window.
    pub(super) phase: Option<String>,
}

impl Names<'_> {
    /// Reads `server.trigger=edge, server.buffer=chained`, or the name of a phase, or both.
    pub(super) fn at(&self, text: &str) -> Result<At, String> {
        let mut at = At::default();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                Some((key, value)) => at.axes.push(self.axis(key, value)?),
                None if at.phase.is_some() => return Err(format!("`{text}`: name one phase only")),
                None => at.phase = Some(self.phase(part)?),
            }
        }
        Ok(at)
    }

    fn phase(&self, text: &str) -> Result<String, String> {
        if self.phases.contains(&text) {
            return Ok(text.to_owned());
        }
        Err(if self.phases.is_empty() {
            format!("`{text}` must be KEY=VALUE, as in [sweep], or a phase, as in [phases]")
        } else {
            format!("there is no phase `{text}`{}", meant(text, self.phases.iter().copied()))
        })
    }

    fn axis(&self, key: &str, value: &str) -> Result<(String, String), String> {
        let known = self.sweep.keys().map(String::as_str);
        let values =
            self.sweep.get(key).ok_or_else(|| format!("[sweep] has no key `{key}`{}", meant(key, known)))?;
        let values: Vec<String> = values.iter().map(plain).collect();
        if !values.iter().any(|v| v == value) {
            let hint = meant(value, values.iter().map(String::as_str));
            return Err(format!("`{key}` is never `{value}` in [sweep]{hint}"));
        }
        Ok((key.to_owned(), value.to_owned()))
    }

    /// The stat of `group.name` or `name`, if there is one and it is named as it must be.
    pub(super) fn stat(&self, number: &str) -> Result<Stat, String> {
        let (group, name) = Key::split(number);
        if let Some(group) = group.filter(|group| !self.groups.contains(group)) {
            let hint = meant(group, self.groups.iter().copied());
            let groups: Vec<String> = self.groups.iter().map(|group| format!("`{group}`")).collect();
            let all = if groups.is_empty() {
                "there are no groups".to_owned()
            } else {
                format!("the groups are {}", groups.join(", "))
            };
            return Err(format!("there is no client group `{group}`; {all}{hint}"));
        }
        let known: Vec<(String, String)> = Stat::all().map(|stat| (stat.name(), stat.help())).collect();
        let stat = Stat::named(name).ok_or_else(|| {
            let hint = meant_by_words(name, known.iter().map(|(name, help)| (name.as_str(), help.as_str())));
            format!("there is no metric `{name}`; see `badpeer list metrics`{hint}")
        })?;
        match (stat.metric.spec().scope, group) {
            (Scope::Group, None) => {
                let groups = if self.groups.is_empty() { &["group"][..] } else { &self.groups[..] };
                let names: Vec<String> = groups.iter().map(|group| format!("\"{group}.{name}\"")).collect();
                Err(format!("`{name}` belongs to a group: write {}", names.join(" or ")))
            }
            (Scope::Run, Some(_)) => Err(format!("`{name}` belongs to the whole run: write \"{name}\"")),
            (Scope::Core, Some(_)) => Err(format!("`{name}` belongs to the experiment: write \"{name}\"")),
            (scope, _) if (scope == Scope::Core) != self.is_core => Err(if self.is_core {
                format!("`{name}` is not a metric of a core experiment; see `badpeer list metrics`")
            } else {
                format!("`{name}` is a metric of core experiments only")
            }),
            _ if stat.metric == Metric::MemoryPerPeer && !self.has_price() => Err(format!(
                "`{name}` compares the phases `{BEFORE}` and `{WITH}`: say in [phases] when they begin"
            )),
            _ => Ok(stat),
        }
    }

    /// Whether a chart along the sweep can show `group.name`, `name`, or one of them in a phase.
    pub(super) fn charted(&self, text: &str) -> Result<(), String> {
        let Some((number, at)) = text.split_once('@') else { return self.stat(text).map(|_| ()) };
        let number = number.trim();
        let stat = self.stat(number)?;
        match self.at(at).map_err(|error| error.replace("KEY=VALUE, as in [sweep], or a phase", "a phase"))? {
            At { phase: Some(phase), axes } if axes.is_empty() => in_phase(number, stat, &phase).map(|_| ()),
            _ => Err(format!(
                "`{text}` is drawn along the whole sweep: name a phase, or nothing, behind the @"
            )),
        }
    }

    fn has_price(&self) -> bool {
        [BEFORE, WITH].iter().all(|phase| self.phases.contains(phase))
    }
}

/// The name of a number in a phase, if there is one.
pub(super) fn in_phase(number: &str, stat: Stat, phase: &str) -> Result<String, String> {
    let key = Key::parse(number).filter(|_| stat.exists_per_phase());
    key.map(|key| key.within(phase).to_string()).ok_or_else(|| {
        format!("`{}` has no value for a phase, only for the whole run: remove `@ {phase}`", stat.name())
    })
}
