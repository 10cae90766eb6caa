//! What must hold in an arena, and where it does not.
//!
//! Two levels. In a **living** arena only what holds at every instant, whoever is in the middle of whatever: a locked object may be half
//! changed, a process may have died and not been buried. In a **quiet** one, where nobody is inside a call but in its sleep and everybody who died
//! has been buried, everything balances.
//!
//! The rules read an [`Image`], which is no snapshot: what two records say of each other may have been read at different instants. So what looks
//! wrong is looked at again, and counts only if it stands there unchanged; generations, tickets and fences are part of what is
//! compared.

use super::image::{Broken, BucketImage, Image, NodeImage, ObjectImage, ProcessImage, WaiterImage};
use crate::arena::layout::{self, BUCKETS, CHUNK, INLINE_NAME_BYTES, NODES_PER_BLOCK, OWNERS_PER_BLOCK, WAITERS_PER_BLOCK};
use crate::arena::mapping::View;
use crate::arena::refs::{ObjectRef, OwnerRef, ProcessRef, WaiterRef};
use crate::bucket::Bucket;
use crate::dispatch::claim::Phase;
use crate::dispatch::grant::WAITER_IN_HALL;
use crate::dispatch::lock::node_kind;
use crate::dispatch::word::{Family, Machine, State};
use crate::index;
use crate::life::{Life, Stage};
use crate::live::{owner_kind, process_state};
use crate::name::MAX_KEY_BYTES;
use crate::sys::{clock, process, robust};
use std::collections::{HashMap, HashSet};

/// Something in an arena that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The table: `header`, `processes`, `owners`, `waiters`, `nodes`, `objects`, `long names`, `buckets`.
    pub table: &'static str,
    /// The record in it.
    pub index: u32,
    /// What stands there.
    pub what: String,
    /// The rule that it breaks.
    pub why: &'static str,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}; {}", self.table, self.index, self.what, self.why)
    }
}

/// How often what looks wrong is looked at again, and after how long.
const LOOKS_NS: [u64; 4] = [1_000_000, 3_000_000, 10_000_000, 30_000_000];

pub(super) fn check(view: &View, quiet: bool) -> Vec<Violation> {
    let mut wrong = look(view, quiet);
    for pause in LOOKS_NS {
        if wrong.is_empty() {
            break;
        }
        clock::nap(pause);
        let again = look(view, quiet);
        wrong.retain(|violation| again.contains(violation));
    }
    wrong
}

fn look(view: &View, quiet: bool) -> Vec<Violation> {
    let image = Image::of(view);
    let mut rules = Rules { image: &image, quiet, found: Vec::new() };
    rules.header();
    rules.blocks();
    image.processes.iter().for_each(|process| rules.process(process));
    rules.owners();
    image.waiters.iter().for_each(|(&index, waiter)| rules.waiter(index, waiter));
    image.objects.values().for_each(|object| rules.object(object));
    rules.nodes();
    rules.names();
    rules.found.sort_by(|a, b| (a.table, a.index, &a.what).cmp(&(b.table, b.index, &b.what)));
    rules.found
}

struct Rules<'a> {
    image: &'a Image,
    quiet: bool,
    found: Vec<Violation>,
}

impl Rules<'_> {
    fn wrong(&mut self, table: &'static str, index: u32, what: impl Into<String>, why: &'static str) {
        self.found.push(Violation { table, index, what: what.into(), why });
    }

    fn header(&mut self) {
        let sizes: [(u64, u32); layout::TABLES] = [
            (size_of::<layout::Process>() as u64, layout::PROCESSES),
            (size_of::<layout::Owner>() as u64, layout::OWNERS),
            (size_of::<layout::Waiter>() as u64, layout::WAITERS),
            (size_of::<layout::Node>() as u64, layout::NODES),
            (size_of::<layout::Object>() as u64, layout::OBJECTS),
            (size_of::<layout::LongName>() as u64, layout::LONG_NAMES),
            (size_of::<layout::Annex>() as u64, layout::ANNEXES),
        ];
        for (i, (size, capacity)) in sizes.into_iter().enumerate() {
            let (high, step) = (self.image.high_water[i], (CHUNK / size) as u32);
            if high > capacity || high != capacity && !high.is_multiple_of(step) {
                let why = "a table grows by whole chunks up to its capacity";
                self.wrong("header", i as u32, format!("the high-water mark {high} of table {i}"), why);
            }
        }
        if self.image.all_lock != 0 {
            let holder = OwnerRef::unpack(self.image.all_lock);
            if !holder.is_some_and(|op| op.index != 0 && op.index < layout::OWNERS) {
                self.wrong("header", 0, format!("the wait-all lock {:#x}", self.image.all_lock), "its holder is an owner record");
            } else if self.quiet {
                self.wrong("header", 0, format!("the wait-all lock is held by {holder:?}"), "nobody is inside a call");
            }
        }
    }

    /// Which process each block of records belongs to.
    fn blocks(&mut self) {
        let image = self.image;
        let tables = [
            ("owners", &image.owner_blocks, OWNERS_PER_BLOCK, image.high_water[1]),
            ("waiters", &image.waiter_blocks, WAITERS_PER_BLOCK, image.high_water[2]),
            ("nodes", &image.node_blocks, NODES_PER_BLOCK, image.high_water[3]),
        ];
        for (table, blocks, per_block, high) in tables {
            for (&block, &word) in blocks {
                let first = block * per_block;
                if first + per_block > high {
                    self.wrong(
                        table,
                        first,
                        format!("block {block} is given to {word:#x}"),
                        "a block below the high-water mark is given away, no other",
                    );
                }
                let home = ProcessRef::unpack(word);
                match home.and_then(|home| image.process(home)) {
                    None => {
                        let why = "a block belongs to a process, until that one is buried";
                        self.wrong(table, first, format!("block {block} belongs to {home:?}, which is not there"), why);
                    }
                    Some(home) if self.quiet && !home.is_alive() => {
                        self.wrong(
                            table,
                            first,
                            format!("block {block} belongs to dead process slot {}", home.slot),
                            "the dead are buried",
                        );
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn process(&mut self, p: &ProcessImage) {
        let slot = p.slot;
        if p.life & 0xffff_ff00 != 0 || p.state() > process_state::EXPECTED {
            self.wrong("processes", slot, format!("life {:#x}", p.life), "a slot is FREE, JOINING, LIVE, LEAVING or EXPECTED");
        }
        if p.row_words > layout::ROW_WORDS || !u64::from(p.row_words).is_multiple_of(layout::ROW_CHUNK / 8) {
            self.wrong("processes", slot, format!("{} words of its row", p.row_words), "rows grow by whole chunks up to their capacity");
        }
        for sleeper in p.sleepers.iter().filter(|word| **word != 0) {
            if !OwnerRef::unpack(*sleeper).is_some_and(|op| op.index != 0 && op.index < self.image.high_water[1]) {
                self.wrong("processes", slot, format!("the sleeper {sleeper:#x}"), "an owner record sleeps on a seat");
            }
        }
        let generation = p.at().generation;
        let is_here = p.is_alive() && p.steady;
        if is_here && p.state() == process_state::LIVE && (p.life >> 32) as u32 == generation {
            let tid = |seat: u64| seat & !u64::from(robust::WAITERS);
            if p.seats.iter().any(|seat| tid(*seat) != tid(p.seats[0])) {
                self.wrong("processes", slot, format!("seats {:x?}", p.seats), "all seats of a living process say the same");
            }
            if let Some(seen) = process::look(p.pid).filter(|_| p.pid_namespace != 0 && Ok(p.pid_namespace) == process::pid_namespace())
                && p.start_time != 0
                && seen.start_time != p.start_time
            {
                let what = format!("process {} began at {}, the slot says {}", p.pid, seen.start_time, p.start_time);
                self.wrong("processes", slot, what, "the kernel marks the seats of a process that ends");
            }
        }
        if !self.quiet {
            return;
        }
        if p.is_taken() {
            match p.state() {
                _ if p.is_marked() => {
                    self.wrong("processes", slot, format!("process {} is dead and has its slot", p.pid), "the dead are buried")
                }
                process_state::LIVE if (p.life >> 32) as u32 == generation => {}
                _ => self.wrong("processes", slot, format!("life {:#x} at generation {generation}", p.life), "nobody comes or goes"),
            }
        } else {
            let is_next = |word: &u64| *word == u64::from(generation) << 32;
            if !p.seats.iter().all(is_next) || p.life != u64::from(generation) << 32 | process_state::FREE {
                self.wrong(
                    "processes",
                    slot,
                    format!("a free slot of life {:#x} and seats {:x?}", p.life, p.seats),
                    "a free slot is at one generation",
                );
            }
            if let Some(object) = p.holds.first() {
                // `holds` was read at the generation of whoever comes next.
                self.wrong("processes", slot, format!("nobody is there and holds object {object}"), "only the living hold objects");
            }
        }
        for object in p.holds.iter().filter(|_| p.is_taken()) {
            if !self.image.objects.get(object).is_some_and(ObjectImage::is_live) {
                self.wrong("processes", slot, format!("process {} holds object {object}, which is not live", p.pid), "what is held lives");
            }
        }
    }

    fn owners(&mut self) {
        for (&index, owner) in &self.image.owners {
            let home = self.image.process_of_owner(index);
            if owner.life & 0xffff_ff00 != 0 || owner.kind() > owner_kind::KEEPER {
                self.wrong("owners", index, format!("life {:#x}", owner.life), "an owner is FREE, THREAD, GRANT or KEEPER");
                continue;
            }
            if owner.kind() == owner_kind::FREE || !owner.steady {
                continue;
            }
            if index == 0 {
                self.wrong("owners", index, format!("life {:#x}", owner.life), "index 0 means nobody");
            }
            if home.is_none() {
                self.wrong(
                    "owners",
                    index,
                    format!("generation {} is in use in a block that is nobody's", owner.generation()),
                    "who is buried owns nothing",
                );
            }
            let is_thread = owner.kind() == owner_kind::THREAD;
            if is_thread && (owner.tid == 0 || owner.word_offset > 60) {
                self.wrong(
                    "owners",
                    index,
                    format!("thread {} with its word at {}", owner.tid, owner.word_offset),
                    "a thread has an id and a word",
                );
            }
            if self.quiet && (owner.pending_object != 0 || owner.pending_bucket != 0) {
                let what = format!("pending object {:#x}, bucket {:#x}", owner.pending_object, owner.pending_bucket);
                self.wrong("owners", index, what, "nobody is inside a call");
            }
        }
    }

    fn waiter(&mut self, index: u32, waiter: &WaiterImage) {
        let (claim, image) = (waiter.claim(), self.image);
        if !waiter.is_pending() || !waiter.steady {
            return;
        }
        let at = WaiterRef { index, generation: claim.generation() };
        let home = image.process_of_waiter(index);
        if home.is_none() {
            self.wrong(
                "waiters",
                index,
                format!("{:?} of generation {} in a block that is nobody's", claim.phase(), at.generation),
                "the waits of the dead are ended",
            );
        }
        if waiter.flags > WAITER_IN_HALL {
            self.wrong("waiters", index, format!("flags {:#x}", waiter.flags), "a wait is a thread's or asynchronous");
        }
        match waiter.broken {
            Some(Broken::Beyond(node)) => {
                self.wrong("waiters", index, format!("its list leads to node {node}"), "an index is below the high-water mark")
            }
            Some(Broken::Stray(node)) => self.wrong(
                "waiters",
                index,
                format!("its list leads to node {node}, which is not its next"),
                "a wait has a list of its own nodes, in order",
            ),
            None => {}
        }
        if waiter.nodes.is_empty() && waiter.broken.is_none() {
            self.wrong("waiters", index, "it waits for nothing", "a wait has a node for each object");
        }
        if let Some((node, _)) = waiter.nodes.iter().find(|(node, _)| image.process_of_node(*node) != home) {
            self.wrong("waiters", index, format!("its node {node} is another process's"), "a wait and its nodes belong to one process");
        }
        if let Phase::Granted(ordinal) = claim.phase()
            && ordinal as usize >= waiter.nodes.len()
        {
            self.wrong(
                "waiters",
                index,
                format!("granted by node {ordinal} of {}", waiter.nodes.len()),
                "a grant names a node of the wait",
            );
        }
        if self.quiet {
            self.quiet_waiter(index, waiter);
        }
    }

    /// Of a wait in a quiet arena: it is granted only if it is a watch, and it stands in all its queues.
    fn quiet_waiter(&mut self, index: u32, waiter: &WaiterImage) {
        let is_watch = waiter.nodes.iter().any(|(_, node)| node.kind == node_kind::WATCH);
        let claim = waiter.claim();
        if !claim.is_waiting() {
            if !is_watch {
                let what = format!("{:?} of generation {} was not taken", claim.phase(), claim.generation());
                self.wrong("waiters", index, what, "who was granted takes it, or it goes back");
            }
            return;
        }
        for (node, record) in &waiter.nodes {
            if record.object == 0 || record.object != record.value_after {
                let what = format!("its node {node} is linked in {:#x}, not in {:#x}", record.object, record.value_after);
                self.wrong("waiters", index, what, "who waits stands in the queues of what it waits for");
            }
        }
        let is_all = waiter.nodes.iter().all(|(_, node)| node.kind == node_kind::WAIT_ALL);
        if is_all && !waiter.nodes.is_empty() && waiter.nodes.iter().all(|(_, node)| self.may_be_had(node, waiter)) {
            self.wrong("waiters", index, "everything it waits for is signalled", "no signal is lost");
        }
    }

    fn may_be_had(&self, node: &NodeImage, waiter: &WaiterImage) -> bool {
        let owner = OwnerRef::unpack(waiter.owner);
        let object = ObjectRef::unpack(node.object).and_then(|at| self.image.objects.get(&at.index));
        object.is_some_and(|object| {
            let Some(machine) = object.machine() else { return false };
            object.state().signalled(machine) || machine == Machine::Mutex && owner.is_some_and(|owner| object.state().owned_by(owner))
        })
    }

    fn object(&mut self, o: &ObjectImage) {
        let index = o.index;
        let Some(stage) = o.life().stage() else {
            return self.wrong("objects", index, format!("life {:#x}", o.life), "an object is FREE, RESERVED, LIVE or DYING");
        };
        if let Some(locker) = o.word().locker()
            && locker.index >= self.image.high_water[1]
        {
            self.wrong("objects", index, format!("locked by owner {}", locker.index), "an index is below the high-water mark");
        }
        if self.quiet {
            self.quiet_object(o, stage);
        }
        if stage != Stage::Live || !o.steady {
            return;
        }
        let Some(machine) = o.machine() else {
            return self.wrong("objects", index, format!("kind {}", o.kind), "a live object is of a known kind");
        };
        self.name(o);
        self.annex(o);
        let is_semaphore = matches!(machine, Machine::Semaphore | Machine::RobustSemaphore);
        if is_semaphore && (o.maximum == 0 || o.maximum > i32::MAX as u32 || o.state().count() > o.maximum) {
            self.wrong("objects", index, format!("{} permits of {}", o.state().count(), o.maximum), "a semaphore has at most its maximum");
        }
        if machine == Machine::Mutex
            && let Some(owner) = o.state().owner_index()
            && owner >= self.image.high_water[1]
        {
            self.wrong("objects", index, format!("owned by owner {owner}"), "an index is below the high-water mark");
        }
        if !o.word().is_locked() {
            self.settled(o, machine);
        }
    }

    /// Of a live object that nobody is changing.
    fn settled(&mut self, o: &ObjectImage, machine: Machine) {
        let (index, word, state) = (o.index, o.word(), o.word().state());
        if !word.is_open(o.life().generation()) {
            self.wrong(
                "objects",
                index,
                format!("word {:#x} at generation {}", o.word, o.life().generation()),
                "an unlocked word is of its object's generation",
            );
        }
        if o.target != 0 {
            self.wrong("objects", index, format!("the intent {:#x}", o.target), "an intent does not outlive the lock");
        }
        let expected = State(state.0 & bits(machine));
        let odd = expected != state || machine == Machine::Mutex && state.is_abandoned() && state.owner_index().is_some();
        if odd || o.word & 1 << 35 != 0 || word.poked() && machine != Machine::Mutex {
            self.wrong("objects", index, format!("word {:#x} of a {}", o.word, machine.noun()), "a state has the bits of its kind");
        }
        if word.queued() != (o.head != 0) || word.alls() != (o.alls != 0) || word.poked() && o.head == 0 {
            let what = format!("word {:#x}, head {}, {} nodes of wait-alls, fence {}", o.word, o.head, o.alls, o.fence);
            self.wrong("objects", index, what, "an unlocked word says whether there is a queue");
        }
        self.queue(o);
        self.accounts(o, machine);
        // A front waiter that is poked is awake, and will try; a wait-all needs the others, too.
        let front = o.queue.iter().find(|queued| queued.is_waiting() && queued.node.kind == node_kind::WAIT);
        if machine.family() == Family::Queue {
            self.ends(o, state);
        } else if state.signalled(machine)
            && let Some(front) = front
            && (self.quiet || !word.poked())
        {
            let what = format!("{machine:?} {:#x} is signalled, and node {} of ticket {} waits", o.word, front.index, front.node.ticket);
            self.wrong("objects", index, what, "nobody who could be served waits for what is signalled");
        }
    }

    /// Of a queue, whose ends are waited for each by itself. Blocked calls are woken only as far as there are messages or room for them.
    fn ends(&mut self, o: &ObjectImage, state: State) {
        let is_owed = |end: u32| match Machine::from_code(end) {
            Some(machine @ (Machine::QueueReader | Machine::QueueWriter)) => state.signalled(machine),
            _ => state.is_broken_queue(),
        };
        let owed = o.queue.iter().find(|queued| queued.is_waiting() && queued.node.kind == node_kind::WAIT && is_owed(queued.node.end));
        if let Some(owed) = owed {
            let what = format!("queue {:#x} is signalled, and node {} of ticket {} waits", o.word, owed.index, owed.node.ticket);
            self.wrong("objects", o.index, what, "nobody who could be served waits for what is signalled");
        }
    }

    fn queue(&mut self, o: &ObjectImage) {
        let index = o.index;
        match o.queue_broken {
            Some(Broken::Beyond(node)) => {
                self.wrong("objects", index, format!("its queue leads to node {node}"), "an index is below the high-water mark")
            }
            Some(Broken::Stray(node)) => {
                let what = format!("its queue leads to node {node}, which is not there, or not behind the one before");
                return self.wrong("objects", index, what, "a queue is linked in both directions from its head to its tail");
            }
            None => {}
        }
        let last = o.queue.last().map_or(0, |last| last.index + 1);
        if o.queue_broken.is_none() && last != o.tail {
            self.wrong(
                "objects",
                index,
                format!("its queue ends at {last}, not at its tail {}", o.tail),
                "a queue is linked in both directions from its head to its tail",
            );
        }
        let is_watch = |kind: u32| kind == node_kind::WATCH;
        for pair in o.queue.windows(2) {
            let (a, b) = (pair[0].node, pair[1].node);
            let in_order = if is_watch(a.kind) { true } else { !is_watch(b.kind) && a.ticket < b.ticket };
            if !in_order {
                let what = format!("node {} of ticket {} before node {} of {}", pair[0].index, a.ticket, pair[1].index, b.ticket);
                self.wrong("objects", index, what, "watches come first, then waiters in order of arrival");
            }
        }
        if let Some(late) = o.queue.iter().find(|queued| queued.node.ticket >= o.next_ticket) {
            self.wrong(
                "objects",
                index,
                format!("node {} has ticket {}, the next one is {}", late.index, late.node.ticket, o.next_ticket),
                "tickets are given out in order",
            );
        }
        let alls = o.queue.iter().filter(|queued| queued.node.kind == node_kind::WAIT_ALL).count();
        if alls as u64 != u64::from(o.alls) {
            self.wrong(
                "objects",
                index,
                format!("{alls} nodes of wait-alls, and it says {}", o.alls),
                "the wait-alls of a queue are counted",
            );
        }
    }

    fn accounts(&mut self, o: &ObjectImage, machine: Machine) {
        let index = o.index;
        match o.accounts_broken {
            Some(Broken::Beyond(node)) => {
                self.wrong("objects", index, format!("its accounts lead to node {node}"), "an index is below the high-water mark")
            }
            Some(Broken::Stray(node)) => self.wrong(
                "objects",
                index,
                format!("its accounts lead to node {node}, which is none"),
                "the accounts of a semaphore are a list",
            ),
            None => {}
        }
        if machine != Machine::RobustSemaphore {
            if !o.accounts.is_empty() {
                self.wrong("objects", index, format!("{} accounts", o.accounts.len()), "only a robust semaphore has accounts");
            }
            return;
        }
        let mut seen = HashSet::new();
        for (node, account) in &o.accounts {
            let home = ProcessRef::unpack(account.waiter);
            if !seen.insert(account.waiter) || home.is_none() {
                self.wrong("objects", index, format!("account {node} is of {home:?}"), "each process has one account");
            }
            if home != self.image.process_of_node(*node) {
                self.wrong(
                    "objects",
                    index,
                    format!("account {node} of {home:?} is another's record"),
                    "an account is a record of its process",
                );
            }
            if account.value > u64::from(o.maximum) {
                self.wrong(
                    "objects",
                    index,
                    format!("account {node} has {} permits of {}", account.value, o.maximum),
                    "nobody holds more than there are",
                );
            }
        }
    }

    fn name(&mut self, o: &ObjectImage) {
        let index = o.index;
        if o.name_len == 0 {
            return;
        }
        let Some(name) = &o.name else {
            return self.wrong(
                "objects",
                index,
                format!("a name of {} bytes that is none", o.name_len),
                "a name is UTF-8 of at most 780 bytes",
            );
        };
        if o.name_len as usize > MAX_KEY_BYTES || (o.name_len as usize > INLINE_NAME_BYTES) != (o.long_name != 0) {
            self.wrong(
                "objects",
                index,
                format!("a name of {} bytes in long name {}", o.name_len, o.long_name),
                "a name stands in its record if it fits",
            );
        }
        if index::hash(name) != o.hash {
            self.wrong("objects", index, format!("hash {:#x} of {name:?}", o.hash), "the hash is that of the name");
        }
        if let Some(long) = o.long_name.checked_sub(1)
            && self.image.long_names.get(&long) != Some(&o.at().pack())
        {
            let what = format!("generation {} is named by long name {long}, which is another's", o.at().generation);
            self.wrong("objects", index, what, "a long name belongs to one object");
        }
    }

    fn annex(&mut self, o: &ObjectImage) {
        if let Some(annex) = o.annex.checked_sub(1)
            && self.image.annexes.get(&annex) != Some(&o.at().pack())
        {
            let what = format!("generation {} has annex {annex}, which is another's", o.at().generation);
            self.wrong("objects", o.index, what, "an annex belongs to one object");
        }
    }

    fn quiet_object(&mut self, o: &ObjectImage, stage: Stage) {
        let (index, image, state) = (o.index, self.image, o.state());
        if let Some(locker) = o.word().locker() {
            self.wrong(
                "objects",
                index,
                format!("locked by owner {} of generation {:#x}", locker.index, locker.generation),
                "nobody is inside a call",
            );
        }
        let is_mutex = o.machine() == Some(Machine::Mutex);
        let owner = state.owner_index().filter(|_| is_mutex);
        let owner_lives = owner.is_some_and(|owner| image.is_alive(owner, |generation| state.owner_generation_is(generation)));
        match stage {
            Stage::Reserved => self.wrong("objects", index, "it is being made", "nobody is inside a call"),
            // One that its owner's process has closed rests until the owner has ended.
            Stage::Dying if !owner_lives => self.wrong("objects", index, "it is being ended", "nobody is inside a call"),
            _ => {}
        }
        if stage != Stage::Live {
            return;
        }
        let holders: Vec<&ProcessImage> = image.holders(index).collect();
        if !holders.iter().any(|p| p.is_alive()) {
            self.wrong("objects", index, format!("{} lives, and nobody holds it", named(o)), "an object ends with its last holder");
        }
        if let Some(sole) = o.life().sole()
            && let Some(other) = holders.iter().find(|p| p.slot != sole)
        {
            self.wrong(
                "objects",
                index,
                format!("slot {sole} is its only holder, and slot {} holds it", other.slot),
                "the only holder is the only one",
            );
        }
        if let Some(owner) = owner {
            self.owned(o, owner, &holders);
        }
        for queued in o.queue.iter().filter(|queued| queued.is_waiting()) {
            let home = WaiterRef::unpack(queued.node.waiter).and_then(|at| image.process_of_waiter(at.index));
            if !home.is_some_and(|home| holders.iter().any(|p| p.at() == home)) {
                let what = format!("node {} waits for {home:?}, which does not hold it", queued.index);
                self.wrong("objects", index, what, "who waits for an object holds it");
            }
        }
        if o.machine() == Some(Machine::RobustSemaphore) {
            for p in &holders {
                if !o.accounts.iter().any(|(_, account)| account.waiter == p.at().pack()) {
                    self.wrong("objects", index, format!("slot {} holds it and has no account", p.slot), "each holder has an account");
                }
            }
            for (node, account) in &o.accounts {
                if !holders.iter().any(|p| p.at().pack() == account.waiter) {
                    self.wrong(
                        "objects",
                        index,
                        format!("account {node} of {:#x}, which does not hold it", account.waiter),
                        "each account is a holder's",
                    );
                }
            }
        }
    }

    fn owned(&mut self, o: &ObjectImage, owner: u32, holders: &[&ProcessImage]) {
        let (index, image, state) = (o.index, self.image, o.state());
        let record = image.owner(owner, |generation| state.owner_generation_is(generation));
        let home = image.process_of_owner(owner).and_then(|home| image.process(home)).filter(|_| record.is_some());
        let Some(home) = home else {
            return self.wrong(
                "objects",
                index,
                format!("{} is owned by owner {owner}, which is gone", named(o)),
                "the mutexes of the dead are free",
            );
        };
        // A thread that ended without its destructors is noticed by who waits.
        let is_missed = record.is_some_and(|record| record.kind() == owner_kind::THREAD && robust::died(record.thread_word));
        if !home.is_alive() || is_missed && o.queue.iter().any(|queued| queued.is_waiting()) {
            self.wrong(
                "objects",
                index,
                format!("{} is owned by the dead owner {owner} of process {}", named(o), home.pid),
                "the mutexes of the dead are free",
            );
        }
        if o.depth == 0 || o.depth > i32::MAX as u32 {
            self.wrong(
                "objects",
                index,
                format!("{} is held {} times by its owner", named(o), o.depth),
                "an owner holds its mutex at least once",
            );
        }
        if !holders.iter().any(|p| p.is_same_process(home)) {
            self.wrong(
                "objects",
                index,
                format!("{} is owned by process {}, which does not hold it", named(o), home.pid),
                "who owns a mutex of several holds it",
            );
        }
    }

    /// Of each node that says that it is linked: it is, once, where it says.
    fn nodes(&mut self) {
        let image = self.image;
        let mut places: HashMap<u32, u32> = HashMap::new();
        for object in image.objects.values() {
            let nodes = object.queue.iter().map(|queued| queued.index).chain(object.accounts.iter().map(|(node, _)| *node));
            for node in nodes {
                if places.insert(node, object.index).is_some() {
                    self.wrong("nodes", node, format!("linked twice, the second time in object {}", object.index), "a node is linked once");
                }
            }
        }
        for (&index, node) in image.nodes.iter().filter(|(_, node)| node.object != 0) {
            let is_account = node.kind == node_kind::ACCOUNT;
            if !(node_kind::WAIT..=node_kind::WATCH).contains(&node.kind) {
                self.wrong("nodes", index, format!("kind {}", node.kind), "a node waits, watches or is an account");
                continue;
            }
            let Some(at) = ObjectRef::unpack(node.object).filter(|at| at.index < image.high_water[4]) else {
                self.wrong("nodes", index, format!("linked in {:#x}", node.object), "an index is below the high-water mark");
                continue;
            };
            if !is_account {
                let named = WaiterRef::unpack(node.waiter);
                let claim = named.and_then(|at| image.waiters.get(&at.index)).map(WaiterImage::claim);
                if claim.map(|claim| claim.generation()) != named.map(|at| at.generation) || named.is_none() {
                    let what = format!("linked in {at:?} for waiter {:#x}, which is at {claim:?}", node.waiter);
                    self.wrong("nodes", index, what, "a waiter is used again only when none of its nodes is linked");
                }
            }
            let object = image.objects.get(&at.index).filter(|o| o.at() == at);
            match object {
                Some(o) if o.is_settled() && o.is_live() && !places.contains_key(&index) => {
                    let what = format!("ticket {} says that it is linked in {at:?}, and is not", node.ticket);
                    self.wrong("nodes", index, what, "a node is linked where it says");
                }
                None if self.quiet => {
                    self.wrong("nodes", index, format!("linked in {at:?}, which has ended"), "a queue ends with its object")
                }
                _ => {}
            }
            if self.quiet && image.process_of_node(index).is_none() {
                self.wrong("nodes", index, format!("linked in {at:?}, and nobody's"), "what the dead waited for forgets them");
            }
        }
    }

    /// The index of names.
    fn names(&mut self) {
        let image = self.image;
        let mut chained: HashMap<u32, u32> = HashMap::new();
        for bucket in image.buckets.iter().filter(|bucket| bucket.steady) {
            self.bucket(bucket);
            for (object, ..) in &bucket.chain {
                if chained.insert(*object, bucket.index).is_some() {
                    self.wrong("buckets", bucket.index, format!("object {object} stands in it twice"), "a name stands in the index once");
                }
            }
        }
        if !self.quiet {
            return;
        }
        let mut names: HashMap<&str, u32> = HashMap::new();
        for o in image.objects.values().filter(|o| o.is_live() && o.name_len != 0) {
            if o.machine().is_some_and(|machine| machine.family() == Family::Queue) && o.state().is_broken_queue() {
                continue; // its name is free for another
            }
            if !chained.contains_key(&o.index) {
                self.wrong("objects", o.index, format!("{} lives and is not in the index", named(o)), "the index has every live name");
            }
            if let Some(name) = &o.name
                && let Some(other) = names.insert(name, o.index)
            {
                self.wrong(
                    "objects",
                    o.index.max(other),
                    format!("{} is object {} as well", named(o), o.index.min(other)),
                    "a name is one object's",
                );
            }
        }
    }

    fn bucket(&mut self, bucket: &BucketImage) {
        let (index, word) = (bucket.index, Bucket(bucket.word));
        if word.is_locked() {
            let (locker, _) = word.locker();
            if locker >= self.image.high_water[1] {
                self.wrong("buckets", index, format!("locked by owner {locker}"), "an index is below the high-water mark");
            } else if self.quiet {
                self.wrong("buckets", index, format!("locked by owner {locker}"), "nobody is inside a call");
            }
        }
        match bucket.broken {
            Some(Broken::Beyond(object)) => {
                self.wrong("buckets", index, format!("its chain leads to object {object}"), "an index is below the high-water mark")
            }
            Some(Broken::Stray(object)) => {
                let what = format!("its chain leads to object {object}, which is of another bucket, or was passed before");
                self.wrong("buckets", index, what, "a chain holds the objects of its bucket and ends");
            }
            None => {}
        }
        for (object, life, hash) in &bucket.chain {
            let life = Life(*life);
            let stage = life.stage();
            if !matches!(stage, Some(Stage::Live | Stage::Dying)) || self.quiet && stage != Some(Stage::Live) {
                let what = format!("object {object} of generation {} is {stage:?}", life.generation());
                self.wrong("buckets", index, what, "what stands in the index lives");
            }
            debug_assert_eq!(hash % BUCKETS, index);
        }
    }
}

/// The bits that the state of an unlocked object may have.
fn bits(machine: Machine) -> u32 {
    match machine {
        Machine::ManualEvent | Machine::AutoEvent => State::event(true).0 | 0x00ff_ff00,
        Machine::Semaphore => i32::MAX as u32,
        Machine::Mutex | Machine::RobustSemaphore => u32::MAX,
        Machine::ManualTimer | Machine::AutoTimer => State::event(true).0 | 0x00ff_ff00,
        Machine::Watchdog | Machine::Process | Machine::Job => State::event(true).0,
        Machine::QueueReader | Machine::QueueWriter | Machine::Receiver | Machine::Sender => 7,
        Machine::Mapping => 0,
    }
}

fn named(o: &ObjectImage) -> String {
    match &o.name {
        Some(key) => crate::name::quoted(crate::name::of_key(key).0),
        None => format!("unnamed object {}", o.index),
    }
}
