//! Message queues: messages of bytes, in order, each to one reader (contract 9.1 to 9.7).

use super::options::Common;
use super::{for_ever, in_time};
use crate::engine::{
    self, Handle, HandleRef, Message, MessageNotify, Namespace, PendingMessage, QueueEnd, QueueInfo, Received, Reservation, Spec,
    TakenMessage,
};
use crate::{Error, ErrorKind, HandleFlags, Result, Timeout};
use parking_lot::Mutex;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A message queue that processes share by its name, as Windows CE has it.
///
/// Messages keep their boundaries, and each is received by exactly one reader; those of one writer stay in order. A handle is of one
/// end: a [`QueueReader`] receives, a [`QueueWriter`] sends. A `Queue` is both, or one of them ([`reader_only`](QueueOptions::reader_only),
/// [`writer_only`](QueueOptions::writer_only)).
///
/// Unless it is told to [allow that](QueueOptions::allow_broken), a queue is **broken** for good when it has had both ends and loses the last
/// reader or the last writer, also by the death of a process: its messages are gone, its name is free, and its remaining ends say Disconnected (contract 9.5).
///
/// # Examples
/// ```
/// use byname::{Queue, QueueOptions};
///
/// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
/// let jobs = QueueOptions::new(16, 1024).namespace(&tests).create("jobs")?;
/// jobs.send(b"first")?;
/// jobs.send_alert(b"urgent")?;
/// assert_eq!(&jobs.recv()?[..], b"urgent");
/// assert_eq!(&jobs.recv()?[..], b"first");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Queue {
    reader: Option<QueueReader>,
    writer: Option<QueueWriter>,
}

/// How to make a [`Queue`].
///
/// # Examples
/// ```
/// use byname::QueueOptions;
///
/// let queue = QueueOptions::new(0, 4096).allow_broken().unnamed()?; // as many messages as memory holds
/// assert_eq!(queue.info()?.max_messages, 0);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct QueueOptions {
    common: Common,
    max_messages: u32,
    max_size: u32,
    allow_broken: bool,
    no_precommit: bool,
    reads: bool,
    writes: bool,
}

impl QueueOptions {
    /// For a queue of up to `max_messages` messages (1 to 2^26; 0: no limit but memory) of 1 to `max_size` bytes each (64 MiB at most). The call that makes the
    /// queue says InvalidArgument (87) to other numbers.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(2, 64).unnamed()?;
    /// assert!(queue.try_send(b"one")? && queue.try_send(b"two")? && !queue.try_send(b"three")?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub const fn new(max_messages: u32, max_size: u32) -> QueueOptions {
        QueueOptions {
            common: Common::DEFAULT,
            max_messages,
            max_size,
            allow_broken: false,
            no_precommit: false,
            reads: true,
            writes: true,
        }
    }

    /// Makes or opens the queue in `namespace` instead of [`Namespace::local`].
    ///
    /// # Examples
    /// ```
    /// use byname::{Namespace, QueueOptions};
    ///
    /// let tests = Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let queue = QueueOptions::new(1, 8).namespace(&tests).unnamed()?;
    /// assert_eq!(queue.namespace()?, tests);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn namespace(mut self, namespace: &Namespace) -> Self {
        self.common.namespace = Some(*namespace);
        self
    }

    /// Lets ends come and go: the queue and its messages live as long as any handle (contract 9.5, MSGQUEUE_ALLOW_BROKEN).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).allow_broken().unnamed()?;
    /// let (reader, writer) = queue.into_ends();
    /// drop(reader);
    /// assert!(writer.unwrap().try_send(b"kept")?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn allow_broken(mut self) -> Self {
        self.allow_broken = true;
        self
    }

    /// Reserves memory for a message when it is sent, not for all of them when the queue is made (MSGQUEUE_NOPRECOMMIT); then a send can say NoSpace (14).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1000, 64 << 20).no_precommit().unnamed()?; // 62 GiB if all were there
    /// assert!(queue.info()?.no_precommit);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn no_precommit(mut self) -> Self {
        self.no_precommit = true;
        self
    }

    /// Opens the reading end alone.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).reader_only().unnamed()?;
    /// assert_eq!(queue.send(b"x").unwrap_err().win32(), 6);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn reader_only(mut self) -> Self {
        (self.reads, self.writes) = (true, false);
        self
    }

    /// Opens the writing end alone.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).writer_only().unnamed()?;
    /// assert_eq!(queue.recv().unwrap_err().win32(), 6);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[must_use]
    pub fn writer_only(mut self) -> Self {
        (self.reads, self.writes) = (false, true);
        self
    }

    /// Makes the queue called `name`, or opens it if it exists; see [`Queue::create`].
    ///
    /// # Errors
    /// As [`Queue::create`].
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// assert!(byname::QueueOptions::new(1, 8).namespace(&tests).create("made")?.created());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(self, name: &str) -> Result<Queue> {
        self.make(Some(name))
    }

    /// Makes a queue without a name.
    ///
    /// # Errors
    /// As [`Queue::create`].
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::QueueOptions::new(1, 8).unnamed()?.name(), None);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn unnamed(self) -> Result<Queue> {
        self.make(None)
    }

    /// Opens the queue called `name`, whatever its numbers are; see [`Queue::open`].
    ///
    /// # Errors
    /// As [`Queue::open`].
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let missing = byname::QueueOptions::new(1, 8).namespace(&tests).open("nobody made this");
    /// assert_eq!(missing.unwrap_err().win32(), 2);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn open(self, name: &str) -> Result<Queue> {
        let first = if self.reads { QueueEnd::Read } else { QueueEnd::Write };
        self.with_ends(self.common.namespace()?.open_queue(Some(name), first)?)
    }

    fn make(self, name: Option<&str>) -> Result<Queue> {
        let end = if self.reads { QueueEnd::Read } else { QueueEnd::Write };
        let QueueOptions { max_messages, max_size, allow_broken, no_precommit, .. } = self;
        self.with_ends(self.common.create(name, Spec::Queue { end, max_messages, max_size, allow_broken, no_precommit })?)
    }

    /// The other end is opened from the first.
    fn with_ends(self, first: Handle) -> Result<Queue> {
        let second = if self.reads && self.writes { Some(first.open_end(QueueEnd::Write)?) } else { None };
        let (reader, writer) = if self.reads { (Some(first), second) } else { (None, Some(first)) };
        Ok(Queue { reader: reader.map(|handle| QueueReader { handle }), writer: writer.map(|handle| QueueWriter { handle }) })
    }
}

impl Queue {
    /// Makes the queue called `name`, or opens it if it exists; [`created`](Queue::created) says which (contract 9.2).
    ///
    /// An existing queue keeps its own numbers, but `max_size` must be the same. A broken queue has no name any more: then a new one is made.
    ///
    /// # Errors
    /// InvalidArgument (87) for numbers out of range, or another `max_size` than the existing queue has; WrongKind (6) if an object of another kind has
    /// that name; NoSpace (14) where its memory cannot be reserved; NameTooLong (206); InvalidName (123, 161, 6) and PathNotFound (3) by the
    /// grammar; LimitReached, Corrupted, VersionMismatch and NamespaceLost by the state of the namespace.
    ///
    /// # Examples
    /// ```
    /// use byname::{Queue, QueueOptions};
    ///
    /// let name = format!("doc-{}", std::process::id()); // whatever the processes agree on
    /// let queue = Queue::create(&name, QueueOptions::new(16, 1024))?;
    /// assert_eq!(Queue::create(&name, QueueOptions::new(16, 8)).unwrap_err().win32(), 87);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn create(name: &str, options: QueueOptions) -> Result<Queue> {
        options.create(name)
    }

    /// Opens both ends of the queue called `name`, which must exist. Ours: Windows CE opens by a handle alone (as [`reader`](Self::reader) does).
    ///
    /// # Errors
    /// NotFound (2) if nobody has it open, or it is broken; otherwise as [`create`](Self::create). `""` is InvalidName (6).
    ///
    /// # Examples
    /// ```
    /// let missing = byname::Queue::open(&format!("doc-{}", std::process::id()));
    /// assert_eq!(missing.unwrap_err().kind(), byname::ErrorKind::NotFound);
    /// ```
    pub fn open(name: &str) -> Result<Queue> {
        QueueOptions::new(0, 1).open(name)
    }

    /// Opens another reading end of the queue (contract 9.3).
    ///
    /// # Errors
    /// Disconnected (233) where the queue is broken; LimitReached (1450) when no handle is left; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(4, 8).unnamed()?;
    /// let reader = queue.reader()?;
    /// queue.send(b"hello")?;
    /// std::thread::spawn(move || assert_eq!(&reader.recv().unwrap()[..], b"hello")).join().unwrap();
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn reader(&self) -> Result<QueueReader> {
        Ok(QueueReader { handle: self.any()?.open_end(QueueEnd::Read)? })
    }

    /// Opens another writing end of the queue (contract 9.3).
    ///
    /// # Errors
    /// As [`reader`](Self::reader).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(4, 8).unnamed()?;
    /// let writer = queue.writer()?;
    /// assert_eq!(queue.info()?.writers, 2);
    /// # drop(writer);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn writer(&self) -> Result<QueueWriter> {
        Ok(QueueWriter { handle: self.any()?.open_end(QueueEnd::Write)? })
    }

    /// Takes the queue apart into the ends that it has.
    ///
    /// # Examples
    /// ```
    /// let (reader, writer) = byname::QueueOptions::new(4, 8).unnamed()?.into_ends();
    /// assert!(reader.is_some() && writer.is_some());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn into_ends(self) -> (Option<QueueReader>, Option<QueueWriter>) {
        (self.reader, self.writer)
    }

    fn any(&self) -> Result<HandleRef> {
        let reader = self.reader.as_ref().map(|reader| reader.handle.by_ref());
        reader.or_else(|| self.writer.as_ref().map(|writer| writer.handle.by_ref())).ok_or_else(Error::closed)
    }

    fn reading(&self) -> Result<&QueueReader> {
        self.reader.as_ref().ok_or_else(|| wrong_end("the queue was opened for writing only; open a reading end with reader()"))
    }

    fn writing(&self) -> Result<&QueueWriter> {
        self.writer.as_ref().ok_or_else(|| wrong_end("the queue was opened for reading only; open a writing end with writer()"))
    }

    /// Tells the name as it was passed; `None` for an unnamed queue.
    ///
    /// # Examples
    /// ```
    /// # let tests = byname::Namespace::session(&format!("doc-{}", std::process::id()))?;
    /// let queue = byname::QueueOptions::new(4, 8).namespace(&tests).create("letters")?;
    /// assert_eq!(queue.name().as_deref(), Some("letters"));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn name(&self) -> Option<String> {
        self.any().and_then(HandleRef::name).unwrap_or_default()
    }

    /// Tells whether this value made the queue, rather than found it.
    ///
    /// # Examples
    /// ```
    /// assert!(byname::QueueOptions::new(4, 8).unnamed()?.created());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn created(&self) -> bool {
        self.any().and_then(HandleRef::created).unwrap_or_default()
    }

    /// Tells the namespace in which the queue lives.
    ///
    /// # Errors
    /// Closed (6) in a child process made by a raw clone.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(byname::QueueOptions::new(4, 8).unnamed()?.namespace()?, byname::Namespace::local()?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn namespace(&self) -> Result<Namespace> {
        self.any()?.namespace()
    }

    /// Closes the ends that it has, as dropping does, and reports a failure (contract 9.4).
    ///
    /// # Errors
    /// NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// byname::QueueOptions::new(4, 8).unnamed()?.close()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn close(self) -> Result<()> {
        let (reader, writer) = self.into_ends();
        let closed = reader.map_or(Ok(()), QueueReader::close);
        writer.map_or(Ok(()), QueueWriter::close).and(closed)
    }

    /// Looks at the queue's numbers, at one instant (contract 9.1, MSGQUEUEINFO).
    ///
    /// # Errors
    /// Disconnected (233) where the queue is broken; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(4, 8).unnamed()?;
    /// queue.send(b"one")?;
    /// let info = queue.info()?;
    /// assert_eq!((info.messages, info.most_messages, info.readers, info.writers), (1, 1, 1, 1));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn info(&self) -> Result<QueueInfo> {
        self.any()?.queue_info()
    }
}

fn wrong_end(what: &'static str) -> Error {
    Error::new(ErrorKind::WrongKind, what)
}

/// Forwards calls of the whole to the end that they are for.
macro_rules! forward {
    ($end:ident: $( $(#[$doc:meta])* fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty; )*) => {
        impl Queue {
            $(
                #[doc = concat!("As [`", stringify!($end), "::", stringify!($name), "`]; WrongKind (6) without that end.")]
                ///
                $(#[$doc])*
                pub fn $name(&self $(, $arg: $type)*) -> $out {
                    forward!(@ $end self).$name($($arg),*)
                }
            )*
        }
    };
    (@ QueueReader $self:ident) => { $self.reading()? };
    (@ QueueWriter $self:ident) => { $self.writing()? };
}

forward! { QueueWriter:
    /// # Examples
    /// ```
    /// byname::QueueOptions::new(1, 8).unnamed()?.send(b"hello")?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn send(&self, message: &[u8]) -> Result<()>;
    /// # Examples
    /// ```
    /// byname::QueueOptions::new(1, 8).unnamed()?.send_alert(b"hello")?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn send_alert(&self, message: &[u8]) -> Result<()>;
    /// # Examples
    /// ```
    /// assert!(byname::QueueOptions::new(1, 8).unnamed()?.try_send(b"hello")?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn try_send(&self, message: &[u8]) -> Result<bool>;
    /// # Examples
    /// ```
    /// assert!(byname::QueueOptions::new(1, 8).unnamed()?.send_for(b"hello", std::time::Duration::from_secs(1))?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn send_for(&self, message: &[u8], timeout: impl Into<Timeout>) -> Result<bool>;
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.reserve(3)?.commit()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn reserve(&self, len: usize) -> Result<Outgoing>;
}

forward! { QueueReader:
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// assert_eq!(&queue.recv()?[..], b"hello");
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn recv(&self) -> Result<QueueMessage>;
    /// # Examples
    /// ```
    /// assert!(byname::QueueOptions::new(1, 8).unnamed()?.try_recv()?.is_none());
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn try_recv(&self) -> Result<Option<QueueMessage>>;
    /// # Examples
    /// ```
    /// assert!(byname::QueueOptions::new(1, 8).unnamed()?.recv_for(std::time::Duration::from_millis(1))?.is_none());
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn recv_for(&self, timeout: impl Into<Timeout>) -> Result<Option<QueueMessage>>;
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// let mut buf = [0; 8];
    /// let len = queue.recv_into(&mut buf)?;
    /// assert_eq!(&buf[..len], b"hello");
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn recv_into(&self, buf: &mut [u8]) -> Result<usize>;
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// assert_eq!(&queue.take()?[..], b"hello");
    /// # Ok::<(), byname::Error>(())
    /// ```
    fn take(&self) -> Result<Incoming>;
}

macro_rules! end_methods {
    ($Type:ident, $what:literal, $end:ident) => {
        impl $Type {
            /// Tells the name of the queue as it was passed; `None` for an unnamed one.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("assert_eq!(byname::QueueOptions::new(1, 8).unnamed()?.", $what, "()?.name(), None);")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn name(&self) -> Option<String> {
                self.handle.name().unwrap_or_default()
            }

            /// Makes another handle of this end (contract 2.3); it counts as one end more.
            ///
            /// # Errors
            /// Disconnected (233) where the queue is broken; LimitReached (1450) when no handle is left; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
            #[doc = concat!("let (one, other) = (queue.", $what, "()?, queue.", $what, "()?.try_clone()?);")]
            /// assert_eq!(one.name(), other.name());
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn try_clone(&self) -> Result<$Type> {
                Ok($Type { handle: self.handle.duplicate()? })
            }

            /// Gives a token by which another process of the same user opens an end of the queue, also of one without a name: text, to be passed in whatever
            /// way. A handle to the queue must be open until the token is used (contract 2.3, DH12).
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            /// use byname::{QueueOptions, QueueReader, QueueWriter};
            ///
            /// let queue = QueueOptions::new(1, 8).unnamed()?;
            #[doc = concat!("let token = queue.", $what, "()?.share()?;")]
            /// QueueWriter::from_share(&token)?.send(b"hello")?;
            /// assert_eq!(&QueueReader::from_share(&token)?.recv()?[..], b"hello");
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn share(&self) -> Result<String> {
                self.handle.share()
            }

            /// Opens this end of the queue of a token, whichever end [`share`](Self::share) was asked of.
            ///
            /// # Errors
            /// InvalidArgument (87) for what is no token; NotFound (2) where the queue has ended, or this process has another user or BYNAME_DIR; WrongKind (6);
            /// Disconnected (233) where the queue is broken; LimitReached (1450); NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("assert_eq!(byname::", stringify!($Type), "::from_share(\"nonsense\").unwrap_err().win32(), 87);")]
            /// ```
            pub fn from_share(token: &str) -> Result<$Type> {
                Ok($Type { handle: engine::from_share(token, Some(engine::Kind::Queue), QueueEnd::$end, crate::Access::ALL)? })
            }

            /// Tells whether this handle is protected from being closed (contract 2.2); see [`set_protected`](Self::set_protected).
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
            #[doc = concat!("assert!(!queue.", $what, "()?.is_protected()?);")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn is_protected(&self) -> Result<bool> {
                Ok(self.handle.flags()?.has(HandleFlags::PROTECT_FROM_CLOSE))
            }

            /// Protects this handle from being closed, or takes the protection off (contract 2.2, PROTECT_FROM_CLOSE): it stays open until the process ends.
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
            #[doc = concat!("let end = queue.", $what, "()?;")]
            /// end.set_protected(true)?;
            /// assert_eq!(end.close().unwrap_err().win32(), 6);
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn set_protected(&self, protected: bool) -> Result<()> {
                let flag = HandleFlags::PROTECT_FROM_CLOSE;
                self.handle.set_flags(flag, flag.when(protected))
            }

            /// Tells whether children that byname starts get this handle (contract 2.2).
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
            #[doc = concat!("assert!(!queue.", $what, "()?.is_inheritable()?);")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn is_inheritable(&self) -> Result<bool> {
                Ok(self.handle.flags()?.has(HandleFlags::INHERIT))
            }

            /// Says whether children that byname starts get this handle (contract 2.2, INHERIT). It is only kept so far.
            ///
            /// # Errors
            /// Closed (6) in a child process made by a raw clone; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
            #[doc = concat!("let end = queue.", $what, "()?;")]
            /// end.set_inheritable(true)?;
            /// assert!(end.is_inheritable()?);
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn set_inheritable(&self, inheritable: bool) -> Result<()> {
                let flag = HandleFlags::INHERIT;
                self.handle.set_flags(flag, flag.when(inheritable))
            }

            /// Looks at the queue's numbers; see [`Queue::info`].
            ///
            /// # Errors
            /// As [`Queue::info`].
            ///
            /// # Examples
            /// ```
            /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
            #[doc = concat!("assert_eq!(queue.", $what, "()?.info()?.max_size, 8);")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn info(&self) -> Result<QueueInfo> {
                self.handle.queue_info()
            }

            /// Closes the end, as dropping does, and reports a failure (contract 9.4).
            ///
            /// # Errors
            /// NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("byname::QueueOptions::new(1, 8).unnamed()?.", $what, "()?.close()?;")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn close(self) -> Result<()> {
                HandleRef::from_id(self.handle.into_id()).close()
            }

            /// Makes a file descriptor for a loop of one's own; see [`Pollable`](crate::Pollable).
            ///
            /// # Errors
            /// LimitReached (1450) when the process has no descriptor left; NamespaceLost (1167).
            ///
            /// # Examples
            /// ```
            #[doc = concat!("let _pollable = byname::QueueOptions::new(1, 8).unnamed()?.", $what, "()?.pollable()?;")]
            /// # Ok::<(), byname::Error>(())
            /// ```
            pub fn pollable(&self) -> Result<crate::Pollable> {
                self.handle.pollable().map(crate::api::Pollable)
            }
        }

        impl crate::api::waits::Sealed for $Type {
            fn handle(&self) -> HandleRef {
                self.handle.by_ref()
            }
        }

        impl crate::api::Waitable for $Type {}
    };
}

/// The reading end of a queue. As a [`Waitable`](crate::Waitable) it is signalled while a message waits; a wait takes none (contract 9.7).
///
/// # Examples
/// ```
/// use byname::{QueueOptions, wait_any};
///
/// let queue = QueueOptions::new(4, 8).unnamed()?;
/// let reader = queue.reader()?;
/// queue.send(b"hello")?;
/// assert!(!wait_any(&[&reader], None)?.is_timed_out());
/// assert_eq!(&reader.recv()?[..], b"hello");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct QueueReader {
    handle: Handle,
}

end_methods!(QueueReader, "reader", Read);

/// The writing end of a queue. As a [`Waitable`](crate::Waitable) it is signalled while the queue is not full (contract 9.7).
///
/// # Examples
/// ```
/// use byname::{QueueOptions, wait_any};
/// use std::time::Duration;
///
/// let queue = QueueOptions::new(1, 8).unnamed()?;
/// let writer = queue.writer()?;
/// writer.send(b"hello")?;
/// assert!(wait_any(&[&writer], Duration::ZERO)?.is_timed_out(), "it is full");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct QueueWriter {
    handle: Handle,
}

end_methods!(QueueWriter, "writer", Write);

impl QueueWriter {
    /// Sends a message, which is copied; waits while the queue is full (contract 9.4).
    ///
    /// # Errors
    /// Disconnected (233) without a reader, unless the queue allows that; MessageTooLong (122), and nothing is sent; InvalidArgument (87) for an empty
    /// message; NoSpace (14) without precommit; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// assert_eq!(queue.writer()?.send(b"longer than 8").unwrap_err().win32(), 122);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn send(&self, message: &[u8]) -> Result<()> {
        self.handle.send(message, false, Timeout::INFINITE, None).map(for_ever)
    }

    /// Sends a message that is read before all others. If one such is pending already, it is an ordinary message (contract 9.6).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"full")?;
    /// queue.writer()?.send_alert(b"stop")?; // it has a place of its own
    /// assert!(queue.recv()?.is_alert());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn send_alert(&self, message: &[u8]) -> Result<()> {
        self.handle.send(message, true, Timeout::INFINITE, None).map(for_ever)
    }

    /// As [`send_alert`](Self::send_alert), waiting for room for at most this long; false when the time is up.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// assert!(queue.writer()?.send_alert_for(b"stop", std::time::Duration::ZERO)?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn send_alert_for(&self, message: &[u8], timeout: impl Into<Timeout>) -> Result<bool> {
        Ok(in_time(self.handle.send(message, true, timeout.into(), None)?).is_some())
    }

    /// Sends a message if there is room; false if there is none.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// let writer = queue.writer()?;
    /// assert!(writer.try_send(b"one")? && !writer.try_send(b"two")?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn try_send(&self, message: &[u8]) -> Result<bool> {
        self.send_for(message, Timeout::ZERO)
    }

    /// Sends a message, waiting for room for at most this long; false when the time is up.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"full")?;
    /// assert!(!queue.writer()?.send_for(b"more", std::time::Duration::from_millis(1))?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn send_for(&self, message: &[u8], timeout: impl Into<Timeout>) -> Result<bool> {
        Ok(in_time(self.handle.send(message, false, timeout.into(), None)?).is_some())
    }

    /// Sends a message without a thread that waits. It begins with the first poll; a future that is dropped sends nothing any more.
    ///
    /// # Errors
    /// The future's: as [`send`](Self::send), and Closed (6) if the handle was closed meanwhile.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// pollster::block_on(queue.writer()?.send_async(b"hello"))?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn send_async(&self, message: &[u8]) -> SendFuture {
        SendFuture { moving: Moving::new(self.handle.by_ref(), Errand::Send(message.to_vec())) }
    }

    /// Takes room for a message of `len` bytes, which the caller writes in place and then commits: nothing is copied. The room counts as taken; nobody
    /// waits for the message, and others may overtake it until then.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 1 << 20).unnamed()?;
    /// let mut frame = queue.writer()?.reserve(1 << 20)?;
    /// frame.fill(7);
    /// frame.commit()?;
    /// assert_eq!(queue.recv()?[99], 7);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn reserve(&self, len: usize) -> Result<Outgoing> {
        self.handle.reserve(len, false, Timeout::INFINITE, None).map(for_ever).map(Outgoing)
    }

    /// Takes room for a message of `len` bytes, waiting for at most this long; `None` when the time is up. See [`reserve`](Self::reserve).
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// let room = queue.reserve(8)?;
    /// assert!(queue.writer()?.reserve_for(8, std::time::Duration::ZERO)?.is_none());
    /// # drop(room);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn reserve_for(&self, len: usize, timeout: impl Into<Timeout>) -> Result<Option<Outgoing>> {
        Ok(in_time(self.handle.reserve(len, false, timeout.into(), None)?).map(Outgoing))
    }

    /// Takes room for a message of `len` bytes without a thread that waits; see [`reserve`](Self::reserve). It begins with the first poll; a future that is
    /// dropped takes none.
    ///
    /// # Errors
    /// The future's: as [`send`](Self::send), and Closed (6) if the handle was closed meanwhile.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 1 << 20).unnamed()?;
    /// let mut frame = pollster::block_on(queue.writer()?.reserve_async(1 << 20))?;
    /// frame.fill(7);
    /// frame.commit()?;
    /// assert_eq!(queue.recv()?[99], 7);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn reserve_async(&self, len: usize) -> ReserveFuture {
        ReserveFuture { moving: Moving::new(self.handle.by_ref(), Errand::Reserve(len)) }
    }
}

impl QueueReader {
    /// Receives the next message: an alert, or the oldest; waits for one (contract 9.4).
    ///
    /// # Errors
    /// Disconnected (233) without a writer, unless the queue allows that; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// let message = queue.reader()?.recv()?;
    /// assert_eq!((&message[..], message.is_alert()), (&b"hello"[..], false));
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn recv(&self) -> Result<QueueMessage> {
        self.receive(Timeout::INFINITE).map(for_ever)
    }

    /// Receives a message if there is one at once.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// assert!(queue.reader()?.try_recv()?.is_none());
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<Option<QueueMessage>> {
        self.receive(Timeout::ZERO).map(in_time)
    }

    /// Receives a message, waiting for at most this long; `None` when the time is up.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// assert!(queue.reader()?.recv_for(std::time::Duration::from_millis(1))?.is_none());
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn recv_for(&self, timeout: impl Into<Timeout>) -> Result<Option<QueueMessage>> {
        self.receive(timeout.into()).map(in_time)
    }

    fn receive(&self, timeout: Timeout) -> Result<engine::Outcome<QueueMessage>> {
        let mut data = Vec::new();
        Ok(match self.handle.receive_vec(&mut data, timeout, None)? {
            engine::Outcome::Got(Received { alert, .. }) => engine::Outcome::Got(QueueMessage { data, alert }),
            engine::Outcome::TimedOut => engine::Outcome::TimedOut,
            engine::Outcome::Interrupted => engine::Outcome::Interrupted,
        })
    }

    /// Receives the next message into a buffer, and tells its length; waits for one. A buffer of the queue's `max_size` always does.
    ///
    /// # Errors
    /// BufferTooSmall (122) for a longer message: the buffer has the beginning of it, the rest is gone (contract 9.4, Q8); InvalidArgument (87) for an empty buffer;
    /// otherwise as [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// let mut buf = [0; 2];
    /// assert_eq!(queue.reader()?.recv_into(&mut buf).unwrap_err().win32(), 122);
    /// assert_eq!(&buf, b"he");
    /// # Ok::<(), byname::Error>(())
    /// ```
    #[inline]
    pub fn recv_into(&self, buf: &mut [u8]) -> Result<usize> {
        let received = self.handle.receive(buf, Timeout::INFINITE, None).map(for_ever)?;
        Ok(received.whole()?.len)
    }

    /// Receives a message without a thread that waits. It begins with the first poll, and is cancelled by dropping the future: then no message is taken.
    ///
    /// # Errors
    /// The future's: as [`recv`](Self::recv), and Closed (6) if the handle was closed meanwhile.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// assert_eq!(&pollster::block_on(queue.reader()?.recv_async())?[..], b"hello");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn recv_async(&self) -> RecvFuture {
        RecvFuture::of(self.handle.by_ref())
    }

    /// Receives the next message where it is: nothing is copied. It is out of the queue; its place counts as taken until this is dropped.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// let message = queue.reader()?.take()?;
    /// assert_eq!(&message[..], b"hello");
    /// assert!(!queue.try_send(b"more")?, "the place is in use");
    /// drop(message);
    /// assert!(queue.try_send(b"more")?);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn take(&self) -> Result<Incoming> {
        self.handle.take_message(Timeout::INFINITE, None).map(for_ever).map(Incoming)
    }

    /// As [`take`](Self::take), waiting for at most this long; `None` when the time is up.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// assert!(queue.reader()?.take_for(std::time::Duration::ZERO)?.is_none());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn take_for(&self, timeout: impl Into<Timeout>) -> Result<Option<Incoming>> {
        Ok(in_time(self.handle.take_message(timeout.into(), None)?).map(Incoming))
    }

    /// Takes the next message where it is without a thread that waits; see [`take`](Self::take). It begins with the first poll. A message leaves the queue only
    /// in the poll that gives it: a future that is dropped takes none, and one that it was told of goes to the next reader.
    ///
    /// # Errors
    /// The future's: as [`recv`](Self::recv), and Closed (6) if the handle was closed meanwhile.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// let message = pollster::block_on(queue.reader()?.take_async())?;
    /// assert_eq!(&message[..], b"hello");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn take_async(&self) -> TakeFuture {
        TakeFuture { moving: Moving::new(self.handle.by_ref(), Errand::Take) }
    }
}

/// A message that was received: its bytes, by `Deref`.
///
/// # Examples
/// ```
/// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
/// queue.send(b"hello")?;
/// let message: byname::QueueMessage = queue.recv()?;
/// assert_eq!(message.into_vec(), b"hello");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    data: Vec<u8>,
    alert: bool,
}

impl QueueMessage {
    /// Tells whether it came as an alert (MSGQUEUE_MSGALERT).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(2, 8).unnamed()?;
    /// queue.send_alert(b"first")?;
    /// queue.send_alert(b"second")?; // one is pending: an ordinary message
    /// assert_eq!((queue.recv()?.is_alert(), queue.recv()?.is_alert()), (true, false));
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn is_alert(&self) -> bool {
        self.alert
    }

    /// The bytes.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// assert_eq!(queue.recv()?.into_vec(), b"hello");
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn into_vec(self) -> Vec<u8> {
        self.data
    }
}

impl Deref for QueueMessage {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.data
    }
}

/// Room for a message that is written in place; see [`QueueWriter::reserve`]. Dropped without a commit, it is free again and nothing was sent.
///
/// # Examples
/// ```
/// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
/// let mut message: byname::Outgoing = queue.reserve(8)?;
/// message[..5].copy_from_slice(b"hello");
/// message.commit_first(5)?;
/// assert_eq!(&queue.recv()?[..], b"hello");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "what is reserved and not committed is not sent"]
pub struct Outgoing(Reservation);

impl Outgoing {
    /// Sends the message.
    ///
    /// # Errors
    /// Disconnected (233) if the last reader has left meanwhile, and then the message is gone; Closed (6) in the child of a fork; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.reserve(8)?.commit()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn commit(self) -> Result<()> {
        let len = self.len();
        self.0.commit(len)
    }

    /// Sends the first `len` bytes as the message.
    ///
    /// # Errors
    /// InvalidArgument (87) for 0 or more than were reserved, and then nothing is sent; otherwise as [`commit`](Self::commit).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// assert_eq!(queue.reserve(4)?.commit_first(5).unwrap_err().win32(), 87);
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn commit_first(self, len: usize) -> Result<()> {
        self.0.commit(len)
    }
}

impl Deref for Outgoing {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl DerefMut for Outgoing {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_slice()
    }
}

/// A message that is read where it is; see [`QueueReader::take`].
///
/// # Examples
/// ```
/// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
/// queue.send(b"hello")?;
/// let message: byname::Incoming = queue.take()?;
/// assert_eq!((&message[..], message.is_alert()), (&b"hello"[..], false));
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
pub struct Incoming(TakenMessage);

impl Incoming {
    /// Tells whether it came as an alert.
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send_alert(b"stop")?;
    /// assert!(queue.take()?.is_alert());
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn is_alert(&self) -> bool {
        self.0.is_alert()
    }

    /// Gives the place back, as dropping does, and reports a failure.
    ///
    /// # Errors
    /// Closed (6) in the child of a fork; NamespaceLost (1167).
    ///
    /// # Examples
    /// ```
    /// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
    /// queue.send(b"hello")?;
    /// queue.take()?.release()?;
    /// # Ok::<(), byname::Error>(())
    /// ```
    pub fn release(self) -> Result<()> {
        self.0.release()
    }
}

impl Deref for Incoming {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

// --- futures

enum Errand {
    Send(Vec<u8>),
    Receive,
    Reserve(usize),
    Take,
}

/// A message on its way, driven by polls.
struct Moving {
    handle: HandleRef,
    /// What is to be done, until the first poll.
    errand: Option<Errand>,
    waker: Arc<Mutex<Option<Waker>>>,
    pending: Option<PendingMessage>,
}

impl Moving {
    fn new(handle: HandleRef, errand: Errand) -> Moving {
        Moving { handle, errand: Some(errand), waker: Arc::default(), pending: None }
    }

    fn begin(&mut self) -> Result<PendingMessage> {
        let waker = self.waker.clone();
        let wake = move || {
            let waker = waker.lock().clone();
            waker.iter().for_each(Waker::wake_by_ref);
        };
        let notify = MessageNotify::new(Box::new(wake));
        match self.errand.take().ok_or_else(Error::closed)? {
            Errand::Send(data) => engine::start_send(self.handle, data, false, Timeout::INFINITE, notify),
            Errand::Receive => engine::start_receive(self.handle, Timeout::INFINITE, notify),
            Errand::Reserve(len) => engine::start_reserve(self.handle, len, false, Timeout::INFINITE, notify),
            Errand::Take => engine::start_take(self.handle, Timeout::INFINITE, notify),
        }
    }

    /// `is` picks what the errand comes to.
    fn poll<T>(&mut self, cx: &mut Context<'_>, is: impl FnOnce(Message) -> Option<T>) -> Poll<Result<T>> {
        *self.waker.lock() = Some(cx.waker().clone()); // before the question: an outcome that comes after it calls the waker
        if self.pending.is_none() {
            self.pending = match self.begin() {
                Ok(pending) => Some(pending),
                Err(error) => return Poll::Ready(Err(error)),
            };
        }
        match self.pending.as_ref().and_then(PendingMessage::poll) {
            None => Poll::Pending,
            Some(outcome) => Poll::Ready(outcome.map(for_ever).and_then(|message| is(message).ok_or_else(Error::closed))),
        }
    }
}

impl fmt::Debug for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.pending.is_some() { "waiting" } else { "not begun" })
    }
}

/// The future of [`QueueWriter::send_async`].
///
/// # Examples
/// ```
/// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
/// let send: byname::SendFuture = queue.writer()?.send_async(b"hello");
/// drop(send); // never polled: nothing sent
/// assert_eq!(queue.info()?.messages, 0);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future sends only when it is polled"]
pub struct SendFuture {
    moving: Moving,
}

impl Future for SendFuture {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.moving.poll(cx, |message| matches!(message, Message::Sent).then_some(()))
    }
}

/// The future of [`QueueReader::recv_async`]: a [`QueueMessage`].
///
/// # Examples
/// ```
/// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
/// let reader = queue.reader()?;
/// let receive: byname::RecvFuture = reader.recv_async();
/// queue.send(b"hello")?;
/// assert_eq!(&pollster::block_on(receive)?[..], b"hello");
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future receives only when it is polled"]
pub struct RecvFuture {
    moving: Moving,
}

impl RecvFuture {
    pub(super) fn of(reader: HandleRef) -> RecvFuture {
        RecvFuture { moving: Moving::new(reader, Errand::Receive) }
    }
}

impl Future for RecvFuture {
    type Output = Result<QueueMessage>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.moving.poll(cx, |message| match message {
            Message::Received { data, alert } => Some(QueueMessage { data, alert }),
            _ => None,
        })
    }
}

/// The future of [`QueueWriter::reserve_async`]: an [`Outgoing`].
///
/// # Examples
/// ```
/// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
/// let writer = queue.writer()?;
/// let reserve: byname::ReserveFuture = writer.reserve_async(8);
/// let room = pollster::block_on(reserve)?;
/// assert_eq!(room.len(), 8);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future takes room only when it is polled"]
pub struct ReserveFuture {
    moving: Moving,
}

impl Future for ReserveFuture {
    type Output = Result<Outgoing>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.moving.poll(cx, |message| match message {
            Message::Reserved(room) => Some(Outgoing(room)),
            _ => None,
        })
    }
}

/// The future of [`QueueReader::take_async`]: an [`Incoming`].
///
/// # Examples
/// ```
/// let queue = byname::QueueOptions::new(1, 8).unnamed()?;
/// let take: byname::TakeFuture = queue.reader()?.take_async();
/// queue.send(b"hello")?;
/// drop(take); // never polled: nothing taken
/// assert_eq!(queue.info()?.messages, 1);
/// # Ok::<(), byname::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a future takes a message only when it is polled"]
pub struct TakeFuture {
    moving: Moving,
}

impl Future for TakeFuture {
    type Output = Result<Incoming>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.moving.poll(cx, |message| match message {
            Message::Taken(taken) => Some(Incoming(taken)),
            _ => None,
        })
    }
}
