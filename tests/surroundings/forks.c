/*
 * usage: forks fork|vfork|chain
 * A process with threads that hold, wait and take turns makes a hundred children from one more thread.
 */
#define _GNU_SOURCE
#include <byname.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 100
#define PASSERS 3
#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #x, byname_last_error_message()), _exit(1)))
#define OK(x) CHECK((x) == BYNAME_OK)

static byname_handle held, turn, ready, end, units, taken;
static int stop;

static void *holds(void *unused) {
    (void)unused;
    OK(byname_mutex_lock(held, BYNAME_INFINITE, NULL));
    OK(byname_semaphore_release(ready, 1, NULL));
    OK(byname_event_wait(end, BYNAME_INFINITE));
    OK(byname_mutex_unlock(held)); /* it is still this thread's, after all those forks */
    return NULL;
}

static void *takes_turns(void *unused) {
    (void)unused;
    OK(byname_semaphore_release(ready, 1, NULL));
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        OK(byname_mutex_lock(turn, BYNAME_INFINITE, NULL));
        OK(byname_mutex_unlock(turn));
    }
    return NULL;
}

/* Takes what the children put in, for a wait of its own each time. */
static void *takes_units(void *unused) {
    byname_handle either[2];
    byname_wait_result won = {-1, 0, false};
    (void)unused;
    either[0] = units, either[1] = end;
    OK(byname_semaphore_release(ready, 1, NULL));
    for (;;) {
        OK(byname_wait_any(either, 2, BYNAME_INFINITE, &won));
        if (won.index == 1) return NULL;
        OK(byname_semaphore_release(taken, 1, NULL));
    }
}

static void child_of_fork(void) {
    byname_handle own;
    byname_owner owner;
    CHECK(byname_mutex_unlock(held) == BYNAME_ERR_NOT_OWNER);
    CHECK(byname_mutex_unlock(turn) == BYNAME_ERR_NOT_OWNER);
    CHECK(byname_mutex_lock(held, 1000000, NULL) == BYNAME_TIMED_OUT);
    OK(byname_mutex_owner(held, &owner));
    CHECK(owner.pid == (uint32_t)getppid());
    OK(byname_mutex_lock(turn, BYNAME_INFINITE, NULL)); /* the threads of the parent let it in */
    OK(byname_mutex_unlock(turn));
    OK(byname_mutex_create("of the child", NULL, &own));
    OK(byname_mutex_lock(own, 0, NULL));
    OK(byname_semaphore_release(units, 1, NULL));
    _exit(0);
}

/* Children that only execute a program, or end at once. Each of them in a function of its own, which keeps nothing over the vfork. */
static pid_t vfork_and_execute(void) {
    static const char *const nothing[] = {"true", NULL};
    const pid_t pid = vfork();
    if (pid == 0) {
        execvp("true", (char *const *)nothing);
        _exit(9);
    }
    return pid;
}

static pid_t vfork_and_end(void) {
    const pid_t pid = vfork();
    if (pid == 0) _exit(0);
    return pid;
}

static void forks(int by_vfork) {
    int i, status;
    for (i = 0; i < ROUNDS; i++) {
        pid_t pid;
        if (by_vfork) {
            pid = i % 2 ? vfork_and_execute() : vfork_and_end();
            OK(byname_semaphore_release(units, 1, NULL));
        } else {
            pid = fork();
            if (pid == 0) child_of_fork();
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void amid_threads(int by_vfork) {
    pthread_t threads[2 + PASSERS];
    byname_semaphore_state state;
    byname_grant grant;
    int i;
    OK(byname_mutex_create("turn", NULL, &turn));
    pthread_create(&threads[0], NULL, holds, NULL);
    pthread_create(&threads[1], NULL, takes_units, NULL);
    for (i = 0; i < PASSERS; i++) pthread_create(&threads[2 + i], NULL, takes_turns, NULL);
    for (i = 0; i < 2 + PASSERS; i++) OK(byname_semaphore_acquire(ready, BYNAME_INFINITE, NULL));
    forks(by_vfork);
    for (i = 0; i < ROUNDS; i++) OK(byname_semaphore_acquire(taken, BYNAME_INFINITE, NULL)); /* every unit was taken, once, by the parent's thread */
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    OK(byname_event_set(end));
    for (i = 0; i < 2 + PASSERS; i++) pthread_join(threads[i], NULL);
    OK(byname_semaphore_look(units, &state));
    CHECK(state.available == 0);
    OK(byname_semaphore_look(taken, &state));
    CHECK(state.available == 0);
    OK(byname_mutex_lock(held, 0, &grant));
    CHECK(!grant.abandoned);
    OK(byname_mutex_lock(turn, 0, &grant));
    CHECK(!grant.abandoned);
}

/* Each generation takes the mutex of its own number, makes the next one and dies with it. */
static void chain(void) {
    enum { GENERATIONS = 6 };
    byname_handle own[GENERATIONS];
    int i, depth, status;
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); /* the others are ours when the middle ones are gone */
    for (i = 0; i < GENERATIONS; i++) OK(byname_mutex_create(NULL, NULL, &own[i]));
    for (depth = 0; depth < GENERATIONS; depth++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid) {
            if (depth == 0) {
                for (i = 0; i < GENERATIONS; i++) OK(byname_semaphore_acquire(units, BYNAME_INFINITE, NULL));
                OK(byname_event_set(end));
                for (i = 0; i < GENERATIONS; i++) {
                    CHECK(byname_mutex_lock(own[i], BYNAME_INFINITE, NULL) == BYNAME_ABANDONED);
                    OK(byname_mutex_unlock(own[i]));
                    CHECK(byname_mutex_lock(own[i], 0, NULL) == BYNAME_OK);
                }
                for (i = 0; wait(&status) > 0; i++) CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
                CHECK(i == GENERATIONS);
                return;
            }
            OK(byname_event_wait(end, BYNAME_INFINITE));
            _exit(0); /* with what it owns, before its child or after it */
        }
        for (i = 0; i < depth; i++) CHECK(byname_mutex_unlock(own[i]) == BYNAME_ERR_NOT_OWNER);
        OK(byname_mutex_lock(own[depth], BYNAME_INFINITE, NULL));
        OK(byname_semaphore_release(units, 1, NULL));
    }
    OK(byname_event_wait(end, BYNAME_INFINITE));
    _exit(0);
}

int main(int argc, char **argv) {
    byname_semaphore_options none = BYNAME_SEMAPHORE_OPTIONS_INIT;
    byname_event_options gate = BYNAME_EVENT_OPTIONS_INIT;
    if (argc < 2) return 2;
    none.initial = 0;
    gate.manual_reset = 1;
    OK(byname_mutex_create("held", NULL, &held));
    OK(byname_semaphore_create("ready", &none, &ready));
    OK(byname_semaphore_create("units", &none, &units));
    OK(byname_semaphore_create("taken", &none, &taken));
    OK(byname_event_create("end", &gate, &end));
    if (!strcmp(argv[1], "chain")) chain();
    else amid_threads(!strcmp(argv[1], "vfork"));
    return 0;
}
