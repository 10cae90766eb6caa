/*
 * What create answers when the place of the namespace is missing, closed, taken by something else, full or lost.
 * The parent never attaches; each child attaches in a directory of its own.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char directory[] = "/tmp/byname-c-XXXXXX";
static char file[256]; /* the namespace's file in it */

/* A child in a fresh directory; afterwards the directory is empty again or the test says what is left. */
static void in_a_directory(void (*body)(const parent *)) {
    child c;
    int status;
    snprintf(directory, sizeof directory, "/tmp/byname-c-XXXXXX");
    if (!CHECK(mkdtemp(directory) != NULL)) return;
    snprintf(file, sizeof file, "%s/byname.v1.local.%u.%s", directory, (unsigned)geteuid(), getenv("BYNAME_SESSION"));
    setenv("BYNAME_DIR", directory, 1);
    c = start_child(body);
    status = end_child(&c);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    unsetenv("BYNAME_DIR");
    chmod(directory, 0700);
    CHECK(rmdir(directory) == 0);
}

/* An error of any kind with its words, nothing made. */
static byname_status refused(const char *must_name) {
    byname_handle h = {77};
    byname_status status = byname_mutex_create("x", NULL, &h);
    if (!CHECK(BYNAME_FAILED(status))) return status;
    CHECK(h.id == 77 && byname_last_error_win32() != 0);
    if (!CHECK(strstr(byname_last_error_message(), must_name) != NULL)) fprintf(stderr, "    it says: %s\n", byname_last_error_message());
    return status;
}

static void missing(const parent *p) {
    char path[300];
    (void)p;
    snprintf(path, sizeof path, "%s/nothing", directory);
    setenv("BYNAME_DIR", path, 1);
    IS(refused("nothing"), BYNAME_ERR_PATH_NOT_FOUND);
    setenv("BYNAME_DIR", "/proc/self/comm", 1);
    refused("/proc/self/comm");
}

static void read_only(const parent *p) {
    (void)p;
    if (!CHECK(chmod(directory, 0555) == 0)) return;
    if (geteuid() == 0 && setuid(65534) != 0) return; /* root may write anywhere */
    IS(refused(directory), BYNAME_ERR_ACCESS_DENIED);
}

static void planted_file(const parent *p) {
    int fd = open(file, O_CREAT | O_WRONLY, 0600);
    (void)p;
    CHECK(fd >= 0 && write(fd, "rubbish", 7) == 7 && close(fd) == 0);
    refused(file);
    CHECK(truncate(file, 1 << 20) == 0);
    refused(file);
    CHECK(unlink(file) == 0);
}

static void planted_link(const parent *p) {
    char target[300];
    struct stat unused;
    (void)p;
    snprintf(target, sizeof target, "%s/target", directory);
    CHECK(symlink(target, file) == 0);
    refused(file);
    CHECK(stat(target, &unused) != 0); /* nothing was made through it */
    CHECK(unlink(file) == 0);
}

static void planted_directory(const parent *p) {
    (void)p;
    CHECK(mkdir(file, 0700) == 0);
    refused(file);
    CHECK(rmdir(file) == 0);
}

static void full(const parent *p) {
    struct rlimit limit = {4096, 4096};
    (void)p;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    refused(""); /* and not SIGXFSZ */
}

static void deleted_under_its_users(const parent *p) {
    byname_handle m, e, none;
    byname_status status;
    (void)p;
    OK(byname_mutex_create("x", NULL, &m));
    OK(byname_event_create("y", NULL, &e));
    CHECK(unlink(file) == 0);
    status = byname_event_wait(e, LONG_TIME); /* whoever waits is woken */
    IS(status, BYNAME_ERR_NAMESPACE_LOST);
    CHECK(byname_last_error_win32() == 1167);
    FAILS(byname_mutex_lock(m, 0, NULL), BYNAME_ERR_NAMESPACE_LOST, 1167);
    FAILS(byname_mutex_create("z", NULL, &none), BYNAME_ERR_NAMESPACE_LOST, 1167);
}

static void truncated_under_its_users(const parent *p) {
    byname_handle m, e;
    (void)p;
    OK(byname_mutex_create("x", NULL, &m));
    OK(byname_event_create("y", NULL, &e));
    CHECK(truncate(file, 0) == 0);
    IS(byname_event_wait(e, LONG_TIME), BYNAME_ERR_NAMESPACE_LOST); /* and not SIGBUS */
    FAILS(byname_mutex_lock(m, 0, NULL), BYNAME_ERR_NAMESPACE_LOST, 1167);
    unlink(file);
}

static void used_and_left(const parent *p) {
    byname_handle m;
    struct stat found;
    (void)p;
    OK(byname_mutex_create("x", NULL, &m));
    CHECK(stat(file, &found) == 0 && (found.st_mode & 07777) == 0600);
    OK(byname_handle_close(m));
    fflush(NULL);
    exit(failed_checks != 0); /* a clean exit, with what was left at exit */
}

static void a_missing_directory(void) { in_a_directory(missing); }
static void a_read_only_directory(void) { in_a_directory(read_only); }
static void a_planted_file(void) { in_a_directory(planted_file); }
static void a_planted_link(void) { in_a_directory(planted_link); }
static void a_planted_directory(void) { in_a_directory(planted_directory); }
static void no_space(void) { in_a_directory(full); }
static void a_deleted_file(void) { in_a_directory(deleted_under_its_users); }
static void a_truncated_file(void) { in_a_directory(truncated_under_its_users); }
static void a_clean_exit_leaves_nothing(void) { in_a_directory(used_and_left); }

TESTS(T(a_missing_directory), T(a_read_only_directory), T(a_planted_file), T(a_planted_link), T(a_planted_directory), T(no_space),
      T(a_deleted_file), T(a_truncated_file), T(a_clean_exit_leaves_nothing))
