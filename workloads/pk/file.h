/* SPDX-License-Identifier: Apache-2.0
 * Open files of every kind, and descriptors.
 */
#ifndef WORKLOADS_PK_FILE_H
#define WORKLOADS_PK_FILE_H

#include "workloads/pk/pk.h"

struct file;

/*
 * What a kind of file can do; an operation that is NULL gives EINVAL (read,
 * write: EBADF). `pos` is the file offset to use and advance; kinds without
 * an offset ignore it. Results are counts or -errno.
 */
struct file_ops {
    s64 (*read)(struct file *f, u64 to, u64 len, u64 *pos);
    s64 (*write)(struct file *f, u64 from, u64 len, u64 *pos);
    s64 (*pread_kernel)(struct file *f, void *to, u64 len, u64 at);
    s64 (*pwrite_kernel)(struct file *f, const void *from, u64 len, u64 at);
    s64 (*getdents)(struct file *f, u64 to, u64 len);
    s64 (*stat)(struct file *f, struct linux_stat *st);
    s64 (*truncate)(struct file *f, u64 size);
    s64 (*ioctl)(struct file *f, u64 command, u64 arg);
    unsigned (*poll)(struct file *f); /* POLL* that hold now; NULL: in, out */
    void (*release)(struct file *f);  /* at the last reference */
    bool seekable;
};

struct file {
    u32 refs;
    u32 flags; /* O_ACCMODE and status flags */
    const struct file_ops *ops;
    u64 pos;
    u64 handle; /* of the host */
    u64 size;   /* memory files; pipes use it as they like */
    void *data;
    char *path; /* absolute; directories and host files */
    u32 owner;  /* F_SETOWN */
};

void file_init(void);
struct file *file_new(const struct file_ops *ops, u32 flags);
void file_get(struct file *f);
void file_put(struct file *f);
/* The current task's file of a descriptor; no reference is taken. */
struct file *file_of(u64 fd);
/* A descriptor for f, whose reference is taken over even on failure. */
s64 fd_install(struct file *f, bool cloexec);
s64 fd_install_from(struct file *f, unsigned first, bool cloexec);
s64 fd_close(struct files *t, unsigned fd);
struct files *files_new(void);
struct files *files_clone(const struct files *from);
void files_put(struct files *t);
void files_close_on_exec(struct files *t);

s64 file_size(struct file *f);
s64 file_pread_kernel(struct file *f, void *to, u64 len, u64 at);
s64 file_pwrite_kernel(struct file *f, const void *from, u64 len, u64 at);
s64 file_stat(struct file *f, struct linux_stat *st);
unsigned file_poll(struct file *f);

/* ---- hostfile.c: through the proxy ---- */
s64 host_open(const char *path, u32 flags, u32 mode, struct file **out);
struct file *host_stream(u64 handle, u32 flags);
s64 host_stat(const char *path, u32 flags, struct linux_stat *st);
/* An operation on one path, on a path and numbers, on two paths. */
s64 host_path(u32 op, const char *path, u64 arg2, u64 arg3);
s64 host_two_paths(u32 op, const char *a, const char *b, u64 arg);
s64 host_readlink(u32 op, const char *path, char *to, u64 size);
s64 host_times(const char *path, struct file *f, const s64 *times, u32 flags);
s64 host_handle_op(u32 op, struct file *f, u64 arg);
bool file_is_host(const struct file *f);

/* ---- special.c: /dev, /proc and the program itself ---- */
/* 0 and *out, or -errno; -EXDEV: not one of ours. `path` is normalised. */
s64 special_open(const char *path, u32 flags, struct file **out);
s64 special_stat(const char *path, bool follow, struct linux_stat *st);
s64 special_readlink(const char *path, char *to, u64 size);

/* ---- path.c ---- */
/* The absolute text of a program's path; -errno. Size PK_PATH_MAX + 1. */
s64 path_from_user(s32 dirfd, u64 path, char *to);
/* Remove "." and "..", doubled and final slashes, by text alone. */
void path_normalise(const char *from, char *to);
s64 path_open(const char *path, u32 flags, u32 mode, struct file **out);
s64 path_stat(const char *path, bool follow, struct linux_stat *st);

/* ---- pipe.c ---- */
s64 pipe_new(u32 flags, struct file **reader, struct file **writer);
struct pipe;
/* For sockets: byte queues by themselves. */
struct pipe *pipe_create(void);
s64 pipe_read(struct pipe *p, u64 to, u64 len, bool nonblock);
s64 pipe_write(struct pipe *p, u64 from, u64 len, bool nonblock);
s64 pipe_peek(struct pipe *p, u64 to, u64 len, bool nonblock);
unsigned pipe_poll_read(const struct pipe *p);
unsigned pipe_poll_write(const struct pipe *p);
u64 pipe_bytes(const struct pipe *p);
void pipe_close_reader(struct pipe *p);
void pipe_close_writer(struct pipe *p);

/* ---- poll.c ---- */
/* Readiness of something may have changed. */
void poll_changed(void);
/* Install the signal mask at `at` until the return to the program. */
s64 sigmask_temporary(u64 at, u64 size);

#endif
