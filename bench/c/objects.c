/* W4m, W4-million: COUNT live objects of all kinds under 20-character names, found again by a second process.
 *
 *   objects memory COUNT       W4m: what the namespace's file grew by for each object, in bytes of allocated blocks (the
 *                              file is sparse: its length says nothing)
 *   objects find COUNT         W4-million: how many objects the second process found, after it has opened each and seen that
 *                              it is of the right kind and that no other kind opens it; the microseconds to create, to
 *                              open, to leave to the other process and to close one; the growth in MB
 *
 * Names are visited in a scattered order. Reference of the memory: a file of one's own with a pthread mutex in it. */
#include "bench.h"
#include <limits.h>

enum { FILES = 100 };

static size_t count;
static byname_handle *handles;

static void name_of(char name[32], size_t i) { snprintf(name, 32, "byname-live-%08zu", i); }
static byname_kind kind_of(size_t i) { return (byname_kind)(BYNAME_KIND_MUTEX + i % 3); }

/* The i-th of a walk that visits each number below `count` once: the step is a prime, and larger. */
static size_t scattered(size_t i) { return i * 2147483647u % count; }

static void create(size_t i) {
    char name[32];
    name_of(name, i);
    switch (kind_of(i)) {
    case BYNAME_KIND_MUTEX: ok(byname_mutex_create(name, NULL, &handles[i]), name); break;
    case BYNAME_KIND_EVENT: ok(byname_event_create(name, NULL, &handles[i]), name); break;
    default: ok(byname_semaphore_create(name, NULL, &handles[i]), name);
    }
    bool created;
    ok(byname_handle_created(handles[i], &created), name);
    if (!created) die("%s was there already", name);
}

static byname_status open_as(byname_kind kind, const char *name, byname_handle *handle) {
    switch (kind) {
    case BYNAME_KIND_MUTEX: return byname_mutex_open(name, NULL, handle);
    case BYNAME_KIND_EVENT: return byname_event_open(name, NULL, handle);
    default: return byname_semaphore_open(name, NULL, handle);
    }
}

static void find(size_t i) {
    char name[32];
    byname_kind kind;
    name_of(name, i);
    ok(open_as(kind_of(i), name, &handles[i]), name);
    ok(byname_handle_kind(handles[i], &kind), name);
    if (kind != kind_of(i)) die("%s is of kind %d", name, (int)kind);
}

/* Each name leads to its own object: no other kind opens it. */
static void find_no_other(size_t i) {
    char name[32];
    byname_handle handle;
    name_of(name, i);
    if (open_as(kind_of(i + 1), name, &handle) != BYNAME_ERR_WRONG_KIND) die("%s opened as another kind", name);
}

static void leave(size_t i) { ok(byname_handle_close(handles[i]), "close"); }

static void for_each(void (*what)(size_t i)) {
    for (size_t i = 0; i < count; i++) what(scattered(i));
}

/* Microseconds for each object. */
static double timed(void (*what)(size_t i)) {
    uint64_t start = now_ns();
    for_each(what);
    return (double)(now_ns() - start) / 1000.0 / (double)count;
}

/* What the file takes, in bytes. */
static double blocks(const char *path) {
    struct stat file;
    zero(stat(path, &file), path);
    return (double)file.st_blocks * 512.0;
}

/* The namespace's file, which is mapped here. */
static void find_arena(char path[PATH_MAX]) {
    char line[PATH_MAX + 100];
    FILE *maps = fopen("/proc/self/maps", "r");
    path[0] = 0;
    while (maps != NULL && path[0] == 0 && fgets(line, sizeof line, maps) != NULL) {
        char *at = strchr(line, '/');
        if (at != NULL && strstr(at, "/byname.v1.") != NULL) sscanf(at, "%[^\n]", path);
    }
    if (maps == NULL || path[0] == 0) die("the namespace's file is not mapped");
    fclose(maps);
}

/* What own files, made as the reference of W4 is made, take for each. */
static double file_bytes(void) {
    double total = 0;
    for (int i = 0; i < FILES; i++) {
        char name[64], path[80];
        snprintf(name, sizeof name, "/byname-bench-%d-%d", getpid(), i);
        snprintf(path, sizeof path, "/dev/shm%s", name);
        int fd = opened(shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), name);
        zero(ftruncate(fd, sizeof(pthread_mutex_t)), "ftruncate");
        pthread_mutex_t *mutex = mmap(NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mutex == MAP_FAILED) die("mmap: %s", strerror(errno));
        init_robust(mutex);
        zero(munmap(mutex, sizeof *mutex), "munmap");
        zero(close(fd), "close");
        total += blocks(path);
        zero(shm_unlink(name), "shm_unlink");
    }
    return total / FILES;
}

/* The second process: finds them all, tells how many and how long it took, and leaves. */
static void search(int say) {
    double times[2] = {timed(find), 0};
    for_each(find_no_other);
    times[1] = timed(leave);
    if (write(say, times, sizeof times) != sizeof times) die("write: %s", strerror(errno));
}

int main(int argc, char **argv) {
    if (argc != 3 || (strcmp(argv[1], "memory") != 0 && strcmp(argv[1], "find") != 0)) die("usage: objects memory|find COUNT");
    count = (size_t)number(argv[2]);
    handles = calloc(count, sizeof *handles);
    if (count == 0 || handles == NULL) die("no objects, or out of memory");
    int go[2], say[2];
    zero(pipe(go), "pipe");
    zero(pipe(say), "pipe");
    pid_t second = fork();
    if (second < 0) die("fork: %s", strerror(errno));
    if (second == 0) {
        die_with_parent();
        get(go[0]);
        search(say[1]);
        _exit(0);
    }

    char arena[PATH_MAX];
    byname_handle first;
    ok(byname_mutex_create("bench-first", NULL, &first), "mutex_create");
    find_arena(arena);
    double before = blocks(arena);
    double creating = timed(create);
    double grown = blocks(arena) - before;
    put(go[1]);
    double found[2]; /* microseconds to open one, to close one of which another handle is left */
    if (read(say[0], found, sizeof found) != sizeof found) die("the second process failed");
    join(1);
    double closing = timed(leave);
    ok(byname_handle_close(first), "close");

    if (strcmp(argv[1], "memory") == 0) {
        report("W4m", "ours", grown / (double)count);
        report("W4m", "reference", file_bytes());
    } else {
        report("W4-million", "ours", (double)count);
        report("W4-million-create", "ours", creating);
        report("W4-million-open", "ours", found[0]);
        report("W4-million-leave", "ours", found[1]);
        report("W4-million-close", "ours", closing);
        report("W4-million-file", "ours", grown / 1e6);
    }
    free(handles);
    return 0;
}
