/* SPDX-License-Identifier: Apache-2.0
 * `monitor` commands: what a developer of a kernel or hypervisor asks that
 * GDB has no word for. They look and change nothing.
 */
#include "mmu/memsys.h"
#include "sim/debug/gdb_inside.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum symbol_side side_of(const struct monitor *m)
{
    return debugger_in_guest(m->cpu) ? SYMBOL_GUEST : SYMBOL_ROOT;
}

/* "$name": a register of the present view. */
static bool register_value(struct monitor *m, const char *name, size_t len,
                           uint64_t *out)
{
    uint8_t file[DEBUG_FILE_BYTES];
    (void)debugger_read_registers(m->cpu, m->g->view, file);
    for (unsigned i = 0; i < debugger_registers(); i++) {
        const struct debug_register *r = debugger_register(i);
        if (strlen(r->name) != len || strncmp(r->name, name, len) != 0 ||
            r->bits > 64)
            continue;
        *out = 0;
        memcpy(out, file + debugger_register_at(i), r->bits / 8u);
        return true;
    }
    return false;
}

static bool term(struct monitor *m, const char *word, size_t len, uint64_t *out)
{
    char text[256], *end;
    if (len == 0 || len >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)len, word);
    if (text[0] == '$')
        return register_value(m, text + 1, len - 1, out);
    if (isdigit((unsigned char)text[0])) {
        *out = strtoull(text, &end, 0);
        return *end == '\0';
    }
    return symbols_address(m->g->o.symbols, text, out);
}

bool monitor_address(struct monitor *m, uint64_t *out)
{
    const char *word = m->rest;
    size_t len = strcspn(word, "+ ");
    uint64_t more = 0;
    bool good = term(m, word, len, out);
    if (good && word[len] == '+') {
        const char *second = word + len + 1;
        size_t n = strcspn(second, " ");
        good = term(m, second, n, &more);
        len += 1 + n;
    }
    if (!good) {
        text_printf(m->t,
                    "'%.80s' is no address: a number, a symbol[+OFFSET] or a "
                    "$register\n",
                    word);
        return false;
    }
    *out += more;
    m->rest = word + len;
    while (*m->rest == ' ')
        m->rest++;
    return true;
}

static void cores(struct monitor *m)
{
    for (unsigned i = 0; i < machine_cores(m->g->o.machine); i++) {
        struct cpu *c = machine_core(m->g->o.machine, i);
        struct monitor one = *m;
        one.cpu = c;
        uint64_t rip = 0;
        char name[160];
        (void)register_value(&one, "rip", 3, &rip);
        symbols_format(m->g->o.symbols, rip, side_of(&one), name, sizeof name);
        text_printf(m->t,
                    "core %u: %s, %s, cycle %" PRIu64 ", instruction %" PRIu64
                    ", RIP 0x%" PRIx64 "%s%s\n",
                    i, debugger_activity(c),
                    debugger_in_guest(c) ? "VMX non-root" : "root",
                    cpu_account(c)->cycles, cpu_account(c)->instructions, rip,
                    name[0] != '\0' ? " " : "", name);
    }
}

static void view(struct monitor *m)
{
    static const char *const name[] = {"core", "root", "guest"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(m->rest, name[i]) != 0)
            continue;
        if (!debugger_has_view(m->cpu, (enum debug_view)i)) {
            text_printf(m->t, "there is no current VMCS to take it from\n");
            return;
        }
        m->g->view = (enum debug_view)i;
    }
    text_printf(m->t,
                "registers and memory are those of: %s%s\n"
                "(core: what runs now; root, guest: the other side by the "
                "current VMCS;\nGDB keeps what it read: `maint flush "
                "register-cache` makes it read again)\n",
                name[m->g->view],
                m->g->view == DEBUG_VIEW_CORE ? "" : ", read only");
}

static void symbol(struct monitor *m)
{
    uint64_t at;
    struct symbol y;
    if (!monitor_address(m, &at))
        return;
    if (symbols_find(m->g->o.symbols, at, side_of(m), &y))
        text_printf(m->t, "0x%" PRIx64 " %s+0x%" PRIx64 " (%s)\n", at, y.name,
                    y.offset, y.file);
    else
        text_printf(m->t, "0x%" PRIx64 ": no symbol\n", at);
}

struct stats_query {
    struct monitor *m;
    unsigned shown;
};

static void show_stat(void *self, const char *name, uint64_t value,
                      const struct stat_desc *d)
{
    struct stats_query *q = self;
    (void)d;
    if (value == 0 || strstr(name, q->m->rest) == NULL)
        return;
    text_printf(q->m->t, "%s %" PRIu64 "\n", name, value);
    q->shown++;
}

static void stats(struct monitor *m)
{
    const struct stat_registry *r = machine_stats(m->g->o.machine);
    uint64_t *values = calloc(r->values + 1, sizeof *values);
    struct stats_query q = {.m = m};
    if (values == NULL)
        return;
    machine_reported(m->g->o.machine, values);
    stat_walk(r, values, show_stat, &q);
    free(values);
    if (q.shown == 0)
        text_printf(m->t,
                    "no statistic has '%.80s' in its name and is not "
                    "0\n",
                    m->rest);
}

static void phys(struct monitor *m)
{
    uint64_t at, count = 64;
    if (!monitor_address(m, &at))
        return;
    if (*m->rest != '\0' && !monitor_address(m, &count))
        return;
    count = count < 4096 ? count : 4096;
    for (uint64_t i = 0; i < count; i += 16) {
        uint8_t line[16];
        if (!memsys_read(machine_memory(m->g->o.machine), (hpa){at + i}, 16,
                         line)) {
            text_printf(m->t, "0x%" PRIx64 ": no RAM\n", at + i);
            return;
        }
        text_printf(m->t, "0x%" PRIx64 ":", at + i);
        for (unsigned k = 0; k < 16; k++)
            text_printf(m->t, " %02x", line[k]);
        text_printf(m->t, "\n");
    }
}

static monitor_fn help;

static const struct {
    const char *name;
    monitor_fn *fn;
    const char *help;
} commands[] = {
    {"help", help, "this list"},
    {"walk", monitor_walk,
     "ADDR: the whole page walk of a linear address, every entry decoded"},
    {"tlb", monitor_tlb,
     "[ADDR]: cached translations, or those that could serve the address"},
    {"vmcs", monitor_vmcs,
     "[FIELD]: the current VMCS; fields whose name contains FIELD"},
    {"exits", monitor_exits, "VM exits so far by reason"},
    {"view", view, "core|root|guest: whose registers and memory GDB sees"},
    {"cores", cores, "what each core is doing"},
    {"symbol", symbol, "ADDR: the name of an address, and its file"},
    {"phys", phys, "ADDR [COUNT]: bytes of physical memory"},
    {"stats", stats, "[PATTERN]: statistics that are not 0"},
};

static void help(struct monitor *m)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        text_printf(m->t, "%-7s %s\n", commands[i].name, commands[i].help);
    text_printf(m->t, "ADDR is a number, symbol[+OFFSET] or $register.\n");
}

void monitor_run(struct gdb *g, const char *line, struct text *t)
{
    char clean[512];
    size_t n = 0;
    for (; line[n] != '\0' && n < sizeof clean - 1; n++)
        clean[n] = isprint((unsigned char)line[n]) ? line[n] : ' ';
    while (n > 0 && clean[n - 1] == ' ')
        n--;
    clean[n] = '\0';
    const char *word = clean + strspn(clean, " ");
    size_t len = strcspn(word, " ");
    struct monitor m = {.g = g,
                        .cpu = machine_core(g->o.machine, g->core),
                        .t = t,
                        .rest = word + len + strspn(word + len, " ")};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strlen(commands[i].name) == len &&
            strncmp(commands[i].name, word, len) == 0) {
            commands[i].fn(&m);
            return;
        }
    }
    text_printf(t, "unknown command '%.*s' (monitor help)\n", (int)len, word);
}
