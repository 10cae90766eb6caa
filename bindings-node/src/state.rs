//! What one environment owns: its handles, grants and pending waits.
//!
//! Made when the module is loaded, emptied by a clean-up hook when the environment ends (the process exits, or a worker
//! is terminated): waits are cancelled, and a lock won in that instant goes back; grants still held are abandoned; handles are closed.

use crate::fault::Fault;
use crate::js::{Js, Kept, Native, Reply, Value};
use crate::mailbox::Mailbox;
use crate::slab::Slab;
use crate::waits::Pending;
use byname::engine::{Grant, Handle, HandleRef, Namespace};
use napi_sys as sys;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// The tables of one environment, touched by its thread only.
pub(crate) struct State {
    handles: RefCell<Slab<HandleRef>>,
    pub(crate) grants: RefCell<Slab<Grant>>,
    pub(crate) namespaces: RefCell<Vec<Namespace>>,
    pub(crate) waits: RefCell<HashMap<u64, Pending>>,
    pub(crate) next_key: Cell<u64>,
    /// What the quickest calls take and give: JavaScript lays a slot here and finds a grant, through a window on this memory,
    /// which costs a fraction of an argument and a result.
    desk: Desk,
    world: OnceCell<World>,
}

/// A slot; with a grant's, its fence's low and high half, and whether its mutex was abandoned.
#[derive(Default)]
#[repr(C)]
struct Desk {
    slot: Cell<u32>,
    fence: [Cell<u32>; 2],
    abandoned: Cell<u32>,
}

/// What `setup` brings from JavaScript.
struct World {
    error_class: Kept,
    nothing: Kept,
    mailbox: Arc<Mailbox>,
}

/// An id that the engine gives to no handle, so that a closed one is answered by the engine like any other call.
const CLOSED: u64 = u64::MAX;

impl State {
    /// Takes a handle over and returns its slot.
    pub(crate) fn adopt(&self, handle: Handle) -> u32 {
        self.handles.borrow_mut().insert(HandleRef::from_id(handle.into_id()))
    }

    /// The handle in `slot`, a closed one where there is none.
    #[inline]
    pub(crate) fn handle(&self, slot: u32) -> HandleRef {
        self.handles.borrow().get(slot).copied().unwrap_or_else(|| HandleRef::from_id(CLOSED))
    }

    /// Closes the handle in `slot`, and frees the slot with it.
    pub(crate) fn close(&self, slot: u32) -> byname::Result<()> {
        let handle = self.handle(slot);
        let closed = handle.close();
        if !handle.is_open() {
            self.handles.borrow_mut().remove(slot);
        }
        closed
    }

    /// The slot on the desk.
    #[inline]
    pub(crate) fn asked(&self) -> u32 {
        self.desk.slot.get()
    }

    /// Keeps a grant and lays it on the desk.
    #[inline(always)]
    pub(crate) fn give(&self, grant: Grant) {
        let fence = grant.fence();
        self.desk.fence[0].set(fence as u32);
        self.desk.fence[1].set((fence >> 32) as u32);
        self.desk.abandoned.set(grant.abandoned().into());
        self.desk.slot.set(self.grants.borrow_mut().insert(grant));
    }

    /// Lays on the desk that there is no grant.
    pub(crate) fn give_none(&self) {
        self.desk.slot.set(0);
    }

    pub(crate) fn error_class(&self) -> Option<&Kept> {
        self.world.get().map(|world| &world.error_class)
    }

    pub(crate) fn mailbox(&self) -> Result<&Arc<Mailbox>, Fault> {
        self.world.get().map(|world| &world.mailbox).ok_or_else(not_set_up)
    }

    /// Whether somebody wants this thread to stop running JavaScript: a worker that is being terminated, a process that
    /// exits, Ctrl-C in the REPL. Node tells only those who try to run some.
    pub(crate) fn terminated(&self, js: Js<'_>) -> bool {
        let Some(world) = self.world.get() else { return false };
        !matches!(js.scoped(|| js.call(js.kept(&world.nothing)?)), Ok(Ok(())))
    }

    /// Lets go of everything. The mailbox first, so that nothing rings for the waits that end here.
    fn empty(&self) {
        if let Some(world) = self.world.get() {
            world.mailbox.close();
        }
        drop(self.waits.take());
        drop(self.grants.replace(Slab::new()));
        for handle in self.handles.replace(Slab::new()).into_values() {
            // Refused where the namespace is lost, and the handle with it, or where the handle is to outlive the environment.
            let _ = handle.close();
        }
    }
}

fn not_set_up() -> Fault {
    Fault::Type("the byname addon was loaded without its JavaScript part; require the package instead".into())
}

/// Fills `exports` and ties a new state to the environment's life.
pub(crate) fn install(js: Js<'_>, exports: sys::napi_value, natives: &[Native]) -> Result<(), Fault> {
    let state = Box::into_raw(Box::new(State {
        handles: RefCell::new(Slab::new()),
        grants: RefCell::new(Slab::new()),
        namespaces: RefCell::default(),
        waits: RefCell::default(),
        next_key: Cell::new(1),
        desk: Desk::default(),
        world: OnceCell::new(),
    }));
    // SAFETY: a live environment; the pointer is a leaked Box, which `free` takes back when the environment is gone.
    js.check(unsafe { sys::napi_set_instance_data(js.env(), state.cast(), Some(free), ptr::null_mut()) })?;
    for native in natives {
        js.set_property(exports, native.0, js.function(*native, state)?)?;
    }
    js.set_property(exports, "version", js.make_text(env!("CARGO_PKG_VERSION"))?)
}

/// The environment and all its values are gone.
unsafe extern "C" fn free(_: sys::napi_env, state: *mut c_void, _: *mut c_void) {
    // SAFETY: the pointer that `install` leaked, given back once; no function that uses it can be called any more.
    drop(unsafe { Box::from_raw(state.cast::<State>()) });
}

/// The environment is about to end; it runs no more JavaScript.
unsafe extern "C" fn ending(state: *mut c_void) {
    // SAFETY: registered by `setup` with its own State, which lives until `free`.
    unsafe { &*state.cast::<State>() }.empty();
}

/// `setup(ByNameError, nothing, drain) -> ArrayBuffer`: takes the error class, a function that does nothing and the one
/// that empties the mailbox; returns the window on the desk.
pub(crate) fn setup<'s>(js: Js<'s>, state: &'s State, [error_class, nothing, drain]: [Value<'s>; 3]) -> Reply<'s> {
    let world = World { error_class: js.keep(error_class)?, nothing: js.keep(nothing)?, mailbox: Mailbox::open(js, drain)? };
    if state.world.set(world).is_err() {
        return Err(Fault::Type("the byname addon is set up already; require the package instead".into()));
    }
    // Hooks run last in, first out: ours before the one with which Node frees the mailbox's function.
    // SAFETY: a live environment, and a State that outlives its hooks.
    js.check(unsafe { sys::napi_add_env_cleanup_hook(js.env(), Some(ending), ptr::from_ref(state).cast_mut().cast()) })?;
    // SAFETY: the state lives as long as the environment and never moves; only this thread touches the desk, four cells of 32 bits.
    unsafe { js.make_window(ptr::from_ref(&state.desk).cast_mut().cast(), size_of_val(&state.desk)) }
}
