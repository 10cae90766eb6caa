/*
 * The library loaded at run time, beside itself or beside the static one: one owner for each thread, whichever copy it
 * calls, and a library that stays when it is closed.
 */
#include "check.h"

#include <dlfcn.h>

static byname_status (*create)(const char *, const byname_mutex_options *, byname_handle *);
static byname_status (*lock)(byname_handle, int64_t, byname_grant *);
static byname_status (*unlock)(byname_handle);
static byname_status (*close_handle)(byname_handle);

static void *library;

/* ISO C has no cast from an object's pointer to a function's. */
static void find(const char *name, void *function) {
    void *symbol = dlsym(library, name);
    CHECK(symbol != NULL);
    memcpy(function, &symbol, sizeof symbol);
}

static void load(void) {
    char name[64];
    snprintf(name, sizeof name, "libbyname.so.%d.%d", BYNAME_VERSION_MAJOR, BYNAME_VERSION_MINOR);
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "    %s\n", dlerror());
        failed_checks++;
        return;
    }
    find("byname_mutex_create", &create);
    find("byname_mutex_lock", &lock);
    find("byname_mutex_unlock", &unlock);
    find("byname_handle_close", &close_handle);
}

static void *locks_and_ends(void *unused) {
    byname_handle m;
    (void)unused;
    OK(create("copies", NULL, &m));
    OK(lock(m, 0, NULL));
    OK(close_handle(m));
    return NULL;
}

static void one_thread_is_one_owner_in_all_copies(void) {
    byname_handle here, there;
    load();
    if (!library) return;
    OK(byname_mutex_create("copies", NULL, &here));
    OK(create("copies", NULL, &there));
    OK(byname_mutex_lock(here, 0, NULL));
    OK(lock(there, 0, NULL)); /* recursion across copies */
    OK(byname_mutex_unlock(here));
    IS(elsewhere(here, 0), BYNAME_TIMED_OUT);
    OK(unlock(there));
    FAILS(byname_mutex_unlock(here), BYNAME_ERR_NOT_OWNER, 288);
    IS(unlock(there), BYNAME_ERR_NOT_OWNER);
    OK(byname_handle_close(here));
    OK(close_handle(there));
}

static void *locks_in_both_and_ends(void *order) {
    byname_handle first, second;
    OK(byname_mutex_create("copies first", NULL, &first));
    OK(create("copies second", NULL, &second));
    if (order) OK(byname_mutex_lock(first, 0, NULL));
    OK(lock(second, 0, NULL));
    if (!order) OK(byname_mutex_lock(first, 0, NULL));
    OK(byname_handle_close(first));
    OK(close_handle(second));
    return NULL;
}

/* Whichever copy's destructor comes first: the record is the thread's until the thread has ended. */
static void what_both_copies_took_is_abandoned(void) {
    byname_handle first, second;
    pthread_t thread;
    int order;
    if (!library) return;
    OK(byname_mutex_create("copies first", NULL, &first));
    OK(create("copies second", NULL, &second));
    for (order = 0; order < 100; order++) {
        pthread_create(&thread, NULL, locks_in_both_and_ends, order % 2 ? &thread : NULL);
        pthread_join(thread, NULL);
        IS(byname_mutex_lock(first, 0, NULL), BYNAME_ABANDONED);
        IS(lock(second, 0, NULL), BYNAME_ABANDONED);
        OK(byname_mutex_unlock(first));
        OK(unlock(second));
    }
    OK(byname_handle_close(first));
    OK(close_handle(second));
}

static void a_closed_library_still_ends_its_threads(void) {
    pthread_t thread;
    byname_handle here;
    if (!library) return;
    OK(byname_mutex_create("copies", NULL, &here));
    CHECK(dlclose(library) == 0); /* -z nodelete: its keeper and its thread destructors are still there */
    pthread_create(&thread, NULL, locks_and_ends, NULL);
    pthread_join(thread, NULL);
    IS(byname_mutex_lock(here, LONG_TIME, NULL), BYNAME_ABANDONED);
    OK(byname_mutex_unlock(here));
    OK(byname_handle_close(here));
}

TESTS(T(one_thread_is_one_owner_in_all_copies), T(what_both_copies_took_is_abandoned),
      T(a_closed_library_still_ends_its_threads))
