//! The camera of the demo of kinds: at each tick of a timer it writes a picture into a ring of frames that a Python program looks at.
//!
//! A frame is a slot of 4096 bytes: its number, the sum of its pixels (64 bits each, little-endian), 64 by 48 pixels. README.md says how all work together.

use byname::{Access, Event, Mapping, Semaphore, Timer, wait_any};
use std::error::Error;
use std::time::Duration;

const SLOT: usize = 4096;
const SLOTS: u64 = 16;
const WIDTH: u64 = 64;
const HEIGHT: u64 = 48;
/// Whoever keeps this program waiting longer is dead.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> Result<(), Box<dyn Error>> {
    let (stop, clock) = (Event::open("stop")?, Timer::open("clock")?);
    let frames = Mapping::open("frames")?;
    let view = frames.view(.., Access::MAP_WRITE)?;
    Semaphore::open("ready")?.release(1)?;
    let mut number = 0;
    loop {
        let signalled = wait_any(&[&stop, &clock], PATIENCE)?.won().ok_or("the clock has stopped")?;
        if signalled.index() == 0 {
            break;
        }
        let pixels: Vec<u8> = (0..WIDTH * HEIGHT).map(|at| (at % WIDTH + at / WIDTH + 3 * number) as u8).collect();
        let sum: u64 = pixels.iter().copied().map(u64::from).sum();
        let at = (number % SLOTS) as usize * SLOT;
        let change = frames.change()?; // who reads the ring as a whole waits until it is published
        view.write(at, &number.to_le_bytes())?;
        view.write(at + 8, &sum.to_le_bytes())?;
        view.write(at + 16, &pixels)?;
        change.publish()?;
        number += 1;
    }
    println!("{number}");
    Ok(())
}
