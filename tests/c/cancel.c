/*
 * Time-outs that race with the grant: whatever wins, a unit, a signal or a mutex is neither lost nor doubled.
 * COUNT in the environment says how many races are run; `make cancel-c` runs a million.
 */
#include "check.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define LOAD(word) __atomic_load_n(&(word), __ATOMIC_SEQ_CST)
#define STORE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_SEQ_CST)
#define ADD(word, n) __atomic_add_fetch(&(word), (n), __ATOMIC_SEQ_CST)

/* What is waited for, in turn. */
enum { SEMAPHORE, EVENT, MUTEX, ANY, ALL, SHAPES };

/* A duel: one waits with a time-out, the other grants at about the time when it passes. In memory that both share. */
typedef struct {
    uint64_t prepare, ready, go, done; /* the number of the round that has come so far */
    uint64_t rounds, granted, cancelled, wrong;
    int64_t lead[SHAPES]; /* by how much the granter comes later than the waiter, in ns; negative: the waiter's time-out is longer */
    byname_handle object[3]; /* in the order of the first three shapes */
} duel;

static uint64_t races(void) {
    const char *count = getenv("COUNT");
    return count && *count ? strtoull(count, NULL, 10) : 10000;
}

static void *shared(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    return memory;
}

static uint64_t random_below(uint64_t *seed, uint64_t n) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % n;
}

static void until(const uint64_t *word, uint64_t round) {
    int spins = 0;
    while (LOAD(*word) < round)
        if (++spins > 200) sched_yield();
}

static void spend(uint64_t ns) {
    const int64_t end = now_ns() + (int64_t)ns;
    while (now_ns() < end) {}
}

static void must(uint64_t *wrong, int holds, const char *what, uint64_t round) {
    if (holds) return;
    if (ADD(*wrong, 1) < 10) fprintf(stderr, "    round %llu: %s\n", (unsigned long long)round, what);
}
#define MUST(condition) must(&d->wrong, (condition), #condition, round)

static int polls(byname_handle h) { return byname_wait(h, 0, NULL) == BYNAME_OK; }

/* Grants: gives what a round's shape waits for. Owns the mutex from `prepare` on. */
static void *grants(void *pointer) {
    duel *d = (duel *)pointer;
    uint64_t round, seed = 7;
    const byname_handle *o = d->object;
    prctl(PR_SET_TIMERSLACK, 1ul);
    for (round = 1; round <= d->rounds; round++) {
        const int shape = (int)(round % SHAPES);
        const int locks = shape == MUTEX || shape == ALL;
        if (round % 1000 == 0) alarm(120);
        until(&d->prepare, round);
        if (locks) MUST(byname_mutex_lock(o[MUTEX], 0, NULL) == BYNAME_OK);
        STORE(d->ready, round);
        until(&d->go, round);
        spend(random_below(&seed, 4000) + (uint64_t)(d->lead[shape] > 0 ? d->lead[shape] : 0));
        if (shape != MUTEX && shape != EVENT) MUST(byname_semaphore_release(o[SEMAPHORE], 1, NULL) == BYNAME_OK);
        if (shape != MUTEX && shape != SEMAPHORE) MUST(byname_event_set(o[EVENT]) == BYNAME_OK);
        if (locks) MUST(byname_mutex_unlock(o[MUTEX]) == BYNAME_OK);
        STORE(d->done, round);
    }
    return NULL;
}

/* Waits: the lead of either follows what came of the round before, so that each comes first about as often. */
static void *waits(void *pointer) {
    duel *d = (duel *)pointer;
    uint64_t round, seed = 1;
    const byname_handle *o = d->object;
    prctl(PR_SET_TIMERSLACK, 1ul);
    for (round = 1; round <= d->rounds; round++) {
        const int shape = (int)(round % SHAPES);
        const byname_handle list[3] = {o[EVENT], o[SEMAPHORE], o[MUTEX]};
        int64_t *lead = &d->lead[shape];
        const int64_t time = (int64_t)random_below(&seed, 4000) + 1 + (*lead < 0 ? -*lead : 0);
        byname_wait_result won = {-7, 0, false};
        byname_status status;
        if (round % 1000 == 0) alarm(120);
        STORE(d->prepare, round);
        until(&d->ready, round);
        STORE(d->go, round);
        if (shape < ANY) status = byname_wait(o[shape], time, NULL);
        else if (shape == ANY) status = byname_wait_any(list, 2, time, &won);
        else status = byname_wait_all(list, 3, time, &won);
        until(&d->done, round);
        MUST(status == BYNAME_OK || status == BYNAME_TIMED_OUT);
        if (status == BYNAME_OK) {
            d->granted++;
            *lead += 500;
        } else {
            d->cancelled++;
            *lead -= 500;
        }
        /* Had or not, the rest is there, once. */
        if (shape == ANY) {
            MUST(status != BYNAME_OK || won.index == 0 || won.index == 1);
            MUST(polls(o[EVENT]) == (won.index != 0));
            MUST(polls(o[SEMAPHORE]) == (won.index != 1));
        } else if (status == BYNAME_TIMED_OUT) {
            MUST(shape == ALL ? byname_wait_all(list, 3, 0, NULL) == BYNAME_OK : polls(o[shape]));
        }
        if (shape == MUTEX || shape == ALL) MUST(byname_mutex_unlock(o[MUTEX]) == BYNAME_OK);
        MUST(!polls(o[SEMAPHORE]) && !polls(o[EVENT]));
    }
    return NULL;
}

static int entries(const char *directory) {
    DIR *d = opendir(directory);
    int n = 0;
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

/* Nothing may be left of a race but its figures. */
static void fight(const char *what, uint64_t rounds, int processes) {
    duel *d = (duel *)shared(sizeof *d);
    int files, threads, status = 0;
    pthread_t thread;
    pid_t pid = 0;
    int64_t start;
    size_t i;
    byname_owner owner = {1, 1};
    d->rounds = rounds;
    d->object[SEMAPHORE] = new_semaphore(0, 3);
    d->object[EVENT] = new_event(0, 0);
    d->object[MUTEX] = new_mutex();
    files = entries("/proc/self/fd");
    threads = entries("/proc/self/task");
    start = now_ns();
    fflush(NULL);
    if (processes) {
        pid = fork();
        if (pid == 0) {
            grants(d);
            _exit(0);
        }
    } else if (pthread_create(&thread, NULL, grants, d) != 0) {
        abort();
    }
    waits(d);
    if (processes) CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    else pthread_join(thread, NULL);
    printf("%s: %llu granted, %llu cancelled, %.1f s\n", what, (unsigned long long)d->granted, (unsigned long long)d->cancelled,
           (double)(now_ns() - start) / 1e9);
    CHECK(d->wrong == 0);
    CHECK(d->granted + d->cancelled == rounds);
    CHECK(d->granted >= rounds / 10 && d->cancelled >= rounds / 10); /* else it was no race */
    OK(byname_mutex_owner(d->object[MUTEX], &owner));
    CHECK(owner.pid == 0 && available(d->object[SEMAPHORE]) == 0 && !is_set(d->object[EVENT]));
    CHECK(entries("/proc/self/fd") == files);
    while (entries("/proc/self/task") > threads) sched_yield(); /* a joined thread is listed for a moment; the watchdog sees one that stays */
    for (i = 0; i < 3; i++) OK(byname_handle_close(d->object[i]));
    munmap(d, sizeof *d);
}

static void two_threads(void) { fight("two threads", races() * 2 / 5, 0); }
static void two_processes(void) { fight("two processes", races() * 2 / 5, 1); }

/* A crowd: many wait at once, each for a moment; what was given is what was had and what is left. */
typedef struct {
    uint64_t attempts, had[3], given[3], cancelled, inside, wrong, stop, seeds;
    byname_handle object[3];
} crowd;

static void *joins_in(void *pointer) {
    crowd *d = (crowd *)pointer;
    uint64_t round = 0, seed = ADD(d->seeds, 1) * 977;
    prctl(PR_SET_TIMERSLACK, 1ul);
    while (!LOAD(d->stop)) {
        const int shape = (int)random_below(&seed, 3);
        const byname_status status = byname_wait(d->object[shape], (int64_t)random_below(&seed, 60000), NULL);
        if (++round % 1000 == 0) alarm(120);
        if (status == BYNAME_TIMED_OUT) {
            ADD(d->cancelled, 1);
        } else {
            MUST(status == BYNAME_OK);
            ADD(d->had[shape], 1);
            if (shape == MUTEX) {
                MUST(ADD(d->inside, 1) == 1);
                spend(random_below(&seed, 20000));
                MUST(ADD(d->inside, -1ull) == 0);
                MUST(byname_mutex_unlock(d->object[MUTEX]) == BYNAME_OK);
            }
        }
        ADD(d->attempts, 1);
    }
    return NULL;
}

static void a_crowd(void) {
    crowd *d = (crowd *)shared(sizeof *d);
    const uint64_t attempts = races() / 5;
    uint64_t seed = 3, round = 0, had;
    pthread_t thread[2];
    byname_owner owner = {1, 1};
    int status = 0, i;
    pid_t pid;
    int64_t start;
    d->object[SEMAPHORE] = new_semaphore(0, 1000000);
    d->object[EVENT] = new_event(0, 0);
    d->object[MUTEX] = new_mutex();
    start = now_ns();
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        joins_in(d);
        _exit(0);
    }
    for (i = 0; i < 2; i++)
        if (pthread_create(&thread[i], NULL, joins_in, d) != 0) abort();
    while (LOAD(d->attempts) < attempts) {
        /* One signal at a time, given when the last has been had: a set event takes no second. */
        const uint64_t units = 1 + random_below(&seed, 2);
        round++;
        if (LOAD(d->had[EVENT]) == d->given[EVENT]) {
            d->given[EVENT]++;
            MUST(byname_event_set(d->object[EVENT]) == BYNAME_OK);
        }
        if (LOAD(d->had[SEMAPHORE]) == d->given[SEMAPHORE]) {
            d->given[SEMAPHORE] += units;
            MUST(byname_semaphore_release(d->object[SEMAPHORE], (int64_t)units, NULL) == BYNAME_OK);
        }
        MUST(LOAD(d->had[EVENT]) <= d->given[EVENT] && LOAD(d->had[SEMAPHORE]) <= d->given[SEMAPHORE]);
        if (round % 1000 == 0) alarm(120);
        spend(random_below(&seed, 40000));
        sched_yield();
    }
    STORE(d->stop, 1);
    for (i = 0; i < 2; i++) pthread_join(thread[i], NULL);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    had = d->had[SEMAPHORE] + d->had[EVENT] + d->had[MUTEX];
    printf("a crowd: %llu granted, %llu cancelled, %.1f s\n", (unsigned long long)had, (unsigned long long)d->cancelled,
           (double)(now_ns() - start) / 1e9);
    CHECK(d->wrong == 0);
    CHECK(had + d->cancelled == d->attempts && had >= attempts / 10 && d->cancelled >= attempts / 10);
    CHECK(d->had[SEMAPHORE] + available(d->object[SEMAPHORE]) == d->given[SEMAPHORE]);
    CHECK(d->had[EVENT] + (uint64_t)is_set(d->object[EVENT]) == d->given[EVENT]);
    OK(byname_mutex_owner(d->object[MUTEX], &owner));
    CHECK(owner.pid == 0);
    for (i = 0; i < 3; i++) OK(byname_handle_close(d->object[i]));
    munmap(d, sizeof *d);
}

TESTS(T(two_threads), T(two_processes), T(a_crowd))
