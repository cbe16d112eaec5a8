/* SPDX-License-Identifier: Apache-2.0
 * The proxy's device: ports, request block, transfers to and from guest RAM.
 */
#define _GNU_SOURCE /* O_PATH, renameat2 */

#include "sim/chipset/hostproxy_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REG_SIGNATURE 0
#define REG_VERSION   4
#define REG_ADDR_HIGH 8
#define REG_DOORBELL  12

#define REQUEST_SIZE   64
#define REQUEST_RESULT 56

/* ---- guest memory, page by page as mem_port wants it ---- */

static size_t piece(uint64_t at, size_t left)
{
    size_t in_page = (size_t)(PAGE_SIZE - at % PAGE_SIZE);
    return left < in_page ? left : in_page;
}

bool proxy_to_guest(const struct hostproxy *p, uint64_t to, const void *from,
                    size_t len)
{
    const uint8_t *at = from;
    if (to + len < to)
        return false;
    while (len > 0) {
        size_t n = piece(to, len);
        if (!p->mem.write(p->mem.self, (hpa){to}, (unsigned)n, at))
            return false;
        at += n;
        to += n;
        len -= n;
    }
    return true;
}

bool proxy_from_guest(const struct hostproxy *p, uint64_t from, void *to,
                      size_t len)
{
    uint8_t *at = to;
    if (from + len < from)
        return false;
    while (len > 0) {
        size_t n = piece(from, len);
        if (!p->mem.read(p->mem.self, (hpa){from}, (unsigned)n, at))
            return false;
        at += n;
        from += n;
        len -= n;
    }
    return true;
}

/* ---- the doorbell ---- */

static uint64_t get64(const uint8_t *from)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)from[i] << 8 * i;
    return v;
}

static int64_t serve(struct hostproxy *p, const uint8_t *block)
{
    uint64_t arg[PROXY_ARGS];
    uint32_t op = (uint32_t)get64(block);
    if (get64(block) >> 32 != 0)
        return -EINVAL;
    for (unsigned i = 0; i < PROXY_ARGS; i++)
        arg[i] = get64(block + 8 + 8 * i);
    if (op == PROXY_EXIT) {
        p->exit.exit(p->exit.self, (uint8_t)arg[0]);
        return 0;
    }
    int64_t r = proxy_dispatch(p, op, arg);
    return r < -4095 ? -EIO : r;
}

static void ring(struct hostproxy *p, uint64_t at)
{
    uint8_t block[REQUEST_SIZE], result[8];
    if (at % REQUEST_SIZE != 0 || !proxy_from_guest(p, at, block, sizeof block))
        return; /* there is no place for an answer */
    uint64_t r = (uint64_t)serve(p, block);
    for (unsigned i = 0; i < sizeof result; i++)
        result[i] = (uint8_t)(r >> 8 * i);
    (void)proxy_to_guest(p, at + REQUEST_RESULT, result, sizeof result);
}

static bool port_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    const struct hostproxy *p = self;
    if (len != 4)
        return false;
    switch (port - HOSTPROXY_PORT) {
    case REG_SIGNATURE: *out = HOSTPROXY_SIGNATURE; return true;
    case REG_VERSION: *out = HOSTPROXY_VERSION; return true;
    case REG_ADDR_HIGH: *out = p->addr_high; return true;
    default: return false;
    }
}

static bool port_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct hostproxy *p = self;
    if (len != 4)
        return false;
    switch (port - HOSTPROXY_PORT) {
    case REG_ADDR_HIGH: p->addr_high = in; return true;
    case REG_DOORBELL: ring(p, (uint64_t)p->addr_high << 32 | in); return true;
    default: return false;
    }
}

struct io_port hostproxy_port(struct hostproxy *p)
{
    return (struct io_port){.self = p, .in = port_in, .out = port_out};
}

/* ---- life ---- */

static enum sim_status add_share(struct hostproxy *p, const char *path,
                                 bool read_only, struct sim_error *e)
{
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    if (path[0] != '/' || n > PROXY_PATH_MAX)
        return sim_fail(e, SIM_BAD_INPUT, "%s: share is not an absolute path",
                        path);
    struct proxy_share s = {.path = strndup(path, n), .read_only = read_only};
    if (s.path == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", path);
    s.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s.fd < 0 || proxy_share_at(p, s.path) != 0) {
        const char *why = s.fd >= 0 ? "shared twice" : strerror(errno);
        if (s.fd >= 0)
            close(s.fd);
        free(s.path);
        return sim_fail(e, SIM_BAD_INPUT, "%s: cannot share: %s", path, why);
    }
    p->share[p->shares++] = s;
    return SIM_OK;
}

static void add_stream(struct hostproxy *p, unsigned handle, int fd)
{
    struct proxy_handle *h = &p->handle[handle];
    struct stat st;
    off_t at = lseek(fd, 0, SEEK_CUR);
    h->kind = PROXY_STREAM;
    h->fd = fd;
    if (handle == 0 && at >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        h->kind = PROXY_INPUT;
        h->base = (uint64_t)at;
    }
}

enum sim_status hostproxy_create(const struct hostproxy_config *config,
                                 struct hostproxy **out, struct sim_error *e)
{
    struct hostproxy *p = calloc(1, sizeof *p);
    if (p == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "host proxy: out of memory");
    p->mem = config->mem;
    p->exit = config->exit;
    p->buffer = malloc(PROXY_IO_MAX);
    p->share = calloc(config->shares + 1, sizeof *p->share);
    enum sim_status s = SIM_OK;
    if (p->buffer == NULL || p->share == NULL)
        s = sim_fail(e, SIM_NO_RESOURCE, "host proxy: out of memory");
    for (size_t i = 0; i < config->shares && s == SIM_OK; i++)
        s = add_share(p, config->share[i],
                      config->read_only != NULL && config->read_only[i], e);
    if (s != SIM_OK) {
        hostproxy_destroy(p);
        return s;
    }
    add_stream(p, 0, config->in);
    add_stream(p, 1, config->out);
    add_stream(p, 2, config->err);
    *out = p;
    return SIM_OK;
}

void hostproxy_destroy(struct hostproxy *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 3; i < PROXY_HANDLES; i++)
        proxy_handle_close(&p->handle[i]);
    for (size_t i = 0; i < p->shares; i++) {
        close(p->share[i].fd);
        free(p->share[i].path);
    }
    free(p->inodes.slot);
    free(p->share);
    free(p->buffer);
    free(p);
}
