/* W9: from the set of a manual-reset event until the last of a thousand threads that slept on it has run.
 *
 *   release SLICES
 *
 * The sleepers are threads of a second process, made by exec. Reference: one futex word in shared memory and a wake of all. Rival: a condition variable that processes
 * share. The figure of a slice is the median of its releases. */
#include "bench.h"

enum { SLEEPERS = 1000, RELEASES = 5 };

enum side { OURS, REFERENCE, CONDITION, SIDES };
static const char *const names[SIDES] = {"ours", "reference", "pthread cond"};

static struct shared {
    atomic_uint side;     /* for which the sleepers are to sleep; SIDES: they are to leave */
    atomic_uint round;    /* moves when they may begin */
    atomic_uint entering; /* how many are about to sleep */
    atomic_uint woken;    /* how many have run again */
    atomic_uint released; /* the word of the reference: the round that was released last */
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    unsigned said; /* the same for the condition variable, under its mutex */
    uint64_t last_at;
} * shared;
static byname_handle event;

static void sleep_until_released(enum side side, unsigned round) {
    if (side == OURS) {
        ok(byname_event_wait(event, BYNAME_INFINITE), "wait");
    } else if (side == REFERENCE) {
        unsigned seen;
        while ((seen = atomic_load(&shared->released)) != round) futex(&shared->released, FUTEX_WAIT, seen);
    } else {
        zero(pthread_mutex_lock(&shared->mutex), "pthread_mutex_lock");
        while (shared->said != round) zero(pthread_cond_wait(&shared->condition, &shared->mutex), "pthread_cond_wait");
        zero(pthread_mutex_unlock(&shared->mutex), "pthread_mutex_unlock");
    }
}

static void release_all(enum side side, unsigned round) {
    if (side == OURS) {
        ok(byname_event_set(event), "set");
    } else if (side == REFERENCE) {
        atomic_store(&shared->released, round);
        futex(&shared->released, FUTEX_WAKE, SLEEPERS);
    } else {
        zero(pthread_mutex_lock(&shared->mutex), "pthread_mutex_lock");
        shared->said = round;
        zero(pthread_cond_broadcast(&shared->condition), "pthread_cond_broadcast");
        zero(pthread_mutex_unlock(&shared->mutex), "pthread_mutex_unlock");
    }
}

static void *sleeper(void *unused) {
    (void)unused;
    for (unsigned seen = 0;;) {
        unsigned round;
        while ((round = atomic_load(&shared->round)) == seen) futex(&shared->round, FUTEX_WAIT, seen);
        seen = round;
        enum side side = (enum side)atomic_load(&shared->side);
        if (side == SIDES) return NULL;
        atomic_fetch_add(&shared->entering, 1);
        sleep_until_released(side, round);
        if (atomic_fetch_add(&shared->woken, 1) + 1 == SLEEPERS) {
            shared->last_at = now_ns();
            futex(&shared->woken, FUTEX_WAKE, 1);
        }
    }
}

static void sleepers(void) {
    static pthread_t threads[SLEEPERS];
    pthread_attr_t small;
    die_with_parent();
    ok(byname_event_open("bench-release", NULL, &event), "event_open");
    zero(pthread_attr_init(&small), "attr_init");
    zero(pthread_attr_setstacksize(&small, 64 * 1024), "setstacksize");
    for (int i = 0; i < SLEEPERS; i++) zero(pthread_create(&threads[i], &small, sleeper, NULL), "pthread_create");
    for (int i = 0; i < SLEEPERS; i++) zero(pthread_join(threads[i], NULL), "pthread_join");
    ok(byname_handle_close(event), "close");
}

static void begin(enum side side) {
    atomic_store(&shared->side, side);
    atomic_store(&shared->entering, 0);
    atomic_store(&shared->woken, 0);
    atomic_fetch_add(&shared->round, 1);
    futex(&shared->round, FUTEX_WAKE, SLEEPERS);
}

static uint64_t measure(enum side side) {
    if (side == OURS) ok(byname_event_reset(event), "reset");
    begin(side);
    while (atomic_load(&shared->entering) < SLEEPERS) usleep(1000);
    usleep(50000); /* so that all sleep, past any spinning before it */
    uint64_t released_at = now_ns();
    release_all(side, atomic_load(&shared->round));
    for (unsigned woken; (woken = atomic_load(&shared->woken)) < SLEEPERS;) futex(&shared->woken, FUTEX_WAIT, woken);
    return shared->last_at - released_at;
}

int main(int argc, char **argv) {
    int is_role = argc == 3 && strcmp(argv[1], "sleepers") == 0;
    if (!is_role && argc != 2) die("usage: release SLICES");
    int fd = is_role ? (int)number(argv[2]) : opened(memfd_create("bench", 0), "memfd_create");
    if (!is_role) zero(ftruncate(fd, sizeof *shared), "ftruncate");
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) die("mmap: %s", strerror(errno));
    if (is_role) {
        sleepers();
        return 0;
    }

    pthread_condattr_t shared_condition;
    init_robust(&shared->mutex);
    zero(pthread_condattr_init(&shared_condition), "condattr_init");
    zero(pthread_condattr_setpshared(&shared_condition, PTHREAD_PROCESS_SHARED), "setpshared");
    zero(pthread_cond_init(&shared->condition, &shared_condition), "cond_init");
    byname_event_options options = BYNAME_EVENT_OPTIONS_INIT;
    options.manual_reset = 1;
    ok(byname_event_create("bench-release", &options, &event), "event_create");
    pid_t pid = fork();
    if (pid < 0) die("fork: %s", strerror(errno));
    if (pid == 0) {
        char text[20];
        snprintf(text, sizeof text, "%d", fd);
        execl("/proc/self/exe", argv[0], "sleepers", text, (char *)NULL);
        die("exec: %s", strerror(errno));
    }
    size_t count = sides_of(SIDES);
    for (long slice = number(argv[1]); slice > 0; slice--) {
        for (size_t side = 0; side < count; side++) {
            uint64_t times[RELEASES];
            for (int i = 0; i < RELEASES; i++) times[i] = measure((enum side)side);
            report("W9", names[side], (double)median(times, RELEASES) / 1000000.0);
        }
    }
    begin(SIDES);
    join(1);
    ok(byname_handle_close(event), "close");
    return 0;
}
