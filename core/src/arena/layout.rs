//! Every byte that crosses a process.
//!
//! The arena is one file: a header, small fixed tables, then tables of fixed-size records at fixed offsets. Each field
//! is a [`Word32`] or [`Word64`]; a page of zeros is "nothing here" in every table. Indices are stored plus one where 0
//! must mean none. Words that name a slot carry its generation. `docs/arena-format.md` says the same in prose and the
//! golden test holds the bytes; changing anything here is a new [`FORMAT`].

use crate::cell::{Word32, Word64};

/// First eight bytes of every arena.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"byname\0\x1a");
/// The number of this layout.
pub(crate) const FORMAT: u32 = 5;

pub(crate) const PROCESSES: u32 = 4096;
pub(crate) const OWNERS: u32 = 65_536;
pub(crate) const WAITERS: u32 = 65_536;
pub(crate) const NODES: u32 = 1 << 20;
pub(crate) const OBJECTS: u32 = 1 << 20;
pub(crate) const LONG_NAMES: u32 = 65_536;
pub(crate) const ANNEXES: u32 = 65_536;
/// A quarter of [`OBJECTS`]: with a million of them a look-up among so many passes two others on average.
pub(crate) const BUCKETS: u32 = 1 << 18;

/// Owners, waiters and nodes are given to processes in blocks.
pub(crate) const OWNERS_PER_BLOCK: u32 = 16;
/// Words on which those sleep who wait for one manual-reset event.
pub(crate) const HALLS: usize = 64;
pub(crate) const WAITERS_PER_BLOCK: u32 = 16;
pub(crate) const NODES_PER_BLOCK: u32 = 64;

/// A process's life words; 0 to 2 are its neighbours', the others any blocked thread's.
pub(crate) const SEATS: usize = 16;
pub(crate) const RING_SEATS: usize = 3;

/// Objects per word of a reference row; the other half of the word is the generation of the process slot.
pub(crate) const ROW_OBJECTS: u32 = 32;
pub(crate) const ROW_WORDS: u32 = OBJECTS / ROW_OBJECTS;

/// A record that may live in shared memory.
///
/// # Safety
/// - `repr(C)`, made of [`Word32`] and [`Word64`] and arrays of them only: no pointers, no padding that matters,
///   every bit pattern readable.
pub(crate) unsafe trait Shared: 'static {}

/// Offset 0.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) magic: Word64,
    pub(crate) format: Word32,
    pub(crate) header_size: Word32,
    /// OPEN or CLOSING, and a version that every attach moves (see `attach.rs`).
    pub(crate) life: Word64,
    pub(crate) boot: [Word64; 2],
    pub(crate) size: Word64,
    /// Capacities of processes, owners, waiters, nodes, objects, long names, buckets, row words.
    pub(crate) capacities: [Word32; 8],
    /// High-water marks, in records that have memory behind them, in the order of [`Table`].
    pub(crate) high_water: [Word32; 8],
    /// The wait-all lock: the op that holds it, or 0.
    pub(crate) all_lock: Word64,
    /// How many object records are in use; a hint for the allocator.
    pub(crate) live_objects: Word64,
    /// Low half: what many who were granted at once sleep on for the moment until all of them are woken; see `grant.rs`.
    pub(crate) crowd: Word64,
    _line: [Word64; 7],
    /// What those sleep on who wait for one manual-reset event alone; see `hall.rs`.
    pub(crate) halls: [Word32; HALLS],
    _rest: [Word64; 456],
}

/// One attached process.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Process {
    /// Generation (high half) and state.
    pub(crate) life: Word64,
    /// Generation (high half) and futex word: the keeper's TID and the kernel's bits; 0 = the slot is free.
    pub(crate) seats: [Word64; SEATS],
    /// The op that sleeps on the seat, or 0.
    pub(crate) sleepers: [Word64; SEATS],
    /// One bit for each word of the header's `done` bitmap that has news for this process.
    pub(crate) news: [Word64; 16],
    /// Low half: what the keeper sleeps on.
    pub(crate) doorbell: Word64,
    pub(crate) pid: Word32,
    /// Words of this process's reference row that have memory behind them.
    pub(crate) row_words: Word32,
    pub(crate) start_time: Word64,
    pub(crate) pid_namespace: Word64,
    /// EXPECTED slots: until when the child must have come (monotonic nanoseconds).
    pub(crate) expected_until: Word64,
    /// Counts the watchdogs that were started and that this process's keeper is to look after.
    pub(crate) dogs: Word64,
    _rest: [Word64; 9],
}

/// Who can own a mutex and hold a lock: a thread, or one asynchronous acquisition.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Owner {
    /// Generation (high half) and kind; see `owner.rs`.
    pub(crate) life: Word64,
    pub(crate) tid: Word32,
    /// Where in `lock` the C library keeps its futex word.
    pub(crate) word_offset: Word32,
    /// The object (index plus one, generation) that this op is making or destroying.
    pub(crate) pending_object: Word64,
    /// The bucket (plus one) that this op may have locked.
    pub(crate) pending_bucket: Word64,
    /// A robust pthread mutex that the thread holds for life.
    pub(crate) lock: [Word64; 8],
    /// A hint: where the thread ran last and whether it sleeps; see `spin.rs`.
    pub(crate) place: Word64,
    _rest: [Word64; 3],
}

/// One wait in progress.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Generation (high half) and state (the futex); see `claim.rs`.
    pub(crate) claim: Word64,
    /// The owner that a grant would make: index and generation.
    pub(crate) owner: Word64,
    /// When the wait began (monotonic nanoseconds).
    pub(crate) since: Word64,
    /// The first of this waiter's nodes, plus one.
    pub(crate) first_node: Word32,
    pub(crate) flags: Word32,
    /// Hints: the op (index plus one) whose thread waits here, and the op that ended the wait; see `spin.rs`.
    pub(crate) sleeper: Word32,
    pub(crate) ended_by: Word32,
    _rest: [Word64; 3],
}

/// A waiter's place in the queue of one object; or a process's account with one robust semaphore.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Node {
    /// The object in whose list this node is linked: index plus one, generation in the high half; 0 = not linked.
    pub(crate) object: Word64,
    /// The waiter (index, generation); of an account: the process.
    pub(crate) waiter: Word64,
    /// Neighbours in the queue, plus one.
    pub(crate) prev: Word32,
    pub(crate) next: Word32,
    /// Order of arrival.
    pub(crate) ticket: Word64,
    /// The next node of the same waiter, plus one.
    pub(crate) sibling: Word32,
    /// The object's place in the caller's list.
    pub(crate) ordinal: Word32,
    /// What the grant found: abandoned or not.
    pub(crate) news: Word32,
    pub(crate) kind: Word32,
    /// The object's reset epoch at the grant; of an account: permits held.
    pub(crate) value: Word64,
    /// The object (index plus one, generation) that the wait named; of an account: permits held after the change that an intent describes.
    pub(crate) value_after: Word64,
}

/// A synchronization object.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Object {
    /// State, generation, sole holder, version; see `life.rs`.
    pub(crate) life: Word64,
    /// Lock, queue bits and the kind's state; see `word.rs`.
    pub(crate) word: Word64,
    /// The intent: state before, state after, and what decides between them.
    pub(crate) before: Word64,
    pub(crate) after: Word64,
    pub(crate) target: Word64,
    /// The queue, node indices plus one.
    pub(crate) head: Word32,
    pub(crate) tail: Word32,
    /// The last fence number given out.
    pub(crate) fence: Word64,
    /// Mutex: how often its owner holds it, and what the acquisition found. Written by the owner alone, or for it while it waits.
    pub(crate) depth: Word32,
    pub(crate) news: Word32,
    pub(crate) kind: Word32,
    /// Semaphore: the maximum.
    pub(crate) maximum: Word32,
    pub(crate) next_ticket: Word64,
    pub(crate) hash: Word32,
    /// The next object of the bucket, plus one.
    pub(crate) chain: Word32,
    pub(crate) name_len: Word32,
    /// The record of a name that does not fit inside, plus one.
    pub(crate) long_name: Word32,
    /// Robust semaphore: first account, plus one.
    pub(crate) accounts: Word32,
    /// How many linked nodes belong to wait-alls.
    pub(crate) alls: Word32,
    /// What the kind keeps besides, plus one.
    pub(crate) annex: Word32,
    _rest: Word32,
    pub(crate) name: [Word64; INLINE_NAME_WORDS],
}

pub(crate) const INLINE_NAME_WORDS: usize = 18;
pub(crate) const INLINE_NAME_BYTES: usize = INLINE_NAME_WORDS * 8;

/// The name of an object whose record has no room for it.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct LongName {
    /// The object: index plus one, generation; 0 = free.
    pub(crate) owner: Word64,
    pub(crate) text: [Word64; 98],
    _rest: Word64,
}

/// What an object keeps that its record has no room for; each kind says what its words are.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Annex {
    /// The object: index plus one, generation; 0 = free.
    pub(crate) owner: Word64,
    pub(crate) words: [Word64; ANNEX_WORDS],
}

pub(crate) const ANNEX_WORDS: usize = 15;

/// A place for one message, in the file of a queue (`kinds/queue.rs`).
#[repr(C)]
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
pub(crate) struct Slot {
    pub(crate) state: Word64,
    /// Bytes of the message.
    pub(crate) len: Word32,
    /// The next message, or the next free slot, plus one.
    pub(crate) next: Word32,
    /// Bytes that have memory behind them, where each slot has its own.
    pub(crate) backed: Word32,
    _rest: [Word32; 3],
}

/// The tables that follow the header, in file order.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Fixed {
    /// One bit for each waiter whose process must look at it.
    pub(crate) done: [Word64; (WAITERS / 64) as usize],
    /// The process that each block belongs to.
    pub(crate) owner_blocks: [Word64; (OWNERS / OWNERS_PER_BLOCK) as usize],
    pub(crate) waiter_blocks: [Word64; (WAITERS / WAITERS_PER_BLOCK) as usize],
    pub(crate) node_blocks: [Word64; (NODES / NODES_PER_BLOCK) as usize],
    /// The name index: see `index.rs`.
    pub(crate) buckets: [Word64; BUCKETS as usize],
}

// SAFETY: all of these are repr(C) and consist of words and arrays of words.
unsafe impl Shared for Header {}
// SAFETY: as above.
unsafe impl Shared for Fixed {}
// SAFETY: as above.
unsafe impl Shared for Process {}
// SAFETY: as above.
unsafe impl Shared for Owner {}
// SAFETY: as above.
unsafe impl Shared for Waiter {}
// SAFETY: as above.
unsafe impl Shared for Node {}
// SAFETY: as above.
unsafe impl Shared for Object {}
// SAFETY: as above.
unsafe impl Shared for LongName {}
// SAFETY: as above.
unsafe impl Shared for Annex {}
// SAFETY: as above.
unsafe impl Shared for Slot {}
// SAFETY: a word is a word.
unsafe impl Shared for Word64 {}

/// The growing tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Processes,
    Owners,
    Waiters,
    Nodes,
    Objects,
    LongNames,
    Annexes,
}

pub(crate) const TABLES: usize = 7;

pub(crate) const FIXED_AT: u64 = 4096;
pub(crate) const FIXED_END: u64 = FIXED_AT + size_of::<Fixed>() as u64;
const MIB: u64 = 1 << 20;
pub(crate) const PROCESSES_AT: u64 = 3 * MIB;
pub(crate) const OWNERS_AT: u64 = PROCESSES_AT + 2 * MIB;
pub(crate) const WAITERS_AT: u64 = OWNERS_AT + 8 * MIB;
pub(crate) const NODES_AT: u64 = WAITERS_AT + 4 * MIB;
pub(crate) const OBJECTS_AT: u64 = NODES_AT + 64 * MIB;
pub(crate) const LONG_NAMES_AT: u64 = OBJECTS_AT + 256 * MIB;
pub(crate) const ANNEXES_AT: u64 = LONG_NAMES_AT + 50 * MIB;
pub(crate) const ROWS_AT: u64 = ANNEXES_AT + 8 * MIB;
/// The size of the sparse file.
pub(crate) const SIZE: u64 = ROWS_AT + PROCESSES as u64 * ROW_WORDS as u64 * 8;

/// Memory is put behind tables in pieces of this size.
pub(crate) const CHUNK: u64 = 65_536;
/// And behind reference rows in pieces of this.
pub(crate) const ROW_CHUNK: u64 = 4096;

#[cfg(not(loom))]
macro_rules! layout {
    ($($record:ident: $size:literal { $($field:ident @ $offset:literal),* })+) => {
        $( const _: () = assert!(size_of::<$record>() == $size);
           $( const _: () = assert!(std::mem::offset_of!($record, $field) == $offset); )* )+
    };
}

#[cfg(not(loom))] // whose atomics are larger
layout! {
    Header: 4096 { magic @ 0, format @ 8, header_size @ 12, life @ 16, boot @ 24, size @ 40, capacities @ 48, high_water @ 80, all_lock @ 112, live_objects @ 120, crowd @ 128, halls @ 192 }
    Process: 512 { life @ 0, seats @ 8, sleepers @ 136, news @ 264, doorbell @ 392, pid @ 400, row_words @ 404, start_time @ 408, pid_namespace @ 416, expected_until @ 424, dogs @ 432 }
    Owner: 128 { life @ 0, tid @ 8, word_offset @ 12, pending_object @ 16, pending_bucket @ 24, lock @ 32, place @ 96 }
    Waiter: 64 { claim @ 0, owner @ 8, since @ 16, first_node @ 24, flags @ 28, sleeper @ 32, ended_by @ 36 }
    Node: 64 { object @ 0, waiter @ 8, prev @ 16, next @ 20, ticket @ 24, sibling @ 32, ordinal @ 36, news @ 40, kind @ 44, value @ 48, value_after @ 56 }
    Object: 256 { life @ 0, word @ 8, before @ 16, after @ 24, target @ 32, head @ 40, tail @ 44, fence @ 48, depth @ 56, news @ 60, kind @ 64, maximum @ 68,
        next_ticket @ 72, hash @ 80, chain @ 84, name_len @ 88, long_name @ 92, accounts @ 96, alls @ 100, annex @ 104, name @ 112 }
    LongName: 800 { owner @ 0, text @ 8 }
    Annex: 128 { owner @ 0, words @ 8 }
    Slot: 32 { state @ 0, len @ 8, next @ 12, backed @ 16 }
}
#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<Object>() - INLINE_NAME_BYTES <= 112);
    assert!(crate::name::MAX_KEY_BYTES <= 98 * 8);
    assert!(FIXED_END <= PROCESSES_AT);
    assert!(PROCESSES as u64 * 512 <= OWNERS_AT - PROCESSES_AT);
    assert!(OWNERS as u64 * 128 <= WAITERS_AT - OWNERS_AT);
    assert!(WAITERS as u64 * 64 <= NODES_AT - WAITERS_AT);
    assert!(NODES as u64 * 64 <= OBJECTS_AT - NODES_AT);
    assert!(OBJECTS as u64 * 256 <= LONG_NAMES_AT - OBJECTS_AT);
    assert!(LONG_NAMES as u64 * 800 <= ANNEXES_AT - LONG_NAMES_AT);
    assert!(ANNEXES as u64 * 128 <= ROWS_AT - ANNEXES_AT);
    assert!(crate::sys::robust::THREAD_LOCK_BYTES == 64);
};

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::arena::refs::{ObjectRef, OwnerRef, ProcessRef, WaiterRef};
    use crate::bucket::Bucket;
    use crate::dispatch::claim::{Claim, Decides, Intended, Phase};
    use crate::dispatch::word::{Machine, State, Word};
    use crate::life::{Life, Stage};
    use crate::live::{owner_kind, process_state};
    use crate::row::Row;

    /// A record of zeros, as a fresh page holds it.
    fn fresh<T: Shared>() -> &'static T {
        let words: &'static [Word64] = Box::leak((0..size_of::<T>() / 8).map(|_| Word64::new(0)).collect());
        // SAFETY: the words have the record's size and alignment, live for ever, and make it up (`Shared`).
        unsafe { &*words.as_ptr().cast::<T>() }
    }

    /// The record's bytes, 16 a line, lines of zeros left out.
    fn dump<T: Shared>(record: &T) -> String {
        // SAFETY: a record is made up of words (`Shared`), and nobody writes it meanwhile.
        let words = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(record).cast::<Word64>(), size_of::<T>() / 8) };
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.load().to_le_bytes()).collect();
        let line = |(i, line): (usize, &[u8])| {
            let hex: Vec<String> = line.chunks(8).map(|half| half.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
            (line.iter().any(|&byte| byte != 0)).then(|| format!("{:03x}  {}\n", i * 16, hex.join(" ")))
        };
        bytes.chunks(16).enumerate().filter_map(line).collect()
    }

    fn golden<T: Shared>(record: &T, expected: &str) {
        let expected: String = expected.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
        let found = dump(record);
        assert_eq!(found, expected, "the format has changed: it needs a new FORMAT\n{found}");
    }

    const OP: OwnerRef = OwnerRef { index: 0x1234, generation: 0x0001_2345 };
    const WAITER: WaiterRef = WaiterRef { index: 0x2345, generation: 0x2222_2222 };
    const OBJECT: ObjectRef = ObjectRef { index: 0x3_4567, generation: 0x4321 };
    const PROCESS: ProcessRef = ProcessRef { slot: 0x456, generation: 0x5555_5555 };

    #[test]
    fn golden_object() {
        let object: &Object = fresh();
        let state = State::mutex(Some(OP), true);
        object.life.store(Life(0).reserve(0x456).unwrap().publish().admit(0x456).unwrap().0);
        object.word.store(Word::new(state).unlocked(true, true, true).locked_by(OP).0);
        object.before.store(u64::from(0x0045_1234u32) << 32 | u64::from(State::event(true).pulsed().0));
        object.after.store(u64::from(State::event(true).reset().reset().0));
        object.target.store(Intended { decides: Decides::All, node: 0x5_6789, generation: 0x2222_2222 }.pack());
        object.head.store(0x5_678a);
        object.tail.store(0x5_678b);
        object.fence.store(0x1122_3344_5566_7788);
        object.depth.store(0x7fff_ffff);
        object.news.store(1);
        object.kind.store(Machine::RobustSemaphore.code());
        object.maximum.store(0x7fff_fffe);
        object.next_ticket.store(0x99);
        object.hash.store(0xabcd_ef01);
        object.chain.store(0x3_4568);
        object.name_len.store(144);
        object.long_name.store(0xbc);
        object.accounts.store(0x5_678c);
        object.alls.store(3);
        object.annex.store(0x7654);
        object.name[0].store(u64::from_le_bytes(*b"a name w"));
        object.name[INLINE_NAME_WORDS - 1].store(u64::from_le_bytes(*b"its end."));
        golden(
            object,
            "000  0200b82201000000 341245a347235134
             010  0300000034124500 0002000000000000
             020  222222228a670540 8a6705008b670500
             030  8877665544332211 ffffff7f01000000
             040  05000000feffff7f 9900000000000000
             050  01efcdab68450300 90000000bc000000
             060  8c67050003000000 5476000000000000
             070  61206e616d652077 0000000000000000
             0f0  0000000000000000 69747320656e642e",
        );
    }

    #[test]
    fn golden_process() {
        let process: &Process = fresh();
        process.life.store(u64::from(PROCESS.generation) << 32 | process_state::LIVE);
        for (i, seat) in process.seats.iter().enumerate() {
            seat.store(u64::from(PROCESS.generation) << 32 | 0x8000_1000 | i as u64);
        }
        process.sleepers[3].store(OP.pack());
        process.sleepers[SEATS - 1].store(OP.pack());
        process.news[0].store(1);
        process.news[15].store(1 << 63);
        process.doorbell.store(0xd00b);
        process.pid.store(0x1000);
        process.row_words.store(512);
        process.start_time.store(0x1111_1111_1111);
        process.pid_namespace.store(0xf000_0123);
        process.expected_until.store(0x2222_2222_2222);
        golden(
            process,
            "000  0200000055555555 0010008055555555
             010  0110008055555555 0210008055555555
             020  0310008055555555 0410008055555555
             030  0510008055555555 0610008055555555
             040  0710008055555555 0810008055555555
             050  0910008055555555 0a10008055555555
             060  0b10008055555555 0c10008055555555
             070  0d10008055555555 0e10008055555555
             080  0f10008055555555 0000000000000000
             0a0  3512000045230100 0000000000000000
             100  3512000045230100 0100000000000000
             180  0000000000000080 0bd0000000000000
             190  0010000000020000 1111111111110000
             1a0  230100f000000000 2222222222220000",
        );
    }

    #[test]
    fn golden_owner() {
        let owner: &Owner = fresh();
        owner.life.store(u64::from(OP.generation) << 32 | owner_kind::THREAD);
        owner.tid.store(0x1001);
        owner.word_offset.store(4);
        owner.pending_object.store(OBJECT.pack());
        owner.pending_bucket.store(0xffff + 1);
        owner.lock[0].store(0x0102_0304_0506_0708);
        owner.lock[7].store(0x1112_1314_1516_1718);
        owner.place.store(1 << 63 | 3);
        golden(
            owner,
            "000  0100000045230100 0110000004000000
             010  6845030021430000 0000010000000000
             020  0807060504030201 0000000000000000
             050  0000000000000000 1817161514131211
             060  0300000000000080 0000000000000000",
        );
    }

    #[test]
    fn golden_waiter_and_nodes() {
        let waiter: &Waiter = fresh();
        let waiting = Claim(u64::from(WAITER.generation - 1) << 32).next_waiting();
        waiter.claim.store(waiting.poke().unwrap().grant(0x9_8765).unwrap().take().unwrap().0);
        waiter.owner.store(OP.pack());
        waiter.since.store(0x3333_3333_3333);
        waiter.first_node.store(0x5_678a);
        waiter.flags.store(1);
        waiter.sleeper.store(0x1235);
        waiter.ended_by.store(0x1236);
        golden(
            waiter,
            "000  0665870922222222 3512000045230100
             010  3333333333330000 8a67050001000000
             020  3512000036120000 0000000000000000",
        );
        assert_eq!(waiting.poke().unwrap().0, 0x2222_2222_0000_0009);
        assert_eq!(waiting.grant_all(0x0045_1234).unwrap().0, 0x2222_2222_4512_3403);
        let node: &Node = fresh();
        node.object.store(OBJECT.pack());
        node.waiter.store(WAITER.pack());
        node.prev.store(0x5_6788);
        node.next.store(0x5_678b);
        node.ticket.store(0x99);
        node.sibling.store(0x5_678c);
        node.ordinal.store(0x9_8765);
        node.news.store(2);
        node.kind.store(3);
        node.value.store(0xfffe);
        node.value_after.store(0xffff);
        golden(
            node,
            "000  6845030021430000 4623000022222222
             010  886705008b670500 9900000000000000
             020  8c67050065870900 0200000003000000
             030  feff000000000000 ffff000000000000",
        );
    }

    #[test]
    fn golden_long_name_and_words_of_the_fixed_tables() {
        let long: &LongName = fresh();
        long.owner.store(OBJECT.pack());
        long.text[0].store(u64::from_le_bytes(*b"a name w"));
        long.text[97].store(u64::from_le_bytes(*b"its end."));
        golden(
            long,
            "000  6845030021430000 61206e616d652077
             310  69747320656e642e 0000000000000000",
        );
        let annex: &Annex = fresh();
        annex.owner.store(OBJECT.pack());
        annex.words[0].store(1);
        annex.words[ANNEX_WORDS - 1].store(2);
        golden(
            annex,
            "000  6845030021430000 0100000000000000
             070  0000000000000000 0200000000000000",
        );
        let inserted = Bucket(0).insert(OBJECT.index);
        assert_eq!(inserted.0, 0x0000_0000_0023_4568);
        assert_eq!(inserted.locked_by(OP).0, 0x3451_2340_0023_4568);
        assert_eq!(inserted.locked_by(OP).unlocked().0, 0x0000_0000_0043_4568);
        assert_eq!(Row(0).with(PROCESS.generation, 31).with(PROCESS.generation, 2).0, 0x5555_5555_8000_0004);
        assert_eq!(PROCESS.pack(), 0x5555_5555_0000_0457);
        assert_eq!(Word::new(State::semaphore(5).post_of_dead(2, 9)).0, 0x8000_0007);
    }

    #[test]
    fn zeros_are_nothing() {
        let object: &Object = fresh();
        assert_eq!(Life(object.life.load()).stage(), Some(Stage::Free));
        assert!(!Life(object.life.load()).is_live(0));
        assert_eq!(Machine::from_code(object.kind.load()), None);
        assert_eq!(Intended::unpack(object.target.load()), None);
        assert!(!Word(object.word.load()).is_locked() && !Word(object.word.load()).queued());
        let process: &Process = fresh();
        assert_eq!(process.life.load() & process_state::MASK, process_state::FREE);
        assert!(process.seats.iter().all(|seat| seat.load() as u32 == 0), "a taken slot has a seat that is not 0");
        let owner: &Owner = fresh();
        assert_eq!(owner.life.load() & owner_kind::MASK, owner_kind::FREE);
        assert_eq!(ObjectRef::unpack(owner.pending_object.load()), None);
        let waiter: &Waiter = fresh();
        assert_eq!(Claim(waiter.claim.load()).phase(), Phase::Idle);
        assert_eq!(OwnerRef::unpack(waiter.owner.load()), None);
        let node: &Node = fresh();
        assert_eq!((ObjectRef::unpack(node.object.load()), WaiterRef::unpack(node.waiter.load())), (None, None));
        let long: &LongName = fresh();
        assert_eq!(ObjectRef::unpack(long.owner.load()), None);
        let annex: &Annex = fresh();
        assert_eq!(ObjectRef::unpack(annex.owner.load()), None);
        let fixed: &Fixed = fresh();
        assert!(fixed.owner_blocks.iter().all(|block| ProcessRef::unpack(block.load()).is_none()));
        assert!(fixed.buckets.iter().all(|b| Bucket(b.load()).head() == 0 && !Bucket(b.load()).is_locked()));
        assert!((0..ROW_OBJECTS).all(|bit| !Row(0).holds(1, bit)));
        let header: &Header = fresh();
        assert_ne!(header.magic.load(), MAGIC);
        assert_eq!(OwnerRef::unpack(header.all_lock.load()), None);
    }
}
