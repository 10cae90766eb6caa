/*
 * Tries a resource limit at every value of a range: a child for each, which sets the limit, uses the library, prints what came
 * of it, lifts the limit and tries again. One line a value:
 *
 *     VALUE STATUS WIN32 ERRNO DESCRIPTORS ADDRESSES FILES AGAIN MESSAGE
 *
 * DESCRIPTORS is how many the failed attempt has left open, ADDRESSES how many bytes of them it still uses, FILES how many of the session's
 * there are after it, AGAIN the status once the limit is lifted. A child that was killed
 * prints "VALUE killed SIGNAL".
 *
 * usage: limited as|nofile FROM TO STEP [attached]
 * The limit counts from what the process uses already. `attached`: a namespace is attached before the limit is set.
 */
#define _GNU_SOURCE
#include <byname.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long address_space(void) {
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%lu", &pages) != 1) abort();
    fclose(statm);
    return pages * (unsigned long)getpagesize();
}

static int descriptors(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) abort();
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

/* The session's files in the directory of the namespaces. */
static int files(void) {
    const char *chosen = getenv("BYNAME_DIR"), *session = getenv("BYNAME_SESSION");
    int count = 0;
    struct dirent *entry;
    DIR *dir = opendir(chosen && *chosen ? chosen : "/dev/shm");
    if (!dir || !session) abort();
    while ((entry = readdir(dir))) count += strstr(entry->d_name, session) != NULL;
    closedir(dir);
    return count;
}

/* A call of each kind that needs something of the system: an object, a wait that ends by its time, a descriptor. */
static byname_status use(void) {
    byname_handle event;
    int fd;
    byname_status status = byname_event_create(NULL, NULL, &event);
    if (BYNAME_FAILED(status)) return status;
    status = byname_event_wait(event, 1000000);
    if (status == BYNAME_TIMED_OUT) status = byname_handle_fd(event, &fd);
    byname_handle_close(event);
    return status;
}

static int child(int resource, unsigned long value, int attached) {
    struct rlimit before, limit;
    byname_status status, again;
    byname_handle first;
    char said[1024];
    uint32_t win32;
    unsigned long taken_before, taken;
    int system_said, open_before, left, made;

    if (attached && BYNAME_FAILED(byname_mutex_create("first", NULL, &first))) abort();
    open_before = descriptors();
    files();
    taken_before = address_space();
    getrlimit(resource, &before);
    limit = before;
    limit.rlim_cur = value + (resource == RLIMIT_AS ? address_space() : 3);
    setrlimit(resource, &limit);
    status = use();
    snprintf(said, sizeof said, "%s", BYNAME_FAILED(status) ? byname_last_error_message() : "");
    win32 = byname_last_error_win32();
    system_said = byname_last_error_errno();
    setrlimit(resource, &before);
    left = made = 0, taken = 0;
    if (BYNAME_FAILED(status)) left = descriptors() - open_before, made = files(), taken = address_space() - taken_before;
    again = use();
    printf("%lu %d %u %d %d %lu %d %d %s\n", value, (int)status, (unsigned)win32, system_said, left, taken, made, (int)again, said);
    return fflush(stdout);
}

int main(int argc, char **argv) {
    unsigned long from, to, step, value;
    int resource, attached;
    if (argc < 5) return 2;
    resource = strcmp(argv[1], "as") ? RLIMIT_NOFILE : RLIMIT_AS;
    from = strtoul(argv[2], NULL, 0);
    to = strtoul(argv[3], NULL, 0);
    step = strtoul(argv[4], NULL, 0);
    attached = argc > 5;
    for (value = from; value <= to; value += step) {
        int status;
        pid_t pid = fork();
        if (pid == 0) exit(child(resource, value, attached));
        if (pid < 0 || waitpid(pid, &status, 0) != pid) return 3;
        if (WIFSIGNALED(status)) printf("%lu killed %d\n", value, WTERMSIG(status)), fflush(stdout);
    }
    return 0;
}
