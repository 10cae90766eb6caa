/* The mapping: memory and files, views, rights, the version (contract 7). */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CHARS(p) ((char *)(p))

static byname_handle sized(const char *name, uint64_t size) {
    byname_mapping_options o = BYNAME_MAPPING_OPTIONS_INIT;
    byname_handle h = BYNAME_NO_HANDLE;
    o.size = size;
    OK(byname_mapping_create(name, &o, &h));
    return h;
}

static void *view_of(byname_handle h, uint32_t access) {
    void *address = NULL;
    OK(byname_mapping_map(h, access, 0, 0, NULL, &address, NULL));
    return address;
}

/* A file without a name, of this content. */
static int file_of(const char *content) {
    char path[] = "/tmp/byname-c-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && unlink(path) == 0);
    CHECK(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    return fd;
}

static void memory_is_shared_and_outlives_its_name(void) {
    byname_handle a = sized("memory", 100), b;
    byname_mapping_state state;
    size_t length = 0;
    void *bytes, *other, *copy;
    OK(byname_mapping_open("memory", NULL, &b));
    OK(byname_mapping_look(b, &state));
    CHECK(state.size == 4096 && state.version == 0 && state.protect == BYNAME_PROTECT_READWRITE && !state.has_file);
    OK(byname_mapping_map(a, BYNAME_ACCESS_MAP_WRITE, 0, 0, NULL, &bytes, &length));
    CHECK(length == 4096 && CHARS(bytes)[4095] == 0);
    other = view_of(b, BYNAME_ACCESS_MAP_READ);
    copy = view_of(b, BYNAME_ACCESS_MAP_COPY);
    strcpy(CHARS(bytes), "hello");
    CHECK(strcmp(CHARS(other), "hello") == 0 && strcmp(CHARS(copy), "hello") == 0);
    CHARS(copy)[0] = 'j'; /* V8 */
    CHECK(strcmp(CHARS(copy), "jello") == 0 && strcmp(CHARS(other), "hello") == 0);
    OK(byname_mapping_flush(bytes, 0)); /* 7.4: nothing to do */
    OK(byname_handle_close(a));
    OK(byname_handle_close(b));
    FAILS(byname_mapping_open("memory", NULL, &b), BYNAME_ERR_NOT_FOUND, 2); /* L4 */
    CHECK(strcmp(CHARS(other), "hello") == 0);
    OK(byname_mapping_unmap(bytes));
    OK(byname_mapping_unmap(CHARS(other) + 17)); /* any address inside */
    OK(byname_mapping_unmap(copy));
    FAILS(byname_mapping_unmap(other), BYNAME_ERR_INVALID_ARGUMENT, 487);
    FAILS(byname_mapping_flush(other, 0), BYNAME_ERR_INVALID_ARGUMENT, 487);
    FAILS(byname_mapping_unmap(NULL), BYNAME_ERR_INVALID_ARGUMENT, 487);
    FAILS(byname_mapping_unmap(&state), BYNAME_ERR_INVALID_ARGUMENT, 487);
}

static void a_child_sees_it_and_writes_to_it(void) {
    byname_handle h = sized("for a child", 4096);
    char *bytes = CHARS(view_of(h, BYNAME_ACCESS_MAP_WRITE));
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        byname_handle own;
        int good = bytes[0] == 0 && byname_mapping_open("for a child", NULL, &own) == BYNAME_OK;
        if (good) CHARS(view_of(own, BYNAME_ACCESS_MAP_WRITE))[1] = 'b';
        bytes[0] = 'a'; /* the parent's view is the child's, too */
        good = good && byname_mapping_unmap(bytes) == BYNAME_OK;
        _exit(good ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(bytes[0] == 'a' && bytes[1] == 'b');
    OK(byname_mapping_unmap(bytes));
    OK(byname_handle_close(h));
}

static void a_file_is_mapped_by_its_descriptor(void) {
    byname_mapping_options o = BYNAME_MAPPING_OPTIONS_INIT;
    byname_handle h, other;
    struct stat stat;
    char content[16] = "";
    void *bytes;
    o.file = file_of("some text");
    OK(byname_mapping_create("file", &o, &h));
    bytes = view_of(h, BYNAME_ACCESS_MAP_WRITE);
    CHECK(memcmp(bytes, "some text", 9) == 0);
    memcpy(bytes, "SOME", 4);
    OK(byname_mapping_flush(CHARS(bytes) + 1, 2));
    CHECK(pread(o.file, content, 9, 0) == 9 && strcmp(content, "SOME text") == 0);
    o.size = 5000; /* F7 */
    OK(byname_mapping_create("longer", &o, &other));
    CHECK(fstat(o.file, &stat) == 0 && stat.st_size == 5000);
    OK(byname_handle_close(other));
    CHECK(close(o.file) == 0);
    OK(byname_mapping_open("file", NULL, &other));
    OK(byname_mapping_unmap(bytes));
    bytes = view_of(other, BYNAME_ACCESS_MAP_READ); /* the descriptor and the name are gone; the process keeps the file */
    CHECK(memcmp(bytes, "SOME text", 9) == 0);
    OK(byname_mapping_unmap(bytes));
    OK(byname_handle_close(h));
    OK(byname_handle_close(other));
}

static void bad_arguments(void) {
    byname_mapping_options o = BYNAME_MAPPING_OPTIONS_INIT;
    byname_handle h = {77};
    void *bytes = &h;
    FAILS(byname_mapping_create("bad", NULL, &h), BYNAME_ERR_INVALID_ARGUMENT, 87); /* no size: F1 */
    FAILS(byname_mapping_create("bad", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    o.size = 4096;
    o.protect = 0; /* F4 */
    FAILS(byname_mapping_create("bad", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    o.protect = BYNAME_PROTECT_READWRITE | BYNAME_PROTECT_RESERVE | BYNAME_PROTECT_COMMIT;
    FAILS(byname_mapping_create("bad", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    o.protect = BYNAME_PROTECT_READWRITE;
    o.file = 1 << 20; /* F3 */
    FAILS(byname_mapping_create("bad", &o, &h), BYNAME_ERR_CLOSED, 6);
    o.file = -2;
    FAILS(byname_mapping_create("bad", &o, &h), BYNAME_ERR_CLOSED, 6);
    o.file = open("/", O_RDONLY);
    FAILS(byname_mapping_create("bad", &o, &h), BYNAME_ERR_WRONG_KIND, 6);
    close(o.file);
    o.file = file_of("");
    o.size = 0; /* F2 */
    FAILS(byname_mapping_create("bad", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 1006);
    close(o.file);
    CHECK(h.id == 77);
    h = sized("bad", 65536);
    FAILS(byname_mapping_map(h, 0x100, 0, 0, NULL, &bytes, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mapping_map(h, 0, 4096, 0, NULL, &bytes, NULL), BYNAME_ERR_MISALIGNED, 1132);
    FAILS(byname_mapping_map(h, 0, 0, 0, (void *)(uintptr_t)1, &bytes, NULL), BYNAME_ERR_MISALIGNED, 1132);
    FAILS(byname_mapping_map(h, 0, 0, 65537, NULL, &bytes, NULL), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_mapping_map(h, 0, UINT64_MAX - 65535, 0, NULL, &bytes, NULL), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_mapping_map(h, BYNAME_ACCESS_MAP_EXECUTE, 0, 0, NULL, &bytes, NULL), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_mapping_map(h, 0, 0, 0, NULL, NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mapping_look(h, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mapping_changed(h, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_wait(h, 0, NULL), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_set(h), BYNAME_ERR_WRONG_KIND, 6);
    CHECK(bytes == &h);
    OK(byname_handle_close(h));
}

static void readers_are_told(void) {
    byname_handle h = sized(NULL, 4096), changed;
    char *bytes = CHARS(view_of(h, BYNAME_ACCESS_MAP_WRITE)), seen[5];
    bool abandoned = true;
    uint64_t version = 0;
    OK(byname_mapping_changed(h, &changed));
    IS(byname_event_wait(changed, 0), BYNAME_TIMED_OUT);
    OK(byname_mapping_begin_change(h, &abandoned));
    CHECK(!abandoned);
    FAILS(byname_mapping_begin_change(h, NULL), BYNAME_ERR_WOULD_DEADLOCK, 1131);
    strcpy(bytes, "new");
    IS(byname_mapping_read_whole(h, bytes, seen, 4, MS, &version), BYNAME_TIMED_OUT);
    OK(byname_mapping_end_change(h));
    FAILS(byname_mapping_end_change(h), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_event_wait(changed, LONG_TIME));
    OK(byname_mapping_read_whole(h, bytes, seen, 4, LONG_TIME, &version));
    CHECK(version == 1 && strcmp(seen, "new") == 0);
    OK(byname_mapping_publish(h));
    OK(byname_mapping_read_whole(h, bytes + 4092, seen, 4, 0, &version));
    CHECK(version == 2);
    FAILS(byname_mapping_read_whole(h, bytes + 4092, seen, 5, 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mapping_read_whole(h, &h, seen, 4, 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 487);
    FAILS(byname_mapping_read_whole(h, bytes, NULL, 4, 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mapping_read_whole(h, bytes, seen, 4, -7, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_mapping_unmap(bytes));
    OK(byname_handle_close(changed));
    OK(byname_handle_close(h));
}

TESTS(T(memory_is_shared_and_outlives_its_name), T(a_child_sees_it_and_writes_to_it), T(a_file_is_mapped_by_its_descriptor),
      T(bad_arguments), T(readers_are_told))
