/* The watchdog: stages, options, the hook, a child that is killed (contract 9.8). */
#include "check.h"

#include <stdlib.h>

static byname_handle new_watchdog(int64_t period_ns, int64_t grace_ns, uint32_t action) {
    byname_watchdog_options o = BYNAME_WATCHDOG_OPTIONS_INIT;
    byname_handle h = BYNAME_NO_HANDLE;
    o.period_ns = period_ns;
    o.grace_ns = grace_ns;
    o.action = action;
    o.parameter = 7;
    OK(byname_watchdog_create(NULL, &o, &h));
    return h;
}

static byname_watchdog_stage stage(byname_handle h) {
    byname_watchdog_state s;
    OK(byname_watchdog_look(h, &s));
    return s.stage;
}

static void goes_through_its_stages(void) {
    byname_handle w = new_watchdog(2 * MS, LONG_TIME, BYNAME_ACTION_KILL);
    byname_watchdog_state s;
    int64_t begin;
    OK(byname_watchdog_look(w, &s));
    CHECK(s.stage == BYNAME_WATCHDOG_STAGE_STOPPED && s.pid == 0 && s.remaining_ns == -1 && s.period_ns == 2 * MS);
    CHECK(s.grace_ns == LONG_TIME && s.action == BYNAME_ACTION_KILL);
    OK(byname_watchdog_refresh(w));
    OK(byname_watchdog_stop(w));
    IS(byname_watchdog_wait(w, 0), BYNAME_TIMED_OUT);
    begin = now_ns();
    OK(byname_watchdog_start(w));
    OK(byname_watchdog_wait(w, BYNAME_INFINITE));
    CHECK(now_ns() - begin >= 2 * MS);
    OK(byname_watchdog_look(w, &s));
    CHECK(s.stage == BYNAME_WATCHDOG_STAGE_GRACE && s.pid == (uint32_t)getpid());
    OK(byname_wait(w, 0, NULL)); /* WD9 */
    OK(byname_watchdog_stop(w));
    CHECK(stage(w) == BYNAME_WATCHDOG_STAGE_STOPPED);
    OK(byname_handle_close(w));
    w = new_watchdog(MS, 0, BYNAME_ACTION_NONE);
    OK(byname_watchdog_start(w));
    OK(byname_watchdog_wait(w, BYNAME_INFINITE));
    CHECK(stage(w) == BYNAME_WATCHDOG_STAGE_EXPIRED);
    OK(byname_watchdog_refresh(w));
    OK(byname_watchdog_wait(w, BYNAME_INFINITE));
    OK(byname_handle_close(w));
}

static byname_status made_with(int64_t period_ns, int64_t grace_ns, uint32_t action, byname_handle *out) {
    byname_watchdog_options o = BYNAME_WATCHDOG_OPTIONS_INIT;
    o.period_ns = period_ns;
    o.grace_ns = grace_ns;
    o.action = action;
    return byname_watchdog_create(NULL, &o, out);
}

static void bad_input(void) {
    byname_handle h = {77}, e = new_event(0, 0);
    byname_watchdog_state s;
    FAILS(byname_watchdog_create("dog", NULL, &h), BYNAME_ERR_INVALID_ARGUMENT, 87); /* no period */
    FAILS(made_with(0, 0, 0, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(made_with(-1, 0, 0, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(made_with(INT64_MAX, 0, 0, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(made_with(1, -1, 0, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    CHECK(strstr(byname_last_error_message(), "grace") != NULL);
    FAILS(made_with(1, INT64_MIN, 0, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(made_with(1, 0, 3, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(made_with(1, 0, UINT32_MAX, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(made_with(1, 0, 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_watchdog_open("no dog", NULL, &h), BYNAME_ERR_NOT_FOUND, 2);
    CHECK(h.id == 77);
    FAILS(byname_watchdog_start(e), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_watchdog_refresh(e), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_watchdog_stop(e), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_watchdog_wait(e, 0), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_watchdog_look(e, &s), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_watchdog_look(e, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_watchdog_notify_systemd(e, true), BYNAME_ERR_WRONG_KIND, 6);
    OK(byname_handle_close(e));
    FAILS(byname_watchdog_start(e), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_watchdog_refresh(e), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_watchdog_stop(e), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_watchdog_look(e, &s), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_watchdog_notify_systemd(e, true), BYNAME_ERR_CLOSED, 6);
}

static int hook_told[2];

static void hook(uint32_t parameter) {
    if (write(hook_told[1], &parameter, sizeof parameter) != (ssize_t)sizeof parameter) abort();
}

static void a_hook_resets_the_device(void) {
    byname_handle w = new_watchdog(MS, MS, BYNAME_ACTION_RESET_DEVICE);
    uint32_t told = 0;
    FAILS(byname_watchdog_start(w), BYNAME_ERR_ACCESS_DENIED, 5); /* WD3 */
    if (pipe(hook_told) != 0) abort();
    byname_set_reset_hook(hook);
    OK(byname_watchdog_start(w));
    CHECK(read(hook_told[0], &told, sizeof told) == (ssize_t)sizeof told && told == 7);
    OK(byname_watchdog_wait(w, 0));
    byname_set_reset_hook(NULL);
    FAILS(byname_watchdog_start(w), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_watchdog_stop(w));
    OK(byname_handle_close(w));
    close(hook_told[0]);
    close(hook_told[1]);
}

static byname_handle shared;

static void starts_and_hangs(const parent *p) {
    OK(byname_watchdog_start(shared));
    wait_for_parent(p);
}

static void it_kills_who_started_it(void) {
    child c;
    int status = 0;
    shared = new_watchdog(30 * MS, 30 * MS, BYNAME_ACTION_KILL);
    c = start_child(starts_and_hangs);
    CHECK(waitpid(c.pid, &status, 0) == c.pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* WD1 */
    close(c.to);
    close(c.from);
    OK(byname_watchdog_wait(shared, 0)); /* WD8 */
    OK(byname_handle_close(shared));
}

TESTS(T(goes_through_its_stages), T(bad_input), T(a_hook_resets_the_device), T(it_kills_who_started_it))
