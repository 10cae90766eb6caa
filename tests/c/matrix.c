/* Every kind at every place with every other kind, in waits for any and for all, and by descriptors: contract 10.1, 10.4, 10.5. */
#include "check.h"

#include <poll.h>
#include <semaphore.h>
#include <spawn.h>

#define TICK (300 * (MS / 1000))

extern char **environ;

/* An object that is not signalled when it is made. */
typedef struct {
    byname_handle h;
    byname_handle other; /* of a queue the other end */
    pid_t pid;           /* of a process of its own; else 0 */
    pthread_t owner;     /* of a mutex, until it is signalled */
    sem_t had, release;
    int owned;
} subject;

typedef struct {
    const char *name;
    void (*make)(subject *s, int ends); /* whether it will be signalled */
    void (*signal)(subject *s);
    int (*is_signalled)(const subject *s); /* looks without taking */
    int consumes;                          /* a satisfied wait takes the signal */
    void (*give_back)(subject *s);         /* what a wait has taken; NULL: nothing is to be given back */
    void (*end)(subject *s);               /* NULL: closing is all */
} kind;

/* For looking where a satisfied wait takes nothing. */
static int polls(const subject *s) { return byname_wait(s->h, 0, NULL) == BYNAME_OK; }

/* --- mutexes, which a thread owns until they are signalled */

static void *owns(void *pointer) {
    subject *s = (subject *)pointer;
    OK(byname_mutex_lock(s->h, 0, NULL));
    sem_post(&s->had);
    while (sem_wait(&s->release) != 0) {}
    OK(byname_mutex_unlock(s->h));
    return NULL;
}

static void make_mutex(subject *s, int ends) {
    (void)ends;
    s->h = new_mutex();
    sem_init(&s->had, 0, 0);
    sem_init(&s->release, 0, 0);
    if (pthread_create(&s->owner, NULL, owns, s) != 0) abort();
    s->owned = 1;
    while (sem_wait(&s->had) != 0) {}
}

static void release_mutex(subject *s) {
    if (!s->owned) return;
    s->owned = 0;
    sem_post(&s->release);
    pthread_join(s->owner, NULL);
}

static int mutex_is_free(const subject *s) {
    byname_owner owner;
    return OK(byname_mutex_owner(s->h, &owner)) && owner.pid == 0;
}

static void unlock_mutex(subject *s) { OK(byname_mutex_unlock(s->h)); }

static void end_mutex(subject *s) {
    release_mutex(s);
    sem_destroy(&s->had);
    sem_destroy(&s->release);
}

/* --- events */

static void make_manual_event(subject *s, int ends) {
    (void)ends;
    s->h = new_event(1, 0);
}

static void make_auto_event(subject *s, int ends) {
    (void)ends;
    s->h = new_event(0, 0);
}

static void set_event(subject *s) { OK(byname_event_set(s->h)); }

static int event_is_set(const subject *s) { return is_set(s->h); }

/* --- semaphores */

static void make_semaphore(subject *s, int ends) {
    (void)ends;
    s->h = new_semaphore(0, 1);
}

static void make_robust_semaphore(subject *s, int ends) {
    byname_semaphore_options o = BYNAME_SEMAPHORE_OPTIONS_INIT;
    (void)ends;
    o.initial = 0;
    o.maximum = 1;
    o.robust = 1;
    OK(byname_semaphore_create(NULL, &o, &s->h));
}

static void release_semaphore(subject *s) { OK(byname_semaphore_release(s->h, 1, NULL)); }

static int semaphore_has_a_unit(const subject *s) { return available(s->h) > 0; }

/* --- timers */

static void make_timer(subject *s, uint32_t manual) {
    byname_timer_options o = BYNAME_TIMER_OPTIONS_INIT;
    o.manual_reset = manual;
    OK(byname_timer_create(NULL, &o, &s->h));
}

static void make_manual_timer(subject *s, int ends) {
    (void)ends;
    make_timer(s, 1);
}

static void make_auto_timer(subject *s, int ends) {
    (void)ends;
    make_timer(s, 0);
}

static void run_timer(subject *s) {
    int64_t left = 0;
    OK(byname_timer_set(s->h, TICK, 0));
    while (OK(byname_timer_remaining(s->h, &left)) && left >= 0) sched_yield();
}

static int timer_is_signalled(const subject *s) {
    byname_timer_state state;
    return OK(byname_timer_look(s->h, &state)) && state.signaled;
}

/* --- the ends of queues */

static void make_queue(byname_handle *reader, byname_handle *writer) {
    byname_queue_options o = BYNAME_QUEUE_OPTIONS_INIT;
    o.max_messages = 1;
    o.max_size = 8;
    OK(byname_queue_create(NULL, &o, reader));
    OK(byname_queue_open_end(*reader, BYNAME_QUEUE_WRITE, writer));
}

static int messages(const subject *s) {
    byname_queue_state state;
    return OK(byname_queue_info(s->h, &state)) ? (int)state.messages : -1;
}

static void send_message(byname_handle writer) { OK(byname_queue_send(writer, "message", 7, 0, 0)); }

static void make_reader(subject *s, int ends) {
    (void)ends;
    make_queue(&s->h, &s->other);
}

static void fill_queue(subject *s) { send_message(s->other); }

static int queue_is_full(const subject *s) { return messages(s) == 1; }

static void make_writer(subject *s, int ends) {
    (void)ends;
    make_queue(&s->other, &s->h);
    send_message(s->h);
}

static void empty_queue(subject *s) {
    char buffer[8];
    size_t length;
    OK(byname_queue_recv(s->other, buffer, sizeof buffer, 0, &length, NULL));
}

static int queue_is_empty(const subject *s) { return messages(s) == 0; }

static void close_other(subject *s) { OK(byname_handle_close(s->other)); }

/* --- watchdogs */

static void make_watchdog(subject *s, int ends) {
    byname_watchdog_options o = BYNAME_WATCHDOG_OPTIONS_INIT;
    (void)ends;
    o.period_ns = TICK;
    o.grace_ns = LONG_TIME;
    OK(byname_watchdog_create(NULL, &o, &s->h));
}

static void let_watchdog_bark(subject *s) {
    OK(byname_watchdog_start(s->h));
    OK(byname_watchdog_wait(s->h, BYNAME_INFINITE));
}

static void stop_watchdog(subject *s) { OK(byname_watchdog_stop(s->h)); }

/* --- processes: one is enough for all that are not signalled */

static pid_t sleeper;

static pid_t sleeps_long(void) {
    char program[] = "sleep", time[] = "1000";
    char *arguments[] = {program, time, NULL};
    pid_t pid = 0;
    if (posix_spawnp(&pid, program, NULL, NULL, arguments, environ) != 0) abort();
    return pid;
}

static void kill_process(subject *s) {
    if (s->pid == 0) return;
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) {}
    s->pid = 0;
}

static void make_process(subject *s, int ends) {
    if (ends) s->pid = sleeps_long();
    OK(byname_process_open(ends ? s->pid : sleeper, NULL, &s->h));
}

/* --- jobs, where there are any */

static void make_job(subject *s, int ends) {
    (void)ends;
    OK(byname_job_create(NULL, NULL, &s->h));
}

static void terminate_job(subject *s) { OK(byname_job_terminate(s->h, 1)); }

static const kind kinds[] = {
    {"mutex", make_mutex, release_mutex, mutex_is_free, 1, unlock_mutex, end_mutex},
    {"manual event", make_manual_event, set_event, event_is_set, 0, NULL, NULL},
    {"auto event", make_auto_event, set_event, event_is_set, 1, NULL, NULL},
    {"semaphore", make_semaphore, release_semaphore, semaphore_has_a_unit, 1, release_semaphore, NULL},
    {"robust semaphore", make_robust_semaphore, release_semaphore, semaphore_has_a_unit, 1, release_semaphore, NULL},
    {"manual timer", make_manual_timer, run_timer, timer_is_signalled, 0, NULL, NULL},
    {"auto timer", make_auto_timer, run_timer, timer_is_signalled, 1, NULL, NULL},
    {"reading end of a queue", make_reader, fill_queue, queue_is_full, 0, NULL, close_other},
    {"writing end of a queue", make_writer, empty_queue, queue_is_empty, 0, NULL, close_other},
    {"watchdog", make_watchdog, let_watchdog_bark, polls, 0, NULL, stop_watchdog},
    {"process", make_process, kill_process, polls, 0, NULL, kill_process},
    {"job", make_job, terminate_job, polls, 0, NULL, NULL}, /* the last */
};

/* --- the objects of one wait */

enum { AFTER, DURING, POLLED, WAYS };
static const char *const ways[] = {"after the signal", "during the wait", "by descriptors"};

typedef struct {
    const kind *kinds[3];
    subject subjects[3];
    byname_handle h[3];
    size_t n;
    int taken[3];
} made;

/* All of them will be signalled, or the one at `only`, if that is not negative. */
static void make(made *m, int only) {
    size_t i;
    for (i = 0; i < m->n; i++) {
        memset(&m->subjects[i], 0, sizeof m->subjects[i]);
        m->kinds[i]->make(&m->subjects[i], only < 0 || only == (int)i);
        m->h[i] = m->subjects[i].h;
        m->taken[i] = 0;
    }
}

static void signal_one(made *m, size_t i) { m->kinds[i]->signal(&m->subjects[i]); }

static int is_signalled(const made *m, size_t i) { return m->kinds[i]->is_signalled(&m->subjects[i]); }

static void end(made *m) {
    size_t i;
    for (i = 0; i < m->n; i++) {
        if (m->taken[i] && m->kinds[i]->give_back) m->kinds[i]->give_back(&m->subjects[i]);
        if (m->kinds[i]->end) m->kinds[i]->end(&m->subjects[i]);
        OK(byname_handle_close(m->h[i]));
    }
}

typedef struct {
    made *m;
    size_t i;
    pid_t waiter;
} signaller;

static void *signals_who_sleeps(void *pointer) {
    signaller *s = (signaller *)pointer;
    int seen = 0;
    while (seen < 3) {
        seen = sleeps(s->waiter) ? seen + 1 : 0;
        sched_yield();
    }
    signal_one(s->m, s->i);
    return NULL;
}

typedef byname_status waiting(const byname_handle *handles, size_t n, int64_t timeout_ns, byname_wait_result *result);

/* Waits, and has the object at `i` signalled. */
static byname_status wait_while(made *m, int way, waiting *wait, size_t i, byname_wait_result *r) {
    byname_status status;
    if (way == DURING) {
        signaller s;
        pthread_t other;
        s.m = m;
        s.i = i;
        s.waiter = (pid_t)syscall(SYS_gettid);
        if (pthread_create(&other, NULL, signals_who_sleeps, &s) != 0) abort();
        status = wait(m->h, m->n, BYNAME_INFINITE, r);
        pthread_join(other, NULL);
    } else if (way == POLLED) {
        struct pollfd fds[3];
        size_t k;
        for (k = 0; k < m->n; k++) {
            OK(byname_handle_fd(m->h[k], &fds[k].fd));
            fds[k].events = POLLIN;
        }
        IS(wait(m->h, m->n, 0, r), BYNAME_TIMED_OUT);
        signal_one(m, i);
        do {
            while (poll(fds, m->n, -1) < 1) {}
            status = wait(m->h, m->n, 0, r);
        } while (status == BYNAME_TIMED_OUT);
    } else {
        signal_one(m, i);
        status = wait(m->h, m->n, BYNAME_INFINITE, r);
    }
    return status;
}

/* Calls it for all pairs, until a check fails; what failed is said. */
static void for_all_pairs(void (*with)(const kind *one, const kind *other)) {
    size_t n = sizeof kinds / sizeof *kinds, i, j;
    byname_handle job;
    if (byname_job_create(NULL, NULL, &job) == BYNAME_ERR_UNSUPPORTED) n--; /* a job is a control group */
    else OK(byname_handle_close(job));
    sleeper = sleeps_long();
    for (i = 0; i < n; i++)
        for (j = 0; j < n && !failed_checks; j++) {
            with(&kinds[i], &kinds[j]);
            if (failed_checks) fprintf(stderr, "    %s with %s\n", kinds[i].name, kinds[j].name);
        }
    kill(sleeper, SIGKILL);
    CHECK(waitpid(sleeper, NULL, 0) == sleeper);
}

static void any_wherever_it_stands(const kind *one, const kind *other) {
    int index, way, i;
    for (index = 0; index < 3; index++)
        for (way = 0; way < WAYS; way++) {
            byname_wait_result r = {-77, 0, false};
            made m;
            m.n = 3;
            for (i = 0; i < 3; i++) m.kinds[i] = i == index ? one : other;
            make(&m, index);
            OK(wait_while(&m, way, byname_wait_any, (size_t)index, &r));
            CHECK(r.index == index && !r.abandoned);
            m.taken[index] = 1;
            for (i = 0; i < 3; i++) CHECK(is_signalled(&m, (size_t)i) == (i == index && !one->consumes));
            end(&m);
            if (failed_checks) {
                fprintf(stderr, "    at %d, %s\n", index, ways[way]);
                return;
            }
        }
}

static void any_ends_with_the_one_that_is_signalled_wherever_it_stands(void) { for_all_pairs(any_wherever_it_stands); }

static void make_pair(made *m, const kind *one, const kind *other) {
    m->n = 2;
    m->kinds[0] = one;
    m->kinds[1] = other;
    make(m, -1);
}

static void any_takes_the_first(const kind *one, const kind *other) {
    byname_wait_result r = {-77, 0, false};
    made m;
    make_pair(&m, one, other);
    signal_one(&m, 1);
    OK(wait_while(&m, AFTER, byname_wait_any, 0, &r));
    CHECK(r.index == 0);
    m.taken[0] = 1;
    CHECK(is_signalled(&m, 0) == !one->consumes && is_signalled(&m, 1));
    end(&m);
}

static void any_takes_the_first_of_those_that_are_signalled_and_leaves_the_rest(void) { for_all_pairs(any_takes_the_first); }

static void all_takes_both(const kind *one, const kind *other) {
    int way;
    for (way = AFTER; way <= DURING; way++) {
        byname_wait_result r = {-77, 0, false};
        made m;
        make_pair(&m, one, other);
        signal_one(&m, 1);
        IS(byname_wait_all(m.h, 2, MS / 2, &r), BYNAME_TIMED_OUT);
        CHECK(r.index == -77 && is_signalled(&m, 1));
        OK(wait_while(&m, way, byname_wait_all, 0, &r));
        CHECK(r.index == -1);
        m.taken[0] = m.taken[1] = 1;
        CHECK(is_signalled(&m, 0) == !one->consumes && is_signalled(&m, 1) == !other->consumes);
        end(&m);
        if (failed_checks) {
            fprintf(stderr, "    %s\n", ways[way]);
            return;
        }
    }
}

static void all_takes_both_or_nothing(void) { for_all_pairs(all_takes_both); }

static void a_mapping_is_refused_wherever_it_stands(void) {
    byname_mapping_options o = BYNAME_MAPPING_OPTIONS_INIT;
    byname_wait_result r = {-77, 77, true};
    byname_handle mapping = BYNAME_NO_HANDLE, event = new_event(0, 1), unit = new_semaphore(1, 1), h[3];
    int place, fd = 77;
    o.size = 4096;
    OK(byname_mapping_create(NULL, &o, &mapping));
    for (place = 0; place < 3; place++) {
        h[place] = mapping;
        h[(place + 1) % 3] = event;
        h[(place + 2) % 3] = unit;
        FAILS(byname_wait_any(h, 3, 0, &r), BYNAME_ERR_WRONG_KIND, 6);
        FAILS(byname_wait_all(h, 3, 0, &r), BYNAME_ERR_WRONG_KIND, 6);
    }
    FAILS(byname_signal_and_wait(event, mapping, 0, NULL), BYNAME_ERR_WRONG_KIND, 6);
    FAILS(byname_handle_fd(mapping, &fd), BYNAME_ERR_WRONG_KIND, 6);
    CHECK(r.index == -77 && r.fence == 77 && fd == 77);
    CHECK(is_set(event) && available(unit) == 1);
    OK(byname_handle_close(mapping));
    OK(byname_handle_close(event));
    OK(byname_handle_close(unit));
}

TESTS(T(any_ends_with_the_one_that_is_signalled_wherever_it_stands), T(any_takes_the_first_of_those_that_are_signalled_and_leaves_the_rest),
      T(all_takes_both_or_nothing), T(a_mapping_is_refused_wherever_it_stands))
