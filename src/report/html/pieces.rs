//! Lists, facts, headed tables and paragraphs, out of text from outside.

use super::{
    page::{Heading, section},
    table::table,
};
use crate::{
    record::Machine,
    report::{key_figures::KeyFigure, medium::html as escape, table::Table},
    units::human_bytes,
};

/// Text in which backticks mark code.
pub(in crate::report) fn coded(text: &str) -> String {
    let part = |(index, part): (usize, &str)| match index % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    text.split('`').enumerate().map(part).collect::<Vec<_>>().concat()
}

/// Text as paragraphs, where lines are blank; what stands between backticks is code.
pub(super) fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let tagged: Vec<String> =
        paragraphs.map(|paragraph| format!("<p class=\"about\">{}</p>\n", coded(paragraph))).collect();
    tagged.concat()
}

pub(super) fn titled(shown: &Table, below: Heading) -> String {
    let level = below.next();
    format!("<{level}>{}</{level}>\n{}", escape(shown.caption()), table(shown))
}

pub(super) fn remarks(title: &str, texts: &[String], heading: Heading) -> String {
    if texts.is_empty() {
        return String::new();
    }
    let items = texts.iter().map(|text| format!("<li>{}</li>\n", coded(text)));
    let items = items.collect::<Vec<_>>().concat();
    section("", title, &format!("<ul>\n{items}</ul>\n"), heading)
}

/// Facts by name, without those that are not known.
pub(super) fn facts(facts: impl Iterator<Item = (&'static str, String)>) -> String {
    let known = facts.filter(|(_, value)| !value.is_empty());
    let fact = |(name, value): (&str, String)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&value));
    format!("<dl>\n{}</dl>\n", known.map(fact).collect::<String>())
}

/// Numbers in large type, each with what it is.
pub(super) fn figures(figures: &[KeyFigure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let figure = |figure: &KeyFigure| {
        let (what, value) = (escape(&figure.what), escape(&figure.value));
        format!("<div><dt>{what}</dt><dd>{value}</dd></div>\n")
    };
    format!("<dl class=\"figures\">\n{}</dl>\n", figures.iter().map(figure).collect::<String>())
}

/// The machine, as facts.
pub(super) fn cores_and_memory(machine: &Machine) -> [(&'static str, String); 4] {
    [
        ("Kernel", format!("{} ({})", machine.kernel, machine.arch)),
        ("Processor", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("Memory", human_bytes(machine.memory_bytes as f64)),
        ("Loopback", machine.loopback.map(|loopback| loopback.to_string()).unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_into_paragraphs_and_code() {
        let html = paragraphs("One `<a>` here.\n\nTwo.\n");
        let expected =
            "<p class=\"about\">One <code>&lt;a&gt;</code> here.</p>\n<p class=\"about\">Two.</p>\n";
        assert_eq!(html, expected);
    }
}
