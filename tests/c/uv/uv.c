/* A handle's descriptor in a loop of libuv. Built only where libuv's header is installed. */
#include "../check.h"

#include <uv.h>

enum { ROUNDS = 1000 };

typedef struct {
    byname_handle event;
    int taken;
} counter;

static void on_readable(uv_poll_t *poll, int status, int events) {
    counter *c = (counter *)poll->data;
    CHECK(status == 0 && events == UV_READABLE);
    while (byname_event_wait(c->event, 0) == BYNAME_OK) c->taken++;
    if (c->taken == ROUNDS) {
        uv_poll_stop(poll);
        uv_close((uv_handle_t *)poll, NULL);
    }
}

static void *sets(void *pointer) {
    byname_handle event = ((counter *)pointer)->event;
    int i;
    for (i = 0; i < ROUNDS; i++) {
        OK(byname_event_set(event));
        while (is_set(event)) sched_yield(); /* until it is taken */
    }
    return NULL;
}

static void a_loop_of_libuv_sees_every_signal(void) {
    counter c = {BYNAME_NO_HANDLE, 0};
    uv_loop_t loop;
    uv_poll_t poll;
    pthread_t setter;
    int fd = -1;
    c.event = new_event(0, 0);
    OK(byname_handle_fd(c.event, &fd));
    CHECK(uv_loop_init(&loop) == 0 && uv_poll_init(&loop, &poll, fd) == 0);
    poll.data = &c;
    CHECK(uv_poll_start(&poll, UV_READABLE, on_readable) == 0);
    CHECK(pthread_create(&setter, NULL, sets, &c) == 0);
    CHECK(uv_run(&loop, UV_RUN_DEFAULT) == 0);
    pthread_join(setter, NULL);
    CHECK(c.taken == ROUNDS && uv_loop_close(&loop) == 0);
    OK(byname_handle_close(c.event));
}

TESTS(T(a_loop_of_libuv_sees_every_signal))
