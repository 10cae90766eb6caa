/* The C worker: counts the words of a text's chunks and enters each count in a ledger that workers in Python, Rust
 * and Node share.
 *
 *     worker-c DIRECTORY NAME [CHUNK...]
 *
 * DIRECTORY holds `text`, `plan` (one line a chunk: offset, length) and `ledger`. The CHUNKs are this worker's own
 * from the beginning; the others go to whoever claims them first. README.md says how the workers work together. */

#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include <byname.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nanoseconds; what may keep this worker waiting longer is dead itself. */
#define PATIENCE INT64_C(120000000000)
/* Stands where the first line looks for the hash of the line before. */
#define GENESIS "0000000000000000"
#define HASH_LENGTH 16
#define LONGEST_LINE 256

struct chunk { off_t offset; size_t length; bool done; };

/* A chunk that this worker alone counts. The claim is a mutex named after the chunk: it dies with its process. */
struct claim { size_t chunk; byname_handle mutex; };

/* The shared file and the mutex that guards it: enter_ledger() is the only way in. */
static struct {
    byname_handle mutex;
    int file;
    off_t end; /* what lies before this offset was read and verified */
    uint64_t lines, acquired, abandoned;
    char hash[HASH_LENGTH + 1];
} ledger = {.hash = GENESIS};

static const char *worker_name;
static struct chunk *plan;
static size_t chunks;

/* Says what is wrong and ends; what this process owns becomes abandoned. */
static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", worker_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* Passes on what a call of byname says, unless it is an error. */
static byname_status check(byname_status status) {
    if (BYNAME_FAILED(status)) fail("%s", byname_last_error_message());
    return status;
}

static void check_file(bool good, const char *what) {
    if (!good) {
        perror(what);
        exit(1);
    }
}

/* Runs FNV-1a over a text, beginning with the state that an earlier call left. */
static uint64_t fnv1a(uint64_t state, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) state = (state ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return state;
}

/* Writes the hash over the hash before and the text after it, as 16 hexadecimal digits. */
static void chained(char out[HASH_LENGTH + 1], const char *before, const char *body, size_t length) {
    uint64_t state = fnv1a(UINT64_C(0xcbf29ce484222325), before, HASH_LENGTH);
    snprintf(out, HASH_LENGTH + 1, "%016" PRIx64, fnv1a(state, body, length));
}

/* Counts the runs of bytes that are not ASCII white space: a space, and the bytes 9 to 13, whatever the language. */
static size_t count_words(const unsigned char *data, size_t length) {
    size_t words = 0;
    bool inside = false;
    for (size_t i = 0; i < length; i++) {
        bool blank = data[i] == ' ' || (data[i] >= 9 && data[i] <= 13);
        words += !blank && !inside;
        inside = !blank;
    }
    return words;
}

/* Reads a part of a file into new memory, with a NUL after it. */
static char *read_part(int file, off_t offset, size_t length) {
    char *data = malloc(length + 1);
    check_file(data != NULL, "memory");
    for (size_t have = 0; have < length;) {
        ssize_t n = pread(file, data + have, length - have, offset + (off_t)have);
        check_file(n > 0, "read");
        have += (size_t)n;
    }
    data[length] = '\0';
    return data;
}

static char *read_rest(int file, off_t offset, size_t *length) {
    struct stat status;
    check_file(fstat(file, &status) == 0, "fstat");
    *length = (size_t)(status.st_size - offset);
    return read_part(file, offset, *length);
}

static int open_in(const char *directory, const char *name, int flags) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) fail("%s: too long", directory);
    int file = open(path, flags | O_CLOEXEC);
    check_file(file >= 0, path);
    return file;
}

static void read_plan(int file) {
    size_t length;
    char *text = read_rest(file, 0, &length);
    for (char *at = text; (at = strchr(at, '\n')) != NULL; at++) chunks++;
    plan = calloc(chunks + 1, sizeof *plan);
    check_file(plan != NULL, "memory");
    char *at = text;
    for (size_t i = 0; i < chunks; i++) {
        plan[i].offset = (off_t)strtoll(at, &at, 10);
        plan[i].length = (size_t)strtoull(at, &at, 10);
    }
    free(text);
    close(file);
}

/* Checks one line of the ledger, without its line end, and notes what it says. */
static void read_line(const char *line, size_t length) {
    char hash[HASH_LENGTH + 1] = "";
    size_t chunk = chunks;
    if (length > HASH_LENGTH) chained(hash, ledger.hash, line, length - HASH_LENGTH - 1);
    bool good = length > HASH_LENGTH && memcmp(hash, line + length - HASH_LENGTH, HASH_LENGTH) == 0;
    if (!good || sscanf(line, "%*u %zu", &chunk) != 1 || chunk >= chunks)
        fail("the ledger's chain breaks at line %" PRIu64 ": %.*s", ledger.lines + 1, (int)length, line);
    plan[chunk].done = true;
    ledger.lines++;
    ledger.end += (off_t)length + 1;
    strcpy(ledger.hash, hash);
}

/* Takes the mutex and reads what the others wrote meanwhile. Half a line is what a dead owner leaves: it is cut off. */
static byname_grant enter_ledger(void) {
    byname_grant grant;
    check(byname_mutex_lock(ledger.mutex, BYNAME_INFINITE, &grant));
    ledger.acquired++;
    size_t length;
    char *text = read_rest(ledger.file, ledger.end, &length);
    char *line = text;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) read_line(line, (size_t)(end - line));
    size_t half = length - (size_t)(line - text);
    if (half > 0 && !grant.abandoned) fail("the ledger ends in half a line, %s, though no owner died", line);
    if (half > 0) check_file(ftruncate(ledger.file, ledger.end) == 0, "ftruncate");
    if (grant.abandoned) {
        ledger.abandoned++;
        printf("repaired %zu %" PRIu64 "\n", half, grant.fence);
    }
    free(text);
    return grant;
}

static void leave_ledger(void) {
    check(byname_mutex_unlock(ledger.mutex));
}

/* Appends a line: its number, what it says, and a hash over that and the hash of the line before. It goes out in two
 * pieces, as with every worker: exclusion has to hold between them. */
static void append(size_t chunk, size_t words, uint64_t fence) {
    char line[LONGEST_LINE], hash[HASH_LENGTH + 1];
    int body = snprintf(line, sizeof line, "%" PRIu64 " %zu %zu %.100s %" PRIu64, ledger.lines + 1, chunk, words, worker_name, fence);
    chained(hash, ledger.hash, line, (size_t)body);
    int length = body + snprintf(line + body, sizeof line - (size_t)body, " %s\n", hash);
    int half = length / 2;
    check_file(write(ledger.file, line, (size_t)half) == half, "write");
    check_file(write(ledger.file, line + half, (size_t)(length - half)) == length - half, "write");
}

static byname_handle chunk_mutex(size_t chunk) {
    char name[32];
    byname_handle mutex;
    snprintf(name, sizeof name, "chunk %zu", chunk);
    check(byname_mutex_create(name, NULL, &mutex));
    return mutex;
}

static bool try_claim(size_t chunk, struct claim *claim) {
    claim->chunk = chunk;
    claim->mutex = chunk_mutex(chunk);
    if (check(byname_mutex_lock(claim->mutex, 0, NULL)) != BYNAME_TIMED_OUT) return true;
    check(byname_handle_close(claim->mutex));
    return false;
}

/* Claims a chunk that nobody has counted or holds. Without a free chunk, waits for the holder of the first one: it
 * finishes, or dies. Answers false when all are counted. */
static bool find_claim(struct claim *claim) {
    for (;;) {
        size_t first = chunks;
        bool mine = false;
        enter_ledger();
        for (size_t chunk = 0; chunk < chunks && !mine; chunk++) {
            if (plan[chunk].done) continue;
            if (first == chunks) first = chunk;
            mine = try_claim(chunk, claim);
        }
        leave_ledger();
        if (mine || first == chunks) return mine;
        byname_handle other = chunk_mutex(first);
        check(byname_mutex_lock(other, BYNAME_INFINITE, NULL));
        check(byname_mutex_unlock(other));
        check(byname_handle_close(other));
    }
}

static void release_claim(const struct claim *claim) {
    check(byname_mutex_unlock(claim->mutex));
    check(byname_handle_close(claim->mutex));
}

int main(int argc, char **argv) {
    worker_name = argc > 2 ? argv[2] : "worker-c";
    if (argc < 3) fail("usage: worker-c DIRECTORY NAME [CHUNK...]");
    setvbuf(stdout, NULL, _IOLBF, 0);

    byname_handle ready, gate, start, done;
    check(byname_semaphore_open("ready", NULL, &ready));
    check(byname_semaphore_open("gate", NULL, &gate));
    check(byname_event_open("start", NULL, &start));
    check(byname_event_open("done", NULL, &done));
    check(byname_mutex_open("ledger", NULL, &ledger.mutex));
    ledger.file = open_in(argv[1], "ledger", O_RDWR | O_APPEND);
    read_plan(open_in(argv[1], "plan", O_RDONLY));
    int text = open_in(argv[1], "text", O_RDONLY);
    size_t in_hand = (size_t)argc - 3, played = 0;
    struct claim *hand = calloc(in_hand + 1, sizeof *hand);
    check_file(hand != NULL, "memory");
    for (size_t i = 0; i < in_hand; i++)
        if (!try_claim(strtoul(argv[3 + i], NULL, 10), &hand[i])) fail("chunk %s is somebody else's", argv[3 + i]);

    check(byname_semaphore_release(ready, 1, NULL));
    if (check(byname_event_wait(start, PATIENCE)) == BYNAME_TIMED_OUT) fail("no start signal");
    for (;;) {
        struct claim mine;
        if (played < in_hand) mine = hand[played++];
        else if (!find_claim(&mine)) break;
        if (check(byname_semaphore_acquire(gate, BYNAME_INFINITE, NULL)) == BYNAME_ABANDONED) puts("permit");
        char *data = read_part(text, plan[mine.chunk].offset, plan[mine.chunk].length);
        size_t words = count_words((unsigned char *)data, plan[mine.chunk].length);
        free(data);
        byname_grant grant = enter_ledger();
        append(mine.chunk, words, grant.fence);
        leave_ledger();
        check(byname_semaphore_release(gate, 1, NULL));
        release_claim(&mine);
        check(byname_event_set(done));
    }
    printf("report %" PRIu64 " %" PRIu64 "\n", ledger.acquired, ledger.abandoned);
    free(hand);
    free(plan);
    return 0;
}
