/* W4: making an object under a new name and closing it, while LIVE others live.
 *
 *   names LIVE SLICES [flat]
 *
 * With "flat" it prints W4-flat, too: the same beside a child which has a session of its own, where one object lives, in turns.
 *
 * Reference: a file of one's own in shared memory with a robust pthread mutex in it, from shm_open to shm_unlink,
 * while LIVE such files lie in the directory. They lie there for the rivals too, whose objects are files of the same
 * directory, and hold no page: that can only favour the reference and the rivals. */
#include "bench.h"

enum { NAMES = 200, LENGTH = 32 };

static char (*fresh)[LENGTH];

static void our_name(const char *name) {
    byname_handle mutex;
    ok(byname_mutex_create(name + 1, NULL, &mutex), "mutex_create");
    ok(byname_handle_close(mutex), "close");
}

static void file_name(const char *name) {
    int fd = opened(shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), name);
    zero(ftruncate(fd, sizeof(pthread_mutex_t)), "ftruncate");
    pthread_mutex_t *mutex = mmap(NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mutex == MAP_FAILED) die("mmap: %s", strerror(errno));
    init_robust(mutex);
    zero(pthread_mutex_destroy(mutex), "mutex_destroy");
    zero(munmap(mutex, sizeof *mutex), "munmap");
    zero(close(fd), "close");
    zero(shm_unlink(name), "shm_unlink");
}

static void semaphore_name(const char *name) {
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 1);
    if (semaphore == SEM_FAILED) die("sem_open %s: %s", name, strerror(errno));
    zero(sem_close(semaphore), "sem_close");
    zero(sem_unlink(name), "sem_unlink");
}

static const struct side {
    const char *name;
    void (*live)(const char *name); /* from its creation to its removal */
} sides[] = {
    {"ours", our_name},
    {"reference", file_name},
    {"POSIX semaphore", semaphore_name},
#if HAVE_BOOST
    {"Boost named_mutex", boost_make_and_remove},
#endif
};

/* Names that no slice before had. */
static void make_names(void) {
    static size_t serial;
    for (size_t i = 0; i < NAMES; i++) snprintf(fresh[i], LENGTH, "/byname-new-%d-%08zu", getpid(), serial++);
}

static void measure(const char *row, const struct side *side) {
    uint64_t start = now_ns();
    for (size_t i = 0; i < NAMES; i++) side->live(fresh[i]);
    if (row != NULL) report(row, side->name, (double)(now_ns() - start) / NAMES / 1000.0);
}

static const struct side many = {"ours", our_name}, few = {"reference", our_name};

/* The child of "flat": a slice each time that it is told to. */
static void measure_few(long slices, int told, int done) {
    char session[80];
    byname_handle one;
    die_with_parent();
    snprintf(session, sizeof session, "%s-few", getenv("BYNAME_SESSION"));
    zero(setenv("BYNAME_SESSION", session, 1), "setenv");
    ok(byname_mutex_create("byname-live-00000000", NULL, &one), "mutex_create");
    for (long slice = 0; slice <= slices; slice++) {
        get(told);
        make_names();
        measure(slice > 0 ? "W4-flat" : NULL, &few);
        put(done);
    }
    ok(byname_handle_close(one), "close");
    exit(0);
}

static void measure_flat(long slices, const int tell[2], const int done[2]) {
    for (long slice = 0; slice <= slices; slice++) {
        make_names();
        measure(slice > 0 ? "W4-flat" : NULL, &many);
        put(tell[1]);
        get(done[0]);
    }
    join(1);
}

/* The name of a live reference file, different for each run so that two runs do not meet. */
static void live_file(char *name, size_t size, size_t i) { snprintf(name, size, "/byname-live-%d-%06zu", getpid(), i); }

int main(int argc, char **argv) {
    int flat = argc == 4 && strcmp(argv[3], "flat") == 0, tell[2], done[2];
    if (argc != 3 && !flat) die("usage: names LIVE SLICES [flat]");
    long slices = number(argv[2]);
    size_t live = (size_t)number(argv[1]);
    byname_handle *handles = calloc(live, sizeof *handles);
    fresh = calloc(NAMES, sizeof *fresh);
    if (handles == NULL || fresh == NULL) die("out of memory");
    if (flat) {
        zero(pipe(tell), "pipe");
        zero(pipe(done), "pipe");
        pid_t child = fork();
        if (child < 0) die("fork: %s", strerror(errno));
        if (child == 0) measure_few(slices, tell[0], done[1]);
    }
    char name[64];
    for (size_t i = 0; i < live; i++) {
        snprintf(name, sizeof name, "byname-live-%08zu", i); /* 20 characters */
        ok(byname_mutex_create(name, NULL, &handles[i]), "mutex_create");
        live_file(name, sizeof name, i);
        int fd = opened(shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), name);
        zero(ftruncate(fd, sizeof(pthread_mutex_t)), "ftruncate");
        zero(close(fd), "close");
    }

    char row[40];
    size_t count = SIDES_OF(sides);
    snprintf(row, sizeof row, "W4-%zu", live);
    make_names();
    for (size_t i = 0; i < count; i++) measure(NULL, &sides[i]); /* warm */
    for (long slice = 0; slice < slices; slice++) {
        make_names();
        for (size_t i = 0; i < count; i++) measure(row, &sides[i]);
    }
    if (flat) measure_flat(slices, tell, done);
    for (size_t i = 0; i < live; i++) {
        ok(byname_handle_close(handles[i]), "close");
        live_file(name, sizeof name, i);
        zero(shm_unlink(name), "shm_unlink");
    }
    free(handles), free(fresh);
    return 0;
}
