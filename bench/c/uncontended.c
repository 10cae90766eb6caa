/* W1, W1s-sem, W1s-event: what a pair of calls costs when nobody else is there.
 *
 *   uncontended SLICES
 *
 * Reference of W1: a robust, process-shared, recursive pthread mutex. Of W1s: a process-shared POSIX semaphore. */
#include "bench.h"
#include <semaphore.h>
#include <sys/mman.h>

enum { PAIRS = 50000 };

static byname_handle mutex, event, semaphore;
static struct shared {
    _Alignas(64) pthread_mutex_t mutex;
    _Alignas(64) sem_t semaphore;
} * shared;

static void our_mutex(void) {
    for (int i = 0; i < PAIRS; i++) {
        ok(byname_mutex_lock(mutex, BYNAME_INFINITE, NULL), "lock");
        ok(byname_mutex_unlock(mutex), "unlock");
    }
}

static void our_semaphore(void) {
    for (int i = 0; i < PAIRS; i++) {
        ok(byname_semaphore_release(semaphore, 1, NULL), "release");
        ok(byname_semaphore_acquire(semaphore, BYNAME_INFINITE, NULL), "acquire");
    }
}

static void our_event(void) {
    for (int i = 0; i < PAIRS; i++) {
        ok(byname_event_set(event), "set");
        ok(byname_wait(event, BYNAME_INFINITE, NULL), "wait");
    }
}

static void posix_mutex(void) {
    for (int i = 0; i < PAIRS; i++) {
        zero(pthread_mutex_lock(&shared->mutex), "pthread_mutex_lock");
        zero(pthread_mutex_unlock(&shared->mutex), "pthread_mutex_unlock");
    }
}

static void posix_semaphore(void) {
    for (int i = 0; i < PAIRS; i++) {
        zero(sem_post(&shared->semaphore), "sem_post");
        zero(sem_wait(&shared->semaphore), "sem_wait");
    }
}

static void measure(const char *row, const char *whose, void (*pairs)(void)) {
    uint64_t start = now_ns();
    pairs();
    report(row, whose, (double)(now_ns() - start) / PAIRS);
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
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) die("mmap: %s", strerror(errno));
    init_robust(&shared->mutex);
    zero(sem_init(&shared->semaphore, 1, 0), "sem_init");

    our_mutex(), posix_mutex(), our_semaphore(), posix_semaphore(), our_event(); /* warm */
    for (long slice = number(argv[1]); slice > 0; slice--) {
        measure("W1-c", "ours", our_mutex);
        measure("W1-c", "reference", posix_mutex);
        measure("W1s-sem", "ours", our_semaphore);
        measure("W1s-sem", "reference", posix_semaphore);
        measure("W1s-event", "ours", our_event);
        measure("W1s-event", "reference", posix_semaphore);
    }
    ok(byname_handle_close(mutex), "close");
    ok(byname_handle_close(event), "close");
    ok(byname_handle_close(semaphore), "close");
    return 0;
}
