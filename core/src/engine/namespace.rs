//! Where names are looked up, and what makes and opens objects there.

use super::access::Access;
use super::grant::{Grant, Owning};
use super::kind::{Kind, Spec};
use super::queue::{self, QueueEnd};
use super::{By, Handle, HandleRef, let_go};
use crate::dispatch::lock::Target;
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
use std::borrow::Cow;
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
pub struct Namespace {
    pub(super) space: &'static Space,
    pub(super) profile: Profile,
}

/// Which rules of naming hold (contract 0.3).
///
/// # Examples
/// ```
/// use byname::{ErrorKind, Event, Mutex, Namespace, Profile, Reset};
///
/// let ce = Namespace::local()?.profile(Profile::Ce)?;
/// let _turn = Event::options().namespace(&ce).create("turn", Reset::Auto)?;
/// let _owner = Mutex::options().namespace(&ce).create("turn")?;
/// assert_eq!(Event::open("turn").unwrap_err().kind(), ErrorKind::NotFound, "the profiles never meet");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One name space for all kinds; `Local\` and `Global\`; an empty name is no name.
    Desktop,
    /// As on Windows CE: a name space for each kind, in which the empty string is a name and a backslash is none; mutex, event, semaphore,
    /// mapping, queue and watchdog alone; no wait for all.
    Ce,
}

impl Namespace {
    pub(super) fn over(space: &'static Space) -> Namespace {
        Namespace { space, profile: Profile::Desktop }
    }

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
        space::local().map(Namespace::over)
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
        space::named(name).map(Namespace::over)
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

    /// The same namespace under the rules of `profile`. Its objects are apart from those of the other profile.
    ///
    /// # Errors
    /// None in this version; an error is what a namespace that has no such profile would say.
    ///
    /// # Examples
    /// ```
    /// use byname::{Namespace, Profile};
    ///
    /// let here = Namespace::local()?;
    /// assert_eq!(here.profile(Profile::Ce)?.profile(Profile::Desktop)?, here);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn profile(self, profile: Profile) -> Result<Namespace> {
        Ok(Namespace { profile, ..self })
    }

    /// Which rules of naming hold in it.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::Namespace::local()?.rules(), byname::Profile::Desktop);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn rules(&self) -> Profile {
        self.profile
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
        self.space.session.as_deref()
    }

    /// For `crash.rs`.
    #[cfg(crash)]
    pub(crate) fn space(&self) -> &'static Space {
        self.space
    }

    /// The file that holds the namespace.
    ///
    /// # Examples
    /// ```
    /// assert!(byname::Namespace::local()?.path().is_absolute());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn path(&self) -> &'static Path {
        &self.space.arena.path
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
        let space = self.space;
        space.check()?;
        name.map_or(Ok(()), name::check_length)?;
        spec.check()?;
        let cx = owner::current(space)?;
        let key = self.key(cx, spec.kind(), name)?;
        let rights = access.rights(spec.kind())?;
        let owning = if spec.is_owned() { Some(Owning::new(cx, by)?) } else { None };
        let what = |owning: &Option<Owning>| spec.blueprint(owning.as_ref().map(|o| o.owner(cx)));
        let made = match spec {
            Spec::Queue { end, max_messages, max_size, allow_broken, no_precommit } => {
                Plan::new(no_precommit, allow_broken, max_messages, max_size).and_then(|plan| queue::create(cx, key.as_deref(), plan, end))
            }
            Spec::Job { .. } => kinds::job::create(cx, key.as_deref(), what(&owning)),
            _ => index::create(cx, key.as_deref(), what(&owning)),
        };
        let owning = owning.filter(|owning| {
            let keep = matches!(made, Ok((_, true)));
            if !keep {
                owning.free(space);
            }
            keep
        });
        let (target, new) = made?;
        let entry = handles::insert(space, target, rights | self.marks(name) | if new { right::CREATED } else { 0 })
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
    /// an empty one InvalidName (6), but in the CE profile.
    pub fn open(&self, name: Option<&str>, kind: Kind, access: Access) -> Result<Handle> {
        self.open_if(name, Some(kind), access)
    }

    /// As [`Namespace::open`], whatever kind the object is of; [`HandleRef::kind`] says which. Unsupported in the CE profile, where a name may be that of
    /// several.
    pub fn open_any(&self, name: Option<&str>, access: Access) -> Result<Handle> {
        self.open_if(name, None, access)
    }

    fn open_if(&self, name: Option<&str>, kind: Option<Kind>, access: Access) -> Result<Handle> {
        let (cx, key) = self.wanted(name, kind)?;
        let target = index::open(cx, &key, |machine| kind.is_none_or(|kind| kind == Kind::of(machine)))?;
        if target.machine == Machine::QueueReader {
            return queue::of_found(cx, target, &key, QueueEnd::Read, self.marks(name));
        }
        if target.machine == Machine::Job {
            kinds::job::open(cx, target)?;
        }
        self.entered(cx, target, access, self.marks(name))
    }

    /// A handle to an object that was found without its name, and which is pinned; of a queue, to that end.
    pub(super) fn handle_to(&self, cx: Cx, found: Target, end: QueueEnd, access: Access) -> Result<Handle> {
        let is_queue = Kind::of(found.machine) == Kind::Queue;
        let target = if is_queue { Target { machine: end.machine(), ..found } } else { found };
        if target.machine == Machine::Job {
            kinds::job::open(cx, target)?;
        }
        if is_queue {
            kinds::queue::attach_another(cx, target).inspect_err(|_| drop(index::leave(cx, target.at)))?;
        }
        self.entered(cx, target, access, self.marks(None))
    }

    /// The handle to an object that this call has opened.
    fn entered(&self, cx: Cx, target: Target, access: Access, marks: u32) -> Result<Handle> {
        let rights = access.rights(Kind::of(target.machine));
        let entry = rights.and_then(|rights| handles::insert(cx.space, target, rights | marks));
        entry.map(|entry| Handle(HandleRef(entry))).inspect_err(|_| drop(let_go(cx, target)))
    }

    /// The key of an object that is to be opened.
    pub(super) fn wanted<'a>(&self, name: Option<&'a str>, kind: Option<Kind>) -> Result<(Cx, Cow<'a, str>)> {
        self.space.check()?;
        let name = name.ok_or_else(|| Error::invalid_argument("only a named object can be opened; pass its name, or create one"))?;
        name::check_length(name)?;
        let cx = owner::current(self.space)?;
        let key = match kind {
            Some(kind) => self.key(cx, kind, Some(name))?,
            None if self.profile == Profile::Desktop => self.leaf(cx, name)?,
            None => {
                return Err(Error::new(ErrorKind::Unsupported, "in the CE profile each kind has a name space of its own; say which kind"));
            }
        };
        let none = || Error::new(ErrorKind::InvalidName, "an empty name opens nothing; pass the object's name").numbered(6);
        Ok((cx, key.ok_or_else(none)?))
    }

    /// What an object of that kind and name is stored under; `None` if it is to be unnamed.
    pub(super) fn key<'a>(&self, cx: Cx, kind: Kind, name: Option<&'a str>) -> Result<Option<Cow<'a, str>>> {
        let letter = self.letter(kind)?;
        match (name, letter) {
            (None, _) => Ok(None),
            (Some(name), Some(letter)) => name::ce_key(name, letter).map(Cow::Owned).map(Some),
            (Some(name), None) => self.leaf(cx, name),
        }
    }

    /// A kind's letter in keys of the CE profile, and whether the profile has it; `None` in the other profile.
    fn letter(&self, kind: Kind) -> Result<Option<char>> {
        Ok(Some(match (self.profile, kind) {
            (Profile::Desktop, _) => return Ok(None),
            (Profile::Ce, Kind::Event) => 'E',
            (Profile::Ce, Kind::Mapping) => 'F',
            (Profile::Ce, Kind::Mutex) => 'M',
            (Profile::Ce, Kind::Queue) => 'Q',
            (Profile::Ce, Kind::Semaphore) => 'S',
            (Profile::Ce, Kind::Watchdog) => 'W',
            (Profile::Ce, Kind::Timer | Kind::Job | Kind::Process) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!("the CE profile has no {}; make it in the desktop profile", kind.noun().trim_start_matches("a ")),
                ));
            }
        }))
    }

    /// The leaf that a name stands for; `None` if the object is to be unnamed.
    fn leaf<'a>(&self, cx: Cx, name: &'a str) -> Result<Option<Cow<'a, str>>> {
        match name::parse(name)? {
            Parsed::Unnamed => Ok(None),
            Parsed::Leaf(leaf) => Ok(Some(Cow::Borrowed(leaf))),
            Parsed::Directory(dir) => Err(name::no_directory_at(name, index::exists(cx, dir)?)),
        }
    }

    /// What a handle keeps of the way in which its object was named.
    pub(super) fn marks(&self, name: Option<&str>) -> u32 {
        match self.profile {
            Profile::Ce => right::CE,
            Profile::Desktop if name.is_some_and(|n| n.starts_with("Local\\")) => right::LOCAL,
            Profile::Desktop => 0,
        }
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Namespace").field(&self.path()).finish()
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.space, other.space) && self.profile == other.profile
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
