//! What mappings and jobs keep besides their record, as people think of it: some of it stands in files beside the namespace's, and in control groups.

use super::image::{Image, ObjectImage};
use super::picture::{Painter, Party};
use crate::arena::backing::Beside;
use crate::arena::layout::ANNEX_WORDS;
use crate::arena::refs::{ObjectRef, OwnerRef};
use crate::kinds::{job, mapping};
use std::path::Path;

/// What a mapping shows, and its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Memory {
    /// How many bytes it has.
    pub size: u64,
    /// Protection and attributes, with the numbers of Windows.
    pub protect: u32,
    /// Whether it shows a file.
    pub has_file: bool,
    /// The path that the file had when the mapping was made, if that can be read.
    pub file: Option<String>,
    /// How many changes were published.
    pub version: u64,
    /// Who is in the middle of a change.
    pub changed_by: Option<Party>,
    /// The writer died in the middle of a change: until the next one ends, readers are told so.
    pub half_made: bool,
}

/// The processes of a job, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Members {
    /// How many there are; `None` where the job's control group is not to be seen, as from another mount namespace.
    pub active: Option<u32>,
    /// How many there may be at a time.
    pub active_limit: Option<u32>,
    /// How many bytes they may have together.
    pub memory_limit: Option<u64>,
    /// Whether they are killed when the last handle to it is closed.
    pub kill_on_close: bool,
    /// How many byname ever put in.
    pub put_in: u64,
    /// How many were killed since there was no room.
    pub refused: u64,
    /// The exit code with which it was terminated last.
    pub code: Option<u32>,
    /// Its control group, and those of version 1 that count for it: where limits are kept.
    pub groups: Vec<String>,
}

/// An object, and the words of its annex.
pub(super) struct Part<'a> {
    pub at: ObjectRef,
    pub words: &'a [u64; ANNEX_WORDS],
}

impl Part<'_> {
    pub fn of(object: &ObjectImage) -> Option<Part<'_>> {
        Some(Part { at: object.at(), words: object.annex_words.as_ref()? })
    }

    pub fn memory(&self, painter: &Painter<'_>, beside: &Beside) -> Memory {
        let seen = mapping::seen(self.words);
        let writes = |writer: &OwnerRef| is_alive(painter.image, *writer);
        let changed_by = seen.writer.filter(|writer| seen.is_changing && writes(writer)).map(|writer| painter.owner_party(writer.index));
        Memory {
            size: seen.facts.size,
            protect: seen.facts.protect,
            has_file: seen.facts.source.is_some(),
            file: seen.facts.source.and_then(|source| Some(text(&source.path(&beside.read(self.at)?)?))),
            version: seen.version,
            half_made: seen.is_changing && changed_by.is_none(),
            changed_by,
        }
    }

    pub fn members(&self, beside: &Beside) -> Members {
        let seen = job::seen(self.words);
        let place = beside.read(self.at).and_then(|bytes| job::Place::parse(&bytes, job::PREFIX));
        let visible = place.as_ref().filter(|place| place.is_at(seen.number));
        Members {
            active: visible.map(|place| place.members().len() as u32),
            active_limit: seen.active_limit,
            memory_limit: seen.memory_limit,
            kill_on_close: seen.kill_on_close,
            put_in: seen.put_in,
            refused: seen.refused,
            code: seen.code,
            groups: place.map_or(vec![], |place| place.groups().iter().map(|group| text(group)).collect()),
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn is_alive(image: &Image, owner: OwnerRef) -> bool {
    image.is_alive(owner.index, |generation| generation == owner.generation)
}
