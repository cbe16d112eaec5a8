/* SPDX-License-Identifier: Apache-2.0
 * A core as its owner sees it: making and ending it, registers for tests
 * and debuggers, time, and statistics.
 */
#include "cpu/cpu.h"

#include "cpu/block.h"
#include "cpu/control.h"
#include "cpu/flags.h"
#include "cpu/fpu.h"
#include "cpu/lapic.h"
#include "cpu/vmx/vmx.h"
#include "cpu/wait.h"
#include "mmu/plant.h"

#include <stdlib.h>
#include <string.h>

static void release(struct cpu *c)
{
    if (c->lapic != NULL)
        lapic_destroy(c->lapic);
    if (c->code != NULL) {
        if (c->code->scratch != NULL)
            xlat_destroy(c);
        codecache_destroy(c);
    }
    if (c->mmu != NULL)
        mmu_destroy(c->mmu);
    vmx_destroy(c);
    free(c);
}

static enum sim_status make_parts(struct cpu *c, struct sim_error *e)
{
    enum sim_status st = mmu_create(&c->mmu_config, c->wiring.memory, &c->hot,
                                    &c->account, &c->mmu, e);
    if (st == SIM_OK)
        st = codecache_create(c, e);
    if (st == SIM_OK)
        st = xlat_create(c, e);
    if (st == SIM_OK)
        st = lapic_create(c, e);
    if (st == SIM_OK)
        st = vmx_create(c, e);
    return st;
}

enum sim_status cpu_create(const struct cpu_config *config,
                           const struct mmu_config *m,
                           const struct cpu_wiring *w, struct cpu **out,
                           struct sim_error *e)
{
    *out = NULL;
    if (!fpu_host_ok())
        return sim_fail(e, SIM_NO_RESOURCE,
                        "this host's processor lacks SSE4.2");
    const char *lacks;
    const char *off = fpu_host_lacks(config, fpu_host_features(), &lacks);
    if (off != NULL)
        return sim_fail(e, SIM_NO_RESOURCE,
                        "this host's processor lacks %s: set %s to false",
                        lacks, off);
    size_t size = (sizeof(struct cpu) + 63) & ~(size_t)63;
    struct cpu *c = aligned_alloc(64, size);
    if (c == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "no memory for a core");
    memset(c, 0, size);
    c->config = *config;
    c->mmu_config = *m;
    c->mmu_config.no_1g_pages = !config->pages_1g;
    c->mmu_config.ept_execute_only = config->vtx.ept_execute_only;
    c->mmu_config.ept_2m = config->vtx.ept_2m;
    c->mmu_config.ept_1g = config->vtx.ept_1g;
    c->wiring = *w;
    c->rng = rng_make(config->seed, UINT64_C(0x637075) + w->index);
    c->fetch_pline = UINT64_MAX;
    enum sim_status st = make_parts(c, e);
    if (st != SIM_OK) {
        release(c);
        return st;
    }
#ifdef VTSIM_PLANTS
    mmu_plant(c->mmu, config->plant);
#endif
    mmu_set_device_port(c->mmu, engine_device_port(c));
    mmu_set_guest_port(c->mmu, vmx_apic_port(c));
    wait_create(c);
    cpu_reset(c);
    *out = c;
    return SIM_OK;
}

void cpu_destroy(struct cpu *c)
{
    if (c != NULL)
        release(c);
}

const char *cpu_stop_reason(const struct cpu *c)
{
    return c->stop_reason;
}

struct cycle_account *cpu_account(struct cpu *c)
{
    return &c->account;
}

void cpu_idle_until(struct cpu *c, uint64_t cycle)
{
    if (cycle > c->account.cycles)
        cycles_charge(&c->account, LEAF_IDLE, cycle - c->account.cycles);
}

bool cpu_has_work(const struct cpu *c)
{
    return event_pending(c);
}

void cpu_get_regs(struct cpu *c, struct cpu_regs *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->gpr, c->gpr, sizeof out->gpr);
    out->rip = c->rip;
    out->rflags = flags_read(c);
    memcpy(out->seg, c->seg, sizeof out->seg);
    out->gdtr = c->gdtr;
    out->idtr = c->idtr;
    out->cr0 = c->cr0;
    out->cr2 = c->cr2;
    out->cr3 = c->cr3;
    out->cr4 = c->cr4;
    out->cr8 = lapic_cr8(c);
    out->efer = c->efer;
    out->xcr0 = c->xcr0;
    out->xss = c->xss;
    out->pkru = c->pkru;
    memcpy(out->dr, c->dr, sizeof out->dr);
    memcpy(out->v, c->v, sizeof out->v);
    out->x87 = c->x87;
    out->mxcsr = fpu_mxcsr_read(c);
}

void cpu_set_regs(struct cpu *c, const struct cpu_regs *in)
{
    memcpy(c->gpr, in->gpr, sizeof in->gpr);
    c->rip = in->rip;
    c->eflags = (uint32_t)in->rflags | FLAG_ONE;
    c->cc_op = CC_NONE;
    memcpy(c->seg, in->seg, sizeof in->seg);
    c->gdtr = in->gdtr;
    c->idtr = in->idtr;
    c->cr0 = in->cr0;
    c->cr2 = in->cr2;
    c->cr3 = in->cr3;
    c->cr4 = in->cr4;
    lapic_set_cr8(c, in->cr8);
    c->efer = in->efer;
    c->xcr0 = in->xcr0;
    c->xss = in->xss;
    c->pkru = in->pkru;
    memcpy(c->dr, in->dr, sizeof c->dr);
    memcpy(c->v, in->v, sizeof in->v);
    c->x87 = in->x87;
    c->mxcsr = in->mxcsr;
    c->event.valid = false;
    c->activity = ACTIVITY_RUN;
    c->shadow_sti = c->shadow_mov_ss = false;
    c->step_armed = false;
    c->pending_dr6 = 0;
    c->rep_active = false;
    mmu_flush_all(c->mmu, true, FLUSH_RESET);
    control_load_pdptes(c);
    cpu_update_mode(c);
}

/* --- statistics --- */

#define ACCOUNT(f) offsetof(struct cpu, account.f)
#define COUNT(f)   offsetof(struct cpu, count.f)

static const struct stat_desc stats[] = {
    {"cycles", ACCOUNT(cycles), "cycles", "local time since reset"},
    {"instructions", ACCOUNT(instructions), "instructions",
     "instructions retired"},
#define CYCLE_STAT(e, name, doc)                                               \
    {"cycle_stack." name, ACCOUNT(leaf) + LEAF_##e * sizeof(uint64_t),         \
     "cycles", doc},
    CYCLE_LEAVES(CYCLE_STAT)
#undef CYCLE_STAT
        {"loads", COUNT(loads), "accesses", "loads made by instructions"},
    {"stores", COUNT(stores), "accesses", "stores made by instructions"},
    {"branches", COUNT(branches), "branches", "near branches retired"},
    {"branches_taken", COUNT(taken), "branches", "near branches taken"},
    {"exceptions", COUNT(exceptions), "events",
     "exceptions delivered, software interrupts included"},
    {"interrupts", COUNT(interrupts), "events",
     "external interrupts and NMIs delivered"},
    {"syscalls", COUNT(syscalls), "instructions", "SYSCALL and SYSENTER"},
    {"io.reads", COUNT(io_reads), "accesses", "port reads"},
    {"io.writes", COUNT(io_writes), "accesses", "port writes"},
    {"engine.blocks_translated", COUNT(blocks_translated), "blocks",
     "translations made"},
    {"engine.blocks_dropped", COUNT(blocks_dropped), "blocks",
     "translations dropped because their code changed"},
    {"engine.smc_writes", COUNT(smc_writes), "writes",
     "writes to lines that hold translated code"},
};

void cpu_register_stats(const struct cpu *c, struct stat_registry *r,
                        const char *prefix)
{
    stat_register(r, prefix, stats, sizeof stats / sizeof stats[0], c);
    mmu_register_stats(c->mmu, r, prefix);
    vmx_register_stats(c, r, prefix);
}
