/* The roles of conductor/told.py: told ROLE [FILE]. One line on standard output when it is there; `survivor` answers a line with two.
 *
 *   owner      locks the mutex and sleeps
 *   sleeper    waits for the mutex
 *   idle       is attached and sleeps
 *   survivor   for each line read: says "asking", waits for the mutex, says what it was told and at what nanosecond
 *
 * With a FILE the mutex is a bare robust pthread mutex in it, which the first survivor makes: the physical floor. */
#define _GNU_SOURCE
#include <byname.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static byname_handle mutex;
static pthread_mutex_t *bare;

static void need(int there, const char *what) {
    if (!there) {
        fprintf(stderr, "told: %s: %s\n", what, byname_last_error_message());
        exit(1);
    }
}

static void make_bare(const char *path, int first) {
    int file = open(path, O_RDWR | O_CREAT, 0600);
    need(file >= 0 && ftruncate(file, sizeof *bare) == 0, path);
    bare = mmap(NULL, sizeof *bare, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    need(bare != MAP_FAILED, "mmap");
    if (!first) return;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    need(pthread_mutex_init(bare, &attributes) == 0, "mutex_init");
}

static const char *lock(void) {
    if (bare == NULL) return byname_status_name(byname_mutex_lock(mutex, BYNAME_INFINITE, NULL));
    int result = pthread_mutex_lock(bare);
    if (result != EOWNERDEAD) return result == 0 ? "BYNAME_OK" : strerror(result);
    pthread_mutex_consistent(bare);
    return "BYNAME_ABANDONED";
}

static void unlock(void) {
    if (bare == NULL) need(byname_mutex_unlock(mutex) == BYNAME_OK, "unlock");
    else need(pthread_mutex_unlock(bare) == 0, "mutex_unlock");
}

static void say(const char *line) {
    need(puts(line) >= 0 && fflush(stdout) == 0, "the conductor does not listen");
}

int main(int argc, char **argv) {
    need(argc == 2 || argc == 3, "usage: told ROLE [FILE]");
    const char *role = argv[1];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc == 3) make_bare(argv[2], strcmp(role, "survivor") == 0);
    else need(byname_mutex_create("told", NULL, &mutex) == BYNAME_OK, "create");
    if (strcmp(role, "survivor") == 0) {
        char line[16];
        say("there");
        while (fgets(line, sizeof line, stdin)) {
            say("asking");
            const char *told = lock();
            struct timespec now;
            clock_gettime(CLOCK_MONOTONIC, &now);
            unlock();
            printf("%s %" PRId64 "\n", told, now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
            fflush(stdout);
        }
        return 0;
    }
    if (strcmp(role, "owner") == 0) need(strcmp(lock(), "BYNAME_OK") == 0, "the mutex is not free");
    say("there");
    if (strcmp(role, "sleeper") == 0) lock();
    for (;;) pause();
}
