//! A namespace directory that is full, read-only, missing, or holds what somebody planted: an error of its kind, and nothing half-made.
//!
//! The directory of a process is chosen once, so every case runs in a child: this binary again, with `BYNAME_DIR` set. File systems of a given size
//! take a mount, which only root may make; elsewhere those cases say that they were skipped.

use byname::{Event, Reset, Semaphore};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Runs `case` (an ignored test of this file) with the directory `dir` and gives what it printed last.
fn in_child(case: &str, dir: &Path) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([case, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("BYNAME_DIR", dir)
        .env("BYNAME_SESSION", "scarce")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    said.lines().find_map(|line| line.strip_prefix("said ")).unwrap_or_default().to_owned()
}

/// A directory of its own, removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("byname-scarce-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    /// Mounts a file system over it; false (and says so) where that is not allowed.
    fn mount(&self, options: &str) -> bool {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&self.0).output();
        let done = mounted.is_ok_and(|m| m.status.success());
        if !done {
            eprintln!("skipped: {} cannot be mounted here ({options})", self.0.display());
        }
        done
    }

    fn is_empty(&self) -> bool {
        std::fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Child: says how the first creation ends.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_creates() {
    match Event::create("e", Reset::Auto) {
        Ok(_) => println!("\nsaid ok"),
        Err(error) => println!("\nsaid {:?} {}", error.kind(), error.win32()),
    }
}

/// Child: creates until the file system is full, and then uses what it has.
#[test]
#[ignore = "run as a child by the other tests"]
fn child_fills() {
    let first = Semaphore::create("first", 0, 1).unwrap();
    let mut events = Vec::new();
    let error = loop {
        match Event::create(&format!("event {}", events.len()), Reset::Auto) {
            Ok(event) => events.push(event),
            Err(error) => break error,
        }
    };
    assert!(events.len() > 100, "room for some");
    assert!(first.acquire_for(Duration::from_millis(5)).unwrap().is_none(), "waits go on");
    first.release(1).unwrap();
    events.pop();
    Event::create("instead", Reset::Auto).unwrap();
    println!("\nsaid {:?} {}", error.kind(), error.win32());
}

#[test]
fn too_small_from_the_beginning() {
    for size in ["size=64k", "size=2300k"] {
        let dir = Dir::new(size);
        if dir.mount(size) {
            assert_eq!(in_child("child_creates", &dir.0), "NoSpace 8");
            assert!(dir.is_empty(), "nothing half-made");
        }
    }
}

#[test]
fn full_later() {
    let dir = Dir::new("full");
    if dir.mount("size=4m") {
        assert_eq!(in_child("child_fills", &dir.0), "NoSpace 8");
        assert!(dir.is_empty());
    }
}

#[test]
fn read_only_or_missing() {
    let dir = Dir::new("ro");
    if dir.mount("ro") {
        assert_eq!(in_child("child_creates", &dir.0), "Unsupported 50");
    }
    assert_eq!(in_child("child_creates", Path::new("/nonexistent/byname")), "PathNotFound 3");
}

#[test]
fn what_somebody_planted_is_refused() {
    let dir = Dir::new("planted");
    assert_eq!(in_child("child_creates", &dir.0), "ok", "the directory itself is good");
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&dir.0).unwrap());
    let file = dir.0.join(format!("byname.v1.local.{uid}.scarce"));

    std::fs::create_dir(&file).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "AccessDenied 5", "a directory");
    std::fs::remove_dir(&file).unwrap();

    std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "AccessDenied 5", "a link");
    std::fs::remove_file(&file).unwrap();

    std::fs::write(&file, "not ours").unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "AccessDenied 5", "a file that others may read");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "Corrupted 1392", "a file with other content");
    std::fs::write(&file, [b"byname\0\x1a\xff\xff\xff\x7f".as_slice(), &[0; 4096]].concat()).unwrap();
    assert_eq!(in_child("child_creates", &dir.0), "VersionMismatch 13", "another format");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 12 + 4096, "and left as it was");
}
