/* SPDX-License-Identifier: Apache-2.0
 * Deliberately planted defects, taken from the history of real emulators,
 * that the differential tester or (PLANT_SYS_) the unit tests must find: a
 * test of the test. Only the library built with VTSIM_PLANTS contains them;
 * elsewhere PLANTED is a constant 0.
 */
#ifndef VTSIM_CPU_PLANT_H
#define VTSIM_CPU_PLANT_H

enum plant {
    PLANT_NONE,
    PLANT_ADC_CARRY_IN,       /* ADC forgets the carry in its own CF */
    PLANT_SAR_FLAG,           /* SAR takes CF from the wrong bit */
    PLANT_CMOV_UPPER,         /* CMOV r32 not taken keeps bits 63:32 */
    PLANT_BT_NEGATIVE,        /* BT m, r ignores the sign of the offset */
    PLANT_INC_CARRY,          /* INC clears CF */
    PLANT_CMPXCHG_NO_WRITE,   /* CMPXCHG does not write back on mismatch */
    PLANT_ENTER_NO_PROBE,     /* ENTER does not probe the final stack top */
    PLANT_SSE_UNALIGNED,      /* no #GP for an unaligned 16-byte operand */
    PLANT_COMIS_PARITY,       /* COMISx, PTEST forget PF on unordered */
    PLANT_FLD_NO_OVERFLOW,    /* FLD does not see a full register stack */
    PLANT_REP_COUNT32,        /* addr32 REP with count 0 does not zero-extend */
    PLANT_PUSH_RSP,           /* PUSH RSP stores the decremented value */
    PLANT_VEX128_KEEPS_UPPER, /* VEX.128 keeps bits 255:128 */
    PLANT_MASKMOV_FAULTS,     /* VMASKMOV touches a masked-out element */
    PLANT_GATHER_KEEPS_MASK, /* gathers keep the mask bits of loaded elements */
    PLANT_DAA_NO_AF,         /* DAA ignores AF */
    PLANT_AAM_ZERO,          /* AAM with 0 does not raise #DE */
    PLANT_V86_INT_IOPL,      /* INT n in virtual-8086 mode ignores IOPL */
    PLANT_VME_POPF_IF,       /* POPF with CR4.VME lets IF through */
    PLANT_REAL_SP_WRAP,      /* a push at SP = 1 in real mode wraps around */
    PLANT_XRSTOR_NO_INIT,    /* XRSTOR keeps AVX state it should initialise */
    PLANT_BLSI_CARRY,        /* BLSI gives BLSR's CF */
    PLANT_ADCX_OVERFLOW,     /* ADCX writes OF too */
    PLANT_MOVBE_UPPER,       /* MOVBE r16 clears bits 31:16 */
    PLANT_LZCNT_ZERO,        /* LZCNT of 0 is one too small */
    /* PLANT_SYS_: ring 3 cannot see them; unit tests do. */
    PLANT_SYS_TASK_BUSY,      /* a task switch leaves the old TSS busy */
    PLANT_SYS_IRET_OUTER_DS,  /* IRET to an outer level leaves inner data
                                 segments usable */
    PLANT_SYS_NMI_UNBLOCKED,  /* an NMI does not block the next one */
    PLANT_SYS_DR6_NO_BS,      /* a single-step trap does not set DR6.BS */
    PLANT_SYS_GATE_PARAMETER, /* a call gate copies one parameter too few */
    PLANT_SYS_XCR0_AVX_ALONE, /* XSETBV takes AVX without SSE */
    PLANT_SYS_WRPKRU_STALE,   /* WRPKRU changes nothing for pages in use */
    PLANT_SYS_MONITOR_EARLY,  /* MWAIT waits after a store came before it */
    PLANT_REX_BEFORE_PREFIX,  /* a REX before a legacy prefix counts */
    PLANT_LOOP_COUNT64,       /* LOOP with 32-bit addresses counts RCX */
    PLANT_SHLD_COUNT,         /* SHLD, SHRD r64 mask the count to 5 bits */
    PLANT_TEST_ALIAS,         /* F6 /1, F7 /1 are #UD */
    PLANT_FCOMI_OVERFLOW,     /* FCOMI leaves OF, SF and AF */
    PLANT_DIV_COMMITS,        /* DIV clears RAX before it raises #DE */
    PLANT_EA16_WRAP,          /* 16-bit addresses do not wrap */
    PLANT_FNSTENV_MASKS,      /* FNSTENV does not mask the exceptions */
    PLANT_ADC_DEAD_CARRY,     /* a carry that only ADC reads is not made */
    PLANT_XSAVEC_MXCSR,       /* XSAVEC leaves out SSE with MXCSR changed */
    PLANT_FMA_ROUNDS_TWICE,   /* VFMADD231PD rounds its product */
    PLANT_PS2PH_IMM,          /* VCVTPS2PH ignores the rounding mode in imm8 */
    PLANT_VCMP_3BITS,         /* VCMPPS and its like know 8 predicates */
    PLANT_AESKEYGEN_NO_RCON,  /* AESKEYGENASSIST forgets the constant */
    PLANT_COUNT
};

#ifdef VTSIM_PLANTS
#define PLANTED(c, n) __builtin_expect((c)->config.plant == (n), 0)
#else
#define PLANTED(c, n) 0
#endif

#endif
