/* SPDX-License-Identifier: Apache-2.0
 * From trace events to lines. An event that comes in pieces (an instruction
 * with its accesses and registers, a walk with its entries) is put together
 * in a buffer and written when its last piece comes.
 */
#include "sim/debug/trace.h"

#include "cpu/debugger.h"
#include "sim/debug/entry_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <Zydis/Zydis.h>

enum { LINE_MAX_BYTES = 4096 };

/* Pieces of a line that is not complete. */
struct pieces {
    char text[LINE_MAX_BYTES];
    size_t len;
    uint64_t rip, instructions; /* of what they belong to */
};

struct trace {
    struct trace_options o;
    struct machine *machine;
    const struct symbols *names;
    FILE *out;
    bool is_stdout;
    bool active; /* between --trace-from and --trace-to */
    bool has_from, has_to;
    uint64_t from, to;
    struct pieces access, changes, walk;
    ZydisDecoder decoder[3]; /* 16, 32, 64 bits */
    ZydisFormatter formatter;
};

/* --- options --- */

static const char *const category[TRACE_COUNT] = {
#define TRACE_CATEGORY(e, name, doc) name,
    TRACE_CATEGORIES(TRACE_CATEGORY)
#undef TRACE_CATEGORY
};

enum sim_status trace_parse_categories(const char *text, uint32_t *mask,
                                       struct sim_error *e)
{
    *mask = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        unsigned found = TRACE_COUNT;
        for (unsigned i = 0; i < TRACE_COUNT; i++)
            if (strlen(category[i]) == len &&
                strncmp(category[i], text, len) == 0)
                found = i;
        if (len == 3 && strncmp(text, "all", 3) == 0)
            *mask |= (UINT32_C(1) << TRACE_COUNT) - 1;
        else if (found != TRACE_COUNT)
            *mask |= UINT32_C(1) << found;
        else
            return sim_fail(e, SIM_USAGE,
                            "--trace-categories: '%.*s' (insn, exit, walk, "
                            "invalidate, interrupt, io, msr or all)",
                            (int)(len < 40 ? len : 40), text);
        text += len;
        text += *text == ',';
    }
    return *mask != 0 ? SIM_OK
                      : sim_fail(e, SIM_USAGE,
                                 "--trace-categories: '' (insn, exit, walk, "
                                 "invalidate, interrupt, io, msr or all)");
}

static bool read_cycle(const char **p, uint64_t *out)
{
    char *end;
    if (**p < '0' || **p > '9')
        return true; /* left out */
    *out = strtoull(*p, &end, 10);
    *p = end;
    return *out != UINT64_MAX;
}

enum sim_status trace_parse_window(const char *text, struct trace_options *o,
                                   struct sim_error *e)
{
    const char *p = text;
    o->from_cycle = 0;
    o->to_cycle = UINT64_MAX - 1;
    bool good = read_cycle(&p, &o->from_cycle) && *p++ == '-' &&
                read_cycle(&p, &o->to_cycle) && *p == '\0' &&
                o->from_cycle <= o->to_cycle;
    return good ? SIM_OK
                : sim_fail(e, SIM_USAGE,
                           "--trace-window: '%.60s' (cycles FROM-TO)", text);
}

static enum sim_status find_address(const struct trace *t, const char *option,
                                    const char *word, uint64_t *out,
                                    struct sim_error *e)
{
    char *end;
    if (symbols_address(t->names, word, out))
        return SIM_OK;
    *out = strtoull(word, &end, 0);
    if (word[0] >= '0' && word[0] <= '9' && *end == '\0')
        return SIM_OK;
    return sim_fail(e, SIM_USAGE, "%s: no symbol '%.100s'", option, word);
}

/* --- lines --- */

static void append(struct pieces *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct pieces *p, const char *format, ...)
{
    size_t room = sizeof p->text - p->len;
    va_list args;
    if (room < 128) { /* a REP of thousands of accesses */
        if (room >= 8 && p->text[p->len - 1] != '.')
            p->len += (size_t)snprintf(p->text + p->len, room, " ...");
        return;
    }
    va_start(args, format);
    int n = vsnprintf(p->text + p->len, room, format, args);
    va_end(args);
    p->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* Pieces of something that never came to its end are forgotten. */
static void belong(struct pieces *p, const struct trace_event *e)
{
    if (p->rip == e->rip && p->instructions == e->instructions)
        return;
    p->len = 0;
    p->text[0] = '\0';
    p->rip = e->rip;
    p->instructions = e->instructions;
}

static void clear(struct pieces *p)
{
    p->len = 0;
    p->text[0] = '\0';
    p->rip = UINT64_MAX;
}

/* "CORE CYCLE SIDE CATEGORY RIP <SYMBOL>" */
static void head(struct trace *t, const struct trace_event *e)
{
    char name[200];
    symbols_format(t->names, e->rip, e->guest ? SYMBOL_GUEST : SYMBOL_ROOT,
                   name, sizeof name);
    fprintf(t->out, "%u %" PRIu64 " %s %s 0x%" PRIx64 " <%s>", e->core,
            e->cycle, e->guest ? "guest" : "root", category[e->category],
            e->rip, name);
}

static void access_piece(struct trace *t, const struct trace_event *e)
{
    belong(&t->access, e);
    append(&t->access, " %s%" PRIu64 " [0x%" PRIx64 "]", e->text, e->arg[1],
           e->arg[0]);
    if (e->arg[2] == 0)
        return; /* not in RAM */
    uint64_t v = e->arg[3];
    if (e->arg[1] < 8)
        v &= (UINT64_C(1) << (8 * e->arg[1])) - 1;
    if (e->arg[1] <= 8)
        append(&t->access, "=0x%" PRIx64, v);
    else
        append(&t->access, "=0x%016" PRIx64 "%016" PRIx64 "%s", e->arg[4],
               e->arg[3], e->arg[1] > 16 ? ".." : "");
}

static void register_piece(struct trace *t, const struct trace_event *e)
{
    static const char *const name[16] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    belong(&t->changes, e);
    if (e->text[0] == 'r')
        append(&t->changes, " %s=0x%" PRIx64, name[e->arg[0] & 15], e->arg[1]);
    else if (e->text[0] == 'v')
        append(&t->changes,
               " ymm%" PRIu64 "=0x%016" PRIx64 "%016" PRIx64 "%016" PRIx64
               "%016" PRIx64,
               e->arg[0], e->arg[4], e->arg[3], e->arg[2], e->arg[1]);
    else
        append(&t->changes, " rflags=0x%" PRIx64, e->arg[0]);
}

static void insn_line(struct trace *t, const struct trace_event *e)
{
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
    uint8_t bytes[16];
    char text[160] = "?";
    uint64_t n = e->arg[2] < sizeof bytes ? e->arg[2] : sizeof bytes;
    unsigned mode = e->arg[3] == 64 ? 2 : e->arg[3] == 32;
    memcpy(bytes, e->arg, sizeof bytes);
    if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&t->decoder[mode], bytes, n, &insn,
                                            operand)))
        (void)ZydisFormatterFormatInstruction(&t->formatter, &insn, operand,
                                              insn.operand_count_visible, text,
                                              sizeof text, e->rip, NULL);
    belong(&t->access, e);
    belong(&t->changes, e);
    head(t, e);
    fputc(' ', t->out);
    for (uint64_t i = 0; i < n; i++)
        fprintf(t->out, "%02x", bytes[i]);
    fprintf(t->out, " %s ;%s%s\n", text, t->changes.text, t->access.text);
    clear(&t->access);
    clear(&t->changes);
}

static void insn(struct trace *t, const struct trace_event *e)
{
    switch (e->text[0]) {
    case 'l':
    case 's': access_piece(t, e); break;
    case 'r':
    case 'v':
    case 'f': register_piece(t, e); break;
    default: insn_line(t, e); break;
    }
}

static void exit_line(struct trace *t, const struct trace_event *e)
{
    char scratch[24], event[96];
    head(t, e);
    fprintf(t->out, " %s", e->text);
    if (strcmp(e->text, "exit") == 0) {
        fprintf(t->out,
                " %s qualification 0x%" PRIx64 " length %" PRIu64
                " gpa 0x%" PRIx64,
                exit_name((unsigned)e->arg[0] & 0xffff, scratch), e->arg[1],
                e->arg[2], e->arg[3]);
        if ((e->arg[0] & UINT32_C(1) << 31) != 0)
            fprintf(t->out, " entry-failure");
        interruption_text((uint32_t)e->arg[4], event, sizeof event);
        if (event[0] != '\0')
            fprintf(t->out, " (%s)", event);
    } else {
        for (unsigned i = 0; i < e->args; i++)
            fprintf(t->out, " 0x%" PRIx64, e->arg[i]);
    }
    fputc('\n', t->out);
}

/* "entry": level, address, entry, of EPT; "walk": linear address, access,
 * cycles, mapped, physical address, 2^n bytes. */
static void walk_line(struct trace *t, const struct trace_event *e)
{
    static const char *const access[4] = {"read", "write", "fetch", ""};
    if (strcmp(e->text, "entry") == 0) {
        append(&t->walk, " %s@0x%" PRIx64 "=0x%" PRIx64,
               entry_name(e->arg[3] != 0, (unsigned)e->arg[0]), e->arg[1],
               e->arg[2]);
        return;
    }
    head(t, e);
    fprintf(t->out, " %s 0x%" PRIx64 " %" PRIu64 " cycles:%s",
            access[e->arg[1] & 3], e->arg[0], e->arg[2], t->walk.text);
    if (e->arg[3] != 0)
        fprintf(t->out, " -> 0x%" PRIx64 "\n", e->arg[4]);
    else
        fprintf(t->out, " -> fault\n");
    clear(&t->walk);
}

/* The rest: what happened, then its numbers by name. */
static void plain_line(struct trace *t, const struct trace_event *e)
{
    static const struct {
        const char *text, *arg[4];
    } names[] = {
        {"exception", {"vector", "error", "cr2"}},
        {"interrupt", {"vector"}},
        {"nmi", {"vector"}},
        {"in", {"port", "size", "value"}},
        {"out", {"port", "size", "value"}},
        {"mmio.read", {"address", "size", "value"}},
        {"mmio.write", {"address", "size", "value"}},
        {"rdmsr", {"msr", "value"}},
        {"wrmsr", {"msr", "value"}},
        {"invlpg", {"address", "pcid"}},
        {"invpcid", {"type", "pcid", "address"}},
        {"invept", {"type", "eptp", "address"}},
        {"invvpid", {"type", "vpid", "address"}},
        {"mov.cr0", {"value"}},
        {"mov.cr3", {"value"}},
        {"mov.cr3.keep", {"value"}},
        {"mov.cr4", {"value"}},
    };
    size_t row = 0, rows = sizeof names / sizeof *names;
    while (row < rows && strcmp(names[row].text, e->text) != 0)
        row++;
    head(t, e);
    fprintf(t->out, " %s", e->text);
    for (unsigned i = 0; i < e->args; i++) {
        const char *name = row < rows && i < 4 && names[row].arg[i] != NULL
                               ? names[row].arg[i]
                               : "";
        fprintf(t->out, " %s%s0x%" PRIx64, name, name[0] != '\0' ? " " : "",
                e->arg[i]);
    }
    fputc('\n', t->out);
}

/* An instruction at --trace-from or --trace-to changes whether the trace is
 * on; the former is traced, and so is the latter. True: `e` counts. */
static bool in_window(struct trace *t, const struct trace_event *e)
{
    bool is_insn = e->category == TRACE_INSN && strcmp(e->text, "insn") == 0;
    if (is_insn && t->has_from && e->rip == t->from)
        t->active = true;
    bool on =
        t->active && e->cycle >= t->o.from_cycle && e->cycle <= t->o.to_cycle;
    if (is_insn && t->has_to && e->rip == t->to)
        t->active = false;
    return on;
}

static void event(void *self, const struct trace_event *e)
{
    struct trace *t = self;
    bool pieces = e->category == TRACE_INSN && strcmp(e->text, "insn") != 0;
    if (!pieces && !in_window(t, e))
        return;
    if ((t->o.mask >> e->category & 1) == 0)
        return;
    switch (e->category) {
    case TRACE_INSN: insn(t, e); break;
    case TRACE_EXIT: exit_line(t, e); break;
    case TRACE_WALK: walk_line(t, e); break;
    case TRACE_INVALIDATE:
    case TRACE_INTERRUPT:
    case TRACE_IO:
    case TRACE_MSR: plain_line(t, e); break;
    case TRACE_COUNT: break;
    }
}

/* --- opening and closing --- */

static enum sim_status find_symbols(struct trace *t, struct sim_error *e)
{
    enum sim_status s = SIM_OK;
    t->has_from = t->o.from != NULL;
    t->has_to = t->o.to != NULL;
    t->active = !t->has_from;
    if (t->has_from)
        s = find_address(t, "--trace-from", t->o.from, &t->from, e);
    if (s == SIM_OK && t->has_to)
        s = find_address(t, "--trace-to", t->o.to, &t->to, e);
    return s;
}

static void init_zydis(struct trace *t)
{
    ZydisDecoderInit(&t->decoder[0], ZYDIS_MACHINE_MODE_LEGACY_16,
                     ZYDIS_STACK_WIDTH_16);
    ZydisDecoderInit(&t->decoder[1], ZYDIS_MACHINE_MODE_LEGACY_32,
                     ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&t->decoder[2], ZYDIS_MACHINE_MODE_LONG_64,
                     ZYDIS_STACK_WIDTH_64);
    ZydisFormatterInit(&t->formatter, ZYDIS_FORMATTER_STYLE_INTEL);
}

static void set_ports(struct trace *t, uint32_t mask)
{
    const struct trace_port port = {t, mask, event};
    for (unsigned i = 0; i < machine_cores(t->machine); i++)
        cpu_set_trace(machine_core(t->machine, i), port);
}

enum sim_status trace_open(const struct trace_options *o, struct machine *m,
                           const struct symbols *names, struct trace **out,
                           struct sim_error *e)
{
    struct trace *t = calloc(1, sizeof *t);
    if (t == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    t->o = *o;
    t->machine = m;
    t->names = names;
    init_zydis(t);
    enum sim_status s = find_symbols(t, e);
    t->is_stdout = strcmp(o->file, "-") == 0;
    if (s == SIM_OK)
        t->out = t->is_stdout ? stdout : fopen(o->file, "we");
    if (s == SIM_OK && t->out == NULL)
        s = sim_fail(e, SIM_NO_RESOURCE, "--trace: %s: %m", o->file);
    if (s != SIM_OK) {
        free(t);
        return s;
    }
    /* Whole lines among those of the guest. */
    if (t->is_stdout)
        setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    clear(&t->access);
    clear(&t->changes);
    clear(&t->walk);
    bool symbols = t->has_from || t->has_to;
    set_ports(t, o->mask | (symbols ? UINT32_C(1) << TRACE_INSN : 0));
    *out = t;
    return SIM_OK;
}

enum sim_status trace_close(struct trace *t, struct sim_error *e)
{
    enum sim_status s = SIM_OK;
    if (t == NULL)
        return s;
    set_ports(t, 0);
    bool bad = fflush(t->out) != 0 || ferror(t->out) != 0;
    if (!t->is_stdout && fclose(t->out) != 0)
        bad = true;
    if (bad)
        s = sim_fail(e, SIM_NO_RESOURCE, "--trace: %s: %m", t->o.file);
    free(t);
    return s;
}
