/*
 * The whole test framework: a test is a function, a check that fails names its line, main() runs the tests.
 * Compiles as C99 and as C++17. Include it first.
 */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <byname.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS ((int64_t)1000000)
/* Longer than anything takes: what ends by it has hung. */
#define LONG_TIME (60 * 1000 * MS)

/* Threads other than the main one check too; they are joined before the count is read. */
static int failed_checks;

static inline int check_that(int holds, const char *what, int line) {
    if (!holds) {
        fprintf(stderr, "    line %d: %s\n", line, what);
        failed_checks++;
    }
    return holds;
}

static inline int check_status(byname_status found, byname_status wanted, const char *what, int line) {
    if (found != wanted) {
        fprintf(stderr, "    line %d: %s is %s, not %s", line, what, byname_status_name(found), byname_status_name(wanted));
        fprintf(stderr, BYNAME_FAILED(found) ? " (%s)\n" : "\n", byname_last_error_message());
        failed_checks++;
    }
    return found == wanted;
}

static inline int check_failure(byname_status found, byname_status wanted, uint32_t win32, const char *what, int line) {
    if (!check_status(found, wanted, what, line)) return 0;
    if (byname_last_error_win32() != win32) {
        fprintf(stderr, "    line %d: %s has number %u, not %u\n", line, what, byname_last_error_win32(), win32);
        failed_checks++;
        return 0;
    }
    return check_that(strlen(byname_last_error_message()) > 0, "an error has a message", line);
}

#define CHECK(condition) check_that((condition), #condition, __LINE__)
#define IS(call, wanted) check_status((call), (wanted), #call, __LINE__)
#define OK(call) IS(call, BYNAME_OK)
#define FAILS(call, wanted, win32) check_failure((call), (wanted), (win32), #call, __LINE__)

typedef struct {
    const char *name;
    void (*run)(void);
} test;

/* Runs the tests; the last line is for run.sh. */
static inline int run_tests(const test *tests, size_t n) {
    int passed = 0, failed = 0;
    size_t i;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* a child that died reads no more */
    for (i = 0; i < n; i++) {
        alarm(120); /* the watchdog: a hang is a failure */
        failed_checks = 0;
        tests[i].run();
        printf("%s %s\n", failed_checks ? "FAILED" : "ok", tests[i].name);
        if (failed_checks) failed++; else passed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

#define TESTS(...) \
    int main(void) { \
        static const test tests[] = {__VA_ARGS__}; \
        return run_tests(tests, sizeof tests / sizeof *tests); \
    }
#define T(function) {#function, function}

static inline int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- objects without a name */

static inline byname_handle new_mutex(void) {
    byname_handle h = BYNAME_NO_HANDLE;
    OK(byname_mutex_create(NULL, NULL, &h));
    return h;
}

static inline byname_handle new_event(int manual, int set) {
    byname_event_options o = BYNAME_EVENT_OPTIONS_INIT;
    byname_handle h = BYNAME_NO_HANDLE;
    o.manual_reset = (uint32_t)manual;
    o.initially_set = (uint32_t)set;
    OK(byname_event_create(NULL, &o, &h));
    return h;
}

static inline byname_handle new_semaphore(int64_t initial, int64_t maximum) {
    byname_semaphore_options o = BYNAME_SEMAPHORE_OPTIONS_INIT;
    byname_handle h = BYNAME_NO_HANDLE;
    o.initial = initial;
    o.maximum = maximum;
    OK(byname_semaphore_create(NULL, &o, &h));
    return h;
}

static inline int is_set(byname_handle h) {
    bool set = false;
    OK(byname_event_is_set(h, &set));
    return set;
}

static inline uint32_t available(byname_handle h) {
    uint32_t count = 0xBAD;
    OK(byname_semaphore_available(h, &count));
    return count;
}

/* --- another thread that makes one wait */

typedef struct {
    pthread_t thread;
    int told[2]; /* a pipe: the thread's id */
    pid_t tid;
    byname_handle h[2];
    size_t n; /* 1: byname_wait, 2: byname_wait_all */
    int64_t timeout_ns;
    int unlock; /* afterwards unlock h[0] */
    byname_status status;
    byname_grant grant;
} waiter;

static void *waiter_runs(void *pointer) {
    waiter *w = (waiter *)pointer;
    pid_t tid = (pid_t)syscall(SYS_gettid);
    byname_wait_result r = {0, 0, false};
    if (write(w->told[1], &tid, sizeof tid) != (ssize_t)sizeof tid) abort();
    if (w->n == 1) {
        w->status = byname_wait(w->h[0], w->timeout_ns, &w->grant);
    } else {
        w->status = byname_wait_all(w->h, w->n, w->timeout_ns, &r);
        w->grant.abandoned = r.abandoned;
    }
    if (w->unlock && !BYNAME_FAILED(w->status) && w->status != BYNAME_TIMED_OUT) OK(byname_mutex_unlock(w->h[0]));
    return NULL;
}

static inline void start_waiter(waiter *w) {
    if (pipe(w->told) != 0 || pthread_create(&w->thread, NULL, waiter_runs, w) != 0) abort();
    if (read(w->told[0], &w->tid, sizeof w->tid) != (ssize_t)sizeof w->tid) abort();
}

/* Whether a thread sleeps in a futex call, or has ended. */
static inline int sleeps(pid_t tid) {
    char path[64];
    long number = -1;
    FILE *f;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)tid);
    f = fopen(path, "r");
    if (!f) return 1;
    if (fscanf(f, "%ld", &number) != 1) number = -1;
    fclose(f);
    return number == SYS_futex || number == 449 /* futex_waitv */;
}

/* Returns when the waiter has gone to sleep in its wait, or failed. */
static inline void until_blocked(const waiter *w) {
    int seen = 0;
    while (seen < 3) {
        seen = sleeps(w->tid) ? seen + 1 : 0;
        sched_yield();
    }
}

static inline void block_waiter(waiter *w) {
    start_waiter(w);
    until_blocked(w);
}

static inline void join_waiter(waiter *w) {
    pthread_join(w->thread, NULL);
    close(w->told[0]);
    close(w->told[1]);
}

/* What a wait of another thread answers. */
static inline byname_status elsewhere(byname_handle h, int64_t timeout_ns) {
    waiter w;
    memset(&w, 0, sizeof w);
    w.h[0] = h;
    w.n = 1;
    w.timeout_ns = timeout_ns;
    start_waiter(&w);
    join_waiter(&w);
    return w.status;
}

/* --- another process */

typedef struct {
    pid_t pid;
    int from; /* what the child writes */
    int to;   /* what the parent writes */
} child;

typedef struct {
    int out, in;
} parent;

static inline void tell(const parent *p) {
    if (write(p->out, "x", 1) != 1) _exit(70);
}

static inline void wait_for_parent(const parent *p) {
    char c;
    while (read(p->in, &c, 1) < 0 && errno == EINTR) {}
}

/* Forks; the child runs `body` and ends with the number of its failed checks. */
static inline child start_child(void (*body)(const parent *)) {
    int up[2], down[2];
    child c;
    fflush(NULL);
    if (pipe(up) != 0 || pipe(down) != 0) abort();
    c.pid = fork();
    if (c.pid < 0) abort();
    if (c.pid == 0) {
        parent p;
        close(up[0]);
        close(down[1]);
        p.out = up[1];
        p.in = down[0];
        failed_checks = 0;
        alarm(120);
        body(&p);
        fflush(NULL);
        _exit(failed_checks != 0);
    }
    close(up[1]);
    close(down[0]);
    c.from = up[0];
    c.to = down[1];
    return c;
}

/* Waits until the child has said something; 0 if it died instead. */
static inline int heard(const child *c) {
    char byte;
    ssize_t got;
    while ((got = read(c->from, &byte, 1)) < 0 && errno == EINTR) {}
    return got == 1;
}

/* Lets a child in wait_for_parent() go on. */
static inline void let_go(const child *c) {
    while (write(c->to, "x", 1) < 0 && errno == EINTR) {}
}

/* Lets it go on and waits for its end. */
static inline int end_child(child *c) {
    int status = -1;
    let_go(c);
    close(c->to);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {}
    close(c->from);
    return status;
}

static inline void kill_child(child *c) {
    kill(c->pid, SIGSTOP); /* so that it cannot go on before it dies */
    kill(c->pid, SIGKILL);
    CHECK(WIFSIGNALED(end_child(c)));
}

#endif
