/* Names, sessions, rights, kinds: what create and open answer (contract 0.5, 1, 2.5). */
#include "check.h"

/* Creates and opens the name as an event; what both answer. */
static void both_fail(const char *name, byname_status status, uint32_t win32) {
    byname_handle h = {77};
    FAILS(byname_event_create(name, NULL, &h), status, win32);
    FAILS(byname_event_open(name, NULL, &h), status, win32);
    FAILS(byname_mutex_create(name, NULL, &h), status, win32);
    FAILS(byname_semaphore_open(name, NULL, &h), status, win32);
    CHECK(h.id == 77);
}

static void passes(const char *name) {
    byname_handle a, b;
    bool created = false;
    char text[BYNAME_NAME_SIZE];
    size_t length = 0;
    if (!OK(byname_event_create(name, NULL, &a))) return;
    OK(byname_handle_created(a, &created));
    CHECK(created);
    OK(byname_event_open(name, NULL, &b));
    OK(byname_handle_created(b, &created));
    CHECK(!created);
    OK(byname_event_set(a));
    CHECK(is_set(b));
    OK(byname_handle_name(b, text, sizeof text, &length));
    CHECK(length == strlen(name) && strcmp(text, name) == 0);
    OK(byname_handle_close(a));
    OK(byname_handle_close(b));
    FAILS(byname_event_open(name, NULL, &b), BYNAME_ERR_NOT_FOUND, 2);
}

static void unnamed_objects_are_distinct(void) {
    byname_handle a, b;
    bool created = false;
    const char *names[2] = {NULL, ""};
    int i;
    for (i = 0; i < 2; i++) { /* N1, N2 */
        OK(byname_event_create(names[i], NULL, &a));
        OK(byname_event_create(names[i], NULL, &b));
        OK(byname_handle_created(b, &created));
        CHECK(created);
        OK(byname_event_set(a));
        CHECK(!is_set(b));
        OK(byname_handle_close(a));
        OK(byname_handle_close(b));
    }
    FAILS(byname_event_open(NULL, NULL, &a), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_event_open("", NULL, &a), BYNAME_ERR_INVALID_NAME, 6);
}

static void the_grammar(void) {
    byname_handle foo, local;
    both_fail("willy\\wonka", BYNAME_ERR_PATH_NOT_FOUND, 3);  /* N9 */
    both_fail("Local\\a\\b", BYNAME_ERR_PATH_NOT_FOUND, 3);   /* N10 */
    both_fail("\\foo", BYNAME_ERR_INVALID_NAME, 161);         /* N11 */
    both_fail("Local\\", BYNAME_ERR_INVALID_NAME, 123);       /* N12 */
    both_fail("Global\\", BYNAME_ERR_INVALID_NAME, 123);
    both_fail("Local\\\\foo", BYNAME_ERR_INVALID_NAME, 123);  /* N13 */
    both_fail("nodir\\", BYNAME_ERR_PATH_NOT_FOUND, 3);       /* N14 */
    both_fail("Local", BYNAME_ERR_INVALID_NAME, 6);           /* N16 */
    both_fail("local\\foo", BYNAME_ERR_PATH_NOT_FOUND, 3);    /* N17 */
    both_fail("Global\\foo", BYNAME_ERR_UNSUPPORTED, 50);     /* N8: later */
    both_fail("Session\\1\\foo", BYNAME_ERR_UNSUPPORTED, 50); /* N18: later */
    passes("foo/bar");
    passes("foo:bar");
    passes(".."); /* N20 */
    passes("gr\xc3\xbcn \xf0\x9f\x98\x80 \x01*\"");
    OK(byname_event_create("foo", NULL, &foo));
    both_fail("foo\\bar", BYNAME_ERR_INVALID_NAME, 6);   /* N15 */
    OK(byname_event_open("Local\\foo", NULL, &local));   /* N7 */
    FAILS(byname_event_open("Foo", NULL, &local), BYNAME_ERR_NOT_FOUND, 2); /* N6 */
    OK(byname_handle_close(local));
    OK(byname_handle_close(foo));
}

/* A name of `n` times the unit. */
static const char *repeated(const char *unit, int n) {
    static char text[4096];
    text[0] = 0;
    while (n-- > 0) strcat(text, unit);
    return text;
}

static void the_length(void) {
    passes(repeated("a", 260));
    passes(repeated("\xe2\x82\xac", 260)); /* 780 bytes */
    passes(repeated("\xf0\x9f\x98\x80", 130)); /* two UTF-16 units each */
    both_fail(repeated("a", 261), BYNAME_ERR_NAME_TOO_LONG, 206); /* N19 */
    both_fail(repeated("\xe2\x82\xac", 261), BYNAME_ERR_NAME_TOO_LONG, 206);
    both_fail(repeated("\xf0\x9f\x98\x80", 131), BYNAME_ERR_NAME_TOO_LONG, 206);
    both_fail(repeated("a", 4000), BYNAME_ERR_NAME_TOO_LONG, 206);
}

static void what_is_not_utf8_is_no_name(void) {
    both_fail("\xff", BYNAME_ERR_INVALID_NAME, 123);
    both_fail("a\xc3", BYNAME_ERR_INVALID_NAME, 123);
    both_fail("\xed\xa0\x80", BYNAME_ERR_INVALID_NAME, 123); /* an unpaired surrogate */
    both_fail("\xc0\x80", BYNAME_ERR_INVALID_NAME, 123);     /* NUL in disguise */
}

static void kinds_share_one_name_space(void) {
    byname_handle e, h;
    OK(byname_event_create("kind", NULL, &e));
    FAILS(byname_mutex_create("kind", NULL, &h), BYNAME_ERR_WRONG_KIND, 6); /* N5; section 11, row 1 */
    FAILS(byname_mutex_open("kind", NULL, &h), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_semaphore_create("kind", NULL, &h), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_semaphore_open("kind", NULL, &h), BYNAME_ERR_WRONG_KIND, 6);
    OK(byname_handle_close(e));
    OK(byname_mutex_create("kind", NULL, &h)); /* the name went with its last holder */
    OK(byname_handle_close(h));
}

static void rights_are_kept(void) {
    byname_open_options o = BYNAME_OPEN_OPTIONS_INIT;
    byname_handle e, only_wait, only_set, none;
    bool set;
    OK(byname_event_create("rights", NULL, &e));
    o.access = BYNAME_ACCESS_SYNCHRONIZE;
    OK(byname_event_open("rights", &o, &only_wait));
    FAILS(byname_event_set(only_wait), BYNAME_ERR_ACCESS_DENIED, 5); /* E10 */
    FAILS(byname_event_reset(only_wait), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_event_pulse(only_wait), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_event_is_set(only_wait, &set), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_signal_and_wait(only_wait, e, 0, NULL), BYNAME_ERR_ACCESS_DENIED, 5); /* SW8 */
    o.access = BYNAME_ACCESS_MODIFY_STATE;
    OK(byname_event_open("rights", &o, &only_set));
    OK(byname_event_set(only_set));
    FAILS(byname_event_wait(only_set, 0), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_event_wait(only_wait, 0));
    o.access = 0;
    FAILS(byname_event_open("rights", &o, &none), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_event_open("no such", &o, &none), BYNAME_ERR_NOT_FOUND, 2); /* the name comes first */
    o.access = 0x0004;
    FAILS(byname_event_open("rights", &o, &none), BYNAME_ERR_ACCESS_DENIED, 5); /* no right of an event */
    o.access = 0x01000000;
    FAILS(byname_event_open("rights", &o, &none), BYNAME_ERR_ACCESS_DENIED, 1314); /* 2.5: bit 24 */
    OK(byname_handle_close(only_wait));
    OK(byname_handle_close(only_set));
    OK(byname_handle_close(e));
}

static void releasing_a_mutex_needs_no_right(void) {
    byname_open_options o = BYNAME_OPEN_OPTIONS_INIT;
    byname_handle m, weak;
    OK(byname_mutex_create("no right", NULL, &m));
    o.access = BYNAME_ACCESS_QUERY_STATE;
    OK(byname_mutex_open("no right", &o, &weak));
    OK(byname_mutex_lock(m, 0, NULL));
    FAILS(byname_mutex_lock(weak, 0, NULL), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_mutex_unlock(weak));
    FAILS(byname_mutex_unlock(m), BYNAME_ERR_NOT_OWNER, 288);
    OK(byname_handle_close(weak));
    OK(byname_handle_close(m));
}

static void sessions_are_apart(void) {
    byname_event_options o = BYNAME_EVENT_OPTIONS_INIT;
    byname_open_options again = BYNAME_OPEN_OPTIONS_INIT;
    char session[64];
    byname_handle here, there, same;
    bool created = false;
    snprintf(session, sizeof session, "%.50s-b", getenv("BYNAME_SESSION"));
    o.ns.session = again.ns.session = session;
    OK(byname_event_create("apart", NULL, &here));
    OK(byname_event_create("apart", &o, &there));
    OK(byname_handle_created(there, &created));
    CHECK(created);
    OK(byname_event_set(there));
    CHECK(!is_set(here));
    OK(byname_event_open("apart", &again, &same));
    CHECK(is_set(same));
    again.ns.session = getenv("BYNAME_SESSION"); /* by its name it is the same as by default */
    OK(byname_handle_close(same));
    OK(byname_event_open("apart", &again, &same));
    CHECK(!is_set(same));
    OK(byname_handle_close(here));
    OK(byname_handle_close(there));
    OK(byname_handle_close(same));
}

static void bad_namespaces(void) {
    byname_event_options o = BYNAME_EVENT_OPTIONS_INIT;
    byname_handle h;
    const char *bad[] = {"", "a/b", "..\\x", "a b", "\xff"};
    size_t i;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.ns.session = bad[i];
        FAILS(byname_event_create("x", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    }
    o.ns.session = repeated("s", 65);
    FAILS(byname_event_create("x", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    o.ns.session = NULL;
    o.ns.boundary = "b";
    FAILS(byname_event_create("x", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    o.ns.alias = "a";
    FAILS(byname_event_create("x", &o, &h), BYNAME_ERR_UNSUPPORTED, 50);
    o.ns.session = "s";
    FAILS(byname_event_create("x", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
    o.ns.session = o.ns.boundary = o.ns.alias = NULL;
    o.ns.profile = BYNAME_PROFILE_CE;
    OK(byname_event_create("", &o, &h));
    byname_handle again;
    bool made;
    OK(byname_event_create("", &o, &again));
    OK(byname_handle_created(again, &made));
    CHECK(!made);
    FAILS(byname_wait_all(&h, 1, 0, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_event_create("a\\b", &o, &again), BYNAME_ERR_INVALID_NAME, 123);
    OK(byname_handle_close(again));
    OK(byname_handle_close(h));
    o.ns.profile = 2;
    FAILS(byname_event_create("x", &o, &h), BYNAME_ERR_INVALID_ARGUMENT, 87);
}

static byname_handle shared;

static void closes_what_it_got(const parent *p) {
    (void)p;
    OK(byname_event_set(shared));
    OK(byname_handle_close(shared));
    FAILS(byname_event_set(shared), BYNAME_ERR_CLOSED, 6);
}

static void handles_pass_over_fork_and_are_closed_apart(void) {
    child c;
    shared = new_event(0, 0);
    c = start_child(closes_what_it_got);
    CHECK(end_child(&c) == 0);
    OK(byname_event_wait(shared, 0)); /* 2.4 */
    OK(byname_handle_close(shared));
}

enum { RACERS = 8 };

static void races(const parent *p) {
    byname_handle h;
    bool created = false;
    wait_for_parent(p);
    OK(byname_event_create("race", NULL, &h));
    OK(byname_handle_created(h, &created));
    if (write(p->out, created ? "1" : "0", 1) != 1) failed_checks++;
    OK(byname_event_wait(h, LONG_TIME)); /* keeps it open until all have it */
}

static void of_many_creators_one_makes_it(void) {
    child c[RACERS];
    byname_event_options o = BYNAME_EVENT_OPTIONS_INIT;
    byname_handle h;
    int i, made = 0;
    for (i = 0; i < RACERS; i++) c[i] = start_child(races);
    for (i = 0; i < RACERS; i++) let_go(&c[i]);
    for (i = 0; i < RACERS; i++) {
        char byte = '?';
        CHECK(read(c[i].from, &byte, 1) == 1);
        made += byte == '1';
    }
    CHECK(made == 1); /* section 11, row 3 */
    OK(byname_event_create("race", &o, &h));
    for (i = 0; i < RACERS; i++) {
        OK(byname_event_set(h));
        while (is_set(h)) sched_yield();
    }
    for (i = 0; i < RACERS; i++) {
        CHECK(end_child(&c[i]) == 0);
    }
    OK(byname_handle_close(h));
}

TESTS(T(unnamed_objects_are_distinct), T(the_grammar), T(the_length), T(what_is_not_utf8_is_no_name), T(kinds_share_one_name_space),
      T(rights_are_kept), T(releasing_a_mutex_needs_no_right), T(sessions_are_apart), T(bad_namespaces),
      T(handles_pass_over_fork_and_are_closed_apart), T(of_many_creators_one_makes_it))
