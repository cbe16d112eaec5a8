/* SPDX-License-Identifier: Apache-2.0
 * poll, select, epoll, eventfd and timeouts.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

static int end[2];

static void *writer(void *arg)
{
    usleep(20000);
    if (write(end[1], arg, 3) != 3)
        return arg;
    return NULL;
}

int main(void)
{
    char buf[10];
    if (pipe(end))
        return 1;
    struct pollfd p[2] = {{end[0], POLLIN, 0}, {end[1], POLLOUT, 0}};
    printf("%d ", poll(p, 2, 0));
    printf("%d %d\n", p[0].revents, p[1].revents);
    printf("%d\n", poll(p, 1, 30));
    pthread_t t;
    pthread_create(&t, NULL, writer, "abc");
    printf("%d %d\n", poll(p, 1, -1), p[0].revents);
    pthread_join(t, NULL);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(end[0], &in);
    FD_SET(end[1], &out);
    struct timeval tv = {1, 0};
    printf("%d ", select(end[1] + 1, &in, &out, NULL, &tv));
    printf("%d %d\n", FD_ISSET(end[0], &in) != 0, FD_ISSET(end[1], &out) != 0);
    printf("%zd\n", read(end[0], buf, sizeof buf));
    FD_ZERO(&in);
    FD_SET(end[0], &in);
    tv = (struct timeval){0, 10000};
    printf("%d\n", select(end[0] + 1, &in, NULL, NULL, &tv));

    int e = epoll_create1(0), v = eventfd(3, EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 77}, got[4];
    epoll_ctl(e, EPOLL_CTL_ADD, v, &ev);
    ev.data.u64 = 78;
    epoll_ctl(e, EPOLL_CTL_ADD, end[0], &ev);
    int n = epoll_wait(e, got, 4, 0);
    printf("%d %llu\n", n, (unsigned long long)got[0].data.u64);
    unsigned long long count;
    printf("%zd ", read(v, &count, 8));
    printf("%llu ", count);
    printf("%zd %d\n", read(v, &count, 8), errno == EAGAIN);
    printf("%d\n", epoll_wait(e, got, 4, 10));
    pthread_create(&t, NULL, writer, "xyz");
    n = epoll_wait(e, got, 4, -1);
    printf("%d %llu\n", n, (unsigned long long)got[0].data.u64);
    pthread_join(t, NULL);
    close(end[1]);
    printf("%zd ", read(end[0], buf, sizeof buf));
    printf("%d ", poll(p, 1, -1));
    printf("%d\n", p[0].revents);
    return 0;
}
