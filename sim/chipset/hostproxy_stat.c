/* SPDX-License-Identifier: Apache-2.0
 * What the guest sees of files: attributes without the host's devices, inode
 * numbers and access times, and directories in the order of names, so that
 * equal shares look equal on every host.
 */
#define _GNU_SOURCE /* O_PATH, renameat2 */

#include "sim/chipset/hostproxy_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_WORDS      13
#define BLOCK           512
#define DIRECTORY_SIZE  4096
#define ENTRIES_MAX     1000000
#define ENTRY_HEAD      19 /* bytes before the name, as in getdents64 */
#define INODES_AT_FIRST 256
#define NS_PER_SECOND   1000000000

static size_t inode_slot(const struct proxy_inodes *t, uint64_t dev,
                         uint64_t ino)
{
    uint64_t h = (ino ^ dev << 32) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(h >> 20) & (t->slots - 1);
    while (t->slot[at].number != 0 &&
           (t->slot[at].dev != dev || t->slot[at].ino != ino))
        at = (at + 1) & (t->slots - 1);
    return at;
}

static bool inodes_grow(struct proxy_inodes *t)
{
    struct proxy_inodes bigger = *t;
    bigger.slots = t->slots == 0 ? INODES_AT_FIRST : t->slots * 2;
    bigger.slot = calloc(bigger.slots, sizeof *bigger.slot);
    if (bigger.slot == NULL)
        return false;
    for (size_t i = 0; i < t->slots; i++)
        if (t->slot[i].number != 0)
            bigger.slot[inode_slot(&bigger, t->slot[i].dev, t->slot[i].ino)] =
                t->slot[i];
    free(t->slot);
    *t = bigger;
    return true;
}

uint64_t proxy_inode_number(struct proxy_inodes *t, uint64_t dev, uint64_t ino)
{
    if (2 * (t->used + 1) > t->slots && !inodes_grow(t))
        return 1;
    struct proxy_inode *i = &t->slot[inode_slot(t, dev, ino)];
    if (i->number == 0)
        *i = (struct proxy_inode){dev, ino, ++t->used + 1};
    return i->number;
}

static void put64(uint8_t *to, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(v >> 8 * i);
}

static int put_words(struct hostproxy *p, uint64_t to, const uint64_t *words)
{
    uint8_t bytes[STAT_WORDS * 8];
    for (unsigned i = 0; i < STAT_WORDS; i++)
        put64(bytes + 8 * i, words[i]);
    return proxy_to_guest(p, to, bytes, sizeof bytes) ? 0 : -EFAULT;
}

int proxy_put_stat(struct hostproxy *p, uint64_t to, const struct stat *st,
                   unsigned share)
{
    bool dir = S_ISDIR(st->st_mode);
    uint64_t size = dir ? DIRECTORY_SIZE : (uint64_t)st->st_size;
    uint64_t mtime = (uint64_t)st->st_mtim.tv_sec * NS_PER_SECOND +
                     (uint64_t)st->st_mtim.tv_nsec;
    const uint64_t words[STAT_WORDS] = {
        share,
        proxy_inode_number(&p->inodes, st->st_dev, st->st_ino),
        st->st_mode,
        dir ? 1 : st->st_nlink,
        st->st_uid == geteuid() ? 0 : st->st_uid, /* the guest runs as root */
        st->st_gid == getegid() ? 0 : st->st_gid,
        size,
        (size + BLOCK - 1) / BLOCK,
        mtime,
        mtime,
        mtime,
        0,
        4096,
    };
    return put_words(p, to, words);
}

int proxy_put_above(struct hostproxy *p, uint64_t to)
{
    const uint64_t words[STAT_WORDS] = {
        0,
        1,
        S_IFDIR | 0555,
        1,
        0,
        0,
        DIRECTORY_SIZE,
        DIRECTORY_SIZE / BLOCK,
        0,
        0,
        0,
        0,
        4096,
    };
    return put_words(p, to, words);
}

/* ---- directories ---- */

void proxy_listing_free(struct proxy_listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->entry[i].name);
    free(l->entry);
    *l = (struct proxy_listing){0};
}

static int add_entry(struct proxy_listing *l, const char *name, size_t len,
                     uint64_t ino, uint8_t type)
{
    if (l->count == ENTRIES_MAX)
        return -ENOMEM;
    if (l->count == l->room) {
        size_t room = l->room == 0 ? 64 : l->room * 2;
        struct proxy_entry *bigger = realloc(l->entry, room * sizeof *bigger);
        if (bigger == NULL)
            return -ENOMEM;
        l->entry = bigger;
        l->room = room;
    }
    char *copy = strndup(name, len);
    if (copy == NULL)
        return -ENOMEM;
    l->entry[l->count++] = (struct proxy_entry){copy, ino, type};
    return 0;
}

/* "." and ".." before all others, then by bytes. */
static int by_name(const void *a, const void *b)
{
    const char *x = ((const struct proxy_entry *)a)->name;
    const char *y = ((const struct proxy_entry *)b)->name;
    int dot_x = strcmp(x, ".") == 0 ? 2 : strcmp(x, "..") == 0;
    int dot_y = strcmp(y, ".") == 0 ? 2 : strcmp(y, "..") == 0;
    return dot_x != dot_y ? dot_y - dot_x : strcmp(x, y);
}

static uint8_t type_of(int dir, const struct dirent *d)
{
    struct stat st;
    if (d->d_type != DT_UNKNOWN)
        return d->d_type;
    if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return DT_UNKNOWN;
    return (uint8_t)IFTODT(st.st_mode);
}

static int list_host(struct proxy_handle *h)
{
    int fd = openat(h->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        close(fd);
        return -ENOMEM;
    }
    int r = 0;
    errno = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d)) != NULL;)
        r = add_entry(&h->listing, e->d_name, strlen(e->d_name), e->d_ino,
                      type_of(fd, e));
    closedir(d);
    return r;
}

/* The next component of every share beneath h->path. */
static int list_above(const struct hostproxy *p, struct proxy_handle *h)
{
    size_t n = strcmp(h->path, "/") == 0 ? 0 : strlen(h->path);
    int r = add_entry(&h->listing, ".", 1, 1, DT_DIR);
    if (r == 0)
        r = add_entry(&h->listing, "..", 2, 1, DT_DIR);
    for (size_t i = 0; r == 0 && i < p->shares; i++) {
        const char *path = p->share[i].path;
        if (strncmp(path, h->path, n) != 0 || path[n] != '/')
            continue;
        const char *name = path + n + 1;
        size_t len = strcspn(name, "/");
        bool seen = false;
        for (size_t j = 0; j < h->listing.count; j++)
            seen = seen || (strlen(h->listing.entry[j].name) == len &&
                            strncmp(h->listing.entry[j].name, name, len) == 0);
        if (!seen)
            r = add_entry(&h->listing, name, len, 1, DT_DIR);
    }
    return r;
}

int proxy_list(struct hostproxy *p, struct proxy_handle *h)
{
    proxy_listing_free(&h->listing);
    int r = h->kind == PROXY_ABOVE ? list_above(p, h) : list_host(h);
    if (r != 0) {
        proxy_listing_free(&h->listing);
        return r;
    }
    struct stat st = {0};
    if (h->kind == PROXY_DIRECTORY && fstat(h->fd, &st) != 0)
        return -errno;
    if (h->listing.count > 0)
        qsort(h->listing.entry, h->listing.count, sizeof *h->listing.entry,
              by_name);
    for (size_t i = 0; i < h->listing.count; i++)
        h->listing.entry[i].ino =
            proxy_inode_number(&p->inodes, st.st_dev, h->listing.entry[i].ino);
    return 0;
}

int64_t proxy_put_entries(struct hostproxy *p, const struct proxy_handle *h,
                          uint64_t to, uint64_t len, uint64_t position)
{
    size_t used = 0;
    for (size_t i = position; i < h->listing.count; i++) {
        const struct proxy_entry *e = &h->listing.entry[i];
        size_t name = strlen(e->name) + 1;
        size_t size = (ENTRY_HEAD + name + 7) / 8 * 8;
        if (used + size > len)
            break;
        uint8_t *at = p->buffer + used;
        memset(at, 0, size);
        put64(at, e->ino);
        put64(at + 8, i + 1);
        at[16] = (uint8_t)size;
        at[17] = (uint8_t)(size >> 8);
        at[18] = e->type;
        memcpy(at + ENTRY_HEAD, e->name, name);
        used += size;
    }
    if (used == 0 && position < h->listing.count)
        return -EINVAL; /* the buffer is too small for one entry */
    return proxy_to_guest(p, to, p->buffer, used) ? (int64_t)used : -EFAULT;
}
