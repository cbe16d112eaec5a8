/* SPDX-License-Identifier: Apache-2.0
 * Ports and model-specific registers: the devices and most registers are the
 * guest's, so what exits is done for it.
 */
#include "workloads/microhv/hv.h"

static u64 port_in(u16 port, unsigned size)
{
    u16 word;

    switch (size) {
    case 1: return in8(port);
    case 2:
        __asm__ volatile("inw %1, %0" : "=a"(word) : "Nd"(port) : "memory");
        return word;
    default: return in32(port);
    }
}

static void port_out(u16 port, unsigned size, u32 value)
{
    switch (size) {
    case 1: out8(port, (u8)value); break;
    case 2:
        __asm__ volatile("outw %0, %1"
                         :
                         : "a"((u16)value), "Nd"(port)
                         : "memory");
        break;
    default: out32(port, value); break;
    }
}

/* ---- INS and OUTS, one element an exit ---- */

/* A register under the address size of EXIT_INFO bits 9:7. */
static void add_to(struct vcpu *v, unsigned gpr, u64 delta, unsigned size)
{
    u64 value = v->gpr[gpr] + delta;

    if (size == 0)
        value = (v->gpr[gpr] & ~0xffffull) | (u16)value;
    else if (size == 1)
        value = (u32)value;
    v->gpr[gpr] = value;
}

/* Both ends of an element that crosses a page are walked. */
static bool reach(struct vcpu *v, u64 linear, unsigned size, bool write,
                  struct walk w[2])
{
    bool user = (vm_read(GUEST_SS_ACCESS) >> 5 & 3) == 3;
    u32 error = (write ? PF_W : 0) | (user ? PF_U : 0);
    u64 cr3 = hv.options.shadow ? v->cr3 : vm_read(GUEST_CR3);

    for (unsigned i = 0; i < 2; i++) {
        u64 at = linear + (i ? size - 1 : 0);
        w[i] = guest_walk(cr3, at, error, true);
        if (!w[i].ok) {
            __asm__ volatile("mov %0, %%cr2" : : "r"(at));
            inject_exception(v, 14, true, w[i].error);
            return false;
        }
        if (!guest_ram(w[i].gpa, 1))
            hv_panic("INS or OUTS of the guest at %lx", w[i].gpa);
    }
    return true;
}

static void io_string(struct vcpu *v, u64 q)
{
    bool in = q & 1u << 3, rep = q & 1u << 5;
    unsigned size = (q & 7) + 1, width = vm_read(EXIT_INFO) >> 7 & 7;
    u16 port = (u16)(q >> 16);
    u64 linear = vm_read(GUEST_LINEAR), step = size, value = 0;
    struct walk w[2];

    if (!reach(v, linear, size, in, w))
        return;
    if (in)
        value = port_in(port, size);
    for (unsigned i = 0; i < size; i++) {
        bool second = (linear & 4095) + i > 4095;
        u64 at = second ? (w[1].gpa & ~4095ull) + ((linear + i) & 4095)
                        : w[0].gpa + i;
        u8 *byte = direct(at);
        if (in)
            *byte = (u8)(value >> 8 * i);
        else
            value |= (u64)*byte << 8 * i;
    }
    if (!in)
        port_out(port, size, (u32)value);
    if (vm_read(GUEST_RFLAGS) & RFLAGS_DF)
        step = -step;
    add_to(v, in ? RDI : RSI, step, width);
    if (rep)
        add_to(v, RCX, UINT64_MAX, width);
    u64 left = v->gpr[RCX];
    if (!rep || !(width == 0 ? (u16)left : width == 1 ? (u32)left : left))
        skip_instruction();
}

/* SDM Vol.3 "Exit Qualification for I/O Instructions". */
void exit_io(struct vcpu *v)
{
    u64 q = vm_read(EXIT_QUALIFICATION);
    unsigned size = (q & 7) + 1;
    u16 port = (u16)(q >> 16);
    static const u64 keep[] = {0, ~0xffull, ~0xffffull, 0, 0};

    if (q & 1u << 4) {
        io_string(v, q);
        return;
    }
    if (q & 1u << 3)
        v->gpr[RAX] = (v->gpr[RAX] & keep[size]) | port_in(port, size);
    else
        port_out(port, size, (u32)v->gpr[RAX]);
    skip_instruction();
}

/* ---- Model-specific registers ---- */

/* What VMX adds to the registers of a processor a guest does not see. */
static bool is_hidden(u32 msr)
{
    return msr >= MSR_VMX_FIRST && msr <= MSR_VMX_LAST;
}

void exit_rdmsr(struct vcpu *v)
{
    u32 msr = (u32)v->gpr[RCX];
    u64 value = 0;

    if (msr == MSR_FEATURE_CONTROL) {
        value = FEATURE_LOCKED;
    } else if (msr == MSR_EFER) {
        value = shadow_efer();
    } else if (is_hidden(msr) || try_rdmsr(msr, &value)) {
        inject_gp(v);
        return;
    }
    v->gpr[RAX] = (u32)value;
    v->gpr[RDX] = value >> 32;
    skip_instruction();
}

void exit_wrmsr(struct vcpu *v)
{
    u32 msr = (u32)v->gpr[RCX];
    u64 value = (u32)v->gpr[RAX] | v->gpr[RDX] << 32;

    if (msr == MSR_EFER ? !shadow_set_efer(v, value)
                        : msr == MSR_FEATURE_CONTROL || is_hidden(msr) ||
                              try_wrmsr(msr, value))
        inject_gp(v);
    else
        skip_instruction();
}
