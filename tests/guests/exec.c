/* SPDX-License-Identifier: Apache-2.0
 * execve of itself: arguments, environment, descriptors, vfork.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int child(int argc, char **argv)
{
    printf("child %d:", argc);
    for (int i = 1; i < argc; i++)
        printf(" [%s]", argv[i]);
    printf(" %s %d %d\n", getenv("COLOUR"), fcntl(20, F_GETFD),
           fcntl(21, F_GETFD));
    return 5;
}

static int status_of(pid_t p)
{
    int s = -1;
    waitpid(p, &s, 0);
    return WIFEXITED(s) ? WEXITSTATUS(s) : -WTERMSIG(s);
}

int main(int argc, char **argv)
{
    char *args[] = {"self", "child", "two words", "", NULL};
    char *env[] = {"COLOUR=blue", NULL};
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child(argc, argv);
    dup2(1, 20);
    dup2(1, 21);
    fcntl(21, F_SETFD, FD_CLOEXEC);
    printf("parent\n");
    fflush(stdout);
    pid_t p = fork();
    if (p == 0) {
        execve("/proc/self/exe", args, env);
        _exit(99);
    }
    printf("%d\n", status_of(p));
    fflush(stdout);
    p = vfork();
    if (p == 0) {
        execve("/proc/self/exe", args, env);
        _exit(98);
    }
    printf("%d\n", status_of(p));
    fflush(stdout);
    setenv("COLOUR", "red", 1);
    if (posix_spawn(&p, "/proc/self/exe", NULL, NULL, args, environ) != 0)
        return 1;
    printf("%d\n", status_of(p));
    printf("%d\n", execl("/nonexistent/program", "x", (char *)NULL));
    fflush(stdout);
    execve("/proc/self/exe", args, env);
    return 2;
}
