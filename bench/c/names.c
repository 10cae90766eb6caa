/* W4: making an object under a new name and closing it, while LIVE others live.
 *
 *   names LIVE SLICES
 *
 * Reference: a file of one's own in shared memory with a robust pthread mutex in it, from shm_open to shm_unlink,
 * while LIVE such files lie in the directory. The live reference files hold no page: that can only favour them. */
#include "bench.h"
#include <fcntl.h>
#include <sys/mman.h>

enum { NAMES = 200, LENGTH = 32 };

static char (*fresh)[LENGTH];

static void our_names(void) {
    for (size_t i = 0; i < NAMES; i++) {
        byname_handle mutex;
        ok(byname_mutex_create(fresh[i] + 1, NULL, &mutex), "mutex_create");
        ok(byname_handle_close(mutex), "close");
    }
}

static void file_names(void) {
    for (size_t i = 0; i < NAMES; i++) {
        int fd = shm_open(fresh[i], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) die("shm_open %s: %s", fresh[i], strerror(errno));
        zero(ftruncate(fd, sizeof(pthread_mutex_t)), "ftruncate");
        pthread_mutex_t *mutex = mmap(NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mutex == MAP_FAILED) die("mmap: %s", strerror(errno));
        init_robust(mutex);
        zero(pthread_mutex_destroy(mutex), "mutex_destroy");
        zero(munmap(mutex, sizeof *mutex), "munmap");
        zero(close(fd), "close");
        zero(shm_unlink(fresh[i]), "shm_unlink");
    }
}

static void measure(const char *row, const char *whose, void (*names)(void)) {
    uint64_t start = now_ns();
    names();
    report(row, whose, (double)(now_ns() - start) / NAMES / 1000.0);
}

/* The name of a live reference file, different for each run so that two runs do not meet. */
static void live_file(char *name, size_t size, size_t i) { snprintf(name, size, "/byname-live-%d-%06zu", getpid(), i); }

int main(int argc, char **argv) {
    if (argc != 3) die("usage: names LIVE SLICES");
    size_t live = (size_t)number(argv[1]);
    byname_handle *handles = calloc(live, sizeof *handles);
    fresh = calloc(NAMES, sizeof *fresh);
    if (handles == NULL || fresh == NULL) die("out of memory");
    char name[64];
    for (size_t i = 0; i < NAMES; i++) snprintf(fresh[i], LENGTH, "/byname-new-%d-%05zu", getpid(), i);
    for (size_t i = 0; i < live; i++) {
        snprintf(name, sizeof name, "byname-live-%08zu", i); /* 20 characters */
        ok(byname_mutex_create(name, NULL, &handles[i]), "mutex_create");
        live_file(name, sizeof name, i);
        int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0) die("shm_open %s: %s", name, strerror(errno));
        zero(ftruncate(fd, sizeof(pthread_mutex_t)), "ftruncate");
        zero(close(fd), "close");
    }

    char row[40];
    snprintf(row, sizeof row, "W4-%zu", live);
    our_names(), file_names(); /* warm */
    for (long slice = number(argv[2]); slice > 0; slice--) {
        measure(row, "ours", our_names);
        measure(row, "reference", file_names);
    }
    for (size_t i = 0; i < live; i++) {
        ok(byname_handle_close(handles[i]), "close");
        live_file(name, sizeof name, i);
        zero(shm_unlink(name), "shm_unlink");
    }
    free(handles), free(fresh);
    return 0;
}
