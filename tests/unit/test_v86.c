/* SPDX-License-Identifier: Apache-2.0
 * Virtual-8086 mode and virtual interrupts. SDM Vol.3 "8086 Emulation".
 */
#include "tests/unit/sys_rig.h"

enum {
    V86_SS = RIG_USER_STACK >> 4,
    V86_DS = RIG_DATA >> 4,
    V86_SP = 0x1000,
    REDIRECTED = 0x40, /* vector whose bit in the bitmap is 0 */
    IO_MAP = 0x88,
    IVT_IP = 0x123,
    IVT_CS = 0x2800,
};

static struct rig R;

static void with_vme(struct rig *r)
{
    r->config.core.vme = true;
}

static void set_up(void)
{
    rig_create(&R, with_vme);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

/* Gates, a TSS with both bitmaps, and the 8086 vector table. */
static void tables(void)
{
    rig_protected(&R, 0);
    rig_gate32(&R, 0x41, 0xe, 3, SEL_CODE32);
    rig_put(&R, RIG_TSS32 + 102, IO_MAP, 2);
    R.c->seg[SEG_TR].limit = 0x1ff;
    for (unsigned i = 0; i < 32; i++)
        rig_put(&R, RIG_TSS32 + IO_MAP - 32 + i, 0xff, 1);
    rig_put(&R, RIG_TSS32 + IO_MAP - 32 + REDIRECTED / 8, 0xfe, 1);
    rig_put(&R, 4 * REDIRECTED, (uint32_t)IVT_CS << 16 | IVT_IP, 4);
    rig_put(&R, ((uint64_t)IVT_CS << 4) + IVT_IP, 0xf4, 1);
}

/* 8086 code at RIG_CODE. */
static void start(unsigned iopl, uint64_t cr4, uint32_t flags)
{
    struct cpu *c = R.c;
    tables();
    c->eflags = FLAG_ONE | FLAG_VM | iopl << 12 | flags;
    c->cr4 = cr4;
    c->seg[SEG_CS] = segment_v86(RIG_CODE >> 4);
    c->seg[SEG_SS] = segment_v86(V86_SS);
    c->seg[SEG_DS] = segment_v86(V86_DS);
    c->seg[SEG_ES] = segment_v86(V86_DS + 1);
    c->seg[SEG_FS] = segment_v86(V86_DS + 2);
    c->seg[SEG_GS] = segment_v86(V86_DS + 3);
    c->rip = 0;
    c->gpr[REG_RSP] = V86_SP;
    cpu_update_mode(c);
}

/* Dword n of the frame that a 32-bit gate without error code pushed: EIP CS
 * EFLAGS ESP SS ES DS FS GS. */
static uint32_t frame(unsigned n)
{
    return (uint32_t)rig_read(&R, R.c->gpr[REG_RSP] + 4 * (uint64_t)n, 4);
}

/* The code ends in the handler of `vector`, with error code `error` if that
 * is not -1; EIP in the frame is `ip`. */
static void ends(const char *hex, int vector, int error, unsigned ip)
{
    rig_faults(&R, hex, vector, error);
    ck_assert_uint_eq(frame(error >= 0), ip);
    ck_assert_uint_eq(R.c->mode & (MODE_V86 | MODE_CPL), 0);
}

/* FLAGS as they were when #GP ended the code. */
static uint32_t flags_after(const char *hex, unsigned ip)
{
    ends(hex, EXC_GP, 0, ip);
    return frame(3);
}

/* -------------------------------------------------------------- in and out */

START_TEST(iretd_with_vm_enters)
{
    static const uint32_t image[9] = {
        0x20010,    RIG_CODE >> 4, FLAG_VM | FLAG_VIP | FLAG_IF | 0x3002,
        0x12340ffe, V86_SS,        0x1111,
        0x2222,     0x3333,        0xabcd4444};
    tables();
    R.c->gpr[REG_RSP] = RIG_STACK - sizeof image;
    rig_write(&R, R.c->gpr[REG_RSP], image, sizeof image);
    rig_hex(&R, RIG_CODE + 0x10, "0f 0b");
    rig_faults(&R, "cf", EXC_UD, -1);
    ck_assert_uint_eq(frame(0), 0x10); /* EIP & FFFFh */
    ck_assert_uint_eq(frame(2), (image[2] | FLAG_RF));
    for (unsigned i = 3; i < 9; i++)
        ck_assert_uint_eq(frame(i), i == 8 ? 0x4444 : image[i]);
}
END_TEST

START_TEST(iretd_ignores_vm_outside_level_0)
{
    tables();
    rig_protected(&R, 3);
    R.c->gpr[REG_RSP] = RIG_USER_STACK - 12;
    rig_put(&R, RIG_USER_STACK - 12, RIG_CODE + 8, 4);
    rig_put(&R, RIG_USER_STACK - 8, SEL_UCODE32, 4);
    rig_put(&R, RIG_USER_STACK - 4, FLAG_VM | FLAG_ONE, 4);
    rig_hex(&R, RIG_CODE + 8, "0f 0b");
    rig_faults(&R, "cf", EXC_UD, -1);
    ck_assert_uint_eq(frame(1), SEL_UCODE32);
}
END_TEST

START_TEST(segments_have_fixed_limits_and_rights)
{
    start(3, 0, 0);
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        R.c->seg[i].limit = 0; /* a load makes it FFFFh again */
    R.c->seg[SEG_CS].limit = R.c->seg[SEG_SS].limit = 0xffff;
    R.c->gpr[REG_RAX] = V86_DS + 0x10;
    rig_put(&R, RIG_DATA + 0x100 + 0xffff, 0x77, 1);
    /* mov ds, ax; mov bx, -1; mov cl, [bx]; ud2 */
    ends("8e d8 bb ff ff 8a 0f 0f 0b", EXC_UD, -1, 7);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0x77);
    ck_assert_uint_eq(frame(6), V86_DS + 0x10);
    /* ... and a word there is beyond the limit. */
    start(3, 0, 0);
    ends("bb ff ff 8b 0f", EXC_GP, 0, 3);
    start(3, 0, 0);
    ends("bd ff ff 8b 4e 00", EXC_SS, 0, 3);
}
END_TEST

START_TEST(an_event_pushes_and_nulls_the_segments)
{
    start(0, 0, FLAG_NT);
    R.c->gpr[REG_RSP] = 0xabcd1000;
    rig_faults(&R, "f4", EXC_GP, 0);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_RSP0 - 40);
    ck_assert_uint_eq(frame(1), 0);
    ck_assert_uint_eq(frame(2), RIG_CODE >> 4);
    ck_assert_uint_eq(frame(3), FLAG_VM | FLAG_RF | FLAG_NT | FLAG_ONE);
    ck_assert_uint_eq(frame(4), 0xabcd1000);
    ck_assert_uint_eq(frame(5), V86_SS);
    ck_assert_uint_eq(frame(6), V86_DS + 1);
    ck_assert_uint_eq(frame(7), V86_DS);
    ck_assert_uint_eq(frame(8), V86_DS + 2);
    ck_assert_uint_eq(frame(9), V86_DS + 3);
    ck_assert_uint_eq(R.c->eflags & (FLAG_VM | FLAG_NT), 0);
    static const uint8_t data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(R.c->seg[data[i]].selector, 0);
        ck_assert(R.c->seg[data[i]].attr & SEG_ATTR_UNUSABLE);
    }
}
END_TEST

START_TEST(interrupts_leave_whatever_iopl_and_dpl_are)
{
    for (unsigned i = 0; i < 2; i++) {
        start(0, 0, i == 0 ? FLAG_IF : 0);
        lapic_virtual_wire(R.c);
        R.inta_vector = 0x33;
        R.acknowledged = 0;
        cpu_set_intr(R.c, true);
        ends("90 f4", i == 0 ? 0x33 : EXC_GP, i == 0 ? -1 : 0, i);
        ck_assert_uint_eq(R.acknowledged, i == 0);
        cpu_set_intr(R.c, false);
    }
    start(0, 0, FLAG_TF); /* and so do traps */
    ends("90 f4", EXC_DB, -1, 1);
}
END_TEST

START_TEST(a_gate_of_16_bits_pushes_words)
{
    start(3, 0, 0);
    rig_gate32(&R, 0x41, 6, 3, SEL_CODE32);
    rig_faults(&R, "cd 41", 0x41, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_RSP0 - 18);
    static const uint16_t want[9] = {2,      RIG_CODE >> 4, 0x3002,
                                     V86_SP, V86_SS,        V86_DS + 1,
                                     V86_DS, V86_DS + 2,    V86_DS + 3};
    for (unsigned i = 0; i < 9; i++)
        ck_assert_uint_eq(rig_read(&R, R.c->gpr[REG_RSP] + 2 * (uint64_t)i, 2),
                          want[i]);
}
END_TEST

START_TEST(only_nonconforming_level_0_code_may_handle)
{
    static const struct {
        unsigned sel, access;
    } rows[] = {{SEL_CONFORMING, 0x9f}, {SEL_CODE32, 0xfb}, {SEL_CODE32, 0xbb}};
    for (unsigned i = 0; i < 3; i++) {
        start(3, 0, 0);
        rig_sel(&R, rows[i].sel, rig_descriptor(0, 0xfffff, rows[i].access, 4));
        for (unsigned v = 0; v < 0x20; v++)
            rig_gate32(&R, v, 0xe, 0, SEL_CODE16);
        rig_sel(&R, SEL_CODE16, rig_descriptor(0, 0xfffff, 0x9b, 0xc));
        rig_gate32(&R, 0x41, 0xe, 3, rows[i].sel);
        ends("cd 41", EXC_GP, (int)rows[i].sel, 0);
    }
}
END_TEST

START_TEST(protected_mode_instructions_are_unknown)
{
    static const char *const code[] = {"0f 00 c0", "0f 00 c8", "0f 00 d0",
                                       "0f 00 d8", "0f 00 e0", "0f 00 e8",
                                       "0f 02 c0", "0f 03 c0", "63 c0"};
    for (unsigned i = 0; i < sizeof code / sizeof code[0]; i++) {
        start(3, 0, 0);
        ends(code[i], EXC_UD, -1, 0);
    }
}
END_TEST

START_TEST(privileged_instructions_fault)
{
    static const char *const code[] = {"f4",       "0f 06", "0f 01 f0", "0f 32",
                                       "0f 20 c0", "0f 09", "0f 35"};
    for (unsigned i = 0; i < sizeof code / sizeof code[0]; i++) {
        start(3, 0, 0);
        ends(code[i], EXC_GP, 0, 0);
    }
}
END_TEST

START_TEST(far_transfers_are_those_of_real_mode)
{
    start(0, 0, 0);
    rig_put(&R, 0x28010, 0xf4, 1);
    ends("9a 10 00 00 28", EXC_GP, 0, 0x10); /* lcall 2800:10, hlt */
    ck_assert_uint_eq(frame(2), 0x2800);
    ck_assert_uint_eq(rig_read(&R, RIG_USER_STACK + V86_SP - 4, 4),
                      (RIG_CODE >> 4) << 16 | 5);
    start(0, 0, 0);
    ends("66 ea 00 00 01 00 00 28", EXC_GP, 0, 0); /* beyond FFFFh */
    start(0, 0, 0);
    ends("68 00 28 6a 10 cb", EXC_GP, 0, 0x10); /* push, push, retf */
}
END_TEST

/* ------------------------------------------------------------------- IOPL */

START_TEST(without_iopl_3_the_monitor_is_asked)
{
    static const char *const code[] = {"fa",    "fb",    "9c",    "9d",
                                       "66 9c", "66 9d", "cf",    "66 cf",
                                       "cd 41", "cd 03", "cd 40", "cd 21"};
    for (unsigned i = 0; i < sizeof code / sizeof code[0]; i++) {
        start(i % 3, 0, FLAG_IF);
        ends(code[i], EXC_GP, 0, 0);
        ck_assert_uint_ne(frame(3) & FLAG_IF, 0);
    }
    /* INT3 and INTO do not look at IOPL. */
    start(0, 0, 0);
    ends("cc", EXC_BP, -1, 1);
    start(0, 0, FLAG_OF);
    rig_gate32(&R, EXC_OF, 0xe, 3, SEL_CODE32);
    ends("ce", EXC_OF, -1, 1);
}
END_TEST

START_TEST(with_iopl_3_the_flags_are_the_program_s)
{
    start(3, 0, 0);
    ck_assert_uint_ne(flags_after("fb f4", 1) & FLAG_IF, 0);
    start(3, 0, FLAG_IF);
    ck_assert_uint_eq(flags_after("fa f4", 1) & FLAG_IF, 0);
    /* POPF changes neither IOPL nor VIF, VIP, VM. */
    start(3, CR4_VME, FLAG_VIP);
    rig_put(&R, RIG_USER_STACK + V86_SP, 0x000a4ed7, 4);
    ck_assert_uint_eq(flags_after("66 9d f4", 2), FLAG_VM | FLAG_VIP | FLAG_RF |
                                                      FLAG_NT | FLAG_IF |
                                                      0x3c00 | 0x0d7);
    /* IRET neither. */
    start(3, 0, 0);
    rig_put(&R, RIG_USER_STACK + V86_SP, 0x20, 2);
    rig_put(&R, RIG_USER_STACK + V86_SP + 2, RIG_CODE >> 4, 2);
    rig_put(&R, RIG_USER_STACK + V86_SP + 4, 0x4202, 2);
    rig_put(&R, RIG_CODE + 0x20, 0xf4, 1);
    ck_assert_uint_eq(flags_after("cf", 0x20),
                      FLAG_VM | FLAG_RF | FLAG_NT | FLAG_IF | 0x3002);
    /* INT n goes through the gate, whose DPL must be 3. */
    start(3, 0, 0);
    ends("cd 41", 0x41, -1, 2);
    start(3, 0, 0);
    ends("cd 42", EXC_GP, 0x42 * 8 + 2, 0);
}
END_TEST

START_TEST(ports_are_looked_up_whatever_iopl_is)
{
    start(3, 0, 0);
    rig_put(&R, RIG_TSS32 + IO_MAP + 0x40 / 8, 1 << 2, 1);
    ends("e6 41 e6 42", EXC_GP, 0, 2);
    ck_assert_uint_eq(R.outs, 1);
    ck_assert_uint_eq(R.port, 0x41);
}
END_TEST

/* --------------------------------------------------------- CR4.VME and PVI */

START_TEST(vme_needs_the_feature)
{
    rig_destroy(&R);
    rig_create(&R, NULL);
    rig_protected(&R, 0);
    rig_faults(&R, "0f 20 e0 83 c8 01 0f 22 e0", EXC_GP, 0);
    rig_destroy(&R);
    rig_create(&R, with_vme);
    rig_protected(&R, 0);
    rig_runs(&R, "0f 20 e0 83 c8 03 0f 22 e0 f4");
    ck_assert_uint_eq(R.c->cr4, CR4_VME | CR4_PVI);
}
END_TEST

START_TEST(vme_cli_and_sti_change_vif)
{
    start(0, CR4_VME, FLAG_IF | FLAG_VIF);
    ck_assert_uint_eq(flags_after("fa f4", 1) & (FLAG_IF | FLAG_VIF), FLAG_IF);
    start(0, CR4_VME, 0);
    ck_assert_uint_eq(flags_after("fb f4", 1) & (FLAG_IF | FLAG_VIF), FLAG_VIF);
    start(0, CR4_VME, FLAG_VIP);
    ck_assert_uint_eq(flags_after("fb f4", 0) & FLAG_VIF, 0);
}
END_TEST

START_TEST(vme_pushf_shows_vif_and_iopl_3)
{
    start(0, CR4_VME, FLAG_VIF);
    ends("9c f4", EXC_GP, 0, 1);
    ck_assert_uint_eq(rig_read(&R, RIG_USER_STACK + V86_SP - 2, 2), 0x3202);
    start(1, CR4_VME, FLAG_IF);
    ends("9c f4", EXC_GP, 0, 1);
    ck_assert_uint_eq(rig_read(&R, RIG_USER_STACK + V86_SP - 2, 2), 0x3002);
    start(0, CR4_VME, 0); /* but not for the 32-bit form */
    ends("66 9c", EXC_GP, 0, 0);
}
END_TEST

START_TEST(vme_popf_loads_vif)
{
    static const struct {
        uint32_t image, before, after;
        unsigned ip;
    } rows[] = {
        {0x0202, 0, FLAG_VIF, 1},
        {0x3002, FLAG_IF | FLAG_VIF, FLAG_IF, 1},
        {0x0202, FLAG_VIP, FLAG_VIP, 0}, /* #GP: an interrupt waits */
        {0x0002, FLAG_VIP, FLAG_VIP, 1},
        {0x0102, 0, 0, 0}, /* #GP: TF */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(0, CR4_VME, rows[i].before);
        rig_put(&R, RIG_USER_STACK + V86_SP, rows[i].image, 2);
        ck_assert_uint_eq(flags_after("9d f4", rows[i].ip),
                          FLAG_VM | FLAG_RF | FLAG_ONE | rows[i].after);
    }
}
END_TEST

START_TEST(vme_iret_loads_vif)
{
    static const struct {
        uint32_t image, before, after;
        unsigned ip;
    } rows[] = {
        {0x3202, 0, FLAG_VIF, 0x20},
        {0x0002, FLAG_IF | FLAG_VIF, FLAG_IF, 0x20},
        {0x0202, FLAG_VIP, FLAG_VIP, 0},
        {0x0102, 0, 0, 0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start(0, CR4_VME, rows[i].before);
        rig_put(&R, RIG_USER_STACK + V86_SP, 0x20, 2);
        rig_put(&R, RIG_USER_STACK + V86_SP + 2, RIG_CODE >> 4, 2);
        rig_put(&R, RIG_USER_STACK + V86_SP + 4, rows[i].image, 2);
        rig_put(&R, RIG_CODE + 0x20, 0xf4, 1);
        ck_assert_uint_eq(flags_after("cf", rows[i].ip),
                          FLAG_VM | FLAG_RF | FLAG_ONE | rows[i].after);
    }
}
END_TEST

START_TEST(vme_redirects_int_by_the_bitmap)
{
    /* Method 6: IOPL 0, VIF is what the handler saves and clears. */
    start(0, CR4_VME, FLAG_IF | FLAG_VIF | FLAG_CF);
    ends("cd 40", EXC_GP, 0, IVT_IP);
    ck_assert_uint_eq(frame(2), IVT_CS);
    ck_assert_uint_eq(frame(3) & (FLAG_IF | FLAG_VIF), FLAG_IF);
    ck_assert_uint_eq(frame(4), V86_SP - 6);
    uint64_t sp = RIG_USER_STACK + V86_SP - 6;
    ck_assert_uint_eq(rig_read(&R, sp, 4), (RIG_CODE >> 4) << 16 | 2);
    ck_assert_uint_eq(rig_read(&R, sp + 4, 2), 0x3203);
    /* Method 5: IOPL 3, IF itself. */
    start(3, CR4_VME, FLAG_IF | FLAG_VIF);
    ends("cd 40", EXC_GP, 0, IVT_IP);
    ck_assert_uint_eq(frame(3) & (FLAG_IF | FLAG_VIF), FLAG_VIF);
    ck_assert_uint_eq(rig_read(&R, sp + 4, 2), 0x3202);
    /* Methods 2 and 3: to the monitor. */
    start(3, CR4_VME, 0);
    ends("cd 41", 0x41, -1, 2);
    start(0, CR4_VME, 0);
    ends("cd 41", EXC_GP, 0, 0);
    /* No single-step trap comes out of it. */
    start(3, CR4_VME, FLAG_TF);
    ends("cd 40", EXC_GP, 0, IVT_IP);
    ck_assert_uint_eq(frame(3) & FLAG_TF, 0);
    /* INT3 is none of it. */
    start(0, CR4_VME, 0);
    rig_put(&R, RIG_TSS32 + IO_MAP - 32, 0, 1);
    ends("cc", EXC_BP, -1, 1);
}
END_TEST

START_TEST(a_short_tss_has_no_bitmap)
{
    start(0, CR4_VME, 0);
    R.c->seg[SEG_TR].limit = 102;
    ends("cd 40", EXC_GP, 0, 0);
    start(0, CR4_VME, 0);
    R.c->seg[SEG_TR].limit = IO_MAP - 32 + REDIRECTED / 8 - 1;
    ends("cd 40", EXC_GP, 0, 0);
}
END_TEST

START_TEST(vif_and_vip_together_fault_before_the_next_instruction)
{
    start(0, CR4_VME, FLAG_VIF | FLAG_VIP);
    ends("90", EXC_GP, 0, 0);
    start(0, 0, FLAG_VIF | FLAG_VIP); /* not without VME */
    ends("90 f4", EXC_GP, 0, 1);
    rig_protected(&R, 3);
    R.c->cr4 = CR4_PVI;
    R.c->eflags |= FLAG_VIF | FLAG_VIP;
    cpu_update_mode(R.c);
    rig_faults(&R, "90 0f 0b", EXC_GP, 0);
    ck_assert_uint_eq(frame(1), RIG_CODE);
    rig_protected(&R, 0); /* never at level 0 */
    R.c->cr4 = CR4_PVI | CR4_VME;
    R.c->eflags |= FLAG_VIF | FLAG_VIP;
    cpu_update_mode(R.c);
    rig_runs(&R, "90 f4");
}
END_TEST

START_TEST(pvi_cli_and_sti_change_vif)
{
    static const struct {
        const char *code;
        uint32_t before, after;
        unsigned ip;
    } rows[] = {
        {"fa f4", FLAG_IF | FLAG_VIF, FLAG_IF, 1},
        {"fb f4", 0, FLAG_VIF, 1},
        {"fb f4", FLAG_VIP, FLAG_VIP, 0},
    };
    for (unsigned i = 0; i < 3; i++) {
        rig_protected(&R, 3);
        R.c->cr4 = CR4_PVI;
        R.c->eflags |= rows[i].before;
        cpu_update_mode(R.c);
        rig_faults(&R, rows[i].code, EXC_GP, 0);
        ck_assert_uint_eq(frame(1), RIG_CODE + rows[i].ip);
        ck_assert_uint_eq(frame(3) & (FLAG_IF | FLAG_VIF | FLAG_VIP),
                          rows[i].after);
    }
    /* PUSHF shows IF as ever; with IOPL 3 CLI is the plain one. */
    rig_protected(&R, 3);
    R.c->cr4 = CR4_PVI;
    R.c->eflags |= FLAG_VIF | FLAG_IOPL | FLAG_IF;
    cpu_update_mode(R.c);
    rig_faults(&R, "fa 9c f4", EXC_GP, 0);
    ck_assert_uint_eq(rig_read(&R, RIG_USER_STACK - 4, 4) & 0x3200, 0x3000);
    ck_assert_uint_ne(frame(3) & FLAG_VIF, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        iretd_with_vm_enters,
        iretd_ignores_vm_outside_level_0,
        segments_have_fixed_limits_and_rights,
        an_event_pushes_and_nulls_the_segments,
        interrupts_leave_whatever_iopl_and_dpl_are,
        a_gate_of_16_bits_pushes_words,
        only_nonconforming_level_0_code_may_handle,
        protected_mode_instructions_are_unknown,
        privileged_instructions_fault,
        far_transfers_are_those_of_real_mode,
        without_iopl_3_the_monitor_is_asked,
        with_iopl_3_the_flags_are_the_program_s,
        ports_are_looked_up_whatever_iopl_is,
        vme_needs_the_feature,
        vme_cli_and_sti_change_vif,
        vme_pushf_shows_vif_and_iopl_3,
        vme_popf_loads_vif,
        vme_iret_loads_vif,
        vme_redirects_int_by_the_bitmap,
        a_short_tss_has_no_bitmap,
        vif_and_vip_together_fault_before_the_next_instruction,
        pvi_cli_and_sti_change_vif,
    };
    Suite *s = suite_create("v86");
    TCase *t = tcase_create("v86");
    tcase_add_checked_fixture(t, set_up, tear_down);
    for (unsigned i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
