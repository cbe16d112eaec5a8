/* SPDX-License-Identifier: Apache-2.0
 * APIC virtualization: TPR shadow and threshold, the APIC-access page,
 * APIC-register virtualization, x2APIC MSRs, virtual interrupts, posted
 * interrupts. SDM Vol.3 "APIC Virtualization and Virtual Interrupts".
 */
#include "tests/unit/vmx_rig.h"

enum {
    ACCESS_PAGE = 0x10d000, /* guest-physical is physical: no EPT */
    DESCRIPTOR = 0x10e000,
    VTPR = 0x80,
    VPPR = 0xa0,
    VEOI = 0xb0,
    VISR = 0x100,
    VIRR = 0x200,
    VICR = 0x300,
    VICR_HIGH = 0x310,
    VSELF = 0x3f0
};

static struct vmx_rig X;

static void features(struct rig *r)
{
    struct vmx_config *k = &r->config.core.vtx;
    k->tpr_shadow = k->secondary_controls = k->apic_accesses = true;
    k->x2apic_mode = k->apic_registers = k->virtual_interrupts = true;
    k->posted_interrupts = k->msr_bitmaps = true;
}

static void set_up(void)
{
    vmx_rig_create(&X, features);
    X.v->apic_access_address = ACCESS_PAGE;
    X.v->primary_controls |= PROC_TPR_SHADOW;
    X.r.c->gpr[REG_RBX] = ACCESS_PAGE;
}

static void tear_down(void)
{
    vmx_rig_destroy(&X);
}

static uint32_t page(unsigned offset)
{
    return (uint32_t)rig_read(&X.r, VMX_APIC_PAGE + offset, 4);
}

static void set_page(unsigned offset, uint32_t v)
{
    rig_put(&X.r, VMX_APIC_PAGE + offset, v, 4);
}

static void set_bank(unsigned bank, unsigned vector)
{
    unsigned at = bank + vector / 32 * 16;
    set_page(at, page(at) | 1u << (vector & 31));
}

static bool in_bank(unsigned bank, unsigned vector)
{
    return (page(bank + vector / 32 * 16) >> (vector & 31) & 1) != 0;
}

static void accesses(uint32_t more)
{
    X.v->secondary_controls = PROC2_APIC_ACCESSES | more;
}

static void deliveries(uint32_t more)
{
    X.v->pin_controls |= PIN_EXTERNAL_INTERRUPT;
    X.v->secondary_controls = PROC2_VIRTUAL_INTERRUPTS | more;
}

static void completes(const char *hex)
{
    vmx_rig_faults(&X, hex, -1);
}

/* A trap-like exit: RIP is `length` bytes on, nothing else is reported. */
static void exits_after(const char *hex, unsigned length, unsigned reason,
                        uint64_t qualification)
{
    vmx_rig_run(&X, hex);
    ck_assert_msg(X.exited, "%s: no exit, vector %d", hex, rig_vector(&X.r));
    ck_assert_msg(X.after.exit_reason == reason, "%s: reason %u", hex,
                  X.after.exit_reason);
    ck_assert_uint_eq(X.after.exit_qualification, qualification);
    ck_assert_uint_eq(X.after.guest_rip, RIG_CODE + length);
    ck_assert_uint_eq(X.after.exit_instruction_length, 0);
}

/* ----------------------------------------------------- CR8 and the shadow */

START_TEST(cr8_is_the_shadow)
{
    set_page(VTPR, 0xffffff53);
    X.r.c->gpr[REG_RAX] = 7;
    completes("44 0f 20 c1 44 0f 22 c0"); /* mov rcx,cr8; mov cr8,rax */
    ck_assert_uint_eq(X.r.c->gpr[REG_RCX], 5);
    ck_assert_uint_eq(page(VTPR), 0x70);
    ck_assert_uint_eq(lapic_cr8(X.r.c), 0);
}
END_TEST

START_TEST(without_a_shadow_cr8_is_the_processors)
{
    X.v->primary_controls &= ~(uint32_t)PROC_TPR_SHADOW;
    X.r.c->gpr[REG_RAX] = 7;
    completes("44 0f 22 c0 44 0f 20 c1");
    ck_assert_uint_eq(X.r.c->gpr[REG_RCX], 7);
    ck_assert_uint_eq(lapic_cr8(X.r.c), 7);
    ck_assert_uint_eq(page(VTPR), 0);
}
END_TEST

START_TEST(reserved_bits_of_cr8_are_gp)
{
    X.r.c->gpr[REG_RAX] = 0x10;
    vmx_rig_faults(&X, "44 0f 22 c0", EXC_GP);
    ck_assert_uint_eq(page(VTPR), 0);
}
END_TEST

START_TEST(a_shadow_below_the_threshold_exits_after_the_instruction)
{
    set_page(VTPR, 0x90);
    X.v->tpr_threshold = 5;
    X.r.c->gpr[REG_RAX] = 5;
    completes("44 0f 22 c0");
    X.r.c->gpr[REG_RAX] = 4;
    exits_after("44 0f 22 c0", 4, REASON_TPR_THRESHOLD, 0);
    ck_assert_uint_eq(page(VTPR), 0x40);
}
END_TEST

/* The shadow of a guest with the APIC-access page is looked at after entry. */
START_TEST(the_threshold_is_looked_at_after_entry)
{
    accesses(0);
    X.v->tpr_threshold = 5;
    set_page(VTPR, 0x4f);
    exits_after("90", 0, REASON_TPR_THRESHOLD, 0);
    X.v->guest_activity = GUEST_HLT;
    exits_after("90", 0, REASON_TPR_THRESHOLD, 0);
    ck_assert_uint_eq(X.after.guest_activity, GUEST_HLT);
    X.v->guest_activity = GUEST_ACTIVE;
    set_page(VTPR, 0x50);
    completes("90");
}
END_TEST

/* ---------------------------------------------------- the APIC-access page */

static void access_exits(const char *hex, unsigned type, unsigned offset)
{
    vmx_rig_exits(&X, hex, REASON_APIC_ACCESS, type << 12 | offset);
}

START_TEST(accesses_without_a_shadow_exit)
{
    X.v->primary_controls &= ~(uint32_t)PROC_TPR_SHADOW;
    accesses(0);
    access_exits("8b 83 80 00 00 00", 0, 0x80); /* mov eax,[rbx+80h] */
    access_exits("89 83 80 00 00 00", 1, 0x80);
    access_exits("8a 43 03", 0, 3);
    access_exits("48 8b 43 08", 0, 8);
    access_exits("83 0b 01", 1, 0); /* or: a write by its #PF */
    access_exits("0f ae 3b", 0, 0); /* clflush */
    access_exits("ff 33", 0, 0);    /* push [rbx] */
    access_exits("8f 03", 1, 0);    /* pop [rbx] */
    access_exits("8b 83 ff 0f 00 00", 0, 0xfff);
    completes("0f 18 0b 8b 83 00 10 00 00"); /* prefetch; the page behind */
}
END_TEST

START_TEST(a_fetch_from_the_page_exits)
{
    accesses(PROC2_APIC_REGISTERS);
    rig_hex(&X.r, ACCESS_PAGE + 0x80, "90 90");
    vmx_rig_run(&X, "48 8d 83 80 00 00 00 ff e0"); /* lea, jmp rax */
    ck_assert(X.exited);
    ck_assert_uint_eq(X.after.exit_reason, REASON_APIC_ACCESS);
    ck_assert_uint_eq(X.after.exit_qualification, 2 << 12 | 0x80);
    ck_assert_uint_eq(X.after.guest_rip, ACCESS_PAGE + 0x80);
}
END_TEST

START_TEST(the_shadow_answers_for_the_page)
{
    accesses(0);
    set_page(VTPR, 0xa7);
    completes("8b 83 80 00 00 00 c7 83 80 00 00 00 c5 00 00 00");
    ck_assert_uint_eq(X.r.c->gpr[REG_RAX], 0xa7);
    ck_assert_uint_eq(page(VTPR), 0xc5);
    ck_assert_uint_eq(rig_read(&X.r, ACCESS_PAGE + VTPR, 4), 0);
    completes("80 a3 80 00 00 00 0f"); /* and byte [rbx+80h],0Fh */
    ck_assert_uint_eq(page(VTPR), 5);
    /* Bytes 3:1 are cleared. */
    completes("c7 83 80 00 00 00 21 43 65 87");
    ck_assert_uint_eq(page(VTPR), 0x21);
    /* Elsewhere, wider, across the register's end. */
    access_exits("8b 83 b0 00 00 00", 0, 0xb0);
    access_exits("8a 83 81 00 00 00", 0, 0x81);
    access_exits("48 8b 83 80 00 00 00", 0, 0x80);
    access_exits("8b 83 82 00 00 00", 0, 0x82);
    access_exits("89 83 00 03 00 00", 1, 0x300);
}
END_TEST

START_TEST(writing_the_shadow_in_the_page_may_exit_by_the_threshold)
{
    accesses(0);
    set_page(VTPR, 0x60);
    X.v->tpr_threshold = 6;
    completes("c6 83 80 00 00 00 61"); /* mov byte [rbx+80h],61h */
    exits_after("c6 83 80 00 00 00 5f", 7, REASON_TPR_THRESHOLD, 0);
    ck_assert_uint_eq(page(VTPR), 0x5f);
}
END_TEST

/* What register virtualization answers: as its lists in the manual say. */
START_TEST(registers_are_virtualized_by_their_lists)
{
    static const uint16_t both[] = {0x20,  0x80,  0xb0,  0xd0,  0xe0,  0xf0,
                                    0x280, 0x300, 0x310, 0x320, 0x330, 0x340,
                                    0x350, 0x360, 0x370, 0x380, 0x3e0};
    bool reads[256] = {false}, writes[256] = {false};
    for (unsigned i = 0; i < sizeof both / sizeof both[0]; i++)
        reads[both[i] >> 4] = writes[both[i] >> 4] = true;
    reads[3] = true;
    for (unsigned i = 0x10; i < 0x28; i++)
        reads[i] = true;
    accesses(PROC2_APIC_REGISTERS);
    for (unsigned slot = 0; slot < 256; slot++) {
        unsigned at = slot << 4;
        char hex[40];
        snprintf(hex, sizeof hex, "8b 83 %02x %02x 00 00", at & 0xff, at >> 8);
        set_page(at, 0x12340000 | at);
        if (reads[slot]) {
            completes(hex);
            ck_assert_uint_eq(X.r.c->gpr[REG_RAX], 0x12340000 | at);
        } else {
            access_exits(hex, 0, at);
        }
        snprintf(hex, sizeof hex, "c7 83 %02x %02x 00 00 f1 f2 f3 00",
                 at & 0xff, at >> 8);
        if (!writes[slot])
            access_exits(hex, 1, at);
        else if (at == 0x80 || at == 0x310)
            completes(hex);
        else
            exits_after(hex, 10, REASON_APIC_WRITE, at);
        if (writes[slot])
            ck_assert_uint_eq(page(at), at == 0x80    ? 0xf1
                                        : at == 0x310 ? 0
                                                      : 0xf3f2f1);
    }
    exits_after("88 83 21 00 00 00", 6, REASON_APIC_WRITE, 0x21);
    access_exits("48 89 83 20 00 00 00", 1, 0x20);
}
END_TEST

/* A second write of the operation to another place exits, and the first is
 * not emulated: the guest's stack is in the page. */
START_TEST(an_operation_writes_to_one_place)
{
    accesses(PROC2_APIC_REGISTERS);
    vmx_rig_protected(&X, 0);
    X.r.c->gpr[REG_RBX] = ACCESS_PAGE;
    X.v->guest_rsp = ACCESS_PAGE + 0x324;
    X.r.c->gpr[REG_RSP] = X.v->guest_rsp;
    vmx_rig_run(&X, "60"); /* pusha */
    ck_assert(X.exited);
    ck_assert_uint_eq(X.after.exit_reason, REASON_APIC_ACCESS);
    ck_assert_uint_eq(X.after.exit_qualification >> 12, 1);
    ck_assert_uint_eq(X.after.guest_rip, RIG_CODE);
    vmx_rig_run(&X, "50"); /* push eax: one write */
    ck_assert(X.exited);
    ck_assert_uint_eq(X.after.exit_reason, REASON_APIC_WRITE);
    ck_assert_uint_eq(X.after.exit_qualification, 0x320);
    ck_assert_uint_eq(X.after.guest_rip, RIG_CODE + 1);
}
END_TEST

/* The page is met while an event is delivered: type 3, and the event. */
START_TEST(access_during_event_delivery)
{
    accesses(0);
    X.v->guest_rsp = ACCESS_PAGE + 0xf00;
    vmx_rig_run(&X, "0f 0b"); /* ud2 */
    ck_assert(X.exited);
    ck_assert_uint_eq(X.after.exit_reason, REASON_APIC_ACCESS);
    ck_assert_uint_eq(X.after.exit_qualification >> 12, 3);
    ck_assert_uint_eq(X.after.idt_vectoring,
                      EXC_UD | INTR_HARD_EXCEPTION << 8 | INTR_VALID);
    ck_assert_uint_eq(X.after.guest_rip, RIG_CODE);
}
END_TEST

/* Guest paging structures in the page: guest-physical accesses, never
 * virtualized. */
START_TEST(a_walk_through_the_page_exits)
{
    X.v->guest_cr3 = ACCESS_PAGE;
    accesses(PROC2_EPT | PROC2_APIC_REGISTERS);
    vmx_rig_run(&X, "90");
    ck_assert(X.exited);
    ck_assert_uint_eq(X.after.exit_reason, REASON_APIC_ACCESS);
    ck_assert_uint_eq(X.after.exit_qualification >> 12, 15);
}
END_TEST

/* ------------------------------------------------------ virtual interrupts */

static void status(unsigned svi, unsigned rvi)
{
    X.v->guest_interrupt_status = (uint16_t)(svi << 8 | rvi);
}

START_TEST(a_pending_one_is_delivered_after_entry)
{
    deliveries(0);
    X.v->guest_rflags |= FLAG_IF;
    set_bank(VIRR, 0x61);
    set_bank(VIRR, 0x42);
    status(0, 0x61);
    vmx_rig_faults(&X, "90", 0x61);
    ck_assert(in_bank(VISR, 0x61) && !in_bank(VIRR, 0x61));
    ck_assert_uint_eq(page(VPPR), 0x60);
    ck_assert_uint_eq(X.after.guest_interrupt_status, 0x6142);
    ck_assert_uint_eq(rig_frame(&X.r, 0, false), RIG_CODE);
}
END_TEST

START_TEST(priorities_and_flags_hold_it_back)
{
    deliveries(0);
    X.v->guest_rflags |= FLAG_IF;
    set_bank(VIRR, 0x61);
    status(0, 0x61);
    set_page(VTPR, 0x60);
    completes("90");
    ck_assert_uint_eq(page(VPPR), 0x60);
    set_page(VTPR, 0x5f);
    status(0x60, 0x61); /* the same class is in service */
    completes("90");
    ck_assert_uint_eq(page(VPPR), 0x60);
    status(0, 0x61);
    X.v->guest_rflags &= ~(uint64_t)FLAG_IF;
    completes("90");
    vmx_rig_faults(&X, "fb 90 90", 0x61); /* sti: one instruction later */
    ck_assert_uint_eq(rig_frame(&X.r, 0, false), RIG_CODE + 2);
}
END_TEST

/* "Interrupt-window exiting" is in the evaluation. */
START_TEST(an_interrupt_window_comes_instead)
{
    deliveries(0);
    X.v->guest_rflags |= FLAG_IF;
    X.v->primary_controls |= PROC_INTERRUPT_WINDOW;
    set_bank(VIRR, 0x61);
    status(0, 0x61);
    exits_after("90", 0, REASON_INTERRUPT_WINDOW, 0);
    ck_assert(in_bank(VIRR, 0x61));
}
END_TEST

START_TEST(it_wakes_a_guest_from_hlt)
{
    deliveries(0);
    X.v->guest_rflags |= FLAG_IF;
    X.v->guest_activity = GUEST_HLT;
    set_bank(VIRR, 0x61);
    status(0, 0x61);
    vmx_rig_faults(&X, "90", 0x61);
}
END_TEST

/* MOV to CR8 lowers the priority; the shadow's threshold is not looked at. */
START_TEST(lowering_the_priority_delivers)
{
    deliveries(0);
    X.v->guest_rflags |= FLAG_IF;
    X.v->tpr_threshold = 0;
    set_page(VTPR, 0x70);
    set_bank(VIRR, 0x61);
    status(0, 0x61);
    X.r.c->gpr[REG_RAX] = 6;
    completes("44 0f 22 c0");
    X.r.c->gpr[REG_RAX] = 5;
    vmx_rig_faults(&X, "44 0f 22 c0 90", 0x61);
    ck_assert_uint_eq(rig_frame(&X.r, 0, false), RIG_CODE + 4);
}
END_TEST

/* Changing VIRR alone recognizes nothing. */
START_TEST(memory_alone_is_not_evaluated)
{
    deliveries(PROC2_APIC_ACCESSES);
    X.v->guest_rflags |= FLAG_IF;
    set_bank(VIRR, 0x61);
    status(0, 0);
    completes("90");
}
END_TEST

START_TEST(eoi_is_virtualized)
{
    deliveries(PROC2_APIC_ACCESSES);
    X.v->guest_rflags |= FLAG_IF;
    set_page(VTPR, 0x20);
    set_bank(VISR, 0x71);
    set_bank(VISR, 0x33);
    set_bank(VIRR, 0x51);
    status(0x71, 0x51);
    vmx_rig_faults(&X, "89 83 b0 00 00 00 90", 0x51);
    ck_assert_uint_eq(rig_frame(&X.r, 0, false), RIG_CODE + 6);
    ck_assert(!in_bank(VISR, 0x71) && in_bank(VISR, 0x33));
    ck_assert_uint_eq(X.after.guest_interrupt_status, 0x5100);
    ck_assert_uint_eq(page(VEOI), 0);
}
END_TEST

START_TEST(an_eoi_in_the_bitmap_exits)
{
    deliveries(PROC2_APIC_ACCESSES);
    X.v->eoi_bitmap_1 = UINT64_C(1) << (0x71 - 64);
    set_bank(VISR, 0x71);
    set_bank(VISR, 0x33);
    status(0x71, 0);
    exits_after("89 83 b0 00 00 00", 6, REASON_EOI, 0x71);
    ck_assert_uint_eq(X.after.guest_interrupt_status, 0x3300);
    ck_assert_uint_eq(page(VPPR), 0x30);
    X.v->eoi_bitmap_1 = 0;
    set_bank(VISR, 0x71);
    completes("89 83 b0 00 00 00");
}
END_TEST

START_TEST(self_ipis_need_no_exit_and_others_do)
{
    static const uint32_t others[] = {0x00000051, 0x00084051, 0x00044451,
                                      0x0004c051, 0x0004400f, 0x00045051,
                                      0x01044051, 0x00064051};
    char hex[48];
    deliveries(PROC2_APIC_ACCESSES);
    X.v->guest_rflags |= FLAG_IF;
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        const uint8_t *b = (const uint8_t *)&others[i];
        snprintf(hex, sizeof hex, "c7 83 00 03 00 00 %02x %02x %02x %02x", b[0],
                 b[1], b[2], b[3]);
        exits_after(hex, 10, REASON_APIC_WRITE, 0x300);
    }
    vmx_rig_faults(&X, "c7 83 00 03 00 00 51 40 04 00 90", 0x51);
    ck_assert_uint_eq(rig_frame(&X.r, 0, false), RIG_CODE + 10);
    ck_assert_uint_eq(X.after.guest_interrupt_status, 0x5100);
    ck_assert(in_bank(VISR, 0x51));
}
END_TEST

/* ------------------------------------------------------------- x2APIC mode */

static void read_msr(uint32_t number)
{
    X.r.c->gpr[REG_RCX] = number;
    X.r.c->gpr[REG_RAX] = X.r.c->gpr[REG_RDX] = UINT64_MAX;
}

static void write_msr(uint32_t number, uint64_t v)
{
    X.r.c->gpr[REG_RCX] = number;
    X.r.c->gpr[REG_RAX] = (uint32_t)v;
    X.r.c->gpr[REG_RDX] = v >> 32;
}

/* Whatever mode the local APIC is in: it is in xAPIC mode here. */
START_TEST(x2apic_reads)
{
    X.v->secondary_controls = PROC2_X2APIC;
    set_page(VTPR, 0x12);
    read_msr(0x808);
    completes("0f 32");
    ck_assert_uint_eq(X.r.c->gpr[REG_RAX], 0x12);
    ck_assert_uint_eq(X.r.c->gpr[REG_RDX], 0);
    read_msr(0x803);
    vmx_rig_faults(&X, "0f 32", EXC_GP);
    X.v->secondary_controls |= PROC2_APIC_REGISTERS;
    for (unsigned slot = 0; slot < 256; slot++) {
        set_page(slot << 4, 0x1000 + slot);
        set_page((slot << 4) + 4, 0x2000 + slot);
        read_msr(0x800 + slot);
        completes("0f 32");
        ck_assert_uint_eq(X.r.c->gpr[REG_RAX], 0x1000 + slot);
        ck_assert_uint_eq(X.r.c->gpr[REG_RDX], 0x2000 + slot);
    }
    read_msr(0x900);
    vmx_rig_faults(&X, "0f 32", EXC_GP);
    /* An exit by the bitmap comes first. */
    rig_put(&X.r, VMX_MSR_BITMAP + 0x808 / 8, 1, 1);
    read_msr(0x808);
    vmx_rig_exits(&X, "0f 32", REASON_MSR_READ, 0);
}
END_TEST

START_TEST(x2apic_writes)
{
    X.v->secondary_controls = PROC2_X2APIC;
    X.v->tpr_threshold = 0;
    set_page(VTPR + 4, 7);
    write_msr(0x808, 0x9c);
    completes("0f 30");
    ck_assert_uint_eq(page(VTPR), 0x9c);
    ck_assert_uint_eq(page(VTPR + 4), 0);
    write_msr(0x808, 0x100);
    vmx_rig_faults(&X, "0f 30", EXC_GP);
    write_msr(0x808, UINT64_C(1) << 32);
    vmx_rig_faults(&X, "0f 30", EXC_GP);
    write_msr(0x80b, 0); /* the processor's: in xAPIC mode */
    vmx_rig_faults(&X, "0f 30", EXC_GP);
    X.v->tpr_threshold = 9;
    write_msr(0x808, 0x8f);
    exits_after("0f 30", 2, REASON_TPR_THRESHOLD, 0);
}
END_TEST

START_TEST(x2apic_eoi_and_self_ipi)
{
    deliveries(PROC2_X2APIC);
    X.v->guest_rflags |= FLAG_IF;
    set_bank(VISR, 0x71);
    status(0x71, 0);
    write_msr(0x80b, 1);
    vmx_rig_faults(&X, "0f 30", EXC_GP);
    write_msr(0x80b, 0);
    completes("0f 30");
    ck_assert(!in_bank(VISR, 0x71));
    status(0, 0);
    write_msr(0x83f, 0x100);
    vmx_rig_faults(&X, "0f 30", EXC_GP);
    write_msr(0x83f, 0x0f);
    exits_after("0f 30", 2, REASON_APIC_WRITE, VSELF);
    ck_assert_uint_eq(page(VSELF), 0x0f);
    write_msr(0x83f, 0x91);
    vmx_rig_faults(&X, "0f 30 90", 0x91);
    ck_assert_uint_eq(rig_frame(&X.r, 0, false), RIG_CODE + 2);
    write_msr(0x830, 0x44091); /* ICR: the processor's, in xAPIC mode */
    vmx_rig_faults(&X, "0f 30", EXC_GP);
}
END_TEST

/* ------------------------------------------------------- posted interrupts */

static void post(unsigned vector)
{
    uint64_t at = DESCRIPTOR + vector / 8;
    rig_put(&X.r, at, rig_read(&X.r, at, 1) | 1u << (vector & 7), 1);
}

static void posting(void)
{
    deliveries(0);
    X.v->pin_controls |= PIN_POSTED;
    X.v->exit_controls |= EXIT_ACK_INTERRUPT;
    X.v->posted_vector = 0xf2;
    X.v->posted_descriptor = DESCRIPTOR;
    X.v->guest_rflags |= FLAG_IF;
    struct mmio_port p = cpu_apic_port(X.r.c);
    ck_assert(p.write(p.self, 0xf0, 4, 0x1ff));
}

static void external(uint8_t vector)
{
    const struct apic_message m = {.vector = vector};
    cpu_apic_message(X.r.c, &m);
}

START_TEST(a_notification_moves_the_requests)
{
    posting();
    post(0x61);
    post(0x95);
    rig_put(&X.r, DESCRIPTOR + 32, 0x00f20003, 8); /* SN, ON, the vector */
    set_bank(VIRR, 0x33);
    status(0, 0x33);
    set_page(VTPR, 0x40);
    external(0xf2);
    vmx_rig_faults(&X, "90", 0x95);
    ck_assert_uint_eq(X.after.guest_interrupt_status, 0x9561);
    ck_assert(in_bank(VIRR, 0x33) && in_bank(VIRR, 0x61));
    for (unsigned i = 0; i < 32; i += 8)
        ck_assert_uint_eq(rig_read(&X.r, DESCRIPTOR + i, 8), 0);
    ck_assert_uint_eq(rig_read(&X.r, DESCRIPTOR + 32, 8), 0x00f20002);
    /* The notification itself was ended. */
    struct mmio_port p = cpu_apic_port(X.r.c);
    uint64_t isr;
    ck_assert(p.read(p.self, 0x170, 4, &isr));
    ck_assert_uint_eq(isr, 0);
}
END_TEST

START_TEST(other_vectors_exit)
{
    posting();
    post(0x61);
    external(0xf3);
    exits_after("90", 0, REASON_EXTERNAL_INTERRUPT, 0);
    ck_assert_uint_eq(X.after.exit_interruption, 0xf3 | INTR_VALID);
    ck_assert_uint_ne(rig_read(&X.r, DESCRIPTOR + 0x61 / 8, 1), 0);
}
END_TEST

/* Nothing above the priority: the guest goes on, or sleeps on in HLT. */
START_TEST(a_notification_alone_does_not_wake)
{
    posting();
    set_page(VTPR, 0x70);
    post(0x61);
    X.v->guest_activity = GUEST_HLT;
    external(0xf2);
    vmx_rig_run(&X, "90");
    ck_assert(!X.exited);
    ck_assert_int_eq(X.r.c->activity, ACTIVITY_HLT);
    ck_assert_uint_eq(X.r.c->rip, RIG_CODE);
    ck_assert(in_bank(VIRR, 0x61));
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        cr8_is_the_shadow,
        without_a_shadow_cr8_is_the_processors,
        reserved_bits_of_cr8_are_gp,
        a_shadow_below_the_threshold_exits_after_the_instruction,
        the_threshold_is_looked_at_after_entry,
        accesses_without_a_shadow_exit,
        a_fetch_from_the_page_exits,
        the_shadow_answers_for_the_page,
        writing_the_shadow_in_the_page_may_exit_by_the_threshold,
        registers_are_virtualized_by_their_lists,
        an_operation_writes_to_one_place,
        access_during_event_delivery,
        a_walk_through_the_page_exits,
        a_pending_one_is_delivered_after_entry,
        priorities_and_flags_hold_it_back,
        an_interrupt_window_comes_instead,
        it_wakes_a_guest_from_hlt,
        lowering_the_priority_delivers,
        memory_alone_is_not_evaluated,
        eoi_is_virtualized,
        an_eoi_in_the_bitmap_exits,
        self_ipis_need_no_exit_and_others_do,
        x2apic_reads,
        x2apic_writes,
        x2apic_eoi_and_self_ipi,
        a_notification_moves_the_requests,
        other_vectors_exit,
        a_notification_alone_does_not_wake,
    };
    Suite *s = suite_create("vmx_apic");
    TCase *t = tcase_create("vmx_apic");
    tcase_add_checked_fixture(t, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
