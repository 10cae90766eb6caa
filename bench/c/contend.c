/* W2: COUNT processes, spread over the cores, take one mutex again and again and hold it HELD nanoseconds.
 *
 *   contend COUNT HELD SLICES
 *
 * Reference: a robust, process-shared, recursive pthread mutex. The figure of a slice is the number of times that all of
 * them together had the mutex, in millions a second. A further slice times every lock, which the others do not, and prints
 * row "W2-…-wait", the longest that anybody waited, in milliseconds; it includes the time that the kernel gave the core to
 * others. The processes of a side sleep while another side is measured. */
#include "bench.h"
#include <limits.h>

enum { MOST = 16, SLICE_MS = 50, TIMED_SLICE_MS = 200, LEAVE = 2 };

static struct shared {
    _Alignas(64) pthread_mutex_t mutex; /* of the reference */
    _Alignas(64) sem_t semaphore;
    _Alignas(64) uint64_t work; /* steps that take HELD nanoseconds */
    struct side_state {
        _Alignas(64) atomic_uint turn; /* counts the slices */
        uint32_t timed;                /* 1: note the longest wait; LEAVE: the end */
        _Alignas(64) atomic_uint stop;
        _Alignas(64) atomic_uint done; /* processes that have ended the slice */
        struct {
            _Alignas(64) uint64_t times, longest;
        } had[MOST];
    } sides[8];
} * shared;
static byname_handle mutex;
static int file;
static char boost_name[40];
static size_t count;

static inline uint64_t steps(uint64_t n) {
    uint64_t x = n;
    while (n-- > 0) {
        x = x * 6364136223846793005u + 1;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

/* As many steps as take `held` nanoseconds when nothing interrupts them. */
static uint64_t calibrate(uint64_t held) {
    enum { STEPS = 20000 };
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 50; i++) {
        uint64_t start = now_ns();
        steps(STEPS);
        uint64_t took = now_ns() - start;
        if (took < least) least = took;
    }
    return held * STEPS / least;
}

/* One slice of a process. A macro, so that each side calls its own lock directly. */
#define CONTEND(side, me, LOCK, UNLOCK)                                               \
    do {                                                                              \
        struct side_state *state = &shared->sides[side];                              \
        uint64_t work = shared->work, times = 0, longest = 0, asked = 0;              \
        int timed = state->timed;                                                     \
        while (!atomic_load_explicit(&state->stop, memory_order_relaxed)) {           \
            if (timed) asked = now_ns();                                              \
            LOCK;                                                                     \
            if (timed && now_ns() - asked > longest) longest = now_ns() - asked;      \
            if (work) steps(work);                                                    \
            UNLOCK;                                                                   \
            times++;                                                                  \
        }                                                                             \
        state->had[me].times = times;                                                 \
        state->had[me].longest = longest;                                             \
    } while (0)

static void open_ours(void) { ok(byname_mutex_create("bench-contend", NULL, &mutex), "mutex_create"); }

static void contend_ours(size_t side, size_t me) {
    CONTEND(side, me, ok(byname_mutex_lock(mutex, BYNAME_INFINITE, NULL), "lock"), ok(byname_mutex_unlock(mutex), "unlock"));
}

static void contend_reference(size_t side, size_t me) {
    CONTEND(side, me, zero(pthread_mutex_lock(&shared->mutex), "pthread_mutex_lock"),
            zero(pthread_mutex_unlock(&shared->mutex), "pthread_mutex_unlock"));
}

static void open_nothing(void) {}

static void contend_semaphore(size_t side, size_t me) {
    CONTEND(side, me, zero(sem_wait(&shared->semaphore), "sem_wait"), zero(sem_post(&shared->semaphore), "sem_post"));
}

static void open_file(void) { file = lock_file(file); } /* a lock belongs to an open file, so each process needs its own */

static void contend_flock(size_t side, size_t me) {
    CONTEND(side, me, zero(flock(file, LOCK_EX), "flock"), zero(flock(file, LOCK_UN), "flock"));
}

#if HAVE_BOOST
static void open_boost(void) { boost_open(boost_name); }
static void contend_boost(size_t side, size_t me) { CONTEND(side, me, boost_mutex_lock(), boost_mutex_unlock()); }
static void contend_boost_recursive(size_t side, size_t me) { CONTEND(side, me, boost_recursive_lock(), boost_recursive_unlock()); }
#endif

static const struct {
    const char *name;
    void (*open)(void);
    void (*contend)(size_t side, size_t me);
} sides[] = {
    {"ours", open_ours, contend_ours},
    {"reference", open_nothing, contend_reference},
    {"POSIX semaphore", open_nothing, contend_semaphore},
    {"flock", open_file, contend_flock},
#if HAVE_BOOST
    {"Boost named_mutex", open_boost, contend_boost},
    {"Boost named_recursive_mutex", open_boost, contend_boost_recursive},
#endif
};

static void until_changed(atomic_uint *word, unsigned seen) {
    while (atomic_load(word) == seen) futex(word, FUTEX_WAIT, seen);
}

/* A process of a side: open, then one slice at each turn. */
static void play(size_t side, size_t me) {
    struct side_state *state = &shared->sides[side];
    sides[side].open();
    for (unsigned seen = 0;; seen++) {
        until_changed(&state->turn, seen);
        int leave = state->timed == LEAVE; /* read here: once this process is done, the next slice may begin */
        if (!leave) sides[side].contend(side, me);
        if (atomic_fetch_add(&state->done, 1) + 1 == count) futex(&state->done, FUTEX_WAKE, 1);
        if (leave) return;
    }
}

/* Lets the processes of a side run for some time; gives the nanoseconds that it took. */
static uint64_t slice(size_t side, uint32_t timed, long milliseconds) {
    struct side_state *state = &shared->sides[side];
    state->timed = timed;
    atomic_store(&state->done, 0);
    atomic_store(&state->stop, 0);
    uint64_t start = now_ns();
    atomic_fetch_add(&state->turn, 1);
    futex(&state->turn, FUTEX_WAKE, INT_MAX);
    nanosleep(&(struct timespec){0, milliseconds * 1000000}, NULL);
    atomic_store(&state->stop, 1);
    uint64_t took = now_ns() - start;
    for (unsigned done; (done = atomic_load(&state->done)) < count;) until_changed(&state->done, done);
    return took;
}

static void measure(const char *row, size_t side) {
    uint64_t took = slice(side, 0, SLICE_MS), times = 0;
    for (size_t i = 0; i < count; i++) times += shared->sides[side].had[i].times;
    report(row, sides[side].name, (double)times * 1000.0 / (double)took);
}

static void measure_waits(const char *row, size_t side) {
    uint64_t longest = 0;
    slice(side, 1, TIMED_SLICE_MS);
    for (size_t i = 0; i < count; i++) {
        if (shared->sides[side].had[i].longest > longest) longest = shared->sides[side].had[i].longest;
    }
    report(row, sides[side].name, (double)longest / 1e6);
}

int main(int argc, char **argv) {
    if (argc != 4) die("usage: contend COUNT HELD SLICES");
    count = (size_t)number(argv[1]);
    uint64_t held = (uint64_t)number(argv[2]);
    if (count == 0 || count > MOST) die("1 to %d processes", MOST);
    shared = shared_memory(sizeof *shared);
    init_robust(&shared->mutex);
    zero(sem_init(&shared->semaphore, 1, 1), "sem_init");
    file = lock_file(-1);
    snprintf(boost_name, sizeof boost_name, "byname-bench-%d", getpid());
    shared->work = held > 0 ? calibrate(held) : 0;
    size_t n_sides = SIDES_OF(sides);
    for (size_t side = 0; side < n_sides; side++) {
        for (size_t i = 0; i < count; i++) {
            pid_t pid = fork();
            if (pid < 0) die("fork: %s", strerror(errno));
            if (pid > 0) continue;
            die_with_parent();
            pin(i);
            play(side, i);
            if (mutex.id != 0) ok(byname_handle_close(mutex), "close");
            _exit(0);
        }
    }
    char row[40], waits[48];
    snprintf(row, sizeof row, "W2-%zu%s", count, held > 0 ? "-held" : "");
    snprintf(waits, sizeof waits, "%s-wait", row);
    for (size_t side = 0; side < n_sides; side++) slice(side, 0, SLICE_MS); /* warm */
    for (long n = number(argv[3]); n > 0; n--) {
        for (size_t side = 0; side < n_sides; side++) measure(row, side);
    }
    for (size_t side = 0; side < n_sides; side++) measure_waits(waits, side);
    for (size_t side = 0; side < n_sides; side++) slice(side, LEAVE, 0);
    join(n_sides * count);
#if HAVE_BOOST
    boost_remove(boost_name);
#endif
    return 0;
}
