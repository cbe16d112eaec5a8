/* SPDX-License-Identifier: Apache-2.0
 * The parts of the stub. Private to sim/debug.
 */
#ifndef VTSIM_SIM_DEBUG_GDB_INSIDE_H
#define VTSIM_SIM_DEBUG_GDB_INSIDE_H

#include "cpu/debugger.h"
#include "sim/debug/gdb.h"
#include "sim/debug/rsp.h"
#include "sim/debug/text.h"

/* What a packet leaves to do. */
enum gdb_next {
    GDB_STAY,   /* the machine stays stopped */
    GDB_RESUME, /* it goes on; the reply comes when it stops */
    GDB_DETACH, /* it goes on without the client */
    GDB_KILL    /* the run ends */
};

struct gdb {
    struct gdb_options o;
    int listener, client; /* -1: none */
    char path[108];       /* of the UNIX socket, or "" */
    struct rsp rsp;
    char wire[RSP_WIRE_MAX]; /* the last packet sent, to send it again */
    size_t wire_len;
    unsigned resent;
    bool no_ack;

    /* The session. */
    bool swbreak, hwbreak;  /* the client knows these stop reasons */
    bool physical;          /* m and M use physical addresses */
    bool running;           /* the client waits for a stop reply */
    unsigned core;          /* of Hg */
    unsigned stop_core;     /* where the last stop was */
    enum debug_view view;   /* of monitor view */
    struct debug_stop stop; /* the last reason */
    unsigned stop_signal;   /* 5 trap, 2 interrupt, 6 the machine dies */
    char dying[320];        /* why it will end, or "" */
    bool quit;
};

/* --- gdb.c --- */
void gdb_send(struct gdb *g, const char *payload, size_t len);
void gdb_reply(struct gdb *g, const struct rsp_reply *r);

/* --- gdb_packet.c --- */
enum gdb_next gdb_packet(struct gdb *g, const char *p, size_t len);
void gdb_stop_reply(const struct gdb *g, struct rsp_reply *r);
void gdb_clear_points(struct gdb *g);

/* --- gdb_target.c --- */
/* The target description, built once in `t`. */
void gdb_target_xml(struct text *t);

/* --- monitor.c: the text of `monitor LINE` --- */
void monitor_run(struct gdb *g, const char *line, struct text *t);

/* A command's rest of the line; the core it is about. */
struct monitor {
    struct gdb *g;
    struct cpu *cpu;
    struct text *t;
    const char *rest;
};
typedef void monitor_fn(struct monitor *m);
monitor_fn monitor_walk, monitor_tlb;   /* monitor_walk.c */
monitor_fn monitor_vmcs, monitor_exits; /* monitor_vmcs.c */
/* An address: number, symbol[+offset] or $register. Prints why not. */
bool monitor_address(struct monitor *m, uint64_t *out);

#endif
