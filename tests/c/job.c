/* Processes and jobs (contract 8, 10.1), by the means that there are here. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>

/* A program, which runs: a forked child that is killed before it has come to the namespace keeps that for ten seconds. */
static pid_t sleeper(void) {
    int runs[2];
    char c;
    CHECK(pipe2(runs, O_CLOEXEC) == 0);
    pid_t child = fork();
    if (child == 0) {
        execlp("sleep", "sleep", "1000", (char *)NULL); /* a forked child that does not would have the job open, too */
        _exit(127);
    }
    close(runs[1]);
    CHECK(read(runs[0], &c, 1) == 0); /* its exec has closed the other end */
    close(runs[0]);
    return child;
}

static byname_handle watch(pid_t pid) {
    byname_handle h = BYNAME_NO_HANDLE;
    OK(byname_process_open(pid, NULL, &h));
    return h;
}

static void a_process_ends(void) {
    pid_t child = sleeper();
    byname_handle both[2] = {BYNAME_NO_HANDLE, watch(child)};
    byname_wait_result result;
    uint32_t code = 1, pid = 0;
    bool running = false;
    int status;
    OK(byname_event_create(NULL, NULL, &both[0]));
    OK(byname_process_pid(both[1], &pid));
    CHECK(pid == (uint32_t)child);
    IS(byname_wait_any(both, 2, 0, &result), BYNAME_TIMED_OUT);
    OK(byname_process_exit_code(both[1], &running, &code));
    CHECK(running && code == BYNAME_STILL_ACTIVE);
    kill(child, SIGTERM);
    OK(byname_wait_any(both, 2, BYNAME_INFINITE, &result));
    CHECK(result.index == 1);
    OK(byname_wait(both[1], 0, NULL));
    OK(byname_process_exit_code(both[1], &running, &code));
    CHECK(!running && code == 128 + SIGTERM);
    FAILS(byname_process_terminate(both[1], 1), BYNAME_ERR_ACCESS_DENIED, 5);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    OK(byname_handle_close(both[0]));
    OK(byname_handle_close(both[1]));
}

static void a_process_is_terminated(void) {
    pid_t child = sleeper();
    byname_handle h = watch(child);
    uint32_t code = 0;
    OK(byname_process_terminate(h, 0xfedcba98u));
    OK(byname_wait(h, BYNAME_INFINITE, NULL));
    OK(byname_process_exit_code(h, NULL, &code));
    CHECK(code == 0xfedcba98u);
    waitpid(child, NULL, 0);
    OK(byname_handle_close(h));
}

static void bad_processes(void) {
    byname_open_options only_wait = BYNAME_OPEN_OPTIONS_INIT;
    byname_handle h = BYNAME_NO_HANDLE;
    uint32_t code = 7;
    FAILS(byname_process_open(0, NULL, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_process_open(-1, NULL, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_process_open(INT64_MAX, NULL, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_process_open(getpid(), NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    CHECK(h.id == 0);
    only_wait.access = BYNAME_ACCESS_SYNCHRONIZE;
    OK(byname_process_open(getpid(), &only_wait, &h));
    FAILS(byname_process_exit_code(h, NULL, &code), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_process_exit_code(h, NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_process_terminate(h, 1), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_job_terminate(h, 1), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_set(h), BYNAME_ERR_WRONG_KIND, 6);
    CHECK(code == 7);
    OK(byname_handle_close(h));
    FAILS(byname_process_exit_code(h, NULL, &code), BYNAME_ERR_CLOSED, 6);
}

/* 0 where there are no jobs. */
static int new_job(int kill_on_close, byname_handle *job) {
    byname_job_options o = BYNAME_JOB_OPTIONS_INIT;
    o.kill_on_close = (uint32_t)kill_on_close;
    byname_status status = byname_job_create(NULL, &o, job);
    if (status == BYNAME_ERR_UNSUPPORTED) {
        printf("    no jobs here: %s\n", byname_last_error_message());
        return 0;
    }
    return OK(status);
}

static void a_job_is_terminated(void) {
    byname_handle job;
    if (!new_job(0, &job)) return;
    pid_t child = sleeper();
    byname_handle process = watch(child);
    uint32_t pids[2] = {0, 0}, code = 0;
    size_t count = 9;
    byname_job_accounting spent;
    OK(byname_job_assign(job, child));
    FAILS(byname_job_assign(job, child), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_job_pids(job, pids, 2, &count));
    CHECK(count == 1 && pids[0] == (uint32_t)child);
    OK(byname_job_pids(job, NULL, 0, &count));
    CHECK(count == 1);
    FAILS(byname_job_pids(job, NULL, 1, &count), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_job_query(job, &spent));
    CHECK(spent.active_processes == 1 && spent.total_processes == 1 && spent.terminated_processes == 0);
    IS(byname_wait(job, 0, NULL), BYNAME_TIMED_OUT);
    OK(byname_job_terminate(job, 123));
    OK(byname_wait(job, BYNAME_INFINITE, NULL));
    OK(byname_wait(process, BYNAME_INFINITE, NULL));
    OK(byname_process_exit_code(process, NULL, &code));
    CHECK(code == 123);
    waitpid(child, NULL, 0);
    FAILS(byname_job_assign(job, 0), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_job_query(job, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_handle_close(process));
    OK(byname_handle_close(job));
}

static void the_last_close_kills(void) {
    byname_handle job;
    if (!new_job(1, &job)) return;
    pid_t child = sleeper();
    int status;
    OK(byname_job_assign(job, child));
    OK(byname_handle_close(job));
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static void limits(void) {
    byname_handle job;
    byname_job_limits set = {0, 1, 1}, seen;
    if (!new_job(0, &job)) return;
    FAILS(byname_job_limit(job, &set), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_job_limit(job, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_job_limits_of(job, &seen));
    CHECK(seen.active_processes == 0 && seen.kill_on_close == 0 && seen.memory == 0);
    set.memory = 0;
    OK(byname_job_limit(job, &set));
    OK(byname_job_limits_of(job, &seen));
    CHECK(seen.kill_on_close == 1);
    set.active_processes = 1;
    byname_status status = byname_job_limit(job, &set);
    if (status != BYNAME_ERR_UNSUPPORTED) {
        pid_t first = sleeper(), second = sleeper();
        OK(status);
        OK(byname_job_assign(job, first));
        FAILS(byname_job_assign(job, second), BYNAME_ERR_LIMIT_REACHED, 1816);
        waitpid(second, NULL, 0);
        OK(byname_job_terminate(job, 0));
        waitpid(first, NULL, 0);
    }
    OK(byname_handle_close(job));
}

static byname_job_notification next_of(byname_handle told) {
    byname_job_notification next = {0, 0};
    OK(byname_job_notification_next(told, BYNAME_INFINITE, &next));
    return next;
}

static void notifications(void) {
    byname_handle job, both[2] = {BYNAME_NO_HANDLE, BYNAME_NO_HANDLE}, again = BYNAME_NO_HANDLE;
    byname_job_notification next = {77, 77};
    byname_wait_result result;
    int fd = -1;
    if (!new_job(1, &job)) return;
    OK(byname_event_create(NULL, NULL, &both[0]));
    FAILS(byname_job_notifications(job, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_job_notifications(both[0], &both[1]), BYNAME_ERR_WRONG_KIND, 6);
    OK(byname_job_notifications(job, &both[1]));
    FAILS(byname_job_notifications(job, &again), BYNAME_ERR_INVALID_ARGUMENT, 87);
    IS(byname_job_notification_next(both[1], 0, &next), BYNAME_TIMED_OUT);
    FAILS(byname_job_notification_next(both[1], 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_job_notification_next(both[1], -2, &next), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_job_notification_next(both[0], 0, &next), BYNAME_ERR_WRONG_KIND, 6);
    CHECK(next.message == 77 && next.pid == 77);
    IS(byname_wait_any(both, 2, 0, &result), BYNAME_TIMED_OUT);
    OK(byname_handle_fd(both[1], &fd));
    pid_t child = sleeper();
    OK(byname_job_assign(job, child));
    struct pollfd poll_for = {fd, POLLIN, 0};
    CHECK(poll(&poll_for, 1, -1) == 1);
    OK(byname_wait_any(both, 2, BYNAME_INFINITE, &result));
    CHECK(result.index == 1);
    next = next_of(both[1]);
    CHECK(next.message == BYNAME_JOB_MSG_NEW_PROCESS && next.pid == (uint32_t)child);
    pid_t forked = fork();
    if (forked == 0) {
        byname_handle own;
        if (byname_job_notification_next(both[1], 0, &next) != BYNAME_ERR_CLOSED) _exit(1);
        if (byname_job_notifications(job, &own) != BYNAME_OK) _exit(2);
        if (byname_job_notification_next(own, BYNAME_INFINITE, &next) != BYNAME_OK) _exit(3);
        _exit(next.message == BYNAME_JOB_MSG_NEW_PROCESS && next.pid == (uint32_t)child ? 0 : 4);
    }
    int status = 1;
    CHECK(waitpid(forked, &status, 0) == forked && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    kill(child, SIGBUS);
    next = next_of(both[1]);
    CHECK(next.message == BYNAME_JOB_MSG_ABNORMAL_EXIT_PROCESS && next.pid == (uint32_t)child);
    next = next_of(both[1]);
    CHECK(next.message == BYNAME_JOB_MSG_ACTIVE_PROCESS_ZERO && next.pid == 0);
    waitpid(child, NULL, 0);
    OK(byname_handle_close(both[1]));
    FAILS(byname_job_notification_next(both[1], 0, &next), BYNAME_ERR_CLOSED, 6);
    OK(byname_job_notifications(job, &again));
    OK(byname_handle_close(again));
    OK(byname_handle_close(both[0]));
    OK(byname_handle_close(job));
}

TESTS(T(a_process_ends), T(a_process_is_terminated), T(bad_processes), T(a_job_is_terminated), T(the_last_close_kills), T(limits), T(notifications))
