/* The C driver of the conformance scenarios: does what the conductor says, one line a command.
 *
 * tests/README.md describes the protocol. Each named thread runs its commands in order; `main` is the process's main
 * thread, and `io` commands, which never block, run at once where the lines are read. */
#define _GNU_SOURCE
#include <byname.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 4096, WORDS = 160, OBJECTS = 256, THREADS = 64, NANOS_PER_MILLI = 1000000 };

/* A command: its words point into its line; a NULL word is the name NULL. */
struct command {
    struct command *next;
    int count;
    char *words[WORDS];
    char line[LINE];
};
#define NUMBER(c) ((c)->words[0])
#define VERB(c) ((c)->words[2])

struct thread {
    char name[32];
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct command *first, *last;
};

struct object {
    char handle[64];
    byname_kind kind;
    byname_handle id;
    uint32_t views; /* what views of a mapping are for: BYNAME_ACCESS_MAP_ */
};

struct child {
    char name[64];
    pid_t pid;
};

struct view {
    char handle[64];
    char *bytes;
};

static struct view views[OBJECTS];
static struct thread threads[THREADS];
static struct object objects[OBJECTS];
static int object_count;
static struct child children[OBJECTS];
static int child_count;
static pthread_mutex_t objects_lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *why) {
    fprintf(stderr, "driver.c: %s\n", why);
    _exit(2);
}

static void say(const struct command *c, const char *format, ...) {
    char text[LINE];
    int length = snprintf(text, sizeof text, "%s ", NUMBER(c));
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(text + length, sizeof text - (size_t)length - 1, format, arguments);
    va_end(arguments);
    text[length++] = '\n';
    if (write(STDOUT_FILENO, text, (size_t)length) != length) die("the conductor does not listen");
}

/* --- objects by handle */

static struct object find(const char *handle) {
    struct object found = {"", 0, BYNAME_NO_HANDLE, 0};
    pthread_mutex_lock(&objects_lock);
    for (int i = 0; i < object_count; i++)
        if (strcmp(objects[i].handle, handle) == 0) found = objects[i];
    pthread_mutex_unlock(&objects_lock);
    return found; /* without one: a handle that never was, which byname must refuse */
}

static void keep(const char *handle, byname_kind kind, byname_handle id, uint32_t access) {
    pthread_mutex_lock(&objects_lock);
    int i = 0;
    while (i < object_count && strcmp(objects[i].handle, handle) != 0) i++;
    if (i == OBJECTS) die("too many handles in one scenario");
    if (i == object_count) object_count++;
    snprintf(objects[i].handle, sizeof objects[i].handle, "%s", handle);
    objects[i].kind = kind;
    objects[i].id = id;
    objects[i].views = access == BYNAME_ACCESS_MAP_READ || access == BYNAME_ACCESS_MAP_COPY ? access : BYNAME_ACCESS_MAP_WRITE;
    pthread_mutex_unlock(&objects_lock);
}

/* --- words */

static int option(const struct command *c, int from, const char *wanted) {
    for (int i = from; i < c->count; i++)
        if (c->words[i] && strcmp(c->words[i], wanted) == 0) return 1;
    return 0;
}

static uint32_t access_of(const struct command *c, int from) {
    for (int i = from; i < c->count; i++)
        if (c->words[i] && strncmp(c->words[i], "access=", 7) == 0) return (uint32_t)strtoul(c->words[i] + 7, NULL, 16);
    return BYNAME_ACCESS_ALL;
}

static int64_t timeout_of(const char *word) {
    return strcmp(word, "inf") == 0 ? BYNAME_INFINITE : (int64_t)(strtod(word, NULL) * NANOS_PER_MILLI);
}

/* `%xx` is a byte, a lone `%` the empty word, `-` NULL. */
static char *decoded(char *word) {
    if (strcmp(word, "-") == 0) return NULL;
    char *to = word;
    for (const char *from = word; *from; from++) {
        unsigned byte;
        if (*from != '%') *to++ = *from;
        else if (sscanf(from + 1, "%2x", &byte) == 1) *to++ = (char)byte, from += 2;
    }
    *to = '\0';
    return word;
}

/* --- the one form in which every driver tells a result */

/* "BYNAME_ERR_NOT_OWNER" becomes "NotOwner". */
static void tell_error(char *out, size_t size, byname_status status) {
    char kind[64];
    int n = 0, start = 1;
    const char *name = byname_status_name(status);
    if (strncmp(name, "BYNAME_ERR_", 11) == 0) name += 11;
    for (; *name && n < 63; name++) {
        if (*name == '_') start = 1;
        else kind[n++] = (char)(start || *name < 'A' || *name > 'Z' ? *name : *name + ('a' - 'A')), start = 0;
    }
    kind[n] = '\0';
    snprintf(out, size, "error %s %" PRIu32, kind, byname_last_error_win32());
}

static void tell(char *out, size_t size, byname_status status) {
    if (BYNAME_FAILED(status)) tell_error(out, size, status);
    else snprintf(out, size, "%s", status == BYNAME_ABANDONED ? "abandoned" : status == BYNAME_TIMED_OUT ? "timeout" : "ok");
}

static void tell_number(char *out, size_t size, byname_status status, uint64_t number) {
    if (BYNAME_FAILED(status)) tell_error(out, size, status);
    else snprintf(out, size, "%" PRIu64, number);
}

/* --- commands */

static void tell_made(char *out, size_t size, byname_status status, const char *handle, byname_kind kind, byname_handle made,
                      uint32_t access) {
    bool created = false;
    if (!BYNAME_FAILED(status)) {
        keep(handle, kind, made, access);
        status = byname_handle_created(made, &created);
    }
    tell(out, size, status);
    if (created) snprintf(out, size, "ok created");
}

/* Where names are looked up. */
static byname_namespace place;

static void make(const struct command *c, char *out, size_t size) {
    const char *handle = c->words[3], *name = c->words[4];
    byname_handle made = BYNAME_NO_HANDLE;
    if (strcmp(VERB(c), "mapping") == 0) {
        byname_mapping_options how = BYNAME_MAPPING_OPTIONS_INIT;
        how.ns = place;
        how.access = access_of(c, 6);
        how.size = strtoull(c->words[5], NULL, 10);
        byname_status status = byname_mapping_create(name, &how, &made);
        tell_made(out, size, status, handle, BYNAME_KIND_MAPPING, made, how.access);
    } else if (VERB(c)[0] == 'm') {
        byname_mutex_options how = BYNAME_MUTEX_OPTIONS_INIT;
        how.ns = place;
        how.access = access_of(c, 5);
        how.initially_owned = (uint32_t)option(c, 5, "owned");
        byname_status status = byname_mutex_create(name, &how, &made);
        tell_made(out, size, status, handle, BYNAME_KIND_MUTEX, made, how.access);
    } else if (VERB(c)[0] == 'e') {
        byname_event_options how = BYNAME_EVENT_OPTIONS_INIT;
        how.ns = place;
        how.access = access_of(c, 5);
        how.manual_reset = (uint32_t)option(c, 5, "manual");
        how.initially_set = (uint32_t)option(c, 5, "set");
        byname_status status = byname_event_create(name, &how, &made);
        tell_made(out, size, status, handle, BYNAME_KIND_EVENT, made, how.access);
    } else if (VERB(c)[0] == 'j') {
        byname_job_options how = BYNAME_JOB_OPTIONS_INIT;
        how.ns = place;
        how.access = access_of(c, 5);
        how.kill_on_close = (uint32_t)option(c, 5, "kill");
        byname_status status = byname_job_create(name, &how, &made);
        tell_made(out, size, status, handle, BYNAME_KIND_JOB, made, how.access);
    } else if (VERB(c)[0] == 'w') {
        byname_watchdog_options how = BYNAME_WATCHDOG_OPTIONS_INIT;
        how.ns = place;
        how.access = access_of(c, 8);
        how.period_ns = timeout_of(c->words[5]);
        how.grace_ns = timeout_of(c->words[6]);
        how.action = strcmp(c->words[7], "kill") == 0 ? BYNAME_ACTION_KILL : BYNAME_ACTION_NONE;
        byname_status status = byname_watchdog_create(name, &how, &made);
        tell_made(out, size, status, handle, BYNAME_KIND_WATCHDOG, made, how.access);
    } else if (VERB(c)[0] == 'q') {
        byname_queue_options how = BYNAME_QUEUE_OPTIONS_INIT;
        how.ns = place;
        how.max_messages = (uint32_t)strtoul(c->words[5], NULL, 10);
        how.max_size = (uint32_t)strtoul(c->words[6], NULL, 10);
        how.end = option(c, 7, "w") ? BYNAME_QUEUE_WRITE : BYNAME_QUEUE_READ;
        how.flags = option(c, 7, "broken") ? BYNAME_QUEUE_ALLOW_BROKEN : 0;
        byname_status status = byname_queue_create(name, &how, &made);
        tell_made(out, size, status, handle, BYNAME_KIND_QUEUE, made, how.access);
    } else if (VERB(c)[0] == 't') {
        byname_timer_options how = BYNAME_TIMER_OPTIONS_INIT;
        how.ns = place;
        how.access = access_of(c, 5);
        how.manual_reset = (uint32_t)option(c, 5, "manual");
        byname_status status = byname_timer_create(name, &how, &made);
        tell_made(out, size, status, handle, BYNAME_KIND_TIMER, made, how.access);
    } else {
        byname_semaphore_options how = BYNAME_SEMAPHORE_OPTIONS_INIT;
        how.ns = place;
        how.access = access_of(c, 7);
        how.initial = strtoll(c->words[5], NULL, 10);
        how.maximum = strtoll(c->words[6], NULL, 10);
        how.robust = (uint32_t)option(c, 7, "robust");
        byname_status status = byname_semaphore_create(name, &how, &made);
        tell_made(out, size, status, handle, BYNAME_KIND_SEMAPHORE, made, how.access);
    }
}

static byname_kind kind_of(const char *word) {
    if (strcmp(word, "mapping") == 0) return BYNAME_KIND_MAPPING;
    switch (word[0]) {
    case 'm': return BYNAME_KIND_MUTEX;
    case 'e': return BYNAME_KIND_EVENT;
    case 't': return BYNAME_KIND_TIMER;
    case 'j': return BYNAME_KIND_JOB;
    case 'w': return BYNAME_KIND_WATCHDOG;
    case 'q': return BYNAME_KIND_QUEUE;
    default: return BYNAME_KIND_SEMAPHORE;
    }
}

static byname_status open_as(byname_kind kind, const char *name, uint32_t access, byname_handle *opened) {
    byname_open_options how = BYNAME_OPEN_OPTIONS_INIT;
    how.ns = place;
    how.access = access;
    switch (kind) {
    case BYNAME_KIND_MUTEX: return byname_mutex_open(name, &how, opened);
    case BYNAME_KIND_EVENT: return byname_event_open(name, &how, opened);
    case BYNAME_KIND_TIMER: return byname_timer_open(name, &how, opened);
    case BYNAME_KIND_JOB: return byname_job_open(name, &how, opened);
    case BYNAME_KIND_WATCHDOG: return byname_watchdog_open(name, &how, opened);
    case BYNAME_KIND_MAPPING: return byname_mapping_open(name, &how, opened);
    default: return byname_semaphore_open(name, &how, opened);
    }
}

static void open_existing(const struct command *c, char *out, size_t size) {
    byname_kind kind = kind_of(c->words[3]);
    byname_handle opened = BYNAME_NO_HANDLE;
    byname_queue_options how = BYNAME_QUEUE_OPTIONS_INIT;
    how.ns = place;
    how.end = option(c, 6, "w") ? BYNAME_QUEUE_WRITE : BYNAME_QUEUE_READ;
    byname_status status = kind == BYNAME_KIND_QUEUE ? byname_queue_open(c->words[5], &how, &opened) : open_as(kind, c->words[5], access_of(c, 6), &opened);
    tell_made(out, size, status, c->words[4], kind, opened, access_of(c, 6));
}

/* Whether the name exists: what an open finds, which is closed again. */
static void tell_existence(const struct command *c, char *out, size_t size) {
    byname_handle opened = BYNAME_NO_HANDLE;
    byname_status status = open_as(kind_of(c->words[3]), c->words[4], BYNAME_ACCESS_SYNCHRONIZE, &opened);
    tell(out, size, status);
    if (status == BYNAME_ERR_NOT_FOUND) snprintf(out, size, "no");
    if (status == BYNAME_OK) {
        tell(out, size, byname_handle_close(opened));
        if (strcmp(out, "ok") == 0) snprintf(out, size, "yes");
    }
}

/* All of an object's state. */
static void tell_state(char *out, size_t size, struct object object) {
    if (object.kind == BYNAME_KIND_MUTEX) {
        byname_mutex_state state;
        byname_status status = byname_mutex_look(object.id, &state);
        if (BYNAME_FAILED(status)) tell(out, size, status);
        else if (state.owner.pid == 0 && state.depth == 0) snprintf(out, size, state.abandoned ? "abandoned" : "free");
        else
            snprintf(out, size, "%" PRIu32 " %" PRIu32 " %" PRIu32 "%s", state.owner.pid, state.owner.tid, state.depth,
                     state.abandoned ? " abandoned" : "");
    } else if (object.kind == BYNAME_KIND_EVENT) {
        byname_event_state state;
        byname_status status = byname_event_look(object.id, &state);
        if (BYNAME_FAILED(status)) tell(out, size, status);
        else snprintf(out, size, "%s %s", state.manual_reset ? "manual" : "auto", state.set ? "set" : "unset");
    } else if (object.kind == BYNAME_KIND_JOB) {
        byname_status status = byname_wait(object.id, 0, NULL);
        if (BYNAME_FAILED(status)) tell(out, size, status);
        else snprintf(out, size, "manual %s", status == BYNAME_OK ? "set" : "unset");
    } else if (object.kind == BYNAME_KIND_WATCHDOG) {
        byname_watchdog_state state;
        static const char *const stages[] = {"stopped", "running", "grace", "expired"};
        byname_status status = byname_watchdog_look(object.id, &state);
        if (BYNAME_FAILED(status)) tell(out, size, status);
        else snprintf(out, size, "%s", stages[state.stage]);
    } else if (object.kind == BYNAME_KIND_TIMER) {
        byname_timer_state state;
        byname_status status = byname_timer_look(object.id, &state);
        if (BYNAME_FAILED(status)) tell(out, size, status);
        else snprintf(out, size, "%s %s", state.manual_reset ? "manual" : "auto", state.signaled ? "set" : "unset");
    } else if (object.kind == BYNAME_KIND_MAPPING) {
        byname_mapping_state state;
        byname_status status = byname_mapping_look(object.id, &state);
        if (BYNAME_FAILED(status)) tell(out, size, status);
        else snprintf(out, size, "%" PRIu64 "/%" PRIu64, state.version, state.size);
    } else {
        byname_semaphore_state state;
        byname_status status = byname_semaphore_look(object.id, &state);
        if (BYNAME_FAILED(status)) tell(out, size, status);
        else snprintf(out, size, "%" PRIu32 "/%" PRIu32 "%s", state.available, state.maximum, state.robust ? " robust" : "");
    }
}

/* `arm t MS [PERIOD]`, and `arm-at`, so many milliseconds after now on the wall clock. */
static byname_status arm(const struct command *c, byname_handle h) {
    int64_t due = timeout_of(c->words[4]), period = c->count > 5 ? timeout_of(c->words[5]) : 0;
    struct timespec now;
    if (strcmp(VERB(c), "arm") == 0) return byname_timer_set(h, due, period);
    clock_gettime(CLOCK_REALTIME, &now);
    return byname_timer_set_at(h, now.tv_sec * INT64_C(1000000000) + now.tv_nsec + due, period);
}

static void tell_remaining(char *out, size_t size, byname_handle h) {
    int64_t left = 0;
    byname_status status = byname_timer_remaining(h, &left);
    tell(out, size, status);
    if (!BYNAME_FAILED(status)) snprintf(out, size, left < 0 ? "none" : "some");
}

/* --- queues */

static void send_message(const struct command *c, char *out, size_t size, byname_handle h) {
    uint32_t flags = option(c, 6, "alert") ? BYNAME_QUEUE_ALERT : 0;
    tell(out, size, byname_queue_send(h, c->words[5], strlen(c->words[5]), timeout_of(c->words[4]), flags));
}

static void receive_message(const struct command *c, char *out, size_t size, byname_handle h) {
    char message[4096];
    size_t length = 0;
    uint32_t flags = 0;
    byname_status status = byname_queue_recv(h, message, sizeof message, timeout_of(c->words[4]), &length, &flags);
    tell(out, size, status);
    if (status == BYNAME_OK) snprintf(out, size, "%.*s%s", (int)length, message, flags & BYNAME_QUEUE_ALERT ? " alert" : "");
}

static void tell_info(char *out, size_t size, byname_handle h) {
    byname_queue_state s;
    byname_status status = byname_queue_info(h, &s);
    tell(out, size, status);
    if (status == BYNAME_OK)
        snprintf(out, size, "%" PRIu32 "/%" PRIu32 " of %" PRIu32 ", %" PRIu32 " readers %" PRIu32 " writers, most %" PRIu32, s.messages, s.max_messages,
                 s.max_size, s.readers, s.writers, s.most_messages);
}

/* --- processes and jobs */

static struct child *child_of(const char *name) {
    for (int i = 0; i < child_count; i++)
        if (strcmp(children[i].name, name) == 0) return &children[i];
    return NULL;
}

static pid_t pid_of(const char *name) {
    struct child *found = child_of(name);
    return strcmp(name, "self") == 0 ? getpid() : found ? found->pid : 0;
}

/* A program that sleeps; it begins once it is in the job, if there is one. */
static byname_status start(const char *name, const byname_handle *job) {
    int gate[2], gone[2];
    char go;
    if (child_count == OBJECTS || pipe2(gate, O_CLOEXEC) != 0 || pipe2(gone, O_CLOEXEC) != 0) die("no room for a child");
    pid_t pid = fork();
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDWR);
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDOUT_FILENO);
        close(gate[1]);
        if (write(gone[1], "c", 1) != 1) _exit(127); /* come: a child that is killed before it has its place keeps that for a while */
        if (read(gate[0], &go, 1) == 1) execlp("sleep", "sleep", "1000", (char *)NULL);
        _exit(127);
    }
    snprintf(children[child_count].name, sizeof children[0].name, "%s", name);
    children[child_count++].pid = pid;
    if (read(gone[0], &go, 1) != 1) die("the child does not come");
    byname_status status = job ? byname_job_assign(*job, pid) : BYNAME_OK;
    if (!BYNAME_FAILED(status) && write(gate[1], "g", 1) != 1) die("the child does not listen");
    close(gate[0]);
    close(gate[1]);
    close(gone[1]);
    if (read(gone[0], &go, 1) != 0) die("the child tells something"); /* it has become the program, and has nothing of ours */
    close(gone[0]);
    if (BYNAME_FAILED(status)) {
        waitpid(pid, NULL, 0);
        child_count--;
    }
    return status;
}

static void reap(char *out, size_t size, const char *name) {
    struct child *child = child_of(name);
    int status = 0;
    if (!child || waitpid(child->pid, &status, 0) != child->pid) {
        snprintf(out, size, "fault no child %s", name);
        return;
    }
    *child = children[--child_count];
    if (WIFSIGNALED(status)) snprintf(out, size, "signal %d", WTERMSIG(status));
    else snprintf(out, size, "exit %d", WEXITSTATUS(status));
}

static void open_process(const struct command *c, char *out, size_t size) {
    byname_open_options how = BYNAME_OPEN_OPTIONS_INIT;
    how.ns = place;
    byname_handle opened = BYNAME_NO_HANDLE;
    how.access = access_of(c, 5);
    byname_status status = byname_process_open(pid_of(c->words[4]), &how, &opened);
    tell_made(out, size, status, c->words[3], BYNAME_KIND_PROCESS, opened, how.access);
}

static void tell_code(char *out, size_t size, byname_handle h) {
    bool running = false;
    uint32_t code = 0;
    byname_status status = byname_process_exit_code(h, &running, &code);
    tell_number(out, size, status, code);
    if (running) snprintf(out, size, "none");
}

static void tell_pids(char *out, size_t size, byname_handle h) {
    size_t count = 0;
    byname_status status = byname_job_pids(h, NULL, 0, &count);
    tell_number(out, size, status, count);
}

static byname_status terminate(struct object object, const char *code) {
    uint32_t number = (uint32_t)strtoul(code, NULL, 10);
    return object.kind == BYNAME_KIND_JOB ? byname_job_terminate(object.id, number) : byname_process_terminate(object.id, number);
}

static void begin_notifications(const struct command *c, char *out, size_t size) {
    byname_handle begun = BYNAME_NO_HANDLE;
    byname_status status = byname_job_notifications(find(c->words[4]).id, &begun);
    tell_made(out, size, status, c->words[3], BYNAME_KIND_QUEUE, begun, 0);
    if (status == BYNAME_OK) snprintf(out, size, "ok");
}

/* What a job tells, and of whom: a program that this driver has started, or another. */
static void tell_notification(const struct command *c, char *out, size_t size, byname_handle h) {
    static const char *const messages[] = {[3] = "process-limit", [4] = "zero", [6] = "new", [7] = "exit", [8] = "abnormal-exit", [10] = "memory-limit"};
    byname_job_notification told;
    byname_status status = byname_job_notification_next(h, timeout_of(c->words[4]), &told);
    const char *of = "other";
    tell(out, size, status);
    if (status != BYNAME_OK) return;
    for (int i = 0; i < child_count; i++)
        if ((uint32_t)children[i].pid == told.pid) of = children[i].name;
    snprintf(out, size, told.pid ? "%s %s" : "%s", messages[told.message], of);
}

static byname_status put_limit(const struct command *c, byname_handle h) {
    byname_job_limits limits = {(uint32_t)strtoul(c->words[4], NULL, 10), (uint32_t)option(c, 5, "kill"), 0};
    return byname_job_limit(h, &limits);
}

/* --- mappings */

/* The place of a view's name, or a vacant one. */
static struct view *view_named(const char *name) {
    struct view *vacant = NULL;
    for (int i = 0; i < OBJECTS; i++) {
        if (views[i].bytes && strcmp(views[i].handle, name) == 0) return &views[i];
        if (!views[i].bytes && !vacant) vacant = &views[i];
    }
    if (!vacant) die("too many views in one scenario");
    return vacant;
}

/* Views of one scenario are made by one thread at a time. */
static void map(const struct command *c, char *out, size_t size) {
    byname_handle h = find(c->words[4]).id;
    struct view *view = view_named(c->words[3]);
    void *bytes = NULL;
    uint64_t offset = strtoull(c->words[5], NULL, 10), length = strtoull(c->words[6], NULL, 10);
    byname_status status = byname_mapping_map(h, find(c->words[4]).views, offset, length, NULL, &bytes, NULL);
    tell(out, size, status);
    if (BYNAME_FAILED(status)) return;
    snprintf(view->handle, sizeof view->handle, "%s", c->words[3]);
    view->bytes = bytes;
}

/* Bytes as a word; those that are zero as dots. */
static void show(char *out, size_t size, const char *bytes, size_t length) {
    size_t n = length < size - 1 ? length : size - 1;
    for (size_t i = 0; i < n; i++) out[i] = bytes[i] ? bytes[i] : '.';
    out[n] = '\0';
}

static void write_whole(const struct command *c, byname_handle h, char *out, size_t size) {
    void *bytes = NULL;
    byname_status status = byname_mapping_map(h, BYNAME_ACCESS_MAP_WRITE, 0, 0, NULL, &bytes, NULL);
    if (!BYNAME_FAILED(status)) status = byname_mapping_begin_change(h, NULL);
    if (!BYNAME_FAILED(status)) {
        memcpy((char *)bytes + strtoull(c->words[4], NULL, 10), c->words[5], strlen(c->words[5]));
        status = byname_mapping_end_change(h);
    }
    tell(out, size, status);
    if (bytes) byname_mapping_unmap(bytes);
}

static void read_whole(const struct command *c, byname_handle h, char *out, size_t size) {
    char copy[LINE / 2];
    void *bytes = NULL;
    size_t length = strtoull(c->words[5], NULL, 10);
    if (length > sizeof copy) die("a read that is too long");
    byname_status status = byname_mapping_map(h, BYNAME_ACCESS_MAP_READ, 0, 0, NULL, &bytes, NULL);
    if (!BYNAME_FAILED(status))
        status = byname_mapping_read_whole(h, (char *)bytes + strtoull(c->words[4], NULL, 10), copy, length, BYNAME_INFINITE, NULL);
    tell(out, size, status);
    if (!BYNAME_FAILED(status)) show(out, size, copy, length);
    if (bytes) byname_mapping_unmap(bytes);
}

static byname_status put_flag(byname_handle h, uint32_t flag, const char *word) {
    return byname_handle_set_information(h, flag, strcmp(word, "on") == 0 ? flag : 0);
}

static void tell_flags(char *out, size_t size, byname_handle h) {
    uint32_t flags = 0;
    byname_status status = byname_handle_get_information(h, &flags);
    static const char *const words[] = {"none", "inheritable", "protected", "protected inheritable"};
    if (BYNAME_FAILED(status)) tell(out, size, status);
    else snprintf(out, size, "%s", words[flags & 3]);
}

static void wait_many(const struct command *c, char *out, size_t size) {
    byname_handle handles[WORDS];
    byname_wait_result result;
    int n = c->count - 4, any = strcmp(VERB(c), "wait-any") == 0;
    for (int i = 0; i < n; i++) handles[i] = find(c->words[4 + i]).id;
    byname_status status = (any ? byname_wait_any : byname_wait_all)(handles, (size_t)n, timeout_of(c->words[3]), &result);
    tell(out, size, status);
    if (any && (status == BYNAME_OK || status == BYNAME_ABANDONED))
        snprintf(out, size, "index %" PRId64 "%s", result.index, result.abandoned ? " abandoned" : "");
}

static void acquire(const struct command *c, char *out, size_t size) {
    struct object target = find(c->words[3]);
    int64_t limit = timeout_of(c->words[4]);
    tell(out, size, target.kind == BYNAME_KIND_EVENT ? byname_event_wait(target.id, limit)
                    : target.kind == BYNAME_KIND_WATCHDOG ? byname_watchdog_wait(target.id, limit)
                    : target.kind == BYNAME_KIND_TIMER   ? byname_timer_wait(target.id, limit)
                    : target.kind == BYNAME_KIND_JOB || target.kind == BYNAME_KIND_PROCESS ? byname_wait(target.id, limit, NULL)
                    : target.kind == BYNAME_KIND_SEMAPHORE ? byname_semaphore_acquire(target.id, limit, NULL)
                                                           : byname_mutex_lock(target.id, limit, NULL));
}

/* Closes everything, so that the next scenario finds a clean process. */
static void clear(char *out, size_t size) {
    tell(out, size, BYNAME_OK);
    for (; child_count > 0; child_count--) {
        kill(children[child_count - 1].pid, SIGKILL);
        waitpid(children[child_count - 1].pid, NULL, 0);
    }
    for (int i = 0; i < object_count; i++) {
        byname_status status = byname_handle_close(objects[i].id);
        if (BYNAME_FAILED(status) && status != BYNAME_ERR_CLOSED) tell(out, size, status);
    }
    object_count = 0;
    place.profile = BYNAME_PROFILE_DESKTOP;
    for (int i = 0; i < OBJECTS; i++) {
        if (views[i].bytes) byname_mapping_unmap(views[i].bytes);
        views[i].bytes = NULL;
    }
}

/* Locks, counts, unlocks for ever; the ledger shows `B` while the count is half written (see conductor/kill.py). */
static void churn(const struct command *c, char *out, size_t size) {
    byname_handle mutex = find(c->words[3]).id;
    int ledger = open(c->words[4], O_RDWR | O_CLOEXEC);
    for (;;) {
        byname_grant grant;
        char line[64] = "", mark;
        uint64_t fence, count;
        byname_status status = byname_mutex_lock(mutex, BYNAME_INFINITE, &grant);
        if (BYNAME_FAILED(status)) return tell(out, size, status);
        if (pread(ledger, line, 42, 0) != 42 || sscanf(line, "%" SCNu64 " %" SCNu64 " %c", &fence, &count, &mark) != 3) {
            snprintf(out, size, "broken line");
            return;
        }
        if ((mark == 'B' && !grant.abandoned) || fence >= grant.fence) {
            snprintf(out, size, mark == 'B' ? "broken half" : "broken fence");
            return;
        }
        for (const char *next = "BE"; *next; next++) {
            snprintf(line, sizeof line, "%019" PRIu64 " %019" PRIu64 " %c\n", grant.fence, count + 1, *next);
            if (pwrite(ledger, line, 42, 0) != 42) die("the ledger cannot be written");
        }
        status = byname_mutex_unlock(mutex);
        if (BYNAME_FAILED(status)) return tell(out, size, status);
    }
}

static void result(struct command *c, char *out, size_t size);

/* Runs the rest of the command in a forked child of this thread. */
static void run_forked(struct command *c, char *out, size_t size) {
    int ends[2];
    if (pipe(ends) != 0) die("no pipe");
    pid_t child = fork();
    if (child == 0) {
        memmove(&c->words[2], &c->words[3], sizeof c->words[0] * (size_t)(c->count - 3));
        c->count--;
        result(c, out, size);
        if (write(ends[1], out, strlen(out)) < 0) die("the parent does not listen");
        _exit(0);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], out, size - 1);
    out[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    waitpid(child, NULL, 0);
}

/* Forks a child that keeps what it has and does nothing. */
static void leave_child(char *out, size_t size) {
    pid_t child = fork();
    while (child == 0) pause();
    snprintf(out, size, "child %d", (int)child);
}

static void result(struct command *c, char *out, size_t size) {
    const char *verb = VERB(c);
    byname_handle h = c->count > 3 && c->words[3] ? find(c->words[3]).id : (byname_handle)BYNAME_NO_HANDLE;
    if (strcmp(verb, "ping") == 0) snprintf(out, size, "pong");
    else if (strcmp(verb, "tid") == 0) snprintf(out, size, "%ld", syscall(SYS_gettid));
    else if (strcmp(verb, "clear") == 0) clear(out, size);
    else if (strcmp(verb, "profile") == 0) {
        place.profile = strcmp(c->words[3], "ce") == 0 ? BYNAME_PROFILE_CE : BYNAME_PROFILE_DESKTOP;
        tell(out, size, BYNAME_OK);
    } else if (strcmp(verb, "fork") == 0) run_forked(c, out, size);
    else if (strcmp(verb, "child") == 0) leave_child(out, size);
    else if (strcmp(verb, "exec") == 0) execl("/bin/cat", "cat", (char *)NULL);
    else if (strcmp(verb, "churn") == 0) churn(c, out, size);
    else if (strcmp(verb, "mutex") == 0 || strcmp(verb, "event") == 0 || strcmp(verb, "semaphore") == 0 || strcmp(verb, "timer") == 0 ||
             strcmp(verb, "watchdog") == 0 || strcmp(verb, "job") == 0 || strcmp(verb, "mapping") == 0 ||
             strcmp(verb, "queue") == 0)
        make(c, out, size);
    else if (strcmp(verb, "send") == 0) send_message(c, out, size, h);
    else if (strcmp(verb, "recv") == 0) receive_message(c, out, size, h);
    else if (strcmp(verb, "info") == 0) tell_info(out, size, h);
    else if (strcmp(verb, "run") == 0) tell(out, size, start(c->words[3], NULL));
    else if (strcmp(verb, "spawn") == 0) tell(out, size, start(c->words[4], &h));
    else if (strcmp(verb, "assign") == 0) tell(out, size, byname_job_assign(h, pid_of(c->words[4])));
    else if (strcmp(verb, "process") == 0) open_process(c, out, size);
    else if (strcmp(verb, "code") == 0) tell_code(out, size, h);
    else if (strcmp(verb, "terminate") == 0) tell(out, size, terminate(find(c->words[3]), c->words[4]));
    else if (strcmp(verb, "pids") == 0) tell_pids(out, size, h);
    else if (strcmp(verb, "limit") == 0) tell(out, size, put_limit(c, h));
    else if (strcmp(verb, "notifications") == 0) begin_notifications(c, out, size);
    else if (strcmp(verb, "told") == 0) tell_notification(c, out, size, h);
    else if (strcmp(verb, "reap") == 0) reap(out, size, c->words[3]);
    else if (strcmp(verb, "start") == 0) tell(out, size, byname_watchdog_start(h));
    else if (strcmp(verb, "refresh") == 0) tell(out, size, byname_watchdog_refresh(h));
    else if (strcmp(verb, "stop") == 0) tell(out, size, byname_watchdog_stop(h));
    else if (strcmp(verb, "arm") == 0 || strcmp(verb, "arm-at") == 0) tell(out, size, arm(c, h));
    else if (strcmp(verb, "cancel") == 0) tell(out, size, byname_timer_cancel(h));
    else if (strcmp(verb, "remaining") == 0) tell_remaining(out, size, h);
    else if (strcmp(verb, "map") == 0) map(c, out, size);
    else if (strcmp(verb, "poke") == 0) {
        char *bytes = view_named(c->words[3])->bytes;
        if (bytes) memcpy(bytes + strtoull(c->words[4], NULL, 10), c->words[5], strlen(c->words[5]));
        snprintf(out, size, bytes ? "ok" : "fault no view");
    } else if (strcmp(verb, "peek") == 0) {
        char *bytes = view_named(c->words[3])->bytes;
        if (bytes) show(out, size, bytes + strtoull(c->words[4], NULL, 10), strtoull(c->words[5], NULL, 10));
        else snprintf(out, size, "fault no view");
    } else if (strcmp(verb, "unmap") == 0) {
        struct view *view = view_named(c->words[3]);
        tell(out, size, byname_mapping_unmap(view->bytes));
        view->bytes = NULL;
    } else if (strcmp(verb, "write") == 0) write_whole(c, h, out, size);
    else if (strcmp(verb, "read") == 0) read_whole(c, h, out, size);
    else if (strcmp(verb, "half-write") == 0) tell(out, size, byname_mapping_begin_change(h, NULL));
    else if (strcmp(verb, "open") == 0) open_existing(c, out, size);
    else if (strcmp(verb, "close") == 0) tell(out, size, byname_handle_close(h));
    else if (strcmp(verb, "acquire") == 0) acquire(c, out, size);
    else if (strcmp(verb, "set") == 0) tell(out, size, byname_event_set(h));
    else if (strcmp(verb, "reset") == 0) tell(out, size, byname_event_reset(h));
    else if (strcmp(verb, "pulse") == 0) tell(out, size, byname_event_pulse(h));
    else if (strcmp(verb, "wait-any") == 0 || strcmp(verb, "wait-all") == 0) wait_many(c, out, size);
    else if (strcmp(verb, "signal-and-wait") == 0)
        tell(out, size, byname_signal_and_wait(find(c->words[4]).id, find(c->words[5]).id, timeout_of(c->words[3]), NULL));
    else if (strcmp(verb, "release") == 0) {
        int counts = find(c->words[3]).kind == BYNAME_KIND_SEMAPHORE;
        tell(out, size, counts ? byname_semaphore_release(h, 1, NULL) : byname_mutex_unlock(h));
    } else if (strcmp(verb, "state") == 0) tell_state(out, size, find(c->words[3]));
    else if (strcmp(verb, "exists") == 0) tell_existence(c, out, size);
    else if (strcmp(verb, "protect") == 0) tell(out, size, put_flag(h, BYNAME_HANDLE_PROTECT_FROM_CLOSE, c->words[4]));
    else if (strcmp(verb, "inherit") == 0) tell(out, size, put_flag(h, BYNAME_HANDLE_INHERIT, c->words[4]));
    else if (strcmp(verb, "flags") == 0) tell_flags(out, size, h);
    else if (strcmp(verb, "post") == 0) {
        uint32_t untouched = 4242, previous = untouched;
        byname_status status = byname_semaphore_release(h, strtoll(c->words[4], NULL, 10), &previous);
        tell_number(out, size, status, previous);
        if (BYNAME_FAILED(status) && previous != untouched) snprintf(out, size, "fault a failed release wrote its output");
    } else if (strcmp(verb, "fence") == 0) {
        byname_grant grant = {0, false};
        byname_status status = byname_mutex_held(h, &grant);
        tell_number(out, size, status, grant.fence);
    } else if (strcmp(verb, "abandoned") == 0) {
        byname_grant grant = {0, false};
        byname_status status = byname_mutex_held(h, &grant);
        tell(out, size, status);
        if (!BYNAME_FAILED(status)) snprintf(out, size, grant.abandoned ? "yes" : "no");
    } else snprintf(out, size, "fault C cannot say %s", verb);
}

static void perform(struct command *c) {
    char out[LINE] = "";
    const char *limit = strcmp(VERB(c), "acquire") == 0 || strcmp(VERB(c), "send") == 0 || strcmp(VERB(c), "recv") == 0 ||
                                strcmp(VERB(c), "told") == 0
                            ? c->words[4]
                        : strncmp(VERB(c), "wait-", 5) == 0 || strcmp(VERB(c), "signal-and-wait") == 0 ? c->words[3]
                                                                                                    : "0";
    if (strcmp(limit, "0") != 0) say(c, "begin %ld", syscall(SYS_gettid));
    result(c, out, sizeof out);
    say(c, "%s", out);
    free(c);
}

/* --- threads and lines */

static struct command *next_command(struct thread *t) {
    pthread_mutex_lock(&t->lock);
    while (!t->first) pthread_cond_wait(&t->arrived, &t->lock);
    struct command *c = t->first;
    t->first = c->next;
    pthread_mutex_unlock(&t->lock);
    return c;
}

static void give(struct thread *t, struct command *c) {
    pthread_mutex_lock(&t->lock);
    c->next = NULL;
    if (t->first) t->last->next = c;
    else t->first = c;
    t->last = c;
    pthread_cond_signal(&t->arrived);
    pthread_mutex_unlock(&t->lock);
}

/* Runs a thread's commands until one tells it to end. */
static void *work(void *thread) {
    struct command *c;
    while (strncmp(VERB(c = next_command(thread)), "exit", 4) != 0) perform(c);
    return c;
}

static struct thread *thread_named(const char *name, int start) {
    struct thread *vacant = NULL;
    for (int i = 0; i < THREADS; i++) {
        if (strcmp(threads[i].name, name) == 0) return &threads[i];
        if (!threads[i].name[0] && !vacant) vacant = &threads[i];
    }
    if (!vacant) die("too many threads in one scenario");
    snprintf(vacant->name, sizeof vacant->name, "%s", name);
    pthread_mutex_init(&vacant->lock, NULL);
    pthread_cond_init(&vacant->arrived, NULL);
    vacant->first = NULL;
    if (start && pthread_create(&vacant->id, NULL, work, vacant) != 0) die("no thread");
    return vacant;
}

static void dispatch(char *line) {
    struct command *c = calloc(1, sizeof *c);
    if (!c || strlen(line) >= LINE) die("a line that is too long");
    strcpy(c->line, line);
    char *rest = c->line;
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (c->count == WORDS) die("too many words");
        c->words[c->count++] = word;
    }
    const char *name = c->words[1];
    for (int i = 3; i < c->count; i++) c->words[i] = decoded(c->words[i]);
    if (strcmp(name, "io") == 0) {
        perform(c);
        return;
    }
    struct thread *t = thread_named(name, 1);
    if (strcmp(VERB(c), "exit-thread") != 0) {
        give(t, c);
        return;
    }
    void *last;
    give(t, c);
    pthread_join(t->id, &last);
    t->name[0] = '\0';
    say(last, "ok");
    free(last);
}

static void *read_lines(void *unused) {
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, stdin)) > 0) {
        line[length - 1] = '\0';
        dispatch(line);
    }
    _exit(3); /* the conductor has gone */
    return unused;
}

int main(void) {
    pthread_t reader;
    struct thread *self = thread_named("main", 0);
    if (pthread_create(&reader, NULL, read_lines, NULL) != 0) die("no thread");
    free(work(self));
    return 0; /* a normal exit, with the atexit handlers */
}
