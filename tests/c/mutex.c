/* The mutex: recursion, owners, fences, abandonment (contract 3). */
#include "check.h"

static void recursion_counts(void) {
    byname_handle m = new_mutex();
    int i;
    for (i = 0; i < 100; i++) OK(byname_mutex_lock(m, BYNAME_INFINITE, NULL));
    for (i = 0; i < 99; i++) OK(byname_mutex_unlock(m));
    IS(elsewhere(m, 0), BYNAME_TIMED_OUT);
    OK(byname_mutex_unlock(m));
    FAILS(byname_mutex_unlock(m), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_handle_close(m));
}

static void a_lock_excludes_other_threads_until_unlock(void) {
    byname_handle m = new_mutex();
    waiter w;
    memset(&w, 0, sizeof w);
    w.h[0] = m;
    w.n = 1;
    w.timeout_ns = BYNAME_INFINITE;
    w.unlock = 1;
    OK(byname_mutex_lock(m, 0, NULL));
    block_waiter(&w);
    OK(byname_mutex_unlock(m));
    join_waiter(&w);
    IS(w.status, BYNAME_OK);
    CHECK(!w.grant.abandoned);
    OK(byname_mutex_lock(m, LONG_TIME, NULL));
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(m));
}

static byname_handle shared;
static byname_status answer_of_unlock;
static uint32_t number_of_unlock;

static void *unlocks(void *unused) {
    (void)unused;
    answer_of_unlock = byname_mutex_unlock(shared);
    number_of_unlock = byname_last_error_win32();
    return NULL;
}

static void only_the_owner_unlocks(void) {
    pthread_t thread;
    shared = new_mutex();
    FAILS(byname_mutex_unlock(shared), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_mutex_lock(shared, 0, NULL));
    pthread_create(&thread, NULL, unlocks, NULL);
    pthread_join(thread, NULL);
    IS(answer_of_unlock, BYNAME_ERR_NOT_OWNER);
    CHECK(number_of_unlock == 288);
    OK(byname_mutex_unlock(shared));
    OK(byname_handle_close(shared));
}

static void a_time_out_is_never_early(void) {
    byname_handle m = new_mutex();
    waiter w;
    int64_t begin;
    memset(&w, 0, sizeof w);
    OK(byname_mutex_lock(m, 0, NULL));
    begin = now_ns();
    IS(elsewhere(m, 30 * MS), BYNAME_TIMED_OUT);
    CHECK(now_ns() - begin >= 30 * MS);
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(m));
}

static void fences_rise(void) {
    byname_handle m = new_mutex();
    byname_grant first = {0, true}, second = {0, true}, held = {0, true};
    OK(byname_mutex_lock(m, 0, &first));
    OK(byname_mutex_held(m, &held));
    CHECK(held.fence == first.fence && !held.abandoned);
    OK(byname_mutex_unlock(m));
    FAILS(byname_mutex_held(m, &held), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_mutex_lock(m, 0, &second));
    CHECK(first.fence > 0 && second.fence > first.fence);
    CHECK(!first.abandoned && !second.abandoned);
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(m));
}

static void the_owner_can_be_seen(void) {
    byname_handle m = new_mutex();
    byname_owner owner = {7, 7};
    OK(byname_mutex_owner(m, &owner));
    CHECK(owner.pid == 0 && owner.tid == 0);
    OK(byname_mutex_lock(m, 0, NULL));
    OK(byname_mutex_owner(m, &owner));
    CHECK(owner.pid == (uint32_t)getpid() && owner.tid == (uint32_t)syscall(SYS_gettid));
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(m));
}

static void initial_owner_only_where_it_is_made(void) {
    byname_mutex_options o = BYNAME_MUTEX_OPTIONS_INIT;
    byname_handle made, found;
    bool created = false;
    o.initially_owned = 1;
    OK(byname_mutex_create("initial", &o, &made));
    OK(byname_handle_created(made, &created));
    CHECK(created);
    OK(byname_mutex_unlock(made));
    OK(byname_mutex_create("initial", &o, &found));
    OK(byname_handle_created(found, &created));
    CHECK(!created);
    FAILS(byname_mutex_unlock(found), BYNAME_ERR_NOT_OWNER, 288); /* section 11, row 2 */
    OK(byname_handle_close(made));
    OK(byname_handle_close(found));
}

static void closing_is_not_releasing(void) {
    byname_handle a, b;
    OK(byname_mutex_create("closing", NULL, &a));
    OK(byname_mutex_open("closing", NULL, &b));
    OK(byname_mutex_lock(a, 0, NULL));
    OK(byname_handle_close(a));
    IS(elsewhere(b, 0), BYNAME_TIMED_OUT); /* A14 */
    OK(byname_mutex_unlock(b));
    IS(elsewhere(b, 0), BYNAME_OK);
    OK(byname_handle_close(b));
}

static void a_thread_that_ends_abandons(void) {
    byname_handle m = new_mutex();
    byname_grant g = {0, false};
    OK(elsewhere(m, 0)); /* locks and ends */
    IS(byname_mutex_lock(m, LONG_TIME, &g), BYNAME_ABANDONED);
    CHECK(g.abandoned);
    OK(byname_mutex_held(m, &g));
    CHECK(g.abandoned); /* what this hold found stays true while it lasts */
    OK(byname_mutex_unlock(m));
    OK(byname_mutex_lock(m, 0, &g)); /* A6 */
    CHECK(!g.abandoned);
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(m));
}

static void holds_three_times(const parent *p) {
    int i;
    for (i = 0; i < 3; i++) OK(byname_mutex_lock(shared, LONG_TIME, NULL));
    tell(p);
    wait_for_parent(p);
}

static void a_killed_process_abandons_to_a_blocked_waiter(void) {
    waiter w;
    child c;
    OK(byname_mutex_create("killed", NULL, &shared));
    c = start_child(holds_three_times);
    CHECK(heard(&c));
    memset(&w, 0, sizeof w);
    w.h[0] = shared;
    w.n = 1;
    w.timeout_ns = LONG_TIME;
    w.unlock = 1; /* section 11, row 4: one release frees it, whatever the depth was */
    block_waiter(&w);
    kill_child(&c);
    join_waiter(&w);
    IS(w.status, BYNAME_ABANDONED);
    CHECK(w.grant.abandoned && w.grant.fence > 0);
    OK(byname_mutex_lock(shared, LONG_TIME, NULL));
    OK(byname_mutex_unlock(shared));
    FAILS(byname_mutex_unlock(shared), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_handle_close(shared));
}

static void a_killed_process_abandons_to_the_next_caller(void) {
    child c;
    byname_grant g = {0, false};
    OK(byname_mutex_create("killed before", NULL, &shared));
    c = start_child(holds_three_times);
    CHECK(heard(&c));
    IS(byname_mutex_lock(shared, 0, NULL), BYNAME_TIMED_OUT); /* A13 */
    kill_child(&c);
    IS(byname_mutex_lock(shared, LONG_TIME, &g), BYNAME_ABANDONED);
    CHECK(g.abandoned);
    OK(byname_mutex_unlock(shared));
    OK(byname_handle_close(shared));
}

static void exits_holding(const parent *p) {
    (void)p;
    OK(byname_mutex_lock(shared, LONG_TIME, NULL));
}

static void a_process_that_exits_abandons(void) {
    child c;
    OK(byname_mutex_create("exits", NULL, &shared));
    c = start_child(exits_holding);
    CHECK(end_child(&c) == 0);
    IS(byname_mutex_lock(shared, LONG_TIME, NULL), BYNAME_ABANDONED); /* A15 */
    OK(byname_mutex_unlock(shared));
    OK(byname_handle_close(shared));
}

static void owns_nothing_of_its_parent(const parent *p) {
    (void)p;
    FAILS(byname_mutex_unlock(shared), BYNAME_ERR_NOT_OWNER, 288);
    IS(byname_mutex_lock(shared, 0, NULL), BYNAME_TIMED_OUT);
}

static void ownership_does_not_pass_over_fork(void) {
    child c;
    shared = new_mutex(); /* an unnamed object passes by fork alone */
    OK(byname_mutex_lock(shared, 0, NULL));
    c = start_child(owns_nothing_of_its_parent);
    CHECK(end_child(&c) == 0);
    OK(byname_mutex_unlock(shared));
    OK(byname_handle_close(shared));
}

static void opens_by_name(const parent *p) {
    byname_handle m;
    OK(byname_mutex_open("by name", NULL, &m));
    IS(byname_mutex_lock(m, 0, NULL), BYNAME_TIMED_OUT);
    tell(p);
    OK(byname_mutex_lock(m, LONG_TIME, NULL));
    OK(byname_mutex_unlock(m));
    OK(byname_handle_close(m));
}

static void another_process_finds_it_by_name(void) {
    child c;
    OK(byname_mutex_create("by name", NULL, &shared));
    OK(byname_mutex_lock(shared, 0, NULL));
    c = start_child(opens_by_name);
    CHECK(heard(&c));
    OK(byname_mutex_unlock(shared));
    CHECK(end_child(&c) == 0);
    OK(byname_handle_close(shared));
}

TESTS(T(recursion_counts), T(a_lock_excludes_other_threads_until_unlock), T(only_the_owner_unlocks), T(a_time_out_is_never_early),
      T(fences_rise), T(the_owner_can_be_seen), T(initial_owner_only_where_it_is_made), T(closing_is_not_releasing),
      T(a_thread_that_ends_abandons), T(a_killed_process_abandons_to_a_blocked_waiter), T(a_killed_process_abandons_to_the_next_caller),
      T(a_process_that_exits_abandons), T(ownership_does_not_pass_over_fork), T(another_process_finds_it_by_name))
