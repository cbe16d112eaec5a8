/* SPDX-License-Identifier: Apache-2.0
 * Registers of the local APIC as MSRs 800h-83Fh, in x2APIC mode: reserved
 * bits and absent registers are #GP. SDM Vol.3 "x2APIC Register Address
 * Space", "Reserved Bit Checking".
 */
#include "cpu/lapic_inside.h"
#include "cpu/xlat.h"

enum {
    X2_ID = 0x802,
    X2_LDR = 0x80d,
    X2_EOI = 0x80b,
    X2_ESR = 0x828,
    X2_ICR = 0x830,
    X2_SELF_IPI = 0x83f,
};

/* Row of an x2APIC register, or -1: DFR, APR, RRD and ICR_HIGH are gone. */
static int x2apic_row(const struct lapic *a, uint32_t msr)
{
    if (msr < 0x800 || msr > 0x83f)
        return -1;
    int row = regfile_find(&a->file, (uint64_t)(msr - 0x800) << 4, 4);
    if (row == REG_DFR || row == REG_APR || row == REG_RRD ||
        row == REG_ICR_HIGH)
        return -1;
    return row;
}

bool lapic_msr_read(struct cpu *c, uint32_t msr, uint64_t *out)
{
    struct lapic *a = c->lapic;
    int row = x2apic_row(a, msr);
    if (!apic_is_x2apic(c) || row < 0 || row == REG_EOI)
        return false;
    if (msr == X2_ICR) {
        *out = a->value[REG_ICR_LOW] | a->value[REG_ICR_HIGH] << 32;
        return true;
    }
    return regfile_read(&a->file, (uint64_t)(msr - 0x800) << 4, 4, out);
}

/* Bits that may be written as 1: the others are reserved. */
static uint64_t x2apic_writable(const struct lapic *a, unsigned row)
{
    uint64_t bits = lapic_rows[row].rw;
    if (row >= REG_LVT_TIMER && row <= REG_LVT_ERROR)
        bits |= LVT_STATUS;
    if (row == REG_LVT_LINT0 || row == REG_LVT_LINT1)
        bits |= LVT_REMOTE_IRR;
    if (row == REG_SVR &&
        (a->value[REG_VERSION] & VERSION_NO_EOI_BROADCAST) == 0)
        bits &= ~(uint64_t)SVR_NO_EOI_BROADCAST;
    if (row == REG_LVT_TIMER && !cpu_has(a->c, FEATURE_TSC_DEADLINE))
        bits &= ~BIT(18);
    return bits;
}

bool lapic_msr_write(struct cpu *c, uint32_t msr, uint64_t in)
{
    struct lapic *a = c->lapic;
    if (!apic_is_x2apic(c))
        return false;
    if (msr == X2_SELF_IPI) {
        if (in > 0xff)
            return false;
        if (in < 16)
            apic_note_error(a, ESR_SEND_ILLEGAL);
        else if (apic_software_enabled(a))
            apic_accept_fixed(a, (uint8_t)in, false);
        return true;
    }
    if (msr == X2_ICR) {
        if ((uint32_t)in & ~(uint32_t)ICR_BITS)
            return false;
        a->value[REG_ICR_LOW] = (uint32_t)in;
        a->value[REG_ICR_HIGH] = in >> 32;
        apic_send_ipi(a);
        return true;
    }
    int row = x2apic_row(a, msr);
    if (row < 0 || msr == X2_ID || msr == X2_LDR)
        return false;
    bool zero_only = msr == X2_EOI || msr == X2_ESR;
    if (zero_only ? in != 0
                  : (lapic_rows[row].rw == 0 ||
                     (in & ~x2apic_writable(a, (unsigned)row)) != 0))
        return false;
    return regfile_write(&a->file, (uint64_t)(msr - 0x800) << 4, 4, in);
}
