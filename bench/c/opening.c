/* W4o: opening an object that exists, because another process holds it, and closing it again.
 *
 *   opening SLICES
 *
 * Reference: sem_open and sem_close of a POSIX semaphore that the other process has open. */
#include "existing.h"

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

static const struct side sides[] = {
    {"ours", 'm', make_ours, open_ours, remove_nothing},
    {"reference", 's', make_semaphore, open_semaphore, remove_semaphore},
    {"own file + pthread mutex", 'f', make_file, open_file, remove_file},
#if HAVE_BOOST
    {"Boost named_mutex", 'b', boost_make, boost_open_and_close, boost_remove_mutex},
#endif
};

int main(int argc, char **argv) {
    if (argc != 2) die("usage: opening SLICES");
    measure_existing("W4o", sides, SIDES_OF(sides), number(argv[1]));
    return 0;
}
