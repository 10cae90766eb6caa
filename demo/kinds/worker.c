/* The worker of the demo of kinds: does what the operator commands, and is kept honest by a watchdog. Told to hang, it hangs. */
#include <byname.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND 1000000000LL

static void ok(byname_status status, const char *what) {
    if (!BYNAME_FAILED(status)) return;
    fprintf(stderr, "worker: %s: %s\n", what, byname_last_error_message());
    exit(1);
}

static byname_handle end_of(const char *queue, uint32_t end) {
    byname_queue_options options = BYNAME_QUEUE_OPTIONS_INIT;
    byname_handle opened;
    options.end = end;
    ok(byname_queue_open(queue, &options, &opened), queue);
    return opened;
}

int main(void) {
    byname_handle stop, ready, dog, objects[2];
    const byname_handle commands = end_of("commands", BYNAME_QUEUE_READ), replies = end_of("replies", BYNAME_QUEUE_WRITE);
    byname_wait_result news;
    int done = 0;
    ok(byname_event_open("stop", NULL, &stop), "stop");
    ok(byname_semaphore_open("ready", NULL, &ready), "ready");
    ok(byname_watchdog_open("honest", NULL, &dog), "honest");
    objects[0] = stop;
    objects[1] = commands;
    ok(byname_watchdog_start(dog), "start");
    ok(byname_semaphore_release(ready, 1, NULL), "ready");
    for (;;) {
        char command[64], reply[80];
        size_t length;
        /* Nothing to do is no reason to be silent. */
        const byname_status status = byname_wait_any(objects, 2, SECOND / 20, &news);
        ok(status, "wait");
        ok(byname_watchdog_refresh(dog), "refresh");
        if (status == BYNAME_TIMED_OUT) continue;
        if (news.index == 0) break;
        if (byname_queue_recv(commands, command, sizeof command - 1, 0, &length, NULL) != BYNAME_OK) continue;
        command[length] = 0;
        if (strncmp(command, "hang ", 5) == 0)
            for (;;) pause();
        snprintf(reply, sizeof reply, "done %s", command + 5);
        ok(byname_queue_send(replies, reply, strlen(reply), 60 * SECOND, 0), "send");
        done++;
    }
    ok(byname_watchdog_stop(dog), "stop");
    printf("%d\n", done);
    return 0;
}
