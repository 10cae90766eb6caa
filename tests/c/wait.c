/* Waits over several objects and signal-and-wait (contract 10). */
#include "check.h"

static byname_wait_result untouched(void) {
    byname_wait_result r = {-77, 77, true};
    return r;
}

static int is_untouched(byname_wait_result r) {
    return r.index == -77 && r.fence == 77 && r.abandoned;
}

static void any_takes_the_lowest_and_only_that(void) {
    byname_handle h[3];
    byname_wait_result r = untouched();
    h[0] = new_event(0, 0);
    h[1] = new_event(0, 1);
    h[2] = new_event(0, 1);
    OK(byname_wait_any(h, 3, 0, &r));
    CHECK(r.index == 1 && r.fence == 0 && !r.abandoned);
    CHECK(!is_set(h[1]) && is_set(h[2]));
    OK(byname_wait_any(h, 3, BYNAME_INFINITE, &r));
    CHECK(r.index == 2);
    r = untouched();
    IS(byname_wait_any(h, 3, 10 * MS, &r), BYNAME_TIMED_OUT);
    CHECK(is_untouched(r));
    OK(byname_event_set(h[0]));
    OK(byname_wait_any(h, 3, 0, NULL)); /* the result is optional */
    OK(byname_handle_close(h[0]));
    OK(byname_handle_close(h[1]));
    OK(byname_handle_close(h[2]));
}

static void any_over_all_kinds(void) {
    byname_handle h[3];
    byname_wait_result r;
    byname_grant held;
    h[0] = new_event(0, 0);
    h[1] = new_semaphore(1, 1);
    h[2] = new_mutex();
    OK(byname_wait_any(h, 3, 0, &r));
    CHECK(r.index == 1 && r.fence > 0);
    OK(byname_wait_any(h, 3, 0, &r));
    CHECK(r.index == 2 && r.fence > 0);
    OK(byname_mutex_held(h[2], &held));
    CHECK(held.fence == r.fence);
    OK(byname_mutex_unlock(h[2]));
    FAILS(byname_mutex_unlock(h[2]), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_handle_close(h[0]));
    OK(byname_handle_close(h[1]));
    OK(byname_handle_close(h[2]));
}

static void any_allows_duplicates(void) {
    byname_handle s = new_semaphore(2, 2), h[2];
    byname_wait_result r;
    h[0] = h[1] = s;
    OK(byname_wait_any(h, 2, 0, &r)); /* S5, WT6 */
    CHECK(r.index == 0 && available(s) == 1);
    OK(byname_handle_close(s));
}

static void any_over_many(size_t n) {
    byname_handle *h = (byname_handle *)calloc(n, sizeof *h);
    byname_wait_result r;
    size_t i;
    for (i = 0; i < n; i++) h[i] = new_event(0, 0);
    IS(byname_wait_any(h, n, 0, &r), BYNAME_TIMED_OUT);
    OK(byname_event_set(h[n - 1]));
    OK(byname_wait_any(h, n, LONG_TIME, &r));
    CHECK(r.index == (int64_t)n - 1 && !is_set(h[n - 1]));
    for (i = 0; i < n; i++) OK(byname_event_set(h[i]));
    OK(byname_wait_all(h, n, 0, &r));
    CHECK(r.index == -1 && !is_set(h[0]) && !is_set(h[n - 1]));
    for (i = 0; i < n; i++) OK(byname_handle_close(h[i]));
    free(h);
}

static void there_is_no_limit_of_64(void) {
    any_over_many(1);
    any_over_many(64);
    any_over_many(65);
    any_over_many(1000);
}

static void any_reports_an_abandoned_mutex_by_its_place(void) {
    byname_handle h[3];
    byname_wait_result r = untouched();
    h[0] = new_event(0, 0);
    h[1] = new_mutex();
    h[2] = new_event(0, 1);
    OK(elsewhere(h[1], 0));
    IS(byname_wait_any(h, 3, 0, &r), BYNAME_ABANDONED); /* A10; section 11, row 7 */
    CHECK(r.index == 1 && r.abandoned && r.fence > 0 && is_set(h[2]));
    OK(byname_mutex_unlock(h[1]));
    OK(elsewhere(h[1], 0));
    OK(byname_event_set(h[0]));
    OK(byname_wait_any(h, 3, 0, &r)); /* A11: a set event at a lower place */
    CHECK(r.index == 0 && !r.abandoned);
    OK(byname_event_set(h[0]));
    IS(byname_wait_all(h, 2, LONG_TIME, &r), BYNAME_ABANDONED); /* A12 */
    CHECK(r.index == -1 && r.abandoned);
    OK(byname_mutex_unlock(h[1]));
    OK(byname_handle_close(h[0]));
    OK(byname_handle_close(h[1]));
    OK(byname_handle_close(h[2]));
}

static void all_or_nothing(void) {
    byname_handle h[3];
    byname_wait_result r = untouched();
    byname_grant held;
    h[0] = new_event(0, 1);
    h[1] = new_event(0, 0);
    h[2] = new_mutex();
    IS(byname_wait_all(h, 3, 20 * MS, &r), BYNAME_TIMED_OUT); /* section 11, row 8 */
    CHECK(is_untouched(r) && is_set(h[0]));
    FAILS(byname_mutex_unlock(h[2]), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_event_set(h[1]));
    OK(byname_wait_all(h, 3, 0, &r));
    CHECK(r.index == -1 && !r.abandoned && !is_set(h[0]) && !is_set(h[1]));
    OK(byname_mutex_held(h[2], &held));
    CHECK(held.fence > 0 && r.fence == held.fence); /* the only fence among them */
    OK(byname_event_set(h[0]));
    h[1] = h[2];
    OK(byname_wait_all(h, 2, 0, NULL)); /* section 11, row 9: a mutex that the caller owns is signalled */
    OK(byname_mutex_unlock(h[2]));
    OK(byname_mutex_unlock(h[2]));
    FAILS(byname_mutex_unlock(h[2]), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_handle_close(h[0]));
    OK(byname_handle_close(h[2]));
}

static void all_is_completed_by_the_last(void) {
    waiter w;
    byname_handle s = new_semaphore(0, 1), e = new_event(0, 1);
    memset(&w, 0, sizeof w);
    w.h[0] = s;
    w.h[1] = e;
    w.n = 2;
    w.timeout_ns = LONG_TIME;
    block_waiter(&w);
    CHECK(is_set(e)); /* not reserved while it waits */
    OK(byname_semaphore_release(s, 1, NULL));
    join_waiter(&w); /* S8 */
    IS(w.status, BYNAME_OK);
    CHECK(available(s) == 0 && !is_set(e));
    OK(byname_handle_close(s));
    OK(byname_handle_close(e));
}

static void all_refuses_one_object_twice(void) {
    byname_handle h[2], two;
    OK(byname_event_create("twice", NULL, &h[0]));
    OK(byname_event_open("twice", NULL, &two));
    OK(byname_event_set(two));
    h[1] = h[0];
    FAILS(byname_wait_all(h, 2, 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87); /* WT5 */
    h[1] = two;
    FAILS(byname_wait_all(h, 2, 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87); /* section 11, row 10 */
    CHECK(is_set(two));
    OK(byname_handle_close(h[0]));
    OK(byname_handle_close(two));
}

static void bad_arguments_consume_nothing(void) {
    byname_handle h[2];
    byname_wait_result r = untouched();
    h[0] = new_event(0, 1);
    h[1] = new_event(0, 0);
    OK(byname_handle_close(h[1]));
    FAILS(byname_wait_any(h, 0, 0, &r), BYNAME_ERR_INVALID_ARGUMENT, 87); /* WT1 */
    FAILS(byname_wait_all(NULL, 0, 0, &r), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_wait_any(NULL, 1, 0, &r), BYNAME_ERR_INVALID_ARGUMENT, 87); /* WT8 */
    FAILS(byname_wait_any(h, SIZE_MAX, 0, &r), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_wait_any(h, 1, -2, &r), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_wait_any(h, 2, 0, &r), BYNAME_ERR_CLOSED, 6); /* WT3; section 11, row 12 */
    FAILS(byname_wait_all(h, 2, 0, &r), BYNAME_ERR_CLOSED, 6);
    CHECK(is_untouched(r) && is_set(h[0]));
    OK(byname_handle_close(h[0]));
}

static void waits_need_the_right(void) {
    byname_event_options o = BYNAME_EVENT_OPTIONS_INIT;
    byname_handle h[2];
    o.access = BYNAME_ACCESS_MODIFY_STATE;
    h[0] = new_event(0, 1);
    OK(byname_event_create(NULL, &o, &h[1]));
    FAILS(byname_wait(h[1], 0, NULL), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_wait_any(h, 2, 0, NULL), BYNAME_ERR_ACCESS_DENIED, 5); /* WT4 */
    CHECK(is_set(h[0]));
    FAILS(byname_signal_and_wait(h[0], h[1], 0, NULL), BYNAME_ERR_ACCESS_DENIED, 5); /* SW8 */
    OK(byname_handle_close(h[0]));
    OK(byname_handle_close(h[1]));
}

static void signal_and_wait_signals_each_kind(void) {
    byname_handle e = new_event(0, 0), s = new_semaphore(0, 1), m = new_mutex(), free_mutex = new_mutex();
    byname_grant g = {7, true};
    IS(byname_signal_and_wait(e, s, 5 * MS, &g), BYNAME_TIMED_OUT); /* SW7 */
    CHECK(is_set(e) && g.fence == 7);
    OK(byname_signal_and_wait(s, e, 0, &g));
    CHECK(g.fence == 0 && !g.abandoned && available(s) == 1 && !is_set(e));
    FAILS(byname_signal_and_wait(s, s, 0, NULL), BYNAME_ERR_TOO_MANY_POSTS, 298); /* SW4 */
    CHECK(available(s) == 1);
    FAILS(byname_signal_and_wait(m, s, 0, NULL), BYNAME_ERR_NOT_OWNER, 288); /* SW5 */
    CHECK(available(s) == 1);
    OK(byname_mutex_lock(m, 0, NULL));
    OK(byname_signal_and_wait(m, free_mutex, 0, &g));
    CHECK(g.fence > 0);
    FAILS(byname_mutex_unlock(m), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_mutex_unlock(free_mutex));
    OK(elsewhere(m, 0));
    IS(byname_signal_and_wait(e, m, LONG_TIME, &g), BYNAME_ABANDONED); /* A17, SW10 */
    CHECK(g.abandoned);
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(e));
    OK(byname_handle_close(s));
    OK(byname_handle_close(m));
    OK(byname_handle_close(free_mutex));
}

static void signal_and_wait_on_one_event(void) {
    byname_handle e = new_event(0, 0);
    int i;
    for (i = 0; i < 10000; i++) {
        if (!OK(byname_signal_and_wait(e, e, 0, NULL))) break; /* SW6 */
    }
    CHECK(!is_set(e));
    OK(byname_handle_close(e));
}

static void signal_and_wait_of_a_closed_handle_signals_nothing(void) {
    byname_handle e = new_event(0, 0), closed = new_event(0, 0);
    OK(byname_handle_close(closed));
    FAILS(byname_signal_and_wait(e, closed, 0, NULL), BYNAME_ERR_CLOSED, 6); /* SW3 */
    FAILS(byname_signal_and_wait(closed, e, 0, NULL), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_signal_and_wait(e, e, -5, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    CHECK(!is_set(e));
    OK(byname_handle_close(e));
}

static byname_handle ping, pong;
enum { ROUNDS = 2000 };

static void answers(const parent *p) {
    int i;
    (void)p;
    OK(byname_event_wait(ping, LONG_TIME));
    for (i = 1; i < ROUNDS; i++)
        if (!OK(byname_signal_and_wait(pong, ping, LONG_TIME, NULL))) return;
    OK(byname_event_set(pong));
}

static void two_processes_take_turns(void) {
    child c;
    int i;
    OK(byname_event_create("ping", NULL, &ping));
    OK(byname_event_create("pong", NULL, &pong));
    c = start_child(answers);
    for (i = 0; i < ROUNDS; i++)
        if (!OK(byname_signal_and_wait(ping, pong, LONG_TIME, NULL))) break;
    CHECK(end_child(&c) == 0);
    CHECK(!is_set(ping) && !is_set(pong));
    OK(byname_handle_close(ping));
    OK(byname_handle_close(pong));
}

static void opposite_orders_do_not_deadlock_child(const parent *p) {
    byname_handle h[2];
    int i;
    (void)p;
    h[0] = pong;
    h[1] = ping;
    for (i = 0; i < ROUNDS; i++) {
        if (!OK(byname_wait_all(h, 2, LONG_TIME, NULL))) return;
        OK(byname_mutex_unlock(pong));
        OK(byname_mutex_unlock(ping));
    }
}

static void opposite_orders_do_not_deadlock(void) {
    child c;
    byname_handle h[2];
    int i;
    OK(byname_mutex_create("order 1", NULL, &ping));
    OK(byname_mutex_create("order 2", NULL, &pong));
    h[0] = ping;
    h[1] = pong;
    c = start_child(opposite_orders_do_not_deadlock_child);
    for (i = 0; i < ROUNDS; i++) {
        if (!OK(byname_wait_all(h, 2, LONG_TIME, NULL))) break;
        OK(byname_mutex_unlock(ping));
        OK(byname_mutex_unlock(pong));
    }
    CHECK(end_child(&c) == 0);
    OK(byname_handle_close(ping));
    OK(byname_handle_close(pong));
}

TESTS(T(any_takes_the_lowest_and_only_that), T(any_over_all_kinds), T(any_allows_duplicates), T(there_is_no_limit_of_64),
      T(any_reports_an_abandoned_mutex_by_its_place), T(all_or_nothing), T(all_is_completed_by_the_last), T(all_refuses_one_object_twice),
      T(bad_arguments_consume_nothing), T(waits_need_the_right), T(signal_and_wait_signals_each_kind), T(signal_and_wait_on_one_event),
      T(signal_and_wait_of_a_closed_handle_signals_nothing), T(two_processes_take_turns), T(opposite_orders_do_not_deadlock))
