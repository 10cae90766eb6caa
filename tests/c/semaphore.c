/* The semaphore: counts, limits, robust units (contract 5). */
#include "check.h"

static void units_are_taken_and_given(void) {
    byname_handle s = new_semaphore(2, 3);
    uint32_t before = 99;
    OK(byname_semaphore_acquire(s, 0, NULL));
    OK(byname_semaphore_acquire(s, BYNAME_INFINITE, NULL));
    IS(byname_semaphore_acquire(s, 0, NULL), BYNAME_TIMED_OUT);
    OK(byname_semaphore_release(s, 3, &before));
    CHECK(before == 0 && available(s) == 3);
    OK(byname_semaphore_acquire(s, 0, NULL));
    OK(byname_semaphore_release(s, 1, NULL));
    CHECK(available(s) == 3);
    OK(byname_handle_close(s));
}

static void a_release_over_the_maximum_changes_nothing(void) {
    byname_handle s = new_semaphore(2, 3);
    uint32_t before = 0xC0FFEE;
    FAILS(byname_semaphore_release(s, 2, &before), BYNAME_ERR_TOO_MANY_POSTS, 298); /* section 11, row 13 */
    CHECK(before == 0xC0FFEE && available(s) == 2);
    OK(byname_semaphore_release(s, 1, &before));
    CHECK(before == 2);
    FAILS(byname_semaphore_release(s, 1, NULL), BYNAME_ERR_TOO_MANY_POSTS, 298); /* S6 */
    FAILS(byname_semaphore_release(s, INT64_MAX, &before), BYNAME_ERR_TOO_MANY_POSTS, 298);
    CHECK(before == 2 && available(s) == 3);
    OK(byname_handle_close(s));
}

static void a_release_of_nothing_is_refused(void) {
    byname_handle s = new_semaphore(1, 3);
    uint32_t before = 0xC0FFEE;
    FAILS(byname_semaphore_release(s, 0, &before), BYNAME_ERR_INVALID_ARGUMENT, 87); /* S7 */
    FAILS(byname_semaphore_release(s, -1, &before), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_semaphore_release(s, INT64_MIN, &before), BYNAME_ERR_INVALID_ARGUMENT, 87);
    CHECK(before == 0xC0FFEE && available(s) == 1);
    OK(byname_handle_close(s));
}

static void refused_counts(const char *name, int64_t initial, int64_t maximum) {
    byname_semaphore_options o = BYNAME_SEMAPHORE_OPTIONS_INIT;
    byname_handle s = {77};
    o.initial = initial;
    o.maximum = maximum;
    FAILS(byname_semaphore_create(name, &o, &s), BYNAME_ERR_INVALID_ARGUMENT, 87);
    CHECK(s.id == 77);
}

static void counts_are_checked_also_where_it_exists(void) {
    byname_handle s;
    refused_counts(NULL, 0, 0);
    refused_counts(NULL, 0, -1);
    refused_counts(NULL, -1, 1);
    refused_counts(NULL, 2, 1);
    refused_counts(NULL, 0, INT64_C(0x80000000));
    refused_counts(NULL, INT64_MIN, INT64_MAX);
    OK(byname_semaphore_create("counts", NULL, &s));
    refused_counts("counts", 5, 3);   /* section 11, row 14 */
    refused_counts("\\counts", 5, 3); /* 0.5: before the name's grammar */
    OK(byname_handle_close(s));
    s = new_semaphore(0x7FFFFFFF, 0x7FFFFFFF);
    CHECK(available(s) == 0x7FFFFFFF);
    FAILS(byname_semaphore_release(s, 1, NULL), BYNAME_ERR_TOO_MANY_POSTS, 298);
    OK(byname_handle_close(s));
}

static void defaults_are_one_free_and_no_limit(void) {
    byname_handle s;
    OK(byname_semaphore_create(NULL, NULL, &s));
    CHECK(available(s) == 1);
    OK(byname_semaphore_release(s, 0x7FFFFFFE, NULL));
    CHECK(available(s) == 0x7FFFFFFF);
    OK(byname_handle_close(s));
}

static void a_release_wakes_as_many_as_it_adds(void) {
    byname_handle s = new_semaphore(0, 10);
    waiter w[3];
    uint32_t before = 99;
    int i, woken = 0;
    memset(w, 0, sizeof w);
    for (i = 0; i < 3; i++) {
        w[i].h[0] = s;
        w[i].n = 1;
        w[i].timeout_ns = LONG_TIME;
        block_waiter(&w[i]);
    }
    OK(byname_semaphore_release(s, 2, &before));
    CHECK(before == 0); /* S2 */
    OK(byname_semaphore_release(s, 1, NULL));
    for (i = 0; i < 3; i++) {
        join_waiter(&w[i]);
        woken += w[i].status == BYNAME_OK;
    }
    CHECK(woken == 3 && available(s) == 0);
    OK(byname_handle_close(s));
}

static byname_handle shared;

static void holds_a_unit(const parent *p) {
    OK(byname_semaphore_acquire(shared, LONG_TIME, NULL));
    tell(p);
    wait_for_parent(p);
}

static void a_plain_unit_dies_with_its_holder(void) {
    child c;
    shared = new_semaphore(1, 1);
    c = start_child(holds_a_unit);
    CHECK(heard(&c));
    kill_child(&c);
    IS(byname_semaphore_acquire(shared, 20 * MS, NULL), BYNAME_TIMED_OUT); /* S4 */
    OK(byname_semaphore_release(shared, 1, NULL));                         /* S1 */
    OK(byname_semaphore_acquire(shared, 0, NULL));
    OK(byname_handle_close(shared));
}

static void a_robust_unit_comes_back_and_says_so(void) {
    byname_semaphore_options o = BYNAME_SEMAPHORE_OPTIONS_INIT;
    byname_grant g = {0, false};
    waiter w;
    child c;
    o.initial = 1;
    o.maximum = 1;
    o.robust = 1;
    OK(byname_semaphore_create("robust", &o, &shared));
    c = start_child(holds_a_unit);
    CHECK(heard(&c));
    memset(&w, 0, sizeof w);
    w.h[0] = shared;
    w.n = 1;
    w.timeout_ns = LONG_TIME;
    block_waiter(&w);
    kill_child(&c);
    join_waiter(&w); /* the thread ends, its unit stays with the process: any thread may release it */
    IS(w.status, BYNAME_ABANDONED);
    CHECK(w.grant.abandoned && w.grant.fence > 0);
    IS(byname_semaphore_acquire(shared, 0, NULL), BYNAME_TIMED_OUT);
    OK(byname_semaphore_release(shared, 1, NULL));
    c = start_child(holds_a_unit);
    CHECK(heard(&c));
    kill_child(&c);
    IS(byname_semaphore_acquire(shared, LONG_TIME, &g), BYNAME_ABANDONED); /* nobody waited when it died */
    CHECK(g.abandoned);
    OK(byname_semaphore_release(shared, 1, NULL));
    OK(byname_semaphore_acquire(shared, 0, &g));
    CHECK(!g.abandoned);
    OK(byname_semaphore_release(shared, 1, NULL));
    OK(byname_handle_close(shared));
}

static void what_a_wait_took_stays_taken(void) {
    byname_semaphore_options o = BYNAME_SEMAPHORE_OPTIONS_INIT;
    byname_wait_result r = {9, 0, true};
    byname_handle e;
    o.initial = 1;
    o.maximum = 1;
    o.robust = 1;
    OK(byname_semaphore_create(NULL, &o, &shared));
    OK(byname_wait_any(&shared, 1, 0, &r));
    CHECK(r.index == 0 && r.fence > 0 && !r.abandoned);
    CHECK(available(shared) == 0);
    OK(byname_semaphore_release(shared, 1, NULL));
    OK(byname_wait_all(&shared, 1, 0, NULL));
    CHECK(available(shared) == 0);
    OK(byname_semaphore_release(shared, 1, NULL));
    e = new_event(0, 0);
    OK(byname_signal_and_wait(e, shared, 0, NULL));
    CHECK(available(shared) == 0);
    OK(byname_semaphore_release(shared, 1, NULL));
    CHECK(available(shared) == 1);
    OK(byname_handle_close(e));
    OK(byname_handle_close(shared));
}

TESTS(T(units_are_taken_and_given), T(a_release_over_the_maximum_changes_nothing), T(a_release_of_nothing_is_refused),
      T(counts_are_checked_also_where_it_exists), T(defaults_are_one_free_and_no_limit), T(a_release_wakes_as_many_as_it_adds),
      T(a_plain_unit_dies_with_its_holder), T(a_robust_unit_comes_back_and_says_so), T(what_a_wait_took_stays_taken))
