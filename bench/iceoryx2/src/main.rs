//! iceoryx2 events beside byname's, as the C programs measure them: `iceoryx2 3|3x|names SLICES`.
//!
//! 3 and 3x: a round trip through two event services between two processes, on one core or on two; the figure of a
//! slice is the median. names: an event service under a new name, with its listener, made and dropped.

use iceoryx2::config::Config;
use iceoryx2::port::{listener::Listener, notifier::Notifier};
use iceoryx2::prelude::*;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TRIPS: usize = 3000;
const NAMES: u32 = 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, what, slices, rest @ ..] = &arguments[..] else { return Err("usage: iceoryx2 3|3x|names SLICES".into()) };
    let slices: usize = slices.parse()?;
    set_log_level(LogLevel::Error);
    match (what.as_str(), rest) {
        ("names", []) => names(slices),
        ("3" | "3x", []) => measure(what, slices),
        ("3" | "3x", [tag]) => answer(what, slices, tag),
        _ => Err("usage: iceoryx2 3|3x|names SLICES".into()),
    }
}

struct Ends {
    listener: Listener<ipc::Service>,
    notifier: Notifier<ipc::Service>,
}

/// A node whose files in shared memory bear a name that `run.py` removes at the end, since iceoryx2 leaves some; its
/// folders are made below the current one.
fn node(tag: &str) -> Result<Node<ipc::Service>> {
    let mut config = Config::default();
    config.global.set_root_path(&Path::new(std::env::current_dir()?.join("iceoryx2-files").as_os_str().as_encoded_bytes())?);
    config.global.prefix = FileName::new(format!("byname-bench-{tag}-").as_bytes())?;
    Ok(NodeBuilder::new().config(&config).create()?)
}

impl Ends {
    fn open(tag: &str, hears: &str, tells: &str) -> Result<Self> {
        let node = node(tag)?;
        let service = |name: &str| -> Result<_> { Ok(node.service_builder(&name.try_into()?).event().open_or_create()?) };
        let listener = service(hears)?.listener_builder().create()?;
        let notifier = service(tells)?.notifier_builder().create()?;
        Ok(Self { listener, notifier })
    }

    fn tell(&self) -> Result<()> {
        self.notifier.notify()?;
        Ok(())
    }

    fn hear(&self) -> Result<()> {
        while self.listener.blocking_wait(|_| {})? == 0 {}
        Ok(())
    }
}

fn pin(what: &str, index: usize) {
    if what == "3x" {
        let cores = core_affinity::get_core_ids().expect("the cores are known");
        core_affinity::set_for_current(cores[index % cores.len()]);
    }
}

fn measure(what: &str, slices: usize) -> Result<()> {
    let tag = std::process::id().to_string();
    let mut peer = Command::new(std::env::current_exe()?).args([what, &slices.to_string(), &tag]).stdout(Stdio::piped()).spawn()?;
    pin(what, 0);
    let ends = Ends::open(&tag, "ping", "pong")?;
    BufReader::new(peer.stdout.take().expect("it is piped")).read_line(&mut String::new())?; // its listener is there
    for slice in 0..=slices {
        let mut times = Vec::with_capacity(TRIPS);
        for _ in 0..TRIPS {
            let start = Instant::now();
            ends.tell()?;
            ends.hear()?;
            times.push(start.elapsed());
        }
        times.sort();
        if slice > 0 {
            println!("W{what}\ticeoryx2 event\t{:.4}", times[TRIPS / 2].as_secs_f64() * 1e6); // the first slice warms up
        }
    }
    if !peer.wait()?.success() {
        return Err("the peer failed".into());
    }
    Ok(())
}

fn answer(what: &str, slices: usize, tag: &str) -> Result<()> {
    pin(what, 1);
    let ends = Ends::open(tag, "pong", "ping")?;
    println!("ready");
    for _ in 0..(slices + 1) * TRIPS {
        ends.hear()?;
        ends.tell()?;
    }
    Ok(())
}

fn names(slices: usize) -> Result<()> {
    let node = node(&std::process::id().to_string())?;
    for _ in 0..slices {
        let start = Instant::now();
        for name in 0..NAMES {
            let service = node.service_builder(&name.to_string().as_str().try_into()?).event().create()?;
            drop(service.listener_builder().create()?);
        }
        println!("W4-1\ticeoryx2 event\t{:.4}", start.elapsed().as_secs_f64() * 1e6 / f64::from(NAMES));
    }
    Ok(())
}
