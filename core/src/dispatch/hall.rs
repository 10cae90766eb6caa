//! Where those sleep who wait for one manual-reset event and nothing else.
//!
//! *Why.* A set releases all of them. If each sleeps on its own claim, that is a system call each; here it is one for all.
//!
//! *What it is.* A futex word of the header, by the event's index, and in it a class of sleepers (the bit sets of the kernel), so that 2048 events in a row do
//! not meet. The word only counts.
//!
//! *Order.* S1 read the word, S2 look at the claim, S3 sleep if the word still is what was read. W1 the claim is granted, W2 the word moves, W3 the class
//! is woken. SYNC(hall): S2 sees W1, or S3 sees W2, or W3 meets one who sleeps. Who shares the class is woken for nothing, and sleeps again.
//!
//! *Death.* Of a granter between W1 and W3: its reaper does W2 and W3 for every claim that is granted and not taken (`recover.rs`, R6). Of a sleeper: nothing is here.

use crate::arena::layout::HALLS;
use crate::cell::Word32;
use crate::space::Space;
use crate::sys::clock::Until;
use crate::sys::futex::{self, Woken};

/// The hall of one event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hall {
    word: &'static Word32,
    class: u32,
}

impl Hall {
    /// By the event's index.
    pub(crate) fn of(space: &'static Space, event: u32) -> Hall {
        let (place, class) = (event as usize % HALLS, event as usize / HALLS % 32);
        Hall { word: &space.arena.header().halls[place], class: 1 << class }
    }

    /// S1.
    pub(crate) fn look(self) -> u32 {
        self.word.load()
    }

    /// S3.
    pub(crate) fn sleep(self, seen: u32, until: Until) -> Woken {
        futex::wait_in_class(self.word, seen, self.class, until)
    }

    /// W2 and W3.
    #[cfg_attr(crash, track_caller)]
    pub(crate) fn call(self) {
        self.word.add(1);
        futex::wake_class(self.word, self.class);
    }
}
