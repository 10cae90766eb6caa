/* What the benchmark programs share: the clock, medians, errors, and the one line each figure is printed as.
 *
 * Every program measures byname and its reference in turn, slice by slice, in one run, and prints a line
 * "row TAB side TAB value" for each slice, where the side is "ours", "reference" or a rival's name. run.py pins the programs, runs them in rounds and
 * takes the medians. Programs about several cores spread their processes over those that run.py leaves them. */
#ifndef BYNAME_BENCH_H
#define BYNAME_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "boost.h"
#include <byname.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* Ends the program unless a byname call succeeded; news such as "abandoned" is not a failure. */
static inline void ok(byname_status status, const char *what) {
    if (BYNAME_FAILED(status)) die("%s: %s (%s)", what, byname_status_name(status), byname_last_error_message());
}

/* Ends the program unless a pthread or system call returned zero. */
static inline void zero(int result, const char *what) {
    if (result != 0) die("%s: %s", what, strerror(result > 0 ? result : errno));
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static inline uint64_t median(uint64_t *values, size_t n) {
    qsort(values, n, sizeof *values, by_value);
    return values[n / 2];
}

static inline void report(const char *row, const char *whose, double value) {
    printf("%s\t%s\t%.4f\n", row, whose, value);
    fflush(stdout);
}

/* How many of a row's sides are measured. Each table of sides begins with byname and the reference; the rivals follow,
 * and BENCH_RIVALS=0 leaves them out. */
static inline size_t sides_of(size_t all) {
    const char *rivals = getenv("BENCH_RIVALS");
    return rivals != NULL && strcmp(rivals, "0") == 0 ? 2 : all;
}
#define SIDES_OF(table) sides_of(sizeof(table) / sizeof *(table))

static inline long number(const char *text) {
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end != 0 || value < 0) die("\"%s\" is not a number", text);
    return value;
}

/* Zeroed memory that children share. */
static inline void *shared_memory(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap: %s", strerror(errno));
    return memory;
}

/* A descriptor from a call that gives -1 for failure. */
static inline int opened(int fd, const char *what) {
    if (fd < 0) die("%s: %s", what, strerror(errno));
    return fd;
}

/* An open file without a name, for flock(): each call gives another open file of the same inode as `first`, or a new one. */
static inline int lock_file(int first) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", first);
    return first < 0 ? opened(open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), "O_TMPFILE") : opened(open(path, O_RDWR | O_CLOEXEC), path);
}

/* Writes to, or reads from, an eventfd or a pipe one message of eight bytes. */
static inline void put(int fd) {
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) != sizeof one) die("write: %s", strerror(errno));
}

static inline void get(int fd) {
    uint64_t value;
    if (read(fd, &value, sizeof value) != sizeof value) die("read: %s", strerror(errno));
}

/* Waits for that many children and demands that each did its work. */
static inline void join(size_t children) {
    while (children-- > 0) {
        int status;
        if (wait(&status) < 0 || status != 0) die("a process of the benchmark failed");
    }
}

/* A mutex as robust as byname's: shared by processes, recursive, told of a dead owner. */
static inline void init_robust(pthread_mutex_t *mutex) {
    pthread_mutexattr_t attr;
    zero(pthread_mutexattr_init(&attr), "mutexattr_init");
    zero(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), "setpshared");
    zero(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), "setrobust");
    zero(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE), "settype");
    zero(pthread_mutex_init(mutex, &attr), "mutex_init");
    zero(pthread_mutexattr_destroy(&attr), "mutexattr_destroy");
}

static inline long futex(atomic_uint *word, int op, unsigned value) {
    return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

/* Moves the caller to the `index`th of the cores that it may use, counted round. */
static inline void pin(size_t index) {
    cpu_set_t all, one;
    zero(sched_getaffinity(0, sizeof all, &all), "sched_getaffinity");
    size_t skip = index % (size_t)CPU_COUNT(&all), cpu = 0;
    while (!CPU_ISSET(cpu, &all) || skip-- > 0) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    zero(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
}

/* A child that must not outlive the program that measures. */
static inline void die_with_parent(void) {
    zero(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    if (getppid() == 1) exit(1);
}

#endif
