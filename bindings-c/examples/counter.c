/*
 * Counts in a file together with any number of other processes: counter FILE TIMES.
 *
 * The file holds a number. Each round reads it, adds one and writes it back, under the mutex "counter". Kill one of the
 * processes at any moment: the next one is told that the mutex was abandoned and goes on.
 *
 *     cc -std=c99 counter.c $(pkg-config --cflags --libs byname) -o counter
 *     ./counter /tmp/count 1000 & ./counter /tmp/count 1000 & wait; cat /tmp/count
 */
#include <byname.h>

#include <stdio.h>
#include <stdlib.h>

static int failed(const char *what, byname_status status) {
    fprintf(stderr, "counter: %s: %s (%s, %u)\n", what, byname_last_error_message(), byname_status_name(status),
            (unsigned)byname_last_error_win32());
    return 1;
}

/* Adds one to the number in the file; the new file appears whole or not at all. */
static int add_one(const char *path) {
    char next[4096];
    long count = 0;
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%ld", &count) != 1) count = 0;
        fclose(file);
    }
    if (snprintf(next, sizeof next, "%s.next", path) >= (int)sizeof next) return 0;
    file = fopen(next, "w");
    if (!file) return 0;
    fprintf(file, "%ld\n", count + 1);
    return fclose(file) == 0 && rename(next, path) == 0;
}

int main(int argc, char **argv) {
    byname_handle mutex;
    byname_status status;
    long i, times;
    if (argc != 3) {
        fprintf(stderr, "usage: counter FILE TIMES\n");
        return 2;
    }
    times = strtol(argv[2], NULL, 10);
    status = byname_mutex_create("counter", NULL, &mutex);
    if (BYNAME_FAILED(status)) return failed("create", status);

    for (i = 0; i < times; i++) {
        byname_grant grant;
        status = byname_mutex_lock(mutex, INT64_C(60) * 1000 * 1000 * 1000, &grant);
        if (BYNAME_FAILED(status)) return failed("lock", status);
        if (status == BYNAME_TIMED_OUT) {
            fprintf(stderr, "counter: somebody held the mutex for a minute\n");
            return 1;
        }
        if (grant.abandoned) printf("a process died in its turn; going on with turn %llu\n", (unsigned long long)grant.fence);
        if (!add_one(argv[1])) {
            perror(argv[1]);
            return 1; /* the mutex becomes abandoned: the others are told */
        }
        status = byname_mutex_unlock(mutex);
        if (BYNAME_FAILED(status)) return failed("unlock", status);
    }
    byname_handle_close(mutex);
    return 0;
}
