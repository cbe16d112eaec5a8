/* SPDX-License-Identifier: Apache-2.0
 * Reading and writing files of the host: see hostio.h for the promises.
 */
#include "sim/base/hostio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Reading ------------------------------------------------------------ */

static enum sim_status open_regular(const char *path, int *fd, struct stat *st,
                                    struct sim_error *e)
{
    /* Non-blocking: opening a FIFO without a writer would wait. */
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd < 0) {
        if (errno == ENXIO)
            return sim_fail(e, SIM_BAD_INPUT, "%s: not a regular file", path);
        bool missing = errno == ENOENT || errno == ENOTDIR;
        return sim_fail(e, missing ? SIM_BAD_INPUT : SIM_NO_RESOURCE, "%s: %s",
                        path, strerror(errno));
    }
    if (fstat(*fd, st) != 0) {
        int error = errno;
        close(*fd);
        return sim_fail(e, SIM_NO_RESOURCE, "%s: %s", path, strerror(error));
    }
    if (!S_ISREG(st->st_mode)) {
        close(*fd);
        return sim_fail(e, SIM_BAD_INPUT, "%s: not a regular file", path);
    }
    return SIM_OK;
}

struct buffer {
    uint8_t *data;
    size_t len, room; /* data has room + 1 bytes */
};

static bool buffer_grow(struct buffer *b, size_t room)
{
    uint8_t *data = realloc(b->data, room + 1);
    if (data == NULL)
        return false;
    b->data = data;
    b->room = room;
    return true;
}

/* Read to the end, growing: files under /proc say that they are empty. */
static enum sim_status read_all(int fd, const char *path, size_t cap,
                                struct buffer *b, struct sim_error *e)
{
    for (;;) {
        if (b->len == b->room) {
            size_t room = b->room > cap / 2 ? cap + 1 : 2 * b->room;
            if (b->len > cap)
                return sim_fail(e, SIM_BAD_INPUT, "%s: too large (%zu bytes)",
                                path, cap);
            if (!buffer_grow(b, room))
                return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", path);
        }
        ssize_t n = read(fd, b->data + b->len, b->room - b->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sim_fail(e, SIM_NO_RESOURCE, "%s: %s", path,
                            strerror(errno));
        if (n == 0)
            return SIM_OK;
        b->len += (size_t)n;
    }
}

enum sim_status hostio_read(const char *path, size_t cap, uint8_t **data,
                            size_t *len, struct sim_error *e)
{
    int fd;
    struct stat st;
    if (cap > SSIZE_MAX / 4)
        cap = SSIZE_MAX / 4; /* room for cap + 2 without overflow */
    enum sim_status s = open_regular(path, &fd, &st, e);
    if (s != SIM_OK)
        return s;
    struct buffer b = {0};
    size_t expected = (size_t)st.st_size;
    if (expected > cap)
        s = sim_fail(e, SIM_BAD_INPUT, "%s: too large: %zu bytes (at most %zu)",
                     path, expected, cap);
    else if (!buffer_grow(&b, (expected > 4095 ? expected : 4095) + 1))
        s = sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", path);
    else
        s = read_all(fd, path, cap, &b, e);
    close(fd);
    if (s == SIM_OK && b.len > cap)
        s = sim_fail(e, SIM_BAD_INPUT, "%s: too large (at most %zu bytes)",
                     path, cap);
    if (s != SIM_OK) {
        free(b.data);
        return s;
    }
    b.data[b.len] = 0;
    *data = b.data;
    *len = b.len;
    return SIM_OK;
}

/* --- Writing ------------------------------------------------------------ */

static enum sim_status host_error(struct sim_error *e, const char *path,
                                  int error)
{
    return sim_fail(e, SIM_NO_RESOURCE, "%s: %s", path, strerror(error));
}

/* The name to give in the end: what a symbolic link points to. */
static char *resolve_target(const char *path, struct stat *st, bool *exists)
{
    *exists = stat(path, st) == 0;
    /* /dev/stdout leads to a pipe that has no path of its own. */
    if (*exists && !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return strdup(path);
    if (*exists)
        return realpath(path, NULL);
    struct stat link;
    if (errno != ENOENT)
        return NULL;
    if (lstat(path, &link) == 0) { /* a link to nowhere */
        errno = ENOENT;
        return NULL;
    }
    return strdup(path);
}

/* Open a fresh file beside the target. Its mode is what open() would give,
 * which mkstemp does not do. */
static int open_temp(struct hostio_file *f, mode_t mode)
{
    size_t size = strlen(f->target) + 32;
    f->temp = malloc(size);
    if (f->temp == NULL)
        return -1;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(f->temp, size, "%s.tmp%ld-%u", f->target, (long)getpid(), i);
        int fd =
            open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                 mode);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

enum sim_status hostio_begin(struct hostio_file *f, const char *path,
                             struct sim_error *e)
{
    *f = (struct hostio_file){0};
    struct stat st;
    bool exists;
    int fd = -1;
    f->target = resolve_target(path, &st, &exists);
    if (f->target == NULL)
        return host_error(e, path, errno);
    if (exists && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
    } else if (exists && !S_ISREG(st.st_mode)) {
        fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    } else {
        fd = open_temp(f, exists ? st.st_mode & 0777 : 0666);
        if (fd < 0) { /* nothing of ours to remove */
            int error = errno;
            free(f->temp);
            f->temp = NULL;
            errno = error;
        }
    }
    if (fd >= 0)
        f->stream = fdopen(fd, "w");
    if (f->stream == NULL) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        hostio_abandon(f);
        return host_error(e, path, error);
    }
    return SIM_OK;
}

void hostio_abandon(struct hostio_file *f)
{
    if (f->stream != NULL)
        fclose(f->stream);
    if (f->temp != NULL)
        unlink(f->temp);
    free(f->temp);
    free(f->target);
    *f = (struct hostio_file){0};
}

/* 0 or an errno; the stream is closed in any case. */
static int finish_stream(struct hostio_file *f)
{
    int error = 0;
    errno = 0;
    if (fflush(f->stream) != 0 || ferror(f->stream))
        error = errno != 0 ? errno : EIO;
    /* A failed fsync is not retried: the pages may be gone. Devices and
     * FIFOs cannot be synchronised and say EINVAL. */
    if (error == 0 && f->temp != NULL && fsync(fileno(f->stream)) != 0)
        error = errno;
    if (fclose(f->stream) != 0 && error == 0)
        error = errno;
    f->stream = NULL;
    return error;
}

enum sim_status hostio_commit(struct hostio_file *f, struct sim_error *e)
{
    int error = finish_stream(f);
    if (error == 0 && f->temp != NULL && rename(f->temp, f->target) != 0)
        error = errno;
    enum sim_status s = error != 0 ? host_error(e, f->target, error) : SIM_OK;
    if (error == 0) {
        free(f->temp); /* its name is no longer ours to unlink */
        f->temp = NULL;
    }
    hostio_abandon(f);
    return s;
}

enum sim_status hostio_write(const char *path, const void *data, size_t len,
                             struct sim_error *e)
{
    struct hostio_file f;
    enum sim_status s = hostio_begin(&f, path, e);
    if (s != SIM_OK)
        return s;
    if (len > 0)
        fwrite(data, 1, len, f.stream); /* an error is seen at commit */
    return hostio_commit(&f, e);
}
