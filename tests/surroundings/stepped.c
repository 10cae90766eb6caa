/*
 * To be preloaded: a wall clock that jumps an hour back or forward each time somebody reads it, for this process alone. Whoever asks
 * the kernel to wait until a time of that clock is stopped at once, since the kernel has the true one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static long hours(void) {
    static unsigned readings;
    return __atomic_fetch_add(&readings, 1, __ATOMIC_RELAXED) % 2 ? 2 : -2;
}

int clock_gettime(clockid_t clock, struct timespec *ts) {
    static int (*original)(clockid_t, struct timespec *);
    int r;
    if (!original) *(void **)&original = dlsym(RTLD_NEXT, "clock_gettime");
    r = original(clock, ts);
    if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI)) ts->tv_sec += hours() * 3600;
    return r;
}

time_t time(time_t *out) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (out) *out = ts.tv_sec;
    return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    struct timespec ts;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

static void stop(const char *what) {
    fprintf(stderr, "a wait by the wall clock: %s\n", what);
    abort();
}

long syscall(long number, ...) {
    static long (*original)(long, ...);
    long a[6];
    va_list list;
    int i;
    if (!original) *(void **)&original = dlsym(RTLD_NEXT, "syscall");
    va_start(list, number);
    for (i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) && a[3]) stop("futex");
    if (number == SYS_futex_waitv && a[3] && (clockid_t)a[4] != CLOCK_MONOTONIC) stop("futex_waitv");
    return original(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
