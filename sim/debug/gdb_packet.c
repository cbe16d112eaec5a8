/* SPDX-License-Identifier: Apache-2.0
 * What each packet asks for. GDB manual, appendix "GDB Remote Serial
 * Protocol", "Packets" and "General Query Packets". An error reply is a
 * packet of its own: E01 no such thread or register, E14 unreadable memory,
 * E22 malformed or impossible; an empty reply says the packet is unknown.
 */
#include "mmu/memsys.h"
#include "sim/debug/gdb_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define E_NONE      "E01"
#define E_MEMORY    "E14"
#define E_MALFORMED "E22"

typedef enum gdb_next packet_fn(struct gdb *g, const char *p, size_t len,
                                struct rsp_reply *r);

static struct cpu *core(const struct gdb *g)
{
    return machine_core(g->o.machine, g->core);
}

/* Threads are cores, counted from 1. "-1" is all of them (0 here), "0" any
 * (the present one, 0 too). False: malformed or no such thread. */
static bool thread(const struct gdb *g, const char **p, unsigned *out)
{
    uint64_t v;
    if (strncmp(*p, "-1", 2) == 0) {
        *p += 2;
        *out = 0;
        return true;
    }
    if (!rsp_number(p, &v) || v > machine_cores(g->o.machine))
        return false;
    *out = (unsigned)v;
    return true;
}

/* --- stops --- */

static void put_watch(const struct gdb *g, struct rsp_reply *r)
{
    static const char *const name[] = {[DEBUG_WRITE] = "watch",
                                       [DEBUG_READ] = "rwatch",
                                       [DEBUG_ACCESS] = "awatch"};
    rsp_printf(r, "%s:%llx;", name[g->stop.point],
               (unsigned long long)g->stop.at);
}

void gdb_stop_reply(const struct gdb *g, struct rsp_reply *r)
{
    rsp_printf(r, "T%02xthread:%x;", g->stop_signal, g->stop_core + 1);
    if (g->stop.kind != DEBUG_STOP_POINT)
        return;
    switch (g->stop.point) {
    case DEBUG_SOFT:
        if (g->swbreak)
            rsp_put(r, "swbreak:;");
        break;
    case DEBUG_HARD:
        if (g->hwbreak)
            rsp_put(r, "hwbreak:;");
        break;
    case DEBUG_WRITE:
    case DEBUG_READ:
    case DEBUG_ACCESS: put_watch(g, r); break;
    case DEBUG_POINT_KINDS: break;
    }
}

static enum gdb_next why(struct gdb *g, const char *p, size_t len,
                         struct rsp_reply *r)
{
    (void)p;
    (void)len;
    gdb_stop_reply(g, r);
    return GDB_STAY;
}

/* --- registers --- */

static enum gdb_next read_all(struct gdb *g, const char *p, size_t len,
                              struct rsp_reply *r)
{
    uint8_t file[DEBUG_FILE_BYTES];
    (void)p;
    (void)len;
    rsp_put_hex(r, file, debugger_read_registers(core(g), g->view, file));
    return GDB_STAY;
}

static unsigned bytes_of(unsigned index)
{
    return debugger_register(index)->bits / 8u;
}

static enum gdb_next write_all(struct gdb *g, const char *p, size_t len,
                               struct rsp_reply *r)
{
    uint8_t file[DEBUG_FILE_BYTES];
    unsigned n = debugger_registers();
    size_t size = debugger_register_at(n);
    if (len - 1 != 2 * size || !rsp_bytes(p + 1, size, file) ||
        g->view != DEBUG_VIEW_CORE) {
        rsp_put(r, E_MALFORMED);
        return GDB_STAY;
    }
    bool good = true;
    for (unsigned i = 0; i < n; i++)
        good &=
            debugger_write_register(core(g), i, file + debugger_register_at(i));
    rsp_put(r, good ? "OK" : E_MALFORMED);
    return GDB_STAY;
}

static enum gdb_next read_one(struct gdb *g, const char *p, size_t len,
                              struct rsp_reply *r)
{
    uint8_t file[DEBUG_FILE_BYTES];
    uint64_t i;
    (void)len;
    p++;
    if (!rsp_number(&p, &i) || *p != '\0') {
        rsp_put(r, E_MALFORMED);
    } else if (i >= debugger_registers()) {
        rsp_put(r, E_NONE);
    } else {
        (void)debugger_read_registers(core(g), g->view, file);
        rsp_put_hex(r, file + debugger_register_at((unsigned)i),
                    bytes_of((unsigned)i));
    }
    return GDB_STAY;
}

static enum gdb_next write_one(struct gdb *g, const char *p, size_t len,
                               struct rsp_reply *r)
{
    uint8_t value[DEBUG_REGISTER_BYTES];
    const char *begin = p++;
    uint64_t i;
    if (!rsp_number(&p, &i) || *p++ != '=') {
        rsp_put(r, E_MALFORMED);
        return GDB_STAY;
    }
    if (i >= debugger_registers()) {
        rsp_put(r, E_NONE);
        return GDB_STAY;
    }
    unsigned bytes = bytes_of((unsigned)i);
    bool good = len - (size_t)(p - begin) == 2 * (size_t)bytes &&
                rsp_bytes(p, bytes, value) && g->view == DEBUG_VIEW_CORE &&
                debugger_write_register(core(g), (unsigned)i, value);
    rsp_put(r, good ? "OK" : E_MALFORMED);
    return GDB_STAY;
}

/* --- memory --- */

static uint64_t get_memory(struct gdb *g, uint64_t at, uint64_t len, void *out)
{
    if (!g->physical)
        return debugger_read(core(g), g->view, at, len, out);
    /* What is outside RAM ends the answer. */
    struct memsys *ram = machine_memory(g->o.machine);
    uint64_t n = 0;
    while (n < len && memsys_read(ram, (hpa){at + n}, 1, (uint8_t *)out + n))
        n++;
    return n;
}

static bool put_memory(struct gdb *g, uint64_t at, uint64_t len, const void *in)
{
    if (g->physical)
        return memsys_write(machine_memory(g->o.machine), (hpa){at}, len, in);
    uint8_t old[RSP_PACKET_MAX];
    /* All or nothing. */
    return debugger_read(core(g), g->view, at, len, old) == len &&
           debugger_write(core(g), g->view, at, len, in) == len;
}

/* "ADDR,LENGTH" at *p. */
static bool range(const char **p, uint64_t *at, uint64_t *len)
{
    return rsp_number(p, at) && *(*p)++ == ',' && rsp_number(p, len);
}

static enum gdb_next read_memory(struct gdb *g, const char *p, size_t len,
                                 struct rsp_reply *r)
{
    uint8_t data[RSP_PACKET_MAX / 2];
    uint64_t at, want;
    (void)len;
    p++;
    if (!range(&p, &at, &want) || *p != '\0') {
        rsp_put(r, E_MALFORMED);
        return GDB_STAY;
    }
    uint64_t n = want < sizeof data ? want : sizeof data;
    uint64_t got = get_memory(g, at, n, data);
    if (got == 0 && n != 0)
        rsp_put(r, E_MEMORY);
    else
        rsp_put_hex(r, data, (size_t)got);
    return GDB_STAY;
}

static enum gdb_next write_memory(struct gdb *g, const char *p, size_t len,
                                  struct rsp_reply *r)
{
    uint8_t data[RSP_PACKET_MAX];
    const char *begin = p;
    bool binary = *p++ == 'X';
    uint64_t at, want;
    bool good = range(&p, &at, &want) && *p++ == ':';
    size_t left = good ? len - (size_t)(p - begin) : 0;
    if (good && binary) {
        good = want == left && left <= sizeof data;
        memcpy(data, p, good ? left : 0);
    } else if (good) {
        good = want <= sizeof data && left == 2 * want &&
               rsp_bytes(p, (size_t)want, data);
    }
    if (!good) {
        rsp_put(r, E_MALFORMED);
        return GDB_STAY;
    }
    good = want == 0 || put_memory(g, at, want, data);
    rsp_put(r, good ? "OK" : E_MEMORY);
    return GDB_STAY;
}

/* --- points --- */

void gdb_clear_points(struct gdb *g)
{
    for (unsigned i = 0; i < machine_cores(g->o.machine); i++)
        debugger_clear(machine_core(g->o.machine, i));
}

static bool insert(struct gdb *g, enum debug_point kind, uint64_t at,
                   uint64_t len)
{
    unsigned n = machine_cores(g->o.machine);
    for (unsigned i = 0; i < n; i++) {
        if (debugger_insert(machine_core(g->o.machine, i), kind, at, len))
            continue;
        while (i-- > 0)
            debugger_remove(machine_core(g->o.machine, i), kind, at, len);
        return false;
    }
    return true;
}

/* "Z0,ADDR,KIND" and "z0,ADDR,KIND"; conditions and commands are not offered
 * and so not sent. */
static enum gdb_next point(struct gdb *g, const char *p, size_t len,
                           struct rsp_reply *r)
{
    bool set = *p++ == 'Z';
    uint64_t kind, at, size;
    (void)len;
    if (*p >= '5' && *p <= '9' && p[1] == ',')
        return GDB_STAY; /* a type to come: unknown */
    if (!rsp_number(&p, &kind) || kind >= DEBUG_POINT_KINDS || *p++ != ',' ||
        !range(&p, &at, &size) || *p != '\0') {
        rsp_put(r, E_MALFORMED);
        return GDB_STAY;
    }
    enum debug_point k = (enum debug_point)kind;
    bool good = true;
    if (set)
        good = insert(g, k, at, size);
    else
        for (unsigned i = 0; i < machine_cores(g->o.machine); i++)
            debugger_remove(machine_core(g->o.machine, i), k, at, size);
    rsp_put(r, good ? "OK" : E_MALFORMED);
    return GDB_STAY;
}

/* --- going on --- */

static enum gdb_next go(struct gdb *g)
{
    g->running = true;
    g->stop.kind = DEBUG_STOP_NONE;
    return GDB_RESUME;
}

/* "c [ADDR]", "s [ADDR]", "C SIG[;ADDR]", "S SIG[;ADDR]". Signals mean
 * nothing to a machine. */
static enum gdb_next resume(struct gdb *g, const char *p, size_t len,
                            struct rsp_reply *r)
{
    char action = *p++;
    uint64_t v;
    (void)len;
    bool good = true;
    if (action == 'C' || action == 'S') {
        good = rsp_number(&p, &v);
        if (good && *p == ';')
            p++;
    }
    if (good && *p != '\0') {
        uint8_t rip[DEBUG_REGISTER_BYTES] = {0};
        good = rsp_number(&p, &v) && *p == '\0';
        memcpy(rip, &v, sizeof v);
        good = good && debugger_write_register(core(g), 16, rip);
    }
    if (!good) {
        rsp_put(r, E_MALFORMED);
        return GDB_STAY;
    }
    if (action == 's' || action == 'S')
        debugger_step(core(g));
    return go(g);
}

/* "ACTION[:THREAD]" at *p, to what the cores do: 0 not said, else 'c', 's'. */
static bool action(struct gdb *g, const char **p, char *each)
{
    unsigned n = machine_cores(g->o.machine), t = 0;
    uint64_t signal;
    char a = *(*p)++;
    if (a == 'C' || a == 'S') {
        if (!rsp_number(p, &signal))
            return false;
        a = a == 'C' ? 'c' : 's';
    }
    if (a != 'c' && a != 's')
        return false;
    if (**p == ':') {
        (*p)++;
        if (!thread(g, p, &t))
            return false;
    }
    for (unsigned i = 0; i < n; i++)
        if (each[i] == 0 && (t == 0 || t == i + 1))
            each[i] = a;
    return **p == ';' || **p == '\0';
}

/* A core that no action names goes on too: all share one clock. */
static enum gdb_next vcont(struct gdb *g, const char *p, size_t len,
                           struct rsp_reply *r)
{
    char each[MACHINE_CORES_MAX] = {0};
    (void)len;
    p += strlen("vCont");
    if (strcmp(p, "?") == 0) {
        rsp_put(r, "vCont;c;C;s;S");
        return GDB_STAY;
    }
    bool good = *p == ';';
    while (good && *p == ';') {
        p++;
        good = action(g, &p, each);
    }
    if (!good || *p != '\0') {
        rsp_put(r, E_MALFORMED);
        return GDB_STAY;
    }
    for (unsigned i = 0; i < machine_cores(g->o.machine); i++)
        if (each[i] == 's')
            debugger_step(machine_core(g->o.machine, i));
    return go(g);
}

static enum gdb_next kill_run(struct gdb *g, const char *p, size_t len,
                              struct rsp_reply *r)
{
    (void)g;
    (void)len;
    if (*p == 'v')
        rsp_put(r, "OK");
    return GDB_KILL;
}

static enum gdb_next detach(struct gdb *g, const char *p, size_t len,
                            struct rsp_reply *r)
{
    (void)g;
    if (len != 1) { /* "D;PID": there are no processes here */
        rsp_put(r, p[1] == ';' ? E_NONE : E_MALFORMED);
        return GDB_STAY;
    }
    rsp_put(r, "OK");
    return GDB_DETACH;
}

/* --- threads --- */

static enum gdb_next set_thread(struct gdb *g, const char *p, size_t len,
                                struct rsp_reply *r)
{
    unsigned t;
    (void)len;
    char op = p[1];
    p += op != '\0' ? 2 : 1;
    if ((op != 'g' && op != 'c') || !thread(g, &p, &t) || *p != '\0') {
        rsp_put(r, E_MALFORMED);
        return GDB_STAY;
    }
    if (op == 'g' && t != 0)
        g->core = t - 1;
    rsp_put(r, "OK");
    return GDB_STAY;
}

static enum gdb_next alive(struct gdb *g, const char *p, size_t len,
                           struct rsp_reply *r)
{
    unsigned t;
    (void)len;
    p++;
    rsp_put(r, thread(g, &p, &t) && t != 0 && *p == '\0' ? "OK" : E_NONE);
    return GDB_STAY;
}

static void thread_list(const struct gdb *g, struct rsp_reply *r)
{
    rsp_put(r, "m");
    for (unsigned i = 0; i < machine_cores(g->o.machine); i++)
        rsp_printf(r, i == 0 ? "%x" : ",%x", i + 1);
}

static void thread_extra(const struct gdb *g, const char *p,
                         struct rsp_reply *r)
{
    unsigned t;
    char text[96];
    if (!thread(g, &p, &t) || t == 0) {
        rsp_put(r, E_NONE);
        return;
    }
    const struct cpu *c = machine_core(g->o.machine, t - 1);
    snprintf(text, sizeof text, "core %u, %s, %s", t - 1, debugger_activity(c),
             debugger_in_guest(c) ? "VMX non-root" : "root");
    rsp_put_hex(r, text, strlen(text));
}

/* --- queries --- */

/* "qXfer:features:read:target.xml:OFFSET,LENGTH" */
static void features(const char *p, struct rsp_reply *r)
{
    static const char annex[] = "target.xml:";
    uint64_t offset, len;
    if (strncmp(p, annex, sizeof annex - 1) != 0) {
        rsp_put(r, "E00");
        return;
    }
    p += sizeof annex - 1;
    if (!range(&p, &offset, &len) || *p != '\0') {
        rsp_put(r, E_MALFORMED);
        return;
    }
    struct text t = {0};
    gdb_target_xml(&t);
    uint64_t left = offset < t.len ? t.len - offset : 0;
    uint64_t most = (RSP_PACKET_MAX - 8) / 2; /* every byte may be escaped */
    uint64_t n = len < most ? len : most;
    rsp_put(r, n < left ? "m" : "l");
    rsp_put_bytes(r, t.at + (left != 0 ? offset : 0),
                  (size_t)(n < left ? n : left));
    text_free(&t);
}

/* Console output in as many packets as it takes, then OK. */
static void command(struct gdb *g, const char *hex, struct rsp_reply *r)
{
    char line[RSP_PACKET_MAX / 2 + 1];
    size_t n = strlen(hex) / 2;
    if (strlen(hex) % 2 != 0 || !rsp_bytes(hex, n, (uint8_t *)line)) {
        rsp_put(r, E_MALFORMED);
        return;
    }
    line[n] = '\0';
    struct text t = {0};
    monitor_run(g, line, &t);
    if (t.cut)
        text_printf(&t, "%s", "");
    for (size_t at = 0; at < t.len; at += 1500) {
        struct rsp_reply o = {.len = 0};
        size_t some = t.len - at < 1500 ? t.len - at : 1500;
        rsp_put(&o, "O");
        rsp_put_hex(&o, t.at + at, some);
        gdb_reply(g, &o);
    }
    text_free(&t);
    rsp_put(r, "OK");
}

static void supported(struct gdb *g, const char *p, struct rsp_reply *r)
{
    g->swbreak = strstr(p, "swbreak+") != NULL;
    g->hwbreak = strstr(p, "hwbreak+") != NULL;
    rsp_printf(r,
               "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;"
               "vContSupported+;swbreak+;hwbreak+",
               (unsigned)RSP_PACKET_MAX);
}

/* The rest of the packet when it begins with `name`, or NULL. */
static const char *after(const char *p, const char *name)
{
    size_t n = strlen(name);
    return strncmp(p, name, n) == 0 ? p + n : NULL;
}

static enum gdb_next query(struct gdb *g, const char *p, size_t len,
                           struct rsp_reply *r)
{
    const char *rest;
    (void)len;
    if ((rest = after(p, "qSupported")) != NULL)
        supported(g, rest, r);
    else if ((rest = after(p, "qXfer:features:read:")) != NULL)
        features(rest, r);
    else if (strcmp(p, "qfThreadInfo") == 0)
        thread_list(g, r);
    else if (strcmp(p, "qsThreadInfo") == 0)
        rsp_put(r, "l");
    else if ((rest = after(p, "qThreadExtraInfo,")) != NULL)
        thread_extra(g, rest, r);
    else if (strcmp(p, "qC") == 0)
        rsp_printf(r, "QC%x", g->core + 1);
    else if (after(p, "qAttached") != NULL)
        rsp_put(r, "1");
    else if (after(p, "qSymbol:") != NULL)
        rsp_put(r, "OK");
    else if ((rest = after(p, "qRcmd,")) != NULL)
        command(g, rest, r);
    else if (strcmp(p, "qqemu.PhyMemMode") == 0)
        rsp_put(r, g->physical ? "1" : "0");
    return GDB_STAY;
}

static enum gdb_next set(struct gdb *g, const char *p, size_t len,
                         struct rsp_reply *r)
{
    const char *rest;
    (void)len;
    if (strcmp(p, "QStartNoAckMode") == 0) {
        rsp_put(r, "OK");
        g->no_ack = true;
    } else if ((rest = after(p, "Qqemu.PhyMemMode:")) != NULL) {
        bool good = strcmp(rest, "0") == 0 || strcmp(rest, "1") == 0;
        g->physical = good ? *rest == '1' : g->physical;
        rsp_put(r, good ? "OK" : E_MALFORMED);
    }
    return GDB_STAY;
}

static enum gdb_next verbose(struct gdb *g, const char *p, size_t len,
                             struct rsp_reply *r)
{
    if (after(p, "vCont") != NULL)
        return vcont(g, p, len, r);
    if (after(p, "vKill;") != NULL)
        return kill_run(g, p, len, r);
    return GDB_STAY; /* vMustReplyEmpty too */
}

enum gdb_next gdb_packet(struct gdb *g, const char *p, size_t len)
{
    static const struct {
        char letter;
        packet_fn *fn;
    } table[] = {
        {'?', why},          {'g', read_all},     {'G', write_all},
        {'p', read_one},     {'P', write_one},    {'m', read_memory},
        {'M', write_memory}, {'X', write_memory}, {'Z', point},
        {'z', point},        {'c', resume},       {'C', resume},
        {'s', resume},       {'S', resume},       {'v', verbose},
        {'k', kill_run},     {'D', detach},       {'H', set_thread},
        {'T', alive},        {'q', query},        {'Q', set},
    };
    struct rsp_reply r = {.len = 0};
    enum gdb_next next = GDB_STAY;
    /* Only X carries bytes that may be zero. */
    bool whole = len != 0 && (*p == 'X' || strlen(p) == len);
    for (size_t i = 0; whole && i < sizeof table / sizeof *table; i++)
        if (table[i].letter == *p)
            next = table[i].fn(g, p, len, &r);
    bool silent = next == GDB_RESUME || (next == GDB_KILL && *p == 'k');
    if (!silent)
        gdb_reply(g, &r);
    return next;
}
