//! The atlas as one page.

use super::{
    advice,
    words::{self, Tone},
};
use crate::{
    atlas::{Atlas, Cell, ServerEntry, Variant},
    report::{
        ReportError,
        html::{
            page::{Heading, page as whole, section},
            pieces::coded,
        },
        medium::html as escape,
    },
    units::human_bytes,
};

/// The page.
pub(super) fn page(atlas: &Atlas) -> Result<String, ReportError> {
    let legend: Vec<String> = Tone::LEGEND
        .iter()
        .map(|(tone, what)| format!("<li class=\"{}\">{}</li>\n", tone.class(), escape(what)))
        .collect();
    let head = format!(
        "<header>\n<p class=\"kicker\">badpeer · atlas</p>\n<h1>Which timeout stops which fault</h1>\n\
         <p class=\"manner\">badpeer {}; Linux {}, {}, {} cores, {}; {}.</p>\n</header>\n",
        escape(&atlas.badpeer),
        escape(&atlas.machine.kernel),
        escape(&atlas.machine.cpu),
        atlas.machine.cores,
        human_bytes(atlas.machine.memory_bytes as f64),
        escape(&words::runs(atlas)),
    );
    let matrix = format!(
        "<p class=\"about\">{}</p>\n<ul class=\"atlas-legend\">\n{}</ul>\n\
         <div class=\"scroll\" role=\"group\" aria-label=\"What each server does to each fault\" tabindex=\"0\">\n{}</div>\n",
        escape(&words::manner(atlas)),
        legend.concat(),
        matrix(atlas)
    );
    let faults: Vec<String> = atlas
        .faults
        .iter()
        .map(|fault| format!("<dt>{}</dt><dd>{}</dd>\n", escape(&fault.title), escape(&fault.about)))
        .collect();
    let servers: Vec<String> = atlas.measured().map(|server| of_server(atlas, server)).collect();
    let skipped: Vec<String> = atlas
        .servers
        .iter()
        .filter_map(|server| {
            Some(format!("<li>{}: {}</li>\n", escape(&server.title), coded(server.skipped.as_ref()?)))
        })
        .collect();
    let mut body = head + &matrix;
    body += &section("faults", "Faults", &format!("<dl>\n{}</dl>\n", faults.concat()), Heading::Part);
    body += &section("set", "What to set", &servers.concat(), Heading::Part);
    if !skipped.is_empty() {
        body +=
            &section("left-out", "Left out", &format!("<ul>\n{}</ul>\n", skipped.concat()), Heading::Part);
    }
    whole("badpeer: which timeout stops which fault", &body, &[])
}

fn matrix(atlas: &Atlas) -> String {
    let heads: Vec<String> = atlas
        .faults
        .iter()
        .map(|fault| {
            format!("<th scope=\"col\" title=\"{}\">{}</th>\n", escape(&fault.about), escape(&fault.title))
        })
        .collect();
    let rows: Vec<String> = atlas.measured().map(|server| rows(atlas, server)).collect();
    format!(
        "<table class=\"atlas\">\n<thead><tr><th scope=\"col\">server</th><th scope=\"col\"></th>\n{}</tr></thead>\n{}</table>\n",
        heads.concat(),
        rows.concat()
    )
}

fn rows(atlas: &Atlas, server: &ServerEntry) -> String {
    let variants = atlas.variants(&server.name);
    let row = |(index, variant): (usize, &Variant)| {
        let cells: Vec<String> = atlas
            .faults
            .iter()
            .map(|fault| {
                atlas.cell(&server.name, *variant, &fault.name).map_or_else(|| "<td></td>\n".to_owned(), cell)
            })
            .collect();
        let title = if index == 0 {
            format!(
                "<th scope=\"rowgroup\" rowspan=\"{}\"><a href=\"#set-{}\">{}</a></th>",
                variants.len(),
                escape(&server.name),
                escape(&server.title)
            )
        } else {
            String::new()
        };
        format!(
            "<tr>{title}<th scope=\"row\" class=\"variant\">{}</th>\n{}</tr>\n",
            variant.name(),
            cells.concat()
        )
    };
    let rows: Vec<String> = variants.iter().enumerate().map(row).collect();
    format!("<tbody>\n{}</tbody>\n", rows.concat())
}

fn cell(cell: &Cell) -> String {
    let small = |text: &str, class: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!("<span class=\"{class}\">{}</span>", escape(text))
        }
    };
    let first = escape(&words::short(cell));
    let first = match cell.runs.last() {
        Some(run) => format!("<a href=\"{}\">{first}</a>", escape(run)),
        None => first,
    };
    let mark = if cell.contradicts() == Some(true) { "<span class=\"harm\">≠ docs</span>" } else { "" };
    format!(
        "<td class=\"{}\" title=\"{}\">{first}{}{}{}{}{mark}</td>\n",
        words::tone(cell).class(),
        escape(&words::sentence(cell)),
        small(&words::by(cell), "by"),
        small(&words::cost(cell), "cost"),
        small(&words::harm(cell), "harm"),
        small(&words::left(cell), "harm"),
    )
}

/// What to set at a server, and its cells in words.
fn of_server(atlas: &Atlas, server: &ServerEntry) -> String {
    let advice: Vec<String> =
        advice::advice(atlas, server).iter().map(|line| format!("<li>{}</li>\n", coded(line))).collect();
    let held = advice::still_held(atlas, server);
    let held = if held.is_empty() {
        String::new()
    } else {
        format!("<p>Still held when hardened: {}.</p>\n", escape(&held.join(", ")))
    };
    let own = || atlas.cells.iter().filter(|cell| cell.server == server.name);
    let contradictions: Vec<String> = own()
        .filter_map(words::contradiction)
        .map(|text| format!("<p><b>Not as documented.</b> {}.</p>\n", escape(&text)))
        .collect();
    let title = |name: &str| {
        let fault = atlas.faults.iter().find(|fault| fault.name == name);
        fault.map_or_else(|| name.to_owned(), |fault| fault.title.clone())
    };
    let cells: Vec<String> = own()
        .map(|cell| {
            let links: Vec<String> =
                cell.runs.iter().map(|run| format!(" <a href=\"{}\">run</a>", escape(run))).collect();
            format!(
                "<li>{}, {}: {}.{}</li>\n",
                escape(&title(&cell.fault)),
                cell.variant.name(),
                escape(&words::sentence(cell)),
                links.concat()
            )
        })
        .collect();
    let version =
        server.version.as_ref().map(|version| format!("<p class=\"manner\">{}</p>\n", escape(version)));
    let documentation = server.documentation.as_ref().filter(|link| link.starts_with("https://"));
    let documentation =
        documentation.map(|link| format!("<p><a href=\"{}\">its documentation</a></p>\n", escape(link)));
    format!(
        "<h3 id=\"set-{}\">{}</h3>\n{}<ul>\n{}</ul>\n{held}{}{}<details class=\"rows\"><summary>All its cells in words</summary>\n<ul>\n{}</ul>\n</details>\n",
        escape(&server.name),
        escape(&server.title),
        version.unwrap_or_default(),
        advice.concat(),
        contradictions.concat(),
        documentation.unwrap_or_default(),
        cells.concat()
    )
}
