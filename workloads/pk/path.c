/* SPDX-License-Identifier: Apache-2.0
 * System calls that take a path. A path becomes absolute text here; what is
 * not one of our own files (special.c) goes to the host, which resolves links
 * and ".." and decides what may be reached.
 *
 * Paths are kept in static buffers: nothing here sleeps while it uses them.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/syscall.h"

static char raw[PK_PATH_MAX + 1];
static char path_a[PK_PATH_MAX + 1], path_b[PK_PATH_MAX + 1];
static char plain[PK_PATH_MAX + 1]; /* normalised, for special_* */

void path_normalise(const char *from, char *to)
{
    size_t n = 0;

    while (*from) {
        while (*from == '/')
            from++;
        size_t len = 0;
        while (from[len] && from[len] != '/')
            len++;
        if (len == 2 && from[0] == '.' && from[1] == '.') {
            while (n && to[--n] != '/')
                ;
        } else if (len && !(len == 1 && from[0] == '.')) {
            to[n++] = '/';
            memmove(to + n, from, len);
            n += len;
        }
        from += len;
    }
    if (!n)
        to[n++] = '/';
    to[n] = 0;
}

static s64 base_of(s32 dirfd, const char **base)
{
    struct file *f;

    *base = current()->fs->cwd;
    if (dirfd == AT_FDCWD)
        return 0;
    f = file_of((u64)dirfd);
    if (!f)
        return -EBADF;
    if (!f->path)
        return -ENOTDIR;
    *base = f->path;
    return 0;
}

s64 path_from_user(s32 dirfd, u64 path, char *to)
{
    const char *base;
    s64 n = string_from_user(raw, path, sizeof raw);

    if (n < 0)
        return n;
    if (!n)
        return -ENOENT;
    if (raw[0] == '/') {
        memcpy(to, raw, (u64)n + 1);
        return 0;
    }
    s64 r = base_of(dirfd, &base);
    if (r)
        return r;
    u64 len = strlen(base);
    if (len + (u64)n + 1 > PK_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(to, base, len);
    if (to[len - 1] != '/')
        to[len++] = '/';
    memcpy(to + len, raw, (u64)n + 1);
    return 0;
}

s64 path_open(const char *path, u32 flags, u32 mode, struct file **out)
{
    path_normalise(path, plain);
    s64 r = special_open(plain, flags, out);
    if (r != -EXDEV)
        return r;
    return proxy_present ? host_open(path, flags, mode, out) : -ENOENT;
}

s64 path_stat(const char *path, bool follow, struct linux_stat *st)
{
    path_normalise(path, plain);
    s64 r = special_stat(plain, follow, st);
    if (r != -EXDEV)
        return r;
    if (!proxy_present)
        return -ENOENT;
    return host_stat(path, follow ? 0 : AT_SYMLINK_NOFOLLOW, st);
}

/* ---- open ---- */

static s64 do_open(s32 dirfd, u64 path, u32 flags, u32 mode)
{
    struct file *f;
    s64 r = path_from_user(dirfd, path, path_a);

    if (r)
        return r;
    r = path_open(path_a, flags, mode & 07777 & ~current()->fs->umask, &f);
    return r ? r : fd_install(f, flags & O_CLOEXEC);
}

s64 sys_open(const u64 *a)
{
    return do_open(AT_FDCWD, a[0], (u32)a[1], (u32)a[2]);
}

s64 sys_openat(const u64 *a)
{
    return do_open((s32)a[0], a[1], (u32)a[2], (u32)a[3]);
}

s64 sys_creat(const u64 *a)
{
    return do_open(AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, (u32)a[1]);
}

/* ---- attributes ---- */

static s64 stat_at(s32 dirfd, u64 path, u32 flags, struct linux_stat *st)
{
    char first = 1;

    if (flags & AT_EMPTY_PATH && (!path || GET_USER(&first, path) == 0))
        if (!path || !first) {
            struct file *f = dirfd == AT_FDCWD ? NULL : file_of((u64)dirfd);
            if (dirfd == AT_FDCWD)
                return path_stat(current()->fs->cwd, true, st);
            return f ? file_stat(f, st) : -EBADF;
        }
    s64 r = path_from_user(dirfd, path, path_a);
    return r ? r : path_stat(path_a, !(flags & AT_SYMLINK_NOFOLLOW), st);
}

static s64 stat_out(s64 r, const struct linux_stat *st, u64 to)
{
    return r ? r : copy_to_user(to, st, sizeof *st);
}

s64 sys_stat(const u64 *a)
{
    struct linux_stat st;

    return stat_out(stat_at(AT_FDCWD, a[0], 0, &st), &st, a[1]);
}

s64 sys_lstat(const u64 *a)
{
    struct linux_stat st;

    return stat_out(stat_at(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, &st), &st,
                    a[1]);
}

s64 sys_fstat(const u64 *a)
{
    struct linux_stat st;
    struct file *f = file_of(a[0]);

    return f ? stat_out(file_stat(f, &st), &st, a[1]) : -EBADF;
}

s64 sys_newfstatat(const u64 *a)
{
    struct linux_stat st;

    return stat_out(stat_at((s32)a[0], a[1], (u32)a[3], &st), &st, a[2]);
}

struct statx_time {
    s64 sec;
    u32 nsec, pad;
};

struct statx {
    u32 mask, blksize;
    u64 attributes;
    u32 nlink, uid, gid;
    u16 mode, pad;
    u64 ino, size, blocks, attributes_mask;
    struct statx_time atime, btime, ctime, mtime;
    u32 rdev_major, rdev_minor, dev_major, dev_minor;
    u64 spare[14];
};
_Static_assert(sizeof(struct statx) == 256, "Linux layout");

static struct statx_time statx_time(struct timespec t)
{
    return (struct statx_time){t.sec, (u32)t.nsec, 0};
}

s64 sys_statx(const u64 *a)
{
    struct linux_stat st;
    struct statx x = {.mask = 0x7ff};
    s64 r = stat_at((s32)a[0], a[1], (u32)a[2], &st);

    if (r)
        return r;
    x.blksize = (u32)st.blksize;
    x.nlink = (u32)st.nlink;
    x.uid = st.uid;
    x.gid = st.gid;
    x.mode = (u16)st.mode;
    x.ino = st.ino;
    x.size = (u64)st.size;
    x.blocks = (u64)st.blocks;
    x.atime = statx_time(st.atime);
    x.mtime = statx_time(st.mtime);
    x.ctime = statx_time(st.ctime);
    x.rdev_major = (u32)(st.rdev >> 8);
    x.rdev_minor = (u32)st.rdev & 255;
    x.dev_minor = (u32)st.dev;
    return PUT_USER(a[4], &x);
}

static s64 do_access(s32 dirfd, u64 path, u64 mode)
{
    struct linux_stat st;
    s64 r = path_from_user(dirfd, path, path_a);

    if (r)
        return r;
    if (mode & ~7ull)
        return -EINVAL;
    path_normalise(path_a, plain);
    r = special_stat(plain, true, &st);
    if (r == -EXDEV)
        return proxy_present ? host_path(PK_OP_ACCESS, path_a, mode, 0)
                             : -ENOENT;
    if (r)
        return r;
    return mode & ~(u64)(st.mode & 7) ? -EACCES : 0;
}

s64 sys_access(const u64 *a)
{
    return do_access(AT_FDCWD, a[0], a[1]);
}

s64 sys_faccessat(const u64 *a)
{
    return do_access((s32)a[0], a[1], a[2]);
}

s64 sys_faccessat2(const u64 *a)
{
    return do_access((s32)a[0], a[1], a[2]);
}

static s64 do_readlink(s32 dirfd, u64 path, u64 to, u64 size)
{
    s64 r = path_from_user(dirfd, path, path_a);

    if (r)
        return r;
    if ((s64)size <= 0)
        return -EINVAL;
    path_normalise(path_a, plain);
    r = special_readlink(plain, path_b, min64(size, sizeof path_b));
    if (r == -EXDEV)
        r = proxy_present ? host_readlink(PK_OP_READLINK, path_a, path_b,
                                          min64(size, sizeof path_b))
                          : -ENOENT;
    if (r > 0 && copy_to_user(to, path_b, (u64)r))
        return -EFAULT;
    return r;
}

s64 sys_readlink(const u64 *a)
{
    return do_readlink(AT_FDCWD, a[0], a[1], a[2]);
}

s64 sys_readlinkat(const u64 *a)
{
    return do_readlink((s32)a[0], a[1], a[2], a[3]);
}

/* ---- the working directory ---- */

s64 sys_getcwd(const u64 *a)
{
    u64 n = strlen(current()->fs->cwd) + 1;

    if (a[1] < n)
        return -ERANGE;
    return copy_to_user(a[0], current()->fs->cwd, n) ? -EFAULT : (s64)n;
}

static s64 change_dir(const char *path)
{
    struct linux_stat st;
    s64 r = path_stat(path, true, &st);

    if (r)
        return r;
    if ((st.mode & S_IFMT) != S_IFDIR)
        return -ENOTDIR;
    r = host_readlink(PK_OP_REALPATH, path, path_b, PK_PATH_MAX);
    if (r > 0)
        path_b[r] = 0;
    else
        path_normalise(path, path_b);
    memcpy(current()->fs->cwd, path_b, strlen(path_b) + 1);
    return 0;
}

s64 sys_chdir(const u64 *a)
{
    s64 r = path_from_user(AT_FDCWD, a[0], path_a);

    return r ? r : change_dir(path_a);
}

s64 sys_fchdir(const u64 *a)
{
    struct file *f = file_of(a[0]);

    if (!f)
        return -EBADF;
    return f->path ? change_dir(f->path) : -ENOTDIR;
}

s64 sys_umask(const u64 *a)
{
    u32 old = current()->fs->umask;

    current()->fs->umask = (u32)a[0] & 0777;
    return old;
}

/* ---- changes ---- */

/* What is not a host file cannot be changed. */
static s64 host_only(s32 dirfd, u64 path, char *to)
{
    struct linux_stat st;
    s64 r = path_from_user(dirfd, path, to);

    if (r)
        return r;
    path_normalise(to, plain);
    if (special_stat(plain, false, &st) != -EXDEV)
        return -EPERM;
    return proxy_present ? 0 : -ENOENT;
}

static s64 one_path(u32 op, s32 dirfd, u64 path, u64 arg)
{
    s64 r = host_only(dirfd, path, path_a);

    return r ? r : host_path(op, path_a, arg, 0);
}

static s64 do_mkdir(s32 dirfd, u64 path, u64 mode)
{
    struct linux_stat st;
    s64 r = path_from_user(dirfd, path, path_a);

    if (r)
        return r;
    path_normalise(path_a, plain);
    if (special_stat(plain, false, &st) != -EXDEV)
        return -EEXIST;
    if (!proxy_present)
        return -ENOENT;
    return host_path(PK_OP_MKDIR, path_a, mode & 07777 & ~current()->fs->umask,
                     0);
}

s64 sys_mkdir(const u64 *a)
{
    return do_mkdir(AT_FDCWD, a[0], a[1]);
}

s64 sys_mkdirat(const u64 *a)
{
    return do_mkdir((s32)a[0], a[1], a[2]);
}

s64 sys_rmdir(const u64 *a)
{
    return one_path(PK_OP_RMDIR, AT_FDCWD, a[0], 0);
}

s64 sys_unlink(const u64 *a)
{
    return one_path(PK_OP_UNLINK, AT_FDCWD, a[0], 0);
}

s64 sys_unlinkat(const u64 *a)
{
    u32 op = a[2] & AT_REMOVEDIR ? PK_OP_RMDIR : PK_OP_UNLINK;

    return one_path(op, (s32)a[0], a[1], 0);
}

static s64 do_rename(s32 from_fd, u64 from, s32 to_fd, u64 to, u64 flags)
{
    s64 r = host_only(from_fd, from, path_a);

    if (!r)
        r = host_only(to_fd, to, path_b);
    return r ? r : host_two_paths(PK_OP_RENAME, path_a, path_b, flags);
}

s64 sys_rename(const u64 *a)
{
    return do_rename(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

s64 sys_renameat(const u64 *a)
{
    return do_rename((s32)a[0], a[1], (s32)a[2], a[3], 0);
}

s64 sys_renameat2(const u64 *a)
{
    return a[4] & ~1ull ? -EINVAL
                        : do_rename((s32)a[0], a[1], (s32)a[2], a[3], a[4]);
}

static s64 do_symlink(u64 target, s32 dirfd, u64 path)
{
    s64 r = host_only(dirfd, path, path_a);

    if (r)
        return r;
    r = string_from_user(path_b, target, sizeof path_b);
    if (r <= 0)
        return r ? r : -ENOENT;
    return host_two_paths(PK_OP_SYMLINK, path_b, path_a, 0);
}

s64 sys_symlink(const u64 *a)
{
    return do_symlink(a[0], AT_FDCWD, a[1]);
}

s64 sys_symlinkat(const u64 *a)
{
    return do_symlink(a[0], (s32)a[1], a[2]);
}

static s64 do_link(s32 from_fd, u64 from, s32 to_fd, u64 to)
{
    s64 r = host_only(from_fd, from, path_a);

    if (!r)
        r = host_only(to_fd, to, path_b);
    return r ? r : host_two_paths(PK_OP_LINK, path_a, path_b, 0);
}

s64 sys_link(const u64 *a)
{
    return do_link(AT_FDCWD, a[0], AT_FDCWD, a[1]);
}

s64 sys_linkat(const u64 *a)
{
    return do_link((s32)a[0], a[1], (s32)a[2], a[3]);
}

s64 sys_chmod(const u64 *a)
{
    return one_path(PK_OP_CHMOD, AT_FDCWD, a[0], a[1] & 07777);
}

s64 sys_fchmodat(const u64 *a)
{
    return one_path(PK_OP_CHMOD, (s32)a[0], a[1], a[2] & 07777);
}

s64 sys_fchmod(const u64 *a)
{
    struct file *f = file_of(a[0]);

    if (!f)
        return -EBADF;
    return f->path && proxy_present
               ? host_handle_op(PK_OP_FCHMOD, f, a[1] & 07777)
               : -EPERM;
}

/* Owners are not proxied: giving a file to its owner succeeds. */
static s64 do_chown(s32 dirfd, u64 path, u64 uid, u64 gid)
{
    struct linux_stat st;
    s64 r = stat_at(dirfd, path, AT_SYMLINK_NOFOLLOW, &st);

    if (r)
        return r;
    bool same =
        ((s32)uid == -1 || uid == st.uid) && ((s32)gid == -1 || gid == st.gid);
    return same ? 0 : -EPERM;
}

s64 sys_chown(const u64 *a)
{
    return do_chown(AT_FDCWD, a[0], a[1], a[2]);
}

s64 sys_lchown(const u64 *a)
{
    return do_chown(AT_FDCWD, a[0], a[1], a[2]);
}

s64 sys_fchownat(const u64 *a)
{
    return do_chown((s32)a[0], a[1], a[2], a[3]);
}

s64 sys_fchown(const u64 *a)
{
    struct linux_stat st;
    struct file *f = file_of(a[0]);
    s64 r = f ? file_stat(f, &st) : -EBADF;

    if (r)
        return r;
    bool same = ((s32)a[1] == -1 || a[1] == st.uid) &&
                ((s32)a[2] == -1 || a[2] == st.gid);
    return same ? 0 : -EPERM;
}

s64 sys_truncate(const u64 *a)
{
    return (s64)a[1] < 0 ? -EINVAL
                         : one_path(PK_OP_TRUNCATE, AT_FDCWD, a[0], a[1]);
}

/* ---- times; UTIME_NOW is our own clock's now ---- */

#define UTIME_NOW 0x3fffffff

static void now_as(s64 *t)
{
    u64 ns = time_ns(time_ticks());

    t[0] = (s64)(params.epoch + ns / 1000000000);
    t[1] = (s64)(ns % 1000000000);
}

static s64 set_times(s32 dirfd, u64 path, s64 *t, u32 flags)
{
    for (unsigned i = 0; i < 2; i++)
        if (t[2 * i + 1] == UTIME_NOW)
            now_as(t + 2 * i);
    if (!path) {
        struct file *f = file_of((u64)dirfd);
        if (!f)
            return -EBADF;
        return f->path && proxy_present ? host_times(NULL, f, t, 0) : 0;
    }
    s64 r = host_only(dirfd, path, path_a);
    return r ? r : host_times(path_a, NULL, t, flags & AT_SYMLINK_NOFOLLOW);
}

s64 sys_utimensat(const u64 *a)
{
    s64 t[4] = {0, UTIME_NOW, 0, UTIME_NOW};

    if (a[2] && copy_from_user(t, a[2], sizeof t))
        return -EFAULT;
    return set_times((s32)a[0], a[1], t, (u32)a[3]);
}

s64 sys_utimes(const u64 *a)
{
    s64 t[4] = {0, UTIME_NOW, 0, UTIME_NOW};

    if (a[1]) {
        if (copy_from_user(t, a[1], sizeof t))
            return -EFAULT;
        if (t[1] < 0 || t[1] > 999999 || t[3] < 0 || t[3] > 999999)
            return -EINVAL;
        t[1] *= 1000;
        t[3] *= 1000;
    }
    return set_times(AT_FDCWD, a[0], t, 0);
}

s64 sys_utime(const u64 *a)
{
    s64 t[4] = {0, UTIME_NOW, 0, UTIME_NOW};

    if (a[1]) {
        s64 two[2];
        if (copy_from_user(two, a[1], sizeof two))
            return -EFAULT;
        t[0] = two[0];
        t[2] = two[1];
        t[1] = t[3] = 0;
    }
    return set_times(AT_FDCWD, a[0], t, 0);
}

/* ---- file systems ---- */

static s64 put_statfs(u64 to)
{
    u64 s[15] = {0x01021997 /* as a 9p share */,
                 4096,
                 1 << 20,
                 1 << 19,
                 1 << 19,
                 1 << 20,
                 1 << 19,
                 0,
                 255,
                 4096};

    return PUT_USER(to, &s);
}

s64 sys_statfs(const u64 *a)
{
    struct linux_stat st;
    s64 r = stat_at(AT_FDCWD, a[0], 0, &st);

    return r ? r : put_statfs(a[1]);
}

s64 sys_fstatfs(const u64 *a)
{
    return file_of(a[0]) ? put_statfs(a[1]) : -EBADF;
}
