/* W10-map: open an existing mapping of 64 KiB that another process holds, map it, touch it, unmap and close it.
 *
 *   mapping SLICES
 *
 * Reference: shm_open, mmap, touch, munmap and close of a POSIX shared memory object of that size. Touched is one byte, which is written. */
#include "existing.h"

enum { SIZE = 65536 };

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

static const struct side sides[] = {
    {"ours", 'm', make_ours, use_ours, remove_nothing},
    {"reference", 'f', make_file, use_file, remove_file},
};

int main(int argc, char **argv) {
    if (argc != 2) die("usage: mapping SLICES");
    measure_existing("W10-map", sides, SIDES_OF(sides), number(argv[1]));
    return 0;
}
