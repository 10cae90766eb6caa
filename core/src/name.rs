//! Names, parsed at the edge (contract 1.1 to 1.4).
//!
//! ```text
//! name   := [ prefix "\" ] leaf          prefix := "Local" | "Global" | "Session\" digits | private alias
//! leaf   := any characters but "\" and NUL
//! length := at most 260 UTF-16 code units of the whole string as passed, prefix included
//! ```
//!
//! What passes is exactly what the arena stores, as the object's *key*: the leaf, compared byte by byte, never folded or normalised.
//!
//! In the CE profile a name is any characters but `\` and NUL, or none, and each kind has its own: the key is a backslash, which begins no leaf, the
//! letter of the kind, and the name. So objects of the two profiles never meet.

use crate::error::{Error, ErrorKind, Result};

/// The longest name, in UTF-16 code units (contract 1.3).
pub const MAX_NAME_UTF16: usize = 260;
/// The longest key in UTF-8: three bytes for each UTF-16 unit, and what a key of CE begins with.
pub(crate) const MAX_KEY_BYTES: usize = 3 * MAX_NAME_UTF16 + 2;

/// What a parsed name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// The object has no name.
    Unnamed,
    /// A leaf in the namespace's own directory.
    Leaf(&'a str),
    /// `leaf\rest`: no such directory, unless an *object* called `leaf` exists, which answers 6 instead of 3 (N9, N15).
    Directory(&'a str),
}

/// Checks the length alone; it comes before the arguments of the kind (contract 0.5).
pub(crate) fn check_length(name: &str) -> Result<()> {
    if name.len() <= MAX_NAME_UTF16 {
        return Ok(()); // no unit has less than a byte
    }
    let units = name.encode_utf16().count();
    if units > MAX_NAME_UTF16 {
        return Err(Error::new(
            ErrorKind::NameTooLong,
            format!("the name {} has {units} UTF-16 units; at most {MAX_NAME_UTF16} are allowed, prefix included", quoted(name)),
        ));
    }
    Ok(())
}

/// Parses a name whose length has been checked.
pub(crate) fn parse(name: &str) -> Result<Parsed<'_>> {
    if name.is_empty() {
        return Ok(Parsed::Unnamed);
    }
    if name.contains('\0') {
        return Err(invalid(name, "holds a NUL character", 123));
    }
    if name.starts_with('\\') {
        return Err(invalid(name, "begins with a backslash", 161));
    }
    let Some((prefix, leaf)) = name.split_once('\\') else {
        return match name {
            "Global" | "Local" | "Session" => Err(invalid(name, "is the name of a directory", 6)),
            _ => Ok(Parsed::Leaf(name)),
        };
    };
    match prefix {
        "Local" | "Global" => {
            if leaf.is_empty() {
                return Err(invalid(name, "has nothing after its prefix", 123));
            }
            if leaf.starts_with('\\') {
                return Err(invalid(name, "has two backslashes after its prefix", 123));
            }
            if leaf.contains('\\') {
                return Err(no_directory(name));
            }
            if prefix == "Global" {
                return Err(later(
                    name,
                    "Global\\ names reach across users and sessions, which this version of byname does not do yet; use Local\\ or no prefix",
                ));
            }
            Ok(Parsed::Leaf(leaf))
        }
        "Session" if is_session_path(leaf) => Err(later(
            name,
            "Session\\n\\ names are reserved for the system and not supported by this version of byname; choose a session with BYNAME_SESSION",
        )),
        _ => Ok(Parsed::Directory(prefix)),
    }
}

/// The key of a name of the CE profile, for the kind with that letter (contract 1.4).
pub(crate) fn ce_key(name: &str, letter: char) -> Result<String> {
    let refused = |why| Error::new(ErrorKind::InvalidName, format!("the name {} {why}; the CE profile knows no prefixes", quoted(name)));
    match name.find(['\\', '\0']) {
        Some(at) => Err(refused(if name.as_bytes()[at] == 0 { "holds a NUL character" } else { "holds a backslash" })),
        None => Ok(format!("\\{letter}{name}")),
    }
}

/// The name in a key, and whether it is one of the CE profile.
pub(crate) fn of_key(key: &str) -> (&str, bool) {
    match key.strip_prefix('\\') {
        Some(rest) => (rest.get(1..).unwrap_or_default(), true),
        None => (key, false),
    }
}

/// Whether what follows `Session\` is `digits\leaf`.
fn is_session_path(rest: &str) -> bool {
    rest.split_once('\\').is_some_and(|(id, leaf)| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) && !leaf.is_empty())
}

fn invalid(name: &str, why: &str, win32: u32) -> Error {
    Error::new(
        ErrorKind::InvalidName,
        format!("the name {} {why}; a name is [Local\\]leaf, and a leaf holds no backslash and no NUL", quoted(name)),
    )
    .numbered(win32)
}

/// N9, and N15 where an object stands in the directory's place.
pub(crate) fn no_directory_at(name: &str, is_object: bool) -> Error {
    if is_object { invalid(name, "uses an object as a directory", 6) } else { no_directory(name) }
}

/// N9, N10: the directory part of the name does not exist.
fn no_directory(name: &str) -> Error {
    Error::new(
        ErrorKind::PathNotFound,
        format!("the name {} points into a directory that does not exist; a backslash may only follow Local or Global", quoted(name)),
    )
}

fn later(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the name {}: {why}", quoted(name)))
}

/// A name as messages show it: quoted, escaped, cut.
pub(crate) fn quoted(name: &str) -> String {
    let mut text: String = name.chars().take(80).flat_map(|c| c.escape_debug()).collect();
    if name.chars().nth(80).is_some() {
        text.push('…');
    }
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str) -> u32 {
        check_length(name).and_then(|()| parse(name).map(|_| ())).map_or_else(|e| e.win32(), |()| 0)
    }

    #[test]
    fn contract_rows() {
        assert_eq!(parse("").unwrap(), Parsed::Unnamed, "N2");
        assert_eq!(parse("Local\\foo").unwrap(), Parsed::Leaf("foo"), "N7");
        assert_eq!(number("Global\\foo"), 50, "N8 comes with a later version");
        assert_eq!(parse("willy\\wonka").unwrap(), Parsed::Directory("willy"), "N9, N15");
        assert_eq!((number("Global\\a\\b"), number("Local\\a\\b")), (3, 3), "N10");
        assert_eq!(number("\\foo"), 161, "N11");
        assert_eq!((number("Global\\"), number("Local\\")), (123, 123), "N12");
        assert_eq!((number("Global\\\\foo"), number("Local\\\\foo")), (123, 123), "N13");
        assert_eq!(parse("nodir\\").unwrap(), Parsed::Directory("nodir"), "N14");
        assert_eq!((number("Global"), number("Local"), number("Session")), (6, 6, 6), "N16");
        assert_eq!(parse("global\\foo").unwrap(), Parsed::Directory("global"), "N17");
        assert_eq!(number("Session\\1\\foo"), 50, "N18");
        for ordinary in ["foo/bar", "foo:bar", "..", ".", "a b\"*\u{1}", "gl\u{f6}bal"] {
            assert_eq!(parse(ordinary).unwrap(), Parsed::Leaf(ordinary), "N20");
        }
        assert_eq!(number("a\0b"), 123);
    }

    #[test]
    fn contract_rows_of_ce() {
        let number = |name| ce_key(name, 'E').map_or_else(|e| e.win32(), |_| 0);
        assert_eq!(of_key(&ce_key("", 'E').unwrap()), ("", true), "CN2");
        assert_eq!((number("a\\b"), number("\\"), number("Global\\x"), number("a\0")), (123, 123, 123, 123), "CN3, CN4");
        assert_ne!(ce_key("x", 'E').unwrap(), ce_key("x", 'M').unwrap(), "CN5");
        assert_ne!(ce_key("x", 'E').unwrap(), ce_key("X", 'E').unwrap(), "CN7");
        assert_eq!((of_key("x"), of_key(&ce_key("x", 'E').unwrap())), (("x", false), ("x", true)));
        assert!(ce_key(&"\u{20ac}".repeat(MAX_NAME_UTF16), 'E').unwrap().len() <= MAX_KEY_BYTES);
    }

    #[test]
    fn length_counts_utf16_units() {
        for unit in ["a", "\u{20ac}"] {
            assert_eq!(number(&unit.repeat(260)), 0);
            assert_eq!(number(&unit.repeat(261)), 206, "N19");
        }
        assert_eq!(number(&"\u{1f600}".repeat(130)), 0, "a pair of surrogates is two units");
        assert_eq!(number(&"\u{1f600}".repeat(131)), 206);
        assert_eq!(number(&format!("Local\\{}", "a".repeat(254))), 0, "the prefix counts");
        assert_eq!(number(&format!("Local\\{}", "a".repeat(255))), 206);
    }
}
