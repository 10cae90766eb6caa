/* What is measured of named objects that another process holds: the measuring process has none of them open between two turns, so each use has to
 * find the name. */
#ifndef BYNAME_BENCH_EXISTING_H
#define BYNAME_BENCH_EXISTING_H

#include "bench.h"

enum { NAMES = 200, LENGTH = 32 };

static char (*names)[LENGTH];

struct side {
    const char *name;
    char letter; /* begins its names: some sides share the directory */
    void (*make)(const char *name);
    void (*use)(const char *name); /* opens and closes it */
    void (*remove)(const char *name);
};

static void remove_file(const char *name) { zero(shm_unlink(name), "shm_unlink"); }
static void remove_nothing(const char *name) { (void)name; }

static void with_each(const struct side *side, void (*what)(const char *name)) {
    for (size_t i = 0; i < NAMES; i++) {
        names[i][sizeof "/byname-" - 1] = side->letter;
        what(names[i]);
    }
}

static double us_of_each(const struct side *side) {
    uint64_t start = now_ns();
    with_each(side, side->use);
    return (double)(now_ns() - start) / NAMES / 1000.0;
}

/* Makes the objects of every side, says so, and keeps them until it is told to leave. */
static void hold(const struct side *sides, size_t count, int say, int leave) {
    die_with_parent();
    for (size_t i = 0; i < count; i++) with_each(&sides[i], sides[i].make);
    put(say);
    get(leave);
    for (size_t i = 0; i < count; i++) with_each(&sides[i], sides[i].remove);
    exit(0);
}

/* Prints the row for each side, in turns. */
static void measure_existing(const char *row, const struct side *sides, size_t count, long slices) {
    int said[2], leave[2];
    names = calloc(NAMES, sizeof *names);
    if (names == NULL) die("out of memory");
    for (size_t i = 0; i < NAMES; i++) snprintf(names[i], LENGTH, "/byname-_-%d-%05zu", getpid(), i);
    zero(pipe(said), "pipe");
    zero(pipe(leave), "pipe");
    pid_t holder = fork();
    if (holder < 0) die("fork: %s", strerror(errno));
    if (holder == 0) hold(sides, count, said[1], leave[0]);
    get(said[0]);
    for (size_t i = 0; i < count; i++) us_of_each(&sides[i]); /* warm */
    for (long slice = slices; slice > 0; slice--) {
        for (size_t i = 0; i < count; i++) report(row, sides[i].name, us_of_each(&sides[i]));
    }
    put(leave[1]);
    join(1);
    free(names);
}

#endif
