/* W10-map: open an existing mapping of 64 KiB that another process holds, map it, touch it, unmap and close it.
 *
 *   mapping SLICES
 *
 * Reference: shm_open, mmap, touch, munmap and close of a POSIX shared memory object of that size. Touched is one byte, which is written. */
#include "bench.h"

enum { NAMES = 200, LENGTH = 32, SIZE = 65536 };

static char (*names)[LENGTH];

static void make_ours(const char *name) {
    byname_mapping_options how = BYNAME_MAPPING_OPTIONS_INIT;
    byname_handle mapping; /* lives until the process ends */
    how.size = SIZE;
    ok(byname_mapping_create(name + 1, &how, &mapping), "mapping_create");
}

static void use_ours(const char *name) {
    byname_handle mapping;
    void *bytes;
    ok(byname_mapping_open(name + 1, NULL, &mapping), "mapping_open");
    ok(byname_mapping_map(mapping, BYNAME_ACCESS_MAP_WRITE, 0, 0, NULL, &bytes, NULL), "mapping_map");
    ++*(volatile char *)bytes;
    ok(byname_mapping_unmap(bytes), "mapping_unmap");
    ok(byname_handle_close(mapping), "close");
}

static void in_file(const char *name, int flags) {
    int fd = opened(shm_open(name, O_RDWR | O_CLOEXEC | flags, 0600), name);
    if (flags != 0) zero(ftruncate(fd, SIZE), "ftruncate");
    if (flags != 0) zero(fallocate(fd, 0, 0, SIZE), "fallocate");
    void *bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) die("mmap: %s", strerror(errno));
    ++*(volatile char *)bytes;
    zero(munmap(bytes, SIZE), "munmap");
    zero(close(fd), "close");
}

static void make_file(const char *name) { in_file(name, O_CREAT | O_EXCL); }
static void use_file(const char *name) { in_file(name, 0); }
static void remove_file(const char *name) { zero(shm_unlink(name), "shm_unlink"); }
static void remove_nothing(const char *name) { (void)name; }

static const struct side {
    const char *name;
    char letter; /* begins its names */
    void (*make)(const char *name);
    void (*use)(const char *name);
    void (*remove)(const char *name);
} sides[] = {
    {"ours", 'm', make_ours, use_ours, remove_nothing},
    {"reference", 'f', make_file, use_file, remove_file},
};

static void with_each(const struct side *side, void (*what)(const char *name)) {
    for (size_t i = 0; i < NAMES; i++) {
        names[i][sizeof "/byname-" - 1] = side->letter;
        what(names[i]);
    }
}

static void measure(const char *row, const struct side *side) {
    uint64_t start = now_ns();
    with_each(side, side->use);
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
    if (argc != 2) die("usage: mapping SLICES");
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
        for (size_t i = 0; i < count; i++) measure("W10-map", &sides[i]);
    }
    put(leave[1]);
    join(1);
    free(names);
    return 0;
}
