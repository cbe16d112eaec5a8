/* SPDX-License-Identifier: Apache-2.0
 * From a guest's path to a place beneath a share: the walk, component by
 * component, with the links of the host resolved here and not by the host.
 *
 * ".." goes back to the descriptor that was held before, so a directory that
 * someone moves meanwhile leads nowhere new. A link with an absolute target
 * starts again at the top, as the guest sees the top.
 */
#define _GNU_SOURCE /* O_PATH, renameat2 */

#include "sim/chipset/hostproxy_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINKS 40

struct step {
    int fd; /* -1: above the shares */
    bool own;
    unsigned share;
    size_t text_len; /* of walk.text, for this directory */
};

struct walk {
    const struct hostproxy *p;
    struct step step[PROXY_DEPTH];
    unsigned depth; /* step[depth] is where we are */
    unsigned links;
    char text[PROXY_PATH_MAX + 1];
    char rest[2 * PROXY_PATH_MAX + 2];
};

unsigned proxy_share_at(const struct hostproxy *p, const char *text)
{
    for (size_t i = 0; i < p->shares; i++)
        if (strcmp(p->share[i].path, text) == 0)
            return (unsigned)i + 1;
    return 0;
}

bool proxy_is_above(const struct hostproxy *p, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < p->shares; i++)
        if (strncmp(p->share[i].path, text, n) == 0 &&
            p->share[i].path[n] == '/')
            return true;
    return false;
}

static struct step *top(struct walk *w)
{
    return &w->step[w->depth];
}

static void pop(struct walk *w)
{
    struct step *s = top(w);
    if (s->own)
        close(s->fd);
    if (w->depth > 0)
        w->depth--;
    w->text[top(w)->text_len] = 0;
}

static void to_root(struct walk *w)
{
    while (w->depth > 0)
        pop(w);
    unsigned share = proxy_share_at(w->p, "");
    *top(w) =
        (struct step){share ? w->p->share[share - 1].fd : -1, false, share, 0};
    w->text[0] = 0;
}

static int push(struct walk *w, int fd, bool own, unsigned share)
{
    if (w->depth + 1 == PROXY_DEPTH)
        return -ENAMETOOLONG;
    w->depth++;
    *top(w) = (struct step){fd, own, share, strlen(w->text)};
    return 0;
}

/* Cut the next component off the rest; its length, 0 at the end. */
static size_t next_component(struct walk *w, char *name)
{
    char *from = w->rest;
    while (*from == '/')
        from++;
    size_t n = strcspn(from, "/");
    if (n <= NAME_MAX) {
        memcpy(name, from, n);
        name[n] = 0;
    }
    memmove(w->rest, from + n, strlen(from + n) + 1);
    return n;
}

static bool append_text(struct walk *w, const char *name)
{
    size_t n = strlen(w->text), add = strlen(name);
    if (n + 1 + add > PROXY_PATH_MAX)
        return false;
    w->text[n] = '/';
    memcpy(w->text + n + 1, name, add + 1);
    return true;
}

/* The target of the link goes in front of what is left. */
static int follow_link(struct walk *w, const char *name)
{
    char target[PROXY_PATH_MAX + 1];
    ssize_t n = readlinkat(top(w)->fd, name, target, PROXY_PATH_MAX);
    if (n < 0)
        return -errno;
    if (n == 0)
        return -ENOENT;
    target[n] = 0;
    if (++w->links > MAX_LINKS)
        return -ELOOP;
    size_t left = strlen(w->rest);
    if ((size_t)n + left > PROXY_PATH_MAX)
        return -ENAMETOOLONG;
    memmove(w->rest + n, w->rest, left + 1);
    memcpy(w->rest, target, (size_t)n);
    if (target[0] == '/')
        to_root(w);
    return 0;
}

/* A directory that is a share's root, or lies above one, by its text. */
static int enter_named(struct walk *w)
{
    unsigned share = proxy_share_at(w->p, w->text);
    if (share)
        return push(w, w->p->share[share - 1].fd, false, share);
    if (top(w)->fd < 0 && proxy_is_above(w->p, w->text))
        return push(w, -1, false, 0);
    return -ENOENT;
}

/* Go down into `name`: 0, or -errno. A link puts its target in the rest. */
static int descend(struct walk *w, const char *name)
{
    if (!append_text(w, name))
        return -ENAMETOOLONG;
    int r = enter_named(w);
    if (r != -ENOENT)
        return r;
    struct step *s = top(w);
    if (s->fd < 0) {
        w->text[s->text_len] = 0;
        return -ENOENT;
    }
    int fd = openat(s->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        r = push(w, fd, true, s->share);
        if (r != 0)
            close(fd);
        return r;
    }
    r = -errno;
    w->text[s->text_len] = 0;
    if (r != -ENOTDIR && r != -ELOOP)
        return r;
    int link = follow_link(w, name);
    return link == -EINVAL ? -ENOTDIR : link;
}

/* Is the last component a link, and was its target put in the rest? */
static int last_link(struct walk *w, const char *name, bool follow)
{
    if (!follow)
        return 0;
    int r = follow_link(w, name);
    if (r == 0)
        return 1;
    return r == -EINVAL || r == -ENOENT ? 0 : r;
}

static int finish(struct walk *w, const char *name, struct proxy_spot *out)
{
    struct step *s = top(w);
    if (strcmp(name, ".") != 0 && !append_text(w, name))
        return -ENAMETOOLONG;
    out->dir = -1;
    if (s->fd >= 0) {
        out->dir = openat(s->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (out->dir < 0)
            return -errno;
    }
    out->share = s->share;
    out->read_only = s->share == 0 || w->p->share[s->share - 1].read_only;
    memcpy(out->name, name, strlen(name) + 1);
    memcpy(out->text, w->text, strlen(w->text) + 1);
    if (out->text[0] == 0)
        memcpy(out->text, "/", 2);
    return 0;
}

/* The last component by itself: a directory known by its text is entered,
 * anything else is left as a name. 0: done; 1: go on walking. */
static int last(struct walk *w, const char *name, bool follow,
                struct proxy_spot *out)
{
    if (!append_text(w, name))
        return -ENAMETOOLONG;
    int r = enter_named(w);
    if (r == 0)
        return finish(w, ".", out);
    w->text[top(w)->text_len] = 0;
    if (r != -ENOENT || top(w)->fd < 0)
        return r;
    r = last_link(w, name, follow);
    return r != 0 ? r : finish(w, name, out);
}

static int walk(struct walk *w, bool follow, struct proxy_spot *out)
{
    char name[NAME_MAX + 1];
    for (;;) {
        size_t n = next_component(w, name);
        if (n == 0)
            return finish(w, ".", out);
        if (n > NAME_MAX)
            return -ENAMETOOLONG;
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            pop(w);
            continue;
        }
        int r = w->rest[0] == 0 ? last(w, name, follow, out) : descend(w, name);
        if (r < 0 || (r == 0 && out->dir != INT_MIN))
            return r;
    }
}

int proxy_walk(const struct hostproxy *p, const char *path, bool follow,
               struct proxy_spot *out)
{
    struct walk *w = malloc(sizeof *w);
    if (w == NULL)
        return -ENOMEM;
    w->p = p;
    w->depth = 0;
    w->links = 0;
    w->step[0] = (struct step){-1, false, 0, 0};
    memcpy(w->rest, path, strlen(path) + 1);
    to_root(w);
    out->dir = INT_MIN; /* until finish() */
    int r = walk(w, follow, out);
    while (w->depth > 0)
        pop(w);
    free(w);
    return r;
}

void proxy_spot_close(struct proxy_spot *s)
{
    if (s->dir >= 0)
        close(s->dir);
    s->dir = -1;
}
