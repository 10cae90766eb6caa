//! An eye into a namespace: who holds, owns and waits for what, seen from outside.
//!
//! An [`Inspection`] maps the file of a namespace for reading. It takes no place in it, stops nobody, locks and writes nothing, and works on
//! what a crash of the last user left as well. So it can be made by anybody who may open the file, at any time, and what it says can be wrong the
//! moment after.
//!
//! Each record is consistent: it is read until two readings in a row agree, and an object is shown as everybody must see it (one that is
//! locked, as the claim of the waiter that it is being handed to decides). The *whole* is no snapshot: two records were read at different instants.

mod check;
mod image;
mod parts;
mod picture;
mod waits;

pub use check::Violation;
pub use parts::{Members, Memory};
pub use picture::{Awaited, Kind, Messages, Object, ObjectName, Party, Permits, Picture, Process, ProcessState, Queued, Step, Wait};

use crate::arena::backing::Beside;
use crate::arena::file::{self, Standing};
use crate::arena::mapping::View;
use crate::error::{Error, ErrorKind, Result};
use crate::space;
use image::Image;
use picture::Painter;
use std::path::{Path, PathBuf};

/// A namespace that is looked at and not used.
///
/// # Examples
/// ```
/// use byname::inspect::Inspection;
/// use byname::{Mutex, Namespace};
///
/// let session = Namespace::session(&format!("look-{}", std::process::id()))?;
/// let _mutex = Mutex::options().namespace(&session).create("m")?;
/// let inspection = Inspection::at(session.path())?;
/// assert!(inspection.check()?.is_empty(), "nothing in it is impossible");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Inspection {
    view: View,
    path: PathBuf,
    standing: Standing,
    beside: Beside,
}

impl Inspection {
    /// The namespace that [`Namespace::local`](crate::Namespace::local) would attach.
    ///
    /// # Errors
    /// NotFound if nobody has made it; VersionMismatch; Corrupted if the file is no arena; AccessDenied if it is not this user's.
    pub fn local() -> Result<Inspection> {
        Inspection::at(space::path(None)?)
    }

    /// The namespace of a session, as [`Namespace::session`](crate::Namespace::session) names it.
    ///
    /// # Errors
    /// As [`Inspection::local`], and InvalidArgument for what is no name of a session.
    pub fn session(name: &str) -> Result<Inspection> {
        Inspection::at(space::path(Some(name))?)
    }

    /// The namespace whose file that is.
    ///
    /// # Errors
    /// As [`Inspection::local`].
    pub fn at(path: impl AsRef<Path>) -> Result<Inspection> {
        let (view, standing, stat) = file::view(path.as_ref())?;
        let beside = Beside::of(path.as_ref(), stat.uid, stat.ino);
        Ok(Inspection { view, path: path.as_ref().to_owned(), standing, beside })
    }

    /// Where the file is, or was.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether nobody can come any more: the last user has left, or the machine was started anew since.
    pub fn is_closed(&self) -> bool {
        self.standing != Standing::Open
    }

    /// Processes, objects, waits, and deadlocks among them.
    ///
    /// # Errors
    /// NamespaceLost if the file was truncated meanwhile.
    pub fn look(&self) -> Result<Picture> {
        let image = Image::of(&self.view);
        let painter = Painter::new(&image, &self.beside);
        let mut picture = painter.picture();
        if !picture.deadlocks.is_empty() {
            // Two records may have been read at different instants; in a deadlock nothing moves.
            let (image, mut found) = (Image::of(&self.view), waits::rings(&painter).into_iter());
            let again = waits::rings(&Painter::new(&image, &self.beside));
            picture.deadlocks.retain(|_| found.next().is_some_and(|ring| again.contains(&ring)));
        }
        self.seen(picture)
    }

    /// What in the namespace cannot be at any time, whoever is in the middle of whatever: damage, or a fault of byname.
    ///
    /// # Errors
    /// NamespaceLost if the file was truncated meanwhile.
    pub fn check(&self) -> Result<Vec<Violation>> {
        self.checked(false)
    }

    /// What cannot be in a namespace that is *quiet*: nobody is inside a call but in its sleep, nobody is stopped, and who has died has been buried. Then everything
    /// balances: nothing is locked or half made, only the living hold and own, who waits stands in all its queues for what is not to be had.
    ///
    /// # Errors
    /// As [`Inspection::check`].
    pub fn check_quiet(&self) -> Result<Vec<Violation>> {
        self.checked(true)
    }

    fn checked(&self, quiet: bool) -> Result<Vec<Violation>> {
        self.seen(check::check(&self.view, quiet))
    }

    /// What was read, unless zeros were read for it.
    fn seen<T>(&self, seen: T) -> Result<T> {
        if self.view.is_lost() {
            return Err(Error::new(
                ErrorKind::NamespaceLost,
                format!("the file {} was truncated while it was looked at", self.path.display()),
            ));
        }
        Ok(seen)
    }
}
