/* SPDX-License-Identifier: Apache-2.0
 * VMCSs in root operation: pointers, what is in memory when, every field by
 * width and half, and which VMCSs' data are at hand. SDM Vol.3 "VMX
 * Instruction Reference", appendix "Field Encoding in VMCS".
 */
#include "tests/unit/vmx_root_rig.h"

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
    Suite *s = suite_create("vmx_vmcs");
    TCase *t = tests("vmcs");
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
    t = tests("timing");
    tcase_add_test(t, vmcs_data_at_hand);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
