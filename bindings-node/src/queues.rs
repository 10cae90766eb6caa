//! Message queues. A message crosses the border as a `Uint8Array` and comes back as `[Buffer, alert]`.

use crate::convert;
use crate::fault::Fault;
use crate::handles::handle;
use crate::js::{Js, Reply, Value};
use crate::namespaces::chosen;
use crate::state::State;
use crate::waits::{Pending, begin};
use byname::Error;
use byname::engine::{self, Access, Kind, Message, MessageNotify, Outcome, QueueEnd, Spec};

fn end<'s>(js: Js<'s>, writes: Value<'s>) -> Result<QueueEnd, Fault> {
    Ok(if js.bool(writes)? { QueueEnd::Write } else { QueueEnd::Read })
}

fn number<'s>(js: Js<'s>, value: Value<'s>, what: &str) -> Result<u32, Fault> {
    let number = convert::count(js, value, what)?;
    u32::try_from(number).map_err(|_| Error::invalid_argument(format!("{what} is {number}, which is far out of range")).into())
}

/// `createQueue(namespace, name, writes, maxMessages, maxSize, allowBroken, precommit) -> slot`
pub(crate) fn create<'s>(
    js: Js<'s>,
    state: &State,
    [namespace, name, writes, messages, size, broken, precommit]: [Value<'s>; 7],
) -> Reply<'s> {
    let spec = Spec::Queue {
        end: end(js, writes)?,
        max_messages: number(js, messages, "maxMessages")?,
        max_size: number(js, size, "maxSize")?,
        allow_broken: js.bool(broken)?,
        no_precommit: !js.bool(precommit)?,
    };
    let name = convert::name(js, name)?;
    let made = chosen(js, state, namespace)?.create(name.as_deref(), spec, Access::ALL)?;
    js.make_int(state.adopt(made))
}

/// `queueFromShare(token, writer) -> slot`
pub(crate) fn from_share<'s>(js: Js<'s>, state: &State, [token, writer]: [Value<'s>; 2]) -> Reply<'s> {
    js.make_int(state.adopt(engine::from_share(&js.text(token, "token")?, Some(Kind::Queue), end(js, writer)?, Access::ALL)?))
}

/// `openQueue(namespace, name, writes) -> slot`
pub(crate) fn open<'s>(js: Js<'s>, state: &State, [namespace, name, writes]: [Value<'s>; 3]) -> Reply<'s> {
    let name = convert::name(js, name)?;
    let found = chosen(js, state, namespace)?.open_queue(name.as_deref(), end(js, writes)?)?;
    js.make_int(state.adopt(found))
}

/// `openEnd(slot, writes) -> slot`
pub(crate) fn open_end<'s>(js: Js<'s>, state: &State, [slot, writes]: [Value<'s>; 2]) -> Reply<'s> {
    let opened = handle(js, state, slot)?.open_end(end(js, writes)?)?;
    js.make_int(state.adopt(opened))
}

/// `queueInfo(slot) -> [maxMessages, maxSize, messages, mostMessages, readers, writers, allowBroken, precommit]`
pub(crate) fn info<'s>(js: Js<'s>, state: &State, [slot]: [Value<'s>; 1]) -> Reply<'s> {
    let info = handle(js, state, slot)?.queue_info()?;
    let numbers = [info.max_messages, info.max_size, info.messages, info.most_messages, info.readers, info.writers];
    let mut values = numbers.into_iter().map(|n| js.make_number(n.into())).collect::<Result<Vec<_>, _>>()?;
    values.extend([js.make_bool(info.allow_broken)?, js.make_bool(!info.no_precommit)?]);
    js.make_array(&values)
}

/// `put(slot, bytes, alert, timeout) -> boolean`: blocks the thread.
pub(crate) fn put<'s>(js: Js<'s>, state: &State, [slot, data, alert, timeout]: [Value<'s>; 4]) -> Reply<'s> {
    let (handle, alert, timeout) = (handle(js, state, slot)?, js.bool(alert)?, convert::timeout(js, timeout)?);
    let sent = js.bytes(data, |data| handle.send(data, alert, timeout, Some(&mut || state.terminated(js))))?;
    match sent? {
        Outcome::Got(()) => js.make_bool(true),
        Outcome::TimedOut => js.make_bool(false),
        Outcome::Interrupted => Err(Fault::Pending),
    }
}

/// `get(slot, timeout) -> message | null`: blocks the thread.
pub(crate) fn get<'s>(js: Js<'s>, state: &State, [slot, timeout]: [Value<'s>; 2]) -> Reply<'s> {
    let (handle, timeout) = (handle(js, state, slot)?, convert::timeout(js, timeout)?);
    let mut data = Vec::new();
    match handle.receive_vec(&mut data, timeout, Some(&mut || state.terminated(js)))? {
        Outcome::Got(received) => message(js, &data, received.alert),
        Outcome::TimedOut => js.make_null(),
        Outcome::Interrupted => Err(Fault::Pending),
    }
}

fn message<'s>(js: Js<'s>, data: &[u8], alert: bool) -> Reply<'s> {
    js.make_array(&[js.make_buffer(data)?, js.make_bool(alert)?])
}

/// What a message that was moved without a thread comes to: null when the time was up.
pub(crate) fn outcome<'s>(js: Js<'s>, moved: Outcome<Message>) -> Reply<'s> {
    match moved {
        Outcome::Got(Message::Received { data, alert }) => message(js, &data, alert),
        Outcome::Got(_) => message(js, &[], false),
        Outcome::TimedOut => js.make_null(),
        Outcome::Interrupted => Err(Fault::Pending),
    }
}

/// `startPut(slot, bytes, alert, timeout) -> outcome | key`
pub(crate) fn start_put<'s>(js: Js<'s>, state: &State, [slot, data, alert, timeout]: [Value<'s>; 4]) -> Reply<'s> {
    let (handle, alert, timeout) = (handle(js, state, slot)?, js.bool(alert)?, convert::timeout(js, timeout)?);
    let data = js.copied(data)?;
    begin(js, state, |ring| {
        let notify = MessageNotify::new(ring);
        engine::start_send(handle, data, alert, timeout, notify).map(Pending::Message)
    })
}

/// `startGet(slot, timeout) -> outcome | key`
pub(crate) fn start_get<'s>(js: Js<'s>, state: &State, [slot, timeout]: [Value<'s>; 2]) -> Reply<'s> {
    let (handle, timeout) = (handle(js, state, slot)?, convert::timeout(js, timeout)?);
    begin(js, state, |ring| {
        let notify = MessageNotify::new(ring);
        engine::start_receive(handle, timeout, notify).map(Pending::Message)
    })
}
