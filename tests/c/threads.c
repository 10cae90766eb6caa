/* Many threads on the same handles, threads that are cancelled, end, exit or fork in the middle of something. */
#include "check.h"

#define LOAD(word) __atomic_load_n(&(word), __ATOMIC_SEQ_CST)
#define STORE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_SEQ_CST)

static uint32_t random_below(uint64_t *seed, uint32_t n) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % n;
}

static byname_handle new_of(int kind) {
    return kind == 0 ? new_mutex() : kind == 1 ? new_event(0, 0) : new_semaphore(0, 2);
}

/* --- a handle that is closed under its users */

#define SLOTS 6
#define USERS 8
#define CLOSERS 8
#define GUARDED 70

static uint64_t slots[SLOTS]; /* handles; the kind of a place stays */
static int stop_using;
static uint64_t uses, closes;

/* What a call on a handle may say that somebody else may be closing: its outcome or "closed", never "of another kind", never "not yours". */
static void one_use(byname_handle h, int kind, uint64_t *seed) {
    bool flag;
    uint32_t count;
    size_t length;
    byname_handle copy;
    byname_status s = BYNAME_OK;
    switch (random_below(seed, 6)) {
    case 0: s = byname_handle_name(h, NULL, 0, &length); break;
    case 1:
        s = byname_handle_duplicate(h, &copy);
        if (s == BYNAME_OK) OK(byname_handle_close(copy));
        break;
    default:
        if (kind == 0) {
            s = byname_mutex_lock(h, (int64_t)random_below(seed, 2) * 1000, NULL);
            if (s == BYNAME_OK || s == BYNAME_ABANDONED) s = byname_mutex_unlock(h);
        } else if (kind == 1) {
            switch (random_below(seed, 4)) {
            case 0: s = byname_event_reset(h); break;
            case 1: s = byname_event_wait(h, (int64_t)random_below(seed, 2) * 1000); break;
            case 2: s = byname_event_is_set(h, &flag); break;
            default: s = byname_event_set(h);
            }
        } else if (random_below(seed, 2)) {
            s = byname_semaphore_release(h, 1, &count);
            if (s == BYNAME_ERR_TOO_MANY_POSTS) s = BYNAME_OK;
        } else {
            s = byname_semaphore_acquire(h, (int64_t)random_below(seed, 2) * 1000, NULL);
        }
    }
    CHECK(s == BYNAME_OK || s == BYNAME_TIMED_OUT || s == BYNAME_ERR_CLOSED);
}

static void *uses_handles(void *number) {
    uint64_t seed = 100 + (uint64_t)(size_t)number, n = 0;
    while (!LOAD(stop_using)) {
        const uint32_t place = random_below(&seed, SLOTS);
        const byname_handle h = {LOAD(slots[place])};
        one_use(h, (int)place % 3, &seed);
        n++;
    }
    __atomic_add_fetch(&uses, n, __ATOMIC_SEQ_CST);
    return NULL;
}

/* An object that nobody else has a handle of: whatever it shows but its beginning, a call on another handle has done. */
static void is_untouched(byname_handle h, int kind) {
    byname_owner owner = {77, 77};
    if (kind == 0) {
        byname_grant grant = {77, true};
        OK(byname_mutex_owner(h, &owner));
        CHECK(owner.pid == 0);
        OK(byname_mutex_lock(h, 0, &grant));
        CHECK(grant.fence >= 1 && grant.fence < 77 && !grant.abandoned); /* numbers may be skipped, none comes twice */
        OK(byname_mutex_unlock(h));
    } else if (kind == 1) {
        CHECK(!is_set(h));
    } else {
        CHECK(available(h) == 0);
    }
}

static void *closes_handles(void *number) {
    uint64_t seed = 200 + (uint64_t)(size_t)number, n = 0;
    byname_handle guarded[GUARDED];
    size_t i, next = 0;
    for (i = 0; i < GUARDED; i++) guarded[i] = new_of((int)i % 3);
    while (!LOAD(stop_using)) {
        const uint32_t place = random_below(&seed, SLOTS);
        byname_handle h = new_of((int)place % 3);
        h.id = __atomic_exchange_n(&slots[place], h.id, __ATOMIC_SEQ_CST);
        OK(byname_handle_close(h));
        IS(byname_handle_close(h), BYNAME_ERR_CLOSED);
        is_untouched(guarded[next], (int)next % 3);
        OK(byname_handle_close(guarded[next]));
        guarded[next] = new_of((int)next % 3);
        next = (next + 1) % GUARDED;
        n++;
    }
    for (i = 0; i < GUARDED; i++) {
        is_untouched(guarded[i], (int)i % 3);
        OK(byname_handle_close(guarded[i]));
    }
    __atomic_add_fetch(&closes, n, __ATOMIC_SEQ_CST);
    return NULL;
}

static void a_handle_closed_by_one_of_many(void) {
    const char *seconds = getenv("SECONDS_OF_CLOSING");
    const int64_t end = now_ns() + (seconds && *seconds ? atoi(seconds) * 1000 : 300) * MS;
    pthread_t thread[USERS + CLOSERS];
    size_t i;
    for (i = 0; i < SLOTS; i++) slots[i] = new_of((int)i % 3).id;
    stop_using = 0;
    for (i = 0; i < USERS + CLOSERS; i++)
        if (pthread_create(&thread[i], NULL, i < USERS ? uses_handles : closes_handles, (void *)i) != 0) abort();
    while (now_ns() < end && failed_checks == 0) usleep(1000);
    STORE(stop_using, 1);
    for (i = 0; i < USERS + CLOSERS; i++) pthread_join(thread[i], NULL);
    printf("%llu uses, %llu closes\n", (unsigned long long)uses, (unsigned long long)closes);
    for (i = 0; i < SLOTS; i++) {
        const byname_handle h = {slots[i]};
        OK(byname_handle_close(h));
    }
}

#ifdef __SANITIZE_ADDRESS__
/* Leaks are looked for in the other tests: threads that end in exit(), or call after their destructors, keep what is theirs. */
const char *__asan_default_options(void) { return "detect_leaks=0"; }
#endif

/* --- threads that are cancelled (the address sanitizer of gcc 12 does not survive the end of one) */

#ifndef __SANITIZE_ADDRESS__

static void *waits_for_ever(void *pointer) {
    waiter *w = (waiter *)pointer;
    waiter_runs(w);
    pthread_testcancel();
    CHECK(0); /* not reached: the request was pending */
    return NULL;
}

static void cancelling_a_thread_does_not_end_its_wait(void) {
    byname_handle e = new_event(0, 0);
    void *result = NULL;
    waiter w;
    memset(&w, 0, sizeof w);
    w.h[0] = e;
    w.n = 1;
    w.timeout_ns = BYNAME_INFINITE;
    if (pipe(w.told) != 0 || pthread_create(&w.thread, NULL, waits_for_ever, &w) != 0) abort();
    if (read(w.told[0], &w.tid, sizeof w.tid) != (ssize_t)sizeof w.tid) abort();
    until_blocked(&w);
    pthread_cancel(w.thread);
    until_blocked(&w); /* still */
    OK(byname_event_set(e));
    pthread_join(w.thread, &result);
    CHECK(result == PTHREAD_CANCELED);
    CHECK(w.status == BYNAME_OK && !is_set(e));
    close(w.told[0]);
    close(w.told[1]);
    OK(byname_handle_close(e));
}

/* Files are opened and threads started on the way: places where the C library would end the thread. */
static void *attaches_while_cancelled(void *out) {
    byname_mutex_options o = BYNAME_MUTEX_OPTIONS_INIT;
    char session[64];
    snprintf(session, sizeof session, "%s-cancelled", getenv("BYNAME_SESSION") ? getenv("BYNAME_SESSION") : "x");
    o.ns.session = session;
    pthread_cancel(pthread_self());
    OK(byname_mutex_create("cancelled", &o, (byname_handle *)out));
    OK(byname_mutex_lock(*(byname_handle *)out, 0, NULL));
    pthread_testcancel();
    return NULL;
}

static void a_call_is_never_cut_in_two(void) {
    byname_handle m = BYNAME_NO_HANDLE;
    pthread_t thread;
    void *result = NULL;
    pthread_create(&thread, NULL, attaches_while_cancelled, &m);
    pthread_join(thread, &result);
    CHECK(result == PTHREAD_CANCELED);
    IS(byname_mutex_lock(m, LONG_TIME, NULL), BYNAME_ABANDONED); /* the thread ended as any other */
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(m));
}

/* A descriptor is made, fed, drained and closed: each a place where the C library would end the thread. */
static void *polls_while_cancelled(void *pointer) {
    byname_handle e = *(byname_handle *)pointer;
    int fd = -1;
    pthread_cancel(pthread_self());
    OK(byname_handle_fd(e, &fd));
    OK(byname_event_wait(e, 0));
    IS(byname_event_wait(e, 0), BYNAME_TIMED_OUT);
    OK(byname_handle_close(e));
    pthread_testcancel();
    return NULL;
}

static void nor_one_about_a_descriptor(void) {
    byname_handle e = new_event(0, 1);
    pthread_t thread;
    void *result = NULL;
    pthread_create(&thread, NULL, polls_while_cancelled, &e);
    pthread_join(thread, &result);
    CHECK(result == PTHREAD_CANCELED);
}

#define CANCELLED T(cancelling_a_thread_does_not_end_its_wait), T(a_call_is_never_cut_in_two), T(nor_one_about_a_descriptor),
#else
#define CANCELLED
#endif

/* --- threads that call in their last moments */

static byname_handle last_mutex;

static void calls_at_its_end(void *times) {
    byname_status s = byname_mutex_lock(last_mutex, 0, NULL);
    CHECK(s == BYNAME_OK || s == BYNAME_ERR_CLOSED);
    if (s == BYNAME_OK) OK(byname_mutex_unlock(last_mutex));
    CHECK(strlen(byname_status_name(s)) > 0 && byname_last_error_message() != NULL);
    (void)times;
}

static pthread_key_t at_the_end;

static void *ends_with_a_destructor(void *locks_first) {
    pthread_setspecific(at_the_end, locks_first);
    if (locks_first != &at_the_end) {
        OK(byname_mutex_lock(last_mutex, 0, NULL));
        OK(byname_mutex_unlock(last_mutex));
    }
    return NULL;
}

static void destructors_of_threads_may_call(void) {
    pthread_t thread;
    byname_owner owner = {1, 1};
    int i;
    last_mutex = new_mutex();
    pthread_key_create(&at_the_end, calls_at_its_end);
    for (i = 0; i < 2; i++) {
        pthread_create(&thread, NULL, ends_with_a_destructor, i ? (void *)&last_mutex : (void *)&at_the_end);
        pthread_join(thread, NULL);
    }
    pthread_key_delete(at_the_end);
    OK(byname_mutex_owner(last_mutex, &owner));
    CHECK(owner.pid == 0);
    OK(byname_handle_close(last_mutex));
}

/* --- the process ends, or forks, among many threads */

static byname_handle shared_mutex, shared_event;
static int running;

static void *blocks_for_ever(void *unused) {
    (void)unused;
    (void)byname_event_wait(shared_event, BYNAME_INFINITE);
    return NULL;
}

static void *locks_all_the_time(void *unused) {
    (void)unused;
    __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
    while (!LOAD(stop_using))
        if (byname_mutex_lock(shared_mutex, 1000, NULL) == BYNAME_OK) (void)byname_mutex_unlock(shared_mutex);
    return NULL;
}

static void calls_after_all(void) {
    const byname_status s = byname_mutex_lock(shared_mutex, 0, NULL); /* registered first, run last: the library has left */
    if (s != BYNAME_OK && s != BYNAME_TIMED_OUT && s != BYNAME_ABANDONED && s != BYNAME_ERR_CLOSED) _exit(9);
}

static void *exits(void *unused) {
    (void)unused;
    exit(7);
}

static void exits_among_threads(const parent *p) {
    pthread_t thread;
    int i;
    (void)p;
    atexit(calls_after_all);
    OK(byname_mutex_open("left locked", NULL, &shared_mutex));
    OK(byname_mutex_lock(shared_mutex, 0, NULL));
    shared_event = new_event(0, 0);
    for (i = 0; i < 6; i++) pthread_create(&thread, NULL, i < 3 ? blocks_for_ever : locks_all_the_time, NULL);
    pthread_create(&thread, NULL, exits, NULL);
    pthread_join(thread, NULL);
}

static void exit_in_a_thread_ends_all(void) {
    byname_handle m;
    child c;
    int status;
    OK(byname_mutex_create("left locked", NULL, &m));
    stop_using = 0;
    c = start_child(exits_among_threads);
    status = end_child(&c);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    IS(byname_mutex_lock(m, LONG_TIME, NULL), BYNAME_ABANDONED);
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(m));
}

static void uses_what_it_inherited(const parent *p) {
    byname_handle fresh = new_mutex();
    byname_status s;
    (void)p;
    /* Another thread of the parent may own it; none of ours does. */
    IS(byname_mutex_unlock(shared_mutex), BYNAME_ERR_NOT_OWNER);
    s = byname_mutex_lock(shared_mutex, LONG_TIME, NULL);
    if (CHECK(s == BYNAME_OK)) OK(byname_mutex_unlock(shared_mutex));
    OK(byname_event_set(shared_event));
    OK(byname_handle_close(fresh));
    OK(byname_handle_close(shared_event));
    OK(byname_handle_close(shared_mutex));
}

static void forks_among_threads(void) {
    pthread_t thread[4];
    int i;
    stop_using = running = 0;
    shared_mutex = new_mutex();
    shared_event = new_event(0, 0);
    for (i = 0; i < 4; i++) pthread_create(&thread[i], NULL, locks_all_the_time, NULL);
    /* A child of a process that has a thread in the first steps of the address sanitizer cannot start one of its own (gcc 12). */
    while (LOAD(running) < 4) usleep(100);
    for (i = 0; i < 20; i++) {
        child c = start_child(uses_what_it_inherited);
        CHECK(end_child(&c) == 0);
        OK(byname_event_wait(shared_event, 0));
    }
    STORE(stop_using, 1);
    for (i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    OK(byname_mutex_lock(shared_mutex, 0, NULL));
    OK(byname_mutex_unlock(shared_mutex));
    OK(byname_handle_close(shared_mutex));
    OK(byname_handle_close(shared_event));
}

TESTS(T(a_handle_closed_by_one_of_many), CANCELLED T(destructors_of_threads_may_call), T(exit_in_a_thread_ends_all), T(forks_among_threads))
