/* A worker of the soak, in C: soak LEDGER SLOT SEED [dog]. Two threads, and now and then a forked child.
 *
 * tests/soak/ledger.py has the layout of the ledger and the rules by which it is written; the other workers do the same
 * in their languages. What breaks a rule is told on standard output, and the process ends with status 3. */
#define _GNU_SOURCE
#include <byname.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MUTEXES = 6, PLAIN = 4, ROBUST = 4, BATONS = 6, BELLS = 2, GATES = 2, TEMPORARY = 8 };
enum { FIRST_PLAIN = MUTEXES, FIRST_ROBUST = FIRST_PLAIN + PLAIN, FIRST_BATON = FIRST_ROBUST + ROBUST, OBJECTS = FIRST_BATON + BATONS };
enum { PHASE, REGIONS = 64, REGION = 64, LANES = REGIONS + OBJECTS * REGION, LANE = 64, LANES_OF_A_WORKER = 4 };
enum { INSIDE, HEAD, TOLD_CLEAN, TOLD_DIRTY, FENCE, ENTRIES = 8, DEAD_NAMES = 40, NAMES = 24 };
enum { DOING, HELD, PID, STATE, OPERATIONS, BELL, TOLD = 12, COUNTS = 16, MAYBE_TOLD = 32, TAKEN = 36 };
enum { RUNNING, RESTING, CHILD_DIED, WOKEN };
enum { TAKING = 1, GIVING = 2 };
enum { END = 1000000 };
enum count { LOCK, SEMAPHORE, ROBUST_SEMAPHORE, EVENT, RING, GATE, ANY, ALL, TIMED_OUT, ASYNC, CANCELLED, POLLED, MADE, FORKED, SIGNAL_AND_WAIT, KEPT };

#define BITS(from, to) ((UINT64_C(1) << (to)) - (UINT64_C(1) << (from)))
#define ROBUST_ONES BITS(FIRST_ROBUST, FIRST_BATON)
#define SURE (BITS(0, FIRST_PLAIN) | ROBUST_ONES)

typedef volatile uint64_t word;
struct lane {
    word *at;
    uint64_t name; /* the process and the lane, unlike any other's */
    uint32_t random;
    int number;
    struct hand *hand; /* kinds.h */
};

static word *ledger;
static byname_handle objects[OBJECTS], bells[BELLS], gates[GATES], go, gong;
static int slot;
static uint32_t seed;

static void fault(const char *format, ...) {
    char text[1000];
    int length = snprintf(text, sizeof text, "FAULT c worker %d pid %d: ", slot, (int)getpid());
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(text + length, sizeof text - (size_t)length - 1, format, arguments);
    va_end(arguments);
    text[length++] = '\n';
    if (write(STDOUT_FILENO, text, (size_t)length) != length) abort();
    _exit(3);
}

static byname_status must(byname_status status, const char *what, int o) {
    if (BYNAME_FAILED(status)) fault("%s of object %d: %s %s", what, o, byname_status_name(status), byname_last_error_message());
    return status;
}

static uint32_t dice(struct lane *lane, uint32_t sides) {
    lane->random ^= lane->random << 13;
    lane->random ^= lane->random >> 17;
    lane->random ^= lane->random << 5;
    return lane->random % sides;
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t patience(struct lane *lane) {
    static const int64_t nanos[] = {0, 200000, 2000000, 20000000};
    return nanos[dice(lane, 4)];
}

/* For a wait that is satisfied by one of these objects: some have no end, where what they wait for is sure to come (ledger.py). */
static int64_t patience_for(struct lane *lane, uint64_t mask) {
    int64_t limit = patience(lane);
    bool forever = dice(lane, 8) == 0;
    return forever && mask & SURE && !(lane->at[HELD] & ROBUST_ONES) ? BYNAME_INFINITE : limit;
}

static void count(struct lane *lane, enum count what) {
    lane->at[COUNTS + what]++;
    lane->at[OPERATIONS]++;
}

/* --- what is under way, what is held */

static void begin(struct lane *lane, uint64_t what, uint64_t mask) { lane->at[DOING] = what << 32 | mask; }
/* `taken` is what the call that is done took: a plain unit is counted when it is held, or a death between would hide it (ledger.py). */
static void done(struct lane *lane, uint64_t held, uint64_t taken) {
    lane->at[HELD] = held;
    for (int o = FIRST_PLAIN; o < FIRST_ROBUST; o++) lane->at[TAKEN + o - FIRST_PLAIN] += taken >> o & 1;
    lane->at[DOING] = 0;
}
static word *region(int o) { return ledger + REGIONS + o * REGION; }

static uint32_t mix(uint32_t before, uint32_t n, uint32_t writer) {
    uint32_t h = (before ^ n) * 0x9E3779B1u;
    h = (h ^ h >> 15 ^ writer) * 0x85EBCA77u;
    return h ^ h >> 13;
}

static void enter_mutex(struct lane *lane, int o) {
    word *r = region(o);
    uint64_t inside = r[INSIDE], n = r[HEAD];
    byname_grant grant;
    must(byname_mutex_held(objects[o], &grant), "held", o);
    if (inside && !grant.abandoned) fault("mutex %d: %" PRIx64 " is inside, and this owner was not told", o, inside);
    if (inside) {
        r[DEAD_NAMES + r[TOLD_DIRTY] % NAMES] = inside;
        r[TOLD_DIRTY]++;
    } else if (grant.abandoned) r[TOLD_CLEAN]++;
    r[INSIDE] = lane->name;
    word *last = r + ENTRIES + 4 * (n % 8), *next = r + ENTRIES + 4 * ((n + 1) % 8);
    if (n && (last[0] != n || last[3] != mix((uint32_t)last[1], (uint32_t)n, (uint32_t)last[2]))) fault("mutex %d: entry %" PRIu64 " is torn", o, n);
    if (next[0] == n + 1 && !grant.abandoned) fault("mutex %d: entry %" PRIu64 " is half made, and this owner was not told", o, n + 1);
    if (grant.fence <= r[FENCE]) fault("mutex %d: fence %" PRIu64 " after %" PRIu64, o, grant.fence, r[FENCE]);
    r[FENCE] = grant.fence;
    next[0] = n + 1;
    next[1] = n ? last[3] : 0;
    next[2] = (uint32_t)lane->name;
    next[3] = mix((uint32_t)next[1], (uint32_t)(n + 1), (uint32_t)next[2]);
    r[HEAD] = n + 1;
}

/* `told` is where a robust semaphore's news is counted, 0 if there was none. */
static void enter(struct lane *lane, int o, int told) {
    if (o < FIRST_PLAIN) enter_mutex(lane, o);
    else if (o >= FIRST_BATON) {
        if (region(o)[INSIDE]) fault("event %d: %" PRIx64 " has it, and it was given once more", o, region(o)[INSIDE]);
        region(o)[INSIDE] = lane->name;
    } else if (told && o >= FIRST_ROBUST) lane->at[told + o - FIRST_ROBUST]++;
    count(lane, o < FIRST_PLAIN ? LOCK : o < FIRST_ROBUST ? SEMAPHORE : o < FIRST_BATON ? ROBUST_SEMAPHORE : EVENT);
}

static void give(struct lane *lane, int o) {
    begin(lane, GIVING, UINT64_C(1) << o);
    if (o < FIRST_PLAIN || o >= FIRST_BATON) {
        if (region(o)[INSIDE] != lane->name) fault("object %d: %" PRIx64 " came inside while %" PRIx64 " was", o, region(o)[INSIDE], lane->name);
        region(o)[INSIDE] = 0;
    }
    must(o < FIRST_PLAIN    ? byname_mutex_unlock(objects[o])
         : o >= FIRST_BATON ? byname_event_set(objects[o])
                            : byname_semaphore_release(objects[o], 1, NULL),
         "giving back", o);
    done(lane, lane->at[HELD] & ~(UINT64_C(1) << o), 0);
}

/* After a wait took what is in the mask. */
static void took(struct lane *lane, uint64_t mask, bool abandoned) {
    int told = !abandoned ? 0 : mask & (mask - 1) ? MAYBE_TOLD : TOLD; /* a wait-all does not say whose news it is */
    for (int o = 0; o < OBJECTS; o++)
        if (mask >> o & 1) enter(lane, o, told);
    done(lane, lane->at[HELD] | mask, mask);
    for (int o = 0; o < OBJECTS; o++) {
        if (!(mask >> o & 1)) continue;
        if (o < FIRST_PLAIN && dice(lane, 4) == 0) { /* once more */
            must(byname_mutex_lock(objects[o], 0, NULL), "locking again", o);
            must(byname_mutex_unlock(objects[o]), "unlocking again", o);
        }
        if (o >= FIRST_PLAIN && dice(lane, 8) == 0) count(lane, KEPT);
        else give(lane, o);
    }
}

static void give_all(struct lane *lane, uint64_t mask) {
    for (int o = 0; o < OBJECTS; o++)
        if (lane->at[HELD] >> o & mask >> o & 1) give(lane, o);
}

static int pick(struct lane *lane, uint64_t taken) {
    for (;;) {
        int o = (int)dice(lane, OBJECTS);
        if (!((lane->at[HELD] | taken) >> o & 1)) return o;
    }
}

/* --- the operations */

static bool ended(struct lane *lane, byname_status status, int64_t limit, int64_t began) {
    if (status != BYNAME_TIMED_OUT) return false;
    if (now() - began < limit) fault("a wait of %" PRId64 " ns timed out after %" PRId64, limit, now() - began);
    done(lane, lane->at[HELD], 0);
    count(lane, TIMED_OUT);
    return true;
}

static void acquire(struct lane *lane, int o, int64_t limit) {
    byname_grant grant = {0, false};
    int64_t began = now();
    begin(lane, TAKING, UINT64_C(1) << o);
    byname_status status = must(byname_wait(objects[o], limit, &grant), "wait", o);
    if (!ended(lane, status, limit, began)) took(lane, UINT64_C(1) << o, status == BYNAME_ABANDONED);
}

static void several(struct lane *lane, bool all) {
    byname_handle handles[3];
    byname_wait_result result;
    int chosen[3], n = 2 + (int)dice(lane, 2);
    uint64_t mask = 0;
    for (int i = 0; i < n; i++) {
        chosen[i] = pick(lane, mask);
        mask |= UINT64_C(1) << chosen[i];
        handles[i] = objects[chosen[i]];
    }
    int64_t limit = all ? patience(lane) : patience_for(lane, mask), began = now();
    begin(lane, TAKING, mask);
    byname_status status = (all ? byname_wait_all : byname_wait_any)(handles, (size_t)n, limit, &result);
    must(status, all ? "wait-all" : "wait-any", chosen[0]);
    if (ended(lane, status, limit, began)) return;
    count(lane, all ? ALL : ANY);
    took(lane, all ? mask : UINT64_C(1) << chosen[result.index], status == BYNAME_ABANDONED);
}

static void ring(struct lane *lane) {
    int b = (int)dice(lane, BELLS);
    uint32_t what = dice(lane, 8);
    byname_status status;
    if (what < 3) {
        lane->at[BELL + 2 * b + 1]++;
        must(what == 0 ? byname_event_pulse(bells[b]) : byname_event_set(bells[b]), "ringing", b);
    } else if (what == 3) must(byname_event_reset(bells[b]), "reset", b);
    else if (what == 4) {
        int other = (b + 1) % BELLS;
        lane->at[BELL + 2 * b + 1]++;
        status = must(byname_signal_and_wait(bells[b], bells[other], patience(lane), NULL), "signal-and-wait", b);
        if (status == BYNAME_OK) lane->at[BELL + 2 * other]++;
        count(lane, SIGNAL_AND_WAIT);
    } else if (must(byname_event_wait(bells[b], patience(lane)), "wait for a bell", b) == BYNAME_OK) lane->at[BELL + 2 * b]++;
    count(lane, RING);
}

static void gate(struct lane *lane) {
    byname_handle g = gates[dice(lane, GATES)];
    uint32_t what = dice(lane, 5);
    must(what == 0 ? byname_event_set(g) : what == 1 ? byname_event_reset(g) : what == 2 ? byname_event_pulse(g) : byname_event_wait(g, patience(lane)), "gate", 0);
    count(lane, GATE);
}

static void poll_and_try(struct lane *lane) {
    int o = pick(lane, 0);
    struct pollfd entry = {-1, POLLIN, 0};
    must(byname_handle_fd(objects[o], &entry.fd), "descriptor", o);
    if (poll(&entry, 1, 2) == 1) acquire(lane, o, 0);
    count(lane, POLLED);
}

/* An object that is there for a moment, under a name that the others use too. */
static void make(struct lane *lane) {
    char name[8];
    byname_handle h;
    byname_status status;
    snprintf(name, sizeof name, "x%u", dice(lane, TEMPORARY));
    uint32_t kind = dice(lane, 3);
    bool open = dice(lane, 4) == 0;
    count(lane, MADE);
    if (kind == 0) {
        status = open ? byname_mutex_open(name, NULL, &h) : byname_mutex_create(name, NULL, &h);
    } else if (kind == 1) {
        status = open ? byname_event_open(name, NULL, &h) : byname_event_create(name, NULL, &h);
    } else {
        byname_semaphore_options how = BYNAME_SEMAPHORE_OPTIONS_INIT;
        how.initial = how.maximum = 1;
        how.robust = dice(lane, 2);
        status = open ? byname_semaphore_open(name, NULL, &h) : byname_semaphore_create(name, &how, &h);
    }
    if (status == BYNAME_ERR_WRONG_KIND || (open && status == BYNAME_ERR_NOT_FOUND)) return;
    must(status, "making", (int)kind);
    if (kind == 1 && dice(lane, 2)) must(byname_event_set(h), "set of a new one", 1);
    status = must(byname_wait(h, dice(lane, 2) ? 0 : 1000000, NULL), "wait for a new one", (int)kind);
    if (status != BYNAME_TIMED_OUT) must(kind == 0 ? byname_mutex_unlock(h) : kind == 1 ? byname_event_set(h) : byname_semaphore_release(h, 1, NULL), "giving back a new one", (int)kind);
    must(byname_handle_close(h), "closing", (int)kind);
}

static byname_handle opened(byname_status (*open)(const char *, const byname_open_options *, byname_handle *), char letter, int i) {
    char name[8];
    byname_handle h;
    snprintf(name, sizeof name, "%c%d", letter, i);
    must(open(name, NULL, &h), "open", i);
    return h;
}

#include "kinds.h"

static void operate(struct lane *lane) {
    if (lane->at[HELD] && dice(lane, 4) == 0) return give_all(lane, BITS(0, OBJECTS));
    if (dice(lane, 4) == 0) return operate_more(lane);
    uint32_t what = dice(lane, 32);
    if (what < 16) {
        int o = pick(lane, 0);
        acquire(lane, o, patience_for(lane, UINT64_C(1) << o));
    }
    else if (what < 20) several(lane, false);
    else if (what < 24) several(lane, true);
    else if (what < 26) ring(lane);
    else if (what < 27) gate(lane);
    else if (what < 29) poll_and_try(lane);
    else make(lane);
}

/* --- lanes */

static struct lane lane_of(int number) {
    struct lane lane = {ledger + LANES + (slot * LANES_OF_A_WORKER + number) * LANE, 0, seed * 31 + (uint32_t)number * 7919 + 1, number, new_hand(number)};
    lane.name = (uint64_t)number << 32 | (uint32_t)getpid();
    if (lane.random == 0) lane.random = 1;
    return lane;
}

/* A child that works for a moment with what it inherited, in a lane of its own, and ends without a word. */
static void fork_one(struct lane *lane) {
    pid_t parent = getpid();
    word *state = ledger + LANES + (slot * LANES_OF_A_WORKER + CHILD) * LANE + STATE;
    if (*state == CHILD_DIED) return;
    uint32_t start = dice(lane, 1000000) + 1;
    pid_t child = fork();
    if (child < 0) fault("no fork");
    if (child == 0) {
        struct lane own = lane_of(CHILD);
        own.random = start;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(0);
        own.at[PID] = (uint64_t)getpid();
        for (int i = 0; i < 20 && ledger[PHASE] % 2 == 0; i++) operate(&own);
        let_go(&own);
        give_all(&own, BITS(0, OBJECTS));
        own.at[PID] = 0;
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) *state = CHILD_DIED;
    else if (status != 0) fault("the child ended with status %x", status);
    count(lane, FORKED);
}

static void *work(void *argument) {
    struct lane lane = lane_of((int)(intptr_t)argument);
    lane.at[PID] = (uint64_t)getpid();
    for (;;) {
        uint64_t phase = ledger[PHASE];
        if (phase == END) break;
        if (phase % 2 == 1) {
            let_go(&lane);
            give_all(&lane, ROBUST_ONES);
            lane.at[STATE] = RESTING;
            if (must(byname_event_wait(go, INT64_C(120000000000)), "go", 0) == BYNAME_TIMED_OUT) fault("a set of the gate `go` woke nobody here");
            must(byname_mutex_lock(gong, BYNAME_INFINITE, NULL), "gong", 0);
            must(byname_mutex_unlock(gong), "gong", 0);
            lane.at[STATE] = WOKEN;
            while (ledger[PHASE] == phase) usleep(1000);
            lane.at[STATE] = RUNNING;
            continue;
        }
        if (lane.number == 0 && dice(&lane, 512) == 0) fork_one(&lane);
        operate(&lane);
    }
    let_go(&lane);
    give_all(&lane, BITS(0, OBJECTS));
    lane.at[PID] = 0;
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 5) return 2;
    ledger_path = argv[1];
    int file = open(argv[1], O_RDWR | O_CLOEXEC);
    slot = atoi(argv[2]);
    seed = (uint32_t)strtoul(argv[3], NULL, 10);
    off_t size = lseek(file, 0, SEEK_END);
    ledger = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || ledger == MAP_FAILED) return 2;
    if (argc == 5) return live_as_dog();
    for (int o = 0; o < OBJECTS; o++)
        objects[o] = o < FIRST_PLAIN    ? opened(byname_mutex_open, 'm', o)
                     : o < FIRST_ROBUST ? opened(byname_semaphore_open, 's', o - FIRST_PLAIN)
                     : o < FIRST_BATON  ? opened(byname_semaphore_open, 'r', o - FIRST_ROBUST)
                                        : opened(byname_event_open, 'b', o - FIRST_BATON);
    for (int i = 0; i < BELLS; i++) bells[i] = opened(byname_event_open, 'l', i);
    for (int i = 0; i < GATES; i++) gates[i] = opened(byname_event_open, 'g', i);
    must(byname_event_open("go", NULL, &go), "open", 0);
    must(byname_mutex_open("gong", NULL, &gong), "open", 0);
    open_more();
    pthread_t second;
    if (pthread_create(&second, NULL, work, (void *)1)) return 2;
    work((void *)0);
    pthread_join(second, NULL);
    for (int o = 0; o < OBJECTS; o++) must(byname_handle_close(objects[o]), "close", o);
    return 0; /* the other handles go with the process */
}
