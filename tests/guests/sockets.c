/* SPDX-License-Identifier: Apache-2.0
 * Stream sockets inside the machine: pairs, AF_UNIX and AF_INET.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void echo(int s)
{
    char buf[1000];
    ssize_t n;
    while ((n = recv(s, buf, sizeof buf, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            buf[i] ^= 0x20;
        send(s, buf, (size_t)n, MSG_NOSIGNAL);
    }
    shutdown(s, SHUT_WR);
    close(s);
}

static void talk(int s)
{
    char got[1000];
    int total = 0;
    for (int i = 0; i < 50; i++) {
        char text[100];
        int n = snprintf(text, sizeof text, "MESSAGE %d", i);
        send(s, text, (size_t)n, 0);
        total += (int)recv(s, got, (size_t)n, MSG_WAITALL);
        if (i == 49)
            printf("%.*s\n", n, got);
    }
    shutdown(s, SHUT_WR);
    printf("%d eof %zd\n", total, recv(s, got, sizeof got, 0));
    close(s);
}

static void serve(int family, struct sockaddr *a, socklen_t len)
{
    int s = socket(family, SOCK_STREAM, 0), one = 1;
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    printf("bind %d listen %d\n", bind(s, a, len), listen(s, 5));
    getsockname(s, a, &len);
    fflush(stdout);
    if (fork() == 0) {
        int c = accept(s, NULL, NULL);
        echo(c);
        _exit(0);
    }
    int c = socket(family, SOCK_STREAM, 0);
    printf("connect %d\n", connect(c, a, len));
    talk(c);
    wait(NULL);
    close(s);
    c = socket(family, SOCK_STREAM, 0);
    printf("refused %d %d\n", connect(c, a, len), errno == ECONNREFUSED);
    close(c);
}

int main(void)
{
    int pair[2];
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 1;
    fflush(stdout);
    if (fork() == 0) {
        close(pair[0]);
        echo(pair[1]);
        _exit(0);
    }
    close(pair[1]);
    talk(pair[0]);
    wait(NULL);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    serve(AF_INET, (struct sockaddr *)&in, sizeof in);
    memcpy(un.sun_path, "\0vtsim-test", 11);
    serve(AF_UNIX, (struct sockaddr *)&un,
          (socklen_t)(sizeof un.sun_family + 11));
    return 0;
}
