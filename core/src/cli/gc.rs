//! `byname gc`.

use super::args::Gc;
use super::report::{Report, Voice};
use crate::Error;
use crate::arena::backing;
use crate::kinds::job;
use crate::space::{self, Disuse};
use crate::sys::process;
use std::path::{Path, PathBuf};

pub(super) fn run(voice: Voice, how: &Gc) -> u8 {
    // Before the namespaces are looked at: memory whose namespace is not there then has none.
    let memory = backing::files_of_user(&space::directory());
    let files = match files(&space::directory()) {
        Ok(files) => files,
        Err(error) => return voice.fail(&error),
    };
    let orphans = backing::orphans(memory, &files);
    for path in &files {
        let said = match space::disuse(path, !how.dry_run) {
            Ok(Disuse::Unused) if how.dry_run => (Report::Unused { path }, "unused"),
            Ok(Disuse::Unused) => (Report::Removed { path }, "removed"),
            Ok(Disuse::Used) => (Report::Used { path }, "used"),
            Ok(Disuse::Gone) => continue,
            Err(error) => {
                voice.report(&Report::Skipped { path, why: error.message() });
                voice.answer(&format!("skipped {}: {}", path.display(), error.message()));
                continue;
            }
        };
        voice.report(&said.0);
        voice.answer(&format!("{} {}", said.1, path.display()));
    }
    for path in orphans {
        if !how.dry_run {
            let _ = std::fs::remove_file(&path);
        }
        let (report, said) =
            if how.dry_run { (Report::Unused { path: &path }, "unused") } else { (Report::Removed { path: &path }, "removed") };
        voice.report(&report);
        voice.answer(&format!("{said} {}", path.display()));
    }
    if !how.dry_run {
        job::sweep_orphans(&space::directory());
    }
    0
}

/// The files whose names are those of this user's namespaces.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let ours = format!("byname.v1.local.{}", process::euid());
    let is_ours = |name: &str| name.strip_prefix(&ours).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let fail = |error: std::io::Error| Error::system(&format!("cannot read {}", dir.display()), error.raw_os_error().unwrap_or(0));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.file_name().to_str().is_some_and(is_ours) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
