/*
 * usage: no_waitv ENOSYS|EPERM
 * The kernel refuses futex_waitv to this program and its children (seccomp). Waits for several objects, waits that a keeper must
 * end, and the news of a death all work without.
 */
#include <byname.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #x, byname_last_error_message()), exit(1)))

static int forbid(unsigned error) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static byname_handle mutex, event, units, set[2], pair[2];

static void *sets_when_somebody_waits(void *what) {
    /* A pulse lets pass who waits now, so it is repeated until somebody did. */
    volatile int *done = what;
    while (!*done) {
        byname_event_pulse(event);
        usleep(1000);
    }
    return NULL;
}

static pid_t owner_that(const char *ends) {
    int ready[2];
    char byte;
    pid_t pid;
    CHECK(pipe(ready) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK(byname_mutex_lock(mutex, BYNAME_INFINITE, NULL) >= 0);
        CHECK(write(ready[1], "r", 1) == 1);
        if (!strcmp(ends, "is killed")) for (;;) pause();
        _exit(0);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

int main(int argc, char **argv) {
    byname_wait_result won;
    pthread_t thread;
    struct pollfd entry = {-1, POLLIN, 0};
    struct rusage before, after;
    volatile int done = 0;
    int error, i;
    pid_t pid;

    if (argc < 2) return 2;
    error = strcmp(argv[1], "EPERM") ? ENOSYS : EPERM;
    if (forbid((unsigned)error)) return 77; /* no seccomp here */
    CHECK(syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == -1 && errno == error);

    CHECK(byname_mutex_create("m", NULL, &mutex) == BYNAME_OK);
    CHECK(byname_event_create("e", NULL, &event) == BYNAME_OK);
    CHECK(byname_semaphore_create("s", NULL, &units) == BYNAME_OK);
    set[0] = event, set[1] = mutex;
    pair[0] = event, pair[1] = units;
    CHECK(byname_wait(units, 0, NULL) == BYNAME_OK); /* none is left */

    /* A wait for several that somebody ends, and one that time ends. */
    CHECK(byname_mutex_lock(mutex, 0, NULL) == BYNAME_OK);
    CHECK(byname_mutex_unlock(mutex) == BYNAME_OK);
    CHECK(pthread_create(&thread, NULL, sets_when_somebody_waits, (void *)&done) == 0);
    CHECK(byname_wait_any(pair, 2, BYNAME_INFINITE, &won) == BYNAME_OK && won.index == 0);
    done = 1;
    pthread_join(thread, NULL);
    byname_event_reset(event);
    CHECK(byname_wait_any(pair, 2, 20000000, &won) == BYNAME_TIMED_OUT);

    /* Death is told to who waits, for one object and for several, and to who comes later. */
    for (i = 0; i < 3; i++) {
        pid = owner_that("is killed");
        if (i < 2) {
            getrusage(RUSAGE_SELF, &before);
            CHECK(byname_mutex_lock(mutex, 300000000, NULL) == BYNAME_TIMED_OUT);
            getrusage(RUSAGE_SELF, &after);
            CHECK(after.ru_nvcsw - before.ru_nvcsw >= 8); /* it sleeps between its looks, every 5 ms and not all the time */
        }
        CHECK(kill(pid, SIGKILL) == 0);
        if (i == 2) CHECK(waitpid(pid, NULL, 0) == pid);
        if (i == 1) CHECK(byname_wait_any(set, 2, BYNAME_INFINITE, &won) == BYNAME_ABANDONED && won.index == 1);
        else CHECK(byname_mutex_lock(mutex, BYNAME_INFINITE, NULL) == BYNAME_ABANDONED);
        CHECK(byname_mutex_unlock(mutex) == BYNAME_OK);
        if (i != 2) CHECK(waitpid(pid, NULL, 0) == pid);
    }

    /* A descriptor is the keeper's to feed. */
    CHECK(byname_handle_fd(event, &entry.fd) == BYNAME_OK);
    CHECK(poll(&entry, 1, 0) == 0);
    CHECK(byname_event_set(event) == BYNAME_OK);
    CHECK(poll(&entry, 1, -1) == 1);
    CHECK(byname_event_wait(event, 0) == BYNAME_OK);
    return 0;
}
