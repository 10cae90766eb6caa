/* W6: messages from one process to another.
 *
 *   queue SIZE-PxC SLICES      W6-SIZE, or W6-SIZE-PxC: P processes send and C receive messages of SIZE bytes: millions a second
 *   queue latency SLICES       W6-latency: 64 bytes there and back through two queues, median trip
 *
 * Reference: Boost.Interprocess message_queue of as many places; a pipe for the latency. The processes of a side sleep on a pipe while
 * another side is measured. */
#include "bench.h"

enum { PLACES = 256, MESSAGES = 40000, TRIPS = 10000, LARGEST = 4096 };

static size_t size;
static char message[LARGEST];

/* byname: the two directions of the latency row are two queues */

static byname_handle sends[2], receives[2];

static void open_queues(void) {
    char name[40];
    byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
    options.max_messages = PLACES;
    options.max_size = (uint32_t)size;
    options.flags = BYNAME_QUEUE_ALLOW_BROKEN;
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "bench-queue-%d", i);
        options.end = BYNAME_QUEUE_READ;
        ok(byname_queue_create(name, &options, &receives[i]), "queue_create");
        options.end = BYNAME_QUEUE_WRITE;
        ok(byname_queue_create(name, &options, &sends[i]), "queue_create");
    }
}

static void our_send(int queue) { ok(byname_queue_send(sends[queue], message, size, BYNAME_INFINITE, 0), "send"); }

static void our_receive(int queue) {
    size_t length;
    ok(byname_queue_recv(receives[queue], message, sizeof message, BYNAME_INFINITE, &length, NULL), "recv");
    if (length != size) die("a message of %zu bytes", length);
}

/* Boost */

static char boost_name[40];
static void open_boost(void) { boost_queue_open(boost_name, PLACES, size); }
static void boost_send(int queue) { (void)queue, boost_queue_send(message, size); }
static void boost_receive(int queue) { (void)queue, boost_queue_receive(message, sizeof message); }

/* pipes */

static int pipes[2][2];
static void nothing(void) {}

static void pipe_send(int queue) {
    if (write(pipes[queue][1], message, size) != (ssize_t)size) die("write: %s", strerror(errno));
}

static void pipe_receive(int queue) {
    if (read(pipes[queue][0], message, size) != (ssize_t)size) die("read: %s", strerror(errno));
}

struct side {
    const char *name;
    void (*open)(void);
    void (*send)(int queue);
    void (*receive)(int queue);
};

static const struct side throughput[] = {{"ours", open_queues, our_send, our_receive}, {"reference", open_boost, boost_send, boost_receive}};
static const struct side latency[] = {{"ours", open_queues, our_send, our_receive}, {"reference", nothing, pipe_send, pipe_receive}};

/* A child that does `count` messages each time it is told, and says when it has. */
static void start(const struct side *side, int is_sender, long count, long slices, int go, int done) {
    pid_t pid = fork();
    if (pid < 0) die("fork: %s", strerror(errno));
    if (pid > 0) return;
    die_with_parent();
    side->open();
    put(done);
    for (; slices > 0; slices--) {
        get(go);
        for (long i = 0; i < count; i++) is_sender ? side->send(0) : side->receive(0);
        put(done);
    }
    _exit(0);
}

static void measure_throughput(const char *row, long senders, long receivers, long slices) {
    size_t count = sizeof throughput / sizeof *throughput;
    int go[2][2], done[2][2];
    long each = MESSAGES / senders, total = each * senders;
    for (size_t i = 0; i < count; i++) {
        zero(pipe(go[i]), "pipe");
        zero(pipe(done[i]), "pipe");
        for (long k = 0; k < senders; k++) start(&throughput[i], 1, each, slices + 1, go[i][0], done[i][1]);
        for (long k = 0; k < receivers; k++) start(&throughput[i], 0, total / receivers, slices + 1, go[i][0], done[i][1]);
        for (long k = 0; k < senders + receivers; k++) get(done[i][0]);
    }
    for (long slice = 0; slice <= slices; slice++) {
        for (size_t i = 0; i < count; i++) {
            uint64_t begin = now_ns();
            for (long k = 0; k < senders + receivers; k++) put(go[i][1]);
            for (long k = 0; k < senders + receivers; k++) get(done[i][0]);
            if (slice > 0) report(row, throughput[i].name, (double)total * 1000.0 / (double)(now_ns() - begin));
        }
    }
    join(count * (size_t)(senders + receivers));
}

static void answer(const struct side *side, long trips) {
    pid_t pid = fork();
    if (pid < 0) die("fork: %s", strerror(errno));
    if (pid > 0) return;
    die_with_parent();
    side->open();
    while (trips-- > 0) side->receive(0), side->send(1);
    _exit(0);
}

static void measure_latency(long slices) {
    static uint64_t times[TRIPS];
    size_t count = sizeof latency / sizeof *latency;
    for (int i = 0; i < 2; i++) zero(pipe(pipes[i]), "pipe");
    open_queues();
    for (size_t i = 0; i < count; i++) answer(&latency[i], (slices + 1) * TRIPS);
    for (long slice = 0; slice <= slices; slice++) {
        for (size_t i = 0; i < count; i++) {
            for (long trip = 0; trip < TRIPS; trip++) {
                uint64_t begin = now_ns();
                latency[i].send(0), latency[i].receive(1);
                times[trip] = now_ns() - begin;
            }
            if (slice > 0) report("W6-latency", latency[i].name, (double)median(times, TRIPS) / 1000.0);
        }
    }
    join(count);
}

int main(int argc, char **argv) {
    if (argc != 3) die("usage: queue SIZE-PxC|latency SLICES");
    long slices = number(argv[2]);
    if (strcmp(argv[1], "latency") == 0) {
        size = 64;
        measure_latency(slices);
        return 0;
    }
    long senders, receivers;
    if (sscanf(argv[1], "%zu-%ldx%ld", &size, &senders, &receivers) != 3 || size == 0 || size > LARGEST) die("\"%s\" is no SIZE-PxC", argv[1]);
    char row[40];
    snprintf(row, sizeof row, senders * receivers == 1 ? "W6-%zu" : "W6-%zu-%ldx%ld", size, senders, receivers);
    snprintf(boost_name, sizeof boost_name, "byname-bench-%d-queue", (int)getpid());
    open_queues(); /* until the end, so that it stays while the children come and go */
    boost_queue_open(boost_name, PLACES, size);
    measure_throughput(row, senders, receivers, slices);
    boost_queue_remove(boost_name);
    return 0;
}
