/* SPDX-License-Identifier: Apache-2.0
 * Second statement: SDM Vol.3 "Checks on VMX Controls". Numbers of bits are
 * those of the manual's tables.
 */
#include "tests/vmx_rules/statement.h"

/* Allowed-0 settings in the low half, allowed-1 in the high half. */
static bool settings_ok(uint64_t capability, uint32_t controls)
{
    uint32_t must = (uint32_t)capability, may = (uint32_t)(capability >> 32);
    return (controls & must) == must && (controls & ~may) == 0;
}

static bool page_ok(const struct processor *p, uint64_t address)
{
    return field(address, 11, 0) == 0 && !wider_than_physical(p, address);
}

static bool eptp_ok(const struct processor *p, uint64_t eptp)
{
    uint64_t type = field(eptp, 2, 0), length = field(eptp, 5, 3);
    if (!((type == 0 && bit(p->ept_vpid, 8)) ||
          (type == 6 && bit(p->ept_vpid, 14))))
        return false;
    if (!((length == 3 && bit(p->ept_vpid, 6)) ||
          (length == 4 && bit(p->ept_vpid, 7))))
        return false;
    if (bit(eptp, 6) && !bit(p->ept_vpid, 21))
        return false;
    return field(eptp, 11, 7) == 0 && !wider_than_physical(p, eptp);
}

static bool tpr_ok(const struct processor *p, const struct vmcs *v)
{
    uint32_t second = secondary_of(v);
    bool delivery = bit(second, 9), accesses = bit(second, 0);
    if (!bit(v->primary_controls, 21)) /* no TPR shadow */
        return !bit(second, 4) && !bit(second, 8) && !delivery;
    if (!page_ok(p, v->virtual_apic_address))
        return false;
    if (!delivery && v->tpr_threshold >> 4 != 0)
        return false;
    if (!delivery && !accesses) {
        uint8_t vtpr = 0;
        if (p->read(p->self, v->virtual_apic_address + 0x80, 1, &vtpr) &&
            (v->tpr_threshold & 0xf) > vtpr >> 4)
            return false;
    }
    return true;
}

static bool interrupts_ok(const struct processor *p, const struct vmcs *v)
{
    uint32_t pin = v->pin_controls, second = secondary_of(v);
    if (!bit(pin, 3) && bit(pin, 5)) /* virtual NMIs want NMI exiting */
        return false;
    if (!bit(pin, 5) && bit(v->primary_controls, 22))
        return false;
    if (bit(second, 0) && !page_ok(p, v->apic_access_address))
        return false;
    if (bit(second, 4) && bit(second, 0))
        return false;
    if (bit(second, 9) && !bit(pin, 0))
        return false;
    if (bit(pin, 7)) /* posted interrupts */
        return bit(second, 9) && bit(v->exit_controls, 15) &&
               v->posted_vector <= 0xff &&
               field(v->posted_descriptor, 5, 0) == 0 &&
               !wider_than_physical(p, v->posted_descriptor);
    return true;
}

static bool translation_ok(const struct processor *p, const struct vmcs *v)
{
    uint32_t second = secondary_of(v);
    bool ept = bit(second, 1);
    if (bit(second, 5) && v->vpid == 0)
        return false;
    if (ept && !eptp_ok(p, v->eptp))
        return false;
    if (!ept && (bit(second, 17) || bit(second, 7) || bit(second, 22) ||
                 bit(second, 23)))
        return false;
    if (bit(second, 17) && !page_ok(p, v->pml_address))
        return false;
    if (bit(second, 23) && !page_ok(p, v->sub_page_table))
        return false;
    if (bit(second, 13)) { /* VM functions */
        if ((v->vm_functions & ~p->vmfunc) != 0)
            return false;
        if (bit(v->vm_functions, 0) && (!ept || !page_ok(p, v->eptp_list)))
            return false;
    }
    if (bit(second, 14) &&
        (!page_ok(p, v->vmread_bitmap) || !page_ok(p, v->vmwrite_bitmap)))
        return false;
    return !bit(second, 18) || page_ok(p, v->ve_information);
}

/* The private VMM timer: mode in bits 1:0, source in 5:4, saving in 8, run
 * only in non-root operation in 9. */
static bool vmm_timer_ok(const struct vmcs *v)
{
    uint32_t c = v->vmm_timer_config;
    if (!bit(v->primary_controls, 17) || !bit(v->tertiary_controls, 51))
        return true;
    bool reserved = field(c, 3, 2) != 0 || field(c, 7, 6) != 0 || c >> 10 != 0;
    bool absolute_saves = field(c, 1, 0) == 2 && bit(c, 8);
    return !reserved && field(c, 1, 0) != 3 && !absolute_saves;
}

static bool execution_ok(const struct processor *p, const struct vmcs *v)
{
    uint32_t primary = v->primary_controls;
    if (!settings_ok(p->pin, v->pin_controls) ||
        !settings_ok(p->primary, primary))
        return false;
    if (bit(primary, 31) && !settings_ok(p->secondary, v->secondary_controls))
        return false;
    if (bit(primary, 17) && (v->tertiary_controls & ~p->tertiary) != 0)
        return false;
    if (v->cr3_target_count > field(p->misc, 24, 16))
        return false;
    if (bit(primary, 25) &&
        (!page_ok(p, v->io_bitmap_a) || !page_ok(p, v->io_bitmap_b)))
        return false;
    if (bit(primary, 28) && !page_ok(p, v->msr_bitmap))
        return false;
    return tpr_ok(p, v) && interrupts_ok(p, v) && translation_ok(p, v) &&
           vmm_timer_ok(v);
}

static bool list_ok(const struct processor *p, uint64_t address, uint32_t count)
{
    if (count == 0)
        return true;
    uint64_t last = address + (uint64_t)count * 16 - 1;
    return field(address, 3, 0) == 0 && !wider_than_physical(p, address) &&
           !wider_than_physical(p, last);
}

static bool exit_ok(const struct processor *p, const struct vmcs *v)
{
    if (!settings_ok(p->exit, v->exit_controls))
        return false;
    if (!bit(v->pin_controls, 6) && bit(v->exit_controls, 22))
        return false;
    return list_ok(p, v->exit_msr_store_address, v->exit_msr_store_count) &&
           list_ok(p, v->exit_msr_load_address, v->exit_msr_load_count);
}

static bool has_error_code(unsigned vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

static bool injection_ok(const struct processor *p, const struct vmcs *v)
{
    uint32_t info = v->entry_interruption;
    if (!bit(info, 31))
        return true;
    unsigned type = (unsigned)field(info, 10, 8), vector = info & 0xff;
    if (type == 1 || (type == 7 && !bit(p->primary, 32 + 27)))
        return false;
    if ((type == 2 && vector != 2) || (type == 3 && vector > 31) ||
        (type == 7 && vector != 0))
        return false;
    /* Editions differ on CR0.PE = 0 without unrestricted guest, where the
     * guest state is bad in any case: the older text, used here, looks at PE
     * only with that control. */
    bool protected = !unrestricted(v) || bit(v->guest_cr0, 0);
    bool error = type == 3 && protected && has_error_code(vector);
    if (bit(info, 11) != error)
        return false;
    if (field(info, 30, 12) != 0)
        return false;
    if (bit(info, 11) && v->entry_error_code >> 16 != 0)
        return false;
    if (type == 4 || type == 5 || type == 6) {
        uint32_t n = v->entry_instruction_length;
        if (n > 15 || (n == 0 && !bit(p->misc, 30)))
            return false;
    }
    return true;
}

bool statement_controls(const struct processor *p, const struct vmcs *v)
{
    return execution_ok(p, v) && exit_ok(p, v) &&
           settings_ok(p->entry, v->entry_controls) && injection_ok(p, v) &&
           list_ok(p, v->entry_msr_load_address, v->entry_msr_load_count);
}
