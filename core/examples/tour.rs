//! The three kinds and the two waits on one screen.
//!
//! A gate starts three workers together, a semaphore lets two of them work at a time, a mutex guards the ledger, and
//! an event tells the conductor of each finished job. The workers are threads here; as processes they would do the
//! same, since they meet at names.
//!
//! ```text
//! cargo run -p byname --example tour
//! ```

use byname::{Event, Mutex, Namespace, Reset, Result, Semaphore, Wait, wait_all, wait_any};
use std::sync::Mutex as Private;
use std::thread;
use std::time::Duration;

const WORKERS: usize = 3;
const JOBS: usize = 2;

fn main() -> Result<()> {
    // A session of this run's own; without `.namespace(…)` the names are those of the user's session.
    let run = Namespace::session(&format!("tour-{}", std::process::id()))?;

    let gate = Event::options().namespace(&run).create("gate", Reset::Manual)?;
    let job_done = Event::options().namespace(&run).create("job done", Reset::Auto)?;
    let ledger_lines = Private::new(Vec::new());

    thread::scope(|s| {
        let workers: Vec<_> = (1..=WORKERS)
            .map(|id| {
                s.spawn({
                    let ledger_lines = &ledger_lines;
                    move || worker(id, &run, ledger_lines)
                })
            })
            .collect();
        gate.set()?;

        let (mut lines, mut waits) = (0, 0);
        while lines < WORKERS * JOBS {
            match wait_any(&[&job_done], Duration::from_secs(10))? {
                Wait::Signaled(_) | Wait::Abandoned(_) => waits += 1,
                Wait::TimedOut => break, // a worker failed; its join tells
            }
            lines = ledger_lines.lock().expect("no worker panics").len(); // an event counts nothing: look
        }
        println!("{lines} jobs, announced in {waits} waits");
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;

    for line in ledger_lines.into_inner().expect("no worker panics") {
        println!("{line}");
    }
    Ok(())
}

fn worker(id: usize, run: &Namespace, ledger_lines: &Private<Vec<String>>) -> Result<()> {
    // Opened by name, as any process would do it. Creating is opening where the object exists.
    let gate = Event::options().namespace(run).open("gate")?;
    let job_done = Event::options().namespace(run).open("job done")?;
    let places = Semaphore::options().namespace(run).robust().create("places", 2, 2)?;
    let ledger = Mutex::options().namespace(run).create("ledger")?;

    gate.wait()?;
    for job in 1..=JOBS {
        let place = places.acquire()?;
        let guard = ledger.lock()?;
        ledger_lines.lock().expect("no worker panics").push(format!("worker {id}, job {job}, owner number {}", guard.fence()));
        drop((guard, place));
        job_done.set()?;
    }

    // A place and the ledger together, or neither.
    match wait_all(&[&places, &ledger], Duration::from_secs(10))? {
        Wait::TimedOut => println!("worker {id} could not say good-bye"),
        Wait::Signaled(_both) | Wait::Abandoned(_both) => println!("worker {id} is done"),
    }
    Ok(())
}
