//! Where the keeper thread tells an environment that waits are over.
//!
//! It leaves the wait's key and, where the box was empty, rings: one thread-safe function for each environment,
//! which runs the JavaScript function that empties the box. The libuv pool has no part in it.

use crate::fault::Fault;
use crate::js::{Js, Value};
use napi_sys as sys;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ptr;
use std::sync::Arc;

/// The box, shared with the callbacks of pending waits.
#[derive(Debug)]
pub(crate) struct Mailbox(Mutex<Content>);

#[derive(Debug)]
struct Content {
    keys: VecDeque<u64>,
    /// None once the environment ends: Node frees the function then, so nothing may ring it.
    bell: Option<Bell>,
}

/// A thread-safe function, alive as long as it stands in its mailbox.
#[derive(Debug)]
struct Bell(sys::napi_threadsafe_function);

// SAFETY: Node-API lets any thread call a thread-safe function that has not been finalized; the mailbox's lock and
// `close` see to the latter.
unsafe impl Send for Bell {}

impl Mailbox {
    /// A mailbox that is emptied by the JavaScript function `drain`. It does not keep the loop alive until `hold`.
    pub(crate) fn open<'s>(js: Js<'s>, drain: Value<'s>) -> Result<Arc<Mailbox>, Fault> {
        let name = js.make_text("byname")?;
        let mut bell = ptr::null_mut();
        // SAFETY: a live environment, function and name; no resource, finalizer, context or callback of our own; one
        // user (the mailbox); a live output.
        js.check(unsafe {
            sys::napi_create_threadsafe_function(
                js.env(),
                drain.raw(),
                ptr::null_mut(),
                name.raw(),
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                None,
                &mut bell,
            )
        })?;
        let mailbox = Arc::new(Mailbox(Mutex::new(Content { keys: VecDeque::new(), bell: Some(Bell(bell)) })));
        mailbox.hold(js, false)?;
        Ok(mailbox)
    }

    /// Leaves a key. Any thread; never blocks for longer than another `post` or `take`.
    pub(crate) fn post(&self, key: u64) {
        let mut content = self.0.lock();
        let Some(Bell(bell)) = content.bell else { return };
        content.keys.push_back(key);
        if content.keys.len() == 1 {
            // SAFETY: the function is alive while it stands in the box, and the lock keeps it there. The queue has no
            // limit, so this does not block; it fails only in an environment that ends, where nobody reads the box.
            unsafe { sys::napi_call_threadsafe_function(bell, ptr::null_mut(), sys::ThreadsafeFunctionCallMode::nonblocking) };
        }
    }

    /// Takes a key out. Who takes until it is empty misses none: the next post rings.
    pub(crate) fn take(&self) -> Option<u64> {
        self.0.lock().keys.pop_front()
    }

    /// Whether the mailbox keeps the event loop alive: while waits are pending.
    pub(crate) fn hold(&self, js: Js<'_>, hold: bool) -> Result<(), Fault> {
        let content = self.0.lock();
        let Some(Bell(bell)) = content.bell else { return Ok(()) };
        // SAFETY: the environment's own thread (a Js says so), and a function that is alive.
        js.check(unsafe {
            if hold { sys::napi_ref_threadsafe_function(js.env(), bell) } else { sys::napi_unref_threadsafe_function(js.env(), bell) }
        })
    }

    /// Ends it: nothing rings afterwards. Called on the environment's thread before Node frees the function.
    pub(crate) fn close(&self) {
        let bell = self.0.lock().bell.take();
        if let Some(Bell(bell)) = bell {
            // SAFETY: alive until now, and given back once, since it was taken out of the box.
            unsafe { sys::napi_release_threadsafe_function(bell, sys::ThreadsafeFunctionReleaseMode::abort) };
        }
    }
}
