//! A copy of an arena, record by record.
//!
//! *Consistency.* Every word is one atomic load. A record, and an object together with its queue and its accounts, is read until two
//! readings in a row are equal: then all of it stood there at one instant between the two, since what could change and change back moves
//! a number that is among what was read (a generation, a version, a ticket, a fence). One that never holds still is marked. The whole is not
//! a snapshot: record by record it was read at different instants.
//!
//! *Damage.* Every index is checked, and every walk ends: it goes on only where the next record says that it belongs here and comes from
//! where we come from, so no record is passed twice.

use crate::arena::layout::{self, LongName, Node, Object, Owner, PROCESSES, ROW_OBJECTS, Table, Waiter};
use crate::arena::mapping::View;
use crate::arena::refs::{ObjectRef, ProcessRef, WaiterRef};
use crate::bucket::Bucket;
use crate::cell::Word64;
use crate::dispatch::claim::{Claim, Intended, MAX_OBJECTS, Phase};
use crate::dispatch::lock::node_kind;
use crate::dispatch::word::{Machine, State, Word};
use crate::life::{Life, Stage};
use crate::live::{self, owner_kind, process_state};
use crate::name::MAX_KEY_BYTES;
use crate::row::Row;
use crate::sys::robust;
use std::collections::HashMap;

/// How often a record is read for two readings to agree.
const READINGS: usize = 64;

/// A value read until it held still; false if it never did.
fn steady<T: PartialEq>(read: impl Fn() -> T) -> (T, bool) {
    let mut last = read();
    for _ in 0..READINGS {
        let next = read();
        if next == last {
            return (next, true);
        }
        last = next;
    }
    (last, false)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProcessImage {
    pub slot: u32,
    pub life: u64,
    pub seats: [u64; layout::SEATS],
    pub sleepers: [u64; layout::SEATS],
    pub pid: u32,
    pub row_words: u32,
    pub start_time: u64,
    pub pid_namespace: u64,
    /// The objects whose bit is set at the slot's generation; each word of the row is read by itself.
    pub holds: Vec<u32>,
    pub steady: bool,
}

impl ProcessImage {
    pub fn at(&self) -> ProcessRef {
        ProcessRef { slot: self.slot, generation: (self.seats[0] >> 32) as u32 }
    }

    pub fn is_taken(&self) -> bool {
        self.seats[0] as u32 != 0
    }

    /// Whether the kernel has told of its end.
    pub fn is_marked(&self) -> bool {
        self.seats.iter().any(|seat| robust::died(*seat as u32))
    }

    pub fn is_alive(&self) -> bool {
        self.is_taken() && !self.is_marked()
    }

    pub fn state(&self) -> u64 {
        self.life & process_state::MASK
    }

    /// Another copy of the library in the same process has a slot of its own.
    pub fn is_same_process(&self, other: &ProcessImage) -> bool {
        let who = |p: &ProcessImage| (p.pid, p.start_time, p.pid_namespace);
        self.slot == other.slot || self.start_time != 0 && self.pid_namespace != 0 && who(self) == who(other)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnerImage {
    pub life: u64,
    pub tid: u32,
    pub word_offset: u32,
    pub pending_object: u64,
    pub pending_bucket: u64,
    /// The robust word of the thread.
    pub thread_word: u32,
    pub steady: bool,
}

impl OwnerImage {
    pub fn generation(&self) -> u32 {
        (self.life >> 32) as u32
    }

    pub fn kind(&self) -> u64 {
        self.life & owner_kind::MASK
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaiterImage {
    pub claim: u64,
    pub owner: u64,
    pub since: u64,
    pub flags: u32,
    pub sleeper: u32,
    /// The nodes in the order of the caller's list, and where their list broke, if it did.
    pub nodes: Vec<(u32, NodeImage)>,
    pub broken: Option<Broken>,
    pub steady: bool,
}

impl WaiterImage {
    pub fn claim(&self) -> Claim {
        Claim(self.claim)
    }

    /// It waits, or has been granted what it has not taken yet.
    pub fn is_pending(&self) -> bool {
        matches!(self.claim().phase(), Phase::Waiting | Phase::Granted(_) | Phase::GrantedAll(_))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeImage {
    pub object: u64,
    pub waiter: u64,
    pub prev: u32,
    pub next: u32,
    pub ticket: u64,
    pub sibling: u32,
    pub ordinal: u32,
    pub kind: u32,
    /// What it waits for, of a queue; 0 of other objects.
    pub end: u32,
    pub value: u64,
    pub value_after: u64,
}

/// Why a walk ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// An index beyond its table.
    Beyond(u32),
    /// A record that does not say that it belongs here, or not behind the one before.
    Stray(u32),
}

/// A node that was met in a queue, and the claim of the waiter that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queued {
    pub index: u32,
    pub node: NodeImage,
    /// `None`: it names no waiter, or one that has begun another wait since.
    pub claim: Option<Claim>,
}

impl Queued {
    pub fn is_waiting(&self) -> bool {
        self.claim.is_some_and(Claim::is_waiting)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectImage {
    pub index: u32,
    pub life: u64,
    pub word: u64,
    pub before: u64,
    pub after: u64,
    pub target: u64,
    pub head: u32,
    pub tail: u32,
    pub fence: u64,
    pub depth: u32,
    pub news: u32,
    pub kind: u32,
    pub maximum: u32,
    pub next_ticket: u64,
    pub hash: u32,
    pub name_len: u32,
    pub long_name: u32,
    pub annex: u32,
    /// What the annex holds, if there is one.
    pub annex_words: Option<[u64; layout::ANNEX_WORDS]>,
    pub alls: u32,
    /// `None`: it has none, or what stands there is no name.
    pub name: Option<String>,
    pub queue: Vec<Queued>,
    pub queue_broken: Option<Broken>,
    pub accounts: Vec<(u32, NodeImage)>,
    pub accounts_broken: Option<Broken>,
    /// The state as everybody must see it: a locked object's is decided by the claim that its intent names.
    pub state: u32,
    pub steady: bool,
}

impl ObjectImage {
    pub fn life(&self) -> Life {
        Life(self.life)
    }

    pub fn at(&self) -> ObjectRef {
        ObjectRef { index: self.index, generation: self.life().generation() }
    }

    pub fn is_live(&self) -> bool {
        self.life().stage() == Some(Stage::Live)
    }

    pub fn machine(&self) -> Option<Machine> {
        Machine::of_object(self.kind)
    }

    pub fn word(&self) -> Word {
        Word(self.word)
    }

    pub fn state(&self) -> State {
        State(self.state)
    }

    /// Its words hold still and nobody is changing them.
    pub fn is_settled(&self) -> bool {
        self.steady && !self.word().is_locked()
    }
}

/// A bucket that is not empty or is locked, and the objects of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BucketImage {
    pub index: u32,
    pub word: u64,
    /// Each with its life and its hash.
    pub chain: Vec<(u32, u64, u32)>,
    pub broken: Option<Broken>,
    pub steady: bool,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Image {
    pub high_water: [u32; 8],
    pub all_lock: u64,
    pub processes: Vec<ProcessImage>,
    /// Block words that are not 0.
    pub owner_blocks: HashMap<u32, u64>,
    pub waiter_blocks: HashMap<u32, u64>,
    pub node_blocks: HashMap<u32, u64>,
    /// Those that are or were in use.
    pub owners: HashMap<u32, OwnerImage>,
    pub waiters: HashMap<u32, WaiterImage>,
    pub nodes: HashMap<u32, NodeImage>,
    /// Those that are not free, and the free ones that are locked.
    pub objects: HashMap<u32, ObjectImage>,
    pub buckets: Vec<BucketImage>,
    /// Long names that are taken, and by whom.
    pub long_names: HashMap<u32, u64>,
    /// Likewise annexes.
    pub annexes: HashMap<u32, u64>,
}

impl Image {
    pub fn of(view: &View) -> Image {
        let below = |table| 0..view.high_water(table);
        let header = view.header();
        Image {
            high_water: std::array::from_fn(|i| header.high_water[i].load()),
            all_lock: header.all_lock.load(),
            processes: below(Table::Processes).filter_map(|slot| process(view, slot)).collect(),
            owner_blocks: blocks(&view.fixed().owner_blocks),
            waiter_blocks: blocks(&view.fixed().waiter_blocks),
            node_blocks: blocks(&view.fixed().node_blocks),
            owners: below(Table::Owners).filter_map(|i| Some((i, owner(view.owner(i)?)?))).collect(),
            waiters: below(Table::Waiters).filter_map(|i| Some((i, waiter(view, i)?))).collect(),
            nodes: below(Table::Nodes).filter_map(|i| Some((i, used_node(view.node(i)?)?))).collect(),
            objects: below(Table::Objects).filter_map(|i| Some((i, object(view, i)?))).collect(),
            buckets: buckets(view),
            long_names: taken(view, Table::LongNames, |i| Some(&view.long_name(i)?.owner)),
            annexes: taken(view, Table::Annexes, |i| Some(&view.annex(i)?.owner)),
        }
    }

    /// The process that is at that place, alive or not yet buried.
    pub fn process(&self, at: ProcessRef) -> Option<&ProcessImage> {
        self.processes.iter().find(|p| p.at() == at && p.is_taken())
    }

    pub fn process_of_owner(&self, index: u32) -> Option<ProcessRef> {
        ProcessRef::unpack(*self.owner_blocks.get(&(index / layout::OWNERS_PER_BLOCK))?)
    }

    pub fn process_of_waiter(&self, index: u32) -> Option<ProcessRef> {
        ProcessRef::unpack(*self.waiter_blocks.get(&(index / layout::WAITERS_PER_BLOCK))?)
    }

    pub fn process_of_node(&self, index: u32) -> Option<ProcessRef> {
        ProcessRef::unpack(*self.node_blocks.get(&(index / layout::NODES_PER_BLOCK))?)
    }

    /// The owner record, if it is in use and its generation is the one that `same` knows.
    pub fn owner(&self, index: u32, same: impl Fn(u32) -> bool) -> Option<&OwnerImage> {
        self.owners.get(&index).filter(|owner| same(owner.generation()) && owner.kind() != owner_kind::FREE)
    }

    /// Whether that owner can still act: neither its thread nor its process has been told dead.
    pub fn is_alive(&self, index: u32, same: impl Fn(u32) -> bool) -> bool {
        let Some(owner) = self.owner(index, same) else { return false };
        let home = self.process_of_owner(index).and_then(|home| self.process(home));
        let thread_ended = owner.kind() == owner_kind::THREAD && robust::died(owner.thread_word);
        home.is_some_and(ProcessImage::is_alive) && !thread_ended
    }

    /// Every process that holds the object.
    pub fn holders(&self, object: u32) -> impl Iterator<Item = &ProcessImage> {
        self.processes.iter().filter(move |p| p.is_taken() && p.holds.binary_search(&object).is_ok())
    }
}

fn blocks(words: &[Word64]) -> HashMap<u32, u64> {
    words.iter().map(Word64::load).enumerate().filter(|(_, word)| *word != 0).map(|(i, word)| (i as u32, word)).collect()
}

fn process(view: &View, slot: u32) -> Option<ProcessImage> {
    let record = view.process(slot)?;
    let read = || ProcessImage {
        slot,
        life: record.life.load(),
        seats: std::array::from_fn(|i| record.seats[i].load()),
        sleepers: std::array::from_fn(|i| record.sleepers[i].load()),
        pid: record.pid.load(),
        row_words: record.row_words.load(),
        start_time: record.start_time.load(),
        pid_namespace: record.pid_namespace.load(),
        holds: Vec::new(),
        steady: true,
    };
    // Who sleeps on a seat changes all the time, and says nothing about the rest.
    let without_sleepers = || ProcessImage { sleepers: [0; layout::SEATS], ..read() };
    let (image, steady) = steady(without_sleepers);
    let mut image = ProcessImage { sleepers: read().sleepers, steady, ..image };
    let generation = image.at().generation;
    for word in 0..image.row_words.min(layout::ROW_WORDS) {
        let bits = view.row_word(slot, word).map_or(0, |row| Row(row.load()).bits(generation));
        image.holds.extend((0..ROW_OBJECTS).filter(|bit| bits & 1 << bit != 0).map(|bit| word * ROW_OBJECTS + bit));
    }
    Some(image)
}

fn owner(record: &Owner) -> Option<OwnerImage> {
    let read = || OwnerImage {
        life: record.life.load(),
        tid: record.tid.load(),
        word_offset: record.word_offset.load(),
        pending_object: record.pending_object.load(),
        pending_bucket: record.pending_bucket.load(),
        thread_word: live::thread_word(record).load(),
        steady: true,
    };
    let (image, steady) = steady(read);
    (image.life != 0).then_some(OwnerImage { steady, ..image })
}

fn waiter(view: &View, index: u32) -> Option<WaiterImage> {
    let record = view.waiter(index)?;
    if record.claim.load() == 0 {
        return None;
    }
    let (image, steady) = steady(|| read_waiter(view, index, record));
    Some(WaiterImage { steady, ..image })
}

fn read_waiter(view: &View, index: u32, record: &Waiter) -> WaiterImage {
    let claim = record.claim.load();
    let me = WaiterRef { index, generation: Claim(claim).generation() };
    let (mut nodes, mut broken) = (Vec::new(), None);
    let mut next = record.first_node.load();
    while let Some(at) = next.checked_sub(1) {
        let Some(node) = view.node(at).map(read_node) else {
            broken = Some(Broken::Beyond(at));
            break;
        };
        if node.waiter != me.pack() || node.ordinal as usize != nodes.len() || nodes.len() == MAX_OBJECTS {
            broken = Some(Broken::Stray(at));
            break;
        }
        next = node.sibling;
        nodes.push((at, node));
    }
    WaiterImage {
        claim,
        owner: record.owner.load(),
        since: record.since.load(),
        flags: record.flags.load(),
        sleeper: record.sleeper.load(),
        nodes,
        broken,
        steady: true,
    }
}

fn used_node(record: &Node) -> Option<NodeImage> {
    let (image, _) = steady(|| read_node(record));
    (image.object != 0 || image.waiter != 0).then_some(image)
}

fn read_node(record: &Node) -> NodeImage {
    NodeImage {
        object: record.object.load(),
        waiter: record.waiter.load(),
        prev: record.prev.load(),
        next: record.next.load(),
        ticket: record.ticket.load(),
        sibling: record.sibling.load(),
        ordinal: record.ordinal.load(),
        kind: record.kind.load() & 0xff,
        end: record.kind.load() >> 8,
        value: record.value.load(),
        value_after: record.value_after.load(),
    }
}

/// The records of a table that belong to objects, and to which.
fn taken<'a>(view: &View, table: Table, owner: impl Fn(u32) -> Option<&'a Word64>) -> HashMap<u32, u64> {
    (0..view.high_water(table)).filter_map(|i| Some((i, owner(i)?.load()))).filter(|(_, owner)| *owner != 0).collect()
}

fn object(view: &View, index: u32) -> Option<ObjectImage> {
    let record = view.object(index)?;
    if Life(record.life.load()).stage() == Some(Stage::Free) && !Word(record.word.load()).is_locked() {
        return None;
    }
    // A reading has two ends: nothing was appended between them, and the word did not move.
    let ((image, ends_agree), steady) = steady(|| read_object(view, index, record));
    Some(ObjectImage { steady: steady && ends_agree, ..image })
}

fn read_object(view: &View, index: u32, record: &Object) -> (ObjectImage, bool) {
    let (word, next_ticket) = (record.word.load(), record.next_ticket.load());
    let life = record.life.load();
    let at = ObjectRef { index, generation: Life(life).generation() };
    let (head, name_len, long_name) = (record.head.load(), record.name_len.load(), record.long_name.load());
    let (queue, queue_broken) = read_queue(view, at, head);
    let (accounts, accounts_broken) = read_accounts(view, at, record.accounts.load());
    let annex = record.annex.load();
    let (before, after, target) = (record.before.load(), record.after.load(), record.target.load());
    let decided = Word(word).is_locked().then(|| decided(view, before, after, target)).flatten();
    let state = decided.unwrap_or(Word(word).state());
    let kind = record.kind.load();
    let image = ObjectImage {
        index,
        life,
        word,
        before,
        after,
        target,
        head,
        tail: record.tail.load(),
        fence: record.fence.load(),
        depth: record.depth.load(),
        news: record.news.load(),
        kind,
        maximum: record.maximum.load(),
        next_ticket,
        hash: record.hash.load(),
        name_len,
        long_name,
        annex,
        annex_words: annex.checked_sub(1).and_then(|index| Some(view.annex(index)?.words.each_ref().map(Word64::load))),
        alls: record.alls.load(),
        name: read_name(view, record, name_len, long_name),
        queue,
        queue_broken,
        accounts,
        accounts_broken,
        state: settled(kind, state).0,
        steady: true,
    };
    (image, record.word.load() == word && record.next_ticket.load() == next_ticket)
}

/// A pulse is over when its locker unlocks.
fn settled(kind: u32, state: State) -> State {
    match Machine::from_code(kind) {
        Some(Machine::ManualEvent | Machine::AutoEvent) if state.is_pulsed() => state.reset(),
        _ => state,
    }
}

/// What the intent of a locked object and the claim that it names say.
fn decided(view: &View, before: u64, after: u64, target: u64) -> Option<State> {
    let intent = Intended::unpack(target)?;
    let node = view.node(intent.node)?;
    let waiter = WaiterRef::unpack(node.waiter.load()).and_then(|at| view.waiter(at.index));
    let happened = waiter.map_or(intent.happened(Claim(0), 0, 0), |waiter| {
        intent.happened(Claim(waiter.claim.load()), node.ordinal.load(), (before >> 32) as u32)
    });
    Some(State(if happened { after } else { before } as u32))
}

fn read_queue(view: &View, at: ObjectRef, head: u32) -> (Vec<Queued>, Option<Broken>) {
    let mut queue: Vec<Queued> = Vec::new();
    let mut next = head;
    while let Some(index) = next.checked_sub(1) {
        let Some(node) = view.node(index).map(read_node) else { return (queue, Some(Broken::Beyond(index))) };
        let before = queue.last().map_or(0, |last| last.index + 1);
        if node.object != at.pack() || node.prev != before || node.kind == node_kind::ACCOUNT {
            return (queue, Some(Broken::Stray(index)));
        }
        let claim = WaiterRef::unpack(node.waiter).and_then(|waiter| {
            let claim = Claim(view.waiter(waiter.index)?.claim.load());
            (claim.generation() == waiter.generation).then_some(claim)
        });
        next = node.next;
        queue.push(Queued { index, node, claim });
    }
    (queue, None)
}

fn read_accounts(view: &View, at: ObjectRef, first: u32) -> (Vec<(u32, NodeImage)>, Option<Broken>) {
    let mut accounts: Vec<(u32, NodeImage)> = Vec::new();
    let mut next = first;
    while let Some(index) = next.checked_sub(1) {
        let Some(node) = view.node(index).map(read_node) else { return (accounts, Some(Broken::Beyond(index))) };
        if node.object != at.pack() || node.kind != node_kind::ACCOUNT || accounts.len() == PROCESSES as usize {
            return (accounts, Some(Broken::Stray(index)));
        }
        next = node.next;
        accounts.push((index, node));
    }
    (accounts, None)
}

fn read_name(view: &View, record: &Object, len: u32, long_name: u32) -> Option<String> {
    let words: &[Word64] = match long_name.checked_sub(1) {
        Some(index) => &view.long_name(index).map(|long: &LongName| &long.text)?[..],
        None => &record.name,
    };
    let len = len as usize;
    if len == 0 || len > MAX_KEY_BYTES.min(words.len() * 8) {
        return None;
    }
    let bytes = words.iter().flat_map(|word| word.load().to_le_bytes()).take(len).collect();
    String::from_utf8(bytes).ok()
}

fn buckets(view: &View) -> Vec<BucketImage> {
    let words = &view.fixed().buckets;
    let used = words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.load() != 0 && (Bucket(word.load()).head() != 0 || Bucket(word.load()).is_locked()));
    used.map(|(index, word)| {
        let (image, steady) = steady(|| read_bucket(view, index as u32, word));
        BucketImage { steady, ..image }
    })
    .collect()
}

fn read_bucket(view: &View, index: u32, word: &Word64) -> BucketImage {
    let seen = word.load();
    let (mut chain, mut broken) = (Vec::new(), None);
    let mut next = Bucket(seen).head();
    let mut landmark = None; // the last one at a power of two: a ring leads back to one of them
    while let Some(at) = next.checked_sub(1) {
        let Some(record) = view.object(at) else {
            broken = Some(Broken::Beyond(at));
            break;
        };
        let (life, hash) = (record.life.load(), record.hash.load());
        if hash % layout::BUCKETS != index || landmark == Some(at) {
            broken = Some(Broken::Stray(at));
            break;
        }
        chain.push((at, life, hash));
        if chain.len().is_power_of_two() {
            landmark = Some(at);
        }
        next = record.chain.load();
    }
    BucketImage { index, word: seen, chain, broken, steady: true }
}
