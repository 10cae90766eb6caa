/* The event: manual and auto reset, pulse, signals during a wait (contract 4). */
#include "check.h"

#include <sys/time.h>

enum { WAITERS = 3 };

static void block_waiters(waiter *w, int n, byname_handle h, int64_t timeout_ns) {
    int i;
    memset(w, 0, (size_t)n * sizeof *w);
    for (i = 0; i < n; i++) {
        w[i].h[0] = h;
        w[i].n = 1;
        w[i].timeout_ns = timeout_ns;
        block_waiter(&w[i]);
    }
}

/* Joins; how many were released. */
static int released(waiter *w, int n) {
    int i, count = 0;
    for (i = 0; i < n; i++) {
        join_waiter(&w[i]);
        count += w[i].status == BYNAME_OK;
        CHECK(w[i].status == BYNAME_OK || w[i].status == BYNAME_TIMED_OUT);
    }
    return count;
}

static void auto_reset_is_no_counter(void) {
    byname_handle e = new_event(0, 0);
    IS(byname_event_wait(e, 0), BYNAME_TIMED_OUT);
    OK(byname_event_set(e));
    OK(byname_event_set(e)); /* E1 */
    CHECK(is_set(e));
    OK(byname_event_wait(e, 0));
    CHECK(!is_set(e));
    IS(byname_event_wait(e, 0), BYNAME_TIMED_OUT);
    OK(byname_handle_close(e));
}

static void manual_reset_stays_set(void) {
    byname_handle e = new_event(1, 1);
    OK(byname_event_wait(e, 0));
    OK(byname_event_wait(e, BYNAME_INFINITE));
    CHECK(is_set(e));
    OK(byname_event_reset(e));
    OK(byname_event_reset(e)); /* E2 */
    IS(byname_event_wait(e, 0), BYNAME_TIMED_OUT);
    OK(byname_handle_close(e));
}

static void set_then_reset_releases_all_who_waited(void) {
    byname_handle e = new_event(1, 0);
    waiter w[WAITERS];
    block_waiters(w, WAITERS, e, LONG_TIME);
    OK(byname_event_set(e));
    OK(byname_event_reset(e));
    CHECK(released(w, WAITERS) == WAITERS); /* E8 */
    CHECK(!is_set(e));
    OK(byname_handle_close(e));
}

static void auto_set_releases_one_each(void) {
    byname_handle e = new_event(0, 0);
    waiter w[WAITERS];
    block_waiters(w, WAITERS, e, LONG_TIME);
    OK(byname_event_set(e));
    OK(byname_event_set(e)); /* two sets, two of three waiters */
    OK(byname_event_set(e));
    CHECK(released(w, WAITERS) == WAITERS);
    CHECK(!is_set(e));
    OK(byname_handle_close(e));
}

static void pulse_releases_those_who_wait(void) {
    byname_handle manual = new_event(1, 1), automatic = new_event(0, 0);
    waiter w[WAITERS];
    OK(byname_event_pulse(manual)); /* E3, section 11, row 15 */
    CHECK(!is_set(manual));
    block_waiters(w, WAITERS, manual, LONG_TIME);
    OK(byname_event_pulse(manual));
    CHECK(released(w, WAITERS) == WAITERS); /* E4, E9 */
    CHECK(!is_set(manual));
    block_waiters(w, 2, automatic, LONG_TIME);
    OK(byname_event_pulse(automatic));
    OK(byname_event_pulse(automatic));
    CHECK(released(w, 2) == 2);
    CHECK(!is_set(automatic));
    OK(byname_handle_close(manual));
    OK(byname_handle_close(automatic));
}

static void arguments_are_ignored_where_it_exists(void) {
    byname_event_options o = BYNAME_EVENT_OPTIONS_INIT;
    byname_handle a, b;
    o.manual_reset = 1;
    o.initially_set = 1;
    OK(byname_event_create("event exists", &o, &a));
    OK(byname_event_create("event exists", NULL, &b));
    OK(byname_event_wait(b, 0));
    CHECK(is_set(a)); /* still manual, still set */
    OK(byname_handle_close(a));
    OK(byname_handle_close(b));
}

static byname_handle shared;

static void sets_and_ends(const parent *p) {
    (void)p;
    OK(byname_event_set(shared));
}

static void a_set_outlives_its_setter(void) {
    child c;
    shared = new_event(0, 0);
    c = start_child(sets_and_ends);
    CHECK(end_child(&c) == 0);
    OK(byname_event_wait(shared, 0)); /* E12, section 11, row 16 */
    IS(byname_event_wait(shared, 0), BYNAME_TIMED_OUT);
    OK(byname_handle_close(shared));
}

static void time_outs_round_up_and_saturate(void) {
    byname_handle e = new_event(1, 0);
    int64_t begin = now_ns();
    IS(byname_event_wait(e, 20 * MS), BYNAME_TIMED_OUT);
    CHECK(now_ns() - begin >= 20 * MS);
    IS(byname_event_wait(e, 1), BYNAME_TIMED_OUT);
    OK(byname_event_set(e));
    OK(byname_event_wait(e, INT64_MAX));
    FAILS(byname_event_wait(e, -2), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_event_wait(e, INT64_MIN), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_handle_close(e));
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
    (void)number;
    alarms = alarms + 1;
}

static void signals_do_not_end_a_wait(void) {
    struct itimerval every = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action, before;
    byname_handle e = new_event(0, 0);
    byname_wait_result r;
    int64_t begin;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm; /* without SA_RESTART: every sleep ends with EINTR */
    sigaction(SIGALRM, &action, &before);
    alarms = 0;
    setitimer(ITIMER_REAL, &every, NULL);
    begin = now_ns();
    IS(byname_event_wait(e, 60 * MS), BYNAME_TIMED_OUT);
    CHECK(now_ns() - begin >= 60 * MS);
    begin = now_ns();
    IS(byname_wait_any(&e, 1, 60 * MS, &r), BYNAME_TIMED_OUT);
    CHECK(now_ns() - begin >= 60 * MS);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(alarms > 0);
    sigaction(SIGALRM, &before, NULL);
    OK(byname_handle_close(e));
}

TESTS(T(auto_reset_is_no_counter), T(manual_reset_stays_set), T(set_then_reset_releases_all_who_waited), T(auto_set_releases_one_each),
      T(pulse_releases_those_who_wait), T(arguments_are_ignored_where_it_exists), T(a_set_outlives_its_setter),
      T(time_outs_round_up_and_saturate), T(signals_do_not_end_a_wait))
