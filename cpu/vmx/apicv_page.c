/* SPDX-License-Identifier: Apache-2.0
 * Accesses to the APIC-access page in VMX non-root operation: which ones the
 * virtual-APIC page answers, which exit, and what follows a write. SDM Vol.3
 * "Virtualizing Memory-Mapped APIC Accesses".
 */
#include "cpu/vmx/apicv.h"
#include "cpu/vmx/pml.h"
#include "sim/base/bits.h"

/* Access types of "Exit Qualification for APIC-Access VM Exits from Linear
 * Accesses and Guest-Physical Accesses". */
enum {
    ACCESS_READ = 0,
    ACCESS_WRITE = 1,
    ACCESS_FETCH = 2,
    ACCESS_DELIVERY = 3,
    ACCESS_PHYSICAL_DELIVERY = 10,
    ACCESS_PHYSICAL = 15
};

/* Registers that "APIC-register virtualization" covers, by offset / 16.
 * "Virtualizing Reads from the APIC-Access Page", "Determining Whether a
 * Write Access is Virtualized". */
#define SLOT(offset) BIT((offset) >> 4)
#define SLOTS(first, last)                                                     \
    (bits_mask((((last) - (first)) >> 4) + 1) << ((first) >> 4))
#define WRITABLE                                                               \
    (SLOT(0x020) | SLOT(0x080) | SLOT(0x0b0) | SLOT(0x0d0) | SLOT(0x0e0) |     \
     SLOT(0x0f0) | SLOT(0x280) | SLOTS(0x300, 0x310) | SLOTS(0x320, 0x370) |   \
     SLOT(0x380) | SLOT(0x3e0))
#define READABLE (WRITABLE | SLOT(0x030) | SLOTS(0x100, 0x270))

/* The controls and the place of an access let it be virtualized. */
static bool is_virtualized(const struct cpu *c, unsigned offset, unsigned len,
                           bool write)
{
    if (!vapic_shadow(c) || len > 4 || (offset & 12) != 0 ||
        ((offset + len - 1) & 12) != 0)
        return false;
    if ((c->vmx->proc2 & PROC2_APIC_REGISTERS) != 0) {
        unsigned slot = offset >> 4;
        return slot < 64 && ((write ? WRITABLE : READABLE) >> slot & 1) != 0;
    }
    return offset == VAPIC_TPR ||
           (vapic_delivers(c) &&
            (offset == VAPIC_EOI || offset == VAPIC_ICR_LOW));
}

/* Record the exit; false, as the guest_port wants it. */
static bool access_exit(struct cpu *c, unsigned offset, unsigned access,
                        uint64_t lin)
{
    bool delivery = c->vmx->vectoring != 0;
    unsigned type;
    if ((access & MMU_PAGING) != 0) {
        type = delivery ? ACCESS_PHYSICAL_DELIVERY : ACCESS_PHYSICAL;
        offset = 0; /* undefined for these */
    } else if (delivery) {
        type = ACCESS_DELIVERY;
    } else if ((access & MMU_KIND) == MMU_FETCH) {
        type = ACCESS_FETCH;
    } else {
        bool write = (access & MMU_KIND) == MMU_WRITE;
        type = write || (access & MMU_INTENT) != 0 ? ACCESS_WRITE : ACCESS_READ;
    }
    uint64_t qualification = (uint64_t)type << 12 | offset;
    if (delivery) {
        const struct vmx_exit x = {.reason = REASON_APIC_ACCESS,
                                   .qualification = qualification,
                                   .linear = lin,
                                   .length = c->vmx->vectoring_length};
        (void)vmx_exit_event(c, &x);
    } else {
        (void)vmx_exit_insn(c, REASON_APIC_ACCESS, qualification, 0);
    }
    return false;
}

/* A read of an operation that has written already exits: the write is not
 * emulated yet. */
static bool page_read(void *self, unsigned offset, unsigned len,
                      unsigned access, uint64_t lin, void *out)
{
    struct cpu *c = self;
    if ((access & MMU_UNTIMED) == 0) {
        if (c->vmx->apic_written || !is_virtualized(c, offset, len, false))
            return access_exit(c, offset, access, lin);
        vmx_charge(c, virtual_apic);
    }
    uint64_t at = c->vmx->vmcs.virtual_apic_address + offset;
    return vmx_phys_read(c, at, len, out);
}

static bool page_write(void *self, unsigned offset, unsigned len,
                       unsigned access, uint64_t lin, const void *in)
{
    struct cpu *c = self;
    struct vmx *x = c->vmx;
    bool other =
        x->apic_written && (x->apic_offset != offset || x->apic_length != len);
    if (other || !is_virtualized(c, offset, len, true))
        return access_exit(c, offset, access, lin);
    vmx_charge(c, virtual_apic);
    (void)vmx_phys_write(c, x->vmcs.virtual_apic_address + offset, len, in);
    x->apic_written = true;
    x->apic_offset = (uint16_t)offset;
    x->apic_length = (uint8_t)len;
    event_notify(c);
    return true;
}

static bool page_touch(void *self, unsigned offset, unsigned access,
                       uint64_t lin)
{
    return access_exit(self, offset, access, lin);
}

struct guest_port vmx_apic_port(struct cpu *c)
{
    return (struct guest_port){c, vmx_pml, page_read, page_write, page_touch};
}

/* What the interrupt command wants can be done here: a fixed, edge-triggered
 * interrupt of a legal vector for this virtual processor. */
static bool is_self_ipi(uint32_t icr)
{
    const uint32_t reserved = 0xfff32000;
    return bits_get(icr, 19, 18) == 1 && (icr & (reserved | BIT(12))) == 0 &&
           (icr & BIT(15)) == 0 && bits_get(icr, 10, 8) == 0 &&
           (icr & 0xf0) != 0;
}

/* "APIC-Write Emulation". */
void vmx_apic_emulate(struct cpu *c)
{
    struct vmx *x = c->vmx;
    unsigned offset = x->apic_offset;
    x->apic_written = false;
    if (offset == VAPIC_TPR) {
        vapic_write(c, VAPIC_TPR, vapic_read(c, VAPIC_TPR) & 0xff);
        vapic_tpr_changed(c);
    } else if (offset == VAPIC_EOI && vapic_delivers(c)) {
        vapic_write(c, VAPIC_EOI, 0);
        vapic_end_of_interrupt(c);
    } else if (offset == VAPIC_ICR_LOW && vapic_delivers(c) &&
               is_self_ipi(vapic_read(c, VAPIC_ICR_LOW))) {
        vapic_self_ipi(c, (uint8_t)vapic_read(c, VAPIC_ICR_LOW));
    } else if ((offset & ~3u) == VAPIC_ICR_HIGH) {
        uint32_t high = vapic_read(c, VAPIC_ICR_HIGH);
        vapic_write(c, VAPIC_ICR_HIGH, high & 0xff000000);
    } else {
        vapic_exit_later(c, REASON_APIC_WRITE, offset);
    }
}
