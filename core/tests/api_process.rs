//! The typed API across processes: the child is this test binary again, in the role that an environment variable names.

mod api_support;

use api_support::actor::{self, Actor};
use api_support::{Count, LONG, poll_once, poll_with, session, watchdog};
use byname::{Event, Mutex, Namespace, Reset, Semaphore, Wait, wait_any};

/// Not a test of its own: what a child does.
#[test]
fn the_child() {
    let Some((role, _)) = actor::role() else { return };
    let here = Namespace::local().unwrap();
    let mutex = || Mutex::options().namespace(&here).create(&role).unwrap();
    let held: Box<dyn std::any::Any> = match role.as_str() {
        "owner" | "blocked waiter" => {
            let mutex = mutex();
            for _ in 0..3 {
                mutex.lock().unwrap().keep();
            }
            Box::new(mutex)
        }
        "leaver" => {
            mutex().lock().unwrap().keep();
            actor::ready();
            std::process::exit(0);
        }
        "asynchronous owner" => Box::new(pollster::block_on(mutex().lock_async()).unwrap()),
        "robust" => {
            let robust = Semaphore::options().namespace(&here).open("robust units").unwrap();
            let plain = Semaphore::options().namespace(&here).open("plain units").unwrap();
            Box::new([robust.acquire().unwrap(), robust.acquire().unwrap(), plain.acquire().unwrap()])
        }
        "robust and waiting" => {
            let robust = Semaphore::options().namespace(&here).open("one robust unit").unwrap();
            let never = Event::unnamed(Reset::Auto).unwrap();
            // So many that a reaper is at them for a while before it comes to the one that counts.
            let mut others: Vec<_> = (0..20_000).map(|_| never.wait_async()).collect();
            assert!(others.iter_mut().all(|wait| poll_once(wait).is_pending()));
            let unit = robust.acquire().unwrap();
            let mut second = robust.acquire_async();
            assert!(poll_once(&mut second).is_pending());
            Box::new((never, others, unit, second))
        }
        "told and dropped" => {
            mutex().lock().unwrap().keep();
            Box::new(Semaphore::options().namespace(&here).open("robust, told and dropped").unwrap().acquire().unwrap())
        }
        "only holder" => Box::new(Event::options().namespace(&here).initially_set().create("held by one", Reset::Manual).unwrap()),
        unknown => panic!("no such role: {unknown}"),
    };
    actor::ready();
    actor::stay();
    drop(held);
}

#[test]
fn a_killed_owner_leaves_an_abandoned_mutex() {
    let _watchdog = watchdog();
    let mutex = Mutex::options().namespace(&session()).create("owner").unwrap();
    let first = mutex.lock().unwrap().fence();
    let child = Actor::start("owner", "");
    assert!(mutex.try_lock().unwrap().is_none());
    assert_eq!(mutex.owner().unwrap().unwrap().pid, child.0.id());
    assert_eq!(mutex.release().unwrap_err().win32(), 288);
    child.kill();
    let guard = mutex.lock_for(LONG).unwrap().expect("free after the death");
    assert!(guard.abandoned());
    assert!(guard.fence() > first, "fences go on");
    guard.release().unwrap();
    assert_eq!(mutex.release().unwrap_err().win32(), 288, "edge case 4: depth 1");
    assert!(!mutex.lock().unwrap().abandoned(), "edge case 6");
}

#[test]
fn a_blocked_waiter_learns_of_the_kill() {
    let _watchdog = watchdog();
    let namespace = session();
    let mutex = Mutex::options().namespace(&namespace).create("blocked waiter").unwrap();
    let child = Actor::start("blocked waiter", "");
    let never = Event::options().namespace(&namespace).unnamed(Reset::Auto).unwrap();
    std::thread::scope(|s| {
        let waiter = s.spawn(|| matches!(wait_any(&[&never, &mutex], LONG).unwrap(), Wait::Abandoned(won) if won.index() == 1));
        child.kill();
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn a_killed_asynchronous_owner_too() {
    let _watchdog = watchdog();
    let mutex = Mutex::options().namespace(&session()).create("asynchronous owner").unwrap();
    let child = Actor::start("asynchronous owner", "");
    assert!(mutex.try_lock().unwrap().is_none());
    child.kill();
    assert!(mutex.lock_for(LONG).unwrap().expect("free after the death").abandoned());
}

#[test]
fn leaving_as_the_owner_abandons() {
    let _watchdog = watchdog();
    let mutex = Mutex::options().namespace(&session()).create("leaver").unwrap();
    let mut child = Actor::start("leaver", "");
    assert!(child.0.wait().unwrap().success());
    assert!(mutex.lock_for(LONG).unwrap().expect("A15").abandoned());
}

#[test]
fn units_of_the_dead_come_back_where_the_semaphore_is_robust() {
    let _watchdog = watchdog();
    let namespace = session();
    let robust = Semaphore::options().namespace(&namespace).robust().create("robust units", 2, 2).unwrap();
    let plain = Semaphore::options().namespace(&namespace).create("plain units", 2, 2).unwrap();
    let child = Actor::start("robust", "");
    assert_eq!((robust.available().unwrap(), plain.available().unwrap()), (0, 1));
    child.kill();
    let first = robust.acquire_for(LONG).unwrap().expect("come back");
    assert!(first.abandoned(), "and told");
    let second = robust.acquire_for(LONG).unwrap().expect("both");
    assert!(second.fence() > first.fence());
    assert!(robust.try_acquire().unwrap().is_none());
    assert_eq!(plain.available().unwrap(), 1, "S4: stays taken");
}

#[test]
fn news_of_a_death_outlives_a_wait_that_was_granted_and_dropped() {
    let _watchdog = watchdog();
    let mutex = Mutex::options().namespace(&session()).create("told and dropped").unwrap();
    let robust = Semaphore::options().namespace(&session()).robust().create("robust, told and dropped", 1, 1).unwrap();
    let child = Actor::start("told and dropped", "");
    let woken = Count::new();
    let (mut lock, mut acquire) = (mutex.lock_async(), robust.acquire_async());
    assert!(poll_with(&mut lock, &woken).is_pending() && poll_with(&mut acquire, &woken).is_pending());
    child.kill();
    woken.await_calls(2); // both are granted, and nobody has asked for the outcome
    drop((lock, acquire));
    assert!(mutex.lock_for(LONG).unwrap().expect("free").abandoned());
    assert!(robust.acquire_for(LONG).unwrap().expect("free").abandoned());
    assert!(!mutex.lock().unwrap().abandoned() && !robust.acquire().unwrap().abandoned(), "told once");
}

/// Who asks for a unit of somebody who is dead and not reaped yet brings his units back; one of them may then be granted to a wait of the same dead.
#[test]
fn a_unit_of_the_dead_that_was_granted_to_the_dead_comes_back() {
    let _watchdog = watchdog();
    let robust = Semaphore::options().namespace(&session()).robust().create("one robust unit", 1, 1).unwrap();
    for _ in 0..5 {
        let child = Actor::start("robust and waiting", "");
        let asking = std::sync::atomic::AtomicBool::new(true);
        std::thread::scope(|s| {
            s.spawn(|| {
                while asking.load(std::sync::atomic::Ordering::Relaxed) && robust.try_acquire().unwrap().is_none() {
                    std::hint::spin_loop();
                }
            });
            child.kill();
            let unit = robust.acquire_for(LONG).unwrap();
            asking.store(false, std::sync::atomic::Ordering::Relaxed);
            assert!(unit.is_some(), "the unit is lost");
        });
    }
}

#[test]
fn a_name_dies_with_its_only_holder() {
    let _watchdog = watchdog();
    let options = Event::options().namespace(&session());
    let child = Actor::start("only holder", "");
    let found = options.open("held by one").unwrap();
    assert!(found.is_set().unwrap());
    child.kill();
    assert!(found.is_set().unwrap(), "E12: set, and alive by this handle");
    drop(found);
    assert_eq!(options.open("held by one").unwrap_err().win32(), 2, "L1, L2");
}
