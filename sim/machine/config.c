/* SPDX-License-Identifier: Apache-2.0
 * Defaults of the configuration, and the checks that need more than one
 * parameter.
 */
#include "sim/machine/config.h"

#include "mmu/hot.h"
#include "sim/base/bits.h"

#include <inttypes.h>
#include <string.h>

static struct assoc_config assoc(uint32_t entries, uint32_t ways)
{
    return (struct assoc_config){.entries = entries, .ways = ways};
}

/* Structures that a preset leaves out keep these. */
static void default_mmu(struct mmu_config *m)
{
    m->itlb_4k = assoc(64, 4);
    m->itlb_2m = assoc(8, 8);
    m->itlb_1g = assoc(0, 1);
    m->dtlb_4k = assoc(64, 4);
    m->dtlb_2m = assoc(32, 4);
    m->dtlb_1g = assoc(4, 4);
    m->stlb_unified = true;
    m->stlb_2m_shared = true;
    m->stlb = assoc(1536, 12);
    m->stlb_i = assoc(0, 1);
    m->stlb_1g = assoc(0, 1);
    m->stlb_latency = 9;
    m->psc_pml5e = assoc(2, 2);
    m->psc_pml4e = assoc(4, 4);
    m->psc_pdpte = assoc(4, 4);
    m->psc_pde = assoc(32, 4);
    m->ept_psc_pml5e = assoc(2, 2);
    m->ept_psc_pml4e = assoc(4, 4);
    m->ept_psc_pdpte = assoc(4, 4);
    m->ept_psc_pde = assoc(32, 4);
    m->nested_tlb = assoc(32, 4);
    m->walkers = 1;
    m->walk_through_l1d = true;
    m->l1i = (struct cache_config){.ways = 8, .latency = 4};
    m->l1d = (struct cache_config){.ways = 8, .latency = 4};
    m->l2 = (struct cache_config){.ways = 8, .latency = 14};
    m->coherence_latency = 60;
    m->uncached_latency = 200;
    m->mmio_latency = 500;
    m->maxphyaddr = 39;
    m->filter = true;
}

/* All that a recent server processor has, but for what a preset adds. */
static void default_vtx(struct vmx_config *x)
{
#define VTX(field, doc) x->field = true;
#include "cpu/vmx/features.def"
#undef VTX
    x->extensions = false;
    x->ept_5level = x->user_wait = x->sub_page = false;
    x->revision = 4;
    x->region_size = 1024;
    x->timer_shift = 7;
    x->cr3_targets = 4;
    x->msr_list_max = 512;
    x->feature_control = 5;
    x->vmcs_cache = 4;
#define VMX_COST(field, leaf, cycles, doc) x->cost.field = cycles;
#include "cpu/vmx/cost.def"
#undef VMX_COST
}

static void default_core(struct cpu_config *c)
{
    c->timing = TIMING_SIMPLE;
    c->core_hz = UINT64_C(2000000000);
    c->tsc_hz = UINT64_C(2000000000);
    c->apic_hz = UINT64_C(100000000);
    c->vendor = VENDOR_INTEL;
    c->family = 6;
    c->model = 94;
    c->stepping = 3;
    c->linear_bits = 48;
    c->pages_1g = c->pcid = c->invpcid = c->smep = c->smap = true;
    c->umip = c->fsgsbase = c->rdtscp = c->rdrand = c->rdseed = true;
    c->avx = c->avx2 = c->fma = c->f16c = true;
    c->aes = c->pclmulqdq = c->sha = c->gfni = true;
    c->vaes = c->vpclmulqdq = true;
    c->x2apic = c->tsc_deadline = c->magic_ops = c->block_cache = true;
    c->xsave = c->xsaveopt = c->xsavec = c->xsaves = true;
    c->bmi1 = c->bmi2 = c->lzcnt = c->adx = c->movbe = true;
    c->pku = c->rdpid = c->clflushopt = c->clwb = c->monitor = true;
    c->movdiri = c->movdir64b = c->serialize = c->waitpkg = true;
    c->erms = c->fsrm = c->vmx = true;
    default_vtx(&c->vtx);
    c->pmc_version = 4;
    c->pmc_counters = 8;
    c->pmc_fixed = 3;
    c->pmc_width = c->pmc_fixed_width = 48;
#define COST(e, name, n, leaf, rule, doc) c->cost.cycles[COST_##e] = n;
#include "cpu/cost.def"
#undef COST
}

void config_defaults(struct machine_config *c)
{
    memset(c, 0, sizeof *c);
    default_core(&c->core);
    default_mmu(&c->mmu);
    c->memory.ram_bytes = UINT64_C(512) << 20;
    c->memory.l3 = (struct cache_config){.ways = 16, .latency = 42};
    c->memory.dram_latency = 200;
    c->l1i_bytes = c->l1d_bytes = 32 << 10;
    c->l2_bytes = 256 << 10;
    c->l3_bytes = 8 << 20;
    c->cores = 1;
    c->acpi = c->fw_cfg = true;
    c->quantum = 1000;
    c->seed = 1;
    c->epoch = UINT64_C(1767225600); /* 2026-01-01 00:00:00 UTC */
}

struct checker {
    enum sim_status status;
    struct sim_error *e;
};

static enum sim_status check_assoc(const struct checker *k, const char *name,
                                   const struct assoc_config *a)
{
    if (a->entries == 0)
        return SIM_OK;
    if (a->ways > a->entries)
        return sim_fail(k->e, k->status,
                        "%s.ways: %" PRIu32 " (more than the %" PRIu32
                        " entries)",
                        name, a->ways, a->entries);
    if (a->entries % a->ways != 0)
        return sim_fail(k->e, k->status,
                        "%s.entries: %" PRIu32 " (not a multiple of the "
                        "%" PRIu32 " ways)",
                        name, a->entries, a->ways);
    if (!is_pow2(a->entries / a->ways))
        return sim_fail(k->e, k->status,
                        "%s: %" PRIu32 " sets (the number of sets must be a "
                        "power of two)",
                        name, a->entries / a->ways);
    if (a->replacement == REPL_TREE_PLRU && (!is_pow2(a->ways) || a->ways > 64))
        return sim_fail(k->e, k->status,
                        "%s.replacement: tree-plru with %" PRIu32
                        " ways (a power of two up to 64)",
                        name, a->ways);
    return SIM_OK;
}

static enum sim_status check_cache(const struct checker *k, const char *name,
                                   struct cache_config *c, uint64_t bytes,
                                   bool l1)
{
    uint64_t line_bytes = LINE_SIZE * c->ways;
    c->size_kib = (uint32_t)(bytes >> 10);
    if (bytes == 0)
        return SIM_OK;
    if (bytes % 1024 != 0)
        return sim_fail(k->e, k->status,
                        "%s.size: %" PRIu64 " (not a multiple of 1024)", name,
                        bytes);
    if (bytes % line_bytes != 0)
        return sim_fail(k->e, k->status,
                        "%s.size: %" PRIu64 " (not a multiple of %" PRIu32
                        " ways of 64 bytes)",
                        name, bytes, c->ways);
    if (l1 && !is_pow2(bytes / line_bytes))
        return sim_fail(k->e, k->status,
                        "%s: %" PRIu64 " sets (the number of sets must be a "
                        "power of two)",
                        name, bytes / line_bytes);
    if (c->replacement == REPL_TREE_PLRU && (!is_pow2(c->ways) || c->ways > 64))
        return sim_fail(k->e, k->status,
                        "%s.replacement: tree-plru with %" PRIu32
                        " ways (a power of two up to 64)",
                        name, c->ways);
    return SIM_OK;
}

static enum sim_status check_tlbs(const struct checker *k,
                                  const struct mmu_config *m)
{
    const struct {
        const char *name;
        const struct assoc_config *a;
    } all[] = {
        {"core.itlb.4k", &m->itlb_4k},
        {"core.itlb.2m", &m->itlb_2m},
        {"core.itlb.1g", &m->itlb_1g},
        {"core.dtlb.4k", &m->dtlb_4k},
        {"core.dtlb.2m", &m->dtlb_2m},
        {"core.dtlb.1g", &m->dtlb_1g},
        {"core.stlb", &m->stlb},
        {"core.stlb_i", &m->stlb_i},
        {"core.stlb_1g", &m->stlb_1g},
        {"core.psc.pml5e", &m->psc_pml5e},
        {"core.psc.pml4e", &m->psc_pml4e},
        {"core.psc.pdpte", &m->psc_pdpte},
        {"core.psc.pde", &m->psc_pde},
        {"core.nested_tlb", &m->nested_tlb},
        {"core.ept_psc.pml5e", &m->ept_psc_pml5e},
        {"core.ept_psc.pml4e", &m->ept_psc_pml4e},
        {"core.ept_psc.pdpte", &m->ept_psc_pdpte},
        {"core.ept_psc.pde", &m->ept_psc_pde},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        enum sim_status s = check_assoc(k, all[i].name, all[i].a);
        if (s != SIM_OK)
            return s;
    }
    /* The engine needs a place for at least one translation a side. */
    if (m->itlb_4k.entries == 0 || m->dtlb_4k.entries == 0)
        return sim_fail(k->e, k->status, "core.%s.4k.entries: 0 (at least 1)",
                        m->itlb_4k.entries == 0 ? "itlb" : "dtlb");
    uint32_t i = m->itlb_4k.entries + m->itlb_2m.entries + m->itlb_1g.entries;
    uint32_t d = m->dtlb_4k.entries + m->dtlb_2m.entries + m->dtlb_1g.entries;
    if (i > TLB_SLOTS_MAX || d > TLB_SLOTS_MAX)
        return sim_fail(k->e, k->status,
                        "core.%s: %" PRIu32 " entries over all page sizes (%d "
                        "at most)",
                        i > TLB_SLOTS_MAX ? "itlb" : "dtlb",
                        i > TLB_SLOTS_MAX ? i : d, TLB_SLOTS_MAX);
    return SIM_OK;
}

/* Features that make no sense, or have no state to live in, without others. */
static enum sim_status check_features(const struct checker *k,
                                      const struct cpu_config *c)
{
    const struct {
        bool on, needed;
        const char *name, *needs;
    } rules[] = {
#define NEEDS(feature, other) {c->feature, c->other, #feature, #other}
        NEEDS(invpcid, pcid),
        NEEDS(xsaveopt, xsave),
        NEEDS(xsavec, xsave),
        NEEDS(xsaves, xsavec),
        NEEDS(avx, xsave),
        NEEDS(f16c, avx),
        NEEDS(fma, avx),
        NEEDS(avx2, avx),
        NEEDS(vaes, avx),
        NEEDS(vaes, aes),
        NEEDS(rdpid, rdtscp),
        NEEDS(vpclmulqdq, avx),
        NEEDS(vpclmulqdq, pclmulqdq),
#undef NEEDS
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].on && !rules[i].needed)
            return sim_fail(k->e, k->status, "core.%s: on (needs core.%s)",
                            rules[i].name, rules[i].needs);
    return SIM_OK;
}

/* Likewise of VT-x; `extensions` is told apart from it. */
static enum sim_status check_vtx(const struct checker *k,
                                 const struct vmx_config *f)
{
    const struct {
        bool on, needed;
        const char *name, *needs;
    } rules[] = {
#define NEEDS(feature, other) {f->feature, f->other, #feature, #other}
        NEEDS(apic_accesses, secondary_controls),
        NEEDS(ept, secondary_controls),
        NEEDS(desc_table_exiting, secondary_controls),
        NEEDS(rdtscp, secondary_controls),
        NEEDS(x2apic_mode, secondary_controls),
        NEEDS(x2apic_mode, tpr_shadow),
        NEEDS(vpid, secondary_controls),
        NEEDS(wbinvd_exiting, secondary_controls),
        NEEDS(unrestricted_guest, ept),
        NEEDS(apic_registers, secondary_controls),
        NEEDS(apic_registers, tpr_shadow),
        NEEDS(virtual_interrupts, secondary_controls),
        NEEDS(virtual_interrupts, tpr_shadow),
        NEEDS(posted_interrupts, virtual_interrupts),
        NEEDS(pause_loop, secondary_controls),
        NEEDS(rdrand_exiting, secondary_controls),
        NEEDS(invpcid, secondary_controls),
        NEEDS(vmfunc, secondary_controls),
        NEEDS(eptp_switching, vmfunc),
        NEEDS(eptp_switching, ept),
        NEEDS(shadow_vmcs, secondary_controls),
        NEEDS(rdseed_exiting, secondary_controls),
        NEEDS(ept_accessed_dirty, ept),
        NEEDS(pml, ept_accessed_dirty),
        NEEDS(ept_violation_ve, ept),
        NEEDS(xsaves, secondary_controls),
        NEEDS(mode_based_execute, ept),
        NEEDS(sub_page, ept),
        NEEDS(tsc_scaling, secondary_controls),
        NEEDS(user_wait, secondary_controls),
        NEEDS(ept_execute_only, ept),
        NEEDS(ept_5level, ept),
        NEEDS(ept_2m, ept),
        NEEDS(ept_1g, ept),
#undef NEEDS
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].on && !rules[i].needed)
            return sim_fail(k->e, k->status,
                            "core.vtx.%s: on (needs core.vtx.%s)",
                            rules[i].name, rules[i].needs);
    if (f->msr_list_max % 512 != 0)
        return sim_fail(k->e, k->status,
                        "core.vtx.msr_list_max: %" PRIu32
                        " (not a multiple of 512)",
                        f->msr_list_max);
    if ((f->feature_control & 2) != 0)
        return sim_fail(k->e, k->status,
                        "core.vtx.feature_control: %" PRIu32
                        " (bit 1 needs SMX, which is not modelled)",
                        f->feature_control);
    return SIM_OK;
}

/* The highest RAM address plus one, by the rule of memsys_create. */
static uint64_t ram_top(uint64_t bytes)
{
    const uint64_t hole = UINT64_C(3) << 30, above = UINT64_C(4) << 30;
    return bytes <= hole ? bytes : above + (bytes - hole);
}

static enum sim_status check_rest(const struct checker *k,
                                  const struct machine_config *c)
{
    uint64_t ram = c->memory.ram_bytes;
    if (c->mmu.check_tlb != TLB_CHECK_OFF && c->core.timing == TIMING_OFF)
        return sim_fail(k->e, k->status,
                        "mmu.check_tlb: on (needs core.timing: without it no "
                        "translation is cached)");
    if (ram % PAGE_SIZE != 0)
        return sim_fail(k->e, k->status,
                        "machine.memory: 0x%" PRIx64 " (not a multiple of "
                        "4096)",
                        ram);
    if (c->mmu.maxphyaddr < 64 && ram_top(ram) > BIT(c->mmu.maxphyaddr))
        return sim_fail(k->e, k->status,
                        "machine.memory: 0x%" PRIx64
                        " (core.maxphyaddr %" PRIu32 " reaches 0x%" PRIx64 ")",
                        ram, c->mmu.maxphyaddr, BIT(c->mmu.maxphyaddr));
    if (c->core.linear_bits != 48 && c->core.linear_bits != 57)
        return sim_fail(k->e, k->status,
                        "core.linear_bits: %" PRIu32 " (48 or 57)",
                        c->core.linear_bits);
    uint32_t lbr = c->core.lbr_entries;
    if (lbr != 0 && lbr != 1 && lbr != 16 && lbr != 32)
        return sim_fail(k->e, k->status,
                        "core.lbr_entries: %" PRIu32 " (0, 1, 16 or 32)", lbr);
    if (c->pk_page == PK_PAGE_1G && !c->core.pages_1g)
        return sim_fail(k->e, k->status, "pk.page: 1g (core.pages_1g is off)");
    if (c->core.timing == TIMING_SIMPLE)
        for (int i = 0; i < COST_COUNT; i++)
            if (i != COST_BRANCH_TAKEN && c->core.cost.cycles[i] == 0)
                return sim_fail(k->e, k->status,
                                "core.cost: 0 cycles (at least 1, but for "
                                "branch_taken)");
    return SIM_OK;
}

enum sim_status config_finish(struct machine_config *c, enum sim_status status,
                              struct sim_error *e)
{
    const struct checker k = {status, e};
    c->core.seed = c->mmu.seed = c->memory.seed = c->seed;
    c->memory.timing = c->core.timing != TIMING_OFF;
    enum sim_status s = check_tlbs(&k, &c->mmu);
    if (s == SIM_OK)
        s = check_cache(&k, "core.l1i", &c->mmu.l1i, c->l1i_bytes, true);
    if (s == SIM_OK)
        s = check_cache(&k, "core.l1d", &c->mmu.l1d, c->l1d_bytes, true);
    if (s == SIM_OK)
        s = check_cache(&k, "core.l2", &c->mmu.l2, c->l2_bytes, false);
    if (s == SIM_OK)
        s = check_cache(&k, "l3", &c->memory.l3, c->l3_bytes, false);
    if (s == SIM_OK)
        s = check_features(&k, &c->core);
    if (s == SIM_OK && c->core.vmx)
        s = check_vtx(&k, &c->core.vtx);
    if (s == SIM_OK)
        s = check_rest(&k, c);
    return s;
}

enum sim_status config_set(struct machine_config *c, const char *name,
                           const char *value, const char *where,
                           struct sim_error *e)
{
    const struct param_table *t = config_params();
    const struct param_desc *d = param_find(t, name);
    if (d != NULL)
        return param_set(d, c, value, where, e);
    const char *near = param_nearest(t, name);
    if (near == NULL)
        return sim_fail(e, SIM_USAGE, "%s: unknown parameter '%.80s'", where,
                        name);
    return sim_fail(e, SIM_USAGE,
                    "%s: unknown parameter '%.80s' (did you mean %s?)", where,
                    name, near);
}

enum sim_status config_set_option(struct machine_config *c, const char *text,
                                  struct sim_error *e)
{
    char name[128];
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return sim_fail(e, SIM_USAGE, "--set: '%.80s' (not NAME=VALUE)", text);
    size_t len = (size_t)(equals - text);
    if (len >= sizeof name)
        return sim_fail(e, SIM_USAGE, "--set: unknown parameter '%.80s'", text);
    memcpy(name, text, len);
    name[len] = '\0';
    return config_set(c, name, equals + 1, "--set", e);
}
