/* SPDX-License-Identifier: Apache-2.0
 * The checks of VM entry as tables: one row a rule, with its predicate and
 * the section of the manual that states it. Pure functions of values, so
 * that tests need no processor. SDM Vol.3 "VM Entries".
 */
#ifndef VTSIM_CPU_VMX_CHECK_H
#define VTSIM_CPU_VMX_CHECK_H

#include "cpu/vmx/caps.h"
#include "cpu/vmx/controls.h"
#include "cpu/vmx/vmcs.h"
#include "sim/base/port.h"

/* What the rules look at. Memory that does not answer reads as all ones. */
struct vmx_check {
    const struct vmcs *v;
    const struct vmx_caps *caps;
    const struct cpu_config *config;
    unsigned maxphyaddr;
    uint64_t current_vmcs; /* its address: the link pointer must differ */
    uint64_t vmxon;        /* likewise */
    bool ia32e;            /* IA32_EFER.LMA when the entry began */
    uint64_t efer_allowed; /* bits that WRMSR would accept */
    uint64_t debugctl_allowed, perf_global_allowed;
    struct mem_port memory; /* physical: virtual-APIC page, link VMCS, PDPTEs
                               of a guest without EPT */
};

struct vmx_rule {
    const char *name;    /* stable, for tests: "guest.cr0.fixed" */
    const char *field;   /* of vmcs.def, whose value the message shows */
    const char *section; /* title in the manual */
    const char *rule;    /* what it says, and so what would satisfy it */
    bool (*holds)(const struct vmx_check *k);
    /* For a rule about single bits: those of the field that break it. */
    uint64_t (*offending)(const struct vmx_check *k);
    uint8_t qualification; /* of exit 33 */
};

enum vmx_check_group {
    CHECK_CONTROLS, /* VMfail 7 */
    CHECK_HOST,     /* VMfail 8 */
    CHECK_GUEST,    /* exit 33 */
    CHECK_GROUPS
};

/* The rules of a group in the order in which they are looked at. */
const struct vmx_rule *vmx_rules(enum vmx_check_group g, unsigned *count);

/* The first rule of the group that does not hold, or NULL. */
const struct vmx_rule *vmx_check(enum vmx_check_group g,
                                 const struct vmx_check *k);

/* How an entry that breaks the rule fails: "error 7", "error 8", or
 * "exit 33, qualification n". */
void vmx_rule_outcome(const struct vmx_rule *r, char *out, size_t size);

/* One line, no newline: field, encoding, value, rule, section. */
void vmx_explain(const struct vmx_rule *r, const struct vmx_check *k, char *out,
                 size_t size);

#endif
