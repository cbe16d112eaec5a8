/* SPDX-License-Identifier: Apache-2.0
 * CPUID leaves as a table. Feature bits come from features.def and the
 * configuration through cpu_has, so that what is advertised and what decodes
 * are the same thing. SDM Vol.2 "CPUID"; AMD APM Vol.3 App. E.
 */
#include "cpu/cpuid.h"

#include "cpu/control.h"
#include "cpu/lapic.h"
#include "cpu/msr.h"
#include "cpu/pmc.h"
#include "cpu/reset.h"
#include "cpu/xlat.h"
#include "cpu/xsave.h"
#include "sim/base/bits.h"

#include <stdio.h>
#include <string.h>

bool cpuid_config_has(const struct cpu_config *g, unsigned f)
{
    bool intel = g->vendor == VENDOR_INTEL;
    switch ((int)f) {
#define OPTIONAL(field, feature, doc)                                          \
    case FEATURE_##feature:                                                    \
        return g->field;
#include "cpu/optional_features.def"
#undef OPTIONAL
    case FEATURE_XGETBV1: return g->xsavec;
    /* The deadline timer is an Intel feature; the flag alone decides. */
    case FEATURE_TSC_DEADLINE: return g->tsc_deadline && intel;
    case FEATURE_PDCM: return intel && g->pmc_version >= 2;
    case FEATURE_PERFCTR_CORE: return !intel && g->pmc_counters > 4;
    case FEATURE_LA57: return g->linear_bits >= 57;
    case FEATURE_PAGE1G: return g->pages_1g;
    default: return true;
    }
}

bool cpu_has(const struct cpu *c, enum cpu_feature f)
{
    return cpuid_config_has(&c->config, f);
}

struct feature_bit {
    uint32_t leaf, sub;
    uint8_t reg, bit;
};

static const struct feature_bit feature_bits[FEATURE_COUNT] = {
#define FEATURE(e, name, leaf, sub, reg, bit) {leaf, sub, reg, bit},
#include "cpu/features.def"
#undef FEATURE
};

static void add_features(const struct cpu *c, uint32_t leaf, uint32_t sub,
                         uint32_t out[4])
{
    for (unsigned f = 1; f < FEATURE_COUNT; f++) {
        const struct feature_bit *b = &feature_bits[f];
        if (b->leaf == leaf && b->sub == sub && cpu_has(c, (enum cpu_feature)f))
            out[b->reg] |= UINT32_C(1) << b->bit;
    }
}

/* ---------------------------------------------------------- basic leaves */

enum { MAX_BASIC_INTEL = 0x16, MAX_BASIC_AMD = 0x10 };
#define MAX_EXTENDED UINT32_C(0x80000008)

static uint32_t max_basic(const struct cpu *c)
{
    return c->config.vendor == VENDOR_INTEL ? MAX_BASIC_INTEL : MAX_BASIC_AMD;
}

static void vendor_registers(const struct cpu *c, uint32_t out[4])
{
    const char *name =
        c->config.vendor == VENDOR_INTEL ? "GenuineIntel" : "AuthenticAMD";
    memcpy(&out[CPUID_EBX], name, 4);
    memcpy(&out[CPUID_EDX], name + 4, 4);
    memcpy(&out[CPUID_ECX], name + 8, 4);
}

static void leaf_vendor(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    bool limited = (c->msr.misc_enable & MISC_LIMIT_CPUID) != 0;
    uint32_t max = max_basic(c);
    out[CPUID_EAX] = limited && max > 2 ? 2 : max;
    vendor_registers(c, out);
}

/* Bits that hold the APIC ids of a package: the next power of two. */
static unsigned core_bits(const struct cpu *c)
{
    unsigned bits = 0;
    while ((1u << bits) < c->wiring.cores)
        bits++;
    return bits;
}

static void leaf_features(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    out[CPUID_EAX] = cpu_signature(c);
    out[CPUID_EBX] = (c->wiring.index & 0xff) << 24 |
                     ((1u << core_bits(c)) & 0xff) << 16 |
                     (uint32_t)(LINE_SIZE / 8) << 8;
    add_features(c, 1, 0, out);
    if (c->wiring.cores > 1)
        out[CPUID_EDX] |= UINT32_C(1) << 28; /* HTT: more than one id */
    if ((c->cr4 & CR4_OSXSAVE) != 0)
        out[CPUID_ECX] |= UINT32_C(1) << 27;
    if (c->config.vendor == VENDOR_INTEL &&
        (c->msr.misc_enable & MISC_MONITOR) == 0)
        out[CPUID_ECX] &= ~(UINT32_C(1) << 3);
    if ((c->msr.apic_base & APIC_BASE_ENABLE) == 0)
        out[CPUID_EDX] &= ~(UINT32_C(1) << 9);
}

/* Descriptor FFh: caches are in leaf 4. */
static void leaf_descriptors(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    if (c->config.vendor == VENDOR_INTEL)
        out[CPUID_EAX] = 0x0000ff01;
}

static void describe_cache(const struct cache_config *k, unsigned type,
                           unsigned level, unsigned sharing, uint32_t out[4])
{
    uint32_t sets = k->size_kib * 1024 / ((uint32_t)LINE_SIZE * k->ways);
    out[CPUID_EAX] = type | level << 5 | 1u << 8 | (sharing - 1) << 14;
    out[CPUID_EBX] = ((uint32_t)LINE_SIZE - 1) | (k->ways - 1) << 22;
    out[CPUID_ECX] = sets - 1;
}

static void leaf_caches(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    enum { DATA = 1, CODE = 2, UNIFIED = 3 };
    const struct mmu_config *m = &c->mmu_config;
    unsigned cores = 1u << core_bits(c);
    if (c->config.vendor != VENDOR_INTEL)
        return;
    if (sub == 0 && m->l1d.size_kib != 0)
        describe_cache(&m->l1d, DATA, 1, 1, out);
    else if (sub == 1 && m->l1i.size_kib != 0)
        describe_cache(&m->l1i, CODE, 1, 1, out);
    else if (sub == 2 && m->l2.size_kib != 0)
        describe_cache(&m->l2, UNIFIED, 2, 1, out);
    else if (sub == 3 && c->wiring.l3.size_kib != 0)
        describe_cache(&c->wiring.l3, UNIFIED, 3, cores, out);
    if (out[CPUID_EAX] != 0)
        out[CPUID_EAX] |= (cores - 1) << 26;
}

static void leaf_extended_features(const struct cpu *c, uint32_t sub,
                                   uint32_t out[4])
{
    add_features(c, 7, sub, out);
    if (sub == 0 && (c->cr4 & CR4_PKE) != 0)
        out[CPUID_ECX] |= UINT32_C(1) << 4; /* OSPKE */
}

/* Lines of 64 bytes; MWAIT's ECX bit 0; one C1 state. */
static void leaf_monitor(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    if (!cpu_has(c, FEATURE_MONITOR))
        return;
    out[CPUID_EAX] = out[CPUID_EBX] = (uint32_t)LINE_SIZE;
    out[CPUID_ECX] = 3;
    out[CPUID_EDX] = 0x10;
}

static void leaf_counters(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    pmc_cpuid(c, out);
}

/* Level 0 is the thread (one a core), level 1 the core. */
static void leaf_topology(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    out[CPUID_ECX] = sub & 0xff;
    out[CPUID_EDX] = c->wiring.index;
    if (sub == 0) {
        out[CPUID_EBX] = 1;
        out[CPUID_ECX] |= 1u << 8;
    } else if (sub == 1) {
        out[CPUID_EAX] = core_bits(c);
        out[CPUID_EBX] = c->wiring.cores;
        out[CPUID_ECX] |= 2u << 8;
    }
}

static void leaf_xsave(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    xsave_cpuid(c, sub, out);
    add_features(c, 0xd, sub, out);
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* TSC = crystal * EBX / EAX; the crystal is the local APIC's clock. Zero
 * when the ratio does not fit, which means "not enumerated". */
static void leaf_tsc(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    uint64_t crystal = c->config.apic_hz, tsc = c->config.tsc_hz;
    uint64_t g = gcd(crystal, tsc);
    if (c->config.vendor != VENDOR_INTEL || g == 0 || crystal == 0 ||
        crystal / g > UINT32_MAX || tsc / g > UINT32_MAX ||
        crystal > UINT32_MAX)
        return;
    out[CPUID_EAX] = (uint32_t)(crystal / g);
    out[CPUID_EBX] = (uint32_t)(tsc / g);
    out[CPUID_ECX] = (uint32_t)crystal;
}

static void leaf_frequency(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    if (c->config.vendor != VENDOR_INTEL)
        return;
    out[CPUID_EAX] = (uint32_t)(c->config.tsc_hz / 1000000) & 0xffff;
    out[CPUID_EBX] = (uint32_t)(c->config.core_hz / 1000000) & 0xffff;
    out[CPUID_ECX] = (uint32_t)(c->config.apic_hz / 1000000) & 0xffff;
}

/* ------------------------------------------------------- extended leaves */

static void leaf_extended_max(const struct cpu *c, uint32_t sub,
                              uint32_t out[4])
{
    (void)sub;
    out[CPUID_EAX] = MAX_EXTENDED;
    if (c->config.vendor == VENDOR_AMD)
        vendor_registers(c, out);
}

static void leaf_extended_signature(const struct cpu *c, uint32_t sub,
                                    uint32_t out[4])
{
    (void)sub;
    add_features(c, UINT32_C(0x80000001), 0, out);
    if ((c->msr.misc_enable & MISC_NO_XD) != 0)
        out[CPUID_EDX] &= ~(UINT32_C(1) << 20);
    if (c->config.vendor == VENDOR_AMD) {
        uint32_t basic[4] = {0};
        out[CPUID_EAX] = cpu_signature(c);
        add_features(c, 1, 0, basic);
        /* EDX repeats most of leaf 1's; CMP_LEGACY with several cores. */
        out[CPUID_EDX] |= basic[CPUID_EDX] & 0x0183f3ff;
        if (c->wiring.cores > 1)
            out[CPUID_ECX] |= 1u << 1;
    } else if ((c->mode & MODE_LONG) == 0) {
        out[CPUID_EDX] &= ~(UINT32_C(1) << 11); /* SYSCALL: 64-bit mode */
    }
}

/* 48 bytes over three leaves. */
static void brand(const struct cpu *c, unsigned part, uint32_t out[4])
{
    char name[49] = {0};
    uint64_t mhz = c->config.core_hz / 1000000;
    snprintf(name, sizeof name, "vtsim %s processor @ %u.%02uGHz",
             c->config.vendor == VENDOR_INTEL ? "Intel64" : "AMD64",
             (unsigned)(mhz / 1000 % 1000), (unsigned)(mhz % 1000 / 10));
    memcpy(out, name + (size_t)part * 16, 16);
}

static void leaf_brand0(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    brand(c, 0, out);
}

static void leaf_brand1(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    brand(c, 1, out);
}

static void leaf_brand2(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    brand(c, 2, out);
}

static void leaf_amd_l1(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    const struct mmu_config *m = &c->mmu_config;
    if (c->config.vendor != VENDOR_AMD)
        return;
    out[CPUID_ECX] = m->l1d.size_kib << 24 | (m->l1d.ways & 0xff) << 16 |
                     1u << 8 | (uint32_t)LINE_SIZE;
    out[CPUID_EDX] = m->l1i.size_kib << 24 | (m->l1i.ways & 0xff) << 16 |
                     1u << 8 | (uint32_t)LINE_SIZE;
}

/* Associativity as leaf 80000006h encodes it, rounded down. */
static uint32_t way_code(uint32_t ways)
{
    static const struct {
        uint32_t ways, code;
    } rows[] = {{128, 0xe}, {96, 0xd}, {64, 0xc}, {48, 0xb}, {32, 0xa},
                {16, 8},    {8, 6},    {4, 4},    {2, 2},    {1, 1}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ways >= rows[i].ways)
            return rows[i].code;
    return 0;
}

static void leaf_l2(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    const struct cache_config *l2 = &c->mmu_config.l2;
    const struct cache_config *l3 = &c->wiring.l3;
    out[CPUID_ECX] = (l2->size_kib & 0xffff) << 16 | way_code(l2->ways) << 12 |
                     (uint32_t)LINE_SIZE;
    if (c->config.vendor == VENDOR_AMD) {
        out[CPUID_ECX] |= 1u << 8;
        out[CPUID_EDX] = (l3->size_kib / 512) << 18 | way_code(l3->ways) << 12 |
                         1u << 8 | (uint32_t)LINE_SIZE;
    }
}

static void leaf_invariant_tsc(const struct cpu *c, uint32_t sub,
                               uint32_t out[4])
{
    (void)sub;
    (void)c;
    out[CPUID_EDX] = 1u << 8;
}

static void leaf_addresses(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
    (void)sub;
    out[CPUID_EAX] = c->mmu_config.maxphyaddr |
                     (c->config.linear_bits >= 57 ? 57u : 48u) << 8;
    if (c->config.vendor == VENDOR_AMD)
        out[CPUID_ECX] = (c->wiring.cores - 1) | core_bits(c) << 12;
}

struct cpuid_row {
    uint32_t leaf;
    void (*fill)(const struct cpu *c, uint32_t sub, uint32_t out[4]);
};

/* Leaves without a row read as zero: 3, 6, 8, 9 and those beyond. */
static const struct cpuid_row cpuid_rows[] = {
    {0, leaf_vendor},
    {1, leaf_features},
    {2, leaf_descriptors},
    {4, leaf_caches},
    {5, leaf_monitor},
    {7, leaf_extended_features},
    {0xa, leaf_counters},
    {0xb, leaf_topology},
    {0xd, leaf_xsave},
    {0x15, leaf_tsc},
    {0x16, leaf_frequency},
    {UINT32_C(0x80000000), leaf_extended_max},
    {UINT32_C(0x80000001), leaf_extended_signature},
    {UINT32_C(0x80000002), leaf_brand0},
    {UINT32_C(0x80000003), leaf_brand1},
    {UINT32_C(0x80000004), leaf_brand2},
    {UINT32_C(0x80000005), leaf_amd_l1},
    {UINT32_C(0x80000006), leaf_l2},
    {UINT32_C(0x80000007), leaf_invariant_tsc},
    {UINT32_C(0x80000008), leaf_addresses},
};

void cpuid_leaf(const struct cpu *c, uint32_t leaf, uint32_t sub,
                uint32_t out[4])
{
    memset(out, 0, 4 * sizeof out[0]);
    bool basic = leaf <= max_basic(c);
    bool extended = leaf >= UINT32_C(0x80000000) && leaf <= MAX_EXTENDED;
    if (!basic && !extended) {
        /* Intel answers with the highest basic leaf, AMD with zeros. */
        if (c->config.vendor == VENDOR_AMD)
            return;
        leaf = max_basic(c);
    }
    for (unsigned i = 0; i < sizeof cpuid_rows / sizeof cpuid_rows[0]; i++)
        if (cpuid_rows[i].leaf == leaf)
            cpuid_rows[i].fill(c, sub, out);
}
