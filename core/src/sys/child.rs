//! Processes that the command makes, each minding the next: the command, its supervisor, the program it runs.
//!
//! *Deaths pass down.* A process whose parent dies is sent the signal of `PR_SET_PDEATHSIG`. The supervisor is killed with the command
//! until there is a program, and is told from then on; the program is killed with the supervisor.
//!
//! *Signals pass down.* What another process sends to the parent is sent on to the child. What the terminal sends is not, since it
//! reached the whole foreground group.
//!
//! *Nothing falls between.* Signals are blocked while a process is made, and the parent's handlers stand before they are let in.
//! A child is reaped only after the handlers have forgotten it, so that they never signal a stranger who got its number.

use super::errno;
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// What is sent on to the child.
const PASSED_ON: [i32; 6] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2];
/// What language runtimes ignore, and a program expects to find at its default.
const IGNORED_BY_RUNTIMES: [i32; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// The living child that signals go to; 0 for none. One at a time, and `Relaxed` throughout: a handler runs where the word was written.
static TARGET: AtomicI32 = AtomicI32::new(0);
/// The parent of this process has died while the child ran.
static ORPHANED: AtomicBool = AtomicBool::new(false);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    By(u8),
    Signal(u8),
}

impl Ended {
    /// The exit status as a shell tells it.
    pub(crate) fn status(self) -> u8 {
        match self {
            Ended::By(status) => status,
            Ended::Signal(signal) => 128 + signal,
        }
    }
}

/// What becomes of the program when the command that asked for it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orphan {
    Kill,
    Keep,
}

/// A child that has not been waited for.
#[derive(Debug)]
#[must_use = "a child must be waited for"]
pub(crate) struct Child(libc::pid_t);

/// Takes signals back from the runtime of whatever language this process was started in. What its parent ignores stays ignored.
pub(crate) fn default_signals() {
    for signal in PASSED_ON.into_iter().filter(|signal| !is_ignored(*signal)) {
        // SAFETY: the default disposition, for a signal that exists.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Forks a supervisor, which is killed with this process: `None` in it, here the child to wait for.
pub(crate) fn fork_supervisor() -> Result<Option<Child>, i32> {
    let parent = std::process::id();
    let quiet = Quiet::begin();
    // SAFETY: the C library's own fork leaves its locks, and its hooks ours, usable in the child; the caller runs nothing else there.
    match unsafe { libc::fork() } {
        -1 => Err(errno()),
        0 => {
            die_with(parent);
            Ok(None)
        }
        child => Ok(Some(Child::minded(child, &quiet))),
    }
}

/// Ends this process at once; nothing of the language runtime around it is run.
pub(crate) fn exit_now(status: u8) -> ! {
    // SAFETY: takes a number, does not return.
    unsafe { libc::_exit(status.into()) }
}

/// Starts `command`, found on the PATH, with `env` as its whole environment. The error is that of `exec`, or of `fork`.
///
/// The kernel's bare fork is used: a namespace's fork hooks would make the child a member for the microseconds before it becomes another
/// program.
pub(crate) fn spawn(command: &[CString], env: &[CString], orphan: Orphan) -> Result<Child, i32> {
    let parent = std::process::id();
    let (argv, envp) = (pointers(command), pointers(env));
    let (mut told, mut tell) = pipe()?;
    let mut quiet = Quiet::begin();
    // Before there is a child, so that no child outlives us unknown; the signal waits until there is one.
    follow(orphan, &mut quiet);
    // SAFETY: the child shares no memory with us and calls nothing but what a signal handler may call, until it execs or exits.
    let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } as libc::pid_t;
    match child {
        -1 => return Err(errno()),
        0 => {
            die_with(parent);
            for signal in IGNORED_BY_RUNTIMES {
                // SAFETY: the default disposition, for a signal that exists.
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
            drop(quiet);
            // SAFETY: both lists are arrays of C strings that end with NULL, and outlive the call. It returns only if it fails.
            unsafe { libc::execvpe(argv[0], argv.as_ptr(), envp.as_ptr()) };
            tell.write(errno());
            exit_now(127)
        }
        _ => {}
    }
    let child = Child::minded(child, &quiet);
    drop(quiet);
    drop(tell);
    match told.read() {
        None => Ok(child),
        Some(errno) => {
            let _ = child.wait();
            Err(errno)
        }
    }
}

/// Whether the parent of this process died while the program ran, which was killed therefore.
pub(crate) fn is_orphaned() -> bool {
    ORPHANED.load(Ordering::Relaxed)
}

/// A C string of bytes that came from the operating system; `None` if a NUL is among them.
pub(crate) fn c_string(text: &OsStr) -> Option<CString> {
    CString::new(text.as_bytes()).ok()
}

impl Child {
    /// A new child that signals are passed on to from now on.
    fn minded(child: libc::pid_t, _quiet: &Quiet) -> Child {
        TARGET.store(child, Ordering::Relaxed);
        for signal in PASSED_ON.into_iter().filter(|signal| !is_ignored(*signal)) {
            handle(signal, pass_on);
        }
        Child(child)
    }

    /// Waits for the end of the process, and of everything that it does.
    pub(crate) fn wait(self) -> Ended {
        // SAFETY: an all-zero siginfo is a valid place for the answer.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // Seen first, forgotten by the handlers, reaped then. It is our child, so that only a signal interrupts the wait.
        // SAFETY: the answer is a live local.
        while unsafe { libc::waitid(libc::P_PID, self.0 as libc::id_t, &mut info, libc::WEXITED | libc::WNOWAIT) } != 0
            && errno() == libc::EINTR
        {}
        TARGET.store(0, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { libc::waitid(libc::P_PID, self.0 as libc::id_t, &mut info, libc::WEXITED) };
        // SAFETY: waitid has filled the fields of a child's end.
        let status = unsafe { info.si_status() } as u8;
        if info.si_code == libc::CLD_EXITED { Ended::By(status) } else { Ended::Signal(status) }
    }
}

/// Has the kernel kill this process with its parent, whose id is given: it may be dead already.
fn die_with(parent: u32) {
    // SAFETY: both take constants; neither touches memory.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() as u32 != parent {
            libc::raise(libc::SIGKILL);
        }
    }
}

/// Decides what this process does from now on when its parent dies. (If the parent is dead already, so is this process.)
fn follow(orphan: Orphan, quiet: &mut Quiet) {
    let signal = match orphan {
        Orphan::Keep => 0,
        Orphan::Kill => {
            let signal = libc::SIGRTMAX();
            handle(signal, kill_child);
            // SAFETY: the set is a whole one; the signal exists.
            unsafe { libc::sigdelset(&mut quiet.0, signal) };
            signal
        }
    };
    // SAFETY: takes a number.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
}

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

fn handle(signal: i32, handler: Handler) {
    // SAFETY: the handlers below call nothing but `kill`, and leave errno as it was.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        libc::sigaction(signal, &action, ptr::null_mut());
    }
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: asks only; the answer is a live local.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, ptr::null(), &mut action);
        action.sa_sigaction == libc::SIG_IGN
    }
}

extern "C" fn pass_on(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes the signal's own information. A code above 0 is the kernel's: the terminal told the child, too.
    if unsafe { (*info).si_code } <= 0 {
        send(signal);
    }
}

extern "C" fn kill_child(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    if send(libc::SIGKILL) {
        ORPHANED.store(true, Ordering::Relaxed);
    }
}

/// From a signal handler: signals the child, if there is one.
fn send(signal: i32) -> bool {
    let child = TARGET.load(Ordering::Relaxed);
    if child == 0 {
        return false;
    }
    // SAFETY: the child is not reaped while it is the target, so that the number is its own; errno's place is this thread's.
    unsafe {
        let before = errno();
        libc::kill(child, signal);
        *libc::__errno_location() = before;
    }
    true
}

/// Signals wait while this lives; but not those of other threads, nor SIGKILL and SIGSTOP.
struct Quiet(libc::sigset_t);

impl Quiet {
    fn begin() -> Quiet {
        // SAFETY: both sets are locals that the calls fill.
        unsafe {
            let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            Quiet(before)
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: the set is what `begin` found.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

/// One end of a pipe that carries one error number, and that no program inherits.
struct End(i32);

fn pipe() -> Result<(End, End), i32> {
    let mut ends = [0; 2];
    // SAFETY: there is room for both.
    match unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } {
        0 => Ok((End(ends[0]), End(ends[1]))),
        _ => Err(errno()),
    }
}

impl End {
    fn write(&mut self, number: i32) {
        let bytes = number.to_ne_bytes();
        // SAFETY: reads so many bytes of a live local; the descriptor is ours.
        unsafe { libc::write(self.0, bytes.as_ptr().cast(), bytes.len()) };
    }

    /// What was written; `None` if the other end was closed instead.
    fn read(&mut self) -> Option<i32> {
        let mut bytes = [0; 4];
        loop {
            // SAFETY: writes at most so many bytes into a live local; the descriptor is ours.
            match unsafe { libc::read(self.0, bytes.as_mut_ptr().cast(), bytes.len()) } {
                4 => return Some(i32::from_ne_bytes(bytes)),
                -1 if errno() == libc::EINTR => {}
                _ => return None,
            }
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours.
        unsafe { libc::close(self.0) };
    }
}

/// The strings as C wants a list of them: pointers that are good as long as the strings, then NULL.
fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|s| CStr::as_ptr(s)).chain([ptr::null()]).collect()
}
