/* SPDX-License-Identifier: Apache-2.0
 * The stub's sockets: a UNIX socket with mode 0600, or TCP on 127.0.0.1.
 */
#define _GNU_SOURCE /* accept4, struct ucred */

#include "sim/debug/gdb_socket.h"

#include "sim/debug/gdb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static enum sim_status bad(const char *where, const char *due,
                           struct sim_error *e)
{
    return sim_fail(e, SIM_USAGE, "--gdb: '%.100s' (%s)", where, due);
}

/* "tcp:PORT" and "tcp:HOST:PORT" with a loopback host. */
static enum sim_status parse_tcp(const char *where, uint16_t *port,
                                 struct sim_error *e)
{
    const char *rest = where + 4, *colon = strrchr(rest, ':');
    if (colon != NULL) {
        size_t host = (size_t)(colon - rest);
        bool local = (host == 9 && (strncmp(rest, "127.0.0.1", 9) == 0 ||
                                    strncmp(rest, "localhost", 9) == 0));
        if (!local)
            return bad(where,
                       "only the loopback address 127.0.0.1 is listened on", e);
        rest = colon + 1;
    }
    char *end;
    errno = 0;
    unsigned long v = strtoul(rest, &end, 10);
    if (rest[0] < '0' || rest[0] > '9' || *end != '\0' || errno != 0 ||
        v > 65535)
        return bad(where, "a port is 0 to 65535", e);
    *port = (uint16_t)v;
    return SIM_OK;
}

static enum sim_status check_unix(const char *where, struct sim_error *e)
{
    size_t len = strlen(where + 5);
    if (len == 0 || len >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return bad(where, "a path is 1 to 107 bytes long", e);
    return SIM_OK;
}

enum sim_status gdb_check(const char *where, struct sim_error *e)
{
    uint16_t port;
    if (strncmp(where, "unix:", 5) == 0)
        return check_unix(where, e);
    if (strncmp(where, "tcp:", 4) == 0)
        return parse_tcp(where, &port, e);
    return bad(where, "unix:PATH or tcp:127.0.0.1:PORT", e);
}

/* A socket that nobody listens on any more is taken over. */
static void remove_stale(const struct sockaddr_un *a)
{
    struct stat st;
    if (lstat(a->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)a, sizeof *a) != 0 &&
        errno == ECONNREFUSED)
        unlink(a->sun_path);
    close(fd);
}

static int bind_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    remove_stale(&a);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    umask(mask);
    return fd;
}

static int bind_tcp(uint16_t *port)
{
    const int on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&a, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

enum sim_status gdb_socket_listen(const char *where, int *fd, char path[108],
                                  char *name, size_t size, struct sim_error *e)
{
    enum sim_status s = gdb_check(where, e);
    uint16_t port = 0;
    path[0] = '\0';
    if (s != SIM_OK)
        return s;
    if (where[0] == 'u') {
        *fd = bind_unix(where + 5);
        snprintf(name, size, "%s", where);
    } else {
        s = parse_tcp(where, &port, e);
        if (s != SIM_OK)
            return s;
        *fd = bind_tcp(&port);
        snprintf(name, size, "tcp:127.0.0.1:%u", (unsigned)port);
    }
    if (*fd < 0 || listen(*fd, 4) != 0)
        return sim_fail(e, SIM_NO_RESOURCE, "--gdb: %.100s: %m", where);
    if (where[0] == 'u')
        snprintf(path, 108, "%s", where + 5);
    return SIM_OK;
}

/* UNIX sockets say who the peer is; a loopback port is anybody's on this
 * host, which is why it has to be asked for. */
static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 ||
        peer.uid == (uid_t)-1)
        return true;
    return peer.uid == geteuid() || peer.uid == 0;
}

int gdb_socket_accept(int listener)
{
    const int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return -1;
    if (!is_ours(fd)) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}
