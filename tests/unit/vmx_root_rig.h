/* SPDX-License-Identifier: Apache-2.0
 * A core on which VMX instructions run one at a time, in root operation.
 */
#ifndef VTSIM_TESTS_UNIT_VMX_ROOT_RIG_H
#define VTSIM_TESTS_UNIT_VMX_ROOT_RIG_H

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

static inline void allow(struct rig *r)
{
    struct cpu *c = r->c;
    c->msr.feature_control = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
    c->cr4 |= CR4_VMXE;
    cpu_update_mode(c);
}

static inline void revision(uint64_t at, uint32_t v)
{
    rig_put(&R, at, v, 4);
}

static inline void create(void (*tweak)(struct rig *))
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

static inline void set_up(void)
{
    create(NULL);
}

static inline void tear_down(void)
{
    rig_destroy(&R);
}

/* Run one instruction and HLT from where code starts. */
static inline void again(const char *hex)
{
    char code[64];
    snprintf(code, sizeof code, "%s%s", hex, HLT);
    R.c->rip = RIG_CODE;
    R.c->activity = ACTIVITY_RUN;
    cpu_update_mode(R.c);
    rig_go(&R, code);
}

/* The instruction completes with these flags, whatever they were. */
static inline void gives(const char *hex, uint32_t flags)
{
    flags_set_arith(R.c, FLAG_ARITH & ~flags);
    again(hex);
    ck_assert_msg(rig_vector(&R) == -1, "%s: vector %d", hex, rig_vector(&R));
    ck_assert_msg(flags_arith(R.c) == flags, "%s: flags %x", hex,
                  flags_arith(R.c));
}

static inline void fails(const char *hex, enum vmx_error error)
{
    gives(hex, VALID);
    ck_assert_msg(R.c->vmx->vmcs.instruction_error == (uint32_t)error,
                  "%s: error %u", hex, R.c->vmx->vmcs.instruction_error);
}

static inline void faults(const char *hex, int vector)
{
    uint64_t sp = R.c->gpr[REG_RSP];
    flags_set_arith(R.c, FLAG_ARITH);
    again(hex);
    ck_assert_msg(rig_vector(&R) == vector, "%s: vector %d", hex,
                  rig_vector(&R));
    R.c->gpr[REG_RSP] = sp;
}

static inline void pointer(uint64_t v)
{
    rig_put(&R, OPERAND, v, 8);
}

static inline void on(void)
{
    pointer(VMXON_REGION);
    gives(VMXON, DONE);
    ck_assert(R.c->vmx->on);
}

static inline void load(uint64_t vmcs)
{
    pointer(vmcs);
    gives(VMPTRLD, DONE);
}

static inline void on_with_vmcs(void)
{
    on();
    load(VMCS_A);
}

static inline uint64_t read_field(uint64_t encoding)
{
    R.c->gpr[REG_RCX] = encoding;
    R.c->gpr[REG_RBX] = UINT64_C(0x5555555555555555);
    gives(VMREAD, DONE);
    return R.c->gpr[REG_RBX];
}

static inline void write_field(uint64_t encoding, uint64_t v)
{
    R.c->gpr[REG_RCX] = encoding;
    R.c->gpr[REG_RBX] = v;
    gives(VMWRITE, DONE);
}

#endif
