/* W3, W3x, W5: a round trip through two signals between two processes, each waiting until it is signalled.
 *
 *   pingpong 3 SLICES          W3: a plain wait
 *   pingpong 3x SLICES         W3x: the same, with the two processes on different cores
 *   pingpong any-N SLICES      W5-N: a wait for any of N, of which the peer sets the last
 *   pingpong all-N SLICES      W5-all-N: a wait for all of N; the measuring side sets the others before the clock runs
 *
 * Reference: two words, FUTEX_WAIT and FUTEX_WAKE, or futex_waitv over N words on the measuring side. The figure of a
 * slice is the median round trip. Every side has a peer of its own, which sleeps while another side is measured. */
#include "bench.h"
#include <linux/types.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { TRIPS = 10000, TRIPS_APART = 3000, MOST = 128 };

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

struct waitv { /* struct futex_waitv of newer headers */
    uint64_t value, address;
    uint32_t flags, reserved;
};
enum { FUTEX2_32_BIT = 2 };

static struct shared {
    _Alignas(64) atomic_uint pong;
    struct {
        _Alignas(64) atomic_uint word;
    } ping[MOST];
    _Alignas(64) sem_t semaphores[2];
} * shared;
static byname_handle ping[MOST], pong;
static int ping_fds[MOST], pong_fd, ping_pipe[2], pong_pipe[2], epoll;
static size_t n = 1; /* objects the measuring side waits for */
static long trips_of_slice = TRIPS;

/* byname */

static void open_events(void) {
    char name[40];
    byname_event_options auto_reset = BYNAME_EVENT_OPTIONS_INIT;
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "bench-ping-%zu", i);
        ok(byname_event_create(name, &auto_reset, &ping[i]), "event_create");
    }
    ok(byname_event_create("bench-pong", &auto_reset, &pong), "event_create");
}

static void close_events(void) {
    for (size_t i = 0; i < n; i++) ok(byname_handle_close(ping[i]), "close");
    ok(byname_handle_close(pong), "close");
}

static void our_answer(void) {
    ok(byname_wait(pong, BYNAME_INFINITE, NULL), "wait");
    ok(byname_event_set(ping[n - 1]), "set");
}

static void our_trip(void) {
    ok(byname_event_set(pong), "set");
    ok(byname_wait(ping[0], BYNAME_INFINITE, NULL), "wait");
}

static void our_trip_any(void) {
    byname_wait_result result;
    ok(byname_event_set(pong), "set");
    ok(byname_wait_any(ping, n, BYNAME_INFINITE, &result), "wait_any");
}

static void our_trip_all(void) {
    byname_wait_result result;
    ok(byname_event_set(pong), "set");
    ok(byname_wait_all(ping, n, BYNAME_INFINITE, &result), "wait_all");
}

static void set_the_others(void) {
    for (size_t i = 0; i + 1 < n; i++) ok(byname_event_set(ping[i]), "set");
}

/* futexes */

static void send(atomic_uint *word) {
    atomic_store(word, 1);
    if (futex(word, FUTEX_WAKE, 1) < 0) die("FUTEX_WAKE: %s", strerror(errno));
}

static void receive(atomic_uint *word) {
    while (atomic_exchange(word, 0) == 0) {
        if (futex(word, FUTEX_WAIT, 0) < 0 && errno != EAGAIN && errno != EINTR) die("FUTEX_WAIT: %s", strerror(errno));
    }
}

static void receive_any(void) {
    static struct waitv list[MOST];
    for (;;) {
        for (size_t i = 0; i < n; i++) {
            if (atomic_load(&shared->ping[i].word) != 0 && atomic_exchange(&shared->ping[i].word, 0) != 0) return;
            list[i] = (struct waitv){0, (uintptr_t)&shared->ping[i].word, FUTEX2_32_BIT, 0};
        }
        if (syscall(SYS_futex_waitv, list, n, 0, NULL, 0) < 0 && errno != EAGAIN && errno != EINTR) die("futex_waitv: %s", strerror(errno));
    }
}

static void futex_answer(void) { receive(&shared->pong), send(&shared->ping[n - 1].word); }
static void futex_trip(void) { send(&shared->pong), receive(&shared->ping[0].word); }
static void futex_trip_any(void) { send(&shared->pong), receive_any(); }

/* rivals */

static void open_epoll(void) {
    epoll = opened(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    for (size_t i = 0; i < n; i++) {
        struct epoll_event interest = {.events = EPOLLIN, .data.fd = ping_fds[i]};
        zero(epoll_ctl(epoll, EPOLL_CTL_ADD, ping_fds[i], &interest), "epoll_ctl");
    }
}

static void epoll_trip(void) {
    struct epoll_event event;
    put(pong_fd);
    if (epoll_wait(epoll, &event, 1, -1) != 1) die("epoll_wait: %s", strerror(errno));
    get(event.data.fd);
}

static void eventfd_answer(void) { get(pong_fd), put(ping_fds[n - 1]); }
static void eventfd_trip(void) { put(pong_fd), get(ping_fds[0]); }
static void pipe_answer(void) { get(pong_pipe[0]), put(ping_pipe[1]); }
static void pipe_trip(void) { put(pong_pipe[1]), get(ping_pipe[0]); }

static void semaphore_answer(void) {
    zero(sem_wait(&shared->semaphores[0]), "sem_wait");
    zero(sem_post(&shared->semaphores[1]), "sem_post");
}

static void semaphore_trip(void) {
    zero(sem_post(&shared->semaphores[0]), "sem_post");
    zero(sem_wait(&shared->semaphores[1]), "sem_wait");
}

static void nothing(void) {}

struct side {
    const char *name;
    void (*open)(void); /* in the peer, and in the measuring process once all peers are there */
    void (*answer)(void);
    void (*trip)(void);
    void (*before)(void); /* what the measuring side does before the clock runs */
};

static const struct side plain[] = {
    {"ours", open_events, our_answer, our_trip, nothing},
    {"reference", nothing, futex_answer, futex_trip, nothing},
    {"POSIX semaphore", nothing, semaphore_answer, semaphore_trip, nothing},
    {"eventfd", nothing, eventfd_answer, eventfd_trip, nothing},
    {"pipe", nothing, pipe_answer, pipe_trip, nothing},
};

static const struct side any[] = {
    {"ours", open_events, our_answer, our_trip_any, nothing},
    {"reference", nothing, futex_answer, futex_trip_any, nothing},
    {"epoll over eventfds", open_epoll, eventfd_answer, epoll_trip, nothing},
};

static const struct side all[] = {
    {"ours", open_events, our_answer, our_trip_all, set_the_others},
    {"reference", nothing, futex_answer, futex_trip_any, nothing},
};

static void measure(const char *row, const struct side *side) {
    static uint64_t times[TRIPS];
    for (long i = 0; i < trips_of_slice; i++) {
        side->before();
        uint64_t start = now_ns();
        side->trip();
        times[i] = now_ns() - start;
    }
    if (row != NULL) report(row, side->name, (double)median(times, (size_t)trips_of_slice) / 1000.0);
}

static void start_peer(const struct side *side, int apart, long trips) {
    pid_t pid = fork();
    if (pid < 0) die("fork: %s", strerror(errno));
    if (pid > 0) return;
    die_with_parent();
    if (apart) pin(1);
    side->open();
    while (trips-- > 0) side->answer();
    if (side->open == open_events) close_events();
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc != 3) die("usage: pingpong 3|3x|any-N|all-N SLICES");
    const char *how = argv[1];
    int apart = strcmp(how, "3x") == 0;
    const struct side *sides = plain;
    size_t count = SIDES_OF(plain);
    char row[20];
    snprintf(row, sizeof row, "W%s", how);
    if (strncmp(how, "any-", 4) == 0 || strncmp(how, "all-", 4) == 0) {
        int for_any = how[1] == 'n';
        sides = for_any ? any : all;
        count = for_any ? SIDES_OF(any) : SIDES_OF(all);
        n = (size_t)number(how + 4);
        if (n == 0 || n > MOST) die("1 to %d objects", MOST);
        snprintf(row, sizeof row, "W5-%s", for_any ? how + 4 : how);
    } else if (!apart && strcmp(how, "3") != 0) {
        die("\"%s\" is none of 3, 3x, any-N, all-N", how);
    }
    if (apart) trips_of_slice = TRIPS_APART;
    long slices = number(argv[2]);

    shared = shared_memory(sizeof *shared);
    for (int i = 0; i < 2; i++) zero(sem_init(&shared->semaphores[i], 1, 0), "sem_init");
    for (size_t i = 0; i < n; i++) ping_fds[i] = opened(eventfd(0, EFD_CLOEXEC), "eventfd");
    pong_fd = opened(eventfd(0, EFD_CLOEXEC), "eventfd");
    zero(pipe(ping_pipe), "pipe");
    zero(pipe(pong_pipe), "pipe");
    for (size_t i = 0; i < count; i++) start_peer(&sides[i], apart, (slices + 1) * trips_of_slice);
    if (apart) pin(0);
    for (size_t i = 0; i < count; i++) sides[i].open();
    for (size_t i = 0; i < count; i++) measure(NULL, &sides[i]); /* warm */
    for (long slice = 0; slice < slices; slice++) {
        for (size_t i = 0; i < count; i++) measure(row, &sides[i]);
    }
    close_events();
    join(count);
    return 0;
}
