/* W7: from kill -9 of a mutex's owner until the waiter that slept on it holds it and knows.
 *
 *   death SLICES
 *
 * Three processes on one core: the measuring one kills, an owner made afresh for each kill dies, a waiter wakes.
 * Owner and waiter are started by exec on every side, so that the processes are alike. Reference: a robust pthread mutex
 * in shared memory, EOWNERDEAD. The rival flock() says nothing of a death. The figure of a slice is the median of its kills. */
#include "bench.h"

enum { KILLS = 60 };

enum side { OURS, REFERENCE, FLOCK, SIDES };
static const char *const names[SIDES] = {"ours", "reference", "flock"};

static struct shared {
    pthread_mutex_t mutex; /* of the reference */
    struct side_state {
        atomic_uint owned;    /* the owner has the mutex */
        atomic_uint go;       /* the waiter may lock, or is asked to leave */
        atomic_uint entering; /* the waiter is about to lock */
        atomic_uint done;     /* the waiter had it, noted the time and gave it back */
        atomic_uint leave;
        uint64_t got_at;
    } sides[SIDES];
} * shared;
static byname_handle mutex;
static int file; /* an open file of this process alone */

static void tell(atomic_uint *flag) {
    atomic_store(flag, 1);
    futex(flag, FUTEX_WAKE, 1);
}

static void await(atomic_uint *flag) {
    while (atomic_exchange(flag, 0) == 0) futex(flag, FUTEX_WAIT, 0);
}

static void lock_ours(int expect_death) {
    byname_status status = byname_mutex_lock(mutex, BYNAME_INFINITE, NULL);
    if (status != (expect_death ? BYNAME_ABANDONED : BYNAME_OK)) die("lock: %s", byname_status_name(status));
}

static void lock_reference(int expect_death) {
    int result = pthread_mutex_lock(&shared->mutex);
    if (result != (expect_death ? EOWNERDEAD : 0)) die("pthread_mutex_lock: %s", strerror(result));
    if (expect_death) zero(pthread_mutex_consistent(&shared->mutex), "mutex_consistent");
}

static void lock(enum side side, int expect_death) {
    if (side == FLOCK) zero(flock(file, LOCK_EX), "flock");
    else (side == OURS ? lock_ours : lock_reference)(expect_death);
}

static void unlock(enum side side) {
    if (side == OURS) ok(byname_mutex_unlock(mutex), "unlock");
    else if (side == REFERENCE) zero(pthread_mutex_unlock(&shared->mutex), "pthread_mutex_unlock");
    else zero(flock(file, LOCK_UN), "flock");
}

__attribute__((noreturn)) static void own(enum side side) {
    lock(side, 0);
    tell(&shared->sides[side].owned);
    for (;;) pause();
}

static void outlive_owners(enum side side) {
    struct side_state *state = &shared->sides[side];
    for (;;) {
        await(&state->go);
        if (atomic_load(&state->leave)) return;
        tell(&state->entering);
        lock(side, 1);
        state->got_at = now_ns();
        unlock(side);
        tell(&state->done);
    }
}

static void play(const char *role, enum side side) {
    die_with_parent();
    if (side == OURS) ok(byname_mutex_create("bench-death", NULL, &mutex), "mutex_create");
    if (strcmp(role, "owner") == 0) own(side);
    outlive_owners(side);
    if (side == OURS) ok(byname_handle_close(mutex), "close");
}

static pid_t start(char *self, const char *fd, const char *role, enum side side) {
    pid_t pid = fork();
    if (pid < 0) die("fork: %s", strerror(errno));
    if (pid == 0) {
        char number[] = {(char)('0' + side), 0};
        execl("/proc/self/exe", self, "role", fd, role, number, (char *)NULL);
        die("exec: %s", strerror(errno));
    }
    return pid;
}

/* Returns when the process sleeps and has slept for two milliseconds, past any spinning before the sleep. */
static void until_asleep(pid_t pid) {
    char path[40], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int quiet = 0; quiet < 4;) {
        nanosleep(&(struct timespec){0, 500000}, NULL);
        FILE *file = fopen(path, "r");
        if (file == NULL || fgets(line, sizeof line, file) == NULL) die("the waiter died");
        fclose(file);
        quiet = strchr(line, ')')[2] == 'S' ? quiet + 1 : 0;
    }
}

static void measure(char *self, const char *fd, enum side side, pid_t waiter) {
    struct side_state *state = &shared->sides[side];
    uint64_t times[KILLS];
    for (int i = 0; i < KILLS; i++) {
        pid_t owner = start(self, fd, "owner", side);
        await(&state->owned);
        tell(&state->go);
        await(&state->entering);
        until_asleep(waiter);
        uint64_t killed_at = now_ns();
        zero(kill(owner, SIGKILL), "kill");
        await(&state->done);
        times[i] = state->got_at - killed_at;
        if (waitpid(owner, NULL, 0) != owner) die("waitpid: %s", strerror(errno));
    }
    report("W7", names[side], (double)median(times, KILLS) / 1000.0);
}

static void dismiss(enum side side, pid_t waiter) {
    int status;
    atomic_store(&shared->sides[side].leave, 1);
    tell(&shared->sides[side].go);
    if (waitpid(waiter, &status, 0) != waiter || status != 0) die("a waiter failed");
}

int main(int argc, char **argv) {
    int is_role = argc == 5;
    if (!is_role && argc != 2) die("usage: death SLICES");
    int fd = is_role ? (int)number(argv[2]) : memfd_create("bench", 0);
    if (fd < 0 || (!is_role && ftruncate(fd, sizeof *shared) != 0)) die("memfd: %s", strerror(errno));
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) die("mmap: %s", strerror(errno));
    if (is_role) {
        file = lock_file(fd);
        play(argv[3], (enum side)number(argv[4]));
        return 0;
    }

    init_robust(&shared->mutex);
    char text[20];
    snprintf(text, sizeof text, "%d", fd);
    pid_t waiters[SIDES];
    size_t count = sides_of(SIDES);
    for (size_t side = 0; side < count; side++) waiters[side] = start(argv[0], text, "waiter", (enum side)side);
    for (long slice = number(argv[1]); slice > 0; slice--) {
        for (size_t side = 0; side < count; side++) measure(argv[0], text, (enum side)side, waiters[side]);
    }
    for (size_t side = 0; side < count; side++) dismiss((enum side)side, waiters[side]);
    return 0;
}
