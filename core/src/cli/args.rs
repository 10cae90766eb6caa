//! What may be said to the command, and its manual.

use crate::Timeout;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;

const ABOUT: &str = "Named mutexes, semaphores and events from the shell";

const LONG_ABOUT: &str = "\
Named mutexes, semaphores and events from the shell, shared with every program that uses byname in whatever language.

Processes meet at a name. A mutex or semaphore of that name is made by whoever comes first, and is gone with the last one who \
uses it. An owner that dies, however it dies, leaves its mutex abandoned: the next one gets it and is told. \
(Unless nobody else had it open, or waited: then the mutex died with its owner, and the next one makes a new one.)";

// The sections below stand in the manual page as they stand here: a headline, then indented lines of at most 76 columns.

const NAMES: &str = "\
Names:
  A name is at most 260 characters, without a backslash; `Local\\NAME` is
  the same as NAME. One that begins with a dash is written after `--`, or
  with `Local\\` before it.";

const EXIT_STATUS: &str = "\
Exit status:
  That of COMMAND, and 128 + n if signal n ended it. Otherwise
  0    what was to be done is done
  1    tree found a deadlock, or doctor something that is wrong
  124  the time was up
  125  byname itself failed, was used wrongly, or met an abandoned object
       under --fail-abandoned
  126  COMMAND was found and could not be run
  127  COMMAND was not found";

const ENVIRONMENT: &str = "\
Environment:
  BYNAME_SESSION    the session: programs with different ones never meet
  BYNAME_DIR        the directory of the shared file, not /dev/shm

  COMMAND finds these besides:
  BYNAME_NAME       the name of the object that is held for it; not set
                    after a wait for all of several
  BYNAME_FENCE      the number of this acquisition, which rises from one to
                    the next, so that a store can refuse who comes late;
                    1 for the first since the object was made
  BYNAME_ABANDONED  1 if the previous owner died holding it; else not set";

const SIGNALS: &str = "\
Signals:
  COMMAND runs in the foreground, with the standard input, output and error
  of byname. HUP, INT, QUIT, TERM, USR1 and USR2 that are sent to byname are
  passed on to COMMAND, and what it took is held until COMMAND has ended.
  While it still waits, they end it.

  When a process is killed (KILL), this is promised:
  - COMMAND killed: it has ended. What was held for it is released in an
    orderly way, and the status is 137.
  - byname killed: COMMAND is killed, too. Only when COMMAND has made its
    last system call, the mutex is passed on, abandoned.
  - byname killed, under --keep-running: COMMAND goes on, and what is held
    for it is released when it ends.
  COMMAND is the one process: what it started and left behind is neither
  killed nor waited for.

  A second process named byname sees to that: it holds, and COMMAND is its
  child. If that one is killed, the mutex is abandoned at that moment; the
  kernel kills COMMAND right after, which may finish a system call that it
  is in, and does not kill one that changes its user when it is executed
  (setuid).";

const REPORTS: &str = "\
Reports:
  With --json every report is one line, an object whose first key is
  \"byname\". set, reset, pulse, and wait without a COMMAND write to standard
  output. With a COMMAND, whose standard output it is, reports go to standard
  error. null stands for what there is not.

  {\"byname\":\"acquired\",\"names\":[NAME...],\"index\":I,\"fence\":F,\"abandoned\":B}
  {\"byname\":\"ended\",\"status\":STATUS,\"signal\":N}
  {\"byname\":\"timed-out\",\"names\":[NAME...]}
  {\"byname\":\"set\",\"names\":[NAME...]}, or \"reset\", or \"pulse\"
  {\"byname\":\"warning\",\"message\":TEXT}
  {\"byname\":\"error\",\"kind\":KIND,\"win32\":NUMBER,\"message\":TEXT}

  What a wrong use of the command says is for people only.";

const LOOKS: &str = "\
What is seen:
  Each object, process and wait is shown as it was at one instant; two of
  them may have been looked at one after the other. Processes and threads
  have the ids of their own PID namespace. With --json each is one line:

  {\"byname\":\"object\",\"name\":NAME,\"index\":I,\"kind\":KIND,
   \"generation\":N,\"signalled\":B,\"owner\":WHO,\"depth\":N,
   \"abandoned\":B,\"due\":S,\"period\":S,\"stage\":WORD,\"watched\":N,
   \"available\":N,\"maximum\":N,
   \"permits\":[{\"by\":WHO,\"held\":N}...],
   \"messages\":{\"waiting\":N,\"most\":N,\"max_size\":N,\"readers\":N,
   \"writers\":N,\"broken\":B},\"fence\":N,\"holders\":[WHO...],
   \"queue\":[{\"who\":WHO,\"all\":B,\"asynchronous\":B,\"seconds\":S}...],
   \"watches\":N,\"locked_by\":WHO,\"moving\":B}      ls, who
  {\"byname\":\"wait\",\"who\":WHO,\"all\":B,\"asynchronous\":B,\"seconds\":S,
   \"objects\":[{\"name\":NAME,\"index\":I,\"kind\":KIND,\"position\":N,
   \"owner\":WHO}...],\"granted\":B}                      tree
  {\"byname\":\"deadlock\",\"steps\":[{\"who\":WHO,\"name\":NAME,\"index\":I,
   \"kind\":KIND,\"owner\":WHO}...]}                       tree
  {\"byname\":\"top\",\"seconds\":S,\"objects\":[{\"name\":NAME,\"index\":I,
   \"kind\":KIND,\"per_second\":S,\"waiting\":N,\"seconds\":S}...]}
  {\"byname\":\"finding\",\"status\":\"ok\"|\"warn\"|\"fail\",\"about\":WORD,
   \"message\":TEXT,\"cure\":TEXT}                        doctor
  {\"byname\":\"violation\",\"table\":TABLE,\"index\":I,\"what\":TEXT,
   \"why\":TEXT}, {\"byname\":\"checked\",\"violations\":N}  doctor --check
  {\"byname\":\"removed\"|\"unused\"|\"used\",\"path\":PATH},
  {\"byname\":\"skipped\",\"path\":PATH,\"why\":TEXT}       gc

  WHO is {\"pid\":N,\"tid\":N,\"command\":TEXT,\"state\":STATE}; STATE is alive,
  stopped, joining, expected, leaving or dead; KIND is mutex, manual-event,
  auto-event, semaphore, robust-semaphore, manual-timer, auto-timer or
  watchdog. New keys may be added.";

/// Named mutexes, semaphores and events from the shell.
#[derive(Debug, Parser)]
#[command(name = "byname", version, about = ABOUT, long_about = LONG_ABOUT, max_term_width = 100, subcommand_value_name = "WHAT",
    subcommand_help_heading = "What", override_usage = "byname [OPTIONS] WHAT ...", after_long_help = [NAMES, EXIT_STATUS, ENVIRONMENT, REPORTS].join("\n\n"))]
pub(super) struct Cli {
    /// Report in JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run a command while holding a mutex
    ///
    /// The mutex belongs to this one run: a COMMAND that locks the same name again waits for itself.
    ///
    /// If the previous owner died holding it, a warning says so and COMMAND finds BYNAME_ABANDONED=1: what the mutex guards may be half
    /// done. With --fail-abandoned COMMAND is not run, the status is 125, and the next one is told as well. An owner that died while nobody
    /// else had the mutex open or waited for it left none: COMMAND then finds BYNAME_FENCE=1, as the first owner ever does.
    #[command(override_usage = "byname lock [OPTIONS] NAME [--] COMMAND [ARG...]", after_long_help = ["\
Examples:
  byname lock my-app/deploy -- ./deploy.sh --all
  byname lock --timeout 0 nightly -- backup || echo 'one is running'
  byname lock --fail-abandoned ledger -- ./book.py || ./repair.py", SIGNALS, EXIT_STATUS, ENVIRONMENT].join("\n\n"))]
    Lock(Lock),
    /// Run a command while holding one of N permits
    ///
    /// The first one makes the semaphore, with N permits that come back from holders that are killed. Those who come while it exists
    /// use it as it is, whoever made it; a warning says so if it has another number of permits.
    #[command(override_usage = "byname sem [-n N] [OPTIONS] NAME [--] COMMAND [ARG...]", after_long_help = ["\
Examples:
  byname sem -n 4 encoders -- ffmpeg -i in.wav out.flac
  ls *.wav | xargs -P 100 -I{} byname sem -n 4 encoders -- flac {}", SIGNALS, EXIT_STATUS, ENVIRONMENT].join("\n\n"))]
    Sem(Sem),
    /// Set events
    ///
    /// An event is made by a program that uses it, or by `byname wait --create`, and must exist. All are opened before the first is set:
    /// if one is missing, nothing happens.
    #[command(override_usage = "byname set [OPTIONS] NAME...", after_long_help = EXIT_STATUS)]
    Set(Events),
    /// Reset events
    ///
    /// They must exist. All are opened before the first is reset: if one is missing, nothing happens.
    #[command(override_usage = "byname reset [OPTIONS] NAME...", after_long_help = EXIT_STATUS)]
    Reset(Events),
    /// Release those who wait for events now, and leave the events unset
    ///
    /// They must exist. All are opened before the first is pulsed: if one is missing, nothing happens.
    #[command(override_usage = "byname pulse [OPTIONS] NAME...", after_long_help = EXIT_STATUS)]
    Pulse(Events),
    /// Wait for objects of any kind
    ///
    /// Waits until all of them are signalled at one instant, or any with --any. A wait takes what it waits for: an event with automatic
    /// reset becomes unset; a mutex, or a permit of a semaphore, is held while COMMAND runs and then released, without a COMMAND at once.
    ///
    /// With --any and several names, and without a COMMAND, the name of the one that ended the wait is printed.
    #[command(override_usage = "byname wait [OPTIONS] NAME... [-- COMMAND [ARG...]]", after_long_help = ["\
Examples:
  byname wait --create manual migrated && ./serve
  ./migrate && byname set migrated
  byname wait --any --timeout 60 done failed
  byname wait --all accounts/a accounts/b -- ./move-money a b", SIGNALS, EXIT_STATUS, ENVIRONMENT].join("\n\n"))]
    Wait(Wait),
    /// List the objects of the namespace
    ///
    /// One line for each: its name, kind and state, how many processes have it open, and how many threads and asynchronous acquisitions wait for it.
    /// An object without a name is listed with --all, by its number; so are the events `changed` of mappings. Nobody is stopped or held up.
    #[command(override_usage = "byname ls [OPTIONS]", after_long_help = ["\
Examples:
  byname ls
  byname ls --all --json", LOOKS, EXIT_STATUS].join("\n\n"))]
    Ls(Ls),
    /// Say who has objects open, owns them and waits for them
    ///
    /// For each object: its owner or the holders of its permits, who waits for it, in the order in which they are served, and the processes that
    /// have it open. A process that is stopped is called so: it may hold others up. Of a mapping also its file and protection, of a queue the size of its messages, of a
    /// watchdog what it does, of a job its control groups and limits.
    #[command(override_usage = "byname who [OPTIONS] NAME...", after_long_help = ["\
Examples:
  byname who my-app/deploy", LOOKS, EXIT_STATUS].join("\n\n"))]
    Who(Who),
    /// Say who waits for whom
    ///
    /// Below each one who waits stands what it waits for, and who owns that, and what that one waits for in turn. Deadlocks, rings of threads that wait for
    /// each other, come last and make the status 1. A ring that leads through an acquisition of no thread (of Node, of asyncio, of `byname
    /// lock`) is not found, since nobody knows who would release it.
    #[command(override_usage = "byname tree [OPTIONS]", after_long_help = ["\
Examples:
  byname tree || echo 'a deadlock'", LOOKS, EXIT_STATUS].join("\n\n"))]
    Tree,
    /// Watch the objects that are used most
    ///
    /// Once in each interval: how often each mutex or semaphore was acquired in a second (events do not count), how many wait for it, and how
    /// long the first of them has waited (known of mutexes).
    #[command(override_usage = "byname top [OPTIONS]", after_long_help = ["\
Examples:
  byname top --once --interval 0.1", LOOKS, EXIT_STATUS].join("\n\n"))]
    Top(Top),
    /// Look whether all is well
    ///
    /// Looks at the directory, the kernel, the limits of this process, and at the namespace: its format, stopped processes that hold others up,
    /// deadlocks, damage. Each line is ok, warn or fail; a fail makes the status 1.
    ///
    /// With --check, only the bytes of the namespace are looked at: each thing that cannot be is a line, and makes the status 1. Nobody is
    /// stopped or held up, and nobody need be there. --check=quiet asks for more: that nobody is inside a call but asleep in it, that nobody is stopped, and
    /// that the dead have left nothing; it is for tests that know it to be so.
    #[command(override_usage = "byname doctor [OPTIONS]", after_long_help = ["\
Examples:
  byname doctor
  byname doctor --check
  byname doctor --check=quiet --settle 5", LOOKS, EXIT_STATUS].join("\n\n"))]
    Doctor(Doctor),
    /// Remove the files of namespaces that nobody uses
    ///
    /// The last process that leaves a namespace removes its file; a crash of the last one leaves it, until the next one comes. This removes those
    /// of this user in all sessions, and says which. What is used stays.
    #[command(override_usage = "byname gc [OPTIONS]", after_long_help = ["\
Examples:
  byname gc --dry-run
  byname gc", LOOKS, EXIT_STATUS].join("\n\n"))]
    Gc(Gc),
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    /// Those without a name, too
    #[arg(short, long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub(super) struct Who {
    /// The objects
    #[arg(value_name = "NAME", required = true, value_parser = NonEmptyStringValueParser::new())]
    pub names: Vec<String>,
    /// They are names of the CE profile, where each kind has its own
    #[arg(long)]
    pub ce: bool,
}

#[derive(Debug, Args)]
pub(super) struct Top {
    /// Look every so many seconds, a decimal number
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub interval: Timeout,
    /// End after so many looks
    #[arg(short, long, value_name = "N")]
    pub count: Option<u64>,
    /// End after one
    #[arg(long, conflicts_with = "count")]
    pub once: bool,
}

#[derive(Debug, Args)]
pub(super) struct Gc {
    /// Only say which
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Check the bytes of the namespace
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "living", require_equals = true)]
    pub check: Option<Level>,
    /// Check again until all is well, for so many seconds at most
    #[arg(long, value_name = "SECONDS", value_parser = seconds, requires = "check")]
    pub settle: Option<Timeout>,
}

/// How much must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    /// What holds at any time
    Living,
    /// And what holds while nothing happens
    Quiet,
}

#[derive(Debug, Args)]
pub(super) struct Lock {
    #[command(flatten)]
    pub how: How,
    /// The mutex; made if there is none
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub name: String,
    /// What to run, with its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    pub command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Sem {
    /// How many may hold a permit at a time, if the semaphore is made; 1 if this is not said
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    pub permits: Option<i64>,
    #[command(flatten)]
    pub how: How,
    /// The semaphore; made if there is none
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub name: String,
    /// What to run, with its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    pub command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Events {
    /// The events
    #[arg(value_name = "NAME", required = true, value_parser = NonEmptyStringValueParser::new())]
    pub names: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Wait {
    /// Wait for any of them
    #[arg(long, conflicts_with = "all")]
    pub any: bool,
    /// Wait for all of them at one instant; the default
    #[arg(long)]
    pub all: bool,
    /// Make an event where there is no object of the name
    #[arg(long, value_name = "RESET")]
    pub create: Option<Reset>,
    #[command(flatten)]
    pub how: How,
    /// What to wait for: mutexes, semaphores, events
    #[arg(value_name = "NAME", required = true, value_parser = NonEmptyStringValueParser::new())]
    pub names: Vec<String>,
    /// What to run while holding them, with its arguments
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<OsString>,
}

/// How to wait and to hold.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Give up after so many seconds, a decimal number; 0 only looks
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = seconds)]
    pub timeout: Option<Timeout>,
    /// Fail, and leave it abandoned, if a previous owner died
    #[arg(long)]
    pub fail_abandoned: bool,
    /// If byname is killed, let COMMAND run on, and hold until it ends
    #[arg(long)]
    pub keep_running: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Reset {
    /// A set event releases everyone until it is reset
    Manual,
    /// A set event releases one
    Auto,
}

fn seconds(text: &str) -> Result<Timeout, String> {
    let seconds = text.parse().map_err(|_| "it must be a decimal number, or `inf`".to_owned())?;
    Timeout::from_secs(seconds).map_err(|refusal| refusal.message().to_owned())
}
