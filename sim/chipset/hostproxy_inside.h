/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files of the host proxy: operations, shares, the path walk.
 */
#ifndef VTSIM_SIM_CHIPSET_HOSTPROXY_INSIDE_H
#define VTSIM_SIM_CHIPSET_HOSTPROXY_INSIDE_H

#include "sim/chipset/hostproxy.h"

#include <limits.h>
#include <sys/stat.h>

#define PROXY_PATH_MAX 4095
#define PROXY_IO_MAX   0x100000u
#define PROXY_ARGS     6
#define PROXY_HANDLES  1024
#define PROXY_DEPTH    256 /* directories on the way to a file */

/* The numbers of the contract. */
enum proxy_op {
    PROXY_EXIT = 1,
    PROXY_OPEN,
    PROXY_CLOSE,
    PROXY_READ,
    PROXY_WRITE,
    PROXY_FSTAT,
    PROXY_STAT,
    PROXY_GETDENTS,
    PROXY_READLINK,
    PROXY_ACCESS,
    PROXY_MKDIR,
    PROXY_RMDIR,
    PROXY_UNLINK,
    PROXY_RENAME,
    PROXY_SYMLINK,
    PROXY_LINK,
    PROXY_CHMOD,
    PROXY_FCHMOD,
    PROXY_TRUNCATE,
    PROXY_FTRUNCATE,
    PROXY_FSYNC,
    PROXY_UTIMENS,
    PROXY_FUTIMENS,
    PROXY_POLL,
    PROXY_TTY,
    PROXY_REALPATH,
    PROXY_OP_END
};

struct proxy_share {
    char *path; /* absolute, without a final slash; "" is the root */
    int fd;     /* O_PATH */
    bool read_only;
};

/* Stable small numbers in place of the host's inode numbers. */
struct proxy_inodes {
    struct proxy_inode {
        uint64_t dev, ino, number; /* number 0: empty */
    } * slot;
    size_t slots, used;
};

struct proxy_entry {
    char *name;
    uint64_t ino;
    uint8_t type;
};

struct proxy_listing {
    struct proxy_entry *entry;
    size_t count, room;
};

enum proxy_kind {
    PROXY_FREE,
    PROXY_STREAM, /* read and write where the host stands */
    PROXY_INPUT,  /* standard input from a file: has offsets */
    PROXY_FILE,
    PROXY_DIRECTORY,
    PROXY_ABOVE /* a directory on the way to a share */
};

struct proxy_handle {
    enum proxy_kind kind;
    int fd;
    unsigned share; /* index + 1; 0: none */
    uint64_t base;  /* PROXY_INPUT: the host's offset at the start */
    struct proxy_listing listing;
    char *path; /* PROXY_ABOVE */
};

struct hostproxy {
    struct mem_port mem;
    struct hostproxy_exit exit;
    struct proxy_share *share;
    size_t shares;
    uint32_t addr_high;
    struct proxy_handle handle[PROXY_HANDLES];
    struct proxy_inodes inodes;
    uint8_t *buffer; /* PROXY_IO_MAX */
};

/*
 * The place a path leads to: `name` in the directory `dir`, which is a
 * directory descriptor owned by the spot. dir -1: a directory above the
 * shares, whose path is `text` (and name is ".").
 */
struct proxy_spot {
    int dir;
    unsigned share; /* index + 1 */
    bool read_only;
    char name[NAME_MAX + 1];
    char text[PROXY_PATH_MAX + 1]; /* canonical path of the spot itself */
};

/*
 * Resolve `path` (absolute). `follow`: the last component, too. 0 or -errno;
 * the last component need not exist. A result is to be closed.
 * No component is ever resolved by the host's own walk: each is opened by
 * itself, without following links, beneath a descriptor already held.
 */
int proxy_walk(const struct hostproxy *p, const char *path, bool follow,
               struct proxy_spot *out);
void proxy_spot_close(struct proxy_spot *s);

/* Number of the share whose root is `text`, as index + 1; 0: none. */
unsigned proxy_share_at(const struct hostproxy *p, const char *text);
/* Does some share lie strictly beneath `text`? */
bool proxy_is_above(const struct hostproxy *p, const char *text);

/* ---- hostproxy_stat.c ---- */
uint64_t proxy_inode_number(struct proxy_inodes *t, uint64_t dev, uint64_t ino);
/* Both to guest memory; 0 or -errno. */
int proxy_put_stat(struct hostproxy *p, uint64_t to, const struct stat *st,
                   unsigned share);
int proxy_put_above(struct hostproxy *p, uint64_t to);
/* Fill h->listing afresh. */
int proxy_list(struct hostproxy *p, struct proxy_handle *h);
void proxy_listing_free(struct proxy_listing *l);
/* Entries from `position` on that fit: bytes, or -errno. */
int64_t proxy_put_entries(struct hostproxy *p, const struct proxy_handle *h,
                          uint64_t to, uint64_t len, uint64_t position);

/* ---- hostproxy.c ---- */
bool proxy_to_guest(const struct hostproxy *p, uint64_t to, const void *from,
                    size_t len);
bool proxy_from_guest(const struct hostproxy *p, uint64_t from, void *to,
                      size_t len);

/* ---- hostproxy_files.c: operations on handles and on paths ---- */
int64_t proxy_dispatch(struct hostproxy *p, uint32_t op, const uint64_t *a);
void proxy_handle_close(struct proxy_handle *h);

/* ---- hostproxy_names.c: operations that change names or attributes ---- */
int64_t proxy_names(struct hostproxy *p, uint32_t op, const uint64_t *a);
/* A path argument: copied, NUL-terminated, checked. 0 or -errno. */
int proxy_path_argument(const struct hostproxy *p, const uint64_t *a,
                        char *out);

#endif
