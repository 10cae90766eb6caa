/* W4o: opening an object that exists, because another process holds it, and closing it again.
 *
 *   opening SLICES
 *
 * Reference: sem_open and sem_close of a POSIX semaphore that the other process has open. The measuring process has none
 * of the objects open between two turns: each open has to find the name. */
#include "bench.h"

enum { NAMES = 200, LENGTH = 32 };

static char (*names)[LENGTH];

static void make_ours(const char *name) {
    byname_handle mutex; /* lives until the process ends */
    ok(byname_mutex_create(name + 1, NULL, &mutex), "mutex_create");
}

static void open_ours(const char *name) {
    byname_handle mutex;
    ok(byname_mutex_open(name + 1, NULL, &mutex), "mutex_open");
    ok(byname_handle_close(mutex), "close");
}

static void make_semaphore(const char *name) {
    if (sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED) die("sem_open %s: %s", name, strerror(errno));
}

static void open_semaphore(const char *name) {
    sem_t *semaphore = sem_open(name, 0);
    if (semaphore == SEM_FAILED) die("sem_open %s: %s", name, strerror(errno));
    zero(sem_close(semaphore), "sem_close");
}

static void remove_semaphore(const char *name) { zero(sem_unlink(name), "sem_unlink"); }

static void in_file(const char *name, int flags) {
    int fd = opened(shm_open(name, O_RDWR | O_CLOEXEC | flags, 0600), name);
    if (flags != 0) zero(ftruncate(fd, sizeof(pthread_mutex_t)), "ftruncate");
    pthread_mutex_t *mutex = mmap(NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mutex == MAP_FAILED) die("mmap: %s", strerror(errno));
    if (flags != 0) init_robust(mutex);
    zero(munmap(mutex, sizeof *mutex), "munmap");
    zero(close(fd), "close");
}

static void make_file(const char *name) { in_file(name, O_CREAT | O_EXCL); }
static void open_file(const char *name) { in_file(name, 0); }
static void remove_file(const char *name) { zero(shm_unlink(name), "shm_unlink"); }
static void remove_nothing(const char *name) { (void)name; }

static const struct side {
    const char *name;
    char letter; /* begins its names: some sides share the directory */
    void (*make)(const char *name);
    void (*open)(const char *name); /* and close */
    void (*remove)(const char *name);
} sides[] = {
    {"ours", 'm', make_ours, open_ours, remove_nothing},
    {"reference", 's', make_semaphore, open_semaphore, remove_semaphore},
    {"own file + pthread mutex", 'f', make_file, open_file, remove_file},
#if HAVE_BOOST
    {"Boost named_mutex", 'b', boost_make, boost_open_and_close, boost_remove_mutex},
#endif
};

static void with_each(const struct side *side, void (*what)(const char *name)) {
    for (size_t i = 0; i < NAMES; i++) {
        names[i][sizeof "/byname-" - 1] = side->letter;
        what(names[i]);
    }
}

static void measure(const char *row, const struct side *side) {
    uint64_t start = now_ns();
    with_each(side, side->open);
    if (row != NULL) report(row, side->name, (double)(now_ns() - start) / NAMES / 1000.0);
}

/* Makes the objects of every side, says so, and keeps them until it is told to leave. */
static void hold(size_t count, int say, int leave) {
    die_with_parent();
    for (size_t i = 0; i < count; i++) with_each(&sides[i], sides[i].make);
    put(say);
    get(leave);
    for (size_t i = 0; i < count; i++) with_each(&sides[i], sides[i].remove);
    exit(0);
}

int main(int argc, char **argv) {
    if (argc != 2) die("usage: opening SLICES");
    size_t count = SIDES_OF(sides);
    int said[2], leave[2];
    names = calloc(NAMES, sizeof *names);
    if (names == NULL) die("out of memory");
    for (size_t i = 0; i < NAMES; i++) snprintf(names[i], LENGTH, "/byname-_-%d-%05zu", getpid(), i);
    zero(pipe(said), "pipe");
    zero(pipe(leave), "pipe");
    pid_t holder = fork();
    if (holder < 0) die("fork: %s", strerror(errno));
    if (holder == 0) hold(count, said[1], leave[0]);
    get(said[0]);
    for (size_t i = 0; i < count; i++) measure(NULL, &sides[i]); /* warm */
    for (long slice = number(argv[1]); slice > 0; slice--) {
        for (size_t i = 0; i < count; i++) measure("W4o", &sides[i]);
    }
    put(leave[1]);
    join(1);
    free(names);
    return 0;
}
