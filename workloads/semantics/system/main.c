/* SPDX-License-Identifier: Apache-2.0
 * System-level cases, made here from random numbers: segment loads, far
 * transfers, event delivery, page walks, control registers. Every batch is
 * one line "index signature" on the debug console; with verbose=1 every case
 * is a line of its own. Words of the command line:
 *   seed=N first=N count=N batch=N   which cases
 *   kinds=LETTERS                    of the table below
 *   verbose=1                        a line a case
 *   ignore=MASK                      bits of RFLAGS that are left out
 */
#include "semantics/system/world.h"

int guest_main(const char *line);

extern u64 home_cr3;

/* For loaders without a command line: the words are written over this. */
char built_in_line[256] __attribute__((section(".data"), aligned(16))) =
    "@system-cases-line@";

static const struct kind {
    char letter;
    void (*make)(void);
} kinds[] = {
    {'a', case_segment},    {'b', case_far},    {'c', case_event},
    {'d', case_far_legacy}, {'e', case_paging}, {'f', case_control},
    {'g', case_v86},
};

static struct {
    u64 seed, first, count, batch, verbose, ignore;
    char kinds[16];
} options = {1, 0, 640, 64, 0, 0, "acef"};

/* ----------------------------------------------------------- the console */

static void out8(u16 port, u8 v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static void text(const char *s)
{
    while (*s != '\0')
        out8(0xe9, (u8)*s++);
}

static void number(u64 v, unsigned base)
{
    char digits[24];
    unsigned n = sizeof digits - 1;
    digits[n] = '\0';
    do {
        digits[--n] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v != 0);
    text(digits + n);
}

void note(const char *name, u64 v)
{
    if (!options.verbose)
        return;
    text(" ");
    text(name);
    text("=");
    number(v, 16);
}

/* ------------------------------------------------------- the command line */

static bool value_of(const char *word, const char *name, u64 *v)
{
    while (*name != '\0')
        if (*word++ != *name++)
            return false;
    u64 n = 0;
    while (*word >= '0' && *word <= '9')
        n = n * 10 + (u64)(*word++ - '0');
    *v = n;
    return true;
}

static void read_word(const char *w)
{
    static const char head[] = "kinds=";
    if (value_of(w, "seed=", &options.seed) ||
        value_of(w, "first=", &options.first) ||
        value_of(w, "count=", &options.count) ||
        value_of(w, "batch=", &options.batch) ||
        value_of(w, "verbose=", &options.verbose) ||
        value_of(w, "ignore=", &options.ignore))
        return;
    for (unsigned i = 0; i < sizeof head - 1; i++)
        if (w[i] != head[i])
            return;
    w += sizeof head - 1;
    unsigned n = 0;
    while (*w > ' ' && n + 1 < sizeof options.kinds)
        options.kinds[n++] = *w++;
    options.kinds[n] = '\0';
}

static void read_line(const char *w)
{
    while (*w != '\0') {
        read_word(w);
        while (*w > ' ')
            w++;
        while (*w != '\0' && *w <= ' ')
            w++;
    }
}

/* ------------------------------------------------------------- a case */

static u64 hash;

static void show(const char *name, u64 v)
{
    hash = (hash ^ v) * 0x9fb21c651e98df25ull;
    hash ^= hash >> 29;
    if (v != 0)
        note(name, v);
}

static struct {
    void *entry;
    unsigned bytes;
    bool inner;
} watched[16];
static unsigned watched_count;

void watch(void *entry, unsigned bytes, bool inner)
{
    watched[watched_count].entry = entry;
    watched[watched_count].bytes = bytes;
    watched[watched_count++].inner = inner;
}

static void report_watched(void)
{
    for (unsigned i = 0; i < watched_count; i++) {
        u32 *p = watched[i].entry;
        u64 v = p[0];
        if (watched[i].bytes == 8)
            v |= (u64)p[1] << 32;
        /* Whether a walk that ends in a fault marks the tables on its way is
         * the processor's choice. */
        if (watched[i].inner && out.vector == 14)
            v &= ~0x20ull;
        show("pte", v);
        p[0] = 0;
        if (watched[i].bytes == 8)
            p[1] = 0;
    }
    watched_count = 0;
}

static const char *const names[16] = {"ax",  "cx",  "dx",  "bx", "",    "bp",
                                      "si",  "di",  "r8",  "r9", "r10", "r11",
                                      "r12", "r13", "r14", "r15"};

/* A double fault: the interrupted task is in its TSS. */
static void decode_task(void)
{
    u16 link = *(u16 *)(uintptr_t)TSS_DF_AT;
    u64 d = gdt()[link / 8 % GDT_COUNT];
    u32 base = (u32)(d >> 16 & 0xffffff);
    out.tr = link;
    if (base != TSS_AT && base != TSS2_AT) /* a jump to the task itself */
        return;
    if ((d >> 43 & 1) == 0) { /* 16 bits */
        const u16 *t = (const u16 *)(uintptr_t)base;
        for (unsigned i = 0; i < 8; i++)
            out.gpr[i] = t[9 + i];
        out.rip = t[7], out.flags = t[8], out.rsp = t[13];
        out.es = t[17], out.cs = t[18], out.ss = t[19], out.ds = t[20];
        return;
    }
    const u32 *t = (const u32 *)(uintptr_t)base;
    for (unsigned i = 0; i < 8; i++)
        out.gpr[i] = t[10 + i];
    out.rip = t[8], out.flags = t[9], out.rsp = t[14];
    out.es = t[18], out.cs = t[19], out.ss = t[20], out.ds = t[21];
    out.fs = t[22], out.gs = t[23];
}

/* In protected mode the frame is found on the handler's stack. */
static void decode_legacy(void)
{
    const u64 *raw = out.raw;
    if ((out.tr & 0xffff) == SEL_TSS_DF) {
        decode_task();
        return;
    }
    for (unsigned i = 0; i < 8; i++)
        out.gpr[i] = raw[7 - i] & 0xffffffff;
    out.vector = raw[8];
    out.error = raw[9] & 0xffffffff;
    out.rip = raw[10] & 0xffffffff;
    out.cs = raw[11] & 0xffff;
    out.flags = raw[12] & 0xffffffff;
    if ((out.flags & 0x20000) != 0) { /* from virtual-8086 mode */
        out.rsp = raw[13] & 0xffffffff;
        out.ss = raw[14] & 0xffff;
        out.es = raw[15] & 0xffff;
        out.ds = raw[16] & 0xffff;
        out.fs = raw[17] & 0xffff;
        out.gs = raw[18] & 0xffff;
    } else if ((out.cs & 3) != 0) {
        out.rsp = raw[13] & 0xffffffff;
        out.ss = raw[14] & 0xffff;
    } else {
        out.rsp += 13 * 4;
        out.ss &= 0xffff;
    }
}

/* The stubs run on whatever stack a case of protected mode leaves; what they
 * meet there is told relative to them. */
static void relocate(void)
{
    u64 stub = (u64)(uintptr_t)stub32_0;
    if (out.rip >= stub && out.rip < stub + 0x2000)
        out.rip -= stub;
}

static const struct kind *kind_of(char letter)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].letter == letter)
            return &kinds[i];
    return &kinds[0];
}

static void report(void)
{
    if (options.verbose)
        text(" ->");
    show("v", out.vector);
    show("e", out.error);
    show("cs", out.cs);
    show("ip", out.rip);
    /* #DF is an abort: RF is what it was, and whether the first exception
     * had set it is the processor's affair. */
    show("fl", out.flags & ~(out.vector == 8 ? 0x10000 : options.ignore));
    show("ss", out.ss);
    show("sp", out.rsp);
    show("cr2", out.cr2);
    for (unsigned i = 0; i < (legacy ? 8u : 16u); i++)
        if (i != 4)
            show(names[i], out.gpr[i]);
    show("ds", out.ds);
    show("es", out.es);
    show("fs", out.fs);
    show("gs", out.gs);
    show("ldtr", out.ldtr & 0xffff);
    show("tr", out.tr & 0xffff);
    show("cr0", out.cr0);
    show("cr3", out.cr3);
    show("cr4", out.cr4);
    show("efer", out.efer);
    show("dr6", out.dr6);
    show("dr7", out.dr7);
    /* In protected mode #DF's image of the flags is in the world. */
    if (!legacy || out.vector != 8)
        show("mem", world_hash());
    report_watched();
}

static void run_case(u64 index, unsigned kind_count)
{
    char letter = options.kinds[index % kind_count];
    rng_state =
        options.seed * 0x2545f4914f6cdd1dull + index * 0xd1342543de82ef95ull;
    (void)rng();
    rng_state = rng();
    if (options.verbose) {
        number(index, 10);
        text(" ");
        out8(0xe9, (u8)letter);
    }
    for (unsigned i = 0; i < sizeof out / 8; i++)
        ((u64 *)&out)[i] = 0;
    world_reset();
    kind_of(letter)->make();
    if (legacy) {
        run_legacy();
        decode_legacy();
        relocate();
    } else {
        run_long();
    }
    control_restore();
    report();
    if (options.verbose)
        text("\n");
}

static void run_all(void)
{
    unsigned kind_count = 0;
    while (options.kinds[kind_count] != '\0')
        kind_count++;
    for (u64 i = 0; i < options.count; i++) {
        u64 index = options.first + i;
        run_case(index, kind_count);
        if (!options.verbose &&
            ((index + 1) % options.batch == 0 || i + 1 == options.count)) {
            number(index / options.batch, 10);
            text(" ");
            number(hash, 16);
            text("\n");
            hash = 0;
        }
    }
}

int guest_main(const char *line)
{
    read_line(line != NULL ? line : built_in_line);
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    /* And the page behind, which an access at the end may reach. */
    for (u32 at = 0; at < WORLD_END + 0x1000; at += 8)
        *(volatile u64 *)(uintptr_t)at = 0xccccccccccccccccull;
    for (u32 at = SCRATCH_AT; at < TABLES_END; at += 8)
        *(volatile u64 *)(uintptr_t)at = 0;
    pages_init();
    setup.cr4 = 0x20;
    home_cr3 = pages_root();
    control_init();
    v86_init();
    run_all();
    text("end\n");
    static const char bye[] = "Shutdown";
    for (unsigned i = 0; i < sizeof bye - 1; i++)
        out8(0x8900, (u8)bye[i]);
    return 0;
}
