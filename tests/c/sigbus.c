/*
 * SIGBUS: a program's own handler before byname's and after it, signals that are sent, and byname told to leave it alone.
 * The parent never attaches; each child attaches in a directory of its own.
 */
#include "check.h"

#include <dirent.h>
#include <sys/resource.h>

static char directory[64];
static char file[256]; /* the namespace's file in it */
static byname_handle event;
static struct sigaction ours;
static volatile sig_atomic_t calls;

/* How a child in a fresh directory ends. Its SIGBUS is the system's, whatever a sanitizer had made of it. */
static int ends(void (*body)(const parent *)) {
    child c;
    int status;
    strcpy(directory, "/tmp/byname-c-XXXXXX");
    if (!CHECK(mkdtemp(directory) != NULL)) return -1;
    snprintf(file, sizeof file, "%s/byname.v1.local.%u.%s", directory, (unsigned)geteuid(), getenv("BYNAME_SESSION"));
    setenv("BYNAME_DIR", directory, 1);
    c = start_child(body);
    status = end_child(&c);
    unsetenv("BYNAME_DIR");
    unlink(file);
    CHECK(rmdir(directory) == 0);
    return status;
}

static void is_well(void (*body)(const parent *)) {
    int status = ends(body);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void dies_of_sigbus(void (*body)(const parent *)) {
    int status = ends(body);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

/* A handler with SA_SIGINFO; NULL: the default. */
static void install(void (*handler)(int, siginfo_t *, void *), struct sigaction *old) {
    struct sigaction action;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    memset(&action, 0, sizeof action);
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    action.sa_sigaction = handler;
    if (!handler) {
        action.sa_flags = 0;
        action.sa_handler = SIG_DFL;
    }
    CHECK(sigaction(SIGBUS, &action, old) == 0);
}

static void counts(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info, (void)context;
    calls = calls + 1;
}

static void calls_ours(int signal, siginfo_t *info, void *context) {
    calls = calls + 1;
    ours.sa_sigaction(signal, info, context);
}

static void raises_anew(int signal, siginfo_t *info, void *context) {
    (void)info, (void)context;
    calls = calls + 1;
    sigaction(signal, &ours, NULL);
    raise(signal);
}

/* Whether the keeper sleeps: until its belt, it touches nothing then. */
static int keeper_sleeps(void) {
    struct dirent *entry;
    int found = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (!CHECK(tasks != NULL)) return 1;
    while ((entry = readdir(tasks)) != NULL) {
        char name[300], line[100] = "";
        FILE *stat;
        snprintf(name, sizeof name, "/proc/self/task/%s/stat", entry->d_name);
        stat = fopen(name, "r");
        if (stat && fgets(line, sizeof line, stat) && strstr(line, "(byname-keeper) S")) found = 1;
        if (stat) fclose(stat);
    }
    closedir(tasks);
    return found;
}

static void attach(void) {
    OK(byname_event_create("e", NULL, &event));
    while (!keeper_sleeps()) sched_yield();
}

static void is_lost_when_truncated(void) {
    CHECK(truncate(file, 0) == 0);
    IS(byname_event_wait(event, LONG_TIME), BYNAME_ERR_NAMESPACE_LOST);
    FAILS(byname_event_set(event), BYNAME_ERR_NAMESPACE_LOST, 1167);
}

static void handles_before(const parent *p) {
    (void)p;
    install(counts, NULL);
    attach();
    raise(SIGBUS);
    kill(getpid(), SIGBUS);
    CHECK(calls == 2);
    is_lost_when_truncated();
    CHECK(calls == 2);
}

static void handles_after(const parent *p) {
    (void)p;
    install(NULL, NULL);
    attach();
    install(calls_ours, &ours);
    is_lost_when_truncated();
    CHECK(calls > 0);
}

static void raises_after(const parent *p) {
    (void)p;
    install(NULL, NULL);
    attach();
    install(raises_anew, &ours);
    is_lost_when_truncated();
    CHECK(calls > 0);
}

/* It takes the fault for mended and returns to it, again and again: until the keeper makes the file long again. */
static void returns_after(const parent *p) {
    (void)p;
    install(NULL, NULL);
    attach();
    install(counts, NULL);
    is_lost_when_truncated();
}

static void raises(const parent *p) {
    (void)p;
    install(NULL, NULL);
    attach();
    raise(SIGBUS);
}

static void raises_with_a_handler_after(const parent *p) {
    (void)p;
    install(NULL, NULL);
    attach();
    install(raises_anew, &ours);
    raise(SIGBUS);
}

static void is_left_alone(const parent *p) {
    (void)p;
    install(NULL, NULL);
    byname_leave_sigbus_alone();
    attach();
    CHECK(sigaction(SIGBUS, NULL, &ours) == 0 && ours.sa_handler == SIG_DFL);
    CHECK(truncate(file, 0) == 0);
    byname_event_set(event);
}

static void a_handler_before_gets_what_is_not_ours(void) { is_well(handles_before); }
static void a_handler_after_may_call_ours(void) { is_well(handles_after); }
static void a_handler_after_may_raise_the_signal_anew(void) { is_well(raises_after); }
static void a_handler_after_that_only_returns_is_called_until_the_keeper_comes(void) { is_well(returns_after); }
static void a_signal_that_is_raised_kills_by_default(void) { dies_of_sigbus(raises); }
static void a_signal_that_is_passed_on_kills_by_default(void) { dies_of_sigbus(raises_with_a_handler_after); }
static void sigbus_left_alone_kills(void) { dies_of_sigbus(is_left_alone); }

TESTS(T(a_handler_before_gets_what_is_not_ours), T(a_handler_after_may_call_ours), T(a_handler_after_may_raise_the_signal_anew),
      T(a_handler_after_that_only_returns_is_called_until_the_keeper_comes), T(a_signal_that_is_raised_kills_by_default),
      T(a_signal_that_is_passed_on_kills_by_default), T(sigbus_left_alone_kills))
