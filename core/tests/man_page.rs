//! `docs/byname.1` is made from the command's grammar and checked in; this test tells when the two differ.
//!
//! `BLESS=1 cargo test -p byname --features cli --test man_page` writes the page.

use byname::cli::grammar;
use clap::Command;
use clap_mangen::Man;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One page for all: the whole, a chapter for each part, then the sections that the help of several parts shares.
fn page() -> String {
    let mut grammar = grammar().disable_help_subcommand(true);
    grammar.build(); // the parts learn the name of the whole
    let mut page = ".\\\" Made from core/src/cli/args.rs; see core/tests/man_page.rs.\n".to_owned();
    let man = Man::new(grammar.clone()).manual("byname");
    page += &rendered(|to| man.render_title(to));
    page += &rendered(|to| man.render_name_section(to));
    page += &synopsis("SH", grammar.get_subcommands().cloned());
    page += &rendered(|to| man.render_description_section(to));
    page += &rendered(|to| man.render_options_section(to));
    let mut seen = BTreeSet::new();
    let mut shared = String::new();
    for part in grammar.get_subcommands() {
        page += &format!(".SH \"BYNAME {}\"\n", part.get_name().to_uppercase());
        page += &synopsis("SS", [part.clone()]);
        let man = Man::new(part.clone());
        page += &rendered(|to| man.render_description_section(to)).replace("\n.SH ", "\n.SS ");
        page += &rendered(|to| man.render_options_section(to)).replace("\n.SH ", "\n.SS ");
        for (title, body) in sections(part) {
            if title == "Examples" {
                page += &section("SS", &title, &body);
            } else if seen.insert(title.clone()) {
                shared += &section("SH", &title, &body);
            }
        }
    }
    page += &shared;
    for (title, body) in sections(&grammar).into_iter().filter(|(title, _)| !seen.contains(title)) {
        page += &section("SH", &title, &body);
    }
    page
}

fn rendered(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    render(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn synopsis(level: &str, parts: impl IntoIterator<Item = Command>) -> String {
    let usages: Vec<String> = parts.into_iter().map(|mut part| part.render_usage().to_string().replace("Usage: ", "")).collect();
    section(level, "Synopsis", &usages.join("\n"))
}

/// The titled sections that follow a help text: a headline with a colon, then indented lines.
fn sections(of: &Command) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in of.get_after_long_help().unwrap().to_string().lines() {
        match (line.strip_suffix(':').filter(|title| !title.starts_with(' ')), found.last_mut()) {
            (Some(title), _) => found.push((title.to_owned(), String::new())),
            (None, Some((_, body))) => *body += &format!("{}\n", line.strip_prefix("  ").unwrap_or(line)),
            (None, None) => panic!("a line without a section: {line}"),
        }
    }
    found
}

/// Lines that stay as they are.
fn section(level: &str, title: &str, body: &str) -> String {
    let text = body.trim_end().replace('\\', "\\e").replace('-', "\\-").replace("\n.", "\n\\&.").replace("\n'", "\n\\&'");
    format!(".{level} {}\n.nf\n{text}\n.fi\n", title.to_uppercase().replace("EXIT STATUS", "\"EXIT STATUS\""))
}

#[test]
fn the_page_says_what_the_command_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/byname.1");
    let page = page();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/byname.1 differs from the grammar; run BLESS=1 cargo test -p byname --features cli --test man_page");
}
