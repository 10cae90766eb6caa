/* NULL pointers, wild and closed handles, wrong kinds, options of other sizes: an error each, nothing touched. */
#include "check.h"

static void null_outputs(void) {
    byname_handle e = new_event(0, 1), s = new_semaphore(1, 1), m = new_mutex();
    FAILS(byname_mutex_create("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_event_create("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_semaphore_create("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mapping_create("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mapping_open("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mutex_open("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_event_open("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_semaphore_open("null", NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_handle_created(e, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_handle_kind(e, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_handle_duplicate(e, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_handle_fd(e, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_handle_name(e, NULL, 10, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_event_is_set(e, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_semaphore_available(s, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mutex_held(m, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_mutex_owner(m, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    CHECK(strstr(byname_last_error_message(), "owner") != NULL); /* it names the argument */
    OK(byname_handle_name(e, NULL, 0, NULL));
    OK(byname_handle_close(e));
    OK(byname_handle_close(s));
    OK(byname_handle_close(m));
}

/* Every call on a handle that is none. */
static void all_closed(byname_handle h) {
    byname_handle out = {77};
    byname_grant g = {77, true};
    byname_owner o = {77, 77};
    byname_kind kind = BYNAME_KIND_EVENT;
    bool flag = true;
    uint32_t count = 77;
    size_t length = 77;
    int fd = 77;
    char text[8] = "before";
    void *address = text;
    byname_mapping_state state = {77, 77, 77, true};
    FAILS(byname_handle_close(h), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_handle_duplicate(h, &out), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_handle_created(h, &flag), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_handle_kind(h, &kind), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_handle_name(h, text, sizeof text, &length), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_handle_fd(h, &fd), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mutex_lock(h, 0, &g), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mutex_unlock(h), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mutex_held(h, &g), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mutex_owner(h, &o), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_event_set(h), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_event_reset(h), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_event_pulse(h), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_event_is_set(h, &flag), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_event_wait(h, 0), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_semaphore_acquire(h, 0, &g), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_semaphore_release(h, 1, &count), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_semaphore_available(h, &count), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mapping_map(h, 0, 0, 0, NULL, &address, &length), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mapping_look(h, &state), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mapping_begin_change(h, &flag), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mapping_end_change(h), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mapping_publish(h), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_mapping_changed(h, &out), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_wait(h, BYNAME_INFINITE, &g), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_wait_any(&h, 1, BYNAME_INFINITE, NULL), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_wait_all(&h, 1, BYNAME_INFINITE, NULL), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_signal_and_wait(h, h, BYNAME_INFINITE, NULL), BYNAME_ERR_CLOSED, 6);
    CHECK(out.id == 77 && g.fence == 77 && g.abandoned && o.pid == 77 && kind == BYNAME_KIND_EVENT);
    CHECK(address == text && state.size == 77 && state.version == 77);
    CHECK(flag && count == 77 && length == 77 && fd == 77 && strcmp(text, "before") == 0);
}

static void closed_and_wild_handles(void) {
    byname_handle h = BYNAME_NO_HANDLE, other;
    int bit;
    all_closed(h);
    h.id = UINT64_MAX;
    all_closed(h);
    h = new_event(1, 1);
    for (bit = 0; bit < 64; bit++) { /* one bit wrong is never this handle */
        byname_handle wild = h;
        wild.id ^= UINT64_C(1) << bit;
        FAILS(byname_event_reset(wild), BYNAME_ERR_CLOSED, 6);
    }
    CHECK(is_set(h));
    OK(byname_handle_close(h));
    all_closed(h);
    other = new_event(0, 0); /* may take the same slot; the old value stays closed */
    CHECK(other.id != h.id);
    all_closed(h);
    OK(byname_handle_close(other));
    all_closed(other);
}

static void random_handles(void) {
    byname_handle mine = new_event(1, 1);
    uint64_t x = UINT64_C(0x9E3779B97F4A7C15);
    int i;
    for (i = 0; i < 100000; i++) {
        byname_handle wild;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        wild.id = x;
        if (wild.id == mine.id) continue;
        if (!IS(byname_event_reset(wild), BYNAME_ERR_CLOSED)) break;
        if (!IS(byname_handle_close(wild), BYNAME_ERR_CLOSED)) break;
    }
    CHECK(is_set(mine));
    OK(byname_handle_close(mine));
}

static void a_wait_outlives_its_handle(void) {
    byname_handle a, b;
    waiter w;
    OK(byname_event_create("outlives", NULL, &a));
    OK(byname_event_open("outlives", NULL, &b));
    memset(&w, 0, sizeof w);
    w.h[0] = a;
    w.n = 1;
    w.timeout_ns = LONG_TIME;
    block_waiter(&w);
    OK(byname_handle_close(a)); /* 2.1 */
    OK(byname_event_set(b));
    join_waiter(&w);
    IS(w.status, BYNAME_OK);
    OK(byname_handle_close(b));
}

static void calls_of_another_kind(void) {
    byname_handle e = new_event(0, 1), s = new_semaphore(1, 1), m = new_mutex();
    byname_grant g = {77, true};
    byname_owner o;
    uint32_t count;
    bool set;
    FAILS(byname_mutex_lock(e, 0, &g), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_mutex_lock(s, 0, &g), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_mutex_unlock(e), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_mutex_held(s, &g), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_mutex_owner(e, &o), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_semaphore_acquire(m, 0, &g), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_semaphore_release(e, 1, &count), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_semaphore_available(m, &count), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_wait(s, 0), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_set(m), BYNAME_ERR_WRONG_KIND, 6); /* E11 */
    FAILS(byname_event_reset(s), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_pulse(m), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_is_set(s, &set), BYNAME_ERR_WRONG_KIND, 6);
    CHECK(g.fence == 77 && is_set(e) && available(s) == 1);
    FAILS(byname_mutex_unlock(m), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_handle_close(e));
    OK(byname_handle_close(s));
    OK(byname_handle_close(m));
}

static void kind_comes_before_access(void) {
    byname_mutex_options o = BYNAME_MUTEX_OPTIONS_INIT;
    byname_handle m;
    o.access = BYNAME_ACCESS_QUERY_STATE;
    OK(byname_mutex_create(NULL, &o, &m));
    FAILS(byname_event_set(m), BYNAME_ERR_WRONG_KIND, 6); /* 2.5 */
    FAILS(byname_mutex_lock(m, 0, NULL), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_handle_close(m));
}

static void negative_times(void) {
    byname_handle m = new_mutex();
    byname_grant g = {77, true};
    int64_t bad[] = {-2, -1000, INT64_MIN, INT64_MIN + 1};
    size_t i;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(byname_mutex_lock(m, bad[i], &g), BYNAME_ERR_INVALID_ARGUMENT, 87);
        FAILS(byname_wait(m, bad[i], &g), BYNAME_ERR_INVALID_ARGUMENT, 87);
        FAILS(byname_wait_any(&m, 1, bad[i], NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
        FAILS(byname_signal_and_wait(m, m, bad[i], &g), BYNAME_ERR_INVALID_ARGUMENT, 87);
    }
    CHECK(g.fence == 77);
    FAILS(byname_mutex_unlock(m), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_handle_close(m));
}

/* What a struct of this size answers, its tail filled with `tail`. */
static byname_status sized(size_t size, unsigned char tail, byname_handle *out) {
    union {
        byname_semaphore_options o;
        unsigned char bytes[8192];
    } u;
    byname_semaphore_options o = BYNAME_SEMAPHORE_OPTIONS_INIT;
    memset(u.bytes, tail, sizeof u.bytes);
    o.initial = 3;
    o.maximum = 5;
    o.struct_size = (uint32_t)size;
    u.o = o;
    return byname_semaphore_create(NULL, &u.o, out);
}

static void options_of_other_versions(void) {
    byname_handle s = {77};
    const size_t known = sizeof(byname_semaphore_options);
    FAILS(sized(0, 0, &s), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(sized(1, 0, &s), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(sized(known - 1, 0, &s), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(sized(8000, 0, &s), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(sized(UINT32_MAX, 0, &s), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(sized(known + 1, 1, &s), BYNAME_ERR_UNSUPPORTED, 50);
    FAILS(sized(known + 64, 0xFF, &s), BYNAME_ERR_UNSUPPORTED, 50);
    CHECK(s.id == 77);
    OK(sized(known, 0xFF, &s));
    CHECK(available(s) == 3);
    OK(byname_handle_close(s));
    OK(sized(known + 64, 0, &s)); /* a newer program that asks for nothing new */
    CHECK(available(s) == 3);
    OK(byname_handle_close(s));
    OK(sized(offsetof(byname_semaphore_options, initial), 0, &s)); /* an older one: the rest by default */
    CHECK(available(s) == 1);
    OK(byname_semaphore_release(s, 0x7FFFFFFE, NULL));
    OK(byname_handle_close(s));
}

static void options_are_not_rubbish(void) {
    byname_mutex_options m = BYNAME_MUTEX_OPTIONS_INIT;
    byname_handle h = {77};
    m.reserved = 1;
    FAILS(byname_mutex_create(NULL, &m, &h), BYNAME_ERR_UNSUPPORTED, 50);
    m.reserved = 0;
    m.ns.reserved = 1;
    FAILS(byname_mutex_create(NULL, &m, &h), BYNAME_ERR_UNSUPPORTED, 50);
    memset(&m, 0, sizeof m);
    FAILS(byname_mutex_create(NULL, &m, &h), BYNAME_ERR_INVALID_ARGUMENT, 87); /* a forgotten INIT */
    CHECK(strstr(byname_last_error_message(), "byname_mutex_options") != NULL);
    CHECK(h.id == 77);
}

TESTS(T(null_outputs), T(closed_and_wild_handles), T(random_handles), T(a_wait_outlives_its_handle), T(calls_of_another_kind),
      T(kind_comes_before_access), T(negative_times), T(options_of_other_versions), T(options_are_not_rubbish))
