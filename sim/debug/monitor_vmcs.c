/* SPDX-License-Identifier: Apache-2.0
 * `monitor vmcs` and `monitor exits`: the current VMCS with its controls in
 * words, and what the guest has exited for.
 */
#include "cpu/vmx/controls.h"
#include "sim/debug/entry_text.h"
#include "sim/debug/gdb_inside.h"

#include <inttypes.h>
#include <string.h>

struct bit {
    uint64_t mask;
    const char *name;
};

static const struct bit pin[] = {
    {PIN_EXTERNAL_INTERRUPT, "external-interrupt exiting"},
    {PIN_NMI, "NMI exiting"},
    {PIN_VIRTUAL_NMI, "virtual NMIs"},
    {PIN_TIMER, "VMX-preemption timer"},
    {PIN_POSTED, "posted interrupts"},
    {0, NULL},
};

static const struct bit primary[] = {
    {PROC_INTERRUPT_WINDOW, "interrupt-window exiting"},
    {PROC_TSC_OFFSET, "TSC offsetting"},
    {PROC_HLT, "HLT exiting"},
    {PROC_INVLPG, "INVLPG exiting"},
    {PROC_MWAIT, "MWAIT exiting"},
    {PROC_RDPMC, "RDPMC exiting"},
    {PROC_RDTSC, "RDTSC exiting"},
    {PROC_CR3_LOAD, "CR3-load exiting"},
    {PROC_CR3_STORE, "CR3-store exiting"},
    {PROC_TERTIARY, "tertiary controls"},
    {PROC_CR8_LOAD, "CR8-load exiting"},
    {PROC_CR8_STORE, "CR8-store exiting"},
    {PROC_TPR_SHADOW, "TPR shadow"},
    {PROC_NMI_WINDOW, "NMI-window exiting"},
    {PROC_MOV_DR, "MOV-DR exiting"},
    {PROC_IO, "unconditional I/O exiting"},
    {PROC_IO_BITMAPS, "I/O bitmaps"},
    {PROC_MTF, "monitor trap flag"},
    {PROC_MSR_BITMAPS, "MSR bitmaps"},
    {PROC_MONITOR, "MONITOR exiting"},
    {PROC_PAUSE, "PAUSE exiting"},
    {PROC_SECONDARY, "secondary controls"},
    {0, NULL},
};

static const struct bit secondary[] = {
    {PROC2_APIC_ACCESSES, "virtualize APIC accesses"},
    {PROC2_EPT, "EPT"},
    {PROC2_DESC_TABLE, "descriptor-table exiting"},
    {PROC2_RDTSCP, "RDTSCP"},
    {PROC2_X2APIC, "virtualize x2APIC mode"},
    {PROC2_VPID, "VPID"},
    {PROC2_WBINVD, "WBINVD exiting"},
    {PROC2_UNRESTRICTED, "unrestricted guest"},
    {PROC2_APIC_REGISTERS, "APIC-register virtualization"},
    {PROC2_VIRTUAL_INTERRUPTS, "virtual-interrupt delivery"},
    {PROC2_PAUSE_LOOP, "PAUSE-loop exiting"},
    {PROC2_RDRAND, "RDRAND exiting"},
    {PROC2_INVPCID, "INVPCID"},
    {PROC2_VMFUNC, "VM functions"},
    {PROC2_SHADOW, "VMCS shadowing"},
    {PROC2_RDSEED, "RDSEED exiting"},
    {PROC2_PML, "PML"},
    {PROC2_VE, "EPT-violation #VE"},
    {PROC2_XSAVES, "XSAVES/XRSTORS"},
    {PROC2_MBEC, "mode-based execute control"},
    {PROC2_SUB_PAGE, "sub-page write permissions"},
    {PROC2_TSC_SCALING, "TSC scaling"},
    {PROC2_USER_WAIT, "user wait and pause"},
    {0, NULL},
};

static const struct bit tertiary[] = {
    {PROC3_VMM_TIMER, "VMM timer"},
    {0, NULL},
};

static const struct bit exits[] = {
    {EXIT_SAVE_DEBUG, "save debug controls"},
    {EXIT_HOST64, "64-bit host"},
    {EXIT_LOAD_PERF_GLOBAL, "load PERF_GLOBAL_CTRL"},
    {EXIT_ACK_INTERRUPT, "acknowledge interrupt"},
    {EXIT_SAVE_PAT, "save PAT"},
    {EXIT_LOAD_PAT, "load PAT"},
    {EXIT_SAVE_EFER, "save EFER"},
    {EXIT_LOAD_EFER, "load EFER"},
    {EXIT_SAVE_TIMER, "save preemption timer"},
    {0, NULL},
};

static const struct bit entries[] = {
    {ENTRY_LOAD_DEBUG, "load debug controls"},
    {ENTRY_IA32E, "IA-32e mode guest"},
    {ENTRY_SMM, "entry to SMM"},
    {ENTRY_DEACTIVATE_DUAL, "deactivate dual monitor"},
    {ENTRY_LOAD_PERF_GLOBAL, "load PERF_GLOBAL_CTRL"},
    {ENTRY_LOAD_PAT, "load PAT"},
    {ENTRY_LOAD_EFER, "load EFER"},
    {0, NULL},
};

static const struct bit interruptibility[] = {
    {BLOCK_STI, "blocking by STI"},
    {BLOCK_MOV_SS, "blocking by MOV SS"},
    {BLOCK_SMI, "blocking by SMI"},
    {BLOCK_NMI, "blocking by NMI"},
    {BLOCK_ENCLAVE, "enclave interruption"},
    {0, NULL},
};

static const struct {
    const char *field;
    const struct bit *bits;
} words[] = {
    {"pin_controls", pin},
    {"primary_controls", primary},
    {"secondary_controls", secondary},
    {"tertiary_controls", tertiary},
    {"exit_controls", exits},
    {"entry_controls", entries},
    {"guest_interruptibility", interruptibility},
};

static void put_bits(struct text *t, const struct bit *b, uint64_t v)
{
    const char *between = "  ";
    for (; b->name != NULL; b++) {
        if ((v & b->mask) == 0)
            continue;
        text_printf(t, "%s%s", between, b->name);
        between = ", ";
    }
}

static void put_words(struct text *t, const struct debug_field *f)
{
    char scratch[24], event[96];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].field, f->name) == 0)
            put_bits(t, words[i].bits, f->value);
    if (strcmp(f->name, "exit_reason") == 0)
        text_printf(
            t, "  %s%s", exit_name(f->value & 0xffff, scratch),
            (f->value & REASON_ENTRY_FAILURE) != 0 ? ", VM-entry failure" : "");
    if (strcmp(f->name, "exit_interruption") == 0 ||
        strcmp(f->name, "idt_vectoring") == 0 ||
        strcmp(f->name, "entry_interruption") == 0) {
        interruption_text((uint32_t)f->value, event, sizeof event);
        text_printf(t, "%s%s", event[0] != '\0' ? "  " : "", event);
    }
    if (strcmp(f->name, "guest_activity") == 0) {
        static const char *const state[4] = {"active", "HLT", "shutdown",
                                             "wait-for-SIPI"};
        if (f->value < 4)
            text_printf(t, "  %s", state[f->value]);
    }
}

void monitor_vmcs(struct monitor *m)
{
    uint64_t pointer;
    bool launched;
    unsigned shown = 0;
    struct debug_field f;
    if (!debugger_vmcs(m->cpu, &pointer, &launched)) {
        text_printf(m->t, "no current VMCS\n");
        return;
    }
    text_printf(m->t, "VMCS at 0x%" PRIx64 ", %s, %s\n", pointer,
                launched ? "launched" : "clear",
                debugger_in_guest(m->cpu) ? "its guest runs"
                                          : "in root operation");
    for (unsigned i = 0; debugger_vmcs_field(m->cpu, i, &f); i++) {
        if (strstr(f.name, m->rest) == NULL)
            continue;
        text_printf(m->t, "%04x %-26s 0x%0*" PRIx64, f.encoding, f.name,
                    (int)(2 * f.bytes), f.value);
        put_words(m->t, &f);
        text_printf(m->t, "\n");
        shown++;
    }
    if (shown == 0)
        text_printf(m->t, "no field has '%.80s' in its name\n", m->rest);
}

void monitor_exits(struct monitor *m)
{
    unsigned reason;
    const char *name;
    uint64_t count, total = 0;
    for (unsigned i = 0; debugger_exits(m->cpu, i, &reason, &name, &count);
         i++) {
        if (count == 0)
            continue;
        text_printf(m->t, "%4u %-22s %" PRIu64 "\n", reason, name, count);
        total += count;
    }
    text_printf(m->t, "%" PRIu64 " VM exits\n", total);
}
