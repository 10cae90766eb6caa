//! `docs/errors.md` is made from the error table and checked in; this test tells when the two differ.
//!
//! `BLESS=1 cargo test -p byname --test errors_doc` writes the page.

use byname::{KINDS, KindInfo};
use std::fmt::Write;
use std::path::PathBuf;

const HEAD: &str = "\
# Errors

<!-- Made from the table in core/src/error.rs. To change it, change the table and run
     BLESS=1 cargo test -p byname --test errors_doc -->

An error has a **kind**, which says what a caller does differently, and the **Win32 number** of the contract row
that it follows. A time-out and an abandoned mutex are outcomes, never errors.

| Language | The kind | The number | The message |
|---|---|---|---|
| Rust | `err.kind()` | `err.win32()` | `Display`, `err.message()` |
| C | the negative `byname_status` | `byname_last_error_win32()` | `byname_last_error_message()` |
| Python | the class; all derive from `byname.Error` | `err.win32` | `str(err)` |
| Node | `err.code` | `err.win32` | `err.message` |

Where a kind may carry several numbers, the first is the usual one. Kinds that no present object raises belong to
objects that come later; their codes are already fixed.

";

fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("| Kind | Win32 | C status | Python class (and built-in base) | Node code |\n|---|---|---|---|---|\n");
    for row in KINDS {
        let numbers = list(row.win32.iter(), "");
        let bases = list(row.python_bases.iter(), "`");
        writeln!(
            page,
            "| [{0}](#{1}) | {numbers} | `{2}` = {3} | `{4}` ({bases}) | `{5}` |",
            row.name,
            row.name.to_lowercase(),
            row.c_name,
            row.c_status,
            row.python_class,
            row.node_code
        )
        .unwrap();
    }
    for KindInfo { name, meaning, cure, .. } in KINDS {
        write!(page, "\n## {name}\n\n{meaning}\n\n**What to do.** {cure}\n").unwrap();
    }
    page
}

fn list<T: ToString>(items: impl Iterator<Item = T>, mark: &str) -> String {
    items.map(|item| format!("{mark}{}{mark}", item.to_string())).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_page_says_what_the_table_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/errors.md differs from the error table; run BLESS=1 cargo test -p byname --test errors_doc");
}
