/* SPDX-License-Identifier: Apache-2.0
 * Files that exist without a share: a few devices, a few of /proc, and the
 * program's own image, read only.
 */
#include "workloads/pk/file.h"

/* ---- files in memory ---- */

static s64 mem_read(struct file *f, u64 to, u64 len, u64 *pos)
{
    if (*pos >= f->size)
        return 0;
    len = min64(len, f->size - *pos);
    if (copy_to_user(to, (u8 *)f->data + *pos, len))
        return -EFAULT;
    *pos += len;
    return (s64)len;
}

static s64 mem_pread_kernel(struct file *f, void *to, u64 len, u64 at)
{
    if (at >= f->size)
        return 0;
    len = min64(len, f->size - at);
    memcpy(to, (u8 *)f->data + at, len);
    return (s64)len;
}

static s64 mem_stat(struct file *f, struct linux_stat *st)
{
    st->mode = S_IFREG | 0444;
    st->size = (s64)f->size;
    st->blocks = (s64)((f->size + 511) / 512);
    st->ino = 1;
    st->mtime.sec = st->atime.sec = st->ctime.sec = (s64)params.epoch;
    return 0;
}

static s64 image_stat(struct file *f, struct linux_stat *st)
{
    mem_stat(f, st);
    st->mode = S_IFREG | 0555;
    return 0;
}

static void text_release(struct file *f)
{
    kfree(f->data);
}

static const struct file_ops image_ops = {
    .read = mem_read,
    .pread_kernel = mem_pread_kernel,
    .stat = image_stat,
    .seekable = true,
};

static const struct file_ops text_ops = {
    .read = mem_read,
    .pread_kernel = mem_pread_kernel,
    .stat = mem_stat,
    .release = text_release,
    .seekable = true,
};

/* ---- devices ---- */

static s64 null_read(struct file *f, u64 to, u64 len, u64 *pos)
{
    (void)f;
    (void)to;
    (void)len;
    (void)pos;
    return 0;
}

static s64 sink_write(struct file *f, u64 from, u64 len, u64 *pos)
{
    (void)f;
    (void)from;
    (void)pos;
    return (s64)len;
}

static s64 sink_pwrite_kernel(struct file *f, const void *from, u64 len, u64 at)
{
    (void)f;
    (void)from;
    (void)at;
    return (s64)len;
}

static s64 zero_read(struct file *f, u64 to, u64 len, u64 *pos)
{
    (void)f;
    (void)pos;
    return clear_user(to, len) ? -EFAULT : (s64)len;
}

static s64 zero_pread_kernel(struct file *f, void *to, u64 len, u64 at)
{
    (void)f;
    (void)at;
    memset(to, 0, len);
    return (s64)len;
}

static s64 random_read(struct file *f, u64 to, u64 len, u64 *pos)
{
    u8 buf[256];

    (void)f;
    (void)pos;
    for (u64 done = 0; done < len;) {
        u64 part = min64(len - done, sizeof buf);
        random_fill(buf, part);
        if (copy_to_user(to + done, buf, part))
            return done ? (s64)done : -EFAULT;
        done += part;
    }
    return (s64)len;
}

static s64 full_write(struct file *f, u64 from, u64 len, u64 *pos)
{
    (void)f;
    (void)from;
    (void)len;
    (void)pos;
    return -ENOSPC;
}

static s64 device_stat(struct file *f, struct linux_stat *st)
{
    st->mode = S_IFCHR | 0666;
    st->rdev = f->size; /* where the table put the device's number */
    st->ino = f->size;
    return 0;
}

static const struct file_ops null_ops = {
    .read = null_read,
    .write = sink_write,
    .pwrite_kernel = sink_pwrite_kernel,
    .stat = device_stat,
    .seekable = true,
};
static const struct file_ops zero_ops = {
    .read = zero_read,
    .write = sink_write,
    .pread_kernel = zero_pread_kernel,
    .pwrite_kernel = sink_pwrite_kernel,
    .stat = device_stat,
    .seekable = true,
};
static const struct file_ops random_ops = {
    .read = random_read,
    .write = sink_write,
    .stat = device_stat,
};
static const struct file_ops full_ops = {
    .read = zero_read,
    .write = full_write,
    .stat = device_stat,
    .seekable = true,
};

static const struct {
    const char *path;
    const struct file_ops *ops;
    u32 rdev; /* major << 8 | minor */
} devices[] = {
    {"/dev/null", &null_ops, 0x103},      {"/dev/zero", &zero_ops, 0x105},
    {"/dev/full", &full_ops, 0x107},      {"/dev/random", &random_ops, 0x108},
    {"/dev/urandom", &random_ops, 0x109},
};

/* ---- generated texts ---- */

struct text {
    char *at;
    u64 size, n;
};

static void add(struct text *t, const char *f, ...) PRINTF(2, 3);
static void add(struct text *t, const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    u64 left = t->n < t->size ? t->size - t->n : 0;
    t->n += format_list(t->at + min64(t->n, t->size), left, f, ap);
    va_end(ap);
}

static void text_maps(struct text *t)
{
    struct mm *mm = current()->mm;

    for (unsigned i = 0; i < mm->count; i++) {
        const struct vma *v = &mm->vma[i];
        const char *name = v->flags & VMA_HEAP        ? "[heap]"
                           : v->flags & VMA_STACK     ? "[stack]"
                           : v->file && v->file->path ? v->file->path
                                                      : "";
        add(t, "%08lx-%08lx %c%c%c%c %08lx 00:00 0 ", v->start, v->end,
            v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-',
            v->prot & PROT_EXEC ? 'x' : '-', v->flags & MAP_SHARED ? 's' : 'p',
            v->offset);
        add(t, "%s%s\n", *name ? "                         " : "", name);
    }
}

static void text_cpuinfo(struct text *t)
{
    struct cpuid v = cpuid(0, 0), one = cpuid(1, 0);
    u32 vendor[4] = {v.b, v.d, v.c, 0};
    u32 family = (one.a >> 8 & 15) + (one.a >> 20 & 255);
    u32 model = (one.a >> 4 & 15) | (one.a >> 12 & 0xf0);

    for (unsigned i = 0; i < params.cores; i++) {
        add(t, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\n", i,
            (const char *)vendor, family);
        add(t, "model\t\t: %u\nstepping\t: %u\n", model, one.a & 15);
        add(t, "cpu MHz\t\t: %lu.000\n", params.tsc_hz / 1000000);
        add(t, "cpu cores\t: %u\nclflush size\t: 64\n\n", params.cores);
    }
}

static void text_meminfo(struct text *t)
{
    u64 total = page_total() >> 10, left = page_free_bytes() >> 10;

    add(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\n", total, left);
    add(t, "MemAvailable:   %8lu kB\nBuffers:               0 kB\n", left);
    add(t, "Cached:                0 kB\nSwapTotal:             0 kB\n"
           "SwapFree:              0 kB\n");
}

static void text_online(struct text *t)
{
    if (params.cores == 1)
        add(t, "0\n");
    else
        add(t, "0-%u\n", params.cores - 1);
}

static void text_uptime(struct text *t)
{
    u64 ns = time_ns(time_ticks());

    add(t, "%lu.%02lu 0.00\n", ns / 1000000000, ns % 1000000000 / 10000000);
}

static void text_cmdline(struct text *t)
{
    struct mm *mm = current()->mm;
    u64 n = min64(mm->arg_end - mm->arg_start, t->size);

    t->n = mm->arg_end - mm->arg_start;
    if (copy_from_user(t->at, mm->arg_start, n))
        t->n = 0;
}

static void text_stat(struct text *t)
{
    struct group *g = current()->group;

    add(t, "%d (%s) R %d %d %d 0 -1 0 0 0 0 0 %lu 0 0 0 20 0 %u 0 0 ", g->pid,
        g->comm, g->parent ? g->parent->pid : 1, g->pgid, g->sid,
        time_ns(g->utime) / 10000000, g->live);
    add(t, "%lu %lu\n", current()->mm->pages << PAGE_BITS,
        current()->mm->pages);
}

static void text_overcommit(struct text *t)
{
    add(t, "0\n");
}

static const struct {
    const char *path;
    void (*make)(struct text *t);
} texts[] = {
    {"/proc/self/maps", text_maps},
    {"/proc/self/cmdline", text_cmdline},
    {"/proc/self/stat", text_stat},
    {"/proc/cpuinfo", text_cpuinfo},
    {"/proc/meminfo", text_meminfo},
    {"/proc/uptime", text_uptime},
    {"/proc/sys/vm/overcommit_memory", text_overcommit},
    {"/sys/devices/system/cpu/online", text_online},
    {"/sys/devices/system/cpu/possible", text_online},
};

static s64 text_open(void (*make)(struct text *t), struct file **out)
{
    struct text t = {NULL, 0, 0};

    for (u64 size = 4096;; size *= 4) {
        t = (struct text){kmalloc(size), size, 0};
        if (!t.at)
            return -ENOMEM;
        make(&t);
        if (t.n < size)
            break;
        kfree(t.at);
    }
    struct file *f = file_new(&text_ops, O_RDONLY);
    if (!f) {
        kfree(t.at);
        return -ENOMEM;
    }
    f->data = t.at;
    f->size = t.n;
    *out = f;
    return 0;
}

/* ---- lookup ---- */

/* "/proc/<own pid>/x" and "/proc/self/x" are one; NULL: neither. */
static const char *own_proc(const char *path, char *room, size_t size)
{
    char prefix[32];
    size_t n =
        format(prefix, sizeof prefix, "/proc/%d/", current()->group->pid);

    if (strncmp(path, prefix, n))
        return path;
    format(room, size, "/proc/self/%s", path + n);
    return room;
}

static s64 open_again(const char *digits, struct file **out)
{
    u64 fd;
    struct file *f = parse_decimal(digits, 4096, &fd) ? file_of(fd) : NULL;

    if (!f)
        return -ENOENT;
    file_get(f);
    *out = f;
    return 0;
}

static s64 image_open(u32 flags, struct file **out)
{
    if ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)
        return -EACCES;
    struct file *f = file_new(&image_ops, flags);
    if (!f)
        return -ENOMEM;
    f->data = (void *)(u64)params.image;
    f->size = params.image_len;
    f->path = kstrdup(params.exec);
    *out = f;
    return 0;
}

static s64 stream_by_name(const char *path, struct file **out)
{
    static const char *const names[] = {"/dev/stdin", "/dev/stdout",
                                        "/dev/stderr"};
    char digit[2] = {0, 0};

    for (unsigned i = 0; i < ARRAY(names); i++) {
        if (strcmp(path, names[i]))
            continue;
        digit[0] = (char)('0' + i);
        return open_again(digit, out);
    }
    if (!strncmp(path, "/dev/fd/", 8))
        return open_again(path + 8, out);
    if (!strncmp(path, "/proc/self/fd/", 14))
        return open_again(path + 14, out);
    if (!strcmp(path, "/dev/tty")) {
        struct file *in = file_of(0);
        u8 termios[64];
        if (!in || !in->ops->ioctl || !proxy_present ||
            host_handle_op(PK_OP_TTY, in, 0) < 0)
            return -6; /* ENXIO: no controlling terminal */
        (void)termios;
        return open_again("0", out);
    }
    return -EXDEV;
}

s64 special_open(const char *path, u32 flags, struct file **out)
{
    char room[64];

    path = own_proc(path, room, sizeof room);
    if (!strcmp(path, "/proc/self/exe"))
        path = current()->mm->exec;
    if (!strcmp(path, params.exec))
        return image_open(flags, out);
    for (unsigned i = 0; i < ARRAY(devices); i++) {
        if (strcmp(path, devices[i].path))
            continue;
        *out = file_new(devices[i].ops, flags);
        if (!*out)
            return -ENOMEM;
        (*out)->size = devices[i].rdev;
        return 0;
    }
    for (unsigned i = 0; i < ARRAY(texts); i++) {
        if (strcmp(path, texts[i].path))
            continue;
        if ((flags & O_ACCMODE) != O_RDONLY)
            return -EACCES;
        return text_open(texts[i].make, out);
    }
    return stream_by_name(path, out);
}

static bool is_directory(const char *path)
{
    static const char *const dirs[] = {
        "/dev", "/proc", "/proc/self", "/proc/self/fd", "/dev/fd",
    };

    for (unsigned i = 0; i < ARRAY(dirs); i++)
        if (!strcmp(path, dirs[i]))
            return true;
    return false;
}

s64 special_stat(const char *path, bool follow, struct linux_stat *st)
{
    char room[PK_PATH_MAX + 1];
    struct file *f = NULL;

    memset(st, 0, sizeof *st);
    st->blksize = 4096;
    st->nlink = 1;
    if (!follow && special_readlink(path, room, sizeof room) >= 0) {
        st->mode = S_IFLNK | 0777;
        return 0;
    }
    if (is_directory(path)) {
        st->mode = S_IFDIR | 0555;
        return 0;
    }
    s64 r = special_open(path, O_RDONLY, &f);
    if (r)
        return r;
    r = file_stat(f, st);
    file_put(f);
    return r;
}

s64 special_readlink(const char *path, char *to, u64 size)
{
    char room[64];
    const char *target = NULL;
    u64 fd;

    path = own_proc(path, room, sizeof room);
    if (!strcmp(path, "/proc/self/exe")) {
        target = current()->mm->exec;
    } else if (!strcmp(path, "/proc/self/cwd")) {
        target = current()->fs->cwd;
    } else if (!strncmp(path, "/proc/self/fd/", 14) &&
               parse_decimal(path + 14, 4096, &fd)) {
        struct file *f = file_of(fd);
        if (!f)
            return -ENOENT;
        target = f->path ? f->path : fd < 3 ? "/dev/tty" : "pipe:[1]";
    }
    if (!target)
        return -EXDEV;
    u64 n = min64(strlen(target), size);
    memcpy(to, target, n);
    return (s64)n;
}

void file_init(void)
{
}
