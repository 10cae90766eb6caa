//! Plays a plan with the real library, and writes down who called what, when, and what was answered.
//!
//! *Actors* are threads, of the test or of children: the test's own executable, which runs [`serve`]. All begin at one instant of the monotonic
//! clock, which is the same for all processes. What they do is told as it happens; so what is not told was not finished.
//!
//! *Who waits for ever* is released by the test: when nothing has happened for a while, it signals what is not signalled, and these calls belong to
//! the history like any others. When everything is signalled and still nothing happens, somebody has been forgotten: that is the only judgement by
//! the clock here, by a watchdog, and it is a minute long.

use super::dispatcher::{Kind, Seen};
use super::explain::{Call, Op, Outcome, Until, When};
use super::plan::{ACTORS, CAPACITY, Dice, MAXIMUM, Plan, Where};
use crate::cell::private::{AtomicUsize, Ordering};
use crate::sys::{clock, process};
use byname::{
    Access, Action, ErrorKind, Event, Mapping, Mutex, Namespace, QueueOptions, QueueReader, QueueWriter, Reset, Semaphore, Timeout, Timer,
    View, Waitable, Watchdog, wait_all, wait_any,
};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// The actor that is the test itself.
const TEST: usize = ACTORS;

pub enum Thing {
    Mutex(Mutex),
    Event(Event),
    Semaphore(Semaphore),
    Timer(Timer),
    Watchdog(Watchdog),
    Queue(QueueReader, QueueWriter),
    Mapping(Mapping, View),
}

/// The bytes of a mapping are its version, twice; so a read sees whether they are of one change.
const BYTES: usize = 16;

impl Thing {
    fn make(namespace: &Namespace, name: &str, (kind, signalled): (Kind, bool)) -> Thing {
        let count = u32::from(signalled);
        let event = |reset| {
            let options = Event::options().namespace(namespace);
            let options = if signalled { options.initially_set() } else { options };
            Thing::Event(options.create(name, reset).unwrap())
        };
        match kind {
            Kind::Mutex => Thing::Mutex(Mutex::options().namespace(namespace).create(name).unwrap()),
            Kind::ManualEvent => event(Reset::Manual),
            Kind::AutoEvent => event(Reset::Auto),
            Kind::Semaphore { maximum } => {
                Thing::Semaphore(Semaphore::options().namespace(namespace).create(name, count, maximum).unwrap())
            }
            Kind::RobustSemaphore { maximum } => {
                Thing::Semaphore(Semaphore::options().namespace(namespace).robust().create(name, count, maximum).unwrap())
            }
            Kind::ManualTimer => Thing::Timer(Timer::options().namespace(namespace).create(name, Reset::Manual).unwrap()),
            Kind::AutoTimer => Thing::Timer(Timer::options().namespace(namespace).create(name, Reset::Auto).unwrap()),
            Kind::Watchdog => {
                let options = Watchdog::options().namespace(namespace);
                Thing::Watchdog(options.create(name, Duration::from_millis(1), Duration::ZERO, Action::None).unwrap())
            }
            Kind::Queue { capacity } => {
                let queue = QueueOptions::new(capacity as u32, 8).namespace(namespace).allow_broken().create(name).unwrap();
                let (reader, writer) = queue.into_ends();
                Thing::Queue(reader.unwrap(), writer.unwrap())
            }
            Kind::Mapping => {
                let mapping = Mapping::options().namespace(namespace).create(name, BYTES as u64).unwrap();
                let view = mapping.view(.., Access::MAP_READ | Access::MAP_WRITE).unwrap();
                Thing::Mapping(mapping, view)
            }
        }
    }

    fn all(namespace: &Namespace, plan: &Plan) -> Vec<Thing> {
        let objects = plan.objects.iter().enumerate();
        objects.map(|(index, &object)| Thing::make(namespace, &format!("{}-{index}", plan.seed), object)).collect()
    }

    fn waitable(&self) -> &dyn Waitable {
        match self {
            Thing::Mutex(mutex) => mutex,
            Thing::Event(event) => event,
            Thing::Semaphore(semaphore) => semaphore,
            Thing::Timer(timer) => timer,
            Thing::Watchdog(watchdog) => watchdog,
            Thing::Queue(reader, _) => reader,
            Thing::Mapping(..) => panic!("a mapping is not waited for"),
        }
    }

    fn mutex(&self) -> &Mutex {
        let Thing::Mutex(mutex) = self else { panic!("a mutex is meant") };
        mutex
    }

    fn event(&self) -> &Event {
        let Thing::Event(event) = self else { panic!("an event is meant") };
        event
    }

    fn semaphore(&self) -> &Semaphore {
        let Thing::Semaphore(semaphore) = self else { panic!("a semaphore is meant") };
        semaphore
    }

    fn timer(&self) -> &Timer {
        let Thing::Timer(timer) = self else { panic!("a timer is meant") };
        timer
    }

    fn watchdog(&self) -> &Watchdog {
        let Thing::Watchdog(watchdog) = self else { panic!("a watchdog is meant") };
        watchdog
    }

    fn ends(&self) -> (&QueueReader, &QueueWriter) {
        let Thing::Queue(reader, writer) = self else { panic!("a queue is meant") };
        (reader, writer)
    }

    /// One change more.
    fn change(&self) -> Answer {
        let Thing::Mapping(mapping, view) = self else { panic!("a mapping is meant") };
        let change = match mapping.change() {
            Ok(change) => change,
            Err(error) if error.kind() == ErrorKind::NotOwner => return Answer([5, 0, 0, 0]),
            Err(error) => panic!("{error}"),
        };
        let (torn, version) = (change.abandoned(), mapping.version().unwrap() + 1);
        view.write(0, &version.to_le_bytes()).unwrap();
        view.write(BYTES / 2, &version.to_le_bytes()).unwrap();
        change.publish().unwrap();
        Answer([12, u32::from(torn), 0, 0])
    }

    fn read(&self) -> Answer {
        let Thing::Mapping(mapping, view) = self else { panic!("a mapping is meant") };
        let mut bytes = [0; BYTES];
        match mapping.read_whole(view, 0, &mut bytes) {
            Ok(version) => {
                assert_eq!(bytes, [version.to_le_bytes(); 2].concat()[..], "bytes of {version} changes");
                Answer([13, version as u32, 0, 0])
            }
            Err(error) if error.kind() == ErrorKind::Disconnected => Answer([14, 0, 0, 0]),
            Err(error) => panic!("{error}"),
        }
    }

    fn look(&self) -> Answer {
        match self {
            Thing::Mutex(mutex) => {
                let state = mutex.state().unwrap();
                let tid = state.owner.map_or(0, |owner| owner.tid);
                Answer([7, tid, state.depth, u32::from(state.abandoned)])
            }
            Thing::Event(event) => Answer([8, u32::from(event.is_set().unwrap()), 0, 0]),
            Thing::Semaphore(semaphore) => Answer([9, semaphore.available().unwrap(), 0, 0]),
            Thing::Timer(timer) => Answer([8, u32::from(timer.is_signaled().unwrap()), 0, 0]),
            Thing::Watchdog(watchdog) => Answer([8, u32::from(watchdog.is_signaled().unwrap()), 0, 0]),
            Thing::Queue(reader, _) => Answer([11, reader.info().unwrap().messages, 0, 0]),
            Thing::Mapping(mapping, _) => Answer([15, mapping.version().unwrap() as u32, 0, 0]),
        }
    }
}

/// An outcome as numbers, with a thread's number where the outcome has an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer([u32; 4]);

impl Answer {
    const TIMED_OUT: Answer = Answer([2, 0, 0, 0]);
    const DONE: Answer = Answer([3, 0, 0, 0]);

    fn outcome(self, actors: &HashMap<u32, usize>) -> Outcome {
        let Answer([what, a, b, c]) = self;
        match what {
            0 => Outcome::Got { place: a as usize, abandoned: b != 0 },
            1 => Outcome::GotAll { abandoned: a != 0 },
            2 => Outcome::TimedOut,
            3 => Outcome::Done,
            4 => Outcome::Before(a),
            5 => Outcome::NotOwner,
            6 => Outcome::TooMany,
            7 => Outcome::Saw(Seen::Mutex { owner: (a != 0).then(|| actors[&a]), depth: b, abandoned: c != 0 }),
            8 => Outcome::Saw(Seen::Event { set: a != 0 }),
            9 => Outcome::Saw(Seen::Semaphore { count: a }),
            10 => Outcome::Received { message: a, alert: b != 0 },
            11 => Outcome::Saw(Seen::Queue { messages: a }),
            12 => Outcome::Changed { torn: a != 0 },
            13 => Outcome::Version(a),
            14 => Outcome::Torn,
            _ => Outcome::Saw(Seen::Mapping { version: a }),
        }
    }
}

/// Makes one call.
fn perform(things: &[Thing], op: &Op, nanos: u64) -> Answer {
    let timeout = |until: &Until| match until {
        Until::Now => Timeout::from(Duration::ZERO),
        Until::Later => Timeout::from(Duration::from_nanos(nanos)),
        Until::Never => Timeout::INFINITE,
    };
    match op {
        Op::Wait { objects, all, until } => {
            let timeout = timeout(until);
            let objects: Vec<&dyn Waitable> = objects.iter().map(|&object| things[object].waitable()).collect();
            let wait = if *all { wait_all(&objects, timeout) } else { wait_any(&objects, timeout) };
            let Some(won) = wait.unwrap().won() else { return Answer::TIMED_OUT };
            let abandoned = u32::from(won.abandoned());
            let place = won.index() as u32;
            won.keep();
            if *all { Answer([1, abandoned, 0, 0]) } else { Answer([0, place, abandoned, 0]) }
        }
        Op::Release { object } => match things[*object].mutex().release() {
            Ok(()) => Answer::DONE,
            Err(error) if error.kind() == ErrorKind::NotOwner => Answer([5, 0, 0, 0]),
            Err(error) => panic!("{error}"),
        },
        Op::Post { object, n } => match things[*object].semaphore().release(*n) {
            Ok(before) => Answer([4, before, 0, 0]),
            Err(error) if error.kind() == ErrorKind::TooManyPosts => Answer([6, 0, 0, 0]),
            Err(error) => panic!("{error}"),
        },
        Op::Set { object } => {
            things[*object].event().set().unwrap();
            Answer::DONE
        }
        Op::Reset { object } => {
            things[*object].event().reset().unwrap();
            Answer::DONE
        }
        Op::Pulse { object } => {
            things[*object].event().pulse().unwrap();
            Answer::DONE
        }
        Op::Look { object } => things[*object].look(),
        Op::Arm { object, when } => {
            let due = match when {
                When::Now => Duration::ZERO,
                When::Soon => Duration::from_nanos(nanos),
                When::Never => Duration::from_secs(86_400),
            };
            things[*object].timer().set(due, Duration::ZERO).unwrap();
            Answer::DONE
        }
        Op::Disarm { object } => {
            things[*object].timer().cancel().unwrap();
            Answer::DONE
        }
        Op::Start { object } => {
            things[*object].watchdog().start().unwrap();
            Answer::DONE
        }
        Op::Refresh { object } => {
            things[*object].watchdog().refresh().unwrap();
            Answer::DONE
        }
        Op::Stop { object } => {
            things[*object].watchdog().stop().unwrap();
            Answer::DONE
        }
        Op::Send { object, message, alert, until } => {
            let (writer, message) = (things[*object].ends().1, message.to_le_bytes());
            let sent = if *alert { writer.send_alert_for(&message, timeout(until)) } else { writer.send_for(&message, timeout(until)) };
            if sent.unwrap() { Answer::DONE } else { Answer::TIMED_OUT }
        }
        Op::Receive { object, until } => match things[*object].ends().0.recv_for(timeout(until)).unwrap() {
            Some(message) => {
                let alert = u32::from(message.is_alert());
                Answer([10, u32::from_le_bytes(message.into_vec().try_into().unwrap()), alert, 0])
            }
            None => Answer::TIMED_OUT,
        },
        Op::Change { object } => things[*object].change(),
        Op::Read { object } => things[*object].read(),
        Op::Close { .. } | Op::Die { .. } | Op::Buried => unreachable!("not a call of an actor"),
    }
}

/// What is told as it happens.
#[derive(Debug, Clone)]
enum Told {
    /// An actor begins, as this thread.
    Begins {
        actor: usize,
        tid: u32,
    },
    Call(Record),
    Ends {
        actor: usize,
    },
    /// A child has closed its handles.
    Closes {
        actor: usize,
    },
}

#[derive(Debug, Clone)]
struct Record {
    actor: usize,
    op: Op,
    invoked: u64,
    responded: u64,
    answer: Answer,
}

fn recorded(things: &[Thing], actor: usize, op: Op, nanos: u64) -> Record {
    let invoked = clock::now();
    let answer = perform(things, &op, nanos);
    Record { actor, op, invoked, responded: clock::now(), answer }
}

/// One actor's part. At its end it owns nothing.
fn act(plan: &Plan, things: &[Thing], actor: usize, begin: impl FnOnce(), tell: impl Fn(Told)) {
    tell(Told::Begins { actor, tid: process::tid() });
    begin();
    for step in &plan.scripts[actor] {
        (0..step.pause).for_each(|_| std::hint::spin_loop());
        tell(Told::Call(recorded(things, actor, step.op.clone(), step.nanos)));
    }
    let mutexes = (0..things.len()).filter(|&object| matches!(things[object], Thing::Mutex(_)));
    for object in mutexes {
        loop {
            let record = recorded(things, actor, Op::Release { object }, 0);
            let done = record.answer != Answer::DONE;
            tell(Told::Call(record));
            if done {
                break;
            }
        }
    }
    tell(Told::Ends { actor });
}

// --- children

/// A process that plays parts.
struct Player {
    child: Child,
    orders: ChildStdin,
    /// Passes on what it tells.
    listener: Option<JoinHandle<()>>,
}

/// Says in a child's environment in which session it plays.
const CHILD: &str = "BYNAME_REFERENCE_SESSION";

impl Player {
    fn start(session: &str, told: Sender<Told>) -> Player {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "reference::tests::a_child", "--nocapture"])
            .env(CHILD, session)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let listener = std::thread::spawn(move || {
            let mut ops: HashMap<(u64, u64, usize), Vec<Op>> = HashMap::new();
            for line in output.lines().map_while(|line| line.ok()) {
                let Some(line) = line.strip_prefix("@ ") else { continue };
                let words: Vec<u64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
                let actor = words[1] as usize;
                let message = match words[0] {
                    0 => Told::Begins { actor, tid: words[2] as u32 },
                    1 => {
                        let (seed, mask) = (words[2], words[3]);
                        let plan = ops.entry((seed, mask, actor)).or_insert_with(|| {
                            Plan::new(seed, Where::Processes, mask).scripts[actor].iter().map(|step| step.op.clone()).collect()
                        });
                        let op = match words[4] as usize {
                            index if index < plan.len() => plan[index].clone(),
                            _ => Op::Release { object: words[11] as usize },
                        };
                        let answer = Answer([7, 8, 9, 10].map(|place: usize| words[place] as u32));
                        Told::Call(Record { actor, op, invoked: words[5], responded: words[6], answer })
                    }
                    2 => Told::Ends { actor },
                    _ => Told::Closes { actor },
                };
                if told.send(message).is_err() {
                    return;
                }
            }
        });
        let orders = child.stdin.take().unwrap();
        Player { child, orders, listener: Some(listener) }
    }

    fn play(&mut self, seed: u64, mask: u64, actor: usize, start: u64) {
        writeln!(self.orders, "{seed} {mask} {actor} {start}").unwrap();
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.listener.take().map(JoinHandle::join); // nothing of it comes later
    }
}

/// What a child does: plays parts until nobody gives it any. False in the test itself.
pub fn serve() -> bool {
    let Ok(session) = std::env::var(CHILD) else { return false };
    let namespace = Namespace::session(&session).unwrap();
    let say = |line: String| std::io::stdout().lock().write_all(format!("@ {line}\n").as_bytes()).unwrap();
    let mut things = Vec::new();
    for line in std::io::stdin().lines() {
        let words: Vec<u64> = line.unwrap().split(' ').map(|word| word.parse().unwrap()).collect();
        let [seed, mask, actor, start] = words[..] else { panic!("an order has four words") };
        if start == 0 {
            things.clear();
            say(format!("3 {actor}"));
            continue;
        }
        let plan = Plan::new(seed, Where::Processes, mask);
        things = Thing::all(&namespace, &plan);
        let index = std::cell::Cell::new(0);
        let begin = || await_time(start);
        act(&plan, &things, actor as usize, begin, |told| match told {
            Told::Begins { tid, .. } => say(format!("0 {actor} {tid}")),
            Told::Call(record) => {
                let Answer([a, b, c, d]) = record.answer;
                let object = if let Op::Release { object } = record.op { object } else { 0 };
                let (index, invoked, responded) = (index.replace(index.get() + 1), record.invoked, record.responded);
                say(format!("1 {actor} {seed} {mask} {index} {invoked} {responded} {a} {b} {c} {d} {object}"));
            }
            Told::Ends { .. } | Told::Closes { .. } => say(format!("2 {actor}")),
        });
    }
    true
}

fn await_time(start: u64) {
    while clock::now() < start {
        std::thread::yield_now();
    }
}

// --- the test's part

/// Plays plans; keeps the children.
pub struct Stage {
    session: String,
    namespace: Namespace,
    players: Vec<Option<Player>>,
    told: Receiver<Told>,
    tell: Sender<Told>,
    watchdog: Sender<String>,
}

/// How long nothing may happen before the test releases somebody.
const STILL: Duration = Duration::from_micros(200);

impl Stage {
    pub fn new(name: &str) -> Stage {
        let session = format!("reference-{name}-{}", std::process::id());
        let (tell, told) = channel();
        let namespace = Namespace::session(&session).unwrap();
        Stage { session, namespace, players: (0..ACTORS).map(|_| None).collect(), told, tell, watchdog: watchdog() }
    }

    /// Something has happened.
    fn beat(&self, plan: &Plan) {
        let _ = self.watchdog.send(format!("seed {}, {:?}", plan.seed, plan.objects));
    }

    /// Plays the plan; gives the calls in order of their returns. With `kills`, the process of the last actor is killed meanwhile.
    pub fn play(&mut self, plan: &Plan, mask: u64, kills: bool) -> Vec<Call> {
        let things = Thing::all(&self.namespace, plan);
        let locals = plan.homes.iter().filter(|&&home| home == 0).count();
        let here = AtomicUsize::new(0);
        let start = clock::now() + if locals == ACTORS { 0 } else { 150_000 };
        for actor in (0..ACTORS).filter(|&actor| plan.homes[actor] != 0) {
            let player = self.players[actor].get_or_insert_with(|| Player::start(&self.session, self.tell.clone()));
            player.play(plan.seed, mask, actor, start);
        }
        let mut records = Vec::new();
        let mut tids = HashMap::from([(process::tid(), TEST)]);
        let mut death = None;
        std::thread::scope(|scope| {
            for actor in (0..ACTORS).filter(|&actor| plan.homes[actor] == 0) {
                let (tell, things, here) = (self.tell.clone(), &things, &here);
                let begin = move || {
                    here.fetch_add(1, Ordering::AcqRel);
                    while here.load(Ordering::Acquire) < locals {
                        std::hint::spin_loop(); // so that they begin at once
                    }
                    await_time(start);
                };
                scope.spawn(move || act(plan, things, actor, begin, |told| tell.send(told).unwrap()));
            }
            if kills {
                let delay = Dice::new(plan.seed ^ 1).below(400_000);
                while clock::now() < start + delay {
                    std::thread::yield_now();
                }
                let invoked = clock::now();
                self.players[ACTORS - 1] = None; // killed, and waited for
                death = Some((invoked, clock::now()));
            }
            let mut playing = ACTORS - usize::from(kills);
            while playing > 0 {
                match self.told.recv_timeout(STILL) {
                    Ok(Told::Begins { actor, tid }) => {
                        tids.insert(tid, actor);
                    }
                    Ok(Told::Call(record)) => {
                        records.push(record);
                        self.beat(plan);
                    }
                    Ok(Told::Ends { actor }) => playing -= usize::from(!kills || actor != ACTORS - 1),
                    Ok(Told::Closes { .. }) => {}
                    Err(RecvTimeoutError::Timeout) => {
                        if self.release_somebody(&things, &mut records) {
                            self.beat(plan);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => unreachable!("the stage has a sender"),
                }
            }
        });
        // What the dead one told last.
        while let Ok(told) = self.told.try_recv() {
            match told {
                Told::Begins { actor, tid } => drop(tids.insert(tid, actor)),
                Told::Call(record) => records.push(record),
                Told::Ends { .. } | Told::Closes { .. } => {}
            }
        }
        for object in 0..things.len() {
            if kills && matches!(things[object], Thing::Mutex(_)) {
                let op = Op::Wait { objects: vec![object], all: false, until: Until::Never };
                records.push(recorded(&things, TEST, op, 0));
                records.push(recorded(&things, TEST, Op::Release { object }, 0));
            }
            records.push(recorded(&things, TEST, Op::Look { object }, 0));
        }
        for actor in (0..ACTORS).filter(|&actor| plan.homes[actor] != 0) {
            let Some(player) = &mut self.players[actor] else { continue };
            player.play(plan.seed, mask, actor, 0);
            while !matches!(self.told.recv().unwrap(), Told::Closes { actor: closed } if closed == actor) {}
        }
        history(plan, records, &tids, death)
    }

    /// Makes the plan's calls one at a time, and a look at every object after each. A history for every few calls; each begins with new objects.
    pub fn play_in_sequence(&mut self, plan: &Plan) -> Vec<Vec<Call>> {
        let mut dice = Dice::new(plan.seed);
        let mut histories = Vec::new();
        let mut scripts: Vec<_> = plan.scripts.iter().map(|script| script.iter()).collect();
        while scripts.iter().any(|script| script.len() > 0) {
            let things = Thing::all(&self.namespace, plan);
            let (mut records, mut tids) = (Vec::new(), HashMap::from([(process::tid(), TEST)]));
            std::thread::scope(|scope| {
                let actors: Vec<_> = (0..ACTORS)
                    .map(|actor| {
                        let ((order, orders), (tell, told), things) = (channel::<Op>(), channel(), &things);
                        scope.spawn(move || {
                            tell.send(Told::Begins { actor, tid: process::tid() }).unwrap();
                            for op in orders {
                                tell.send(Told::Call(recorded(things, actor, op, 0))).unwrap();
                            }
                        });
                        let Ok(Told::Begins { tid, .. }) = told.recv() else { panic!("an actor begins") };
                        tids.insert(tid, actor);
                        (order, told)
                    })
                    .collect();
                while records.len() < 55 && scripts.iter().any(|script| script.len() > 0) {
                    let actor = dice.below(ACTORS as u64) as usize;
                    let Some(step) = scripts[actor].next() else { continue };
                    let mut op = step.op.clone();
                    if let Op::Wait { until, .. } | Op::Send { until, .. } | Op::Receive { until, .. } = &mut op {
                        *until = Until::Now;
                    }
                    actors[actor].0.send(op).unwrap();
                    let Ok(Told::Call(record)) = actors[actor].1.recv() else { panic!("an actor answers") };
                    records.push(record);
                    records.extend((0..things.len()).map(|object| recorded(&things, TEST, Op::Look { object }, 0)));
                }
            });
            histories.push(history(plan, records, &tids, None));
        }
        histories
    }

    /// Signals what is not signalled; false if there was nothing to signal.
    fn release_somebody(&self, things: &[Thing], records: &mut Vec<Record>) -> bool {
        let before = records.len();
        for (object, thing) in things.iter().enumerate() {
            let op = match thing {
                Thing::Event(event) if !event.is_set().unwrap() => Op::Set { object },
                Thing::Semaphore(semaphore) if semaphore.available().unwrap() == 0 => Op::Post { object, n: MAXIMUM },
                Thing::Timer(timer) if !timer.is_signaled().unwrap() => Op::Arm { object, when: When::Now },
                Thing::Watchdog(watchdog) if !watchdog.is_signaled().unwrap() => Op::Start { object },
                Thing::Queue(reader, _) if reader.info().unwrap().messages == 0 => {
                    Op::Send { object, message: 1 << 30, alert: false, until: Until::Now }
                }
                _ => continue,
            };
            records.push(recorded(things, TEST, op, 0));
        }
        if records.len() == before {
            // Then somebody waits for room.
            let is_full = |thing: &&Thing| matches!(thing, Thing::Queue(reader, _) if reader.info().unwrap().messages == CAPACITY as u32);
            let full = things.iter().position(|thing| is_full(&thing));
            records.extend(full.map(|object| recorded(things, TEST, Op::Receive { object, until: Until::Now }, 0)));
        }
        records.len() > before
    }
}

/// Ends the process when nothing has happened for long: somebody is forgotten, or some wait for each other; they would never end. A planted bug
/// is not waited for as long.
fn watchdog() -> Sender<String> {
    let (beat, beats) = channel::<String>();
    let patience = Duration::from_secs(if crate::planted::any() { 2 } else { 60 });
    std::thread::spawn(move || {
        let mut last = String::new();
        loop {
            match beats.recv_timeout(patience) {
                Ok(plan) => last = plan,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if last.is_empty() => {}
                Err(RecvTimeoutError::Timeout) => {
                    let _ = writeln!(std::io::stderr(), "somebody is forgotten: {last}"); // past the harness, which would keep it
                    std::process::exit(1);
                }
            }
        }
    });
    beat
}

/// The calls, with their order in time.
fn history(plan: &Plan, mut records: Vec<Record>, tids: &HashMap<u32, usize>, death: Option<(u64, u64)>) -> Vec<Call> {
    let last = ACTORS - 1;
    records.sort_by_key(|record| record.responded);
    let mut times: Vec<(usize, u64, u64)> = Vec::new();
    let mut calls: Vec<Call> = Vec::new();
    for record in &records {
        let outcome = Some(record.answer.outcome(tids));
        times.push((record.actor, record.invoked, record.responded));
        calls.push(Call { actor: record.actor, op: record.op.clone(), outcome, after: 0 });
    }
    if let Some((invoked, responded)) = death {
        times.push((TEST, invoked, responded));
        calls.push(Call { actor: TEST, op: Op::Die { process: plan.homes[last] }, outcome: Some(Outcome::Done), after: 0 });
        // The call that it died in, if it died in one: it began after the one before it, and nothing waits for its end.
        let finished = records.iter().filter(|record| record.actor == last).count();
        if let Some(step) = plan.scripts[last].get(finished) {
            let begun = times.iter().filter(|(actor, ..)| *actor == last).map(|&(.., responded)| responded + 1).max();
            times.push((last, begun.unwrap_or(0), u64::MAX));
            calls.push(Call { actor: last, op: step.op.clone(), outcome: None, after: 0 });
        }
    }
    for at in 0..calls.len().min(64) {
        let before = times.iter().enumerate().filter(|(_, (.., responded))| *responded < times[at].1);
        calls[at].after = before.filter(|(id, _)| *id < 64).fold(0, |bits, (id, _)| bits | 1 << id);
    }
    calls
}
