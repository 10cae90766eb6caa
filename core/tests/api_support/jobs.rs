//! Jobs by either of their means: groups of version 2, or marks where there are none.

use byname::{ErrorKind, Job, Result};
use std::process::Command;

const WITHOUT_GROUPS: &str = "BYNAME_TEST_WITHOUT_GROUPS";

/// Whether this run sees no control groups of version 2.
pub fn is_without_groups() -> bool {
    std::env::var_os(WITHOUT_GROUPS).is_some()
}

/// What was made; `None`, with a word why, where there are no jobs.
pub fn where_possible(made: Result<Job>) -> Option<Job> {
    match made {
        Err(error) if error.kind() == ErrorKind::Unsupported && !is_without_groups() => {
            eprintln!("skipped: {error}");
            None
        }
        made => {
            assert!(!is_without_groups() || made.as_ref().unwrap().backend() == "processes", "there are no control groups");
            Some(made.unwrap())
        }
    }
}

/// Runs all of this file once more, where processes are marked; with `-a` without groups of version 1, too.
pub fn once_more_without_groups(options: &[&str]) {
    let tool = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/without_groups.sh");
    if is_without_groups() || !tool.exists() {
        return;
    }
    let mut command = Command::new("sh");
    command.arg(&tool).args(options).arg(std::env::current_exe().unwrap()).env(WITHOUT_GROUPS, "1");
    match command.status().unwrap().code() {
        Some(77) => eprintln!("skipped: no mounts of its own can be made for the command"),
        code => assert_eq!(code, Some(0)),
    }
}
