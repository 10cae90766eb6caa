/* The timer: relative and absolute times, periods, cancel, signals during a wait (contract 6). */
#include "check.h"

#include <poll.h>
#include <sys/time.h>

static byname_handle new_timer(int manual) {
    byname_timer_options o = BYNAME_TIMER_OPTIONS_INIT;
    byname_handle h = BYNAME_NO_HANDLE;
    o.manual_reset = (uint32_t)manual;
    OK(byname_timer_create(NULL, &o, &h));
    return h;
}

static int64_t wall_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void never_early(void) {
    byname_handle t = new_timer(0);
    int64_t begin = now_ns();
    OK(byname_timer_set(t, 10 * MS, 0));
    OK(byname_timer_wait(t, BYNAME_INFINITE));
    CHECK(now_ns() - begin >= 10 * MS);
    IS(byname_timer_wait(t, 0), BYNAME_TIMED_OUT);
    begin = wall_ns();
    OK(byname_timer_set_at(t, begin + 10 * MS, 0));
    OK(byname_wait(t, BYNAME_INFINITE, NULL));
    CHECK(wall_ns() - begin >= 10 * MS);
    OK(byname_handle_close(t));
}

static void the_state_of_it(void) {
    byname_handle t = new_timer(1);
    byname_timer_state s;
    int64_t left = 77;
    OK(byname_timer_look(t, &s));
    CHECK(s.remaining_ns == -1 && s.period_ns == 0 && !s.signaled && s.manual_reset);
    OK(byname_timer_set(t, 0, 3600000 * MS));
    OK(byname_timer_look(t, &s));
    CHECK(s.signaled && s.period_ns == 3600000 * MS && s.remaining_ns > 0 && s.remaining_ns <= 3600000 * MS);
    OK(byname_timer_cancel(t));
    OK(byname_timer_remaining(t, &left));
    CHECK(left == -1);
    OK(byname_timer_wait(t, 0)); /* a cancel leaves the state */
    OK(byname_timer_set(t, 3600000 * MS, 0));
    IS(byname_timer_wait(t, 0), BYNAME_TIMED_OUT); /* T6 */
    OK(byname_timer_set(t, INT64_MAX, 0));
    IS(byname_timer_wait(t, 1), BYNAME_TIMED_OUT);
    OK(byname_timer_set_at(t, INT64_MIN, 0)); /* long past */
    OK(byname_timer_wait(t, 0));
    OK(byname_handle_close(t));
}

static void bad_times_change_nothing(void) {
    byname_handle t = new_timer(1), e = new_event(0, 0);
    int64_t left = 77;
    byname_timer_state s;
    OK(byname_timer_set(t, 0, 0));
    FAILS(byname_timer_set(t, -1, 0), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_timer_set(t, INT64_MIN, 0), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_timer_set(t, 1, -1), BYNAME_ERR_INVALID_ARGUMENT, 87); /* T1 */
    FAILS(byname_timer_set(t, 1, INT64_C(2147483647000001)), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_timer_set_at(t, 1, INT64_MAX), BYNAME_ERR_INVALID_ARGUMENT, 87);
    CHECK(strstr(byname_last_error_message(), "period") != NULL);
    OK(byname_timer_wait(t, 0));
    FAILS(byname_timer_wait(t, -2), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_timer_remaining(t, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_timer_look(t, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_timer_create("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_timer_open("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_timer_set(e, 1, 0), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_timer_set_at(e, 1, 0), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_timer_cancel(e), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_timer_wait(e, 0), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_timer_remaining(e, &left), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_set(t), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_signal_and_wait(t, e, 0, NULL), BYNAME_ERR_WRONG_KIND, 6);
    OK(byname_handle_close(t));
    OK(byname_handle_close(e));
    FAILS(byname_timer_set(t, 1, 0), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_timer_cancel(t), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_timer_remaining(t, &left), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_timer_look(t, &s), BYNAME_ERR_CLOSED, 6);
    CHECK(left == 77);
}

static void who_sleeps_hears_of_a_set(void) {
    byname_handle t = new_timer(0);
    waiter w;
    int64_t begin;
    OK(byname_timer_set(t, 3600000 * MS, 0));
    memset(&w, 0, sizeof w);
    w.h[0] = t;
    w.n = 1;
    w.timeout_ns = BYNAME_INFINITE;
    block_waiter(&w);
    begin = now_ns();
    OK(byname_timer_set(t, 5 * MS, 0)); /* T7 */
    join_waiter(&w);
    IS(w.status, BYNAME_OK);
    CHECK(now_ns() - begin >= 5 * MS);
    OK(byname_handle_close(t));
}

static byname_handle shared;

static void sets_and_ends(const parent *p) {
    (void)p;
    OK(byname_timer_set(shared, 5 * MS, 0));
}

static void a_setting_outlives_its_setter(void) {
    child c;
    shared = new_timer(0);
    c = start_child(sets_and_ends);
    CHECK(end_child(&c) == 0);
    OK(byname_timer_wait(shared, BYNAME_INFINITE)); /* T18 */
    OK(byname_handle_close(shared));
}

static void a_descriptor_becomes_readable(void) {
    byname_handle t = new_timer(0);
    struct pollfd entry = {-1, POLLIN, 0};
    OK(byname_handle_fd(t, &entry.fd));
    CHECK(poll(&entry, 1, 0) == 0);
    OK(byname_timer_set(t, 2 * MS, 0));
    CHECK(poll(&entry, 1, -1) == 1);
    OK(byname_timer_wait(t, 0));
    IS(byname_timer_wait(t, 0), BYNAME_TIMED_OUT);
    CHECK(poll(&entry, 1, 0) == 0);
    OK(byname_handle_close(t));
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
    (void)number;
    alarms = alarms + 1;
}

static void signals_do_not_end_a_wait(void) {
    struct itimerval every = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    struct sigaction action, before;
    byname_handle t = new_timer(0);
    int64_t begin;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm; /* without SA_RESTART: every sleep ends with EINTR */
    sigaction(SIGALRM, &action, &before);
    alarms = 0;
    setitimer(ITIMER_REAL, &every, NULL);
    begin = now_ns();
    OK(byname_timer_set(t, 30 * MS, 0));
    OK(byname_timer_wait(t, BYNAME_INFINITE));
    CHECK(now_ns() - begin >= 30 * MS);
    begin = wall_ns();
    OK(byname_timer_set_at(t, begin + 30 * MS, 0));
    OK(byname_timer_wait(t, BYNAME_INFINITE));
    CHECK(wall_ns() - begin >= 30 * MS);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(alarms > 0);
    sigaction(SIGALRM, &before, NULL);
    OK(byname_handle_close(t));
}

TESTS(T(never_early), T(the_state_of_it), T(bad_times_change_nothing), T(who_sleeps_hears_of_a_set), T(a_setting_outlives_its_setter),
      T(a_descriptor_becomes_readable), T(signals_do_not_end_a_wait))
