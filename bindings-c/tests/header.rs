//! `include/byname.h` is what cbindgen prints from the sources, with the statuses printed from the tables.
//!
//! `BLESS=1 cargo test -p byname-c --test header` writes it.

use byname::KINDS;
use byname_c::*;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

/// In the order in which a reader of the header meets them.
const SOURCES: &[&str] = &[
    "status",
    "options",
    "handle",
    "mutex",
    "event",
    "semaphore",
    "timer",
    "watchdog",
    "mapping",
    "queue",
    "processes",
    "job",
    "notifications",
    "wait",
    "process",
];

const ABOUT: &str = "\
/*
 * byname: Windows-style named mutexes, events, semaphores and memory for Linux, shared by every language.
 *
 * Made from the sources of the library; do not edit.
 *
 * A function returns a byname_status: 0 is done, positive is an outcome with news, negative is an error, of which
 * byname_last_error_message() and byname_last_error_win32() tell more. A time-out is an outcome and no error.
 * Outputs are written only on success, and a call that fails changes nothing.
 *
 * Inputs: strings are NUL-terminated UTF-8 and need not live longer than the call. Outputs: a pointer is NULL, where the
 * function allows it, or valid for writing. Arrays have as many elements as their count says. Handles are checked values
 * and may be anything. All functions may be called from any thread, but not from a signal handler, and not between vfork
 * and exec. Signals never end a wait (no EINTR), nor does pthread_cancel, which stays pending until the thread comes back from
 * the call; a thread that may be cancelled asynchronously must not call. A child of fork keeps its parent's handles and owns
 * none of its mutexes. errno is left as it may be: byname_last_error_errno() tells that of a failed call.
 *
 * Times are nanoseconds of the monotonic clock. Numbers in brackets are Win32 error numbers. Contract 3.4, A14 is section 3.4 and row
 * A14 of docs/semantics.md, which says what every call does.
 */";

const MACROS: &str = "\
/** Wait for ever. */
#define BYNAME_INFINITE ((int64_t)-1)

/** Whether a status is an error. */
#define BYNAME_FAILED(status) ((status) < 0)

/** No handle: what a variable may hold before it gets one. */
#define BYNAME_NO_HANDLE { 0 }

/** The own session of the user, or that of BYNAME_SESSION. */
#define BYNAME_NAMESPACE_INIT { NULL, NULL, NULL, BYNAME_PROFILE_DESKTOP, 0 }

/** The defaults: all rights, own session. */
#define BYNAME_OPEN_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_open_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT }

/** The defaults: all rights, own session, free. */
#define BYNAME_MUTEX_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_mutex_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0 }

/** The defaults: all rights, own session, auto reset, not set. */
#define BYNAME_EVENT_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_event_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0 }

/** The defaults: all rights, own session, one unit free, room for as many as there can be, not robust. */
#define BYNAME_SEMAPHORE_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_semaphore_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 1, 0x7FFFFFFF, 0, 0 }

/** The defaults: all rights, own session, processes that outlive the job. */
#define BYNAME_JOB_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_job_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0 }

/** The defaults: all rights, own session, auto reset. */
#define BYNAME_TIMER_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_timer_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0 }

/** The defaults: all rights, own session, memory that is read and written; no size yet. */
#define BYNAME_MAPPING_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_mapping_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, -1, BYNAME_PROTECT_READWRITE }

/** The defaults: all rights, own session, a reading end, no limit, messages of up to 4096 bytes. */
#define BYNAME_QUEUE_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_queue_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, BYNAME_QUEUE_READ, 0, 0, 4096 }

/** The defaults: all rights, own session, no grace, no action. The period must be set. */
#define BYNAME_WATCHDOG_OPTIONS_INIT \\
  { (uint32_t)sizeof(byname_watchdog_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0, BYNAME_ACTION_NONE, 0 }
";

/// Constants that cbindgen would print in decimal.
const CONSTANTS: &[(&str, u32, &str)] = &[
    ("BYNAME_ACCESS_SYNCHRONIZE", BYNAME_ACCESS_SYNCHRONIZE, "The right to wait for an object (SYNCHRONIZE)."),
    (
        "BYNAME_ACCESS_MODIFY_STATE",
        BYNAME_ACCESS_MODIFY_STATE,
        "The right to set an event or a timer, or to release a semaphore (EVENT_MODIFY_STATE, TIMER_MODIFY_STATE, SEMAPHORE_MODIFY_STATE).",
    ),
    ("BYNAME_ACCESS_QUERY_STATE", BYNAME_ACCESS_QUERY_STATE, "The right to look at the state (QUERY_STATE)."),
    ("BYNAME_ACCESS_ALL", BYNAME_ACCESS_ALL, "Every right (MAXIMUM_ALLOWED), the default."),
    ("BYNAME_ACCESS_MAP_READ", BYNAME_ACCESS_MAP_READ, "Views of a mapping that read (FILE_MAP_READ)."),
    ("BYNAME_ACCESS_MAP_WRITE", BYNAME_ACCESS_MAP_WRITE, "Views of a mapping that write (FILE_MAP_WRITE)."),
    ("BYNAME_ACCESS_MAP_COPY", BYNAME_ACCESS_MAP_COPY, "Views of a mapping whose writer keeps what he writes (FILE_MAP_COPY)."),
    ("BYNAME_ACCESS_MAP_EXECUTE", BYNAME_ACCESS_MAP_EXECUTE, "Views of a mapping that can be executed (FILE_MAP_EXECUTE)."),
    ("BYNAME_PROTECT_READONLY", BYNAME_PROTECT_READONLY, "Views read, or copy on write (PAGE_READONLY)."),
    ("BYNAME_PROTECT_READWRITE", BYNAME_PROTECT_READWRITE, "Views write, too (PAGE_READWRITE), the default."),
    ("BYNAME_PROTECT_WRITECOPY", BYNAME_PROTECT_WRITECOPY, "As READONLY (PAGE_WRITECOPY)."),
    ("BYNAME_PROTECT_EXECUTE_READ", BYNAME_PROTECT_EXECUTE_READ, "As READONLY, and views may be executed (PAGE_EXECUTE_READ)."),
    (
        "BYNAME_PROTECT_EXECUTE_READWRITE",
        BYNAME_PROTECT_EXECUTE_READWRITE,
        "As READWRITE, and views may be executed (PAGE_EXECUTE_READWRITE).",
    ),
    (
        "BYNAME_PROTECT_EXECUTE_WRITECOPY",
        BYNAME_PROTECT_EXECUTE_WRITECOPY,
        "As WRITECOPY, and views may be executed (PAGE_EXECUTE_WRITECOPY).",
    ),
    (
        "BYNAME_PROTECT_RESERVE",
        BYNAME_PROTECT_RESERVE,
        "Or-ed to a protection: memory comes when a page is touched, and SIGBUS if there is none left then (SEC_RESERVE).",
    ),
    (
        "BYNAME_PROTECT_COMMIT",
        BYNAME_PROTECT_COMMIT,
        "Or-ed to a protection: all of the memory is there at once, the default (SEC_COMMIT).",
    ),
];

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn version() -> String {
    let mut text = format!(
        "/** The version of this header; byname_version() is that of the library. */\n#define BYNAME_VERSION \"{}\"\n",
        env!("CARGO_PKG_VERSION")
    );
    for (part, value) in
        [("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")), ("MINOR", env!("CARGO_PKG_VERSION_MINOR")), ("PATCH", env!("CARGO_PKG_VERSION_PATCH"))]
    {
        writeln!(text, "#define BYNAME_VERSION_{part} {value}").unwrap();
    }
    text
}

fn constants() -> String {
    CONSTANTS.iter().map(|(name, value, meaning)| format!("/** {meaning} */\n#define {name} 0x{value:08X}u\n\n")).collect()
}

fn statuses() -> String {
    let mut text =
        String::from("/** The result of a call. */\ntypedef int32_t byname_status;\n\n/** The values of a byname_status. */\nenum {\n");
    for (name, value, meaning) in OUTCOMES {
        writeln!(text, "  /** {meaning} */\n  {name} = {value},").unwrap();
    }
    let last = KINDS.len() - 1;
    for (i, row) in KINDS.iter().enumerate() {
        let numbers = row.win32.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let comma = if i == last { "" } else { "," };
        writeln!(text, "  /** {} ({numbers}) {} */\n  {} = {}{comma}", row.meaning, row.cure, row.c_name, row.c_status).unwrap();
    }
    text + "};\n"
}

fn generated() -> String {
    let mut config = cbindgen::Config::from_file(package().join("cbindgen.toml")).expect("cbindgen.toml reads");
    config.header = Some(ABOUT.to_owned());
    config.after_includes = Some(format!("\n{}\n{}\n{}{MACROS}", version(), statuses(), constants()));
    config.export.exclude.extend(CONSTANTS.iter().map(|(name, ..)| (*name).to_owned()));
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(package().join(format!("src/{source}.rs")));
    }
    let mut bytes = Vec::new();
    builder.generate().expect("cbindgen understands the sources").write(&mut bytes);
    String::from_utf8(bytes).expect("the header is UTF-8")
}

fn checked_in() -> PathBuf {
    package().join("include/byname.h")
}

#[test]
fn the_header_is_up_to_date() {
    let text = generated();
    if env::var_os("BLESS").is_some() {
        fs::write(checked_in(), &text).expect("the header can be written");
    }
    let found = fs::read_to_string(checked_in()).expect("the header is checked in");
    let differs = text.lines().zip(found.lines()).find(|(new, old)| new != old);
    assert!(
        text == found,
        "include/byname.h is not what the sources say, first here: {differs:?}; run BLESS=1 cargo test -p byname-c --test header"
    );
}

#[test]
fn each_exported_function_stands_in_the_header_with_a_comment() {
    let header = generated();
    let mut exported = 0;
    for entry in fs::read_dir(package().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("no_mangle") || SOURCES.contains(&name), "{name}.rs exports and is not in SOURCES");
        for line in text.lines().filter(|line| line.starts_with("pub") && line.contains("extern \"C\" fn ")) {
            let function = line.split("fn ").nth(1).unwrap().split('(').next().unwrap();
            assert!(documented(&header, function), "{function} has no comment in the header");
            exported += 1;
        }
    }
    assert!(exported >= 30, "only {exported} functions found: this test no longer sees them");
}

/// Whether the declaration of the function follows the end of a comment.
fn documented(header: &str, function: &str) -> bool {
    let lines: Vec<&str> = header.lines().collect();
    let at = lines.iter().position(|line| line.contains(&format!("{function}(")) && !line.trim_start().starts_with(['*', '/']));
    at.is_some_and(|at| at > 0 && lines[at - 1].trim_end().ends_with("*/"))
}

#[test]
fn the_status_table_has_no_gaps() {
    let text = statuses();
    for row in KINDS {
        assert!(text.contains(&format!("{} = {}", row.c_name, row.c_status)), "{}", row.c_name);
    }
}
