/* SPDX-License-Identifier: Apache-2.0
 * The host proxy: what a guest can reach through it, and what it cannot.
 */
#define _GNU_SOURCE /* asprintf */

#include "sim/chipset/hostproxy.h"
#include "workloads/include/vtsim_pk.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RAM_SIZE 0x200000u
#define REQUEST  0x1000u
#define PATH_A   0x2000u
#define PATH_B   0x4000u
#define BUFFER   0x10000u

_Static_assert(HOSTPROXY_PORT == PK_PROXY_PORT, "one contract");
_Static_assert(HOSTPROXY_PORTS == PK_PROXY_PORTS, "one contract");
_Static_assert(HOSTPROXY_SIGNATURE == PK_PROXY_SIGNATURE, "one contract");
_Static_assert(HOSTPROXY_VERSION == PK_PROXY_VERSION, "one contract");

struct fixture {
    uint8_t *ram;
    char *top; /* a temporary directory: rw/ ro/ secret */
    char *share[2];
    struct hostproxy *proxy;
    struct io_port port;
    int in[2], out[2]; /* pipes that are standard input and output */
    int exit_status;
};

static bool ram_read(void *self, hpa at, unsigned len, void *out)
{
    struct fixture *f = self;
    ck_assert_uint_le(at.v % PAGE_SIZE + len, PAGE_SIZE);
    if (at.v >= RAM_SIZE)
        return false;
    memcpy(out, f->ram + at.v, len);
    return true;
}

static bool ram_write(void *self, hpa at, unsigned len, const void *in)
{
    struct fixture *f = self;
    ck_assert_uint_le(at.v % PAGE_SIZE + len, PAGE_SIZE);
    if (at.v >= RAM_SIZE)
        return false;
    memcpy(f->ram + at.v, in, len);
    return true;
}

static void on_exit_op(void *self, uint8_t status)
{
    ((struct fixture *)self)->exit_status = status;
}

static void put_file(const char *top, const char *name, const char *text)
{
    char *path;
    ck_assert(asprintf(&path, "%s/%s", top, name) > 0);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static char *sub(const char *top, const char *name)
{
    char *path;
    ck_assert(asprintf(&path, "%s/%s", top, name) > 0);
    return path;
}

static void set_up(struct fixture *f)
{
    char template[] = "/tmp/hostproxyXXXXXX";
    memset(f, 0, sizeof *f);
    f->exit_status = -1;
    f->ram = calloc(1, RAM_SIZE);
    f->top = strdup(mkdtemp(template));
    f->share[0] = sub(f->top, "rw");
    f->share[1] = sub(f->top, "ro");
    ck_assert_int_eq(mkdir(f->share[0], 0755), 0);
    ck_assert_int_eq(mkdir(f->share[1], 0755), 0);
    put_file(f->top, "secret", "not for guests");
    put_file(f->share[0], "hello", "hello, world");
    put_file(f->share[1], "fixed", "read only");
    ck_assert_int_eq(pipe(f->in), 0);
    ck_assert_int_eq(pipe(f->out), 0);
    const bool read_only[2] = {false, true};
    const struct hostproxy_config c = {
        .mem = {f, ram_read, ram_write},
        .share = (const char *const *)f->share,
        .read_only = read_only,
        .shares = 2,
        .in = f->in[0],
        .out = f->out[1],
        .err = f->out[1],
        .exit = {f, on_exit_op},
    };
    struct sim_error e;
    ck_assert_int_eq(hostproxy_create(&c, &f->proxy, &e), SIM_OK);
    f->port = hostproxy_port(f->proxy);
}

static void tear_down(struct fixture *f)
{
    char *command;
    hostproxy_destroy(f->proxy);
    ck_assert(asprintf(&command, "rm -rf %s", f->top) > 0);
    ck_assert_int_eq(system(command), 0);
    free(command);
    for (int i = 0; i < 2; i++) {
        close(f->in[i]);
        if (f->out[i] >= 0)
            close(f->out[i]);
        free(f->share[i]);
    }
    free(f->top);
    free(f->ram);
}

static void store64(struct fixture *f, uint64_t at, uint64_t v)
{
    memcpy(f->ram + at, &v, sizeof v);
}

static uint64_t load64(const struct fixture *f, uint64_t at)
{
    uint64_t v;
    memcpy(&v, f->ram + at, sizeof v);
    return v;
}

/* One request with six arguments; its result. */
static int64_t ask(struct fixture *f, uint32_t op, uint64_t a, uint64_t b,
                   uint64_t c, uint64_t d, uint64_t e)
{
    const uint64_t arg[PK_REQUEST_ARGS] = {a, b, c, d, e, 0};
    store64(f, REQUEST + PK_REQUEST_OP, op);
    for (unsigned i = 0; i < PK_REQUEST_ARGS; i++)
        store64(f, REQUEST + PK_REQUEST_ARG + 8 * i, arg[i]);
    store64(f, REQUEST + PK_REQUEST_RESULT, 0x5555);
    ck_assert(
        f->port.out(f->port.self, PK_PROXY_PORT + PK_REG_ADDR_HIGH, 4, 0));
    ck_assert(
        f->port.out(f->port.self, PK_PROXY_PORT + PK_REG_DOORBELL, 4, REQUEST));
    return (int64_t)load64(f, REQUEST + PK_REQUEST_RESULT);
}

/* Put a path in guest memory: share index (-1: as it is) and name. */
static uint64_t path_at(struct fixture *f, uint64_t at, int share,
                        const char *name)
{
    char text[5000];
    size_t n = strlen(name);
    if (share >= 0)
        snprintf(text, sizeof text, "%s/%s", f->share[share], name);
    else
        snprintf(text, sizeof text, "%s", name);
    n = strlen(text);
    memcpy(f->ram + at, text, n);
    return n;
}

static int64_t ask_path(struct fixture *f, uint32_t op, int share,
                        const char *name, uint64_t c, uint64_t d)
{
    uint64_t n = path_at(f, PATH_A, share, name);
    return ask(f, op, PATH_A, n, c, d, 0);
}

static int64_t ask_two(struct fixture *f, uint32_t op, int share_a,
                       const char *a, int share_b, const char *b)
{
    uint64_t n = path_at(f, PATH_A, share_a, a);
    uint64_t m = path_at(f, PATH_B, share_b, b);
    return ask(f, op, PATH_A, n, PATH_B, m, 0);
}

START_TEST(registers_identify_the_device)
{
    struct fixture f;
    uint32_t v = 0;
    set_up(&f);
    ck_assert(f.port.in(f.port.self, PK_PROXY_PORT, 4, &v));
    ck_assert_uint_eq(v, PK_PROXY_SIGNATURE);
    ck_assert(f.port.in(f.port.self, PK_PROXY_PORT + 4, 4, &v));
    ck_assert_uint_eq(v, PK_PROXY_VERSION);
    ck_assert(!f.port.in(f.port.self, PK_PROXY_PORT, 1, &v));
    ck_assert(!f.port.in(f.port.self, PK_PROXY_PORT + PK_REG_DOORBELL, 4, &v));
    ck_assert(!f.port.out(f.port.self, PK_PROXY_PORT, 4, 0));
    tear_down(&f);
}
END_TEST

START_TEST(files_are_read_and_written_at_their_offsets)
{
    struct fixture f;
    set_up(&f);
    int64_t h = ask_path(&f, PK_OP_OPEN, 0, "hello", O_RDWR, 0);
    ck_assert_int_ge(h, 3);
    ck_assert_int_eq(ask(&f, PK_OP_READ, (uint64_t)h, BUFFER, 100, 7, 0), 5);
    ck_assert_mem_eq(f.ram + BUFFER, "world", 5);
    memcpy(f.ram + BUFFER, "WORLD and more", 14);
    ck_assert_int_eq(ask(&f, PK_OP_WRITE, (uint64_t)h, BUFFER, 14, 7, 0), 14);
    ck_assert_int_eq(ask(&f, PK_OP_READ, (uint64_t)h, BUFFER, 100, 0, 0), 21);
    ck_assert_mem_eq(f.ram + BUFFER, "hello, WORLD and more", 21);
    ck_assert_int_eq(ask(&f, PK_OP_FTRUNCATE, (uint64_t)h, 3, 0, 0, 0), 0);
    ck_assert_int_eq(ask(&f, PK_OP_FSTAT, (uint64_t)h, BUFFER, 0, 0, 0), 0);
    ck_assert_uint_eq(load64(&f, BUFFER + 8 * PK_STAT_SIZE), 3);
    ck_assert_uint_eq(load64(&f, BUFFER + 8 * PK_STAT_DEV), 1);
    ck_assert_uint_lt(load64(&f, BUFFER + 8 * PK_STAT_INO), 10);
    ck_assert_int_eq(ask(&f, PK_OP_CLOSE, (uint64_t)h, 0, 0, 0, 0), 0);
    ck_assert_int_eq(ask(&f, PK_OP_CLOSE, (uint64_t)h, 0, 0, 0, 0), -EBADF);
    tear_down(&f);
}
END_TEST

START_TEST(nothing_outside_the_shares_is_reached)
{
    struct fixture f;
    char text[300];
    set_up(&f);
    static const char *const ways[] = {
        "../secret",          "./../secret",
        "../rw/../secret",    "../../etc/passwd",
        "hello/../../secret", "out",
        "out/passwd",         "up",
        "up/secret",          "loop",
    };
    ck_assert_int_eq(ask_two(&f, PK_OP_SYMLINK, -1, "/etc", 0, "out"), 0);
    ck_assert_int_eq(ask_two(&f, PK_OP_SYMLINK, -1, "..", 0, "up"), 0);
    ck_assert_int_eq(ask_two(&f, PK_OP_SYMLINK, -1, "loop", 0, "loop"), 0);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        bool is_top = strcmp(ways[i], "up") == 0;
        int64_t h = ask_path(&f, PK_OP_OPEN, 0, ways[i], O_RDONLY, 0);
        /* The directory above exists for the guest, but only with shares. */
        ck_assert_msg(is_top ? h >= 3 : h < 0, "%s: %ld", ways[i], (long)h);
    }
    snprintf(text, sizeof text, "%s/secret", f.top);
    ck_assert_int_eq(ask_path(&f, PK_OP_OPEN, -1, text, O_RDONLY, 0), -ENOENT);
    ck_assert_int_eq(ask_path(&f, PK_OP_STAT, -1, text, BUFFER, 0), -ENOENT);
    ck_assert_int_eq(ask_path(&f, PK_OP_UNLINK, -1, text, 0, 0), -ENOENT);
    ck_assert_int_eq(ask_two(&f, PK_OP_LINK, -1, text, 0, "stolen"), -ENOENT);
    ck_assert_int_eq(ask_two(&f, PK_OP_RENAME, 0, "hello", -1, text), -ENOENT);
    ck_assert_int_eq(ask_path(&f, PK_OP_OPEN, -1, "/etc/passwd", O_RDONLY, 0),
                     -ENOENT);
    ck_assert_int_eq(ask_path(&f, PK_OP_TRUNCATE, 0, "../secret", 0, 0),
                     -ENOENT);
    struct stat st;
    ck_assert_int_eq(stat(text, &st), 0);
    ck_assert_int_eq(st.st_size, 14);
    tear_down(&f);
}
END_TEST

START_TEST(links_inside_the_shares_are_followed)
{
    struct fixture f;
    char absolute[300];
    set_up(&f);
    snprintf(absolute, sizeof absolute, "%s/fixed", f.share[1]);
    ck_assert_int_eq(ask_two(&f, PK_OP_SYMLINK, -1, absolute, 0, "a"), 0);
    ck_assert_int_eq(ask_two(&f, PK_OP_SYMLINK, -1, "../rw/hello", 0, "b"), 0);
    ck_assert_int_ge(ask_path(&f, PK_OP_OPEN, 0, "a", O_RDONLY, 0), 3);
    ck_assert_int_eq(ask_path(&f, PK_OP_OPEN, 0, "a", O_RDWR, 0), -EROFS);
    ck_assert_int_ge(ask_path(&f, PK_OP_OPEN, 0, "b", O_RDWR, 0), 3);
    ck_assert_int_eq(ask_path(&f, PK_OP_OPEN, 0, "b", O_RDONLY | O_NOFOLLOW, 0),
                     -ELOOP);
    int64_t n = ask_path(&f, PK_OP_READLINK, 0, "b", BUFFER, 100);
    ck_assert_int_eq(n, 11);
    ck_assert_mem_eq(f.ram + BUFFER, "../rw/hello", 11);
    n = ask_path(&f, PK_OP_REALPATH, 0, "b", BUFFER, 1000);
    ck_assert_int_gt(n, 0);
    f.ram[BUFFER + n] = 0;
    snprintf(absolute, sizeof absolute, "%s/hello", f.share[0]);
    ck_assert_str_eq((char *)f.ram + BUFFER, absolute);
    tear_down(&f);
}
END_TEST

START_TEST(a_read_only_share_is_not_written)
{
    struct fixture f;
    set_up(&f);
    ck_assert_int_eq(ask_path(&f, PK_OP_OPEN, 1, "fixed", O_WRONLY, 0), -EROFS);
    ck_assert_int_eq(
        ask_path(&f, PK_OP_OPEN, 1, "fixed", O_RDONLY | O_TRUNC, 0), -EROFS);
    ck_assert_int_eq(
        ask_path(&f, PK_OP_OPEN, 1, "new", O_RDONLY | O_CREAT, 0600), -EROFS);
    ck_assert_int_eq(ask_path(&f, PK_OP_MKDIR, 1, "d", 0700, 0), -EROFS);
    ck_assert_int_eq(ask_path(&f, PK_OP_UNLINK, 1, "fixed", 0, 0), -EROFS);
    ck_assert_int_eq(ask_path(&f, PK_OP_CHMOD, 1, "fixed", 0600, 0), -EROFS);
    ck_assert_int_eq(ask_path(&f, PK_OP_TRUNCATE, 1, "fixed", 0, 0), -EROFS);
    ck_assert_int_eq(ask_path(&f, PK_OP_UTIMENS, 1, "fixed", BUFFER, 0),
                     -EROFS);
    ck_assert_int_eq(ask_path(&f, PK_OP_ACCESS, 1, "fixed", W_OK, 0), -EROFS);
    ck_assert_int_eq(ask_two(&f, PK_OP_RENAME, 0, "hello", 1, "x"), -EROFS);
    ck_assert_int_eq(ask_two(&f, PK_OP_RENAME, 1, "fixed", 0, "x"), -EROFS);
    ck_assert_int_eq(ask_two(&f, PK_OP_LINK, 1, "fixed", 0, "x"), -EROFS);
    ck_assert_int_eq(ask_two(&f, PK_OP_SYMLINK, -1, "x", 1, "x"), -EROFS);
    int64_t h = ask_path(&f, PK_OP_OPEN, 1, "fixed", O_RDONLY, 0);
    ck_assert_int_ge(h, 3);
    ck_assert_int_eq(ask(&f, PK_OP_FCHMOD, (uint64_t)h, 0600, 0, 0, 0), -EROFS);
    ck_assert_int_eq(ask(&f, PK_OP_WRITE, (uint64_t)h, BUFFER, 4, 0, 0),
                     -EBADF);
    tear_down(&f);
}
END_TEST

START_TEST(directories_are_listed_by_name)
{
    struct fixture f;
    char names[200] = "";
    set_up(&f);
    put_file(f.share[0], "zebra", "");
    put_file(f.share[0], "apple", "");
    ck_assert_int_eq(ask_path(&f, PK_OP_MKDIR, 0, "middle/", 0755, 0), 0);
    int64_t h = ask_path(&f, PK_OP_OPEN, 0, "", O_RDONLY | O_DIRECTORY, 0);
    ck_assert_int_ge(h, 3);
    uint64_t position = 0;
    for (int64_t n; (n = ask(&f, PK_OP_GETDENTS, (uint64_t)h, BUFFER, 70,
                             position, 0)) > 0;) {
        for (int64_t at = 0; at < n;) {
            const uint8_t *d = f.ram + BUFFER + at;
            strcat(names, (const char *)d + PK_DIRENT_NAME);
            strcat(names, d[18] == 4 ? "/ " : " ");
            position = load64(&f, BUFFER + (uint64_t)at + 8);
            at += d[16] | d[17] << 8;
        }
    }
    ck_assert_str_eq(names, "./ ../ apple hello middle/ zebra ");
    ck_assert_int_eq(ask(&f, PK_OP_GETDENTS, (uint64_t)h, BUFFER, 10, 0, 0),
                     -EINVAL);
    h = ask_path(&f, PK_OP_OPEN, -1, f.top, O_RDONLY, 0);
    ck_assert_int_ge(h, 3);
    int64_t n = ask(&f, PK_OP_GETDENTS, (uint64_t)h, BUFFER, 1000, 0, 0);
    ck_assert_ptr_null(memmem(f.ram + BUFFER, (size_t)n, "secret", 6));
    ck_assert_ptr_nonnull(memmem(f.ram + BUFFER, (size_t)n, "ro", 3));
    tear_down(&f);
}
END_TEST

START_TEST(names_are_changed)
{
    struct fixture f;
    set_up(&f);
    ck_assert_int_eq(ask_path(&f, PK_OP_MKDIR, 0, "d", 0755, 0), 0);
    ck_assert_int_eq(ask_path(&f, PK_OP_MKDIR, 0, "d", 0755, 0), -EEXIST);
    ck_assert_int_eq(ask_path(&f, PK_OP_MKDIR, 0, "", 0755, 0), -EEXIST);
    ck_assert_int_eq(ask_two(&f, PK_OP_RENAME, 0, "hello", 0, "d/moved"), 0);
    ck_assert_int_eq(ask_two(&f, PK_OP_LINK, 0, "d/moved", 0, "again"), 0);
    ck_assert_int_eq(ask_path(&f, PK_OP_RMDIR, 0, "d", 0, 0), -ENOTEMPTY);
    ck_assert_int_eq(ask_path(&f, PK_OP_UNLINK, 0, "d/moved", 0, 0), 0);
    ck_assert_int_eq(ask_path(&f, PK_OP_UNLINK, 0, "d", 0, 0), -EISDIR);
    ck_assert_int_eq(ask_path(&f, PK_OP_RMDIR, 0, "again", 0, 0), -ENOTDIR);
    ck_assert_int_eq(ask_path(&f, PK_OP_RMDIR, 0, "d/", 0, 0), 0);
    ck_assert_int_eq(ask_path(&f, PK_OP_RMDIR, 0, "", 0, 0), -EBUSY);
    ck_assert_int_eq(ask_path(&f, PK_OP_CHMOD, 0, "again", 06644, 0), 0);
    const int64_t times[4] = {1, 2, 1000000000, 5};
    memcpy(f.ram + BUFFER, times, sizeof times);
    ck_assert_int_eq(ask_path(&f, PK_OP_UTIMENS, 0, "again", BUFFER, 0), 0);
    ck_assert_int_eq(ask_path(&f, PK_OP_STAT, 0, "again", BUFFER, 0), 0);
    ck_assert_uint_eq(load64(&f, BUFFER + 8 * PK_STAT_MODE), 0100644);
    ck_assert_uint_eq(load64(&f, BUFFER + 8 * PK_STAT_MTIME),
                      1000000000000000005u);
    ck_assert_uint_eq(load64(&f, BUFFER + 8 * PK_STAT_ATIME),
                      1000000000000000005u);
    tear_down(&f);
}
END_TEST

START_TEST(only_files_and_directories_are_opened)
{
    struct fixture f;
    set_up(&f);
    char *fifo = sub(f.share[0], "fifo");
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    ck_assert_int_eq(ask_path(&f, PK_OP_OPEN, 0, "fifo", O_RDONLY, 0), -EACCES);
    ck_assert_int_eq(ask_path(&f, PK_OP_TRUNCATE, 0, "fifo", 0, 0), -EINVAL);
    ck_assert_int_eq(ask_path(&f, PK_OP_STAT, 0, "fifo", BUFFER, 0), 0);
    free(fifo);
    tear_down(&f);
}
END_TEST

START_TEST(streams_pass_bytes_and_a_lost_reader_is_an_error)
{
    struct fixture f;
    char got[8];
    set_up(&f);
    ck_assert_int_eq(write(f.in[1], "abc", 3), 3);
    ck_assert_int_eq(ask(&f, PK_OP_POLL, 0, 1, 0, 0, 0), 1);
    ck_assert_int_eq(ask(&f, PK_OP_READ, 0, BUFFER, 100, 99, 0), 3);
    ck_assert_mem_eq(f.ram + BUFFER, "abc", 3);
    ck_assert_int_eq(ask(&f, PK_OP_POLL, 0, 1, 0, 0, 0), 0);
    ck_assert_int_eq(ask(&f, PK_OP_WRITE, 1, BUFFER, 3, 5, 0), 3);
    ck_assert_int_eq(read(f.out[0], got, sizeof got), 3);
    ck_assert_int_eq(ask(&f, PK_OP_TTY, 1, 0, 0, 0, 0), -ENOTTY);
    close(f.out[0]);
    f.out[0] = -1;
    /* The process must survive this: no SIGPIPE. */
    ck_assert_int_eq(ask(&f, PK_OP_WRITE, 2, BUFFER, 3, 0, 0), -EPIPE);
    tear_down(&f);
}
END_TEST

START_TEST(bad_requests_are_answered_with_errors)
{
    struct fixture f;
    const uint64_t outside = RAM_SIZE + 0x1000, wrap = UINT64_MAX - 10;
    set_up(&f);
    ck_assert_int_eq(ask(&f, 0, 0, 0, 0, 0, 0), -ENOSYS);
    ck_assert_int_eq(ask(&f, PK_OP_END, 0, 0, 0, 0, 0), -ENOSYS);
    ck_assert_int_eq(ask(&f, 0xffffffff, 0, 0, 0, 0, 0), -ENOSYS);
    ck_assert_int_eq(ask(&f, PK_OP_OPEN, outside, 10, 0, 0, 0), -EFAULT);
    ck_assert_int_eq(ask(&f, PK_OP_OPEN, wrap, 100, 0, 0, 0), -EFAULT);
    ck_assert_int_eq(ask(&f, PK_OP_OPEN, PATH_A, 0, 0, 0, 0), -ENOENT);
    ck_assert_int_eq(ask(&f, PK_OP_OPEN, PATH_A, 5000, 0, 0, 0), -ENAMETOOLONG);
    ck_assert_int_eq(ask_path(&f, PK_OP_OPEN, -1, "relative", 0, 0), -EINVAL);
    memcpy(f.ram + PATH_A, "/a\0b", 4);
    ck_assert_int_eq(ask(&f, PK_OP_OPEN, PATH_A, 4, 0, 0, 0), -EINVAL);
    int64_t h = ask_path(&f, PK_OP_OPEN, 0, "hello", O_RDWR, 0);
    uint64_t u = (uint64_t)h;
    ck_assert_int_eq(ask(&f, PK_OP_READ, u, outside, 4, 0, 0), -EFAULT);
    ck_assert_int_eq(ask(&f, PK_OP_READ, u, RAM_SIZE - 2, 4, 0, 0), -EFAULT);
    ck_assert_int_eq(ask(&f, PK_OP_READ, u, wrap, 100, 0, 0), -EFAULT);
    ck_assert_int_eq(ask(&f, PK_OP_READ, u, BUFFER, PK_IO_MAX + 1, 0, 0),
                     -EINVAL);
    ck_assert_int_eq(ask(&f, PK_OP_READ, u, BUFFER, 4, UINT64_MAX, 0), -EINVAL);
    ck_assert_int_eq(ask(&f, PK_OP_WRITE, u, outside, 4, 0, 0), -EFAULT);
    ck_assert_int_eq(ask(&f, PK_OP_READ, 77, BUFFER, 4, 0, 0), -EBADF);
    ck_assert_int_eq(ask(&f, PK_OP_READ, UINT64_MAX, BUFFER, 4, 0, 0), -EBADF);
    ck_assert_int_eq(ask(&f, PK_OP_FTRUNCATE, u, UINT64_MAX, 0, 0, 0), -EINVAL);
    /* A block that is not aligned or not RAM is not answered at all. */
    store64(&f, REQUEST + 32 + PK_REQUEST_RESULT, 0x77);
    ck_assert(f.port.out(f.port.self, PK_PROXY_PORT + PK_REG_DOORBELL, 4,
                         REQUEST + 32));
    ck_assert_uint_eq(load64(&f, REQUEST + 32 + PK_REQUEST_RESULT), 0x77);
    ck_assert(
        f.port.out(f.port.self, PK_PROXY_PORT + PK_REG_DOORBELL, 4, RAM_SIZE));
    tear_down(&f);
}
END_TEST

START_TEST(open_files_are_limited)
{
    struct fixture f;
    int64_t h = 0, opened = 0;
    set_up(&f);
    while ((h = ask_path(&f, PK_OP_OPEN, 0, "hello", O_RDONLY, 0)) >= 0)
        opened++;
    ck_assert(h == -EMFILE);
    ck_assert_int_le(opened, 1024);
    ck_assert_int_eq(ask(&f, PK_OP_CLOSE, 3, 0, 0, 0, 0), 0);
    ck_assert_int_eq(ask_path(&f, PK_OP_OPEN, 0, "hello", O_RDONLY, 0), 3);
    tear_down(&f);
}
END_TEST

START_TEST(exit_passes_the_status)
{
    struct fixture f;
    set_up(&f);
    ask(&f, PK_OP_EXIT, 42, 0, 0, 0, 0);
    ck_assert_int_eq(f.exit_status, 42);
    tear_down(&f);
}
END_TEST

START_TEST(a_share_must_be_a_directory)
{
    static const char *const bad[] = {"/nonexistent/dir", "relative",
                                      "/etc/passwd"};
    for (int i = 0; i < 3; i++) {
        struct hostproxy *p = NULL;
        struct sim_error e;
        const struct hostproxy_config c = {.share = &bad[i], .shares = 1};
        ck_assert_int_eq(hostproxy_create(&c, &p, &e), SIM_BAD_INPUT);
        ck_assert_ptr_nonnull(strstr(e.text, bad[i]));
        ck_assert_ptr_null(p);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostproxy");
    TCase *t = tcase_create("all");
    tcase_add_test(t, registers_identify_the_device);
    tcase_add_test(t, files_are_read_and_written_at_their_offsets);
    tcase_add_test(t, nothing_outside_the_shares_is_reached);
    tcase_add_test(t, links_inside_the_shares_are_followed);
    tcase_add_test(t, a_read_only_share_is_not_written);
    tcase_add_test(t, directories_are_listed_by_name);
    tcase_add_test(t, names_are_changed);
    tcase_add_test(t, only_files_and_directories_are_opened);
    tcase_add_test(t, streams_pass_bytes_and_a_lost_reader_is_an_error);
    tcase_add_test(t, bad_requests_are_answered_with_errors);
    tcase_add_test(t, open_files_are_limited);
    tcase_add_test(t, exit_passes_the_status);
    tcase_add_test(t, a_share_must_be_a_directory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
