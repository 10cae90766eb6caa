//! How a call fails, and the exception that JavaScript sees.

use crate::js::{Js, Reply, Value};
use crate::state::State;
use byname::{Error, ErrorKind, KINDS};
use napi_sys as sys;
use std::borrow::Cow;
use std::ptr;

/// Why a native function has no result.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The engine refused.
    Engine(Error),
    /// A refusal of the border itself, under a kind of the same table.
    Kind(ErrorKind, &'static str),
    /// An argument of the wrong JavaScript type.
    Type(Cow<'static, str>),
    /// An exception is pending already, or the environment is ending and takes none.
    Pending,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Engine(error)
    }
}

impl Fault {
    /// A panic, which is a bug in byname.
    pub(crate) fn panicked() -> Fault {
        Fault::Kind(ErrorKind::System, "byname met a bug in itself (a panic, described on standard error); please report it")
    }

    /// Makes this the pending exception, and returns what a native function returns then.
    #[cold]
    pub(crate) fn throw(self, js: Js<'_>, state: Option<&State>) -> sys::napi_value {
        // Throwing fails only where an exception is pending already or the environment ends: nothing is left to do then.
        let _ = match self {
            Fault::Engine(error) => raise(js, state, error.kind(), error.win32(), error.errno(), error.message()),
            Fault::Kind(kind, message) => raise(js, state, kind, kind.info().win32[0], None, message),
            Fault::Type(message) => js.throw_type_error("ERR_INVALID_ARG_TYPE", &message),
            Fault::Pending => Ok(()),
        };
        ptr::null_mut()
    }
}

/// Throws `new ByNameError(message, code, win32, errno)`; before set-up a plain TypeError with the same text.
fn raise(js: Js<'_>, state: Option<&State>, kind: ErrorKind, win32: u32, errno: Option<i32>, message: &str) -> Result<(), Fault> {
    let code = kind.info().node_code;
    let Some(class) = state.and_then(State::error_class) else {
        return js.throw_type_error(code, message);
    };
    let arguments = [
        js.make_text(message)?,
        js.make_text(code)?,
        js.make_number(win32.into())?,
        match errno {
            Some(errno) => js.make_number(errno.into())?,
            None => js.make_null()?,
        },
    ];
    js.throw(js.construct(js.kept(class)?, &arguments)?);
    Ok(())
}

/// `kinds() -> [name, code, [win32…]][]`: the table of error kinds.
pub(crate) fn kinds<'s>(js: Js<'s>, _: &State, []: [Value<'s>; 0]) -> Reply<'s> {
    let rows = KINDS.iter().map(|row| {
        let numbers = row.win32.iter().map(|&n| js.make_number(n.into())).collect::<Result<Vec<_>, _>>()?;
        js.make_array(&[js.make_text(row.name)?, js.make_text(row.node_code)?, js.make_array(&numbers)?])
    });
    js.make_array(&rows.collect::<Result<Vec<_>, _>>()?)
}
