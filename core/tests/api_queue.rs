//! Message queues in one process, and their order and wakes among threads (contract 9.1 to 9.7).

mod api_support;

use api_support::{Count, LONG, SHORT, poll_with, session, watchdog};
use byname::engine::{Access, QueueEnd, Spec};
use byname::{ErrorKind, Event, Queue, QueueOptions, Reset, Timeout, Wait, wait_all, wait_any};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

fn options(max_messages: u32, max_size: u32) -> QueueOptions {
    QueueOptions::new(max_messages, max_size).namespace(&session())
}

/// A queue whose ends may come and go.
fn queue(max_messages: u32, max_size: u32) -> Queue {
    options(max_messages, max_size).allow_broken().unnamed().unwrap()
}

#[test]
fn messages_keep_their_boundaries_and_their_order() {
    let queue = queue(8, 5000);
    let messages: Vec<Vec<u8>> = [1, 64, 4096, 4097, 5000, 7].iter().map(|&len| vec![len as u8; len]).collect();
    for round in 0..5 {
        messages.iter().for_each(|message| queue.send(message).unwrap());
        assert_eq!(queue.info().unwrap().messages, messages.len() as u32, "round {round}");
        messages.iter().for_each(|message| assert_eq!(&queue.recv().unwrap()[..], &message[..]));
    }
    let info = queue.info().unwrap();
    assert_eq!((info.messages, info.most_messages, info.max_messages, info.max_size), (0, 6, 8, 5000));
}

#[test]
fn a_full_queue_takes_no_more_and_an_empty_one_gives_nothing() {
    let queue = queue(2, 8);
    assert!(queue.try_recv().unwrap().is_none() && queue.recv_for(SHORT).unwrap().is_none());
    assert!(queue.try_send(b"1").unwrap() && queue.try_send(b"2").unwrap());
    assert!(!queue.try_send(b"3").unwrap() && !queue.send_for(b"3", SHORT).unwrap());
    assert_eq!(&queue.recv().unwrap()[..], b"1");
    assert!(queue.try_send(b"3").unwrap());
}

#[test]
fn what_cannot_be_sent_changes_nothing() {
    let queue = queue(1, 8);
    assert_eq!(queue.send(&[0; 9]).unwrap_err().kind(), ErrorKind::MessageTooLong);
    assert_eq!(queue.send(&[]).unwrap_err().win32(), 87);
    queue.send(&[0; 8]).unwrap();
    assert_eq!(queue.send(&[0; 9]).unwrap_err().win32(), 122, "and does not wait for room (Q9)");
    assert_eq!(queue.recv_into(&mut []).unwrap_err().win32(), 87);
    assert_eq!(queue.info().unwrap().messages, 1);
    for (max_messages, max_size) in [(1, 0), (1, (64 << 20) + 1), ((1 << 26) + 1, 1), (1 << 26, 64 << 20)] {
        assert_eq!(options(max_messages, max_size).unnamed().unwrap_err().win32(), 87, "{max_messages} {max_size}");
    }
}

#[test]
fn a_message_that_does_not_fit_is_cut_and_gone() {
    for len in [20, 10_000] {
        let queue = queue(2, 20_000);
        queue.send(&vec![9; len]).unwrap();
        let mut buf = [0; 10];
        let error = queue.recv_into(&mut buf).unwrap_err();
        assert_eq!((error.kind(), error.win32(), buf), (ErrorKind::BufferTooSmall, 122, [9; 10]));
        assert!(queue.try_recv().unwrap().is_none());
    }
}

#[test]
fn one_alert_is_read_first_and_the_next_is_an_ordinary_message() {
    let queue = queue(2, 8);
    queue.send(b"1").unwrap();
    queue.send(b"2").unwrap();
    queue.send_alert(b"alert").unwrap(); // full, but for its own place
    assert_eq!(queue.info().unwrap().messages, 2, "a pending alert does not count");
    let first = queue.recv().unwrap();
    assert_eq!((&first[..], first.is_alert()), (&b"alert"[..], true));
    assert_eq!(&queue.recv().unwrap()[..], b"1");
    queue.send_alert(b"a").unwrap();
    queue.send_alert(b"b").unwrap();
    let got: Vec<_> = (0..3).map(|_| queue.recv().unwrap()).map(|m| (m.to_vec(), m.is_alert())).collect();
    assert_eq!(got, [(b"a".to_vec(), true), (b"2".to_vec(), false), (b"b".to_vec(), false)]);
}

#[test]
fn a_handle_has_one_end() {
    let queue = options(1, 8).reader_only().unnamed().unwrap();
    assert_eq!(queue.send(b"x").unwrap_err().win32(), 6);
    assert_eq!(queue.recv().unwrap_err().win32(), 233, "no writer yet (Q5)");
    let writer = queue.writer().unwrap();
    writer.send(b"x").unwrap();
    assert_eq!(&queue.recv().unwrap()[..], b"x");
    let reader = byname::engine::HandleRef::from_id(0);
    assert_eq!(reader.send(b"x", false, Timeout::ZERO, None).unwrap_err().win32(), 6, "no handle at all (Q11)");
}

#[test]
fn an_existing_queue_keeps_its_numbers_and_must_have_the_same_message_size() {
    let first = options(3, 8).create("numbers").unwrap();
    let second = options(99, 8).allow_broken().create("numbers").unwrap();
    assert!(first.created() && !second.created());
    let info = second.info().unwrap();
    assert_eq!((info.max_messages, info.allow_broken, info.readers, info.writers), (3, false, 2, 2));
    assert_eq!(options(3, 9).create("numbers").unwrap_err().win32(), 87);
    assert_eq!(first.info().unwrap().readers, 2, "what failed left no end behind");
    assert_eq!(Event::options().namespace(&session()).create("numbers", Reset::Auto).unwrap_err().win32(), 6);
    drop((first, second));
    assert_eq!(options(3, 8).open("numbers").unwrap_err().win32(), 2);
}

#[test]
fn a_queue_that_loses_an_end_is_broken_and_its_name_is_free() {
    for loses_reader in [true, false] {
        let (reader, writer) = options(3, 8).create("broken").unwrap().into_ends();
        let (reader, writer) = (reader.unwrap(), writer.unwrap());
        writer.send(b"lost").unwrap();
        if loses_reader {
            let blocked = writer.try_clone().unwrap();
            writer.send(b"2").unwrap();
            writer.send(b"3").unwrap();
            let blocked = thread::spawn(move || blocked.send(b"4").unwrap_err().win32());
            thread::sleep(SHORT);
            drop(reader);
            assert_eq!(blocked.join().unwrap(), 233, "(Q6)");
            assert_eq!(writer.send(b"x").unwrap_err().kind(), ErrorKind::Disconnected);
            assert!(!wait_any(&[&writer], Duration::ZERO).unwrap().is_timed_out(), "an orphan is signalled");
            assert_eq!((writer.info().unwrap_err().win32(), writer.try_clone().unwrap_err().win32()), (233, 233));
        } else {
            reader.recv().unwrap();
            let blocked = reader.try_clone().unwrap();
            let blocked = thread::spawn(move || blocked.recv().unwrap_err().win32());
            thread::sleep(SHORT);
            drop(writer);
            assert_eq!(blocked.join().unwrap(), 233);
            assert_eq!(reader.try_recv().unwrap_err().win32(), 233);
            assert!(!wait_any(&[&reader], Duration::ZERO).unwrap().is_timed_out());
        }
        let next = options(1, 99).create("broken").unwrap();
        assert!(next.created() && next.try_recv().unwrap().is_none(), "another queue, of its own numbers");
    }
}

#[test]
fn ends_that_may_come_and_go_break_nothing() {
    let (reader, writer) = options(2, 8).allow_broken().create("comes and goes").unwrap().into_ends();
    drop(reader);
    let writer = writer.unwrap();
    assert!(writer.try_send(b"1").unwrap() && writer.try_send(b"2").unwrap() && !writer.try_send(b"3").unwrap());
    let reader = options(2, 8).reader_only().open("comes and goes").unwrap();
    drop(writer);
    assert_eq!((&reader.recv().unwrap()[..], &reader.recv().unwrap()[..]), (&b"1"[..], &b"2"[..]));
    assert!(reader.recv_for(SHORT).unwrap().is_none(), "it waits for a writer (Q7)");
}

#[test]
fn a_wait_takes_nothing() {
    let queue = queue(1, 8);
    let (reader, writer) = (queue.reader().unwrap(), queue.writer().unwrap());
    assert!(wait_any(&[&reader], Duration::ZERO).unwrap().is_timed_out());
    assert!(!wait_any(&[&writer], Duration::ZERO).unwrap().is_timed_out());
    let waiters: Vec<_> = (0..2)
        .map(|_| {
            let reader = reader.try_clone().unwrap();
            thread::spawn(move || assert!(matches!(wait_any(&[&reader], LONG).unwrap(), Wait::Signaled(_))))
        })
        .collect();
    thread::sleep(SHORT);
    queue.send(b"x").unwrap();
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap()); // both, for one message
    assert!(wait_any(&[&writer], Duration::ZERO).unwrap().is_timed_out(), "full");
    let event = Event::options().namespace(&session()).initially_set().unnamed(Reset::Auto).unwrap();
    assert!(wait_all(&[&reader, &event], LONG).unwrap().won().is_some());
    assert_eq!(queue.info().unwrap().messages, 1);
    let woken = {
        let writer = writer.try_clone().unwrap();
        thread::spawn(move || assert!(wait_all(&[&writer], LONG).unwrap().won().is_some()))
    };
    thread::sleep(SHORT);
    queue.recv().unwrap();
    woken.join().unwrap();
}

#[test]
fn descriptors_tell_of_their_end() {
    let _watchdog = watchdog();
    let queue = queue(1, 8);
    let (reader, writer) = (queue.reader().unwrap(), queue.writer().unwrap());
    let (reads, writes) = (reader.pollable().unwrap(), writer.pollable().unwrap());
    assert!(is_readable(&writes, 60_000) && !is_readable(&reads, 0));
    queue.send(b"x").unwrap();
    assert!(is_readable(&reads, 60_000));
    assert!(!writer.try_send(b"y").unwrap());
    assert!(!is_readable(&writes, 0), "a try has found it full");
    queue.recv().unwrap();
    assert!(is_readable(&writes, 60_000));
    assert!(reader.try_recv().unwrap().is_none());
    assert!(!is_readable(&reads, 0) && is_readable(&writes, 60_000));
}

/// Whether it becomes readable in so many milliseconds.
fn is_readable(pollable: &byname::Pollable, wait: i64) -> bool {
    let timeout = Timespec { tv_sec: wait / 1000, tv_nsec: 0 };
    poll(&mut [PollFd::new(pollable, PollFlags::IN)], Some(&timeout)).unwrap() == 1
}

#[test]
fn what_is_reserved_delays_nobody_and_order_is_that_of_the_commits() {
    let queue = queue(3, 1 << 20);
    let mut slow = queue.reserve(5).unwrap();
    queue.send(b"quick").unwrap();
    assert_eq!(&queue.recv().unwrap()[..], b"quick");
    queue.send(b"before").unwrap();
    slow.copy_from_slice(b"after");
    slow.commit().unwrap();
    assert_eq!((&queue.recv().unwrap()[..], &queue.recv().unwrap()[..]), (&b"before"[..], &b"after"[..]));
    drop(queue.reserve(1 << 20).unwrap());
    assert!(queue.try_recv().unwrap().is_none(), "what is dropped was never sent");
    let all: Vec<_> = (0..3).map(|_| queue.reserve(1).unwrap()).collect();
    assert!(!queue.try_send(b"x").unwrap(), "room that is reserved is taken");
    drop(all);
    queue.send(b"x").unwrap();
    let taken = queue.take().unwrap();
    drop(queue);
    assert_eq!(&taken[..], b"x", "it keeps the queue");
}

#[test]
fn a_handle_that_is_closed_under_a_blocked_call_ends_it() {
    let _watchdog = watchdog();
    let spec = Spec::Queue { end: QueueEnd::Read, max_messages: 1, max_size: 8, allow_broken: true, no_precommit: false };
    let handle = session().create(None, spec, Access::ALL).unwrap();
    let other = handle.duplicate().unwrap();
    let reader = handle.by_ref();
    let blocked = thread::spawn(move || reader.receive(&mut [0; 8], Timeout::INFINITE, None).unwrap_err().win32());
    thread::sleep(SHORT);
    drop(handle);
    assert_eq!(blocked.join().unwrap(), 6, "(Q12)");
    drop(other);
}

/// Each message once, those of one writer in order, whatever the lengths.
fn many(max_messages: u32, options: impl Fn(QueueOptions) -> QueueOptions, lens: &[usize]) {
    const EACH: u64 = 3000;
    let _watchdog = watchdog();
    let queue = options(QueueOptions::new(max_messages, 70_000).namespace(&session()).allow_broken()).unnamed().unwrap();
    let sum = AtomicU64::new(0);
    thread::scope(|scope| {
        for writer in 0..3u64 {
            let end = queue.writer().unwrap();
            scope.spawn(move || {
                for i in 0..EACH {
                    let mut message = vec![0; lens[i as usize % lens.len()]];
                    message[..8].copy_from_slice(&(writer << 32 | i).to_le_bytes());
                    end.send(&message).unwrap();
                }
            });
        }
        for _ in 0..3 {
            let (end, sum) = (queue.reader().unwrap(), &sum);
            scope.spawn(move || {
                let mut last = [None; 3];
                for _ in 0..EACH {
                    let message = end.recv().unwrap();
                    let id = u64::from_le_bytes(message[..8].try_into().unwrap());
                    let (writer, i) = ((id >> 32) as usize, id & 0xffff_ffff);
                    assert_eq!(message.len(), lens[i as usize % lens.len()]);
                    assert!(last[writer].is_none_or(|last| last < i), "out of order");
                    last[writer] = Some(i);
                    sum.fetch_add(i + 1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(sum.into_inner(), 3 * EACH * (EACH + 1) / 2);
    let info = queue.info().unwrap();
    assert_eq!((info.messages, queue.try_recv().unwrap().is_none()), (0, true));
}

#[test]
fn many_writers_and_readers_of_short_messages() {
    many(4, |o| o, &[8, 64]);
}

#[test]
fn many_writers_and_readers_of_long_messages() {
    many(4, |o| o, &[8, 5000, 70_000]);
}

#[test]
fn many_writers_and_readers_without_a_limit() {
    many(0, |o| o, &[8, 5000, 66_000]);
}

#[test]
fn a_queue_without_precommit_gives_memory_back() {
    for (max_messages, max_size, len) in [(0, 1024, 1024), (0, 1 << 20, 1 << 20), (100, 1 << 20, 5000)] {
        let queue = options(max_messages, max_size).no_precommit().unnamed().unwrap();
        for round in 0..3 {
            let count = if max_size < 4096 { 10_000 } else { 40 };
            for i in 0..count {
                queue.send(&vec![i as u8; len]).unwrap();
            }
            for i in 0..count {
                let message = queue.recv().unwrap();
                assert!(message.iter().all(|byte| *byte == i as u8) && message.len() == len, "round {round}");
            }
        }
    }
}

#[test]
fn an_alert_is_whole_though_the_queue_gives_memory_back() {
    const MOST: u32 = 5000; // what is given back ends in the middle of a step of memory, where the alert's begins
    let queue = options(MOST, 1024).no_precommit().unnamed().unwrap();
    (0..MOST).for_each(|_| queue.send(&[1; 1024]).unwrap());
    (1..MOST).for_each(|_| drop(queue.recv().unwrap()));
    let last = queue.take().unwrap();
    queue.send_alert(&[7; 1024]).unwrap();
    drop(last);
    assert_eq!(&queue.recv().unwrap()[..], [7; 1024]);
}

#[test]
fn futures_send_and_receive_and_cancel_by_drop() {
    let _watchdog = watchdog();
    let queue = queue(1, 8);
    let (reader, writer) = (queue.reader().unwrap(), queue.writer().unwrap());
    let count = Count::new();
    let mut receive = reader.recv_async();
    assert!(poll_with(&mut receive, &count).is_pending());
    queue.send(b"1").unwrap();
    count.await_calls(1);
    let Poll::Ready(message) = poll_with(&mut receive, &count) else { panic!("it was told") };
    assert_eq!(&message.unwrap()[..], b"1");
    drop(receive);

    queue.send(b"2").unwrap();
    let mut send = writer.send_async(b"3");
    assert!(poll_with(&mut send, &Count::new()).is_pending());
    queue.recv().unwrap();
    drop(send); // told and never asked again: the next one must be
    queue.send(b"4").unwrap();
    let (first, second) = (Count::new(), Count::new());
    let (mut one, mut two) = (writer.send_async(b"5"), writer.send_async(b"6"));
    assert!(poll_with(&mut one, &first).is_pending() && poll_with(&mut two, &second).is_pending());
    queue.recv().unwrap();
    first.await_calls(1);
    drop(one);
    second.await_calls(1);
    assert!(poll_with(&mut two, &second).is_ready());
    assert_eq!(&queue.recv().unwrap()[..], b"6");
}

#[test]
fn every_message_is_received_by_one_of_many_futures() {
    let _watchdog = watchdog();
    let queue = queue(4, 8);
    let reader = queue.reader().unwrap();
    let receivers: Vec<_> = (0..8)
        .map(|_| {
            let receive = reader.recv_async();
            thread::spawn(move || pollster::block_on(receive).unwrap().to_vec())
        })
        .collect();
    (0..8u8).for_each(|i| queue.send(&[i]).unwrap());
    let got: HashSet<_> = receivers.into_iter().map(|receiver| receiver.join().unwrap()[0]).collect();
    assert_eq!(got.len(), 8);
}
