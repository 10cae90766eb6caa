//! Namespaces, named by their place in a short list.

use crate::fault::Fault;
use crate::js::{Js, Reply, Value};
use crate::state::State;
use byname::engine::{self, Namespace, Profile};

/// The namespace in `place`; `undefined` means the local one.
pub(crate) fn chosen<'s>(js: Js<'s>, state: &State, place: Value<'s>) -> Result<Namespace, Fault> {
    if js.is_undefined(place)? {
        return Ok(Namespace::local()?);
    }
    let place = js.int(place)?;
    state.namespaces.borrow().get(place as usize).copied().ok_or_else(|| Fault::Type("namespace is not one that byname made".into()))
}

fn listed<'s>(js: Js<'s>, state: &State, namespace: Namespace) -> Reply<'s> {
    let mut list = state.namespaces.borrow_mut();
    let place = list.iter().position(|known| *known == namespace).unwrap_or_else(|| {
        list.push(namespace);
        list.len() - 1
    });
    js.make_int(place as u32)
}

/// `localNamespace() -> place`
pub(crate) fn local<'s>(js: Js<'s>, state: &State, []: [Value<'s>; 0]) -> Reply<'s> {
    listed(js, state, Namespace::local()?)
}

/// `sessionNamespace(name) -> place`
pub(crate) fn session<'s>(js: Js<'s>, state: &State, [name]: [Value<'s>; 1]) -> Reply<'s> {
    listed(js, state, Namespace::session(&js.text(name, "session name")?)?)
}

/// `privateNamespace(boundary, alias) -> place`
pub(crate) fn private<'s>(js: Js<'s>, state: &State, [boundary, alias]: [Value<'s>; 2]) -> Reply<'s> {
    listed(js, state, Namespace::private(&js.text(boundary, "boundary name")?, &js.text(alias, "alias")?)?)
}

/// `profileNamespace(place, ce) -> place`
pub(crate) fn profile<'s>(js: Js<'s>, state: &State, [place, ce]: [Value<'s>; 2]) -> Reply<'s> {
    let profile = if js.bool(ce)? { Profile::Ce } else { Profile::Desktop };
    let namespace = chosen(js, state, place)?.profile(profile)?;
    listed(js, state, namespace)
}

/// `namespaceIsCe(place) -> boolean`
pub(crate) fn is_ce<'s>(js: Js<'s>, state: &State, [place]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_bool(chosen(js, state, place)?.rules() == Profile::Ce)
}

/// `namespaceSession(place) -> string | null`
pub(crate) fn session_name<'s>(js: Js<'s>, state: &State, [place]: [Value<'s>; 1]) -> Reply<'s> {
    match chosen(js, state, place)?.session_name() {
        Some(name) => js.make_text(name),
        None => js.make_null(),
    }
}

/// `namespacePath(place) -> string`
pub(crate) fn path<'s>(js: Js<'s>, state: &State, [place]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_text(&chosen(js, state, place)?.path().to_string_lossy())
}

/// `usage(place) -> [handles, owners, waiters, nodes, objects]`
pub(crate) fn usage<'s>(js: Js<'s>, state: &State, [place]: [Value<'s>; 1]) -> Reply<'s> {
    let usage = engine::usage(&chosen(js, state, place)?);
    let counts = [usage.handles, usage.owners, usage.waiters, usage.nodes, usage.objects].map(|n| js.make_number(n as f64));
    js.make_array(&counts.into_iter().collect::<Result<Vec<_>, _>>()?)
}

/// `leaveSigbusAlone()`
pub(crate) fn leave_sigbus_alone<'s>(_: Js<'s>, _: &State, []: [Value<'s>; 0]) -> Reply<'s> {
    engine::leave_sigbus_alone();
    Ok(Value::UNDEFINED)
}
