//! The parts of a page. Text from outside passes [`escape`].

use std::fmt::{self, Write};

use plotters::style::RGBColor;

use super::super::{
    ReportError,
    chart::{Figure, Live, at_night},
    medium::html as escape,
};

/// The page; `charts`: what its script draws, empty without.
pub(in crate::report) fn page(title: &str, body: &str, charts: &[Live<'_>]) -> Result<String, ReportError> {
    let (style, script) = if charts.is_empty() {
        (String::new(), String::new())
    } else {
        let data = serde_json::to_string(charts).map_err(|error| ReportError::Page(error.to_string()))?;
        let script = format!(
            "<script type=\"application/json\" id=\"charts\">{}</script>\n<script>\n{}</script>\n<script>\n{}</script>\n",
            // Nothing in it can end the element, or begin a comment.
            data.replace('<', "\\u003c"),
            include_str!("../../../assets/uPlot.min.js"),
            include_str!("page.js"),
        );
        (include_str!("../../../assets/uPlot.min.css").to_owned(), script)
    };
    let night = if body.contains("<svg") { night() } else { String::new() };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{style}{}{night}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n{script}</body>\n</html>\n",
        escape(title),
        include_str!("page.css"),
    ))
}

/// How the colors of charts look on a dark screen: rules for the pictures, and variables for the script.
fn night() -> String {
    let (mut tones, mut rules) = (String::new(), String::new());
    for (RGBColor(r, g, b), RGBColor(x, y, z)) in at_night() {
        let _ = write!(tones, " --tone-{r:02x}{g:02x}{b:02x}: #{x:02x}{y:02x}{z:02x};");
        for paint in ["fill", "stroke"] {
            let _ = writeln!(
                rules,
                "  .plot svg [{paint}=\"#{r:02X}{g:02X}{b:02X}\"] {{ {paint}: var(--tone-{r:02x}{g:02x}{b:02x}); }}"
            );
        }
    }
    format!("@media screen and (prefers-color-scheme: dark) {{\n  :root {{{tones} }}\n{rules}}}\n")
}

/// How far below the page's own title a heading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Heading {
    /// Of a part of the page.
    Part,
    /// Of what is within a part that can be folded away.
    Folded,
}

impl Heading {
    /// The heading of what stands below it.
    pub(super) const fn next(self) -> &'static str {
        match self {
            Self::Part => "h3",
            Self::Folded => "h4",
        }
    }
}

impl fmt::Display for Heading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Part => "h2",
            Self::Folded => "h3",
        })
    }
}

/// A part of the page under a heading; `id` may be empty.
pub(in crate::report) fn section(id: &str, title: &str, content: &str, heading: Heading) -> String {
    let id = if id.is_empty() { String::new() } else { format!(" id=\"{}\"", escape(id)) };
    format!("<section{id}>\n<{heading}>{}</{heading}>\n{content}</section>\n", escape(title))
}

/// A part that can be folded away; headings in it are [`Heading::Folded`].
pub(super) fn details(title: &str, content: &str, open: bool) -> String {
    let open = if open { " open" } else { "" };
    format!("<details{open}>\n<summary><h2>{}</h2></summary>\n{content}</details>\n", escape(title))
}

/// A chart within the page, with how to read it; those of one group are zoomed together.
pub(super) fn figure(figure: &Figure, group: &str) -> Result<String, ReportError> {
    let (label, name, group) = (escape(&figure.title), escape(&figure.name), escape(group));
    // In a page the element needs no namespace, and its size is the page's affair.
    let shapes = figure.shapes()?;
    // The script draws the others as wide as the screen is.
    let (class, narrow) =
        if figure.has_narrow() { (" has-narrow", narrow(figure, &label)?) } else { ("", String::new()) };
    Ok(format!(
        "<figure id=\"{name}\" data-group=\"{group}\">\n<div class=\"plot{class}\" role=\"group\" aria-label=\"Chart\" tabindex=\"0\">\n\
         <svg viewBox=\"0 0 1000 500\" role=\"img\" aria-label=\"{label}\">{shapes}</svg>\n{narrow}</div>\n{}</figure>\n",
        if figure.caption.is_empty() {
            String::new()
        } else {
            format!("<figcaption>{}</figcaption>\n", escape(&figure.caption))
        }
    ))
}

/// What a phone shows in place of a picture that would be too small there.
fn narrow(figure: &Figure, label: &str) -> Result<String, ReportError> {
    Ok(format!(
        "<div class=\"narrow\">\n<p class=\"title\">{label}</p>\n<p class=\"about\">{}</p>\n\
         <svg viewBox=\"0 0 400 340\" role=\"img\" aria-label=\"{label}\">{}</svg>\n</div>\n",
        escape(&figure.about),
        figure.narrow_shapes()?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_escaped() {
        assert_eq!(
            escape("<script>alert(\"x\" & 'y')"),
            "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)"
        );
        assert!(
            page("</title><script>", "", &[])
                .is_ok_and(|page| page.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"))
        );
    }
}
