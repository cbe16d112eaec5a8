/* SPDX-License-Identifier: Apache-2.0
 * Operations on open files: open, close, read, write and what belongs to
 * them. Only regular files and directories can be opened.
 */
#define _GNU_SOURCE /* O_PATH, renameat2 */

#include "sim/chipset/hostproxy_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* Flags of open that the guest may pass on. */
#define OPEN_FLAGS                                                             \
    (O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_DIRECTORY)
#define OPEN_ALWAYS (O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

void proxy_handle_close(struct proxy_handle *h)
{
    if (h->kind == PROXY_FREE || h->kind == PROXY_STREAM ||
        h->kind == PROXY_INPUT)
        return;
    if (h->fd >= 0)
        close(h->fd);
    proxy_listing_free(&h->listing);
    free(h->path);
    *h = (struct proxy_handle){0};
}

static struct proxy_handle *handle_of(struct hostproxy *p, uint64_t n)
{
    if (n >= PROXY_HANDLES || p->handle[n].kind == PROXY_FREE)
        return NULL;
    return &p->handle[n];
}

static int64_t handle_add(struct hostproxy *p, struct proxy_handle h)
{
    for (unsigned i = 3; i < PROXY_HANDLES; i++) {
        if (p->handle[i].kind != PROXY_FREE)
            continue;
        p->handle[i] = h;
        return i;
    }
    proxy_handle_close(&h);
    return -EMFILE;
}

/* ---- open ---- */

static int64_t open_above(struct hostproxy *p, const struct proxy_spot *s,
                          int flags)
{
    if ((flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if (flags & O_CREAT)
        return flags & O_EXCL ? -EEXIST : -EISDIR;
    struct proxy_handle h = {
        .kind = PROXY_ABOVE, .fd = -1, .path = strdup(s->text)};
    return h.path == NULL ? -ENOMEM : handle_add(p, h);
}

/* What is there may be opened, and what the flags ask may be done. */
static int open_allowed(const struct proxy_spot *s, int *flags)
{
    struct stat st;
    bool exists = fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && S_ISLNK(st.st_mode))
        return -ELOOP;
    if (exists && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return -EACCES;
    if (!s->read_only)
        return 0;
    if ((*flags & O_ACCMODE) != O_RDONLY || *flags & O_TRUNC)
        return -EROFS;
    if (*flags & O_CREAT && !exists)
        return -EROFS;
    if (!(*flags & O_EXCL))
        *flags &= ~O_CREAT;
    return 0;
}

static int64_t open_spot(struct hostproxy *p, const struct proxy_spot *s,
                         int flags, mode_t mode)
{
    struct proxy_handle h = {.kind = PROXY_FILE, .share = s->share};
    struct stat st;
    if (s->dir < 0)
        return open_above(p, s, flags);
    int r = open_allowed(s, &flags);
    if (r != 0)
        return r;
    h.fd = openat(s->dir, s->name, flags | OPEN_ALWAYS, mode);
    if (h.fd < 0)
        return -errno;
    if (fstat(h.fd, &st) != 0 ||
        (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
        close(h.fd);
        return -EACCES;
    }
    if (S_ISDIR(st.st_mode))
        h.kind = PROXY_DIRECTORY;
    return handle_add(p, h);
}

static int64_t op_open(struct hostproxy *p, const uint64_t *a)
{
    char path[PROXY_PATH_MAX + 1];
    struct proxy_spot s;
    int flags = (int)(a[2] & OPEN_FLAGS);
    bool follow = !(a[2] & O_NOFOLLOW) &&
                  (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    int r = proxy_path_argument(p, a, path);
    if (r == 0)
        r = proxy_walk(p, path, follow, &s);
    if (r != 0)
        return r;
    int64_t handle = open_spot(p, &s, flags, (mode_t)(a[3] & 0777));
    proxy_spot_close(&s);
    return handle;
}

static int64_t op_close(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    if (h == NULL)
        return -EBADF;
    proxy_handle_close(h);
    return 0;
}

/* ---- read and write ---- */

/* Would a transfer to here succeed? Asked before data is consumed. */
static bool is_ram(const struct hostproxy *p, uint64_t at, uint64_t len)
{
    uint8_t byte;
    for (uint64_t done = 0; done < len;) {
        if (at + done < at || !proxy_from_guest(p, at + done, &byte, 1))
            return false;
        done += PAGE_SIZE - (at + done) % PAGE_SIZE;
    }
    return true;
}

static int64_t op_read(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    ssize_t n;
    if (h == NULL)
        return -EBADF;
    if (h->kind == PROXY_DIRECTORY || h->kind == PROXY_ABOVE)
        return -EISDIR;
    if (a[2] > PROXY_IO_MAX || a[3] > INT64_MAX - PROXY_IO_MAX - h->base)
        return -EINVAL;
    if (!is_ram(p, a[1], a[2]))
        return -EFAULT;
    if (h->kind == PROXY_STREAM)
        n = read(h->fd, p->buffer, a[2]);
    else
        n = pread(h->fd, p->buffer, a[2], (off_t)(h->base + a[3]));
    if (n < 0)
        return -errno;
    if (h->kind == PROXY_INPUT) /* who shares the file goes on after us */
        (void)lseek(h->fd, (off_t)(h->base + a[3]) + n, SEEK_SET);
    return proxy_to_guest(p, a[1], p->buffer, (size_t)n) ? n : -EFAULT;
}

/*
 * Write to a stream of the host, all of it. A reader that has gone away is
 * the guest's affair (EPIPE): the host's SIGPIPE is kept from this process.
 */
static int64_t write_stream(int fd, const uint8_t *from, size_t len)
{
    const struct timespec now = {0, 0};
    sigset_t pipe, old;
    size_t done = 0;
    int error = 0;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    while (done < len && error == 0) {
        ssize_t n = write(fd, from + done, len - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (poll(&wait, 1, -1) < 0)
                error = errno;
        } else {
            error = errno;
        }
    }
    if (error == EPIPE && !sigismember(&old, SIGPIPE))
        (void)sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return done > 0 || error == 0 ? (int64_t)done : -error;
}

static int64_t op_write(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    if (h == NULL || h->kind == PROXY_DIRECTORY || h->kind == PROXY_ABOVE)
        return -EBADF;
    if (a[2] > PROXY_IO_MAX || a[3] > INT64_MAX - PROXY_IO_MAX - h->base)
        return -EINVAL;
    if (!proxy_from_guest(p, a[1], p->buffer, a[2]))
        return -EFAULT;
    if (h->kind == PROXY_STREAM)
        return write_stream(h->fd, p->buffer, a[2]);
    ssize_t n = pwrite(h->fd, p->buffer, a[2], (off_t)(h->base + a[3]));
    return n < 0 ? -errno : n;
}

/* ---- the rest ---- */

static int64_t op_fstat(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    struct stat st;
    if (h == NULL)
        return -EBADF;
    if (h->kind == PROXY_ABOVE)
        return proxy_put_above(p, a[1]);
    if (fstat(h->fd, &st) != 0)
        return -errno;
    return proxy_put_stat(p, a[1], &st, h->share);
}

static int64_t op_getdents(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    if (h == NULL)
        return -EBADF;
    if (h->kind != PROXY_DIRECTORY && h->kind != PROXY_ABOVE)
        return -ENOTDIR;
    if (a[2] > PROXY_IO_MAX)
        return -EINVAL;
    if (a[3] == 0 || h->listing.entry == NULL) {
        int r = proxy_list(p, h);
        if (r != 0)
            return r;
    }
    return proxy_put_entries(p, h, a[1], a[2], a[3]);
}

static int64_t op_ftruncate(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    if (h == NULL)
        return -EBADF;
    if (h->kind != PROXY_FILE || a[1] > INT64_MAX)
        return -EINVAL;
    return ftruncate(h->fd, (off_t)a[1]) != 0 ? -errno : 0;
}

static int64_t op_fchmod(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    if (h == NULL)
        return -EBADF;
    if (h->share == 0 || p->share[h->share - 1].read_only)
        return -EROFS;
    return fchmod(h->fd, (mode_t)(a[1] & 0777)) != 0 ? -errno : 0;
}

static int64_t op_fsync(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    if (h == NULL)
        return -EBADF;
    if (h->fd < 0)
        return -EINVAL;
    return fsync(h->fd) != 0 ? -errno : 0;
}

static int64_t op_futimens(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    int64_t t[4];
    if (h == NULL)
        return -EBADF;
    if (h->share == 0 || p->share[h->share - 1].read_only)
        return -EROFS;
    if (!proxy_from_guest(p, a[1], t, sizeof t))
        return -EFAULT;
    const struct timespec times[2] = {{t[0], t[1]}, {t[2], t[3]}};
    return futimens(h->fd, times) != 0 ? -errno : 0;
}

static int64_t op_poll(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    if (h == NULL)
        return -EBADF;
    struct pollfd f = {.fd = h->fd, .events = (short)(a[1] & 0xff)};
    if (h->kind != PROXY_STREAM)
        return f.events & (POLLIN | POLLOUT);
    return poll(&f, 1, 0) < 0 ? -errno : f.revents & 0xff;
}

static int64_t op_tty(struct hostproxy *p, const uint64_t *a)
{
    struct proxy_handle *h = handle_of(p, a[0]);
    struct winsize w;
    if (h == NULL)
        return -EBADF;
    if (h->kind != PROXY_STREAM || !isatty(h->fd))
        return -ENOTTY;
    if (ioctl(h->fd, TIOCGWINSZ, &w) != 0)
        return 0;
    return (int64_t)((uint32_t)w.ws_row << 16 | w.ws_col);
}

int64_t proxy_dispatch(struct hostproxy *p, uint32_t op, const uint64_t *a)
{
    switch (op) {
    case PROXY_OPEN: return op_open(p, a);
    case PROXY_CLOSE: return op_close(p, a);
    case PROXY_READ: return op_read(p, a);
    case PROXY_WRITE: return op_write(p, a);
    case PROXY_FSTAT: return op_fstat(p, a);
    case PROXY_GETDENTS: return op_getdents(p, a);
    case PROXY_FCHMOD: return op_fchmod(p, a);
    case PROXY_FTRUNCATE: return op_ftruncate(p, a);
    case PROXY_FSYNC: return op_fsync(p, a);
    case PROXY_FUTIMENS: return op_futimens(p, a);
    case PROXY_POLL: return op_poll(p, a);
    case PROXY_TTY: return op_tty(p, a);
    default: return proxy_names(p, op, a);
    }
}
