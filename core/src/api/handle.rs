//! What every kind can do because it is a handle: tell its name, be copied, be closed.

use std::os::fd::{AsFd, BorrowedFd};

/// A file descriptor that is readable while a poll of its object may succeed, for a loop of one's own: epoll, poll, select.
///
/// Nothing is consumed by its becoming readable: when it is, wait with a time-out of zero (`try_lock`, `wait_for(Duration::ZERO)`,
/// `try_acquire`). It stays readable until such a call of this process finds the object not signalled, so with edge-triggered epoll
/// try until one does. It may be readable where a try then fails, because somebody was faster; it is never unreadable while
/// the object stays signalled. An event's pulse does not make it readable.
///
/// It costs one descriptor and one waiter record, keeps the object alive, and closes when dropped. Only poll it: what reads from it
/// loses news. In the child of a fork it is still the parent's; make another.
///
/// # Examples
/// ```
/// use byname::{Event, Reset};
/// use std::os::fd::{AsFd, AsRawFd};
/// use std::time::Duration;
///
/// let event = Event::unnamed(Reset::Auto)?;
/// let pollable = event.pollable()?;
/// assert!(pollable.as_fd().as_raw_fd() > 2); // register this with epoll, for reading
/// event.set()?;
/// assert!(event.wait_for(Duration::ZERO)?.is_some(), "it was readable, and a try succeeds");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Pollable(pub(super) crate::engine::Pollable);

impl AsFd for Pollable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The handle's own methods, of a kind that can be waited for; `$make` is a way to make an unnamed one, `$named` a named one, for the examples.
macro_rules! handle_methods {
    ($Type:ident, $make:literal, $named:literal) => {
        $crate::api::handle::any_handle_methods!($Type, $make, $named);

        impl $Type {
            /// Makes a file descriptor for a loop of one's own (epoll and the like); see [`Pollable`](crate::Pollable).
            ///
            /// # Errors
            /// AccessDenied (5) without SYNCHRONIZE; LimitReached (1450) when the process has no descriptor left; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            /// use std::os::fd::AsFd;
            ///
            #[doc = concat!("let pollable = ", $make, "?.pollable()?;")]
            /// let _for_epoll = pollable.as_fd();
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn pollable(&self) -> $crate::Result<$crate::Pollable> {
                self.handle.pollable().map($crate::api::Pollable)
            }
        }

        impl $crate::api::waits::Sealed for $Type {
            fn handle(&self) -> $crate::engine::HandleRef {
                self.handle.by_ref()
            }
        }

        impl $crate::api::Waitable for $Type {}
    };
}

/// Those of any kind.
macro_rules! any_handle_methods {
    ($Type:ident, $make:literal, $named:literal) => {
        impl $Type {
            /// Wraps a handle that is known to be of this kind.
            pub(super) fn over(handle: $crate::engine::Handle) -> Self {
                $Type { handle }
            }

            /// Tells the name as it was passed when the handle was made, prefix included; `None` for an unnamed object.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Namespace, Reset};")]
            ///
            /// let tests = Namespace::session(&format!("doc-{}", std::process::id()))?;
            #[doc = concat!("let object = ", stringify!($Type), "::options().namespace(&tests)", $named, "?;")]
            /// assert_eq!(object.name().as_deref(), Some("Local\\printer"));
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn name(&self) -> Option<String> {
                // Fails only where the handle is closed behind this value's back (a raw clone of the process).
                self.handle.name().unwrap_or_default()
            }

            /// Tells whether this handle made the object (Win32: not `ERROR_ALREADY_EXISTS`), rather than found it.
            ///
            /// Of any number of processes that create one name at the same time, exactly one is told `true`.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("let object = ", $make, "?;")]
            /// assert!(object.created());
            /// assert!(!object.try_clone()?.created(), "the copy found it");
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn created(&self) -> bool {
                self.handle.created().unwrap_or_default()
            }

            /// Tells the namespace in which the object lives.
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone, where no handle is valid.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Namespace, Reset};")]
            ///
            #[doc = concat!("assert_eq!(", $make, "?.namespace()?, Namespace::local()?);")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn namespace(&self) -> $crate::Result<$crate::Namespace> {
                self.handle.namespace()
            }

            /// Makes another handle to the same object, with the same rights (contract 2.3).
            ///
            /// # Errors
            /// LimitReached (1450) when no handle is left; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("let one = ", $make, "?;")]
            /// let other = one.try_clone()?;
            /// one.close()?;
            /// assert_eq!(other.name(), None, "the object lives as long as a handle to it");
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn try_clone(&self) -> $crate::Result<Self> {
                self.handle.duplicate().map(Self::over)
            }

            /// Makes another handle to the same object with other rights (contract 2.3, DH4): a mask as for opening, or `Access(0)` for none, to be given to
            /// code that shall do less. It may also ask for more: who may use the namespace may open its objects for everything.
            ///
            /// # Errors
            /// AccessDenied (5) for a bit that the kind does not define; LimitReached (1450) when no handle is left; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{Access, ", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("let less = ", $make, "?.try_clone_with(Access(0))?;")]
            #[doc = concat!("assert_eq!(less.name(), None, \"it can be closed and asked who it is, no more\");")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn try_clone_with(&self, access: $crate::Access) -> $crate::Result<Self> {
                self.handle.duplicate_with(access).map(Self::over)
            }

            /// Gives a token by which another process of the same user opens the object, also one without a name: text, to be passed in whatever
            /// way. A handle to the object must be open until the token is used (contract 2.3, DH12).
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("let object = ", $make, "?;")]
            #[doc = concat!("let same = ", stringify!($Type), "::from_share(&object.share()?)?;")]
            /// object.close()?;
            /// assert!(!same.created() && same.name().is_none());
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn share(&self) -> $crate::Result<String> {
                self.handle.share()
            }

            /// Opens the object of a token that [`share`](Self::share) gave, with every right.
            ///
            /// # Errors
            /// InvalidArgument (87) for what is no token; NotFound (2) where the object has ended, or this process has another user or
            /// BYNAME_DIR; WrongKind (6); LimitReached (1450); NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("let token = ", $make, "?.share()?; // and closed: it has ended")]
            #[doc = concat!("assert_eq!(", stringify!($Type), "::from_share(&token).unwrap_err().win32(), 2);")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn from_share(token: &str) -> $crate::Result<Self> {
                let kind = $crate::engine::Kind::$Type;
                $crate::engine::from_share(token, Some(kind), $crate::engine::QueueEnd::Read, $crate::Access::ALL).map(Self::over)
            }

            /// Tells whether this handle is protected from being closed (contract 2.2); see [`set_protected`](Self::set_protected).
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("assert!(!", $make, "?.is_protected()?);")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn is_protected(&self) -> $crate::Result<bool> {
                Ok(self.handle.flags()?.has($crate::HandleFlags::PROTECT_FROM_CLOSE))
            }

            /// Protects this handle from being closed, or takes the protection off (contract 2.2, PROTECT_FROM_CLOSE).
            ///
            /// A protected handle stays open until the process ends, also when the value is dropped: the object keeps its
            /// name and its state without anybody's holding on to it. The protection is this handle's alone: a copy begins
            /// without.
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{ErrorKind, ", stringify!($Type), ", Namespace, Reset};")]
            ///
            /// let tests = Namespace::session(&format!("doc-{}", std::process::id()))?;
            #[doc = concat!("let object = ", stringify!($Type), "::options().namespace(&tests)", $named, "?;")]
            /// object.set_protected(true)?;
            /// assert_eq!(object.close().unwrap_err().kind(), ErrorKind::AccessDenied);
            #[doc = concat!("assert!(", stringify!($Type), r#"::options().namespace(&tests).open("printer").is_ok(), "still there");"#)]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn set_protected(&self, protected: bool) -> $crate::Result<()> {
                let flag = $crate::HandleFlags::PROTECT_FROM_CLOSE;
                self.handle.set_flags(flag, flag.when(protected))
            }

            /// Tells whether children that byname starts get this handle (contract 2.2); see
            /// [`set_inheritable`](Self::set_inheritable).
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("assert!(!", $make, "?.is_inheritable()?);")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn is_inheritable(&self) -> $crate::Result<bool> {
                Ok(self.handle.flags()?.has($crate::HandleFlags::INHERIT))
            }

            /// Says whether children that byname starts get this handle (contract 2.2, INHERIT). It is only kept so far: this
            /// version starts no children, and a forked child has every handle anyway.
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!("let object = ", $make, "?;")]
            /// object.set_inheritable(true)?;
            /// assert!(object.is_inheritable()? && !object.try_clone()?.is_inheritable()?);
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn set_inheritable(&self, inheritable: bool) -> $crate::Result<()> {
                let flag = $crate::HandleFlags::INHERIT;
                self.handle.set_flags(flag, flag.when(inheritable))
            }

            /// Closes the handle (contract 2.1), as dropping it does, and reports a failure.
            ///
            /// The name disappears with the last handle to the object in any process. Waits and futures that are in
            /// progress keep the object and go on.
            ///
            /// # Errors
            /// AccessDenied (6) for a [protected](Self::set_protected) handle, which stays open until the process ends; Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use byname::{", stringify!($Type), ", Reset};")]
            ///
            #[doc = concat!($make, "?.close()?;")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn close(self) -> $crate::Result<()> {
                $crate::engine::HandleRef::from_id(self.handle.into_id()).close()
            }
        }
    };
}

pub(super) use {any_handle_methods, handle_methods};
