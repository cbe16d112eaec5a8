/* SPDX-License-Identifier: Apache-2.0
 * Every parameter of a machine: one row each. Names are stable; the order is
 * that of docs/parameters.md.
 */
#include "mmu/hot.h"
#include "sim/machine/config.h"

static const char *const timing_names[] = {"off", "simple", NULL};
static const char *const vendor_names[] = {"intel", "amd", NULL};
static const char *const replacement_names[] = {"lru",  "tree-plru", "nru",
                                                "fifo", "random",    NULL};
static const char *const hash_names[] = {"linear", "xor", NULL};
static const char *const invalidation_names[] = {"exact", "aggressive",
                                                 "tagged", NULL};
static const char *const check_names[] = {"off",   "report", "stop",
                                          "fresh", "random", NULL};
static const char *const page_names[] = {"4k", "2m", "1g", NULL};

#define GHZ UINT64_C(1000000000)
#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)

/* clang-format off */
#define ROW(name_, type_, field_, min_, max_, unit_, choices_, doc_)           \
    {.name = name_, .type = type_,                                             \
     .offset = offsetof(struct machine_config, field_),                        \
     .min = min_, .max = max_, .unit = unit_, .choices = choices_, .doc = doc_}
#define BOOL(name, field, doc) ROW(name, PARAM_BOOL, field, 0, 1, "", NULL, doc)
#define U32(name, field, lo, hi, unit, doc)                                    \
    ROW(name, PARAM_U32, field, lo, hi, unit, NULL, doc)
#define U64(name, field, lo, hi, unit, doc)                                    \
    ROW(name, PARAM_U64, field, lo, hi, unit, NULL, doc)
#define SIZE(name, field, lo, hi, doc)                                         \
    ROW(name, PARAM_SIZE, field, lo, hi, "bytes", NULL, doc)
#define ENUM(name, field, choices, doc)                                        \
    ROW(name, PARAM_ENUM, field, 0, 0, "", choices, doc)

#define ASSOC(name, field, most, what)                                         \
    U32(name ".entries", field.entries, 0, most, "entries",                    \
        "Entries of the " what "; 0 leaves it out."),                          \
    U32(name ".ways", field.ways, 1, most, "ways",                             \
        "Associativity of the " what "; as many as entries: fully "            \
        "associative."),                                                       \
    ENUM(name ".replacement", field.replacement, replacement_names,            \
         "Replacement policy of the " what "."),                               \
    ENUM(name ".hash", field.hash, hash_names,                                 \
         "Set index of the " what ": low bits, or those XORed with the next.")

#define CACHE(name, field, bytes, least, most, what)                           \
    SIZE(name ".size", bytes, least, most, "Size of the " what "."),           \
    U32(name ".ways", field.ways, 1, 1024, "ways",                             \
        "Associativity of the " what "."),                                     \
    U32(name ".latency", field.latency, 1, 10000, "cycles",                    \
        "Load-to-use latency of a line served by the " what "."),              \
    ENUM(name ".replacement", field.replacement, replacement_names,            \
         "Replacement policy of the " what "."),                               \
    ENUM(name ".hash", field.hash, hash_names,                                 \
         "Set index of the " what ": low bits, or those XORed with the next.")

#define COST(e, name, n_, leaf, rule, doc)                                     \
    U32("core.cost." name, core.cost.cycles[COST_##e], 0, 1000000, "cycles",   \
        "Cost: " doc "."),

static const struct param_desc rows[] = {
    U32("machine.cores", cores, 1, MACHINE_CORES_MAX, "cores",
        "Logical processors."),
    SIZE("machine.memory", memory.ram_bytes, MIB, TIB,
         "Guest RAM, a multiple of 4 KiB; what exceeds 3 GiB starts at 4 GiB."),
    U32("machine.quantum", quantum, 1, 100000000, "cycles",
        "How far cores of a multiprocessor run apart before they meet."),
    U64("machine.seed", seed, 0, UINT64_MAX, "",
        "Seed of every random choice: replacement, RDRAND, getrandom."),
    U64("machine.max_instructions", max_instructions, 0, UINT64_MAX,
        "instructions",
        "Stop, with status 124, when the cores have retired this many "
        "together; 0: no limit."),
    U64("machine.max_cycles", max_cycles, 0, UINT64_MAX, "cycles",
        "Stop, with status 124, when a core's time reaches this; 0: no "
        "limit."),
    U64("machine.epoch", epoch, 0, UINT64_C(4102444800), "s",
        "Time of day at power-on, in seconds since 1970 (CMOS clock)."),
    BOOL("machine.acpi", acpi,
         "ACPI tables for kernels, and the ports they name: PM1 registers and "
         "power management timer."),
    BOOL("machine.fw_cfg", fw_cfg,
         "QEMU's firmware configuration device at ports 510h and 511h."),
    ENUM("pk.page", pk_page, page_names,
         "Page size that the proxy kernel backs Linux programs with."),

    ENUM("core.timing", core.timing, timing_names,
         "Level of the timing model: off charges one cycle an instruction."),
    U64("core.hz", core.core_hz, UINT64_C(1000000), 100 * GHZ, "Hz",
        "Core clock."),
    U64("core.tsc_hz", core.tsc_hz, UINT64_C(1000000), 100 * GHZ, "Hz",
        "Rate of the time-stamp counter."),
    U64("core.apic_hz", core.apic_hz, 1000, 10 * GHZ, "Hz",
        "Input clock of the local APIC timer."),
    ENUM("core.vendor", core.vendor, vendor_names, "Vendor in CPUID."),
    U32("core.family", core.family, 0, 270, "", "Display family in CPUID."),
    U32("core.model", core.model, 0, 255, "", "Display model in CPUID."),
    U32("core.stepping", core.stepping, 0, 15, "", "Stepping in CPUID."),
    U32("core.linear_bits", core.linear_bits, 48, 57, "bits",
        "Linear-address width: 48, or 57 for LA57 (5-level paging)."),
    U32("core.maxphyaddr", mmu.maxphyaddr, 32, 52, "bits",
        "Physical-address width."),
    U32("core.lbr_entries", core.lbr_entries, 0, 32, "",
        "Last branch records: 0, 1 (AMD's form), 16 or 32."),
#ifdef VTSIM_PLANTS /* tests of the tests only */
    U32("core.plant", core.plant, 0, 2000, "", "Planted defect."),
#endif
    BOOL("core.pages_1g", core.pages_1g, "1 GiB pages."),
#define OPTIONAL(field, feature, doc) BOOL("core." #field, core.field, doc),
#include "cpu/optional_features.def"
#undef OPTIONAL
    U32("core.pmc.version", core.pmc_version, 0, 5, "",
        "Version of architectural performance monitoring in CPUID (Intel); 0: "
        "none."),
    U32("core.pmc.counters", core.pmc_counters, 0, 8, "counters",
        "General performance counters."),
    U32("core.pmc.width", core.pmc_width, 32, 48, "bits",
        "Width of a general performance counter."),
    U32("core.pmc.fixed", core.pmc_fixed, 0, 3, "counters",
        "Fixed performance counters: instructions, cycles, reference cycles."),
    U32("core.pmc.fixed_width", core.pmc_fixed_width, 32, 48, "bits",
        "Width of a fixed performance counter."),
    BOOL("core.tsc_deadline", core.tsc_deadline,
         "TSC-deadline mode of the local APIC timer."),
#define VTX(field, doc) BOOL("core.vtx." #field, core.vtx.field, doc),
#include "cpu/vmx/features.def"
#undef VTX
    U32("core.vtx.revision", core.vtx.revision, 0, 0x7fffffff, "",
        "VMCS revision identifier."),
    U32("core.vtx.region_size", core.vtx.region_size, 1024, 4096, "bytes",
        "Size of a VMCS region in IA32_VMX_BASIC."),
    U32("core.vtx.timer_shift", core.vtx.timer_shift, 0, 31, "",
        "The VMX-preemption timer counts when this bit of the TSC changes."),
    U32("core.vtx.cr3_targets", core.vtx.cr3_targets, 0, 4, "values",
        "CR3-target values."),
    U32("core.vtx.msr_list_max", core.vtx.msr_list_max, 512, 4096, "entries",
        "Recommended most entries of an MSR list, a multiple of 512."),
    U32("core.vtx.feature_control", core.vtx.feature_control, 0, 7, "",
        "IA32_FEATURE_CONTROL as firmware leaves it: 5, locked with VMX."),
    U32("core.vtx.vmcs_cache", core.vtx.vmcs_cache, 1, 16, "VMCSs",
        "VMCSs whose data a core keeps at hand."),
    BOOL("core.explain", core.explain,
         "Say why a VM entry failed: field, value and rule."),
    BOOL("core.magic_ops", core.magic_ops,
         "Magic operations: 0F 04 imm16 is a request to the simulator, else "
         "#UD."),

    ASSOC("core.itlb.4k", mmu.itlb_4k, TLB_SLOTS_MAX, "ITLB for 4 KiB pages"),
    ASSOC("core.itlb.2m", mmu.itlb_2m, TLB_SLOTS_MAX, "ITLB for 2 MiB pages"),
    ASSOC("core.itlb.1g", mmu.itlb_1g, TLB_SLOTS_MAX, "ITLB for 1 GiB pages"),
    ASSOC("core.dtlb.4k", mmu.dtlb_4k, TLB_SLOTS_MAX, "DTLB for 4 KiB pages"),
    ASSOC("core.dtlb.2m", mmu.dtlb_2m, TLB_SLOTS_MAX, "DTLB for 2 MiB pages"),
    ASSOC("core.dtlb.1g", mmu.dtlb_1g, TLB_SLOTS_MAX, "DTLB for 1 GiB pages"),
    BOOL("core.stlb.unified", mmu.stlb_unified,
         "One second-level TLB for both sides; else core.stlb serves data and "
         "core.stlb_i instructions."),
    BOOL("core.stlb.2m_shared", mmu.stlb_2m_shared,
         "2 MiB pages share the second level with 4 KiB pages; else it does "
         "not hold them."),
    ASSOC("core.stlb", mmu.stlb, 65536, "second-level TLB"),
    U32("core.stlb.latency", mmu.stlb_latency, 0, 1000, "cycles",
        "Cost of a first-level TLB miss that hits the second level."),
    ASSOC("core.stlb_i", mmu.stlb_i, 65536,
          "second-level TLB for instructions"),
    ASSOC("core.stlb_1g", mmu.stlb_1g, 65536,
          "second-level TLB for 1 GiB pages"),
    ASSOC("core.psc.pml5e", mmu.psc_pml5e, 1024,
          "paging-structure cache of PML5 entries"),
    ASSOC("core.psc.pml4e", mmu.psc_pml4e, 1024,
          "paging-structure cache of PML4 entries"),
    ASSOC("core.psc.pdpte", mmu.psc_pdpte, 1024,
          "paging-structure cache of PDPT entries"),
    ASSOC("core.psc.pde", mmu.psc_pde, 1024,
          "paging-structure cache of directory entries"),
    ASSOC("core.ept_psc.pml5e", mmu.ept_psc_pml5e, 1024,
          "paging-structure cache of EPT PML5 entries"),
    ASSOC("core.ept_psc.pml4e", mmu.ept_psc_pml4e, 1024,
          "paging-structure cache of EPT PML4 entries"),
    ASSOC("core.ept_psc.pdpte", mmu.ept_psc_pdpte, 1024,
          "paging-structure cache of EPT PDPT entries"),
    ASSOC("core.ept_psc.pde", mmu.ept_psc_pde, 1024,
          "paging-structure cache of EPT directory entries"),
    ASSOC("core.nested_tlb", mmu.nested_tlb, 65536,
          "cache of guest-physical translations"),
    U32("core.walkers", mmu.walkers, 1, 16, "walkers",
        "Page walkers. Without effect: accesses block, so that one walk is "
        "under way at a time."),
    BOOL("core.walk_through_l1d", mmu.walk_through_l1d,
         "Page walks look in the L1D; else they start at the L2."),

    CACHE("core.l1i", mmu.l1i, l1i_bytes, 128, 256 * KIB,
          "L1 instruction cache"),
    CACHE("core.l1d", mmu.l1d, l1d_bytes, 128, 256 * KIB, "L1 data cache"),
    CACHE("core.l2", mmu.l2, l2_bytes, KIB, GIB, "L2 cache"),
    U32("core.coherence_latency", mmu.coherence_latency, 0, 100000, "cycles",
        "Cost of taking a line from another core."),
    U32("core.uncached_latency", mmu.uncached_latency, 0, 100000, "cycles",
        "Cost of an uncacheable access to RAM."),
    U32("core.mmio_latency", mmu.mmio_latency, 0, 100000, "cycles",
        "Cost of a memory-mapped device access."),
    CACHE("l3", memory.l3, l3_bytes, 0, 16 * GIB,
          "L3 cache (size 0: none)"),
    U32("dram.latency", memory.dram_latency, 1, 100000, "cycles",
        "Load-to-use latency of a line served by DRAM."),

    BOOL("core.block_cache", core.block_cache,
         "Translated code is kept for its next execution, an accelerator: "
         "off, statistics are the same and the run is much slower."),
    BOOL("core.filter", mmu.filter,
         "The residency filter, an accelerator: off, statistics are the same "
         "and the run is slower."),
    ENUM("mmu.invalidation", mmu.invalidation, invalidation_names,
         "What an invalidating instruction drops: exactly what the manual "
         "demands, all that it allows, or (tagged) what it demands but INVEPT "
         "of an address by a Bloom word of the pages of each walk."),
    ENUM("mmu.check_tlb", mmu.check_tlb, check_names,
         "At each use of a cached translation that a walk would no longer "
         "give: report it, stop, use the fresh one, or either at random."),
    BOOL("core.split_conflict_misses", mmu.split_conflict_misses,
         "Tell TLB conflict misses from capacity misses by a fully "
         "associative shadow; slower."),

#include "cpu/cost.def"
#define VMX_COST(field, leaf, cycles, doc)                                     \
    U32("core.vtx.cost." #field, core.vtx.cost.field, 0, 1000000, "cycles",    \
        "Cost: " doc "."),
#include "cpu/vmx/cost.def"
#undef VMX_COST
};
/* clang-format on */

static const struct param_table table = {rows, sizeof(rows) / sizeof(rows[0])};

const struct param_table *config_params(void)
{
    return &table;
}
