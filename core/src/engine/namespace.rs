//! Where names are looked up, and what makes and opens objects there.

use super::access::Access;
use super::grant::{Grant, Owning};
use super::kind::{Kind, Spec};
use super::queue::{self, QueueEnd};
use super::{By, Handle, HandleRef, let_go};
use crate::dispatch::word::Machine;
use crate::error::{Error, ErrorKind, Result};
use crate::handles::{self, right};
use crate::index;
use crate::kinds;
use crate::kinds::queue::Plan;
use crate::name::{self, Parsed};
use crate::ops::Taken;
use crate::owner;
use crate::space::{self, Cx, Space};
use std::path::Path;

/// An attached namespace: where names are looked up.
///
/// A process attaches a namespace once, on first use, and stays attached until it ends. Copies are cheap and equal.
///
/// # Examples
/// ```
/// use byname::{ErrorKind, Event, Namespace, Reset};
///
/// let nightly = Namespace::session(&format!("nightly-{}", std::process::id()))?;
/// let weekly = Namespace::session(&format!("weekly-{}", std::process::id()))?;
/// let _done = Event::options().namespace(&nightly).create("done", Reset::Manual)?;
/// let other = Event::options().namespace(&weekly).open("done");
/// assert_eq!(other.unwrap_err().kind(), ErrorKind::NotFound, "they never meet");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Namespace(pub(super) &'static Space);

/// Which rules of naming hold (contract 0.3).
///
/// # Examples
/// ```
/// use byname::{ErrorKind, Namespace, Profile};
///
/// let here = Namespace::local()?;
/// assert_eq!(here.profile(Profile::Desktop)?, here);
/// assert_eq!(here.profile(Profile::Ce).unwrap_err().kind(), ErrorKind::Unsupported);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One name space for all kinds; `Local\` and `Global\`; an empty name is no name.
    Desktop,
    /// One name space per kind, as on Windows CE. Comes with a later version.
    Ce,
}

impl Namespace {
    /// The namespace of this user, and of the session that `BYNAME_SESSION` names, in `BYNAME_DIR` or `/dev/shm`.
    ///
    /// # Errors
    /// PathNotFound, AccessDenied, Unsupported for a directory that cannot hold it; NoSpace; VersionMismatch; Corrupted;
    /// LimitReached.
    ///
    /// # Examples
    /// ```
    /// use byname::Namespace;
    ///
    /// assert_eq!(Namespace::local()?, Namespace::local()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn local() -> Result<Namespace> {
        space::local().map(Namespace)
    }

    /// This user's namespace of the session `name`: 1 to 64 letters, digits, `-`, `_`, `.`; else InvalidArgument.
    ///
    /// # Examples
    /// ```
    /// use byname::{ErrorKind, Namespace};
    ///
    /// let tests = Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// assert_ne!(tests, Namespace::local()?);
    /// assert_eq!(Namespace::session("a/b").unwrap_err().kind(), ErrorKind::InvalidArgument);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn session(name: &str) -> Result<Namespace> {
        space::named(name).map(Namespace)
    }

    /// A private namespace behind a boundary: Unsupported, it comes with a later version (contract 1.6).
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::Namespace::private("boundary", "alias").unwrap_err().win32(), 50);
    /// ```
    pub fn private(_boundary: &str, _alias: &str) -> Result<Namespace> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "private namespaces come with a later version of byname; separate programs by BYNAME_SESSION",
        ))
    }

    /// The namespace under the rules of `profile`; CE is Unsupported, it comes with a later version.
    ///
    /// # Examples
    /// ```
    /// use byname::{Namespace, Profile};
    ///
    /// assert!(Namespace::local()?.profile(Profile::Ce).is_err());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn profile(self, profile: Profile) -> Result<Namespace> {
        match profile {
            Profile::Desktop => Ok(self),
            Profile::Ce => {
                Err(Error::new(ErrorKind::Unsupported, "the CE profile comes with a later version of byname; use the desktop profile"))
            }
        }
    }

    /// The session's name; `None` for the default session.
    ///
    /// # Examples
    /// ```
    /// let name = format!("doc-{}", std::process::id());
    /// assert_eq!(byname::Namespace::session(&name)?.session_name(), Some(&*name));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn session_name(&self) -> Option<&'static str> {
        self.0.session.as_deref()
    }

    /// For `crash.rs`.
    #[cfg(crash)]
    pub(crate) fn space(&self) -> &'static Space {
        self.0
    }

    /// The file that holds the namespace.
    ///
    /// # Examples
    /// ```
    /// assert!(byname::Namespace::local()?.path().is_absolute());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn path(&self) -> &'static Path {
        &self.0.arena.path
    }

    /// Makes the object, or opens the one of that name; [`HandleRef::created`] says which. `None` and `""` make an unnamed one.
    ///
    /// Where the object exists, `spec` is ignored, but checked first (contract 0.5). Errors: NameTooLong, InvalidArgument, InvalidName,
    /// PathNotFound, WrongKind, AccessDenied, NoSpace, LimitReached, Unsupported, NamespaceLost.
    pub fn create(&self, name: Option<&str>, spec: Spec, access: Access) -> Result<Handle> {
        self.create_by(name, spec, access, By::Thread).map(|(handle, _)| handle)
    }

    /// As [`Namespace::create`]; an initially owned mutex that is new belongs to `by`, and comes with its grant.
    pub fn create_by(&self, name: Option<&str>, spec: Spec, access: Access, by: By) -> Result<(Handle, Option<Grant>)> {
        let space = self.0;
        space.check()?;
        name.map_or(Ok(()), name::check_length)?;
        spec.check()?;
        let cx = owner::current(space)?;
        let leaf = self.leaf(cx, name)?;
        let rights = access.rights(spec.kind())?;
        let owning = if spec.is_owned() { Some(Owning::new(cx, by)?) } else { None };
        let what = |owning: &Option<Owning>| spec.blueprint(owning.as_ref().map(|o| o.owner(cx)));
        let made = match spec {
            Spec::Queue { end, max_messages, max_size, allow_broken, no_precommit } => {
                Plan::new(no_precommit, allow_broken, max_messages, max_size).and_then(|plan| queue::create(cx, leaf, plan, end))
            }
            Spec::Job { .. } => kinds::job::create(cx, leaf, what(&owning)),
            _ => index::create(cx, leaf, what(&owning)),
        };
        let owning = owning.filter(|owning| {
            let keep = matches!(made, Ok((_, true)));
            if !keep {
                owning.free(space);
            }
            keep
        });
        let (target, new) = made?;
        let entry = handles::insert(space, target, rights | prefix(name) | if new { right::CREATED } else { 0 })
            .inspect_err(|_| drop(let_go(cx, target)))?;
        let handle = Handle(HandleRef(entry));
        let grant = owning.map(|owning| {
            if by == By::Thread {
                owner::note_taken();
            }
            Grant::new(space, target, owning, Taken { fence: 1, abandoned: false })
        });
        Ok((handle, grant))
    }

    /// Opens an existing object. Errors: NotFound, WrongKind, AccessDenied and those of names; a missing name is InvalidArgument (87),
    /// an empty one InvalidName (6).
    pub fn open(&self, name: Option<&str>, kind: Kind, access: Access) -> Result<Handle> {
        self.open_if(name, |found| found == kind, access)
    }

    /// As [`Namespace::open`], whatever kind the object is of; [`HandleRef::kind`] says which.
    pub fn open_any(&self, name: Option<&str>, access: Access) -> Result<Handle> {
        self.open_if(name, |_| true, access)
    }

    fn open_if(&self, name: Option<&str>, is: impl Fn(Kind) -> bool, access: Access) -> Result<Handle> {
        let space = self.0;
        space.check()?;
        let name = name.ok_or_else(|| Error::invalid_argument("only a named object can be opened; pass its name, or create one"))?;
        name::check_length(name)?;
        let cx = owner::current(space)?;
        let leaf = self
            .leaf(cx, Some(name))?
            .ok_or_else(|| Error::new(ErrorKind::InvalidName, "an empty name opens nothing; pass the object's name").numbered(6))?;
        let target = index::open(cx, leaf, |machine| is(Kind::of(machine)))?;
        if target.machine == Machine::QueueReader {
            return queue::of_found(cx, target, leaf, QueueEnd::Read, prefix(Some(name)));
        }
        if target.machine == Machine::Job {
            kinds::job::open(cx, leaf, target)?;
        }
        let entry = access
            .rights(Kind::of(target.machine))
            .and_then(|rights| handles::insert(space, target, rights | prefix(Some(name))))
            .inspect_err(|_| drop(index::leave(cx, target.at)))?;
        Ok(Handle(HandleRef(entry)))
    }

    /// The leaf that a name stands for; `None` if the object is to be unnamed.
    pub(super) fn leaf<'a>(&self, cx: Cx, name: Option<&'a str>) -> Result<Option<&'a str>> {
        match name::parse(name)? {
            Parsed::Unnamed => Ok(None),
            Parsed::Leaf(leaf) => Ok(Some(leaf)),
            Parsed::Directory(dir) => Err(name::no_directory_at(name.unwrap_or_default(), index::exists(cx, dir)?)),
        }
    }
}

/// Whether the name came with the prefix `Local\`.
pub(super) fn prefix(name: Option<&str>) -> u32 {
    if name.is_some_and(|n| n.starts_with("Local\\")) { right::LOCAL } else { 0 }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Namespace").field(&self.path()).finish()
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Namespace {}

/// Leaves SIGBUS to the program: to be called before the first namespace is attached.
///
/// Otherwise the first attach installs one handler that turns the truncation of a namespace's file into
/// [`NamespaceLost`](crate::ErrorKind::NamespaceLost), and passes every other SIGBUS on to the handler that was there before. Without it, a
/// process whose namespace is truncated dies of SIGBUS when it, or its keeper, touches the file next. Namespaces that are attached
/// already stay guarded.
///
/// ```
/// byname::leave_sigbus_alone();
/// let ready = byname::Event::unnamed(byname::Reset::Manual)?;
/// ready.set()?;
/// # Ok::<(), byname::Error>(())
/// ```
pub fn leave_sigbus_alone() {
    crate::sys::fault::disable();
}
