//! What is to be done: a few objects, a few actors in one or more processes, a few calls each. All of it follows from a seed, so that a child
//! makes the same plan from the same number; a mask leaves calls out, which is how a plan is made smaller.

use super::dispatcher::{Dispatcher, Kind, Object};
use super::explain::{Op, Until, When};

/// Random numbers; the same for the same seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// One call, after a pause of so many turns of a loop.
#[derive(Debug, Clone)]
pub struct Step {
    pub pause: u32,
    pub op: Op,
    /// For a wait with a time-out.
    pub nanos: u64,
}

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    /// What each object is, and with what it begins: a permit or a signal, or none.
    pub objects: Vec<(Kind, bool)>,
    pub scripts: Vec<Vec<Step>>,
    /// The process of each actor; 0 is the test's own.
    pub homes: Vec<usize>,
}

/// In how many processes the actors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    OneProcess,
    Processes,
}

pub const ACTORS: usize = 3;
const CALLS: usize = 6;
/// So many permits a semaphore has at most.
pub const MAXIMUM: u32 = 2;

/// And a queue so many messages.
pub const CAPACITY: usize = 2;

const KINDS: [Kind; 10] = [
    Kind::Mutex,
    Kind::ManualEvent,
    Kind::AutoEvent,
    Kind::Semaphore { maximum: MAXIMUM },
    Kind::RobustSemaphore { maximum: MAXIMUM },
    Kind::ManualTimer,
    Kind::AutoTimer,
    Kind::Watchdog,
    Kind::Queue { capacity: CAPACITY },
    Kind::Mapping,
];

impl Plan {
    /// The plan of a seed. A bit of `mask` that is not set leaves a call out.
    pub fn new(seed: u64, place: Where, mask: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let count = 1 + dice.below(3);
        let objects: Vec<(Kind, bool)> = (0..count).map(|_| (dice.pick(&KINDS), dice.below(2) == 0)).collect();
        let mut scripts: Vec<Vec<Step>> = (0..ACTORS).map(|_| script(&mut dice, &objects)).collect();
        let mut place_in_mask = 0;
        for script in &mut scripts {
            script.retain(|_| {
                place_in_mask += 1;
                mask >> (place_in_mask - 1) & 1 != 0
            });
        }
        let homes = match place {
            Where::OneProcess => vec![0; ACTORS],
            Where::Processes => (0..ACTORS).collect(),
        };
        Plan { seed, objects, scripts, homes }
    }

    /// The beginning, for the reference model: the actors, and the test itself as one more.
    pub fn contract(&self) -> Dispatcher {
        let object = |&(kind, signalled): &(Kind, bool)| {
            let mut object = Object::new(kind, u32::from(signalled && kind.maximum().is_some()));
            object.set = signalled && kind.is_event();
            object
        };
        let homes: Vec<usize> = self.homes.iter().copied().chain([0]).collect();
        Dispatcher::new(self.objects.iter().map(object).collect(), &homes)
    }
}

/// A script that cannot lock itself in: a wait for ever names something that the test can signal, or one mutex by somebody who owns none. A mapping is
/// waited for by nobody.
fn script(dice: &mut Dice, objects: &[(Kind, bool)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut may_own = false;
    for _ in 0..CALLS {
        let object = dice.below(objects.len() as u64) as usize;
        let kind = objects[object].0;
        let pair = two(dice, object, objects.len());
        let waits = pair.iter().all(|&object| objects[object].0 != Kind::Mapping);
        let op = match dice.below(10) {
            0..5 if !waits => operate(dice, object, kind),
            0..3 => wait(dice, objects, vec![object], false, may_own),
            3 => wait(dice, objects, pair, false, may_own),
            4 => wait(dice, objects, pair, true, may_own),
            5 => Op::Look { object },
            _ => operate(dice, object, kind),
        };
        if let Op::Wait { objects: named, .. } = &op {
            may_own |= named.iter().any(|&object| objects[object].0 == Kind::Mutex);
        }
        let pause = dice.pick(&[0, 0, 0, 10, 100]);
        steps.push(Step { pause, op, nanos: dice.below(30_000) + 1 });
    }
    steps
}

/// What is done to an object of that kind, besides waiting.
fn operate(dice: &mut Dice, object: usize, kind: Kind) -> Op {
    match kind {
        Kind::Mutex => Op::Release { object },
        Kind::Semaphore { .. } | Kind::RobustSemaphore { .. } => Op::Post { object, n: 1 + dice.below(2) as u32 },
        Kind::ManualEvent | Kind::AutoEvent => match dice.below(4) {
            0 => Op::Reset { object },
            1 => Op::Pulse { object },
            _ => Op::Set { object },
        },
        Kind::ManualTimer | Kind::AutoTimer => match dice.below(5) {
            0 => Op::Disarm { object },
            _ => Op::Arm { object, when: dice.pick(&[When::Now, When::Soon, When::Soon, When::Never]) },
        },
        Kind::Watchdog => match dice.below(3) {
            0 => Op::Start { object },
            1 => Op::Refresh { object },
            _ => Op::Stop { object },
        },
        Kind::Queue { .. } => {
            let until = dice.pick(&[Until::Now, Until::Later, Until::Never]);
            match dice.below(5) {
                0..2 => Op::Receive { object, until },
                // (The number is nobody else's.)
                kind => Op::Send { object, message: dice.below(1 << 30) as u32, alert: kind == 4, until },
            }
        }
        Kind::Mapping => {
            if dice.below(2) == 0 {
                Op::Change { object }
            } else {
                Op::Read { object }
            }
        }
    }
}

fn two(dice: &mut Dice, first: usize, of: usize) -> Vec<usize> {
    if of == 1 {
        return vec![first];
    }
    vec![first, (first + 1 + dice.below(of as u64 - 1) as usize) % of]
}

fn wait(dice: &mut Dice, objects: &[(Kind, bool)], named: Vec<usize>, all: bool, may_own: bool) -> Op {
    let mutexes = named.iter().filter(|&&object| objects[object].0 == Kind::Mutex).count();
    let may_last = if all { mutexes == 0 } else { mutexes < named.len() || named.len() == 1 && !may_own };
    let until = match dice.below(3) {
        0 => Until::Now,
        1 if may_last => Until::Never,
        _ => Until::Later,
    };
    Op::Wait { objects: named, all, until }
}
