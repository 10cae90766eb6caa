//! Another process: this test binary again, of which it runs the test `the_child`, in a role that the environment names.

use super::{SHORT, session};
use byname::{Event, Reset};
use std::ffi::OsStr;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};

const ROLE: &str = "BYNAME_TEST_ROLE";
const WITH: &str = "BYNAME_TEST_WITH";
const READY: &str = "BYNAME_TEST_READY";

/// A child in its role, killed at the latest when the test ends.
pub struct Actor(pub Child);

impl Actor {
    /// Starts the child, with what its role is about, and waits until it is [`ready`].
    pub fn start(role: &str, with: impl AsRef<OsStr>) -> Actor {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let (namespace, name) = (session(), format!("actor {} is ready", STARTED.fetch_add(1, Ordering::Relaxed)));
        let is_ready = Event::options().namespace(&namespace).create(&name, Reset::Auto).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_child", "--nocapture"])
            .env(ROLE, role)
            .env(WITH, with)
            .env(READY, name)
            .env("BYNAME_SESSION", namespace.session_name().unwrap())
            .spawn()
            .unwrap();
        let mut actor = Actor(child);
        while is_ready.wait_for(SHORT).unwrap().is_none() {
            let ended = actor.0.try_wait().unwrap();
            assert!(ended.is_none() || is_ready.is_set().unwrap(), "{role} ended before it was ready");
        }
        actor
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In a child: its role and what that is about. `None` where the tests run.
pub fn role() -> Option<(String, String)> {
    Some((std::env::var(ROLE).ok()?, std::env::var(WITH).ok()?))
}

/// In a child: says that it is ready.
pub fn ready() {
    Event::open(&std::env::var(READY).unwrap()).unwrap().set().unwrap();
}

/// In a child, when it is ready: lives until it is killed.
pub fn stay() {
    Event::unnamed(Reset::Auto).unwrap().wait().unwrap();
}
