/* SPDX-License-Identifier: Apache-2.0
 * Model-specific registers as one table: what is not a row is #GP, and so is
 * a reserved bit. SDM Vol.4 "Architectural MSRs"; rows give the section that
 * defines the register.
 */
#include "cpu/msr.h"

#include "cpu/control.h"
#include "cpu/lapic.h"
#include "cpu/lbr.h"
#include "cpu/plant_system.h"
#include "cpu/pmc.h"
#include "cpu/reset.h"
#include "cpu/segment.h"
#include "cpu/vmx/vmx.h"
#include "cpu/xlat.h"
#include "sim/base/bits.h"
#include "timer/tsc.h"

enum {
    MSR_TSC = 0x10,
    MSR_TSC_ADJUST = 0x3b,
    MSR_MTRR_BASE0 = 0x200,
    MSR_MTRR_FIX64K = 0x250,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x8ff,
    MTRR_COUNT = 10,
};

/* Rules a row may carry. */
enum {
    MSR_RO = 1 << 0,        /* WRMSR is #GP */
    MSR_CANONICAL = 1 << 1, /* the value is a canonical address */
    MSR_INTEL = 1 << 2,     /* absent from AMD processors */
};

struct msr_desc {
    uint32_t number;
    const char *name;
    uint8_t rules;
    uint8_t feature;   /* enum cpu_feature that it comes with */
    uint64_t reserved; /* bits that must be written as 0 */
    size_t offset;     /* of the value in struct cpu; used without hooks */
    bool (*read)(struct cpu *c, uint32_t number, uint64_t *out);
    bool (*write)(struct cpu *c, uint32_t number, uint64_t in);
    const char *source;
};

/* ------------------------------------------------------ time-stamp counter */

uint64_t cpu_tsc_ticks(const struct cpu *c)
{
    return ticks_of_cycles(c->account.cycles, c->config.core_hz,
                           c->config.tsc_hz);
}

uint64_t cpu_tsc(const struct cpu *c)
{
    return cpu_tsc_ticks(c) + c->msr.tsc_offset;
}

static bool read_tsc(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)number;
    *out = cpu_tsc(c);
    return true;
}

/* Moving the TSC by one register moves the other alike: SDM Vol.3
 * "IA32_TSC_ADJUST". */
static void move_tsc(struct cpu *c, uint64_t by)
{
    c->msr.tsc_offset += by;
    c->msr.tsc_adjust += by;
    lapic_tsc_moved(c);
}

static bool write_tsc(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    move_tsc(c, in - cpu_tsc(c));
    return true;
}

static bool write_tsc_adjust(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    move_tsc(c, in - c->msr.tsc_adjust);
    return true;
}

static bool read_deadline(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)number;
    *out = lapic_deadline(c);
    return true;
}

static bool write_deadline(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    lapic_set_deadline(c, in);
    return true;
}

/* ------------------------------------------------------------- local APIC */

static bool write_apic_base(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    return lapic_write_base(c, in);
}

/* ----------------------------------------------------------- memory types */

static bool is_memory_type(uint64_t t)
{
    return t == 0 || t == 1 || t == 4 || t == 5 || t == 6;
}

/* Eight types in eight bytes; PAT has UC- (7) besides. */
static bool are_memory_types(uint64_t v, bool pat)
{
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t t = v >> i & 0xff;
        if (!is_memory_type(t) && !(pat && t == 7))
            return false;
    }
    return true;
}

static bool write_pat(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    if (!are_memory_types(in, true))
        return false;
    c->msr.pat = in;
    cpu_update_mode(c);
    return true;
}

static bool read_mtrr_variable(struct cpu *c, uint32_t number, uint64_t *out)
{
    unsigned i = (number - MSR_MTRR_BASE0) / 2;
    *out = (number & 1) != 0 ? c->msr.mtrr.mask[i] : c->msr.mtrr.base[i];
    return true;
}

static bool write_mtrr_variable(struct cpu *c, uint32_t number, uint64_t in)
{
    unsigned i = (number - MSR_MTRR_BASE0) / 2;
    uint64_t address = bits_mask(c->mmu_config.maxphyaddr) & ~UINT64_C(0xfff);
    if ((number & 1) != 0) {
        if ((in & ~(address | BIT(11))) != 0)
            return false;
        c->msr.mtrr.mask[i] = in;
    } else {
        if ((in & ~(address | 0xff)) != 0 || !is_memory_type(in & 0xff))
            return false;
        c->msr.mtrr.base[i] = in;
    }
    mmu_set_mtrr(c->mmu, &c->msr.mtrr);
    return true;
}

/* Index in msr.mtrr.fixed: 250h, 258h, 259h, 268h..26Fh. */
static unsigned fixed_index(uint32_t number)
{
    if (number == MSR_MTRR_FIX64K)
        return 0;
    return number < 0x260 ? number - 0x258 + 1 : number - 0x268 + 3;
}

static bool read_mtrr_fixed(struct cpu *c, uint32_t number, uint64_t *out)
{
    *out = c->msr.mtrr.fixed[fixed_index(number)];
    return true;
}

static bool write_mtrr_fixed(struct cpu *c, uint32_t number, uint64_t in)
{
    if (!are_memory_types(in, false))
        return false;
    c->msr.mtrr.fixed[fixed_index(number)] = in;
    mmu_set_mtrr(c->mmu, &c->msr.mtrr);
    return true;
}

static bool write_mtrr_default(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    if (!is_memory_type(in & 0xff))
        return false;
    c->msr.mtrr.def_type = in;
    mmu_set_mtrr(c->mmu, &c->msr.mtrr);
    return true;
}

static bool read_mtrr_cap(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)c;
    (void)number;
    *out = MTRR_COUNT | BIT(8) | BIT(10); /* fixed ranges, WC */
    return true;
}

/* -------------------------------------------------------------- the others */

/* LMA follows LME and CR0.PG; writes to it are ignored. */
static bool write_efer(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    bool paging = (c->cr0 & CR0_PG) != 0;
    if ((in & ~c->efer & EFER_NXE) != 0 &&
        (c->msr.misc_enable & MISC_NO_XD) != 0)
        return false; /* reserved without the feature */
    if (paging && ((in ^ c->efer) & EFER_LME) != 0)
        return false;
    c->efer = (in & ~(uint64_t)EFER_LMA) | (c->efer & EFER_LMA);
    cpu_update_mode(c);
    return true;
}

/* Branch traces (TR, BTS) are reserved bits: they are not modelled. */
static bool write_debugctl(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    if ((in & DEBUGCTL_LBR) != 0 && c->config.lbr_entries == 0)
        return false;
    c->msr.debugctl = in;
    cpu_update_single(c);
    return true;
}

/* SMX is not modelled, so bit 1 (VMX in SMX operation) is reserved. */
static bool write_feature_control(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    if ((c->msr.feature_control & FEATURE_CONTROL_LOCK) != 0)
        return false;
    if ((in & FEATURE_CONTROL_VMX) != 0 && !cpu_has(c, FEATURE_VMX))
        return false;
    c->msr.feature_control = in;
    return true;
}

/* Ratio of the TSC's clock to the 100 MHz bus clock of these processors. */
static uint64_t ratio(const struct cpu *c)
{
    return c->config.tsc_hz / 100000000 & 0xff;
}

static bool read_platform_info(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)number;
    *out = ratio(c) << 8 | ratio(c) << 40;
    return true;
}

static bool read_perf_status(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)number;
    *out = ratio(c) << 8;
    return true;
}

static bool read_zero(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)c;
    (void)number;
    *out = 0;
    return true;
}

/* Accepts what the reserved mask leaves: the read-only ones of a register
 * are dropped. */
static bool write_nothing(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)c;
    (void)number;
    (void)in;
    return true;
}

static bool read_fs_base(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)number;
    *out = c->seg[SEG_FS].base;
    return true;
}

static bool write_fs_base(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    c->seg[SEG_FS].base = in;
    return true;
}

static bool read_gs_base(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)number;
    *out = c->seg[SEG_GS].base;
    return true;
}

static bool write_gs_base(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    c->seg[SEG_GS].base = in;
    return true;
}

#define MISC_WRITABLE                                                          \
    (MISC_FAST_STRINGS | MISC_THERMAL | MISC_SPEEDSTEP | MISC_MONITOR |        \
     MISC_LIMIT_CPUID | MISC_NO_XTPR | MISC_NO_XD)
#define MISC_READ_ONLY ((uint64_t)(MISC_PERFMON | MISC_NO_BTS | MISC_NO_PEBS))

/* BTS and PEBS are unavailable. */
static bool read_misc_enable(struct cpu *c, uint32_t number, uint64_t *out)
{
    (void)number;
    *out = (c->msr.misc_enable & MISC_WRITABLE) | MISC_NO_BTS | MISC_NO_PEBS |
           (c->config.pmc_version != 0 ? MISC_PERFMON : 0);
    return true;
}

static bool write_misc_enable(struct cpu *c, uint32_t number, uint64_t in)
{
    (void)number;
    if ((in & MISC_MONITOR) != 0 && !cpu_has(c, FEATURE_MONITOR))
        return false;
    c->msr.misc_enable = in;
    return true;
}

#define PLAIN(field) offsetof(struct cpu, msr.field), NULL, NULL
#define HOOKS(r, w)  0, r, w
#define HIGH32       UINT64_C(0xffffffff00000000)

/* Sorted by number; MTRR ranges and x2APIC registers are found apart. */
static const struct msr_desc msr_rows[] = {
    {MSR_TSC, "IA32_TIME_STAMP_COUNTER", 0, FEATURE_TSC, 0,
     HOOKS(read_tsc, write_tsc), "Time-Stamp Counter"},
    {0x17, "IA32_PLATFORM_ID", MSR_RO | MSR_INTEL, FEATURE_NONE, 0,
     HOOKS(read_zero, NULL), "Processor Identification"},
    {0x1b, "IA32_APIC_BASE", 0, FEATURE_APIC, 0,
     offsetof(struct cpu, msr.apic_base), NULL, write_apic_base,
     "Local APIC Status and Location"},
    {0x3a, "IA32_FEATURE_CONTROL", MSR_INTEL, FEATURE_NONE,
     ~(uint64_t)(FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX),
     offsetof(struct cpu, msr.feature_control), NULL, write_feature_control,
     "Enabling and Entering VMX Operation"},
    {MSR_TSC_ADJUST, "IA32_TSC_ADJUST", 0, FEATURE_TSC_ADJUST, 0,
     offsetof(struct cpu, msr.tsc_adjust), NULL, write_tsc_adjust,
     "IA32_TSC_ADJUST Register and TSC Synchronization"},
    {0x8b, "IA32_BIOS_SIGN_ID", 0, FEATURE_NONE, 0, PLAIN(bios_sign_id),
     "Microcode Update Facilities"},
    {0xce, "MSR_PLATFORM_INFO", MSR_RO | MSR_INTEL, FEATURE_NONE, 0,
     HOOKS(read_platform_info, NULL), "Vol.4 MSR_PLATFORM_INFO"},
    {0xe1, "IA32_UMWAIT_CONTROL", 0, FEATURE_WAITPKG, HIGH32 | 2,
     PLAIN(umwait_control), "Vol.2 TPAUSE"},
    {0xfe, "IA32_MTRRCAP", MSR_RO, FEATURE_MTRR, 0, HOOKS(read_mtrr_cap, NULL),
     "MTRR Feature Identification"},
    {0x174, "IA32_SYSENTER_CS", 0, FEATURE_SEP, HIGH32, PLAIN(sysenter_cs),
     "Performing Fast Calls to System Procedures"},
    {0x175, "IA32_SYSENTER_ESP", MSR_CANONICAL, FEATURE_SEP, 0,
     PLAIN(sysenter_esp), "Performing Fast Calls to System Procedures"},
    {0x176, "IA32_SYSENTER_EIP", MSR_CANONICAL, FEATURE_SEP, 0,
     PLAIN(sysenter_eip), "Performing Fast Calls to System Procedures"},
    {0x179, "IA32_MCG_CAP", MSR_RO, FEATURE_MCA, 0, HOOKS(read_zero, NULL),
     "IA32_MCG_CAP MSR"},
    {0x17a, "IA32_MCG_STATUS", 0, FEATURE_MCA, UINT64_MAX,
     HOOKS(read_zero, write_nothing), "IA32_MCG_STATUS MSR"},
    {0x198, "IA32_PERF_STATUS", MSR_RO | MSR_INTEL, FEATURE_NONE, 0,
     HOOKS(read_perf_status, NULL), "Enhanced Intel SpeedStep Technology"},
    {0x1a0, "IA32_MISC_ENABLE", MSR_INTEL, FEATURE_NONE,
     ~(MISC_WRITABLE | MISC_READ_ONLY), offsetof(struct cpu, msr.misc_enable),
     read_misc_enable, write_misc_enable, "Vol.4 IA32_MISC_ENABLE"},
    {0x1d9, "IA32_DEBUGCTL", 0, FEATURE_NONE,
     ~(uint64_t)(DEBUGCTL_LBR | DEBUGCTL_BTF | DEBUGCTL_FREEZE),
     offsetof(struct cpu, msr.debugctl), NULL, write_debugctl,
     "IA32_DEBUGCTL MSR"},
    {0x277, "IA32_PAT", 0, FEATURE_PAT, 0, offsetof(struct cpu, msr.pat), NULL,
     write_pat, "Page Attribute Table (PAT)"},
    {0x2ff, "IA32_MTRR_DEF_TYPE", 0, FEATURE_MTRR, ~UINT64_C(0xcff),
     offsetof(struct cpu, msr.mtrr.def_type), NULL, write_mtrr_default,
     "IA32_MTRR_DEF_TYPE MSR"},
    {0x6e0, "IA32_TSC_DEADLINE", 0, FEATURE_TSC_DEADLINE, 0,
     HOOKS(read_deadline, write_deadline), "TSC-Deadline Mode"},
    /* No supervisor component is modelled: every bit is reserved. */
    {0xda0, "IA32_XSS", 0, FEATURE_XSAVES, UINT64_MAX,
     offsetof(struct cpu, xss), NULL, NULL,
     "Enabling the XSAVE Feature Set and XSAVE-Enabled Features"},
    {UINT32_C(0xc0000080), "IA32_EFER", 0, FEATURE_LM,
     ~(uint64_t)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE),
     offsetof(struct cpu, efer), NULL, write_efer,
     "Extended Feature Enable Register"},
    {UINT32_C(0xc0000081), "IA32_STAR", 0, FEATURE_SYSCALL, 0, PLAIN(star),
     "Fast System Calls in 64-Bit Mode"},
    {UINT32_C(0xc0000082), "IA32_LSTAR", MSR_CANONICAL, FEATURE_SYSCALL, 0,
     PLAIN(lstar), "Fast System Calls in 64-Bit Mode"},
    {UINT32_C(0xc0000083), "IA32_CSTAR", MSR_CANONICAL, FEATURE_SYSCALL, 0,
     PLAIN(cstar), "Fast System Calls in 64-Bit Mode"},
    {UINT32_C(0xc0000084), "IA32_FMASK", 0, FEATURE_SYSCALL, HIGH32,
     PLAIN(fmask), "Fast System Calls in 64-Bit Mode"},
    {UINT32_C(0xc0000100), "IA32_FS_BASE", MSR_CANONICAL, FEATURE_LM, 0,
     HOOKS(read_fs_base, write_fs_base), "Segment Registers in 64-Bit Mode"},
    {UINT32_C(0xc0000101), "IA32_GS_BASE", MSR_CANONICAL, FEATURE_LM, 0,
     HOOKS(read_gs_base, write_gs_base), "Segment Registers in 64-Bit Mode"},
    {UINT32_C(0xc0000102), "IA32_KERNEL_GS_BASE", MSR_CANONICAL, FEATURE_LM, 0,
     PLAIN(kernel_gs_base), "Vol.2 SWAPGS"},
    {UINT32_C(0xc0000103), "IA32_TSC_AUX", 0, FEATURE_RDTSCP, HIGH32,
     PLAIN(tsc_aux), "IA32_TSC_AUX Register and RDTSCP Support"},
};

static const struct msr_desc mtrr_variable = {
    MSR_MTRR_BASE0,
    "IA32_MTRR_PHYSBASE/MASK",
    0,
    FEATURE_MTRR,
    0,
    HOOKS(read_mtrr_variable, write_mtrr_variable),
    "Variable Range MTRRs"};
static const struct msr_desc mtrr_fixed = {
    MSR_MTRR_FIX64K,
    "IA32_MTRR_FIX",
    0,
    FEATURE_MTRR,
    0,
    HOOKS(read_mtrr_fixed, write_mtrr_fixed),
    "Fixed Range MTRRs"};

static const struct msr_desc *find_row(uint32_t number)
{
    if (number >= MSR_MTRR_BASE0 && number < MSR_MTRR_BASE0 + 2 * MTRR_COUNT)
        return &mtrr_variable;
    if (number == MSR_MTRR_FIX64K || number == 0x258 || number == 0x259 ||
        (number >= 0x268 && number <= 0x26f))
        return &mtrr_fixed;
    size_t low = 0, high = sizeof msr_rows / sizeof msr_rows[0];
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (msr_rows[mid].number == number)
            return &msr_rows[mid];
        if (msr_rows[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static const struct msr_desc *find(const struct cpu *c, uint32_t number)
{
    const struct msr_desc *d = find_row(number);
    if (d == NULL || !cpu_has(c, (enum cpu_feature)d->feature) ||
        ((d->rules & MSR_INTEL) != 0 && c->config.vendor != VENDOR_INTEL))
        return NULL;
    return d;
}

static uint64_t *value_of(struct cpu *c, const struct msr_desc *d)
{
    return (uint64_t *)(void *)((char *)c + d->offset);
}

static bool is_x2apic(uint32_t number)
{
    return number >= MSR_X2APIC_FIRST && number <= MSR_X2APIC_LAST;
}

bool msr_read(struct cpu *c, uint32_t number, uint64_t *out)
{
    if (is_x2apic(number))
        return lapic_msr_read(c, number, out);
    if (lbr_is_msr(c, number))
        return lbr_msr_read(c, number, out);
    if (pmc_is_msr(c, number))
        return pmc_msr_read(c, number, out);
    if (number - MSR_VMX_BASIC <= MSR_VMX_TERTIARY - MSR_VMX_BASIC)
        return vmx_caps_msr(&c->vmx->caps, &c->config, number, out);
    const struct msr_desc *d = find(c, number);
    if (d == NULL)
        return false;
    if (d->read != NULL)
        return d->read(c, number, out);
    *out = *value_of(c, d);
    return true;
}

bool msr_write(struct cpu *c, uint32_t number, uint64_t in)
{
    if (is_x2apic(number))
        return lapic_msr_write(c, number, in);
    if (lbr_is_msr(c, number))
        return lbr_msr_write(c, number, in);
    if (pmc_is_msr(c, number))
        return pmc_msr_write(c, number, in);
    const struct msr_desc *d = find(c, number);
    if (d == NULL || (d->rules & MSR_RO) != 0 || (in & d->reserved) != 0 ||
        ((d->rules & MSR_CANONICAL) != 0 &&
         !segment_canonical_register(c, in) &&
         !PLANTED(c, SYS_PLANT_MSR_CANONICAL)))
        return false;
    if (d->write != NULL)
        return d->write(c, number, in);
    *value_of(c, d) = in;
    return true;
}
