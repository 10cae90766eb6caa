//! `byname ls`, `who`, `tree`: what an inspection saw, for people.

use super::args::{Ls, Who};
use super::report::{Report, Voice, WRONG};
use crate::engine::Protect;
use crate::inspect::{Awaited, Inspection, Kind, Members, Memory, Object, ObjectName, Party, Picture, ProcessState, Step, Wait};
use crate::kinds::mapping;
use crate::name::quoted;
use crate::{Error, ErrorKind, Result};
use std::fmt::Write;

/// What is there; `None` if nobody has made the namespace.
pub(super) fn picture() -> Result<Option<Picture>> {
    match Inspection::local() {
        Ok(inspection) => inspection.look().map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn ls(voice: Voice, how: &Ls) -> u8 {
    let objects = match picture() {
        Ok(picture) => picture.map_or(Vec::new(), |picture| picture.objects),
        Err(error) => return voice.fail(&error),
    };
    let is_called = |object: &Object| object.id.name.as_deref().is_some_and(|name| !mapping::is_bell(name));
    let shown: Vec<&Object> = objects.iter().filter(|object| how.all || is_called(object)).collect();
    shown.iter().for_each(|object| voice.report(&Report::Object(object)));
    if !shown.is_empty() {
        let heads = ["NAME", "KIND", "STATE", "OPEN", "WAITING"].map(str::to_owned);
        let rows = shown.iter().map(|object| {
            [
                called(&object.id),
                object.id.kind.to_string(),
                state(object),
                object.holders.len().to_string(),
                object.queue.len().to_string(),
            ]
        });
        voice.answer(&columns(std::iter::once(heads).chain(rows).collect()));
    }
    0
}

pub(super) fn who(voice: Voice, how: &Who) -> u8 {
    let objects = match picture() {
        Ok(picture) => picture.map_or(Vec::new(), |picture| picture.objects),
        Err(error) => return voice.fail(&error),
    };
    for name in &how.names {
        let leaf = if how.ce { name } else { name.strip_prefix("Local\\").unwrap_or(name) };
        let mut found = objects.iter().filter(|object| object.id.ce == how.ce && object.id.name.as_deref() == Some(leaf)).peekable();
        if found.peek().is_none() {
            return voice.fail(&Error::new(ErrorKind::NotFound, format!("no object named {} is open", quoted(name))));
        }
        for object in found {
            voice.report(&Report::Object(object));
            voice.answer(&portrait(object));
        }
    }
    0
}

pub(super) fn tree(voice: Voice) -> u8 {
    let Picture { waits, deadlocks, .. } = match picture() {
        Ok(Some(picture)) => picture,
        Ok(None) => return 0,
        Err(error) => return voice.fail(&error),
    };
    waits.iter().for_each(|wait| voice.report(&Report::Wait(wait)));
    deadlocks.iter().for_each(|steps| voice.report(&Report::Deadlock { steps }));
    // Who is waited for stands below those who wait for him.
    let is_waited_for = |wait: &Wait| waits.iter().any(|other| other.objects.iter().any(|awaited| is_of(wait, awaited.owner.as_ref())));
    let mut drawn = vec![false; waits.len()];
    let mut text = String::new();
    for first_ones in [true, false] {
        for (i, wait) in waits.iter().enumerate() {
            if !(drawn[i] || first_ones && is_waited_for(wait)) {
                let _ = writeln!(text, "{}", party(&wait.who));
                branch(&waits, i, 1, &mut drawn, &mut text);
            }
        }
    }
    deadlocks.iter().for_each(|steps| text += &ring(steps));
    if !text.is_empty() {
        voice.answer(text.trim_end());
    }
    if deadlocks.is_empty() { 0 } else { WRONG }
}

/// What one waits for, and what those wait for who own it.
fn branch(waits: &[Wait], at: usize, depth: usize, drawn: &mut [bool], text: &mut String) {
    let wait = &waits[at];
    drawn[at] = true;
    let manner = match (wait.all, wait.objects.len(), wait.granted) {
        (_, _, true) => " (it has been granted)",
        (_, 0 | 1, _) => "",
        (true, ..) => " (all of them)",
        (false, ..) => " (any of them)",
    };
    for Awaited { id, position, owner, .. } in &wait.objects {
        let place = position.map_or(String::new(), |place| format!(", {}", ordinal(place)));
        let since = wait.seconds.map_or(String::new(), |seconds| format!(", for {}", duration(seconds)));
        let _ = write!(text, "{:indent$}waits for {} {}{manner}{place}{since}", "", id.kind, called(id), indent = 2 * depth);
        let Some(owner) = owner else {
            text.push('\n');
            continue;
        };
        let _ = writeln!(text, ", owned by {}", party(owner));
        for (next, _) in waits.iter().enumerate().filter(|(_, next)| is_of(next, Some(owner))) {
            if drawn[next] {
                let _ = writeln!(text, "{:indent$}which waits, see there", "", indent = 2 * depth + 2);
            } else {
                branch(waits, next, depth + 1, drawn, text);
            }
        }
    }
}

/// Whether the wait is that of this thread.
fn is_of(wait: &Wait, thread: Option<&Party>) -> bool {
    thread.is_some_and(|owner| !wait.asynchronous && owner.tid.is_some() && (owner.pid, owner.tid) == (wait.who.pid, wait.who.tid))
}

fn ring(steps: &[Step]) -> String {
    let mut text = "deadlock:\n".to_owned();
    for Step { who, object, owner, .. } in steps {
        let _ = writeln!(text, "  {} waits for {} {}, owned by {}", party(who), object.kind, called(object), party(owner));
    }
    text
}

/// All about one object.
fn portrait(object: &Object) -> String {
    let mut text = format!("{} {}: {}\n", object.id.kind, called(&object.id), state(object));
    let mut line = |label: &str, value: String| {
        let _ = writeln!(text, "  {label:<10} {value}");
    };
    if let Some(locker) = &object.locked_by {
        let advice = if locker.state == ProcessState::Stopped { "; others wait until it goes on" } else { "" };
        line("locked by", format!("{}{advice}", party(locker)));
    }
    if let Some(owner) = &object.owner {
        line("owner", party(owner));
    }
    if let Some(messages) = &object.messages {
        let ends = if messages.allow_broken { ", whose ends come and go" } else { "" };
        line("messages", format!("of {} at most, {} at a time until now{ends}", bytes(messages.max_size.into()), messages.most_ever));
    }
    if let (Some(period), Some(grace), Some(action)) = (object.period, object.grace, object.action) {
        line("unless", format!("refreshed every {}: {action}, {} later", duration(period), duration(grace)));
    }
    if let Some(memory) = &object.memory {
        if let Some(file) = &memory.file {
            line("file", file.escape_debug().to_string());
        }
        line("protection", protection(memory.protect));
    }
    if let Some(members) = &object.members {
        for (place, group) in members.groups.iter().enumerate() {
            line(if place == 0 { "groups" } else { "" }, group.escape_debug().to_string());
        }
        if let Some(limit) = members.memory_limit {
            line("memory", format!("{} together", bytes(limit)));
        }
        line("put in", format!("{} processes, {} killed at the limit", members.put_in, members.refused));
        if members.kill_on_close {
            line("on close", "all are killed".to_owned());
        }
    }
    for permits in &object.permits {
        line("permits", format!("{} held by {}", permits.held, party(&permits.by)));
    }
    for (place, queued) in object.queue.iter().enumerate() {
        let manner = if queued.all { ", by a wait for all" } else { "" };
        let since = queued.seconds.map_or(String::new(), |seconds| format!(", for {}", duration(seconds)));
        line(if place == 0 { "waiting" } else { "" }, format!("{}{manner}{since}", party(&queued.who)));
    }
    for (place, holder) in object.holders.iter().enumerate() {
        line(if place == 0 { "open in" } else { "" }, party(holder));
    }
    if object.watches > 0 {
        line("watched by", format!("{} descriptors", object.watches));
    }
    text.trim_end().to_owned()
}

/// The names of a mapping's protection and attributes.
fn protection(bits: u32) -> String {
    let names = Protect::NAMES.iter().filter(|(_, bit)| bits & bit.0 != 0).map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(" ")
}

/// The state in a few words.
fn state(object: &Object) -> String {
    let mut text = match (object.id.kind, &object.owner) {
        (Kind::Mutex, Some(owner)) if object.depth > 1 => format!("owned {} times by {}", object.depth, owner.pid),
        (Kind::Mutex, Some(owner)) => format!("owned by {}", owner.pid),
        (Kind::Mutex, None) => "free".to_owned(),
        (Kind::ManualTimer | Kind::AutoTimer, _) => timer(object),
        (Kind::Watchdog, _) => watchdog(object),
        (Kind::ManualEvent | Kind::AutoEvent, _) => if object.signalled { "set" } else { "not set" }.to_owned(),
        (Kind::Process, _) => format!("{} {}", object.process.unwrap_or(0), if object.signalled { "ended" } else { "running" }),
        (Kind::Job, _) => object.members.as_ref().map_or_else(String::new, job),
        (Kind::Queue, _) => object.messages.map_or_else(String::new, |m| match m {
            m if m.broken => "broken".to_owned(),
            m if m.most == 0 => format!("{} messages, {} readers, {} writers", m.waiting, m.readers, m.writers),
            m => format!("{} of {} messages, {} readers, {} writers", m.waiting, m.most, m.readers, m.writers),
        }),
        (Kind::Mapping, _) => object.memory.as_ref().map_or_else(String::new, memory),
        _ => format!("{} of {} free", object.available.unwrap_or(0), object.maximum.unwrap_or(0)),
    };
    if object.abandoned {
        text += ", abandoned";
    }
    let stopped = |party: &Option<Party>| party.as_ref().is_some_and(|party| party.state == ProcessState::Stopped);
    if stopped(&object.locked_by) {
        text += ", locked by a stopped process";
    } else if stopped(&object.owner) {
        text += ", which is stopped";
    }
    text
}

fn timer(object: &Object) -> String {
    let state = if object.signalled { "signaled" } else { "not signaled" };
    match (object.due, object.period) {
        (Some(due), Some(period)) if period > 0.0 => format!("{state}, due in {}, then every {}", duration(due), duration(period)),
        (Some(due), _) => format!("{state}, due in {}", duration(due)),
        (None, _) => state.to_owned(),
    }
}

fn watchdog(object: &Object) -> String {
    let stage = object.stage.unwrap_or("unknown");
    let watched = object.watched.map_or(String::new(), |pid| format!(", watches {pid}"));
    let what = if stage == "grace" { object.action.unwrap_or("none") } else { "to be refreshed" };
    let due = object.due.map_or(String::new(), |due| format!(", {what} in {}", duration(due)));
    format!("{stage}{watched}{due}")
}

fn memory(memory: &Memory) -> String {
    let mut text = format!("{} of {}, version {}", bytes(memory.size), if memory.has_file { "a file" } else { "memory" }, memory.version);
    if let Some(writer) = &memory.changed_by {
        let _ = write!(text, ", changed by {}", writer.pid);
    }
    text + if memory.half_made { ", half made: its writer died" } else { "" }
}

fn job(members: &Members) -> String {
    let mut text = match (members.active, members.active_limit) {
        (Some(active), Some(limit)) => format!("{active} of {limit} processes"),
        (Some(active), None) => format!("{active} processes"),
        (None, _) => "its processes are not visible".to_owned(),
    };
    if let Some(code) = members.code {
        let _ = write!(text, ", terminated with {code}");
    }
    text
}

/// A size in the largest unit that it has a whole number of.
fn bytes(size: u64) -> String {
    match ["B", "KiB", "MiB", "GiB", "TiB"].iter().enumerate().rev().find(|(power, _)| size.is_multiple_of(1 << (10 * power))) {
        Some((power, unit)) if size > 0 => format!("{} {unit}", size >> (10 * power)),
        _ => "0 B".to_owned(),
    }
}

pub(super) fn party(who: &Party) -> String {
    let mut text = if who.pid == 0 { "a process that is gone".to_owned() } else { format!("process {}", who.pid) };
    if let Some(command) = &who.command {
        let _ = write!(text, " {}", command.escape_debug());
    }
    if let Some(tid) = who.tid.filter(|tid| *tid != who.pid) {
        let _ = write!(text, " thread {tid}");
    }
    match who.state {
        ProcessState::Alive => {}
        ProcessState::Dead if who.pid == 0 => {}
        state => text += word(state),
    }
    text
}

fn word(state: ProcessState) -> &'static str {
    match state {
        ProcessState::Alive => "",
        ProcessState::Stopped => " (stopped)",
        ProcessState::Joining => " (joining)",
        ProcessState::Expected => " (a forked child that has not come yet)",
        ProcessState::Leaving => " (exiting)",
        ProcessState::Dead => " (dead)",
    }
}

/// A name, or the number of an object that has none.
pub(super) fn called(id: &ObjectName) -> String {
    let profile = if id.ce { " (CE)" } else { "" };
    id.name.as_ref().map_or_else(|| format!("#{}", id.index), |name| format!("{}{profile}", name.escape_debug()))
}

pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        ..0.001 => format!("{:.0} us", seconds * 1e6),
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        ..120.0 => format!("{seconds:.1} s"),
        _ => format!("{:.0} min", seconds / 60.0),
    }
}

fn ordinal(place: usize) -> String {
    if place == 1 { "next in the queue".to_owned() } else { format!("place {place} of the queue") }
}

/// Rows in columns; the last one is not padded.
pub(super) fn columns<const N: usize>(rows: Vec<[String; N]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
