/* SPDX-License-Identifier: Apache-2.0
 * Events of performance counters. Encodings: SDM Vol.3 "Architectural
 * Performance Events", the vendor's event lists (intel/perfmon) and AMD's
 * Processor Programming References.
 */
#include "cpu/pmc_event.h"

#include "timer/tsc.h"

#define ARCH PMC_SET_ARCHITECTURAL
#define NHM  PMC_SET_NEHALEM
#define SNB  PMC_SET_SANDYBRIDGE
#define HSW  PMC_SET_HASWELL
#define SKL  PMC_SET_SKYLAKE
#define ICX  PMC_SET_ICELAKE
#define SPR  PMC_SET_SAPPHIRERAPIDS
#define ZEN  PMC_SET_ZEN
/* Those that tell page sizes of completed walks apart. */
#define SIZED (HSW | SKL | ICX | SPR)

enum { OF_LOADS = 1, OF_STORES = 2, OF_FETCHES = 4, OF_DATA = 3 };
enum { ANY_SIZE = 0xff };

struct encoding {
    uint16_t sets;
    uint16_t event;
    uint8_t umask;
    uint8_t source; /* enum pmc_source */
    uint8_t count;  /* enum mmu_count; ANY_SIZE: walks of all sizes */
    uint8_t kinds;  /* OF_* */
};

#define CORE(sets, event, umask, source)                                       \
    {                                                                          \
        sets, event, umask, source, 0, 0                                       \
    }
#define MEMORY(sets, event, umask, count, kinds)                               \
    {                                                                          \
        sets, event, umask, PMC_MMU, count, kinds                              \
    }
/* Walks of one side as Haswell and later encode them. */
#define WALKS(sets, event, kinds)                                              \
    MEMORY(sets, event, 0x02, MMU_WALKED_4K, kinds),                           \
        MEMORY(sets, event, 0x04, MMU_WALKED_2M, kinds),                       \
        MEMORY(sets, event, 0x08, MMU_WALKED_1G, kinds),                       \
        MEMORY(sets, event, 0x0e, ANY_SIZE, kinds),                            \
        MEMORY(sets, event, 0x10, MMU_WALK_CYCLES, kinds)
/* ... as Sandy Bridge does; Nehalem has no cycles. */
#define WALKS_SNB(event, kinds)                                                \
    MEMORY(SNB, event, 0x01, MMU_WALKS, kinds),                                \
        MEMORY(NHM | SNB, event, 0x02, ANY_SIZE, kinds),                       \
        MEMORY(SNB, event, 0x04, MMU_WALK_CYCLES, kinds),                      \
        MEMORY(SNB, event, 0x10, MMU_STLB_HITS, kinds)

static const struct encoding rows[] = {
    CORE(ARCH, 0x3c, 0x00, PMC_CYCLES),
    CORE(ARCH, 0xc0, 0x00, PMC_INSTRUCTIONS),
    CORE(SPR, 0x3c, 0x01, PMC_REFERENCE),
    CORE(ARCH, 0x3c, 0x01, PMC_BUS),
    MEMORY(ARCH, 0x2e, 0x4f, MMU_LLC_REFERENCES, OF_LOADS),
    MEMORY(ARCH, 0x2e, 0x41, MMU_LLC_MISSES, OF_LOADS),
    CORE(ARCH, 0xc4, 0x00, PMC_BRANCHES),

    CORE(NHM, 0xc0, 0x01, PMC_INSTRUCTIONS),
    CORE(NHM | SNB | HSW | SKL, 0xc4, 0x04, PMC_BRANCHES),
    CORE(SNB | SIZED, 0xc4, 0x20, PMC_TAKEN),
    CORE(NHM, 0x0b, 0x01, PMC_LOADS),
    CORE(NHM, 0x0b, 0x02, PMC_STORES),
    CORE(SNB | SIZED, 0xd0, 0x81, PMC_LOADS),
    CORE(SNB | SIZED, 0xd0, 0x82, PMC_STORES),
    CORE(SKL | ICX | SPR, 0xd0, 0x83, PMC_ACCESSES),

    WALKS_SNB(0x08, OF_LOADS),
    MEMORY(SNB, 0x49, 0x01, MMU_WALKS, OF_STORES),
    MEMORY(SNB, 0x49, 0x02, ANY_SIZE, OF_STORES),
    MEMORY(SNB, 0x49, 0x04, MMU_WALK_CYCLES, OF_STORES),
    MEMORY(SNB, 0x49, 0x10, MMU_STLB_HITS, OF_STORES),
    MEMORY(NHM, 0x08, 0x10, MMU_STLB_HITS, OF_LOADS),
    MEMORY(NHM, 0x49, 0x02, ANY_SIZE, OF_DATA),
    MEMORY(NHM, 0x49, 0x10, MMU_STLB_HITS, OF_DATA),
    WALKS_SNB(0x85, OF_FETCHES),

    WALKS(HSW | SKL | ICX, 0x08, OF_LOADS),
    WALKS(HSW | SKL | ICX, 0x49, OF_STORES),
    WALKS(HSW | SKL | ICX, 0x85, OF_FETCHES),
    WALKS(SPR, 0x12, OF_LOADS),
    WALKS(SPR, 0x13, OF_STORES),
    WALKS(SPR, 0x11, OF_FETCHES),
    MEMORY(HSW | SKL, 0x08, 0x01, MMU_WALKS, OF_LOADS),
    MEMORY(HSW | SKL, 0x49, 0x01, MMU_WALKS, OF_STORES),
    MEMORY(HSW | SKL, 0x85, 0x01, MMU_WALKS, OF_FETCHES),
    MEMORY(HSW, 0x08, 0x60, MMU_STLB_HITS, OF_LOADS),
    MEMORY(HSW, 0x49, 0x60, MMU_STLB_HITS, OF_STORES),
    MEMORY(HSW, 0x85, 0x60, MMU_STLB_HITS, OF_FETCHES),
    MEMORY(SKL | ICX, 0x08, 0x20, MMU_STLB_HITS, OF_LOADS),
    MEMORY(SKL | ICX, 0x49, 0x20, MMU_STLB_HITS, OF_STORES),
    MEMORY(SKL | ICX, 0x85, 0x20, MMU_STLB_HITS, OF_FETCHES),
    MEMORY(SPR, 0x12, 0x20, MMU_STLB_HITS, OF_LOADS),
    MEMORY(SPR, 0x13, 0x20, MMU_STLB_HITS, OF_STORES),
    MEMORY(SPR, 0x11, 0x20, MMU_STLB_HITS, OF_FETCHES),

    CORE(ZEN, 0x76, 0x00, PMC_CYCLES),
    CORE(ZEN, 0xc0, 0x00, PMC_INSTRUCTIONS),
    CORE(ZEN, 0xc2, 0x00, PMC_BRANCHES),
    CORE(ZEN, 0xc4, 0x00, PMC_TAKEN),
    CORE(ZEN, 0x29, 0x01, PMC_LOADS),
    CORE(ZEN, 0x29, 0x02, PMC_STORES),
    MEMORY(ZEN, 0x45, 0xf0, MMU_WALKS, OF_DATA),
    MEMORY(ZEN, 0x45, 0x0f, MMU_STLB_HITS, OF_DATA),
    MEMORY(ZEN, 0x84, 0x00, MMU_STLB_HITS, OF_FETCHES),
    MEMORY(ZEN, 0x85, 0x0f, MMU_WALKS, OF_FETCHES),
};
enum { ROWS = sizeof rows / sizeof rows[0] };

enum pmc_set pmc_event_set(const struct cpu *c)
{
    static const struct {
        uint8_t model;
        uint8_t set;
    } models[] = {
        {0x1a, NHM}, {0x1e, NHM}, {0x1f, NHM}, {0x2e, NHM}, {0x25, NHM},
        {0x2c, NHM}, {0x2f, NHM}, {0x2a, SNB}, {0x2d, SNB}, {0x3a, SNB},
        {0x3e, SNB}, {0x3c, HSW}, {0x3f, HSW}, {0x45, HSW}, {0x46, HSW},
        {0x3d, HSW}, {0x47, HSW}, {0x4f, HSW}, {0x56, HSW}, {0x4e, SKL},
        {0x5e, SKL}, {0x55, SKL}, {0x8e, SKL}, {0x9e, SKL}, {0x6a, ICX},
        {0x6c, ICX}, {0x7d, ICX}, {0x7e, ICX}, {0x8f, SPR}, {0xcf, SPR},
    };
    if (c->config.vendor == VENDOR_AMD)
        return ZEN;
    for (unsigned i = 0; i < sizeof models / sizeof models[0]; i++)
        if (c->config.family == 6 && c->config.model == models[i].model)
            return (enum pmc_set)models[i].set;
    return ARCH;
}

uint16_t pmc_event_find(const struct cpu *c, uint64_t select)
{
    bool amd = c->config.vendor == VENDOR_AMD;
    unsigned sets = amd ? ZEN : ARCH | (unsigned)pmc_event_set(c);
    unsigned event = select & 0xff, umask = select >> 8 & 0xff;
    if (amd)
        event |= (unsigned)(select >> 32 & 0xf) << 8;
    for (uint16_t i = 0; i < ROWS; i++)
        if ((rows[i].sets & sets) != 0 && rows[i].event == event &&
            rows[i].umask == umask)
            return i;
    return PMC_NO_EVENT;
}

uint16_t pmc_event_fixed(enum pmc_source s)
{
    for (uint16_t i = 0; i < ROWS; i++)
        if (rows[i].source == s)
            return i;
    return PMC_NO_EVENT;
}

/* The bus clock of processors whose crystal is slower than it. */
static uint64_t bus_hz(const struct cpu *c)
{
    const uint64_t usual = 100000000;
    return c->config.apic_hz > usual ? c->config.apic_hz : usual;
}

static uint64_t of_kind(const struct cpu *c, unsigned count, unsigned kind)
{
    if (count != ANY_SIZE)
        return mmu_count(c->mmu, (enum mmu_count)count, kind);
    return mmu_count(c->mmu, MMU_WALKED_4K, kind) +
           mmu_count(c->mmu, MMU_WALKED_2M, kind) +
           mmu_count(c->mmu, MMU_WALKED_1G, kind);
}

static uint64_t of_mmu(const struct cpu *c, const struct encoding *e)
{
    static const uint8_t kinds[] = {MMU_READ, MMU_WRITE, MMU_FETCH};
    uint64_t n = 0;
    for (unsigned i = 0; i < 3; i++)
        if ((e->kinds >> i & 1) != 0)
            n += of_kind(c, e->count, kinds[i]);
    return n;
}

uint64_t pmc_event_count(const struct cpu *c, uint16_t row)
{
    const struct encoding *e = &rows[row];
    const struct cpu_config *g = &c->config;
    uint64_t awake = c->account.cycles - c->account.leaf[LEAF_IDLE];
    switch ((enum pmc_source)e->source) {
    case PMC_CYCLES: return awake;
    case PMC_REFERENCE: return ticks_of_cycles(awake, g->core_hz, g->tsc_hz);
    case PMC_BUS: return ticks_of_cycles(awake, g->core_hz, bus_hz(c));
    case PMC_INSTRUCTIONS: return c->account.instructions;
    case PMC_BRANCHES: return c->count.branches;
    case PMC_TAKEN: return c->count.taken;
    case PMC_LOADS: return c->count.loads;
    case PMC_STORES: return c->count.stores;
    case PMC_ACCESSES: return c->count.loads + c->count.stores;
    case PMC_MMU: return of_mmu(c, e);
    }
    return 0;
}

bool pmc_event_slow(uint16_t row)
{
    switch ((enum pmc_source)rows[row].source) {
    case PMC_CYCLES:
    case PMC_INSTRUCTIONS:
    case PMC_BRANCHES:
    case PMC_TAKEN: return true;
    case PMC_REFERENCE:
    case PMC_BUS:
    case PMC_LOADS:
    case PMC_STORES:
    case PMC_ACCESSES:
    case PMC_MMU: return false;
    }
    return false;
}
