/* SPDX-License-Identifier: Apache-2.0
 * Random virtual machines: random code in every mode of a guest, under random
 * controls, bitmaps, EPT structures, lists and injected events, with fields of
 * the VMCS changed at every exit. Whatever a monitor does to its VMCS and
 * whatever the guest then does, the simulator neither crashes nor runs past
 * its limits.
 *
 *   vmx_states [ENTRIES [SEED]]     default 30000 1
 *
 * ENTRIES counts VM entries that succeeded. Exit status 0 when all runs kept
 * to their limits and enough different exits were seen.
 */
#include "cpu/flags.h"
#include "cpu/lapic.h"
#include "cpu/vmx/vmx.h"
#include "tests/random/box.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VMXON_AT = 0x100000,
    VMCS_AT = 0x101000,
    LINK_AT = 0x102000,
    EPT_AT = 0x110000,   /* PML4, PDPT, PD, PT */
    PAGES_AT = 0x200000, /* random bytes: bitmaps, lists, APIC pages */
    PAGES = 64,
    ROUND_TRIPS = 40, /* entries of one machine */
    RUN_CYCLES = 20000,
    BOXES = 2,
    REASONS = 70,
};

struct campaign {
    struct box box[BOXES];
    uint64_t rounds, attempts, entries, failures;
    uint64_t reason[REASONS];
};

static bool open_boxes(struct campaign *k, uint64_t seed)
{
    for (unsigned i = 0; i < BOXES; i++) {
        struct machine_config config;
        struct sim_error e;
        config_defaults(&config);
        config.memory.ram_bytes = RAM_BYTES;
        config.seed = seed;
        config.core.vtx.extensions = true;
        config.core.vtx.sub_page = config.core.vtx.user_wait = true;
        if (i == 1)
            config.core.timing = TIMING_OFF;
        if (config_finish(&config, SIM_INTERNAL, &e) != SIM_OK) {
            fprintf(stderr, "vmx_states: %s\n", e.text);
            return false;
        }
        if (!box_open(&k->box[i], &config))
            return false;
    }
    return true;
}

static void put64(struct box *b, uint64_t at, uint64_t v)
{
    (void)memsys_write(b->memory, (hpa){at}, 8, &v);
}

static bool one_in(struct rng *r, unsigned n)
{
    return rng_next(r) % n == 0;
}

/* An entry of EPT: mostly as it should be. */
static uint64_t ept_entry(struct rng *r, uint64_t good)
{
    if (one_in(r, 12))
        return good ^ UINT64_C(1) << rng_next(r) % 64;
    return one_in(r, 60) ? rng_next(r) : good;
}

static void make_ept(struct box *b)
{
    struct rng *r = &b->rng;
    put64(b, EPT_AT, ept_entry(r, (EPT_AT + 0x1000) | 7));
    put64(b, EPT_AT + 0x1000, ept_entry(r, (EPT_AT + 0x2000) | 7));
    put64(b, EPT_AT + 0x2000, ept_entry(r, (EPT_AT + 0x3000) | 7));
    put64(b, EPT_AT + 0x2008, ept_entry(r, 0x200000 | 0xb7));
    for (uint64_t i = 0; i < 512; i++)
        put64(b, EPT_AT + 0x3000 + i * 8, ept_entry(r, i << 12 | 0x37));
}

static void make_pages(struct box *b)
{
    uint64_t page[512];
    bool sparse = one_in(&b->rng, 2);
    for (unsigned i = 0; i < PAGES; i++) {
        for (unsigned k = 0; k < 512; k++) {
            page[k] = rng_next(&b->rng);
            if (sparse)
                page[k] &= rng_next(&b->rng) & rng_next(&b->rng);
        }
        (void)memsys_write(b->memory, (hpa){PAGES_AT + i * PAGE_SIZE},
                           PAGE_SIZE, page);
    }
}

/* Instructions that VMX is about, strewn over the random code. */
static void strew(struct box *b)
{
    static const uint8_t insn[][4] = {
        {0x0f, 0xa2, 0x90, 0x90}, /* CPUID */
        {0x0f, 0x32, 0x90, 0x90}, /* RDMSR */
        {0x0f, 0x30, 0x90, 0x90}, /* WRMSR */
        {0x0f, 0x01, 0xc1, 0x90}, /* VMCALL */
        {0x0f, 0x01, 0xd4, 0x90}, /* VMFUNC */
        {0x0f, 0x01, 0xc2, 0x90}, /* VMLAUNCH */
        {0x0f, 0x78, 0xc1, 0x90}, /* VMREAD */
        {0x0f, 0x79, 0xc1, 0x90}, /* VMWRITE */
        {0x0f, 0x22, 0xc0, 0x90}, /* MOV CR0 */
        {0x0f, 0x22, 0xd8, 0x90}, /* MOV CR3 */
        {0x0f, 0x20, 0xe0, 0x90}, /* MOV from CR4 */
        {0x0f, 0x21, 0xf8, 0x90}, /* MOV from DR7 */
        {0x0f, 0x06, 0x90, 0x90}, /* CLTS */
        {0x0f, 0x01, 0xf0, 0x90}, /* LMSW */
        {0x0f, 0x09, 0x90, 0x90}, /* WBINVD */
        {0x0f, 0x08, 0x90, 0x90}, /* INVD */
        {0x0f, 0x01, 0x38, 0x90}, /* INVLPG */
        {0x0f, 0x01, 0xd1, 0x90}, /* XSETBV */
        {0x0f, 0xc7, 0xf0, 0x90}, /* RDRAND */
        {0x0f, 0x33, 0x90, 0x90}, /* RDPMC */
        {0x0f, 0x31, 0x90, 0x90}, /* RDTSC */
        {0x0f, 0x01, 0xf9, 0x90}, /* RDTSCP */
        {0x0f, 0x01, 0xc8, 0x90}, /* MONITOR */
        {0x0f, 0x01, 0xc9, 0x90}, /* MWAIT */
        {0xf3, 0x90, 0x90, 0x90}, /* PAUSE */
        {0xf3, 0x6c, 0x90, 0x90}, /* REP INSB */
        {0x0f, 0x00, 0xc8, 0x90}, /* STR */
        {0x0f, 0x01, 0x00, 0x90}, /* SGDT */
        {0xcf, 0x90, 0x90, 0x90}, /* IRET */
        {0xfb, 0xf4, 0x90, 0x90}, /* STI; HLT */
    };
    for (uint64_t at = CODE_AT; at < CODE_AT + CODE_BYTES; at += 12)
        (void)memsys_write(
            b->memory, (hpa){at}, 4,
            insn[rng_next(&b->rng) % (sizeof insn / sizeof insn[0])]);
}

static uint64_t some_page(struct rng *r)
{
    return PAGES_AT + rng_next(r) % PAGES * PAGE_SIZE;
}

/* Controls that the capabilities allow, each optional bit by chance. */
static uint32_t some_controls(struct rng *r, uint64_t capability)
{
    uint32_t must = (uint32_t)capability, may = (uint32_t)(capability >> 32);
    uint32_t chance = (uint32_t)(rng_next(r) & rng_next(r));
    return must | (may & chance);
}

/* What is left out makes most of the other rules hold. */
static void repair(struct vmcs *v, struct rng *r)
{
    uint32_t *second = &v->secondary_controls;
    if ((*second & PROC2_EPT) == 0)
        *second &= ~(uint32_t)(PROC2_UNRESTRICTED | PROC2_PML | PROC2_MBEC |
                               PROC2_SUB_PAGE);
    if ((v->primary_controls & PROC_TPR_SHADOW) == 0)
        *second &= ~(uint32_t)(PROC2_X2APIC | PROC2_APIC_REGISTERS |
                               PROC2_VIRTUAL_INTERRUPTS);
    if ((*second & PROC2_X2APIC) != 0)
        *second &= ~(uint32_t)PROC2_APIC_ACCESSES;
    if ((*second & PROC2_VIRTUAL_INTERRUPTS) != 0)
        v->pin_controls |= PIN_EXTERNAL_INTERRUPT;
    else
        v->pin_controls &= ~(uint32_t)PIN_POSTED;
    if ((v->pin_controls & PIN_POSTED) != 0)
        v->exit_controls |= EXIT_ACK_INTERRUPT;
    if ((v->pin_controls & PIN_NMI) == 0)
        v->pin_controls &= ~(uint32_t)PIN_VIRTUAL_NMI;
    if ((v->pin_controls & PIN_VIRTUAL_NMI) == 0)
        v->primary_controls &= ~(uint32_t)PROC_NMI_WINDOW;
    if ((v->pin_controls & PIN_TIMER) == 0)
        v->exit_controls &= ~(uint32_t)EXIT_SAVE_TIMER;
    if ((*second & PROC2_EPT) == 0)
        v->vm_functions = 0;
    v->exit_controls |= EXIT_HOST64;
    v->vpid = (uint16_t)(1 + rng_next(r) % 3);
}

static void make_controls(struct cpu *c, struct rng *r)
{
    struct vmcs *v = &c->vmx->vmcs;
    const struct vmx_caps *k = &c->vmx->caps;
    v->pin_controls = some_controls(r, k->true_pin);
    v->primary_controls = some_controls(r, k->true_primary) | PROC_SECONDARY;
    v->secondary_controls = some_controls(r, k->secondary);
    v->tertiary_controls = one_in(r, 2) ? k->tertiary : 0;
    v->exit_controls = some_controls(r, k->true_exit);
    v->entry_controls = some_controls(r, k->true_entry) &
                        ~(uint32_t)(ENTRY_IA32E | ENTRY_LOAD_DEBUG);
    v->vm_functions = one_in(r, 2) ? k->vmfunc : 0;
    v->exception_bitmap = (uint32_t)(rng_next(r) & rng_next(r));
    v->eptp = EPT_AT | 3 << 3 | 6 | (one_in(r, 2) ? 1 << 6 : 0);
    v->io_bitmap_a = v->io_bitmap_b = some_page(r);
    v->msr_bitmap = some_page(r);
    v->virtual_apic_address = some_page(r);
    v->apic_access_address = one_in(r, 2) ? DATA_AT : some_page(r);
    v->posted_descriptor = some_page(r);
    v->posted_vector = (uint16_t)(rng_next(r) & 0xff);
    v->pml_address = some_page(r);
    v->guest_pml_index = (uint16_t)(rng_next(r) % 520);
    v->eptp_list = some_page(r);
    v->vmread_bitmap = v->vmwrite_bitmap = some_page(r);
    v->ve_information = some_page(r);
    v->sub_page_table = some_page(r);
    v->tsc_offset = rng_next(r);
    v->tsc_multiplier = rng_next(r) >> rng_next(r) % 40 | 1;
    v->cr0_mask = rng_next(r);
    v->cr4_mask = rng_next(r);
    v->cr0_shadow = rng_next(r);
    v->ple_gap = 1000;
    v->ple_window = 2000;
    v->timer_value = (uint32_t)(rng_next(r) % 100);
    v->vmm_timer_config = (uint32_t)(rng_next(r) & 0x332);
    v->vmm_timer_value = rng_next(r) >> rng_next(r) % 64;
    v->vmcs_link = one_in(r, 3) ? LINK_AT : UINT64_MAX;
    if (v->vmcs_link != UINT64_MAX)
        v->secondary_controls |= PROC2_SHADOW;
    else
        v->secondary_controls &= ~(uint32_t)PROC2_SHADOW;
    repair(v, r);
}

static void make_host(struct cpu *c)
{
    struct vmcs *v = &c->vmx->vmcs;
    v->host_cr0 = 0x80000031;
    v->host_cr3 = c->cr3;
    v->host_cr4 = 0x2020;
    v->host_efer = 0xd00;
    v->host_pat = UINT64_C(0x0007040600070406);
    v->host_cs_selector = 8;
    v->host_ss_selector = v->host_ds_selector = v->host_es_selector = 16;
    v->host_tr_selector = 24;
    v->host_rip = CODE_AT;
}

static void make_guest(struct cpu *c, struct rng *r)
{
    struct vmcs *v = &c->vmx->vmcs;
    bool ia32e = (c->efer & (1 << 10)) != 0;
    v->guest_cr0 = c->cr0 | 0x20;
    v->guest_cr3 = c->cr3;
    v->guest_cr4 = c->cr4 | 1 << 13;
    v->guest_efer = c->efer;
    v->guest_pat = c->msr.pat;
    v->guest_dr7 = 0x400;
    for (unsigned seg = 0; seg < SEG_COUNT; seg++)
        vmcs_set_segment(v, seg, &c->seg[seg]);
    v->guest_ldtr_rights = SEG_ATTR_UNUSABLE;
    v->guest_tr_rights = 0x8b;
    v->guest_tr_selector = 24;
    v->guest_gdtr_base = c->gdtr.base;
    v->guest_gdtr_limit = c->gdtr.limit;
    v->guest_idtr_base = c->idtr.base;
    v->guest_idtr_limit = c->idtr.limit;
    v->guest_rip = c->rip;
    v->guest_rsp = c->gpr[REG_RSP];
    v->guest_rflags = (flags_read(c) & 0x3f7fd7) | FLAG_ONE;
    v->guest_interruptibility = v->guest_activity = 0;
    v->guest_pending_debug = 0;
    v->entry_controls |= ENTRY_LOAD_EFER | (ia32e ? ENTRY_IA32E : 0);
    if ((c->cr0 & 0x80000001) != 0x80000001)
        v->secondary_controls |= PROC2_EPT | PROC2_UNRESTRICTED;
    for (unsigned k = 0; k < 4; k++) /* PAE */
        memcpy((char *)v + offsetof(struct vmcs, guest_pdpte0) + 8 * k,
               &c->pdpte[k], 8);
    v->guest_interrupt_status = (uint16_t)rng_next(r);
}

/* One to three fields that the monitor changes before it enters again. */
static void change_fields(struct vmcs *v, struct rng *r)
{
    for (unsigned n = (unsigned)(rng_next(r) % 4); n > 0; n--) {
        const struct vmcs_field *d =
            &vmcs_fields[rng_next(r) % vmcs_field_count];
        uint64_t was = vmcs_get(v, d, false);
        uint64_t is =
            one_in(r, 4) ? rng_next(r) : was ^ UINT64_C(1) << rng_next(r) % 64;
        vmcs_set(v, d, false, is);
    }
    if (one_in(r, 6)) {
        v->entry_interruption = INTR_VALID | (uint32_t)(rng_next(r) & 0xfff);
        v->entry_instruction_length = (uint32_t)(rng_next(r) % 16);
        v->entry_error_code = (uint32_t)(rng_next(r) & 0xffff);
    }
}

/* A core in VMX root operation as a 64-bit monitor would have it. */
static void to_root(struct cpu *c)
{
    c->cr0 = 0x80000031;
    c->cr4 = 0x2020;
    c->efer = 0xd00;
    c->cr3 = c->vmx->vmcs.host_cr3;
    c->eflags = FLAG_ONE;
    c->cc_op = CC_NONE;
    c->activity = ACTIVITY_RUN;
    c->event.valid = false;
    c->unmodelled = false;
    c->seg[SEG_SS] = (struct segment){.attr = 0xc093, .limit = UINT32_MAX};
    c->seg[SEG_CS] = (struct segment){.attr = 0xa09b, .limit = UINT32_MAX};
    cpu_update_mode(c);
}

static void begin(struct box *b, uint64_t seed, uint64_t round)
{
    struct cpu *c = b->cpu;
    enum entry entry = (enum entry)(round % ENTRY_COUNT);
    box_fill(b, seed, round, ENTRY_LONG, WILD);
    memset(&c->vmx->vmcs, 0, sizeof c->vmx->vmcs);
    make_host(c);
    struct vmcs host = c->vmx->vmcs;
    box_fill(b, seed, round, entry, WILD);
    strew(b);
    make_ept(b);
    make_pages(b);
    put64(b, LINK_AT, c->config.vtx.revision | VMCS_SHADOW);
    c->vmx->vmcs = host;
    c->vmx->vmcs.revision = c->config.vtx.revision;
    c->vmx->on = true;
    c->vmx->vmxon = VMXON_AT;
    c->vmx->current = VMCS_AT;
    make_controls(c, &b->rng);
    make_guest(c, &b->rng);
    repair(&c->vmx->vmcs, &b->rng);
}

/* Something from outside now and then. */
static void disturb(struct cpu *c, struct rng *r)
{
    struct apic_message m = {.vector = (uint8_t)rng_next(r), .assert_ = true};
    switch (rng_next(r) % 12) {
    case 0: cpu_nmi(c); break;
    case 1: cpu_apic_message(c, &m); break;
    case 2: c->init_pending = true; break;
    case 3: c->sipi_pending = true; break;
    default: break;
    }
}

/* Every cycle belongs to one leaf. */
static bool leaves_sum(const struct cpu *c)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < LEAF_COUNT; i++)
        sum += c->account.leaf[i];
    if (sum != c->account.cycles)
        printf("leaves %" PRIu64 ", cycles %" PRIu64 "\n", sum,
               c->account.cycles);
    return sum == c->account.cycles;
}

/* False: the core ran past its limit. */
static bool one_entry(struct campaign *k, struct box *b)
{
    struct cpu *c = b->cpu;
    to_root(c);
    k->attempts++;
    uint64_t failures = c->vmx->entry_failures, entries = c->vmx->entries;
    (void)vmx_enter(c, true);
    k->failures += c->vmx->entry_failures - failures;
    k->entries += c->vmx->entries - entries;
    if (!c->vmx_guest)
        return true;
    disturb(c, &b->rng);
    uint64_t limit = c->account.cycles + RUN_CYCLES;
    cpu_set_instruction_limit(c, c->account.instructions + 500);
    (void)cpu_run(c, limit);
    cpu_set_instruction_limit(c, 0);
    if (c->account.cycles > limit + 1000000) {
        printf("ran %" PRIu64 " cycles past its limit\n",
               c->account.cycles - limit);
        return false;
    }
    if (c->vmx_guest) { /* nothing made it exit: let an NMI */
        c->vmx->pin |= PIN_NMI;
        c->nmi_blocked = false;
        c->activity =
            c->activity == ACTIVITY_SHUTDOWN ? ACTIVITY_RUN : c->activity;
        c->unmodelled = false;
        struct vmx_exit x = {.reason = REASON_TRIPLE_FAULT};
        vmx_exit(c, &x);
    } else {
        uint32_t basic = c->vmx->vmcs.exit_reason & 0xffff;
        k->reason[basic < REASONS ? basic : REASONS - 1]++;
    }
    return leaves_sum(c);
}

static unsigned seen(const struct campaign *k)
{
    unsigned n = 0;
    for (unsigned i = 0; i < REASONS; i++)
        n += k->reason[i] != 0;
    return n;
}

int main(int argc, char **argv)
{
    static struct campaign k;
    uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 0) : 30000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    if (!open_boxes(&k, seed))
        return 1;
    while (k.entries < wanted) {
        struct box *b = &k.box[k.rounds / ENTRY_COUNT % BOXES];
        begin(b, seed, k.rounds);
        struct vmcs *v = &b->cpu->vmx->vmcs, good = *v;
        for (unsigned n = 0; n < ROUND_TRIPS; n++) {
            uint64_t failures = k.failures;
            if (!one_entry(&k, b))
                return 1;
            /* Go on from what entered last: most changes make a state that
             * does not. */
            if (k.failures != failures)
                *v = good;
            good = *v;
            change_fields(v, &b->rng);
        }
        k.rounds++;
    }
    printf("%" PRIu64 " machines, %" PRIu64 " entries, %" PRIu64
           " failed ones, %u exit reasons\n",
           k.rounds, k.entries, k.failures, seen(&k));
    for (unsigned i = 0; i < REASONS; i++)
        if (k.reason[i] != 0)
            printf("  reason %u: %" PRIu64 "\n", i, k.reason[i]);
    for (unsigned i = 0; i < BOXES; i++)
        box_close(&k.box[i]);
    return seen(&k) >= 30 ? 0 : 1;
}
