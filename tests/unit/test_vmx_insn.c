/* SPDX-License-Identifier: Apache-2.0
 * VMX instructions in root operation: every condition that faults or fails,
 * in the manual's order, and what they do when none holds. SDM Vol.3 "VMX
 * Instruction Reference".
 */
#include "cpu/vmx/vmx.h"
#include "tests/unit/sys_rig.h"

#include <stddef.h>

enum {
    VMXON_REGION = 0x100000,
    VMCS_A = 0x101000,
    VMCS_B = 0x102000,
    OPERAND = RIG_DATA, /* of instructions with memory: RAX points here */
    NOT_RAM = 0x2000000,
    UNMAPPED = 0x1000000, /* beyond the rig's page tables */
};
enum { DONE = 0, INVALID = FLAG_CF, VALID = FLAG_ZF };

/* [rax] is the operand, rcx the other register or the VMCS field, rbx the
 * r/m register of VMREAD and VMWRITE. */
#define VMXON       "f3 0f c7 30"
#define VMXOFF      "0f 01 c4"
#define VMCLEAR     "66 0f c7 30"
#define VMPTRLD     "0f c7 30"
#define VMPTRST     "0f c7 38"
#define VMREAD      "0f 78 cb"
#define VMREAD_MEM  "0f 78 08"
#define VMWRITE     "0f 79 cb"
#define VMWRITE_MEM "0f 79 08"
#define VMCALL      "0f 01 c1"
#define VMLAUNCH    "0f 01 c2"
#define VMRESUME    "0f 01 c3"
#define INVEPT      "66 0f 38 80 08"
#define INVVPID     "66 0f 38 81 08"
#define HLT         " f4"

static struct rig R;

static void allow(struct rig *r)
{
    struct cpu *c = r->c;
    c->msr.feature_control = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
    c->cr4 |= CR4_VMXE;
    cpu_update_mode(c);
}

static void revision(uint64_t at, uint32_t v)
{
    rig_put(&R, at, v, 4);
}

static void create(void (*tweak)(struct rig *))
{
    rig_create(&R, tweak);
    rig_long(&R, 0);
    allow(&R);
    uint32_t id = R.config.core.vtx.revision;
    revision(VMXON_REGION, id);
    revision(VMCS_A, id);
    revision(VMCS_B, id);
    R.c->gpr[REG_RAX] = OPERAND;
}

static void set_up(void)
{
    create(NULL);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

/* Run one instruction and HLT from where code starts. */
static void again(const char *hex)
{
    char code[64];
    snprintf(code, sizeof code, "%s%s", hex, HLT);
    R.c->rip = RIG_CODE;
    R.c->activity = ACTIVITY_RUN;
    cpu_update_mode(R.c);
    rig_go(&R, code);
}

/* The instruction completes with these flags, whatever they were. */
static void gives(const char *hex, uint32_t flags)
{
    flags_set_arith(R.c, FLAG_ARITH & ~flags);
    again(hex);
    ck_assert_msg(rig_vector(&R) == -1, "%s: vector %d", hex, rig_vector(&R));
    ck_assert_msg(flags_arith(R.c) == flags, "%s: flags %x", hex,
                  flags_arith(R.c));
}

static void fails(const char *hex, enum vmx_error error)
{
    gives(hex, VALID);
    ck_assert_msg(R.c->vmx->vmcs.instruction_error == (uint32_t)error,
                  "%s: error %u", hex, R.c->vmx->vmcs.instruction_error);
}

static void faults(const char *hex, int vector)
{
    uint64_t sp = R.c->gpr[REG_RSP];
    flags_set_arith(R.c, FLAG_ARITH);
    again(hex);
    ck_assert_msg(rig_vector(&R) == vector, "%s: vector %d", hex,
                  rig_vector(&R));
    R.c->gpr[REG_RSP] = sp;
}

static void pointer(uint64_t v)
{
    rig_put(&R, OPERAND, v, 8);
}

static void on(void)
{
    pointer(VMXON_REGION);
    gives(VMXON, DONE);
    ck_assert(R.c->vmx->on);
}

static void load(uint64_t vmcs)
{
    pointer(vmcs);
    gives(VMPTRLD, DONE);
}

static void on_with_vmcs(void)
{
    on();
    load(VMCS_A);
}

static uint64_t read_field(uint64_t encoding)
{
    R.c->gpr[REG_RCX] = encoding;
    R.c->gpr[REG_RBX] = UINT64_C(0x5555555555555555);
    gives(VMREAD, DONE);
    return R.c->gpr[REG_RBX];
}

static void write_field(uint64_t encoding, uint64_t v)
{
    R.c->gpr[REG_RCX] = encoding;
    R.c->gpr[REG_RBX] = v;
    gives(VMWRITE, DONE);
}

/* ----------------------------------------------------------- #UD and #GP */

static const char *const in_operation[] = {
    VMXOFF,      VMCLEAR, VMPTRLD,  VMPTRST,  VMREAD, VMREAD_MEM, VMWRITE,
    VMWRITE_MEM, VMCALL,  VMLAUNCH, VMRESUME, INVEPT, INVVPID};
enum { IN_OPERATION = sizeof in_operation / sizeof in_operation[0] };

START_TEST(undefined_outside_operation)
{
    for (unsigned i = 0; i < IN_OPERATION; i++)
        faults(in_operation[i], EXC_UD);
}
END_TEST

START_TEST(privileged)
{
    on_with_vmcs();
    rig_long(&R, 3);
    allow(&R);
    for (unsigned i = 0; i < IN_OPERATION; i++) {
        rig_long(&R, 3);
        allow(&R);
        faults(in_operation[i], EXC_GP);
    }
    rig_long(&R, 3);
    allow(&R);
    faults(VMXON, EXC_GP);
}
END_TEST

/* Outside operation #UD comes before the privilege check. */
START_TEST(undefined_before_privilege)
{
    for (unsigned i = 0; i < IN_OPERATION; i++) {
        rig_long(&R, 3);
        faults(in_operation[i], EXC_UD);
    }
    rig_long(&R, 3); /* CR4.VMXE is clear */
    faults(VMXON, EXC_UD);
}
END_TEST

/* VMX operation cannot be in force there: set, it shows that the mode alone
 * decides. */
START_TEST(undefined_in_real_mode)
{
    for (unsigned i = 0; i <= IN_OPERATION; i++) {
        rig_real(&R);
        R.c->cr4 = CR4_VMXE;
        R.c->vmx->on = i < IN_OPERATION;
        ck_assert_int_eq(rig_go(&R, i < IN_OPERATION ? in_operation[i] : VMXON),
                         CPU_STOP_HALT);
        ck_assert_int_eq(rig_vector(&R), EXC_UD);
    }
}
END_TEST

/* Compatibility mode: a 32-bit code segment in IA-32e mode. */
START_TEST(undefined_in_compatibility_mode)
{
    on_with_vmcs();
    for (unsigned i = 0; i <= IN_OPERATION; i++) {
        rig_long(&R, 0);
        allow(&R);
        R.c->seg[SEG_CS] = rig_segment(&R, SEL_CODE32);
        faults(i < IN_OPERATION ? in_operation[i] : VMXON, EXC_UD);
    }
}
END_TEST

static void no_vmx(struct rig *r)
{
    r->config.core.vmx = false;
}

START_TEST(undefined_without_the_feature)
{
    rig_create(&R, no_vmx);
    rig_long(&R, 0);
    for (unsigned i = 0; i <= IN_OPERATION; i++)
        faults(i < IN_OPERATION ? in_operation[i] : VMXON, EXC_UD);
    ck_assert_int_eq((int)control_write(R.c, 4, R.c->cr4 | CR4_VMXE),
                     (int)STEP_FAULT);
    uint64_t v;
    ck_assert(!msr_read(R.c, MSR_VMX_BASIC, &v));
    ck_assert(!msr_write(R.c, 0x3a, 4));
}
END_TEST

static void no_ept(struct rig *r)
{
    struct vmx_config *f = &r->config.core.vtx;
    f->ept = f->unrestricted_guest = f->pml = f->ept_violation_ve = false;
    f->mode_based_execute = f->sub_page = f->eptp_switching = false;
    f->vmfunc = f->ept_accessed_dirty = f->vpid = false;
    f->ept_execute_only = f->ept_2m = f->ept_1g = false;
}

START_TEST(invalidation_undefined_without_ept_and_vpid)
{
    create(no_ept);
    on_with_vmcs();
    faults(INVEPT, EXC_UD);
    faults(INVVPID, EXC_UD);
}
END_TEST

/* LOCK in front of them. */
START_TEST(undefined_with_lock)
{
    on_with_vmcs();
    faults("f0 0f c7 30", EXC_UD);
    faults("f0 0f 78 08", EXC_UD);
    faults("f0 0f 01 c2", EXC_UD);
}
END_TEST

/* ---------------------------------------------------------------- VMXON */

START_TEST(vmxon_needs_feature_control)
{
    pointer(VMXON_REGION);
    static const uint64_t bad[] = {0, 1, 4};
    for (unsigned i = 0; i < 3; i++) {
        R.c->msr.feature_control = bad[i];
        faults(VMXON, EXC_GP);
    }
    ck_assert(!R.c->vmx->on);
    allow(&R);
    gives(VMXON, DONE);
}
END_TEST

START_TEST(vmxon_needs_fixed_bits)
{
    pointer(VMXON_REGION);
    R.c->cr0 &= ~(uint64_t)CR0_NE;
    faults(VMXON, EXC_GP);
    R.c->cr0 |= CR0_NE;
    R.c->cr4 &= ~(uint64_t)CR4_VMXE;
    faults(VMXON, EXC_UD);
    allow(&R);
    gives(VMXON, DONE);
}
END_TEST

START_TEST(vmxon_needs_open_a20)
{
    pointer(VMXON_REGION);
    cpu_set_a20(R.c, false);
    faults(VMXON, EXC_GP);
    cpu_set_a20(R.c, true);
    gives(VMXON, DONE);
}
END_TEST

START_TEST(vmxon_pointer)
{
    uint32_t id = R.config.core.vtx.revision;
    static const uint64_t bad[] = {VMXON_REGION + 1, VMXON_REGION + 0x800,
                                   UINT64_C(1) << 46 | VMXON_REGION,
                                   UINT64_C(1) << 63 | VMXON_REGION, NOT_RAM};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pointer(bad[i]);
        gives(VMXON, INVALID);
    }
    pointer(VMXON_REGION);
    revision(VMXON_REGION, id + 1);
    gives(VMXON, INVALID);
    revision(VMXON_REGION, id | VMCS_SHADOW);
    gives(VMXON, INVALID);
    ck_assert(!R.c->vmx->on);
    revision(VMXON_REGION, id);
    gives(VMXON, DONE);
    ck_assert_uint_eq(R.c->vmx->vmxon, VMXON_REGION);
    ck_assert_uint_eq(R.c->vmx->current, VMX_NO_VMCS);
}
END_TEST

START_TEST(vmxon_operand_faults)
{
    R.c->gpr[REG_RAX] = UNMAPPED;
    faults(VMXON, EXC_PF);
    R.c->gpr[REG_RAX] = UINT64_C(1) << 63;
    faults(VMXON, EXC_GP);
}
END_TEST

/* Again in root operation: before the operand is read. */
START_TEST(vmxon_twice)
{
    on();
    R.c->gpr[REG_RAX] = UNMAPPED;
    gives(VMXON, INVALID);
    R.c->gpr[REG_RAX] = OPERAND;
    load(VMCS_A);
    R.c->gpr[REG_RAX] = UNMAPPED;
    fails(VMXON, VMERR_VMXON_IN_ROOT);
}
END_TEST

/* --------------------------------------- VMXOFF and what operation blocks */

START_TEST(vmxoff_leaves)
{
    on_with_vmcs();
    write_field(0x4012, 0x1234);
    gives(VMXOFF, DONE);
    ck_assert(!R.c->vmx->on);
    faults(VMXOFF, EXC_UD);
    on();
    load(VMCS_A); /* the data were in memory */
    ck_assert_uint_eq(read_field(0x4012), 0x1234);
}
END_TEST

START_TEST(fixed_bits_stay)
{
    on();
    static const char *const clear[] = {
        "0f 20 c3 0f ba f3 05 0f 22 c3", /* CR0.NE */
        "0f 20 e3 0f ba f3 0d 0f 22 e3", /* CR4.VMXE */
        "0f 20 c3 0f ba f3 1f 0f 22 c3", /* CR0.PG */
    };
    for (unsigned i = 0; i < 3; i++)
        faults(clear[i], EXC_GP);
    again("0f 20 c3 0f 22 c3"); /* the same value */
    ck_assert_int_eq(rig_vector(&R), -1);
    gives(VMXOFF, DONE);
    again(clear[0]);
    ck_assert_int_eq(rig_vector(&R), -1);
    again(clear[1]);
    ck_assert_int_eq(rig_vector(&R), -1);
    ck_assert((R.c->cr4 & CR4_VMXE) == 0 && (R.c->cr0 & CR0_NE) == 0);
}
END_TEST

START_TEST(init_waits_for_vmxoff)
{
    on();
    R.c->init_pending = true;
    again("90");
    ck_assert(R.c->init_pending);
    again(VMXOFF);
    ck_assert(!R.c->init_pending);
    ck_assert((R.c->cr0 & CR0_PE) == 0 && R.c->cr4 == 0);
}
END_TEST

START_TEST(a20_has_no_effect_in_operation)
{
    on();
    rig_put(&R, 0x100000 + RIG_DATA + 8, 0x1111, 8);
    rig_put(&R, RIG_DATA + 8, 0x2222, 8);
    cpu_set_a20(R.c, false);
    R.c->gpr[REG_RBX] = 0x100000 + RIG_DATA + 8;
    again("48 8b 0b"); /* mov rcx, [rbx] */
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0x1111);
    gives(VMXOFF, DONE);
    again("48 8b 0b");
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0x2222);
}
END_TEST

/* -------------------------------------------- VMCLEAR, VMPTRLD, VMPTRST */

START_TEST(vmptrld_pointer)
{
    on_with_vmcs();
    static const uint64_t bad[] = {VMCS_B + 1, VMCS_B + 0x10,
                                   UINT64_C(1) << 46 | VMCS_B};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pointer(bad[i]);
        fails(VMPTRLD, VMERR_VMPTRLD_ADDRESS);
    }
    pointer(VMXON_REGION);
    fails(VMPTRLD, VMERR_VMPTRLD_VMXON);
    pointer(VMCS_B);
    revision(VMCS_B, R.config.core.vtx.revision + 1);
    fails(VMPTRLD, VMERR_VMPTRLD_REVISION);
    pointer(NOT_RAM);
    fails(VMPTRLD, VMERR_VMPTRLD_REVISION);
    ck_assert_uint_eq(R.c->vmx->current, VMCS_A);
    R.c->gpr[REG_RAX] = UNMAPPED;
    faults(VMPTRLD, EXC_PF);
}
END_TEST

START_TEST(failures_without_a_vmcs)
{
    on();
    pointer(VMXON_REGION);
    gives(VMPTRLD, INVALID);
    gives(VMCLEAR, INVALID);
    pointer(1);
    gives(VMPTRLD, INVALID);
    gives(VMCLEAR, INVALID);
    gives(VMREAD, INVALID);
    gives(VMWRITE, INVALID);
    gives(VMLAUNCH, INVALID);
    gives(VMRESUME, INVALID);
    gives(VMCALL, INVALID);
    R.c->gpr[REG_RCX] = 77;
    gives(INVEPT, INVALID);
    gives(INVVPID, INVALID);
}
END_TEST

static void no_shadow(struct rig *r)
{
    r->config.core.vtx.shadow_vmcs = false;
}

START_TEST(shadow_vmcs_need_the_feature)
{
    on_with_vmcs();
    revision(VMCS_B, R.config.core.vtx.revision | VMCS_SHADOW);
    load(VMCS_B);
    gives(VMLAUNCH, INVALID); /* no VM is entered with it */
    gives(VMRESUME, INVALID);
    write_field(0x4002, 5); /* though it is read and written */
    ck_assert_uint_eq(read_field(0x4002), 5);
    rig_destroy(&R);
    create(no_shadow);
    on_with_vmcs();
    revision(VMCS_B, R.config.core.vtx.revision | VMCS_SHADOW);
    pointer(VMCS_B);
    fails(VMPTRLD, VMERR_VMPTRLD_REVISION);
}
END_TEST

START_TEST(vmptrst_stores)
{
    on();
    gives(VMPTRST, DONE);
    ck_assert_uint_eq(rig_read(&R, OPERAND, 8), UINT64_MAX);
    load(VMCS_B);
    pointer(0);
    gives(VMPTRST, DONE);
    ck_assert_uint_eq(rig_read(&R, OPERAND, 8), VMCS_B);
    R.c->gpr[REG_RAX] = UNMAPPED;
    faults(VMPTRST, EXC_PF);
}
END_TEST

START_TEST(vmclear_pointer)
{
    on_with_vmcs();
    pointer(VMCS_A + 1);
    fails(VMCLEAR, VMERR_VMCLEAR_ADDRESS);
    pointer(UINT64_C(1) << 46);
    fails(VMCLEAR, VMERR_VMCLEAR_ADDRESS);
    pointer(VMXON_REGION);
    fails(VMCLEAR, VMERR_VMCLEAR_VMXON);
    R.c->gpr[REG_RAX] = UNMAPPED;
    faults(VMCLEAR, EXC_PF);
}
END_TEST

/* VMCLEAR puts the data and the launch state into memory; of the current
 * VMCS it leaves none current. A copy of the region is the same VMCS. */
START_TEST(vmclear_and_memory)
{
    on_with_vmcs();
    write_field(0x681e, 0x123456789a);
    R.c->vmx->vmcs.launched = 1;
    load(VMCS_B);
    ck_assert_uint_eq(rig_read(&R, VMCS_A + 8, 4), 1);
    pointer(VMCS_A);
    gives(VMCLEAR, DONE);
    ck_assert_uint_eq(R.c->vmx->current, VMCS_B);
    ck_assert_uint_eq(rig_read(&R, VMCS_A + 8, 4), 0);
    load(VMCS_A);
    R.c->vmx->vmcs.launched = 1;
    pointer(VMCS_A);
    gives(VMCLEAR, DONE);
    ck_assert_uint_eq(R.c->vmx->current, VMX_NO_VMCS);
    gives(VMREAD, INVALID);
    for (unsigned i = 0; i < R.config.core.vtx.region_size; i += 8)
        rig_put(&R, VMCS_B + i, rig_read(&R, VMCS_A + i, 8), 8);
    load(VMCS_B);
    ck_assert_uint_eq(read_field(0x681e), 0x123456789a);
    ck_assert_uint_eq(R.c->vmx->vmcs.launched, 0);
}
END_TEST

/* VMPTRLD of the current VMCS loses no VMWRITE, and the first eight bytes
 * are software's. */
START_TEST(vmptrld_again)
{
    on_with_vmcs();
    write_field(0x4012, 7);
    load(VMCS_A);
    ck_assert_uint_eq(read_field(0x4012), 7);
    rig_put(&R, VMCS_A + 4, 0xabcd, 4);
    load(VMCS_B);
    ck_assert_uint_eq(rig_read(&R, VMCS_A + 4, 4), 0xabcd);
}
END_TEST

/* -------------------------------------------------------- VMREAD, VMWRITE */

static uint64_t mask_of(const struct vmcs_field *d)
{
    return d->bytes == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * d->bytes) - 1;
}

static uint64_t pattern(const struct vmcs_field *d, unsigned salt)
{
    return (UINT64_C(0x9e3779b97f4a7c15) * (d->encoding + 1)) ^
           (UINT64_C(0x0101010101010101) * salt);
}

/* Every field holds its own value of its own width; a read zero-extends. */
START_TEST(fields_hold_values)
{
    on_with_vmcs();
    for (unsigned salt = 1; salt <= 2; salt++) {
        for (unsigned k = 0; k < vmcs_field_count; k++)
            if (vmcs_fields[k].available(&R.config.core.vtx))
                write_field(vmcs_fields[k].encoding,
                            pattern(&vmcs_fields[k], salt));
        for (unsigned k = 0; k < vmcs_field_count; k++) {
            const struct vmcs_field *d = &vmcs_fields[k];
            if (d->available(&R.config.core.vtx))
                ck_assert_msg(read_field(d->encoding) ==
                                  (pattern(d, salt) & mask_of(d)),
                              "%s", d->name);
        }
    }
}
END_TEST

START_TEST(high_halves)
{
    on_with_vmcs();
    for (unsigned k = 0; k < vmcs_field_count; k++) {
        const struct vmcs_field *d = &vmcs_fields[k];
        if (!d->available(&R.config.core.vtx))
            continue;
        R.c->gpr[REG_RCX] = d->encoding | 1u;
        if (d->bytes != 8 || d->natural) {
            fails(VMREAD, VMERR_UNSUPPORTED_FIELD);
            fails(VMWRITE, VMERR_UNSUPPORTED_FIELD);
            continue;
        }
        write_field(d->encoding, UINT64_C(0x0123456789abcdef));
        ck_assert_uint_eq(read_field(d->encoding | 1u), 0x01234567);
        write_field(d->encoding | 1u, UINT64_C(0xffffffff76543210));
        ck_assert_uint_eq(read_field(d->encoding),
                          UINT64_C(0x7654321089abcdef));
    }
}
END_TEST

/* Outside 64-bit mode operands have 32 bits: a read gives the lower part, a
 * write clears what it lacks. */
START_TEST(operands_of_32_bits)
{
    on_with_vmcs();
    for (unsigned k = 0; k < vmcs_field_count; k++) {
        const struct vmcs_field *d = &vmcs_fields[k];
        if (!d->available(&R.config.core.vtx) ||
            d->encoding == 0x4400) /* VM-instruction error */
            continue;
        rig_long(&R, 0);
        allow(&R);
        write_field(d->encoding, UINT64_C(0xfedcba9876543210));
        rig_protected(&R, 0);
        uint64_t low = UINT64_C(0x76543210) & mask_of(d);
        ck_assert_uint_eq(read_field(d->encoding), low);
        write_field(d->encoding, UINT64_C(0x1111111189abcdef));
        rig_long(&R, 0);
        allow(&R);
        ck_assert_uint_eq(read_field(d->encoding),
                          UINT64_C(0x89abcdef) & mask_of(d));
    }
    rig_protected(&R, 0); /* the encoding has 32 bits too */
    R.c->gpr[REG_RCX] = UINT64_C(0x100000000) | 0x4002;
    gives(VMREAD, DONE);
}
END_TEST

START_TEST(encodings_that_are_not)
{
    on_with_vmcs();
    static const uint64_t bad[] = {0x20,
                                   0x2052,
                                   0x6010,
                                   0x4002 | 1 << 12,
                                   0x4002 | 1 << 15,
                                   0x4002 | UINT64_C(1) << 32,
                                   0x4002 | UINT64_C(1) << 63,
                                   0x4003,
                                   0xffff,
                                   0x2340,
                                   0x4340,
                                   0x2740,
                                   0x2034,
                                   0x2030,
                                   UINT64_MAX};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        R.c->gpr[REG_RCX] = bad[i];
        fails(VMREAD, VMERR_UNSUPPORTED_FIELD);
        R.c->vmx->vmcs.instruction_error = 0;
        fails(VMWRITE, VMERR_UNSUPPORTED_FIELD);
    }
}
END_TEST

static void extended(struct rig *r)
{
    r->config.core.vtx.extensions = true;
}

START_TEST(private_fields_with_extensions)
{
    create(extended);
    on_with_vmcs();
    static const uint64_t fields[] = {0x2034, 0x2340, 0x4340, 0x2740};
    for (unsigned i = 0; i < 4; i++) {
        write_field(fields[i], 0x1000 + i);
        ck_assert_uint_eq(read_field(fields[i]), 0x1000 + i);
    }
}
END_TEST

/* Every field that comes with a feature goes with it. */
START_TEST(fields_of_absent_features)
{
    on_with_vmcs();
    struct vmx_config *f = &R.c->config.vtx;
    bool secondary = f->secondary_controls;
    memset(f, 0, offsetof(struct vmx_config, revision));
    f->cr3_targets = 0;
    ck_assert(secondary && !f->secondary_controls);
    unsigned absent = 0;
    for (unsigned k = 0; k < vmcs_field_count; k++) {
        const struct vmcs_field *d = &vmcs_fields[k];
        if (d->available(&R.config.core.vtx) && !d->available(f)) {
            R.c->gpr[REG_RCX] = d->encoding;
            fails(VMREAD, VMERR_UNSUPPORTED_FIELD);
            absent++;
        }
    }
    ck_assert_uint_ge(absent, 30);
}
END_TEST

static void read_only(struct rig *r)
{
    r->config.core.vtx.vmwrite_any = false;
}

START_TEST(read_only_fields)
{
    create(read_only);
    on_with_vmcs();
    for (unsigned k = 0; k < vmcs_field_count; k++) {
        const struct vmcs_field *d = &vmcs_fields[k];
        R.c->gpr[REG_RCX] = d->encoding;
        if (!d->available(&R.config.core.vtx))
            continue;
        if (vmcs_type(d->encoding) == VMCS_READ_ONLY)
            fails(VMWRITE, VMERR_READ_ONLY_FIELD);
        else
            gives(VMWRITE, DONE);
        gives(VMREAD, DONE);
    }
}
END_TEST

START_TEST(memory_operands)
{
    on_with_vmcs();
    pointer(UINT64_C(0x1122334455667788));
    R.c->gpr[REG_RCX] = 0x6c16;
    gives(VMWRITE_MEM, DONE);
    pointer(0);
    gives(VMREAD_MEM, DONE);
    ck_assert_uint_eq(rig_read(&R, OPERAND, 8), UINT64_C(0x1122334455667788));
    R.c->gpr[REG_RCX] = 0x0800; /* 16 bits: 64 are stored */
    pointer(UINT64_MAX);
    gives(VMREAD_MEM, DONE);
    ck_assert_uint_eq(rig_read(&R, OPERAND, 8), 0);
    R.c->gpr[REG_RAX] = UNMAPPED;
    faults(VMREAD_MEM, EXC_PF);
    faults(VMWRITE_MEM, EXC_PF);
    /* A failing VMREAD does not access memory. */
    R.c->gpr[REG_RCX] = 0x4003;
    fails(VMREAD_MEM, VMERR_UNSUPPORTED_FIELD);
}
END_TEST

/* A fault leaves the flags. */
START_TEST(faults_keep_flags)
{
    on_with_vmcs();
    R.c->gpr[REG_RAX] = UNMAPPED;
    R.c->gpr[REG_RCX] = 0x0804;
    faults(VMREAD_MEM, EXC_PF);
    ck_assert_uint_eq(flags_arith(R.c), FLAG_ARITH);
}
END_TEST

/* ------------------------------------------- VMLAUNCH, VMRESUME, VMCALL */

START_TEST(launch_state)
{
    on_with_vmcs();
    fails(VMRESUME, VMERR_VMRESUME_NOT_LAUNCHED);
    R.c->vmx->vmcs.launched = 1;
    fails(VMLAUNCH, VMERR_VMLAUNCH_NOT_CLEAR);
}
END_TEST

/* Before the launch state. */
START_TEST(entry_blocked_by_mov_ss)
{
    on_with_vmcs();
    R.c->gpr[REG_RBX] = SEL_DATA;
    fails("8e d3 " VMRESUME, VMERR_ENTRY_MOV_SS);
    fails("8e d3 90 " VMRESUME, VMERR_VMRESUME_NOT_LAUNCHED);
}
END_TEST

START_TEST(vmcall_in_root)
{
    on_with_vmcs();
    fails(VMCALL, VMERR_VMCALL_IN_ROOT);
}
END_TEST

/* -------------------------------------------------------- INVEPT, INVVPID */

static void descriptor(uint64_t low, uint64_t high)
{
    rig_put(&R, OPERAND, low, 8);
    rig_put(&R, OPERAND + 8, high, 8);
}

static void invalidates(const char *insn, uint64_t type)
{
    R.c->gpr[REG_RCX] = type;
    gives(insn, DONE);
}

static void refuses(const char *insn, uint64_t type)
{
    R.c->gpr[REG_RCX] = type;
    R.c->vmx->vmcs.instruction_error = 0;
    fails(insn, VMERR_INVALID_OPERAND);
}

enum { EPTP = 0x300000 | 3 << 3 | 6 };

START_TEST(invept_types)
{
    on_with_vmcs();
    descriptor(EPTP, 0);
    invalidates(INVEPT, 1);
    invalidates(INVEPT, 2);
    static const uint64_t bad[] = {0,         3, 4, 5, UINT64_C(1) << 32 | 1,
                                   UINT64_MAX};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuses(INVEPT, bad[i]);
    /* The type is looked at before the descriptor is read. */
    R.c->gpr[REG_RAX] = UNMAPPED;
    refuses(INVEPT, 0);
    refuses(INVEPT, 5);
    R.c->gpr[REG_RCX] = 1;
    faults(INVEPT, EXC_PF);
    R.c->gpr[REG_RCX] = 2;
    faults(INVEPT, EXC_PF);
}
END_TEST

START_TEST(invept_pointer)
{
    on_with_vmcs();
    static const uint64_t bad[] = {
        0x300000 | 3 << 3 | 5, 0x300000 | 2 << 3 | 6, 0x300000 | 4 << 3 | 6,
        EPTP | 1 << 7,         EPTP | 1 << 8,         EPTP | UINT64_C(1) << 46};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        descriptor(bad[i], 0);
        refuses(INVEPT, 1);
        invalidates(INVEPT, 2);
    }
}
END_TEST

START_TEST(invept_private_types)
{
    create(extended);
    on_with_vmcs();
    uint64_t top = UINT64_C(1) << R.config.mmu.maxphyaddr;
    for (unsigned type = 0; type <= 4; type += 4) {
        descriptor(EPTP, 0x123fff);
        invalidates(INVEPT, type);
        descriptor(EPTP | 1 << 7, 0x123000);
        refuses(INVEPT, type);
        descriptor(EPTP, top - 1);
        invalidates(INVEPT, type);
        descriptor(EPTP, top);
        refuses(INVEPT, type);
        descriptor(EPTP, UINT64_C(1) << 48);
        refuses(INVEPT, type);
    }
    descriptor(0x200000, 0x200000);
    invalidates(INVEPT, 3);
    static const uint64_t regions[][2] = {
        {0x201000, 0x200000}, {0x200000, 0},      {0x200000, 0x800},
        {0x200000, 0x3000},   {0x200800, 0x1000}, {UINT64_C(1) << 52, 0x1000}};
    for (unsigned i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        descriptor(regions[i][0], regions[i][1]);
        refuses(INVEPT, 3);
    }
    refuses(INVEPT, 5);
}
END_TEST

START_TEST(invvpid_types)
{
    on_with_vmcs();
    descriptor(1, 0x1000);
    for (unsigned type = 0; type <= 3; type++)
        invalidates(INVVPID, type);
    refuses(INVVPID, 4);
    refuses(INVVPID, UINT64_C(1) << 32);
    R.c->gpr[REG_RAX] = UNMAPPED;
    refuses(INVVPID, 4);
    R.c->gpr[REG_RCX] = 2;
    faults(INVVPID, EXC_PF);
}
END_TEST

START_TEST(invvpid_operands)
{
    on_with_vmcs();
    for (unsigned type = 0; type <= 3; type++) {
        for (unsigned bit = 16; bit < 64; bit += 47) {
            descriptor(UINT64_C(1) << bit | 1, 0);
            refuses(INVVPID, type);
        }
        descriptor(0, 0);
        if (type == 2)
            invalidates(INVVPID, type);
        else
            refuses(INVVPID, type);
        descriptor(1, UINT64_C(1) << 47); /* not canonical */
        if (type == 0)
            refuses(INVVPID, type);
        else
            invalidates(INVVPID, type);
    }
    descriptor(0xffff, ~UINT64_C(0) << 47);
    invalidates(INVVPID, 0);
}
END_TEST

/* ---------------------------------------------------------------- timing */

static uint64_t cycles_of(const char *hex)
{
    uint64_t before = R.c->account.leaf[LEAF_VMCS_ACCESS];
    again(hex);
    ck_assert_int_eq(rig_vector(&R), -1);
    return R.c->account.leaf[LEAF_VMCS_ACCESS] - before;
}

/* The last `vmcs_cache` VMCSs that were used are at hand. */
START_TEST(vmcs_data_at_hand)
{
    const struct vmx_config *f = &R.config.core.vtx;
    uint32_t cold = f->cost.vmcs_cold, access = f->cost.vmread;
    on();
    R.c->gpr[REG_RCX] = 0x4002;
    for (unsigned i = 0; i <= f->vmcs_cache; i++) {
        uint64_t at = VMCS_A + UINT64_C(0x1000) * i;
        revision(at, f->revision);
        pointer(at);
        ck_assert_uint_eq(cycles_of(VMPTRLD), cold);
        ck_assert_uint_eq(cycles_of(VMREAD), access);
        ck_assert_uint_eq(cycles_of(VMWRITE), f->cost.vmwrite);
    }
    pointer(VMCS_B);
    ck_assert_uint_eq(cycles_of(VMPTRLD), 0);
    pointer(VMCS_A); /* was used longest ago */
    ck_assert_uint_eq(cycles_of(VMPTRLD), cold);
    pointer(VMCS_B);
    ck_assert_uint_eq(cycles_of(VMPTRLD), 0);
    ck_assert_uint_eq(cycles_of(VMCLEAR), 0);
    ck_assert_uint_eq(cycles_of(VMPTRLD), cold);
}
END_TEST

static TCase *tests(const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    return t;
}

int main(void)
{
    Suite *s = suite_create("vmx_insn");
    TCase *t = tests("conditions");
    tcase_add_test(t, undefined_outside_operation);
    tcase_add_test(t, privileged);
    tcase_add_test(t, undefined_before_privilege);
    tcase_add_test(t, undefined_in_real_mode);
    tcase_add_test(t, undefined_in_compatibility_mode);
    tcase_add_test(t, undefined_without_the_feature);
    tcase_add_test(t, invalidation_undefined_without_ept_and_vpid);
    tcase_add_test(t, undefined_with_lock);
    suite_add_tcase(s, t);
    t = tests("operation");
    tcase_add_test(t, vmxon_needs_feature_control);
    tcase_add_test(t, vmxon_needs_fixed_bits);
    tcase_add_test(t, vmxon_needs_open_a20);
    tcase_add_test(t, vmxon_pointer);
    tcase_add_test(t, vmxon_operand_faults);
    tcase_add_test(t, vmxon_twice);
    tcase_add_test(t, vmxoff_leaves);
    tcase_add_test(t, fixed_bits_stay);
    tcase_add_test(t, init_waits_for_vmxoff);
    tcase_add_test(t, a20_has_no_effect_in_operation);
    suite_add_tcase(s, t);
    t = tests("vmcs");
    tcase_add_test(t, vmptrld_pointer);
    tcase_add_test(t, failures_without_a_vmcs);
    tcase_add_test(t, shadow_vmcs_need_the_feature);
    tcase_add_test(t, vmptrst_stores);
    tcase_add_test(t, vmclear_pointer);
    tcase_add_test(t, vmclear_and_memory);
    tcase_add_test(t, vmptrld_again);
    tcase_add_test(t, fields_hold_values);
    tcase_add_test(t, high_halves);
    tcase_add_test(t, operands_of_32_bits);
    tcase_add_test(t, encodings_that_are_not);
    tcase_add_test(t, private_fields_with_extensions);
    tcase_add_test(t, fields_of_absent_features);
    tcase_add_test(t, read_only_fields);
    tcase_add_test(t, memory_operands);
    tcase_add_test(t, faults_keep_flags);
    suite_add_tcase(s, t);
    t = tests("others");
    tcase_add_test(t, launch_state);
    tcase_add_test(t, entry_blocked_by_mov_ss);
    tcase_add_test(t, vmcall_in_root);
    tcase_add_test(t, invept_types);
    tcase_add_test(t, invept_pointer);
    tcase_add_test(t, invept_private_types);
    tcase_add_test(t, invvpid_types);
    tcase_add_test(t, invvpid_operands);
    tcase_add_test(t, vmcs_data_at_hand);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
