/* W10-timer: how late a timer is: from its due time until the thread that waits for it runs.
 *
 *   timer SLICES
 *
 * Reference: timerfd, read blocking. Both are set to a time some milliseconds ahead, in turn; a slice is the median of its turns, and its
 * 99th percentile a row of its own. */
#include "bench.h"

#include <sys/timerfd.h>

enum { TURNS = 200, SIDES = 2 };
static const uint64_t AHEAD_NS = 2000000;

static byname_handle timer;
static int descriptor;

static uint64_t late_ours(uint64_t ahead) {
    uint64_t due = now_ns() + ahead;
    ok(byname_timer_set(timer, (int64_t)(due - now_ns()), 0), "timer_set");
    ok(byname_timer_wait(timer, BYNAME_INFINITE), "timer_wait");
    return now_ns() - due;
}

static uint64_t late_reference(uint64_t ahead) {
    uint64_t due = now_ns() + ahead;
    struct itimerspec when = {{0, 0}, {(time_t)(due / 1000000000u), (long)(due % 1000000000u)}};
    zero(timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &when, NULL), "timerfd_settime");
    get(descriptor);
    return now_ns() - due;
}

static const struct {
    const char *name;
    uint64_t (*late)(uint64_t);
} sides[SIDES] = {{"ours", late_ours}, {"reference", late_reference}};

int main(int argc, char **argv) {
    static uint64_t late[SIDES][TURNS];
    if (argc != 2) die("usage: timer SLICES");
    ok(byname_timer_create(NULL, NULL, &timer), "timer_create");
    descriptor = opened(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), "timerfd_create");
    for (long slice = number(argv[1]); slice-- > 0;) {
        for (size_t turn = 0; turn < TURNS; turn++)
            for (size_t side = 0; side < SIDES; side++) late[side][turn] = sides[side].late(AHEAD_NS + turn * 977);
        for (size_t side = 0; side < SIDES; side++) {
            report("W10-timer", sides[side].name, (double)median(late[side], TURNS) / 1000); /* sorts */
            report("W10-timer-p99", sides[side].name, (double)late[side][TURNS * 99 / 100] / 1000);
        }
    }
    ok(byname_handle_close(timer), "close");
    return 0;
}
