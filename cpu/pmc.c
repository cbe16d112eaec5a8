/* SPDX-License-Identifier: Apache-2.0
 * Performance counters. Each is a value and the mark at which it was right:
 * the present value adds what the core has counted of the event since. The
 * marks move when a counter is read or written, when a control register
 * changes, and at changes of privilege while a counter counts one level
 * alone.
 */
#include "cpu/pmc.h"

#include "cpu/lapic.h"
#include "cpu/pmc_event.h"
#include "cpu/xlat.h"
#include "sim/base/bits.h"

#include <stdio.h>
#include <string.h>

/* IA32_PERFEVTSELx and AMD's PERF_CTL share these. */
enum {
    SELECT_USR = 1 << 16,
    SELECT_OS = 1 << 17,
    SELECT_EDGE = 1 << 18,
    SELECT_INT = 1 << 20,
    SELECT_ANY = 1 << 21,
    SELECT_EN = 1 << 22,
    SELECT_INV = 1 << 23,
};
#define SELECT_CMASK UINT64_C(0xff000000)

enum { FIXED_OS = 1, FIXED_USR = 2, FIXED_ANY = 4, FIXED_PMI = 8 };
enum { FIRST_FIXED = PMC_GENERAL_MAX, FIXED_BIT = 32 };

enum {
    MSR_PMC0 = 0xc1,
    MSR_PERFEVTSEL0 = 0x186,
    MSR_FIXED_CTR0 = 0x309,
    MSR_PERF_CAPABILITIES = 0x345,
    MSR_FIXED_CTR_CTRL = 0x38d,
    MSR_GLOBAL_STATUS = 0x38e,
    MSR_GLOBAL_CTRL = 0x38f,
    MSR_GLOBAL_OVF_CTRL = 0x390,
    MSR_GLOBAL_STATUS_SET = 0x391,
    MSR_GLOBAL_INUSE = 0x392,
    MSR_A_PMC0 = 0x4c1,
};
#define MSR_K7_CTL0  UINT32_C(0xc0010000)
#define MSR_K7_CTR0  UINT32_C(0xc0010004)
#define MSR_AMD_CTL0 UINT32_C(0xc0010200) /* CTL and CTR alternate */
enum { K7_COUNTERS = 4 };

static bool is_amd(const struct cpu *c)
{
    return c->config.vendor == VENDOR_AMD;
}

static unsigned general(const struct cpu *c)
{
    if (!is_amd(c) && c->config.pmc_version == 0)
        return 0;
    return c->config.pmc_counters;
}

static unsigned fixed(const struct cpu *c)
{
    return is_amd(c) || c->config.pmc_version < 2 ? 0 : c->config.pmc_fixed;
}

static uint64_t width_mask(const struct cpu *c, unsigned i)
{
    return bits_mask(i < FIRST_FIXED ? c->config.pmc_width
                                     : c->config.pmc_fixed_width);
}

/* Full-width writes came with IA32_PMCx's aliases at 4C1h. */
static bool full_width(const struct cpu *c)
{
    return !is_amd(c) && c->config.pmc_version >= 3 &&
           pmc_event_set(c) != PMC_SET_NEHALEM;
}

/* ---------------------------------------------------------------- counting */

/* Bit of a counter in the global registers. */
static uint64_t global_bit(unsigned i)
{
    return i < FIRST_FIXED ? BIT(i) : BIT(FIXED_BIT + i - FIRST_FIXED);
}

/* Bring every counter up to now; note overflows. */
static void fold(struct cpu *c)
{
    bool interrupt = false;
    for (unsigned i = 0; i < PMC_COUNTERS; i++) {
        struct pmc_counter *k = &c->pmc.counter[i];
        if (!k->counts)
            continue;
        uint64_t now = pmc_event_count(c, k->source);
        k->value += now - k->mark;
        k->mark = now;
        if (k->value > width_mask(c, i)) {
            k->value &= width_mask(c, i);
            c->pmc.status |= global_bit(i);
            interrupt |= k->interrupts;
        }
    }
    if (interrupt)
        lapic_performance_interrupt(c);
}

/* The OS (1) and USR (2) flags of a counter, 0 when it is off. */
static unsigned levels_of(const struct cpu *c, unsigned i)
{
    const struct pmc *p = &c->pmc;
    if (i >= FIRST_FIXED) {
        unsigned j = i - FIRST_FIXED;
        if (j >= fixed(c) || (p->global_control & global_bit(i)) == 0)
            return 0;
        return p->fixed_control >> (4 * j) & (FIXED_OS | FIXED_USR);
    }
    uint64_t s = p->select[i];
    if (i >= general(c) || (s & SELECT_EN) == 0)
        return 0;
    if (!is_amd(c) && c->config.pmc_version >= 2 &&
        (p->global_control & global_bit(i)) == 0)
        return 0;
    return (s & SELECT_OS ? 1u : 0) | (s & SELECT_USR ? 2u : 0);
}

static bool interrupts(const struct cpu *c, unsigned i)
{
    if (i >= FIRST_FIXED)
        return (c->pmc.fixed_control >> (4 * (i - FIRST_FIXED)) & FIXED_PMI) !=
               0;
    return (c->pmc.select[i] & SELECT_INT) != 0;
}

static uint16_t source_of(const struct cpu *c, unsigned i)
{
    static const uint8_t fixed_event[PMC_FIXED_MAX] = {
        PMC_INSTRUCTIONS, PMC_CYCLES, PMC_REFERENCE};
    if (i >= FIRST_FIXED)
        return pmc_event_fixed(fixed_event[i - FIRST_FIXED]);
    return pmc_event_find(c, c->pmc.select[i]);
}

/* Decide anew what counts; the counters are folded. */
static void plan(struct cpu *c)
{
    struct pmc *p = &c->pmc;
    p->level = (uint8_t)(c->mode & MODE_CPL);
    p->distinguish = p->armed = false;
    for (unsigned i = 0; i < PMC_COUNTERS; i++) {
        struct pmc_counter *k = &p->counter[i];
        unsigned levels = levels_of(c, i);
        k->source = levels != 0 ? source_of(c, i) : PMC_NO_EVENT;
        k->counts = k->source != PMC_NO_EVENT &&
                    (levels & (p->level == 0 ? 1u : 2u)) != 0;
        k->interrupts = interrupts(c, i);
        if (k->counts)
            k->mark = pmc_event_count(c, k->source);
        p->distinguish |= levels == 1 || levels == 2;
        p->armed |= k->counts && k->interrupts;
    }
    event_notify(c);
}

void pmc_level_changed(struct cpu *c)
{
    if (c->pmc.level == (c->mode & MODE_CPL))
        return;
    fold(c);
    plan(c);
}

void pmc_poll(struct cpu *c)
{
    fold(c);
}

/* Nothing is counted more often than this in a cycle. */
enum { PER_CYCLE = 64 };

uint64_t pmc_deadline(const struct cpu *c)
{
    uint64_t first = UINT64_MAX;
    for (unsigned i = 0; i < PMC_COUNTERS; i++) {
        const struct pmc_counter *k = &c->pmc.counter[i];
        if (!k->counts || !k->interrupts)
            continue;
        uint64_t now = k->value + pmc_event_count(c, k->source) - k->mark;
        uint64_t left = now > width_mask(c, i) ? 0 : width_mask(c, i) + 1 - now;
        if (!pmc_event_slow(k->source))
            left = left / PER_CYCLE + (left != 0);
        first = left < first ? left : first;
    }
    uint64_t cycles = c->account.cycles;
    return first < UINT64_MAX - cycles ? cycles + first : UINT64_MAX;
}

/* --------------------------------------------------------------- registers */

void pmc_reset(struct cpu *c)
{
    memset(&c->pmc, 0, sizeof c->pmc);
    /* SDM Vol.3 "IA-32 and Intel 64 Processor States Following Power-up,
     * Reset, or INIT": the general counters are enabled globally. */
    c->pmc.global_control = bits_mask(general(c));
    plan(c);
}

static uint64_t global_bits(const struct cpu *c)
{
    return bits_mask(general(c)) | bits_mask(fixed(c)) << FIXED_BIT;
}

static bool set_counter(struct cpu *c, unsigned i, uint64_t v)
{
    if ((v & ~width_mask(c, i)) != 0)
        return false;
    fold(c);
    c->pmc.counter[i].value = v;
    plan(c);
    return true;
}

static uint64_t get_counter(struct cpu *c, unsigned i)
{
    fold(c);
    return c->pmc.counter[i].value;
}

/* An enabled counter must count something that is modelled. */
static bool check_event(struct cpu *c, uint64_t s)
{
    bool plain = (s & (SELECT_CMASK | SELECT_INV | SELECT_EDGE)) == 0;
    if ((s & SELECT_EN) == 0 || (s & (SELECT_USR | SELECT_OS)) == 0 ||
        (plain && pmc_event_find(c, s) != PMC_NO_EVENT))
        return true;
    char what[64];
    snprintf(what, sizeof what, "performance event select %llx",
             (unsigned long long)s);
    (void)raise_unmodelled(c, what);
    return false;
}

static bool set_select(struct cpu *c, unsigned i, uint64_t v)
{
    /* Intel: 31:0. AMD: event bits 11:8 at 35:32, host and guest at 41:40. */
    uint64_t allowed = is_amd(c) ? UINT64_C(0x30fffd7ffff) : UINT32_MAX;
    if ((v & ~allowed) != 0 || !check_event(c, v))
        return false;
    fold(c);
    c->pmc.select[i] = v;
    plan(c);
    return true;
}

static bool set_control(struct cpu *c, uint64_t *reg, uint64_t v, uint64_t mask)
{
    if ((v & ~mask) != 0)
        return false;
    fold(c);
    *reg = v;
    plan(c);
    return true;
}

static bool set_fixed_control(struct cpu *c, uint64_t v)
{
    uint64_t one = FIXED_OS | FIXED_USR | FIXED_PMI, mask = 0;
    if (c->config.pmc_version < 5)
        one |= FIXED_ANY;
    for (unsigned j = 0; j < fixed(c); j++)
        mask |= one << (4 * j);
    return set_control(c, &c->pmc.fixed_control, v, mask);
}

/* Bits 61 (uncore), 62 (DS buffer) and 63 (condition changed) may be
 * written but never are set here. */
static bool change_status(struct cpu *c, uint64_t v, bool set)
{
    uint64_t high = UINT64_C(7) << 61;
    if ((v & ~(global_bits(c) | high)) != 0)
        return false;
    fold(c);
    if (set)
        c->pmc.status |= v & global_bits(c);
    else
        c->pmc.status &= ~v;
    return true;
}

static uint64_t in_use(const struct cpu *c)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < general(c); i++) {
        v |= (c->pmc.select[i] & 0xff) != 0 ? BIT(i) : 0;
        v |= (c->pmc.select[i] & SELECT_INT) != 0 ? BIT(63) : 0;
    }
    for (unsigned j = 0; j < fixed(c); j++) {
        uint64_t k = c->pmc.fixed_control >> (4 * j);
        v |= (k & (FIXED_OS | FIXED_USR)) != 0 ? BIT(FIXED_BIT + j) : 0;
        v |= (k & FIXED_PMI) != 0 ? BIT(63) : 0;
    }
    return v;
}

/* What a number names: a register of counter i, or a global one. */
enum kind { NO_MSR, COUNTER, FULL_COUNTER, FIXED_COUNTER, SELECT, GLOBAL };

struct named {
    enum kind kind;
    unsigned i;
};

static struct named name_amd(const struct cpu *c, uint32_t n)
{
    unsigned i = (n - MSR_AMD_CTL0) / 2, old = K7_COUNTERS;
    if (n >= MSR_AMD_CTL0 && i < general(c))
        return (struct named){(n & 1) != 0 ? FULL_COUNTER : SELECT, i};
    if (n >= MSR_K7_CTL0 && n < MSR_K7_CTL0 + old && n - MSR_K7_CTL0 < old)
        return (struct named){SELECT, n - MSR_K7_CTL0};
    if (n >= MSR_K7_CTR0 && n < MSR_K7_CTR0 + old)
        return (struct named){FULL_COUNTER, n - MSR_K7_CTR0};
    return (struct named){NO_MSR, 0};
}

static struct named name(const struct cpu *c, uint32_t n)
{
    unsigned version = c->config.pmc_version;
    if (general(c) == 0)
        return (struct named){NO_MSR, 0};
    if (is_amd(c))
        return name_amd(c, n);
    if (n >= MSR_PMC0 && n < MSR_PMC0 + general(c))
        return (struct named){COUNTER, n - MSR_PMC0};
    if (n >= MSR_PERFEVTSEL0 && n < MSR_PERFEVTSEL0 + general(c))
        return (struct named){SELECT, n - MSR_PERFEVTSEL0};
    if (n >= MSR_FIXED_CTR0 && n < MSR_FIXED_CTR0 + fixed(c))
        return (struct named){FIXED_COUNTER, n - MSR_FIXED_CTR0 + FIRST_FIXED};
    if (full_width(c) && n >= MSR_A_PMC0 && n < MSR_A_PMC0 + general(c))
        return (struct named){FULL_COUNTER, n - MSR_A_PMC0};
    if ((version >= 2 &&
         (n == MSR_PERF_CAPABILITIES ||
          (n >= MSR_FIXED_CTR_CTRL && n <= MSR_GLOBAL_OVF_CTRL))) ||
        (version >= 4 && (n == MSR_GLOBAL_STATUS_SET || n == MSR_GLOBAL_INUSE)))
        return (struct named){GLOBAL, 0};
    return (struct named){NO_MSR, 0};
}

bool pmc_is_msr(const struct cpu *c, uint32_t number)
{
    return name(c, number).kind != NO_MSR;
}

static uint64_t read_global(struct cpu *c, uint32_t number)
{
    fold(c);
    switch (number) {
    case MSR_PERF_CAPABILITIES: return full_width(c) ? BIT(13) : 0;
    case MSR_FIXED_CTR_CTRL: return c->pmc.fixed_control;
    case MSR_GLOBAL_STATUS: return c->pmc.status;
    case MSR_GLOBAL_CTRL: return c->pmc.global_control;
    case MSR_GLOBAL_INUSE: return in_use(c);
    default: return 0; /* write-only: reads as zero */
    }
}

static bool write_global(struct cpu *c, uint32_t number, uint64_t in)
{
    switch (number) {
    case MSR_FIXED_CTR_CTRL: return set_fixed_control(c, in);
    case MSR_GLOBAL_CTRL:
        return set_control(c, &c->pmc.global_control, in, global_bits(c));
    case MSR_GLOBAL_OVF_CTRL: return change_status(c, in, false);
    case MSR_GLOBAL_STATUS_SET: return change_status(c, in, true);
    default: return false; /* read-only */
    }
}

bool pmc_msr_read(struct cpu *c, uint32_t number, uint64_t *out)
{
    struct named k = name(c, number);
    switch (k.kind) {
    case NO_MSR: return false;
    case COUNTER:
    case FULL_COUNTER:
    case FIXED_COUNTER: *out = get_counter(c, k.i); return true;
    case SELECT: *out = c->pmc.select[k.i]; return true;
    case GLOBAL: *out = read_global(c, number); return true;
    }
    return false;
}

bool pmc_msr_write(struct cpu *c, uint32_t number, uint64_t in)
{
    struct named k = name(c, number);
    switch (k.kind) {
    case NO_MSR: return false;
    case COUNTER: /* bit 31 fills what is above */
        in = bits_sext((uint32_t)in, 32) & width_mask(c, k.i);
        return set_counter(c, k.i, in);
    case FULL_COUNTER:
        if (is_amd(c)) /* bits above are ignored */
            in &= width_mask(c, k.i);
        return set_counter(c, k.i, in);
    case FIXED_COUNTER: return set_counter(c, k.i, in);
    case SELECT: return set_select(c, k.i, in);
    case GLOBAL: return write_global(c, number, in);
    }
    return false;
}

bool pmc_read(struct cpu *c, uint32_t index, uint64_t *out)
{
    unsigned i = index & ~(UINT32_C(1) << 30);
    if (index < general(c))
        i = index;
    else if ((index & BIT(30)) != 0 && i < fixed(c))
        i += FIRST_FIXED;
    else
        return false;
    *out = get_counter(c, i);
    return true;
}

void pmc_cpuid(const struct cpu *c, uint32_t out[4])
{
    enum { EVENTS = 7, LLC = 3 << 3, MISPREDICTED = 1 << 6 };
    uint32_t version = c->config.pmc_version;
    if (is_amd(c) || version == 0)
        return;
    out[0] = version | general(c) << 8 | c->config.pmc_width << 16 |
             (uint32_t)EVENTS << 24;
    /* Set: not available. Branches are not predicted, and without timing
     * there are no caches. */
    out[1] = MISPREDICTED | (c->config.timing == TIMING_OFF ? LLC : 0);
    if (version >= 2)
        out[3] = fixed(c) | c->config.pmc_fixed_width << 5;
    if (version >= 5) {
        out[2] = (uint32_t)bits_mask(fixed(c));
        out[3] |= 1u << 15; /* no AnyThread */
    }
}
