//! The atlas as a page of Markdown.

use super::{advice, words};
use crate::{
    atlas::{Atlas, Variant},
    report::medium::markdown as escape,
};

pub(super) fn page(atlas: &Atlas) -> String {
    let mut text = vec![format!(
        "# Atlas\n\nWhich timeout stops which fault, made by `badpeer atlas` (badpeer {}, Linux {}; {}).\n\n\
         ![What each server does to each fault](atlas.png)\n\n{}\n",
        escape(&atlas.badpeer),
        escape(&atlas.machine.kernel),
        words::runs(atlas),
        words::manner(atlas)
    )];
    for variant in Variant::ALL {
        let rows: Vec<String> =
            atlas.measured().filter_map(|server| row(atlas, &server.name, &server.title, variant)).collect();
        if rows.is_empty() {
            continue;
        }
        let heads: Vec<String> = atlas.faults.iter().map(|fault| escape(&fault.title)).collect();
        let rule = "|---".repeat(atlas.faults.len() + 1);
        text.push(format!(
            "\n## {}\n\n| server | {} |\n{rule}|\n{}",
            match variant {
                Variant::Default => "At the defaults",
                Variant::Hardened => "Hardened",
            },
            heads.join(" | "),
            rows.concat()
        ));
    }
    text.push("\n## Faults\n\n".to_owned());
    for fault in &atlas.faults {
        text.push(format!("- **{}**: {}\n", escape(&fault.title), escape(&fault.about)));
    }
    text.push("\n## What to set\n".to_owned());
    for server in atlas.measured() {
        let version =
            server.version.as_ref().map(|version| format!("{}\n\n", escape(version))).unwrap_or_default();
        text.push(format!("\n### {}\n\n{version}", escape(&server.title)));
        for line in advice::advice(atlas, server) {
            text.push(format!("- {}\n", line.replace('|', "\\|")));
        }
        let held = advice::still_held(atlas, server);
        if !held.is_empty() {
            text.push(format!("\nStill held when hardened: {}.\n", escape(&held.join(", "))));
        }
        let contradictions =
            atlas.cells.iter().filter(|cell| cell.server == server.name).filter_map(words::contradiction);
        for contradiction in contradictions {
            text.push(format!("\nNot as documented: {}.\n", escape(&contradiction)));
        }
    }
    let skipped: Vec<String> = atlas
        .servers
        .iter()
        .filter_map(|server| {
            Some(format!("- {}: {}\n", escape(&server.title), escape(server.skipped.as_ref()?)))
        })
        .collect();
    if !skipped.is_empty() {
        text.push(format!("\n## Left out\n\n{}", skipped.concat()));
    }
    text.concat()
}

fn row(atlas: &Atlas, server: &str, title: &str, variant: Variant) -> Option<String> {
    let cells: Vec<_> = atlas.faults.iter().map(|fault| atlas.cell(server, variant, &fault.name)).collect();
    cells.iter().any(Option::is_some).then(|| {
        let cells = cells.iter().map(|cell| {
            cell.map_or_else(String::new, |cell| {
                let lines: Vec<String> = words::lines(cell).iter().map(|line| escape(line)).collect();
                lines.join("<br>")
            })
        });
        format!("| {} | {} |\n", escape(title), cells.collect::<Vec<_>>().join(" | "))
    })
}
