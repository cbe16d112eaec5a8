/* SPDX-License-Identifier: Apache-2.0
 * The case generator: which kind of case an index is, and the single
 * instructions. A pure function of (seed, index).
 */
/* The decoder's enumerations have hundreds of values; a few matter here. */
#pragma GCC diagnostic ignored "-Wswitch-enum"

#include "cpu/xlat.h"
#include "cpu/xlat_sys.h"
#include "tests/differential/gen.h"

#include <string.h>

/* --- decoding --- */

/* As the simulator decodes: what it does not advertise is off. */
static void init_decoder(ZydisDecoder *d, ZydisMachineMode mode,
                         ZydisStackWidth width)
{
    static const ZydisDecoderMode off[] = {
        ZYDIS_DECODER_MODE_MPX,      ZYDIS_DECODER_MODE_CET,
        ZYDIS_DECODER_MODE_WBNOINVD, ZYDIS_DECODER_MODE_CLDEMOTE,
        ZYDIS_DECODER_MODE_KNC,      ZYDIS_DECODER_MODE_AMD_BRANCHES,
    };
    (void)ZydisDecoderInit(d, mode, width);
    for (unsigned i = 0; i < sizeof off / sizeof off[0]; i++)
        (void)ZydisDecoderEnableMode(d, off[i], ZYAN_FALSE);
    if (!both_have(FEATURE_LZCNT))
        (void)ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_LZCNT, ZYAN_FALSE);
    if (!both_have(FEATURE_BMI1))
        (void)ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_TZCNT, ZYAN_FALSE);
}

const ZydisDecoder *case_decoder(enum code_mode mode)
{
    static ZydisDecoder decoder[CODE_MODES];
    static bool ready;
    if (!ready) {
        init_decoder(&decoder[CODE_64], ZYDIS_MACHINE_MODE_LONG_64,
                     ZYDIS_STACK_WIDTH_64);
        init_decoder(&decoder[CODE_32], ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
                     ZYDIS_STACK_WIDTH_32);
        init_decoder(&decoder[CODE_16], ZYDIS_MACHINE_MODE_LONG_COMPAT_16,
                     ZYDIS_STACK_WIDTH_16);
        ready = true;
    }
    return &decoder[mode];
}

/* SIB base 101b with mod 00b is a displacement and no base whatever REX.B;
 * the decoder takes it for R13D when addresses have 32 bits. */
static void drop_base_r13d(struct test_case *t)
{
    if (t->zi.raw.modrm.mod != 0 || t->zi.raw.modrm.rm != 4 ||
        t->zi.raw.sib.base != 5)
        return;
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        ZydisDecodedOperandMem *m = &t->zo[i].mem;
        if (t->zo[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            m->base == ZYDIS_REGISTER_R13D) {
            m->base = ZYDIS_REGISTER_NONE;
            m->disp.value = t->zi.raw.disp.value;
        }
    }
}

bool case_decode(struct test_case *t)
{
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(case_decoder(t->mode), t->bytes, 15,
                                           &t->zi, t->zo)))
        return false;
    drop_base_r13d(t);
    return true;
}

/* --- what may run --- */

/* Instructions whose effect depends on what the host's kernel set up, or
 * that leave user mode. */
static bool excluded(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RDTSCP:
    case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_RDRAND:
    case ZYDIS_MNEMONIC_RDSEED:
    case ZYDIS_MNEMONIC_RDPID:
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_XGETBV:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_RDFSBASE:
    case ZYDIS_MNEMONIC_RDGSBASE:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE: return true;
    default: break;
    }
    /* FS and GS are the host's own. */
    if (zi->attributes &
        (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS))
        return true;
    return zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

static bool loads_fs_gs(const ZydisDecodedInstruction *zi,
                        const ZydisDecodedOperand *zo)
{
    for (unsigned i = 0; i < zi->operand_count_visible; i++) {
        if (zo[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            (zo[i].reg.value == ZYDIS_REGISTER_FS ||
             zo[i].reg.value == ZYDIS_REGISTER_GS) &&
            (zo[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
            return true;
    }
    return false;
}

/* Rows that only say #UD: RSM, there being no system-management mode. */
static bool absent(ZydisMnemonic m)
{
    return insn_rows[m].fn == xlat_sys_absent && m != ZYDIS_MNEMONIC_UD0 &&
           m != ZYDIS_MNEMONIC_UD1 && m != ZYDIS_MNEMONIC_UD2;
}

enum standing case_standing(const ZydisDecodedInstruction *zi,
                            const ZydisDecodedOperand *zo)
{
    const struct insn_row *row = &insn_rows[zi->mnemonic];
    bool vex = row->rules & (R_VEX | R_AVX | R_AVX_FP);
    if (excluded(zi) || loads_fs_gs(zi, zo))
        return STANDING_EXCLUDED;
    if (row->fn == NULL || absent(zi->mnemonic) ||
        zi->encoding != (vex ? ZYDIS_INSTRUCTION_ENCODING_VEX
                             : ZYDIS_INSTRUCTION_ENCODING_LEGACY))
        return STANDING_NOT_MODELLED;
    return both_have(row->feature) ? STANDING_TESTED : STANDING_HOST_LACKS;
}

/* --- single instructions --- */

/* Structured random bytes that are an instruction to test. */
static bool find_encoding(struct rng *r, struct test_case *t)
{
    for (unsigned tries = 0; tries < 64; tries++) {
        random_encoding(r, t->mode, t->bytes);
        if (case_decode(t) && case_standing(&t->zi, t->zo) == STANDING_TESTED)
            return true;
    }
    return false;
}

static bool single_generate(struct rng *r, struct test_case *t,
                            const char **why)
{
    t->place = CODE_OFFSET;
    t->steps = 1;
    *why = "not an instruction";
    for (unsigned tries = 0; tries < 8; tries++) {
        bool found;
        if (below(r, 8) < 5) {
            found = form_generate(r, form_choose(r, false), t);
        } else {
            static const uint8_t modes[] = {CODE_64, CODE_64, CODE_64, CODE_64,
                                            CODE_64, CODE_32, CODE_32, CODE_16};
            t->mode = (enum code_mode)modes[below(r, 8)];
            found = host_has_mode(t->mode) && find_encoding(r, t);
        }
        if (found && one_in(r, 16) && reencode(r, t))
            found = case_decode(t);
        if (!found || case_standing(&t->zi, t->zo) != STANDING_TESTED)
            continue;
        t->length = t->zi.length;
        random_state(r, t);
        fill_memory(r, t->memory);
        steer(r, t);
        /* Steering patched bytes: decode what will run. */
        if (case_decode(t) && t->zi.length == t->length)
            return true;
    }
    return false;
}

/* Uniformly random bytes. What the decoder knows lies at the end of the
 * page, so that a host which sees a longer instruction faults on the next
 * page; what it does not know, in the middle. */
bool bytes_generate(struct rng *r, struct test_case *t, const char **why)
{
    t->mode = CODE_64;
    t->steps = 1;
    for (unsigned i = 0; i < 15; i++)
        t->bytes[i] = (uint8_t)rng_next(r);
    bool known = case_decode(t);
    t->length = known ? t->zi.length : 15;
    t->open_end = known;
    t->place = (uint16_t)(known ? 4096 - t->length : CODE_OFFSET);
    random_state(r, t);
    fill_memory(r, t->memory);
    if (!known) {
        memset(&t->zi, 0, sizeof t->zi);
        return true;
    }
    *why = "steering changed its length";
    steer(r, t);
    return case_decode(t) && t->zi.length == t->length;
}

bool case_generate(uint64_t seed, uint64_t index, struct test_case *t,
                   const char **why)
{
    uint64_t kind = index >> 56;
    struct rng r = rng_make(seed, index);
    t->seed = seed;
    t->index = index;
    t->open_end = false;
    memset(t->bytes, 0xcc, sizeof t->bytes);
    memset(t->undefined, 0, sizeof t->undefined);
    switch (kind) {
    case CASE_SINGLE: return single_generate(&r, t, why);
    case CASE_SEQUENCE: return sequence_generate(&r, t, why);
    case CASE_X87: return x87_generate(&r, t, why);
    case CASE_BYTES: return bytes_generate(&r, t, why);
    case CASE_CORPUS: return corpus_generate((unsigned)index, t, why);
    default: *why = "no such kind"; return false;
    }
}
