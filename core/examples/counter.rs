//! Two processes add to one file under one mutex, and no addition is lost.
//!
//! Each addition reads a number from the file, adds one, and writes it back: without the mutex most of them would
//! overwrite each other. The last one out compares.
//!
//! ```text
//! cargo run -p byname --example counter
//! ```

use byname::Mutex;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

const PROCESSES: usize = 2;
const ADDITIONS: usize = 5_000;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => conduct(),
        [name, file] => add(name, Path::new(file)).map(|()| ExitCode::SUCCESS),
        _ => Err("usage: counter (it starts its own workers)".into()),
    }
}

/// Starts the workers, waits for them and checks the sum.
fn conduct() -> Result<ExitCode, Box<dyn Error>> {
    let name = format!("counter-{}", std::process::id());
    let file = std::env::temp_dir().join(&name);
    fs::write(&file, "0")?;

    // Held while the workers start, so that they meet.
    let mutex = Mutex::options().initially_owned().create(&name)?;
    let program = std::env::current_exe()?;
    let workers = (0..PROCESSES).map(|_| Command::new(&program).arg(&name).arg(&file).spawn()).collect::<Result<Vec<_>, _>>()?;
    mutex.release()?;
    for mut worker in workers {
        let status = worker.wait()?;
        println!("worker {} ended: {status}", worker.id());
    }

    let sum = read(&file)?;
    fs::remove_file(&file)?;
    println!("{PROCESSES} processes x {ADDITIONS} additions = {sum}");
    Ok(if sum == PROCESSES * ADDITIONS { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A worker: the mutex is all that it shares with the others.
fn add(name: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let mutex = Mutex::open(name)?;
    for _ in 0..ADDITIONS {
        let _guard = mutex.lock()?;
        fs::write(file, (read(file)? + 1).to_string())?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<usize, Box<dyn Error>> {
    Ok(fs::read_to_string(file)?.parse()?)
}
