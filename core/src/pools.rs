//! Records that a process owns in blocks: owners, waiters, nodes.
//!
//! A block belongs to a process by one word of the arena (`Fixed::*_blocks`), swapped from 0 to the process. Inside its
//! blocks a process hands out records privately, oldest-free first, so that a slot is reused as late as possible.
//! When a process is gone its reaper swaps the words back to 0.
//!
//! *Reuse rule of waiters.* A waiter whose nodes are still linked somewhere (it left a queue lazily) is `retired`: neither it nor
//! its nodes are handed out before every one of the nodes reads "not linked". So no queue and no intent names a reused record.
//!
//! *Reuse rule of owners.* The record of a thread that ends rests until the kernel has gone through the thread's robust list, in which the
//! record stands: the word says OWNER_DIED. Where damage hides that, the record rests until the thread exists no more, which is later; the kernel is
//! asked only when nothing else is free. Nobody but us knows that a record rests: to the others it is a thread's, alive and then gone.

use crate::arena::layout::{self, Owner, Table};
use crate::arena::mapping::Arena;
use crate::arena::refs::ProcessRef;
use crate::cell::Word64;
use crate::error::Result;
use crate::live::{self, owner_kind};
use crate::sys::{process, robust};
use std::collections::VecDeque;

/// The free records of this process.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    owners: Pool,
    waiters: Pool,
    nodes: Pool,
    retired: Vec<Wait>,
    /// Records of threads that end, with the threads' ids.
    resting: Vec<(u32, u32)>,
}

/// How many records of each kind are handed out, for tests that look for leaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HandedOut {
    pub(crate) owners: usize,
    pub(crate) waiters: usize,
    pub(crate) nodes: usize,
}

#[derive(Debug, Default)]
struct Pool {
    free: VecDeque<u32>,
    next_block: u32,
    handed_out: usize,
}

/// A waiter and its nodes.
#[derive(Debug, Clone)]
pub(crate) struct Wait {
    pub(crate) waiter: u32,
    pub(crate) nodes: Nodes,
}

/// The nodes of a wait: one for nearly every wait, so that one needs no allocation.
#[derive(Debug, Clone)]
pub(crate) enum Nodes {
    One([u32; 1]),
    Many(Vec<u32>),
}

impl std::ops::Deref for Nodes {
    type Target = [u32];
    fn deref(&self) -> &[u32] {
        match self {
            Nodes::One(one) => one,
            Nodes::Many(many) => many,
        }
    }
}

/// Which table a pool deals from.
struct Dealt {
    table: Table,
    per_block: u32,
    blocks: &'static [Word64],
}

fn owners(arena: &Arena) -> Dealt {
    Dealt { table: Table::Owners, per_block: layout::OWNERS_PER_BLOCK, blocks: &arena.fixed().owner_blocks }
}

fn waiters(arena: &Arena) -> Dealt {
    Dealt { table: Table::Waiters, per_block: layout::WAITERS_PER_BLOCK, blocks: &arena.fixed().waiter_blocks }
}

fn nodes(arena: &Arena) -> Dealt {
    Dealt { table: Table::Nodes, per_block: layout::NODES_PER_BLOCK, blocks: &arena.fixed().node_blocks }
}

impl Pool {
    fn take(&mut self, arena: &Arena, dealt: &Dealt, me: ProcessRef) -> Result<u32> {
        if self.free.is_empty() {
            self.take_block(arena, dealt, me)?;
        }
        self.handed_out += 1;
        Ok(self.free.pop_front().expect("a block was just taken"))
    }

    fn give(&mut self, index: u32) {
        self.handed_out -= 1;
        self.free.push_back(index);
    }

    fn take_block(&mut self, arena: &Arena, dealt: &Dealt, me: ProcessRef) -> Result<()> {
        loop {
            let high = arena.high_water(dealt.table);
            let blocks = high / dealt.per_block;
            for step in 0..blocks {
                let block = (self.next_block + step) % blocks;
                if dealt.blocks[block as usize].load() == 0 && dealt.blocks[block as usize].cas(0, me.pack()).is_ok() {
                    self.next_block = block + 1;
                    let first = block * dealt.per_block;
                    // Index 0 of the owners means "nobody" in the words.
                    self.free.extend((first..first + dealt.per_block).filter(|&i| i != 0));
                    return Ok(());
                }
            }
            arena.grow(dealt.table, high)?;
        }
    }
}

impl Pools {
    pub(crate) fn take_owner(&mut self, arena: &Arena, me: ProcessRef) -> Result<u32> {
        self.wake_resting(arena, is_marked);
        if self.owners.free.is_empty() {
            self.wake_resting(arena, |_, tid| process::is_no_thread(process::pid(), tid));
        }
        self.owners.take(arena, &owners(arena), me)
    }

    /// Takes the record of the ending thread `tid` back.
    pub(crate) fn rest_owner(&mut self, index: u32, tid: u32) {
        self.resting.push((index, tid));
    }

    /// Frees the resting records whose threads have ended.
    fn wake_resting(&mut self, arena: &Arena, has_ended: impl Fn(&Owner, u32) -> bool) {
        let owners = &mut self.owners;
        self.resting.retain(|&(index, tid)| {
            let Ok(record) = arena.owner(index) else { return true };
            let ended = has_ended(record, tid);
            if ended {
                record.life.store(record.life.load() & !owner_kind::MASK | owner_kind::FREE);
                owners.give(index);
            }
            !ended
        });
    }

    pub(crate) fn give_owner(&mut self, index: u32) {
        self.owners.give(index);
    }

    /// A waiter and `count` nodes.
    pub(crate) fn take_wait(&mut self, arena: &Arena, me: ProcessRef, count: usize) -> Result<Wait> {
        self.sweep_retired(arena);
        let waiter = self.waiters.take(arena, &waiters(arena), me)?;
        let dealt = nodes(arena);
        let taken = if count == 1 {
            self.nodes.take(arena, &dealt, me).map(|n| Nodes::One([n]))
        } else {
            let mut many = Vec::with_capacity(count);
            let filled = (0..count).try_for_each(|_| self.nodes.take(arena, &dealt, me).map(|n| many.push(n)));
            if filled.is_err() {
                many.drain(..).for_each(|node| self.nodes.give(node));
            }
            filled.map(|()| Nodes::Many(many))
        };
        match taken {
            Ok(nodes) => Ok(Wait { waiter, nodes }),
            Err(error) => {
                self.waiters.give(waiter);
                Err(error)
            }
        }
    }

    /// Takes a wait back; it rests until none of its nodes is linked.
    pub(crate) fn give_wait(&mut self, arena: &Arena, wait: Wait) {
        if is_unlinked(arena, &wait) { self.free_wait(wait) } else { self.retired.push(wait) }
    }

    pub(crate) fn take_node(&mut self, arena: &Arena, me: ProcessRef) -> Result<u32> {
        self.nodes.take(arena, &nodes(arena), me)
    }

    pub(crate) fn give_node(&mut self, index: u32) {
        self.nodes.give(index);
    }

    /// What is in use, once what rested and may go has gone.
    pub(crate) fn handed_out(&mut self, arena: &Arena) -> HandedOut {
        self.sweep_retired(arena);
        self.wake_resting(arena, is_marked);
        HandedOut { owners: self.owners.handed_out, waiters: self.waiters.handed_out, nodes: self.nodes.handed_out }
    }

    pub(crate) fn sweep_retired(&mut self, arena: &Arena) {
        let mut i = 0;
        while i < self.retired.len() {
            if is_unlinked(arena, &self.retired[i]) {
                let wait = self.retired.swap_remove(i);
                self.free_wait(wait);
            } else {
                i += 1;
            }
        }
    }

    fn free_wait(&mut self, wait: Wait) {
        self.waiters.give(wait.waiter);
        wait.nodes.iter().for_each(|&node| self.nodes.give(node));
    }
}

fn is_marked(owner: &Owner, _: u32) -> bool {
    robust::died(live::thread_word(owner).load())
}

fn is_unlinked(arena: &Arena, wait: &Wait) -> bool {
    wait.nodes.iter().all(|&n| arena.node(n).is_ok_and(|node| node.object.load() == 0))
}
