/*
 * usage: opens SESSION ...
 * A child for each session makes an event in it, and prints "SESSION STATUS WIN32 MESSAGE".
 */
#include <byname.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int i, status;
    for (i = 1; i < argc; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            byname_handle event;
            byname_status said;
            setenv("BYNAME_SESSION", argv[i], 1);
            said = byname_event_create("an event", NULL, &event);
            printf("%s %d %u %s\n", argv[i], (int)said, (unsigned)byname_last_error_win32(), byname_last_error_message());
            exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) return 3;
        if (WIFSIGNALED(status)) printf("%s killed %d\n", argv[i], WTERMSIG(status)), fflush(stdout);
    }
    return 0;
}
