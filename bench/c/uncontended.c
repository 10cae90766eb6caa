/* W1, W1s-sem, W1s-event: what a pair of calls costs when nobody else is there.
 *
 *   uncontended SLICES
 *
 * Reference of W1: a robust, process-shared, recursive pthread mutex. Of W1s: a process-shared POSIX semaphore. */
#include "bench.h"
#include <sys/eventfd.h>

enum { PAIRS = 50000 };

static byname_handle mutex, event, semaphore;
static struct shared {
    _Alignas(64) pthread_mutex_t mutex;
    _Alignas(64) sem_t semaphore;
    _Alignas(64) sem_t lock; /* a semaphore of one unit, used as a mutex */
} * shared;
static int file, notice;

#define REPEAT(CALLS) \
    for (int i = 0; i < PAIRS; i++) { CALLS; }

static void our_mutex(void) {
    REPEAT(ok(byname_mutex_lock(mutex, BYNAME_INFINITE, NULL), "lock"); ok(byname_mutex_unlock(mutex), "unlock"))
}

static void our_semaphore(void) {
    REPEAT(ok(byname_semaphore_release(semaphore, 1, NULL), "release"); ok(byname_semaphore_acquire(semaphore, BYNAME_INFINITE, NULL), "acquire"))
}

static void our_event(void) {
    REPEAT(ok(byname_event_set(event), "set"); ok(byname_wait(event, BYNAME_INFINITE, NULL), "wait"))
}

static void posix_mutex(void) {
    REPEAT(zero(pthread_mutex_lock(&shared->mutex), "pthread_mutex_lock"); zero(pthread_mutex_unlock(&shared->mutex), "pthread_mutex_unlock"))
}

static void posix_semaphore(void) {
    REPEAT(zero(sem_post(&shared->semaphore), "sem_post"); zero(sem_wait(&shared->semaphore), "sem_wait"))
}

static void posix_lock(void) {
    REPEAT(zero(sem_wait(&shared->lock), "sem_wait"); zero(sem_post(&shared->lock), "sem_post"))
}

static void file_lock(void) {
    REPEAT(zero(flock(file, LOCK_EX), "flock"); zero(flock(file, LOCK_UN), "flock"))
}

static void event_fd(void) {
    REPEAT(put(notice); get(notice))
}

#if HAVE_BOOST
static void boost_mutex(void) {
    REPEAT(boost_mutex_lock(); boost_mutex_unlock())
}

static void boost_recursive_mutex(void) {
    REPEAT(boost_recursive_lock(); boost_recursive_unlock())
}

static void boost_semaphore(void) {
    REPEAT(boost_semaphore_post(); boost_semaphore_wait())
}
#endif

struct side {
    const char *name;
    void (*pairs)(void);
};

static const struct side mutexes[] = {
    {"ours", our_mutex},
    {"reference", posix_mutex},
    {"POSIX semaphore", posix_lock},
    {"flock", file_lock},
#if HAVE_BOOST
    {"Boost named_mutex", boost_mutex},
    {"Boost named_recursive_mutex", boost_recursive_mutex},
#endif
};

static const struct side semaphores[] = {
    {"ours", our_semaphore},
    {"reference", posix_semaphore},
#if HAVE_BOOST
    {"Boost named_semaphore", boost_semaphore},
#endif
};

static const struct side events[] = {{"ours", our_event}, {"reference", posix_semaphore}, {"eventfd", event_fd}};

static void measure(const char *row, const struct side *sides, size_t n) {
    for (const struct side *side = sides; side < sides + n; side++) {
        uint64_t start = now_ns();
        side->pairs();
        report(row, side->name, (double)(now_ns() - start) / PAIRS);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) die("usage: uncontended SLICES");
    byname_event_options auto_reset = BYNAME_EVENT_OPTIONS_INIT;
    byname_semaphore_options counts = BYNAME_SEMAPHORE_OPTIONS_INIT;
    counts.initial = 0;
    counts.maximum = 1000;
    ok(byname_mutex_create("bench-uncontended-mutex", NULL, &mutex), "mutex_create");
    ok(byname_event_create("bench-uncontended-event", &auto_reset, &event), "event_create");
    ok(byname_semaphore_create("bench-uncontended-semaphore", &counts, &semaphore), "semaphore_create");
    shared = shared_memory(sizeof *shared);
    init_robust(&shared->mutex);
    zero(sem_init(&shared->semaphore, 1, 0), "sem_init");
    zero(sem_init(&shared->lock, 1, 1), "sem_init");
    file = lock_file(-1);
    notice = opened(eventfd(0, EFD_CLOEXEC), "eventfd");
#if HAVE_BOOST
    char name[40];
    snprintf(name, sizeof name, "byname-bench-%d", getpid());
    boost_open(name);
    boost_remove(name); /* the names are not needed again */
#endif

    our_mutex(), posix_mutex(), our_semaphore(), posix_semaphore(), our_event(); /* warm */
    for (long slice = number(argv[1]); slice > 0; slice--) {
        measure("W1", mutexes, SIDES_OF(mutexes));
        measure("W1s-sem", semaphores, SIDES_OF(semaphores));
        measure("W1s-event", events, SIDES_OF(events));
    }
    ok(byname_handle_close(mutex), "close");
    ok(byname_handle_close(event), "close");
    ok(byname_handle_close(semaphore), "close");
    return 0;
}
