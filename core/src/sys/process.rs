//! Who we are, and the threads that the core makes.

use super::memory::Region;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// This process's id, in its own PID namespace.
pub(crate) fn pid() -> u32 {
    std::process::id()
}

thread_local! {
    static TID: AtomicU32 = const { AtomicU32::new(0) };
}

/// The calling thread's id; asked once per thread. [`forget_tid`] after a fork.
pub(crate) fn tid() -> u32 {
    TID.with(|cached| match cached.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: takes nothing, cannot fail.
            let tid = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
            cached.store(tid, Ordering::Relaxed);
            tid
        }
        tid => tid,
    })
}

/// The child of a fork has another id.
pub(crate) fn forget_tid() {
    TID.with(|cached| cached.store(0, Ordering::Relaxed));
}

/// The core that the calling thread runs on, as of now, plus one; 0 where the system does not say.
pub(crate) fn core_plus_one() -> u32 {
    // SAFETY: takes nothing; a failure is -1.
    unsafe { (libc::sched_getcpu() + 1) as u32 }
}

/// The effective user.
pub(crate) fn euid() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() }
}

/// Whether the program was started with another user's rights, so that its environment must not be trusted.
pub(crate) fn is_secure() -> bool {
    // SAFETY: takes a constant, cannot fail.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// What could be read; `None` where /proc is not mounted, or hides it. That descriptors or memory are too few for asking is an error: whoever took
/// that for a missing /proc would not be known again.
pub(super) fn unless_scarce<T>(read: io::Result<T>) -> Result<Option<T>, i32> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) => match error.raw_os_error() {
            Some(errno @ (libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => Err(errno),
            _ => Ok(None),
        },
    }
}

/// Whether /proc is mounted.
pub(crate) fn sees_proc() -> bool {
    std::fs::metadata("/proc/self/fd").is_ok()
}

/// When this process started, in clock ticks since boot; 0 where /proc is not mounted. An error where there is no descriptor left to ask with.
pub(crate) fn start_time() -> Result<u64, i32> {
    let stat = unless_scarce(std::fs::read("/proc/self/stat"))?;
    Ok(stat.and_then(|stat| Seen::parse(&stat)).map_or(0, |seen| seen.start_time))
}

/// What /proc says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The name of the executable, cut to 15 bytes.
    pub(crate) name: String,
    /// Its main thread's state: R, S, D, T (stopped by a signal), t (by a debugger), Z.
    pub(crate) state: char,
    /// In clock ticks since boot (field 22 of `stat`).
    pub(crate) start_time: u64,
}

/// A process of our own PID namespace; `None` if there is none, or /proc is not mounted or hides it.
pub(crate) fn look(pid: u32) -> Option<Seen> {
    Seen::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The wait status of a process of our own PID namespace that has ended and was not reaped; `None` where /proc does not tell it to us.
pub(crate) fn zombie_status(pid: u32) -> Option<i32> {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    // To others than its user and root it says 0.
    (fields.next()? == "Z" && (euid() == 0 || euid() == owner)).then(|| fields.next_back()?.parse().ok()).flatten()
}

/// What a process of our own PID namespace, and the children that it has waited for, have spent: in programs, and in the kernel.
pub(crate) fn spent(pid: u32) -> Option<[Duration; 2]> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
    let [user, system, childrens_user, childrens_system] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    // SAFETY: takes a constant.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
    Some([user + childrens_user, system + childrens_system].map(|spent| Duration::from_nanos(spent.saturating_mul(1_000_000_000 / ticks))))
}

impl Seen {
    fn parse(stat: &[u8]) -> Option<Seen> {
        let stat = String::from_utf8_lossy(stat); // a name is any bytes
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        Some(Seen { name: name.to_owned(), state, start_time: fields.nth(18)?.parse().ok()? })
    }
}

/// The inode of our PID namespace; 0 where /proc is not mounted. It takes no descriptor.
pub(crate) fn pid_namespace() -> Result<u64, i32> {
    use std::os::unix::fs::MetadataExt;
    Ok(unless_scarce(std::fs::metadata("/proc/self/ns/pid"))?.map_or(0, |m| m.ino()))
}

/// The machine's boot, as two words; zeros where /proc is not mounted. An error where there is no descriptor left to ask with.
pub(crate) fn boot_id() -> Result<[u64; 2], i32> {
    let text = unless_scarce(std::fs::read_to_string("/proc/sys/kernel/random/boot_id"))?.unwrap_or_default();
    let hex: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |range| hex.get(range).and_then(|h| u64::from_str_radix(h, 16).ok()).unwrap_or(0);
    Ok([half(0..16), half(16..32)])
}

/// Whether a thread of our own PID namespace exists no more. (`false` proves nothing: ids are used again.)
pub(crate) fn is_no_thread(pid: u32, tid: u32) -> bool {
    // SAFETY: signal 0 is sent to nobody; only the existence of the thread is asked for.
    let r = unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, 0) };
    r != 0 && super::errno() == libc::ESRCH
}

/// Kills the process of that pid in our PID namespace that began at that time (0: not known), unless it `is_gone` once we have it by a descriptor: a pid may be given
/// away, a descriptor is of one process. True if it is killed or has ended; false if it could not be.
pub(crate) fn kill_exactly(pid: u32, began: u64, is_gone: impl Fn() -> bool) -> bool {
    // SAFETY: takes numbers, and gives a descriptor that is nobody else's.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let Ok(fd) = i32::try_from(fd).and_then(u32::try_from).map(|fd| fd as i32) else {
        return super::errno() == libc::ESRCH;
    };
    // SAFETY: the descriptor is ours and open.
    let fd = unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) };
    let is_another = look(pid).is_some_and(|seen| began != 0 && seen.start_time != began);
    if is_gone() || is_another {
        return true;
    }
    // SAFETY: the descriptor is open; no information goes with the signal.
    let r = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), libc::SIGKILL, std::ptr::null::<libc::siginfo_t>(), 0) };
    r == 0 || super::errno() == libc::ESRCH
}

/// Kills this process.
pub(crate) fn kill_self() {
    // SAFETY: a signal to ourselves.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

/// Kills this process, which comes no further (`crash.rs`).
#[cfg(crash)]
pub(crate) fn die() -> ! {
    kill_self(); // whoever sent it stops here until it arrives
    loop {
        std::thread::park();
    }
}

/// What the system allows this process of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    #[cfg(feature = "cli")]
    FileSize,
    #[cfg(feature = "cli")]
    AddressSpace,
    Descriptors,
}

/// The limit; `None` if there is none.
pub(crate) fn limit(of: Limit) -> Option<u64> {
    let resource = match of {
        #[cfg(feature = "cli")]
        Limit::FileSize => libc::RLIMIT_FSIZE,
        #[cfg(feature = "cli")]
        Limit::AddressSpace => libc::RLIMIT_AS,
        Limit::Descriptors => libc::RLIMIT_NOFILE,
    };
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the resource is one that exists, and the buffer valid.
    let r = unsafe { libc::getrlimit(resource, &mut limit) };
    (r == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Gives the processor away once.
pub(crate) fn yield_now() {
    std::thread::yield_now();
}

unsafe extern "C" {
    fn pthread_setcancelstate(state: libc::c_int, before: *mut libc::c_int) -> libc::c_int;
}

const CANCEL_DISABLE: libc::c_int = 1;

/// While it lives, a `pthread_cancel` of the calling thread stays pending: the C library would end the thread where it opens a file or
/// sleeps, in the middle of a call, and that is an end of the process.
#[derive(Debug)]
pub(crate) struct Uncancelled(libc::c_int);

impl Uncancelled {
    pub(crate) fn new() -> Uncancelled {
        let mut before = 0;
        // SAFETY: `before` is a valid place for the old state, and the new one is one of the two.
        unsafe { pthread_setcancelstate(CANCEL_DISABLE, &mut before) };
        Uncancelled(before)
    }
}

impl Drop for Uncancelled {
    fn drop(&mut self) {
        // SAFETY: puts back what the constructor was given; the old state is not asked for.
        unsafe { pthread_setcancelstate(self.0, std::ptr::null_mut()) };
    }
}

/// What a thread of ours takes of addresses, and as much again: the C library ends the process where a new thread finds none for its first words.
const THREAD_BYTES: usize = 2 << 20;

/// Starts a thread that no signal handler of the program ever runs on; without one left it is an error, never a panic.
///
/// Signals are blocked with `pthread_sigmask`, which leaves the C library's own signals (`setuid` needs them) open.
pub(crate) fn spawn_quiet<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>, i32> {
    let room = Region::reserve(THREAD_BYTES)?;
    // SAFETY: nobody has been told of it.
    unsafe { room.unmap() };
    // SAFETY: both sets are plain values filled by the calls; the old mask is put back before returning.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut old: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
            libc::sigdelset(&mut all, fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut old);
        let spawned = std::thread::Builder::new().name(name.to_owned()).stack_size(256 * 1024).spawn(body);
        libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
        spawned.map_err(|e| e.raw_os_error().unwrap_or(libc::EAGAIN))
    }
}

/// Runs `hook` when the process exits in an orderly way.
pub(crate) fn at_exit(hook: extern "C" fn()) {
    // SAFETY: the hook is a plain function that lives as long as the process (the library is linked `-z nodelete`).
    unsafe { libc::atexit(hook) };
}
