//! Who waits for whom, and rings in it.
//!
//! A wait is *stuck* if none of what could end it can happen: a wait for any, if each of its objects is a mutex whose owner is stuck; a wait for
//! all, if one of them is. An owner is stuck if its thread sleeps in a stuck wait. The stuck waits are what is left when those that could end
//! are taken away, one after the other. Whoever is among them waits for another one of them; so following them ends in a ring.
//!
//! *Not seen.* Who will set an event or release a semaphore is not known, so a wait that such an object can end is never stuck. Nor is it
//! known who will release a grant that is bound to no thread (one of Node, of asyncio, of `byname lock`).
//!
//! *Time-outs* are not looked at: a stuck wait may yet give up. Nor is the picture a snapshot: what is found is looked for again
//! ([`super::Inspection::look`]), and counts if it is the same waits, by their generations.

use super::image::WaiterImage;
use super::picture::{Painter, Step};
use crate::arena::refs::{ObjectRef, WaiterRef};
use crate::dispatch::grant::WAITER_ASYNC;
use crate::dispatch::lock::node_kind;
use crate::live::owner_kind;
use crate::sys::robust;
use std::collections::{HashMap, HashSet};

/// A wait of a thread: what could end it.
struct Sleep {
    at: WaiterRef,
    all: bool,
    /// The objects, and of each the owner record if it is an owned mutex.
    awaited: Vec<(ObjectRef, Option<u32>)>,
}

/// The waits of the rings, to be compared with those of another look.
pub(super) fn rings(painter: &Painter<'_>) -> Vec<Vec<WaiterRef>> {
    find(painter).into_iter().map(|ring| ring.into_iter().map(|(at, _)| at).collect()).collect()
}

pub(super) fn deadlocks(painter: &Painter<'_>) -> Vec<Vec<Step>> {
    find(painter).into_iter().map(|ring| ring.into_iter().map(|(_, step)| step).collect()).collect()
}

fn find(painter: &Painter<'_>) -> Vec<Vec<(WaiterRef, Step)>> {
    let sleeps: HashMap<u32, Sleep> = painter.image.waiters.iter().filter_map(|(&index, waiter)| sleep(painter, index, waiter)).collect();
    let mut stuck: HashSet<u32> = sleeps.keys().copied().collect();
    loop {
        let may_end = |thread: &&u32| {
            let sleep = &sleeps[*thread];
            let is_stuck = |(_, owner): &(ObjectRef, Option<u32>)| {
                owner.is_some_and(|owner| owner != **thread && stuck.contains(&thread_of(painter, owner)))
            };
            !if sleep.all { sleep.awaited.iter().any(is_stuck) } else { sleep.awaited.iter().all(is_stuck) }
        };
        let ending: HashSet<u32> = stuck.iter().filter(may_end).copied().collect();
        if ending.is_empty() {
            break;
        }
        stuck.retain(|thread| !ending.contains(thread));
    }
    let mut threads: Vec<u32> = stuck.iter().copied().collect();
    threads.sort_unstable();
    let mut seen = HashSet::new();
    let mut rings = Vec::new();
    for first in threads {
        let mut path = Vec::new();
        let mut thread = first;
        while seen.insert(thread) {
            let stuck_on = sleeps[&thread].awaited.iter().find_map(|(object, owner)| {
                let next = thread_of(painter, (*owner)?);
                stuck.contains(&next).then_some((*object, (*owner)?, next))
            });
            let Some((object, owner, next)) = stuck_on else { break };
            path.push((thread, object, owner));
            thread = next;
        }
        // A path that meets itself has a ring in it; one that meets another's leads to a ring that is known.
        let Some(start) = path.iter().position(|(passed, ..)| *passed == thread) else { continue };
        let step = |(thread, object, owner): &(u32, ObjectRef, u32)| {
            let step = Step { who: painter.owner_party(*thread), object: painter.name(*object)?, owner: painter.owner_party(*owner) };
            Some((sleeps[thread].at, step))
        };
        rings.extend(path[start..].iter().map(step).collect::<Option<Vec<_>>>());
    }
    rings
}

/// The wait of a thread, by the thread's owner record.
fn sleep(painter: &Painter<'_>, index: u32, waiter: &WaiterImage) -> Option<(u32, Sleep)> {
    if !waiter.claim().is_waiting() || waiter.flags & WAITER_ASYNC != 0 {
        return None;
    }
    let awaited = waiter.nodes.iter().filter_map(|(_, node)| {
        let at = ObjectRef::unpack(node.value_after)?;
        Some((at, painter.image.objects.get(&at.index).filter(|o| o.at() == at).and_then(|o| painter.owner_of(o))))
    });
    let awaited: Vec<_> = awaited.collect();
    let all = waiter.nodes.iter().any(|(_, node)| node.kind == node_kind::WAIT_ALL);
    let at = WaiterRef { index, generation: waiter.claim().generation() };
    (!awaited.is_empty()).then_some((waiter.sleeper.checked_sub(1)?, Sleep { at, all, awaited }))
}

/// The record of the thread that must run for an owner to release: itself, or the thread that a grant is bound to.
fn thread_of(painter: &Painter<'_>, owner: u32) -> u32 {
    let image = painter.image;
    let Some(record) = image.owners.get(&owner).filter(|record| record.kind() == owner_kind::GRANT && record.tid != 0) else {
        return owner;
    };
    let is_home = |other: &u32| image.process_of_owner(*other) == image.process_of_owner(owner);
    let threads = image
        .owners
        .iter()
        .filter(|(_, other)| other.kind() == owner_kind::THREAD && other.tid == record.tid && !robust::died(other.thread_word));
    threads.map(|(&index, _)| index).find(is_home).unwrap_or(owner)
}
