//! W1, the Rust half: an uncontended lock and unlock. Prints one line for each slice, as the C programs do; the
//! reference is measured by `bench/c/uncontended.c` in the same rounds.

use byname::Mutex;
use std::time::Instant;

const PAIRS: u32 = 50_000;

fn main() -> byname::Result<()> {
    let slices: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).expect("usage: byname-bench SLICES");
    let mutex = Mutex::create("bench-uncontended-mutex")?;
    lock_and_unlock(&mutex)?; // warm
    for _ in 0..slices {
        let start = Instant::now();
        lock_and_unlock(&mutex)?;
        println!("W1-rust\tours\t{:.4}", start.elapsed().as_nanos() as f64 / f64::from(PAIRS));
    }
    Ok(())
}

fn lock_and_unlock(mutex: &Mutex) -> byname::Result<()> {
    for _ in 0..PAIRS {
        drop(mutex.lock()?);
    }
    Ok(())
}
