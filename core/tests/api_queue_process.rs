//! Message queues across processes that are killed and stopped: the child is this test binary again, in the role that an environment variable names.

mod api_support;

use api_support::actor::{self, Actor, ready};
use api_support::{LONG, SHORT, session, watchdog};
use byname::{Queue, QueueOptions};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;

/// Not a test of its own: what a child does.
#[test]
fn the_child() {
    let Some((role, name)) = actor::role() else { return };
    let queue = || Queue::open(&name).unwrap();
    let end = |options: QueueOptions| options.open(&name).unwrap();
    let any = QueueOptions::new(0, 1);
    let held: Box<dyn std::any::Any> = match role.as_str() {
        "filling" => Box::new(queue().reserve(100_000).unwrap()),
        "reading" => Box::new(queue().take().unwrap()),
        "writer of two" | "writer of two, one truncated" => {
            let lost = QueueOptions::new(1, 8).create("lost").unwrap();
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let memory = maps.lines().find_map(|line| Some(&line[line.find('/')?..]).filter(|path| path.contains("byname.v1.memory")));
            match role.as_str() {
                "writer of two" => std::fs::remove_file(memory.unwrap()).unwrap(),
                _ => std::fs::OpenOptions::new().write(true).open(memory.unwrap()).unwrap().set_len(4096).unwrap(),
            }
            let other = any.writer_only().create(&name).unwrap(); // after the first: it is settled later
            Box::new((lost, other))
        }
        "writer" => Box::new(end(any.writer_only())),
        "receiver" => {
            let queue = queue();
            ready();
            let _ = queue.recv();
            std::process::exit(0);
        }
        "producer" => {
            let queue = end(any.writer_only());
            ready();
            let me = u64::from(std::process::id());
            for i in 0u64.. {
                let mut message = vec![0; if i % 3 == 0 { 9000 } else { 16 }];
                message[..8].copy_from_slice(&me.to_le_bytes());
                message[8..16].copy_from_slice(&i.to_le_bytes());
                queue.send(&message).unwrap();
            }
            Box::new(())
        }
        "consumer" => {
            let queue = end(any.reader_only());
            ready();
            loop {
                drop(queue.recv().unwrap());
            }
        }
        unknown => panic!("no such role: {unknown}"),
    };
    ready();
    actor::stay();
    drop(held);
}

fn signal(child: &Actor, signal: Signal) {
    kill_process(Pid::from_child(&child.0), signal).unwrap();
}

fn make(name: &str, max_messages: u32) -> Queue {
    QueueOptions::new(max_messages, 100_000).namespace(&session()).allow_broken().create(name).unwrap()
}

#[test]
fn who_dies_in_the_middle_of_a_message_loses_that_and_nothing_else() {
    let _watchdog = watchdog();
    for (role, places) in [("filling", 3), ("reading", 2)] {
        let queue = make(role, places);
        queue.send(b"first").unwrap();
        let child = Actor::start(role, role);
        queue.send(b"second").unwrap_or_else(|error| panic!("{role}: {error}"));
        assert!(!queue.try_send(b"third").unwrap(), "{role}: the dead has not given its place back yet");
        child.kill();
        assert!(queue.send_for(b"third", LONG).unwrap(), "{role}: its place is free");
        let expected: &[&[u8]] = if role == "filling" { &[b"first", b"second", b"third"] } else { &[b"second", b"third"] };
        for message in expected {
            assert_eq!(&queue.recv().unwrap()[..], *message, "{role}");
        }
        assert!(queue.try_recv().unwrap().is_none());
        let info = queue.info().unwrap();
        assert_eq!((info.readers, info.writers), (1, 1), "{role}: its ends are gone");
    }
}

#[test]
fn who_is_stopped_in_the_middle_of_a_message_delays_nobody() {
    let _watchdog = watchdog();
    let queue = make("stopped", 3);
    let filling = Actor::start("filling", "stopped");
    signal(&filling, Signal::STOP);
    for i in 0..1000u32 {
        queue.send(&i.to_le_bytes()).unwrap();
        assert_eq!(&queue.recv().unwrap()[..], i.to_le_bytes());
    }
}

#[test]
fn a_message_that_a_stopped_receiver_was_told_of_goes_to_another() {
    let _watchdog = watchdog();
    let queue = make("told", 3);
    let stopped = Actor::start("receiver", "told");
    std::thread::sleep(SHORT);
    signal(&stopped, Signal::STOP);
    std::thread::scope(|scope| {
        let reader = queue.reader().unwrap();
        let got = scope.spawn(move || reader.recv_for(LONG).unwrap().expect("it waits for one who is stopped"));
        std::thread::sleep(SHORT);
        queue.send(b"message").unwrap();
        assert_eq!(&got.join().unwrap()[..], b"message");
    });
}

#[test]
fn a_message_that_a_dead_receiver_was_told_of_goes_to_another() {
    let _watchdog = watchdog();
    let queue = make("dead", 3);
    for _ in 0..20 {
        let child = Actor::start("receiver", "dead");
        std::thread::scope(|scope| {
            let reader = queue.reader().unwrap();
            let got = scope.spawn(move || reader.recv_for(LONG).unwrap().is_some());
            signal(&child, Signal::STOP);
            queue.send_for(b"message", SHORT).unwrap(); // it may have the queue locked
            child.kill();
            queue.send(b"message").unwrap(); // it may have had the first
            assert!(got.join().unwrap());
        });
        while queue.try_recv().unwrap().is_some() {}
    }
}

#[test]
fn the_death_of_the_last_writer_breaks_the_queue() {
    let _watchdog = watchdog();
    let queue = QueueOptions::new(3, 8).namespace(&session()).reader_only().create("breaks").unwrap();
    let child = Actor::start("writer", "breaks");
    std::thread::scope(|scope| {
        let reader = queue.reader().unwrap();
        let blocked = scope.spawn(move || reader.recv().unwrap_err().win32());
        std::thread::sleep(SHORT);
        child.kill();
        assert_eq!(blocked.join().unwrap(), 233);
    });
    assert_eq!(queue.recv().unwrap_err().win32(), 233);
    assert!(QueueOptions::new(3, 8).namespace(&session()).create("breaks").unwrap().created(), "its name is free");
}

/// A cleaner of /dev/shm took the queue's memory, and nobody alive has it open: that keeps nothing else of the dead, and the queue ends with them.
#[test]
fn who_dies_with_a_queue_whose_memory_is_gone_gives_up_the_rest() {
    let _watchdog = watchdog();
    for role in ["writer of two", "writer of two, one truncated"] {
        let child = Actor::start(role, "after the lost queue");
        let other = QueueOptions::new(0, 1).namespace(&session()).reader_only().open("after the lost queue").unwrap();
        child.kill();
        assert_eq!(other.recv_for(LONG).unwrap_err().win32(), 233, "{role}: its writer is gone");
        let again = QueueOptions::new(1, 8).namespace(&session());
        while !again.create("lost").is_ok_and(|queue| queue.created() && queue.send(b"x").is_ok()) {
            std::thread::yield_now(); // until somebody has ended it
        }
    }
}

/// Whatever is killed, each message comes once, those of one writer in order; each consumer that is killed may have had those that are missing.
#[test]
fn producers_and_consumers_are_killed_at_any_time() {
    let _watchdog = watchdog();
    let queue = make("kills", 5);
    for round in 0..12u32 {
        let mut producers: Vec<_> = (0..2).map(|_| Actor::start("producer", "kills")).collect();
        let consumer = Actor::start("consumer", "kills");
        let mut last: HashMap<u64, u64> = HashMap::new();
        let mut see = |message: &[u8]| {
            let word = |at: usize| u64::from_le_bytes(message[at..at + 8].try_into().unwrap());
            let (writer, i) = (word(0), word(8));
            assert_eq!(message.len(), if i % 3 == 0 { 9000 } else { 16 });
            assert!(last.insert(writer, i).is_none_or(|last| last < i), "out of order, or twice");
        };
        for _ in 0..round * 37 {
            see(&queue.recv_for(LONG).unwrap().expect("the producers live"));
        }
        producers.pop().unwrap().kill();
        for _ in 0..50 {
            see(&queue.recv_for(LONG).unwrap().expect("one producer lives"));
        }
        consumer.kill();
        // Nobody else receives now: none is missing any more.
        let mut next: HashMap<u64, u64> = HashMap::new();
        for _ in 0..200 {
            let message = queue.recv_for(LONG).unwrap().expect("one producer lives");
            let word = |at: usize| u64::from_le_bytes(message[at..at + 8].try_into().unwrap());
            let (writer, i) = (word(0), word(8));
            assert!(next.insert(writer, i).is_none_or(|last| last + 1 == i), "one is missing");
        }
        producers.pop().unwrap().kill();
        while queue.recv_for(SHORT).unwrap().is_some() {}
        let full: Vec<_> = (0..5).map(|_| queue.try_send(b"room").unwrap()).collect();
        assert_eq!(full, [true; 5], "round {round}: all places are free again");
        (0..5).for_each(|_| drop(queue.recv().unwrap()));
    }
}
