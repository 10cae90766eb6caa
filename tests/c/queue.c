/* The message queue: boundaries, limits, ends, messages in place (contract 9). */
#include "check.h"

static byname_queue_options small(uint32_t max_messages, uint32_t max_size) {
    byname_queue_options o = BYNAME_QUEUE_OPTIONS_INIT;
    o.max_messages = max_messages;
    o.max_size = max_size;
    o.flags = BYNAME_QUEUE_ALLOW_BROKEN;
    return o;
}

static void new_ends(const byname_queue_options *o, byname_handle *reader, byname_handle *writer) {
    OK(byname_queue_create(NULL, o, reader));
    OK(byname_queue_open_end(*reader, BYNAME_QUEUE_WRITE, writer));
}

static void close_ends(byname_handle reader, byname_handle writer) {
    OK(byname_handle_close(reader));
    OK(byname_handle_close(writer));
}

static void messages_come_as_they_were_sent(void) {
    byname_queue_options o = small(2, 8);
    byname_handle reader, writer;
    char buffer[8];
    size_t length = 0;
    uint32_t flags = 99;
    new_ends(&o, &reader, &writer);
    IS(byname_queue_recv(reader, buffer, sizeof buffer, 0, &length, NULL), BYNAME_TIMED_OUT); /* Q2 */
    OK(byname_queue_send(writer, "one", 3, 0, 0));
    OK(byname_queue_send(writer, "three", 5, BYNAME_INFINITE, 0));
    IS(byname_queue_send(writer, "x", 1, 1000000, 0), BYNAME_TIMED_OUT); /* Q3 */
    OK(byname_queue_send(writer, "stop", 4, 0, BYNAME_QUEUE_ALERT));     /* 9.6: a place of its own */
    OK(byname_queue_recv(reader, buffer, sizeof buffer, 0, &length, &flags));
    CHECK(length == 4 && memcmp(buffer, "stop", 4) == 0 && flags == BYNAME_QUEUE_ALERT);
    OK(byname_queue_recv(reader, buffer, sizeof buffer, 0, &length, &flags));
    CHECK(length == 3 && memcmp(buffer, "one", 3) == 0 && flags == 0);
    FAILS(byname_queue_recv(reader, buffer, 2, 0, &length, NULL), BYNAME_ERR_BUFFER_TOO_SMALL, 122); /* Q8 */
    CHECK(length == 2 && memcmp(buffer, "th", 2) == 0);
    IS(byname_queue_recv(reader, buffer, sizeof buffer, 0, &length, NULL), BYNAME_TIMED_OUT); /* it is gone */
    close_ends(reader, writer);
}

static void what_a_queue_says_of_itself(void) {
    byname_queue_options o = small(7, 9);
    byname_handle reader, writer;
    byname_queue_state s;
    new_ends(&o, &reader, &writer);
    OK(byname_queue_send(writer, "x", 1, 0, 0));
    OK(byname_queue_info(writer, &s));
    CHECK(s.flags == BYNAME_QUEUE_ALLOW_BROKEN && s.max_messages == 7 && s.max_size == 9);
    CHECK(s.messages == 1 && s.most_messages == 1 && s.readers == 1 && s.writers == 1);
    close_ends(reader, writer);
    FAILS(byname_queue_info(reader, &s), BYNAME_ERR_CLOSED, 6);
}

static void messages_in_place(void) {
    byname_queue_options o = small(1, 100000);
    byname_handle reader, writer;
    byname_queue_message m, copy;
    new_ends(&o, &reader, &writer);
    OK(byname_queue_reserve(writer, 100000, 0, 0, &m));
    CHECK(m.size == 100000);
    memset(m.data, 7, m.size);
    copy = m;
    IS(byname_queue_send(writer, "x", 1, 0, 0), BYNAME_TIMED_OUT);
    FAILS(byname_queue_commit(&m, m.size + 1), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_queue_commit(&m, 70000));
    FAILS(byname_queue_commit(&copy, 1), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_queue_release(&copy), BYNAME_ERR_CLOSED, 6);
    OK(byname_queue_take(reader, 0, &m));
    CHECK(m.size == 70000 && ((unsigned char *)m.data)[69999] == 7 && m.flags == 0);
    FAILS(byname_queue_commit(&m, 1), BYNAME_ERR_CLOSED, 6);
    IS(byname_queue_send(writer, "x", 1, 0, 0), BYNAME_TIMED_OUT); /* its place is in use */
    OK(byname_queue_release(&m));
    OK(byname_queue_reserve(writer, 5, 0, BYNAME_QUEUE_ALERT, &m));
    OK(byname_queue_release(&m)); /* not sent */
    IS(byname_queue_take(reader, 0, &m), BYNAME_TIMED_OUT);
    close_ends(reader, writer);
}

static void ends_that_leave(void) {
    byname_queue_options o = small(2, 8);
    byname_handle reader, writer, next;
    byname_queue_state s;
    char buffer[8];
    size_t length;
    bool created = false;
    o.flags = 0;
    OK(byname_queue_create("ends", &o, &reader));
    FAILS(byname_queue_recv(reader, buffer, 8, BYNAME_INFINITE, &length, NULL), BYNAME_ERR_DISCONNECTED, 233); /* Q5 */
    o.end = BYNAME_QUEUE_WRITE;
    OK(byname_queue_create("ends", &o, &writer));
    OK(byname_queue_send(writer, "x", 1, 0, 0));
    OK(byname_handle_close(writer));
    FAILS(byname_queue_recv(reader, buffer, 8, 0, &length, NULL), BYNAME_ERR_DISCONNECTED, 233); /* 9.5 */
    FAILS(byname_queue_info(reader, &s), BYNAME_ERR_DISCONNECTED, 233);
    IS(byname_wait(reader, 0, NULL), BYNAME_OK);
    OK(byname_queue_create("ends", &o, &next));
    OK(byname_handle_created(next, &created));
    CHECK(created);
    close_ends(reader, next);
}

static void bad_input(void) {
    byname_queue_options o = small(1, 8);
    byname_handle reader, writer, none = BYNAME_NO_HANDLE, out = {77}, event;
    byname_queue_message m;
    char buffer[8];
    size_t length = 77;
    new_ends(&o, &reader, &writer);
    FAILS(byname_queue_send(reader, "x", 1, 0, 0), BYNAME_ERR_WRONG_KIND, 6); /* Q4 */
    FAILS(byname_queue_recv(writer, buffer, 8, 0, &length, NULL), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_queue_send(none, "x", 1, 0, 0), BYNAME_ERR_CLOSED, 6); /* Q11 */
    FAILS(byname_queue_send(writer, NULL, 1, 0, 0), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_send(writer, "x", 0, 0, 0), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_send(writer, "x", 1, 0, 2), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_send(writer, "x", 1, -2, 0), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_send(writer, "123456789", 9, BYNAME_INFINITE, 0), BYNAME_ERR_MESSAGE_TOO_LONG, 122); /* Q9 */
    FAILS(byname_queue_recv(reader, NULL, 8, 0, &length, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_recv(reader, buffer, 0, 0, &length, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_recv(reader, buffer, 8, 0, NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_reserve(writer, 9, 0, 0, &m), BYNAME_ERR_MESSAGE_TOO_LONG, 122);
    FAILS(byname_queue_reserve(writer, 8, 0, 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_commit(NULL, 1), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_open_end(reader, 2, &out), BYNAME_ERR_INVALID_ARGUMENT, 87);
    CHECK(length == 77 && out.id == 77);
    o.end = 2;
    FAILS(byname_queue_create(NULL, &o, &out), BYNAME_ERR_INVALID_ARGUMENT, 87);
    o.end = 0;
    o.flags = 4;
    FAILS(byname_queue_create(NULL, &o, &out), BYNAME_ERR_INVALID_ARGUMENT, 87);
    o = small(1, 0);
    FAILS(byname_queue_create(NULL, &o, &out), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_queue_open("nobody made this", NULL, &out), BYNAME_ERR_NOT_FOUND, 2);
    OK(byname_event_create(NULL, NULL, &event));
    FAILS(byname_queue_send(event, "x", 1, 0, 0), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_set(writer), BYNAME_ERR_WRONG_KIND, 6);
    OK(byname_handle_close(event));
    close_ends(reader, writer);
}

static void more_messages_in_place_than_there_may_be(void) {
    byname_queue_options o = small(2000, 8);
    byname_handle reader, writer;
    static byname_queue_message m[1024];
    byname_queue_message more;
    new_ends(&o, &reader, &writer);
    for (size_t i = 0; i < 1024; i++) OK(byname_queue_reserve(writer, 8, 0, 0, &m[i]));
    FAILS(byname_queue_reserve(writer, 8, 0, 0, &more), BYNAME_ERR_LIMIT_REACHED, 1450);
    for (size_t i = 0; i < 1024; i++) OK(byname_queue_release(&m[i]));
    close_ends(reader, writer);
}

TESTS(T(messages_come_as_they_were_sent), T(what_a_queue_says_of_itself), T(messages_in_place), T(ends_that_leave), T(bad_input),
      T(more_messages_in_place_than_there_may_be))
