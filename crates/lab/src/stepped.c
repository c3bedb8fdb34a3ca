/* Loaded into a program: stops it each time after it has brought the file STEPPED_FILE to disk. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd)
{
    char link[32], path[4096];
    const char *file = getenv("STEPPED_FILE");
    long synced = syscall(SYS_fdatasync, fd);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (synced == 0 && file && length > 0) {
        path[length] = '\0';
        if (strcmp(path, file) == 0)
            raise(SIGSTOP);
    }
    return (int)synced;
}
