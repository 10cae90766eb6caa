//! `byname top`: the objects that are used most, again and again.

use super::args::Top;
use super::look::{called, columns, duration, picture};
use super::report::{Report, Voice};
use crate::Result;
use crate::inspect::{Object, ObjectName};
use crate::sys::clock;
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, IsTerminal};

/// What one object did between two looks.
#[derive(Debug, Serialize)]
pub(super) struct Rate {
    #[serde(flatten)]
    id: ObjectName,
    /// Acquisitions; an event counts none.
    per_second: Option<f64>,
    waiting: usize,
    /// How long the first one has waited; known of mutexes.
    seconds: Option<f64>,
}

pub(super) fn run(voice: Voice, how: &Top) -> u8 {
    let looks = if how.once { 1 } else { how.count.unwrap_or(u64::MAX) };
    let interval = how.interval.nanos().unwrap_or(u64::MAX);
    let shown = (|| -> Result<()> {
        let mut before = Look::now()?;
        for i in 0..looks {
            clock::nap(interval);
            let look = Look::now()?;
            look.show(voice, &before, i == 0);
            before = look;
        }
        Ok(())
    })();
    shown.map_or_else(|error| voice.fail(&error), |()| 0)
}

struct Look {
    at: u64,
    objects: Vec<Object>,
    /// The last fence of each, by record and generation.
    fences: HashMap<(u32, u32), u64>,
}

impl Look {
    fn now() -> Result<Look> {
        let objects = picture()?.map_or(Vec::new(), |picture| picture.objects);
        let fences = objects.iter().filter_map(|o| Some(((o.id.index, o.generation), o.fence?))).collect();
        Ok(Look { at: clock::now(), objects, fences })
    }

    fn rate(&self, object: &Object, before: &Look, seconds: f64) -> Rate {
        let count = object.fence.map(|fence| {
            let from = before.fences.get(&(object.id.index, object.generation)).copied().unwrap_or(0);
            fence.saturating_sub(from) as f64
        });
        Rate {
            id: object.id.clone(),
            per_second: count.map(|count| count / seconds),
            waiting: object.queue.len(),
            seconds: object.queue.first().and_then(|front| front.seconds),
        }
    }

    fn show(&self, voice: Voice, before: &Look, is_first: bool) {
        let seconds = self.at.saturating_sub(before.at).max(1) as f64 / 1e9;
        let mut rates: Vec<Rate> = self.objects.iter().map(|object| self.rate(object, before, seconds)).collect();
        rates.sort_by(|a, b| {
            let busy = |rate: &Rate| (rate.per_second.unwrap_or(0.0), rate.waiting as f64);
            busy(b).partial_cmp(&busy(a)).unwrap_or(std::cmp::Ordering::Equal)
        });
        voice.report(&Report::Top { seconds, objects: &rates });
        let heads = ["PER SECOND", "WAITING", "FIRST WAITS", "KIND", "NAME"].map(str::to_owned);
        let none = || "-".to_owned();
        let rows = rates.iter().map(|rate| {
            [
                rate.per_second.map_or_else(none, |count| format!("{count:.0}")),
                rate.waiting.to_string(),
                rate.seconds.map_or_else(none, duration),
                rate.id.kind.to_string(),
                called(&rate.id),
            ]
        });
        let table = columns(std::iter::once(heads).chain(rows).collect());
        // A terminal shows the last look only; elsewhere they follow each other.
        let lead = if io::stdout().is_terminal() {
            "\x1b[H\x1b[J"
        } else if is_first {
            ""
        } else {
            "\n"
        };
        voice.answer(&format!("{lead}{table}"));
    }
}
