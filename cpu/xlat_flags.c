/* SPDX-License-Identifier: Apache-2.0
 * Which instructions of a block leave flags that nobody sees. Flags are seen
 * by instructions that test them, at the block's end, and wherever the chain
 * can be left: a fault, a callout, a stop after a slow access. So only
 * instructions on registers, known one by one not to fault, are looked
 * through; every other one keeps all flags before and after it exact.
 */
#include "cpu/plant.h"
#include "cpu/xlat_block.h"

struct effect {
    uint32_t reads, writes; /* writes: what it may change */
    uint32_t kills;         /* what it writes whatever its operands */
    bool opaque;
};

/* True for instructions that write all six flags whatever their operands. */
static bool writes_all(ZydisMnemonic m)
{
    switch ((unsigned)m) {
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_NEG:
    case ZYDIS_MNEMONIC_ADC:
    case ZYDIS_MNEMONIC_SBB: return true;
    default: return false;
    }
}

/* The masked count of a shift by an immediate; 0: none or CL. */
static unsigned shift_count(const struct decoded *d)
{
    const ZydisDecodedOperand *o =
        &d->zo[d->zi.operand_count_visible == 3 ? 2 : 1];
    if (o->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
        return 0;
    return (unsigned)o->imm.value.u & (d->zo[0].size == 64 ? 63 : 31);
}

/* What the handlers of cpu/exec_shift.c, exec_mul.c, exec_bit.c and
 * exec_bmi.c do with
 * undefined flags counts as writing. False: not one of theirs. */
static bool partial(const struct decoded *d, struct effect *e)
{
    const uint32_t cf_of = FLAG_CF | FLAG_OF;
    switch ((unsigned)d->zi.mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD:
        e->writes = FLAG_ARITH;
        e->kills = shift_count(d) != 0 ? FLAG_ARITH : 0;
        return true;
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
        e->writes = cf_of;
        e->kills = shift_count(d) != 0 ? cf_of : 0;
        return true;
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR: e->writes = cf_of; return true;
    case ZYDIS_MNEMONIC_MUL:
    case ZYDIS_MNEMONIC_IMUL:
    case ZYDIS_MNEMONIC_BSF:
    case ZYDIS_MNEMONIC_BSR:
    case ZYDIS_MNEMONIC_TZCNT:
    case ZYDIS_MNEMONIC_LZCNT:
    case ZYDIS_MNEMONIC_ANDN:
    case ZYDIS_MNEMONIC_BEXTR:
    case ZYDIS_MNEMONIC_BLSI:
    case ZYDIS_MNEMONIC_BLSMSK:
    case ZYDIS_MNEMONIC_BLSR:
    case ZYDIS_MNEMONIC_BZHI:
    case ZYDIS_MNEMONIC_POPCNT: e->writes = e->kills = FLAG_ARITH; return true;
    case ZYDIS_MNEMONIC_ADOX: e->writes = e->kills = FLAG_OF; return true;
    case ZYDIS_MNEMONIC_ADCX:
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC: e->writes = e->kills = FLAG_CF; return true;
    default: return false;
    }
}

/* True for instructions that write no flag and cannot fault on registers. */
static bool transparent(const ZydisDecodedInstruction *zi)
{
    switch ((unsigned)zi->mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVSX:
    case ZYDIS_MNEMONIC_MOVSXD:
    case ZYDIS_MNEMONIC_LEA:
    case ZYDIS_MNEMONIC_NOT:
    case ZYDIS_MNEMONIC_BSWAP:
    case ZYDIS_MNEMONIC_XCHG:
    case ZYDIS_MNEMONIC_CBW:
    case ZYDIS_MNEMONIC_CWDE:
    case ZYDIS_MNEMONIC_CDQE:
    case ZYDIS_MNEMONIC_CWD:
    case ZYDIS_MNEMONIC_CDQ:
    case ZYDIS_MNEMONIC_CQO:
    case ZYDIS_MNEMONIC_MULX:
    case ZYDIS_MNEMONIC_PDEP:
    case ZYDIS_MNEMONIC_PEXT:
    case ZYDIS_MNEMONIC_RORX:
    case ZYDIS_MNEMONIC_SARX:
    case ZYDIS_MNEMONIC_SHLX:
    case ZYDIS_MNEMONIC_SHRX: return true;
    default:
        return zi->meta.category == ZYDIS_CATEGORY_CMOV ||
               zi->meta.category == ZYDIS_CATEGORY_SETCC ||
               xlat_jcc(zi->mnemonic) >= 0;
    }
}

/* Only general registers, immediates and addresses that are not used. */
static bool on_registers(const struct decoded *d)
{
    for (unsigned i = 0; i < d->zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &d->zo[i];
        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            o->mem.type != ZYDIS_MEMOP_TYPE_AGEN)
            return false;
        if (o->type == ZYDIS_OPERAND_TYPE_POINTER)
            return false;
        if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
            continue;
        switch ((unsigned)ZydisRegisterGetClass(o->reg.value)) {
        case ZYDIS_REGCLASS_GPR8:
        case ZYDIS_REGCLASS_GPR16:
        case ZYDIS_REGCLASS_GPR32:
        case ZYDIS_REGCLASS_GPR64:
        case ZYDIS_REGCLASS_IP:
        case ZYDIS_REGCLASS_FLAGS: break;
        default: return false;
        }
    }
    return true;
}

/* A VEX encoding is #UD in real and virtual-8086 mode. */
static bool invalid_here(const struct cpu *c, const struct insn_row *row)
{
    return (row->rules & R_VEX) != 0 &&
           ((c->mode & MODE_PROT) == 0 || (c->mode & MODE_V86) != 0);
}

static struct effect effect_of(const struct cpu *c, const struct decoded *d)
{
    struct effect opaque = {FLAG_ARITH, 0, 0, true};
    const ZydisDecodedInstruction *zi = &d->zi;
    if (d->how != DECODE_OK)
        return opaque;
    const struct insn_row *row = &insn_rows[zi->mnemonic];
    if (row->fn == NULL || !on_registers(d) || invalid_here(c, row) ||
        !cpu_has(c, (enum cpu_feature)row->feature) ||
        (zi->attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0)
        return opaque;
    struct effect e = {0, 0, 0, false};
    if (zi->cpu_flags != NULL)
        e.reads = zi->cpu_flags->tested & FLAG_ARITH;
    if (PLANTED(c, PLANT_ADC_DEAD_CARRY) && zi->mnemonic == ZYDIS_MNEMONIC_ADC)
        e.reads = 0;
    if (partial(d, &e))
        return e;
    if (writes_all(zi->mnemonic))
        e.writes = FLAG_ARITH;
    else if (zi->mnemonic == ZYDIS_MNEMONIC_INC ||
             zi->mnemonic == ZYDIS_MNEMONIC_DEC)
        e.writes = FLAG_ARITH & ~(uint32_t)FLAG_CF;
    else if (!transparent(zi))
        return opaque;
    e.kills = e.writes;
    return e;
}

void xlat_flags(const struct cpu *c, struct decoded *d, unsigned n)
{
    uint32_t live = FLAG_ARITH;
    for (unsigned i = n; i-- > 0;) {
        struct effect e = effect_of(c, &d[i]);
        /* After a slow fetch the chain may have to stop behind the
         * instruction. */
        d[i].dead = !d[i].fetches && e.writes != 0 && (e.writes & live) == 0;
        live =
            e.opaque || d[i].fetches ? FLAG_ARITH : (live & ~e.kills) | e.reads;
    }
    uint32_t stale = 0;
    for (unsigned i = 0; i < n; i++) {
        struct effect e = effect_of(c, &d[i]);
        d[i].clean = stale == 0;
        stale = d[i].dead ? stale | e.writes : stale & ~e.kills;
    }
}
