/* What every handle can do, the last error, statuses, the version. */
#include "check.h"

static void kinds(void) {
    byname_handle h[3];
    byname_kind kind[3];
    int i;
    h[0] = new_mutex();
    h[1] = new_event(0, 0);
    h[2] = new_semaphore(0, 1);
    for (i = 0; i < 3; i++) OK(byname_handle_kind(h[i], &kind[i]));
    CHECK(kind[0] == BYNAME_KIND_MUTEX && kind[1] == BYNAME_KIND_EVENT && kind[2] == BYNAME_KIND_SEMAPHORE);
    for (i = 0; i < 3; i++) OK(byname_handle_close(h[i]));
}

static void names_fit_or_are_refused(void) {
    byname_handle h;
    char text[16] = "untouched";
    size_t length = 99;
    OK(byname_mutex_create("Local\\tw\xc3\xa4lve", NULL, &h));
    OK(byname_handle_name(h, NULL, 0, &length));
    CHECK(length == 13);
    FAILS(byname_handle_name(h, text, 13, &length), BYNAME_ERR_BUFFER_TOO_SMALL, 122);
    CHECK(strcmp(text, "untouched") == 0);
    OK(byname_handle_name(h, text, 14, NULL));
    CHECK(strcmp(text, "Local\\tw\xc3\xa4lve") == 0);
    OK(byname_handle_close(h));
    h = new_mutex();
    OK(byname_handle_name(h, text, 1, &length));
    CHECK(length == 0 && text[0] == 0);
    OK(byname_handle_close(h));
}

static void a_duplicate_is_the_same_object_closed_apart(void) {
    byname_handle a = new_event(0, 0), b;
    OK(byname_handle_duplicate(a, &b));
    CHECK(a.id != b.id);
    OK(byname_event_set(a));
    OK(byname_handle_close(a));
    OK(byname_event_wait(b, 0));
    OK(byname_handle_close(b));
    FAILS(byname_handle_close(b), BYNAME_ERR_CLOSED, 6);
}

static void a_duplicate_has_the_same_rights(void) {
    byname_event_options o = BYNAME_EVENT_OPTIONS_INIT;
    byname_handle a, b;
    o.access = BYNAME_ACCESS_SYNCHRONIZE;
    OK(byname_event_create(NULL, &o, &a));
    OK(byname_handle_duplicate(a, &b));
    FAILS(byname_event_set(b), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_handle_close(b));
    OK(byname_handle_duplicate_with(a, BYNAME_ACCESS_MODIFY_STATE, &b));
    OK(byname_event_set(b));
    FAILS(byname_event_wait(b, 0), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_handle_close(b));
    OK(byname_handle_duplicate_with(a, 0, &b));
    FAILS(byname_event_set(b), BYNAME_ERR_ACCESS_DENIED, 5);
    FAILS(byname_handle_duplicate_with(a, 4, &b), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_handle_close(b));
    OK(byname_handle_close(a));
}

static byname_handle shared;
static char token[BYNAME_TOKEN_SIZE];

static void opens_by_the_token(const parent *p) {
    byname_open_options o = BYNAME_OPEN_OPTIONS_INIT;
    byname_handle same, denied;
    (void)p;
    OK(byname_handle_from_share(token, NULL, &same));
    o.access = BYNAME_ACCESS_SYNCHRONIZE;
    OK(byname_handle_from_share(token, &o, &denied));
    FAILS(byname_event_set(denied), BYNAME_ERR_ACCESS_DENIED, 5);
    OK(byname_event_set(same));
}

static void a_token_leads_to_the_object(void) {
    size_t length = 0;
    byname_handle again;
    child c;
    shared = new_event(0, 0);
    OK(byname_handle_share(shared, NULL, 0, &length));
    CHECK(length > 0 && length < sizeof token);
    FAILS(byname_handle_share(shared, token, length, NULL), BYNAME_ERR_BUFFER_TOO_SMALL, 122);
    FAILS(byname_handle_share(shared, NULL, 1, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_handle_share(shared, token, sizeof token, &length));
    CHECK(strlen(token) == length);
    c = start_child(opens_by_the_token);
    CHECK(end_child(&c) == 0);
    OK(byname_event_wait(shared, 0));
    OK(byname_handle_close(shared));
    FAILS(byname_handle_from_share(token, NULL, &again), BYNAME_ERR_NOT_FOUND, 2);
    FAILS(byname_handle_from_share("token", NULL, &again), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_handle_from_share(NULL, NULL, &again), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_handle_from_share(token, NULL, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
}

static void a_protected_handle_stays_open(void) {
    byname_handle e = new_event(0, 0), copy;
    uint32_t flags = 99;
    OK(byname_handle_get_information(e, &flags));
    CHECK(flags == 0);
    OK(byname_handle_set_information(e, BYNAME_HANDLE_INHERIT | BYNAME_HANDLE_PROTECT_FROM_CLOSE, 3));
    OK(byname_handle_set_information(e, BYNAME_HANDLE_INHERIT, 0));
    OK(byname_handle_get_information(e, &flags));
    CHECK(flags == BYNAME_HANDLE_PROTECT_FROM_CLOSE);
    FAILS(byname_handle_close(e), BYNAME_ERR_ACCESS_DENIED, 6);
    OK(byname_event_set(e));
    OK(byname_handle_duplicate(e, &copy));
    OK(byname_handle_close(copy));
    FAILS(byname_handle_set_information(e, 4, 0), BYNAME_ERR_INVALID_ARGUMENT, 87);
    FAILS(byname_handle_get_information(e, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_handle_set_information(e, BYNAME_HANDLE_PROTECT_FROM_CLOSE, 0));
    OK(byname_handle_close(e));
    FAILS(byname_handle_get_information(e, &flags), BYNAME_ERR_CLOSED, 6);
    FAILS(byname_handle_set_information(e, 2, 2), BYNAME_ERR_CLOSED, 6);
}

static void a_look_shows_everything(void) {
    byname_mutex_state m;
    byname_event_state e;
    byname_semaphore_state s;
    byname_handle mutex = new_mutex(), event = new_event(1, 1), semaphore = new_semaphore(1, 4);
    OK(byname_mutex_look(mutex, &m));
    CHECK(m.owner.pid == 0 && m.depth == 0 && !m.abandoned);
    OK(byname_mutex_lock(mutex, 0, NULL));
    OK(byname_mutex_lock(mutex, 0, NULL));
    OK(byname_mutex_look(mutex, &m));
    CHECK(m.owner.pid != 0 && m.owner.tid != 0 && m.depth == 2 && !m.abandoned);
    OK(byname_mutex_unlock(mutex));
    OK(byname_mutex_unlock(mutex));
    OK(byname_event_look(event, &e));
    CHECK(e.set && e.manual_reset);
    OK(byname_semaphore_look(semaphore, &s));
    CHECK(s.available == 1 && s.maximum == 4 && !s.robust);
    FAILS(byname_mutex_look(event, &m), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_event_look(event, NULL), BYNAME_ERR_INVALID_ARGUMENT, 87);
    OK(byname_handle_close(mutex));
    OK(byname_handle_close(event));
    OK(byname_handle_close(semaphore));
}

static void the_table_of_handles_is_finite(void) {
    const size_t most = 1u << 20;
    byname_handle e = new_event(0, 0), *copies = (byname_handle *)malloc(most * sizeof *copies);
    size_t i, n = 0;
    while (n < most && byname_handle_duplicate(e, &copies[n]) == BYNAME_OK) n++;
    CHECK(n > 100000 && n < most);
    FAILS(byname_handle_duplicate(e, &copies[0]), BYNAME_ERR_LIMIT_REACHED, 4); /* 11.1, 9 */
    FAILS(byname_event_create(NULL, NULL, &copies[0]), BYNAME_ERR_LIMIT_REACHED, 4);
    for (i = 0; i < n; i++)
        if (!OK(byname_handle_close(copies[i]))) break;
    OK(byname_handle_duplicate(e, &copies[0])); /* and recovers */
    OK(byname_handle_close(copies[0]));
    OK(byname_handle_close(e));
    free(copies);
}

static void *looks_at_its_last_error(void *unused) {
    byname_handle none = BYNAME_NO_HANDLE;
    (void)unused;
    CHECK(byname_last_error_win32() == 0 && byname_last_error_errno() == 0);
    CHECK(strcmp(byname_last_error_message(), "") == 0);
    FAILS(byname_handle_close(none), BYNAME_ERR_CLOSED, 6);
    return NULL;
}

static void the_last_error_is_the_threads(void) {
    pthread_t thread;
    byname_handle m = new_mutex(), e = new_event(0, 0);
    FAILS(byname_mutex_unlock(m), BYNAME_ERR_NOT_OWNER, 288);
    pthread_create(&thread, NULL, looks_at_its_last_error, NULL);
    pthread_join(thread, NULL);
    CHECK(byname_last_error_win32() == 288);
    IS(byname_event_wait(e, 0), BYNAME_TIMED_OUT); /* 0.2: neither success nor a time-out touches it */
    OK(byname_event_set(e));
    CHECK(byname_last_error_win32() == 288);
    OK(byname_handle_close(m));
    OK(byname_handle_close(e));
}

static void messages_name_the_object(void) {
    byname_handle h;
    FAILS(byname_mutex_open("nobody made this", NULL, &h), BYNAME_ERR_NOT_FOUND, 2);
    CHECK(strstr(byname_last_error_message(), "nobody made this") != NULL);
}

static void statuses_have_names(void) {
    int status, errors = 0;
    CHECK(strcmp(byname_status_name(BYNAME_OK), "BYNAME_OK") == 0);
    CHECK(strcmp(byname_status_name(BYNAME_TIMED_OUT), "BYNAME_TIMED_OUT") == 0);
    CHECK(strcmp(byname_status_name(BYNAME_ABANDONED), "BYNAME_ABANDONED") == 0);
    CHECK(strcmp(byname_status_name(BYNAME_ERR_NOT_FOUND), "BYNAME_ERR_NOT_FOUND") == 0);
    CHECK(strcmp(byname_status_name(BYNAME_ERR_SYSTEM), "BYNAME_ERR_SYSTEM") == 0);
    CHECK(strcmp(byname_status_name(12345), "BYNAME_UNKNOWN") == 0);
    CHECK(strcmp(byname_status_name(INT32_MIN), "BYNAME_UNKNOWN") == 0);
    for (status = -1; strncmp(byname_status_name(status), "BYNAME_ERR_", 11) == 0; status--) errors++;
    CHECK(errors == 23);
    CHECK(BYNAME_FAILED(BYNAME_ERR_CLOSED) && !BYNAME_FAILED(BYNAME_OK) && !BYNAME_FAILED(BYNAME_TIMED_OUT));
}

static void header_and_library_are_of_one_version(void) {
    char text[32];
    CHECK(strcmp(byname_version(), BYNAME_VERSION) == 0);
    snprintf(text, sizeof text, "%d.%d.%d", BYNAME_VERSION_MAJOR, BYNAME_VERSION_MINOR, BYNAME_VERSION_PATCH);
    CHECK(strcmp(text, BYNAME_VERSION) == 0);
}

static void a_bad_directory_is_an_error_not_a_crash(const parent *p) {
    /* Forked before this process attaches anything: the environment still counts. */
    byname_handle h = {77};
    (void)p;
    setenv("BYNAME_DIR", "/nonexistent/byname", 1);
    CHECK(BYNAME_FAILED(byname_mutex_create("x", NULL, &h)));
    CHECK(h.id == 77 && strlen(byname_last_error_message()) > 0 && byname_last_error_win32() != 0);
}

static void a_missing_directory_is_told(void) {
    child c = start_child(a_bad_directory_is_an_error_not_a_crash);
    CHECK(end_child(&c) == 0);
}

TESTS(T(a_missing_directory_is_told), T(kinds), T(names_fit_or_are_refused), T(a_duplicate_is_the_same_object_closed_apart),
      T(a_duplicate_has_the_same_rights), T(a_token_leads_to_the_object), T(a_protected_handle_stays_open), T(a_look_shows_everything),
      T(the_table_of_handles_is_finite), T(the_last_error_is_the_threads), T(messages_name_the_object),
      T(statuses_have_names), T(header_and_library_are_of_one_version))
