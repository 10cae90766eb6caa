/*
 * byname: Windows-style named mutexes, events, semaphores and memory for Linux, shared by every language.
 *
 * Made from the sources of the library; do not edit.
 *
 * A function returns a byname_status: 0 is done, positive is an outcome with news, negative is an error, of which
 * byname_last_error_message() and byname_last_error_win32() tell more. A time-out is an outcome and no error.
 * Outputs are written only on success, and a call that fails changes nothing.
 *
 * Inputs: strings are NUL-terminated UTF-8 and need not live longer than the call. Outputs: a pointer is NULL, where the
 * function allows it, or valid for writing. Arrays have as many elements as their count says. Handles are checked values
 * and may be anything. All functions may be called from any thread, but not from a signal handler, and not between vfork
 * and exec. Signals never end a wait (no EINTR), nor does pthread_cancel, which stays pending until the thread comes back from
 * the call; a thread that may be cancelled asynchronously must not call. A child of fork keeps its parent's handles and owns
 * none of its mutexes. errno is left as it may be: byname_last_error_errno() tells that of a failed call.
 *
 * Times are nanoseconds of the monotonic clock. Numbers in brackets are Win32 error numbers. Contract 3.4, A14 is section 3.4 and row
 * A14 of docs/semantics.md, which says what every call does.
 */

#ifndef BYNAME_H
#define BYNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version of this header; byname_version() is that of the library. */
#define BYNAME_VERSION "0.1.0"
#define BYNAME_VERSION_MAJOR 0
#define BYNAME_VERSION_MINOR 1
#define BYNAME_VERSION_PATCH 0

/** The result of a call. */
typedef int32_t byname_status;

/** The values of a byname_status. */
enum {
  /** Done. */
  BYNAME_OK = 0,
  /** Acquired, and the previous owner died holding it: what it guards may be half done. */
  BYNAME_ABANDONED = 1,
  /** The time is over; nothing was consumed. */
  BYNAME_TIMED_OUT = 2,
  /** No object of that name is open anywhere. (2) Create it, or start the process that creates it. */
  BYNAME_ERR_NOT_FOUND = -1,
  /** The part of the name before the backslash is no known directory. (3) Use `Local\` or no prefix; a backslash separates a directory and is no ordinary character. */
  BYNAME_ERR_PATH_NOT_FOUND = -2,
  /** Something of that name exists and the call must make a new one. (183) Open the existing one. */
  BYNAME_ERR_ALREADY_EXISTS = -3,
  /** The handle, or the user, lacks the right that the call needs, or the handle is protected from being closed (6). (5, 1314, 6) Open the object with that right, or ask its owner for it; take the protection off. */
  BYNAME_ERR_ACCESS_DENIED = -4,
  /** The name or handle belongs to an object of another kind. (6) Use another name: all kinds share one name space. */
  BYNAME_ERR_WRONG_KIND = -5,
  /** The name breaks the grammar of names. (123, 161, 6) See the grammar in docs/semantics.md: at most one known prefix, then a leaf without backslash and NUL. */
  BYNAME_ERR_INVALID_NAME = -6,
  /** The name is longer than 260 UTF-16 code units. (206) Shorten it; the prefix counts. */
  BYNAME_ERR_NAME_TOO_LONG = -7,
  /** An argument is outside its range. (87, 193, 487, 1006) The message names the argument and its range. */
  BYNAME_ERR_INVALID_ARGUMENT = -8,
  /** An offset is not a multiple of 64 KiB. (1132) Round it down and add the difference to the length. */
  BYNAME_ERR_MISALIGNED = -9,
  /** The release would lift the semaphore's count over its maximum; nothing was released. (298) Release only what was acquired, or create it with a larger maximum. */
  BYNAME_ERR_TOO_MANY_POSTS = -10,
  /** The handle is closed, or never was one. (6) Open the object again. */
  BYNAME_ERR_CLOSED = -11,
  /** The caller does not own the mutex; nothing was released. (288) Release from the thread, or through the grant, that acquired it. */
  BYNAME_ERR_NOT_OWNER = -12,
  /** The call would block the thread that alone can end the wait. (1131) Await the asynchronous form, or release the grant first. */
  BYNAME_ERR_WOULD_DEADLOCK = -13,
  /** The other end is gone. (233, 109) Create the queue again, or allow broken queues. */
  BYNAME_ERR_DISCONNECTED = -14,
  /** The message is longer than the queue allows. (122) Split it, or create the queue with a larger maximum. */
  BYNAME_ERR_MESSAGE_TOO_LONG = -15,
  /** The buffer is smaller than what must be written to it. (122, 234, 24) Pass a larger buffer. */
  BYNAME_ERR_BUFFER_TOO_SMALL = -16,
  /** The file system of the namespace, or memory, is full. (8, 14, 112, 1455) Free space in /dev/shm (containers often have 64 MiB), or point BYNAME_DIR elsewhere. */
  BYNAME_ERR_NO_SPACE = -17,
  /** A table, a counter or a resource limit is exhausted. (1450, 4, 587, 1816) The message names the limit. */
  BYNAME_ERR_LIMIT_REACHED = -18,
  /** The namespace was made by a byname of another format version. (13) Upgrade all programs that share it, or separate them by BYNAME_SESSION. */
  BYNAME_ERR_VERSION_MISMATCH = -19,
  /** The namespace's file holds bytes that byname never writes. (1392) End its users and delete the file that the message names. */
  BYNAME_ERR_CORRUPTED = -20,
  /** The namespace's file was deleted, replaced or truncated under its users. (1167) Restart its users; keep cleaners away from the directory. */
  BYNAME_ERR_NAMESPACE_LOST = -21,
  /** This byname, or this system, cannot do that. (50) The message says what is missing. */
  BYNAME_ERR_UNSUPPORTED = -22,
  /** The operating system refused; the error carries its errno. (31, 170) Read the message of the operating system. */
  BYNAME_ERR_SYSTEM = -23
};

/** The right to wait for an object (SYNCHRONIZE). */
#define BYNAME_ACCESS_SYNCHRONIZE 0x00100000u

/** The right to set an event or a timer, or to release a semaphore (EVENT_MODIFY_STATE, TIMER_MODIFY_STATE, SEMAPHORE_MODIFY_STATE). */
#define BYNAME_ACCESS_MODIFY_STATE 0x00000002u

/** The right to look at the state (QUERY_STATE). */
#define BYNAME_ACCESS_QUERY_STATE 0x00000001u

/** Every right (MAXIMUM_ALLOWED), the default. */
#define BYNAME_ACCESS_ALL 0x02000000u

/** Views of a mapping that read (FILE_MAP_READ). */
#define BYNAME_ACCESS_MAP_READ 0x00000004u

/** Views of a mapping that write (FILE_MAP_WRITE). */
#define BYNAME_ACCESS_MAP_WRITE 0x00000002u

/** Views of a mapping whose writer keeps what he writes (FILE_MAP_COPY). */
#define BYNAME_ACCESS_MAP_COPY 0x00000001u

/** Views of a mapping that can be executed (FILE_MAP_EXECUTE). */
#define BYNAME_ACCESS_MAP_EXECUTE 0x00000020u

/** Views read, or copy on write (PAGE_READONLY). */
#define BYNAME_PROTECT_READONLY 0x00000002u

/** Views write, too (PAGE_READWRITE), the default. */
#define BYNAME_PROTECT_READWRITE 0x00000004u

/** As READONLY (PAGE_WRITECOPY). */
#define BYNAME_PROTECT_WRITECOPY 0x00000008u

/** As READONLY, and views may be executed (PAGE_EXECUTE_READ). */
#define BYNAME_PROTECT_EXECUTE_READ 0x00000020u

/** As READWRITE, and views may be executed (PAGE_EXECUTE_READWRITE). */
#define BYNAME_PROTECT_EXECUTE_READWRITE 0x00000040u

/** As WRITECOPY, and views may be executed (PAGE_EXECUTE_WRITECOPY). */
#define BYNAME_PROTECT_EXECUTE_WRITECOPY 0x00000080u

/** Or-ed to a protection: memory comes when a page is touched, and SIGBUS if there is none left then (SEC_RESERVE). */
#define BYNAME_PROTECT_RESERVE 0x04000000u

/** Or-ed to a protection: all of the memory is there at once, the default (SEC_COMMIT). */
#define BYNAME_PROTECT_COMMIT 0x08000000u

/** Wait for ever. */
#define BYNAME_INFINITE ((int64_t)-1)

/** Whether a status is an error. */
#define BYNAME_FAILED(status) ((status) < 0)

/** No handle: what a variable may hold before it gets one. */
#define BYNAME_NO_HANDLE { 0 }

/** The own session of the user, or that of BYNAME_SESSION. */
#define BYNAME_NAMESPACE_INIT { NULL, NULL, NULL, BYNAME_PROFILE_DESKTOP, 0 }

/** The defaults: all rights, own session. */
#define BYNAME_OPEN_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_open_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT }

/** The defaults: all rights, own session, free. */
#define BYNAME_MUTEX_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_mutex_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0 }

/** The defaults: all rights, own session, auto reset, not set. */
#define BYNAME_EVENT_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_event_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0 }

/** The defaults: all rights, own session, one unit free, room for as many as there can be, not robust. */
#define BYNAME_SEMAPHORE_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_semaphore_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 1, 0x7FFFFFFF, 0, 0 }

/** The defaults: all rights, own session, processes that outlive the job. */
#define BYNAME_JOB_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_job_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0 }

/** The defaults: all rights, own session, auto reset. */
#define BYNAME_TIMER_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_timer_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0 }

/** The defaults: all rights, own session, memory that is read and written; no size yet. */
#define BYNAME_MAPPING_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_mapping_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, -1, BYNAME_PROTECT_READWRITE }

/** The defaults: all rights, own session, a reading end, no limit, messages of up to 4096 bytes. */
#define BYNAME_QUEUE_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_queue_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, BYNAME_QUEUE_READ, 0, 0, 4096 }

/** The defaults: all rights, own session, no grace, no action. The period must be set. */
#define BYNAME_WATCHDOG_OPTIONS_INIT \
  { (uint32_t)sizeof(byname_watchdog_options), BYNAME_ACCESS_ALL, BYNAME_NAMESPACE_INIT, 0, 0, BYNAME_ACTION_NONE, 0 }


/**
 * With RESERVE or COMMIT: accepted, without effect (SEC_NOCACHE).
 */
#define BYNAME_PROTECT_NOCACHE 268435456

/**
 * Likewise (SEC_WRITECOMBINE).
 */
#define BYNAME_PROTECT_WRITECOMBINE 1073741824

/**
 * Needs a privilege that does not exist here (SEC_LARGE_PAGES).
 */
#define BYNAME_PROTECT_LARGE_PAGES 2147483648

/**
 * No program can be mapped as one here (SEC_IMAGE).
 */
#define BYNAME_PROTECT_IMAGE 16777216

/**
 * Always refused (SEC_FILE).
 */
#define BYNAME_PROTECT_FILE 8388608

/**
 * One name space for all kinds (contract 0.3), the default.
 */
#define BYNAME_PROFILE_DESKTOP 0

/**
 * The rules of Windows CE: a name space for each kind. Not supported by this version.
 */
#define BYNAME_PROFILE_CE 1

/**
 * A buffer of this many bytes holds every name and its NUL.
 */
#define BYNAME_NAME_SIZE 781

/**
 * A buffer of this size holds every token of byname_handle_share(), and its NUL.
 */
#define BYNAME_TOKEN_SIZE 160

/**
 * A watchdog does nothing: it is signaled, and that is all.
 */
#define BYNAME_ACTION_NONE 0

/**
 * A watchdog kills (SIGKILL) the process that started it.
 */
#define BYNAME_ACTION_KILL 1

/**
 * A watchdog calls the hook of byname_set_reset_hook().
 */
#define BYNAME_ACTION_RESET_DEVICE 2

/**
 * A flag of a handle: children that byname starts get it (HANDLE_FLAG_INHERIT). Only kept so far: this version starts no children,
 * and a forked child has every handle anyway.
 */
#define BYNAME_HANDLE_INHERIT 1

/**
 * A flag of a handle: nothing but the end of the process closes it (HANDLE_FLAG_PROTECT_FROM_CLOSE).
 */
#define BYNAME_HANDLE_PROTECT_FROM_CLOSE 2

/**
 * The end of a queue that receives.
 */
#define BYNAME_QUEUE_READ 0

/**
 * The end of a queue that sends.
 */
#define BYNAME_QUEUE_WRITE 1

/**
 * A flag of a queue: memory is reserved for a message when it is sent (MSGQUEUE_NOPRECOMMIT).
 */
#define BYNAME_QUEUE_NOPRECOMMIT 1

/**
 * A flag of a queue: its ends may come and go (MSGQUEUE_ALLOW_BROKEN).
 */
#define BYNAME_QUEUE_ALLOW_BROKEN 2

/**
 * A flag of a message: it is read before all others (MSGQUEUE_MSGALERT).
 */
#define BYNAME_QUEUE_ALERT 1

/**
 * The right to end a process (PROCESS_TERMINATE).
 */
#define BYNAME_ACCESS_PROCESS_TERMINATE 1

/**
 * The right to put a process into a job (PROCESS_SET_QUOTA).
 */
#define BYNAME_ACCESS_PROCESS_SET_QUOTA 256

/**
 * The right to ask for a process's exit code (PROCESS_QUERY_INFORMATION).
 */
#define BYNAME_ACCESS_PROCESS_QUERY 1024

/**
 * The exit code of a process that runs (STILL_ACTIVE).
 */
#define BYNAME_STILL_ACTIVE 259

/**
 * The right to put a process into a job (JOB_OBJECT_ASSIGN_PROCESS).
 */
#define BYNAME_ACCESS_JOB_ASSIGN 1

/**
 * The right to limit a job (JOB_OBJECT_SET_ATTRIBUTES).
 */
#define BYNAME_ACCESS_JOB_LIMIT 2

/**
 * The right to look at a job (JOB_OBJECT_QUERY).
 */
#define BYNAME_ACCESS_JOB_QUERY 4

/**
 * The right to end a job's processes (JOB_OBJECT_TERMINATE).
 */
#define BYNAME_ACCESS_JOB_TERMINATE 8

/**
 * A message of a job: the limit of processes was met; one was killed, or was not started (JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT).
 */
#define BYNAME_JOB_MSG_ACTIVE_PROCESS_LIMIT 3

/**
 * A message of a job: no process is left (JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO).
 */
#define BYNAME_JOB_MSG_ACTIVE_PROCESS_ZERO 4

/**
 * A message of a job: the process is in it, or was when the notifications began (JOB_OBJECT_MSG_NEW_PROCESS).
 */
#define BYNAME_JOB_MSG_NEW_PROCESS 6

/**
 * A message of a job: the process has ended (JOB_OBJECT_MSG_EXIT_PROCESS).
 */
#define BYNAME_JOB_MSG_EXIT_PROCESS 7

/**
 * A message of a job: the process has ended by SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS or SIGABRT (JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS).
 */
#define BYNAME_JOB_MSG_ABNORMAL_EXIT_PROCESS 8

/**
 * A message of a job: the limit of memory was met (JOB_OBJECT_MSG_JOB_MEMORY_LIMIT).
 */
#define BYNAME_JOB_MSG_JOB_MEMORY_LIMIT 10

/**
 * The kinds of objects.
 */
enum byname_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * A mutex.
   */
  BYNAME_KIND_MUTEX = 1,
  /**
   * An event.
   */
  BYNAME_KIND_EVENT = 2,
  /**
   * A semaphore.
   */
  BYNAME_KIND_SEMAPHORE = 3,
  /**
   * A timer.
   */
  BYNAME_KIND_TIMER = 4,
  /**
   * A watchdog.
   */
  BYNAME_KIND_WATCHDOG = 5,
  /**
   * An end of a message queue.
   */
  BYNAME_KIND_QUEUE = 6,
  /**
   * A process.
   */
  BYNAME_KIND_PROCESS = 7,
  /**
   * A job.
   */
  BYNAME_KIND_JOB = 8,
  /**
   * A mapping.
   */
  BYNAME_KIND_MAPPING = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum byname_kind byname_kind;
#else
typedef int32_t byname_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where a watchdog is.
 */
typedef enum {
  /**
   * It watches nobody.
   */
  BYNAME_WATCHDOG_STAGE_STOPPED = 0,
  /**
   * It was refreshed in time.
   */
  BYNAME_WATCHDOG_STAGE_RUNNING = 1,
  /**
   * It was not, and is signaled; the action waits for the grace to pass.
   */
  BYNAME_WATCHDOG_STAGE_GRACE = 2,
  /**
   * The action has been taken; it stays signaled.
   */
  BYNAME_WATCHDOG_STAGE_EXPIRED = 3,
} byname_watchdog_stage;

/**
 * A reference to an object. A value that is checked at every use: copy it freely, use it from any thread; a closed or
 * wild one answers BYNAME_ERR_CLOSED and is never a use after free. `{0}` is no handle.
 */
typedef struct {
  /**
   * Slot and generation; means nothing outside this process and its forked children.
   */
  uint64_t id;
} byname_handle;

/**
 * Where a name is looked up. All zero: the user's own namespace, in the session that the environment variable
 * BYNAME_SESSION chooses.
 */
typedef struct {
  /**
   * A session by its name (1 to 64 letters, digits, "-", "_", "."); NULL: that of BYNAME_SESSION.
   */
  const char *session;
  /**
   * The boundary of a private namespace, with `alias`; NULL: none. Not supported by this version.
   */
  const char *boundary;
  /**
   * The alias of a private namespace, with `boundary`; NULL: none. Not supported by this version.
   */
  const char *alias;
  /**
   * BYNAME_PROFILE_DESKTOP or BYNAME_PROFILE_CE.
   */
  uint32_t profile;
  /**
   * Zero.
   */
  uint32_t reserved;
} byname_namespace;

/**
 * How to open an object of any kind. Begin with BYNAME_OPEN_OPTIONS_INIT.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_ bits that the handle shall have.
   */
  uint32_t access;
  /**
   * Where the name is looked up. (`namespace` is a keyword of C++.)
   */
  byname_namespace ns;
} byname_open_options;

/**
 * How to create a mutex. Begin with BYNAME_MUTEX_OPTIONS_INIT.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_ bits that the handle shall have.
   */
  uint32_t access;
  /**
   * Where the name is looked up.
   */
  byname_namespace ns;
  /**
   * Not zero: the calling thread owns the mutex if this call makes it. Ignored where it exists.
   */
  uint32_t initially_owned;
  /**
   * Zero.
   */
  uint32_t reserved;
} byname_mutex_options;

/**
 * What an acquisition tells besides its status.
 */
typedef struct {
  /**
   * Strictly increasing with every acquisition of the object, across owners and their deaths: write it beside what
   * the mutex guards and refuse smaller ones. 1 for the first owner of the object; an object that is made anew, after its
   * last handle was closed, begins at 1 again. 0 for an event.
   */
  uint64_t fence;
  /**
   * The previous owner died holding it; the status was BYNAME_ABANDONED.
   */
  bool abandoned;
} byname_grant;

/**
 * Who owns a mutex.
 */
typedef struct {
  /**
   * The process id of the owner, 0 if the mutex is free.
   */
  uint32_t pid;
  /**
   * The thread id of the owner, 0 if the mutex is free.
   */
  uint32_t tid;
} byname_owner;

/**
 * Everything that a mutex is at one instant.
 */
typedef struct {
  /**
   * Who owns it, {0, 0} if it is free.
   */
  byname_owner owner;
  /**
   * How often the owner holds it, 0 if it is free.
   */
  uint32_t depth;
  /**
   * Its last owner died holding it, and nobody has acquired it since: the next one will be told.
   */
  bool abandoned;
} byname_mutex_state;

/**
 * How to create an event. Begin with BYNAME_EVENT_OPTIONS_INIT.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_ bits that the handle shall have.
   */
  uint32_t access;
  /**
   * Where the name is looked up.
   */
  byname_namespace ns;
  /**
   * Not zero: stays set until it is reset. Zero: each satisfied wait resets it. Ignored where the event exists.
   */
  uint32_t manual_reset;
  /**
   * Not zero: set from the beginning. Ignored where the event exists.
   */
  uint32_t initially_set;
} byname_event_options;

/**
 * Everything that an event is at one instant.
 */
typedef struct {
  /**
   * It is set.
   */
  bool set;
  /**
   * It stays set until it is reset; otherwise a satisfied wait resets it.
   */
  bool manual_reset;
} byname_event_state;

/**
 * How to create a semaphore. Begin with BYNAME_SEMAPHORE_OPTIONS_INIT.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_ bits that the handle shall have.
   */
  uint32_t access;
  /**
   * Where the name is looked up.
   */
  byname_namespace ns;
  /**
   * The count at first, 0 to `maximum`; 1 by default. Checked, then ignored where the semaphore exists.
   */
  int64_t initial;
  /**
   * The largest count, 1 to 0x7FFFFFFF, which is the default. Checked, then ignored where the semaphore exists.
   */
  int64_t maximum;
  /**
   * Not zero: the units of a process that dies come back, and the next acquirer is told BYNAME_ABANDONED. Ignored
   * where the semaphore exists.
   */
  uint32_t robust;
  /**
   * Zero.
   */
  uint32_t reserved;
} byname_semaphore_options;

/**
 * Everything that a semaphore is at one instant.
 */
typedef struct {
  /**
   * How many units are free.
   */
  uint32_t available;
  /**
   * How many there can be.
   */
  uint32_t maximum;
  /**
   * The units of the dead come back.
   */
  bool robust;
} byname_semaphore_state;

/**
 * How to create a timer. Begin with BYNAME_TIMER_OPTIONS_INIT.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_ bits that the handle shall have.
   */
  uint32_t access;
  /**
   * Where the name is looked up.
   */
  byname_namespace ns;
  /**
   * Not zero: stays signaled until it is set anew. Zero: each satisfied wait resets it. Ignored where the timer exists.
   */
  uint32_t manual_reset;
  /**
   * Zero.
   */
  uint32_t reserved;
} byname_timer_options;

/**
 * Everything that a timer is at one instant.
 */
typedef struct {
  /**
   * How long until its time comes next, in nanoseconds; -1 if it does not.
   */
  int64_t remaining_ns;
  /**
   * At which intervals its time comes, in nanoseconds; 0: once.
   */
  int64_t period_ns;
  /**
   * Its time has come since it was set (and, if a wait resets it, nobody has waited since).
   */
  bool signaled;
  /**
   * It stays signaled until it is set anew; otherwise a satisfied wait resets it.
   */
  bool manual_reset;
} byname_timer_state;

/**
 * How to create a watchdog. Begin with BYNAME_WATCHDOG_OPTIONS_INIT. The times and the action are checked, then ignored where the watchdog exists.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_ bits that the handle shall have.
   */
  uint32_t access;
  /**
   * Where the name is looked up.
   */
  byname_namespace ns;
  /**
   * In which it must be refreshed, in nanoseconds: 1 to 2147483647000000. There is no default.
   */
  int64_t period_ns;
  /**
   * How long after that the action waits, in nanoseconds: 0 to 2147483647000000.
   */
  int64_t grace_ns;
  /**
   * What is done then: a BYNAME_ACTION_ constant; nothing by default.
   */
  uint32_t action;
  /**
   * The number for the hook of BYNAME_ACTION_RESET_DEVICE.
   */
  uint32_t parameter;
} byname_watchdog_options;

/**
 * Everything that a watchdog is at one instant.
 */
typedef struct {
  /**
   * In which it must be refreshed, in nanoseconds.
   */
  int64_t period_ns;
  /**
   * How long after that the action waits, in nanoseconds.
   */
  int64_t grace_ns;
  /**
   * While it is running: how long until it must be refreshed, in nanoseconds; else -1.
   */
  int64_t remaining_ns;
  /**
   * Where it is.
   */
  byname_watchdog_stage stage;
  /**
   * The process that started it, as that sees itself; 0 while it is stopped.
   */
  uint32_t pid;
  /**
   * A BYNAME_ACTION_ constant.
   */
  uint32_t action;
  /**
   * The number for the hook of BYNAME_ACTION_RESET_DEVICE.
   */
  uint32_t parameter;
} byname_watchdog_state;

/**
 * How to create a mapping. Begin with BYNAME_MAPPING_OPTIONS_INIT, and set its size.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_MAP_ bits that the handle shall have; BYNAME_ACCESS_ALL by default.
   */
  uint32_t access;
  /**
   * Where the name is looked up.
   */
  byname_namespace ns;
  /**
   * Bytes; 0: those of the file. Checked, then ignored where the mapping exists.
   */
  uint64_t size;
  /**
   * The descriptor of a file that is open as the protection needs it; -1, the default: memory.
   */
  int file;
  /**
   * A BYNAME_PROTECT_ constant, READWRITE by default, and attributes. Checked, then ignored where the mapping exists.
   */
  uint32_t protect;
} byname_mapping_options;

/**
 * What a mapping is, but for its bytes.
 */
typedef struct {
  /**
   * Its bytes: of memory whole pages of 4096, of a file what was asked for.
   */
  uint64_t size;
  /**
   * How many changes were published.
   */
  uint64_t version;
  /**
   * Protection and attributes, BYNAME_PROTECT_ bits, as its maker asked for.
   */
  uint32_t protect;
  /**
   * It shows a file.
   */
  bool has_file;
} byname_mapping_state;

/**
 * How to create an end of a message queue, or open one. Begin with BYNAME_QUEUE_OPTIONS_INIT.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_ bits; a queue's handle can do what its end does, whatever they are.
   */
  uint32_t access;
  /**
   * Where the name is looked up.
   */
  byname_namespace ns;
  /**
   * BYNAME_QUEUE_READ (the default) or BYNAME_QUEUE_WRITE.
   */
  uint32_t end;
  /**
   * BYNAME_QUEUE_NOPRECOMMIT, BYNAME_QUEUE_ALLOW_BROKEN. Checked, then ignored where the queue exists.
   */
  uint32_t flags;
  /**
   * How many messages it holds, 1 to 2^26; 0, the default: as many as memory holds. Checked, then ignored where the queue exists.
   */
  uint32_t max_messages;
  /**
   * The largest message in bytes, 1 to 64 MiB; 4096 by default. That of an existing queue must be the same.
   */
  uint32_t max_size;
} byname_queue_options;

/**
 * A message in the queue's own memory: room that is to be filled, or a message that is to be read. A value that is checked at
 * every use; `data` is valid until it is committed or released. A process can have 1024 of them at a time.
 */
typedef struct {
  /**
   * Its bytes.
   */
  void *data;
  /**
   * How many.
   */
  size_t size;
  /**
   * BYNAME_QUEUE_ALERT, or 0.
   */
  uint32_t flags;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * Which it is; means nothing outside this process.
   */
  uint64_t id;
} byname_queue_message;

/**
 * What a queue says of itself at one instant (MSGQUEUEINFO).
 */
typedef struct {
  /**
   * BYNAME_QUEUE_NOPRECOMMIT, BYNAME_QUEUE_ALLOW_BROKEN.
   */
  uint32_t flags;
  /**
   * How many messages it can hold; 0: as many as memory can.
   */
  uint32_t max_messages;
  /**
   * The largest message, in bytes.
   */
  uint32_t max_size;
  /**
   * Messages that wait now; a pending alert does not count.
   */
  uint32_t messages;
  /**
   * The most that ever waited at one time.
   */
  uint32_t most_messages;
  /**
   * Open reading ends.
   */
  uint32_t readers;
  /**
   * Open writing ends.
   */
  uint32_t writers;
} byname_queue_state;

/**
 * How to create a job. Begin with BYNAME_JOB_OPTIONS_INIT.
 */
typedef struct {
  /**
   * The size of this struct in bytes, from its INIT macro.
   */
  uint32_t struct_size;
  /**
   * BYNAME_ACCESS_ bits that the handle shall have.
   */
  uint32_t access;
  /**
   * Where the name is looked up.
   */
  byname_namespace ns;
  /**
   * Not zero: the job's processes are killed when the last handle to it is closed, also by the death of its process. Ignored where the job
   * exists.
   */
  uint32_t kill_on_close;
  /**
   * Zero.
   */
  uint32_t reserved;
} byname_job_options;

/**
 * What a job has come to.
 */
typedef struct {
  /**
   * The processes that are in it now.
   */
  uint32_t active_processes;
  /**
   * Those that byname ever put into it; those that its members forked are not among them.
   */
  uint32_t total_processes;
  /**
   * Those that were killed because they would have exceeded the limit.
   */
  uint32_t terminated_processes;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * What all of them, the dead included, have spent in programs, in nanoseconds; without control groups those that live, and whom they have waited for.
   */
  uint64_t user_ns;
  /**
   * And in the kernel.
   */
  uint64_t system_ns;
  /**
   * The most bytes of memory that they had together; 0 where the system does not count it.
   */
  uint64_t memory_peak;
} byname_job_accounting;

/**
 * What a job limits. All zero: nothing.
 */
typedef struct {
  /**
   * The most processes that may be in it at a time; 0: no limit.
   */
  uint32_t active_processes;
  /**
   * Not zero: its processes are killed when the last handle to it is closed, also by the death of its process.
   */
  uint32_t kill_on_close;
  /**
   * The most bytes of memory that its processes may have together, 4096 or more; 0: no limit.
   */
  uint64_t memory;
} byname_job_limits;

/**
 * One notification of a job.
 */
typedef struct {
  /**
   * What happened: BYNAME_JOB_MSG_NEW_PROCESS and its neighbours.
   */
  uint32_t message;
  /**
   * To which process, as the caller's PID namespace numbers it; 0 for what is told of the job.
   */
  uint32_t pid;
} byname_job_notification;

/**
 * What a wait for several objects tells besides its status.
 */
typedef struct {
  /**
   * The place in the array of the object that ended the wait; -1 after byname_wait_all().
   */
  int64_t index;
  /**
   * The fence of the mutex or semaphore that was taken; 0 if it was an event, or several were taken
   * (byname_mutex_held() tells each mutex's).
   */
  uint64_t fence;
  /**
   * The object was abandoned (wait-all: one of them at least); the status was BYNAME_ABANDONED.
   */
  bool abandoned;
} byname_wait_result;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The message of the calling thread's last failed call: what failed and what to do about it, in English, UTF-8.
 *
 * ```c
 * byname_handle handle;
 * byname_status status = byname_mutex_open("nobody made this", NULL, &handle);
 * if (BYNAME_FAILED(status))
 *     printf("%s (%u): %s\n", byname_status_name(status), (unsigned)byname_last_error_win32(), byname_last_error_message());
 * if (status != BYNAME_ERR_NOT_FOUND) return 1;
 * ```
 *
 * @return never NULL; "" before the first failure. Valid until the thread's next failing call or its end.
 * Calls that succeed or time out leave it as it was (contract 0.2).
 */
const char *byname_last_error_message(void);

/**
 * The exact Win32 error number of the calling thread's last failed call (contract 12.2).
 *
 * @return 0 before the first failure. Calls that succeed or time out leave it as it was (contract 0.2).
 */
uint32_t byname_last_error_win32(void);

/**
 * The errno of the calling thread's last failed call, where a system call was the cause.
 *
 * @return 0 where none was. Calls that succeed or time out leave it as it was.
 */
int byname_last_error_errno(void);

/**
 * The name of a status, such as "BYNAME_TIMED_OUT".
 *
 * @param status  any value
 * @return a constant string; "BYNAME_UNKNOWN" for a value that is no status of this library
 */
const char *byname_status_name(byname_status status);

/**
 * The version of the library that is loaded, such as "0.1.0"; `BYNAME_VERSION` is that of the header.
 */
const char *byname_version(void);

/**
 * Closes a handle. The object, and its name, live until its last handle in any process is closed.
 *
 * Closing is not releasing: a mutex that the caller owns stays owned (contract 3.4, A14). A wait that is under way
 * through this handle goes on.
 *
 * @param h  the handle; afterwards every use of it is BYNAME_ERR_CLOSED
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6) if it is closed already or never was a handle, _ACCESS_DENIED (6) if it is protected
 *         from being closed: it stays open. Contract 2.1.
 */
byname_status byname_handle_close(byname_handle h);

/**
 * Makes a second handle of the same object, with the same rights, closed on its own.
 *
 * @param h    the handle
 * @param out  receives the new handle
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: out is NULL), _LIMIT_REACHED. Contract 2.3.
 */
byname_status byname_handle_duplicate(byname_handle h, byname_handle *out);

/**
 * The same with other rights.
 *
 * @param h       the handle
 * @param access  BYNAME_ACCESS_ bits that the new handle shall have; 0: none, it can be closed and asked who it is. It may have more than `h`
 * @param out     receives the new handle
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _ACCESS_DENIED (5: a bit that the kind does not define), _INVALID_ARGUMENT (87: out is NULL), _LIMIT_REACHED.
 *         Contract 2.3, DH4.
 */
byname_status byname_handle_duplicate_with(byname_handle h,
                                           uint32_t access,
                                           byname_handle *out);

/**
 * Gives a token by which another process of the same user opens the object, named or not, with byname_handle_from_share(): text, to be passed in
 * whatever way. A handle to the object must be open until the token is used.
 *
 * @param h       the handle
 * @param buffer  receives the token and a NUL. May be NULL if `size` is 0: then only the length is told
 * @param size    the size of the buffer in bytes; BYNAME_TOKEN_SIZE is always enough
 * @param length  receives the length of the token in bytes without its NUL; may be NULL
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _BUFFER_TOO_SMALL (122: nothing is written), _UNSUPPORTED (50: a process, which is opened by its pid),
 *         _INVALID_ARGUMENT (87: buffer is NULL and size is not 0). Contract 2.3, DH12.
 */
byname_status byname_handle_share(byname_handle h,
                                  char *buffer,
                                  size_t size,
                                  size_t *length);

/**
 * Opens the object of a token that byname_handle_share() gave, here or in another process; byname_handle_kind() tells its kind. Of a queue it opens an
 * end that reads, and byname_queue_open_end() the other.
 *
 * @param token    the token
 * @param options  its `access` alone counts; NULL for everything
 * @param out      receives the handle
 * @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: no token, or out is NULL), _NOT_FOUND (2: the object has ended, or this process has another user or
 *         BYNAME_DIR), _ACCESS_DENIED (5), _DISCONNECTED (233: a broken queue), _LIMIT_REACHED. Contract 2.3, DH12.
 */
byname_status byname_handle_from_share(const char *token,
                                       const byname_open_options *options,
                                       byname_handle *out);

/**
 * Tells the flags of a handle.
 *
 * @param h      the handle
 * @param flags  receives BYNAME_HANDLE_INHERIT and BYNAME_HANDLE_PROTECT_FROM_CLOSE, or 0
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: flags is NULL). Contract 2.2.
 */
byname_status byname_handle_get_information(byname_handle h, uint32_t *flags);

/**
 * Changes those flags of a handle that are in `mask`. They are the handle's, not the object's: a duplicate begins with none.
 *
 * @param h      the handle
 * @param mask   the BYNAME_HANDLE_ bits to change
 * @param flags  their new values
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: a bit that is no flag). Contract 2.2.
 */
byname_status byname_handle_set_information(byname_handle h,
                                            uint32_t mask,
                                            uint32_t flags);

/**
 * Tells whether the call that gave this handle made the object, or found it.
 *
 * @param h        the handle
 * @param created  receives true if it made the object (Win32: last error 0 and not 183)
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: created is NULL). Contract 0.5, N4.
 */
byname_status byname_handle_created(byname_handle h, bool *created);

/**
 * Tells the kind of the object.
 *
 * @param h     the handle
 * @param kind  receives the kind
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _INVALID_ARGUMENT (87: kind is NULL).
 */
byname_status byname_handle_kind(byname_handle h, byname_kind *kind);

/**
 * Tells the object's name as it was passed to create or open, prefix included.
 *
 * @param h       the handle
 * @param buffer  receives the name, UTF-8, and a NUL; "" if the object has no name. May be NULL if `size` is 0:
 *                then only the length is told
 * @param size    the size of the buffer in bytes; BYNAME_NAME_SIZE is always enough
 * @param length  receives the length of the name in bytes without its NUL; may be NULL
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _BUFFER_TOO_SMALL (122: nothing is written),
 *         _INVALID_ARGUMENT (87: buffer is NULL and size is not 0).
 */
byname_status byname_handle_name(byname_handle h, char *buffer, size_t size, size_t *length);

/**
 * Gives a descriptor that is readable while a wait with time-out 0 may succeed, for epoll, poll, select and libuv.
 *
 * Nothing is consumed by its being readable, and it may be so where somebody else was faster: when it is, wait with
 * time-out 0. It stays readable until such a call of this process finds the object not signalled, so with EPOLLET
 * try until one does. An event's pulse does not make it readable.
 *
 * It is made at the first call, belongs to the handle and is closed with it: take it out of an epoll set, or stop its
 * uv_poll_t, before byname_handle_close(). Never read from it, and do not close it. A forked child makes its own.
 *
 * ```c
 * byname_handle ready;
 * struct pollfd entry = {-1, POLLIN, 0};
 * if (BYNAME_FAILED(byname_event_create("ready", NULL, &ready))) return 1;
 * if (BYNAME_FAILED(byname_handle_fd(ready, &entry.fd))) return 1;
 * byname_event_set(ready); // or somebody else does
 * if (poll(&entry, 1, -1) == 1 && byname_event_wait(ready, 0) == BYNAME_OK) puts("it was set, and we took it");
 * byname_handle_close(ready);
 * ```
 *
 * @param h   the handle; it needs BYNAME_ACCESS_SYNCHRONIZE
 * @param fd  receives the descriptor, the same one each time
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: fd is NULL),
 *         _LIMIT_REACHED (1450: no descriptor is left), _NAMESPACE_LOST (1167).
 */
byname_status byname_handle_fd(byname_handle h, int *fd);

/**
 * Makes a mutex, or opens it if the name exists; byname_handle_created() tells which.
 *
 * @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a mutex without a name
 * @param options  NULL: the defaults (own session, all rights, free)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87), _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6),
 *         _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another kind), _ACCESS_DENIED (5), _UNSUPPORTED (50),
 *         _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace. Contract 1.2, 3.2.
 */
byname_status byname_mutex_create(const char *name, const byname_mutex_options *options, byname_handle *out);

/**
 * Opens an existing mutex.
 *
 * @param name     its name, as for byname_mutex_create(); not NULL
 * @param options  NULL: the defaults (own session, all rights)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
 *         and what byname_mutex_create() says. Contract 1.2, 3.2.
 */
byname_status byname_mutex_open(const char *name, const byname_open_options *options, byname_handle *out);

/**
 * Acquires a mutex for the calling thread. A thread that owns it already acquires it once more.
 *
 * The death of an owner that alone had the mutex open leaves no mutex, and so no news: who creates it anew gets fence 1.
 *
 * ```c
 * byname_handle ledger;
 * byname_grant grant;
 * if (BYNAME_FAILED(byname_mutex_create("ledger", NULL, &ledger))) return 1;
 * byname_status status = byname_mutex_lock(ledger, INT64_C(5000000000), &grant); // five seconds
 * if (BYNAME_FAILED(status) || status == BYNAME_TIMED_OUT) return 1;
 * if (status == BYNAME_ABANDONED) puts("the previous owner died in here: repair first");
 * byname_mutex_unlock(ledger);
 * byname_handle_close(ledger);
 * ```
 *
 * @param h           a mutex's handle with the right SYNCHRONIZE
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
 * @param grant       receives the fence and whether it was abandoned; may be NULL
 * @return BYNAME_OK; BYNAME_ABANDONED: acquired, its previous owner died holding it (contract 3.4, A1 to A17);
 *         BYNAME_TIMED_OUT: not acquired; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
 *         _WRONG_KIND (6), _ACCESS_DENIED (5), _LIMIT_REACHED (587: 2^31 acquisitions). Contract 3.1 to 3.4.
 */
byname_status byname_mutex_lock(byname_handle h,
                                int64_t timeout_ns,
                                byname_grant *grant);

/**
 * Releases one acquisition of the calling thread; the last one makes the mutex free.
 *
 * @param h  a mutex's handle; no right is needed
 * @return BYNAME_OK, or BYNAME_ERR_NOT_OWNER (288: the thread does not own it; nothing changed), _CLOSED (6),
 *         _WRONG_KIND (6). Contract 3.2.
 */
byname_status byname_mutex_unlock(byname_handle h);

/**
 * Tells what the calling thread's hold of a mutex says: after a wait for several objects, or in code further down.
 *
 * @param h      a mutex's handle
 * @param grant  receives the fence of the thread's acquisition, and whether it found the mutex abandoned
 * @return BYNAME_OK, or BYNAME_ERR_NOT_OWNER (288), _CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: grant is NULL).
 */
byname_status byname_mutex_held(byname_handle h,
                                byname_grant *grant);

/**
 * Tells who owns a mutex now. By the time the caller looks it may be somebody else.
 *
 * @param h      a mutex's handle with the right QUERY_STATE
 * @param owner  receives the owner, {0, 0} if the mutex is free
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: owner is NULL).
 */
byname_status byname_mutex_owner(byname_handle h,
                                 byname_owner *owner);

/**
 * Looks at all of a mutex's state at one instant, without taking it and without waiting for anybody.
 *
 * @param h      a mutex's handle with the right QUERY_STATE
 * @param state  receives the state
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
 */
byname_status byname_mutex_look(byname_handle h,
                                byname_mutex_state *state);

/**
 * Makes an event, or opens it if the name exists; byname_handle_created() tells which.
 *
 * @param name     UTF-8, at most 260 UTF-16 units; NULL or "": an event without a name
 * @param options  NULL: the defaults (own session, all rights, auto reset, not set)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87), _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6),
 *         _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another kind), _ACCESS_DENIED (5), _UNSUPPORTED (50),
 *         _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace. Contract 1.2, 4.
 */
byname_status byname_event_create(const char *name, const byname_event_options *options, byname_handle *out);

/**
 * Opens an existing event.
 *
 * @param name     its name, as for byname_event_create(); not NULL
 * @param options  NULL: the defaults (own session, all rights)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
 *         and what byname_event_create() says. Contract 1.2, 4.
 */
byname_status byname_event_open(const char *name, const byname_open_options *options, byname_handle *out);

/**
 * Waits until an event is set; a satisfied wait resets an auto-reset event. The same as byname_wait(), for events only.
 *
 * ```c
 * byname_event_options options = BYNAME_EVENT_OPTIONS_INIT;
 * byname_handle gate;
 * options.manual_reset = 1;
 * if (BYNAME_FAILED(byname_event_create("gate", &options, &gate))) return 1;
 * if (byname_event_wait(gate, 1000000) == BYNAME_TIMED_OUT) puts("not open after a millisecond");
 * byname_event_set(gate);
 * if (byname_event_wait(gate, BYNAME_INFINITE) != BYNAME_OK) return 1;
 * byname_handle_close(gate);
 * ```
 *
 * @param h           an event's handle with the right SYNCHRONIZE
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
 * @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
 *         _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 4, 10.6.
 */
byname_status byname_event_wait(byname_handle h, int64_t timeout_ns);

/**
 * Sets an event: a manual one releases everybody who waits and stays set, an auto one releases exactly one waiter, or
 * stays set until somebody waits.
 *
 * @param h  an event's handle with the right MODIFY_STATE
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 4, E1, E2, E6 to E12.
 */
byname_status byname_event_set(byname_handle h);

/**
 * Resets an event. Whom an earlier set released stays released.
 *
 * @param h  an event's handle with the right MODIFY_STATE
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 4, E2, E8.
 */
byname_status byname_event_reset(byname_handle h);

/**
 * Releases who waits at this instant (a manual event: all, an auto event: one) and leaves the event not set.
 *
 * @param h  an event's handle with the right MODIFY_STATE
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 4, E3 to E5, E9.
 */
byname_status byname_event_pulse(byname_handle h);

/**
 * Looks whether an event is set, without resetting it.
 *
 * @param h    an event's handle with the right QUERY_STATE
 * @param set  receives the answer
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: set is NULL).
 */
byname_status byname_event_is_set(byname_handle h,
                                  bool *set);

/**
 * Looks at all of an event's state at one instant, without taking it and without waiting for anybody.
 *
 * @param h      an event's handle with the right QUERY_STATE
 * @param state  receives the state
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
 */
byname_status byname_event_look(byname_handle h,
                                byname_event_state *state);

/**
 * Makes a semaphore, or opens it if the name exists; byname_handle_created() tells which.
 *
 * @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a semaphore without a name
 * @param options  its counts; NULL: the defaults (own session, all rights, count 1, maximum 0x7FFFFFFF, not robust)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87: also for counts out of range where the name exists),
 *         _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6), _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another
 *         kind), _ACCESS_DENIED (5), _UNSUPPORTED (50), _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace.
 *         Contract 1.2, 5.
 */
byname_status byname_semaphore_create(const char *name,
                                      const byname_semaphore_options *options,
                                      byname_handle *out);

/**
 * Opens an existing semaphore.
 *
 * @param name     its name, as for byname_semaphore_create(); not NULL
 * @param options  NULL: the defaults (own session, all rights)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
 *         and what byname_semaphore_create() says. Contract 1.2, 5.
 */
byname_status byname_semaphore_open(const char *name, const byname_open_options *options, byname_handle *out);

/**
 * Takes one unit.
 *
 * ```c
 * byname_semaphore_options options = BYNAME_SEMAPHORE_OPTIONS_INIT;
 * byname_handle slots;
 * options.initial = options.maximum = 4;
 * options.robust = 1; // a holder that dies gives its unit back
 * if (BYNAME_FAILED(byname_semaphore_create("slots", &options, &slots))) return 1;
 * if (BYNAME_FAILED(byname_semaphore_acquire(slots, BYNAME_INFINITE, NULL))) return 1;
 * byname_semaphore_release(slots, 1, NULL);
 * byname_handle_close(slots);
 * ```
 *
 * @param h           a semaphore's handle with the right SYNCHRONIZE
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
 * @param grant       receives the fence and whether a holder has died; may be NULL
 * @return BYNAME_OK; BYNAME_ABANDONED: acquired, and a process that held a unit of a robust semaphore died;
 *         BYNAME_TIMED_OUT: not acquired; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
 *         _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 5, S4, S9.
 */
byname_status byname_semaphore_acquire(byname_handle h, int64_t timeout_ns, byname_grant *grant);

/**
 * Adds `n` units: all of them, or none.
 *
 * @param h         a semaphore's handle with the right MODIFY_STATE
 * @param n         how many, 1 or more
 * @param previous  receives the count before; may be NULL
 * @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: n is 0 or negative), _TOO_MANY_POSTS (298: over the maximum;
 *         nothing was released), _CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 5, S1 to S3, S6, S10.
 */
byname_status byname_semaphore_release(byname_handle h, int64_t n, uint32_t *previous);

/**
 * Looks how many units are free, without taking one.
 *
 * @param h      a semaphore's handle with the right QUERY_STATE
 * @param count  receives the answer
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: count is NULL).
 */
byname_status byname_semaphore_available(byname_handle h,
                                         uint32_t *count);

/**
 * Looks at all of a semaphore's state at one instant, without taking a unit and without waiting for anybody.
 *
 * @param h      a semaphore's handle with the right QUERY_STATE
 * @param state  receives the state
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
 */
byname_status byname_semaphore_look(byname_handle h,
                                    byname_semaphore_state *state);

/**
 * Makes a timer, not set, or opens it if the name exists; byname_handle_created() tells which.
 *
 * @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a timer without a name
 * @param options  NULL: the defaults (own session, all rights, auto reset)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87), _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6),
 *         _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another kind), _ACCESS_DENIED (5), _UNSUPPORTED (50),
 *         _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace. Contract 1.2, 6.
 */
byname_status byname_timer_create(const char *name, const byname_timer_options *options, byname_handle *out);

/**
 * Opens an existing timer.
 *
 * @param name     its name, as for byname_timer_create(); not NULL
 * @param options  NULL: the defaults (own session, all rights)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
 *         and what byname_timer_create() says. Contract 1.2, 6.
 */
byname_status byname_timer_open(const char *name, const byname_open_options *options, byname_handle *out);

/**
 * Sets a timer to a time from now, and to every period after that.
 *
 * Until then it is not signaled, whatever it was; an earlier setting is over; who waits goes on waiting for the new time. The times are the
 * due time and that plus whole periods, however late anybody looks; those that come while nobody waits are one. Never early.
 *
 * ```c
 * byname_handle beat;
 * if (BYNAME_FAILED(byname_timer_create("beat", NULL, &beat))) return 1;
 * if (BYNAME_FAILED(byname_timer_set(beat, 2000000, 5000000))) return 1; // after 2 ms, then every 5 ms
 * byname_timer_wait(beat, BYNAME_INFINITE); // or anybody else who opens "beat"
 * byname_timer_wait(beat, BYNAME_INFINITE);
 * byname_timer_cancel(beat);
 * byname_handle_close(beat);
 * ```
 *
 * @param h          a timer's handle with the right MODIFY_STATE
 * @param due_ns     how long from now, in nanoseconds of the monotonic clock; 0: at once
 * @param period_ns  the interval after that, 0 (once) to 2147483647000000
 * @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time, or a period that is too long), _CLOSED (6), _WRONG_KIND (6),
 *         _ACCESS_DENIED (5). Contract 6.1, T1 to T16.
 */
byname_status byname_timer_set(byname_handle h,
                               int64_t due_ns,
                               int64_t period_ns);

/**
 * Sets a timer to an instant of the wall clock, and to every period after that; otherwise as byname_timer_set().
 *
 * When the clock is set forward past the instant, it has come; when it is set back, it comes later. The times after the first are
 * periods apart on the monotonic clock.
 *
 * @param h          a timer's handle with the right MODIFY_STATE
 * @param unix_ns    when, in nanoseconds since 1970, UTC; what has passed is at once
 * @param period_ns  the interval after that, 0 (once) to 2147483647000000
 * @return what byname_timer_set() says. Contract 6.1, 6.4.
 */
byname_status byname_timer_set_at(byname_handle h,
                                  int64_t unix_ns,
                                  int64_t period_ns);

/**
 * Stops a timer: its time comes no more. Whether it is signaled stays as it is; who waits goes on waiting.
 *
 * @param h  a timer's handle with the right MODIFY_STATE
 * @return BYNAME_OK, also if it was not set, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 6.2.
 */
byname_status byname_timer_cancel(byname_handle h);

/**
 * Waits until a timer is signaled; a satisfied wait resets an auto-reset timer. The same as byname_wait(), for timers only.
 *
 * @param h           a timer's handle with the right SYNCHRONIZE
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
 * @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
 *         _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 6, 10.6.
 */
byname_status byname_timer_wait(byname_handle h,
                                int64_t timeout_ns);

/**
 * Tells how long it is until a timer's time comes next.
 *
 * @param h             a timer's handle with the right QUERY_STATE
 * @param remaining_ns  receives the time in nanoseconds; -1 if none comes
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: remaining_ns is NULL).
 */
byname_status byname_timer_remaining(byname_handle h,
                                     int64_t *remaining_ns);

/**
 * Looks at all of a timer's state at one instant, without taking it and without waiting for anybody.
 *
 * @param h      a timer's handle with the right QUERY_STATE
 * @param state  receives the state
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
 */
byname_status byname_timer_look(byname_handle h,
                                byname_timer_state *state);

/**
 * Makes a watchdog, stopped, or opens it if the name exists; byname_handle_created() tells which.
 *
 * ```c
 * byname_watchdog_options options = BYNAME_WATCHDOG_OPTIONS_INIT;
 * byname_handle dog;
 * int i;
 * options.period_ns = INT64_C(5000000000);
 * options.grace_ns = INT64_C(1000000000);
 * options.action = BYNAME_ACTION_KILL;
 * if (BYNAME_FAILED(byname_watchdog_create("alive", &options, &dog))) return 1;
 * byname_watchdog_start(dog);
 * for (i = 0; i < 3; i++) byname_watchdog_refresh(dog); // after each piece of work, of less than five seconds
 * byname_watchdog_stop(dog);
 * byname_handle_close(dog);
 * ```
 *
 * @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a watchdog without a name
 * @param options  its times and its action; NULL is the defaults, whose period of 0 is refused
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87: also for a period of 0, a negative time, an unknown action), _NAME_TOO_LONG (206),
 *         _INVALID_NAME (123, 161, 6), _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another kind), _ACCESS_DENIED (5), _UNSUPPORTED (50),
 *         _NO_SPACE, _LIMIT_REACHED, or a failure of the namespace. Contract 1.2, 9.8.
 */
byname_status byname_watchdog_create(const char *name,
                                     const byname_watchdog_options *options,
                                     byname_handle *out);

/**
 * Opens an existing watchdog.
 *
 * @param name     its name, as for byname_watchdog_create(); not NULL
 * @param options  NULL: the defaults (own session, all rights)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
 *         and what byname_watchdog_create() says of names. Contract 1.2, 9.8.
 */
byname_status byname_watchdog_open(const char *name, const byname_open_options *options, byname_handle *out);

/**
 * Starts a watchdog, or starts it anew: from now on the calling process is watched, and must refresh it within each period.
 *
 * @param h  a watchdog's handle with the right MODIFY_STATE
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5; also for BYNAME_ACTION_RESET_DEVICE where this process has no
 *         hook). Contract 9.8, WD1, WD3.
 */
byname_status byname_watchdog_start(byname_handle h);

/**
 * Gives a watchdog one period more from now. In its grace, or expired, it runs again; where it is stopped nothing happens.
 *
 * @param h  a watchdog's handle with the right MODIFY_STATE, of any process
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 9.8, WD6.
 */
byname_status byname_watchdog_refresh(byname_handle h);

/**
 * Stops a watchdog: it is not signaled, and an action that has not been taken is not.
 *
 * @param h  a watchdog's handle with the right MODIFY_STATE
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 9.8, WD10.
 */
byname_status byname_watchdog_stop(byname_handle h);

/**
 * Waits until a watchdog is signaled, which the wait does not change. The same as byname_wait(), for watchdogs only.
 *
 * @param h           a watchdog's handle with the right SYNCHRONIZE
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
 * @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_INVALID_ARGUMENT (87: a negative time), _CLOSED (6),
 *         _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 9.8, WD4, WD9.
 */
byname_status byname_watchdog_wait(byname_handle h, int64_t timeout_ns);

/**
 * Looks at all of a watchdog's state at one instant, without waiting for anybody.
 *
 * @param h      a watchdog's handle with the right QUERY_STATE
 * @param state  receives the state
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: state is NULL).
 */
byname_status byname_watchdog_look(byname_handle h,
                                   byname_watchdog_state *state);

/**
 * Says whether each byname_watchdog_refresh() of this handle tells systemd, too: WATCHDOG=1 to NOTIFY_SOCKET, where there is one. Off at first.
 *
 * @param h   a watchdog's handle
 * @param on  whether it does
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6).
 */
byname_status byname_watchdog_notify_systemd(byname_handle h,
                                             bool on);

/**
 * Says what resets the device in this process, for watchdogs with BYNAME_ACTION_RESET_DEVICE. byname itself resets nothing.
 *
 * The hook is called with the watchdog's parameter, once, on a thread of byname's that has all signals blocked: it should be quick, and must not end that thread.
 *
 * @param hook  the function; NULL: nothing resets the device
 */
void byname_set_reset_hook(void (*hook)(uint32_t parameter));

/**
 * Makes a mapping, or opens it if the name exists, with the size, protection and file that it has; byname_handle_created() tells which.
 *
 * Memory is there as a whole, zeros, or the call fails with BYNAME_ERR_NO_SPACE: touching it cannot fail later. (Unless
 * BYNAME_PROTECT_RESERVE asks for that.) A file's descriptor may be closed afterwards. Others find the file by its path, or through
 * this process.
 *
 * ```c
 * byname_mapping_options options = BYNAME_MAPPING_OPTIONS_INIT;
 * byname_handle board;
 * void *bytes;
 * size_t length;
 * options.size = 65536;
 * if (BYNAME_FAILED(byname_mapping_create("board", &options, &board))) return 1;
 * if (BYNAME_FAILED(byname_mapping_map(board, BYNAME_ACCESS_MAP_WRITE, 0, 0, NULL, &bytes, &length))) return 1;
 * ((char *)bytes)[length - 1] = 'x'; // seen by everybody who has mapped "board"
 * byname_handle_close(board);        // the view stays
 * byname_mapping_unmap(bytes);
 * ```
 *
 * @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a mapping without a name
 * @param options  size, file, protection; NULL has no size, which is BYNAME_ERR_INVALID_ARGUMENT (87)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87: size, protection or attributes; 1006: the file is empty; 193: SEC_IMAGE),
 *         _NO_SPACE (1455: memory; 112: the file cannot grow; 8: nor may it), _CLOSED (6: no descriptor), _ACCESS_DENIED (5: the
 *         descriptor is not open for that; 1314: large pages), _WRONG_KIND (6: the name, or no regular file), and what
 *         byname_event_create() says. Contract 7.1.
 */
byname_status byname_mapping_create(const char *name,
                                    const byname_mapping_options *options,
                                    byname_handle *out);

/**
 * Opens an existing mapping.
 *
 * @param name     its name, as for byname_mapping_create(); not NULL
 * @param options  NULL: the defaults (own session, all rights); access has BYNAME_ACCESS_MAP_ bits
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
 *         _ACCESS_DENIED (5), and what byname_event_create() says. Contract 1.2, 7.2.
 */
byname_status byname_mapping_open(const char *name, const byname_open_options *options, byname_handle *out);

/**
 * Maps bytes of a mapping: a view, which stays when the handle is closed, until byname_mapping_unmap().
 *
 * A store to a view that only reads, and a touch of a page of a file that somebody has truncated, end the process with a signal.
 *
 * @param h        a mapping's handle with the right that the view needs
 * @param access   BYNAME_ACCESS_MAP_READ (or 0), _WRITE (which reads, too) or _COPY (what is written stays the view's own), with _EXECUTE
 * @param offset   where it begins, a multiple of 65536
 * @param length   how many bytes; 0: up to the end
 * @param base     where it shall be mapped, a multiple of 65536; NULL: anywhere
 * @param address  receives its first byte
 * @param mapped   receives its length; may be NULL
 * @return BYNAME_OK, or BYNAME_ERR_MISALIGNED (1132), _ACCESS_DENIED (5: the end, the right or the protection), _INVALID_ARGUMENT (487: something
 *         is at base; 87: access, or address is NULL), _NO_SPACE (8: no addresses), _CLOSED (6), _WRONG_KIND (6), _SYSTEM (31: a file
 *         that is no longer where it was). Contract 7.3.
 */
byname_status byname_mapping_map(byname_handle h,
                                 uint32_t access,
                                 uint64_t offset,
                                 uint64_t length,
                                 void *base,
                                 void **address,
                                 size_t *mapped);

/**
 * Unmaps a view.
 *
 * @param address  the address that byname_mapping_map() gave, or any inside the view
 * @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (487: no view is there). Contract 7.4.
 */
byname_status byname_mapping_unmap(const void *address);

/**
 * Writes what was changed in a view to its file. Of memory there is nothing to do.
 *
 * @param address  an address in a view
 * @param length   how many bytes from there on; 0: up to the view's end
 * @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (487: no view is there; 87: it ends before), _SYSTEM (31). Contract 7.4.
 */
byname_status byname_mapping_flush(const void *address,
                                   size_t length);

/**
 * Looks at what a mapping is, but for its bytes.
 *
 * @param h      a mapping's handle
 * @param state  receives the state
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: state is NULL).
 */
byname_status byname_mapping_look(byname_handle h, byname_mapping_state *state);

/**
 * Begins a change of the bytes: byname_mapping_read_whole() waits, in all processes, until byname_mapping_end_change(). For
 * one writer; several need a mutex among them. Ours, not Windows'.
 *
 * @param h          a mapping's handle with the right MAP_WRITE
 * @param abandoned  receives whether the writer before died in the middle of a change; may be NULL
 * @return BYNAME_OK, or BYNAME_ERR_NOT_OWNER (288: another thread is at it), _WOULD_DEADLOCK (1131: this one is), _CLOSED (6), _WRONG_KIND (6),
 *         _ACCESS_DENIED (5).
 */
byname_status byname_mapping_begin_change(byname_handle h,
                                          bool *abandoned);

/**
 * Ends the change that the calling thread began: one more version, and every byname_mapping_changed() event is set.
 *
 * @param h  a mapping's handle with the right MAP_WRITE
 * @return BYNAME_OK, or BYNAME_ERR_NOT_OWNER (288: it began none), _CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5).
 */
byname_status byname_mapping_end_change(byname_handle h);

/**
 * Publishes what was written before: a change that begins and ends at once.
 *
 * @param h  a mapping's handle with the right MAP_WRITE
 * @return what byname_mapping_begin_change() says.
 */
byname_status byname_mapping_publish(byname_handle h);

/**
 * Gives an auto-reset event, one for each process, that every published change sets, and the death of a writer in the middle
 * of one. Ours, not Windows'.
 *
 * ```c
 * byname_mapping_options options = BYNAME_MAPPING_OPTIONS_INIT;
 * byname_handle board, changed;
 * options.size = 65536;
 * if (BYNAME_FAILED(byname_mapping_create("watched board", &options, &board))) return 1;
 * if (BYNAME_FAILED(byname_mapping_changed(board, &changed))) return 1;
 * byname_mapping_publish(board); // or somebody else does
 * if (byname_event_wait(changed, BYNAME_INFINITE) == BYNAME_OK) puts("something is new");
 * byname_handle_close(changed);
 * byname_handle_close(board);
 * ```
 *
 * @param h    a mapping's handle with the right MAP_READ; no changes are told of after the process has closed its last one
 * @param out  receives the event's handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: out is NULL), _LIMIT_REACHED.
 */
byname_status byname_mapping_changed(byname_handle h,
                                     byname_handle *out);

/**
 * Copies bytes out of a view of this mapping as they were between two changes. Waits for a writer who is at it.
 *
 * @param h           the mapping's handle with the right MAP_READ
 * @param from        where in a view of it
 * @param buffer      receives the bytes; not inside a view. It holds anything unless the call returns BYNAME_OK
 * @param size        how many
 * @param timeout_ns  how long to wait, in nanoseconds; BYNAME_INFINITE waits for ever
 * @param version     receives the version that they had; may be NULL
 * @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_DISCONNECTED (109: the writer died in the middle: they are whole again after the next
 *         change), _INVALID_ARGUMENT (487: no view is there; 87: it ends before, or buffer is NULL), _CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5).
 */
byname_status byname_mapping_read_whole(byname_handle h,
                                        const void *from,
                                        void *buffer,
                                        size_t size,
                                        int64_t timeout_ns,
                                        uint64_t *version);

/**
 * Makes an end of a message queue, or opens one if the name exists; byname_handle_created() tells which.
 *
 * A handle is of one end: it receives, or it sends. The other end is opened by another call, or from this handle by byname_queue_open_end().
 * An existing queue keeps its own numbers, but max_size must be the same. Without BYNAME_QUEUE_ALLOW_BROKEN a queue that has had both ends
 * and loses the last of one is broken for good: its messages are gone, its name is free, its handles say BYNAME_ERR_DISCONNECTED.
 *
 * @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a queue without a name
 * @param options  NULL: the defaults (own session, a reading end, no limit, messages of up to 4096 bytes)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK either way, or BYNAME_ERR_INVALID_ARGUMENT (87: a number out of range, an unknown flag, another max_size),
 *         _NO_SPACE (14), _NAME_TOO_LONG (206), _INVALID_NAME (123, 161, 6), _PATH_NOT_FOUND (3), _WRONG_KIND (6: the name is of another
 *         kind), _ACCESS_DENIED (5), _UNSUPPORTED (50), _LIMIT_REACHED, or a failure of the namespace. Contract 9.1, 9.2.
 */
byname_status byname_queue_create(const char *name,
                                  const byname_queue_options *options,
                                  byname_handle *out);

/**
 * Opens an end of an existing queue by its name. (Windows CE opens by a handle alone; see byname_queue_open_end().)
 *
 * @param name     its name, as for byname_queue_create(); not NULL
 * @param options  NULL: the defaults (own session, a reading end); the queue's numbers are not looked at
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL, end is none), _INVALID_NAME (6: name is ""), and what
 *         byname_queue_create() says.
 */
byname_status byname_queue_open(const char *name,
                                const byname_queue_options *options,
                                byname_handle *out);

/**
 * Opens another end of the queue that a handle is an end of (OpenMsgQueue).
 *
 * @param h    a queue's handle, of either end
 * @param end  BYNAME_QUEUE_READ or BYNAME_QUEUE_WRITE
 * @param out  receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: another end, or out is NULL),
 *         _DISCONNECTED (233: the queue is broken), _LIMIT_REACHED. Contract 9.3.
 */
byname_status byname_queue_open_end(byname_handle h, uint32_t end, byname_handle *out);

/**
 * Sends a message, which is copied; waits while the queue is full.
 *
 * ```c
 * byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
 * byname_handle reader, writer;
 * char buffer[4096];
 * size_t length;
 * options.max_messages = 16;
 * if (BYNAME_FAILED(byname_queue_create("jobs", &options, &reader))) return 1;
 * if (BYNAME_FAILED(byname_queue_open_end(reader, BYNAME_QUEUE_WRITE, &writer))) return 1;
 * if (byname_queue_send(writer, "hello", 5, BYNAME_INFINITE, 0) != BYNAME_OK) return 1;
 * if (byname_queue_recv(reader, buffer, sizeof buffer, BYNAME_INFINITE, &length, NULL) != BYNAME_OK) return 1;
 * printf("%.*s\n", (int)length, buffer);
 * byname_handle_close(writer);
 * byname_handle_close(reader);
 * ```
 *
 * @param h           a queue's writing end
 * @param data        the message
 * @param size        its length, 1 to the queue's max_size
 * @param timeout_ns  how long to wait for room, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
 * @param flags       BYNAME_QUEUE_ALERT: it is read first, if no other alert is pending; else 0
 * @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_DISCONNECTED (233: no reader), _MESSAGE_TOO_LONG (122), _NO_SPACE (14), _INVALID_ARGUMENT
 *         (87: data is NULL, size is 0, an unknown flag, a negative time), _CLOSED (6), _WRONG_KIND (6: not a writing end). Contract 9.4, 9.6.
 */
byname_status byname_queue_send(byname_handle h,
                                const void *data,
                                size_t size,
                                int64_t timeout_ns,
                                uint32_t flags);

/**
 * Receives the next message: a pending alert, or the oldest; waits for one.
 *
 * A message that is longer than the buffer is cut: the buffer has the beginning, `length` says how much, the rest is gone, and the status is
 * BYNAME_ERR_BUFFER_TOO_SMALL. (The outputs are written in this case, too.)
 *
 * @param h           a queue's reading end
 * @param buffer      receives the message
 * @param size        the size of the buffer, 1 or more; the queue's max_size is always enough
 * @param timeout_ns  how long to wait for a message, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
 * @param length      receives the message's length
 * @param flags       receives BYNAME_QUEUE_ALERT or 0; may be NULL
 * @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_DISCONNECTED (233: no writer), _BUFFER_TOO_SMALL (122), _INVALID_ARGUMENT
 *         (87: buffer or length is NULL, size is 0, a negative time), _CLOSED (6), _WRONG_KIND (6: not a reading end). Contract 9.4.
 */
byname_status byname_queue_recv(byname_handle h,
                                void *buffer,
                                size_t size,
                                int64_t timeout_ns,
                                size_t *length,
                                uint32_t *flags);

/**
 * Takes room for a message, to be written where it will be read: nothing is copied. Then byname_queue_commit() sends it, or
 * byname_queue_release() gives the room back. The room counts as taken, and others may overtake the message until it is committed.
 *
 * ```c
 * byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
 * byname_handle reader, writer;
 * byname_queue_message frame;
 * options.max_messages = 4;
 * options.max_size = 1 << 20;
 * if (BYNAME_FAILED(byname_queue_create(NULL, &options, &reader))) return 1;
 * if (BYNAME_FAILED(byname_queue_open_end(reader, BYNAME_QUEUE_WRITE, &writer))) return 1;
 * if (byname_queue_reserve(writer, 1 << 20, BYNAME_INFINITE, 0, &frame) != BYNAME_OK) return 1;
 * for (size_t i = 0; i < frame.size; i++) ((unsigned char *)frame.data)[i] = (unsigned char)i;
 * if (byname_queue_commit(&frame, frame.size) != BYNAME_OK) return 1;
 * if (byname_queue_take(reader, BYNAME_INFINITE, &frame) != BYNAME_OK) return 1;
 * if (((unsigned char *)frame.data)[99] != 99) return 1;
 * byname_queue_release(&frame);
 * byname_handle_close(writer);
 * byname_handle_close(reader);
 * ```
 *
 * @param h           a queue's writing end
 * @param size        how many bytes, 1 to the queue's max_size
 * @param timeout_ns  how long to wait for room, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
 * @param flags       BYNAME_QUEUE_ALERT or 0
 * @param message     receives the room
 * @return as byname_queue_send(), and BYNAME_ERR_LIMIT_REACHED for the 1025th at a time.
 */
byname_status byname_queue_reserve(byname_handle h,
                                   size_t size,
                                   int64_t timeout_ns,
                                   uint32_t flags,
                                   byname_queue_message *message);

/**
 * Sends the first bytes of a message that was reserved.
 *
 * @param message  from byname_queue_reserve(); it is used up, unless size is out of range
 * @param size     how many bytes, 1 to what was reserved
 * @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: message is NULL, size is 0 or too large), _CLOSED (6: it was committed or released, or
 *         was taken and not reserved), _DISCONNECTED (233: the last reader has left; the message is gone).
 */
byname_status byname_queue_commit(const byname_queue_message *message,
                                  size_t size);

/**
 * Takes the next message to be read where it is: nothing is copied. It is out of the queue; byname_queue_release() gives its place back, which
 * counts as taken until then.
 *
 * In a loop of one's own nothing blocks: an end's descriptor (byname_handle_fd()) says when a call with time-out 0 is worth making, of a reading end while there
 * is a message, of a writing end while there is room. Another process may be faster, and then the call is BYNAME_TIMED_OUT and the loop goes on.
 *
 * ```c
 * byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
 * byname_handle reader, writer;
 * byname_queue_message message;
 * struct pollfd ends[2] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};
 * int received = 0;
 * options.max_messages = 2;
 * if (BYNAME_FAILED(byname_queue_create(NULL, &options, &reader))) return 1;
 * if (BYNAME_FAILED(byname_queue_open_end(reader, BYNAME_QUEUE_WRITE, &writer))) return 1;
 * if (BYNAME_FAILED(byname_handle_fd(reader, &ends[0].fd)) || BYNAME_FAILED(byname_handle_fd(writer, &ends[1].fd))) return 1;
 * while (received < 10 && poll(ends, 2, -1) > 0) {
 *     if (ends[0].revents && byname_queue_take(reader, 0, &message) == BYNAME_OK) {
 *         received += 1;
 *         byname_queue_release(&message);
 *     }
 *     if (ends[1].revents && byname_queue_reserve(writer, 1, 0, 0, &message) == BYNAME_OK) {
 *         *(char *)message.data = 'x';
 *         if (byname_queue_commit(&message, 1) != BYNAME_OK) return 1;
 *     }
 * }
 * byname_handle_close(writer);
 * byname_handle_close(reader);
 * ```
 *
 * @param h           a queue's reading end
 * @param timeout_ns  how long to wait for a message, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
 * @param message     receives the message
 * @return as byname_queue_recv(), and BYNAME_ERR_LIMIT_REACHED for the 1025th at a time.
 */
byname_status byname_queue_take(byname_handle h,
                                int64_t timeout_ns,
                                byname_queue_message *message);

/**
 * Gives the place of a message back: of one that was taken, or of room that shall not be sent.
 *
 * @param message  from byname_queue_take() or byname_queue_reserve(); it is used up
 * @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: message is NULL), _CLOSED (6: it was committed or released).
 */
byname_status byname_queue_release(const byname_queue_message *message);

/**
 * Looks at a queue's numbers at one instant.
 *
 * @param h      a queue's handle, of either end
 * @param state  receives the numbers
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _DISCONNECTED (233: the queue is broken),
 *         _INVALID_ARGUMENT (87: state is NULL). Contract 9.1, 9.4.
 */
byname_status byname_queue_info(byname_handle h, byname_queue_state *state);

/**
 * Opens any process as an object without a name, which is signalled when the process has ended, all its threads included, and stays
 * so. It need not use byname, be a child, or belong to the same user. A later process of that number is never taken for it.
 *
 * ```c
 * byname_handle process;
 * if (BYNAME_FAILED(byname_process_open((int64_t)getpid(), NULL, &process))) return 1;
 * if (byname_wait(process, 0, NULL) == BYNAME_TIMED_OUT) puts("it runs");
 * byname_handle_close(process);
 * ```
 *
 * @param pid      its number in the caller's own PID namespace
 * @param options  NULL: the defaults (own session, all rights); objects of one wait must be of one session
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_INVALID_ARGUMENT (87: no process has that number, or it is a thread's), _ACCESS_DENIED (5: access),
 *         _LIMIT_REACHED (no descriptor or thread is left), _UNSUPPORTED (50: before Linux 5.3). Contract 10.1.
 */
byname_status byname_process_open(int64_t pid,
                                  const byname_open_options *options,
                                  byname_handle *out);

/**
 * Tells the number by which a process was opened.
 *
 * @param h    a process's handle
 * @param pid  receives the number
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: pid is NULL).
 */
byname_status byname_process_pid(byname_handle h, uint32_t *pid);

/**
 * Tells how a process ended: the status that it gave (0 to 255), 128 and the number of the signal that ended it, or the code of
 * byname_process_terminate(). Nothing is reaped.
 *
 * @param h        a process's handle with the right BYNAME_ACCESS_PROCESS_QUERY
 * @param running  receives whether it runs; may be NULL
 * @param code     receives the code; BYNAME_STILL_ACTIVE while it runs
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: code is NULL), _UNSUPPORTED (50:
 *         it was no child, has been reaped, and the kernel is older than Linux 6.15).
 */
byname_status byname_process_exit_code(byname_handle h,
                                       bool *running,
                                       uint32_t *code);

/**
 * Kills a process at once, by SIGKILL. byname_process_exit_code() of this handle and its copies tells `code` afterwards; its parent, and
 * everybody else, sees the signal.
 *
 * @param h     a process's handle with the right BYNAME_ACCESS_PROCESS_TERMINATE
 * @param code  the exit code that byname tells
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5: no right, another user's, or it has ended).
 */
byname_status byname_process_terminate(byname_handle h,
                                       uint32_t code);

/**
 * Makes a job, without processes and limits, or opens it if the name exists; byname_handle_created() tells which.
 *
 * A member is one for life, and so are all its later children, whatever they do. A job is signalled by byname_job_terminate(), and by
 * nothing else.
 *
 * ```c
 * byname_job_options options = BYNAME_JOB_OPTIONS_INIT;
 * byname_handle job;
 * options.kill_on_close = 1;
 * if (byname_job_create(NULL, &options, &job) != BYNAME_OK) return 1;
 * pid_t child = fork();
 * if (child == 0) {
 *     for (;;) pause();
 * }
 * if (byname_job_assign(job, child) != BYNAME_OK) return 1;
 * if (byname_job_terminate(job, 123) != BYNAME_OK) return 1;
 * waitpid(child, NULL, 0);
 * byname_handle_close(job);
 * ```
 *
 * @param name     UTF-8, at most 260 UTF-16 units; NULL or "": a job without a name
 * @param options  NULL: the defaults (own session, all rights, processes outlive the job)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK either way, or BYNAME_ERR_UNSUPPORTED (50: none of the means that keep processes together is there), and what
 *         byname_event_create() says. Contract 8.1.
 */
byname_status byname_job_create(const char *name,
                                const byname_job_options *options,
                                byname_handle *out);

/**
 * Opens an existing job.
 *
 * @param name     its name, as for byname_job_create(); not NULL
 * @param options  NULL: the defaults (own session, all rights)
 * @param out      receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_NOT_FOUND (2), _INVALID_ARGUMENT (87: name is NULL), _INVALID_NAME (6: name is ""),
 *         and what byname_job_create() says. Contract 8.1.
 */
byname_status byname_job_open(const char *name, const byname_open_options *options, byname_handle *out);

/**
 * Puts a process into a job. Children that it has already stay where they are; later ones are in it.
 *
 * A program that is to be in the job from its first instruction: fork, let the child assign itself (getpid()) and then exec.
 *
 * @param h    a job's handle with the right BYNAME_ACCESS_JOB_ASSIGN
 * @param pid  the process, in the caller's PID namespace
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _INVALID_ARGUMENT (87: no such process), _ACCESS_DENIED (5: no right; it has
 *         ended, is in the job already, or in another one that this one is not inside of), _LIMIT_REACHED (1816: the job is full, and
 *         the process was killed). Contract 8.2.
 */
byname_status byname_job_assign(byname_handle h,
                                int64_t pid);

/**
 * Kills all processes of a job at once, and those of jobs inside it, by SIGKILL; the job is signalled from then on, also where nobody was in
 * it. byname_process_exit_code() tells `code` for all of them as long as the job is open; a parent sees the signal.
 *
 * @param h     a job's handle with the right BYNAME_ACCESS_JOB_TERMINATE
 * @param code  the exit code that byname tells
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5). Contract 8.1.
 */
byname_status byname_job_terminate(byname_handle h,
                                   uint32_t code);

/**
 * Tells what a job has come to.
 *
 * @param h           a job's handle with the right BYNAME_ACCESS_JOB_QUERY
 * @param accounting  receives it
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: accounting is NULL). Contract 8.5.
 */
byname_status byname_job_query(byname_handle h,
                               byname_job_accounting *accounting);

/**
 * Tells the living processes of a job, and of those inside it, as the caller's PID namespace numbers them.
 *
 * @param h      a job's handle with the right BYNAME_ACCESS_JOB_QUERY
 * @param pids   receives them; may be NULL if `room` is 0: then only their number is told
 * @param room   how many there is room for
 * @param count  receives how many there are; may be NULL
 * @return BYNAME_OK, or BYNAME_ERR_BUFFER_TOO_SMALL (122: there are more, and nothing is written), _CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5),
 *         _INVALID_ARGUMENT (87: pids is NULL and room is not 0). Contract 8.5.
 */
byname_status byname_job_pids(byname_handle h,
                              uint32_t *pids,
                              size_t room,
                              size_t *count);

/**
 * Tells what a job limits.
 *
 * @param h       a job's handle with the right BYNAME_ACCESS_JOB_QUERY
 * @param limits  receives the limits
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: limits is NULL). Contract 8.4.
 */
byname_status byname_job_limits_of(byname_handle h,
                                   byname_job_limits *limits);

/**
 * Sets all limits of a job: what is zero is lifted.
 *
 * @param h       a job's handle with the right BYNAME_ACCESS_JOB_LIMIT
 * @param limits  the limits; not NULL
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: limits is NULL, or out of range),
 *         _UNSUPPORTED (50: no controller could hold the limit). Contract 8.4.
 */
byname_status byname_job_limit(byname_handle h,
                               const byname_job_limits *limits);

/**
 * Begins to tell this process what happens in a job: first who is in it, then who comes, who goes, and that nobody is left.
 *
 * The handle can be waited for together with all others, and byname_handle_fd() gives a descriptor for poll(): it is signalled as long as there is a
 * notification, and a wait takes none; byname_job_notification_next() does. It does not keep the job. Closing it ends the notifications; in a forked
 * child it is closed. Who is put in by this process is told in any case; who is put in by another one, or forked by a member, if it lives long enough
 * to be seen: up to a twentieth of a second.
 *
 * ```c
 * byname_job_options options = BYNAME_JOB_OPTIONS_INIT;
 * byname_handle job, told;
 * byname_job_notification next;
 * options.kill_on_close = 1;
 * if (byname_job_create(NULL, &options, &job) != BYNAME_OK) return 1;
 * if (byname_job_notifications(job, &told) != BYNAME_OK) return 1;
 * pid_t child = fork();
 * if (child == 0) {
 *     for (;;) pause();
 * }
 * if (byname_job_assign(job, child) != BYNAME_OK) return 1;
 * if (byname_job_notification_next(told, BYNAME_INFINITE, &next) != BYNAME_OK) return 1;
 * if (next.message != BYNAME_JOB_MSG_NEW_PROCESS || next.pid != (uint32_t)child) return 1;
 * if (byname_job_terminate(job, 0) != BYNAME_OK) return 1;
 * while (next.message != BYNAME_JOB_MSG_ACTIVE_PROCESS_ZERO) {
 *     if (byname_job_notification_next(told, BYNAME_INFINITE, &next) != BYNAME_OK) return 1;
 * }
 * waitpid(child, NULL, 0);
 * byname_handle_close(told);
 * byname_handle_close(job);
 * ```
 *
 * @param h    a job's handle with the right BYNAME_ACCESS_JOB_LIMIT
 * @param out  receives the handle; close it with byname_handle_close()
 * @return BYNAME_OK, or BYNAME_ERR_CLOSED (6), _WRONG_KIND (6), _ACCESS_DENIED (5), _INVALID_ARGUMENT (87: this process has the job's notifications
 *         already, or out is NULL), _LIMIT_REACHED (no descriptor or watch is left). Contract 8.7.
 */
byname_status byname_job_notifications(byname_handle h,
                                       byname_handle *out);

/**
 * Takes the next notification of a job; waits for one.
 *
 * @param h             a handle of byname_job_notifications()
 * @param timeout_ns    how long to wait, in nanoseconds; 0 tries once, BYNAME_INFINITE waits for ever
 * @param notification  receives it
 * @return BYNAME_OK; BYNAME_TIMED_OUT; or BYNAME_ERR_CLOSED (6: also in a forked child), _WRONG_KIND (6: any other handle), _INVALID_ARGUMENT (87:
 *         notification is NULL, a negative time). Contract 8.7.
 */
byname_status byname_job_notification_next(byname_handle h,
                                           int64_t timeout_ns,
                                           byname_job_notification *notification);

/**
 * Waits for one object of any kind: a mutex is acquired, an auto-reset event is reset, a semaphore gives a unit.
 *
 * @param h           a handle with the right SYNCHRONIZE
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
 * @param grant       receives the fence and whether it was abandoned; may be NULL
 * @return BYNAME_OK; BYNAME_ABANDONED: acquired; BYNAME_TIMED_OUT: nothing was taken; or BYNAME_ERR_INVALID_ARGUMENT
 *         (87: a negative time), _CLOSED (6), _ACCESS_DENIED (5), _LIMIT_REACHED (587). Contract 10.
 */
byname_status byname_wait(byname_handle h, int64_t timeout_ns, byname_grant *grant);

/**
 * Waits until one of several objects is signalled and takes that one alone: the lowest place, where several are at once.
 *
 * ```c
 * byname_handle either[2]; // stop, work
 * byname_wait_result result;
 * if (BYNAME_FAILED(byname_event_create("stop", NULL, &either[0]))) return 1;
 * if (BYNAME_FAILED(byname_semaphore_create("work", NULL, &either[1]))) return 1;
 * byname_status status = byname_wait_any(either, 2, INT64_C(1000000000), &result); // a second
 * if (BYNAME_FAILED(status)) return 1;
 * if (status != BYNAME_TIMED_OUT && result.index == 1) byname_semaphore_release(either[1], 1, NULL);
 * byname_handle_close(either[0]);
 * byname_handle_close(either[1]);
 * ```
 *
 * @param handles     `n` handles with the right SYNCHRONIZE, of any kinds, of one namespace; one may stand twice
 * @param n           how many, 1 or more
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
 * @param result      receives which one it was; may be NULL
 * @return BYNAME_OK; BYNAME_ABANDONED: acquired; BYNAME_TIMED_OUT: nothing was taken; or BYNAME_ERR_INVALID_ARGUMENT
 *         (87: n is 0, handles is NULL, a negative time), _CLOSED (6: one of them), _ACCESS_DENIED (5: one of them),
 *         _LIMIT_REACHED. Contract 10.3, 10.4.
 */
byname_status byname_wait_any(const byname_handle *handles,
                              size_t n,
                              int64_t timeout_ns,
                              byname_wait_result *result);

/**
 * Waits until all of several objects are signalled at one instant and takes them together: all, or nothing.
 *
 * ```c
 * byname_handle both[2];
 * if (BYNAME_FAILED(byname_mutex_create("accounts/a", NULL, &both[0]))) return 1;
 * if (BYNAME_FAILED(byname_mutex_create("accounts/b", NULL, &both[1]))) return 1;
 * if (BYNAME_FAILED(byname_wait_all(both, 2, BYNAME_INFINITE, NULL))) return 1;
 * for (int i = 0; i < 2; i++) {
 *     byname_mutex_unlock(both[i]);
 *     byname_handle_close(both[i]);
 * }
 * ```
 *
 * @param handles     `n` handles with the right SYNCHRONIZE, of any kinds, of one namespace; no object may stand twice
 * @param n           how many, 1 or more
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
 * @param result      receives index -1 and whether one was abandoned; may be NULL
 * @return as byname_wait_any(), and BYNAME_ERR_INVALID_ARGUMENT (87) for an object that stands twice, also through two
 *         handles. Contract 10.3, 10.5.
 */
byname_status byname_wait_all(const byname_handle *handles, size_t n, int64_t timeout_ns, byname_wait_result *result);

/**
 * Signals one object, then waits for another: sets an event, releases one unit of a semaphore or one acquisition of a
 * mutex. What was signalled stays so when the wait times out.
 *
 * ```c
 * byname_handle done, go;
 * if (BYNAME_FAILED(byname_event_create("done", NULL, &done)) || BYNAME_FAILED(byname_event_create("go", NULL, &go))) return 1;
 * if (byname_signal_and_wait(done, go, 1000000, NULL) != BYNAME_TIMED_OUT) return 1; // nobody sets go
 * if (byname_event_wait(done, 0) != BYNAME_OK) return 1; // the signal stays done
 * byname_handle_close(done);
 * byname_handle_close(go);
 * ```
 *
 * @param signal      an event's or semaphore's handle with the right MODIFY_STATE, or a mutex's that the thread owns
 * @param object      a handle of any kind with the right SYNCHRONIZE, of the same namespace; may be `signal` itself
 * @param timeout_ns  how long to wait, in nanoseconds; 0 tests once, BYNAME_INFINITE waits for ever
 * @param grant       receives the fence and whether `object` was abandoned; may be NULL
 * @return BYNAME_OK; BYNAME_ABANDONED: acquired; BYNAME_TIMED_OUT; or, nothing signalled, BYNAME_ERR_INVALID_ARGUMENT
 *         (87: a negative time), _CLOSED (6), _ACCESS_DENIED (5), _NOT_OWNER (288), _TOO_MANY_POSTS (298). Contract 10.8.
 */
byname_status byname_signal_and_wait(byname_handle signal,
                                     byname_handle object,
                                     int64_t timeout_ns,
                                     byname_grant *grant);

/**
 * Leaves SIGBUS to the program; to be called before the first call that needs a namespace.
 *
 * Otherwise that call installs one handler, which turns the truncation of a namespace's file into BYNAME_ERR_NAMESPACE_LOST and passes every
 * other SIGBUS on to the handler that was there before. Without it, a process whose namespace is truncated dies of SIGBUS when it touches
 * the file next. Namespaces that are in use already stay guarded. "SIGBUS" in docs/semantics.md says what a handler of the program's own must do.
 *
 * ```c
 * byname_leave_sigbus_alone();
 * byname_handle ready;
 * if (byname_event_create("ready", NULL, &ready) != BYNAME_OK) return 1;
 * byname_handle_close(ready);
 * ```
 */
void byname_leave_sigbus_alone(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BYNAME_H */
