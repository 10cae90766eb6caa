/* W3, W3x, W5: a round trip through two signals between two processes, each waiting until it is signalled.
 *
 *   pingpong N SLICES          N = 0: W3, a plain wait. N > 0: W5-N, a wait for any of N, of which the peer sets the last.
 *   pingpong x SLICES          W3x: W3 with the two processes on different cores.
 *
 * Reference: two words, FUTEX_WAIT and FUTEX_WAKE (N = 0), or futex_waitv over N words on the measuring side. The
 * figure of a slice is the median round trip. */
#include "bench.h"
#include <linux/types.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { TRIPS = 10000, MOST = 128 };

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

struct waitv { /* struct futex_waitv of newer headers */
    uint64_t value, address;
    uint32_t flags, reserved;
};
enum { FUTEX2_32_BIT = 2 };

static struct words {
    _Alignas(64) atomic_uint pong;
    struct {
        _Alignas(64) atomic_uint word;
    } ping[MOST];
} * words;
static byname_handle ping[MOST], pong;
static size_t n; /* objects the measuring side waits for; 1 where W3 waits for one alone */
static int many;  /* W5 */
static int apart; /* W3x */

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
            if (atomic_load(&words->ping[i].word) != 0 && atomic_exchange(&words->ping[i].word, 0) != 0) return;
            list[i] = (struct waitv){0, (uintptr_t)&words->ping[i].word, FUTEX2_32_BIT, 0};
        }
        if (syscall(SYS_futex_waitv, list, n, 0, NULL, 0) < 0 && errno != EAGAIN && errno != EINTR) die("futex_waitv: %s", strerror(errno));
    }
}

static void reference_trip(void) {
    send(&words->pong);
    if (many) receive_any();
    else receive(&words->ping[0].word);
}

static void our_trip(void) {
    ok(byname_event_set(pong), "set");
    byname_wait_result result;
    ok(many ? byname_wait_any(ping, n, BYNAME_INFINITE, &result) : byname_wait(ping[0], BYNAME_INFINITE, NULL), "wait");
}

static void measure(const char *row, const char *whose, void (*trip)(void)) {
    static uint64_t times[TRIPS];
    for (size_t i = 0; i < TRIPS; i++) {
        uint64_t start = now_ns();
        trip();
        times[i] = now_ns() - start;
    }
    report(row, whose, (double)median(times, TRIPS) / 1000.0);
}

static void open_events(void) {
    char name[40];
    byname_event_options auto_reset = BYNAME_EVENT_OPTIONS_INIT;
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "bench-ping-%zu", i);
        ok(byname_event_create(name, &auto_reset, &ping[i]), "event_create");
    }
    ok(byname_event_create("bench-pong", &auto_reset, &pong), "event_create");
}

static void answer(size_t trips) {
    open_events();
    while (trips-- > 0) {
        ok(byname_wait(pong, BYNAME_INFINITE, NULL), "wait");
        ok(byname_event_set(ping[n - 1]), "set");
    }
}

static void answer_reference(size_t trips) {
    while (trips-- > 0) {
        receive(&words->pong);
        send(&words->ping[n - 1].word);
    }
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) die("usage: pingpong N SLICES");
    apart = strcmp(argv[1], "x") == 0;
    n = apart ? 0 : (size_t)number(argv[1]);
    if (n > MOST) die("at most %d objects", MOST);
    many = n > 0;
    n += !many;
    long slices = number(argv[2]);
    size_t trips = (size_t)(slices + 1) * TRIPS; /* one slice to warm up */
    if (argc == 4) {
        die_with_parent();
        if (apart) pin(1);
        answer(trips);
        return 0;
    }

    words = mmap(NULL, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (words == MAP_FAILED) die("mmap: %s", strerror(errno));
    pid_t reference = fork();
    if (reference == 0) {
        die_with_parent();
        if (apart) pin(1);
        answer_reference(trips);
        _exit(0);
    }
    pid_t peer = fork();
    if (peer == 0) {
        execl("/proc/self/exe", argv[0], argv[1], argv[2], "peer", (char *)NULL);
        die("exec: %s", strerror(errno));
    }
    if (apart) pin(0);
    open_events();
    for (size_t i = 0; i < TRIPS; i++) our_trip(), reference_trip();
    char row[20];
    if (many) snprintf(row, sizeof row, "W5-%zu", n);
    else snprintf(row, sizeof row, apart ? "W3x" : "W3");
    for (long slice = 0; slice < slices; slice++) {
        measure(row, "ours", our_trip);
        measure(row, "reference", reference_trip);
    }
    for (int i = 0; i < 2; i++) {
        int status;
        if (wait(&status) < 0 || status != 0) die("a peer failed");
    }
    return 0;
}
