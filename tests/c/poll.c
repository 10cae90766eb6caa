/* Descriptors of handles, under poll and epoll. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>

enum { ROUNDS = 10000 };

static int fd_of(byname_handle h) {
    int fd = -1;
    OK(byname_handle_fd(h, &fd));
    return fd;
}

static int is_readable(byname_handle h) {
    struct pollfd p = {-1, POLLIN, 0};
    p.fd = fd_of(h);
    return poll(&p, 1, 0) == 1;
}

static void await_readable(byname_handle h) {
    struct pollfd p = {-1, POLLIN, 0};
    p.fd = fd_of(h);
    CHECK(poll(&p, 1, -1) == 1);
}

static void readable_until_a_try_fails(void) {
    byname_handle e = new_event(0, 0), m = new_mutex(), s = new_semaphore(1, 2);
    CHECK(!is_readable(e) && is_readable(m) && is_readable(s));
    OK(byname_event_set(e));
    await_readable(e);
    CHECK(is_set(e)); /* nothing is consumed */
    OK(byname_event_wait(e, 0));
    IS(byname_event_wait(e, 0), BYNAME_TIMED_OUT);
    CHECK(!is_readable(e));
    OK(byname_semaphore_acquire(s, 0, NULL));
    IS(byname_semaphore_acquire(s, 0, NULL), BYNAME_TIMED_OUT);
    CHECK(!is_readable(s));
    OK(byname_semaphore_release(s, 2, NULL));
    await_readable(s);
    OK(byname_handle_close(e));
    OK(byname_handle_close(m));
    OK(byname_handle_close(s));
}

static void one_for_each_handle_closed_with_it(void) {
    byname_handle e = new_event(0, 1), copy = BYNAME_NO_HANDLE;
    struct epoll_event ready = {EPOLLIN, {0}};
    int fd = fd_of(e), other, loop = epoll_create1(EPOLL_CLOEXEC);
    OK(byname_handle_duplicate(e, &copy));
    other = fd_of(copy);
    CHECK(fd == fd_of(e) && fd != other && other == fd_of(copy));
    CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &ready) == 0 && epoll_wait(loop, &ready, 1, -1) == 1);
    OK(byname_handle_close(e));
    CHECK(epoll_wait(loop, &ready, 1, 0) == 0);
    CHECK(is_readable(copy));
    other = 77;
    FAILS(byname_handle_fd(e, &other), BYNAME_ERR_CLOSED, 6);
    CHECK(other == 77);
    OK(byname_handle_close(copy));
    close(loop);
}

static byname_handle opened(const char *name) {
    byname_handle h = BYNAME_NO_HANDLE;
    OK(byname_event_create(name, NULL, &h));
    return h;
}

static void no_signal_of_another_process_is_missed(void) {
    int loop, status = -1, taken = 0;
    struct epoll_event ready = {EPOLLIN, {0}};
    byname_handle ping = opened("poll.c/ping"), pong = opened("poll.c/pong");
    pid_t child = fork();
    if (child == 0) {
        int i;
        for (i = 0; i < ROUNDS; i++)
            if (byname_event_set(ping) != BYNAME_OK || byname_event_wait(pong, BYNAME_INFINITE) != BYNAME_OK) _exit(1);
        _exit(0);
    }
    loop = epoll_create1(EPOLL_CLOEXEC);
    CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, fd_of(ping), &ready) == 0);
    while (taken < ROUNDS) {
        if (epoll_wait(loop, &ready, 1, -1) != 1) abort();
        if (byname_event_wait(ping, 0) != BYNAME_OK) continue;
        taken++;
        OK(byname_event_set(pong));
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    IS(byname_event_wait(ping, 0), BYNAME_TIMED_OUT);
    OK(byname_handle_close(ping));
    OK(byname_handle_close(pong));
    close(loop);
}

TESTS(T(readable_until_a_try_fails), T(one_for_each_handle_closed_with_it), T(no_signal_of_another_process_is_missed))
