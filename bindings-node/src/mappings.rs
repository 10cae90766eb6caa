//! Mappings: shared memory, and the array buffers over it.
//!
//! An array buffer's pages are its own: each call of `view` maps anew, so that no two buffers are over one address, and the pages go when the buffer
//! is detached, collected, or its environment ends.

use crate::convert;
use crate::fault::Fault;
use crate::handles::handle;
use crate::js::{Js, Reply, Value};
use crate::namespaces::chosen;
use crate::state::State;
use byname::engine::{Backing, MappingSpec, Outcome, Protect, Share};
use byname::{Error, Timeout};
use std::path::Path;

/// `shareOf(word) -> access mask`
pub(crate) fn share_of<'s>(js: Js<'s>, _: &State, [word]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_number(Share::word(&js.text(word, "access")?)?.0.into())
}

/// `createMapping(namespace, name, access, size, protect, path, descriptor) -> slot`; a path or a descriptor that is undefined is none, a protection follows from the
/// access.
pub(crate) fn create<'s>(js: Js<'s>, state: &State, [namespace, name, access, size, protect, path, fd]: [Value<'s>; 7]) -> Reply<'s> {
    let (name, access, size) = (convert::name(js, name)?, convert::access(js, access)?, convert::bytes(js, size, "size")?);
    let path = if js.is_undefined(path)? { None } else { Some(js.text(path, "file")?) };
    let fd = if js.is_undefined(fd)? { None } else { Some(convert::count(js, fd, "file")?) };
    let backing = match (&path, fd) {
        (Some(path), _) => Backing::Path(Path::new(path)),
        (None, Some(fd)) => Backing::Descriptor(i32::try_from(fd).unwrap_or(-1)),
        (None, None) => Backing::Memory,
    };
    let protect =
        if js.is_undefined(protect)? { Share::of(access).protect(backing) } else { Protect(convert::flags(js, protect, "protect")?) };
    let spec = MappingSpec { size, protect, backing };
    let made = chosen(js, state, namespace)?.create_mapping(name.as_deref(), &spec, access)?;
    js.make_int(state.adopt(made))
}

/// `mappingState(slot) -> [size, protect, hasFile, version's low and high half]`
pub(crate) fn mapping_state<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let seen = handle(js, state, slot)?.mapping_state()?;
    js.make_array(&[
        js.make_number(seen.size as f64)?,
        js.make_number(seen.protect.0.into())?,
        js.make_bool(seen.has_file)?,
        js.make_number(f64::from(seen.version as u32))?,
        js.make_number(f64::from((seen.version >> 32) as u32))?,
    ])
}

/// `mapView(slot, access, offset, length) -> ArrayBuffer` over pages that can be written to; without a length up to the end.
pub(crate) fn view<'s>(js: Js<'s>, state: &State, [slot, access, offset, length]: [Value<'s>; 4]) -> Reply<'s> {
    let offset = convert::bytes(js, offset, "offset")?;
    let length = if js.is_undefined(length)? { None } else { Some(convert::bytes(js, length, "length")?) };
    if length == Some(0) {
        return Err(Error::invalid_argument("length is 0; a view has 1 byte or more").into());
    }
    let access = Share::of(convert::access(js, access)?).access();
    let view = handle(js, state, slot)?.map(access, offset, length.unwrap_or(0), 0)?;
    view.as_mut_ptr()?; // a store to pages that can only be read would end the process
    js.make_buffer_over(view)
}

/// `detach(ArrayBuffer)`
pub(crate) fn detach<'s>(js: Js<'s>, _: &State, [buffer]: [Value<'s>; 1]) -> Reply<'s> {
    js.detach(buffer)?;
    Ok(Value::UNDEFINED)
}

/// `readMapping(slot, offset, length, timeout) -> ArrayBuffer | null`: a copy, as it was between two changes; blocks the thread during one.
pub(crate) fn read<'s>(js: Js<'s>, state: &State, [slot, offset, length, timeout]: [Value<'s>; 4]) -> Reply<'s> {
    let (handle, offset, timeout) = (handle(js, state, slot)?, convert::bytes(js, offset, "offset")?, convert::timeout(js, timeout)?);
    let length =
        if js.is_undefined(length)? { handle.mapping_state()?.size.saturating_sub(offset) } else { convert::bytes(js, length, "length")? };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    handle.read_at(offset.saturating_add(length as u64), &mut [], Timeout::ZERO, None).map(drop)?; // beyond the end nothing is allocated
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .map_err(|_| Fault::Type(format!("there is no memory for a copy of {length} bytes; read less").into()))?;
    bytes.resize(length, 0);
    match handle.read_at(offset, &mut bytes, timeout, Some(&mut || state.terminated(js)))? {
        Outcome::Got(_) => js.make_copy(&bytes),
        Outcome::TimedOut => js.make_null(),
        Outcome::Interrupted => Err(Fault::Pending),
    }
}

/// `writeMapping(slot, Uint8Array, offset)`: one published change.
pub(crate) fn write<'s>(js: Js<'s>, state: &State, [slot, data, offset]: [Value<'s>; 3]) -> Reply<'s> {
    let (handle, offset) = (handle(js, state, slot)?, convert::bytes(js, offset, "offset")?);
    handle.write_at(offset, &js.copied(data)?)?;
    Ok(Value::UNDEFINED)
}

/// `beginChange(slot) -> whether the writer before died in the middle of one`
pub(crate) fn begin_change<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    js.make_bool(handle(js, state, slot)?.begin_change()?)
}

/// `endChange(slot)`
pub(crate) fn end_change<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.end_change()?;
    Ok(Value::UNDEFINED)
}

/// `changed(slot) -> slot of an event`
pub(crate) fn changed<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let bell = handle(js, state, slot)?.changed()?;
    js.make_int(state.adopt(bell))
}

/// `flushMapping(slot)`
pub(crate) fn flush<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    handle(js, state, slot)?.flush()?;
    Ok(Value::UNDEFINED)
}
