//! Node-API behind types that cannot be misused: the few calls that this module makes, and nothing else.
//!
//! A [`Js`] exists only while Node is calling us on the environment's own thread, and a [`Value`] no longer than the
//! call it came from; both say so by their lifetime. That is what makes the calls below sound.

use crate::fault::Fault;
use crate::state::State;
use byname::Error;
use byname::engine::View;
use napi_sys as sys;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// An environment during one call from JavaScript.
#[derive(Clone, Copy)]
pub(crate) struct Js<'s> {
    env: sys::napi_env,
    scope: PhantomData<&'s ()>,
}

/// A JavaScript value, as long as the call that it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Value<'s> {
    raw: sys::napi_value,
    scope: PhantomData<&'s ()>,
}

/// A JavaScript value kept across calls, for the life of the environment.
#[derive(Debug)]
pub(crate) struct Kept(sys::napi_ref);

/// What a native function returns.
pub(crate) type Reply<'s> = Result<Value<'s>, Fault>;

/// One row of the export table: the name in JavaScript and the entry that Node calls.
pub(crate) type Native = (&'static str, unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value);

/// Makes the export table: for each function an `extern "C"` entry of its own, so that the body is inlined into it.
macro_rules! natives {
    ($($name:literal => $body:path),+ $(,)?) => {
        &[$({
            unsafe extern "C" fn entry(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
                // SAFETY: only Node calls this, with the environment and call information of the call it makes.
                unsafe { $crate::js::enter(env, info, $body) }
            }
            ($name, entry as _)
        }),+]
    };
}
pub(crate) use natives;

/// Runs `body` for one call from JavaScript: fetches arguments and state, turns a fault or panic into an exception.
///
/// # Safety
/// - Called by Node on the environment's thread, with that call's `env` and `info`.
/// - The function was made by [`Js::function`], so its data is the environment's [`State`].
#[inline(always)]
pub(crate) unsafe fn enter<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl for<'s> Fn(Js<'s>, &'s State, [Value<'s>; N]) -> Reply<'s>,
) -> sys::napi_value {
    let mut raw = [ptr::null_mut(); N];
    let mut count = N;
    let mut data = ptr::null_mut();
    // SAFETY: `raw` has room for `count` values (missing ones become undefined); the other outputs are live locals.
    let status = unsafe { sys::napi_get_cb_info(env, info, &mut count, raw.as_mut_ptr(), ptr::null_mut(), &mut data) };
    if status != sys::Status::napi_ok {
        return ptr::null_mut();
    }
    // SAFETY: `data` is the State that `Js::function` was given; it lives until the environment's last finalizer.
    let state = unsafe { &*data.cast::<State>() };
    // SAFETY: this is a call from Node, which the caller promises.
    let js = unsafe { Js::new(env) };
    match catch_unwind(AssertUnwindSafe(|| body(js, state, raw.map(Value::new)))) {
        Ok(Ok(value)) => value.raw,
        Ok(Err(fault)) => fault.throw(js, Some(state)),
        Err(_) => Fault::panicked().throw(js, Some(state)),
    }
}

impl<'s> Value<'s> {
    /// `undefined`: Node reads a null pointer as that.
    pub(crate) const UNDEFINED: Value<'static> = Value { raw: ptr::null_mut(), scope: PhantomData };

    fn new(raw: sys::napi_value) -> Self {
        Value { raw, scope: PhantomData }
    }
}

/// Turns a status into a result. What is not our caller's mistake is an exception already pending, or an environment
/// that is being torn down and takes no more calls.
#[inline]
fn check(status: sys::napi_status) -> Result<(), Fault> {
    match status {
        sys::Status::napi_ok => Ok(()),
        _ => Err(refused(status)),
    }
}

#[cold]
fn refused(status: sys::napi_status) -> Fault {
    match status {
        sys::Status::napi_pending_exception | sys::Status::napi_cannot_run_js | sys::Status::napi_closing => Fault::Pending,
        _ => Fault::Type(
            "a function of the byname addon was called with an argument of the wrong type; use the classes that the package exports".into(),
        ),
    }
}

/// Reading JavaScript values.
impl<'s> Js<'s> {
    /// # Safety
    /// Node is calling us on the thread of `env`, and its handle scope outlives `'s`.
    pub(crate) unsafe fn new(env: sys::napi_env) -> Self {
        Js { env, scope: PhantomData }
    }

    /// A 32-bit integer: a slot or a choice.
    #[inline]
    pub(crate) fn int(self, value: Value<'s>) -> Result<u32, Fault> {
        let mut result = 0;
        // SAFETY: a live environment and value (the type's promise), and a live output.
        check(unsafe { sys::napi_get_value_uint32(self.env, value.raw, &mut result) })?;
        Ok(result)
    }

    #[inline]
    pub(crate) fn number(self, value: Value<'s>) -> Result<f64, Fault> {
        let mut result = 0.0;
        // SAFETY: as in `int`.
        check(unsafe { sys::napi_get_value_double(self.env, value.raw, &mut result) })?;
        Ok(result)
    }

    pub(crate) fn bool(self, value: Value<'s>) -> Result<bool, Fault> {
        let mut result = false;
        // SAFETY: as in `int`.
        check(unsafe { sys::napi_get_value_bool(self.env, value.raw, &mut result) })?;
        Ok(result)
    }

    pub(crate) fn is_undefined(self, value: Value<'s>) -> Result<bool, Fault> {
        let mut result = sys::ValueType::napi_undefined;
        // SAFETY: as in `int`.
        check(unsafe { sys::napi_typeof(self.env, value.raw, &mut result) })?;
        Ok(result == sys::ValueType::napi_undefined)
    }

    /// A string, which JavaScript keeps as UTF-16 and may be ill-formed; `what` names it in the error.
    pub(crate) fn text(self, value: Value<'s>, what: &str) -> Result<String, Fault> {
        let mut length = 0;
        // SAFETY: as in `int`; a null buffer asks for the length.
        check(unsafe { sys::napi_get_value_string_utf16(self.env, value.raw, ptr::null_mut(), 0, &mut length) })?;
        let mut units = vec![0u16; length + 1];
        // SAFETY: as in `int`; the buffer has the `length + 1` units that the call is told of.
        check(unsafe { sys::napi_get_value_string_utf16(self.env, value.raw, units.as_mut_ptr().cast(), units.len(), &mut length) })?;
        units.truncate(length);
        String::from_utf16(&units).map_err(|_| {
            let shown: String = String::from_utf16_lossy(&units).chars().take(80).collect();
            Error::invalid_name(format!(
                "the {what} {shown:?} holds an unpaired surrogate, which UTF-8 cannot express; use well-formed strings"
            ))
            .into()
        })
    }

    /// The content of a `Uint32Array`.
    pub(crate) fn ints(self, value: Value<'s>) -> Result<Vec<u32>, Fault> {
        let mut kind = 0;
        let mut length = 0;
        let mut data = ptr::null_mut();
        // SAFETY: as in `int`; the outputs we do not want may be null.
        check(unsafe {
            sys::napi_get_typedarray_info(self.env, value.raw, &mut kind, &mut length, &mut data, ptr::null_mut(), ptr::null_mut())
        })?;
        if kind != sys::TypedarrayType::uint32_array {
            return Err(refused(sys::Status::napi_invalid_arg));
        }
        if length == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: Node gave `length` aligned integers at `data`; no JavaScript runs before they are copied.
        Ok(unsafe { std::slice::from_raw_parts(data.cast::<u32>(), length) }.to_vec())
    }
}

/// Bytes.
impl<'s> Js<'s> {
    /// Where the content of a `Uint8Array` is, and how much.
    fn content(self, value: Value<'s>) -> Result<(*const u8, usize), Fault> {
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: as in `int`; the outputs we do not want may be null.
        check(unsafe {
            sys::napi_get_typedarray_info(self.env, value.raw, &mut kind, &mut length, &mut data, ptr::null_mut(), ptr::null_mut())
        })?;
        if kind != sys::TypedarrayType::uint8_array {
            return Err(refused(sys::Status::napi_invalid_arg));
        }
        Ok((data.cast::<u8>(), length))
    }

    /// Calls `with` with the content of a `Uint8Array`.
    ///
    /// The bytes are the array's own: no JavaScript of this thread runs meanwhile. (One that is shared with a worker may change under the copy, as
    /// under every reader.)
    pub(crate) fn bytes<R>(self, value: Value<'s>, with: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        match self.content(value)? {
            (_, 0) => Ok(with(&[])),
            // SAFETY: Node gave `length` bytes at `data`, which stay as long as the value does.
            (data, length) => Ok(with(unsafe { std::slice::from_raw_parts(data, length) })),
        }
    }

    /// A copy of the content of a `Uint8Array`, whose memory may be anybody's.
    pub(crate) fn copied(self, value: Value<'s>) -> Result<Vec<u8>, Fault> {
        let (data, length) = self.content(value)?;
        let mut copy = vec![0; length];
        if length > 0 {
            // SAFETY: Node gave `length` bytes at `data`, and the vector has as many. Others may write to shared memory meanwhile; bytes are bytes then, too.
            unsafe { ptr::copy_nonoverlapping(data, copy.as_mut_ptr(), length) };
        }
        Ok(copy)
    }

    /// An `ArrayBuffer` with a copy of `bytes`.
    pub(crate) fn make_copy(self, bytes: &[u8]) -> Reply<'s> {
        let mut data = ptr::null_mut();
        // SAFETY: as in `make_int`.
        let buffer = self.made(|env, out| unsafe { sys::napi_create_arraybuffer(env, bytes.len(), &mut data, out) })?;
        if !bytes.is_empty() {
            // SAFETY: Node made room for as many bytes at `data`, which nobody else has yet.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast::<u8>(), bytes.len()) };
        }
        Ok(buffer)
    }

    /// An `ArrayBuffer` over the bytes of a view, which is dropped with it.
    pub(crate) fn make_buffer_over(self, view: View) -> Reply<'s> {
        let (data, length) = (view.as_ptr().cast_mut().cast::<c_void>(), view.len());
        let view = Box::into_raw(Box::new(view));
        // SAFETY: as in `make_int`; the bytes stay mapped until `unmap`, which Node calls once when the buffer is gone.
        let made = self.made(|env, out| unsafe { sys::napi_create_external_arraybuffer(env, data, length, Some(unmap), view.cast(), out) });
        made.inspect_err(|_| {
            // SAFETY: leaked above, and Node has not taken it over.
            drop(unsafe { Box::from_raw(view) });
        })
    }

    /// Detaches an `ArrayBuffer`, unless it is so already.
    pub(crate) fn detach(self, buffer: Value<'s>) -> Result<(), Fault> {
        let mut is_detached = false;
        // SAFETY: as in `int`.
        check(unsafe { sys::napi_is_detached_arraybuffer(self.env, buffer.raw, &mut is_detached) })?;
        if is_detached {
            return Ok(());
        }
        // SAFETY: a live environment and value.
        check(unsafe { sys::napi_detach_arraybuffer(self.env, buffer.raw) })
    }
}

unsafe extern "C" fn unmap(_: sys::napi_env, _: *mut c_void, view: *mut c_void) {
    // SAFETY: the pointer that `make_buffer_over` leaked, given back once; the buffer is gone or detached, so nobody reads there.
    drop(unsafe { Box::from_raw(view.cast::<View>()) });
}

/// Making JavaScript values.
impl<'s> Js<'s> {
    #[inline]
    fn made(self, make: impl FnOnce(sys::napi_env, *mut sys::napi_value) -> sys::napi_status) -> Reply<'s> {
        let mut raw = ptr::null_mut();
        check(make(self.env, &mut raw))?;
        Ok(Value::new(raw))
    }

    #[inline]
    pub(crate) fn make_int(self, value: u32) -> Reply<'s> {
        // SAFETY: a live environment (the type's promise) and a live output.
        self.made(|env, out| unsafe { sys::napi_create_uint32(env, value, out) })
    }

    pub(crate) fn make_number(self, value: f64) -> Reply<'s> {
        // SAFETY: as in `make_int`.
        self.made(|env, out| unsafe { sys::napi_create_double(env, value, out) })
    }

    #[inline]
    pub(crate) fn make_bool(self, value: bool) -> Reply<'s> {
        // SAFETY: as in `make_int`.
        self.made(|env, out| unsafe { sys::napi_get_boolean(env, value, out) })
    }

    pub(crate) fn make_null(self) -> Reply<'s> {
        // SAFETY: as in `make_int`.
        self.made(|env, out| unsafe { sys::napi_get_null(env, out) })
    }

    pub(crate) fn make_text(self, text: &str) -> Reply<'s> {
        // SAFETY: as in `make_int`; pointer and length are of one live string.
        self.made(|env, out| unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, out) })
    }

    /// A `Buffer` with a copy of the bytes.
    pub(crate) fn make_buffer(self, bytes: &[u8]) -> Reply<'s> {
        // SAFETY: as in `make_int`; pointer and length are of one live slice; the address of the copy is not wanted.
        self.made(|env, out| unsafe { sys::napi_create_buffer_copy(env, bytes.len(), bytes.as_ptr().cast(), ptr::null_mut(), out) })
    }

    /// An array of `items`.
    pub(crate) fn make_array(self, items: &[Value<'s>]) -> Reply<'s> {
        // SAFETY: as in `make_int`.
        let array = self.made(|env, out| unsafe { sys::napi_create_array_with_length(env, items.len(), out) })?;
        for (index, item) in items.iter().enumerate() {
            // SAFETY: a live environment, array and value.
            check(unsafe { sys::napi_set_element(self.env, array.raw, index as u32, item.raw) })?;
        }
        Ok(array)
    }

    fn undefined(self) -> Reply<'s> {
        // SAFETY: as in `make_int`.
        self.made(|env, out| unsafe { sys::napi_get_undefined(env, out) })
    }

    /// An `ArrayBuffer` over `bytes` bytes at `data`.
    ///
    /// # Safety
    /// The memory stays valid for the life of the environment, and is touched on its thread only.
    pub(crate) unsafe fn make_window(self, data: *mut c_void, bytes: usize) -> Reply<'s> {
        // SAFETY: as in `make_int`; the memory outlives every JavaScript value, which the caller promises.
        self.made(|env, out| unsafe { sys::napi_create_external_arraybuffer(env, data, bytes, None, ptr::null_mut(), out) })
    }

    /// A function that calls `entry` with `state`, which must live as long as the environment.
    pub(crate) fn function(self, (name, entry): Native, state: *const State) -> Reply<'s> {
        // SAFETY: as in `make_int`; `entry` is made by `natives!`, and `state` is what it expects as its data.
        self.made(|env, out| unsafe {
            sys::napi_create_function(env, name.as_ptr().cast(), name.len() as isize, Some(entry), state.cast_mut().cast(), out)
        })
    }

    /// Sets a property of an object that Node gave us.
    pub(crate) fn set_property(self, object: sys::napi_value, name: &str, value: Value<'s>) -> Result<(), Fault> {
        let key = self.make_text(name)?;
        // SAFETY: a live environment, object, key and value.
        check(unsafe { sys::napi_set_property(self.env, object, key.raw, value.raw) })
    }
}

/// Calling JavaScript, and what belongs to the environment.
impl<'s> Js<'s> {
    /// Calls a function without arguments and forgets what it returns. Fails when it throws, and when the environment is
    /// being terminated.
    pub(crate) fn call(self, function: Value<'s>) -> Result<(), Fault> {
        let this = self.undefined()?;
        // SAFETY: a live environment, receiver and function; no arguments; the result may be left out.
        check(unsafe { sys::napi_call_function(self.env, this.raw, function.raw, 0, ptr::null(), ptr::null_mut()) })
    }

    /// Runs `body` in a handle scope of its own, so that what it makes does not pile up in a long call.
    pub(crate) fn scoped<T>(self, body: impl FnOnce() -> T) -> Result<T, Fault> {
        let mut scope = ptr::null_mut();
        // SAFETY: a live environment and output; closed below.
        check(unsafe { sys::napi_open_handle_scope(self.env, &mut scope) })?;
        let result = body();
        // SAFETY: opened above, and scopes nest.
        check(unsafe { sys::napi_close_handle_scope(self.env, scope) })?;
        Ok(result)
    }

    /// `new class(...arguments)`
    pub(crate) fn construct(self, class: Value<'s>, arguments: &[Value<'s>]) -> Reply<'s> {
        let raw: Vec<_> = arguments.iter().map(|value| value.raw).collect();
        // SAFETY: a live environment, constructor and arguments, counted.
        self.made(|env, out| unsafe { sys::napi_new_instance(env, class.raw, raw.len(), raw.as_ptr(), out) })
    }

    /// Makes `value` the pending exception. It can fail only where another one is pending, which then stands.
    pub(crate) fn throw(self, value: Value<'s>) {
        // SAFETY: a live environment and value.
        unsafe { sys::napi_throw(self.env, value.raw) };
    }

    /// Throws a `TypeError` with a code.
    pub(crate) fn throw_type_error(self, code: &str, message: &str) -> Result<(), Fault> {
        let (code, message) = (self.make_text(code)?, self.make_text(message)?);
        // SAFETY: a live environment and two strings.
        let error = self.made(|env, out| unsafe { sys::napi_create_type_error(env, code.raw, message.raw, out) })?;
        self.throw(error);
        Ok(())
    }

    /// Keeps a value until the environment ends.
    pub(crate) fn keep(self, value: Value<'s>) -> Result<Kept, Fault> {
        let mut kept = ptr::null_mut();
        // SAFETY: a live environment, value and output.
        check(unsafe { sys::napi_create_reference(self.env, value.raw, 1, &mut kept) })?;
        Ok(Kept(kept))
    }

    /// A kept value.
    pub(crate) fn kept(self, kept: &Kept) -> Reply<'s> {
        // SAFETY: made by `keep` in this environment (a State holds only its own), and never deleted.
        self.made(|env, out| unsafe { sys::napi_get_reference_value(env, kept.0, out) })
    }

    /// The environment, for the two modules that tie native lifetimes to it.
    pub(crate) fn env(self) -> sys::napi_env {
        self.env
    }

    /// Checks the status of a call made with [`Js::env`].
    pub(crate) fn check(self, status: sys::napi_status) -> Result<(), Fault> {
        check(status)
    }
}

impl Value<'_> {
    /// The bare value, for the two modules that tie native lifetimes to the environment.
    pub(crate) fn raw(self) -> sys::napi_value {
        self.raw
    }
}
