/* SPDX-License-Identifier: Apache-2.0
 * Operations on paths. Each resolves its paths to spots (hostproxy_path.c)
 * and then uses only a held directory and one name that is no link.
 */
#define _GNU_SOURCE /* O_PATH, renameat2 */

#include "sim/chipset/hostproxy_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int proxy_path_argument(const struct hostproxy *p, const uint64_t *a, char *out)
{
    if (a[1] == 0)
        return -ENOENT;
    if (a[1] > PROXY_PATH_MAX)
        return -ENAMETOOLONG;
    if (!proxy_from_guest(p, a[0], out, a[1]))
        return -EFAULT;
    out[a[1]] = 0;
    if (out[0] != '/' || strlen(out) != a[1])
        return -EINVAL;
    return 0;
}

/* A directory may be named with a final slash where it is to be made or
 * removed; the name without it is what counts. */
static void strip_slashes(char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        path[--n] = 0;
}

static int spot_argument(const struct hostproxy *p, const uint64_t *a,
                         bool follow, bool strip, struct proxy_spot *s)
{
    char path[PROXY_PATH_MAX + 1];
    int r = proxy_path_argument(p, a, path);
    if (r != 0)
        return r;
    if (strip)
        strip_slashes(path);
    return proxy_walk(p, path, follow, s);
}

/* An existing thing that may be changed; directories we hold by "." and
 * those above the shares may not. */
static int changeable(const struct proxy_spot *s)
{
    if (s->dir < 0 || strcmp(s->name, ".") == 0)
        return -EBUSY;
    return s->read_only ? -EROFS : 0;
}

static int result(int r)
{
    return r != 0 ? -errno : 0;
}

/* ---- looking ---- */

static int do_stat(struct hostproxy *p, const struct proxy_spot *s, uint64_t to)
{
    struct stat st;
    if (s->dir < 0)
        return proxy_put_above(p, to);
    if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    return proxy_put_stat(p, to, &st, s->share);
}

static int do_access(const struct proxy_spot *s, uint64_t mode)
{
    if (s->dir < 0)
        return mode & W_OK ? -EROFS : 0;
    if (faccessat(s->dir, s->name, (int)(mode & 7), 0) != 0)
        return -errno;
    return mode & W_OK && s->read_only ? -EROFS : 0;
}

static int64_t do_readlink(struct hostproxy *p, const struct proxy_spot *s,
                           const uint64_t *a)
{
    if (s->dir < 0 || strcmp(s->name, ".") == 0)
        return -EINVAL;
    size_t size = a[3] < PROXY_PATH_MAX ? (size_t)a[3] : PROXY_PATH_MAX;
    if (size == 0)
        return -EINVAL;
    ssize_t n = readlinkat(s->dir, s->name, (char *)p->buffer, size);
    if (n < 0)
        return -errno;
    return proxy_to_guest(p, a[2], p->buffer, (size_t)n) ? n : -EFAULT;
}

static int64_t do_realpath(struct hostproxy *p, const struct proxy_spot *s,
                           const uint64_t *a)
{
    struct stat st;
    size_t n = strlen(s->text);
    if (s->dir >= 0 && fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (n > a[3])
        return -ERANGE;
    return proxy_to_guest(p, a[2], s->text, n) ? (int64_t)n : -EFAULT;
}

/* ---- changing ---- */

static int do_mkdir(const struct proxy_spot *s, uint64_t mode)
{
    if (s->dir < 0 || strcmp(s->name, ".") == 0)
        return -EEXIST;
    struct stat st;
    if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    if (s->read_only)
        return -EROFS;
    return result(mkdirat(s->dir, s->name, (mode_t)(mode & 0777)));
}

static int do_remove(const struct proxy_spot *s, int flag)
{
    int r = changeable(s);
    if (r == -EBUSY && flag == 0)
        return -EISDIR;
    return r != 0 ? r : result(unlinkat(s->dir, s->name, flag));
}

/* chmod without following a link that appears meanwhile. */
static int do_chmod(const struct proxy_spot *s, uint64_t mode)
{
    char self[40];
    struct stat st;
    if (s->dir < 0 || s->read_only)
        return -EROFS;
    int fd = openat(s->dir, s->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = -EOPNOTSUPP;
    if (fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode)) {
        snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
        r = result(chmod(self, (mode_t)(mode & 0777)));
    }
    close(fd);
    return r;
}

static int do_truncate(const struct proxy_spot *s, uint64_t size)
{
    struct stat st;
    if (size > INT64_MAX)
        return -EINVAL;
    if (s->dir < 0 || strcmp(s->name, ".") == 0)
        return -EISDIR;
    if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (s->read_only)
        return -EROFS;
    int fd =
        openat(s->dir, s->name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = result(ftruncate(fd, (off_t)size));
    close(fd);
    return r;
}

static int do_utimens(const struct hostproxy *p, const struct proxy_spot *s,
                      uint64_t from)
{
    int64_t t[4];
    if (!proxy_from_guest(p, from, t, sizeof t))
        return -EFAULT;
    if (s->dir < 0 || s->read_only)
        return -EROFS;
    const struct timespec times[2] = {{t[0], t[1]}, {t[2], t[3]}};
    return result(utimensat(s->dir, s->name, times, AT_SYMLINK_NOFOLLOW));
}

static int64_t one_spot(struct hostproxy *p, uint32_t op, const uint64_t *a,
                        const struct proxy_spot *s)
{
    switch (op) {
    case PROXY_STAT: return do_stat(p, s, a[2]);
    case PROXY_ACCESS: return do_access(s, a[2]);
    case PROXY_READLINK: return do_readlink(p, s, a);
    case PROXY_REALPATH: return do_realpath(p, s, a);
    case PROXY_MKDIR: return do_mkdir(s, a[2]);
    case PROXY_RMDIR: return do_remove(s, AT_REMOVEDIR);
    case PROXY_UNLINK: return do_remove(s, 0);
    case PROXY_CHMOD: return do_chmod(s, a[2]);
    case PROXY_TRUNCATE: return do_truncate(s, a[2]);
    case PROXY_UTIMENS: return do_utimens(p, s, a[2]);
    default: return -ENOSYS;
    }
}

/* ---- two names ---- */

static int do_symlink(const struct hostproxy *p, const uint64_t *a)
{
    char target[PROXY_PATH_MAX + 1];
    struct proxy_spot s;
    if (a[1] == 0 || a[1] > PROXY_PATH_MAX)
        return a[1] == 0 ? -ENOENT : -ENAMETOOLONG;
    if (!proxy_from_guest(p, a[0], target, a[1]))
        return -EFAULT;
    target[a[1]] = 0;
    int r = spot_argument(p, a + 2, false, false, &s);
    if (r != 0)
        return r;
    r = changeable(&s);
    if (r == -EBUSY)
        r = -EEXIST;
    if (r == 0)
        r = result(symlinkat(target, s.dir, s.name));
    proxy_spot_close(&s);
    return r;
}

static int two_spots(const struct hostproxy *p, uint32_t op, const uint64_t *a)
{
    bool rename = op == PROXY_RENAME;
    struct proxy_spot from, to;
    int r = spot_argument(p, a, false, rename, &from);
    if (r != 0)
        return r;
    r = spot_argument(p, a + 2, false, rename, &to);
    if (r != 0) {
        proxy_spot_close(&from);
        return r;
    }
    r = changeable(&from);
    if (r == 0)
        r = changeable(&to);
    if (r == 0 && rename)
        r = a[4] & ~(uint64_t)RENAME_NOREPLACE
                ? -EINVAL
                : result(renameat2(from.dir, from.name, to.dir, to.name,
                                   (unsigned)a[4]));
    else if (r == 0)
        r = result(linkat(from.dir, from.name, to.dir, to.name, 0));
    proxy_spot_close(&from);
    proxy_spot_close(&to);
    return r;
}

int64_t proxy_names(struct hostproxy *p, uint32_t op, const uint64_t *a)
{
    struct proxy_spot s;
    bool follow = op == PROXY_ACCESS || op == PROXY_CHMOD ||
                  op == PROXY_TRUNCATE || op == PROXY_REALPATH ||
                  (op == PROXY_STAT && !(a[3] & AT_SYMLINK_NOFOLLOW)) ||
                  (op == PROXY_UTIMENS && !(a[3] & AT_SYMLINK_NOFOLLOW));
    bool strip = op == PROXY_MKDIR || op == PROXY_RMDIR;
    if (op == PROXY_SYMLINK)
        return do_symlink(p, a);
    if (op == PROXY_RENAME || op == PROXY_LINK)
        return two_spots(p, op, a);
    if (op < PROXY_STAT || op >= PROXY_OP_END)
        return -ENOSYS;
    int r = spot_argument(p, a, follow, strip, &s);
    if (r != 0)
        return r;
    int64_t n = one_spot(p, op, a, &s);
    proxy_spot_close(&s);
    return n;
}
