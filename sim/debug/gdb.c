/* SPDX-License-Identifier: Apache-2.0
 * The stub's session: the client comes and goes, the machine stops and goes
 * on. Whatever the client does, the machine is left as it was or ends cleanly:
 * every wait has an end, every buffer a fixed size.
 */
#include "sim/debug/gdb_inside.h"
#include "sim/debug/gdb_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    POLL_MS = 50,
    SEND_MS = 5000, /* a client that does not read is dropped after this */
    RESENDS_MAX = 8,
    SIGNAL_INT = 2,
    SIGNAL_ABORT = 6,
    SIGNAL_TRAP = 5,
};

static void note(const struct gdb *g, const char *text)
{
    if (g->o.note != NULL)
        g->o.note(g->o.self, text);
}

static void drop_client(struct gdb *g)
{
    if (g->client < 0)
        return;
    close(g->client);
    g->client = -1;
    gdb_clear_points(g);
    note(g, "gdb: the client is gone");
}

static void write_wire(struct gdb *g, const char *from, size_t len)
{
    while (len != 0 && g->client >= 0) {
        ssize_t n = send(g->client, from, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            from += n;
            len -= (size_t)n;
            continue;
        }
        struct pollfd p = {.fd = g->client, .events = POLLOUT};
        bool full = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (!full || poll(&p, 1, SEND_MS) == 0)
            drop_client(g);
    }
}

void gdb_send(struct gdb *g, const char *payload, size_t len)
{
    g->wire_len = rsp_frame(payload, len, g->wire);
    g->resent = 0;
    write_wire(g, g->wire, g->wire_len);
}

void gdb_reply(struct gdb *g, const struct rsp_reply *r)
{
    gdb_send(g, r->text, r->full ? 0 : r->len);
}

static void acknowledge(struct gdb *g, bool good)
{
    if (!g->no_ack)
        write_wire(g, good ? "+" : "-", 1);
}

static void send_again(struct gdb *g)
{
    if (g->no_ack || g->wire_len == 0)
        return;
    if (++g->resent > RESENDS_MAX)
        drop_client(g);
    else
        write_wire(g, g->wire, g->wire_len);
}

static void welcome(struct gdb *g, int fd)
{
    g->client = fd;
    rsp_init(&g->rsp);
    g->no_ack = g->swbreak = g->hwbreak = g->physical = g->running = false;
    g->wire_len = 0;
    g->view = DEBUG_VIEW_CORE;
    g->core = g->stop_core;
    g->stop.kind = DEBUG_STOP_NONE;
    g->stop_signal = SIGNAL_TRAP;
    note(g, "gdb: a client is attached");
}

/* One client at a time: others are turned away. True: a new one is here. */
static bool accept_client(struct gdb *g)
{
    int fd = gdb_socket_accept(g->listener);
    if (fd < 0)
        return false;
    if (g->client >= 0) {
        close(fd);
        return false;
    }
    welcome(g, fd);
    return true;
}

static void tell_stop(struct gdb *g)
{
    struct rsp_reply r = {.len = 0};
    gdb_stop_reply(g, &r);
    g->running = false;
    gdb_reply(g, &r);
}

/* One byte from the client while the machine is stopped. */
static enum gdb_next take(struct gdb *g, uint8_t byte)
{
    switch (rsp_feed(&g->rsp, byte)) {
    case RSP_PACKET:
        acknowledge(g, true);
        return gdb_packet(g, g->rsp.payload, g->rsp.len);
    case RSP_TOO_LONG:
        acknowledge(g, true);
        gdb_send(g, "E22", 3);
        return GDB_STAY;
    case RSP_BAD: acknowledge(g, false); return GDB_STAY;
    case RSP_NAK: send_again(g); return GDB_STAY;
    case RSP_NOTHING:
    case RSP_ACK:
    case RSP_INTERRUPT: return GDB_STAY; /* it is stopped already */
    }
    return GDB_STAY;
}

/* Bytes of the client one by one: what follows a packet that resumes stays in
 * the socket. False: nothing came, or the client is gone. */
static bool next_byte(struct gdb *g, uint8_t *byte)
{
    ssize_t n = recv(g->client, byte, 1, MSG_DONTWAIT);
    if (n == 1)
        return true;
    if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        drop_client(g);
    return false;
}

/* Serve the client until the machine goes on. */
static void serve(struct gdb *g)
{
    while (g->client >= 0 && !g->quit) {
        struct pollfd p[2] = {{.fd = g->client, .events = POLLIN},
                              {.fd = g->listener, .events = POLLIN}};
        if (poll(p, 2, POLL_MS) <= 0 && !g->o.alive(g->o.self)) {
            g->quit = true;
            return;
        }
        if (p[1].revents != 0)
            (void)accept_client(g);
        enum gdb_next next = GDB_STAY;
        uint8_t byte;
        while (next == GDB_STAY && g->client >= 0 && next_byte(g, &byte))
            next = take(g, byte);
        if (next == GDB_KILL)
            g->quit = true;
        if (next == GDB_DETACH)
            drop_client(g);
        if (next != GDB_STAY)
            return;
    }
}

/* A core has stopped: tell why and serve. */
static void stopped(struct gdb *g, unsigned core, unsigned signal)
{
    g->stop_core = g->core = core;
    g->stop_signal = signal;
    if (g->running)
        tell_stop(g);
    serve(g);
    if (g->quit)
        machine_quit(g->o.machine);
}

static bool core_stopped(void *self, unsigned core)
{
    struct gdb *g = self;
    struct debug_stop s = debugger_take_stop(machine_core(g->o.machine, core));
    if (s.kind == DEBUG_STOP_NONE)
        return false;
    for (unsigned i = 0; i < machine_cores(g->o.machine); i++)
        if (i != core)
            (void)debugger_take_stop(machine_core(g->o.machine, i));
    g->stop = s;
    if (g->client >= 0)
        stopped(g, core, SIGNAL_TRAP);
    return !g->quit;
}

static void core_dying(void *self, unsigned core, const char *why)
{
    struct gdb *g = self;
    if (g->client < 0)
        return;
    snprintf(g->dying, sizeof g->dying, "%s", why);
    g->stop.kind = DEBUG_STOP_NONE;
    stopped(g, core, SIGNAL_ABORT);
}

static enum sim_status attach(struct gdb *g, struct sim_error *e)
{
    enum sim_status s = SIM_OK;
    for (unsigned i = 0; i < machine_cores(g->o.machine) && s == SIM_OK; i++)
        s = debugger_attach(machine_core(g->o.machine, i), e);
    machine_set_debugger(
        g->o.machine, (struct machine_debugger){g, core_stopped, core_dying});
    return s;
}

enum sim_status gdb_open(const struct gdb_options *o, struct gdb **out,
                         struct sim_error *e)
{
    struct gdb *g = calloc(1, sizeof *g);
    if (g == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    g->o = *o;
    g->client = g->listener = -1;
    char name[160], line[240];
    enum sim_status s = gdb_socket_listen(o->where, &g->listener, g->path, name,
                                          sizeof name, e);
    if (s == SIM_OK)
        s = attach(g, e);
    if (s != SIM_OK) {
        if (g->listener >= 0)
            close(g->listener);
        free(g);
        return s;
    }
    snprintf(line, sizeof line, "gdb: listening on %s", name);
    note(g, line);
    *out = g;
    return SIM_OK;
}

bool gdb_wait(struct gdb *g)
{
    while (g->client < 0 && !g->quit) {
        struct pollfd p = {.fd = g->listener, .events = POLLIN};
        if (poll(&p, 1, POLL_MS) > 0)
            (void)accept_client(g);
        else if (!g->o.alive(g->o.self))
            g->quit = true;
    }
    if (g->client >= 0)
        serve(g);
    if (g->quit)
        machine_quit(g->o.machine);
    return !g->quit;
}

bool gdb_tick(struct gdb *g)
{
    if (accept_client(g)) {
        stopped(g, 0, SIGNAL_TRAP);
        return !g->quit;
    }
    uint8_t byte;
    while (g->client >= 0 && next_byte(g, &byte)) {
        switch (rsp_feed(&g->rsp, byte)) {
        case RSP_INTERRUPT:
            g->stop.kind = DEBUG_STOP_NONE;
            stopped(g, g->core, SIGNAL_INT);
            return !g->quit;
        case RSP_NAK: send_again(g); break;
        case RSP_PACKET: /* nothing but an interrupt is due now */
        case RSP_TOO_LONG:
        case RSP_BAD:
        case RSP_NOTHING:
        case RSP_ACK: break;
        }
    }
    return !g->quit;
}

void gdb_close(struct gdb *g, int status)
{
    if (g == NULL)
        return;
    if (g->client >= 0) {
        struct rsp_reply r = {.len = 0};
        rsp_printf(&r, "W%02x", (unsigned)status & 0xff);
        if (g->running)
            gdb_reply(g, &r);
        if (g->client >= 0)
            close(g->client);
    }
    if (g->listener >= 0)
        close(g->listener);
    if (g->path[0] != '\0')
        unlink(g->path);
    machine_set_debugger(g->o.machine, (struct machine_debugger){0});
    for (unsigned i = 0; i < machine_cores(g->o.machine); i++)
        debugger_detach(machine_core(g->o.machine, i));
    free(g);
}
