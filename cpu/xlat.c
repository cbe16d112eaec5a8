/* SPDX-License-Identifier: Apache-2.0
 * The translator's driver: decodes the instructions of a block, lets the
 * family of each emit its uops, and puts costs and charges beside them.
 */
#include "cpu/cost_form.h"
#include "cpu/lbr.h"
#include "cpu/plant.h"
#include "cpu/xlat_block.h"

#include <stdlib.h>
#include <string.h>

/* Leaf of each cost class. */
static const uint8_t cost_leaf[COST_COUNT] = {
#define COST(e, name, cycles, leaf, rule, doc) [COST_##e] = LEAF_##leaf,
#include "cpu/cost.def"
#undef COST
};

enum { DECODER_64, DECODER_COMPAT32, DECODER_32, DECODER_16 };

static void init_decoder(const struct cpu *c, ZydisDecoder *d,
                         ZydisMachineMode mode, ZydisStackWidth width)
{
    /* What is not advertised is decoded as older processors do: BSF, BSR
     * and NOP in place of TZCNT, LZCNT, CET, MPX and the like. */
    static const ZydisDecoderMode off[] = {
        ZYDIS_DECODER_MODE_MPX,      ZYDIS_DECODER_MODE_CET,
        ZYDIS_DECODER_MODE_WBNOINVD, ZYDIS_DECODER_MODE_CLDEMOTE,
        ZYDIS_DECODER_MODE_KNC,      ZYDIS_DECODER_MODE_AMD_BRANCHES,
    };
    SIM_ASSERT(ZYAN_SUCCESS(ZydisDecoderInit(d, mode, width)));
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++)
        (void)ZydisDecoderEnableMode(d, off[i], ZYAN_FALSE);
    if (!cpu_has(c, FEATURE_LZCNT))
        (void)ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_LZCNT, ZYAN_FALSE);
    if (!cpu_has(c, FEATURE_BMI1))
        (void)ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_TZCNT, ZYAN_FALSE);
}

enum sim_status xlat_create(struct cpu *c, struct sim_error *e)
{
    struct xlat_scratch *s = calloc(1, sizeof *s);
    if (s == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "no memory for the translator");
    ZydisDecoder *d = s->decoder;
    init_decoder(c, &d[DECODER_64], ZYDIS_MACHINE_MODE_LONG_64,
                 ZYDIS_STACK_WIDTH_64);
    init_decoder(c, &d[DECODER_COMPAT32], ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
                 ZYDIS_STACK_WIDTH_32);
    init_decoder(c, &d[DECODER_32], ZYDIS_MACHINE_MODE_LEGACY_32,
                 ZYDIS_STACK_WIDTH_32);
    init_decoder(c, &d[DECODER_16], ZYDIS_MACHINE_MODE_LEGACY_16,
                 ZYDIS_STACK_WIDTH_16);
    c->code->scratch = s;
    return SIM_OK;
}

void xlat_destroy(struct cpu *c)
{
    free(c->code->scratch);
    c->code->scratch = NULL;
}

static const ZydisDecoder *decoder_of(const struct xlat_scratch *s,
                                      uint32_t mode)
{
    if (mode & MODE_LONG)
        return &s->decoder[DECODER_64];
    if (mode & MODE_CS32)
        return &s->decoder[mode & MODE_LMA ? DECODER_COMPAT32 : DECODER_32];
    /* Rules say what real and virtual-8086 mode do not know. */
    return &s->decoder[DECODER_16];
}

/* --- decoding --- */

/* The code bytes at hand: those of the block's page, then the next one's. */
struct source {
    const uint8_t *page[2]; /* NULL: not RAM, reads all ones */
    uint64_t phys2;
    bool second; /* page[1] and phys2 are known */
    bool faults; /* ... and it cannot be fetched */
};

static uint8_t source_byte(const struct source *src, uint64_t offset)
{
    const uint8_t *p = src->page[offset >> PAGE_SHIFT];
    return p == NULL ? 0xff : p[offset & (PAGE_SIZE - 1)];
}

/* Look up the page after the block's. It changes no more than flags. */
static void need_second(struct builder *b, struct source *src)
{
    uint64_t next = (b->lin | (PAGE_SIZE - 1)) + 1;
    if (!(b->x.mode & MODE_LONG))
        next = (uint32_t)next;
    if (src->second)
        return;
    src->second = true;
    src->faults =
        !mmu_fetch_peek(b->x.c->mmu, next, &src->phys2, &src->page[1]);
    src->phys2 &= ~(PAGE_SIZE - 1);
}

/* Bytes at page offset `at` into buf: up to 15, of the second page only
 * when `both`. Returns their number. */
static unsigned get_bytes(const struct source *src, uint64_t at, bool both,
                          uint8_t buf[15])
{
    unsigned n = 0;
    while (n < 15 && (at + n < PAGE_SIZE || both)) {
        buf[n] = source_byte(src, at + n);
        n++;
    }
    return n;
}

/* SIB base 101b with mod 00b is a displacement and no base whatever REX.B
 * (SDM Vol.2 "32-Bit Addressing Forms with the SIB Byte"); Zydis 4.0 takes
 * it for R13D when addresses have 32 bits in 64-bit mode. */
static void drop_base_r13d(struct decoded *d)
{
    if (d->zi.raw.modrm.mod != 0 || d->zi.raw.modrm.rm != 4 ||
        d->zi.raw.sib.base != 5)
        return;
    for (unsigned i = 0; i < d->zi.operand_count; i++) {
        ZydisDecodedOperandMem *m = &d->zo[i].mem;
        if (d->zo[i].type != ZYDIS_OPERAND_TYPE_MEMORY ||
            m->base != ZYDIS_REGISTER_R13D)
            continue;
        m->base = ZYDIS_REGISTER_NONE;
        m->disp.has_displacement = ZYAN_TRUE;
        m->disp.value = d->zi.raw.disp.value;
    }
}

/* Bytes of an invalid instruction up to the one that makes it so: only they
 * must lie within the code segment's limit. */
static uint8_t invalid_length(const struct builder *b, const uint8_t *buf,
                              unsigned n, struct decoded *d)
{
    const ZydisDecoder *decoder = decoder_of(b->s, b->x.mode);
    unsigned k = 1;
    if (b->x.mode & (MODE_LONG | MODE_FLAT)) /* no limit to look at */
        return (uint8_t)n;
    while (k < n && ZydisDecoderDecodeFull(decoder, buf, k, &d->zi, d->zo) ==
                        ZYDIS_STATUS_NO_MORE_DATA)
        k++;
    return (uint8_t)k;
}

/* Planted: a REX that is not the last prefix, moved to where it counts. */
static const uint8_t *misplaced_rex(const struct builder *b, const uint8_t *buf,
                                    unsigned n, uint8_t *moved)
{
    if (!PLANTED(b->x.c, PLANT_REX_BEFORE_PREFIX) || n < 15 ||
        !(b->x.mode & MODE_LONG) || (buf[0] & 0xf0) != 0x40 || buf[1] != 0x66)
        return buf;
    memcpy(moved, buf, 15);
    moved[0] = buf[1];
    moved[1] = buf[0];
    return moved;
}

static enum decode decode_bytes(const struct builder *b, const uint8_t *buf,
                                unsigned n, struct decoded *d, bool *more)
{
    *more = false;
    if (b->x.c->config.magic_ops && n >= 1 && buf[0] == 0x0f) {
        if (n < 4 && (n == 1 || buf[1] == 0x04)) {
            *more = true;
            return DECODE_UD;
        }
        if (buf[1] == 0x04) {
            d->magic = (uint16_t)(buf[2] | buf[3] << 8);
            d->length = 4;
            return DECODE_MAGIC;
        }
    }
    uint8_t moved[15];
    ZyanStatus st = ZydisDecoderDecodeFull(decoder_of(b->s, b->x.mode),
                                           misplaced_rex(b, buf, n, moved), n,
                                           &d->zi, d->zo);
    if (ZYAN_SUCCESS(st)) {
        d->length = d->zi.length;
        drop_base_r13d(d);
        return DECODE_OK;
    }
    d->length = (uint8_t)n;
    if (st == ZYDIS_STATUS_NO_MORE_DATA) {
        *more = n < 15;
        return DECODE_TOO_LONG;
    }
    if (st == ZYDIS_STATUS_INSTRUCTION_TOO_LONG)
        return DECODE_TOO_LONG;
    d->length = invalid_length(b, buf, n, d);
    return DECODE_UD;
}

/* Decode the instruction at page offset `at`. */
static void decode_one(struct builder *b, struct source *src, uint64_t at,
                       struct decoded *d)
{
    uint8_t buf[15];
    bool more;
    unsigned n = get_bytes(src, at, false, buf);
    d->how = decode_bytes(b, buf, n, d, &more);
    if (!more)
        return;
    need_second(b, src);
    if (src->faults) {
        d->how = DECODE_NO_PAGE;
        d->length = (uint8_t)(n + 1);
        return;
    }
    n = get_bytes(src, at, true, buf);
    d->how = decode_bytes(b, buf, n, d, &more);
}

/* True when no instruction of the block can follow this one. */
static bool ends_block(const struct decoded *d)
{
    if (d->how != DECODE_OK)
        return true;
    const struct insn_row *row = &insn_rows[d->zi.mnemonic];
    return d->zi.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
           row->fn == NULL || (row->rules & R_END) != 0;
}

static void decode_block(struct builder *b, struct source *src)
{
    uint64_t start = b->lin & (PAGE_SIZE - 1), at = start;
    uint64_t granule = xlat_granule(&b->x);
    unsigned most = b->x.mode & MODE_SINGLE ? 1 : BLOCK_INSNS_MAX;
    uint64_t line = start & ~(granule - 1);
    while (b->decoded < most && at < PAGE_SIZE) {
        struct decoded *d = &b->s->insn[b->decoded];
        decode_one(b, src, at, d);
        d->offset = (uint16_t)(at - start);
        if (at + d->length > PAGE_SIZE && b->decoded > 0)
            break; /* it will be a block of its own */
        uint64_t last = (at + d->length - 1) & ~(granule - 1);
        d->fetches = last != line || !(b->x.mode & (MODE_LONG | MODE_FLAT));
        line = last;
        at += d->length;
        b->decoded++;
        if (ends_block(d))
            break;
    }
}

/* --- emitting --- */

static void emit_fetch(struct builder *b, const struct decoded *d)
{
    struct xlat *x = &b->x;
    const struct exec_ctl_table *t = xlat_ctl_table(x);
    uint64_t granule = xlat_granule(x), mask = ~(granule - 1);
    uint64_t first = b->lin + d->offset;
    uint64_t before = d->offset == 0 ? first : first - 1;
    uint64_t last = first + d->length - 1;
    /* The limit comes before the page that the last byte is in. */
    if (!(x->mode & (MODE_LONG | MODE_FLAT))) {
        struct uop *u = xlat_emit(x, t->cs_limit);
        u->imm = x->rip + d->length - 1;
    }
    if ((before & mask) != (last & mask)) {
        struct uop *u = xlat_emit(x, t->line);
        if ((last ^ b->lin) & ~(PAGE_SIZE - 1))
            u->imm = b->phys2; /* ~0, which no line is, when unknown */
        else
            u->imm = (b->phys + (last - b->lin)) & mask;
    }
}

void xlat_raise(struct xlat *x, uint8_t vector)
{
    struct uop *u = xlat_emit(x, xlat_ctl_table(x)->raise);
    u->aux = vector;
    x->ended = true;
}

struct uop *xlat_callout(struct xlat *x, callout_fn *fn)
{
    struct uop *u = xlat_emit(x, xlat_ctl_table(x)->callout);
    u->imm = (uint64_t)(uintptr_t)fn;
    return u;
}

struct uop *xlat_callout_end(struct xlat *x, callout_fn *fn)
{
    struct uop *u = xlat_emit(x, xlat_ctl_table(x)->callout_end);
    u->imm = (uint64_t)(uintptr_t)fn;
    x->ended = true;
    return u;
}

struct uop *xlat_end(struct xlat *x, uop_fn *fn, uint64_t target)
{
    struct builder *b = (struct builder *)(void *)x; /* its first member */
    unsigned at = x->count;
    xlat_emit(x, fn);
    xlat_emit(x, NULL);
    struct uop_link link = {
        .to = {x->c->code->none, x->c->code->none},
        .target = target,
        .cost = xlat_timed(x) ? x->c->config.cost.cycles[COST_BRANCH_TAKEN] : 0,
    };
    memcpy(&x->op[at + 1], &link, sizeof link);
    b->linked = true;
    x->ended = true;
    return &x->op[at];
}

static enum step magic_body(struct cpu *c, const struct uop *u)
{
    const struct magic_port *m = &c->wiring.magic;
    if (m->op != NULL)
        c->gpr[REG_RAX] = m->op(m->self, c->wiring.index, (uint16_t)u->aux,
                                c->gpr[REG_RDI], c->gpr[REG_RSI]);
    return STEP_NEXT;
}

/* Static accesses from the decoded operands. */
static void count_accesses(struct xlat *x)
{
    x->loads = x->stores = 0;
    if (x->zi->meta.category == ZYDIS_CATEGORY_NOP ||
        x->zi->meta.category == ZYDIS_CATEGORY_WIDENOP ||
        x->zi->meta.category == ZYDIS_CATEGORY_PREFETCH)
        return;
    for (unsigned i = 0; i < x->zi->operand_count; i++) {
        const ZydisDecodedOperand *o = &x->zo[i];
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY ||
            o->mem.type != ZYDIS_MEMOP_TYPE_MEM)
            continue;
        if (o->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
            x->loads++;
        if (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
            x->stores++;
    }
}

/* Bytes that a memory operand is aligned to, SDM Vol.3 "Interrupt 17 -
 * Alignment Check Exception (#AC)". *skip: bytes before the aligned part, as
 * pseudo-descriptors are a word and a base. */
static unsigned alignment(const struct xlat *x, unsigned size, unsigned *skip)
{
    *skip = 0;
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FRSTOR: return x->zi->operand_width == 16 ? 2 : 4;
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT: *skip = 2; return size - 2;
    case ZYDIS_MNEMONIC_LDS:
    case ZYDIS_MNEMONIC_LES:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS: return size - 2;
    case ZYDIS_MNEMONIC_BOUND: return size / 2;
    default: break;
    }
    if (x->zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR &&
        x->zi->mnemonic != ZYDIS_MNEMONIC_RET)
        return size - 2; /* the selector comes last */
    return size;
}

/* Address bits that alignment checking wants clear. Vectors of 16 and 32
 * bytes: 16, and none where misalignment is #GP (R_ALIGN); Vol.1 "Memory
 * Alignment". */
static unsigned alignment_mask(const struct xlat *x,
                               const ZydisDecodedOperand *o, uint32_t rules,
                               unsigned *skip)
{
    unsigned size = alignment(x, o->size / 8u, skip);
    if (size == 16 || size == 32) {
        if (rules & R_ALIGN)
            return 0;
        return o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN ? 7 : 15;
    }
    return size >= 8 ? 7 : size >= 4 ? 3 : size >= 2 ? 1 : 0;
}

/* Alignment checking (EFLAGS.AC), which an access at the filter's speed
 * would not see. String instructions check each iteration. */
static void emit_alignment(struct xlat *x, uint32_t rules)
{
    const struct exec_ctl_table *t = xlat_ctl_table(x);
    if (x->zi->meta.category == ZYDIS_CATEGORY_STRINGOP ||
        x->zi->meta.category == ZYDIS_CATEGORY_IOSTRINGOP)
        return;
    for (unsigned i = 0; i < x->zi->operand_count; i++) {
        const ZydisDecodedOperand *o = &x->zo[i];
        unsigned skip;
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY ||
            o->mem.type != ZYDIS_MEMOP_TYPE_MEM)
            continue;
        unsigned mask = alignment_mask(x, o, rules, &skip);
        if (mask == 0)
            continue;
        struct ea ea = xlat_ea(x, o);
        struct uop *u = xlat_emit(x, t->align_ac);
        xlat_set_ea(u, &ea);
        u->disp = (int32_t)((uint32_t)u->disp + skip);
        u->aux = mask;
    }
}

static void emit_family(struct builder *b, const struct decoded *d)
{
    struct xlat *x = &b->x;
    const struct insn_row *row = &insn_rows[d->zi.mnemonic];
    x->zi = &d->zi;
    x->zo = d->zo;
    x->flags_dead = d->dead;
    if (row->fn == NULL) {
        xlat_raise(x, EXC_UD);
        return;
    }
    x->cost = (enum cost_class)row->cost;
    if (xlat_rules(x, row))
        return;
    count_accesses(x);
    if ((x->mode & MODE_AC) && x->loads + x->stores != 0 &&
        !(row->rules & R_NO_AC))
        emit_alignment(x, row->rules);
    if (!row->fn(x)) {
        xlat_raise(x, EXC_UD);
        return;
    }
    x->cost = cost_of_form(x->zi, x->zo, x->cost);
    if ((row->rules & R_END) != 0 && !x->ended)
        xlat_end(x, xlat_ctl_table(x)->next, 0);
}

static void emit_insn(struct builder *b, const struct decoded *d)
{
    struct xlat *x = &b->x;
    x->loads = x->stores = 0;
    x->cost = COST_ALU;
    switch (d->how) {
    case DECODE_OK: emit_family(b, d); break;
    case DECODE_UD: xlat_raise(x, EXC_UD); break;
    case DECODE_TOO_LONG: xlat_raise(x, EXC_GP); break;
    case DECODE_NO_PAGE: /* the line uop faults, or drops the block */
        x->ended = true;
        break;
    case DECODE_MAGIC: xlat_callout_end(x, magic_body)->aux = d->magic; break;
    }
}

/* Cost of the instruction whose uops start at `body`: into the prefix sums,
 * or in a charge uop when it belongs to another leaf than the base. */
static void charge(struct builder *b, unsigned body, unsigned insn)
{
    struct xlat *x = &b->x;
    struct insn_meta *m = &b->s->meta[insn];
    uint32_t base = 1, l1d = 0;
    if (xlat_timed(x)) {
        uint32_t cycles = x->c->config.cost.cycles[x->cost];
        uint32_t latency = x->c->mmu_config.l1d.latency;
        if (cost_leaf[x->cost] == LEAF_BASE) {
            base = cycles > 1 ? cycles : 1;
        } else if (cycles > 1) {
            (void)xlat_emit(x, NULL); /* room for the charge */
            memmove(&x->op[body + 1], &x->op[body],
                    (x->count - 1 - body) * sizeof x->op[0]);
            x->op[body] = (struct uop){.fn = xlat_ctl_table(x)->charge,
                                       .imm = cycles - 1,
                                       .aux = cost_leaf[x->cost]};
        }
        l1d = x->loads * (latency > 1 ? latency - 1 : 0);
    }
    m[1].base = m[0].base + base;
    m[1].l1d = m[0].l1d + l1d;
    m[1].loads = (uint16_t)(m[0].loads + x->loads);
    m[1].stores = (uint16_t)(m[0].stores + x->stores);
}

/* Number the uops of an instruction; the link of a terminator is data. */
static void number(struct builder *b, unsigned from, unsigned insn)
{
    unsigned end = b->x.count - (b->linked ? 1 : 0);
    for (unsigned i = from; i < end; i++) {
        b->x.op[i].insn = (uint8_t)insn;
        b->x.op[i].place = (uint8_t)i;
    }
}

/* The instruction and the Jcc after it as one uop, when that is possible. A
 * slow fetch of either may have to stop the chain between the two. */
static bool emit_fused(struct builder *b, const struct decoded *d, unsigned i)
{
    if (i + 1 >= b->decoded || (b->x.mode & MODE_SINGLE) || d[0].fetches ||
        d[1].fetches || !xlat_fusible(d, d + 1))
        return false;
    struct xlat *x = &b->x;
    uint64_t after = x->next_rip + d[1].length;
    uint64_t target = xlat_target(x, &d[1].zi, d[1].zo, after);
    x->zi = &d->zi;
    x->zo = d->zo;
    x->loads = x->stores = 0;
    x->cost = COST_ALU;
    if (!xlat_target_plain(x, target) || !xlat_fuse(x, d, d + 1, target))
        return false;
    return true;
}

static void set_meta(struct builder *b, unsigned insn, unsigned uop0,
                     bool clean)
{
    struct insn_meta *m = &b->s->meta[insn];
    m->uop0 = (uint8_t)uop0;
    m->clean = clean;
    m->offset = b->s->insn[insn].offset;
    m[1].offset = (uint16_t)(m->offset + b->s->insn[insn].length);
    m[1].clean = false;
}

/* Emit all; returns the number of instructions in the block. */
static unsigned emit_block(struct builder *b)
{
    struct xlat *x = &b->x;
    unsigned n = 0, clean = 0, clean_uops = 0;
    uint64_t rip0 = x->rip,
             wrap = x->mode & MODE_LONG ? UINT64_MAX : UINT32_MAX;
    b->s->meta[0] = (struct insn_meta){0};
    while (n < b->decoded && !x->ended) {
        const struct decoded *d = &b->s->insn[n];
        unsigned from = x->count;
        if (d->clean && n > 0) {
            clean = n;
            clean_uops = from;
            if (from > UOP_BLOCK_MAX - INSN_UOPS_MAX)
                break;
        }
        x->rip = (rip0 + d->offset) & wrap;
        x->next_rip = (rip0 + d->offset + d->length) & wrap;
        set_meta(b, n, from, d->clean);
        emit_fetch(b, d);
        unsigned body = x->count;
        bool fused = emit_fused(b, d, n);
        if (!fused)
            emit_insn(b, d);
        charge(b, body, n);
        number(b, from, n);
        n++;
        if (fused) {
            set_meta(b, n, from, false);
            charge(b, body, n);
            n++;
        }
    }
    if (!x->ended) {
        if (n < b->decoded && clean != 0) { /* no room: back to a clean end */
            n = clean;
            x->count = clean_uops;
        }
        unsigned from = x->count;
        xlat_end(x, xlat_ctl_table(x)->next, 0);
        number(b, from, n - 1);
    }
    return n;
}

/* What MSR_LBR_SELECT takes the instruction for. */
static enum branch_kind branch_kind(const struct decoded *d)
{
    if (d->how != DECODE_OK)
        return BRANCH_NONE;
    bool far = d->zi.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
    bool relative = d->zo[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    switch ((int)d->zi.meta.category) {
    case ZYDIS_CATEGORY_COND_BR: return BRANCH_JCC;
    case ZYDIS_CATEGORY_CALL:
        if (far)
            return BRANCH_FAR;
        return relative ? BRANCH_CALL_RELATIVE : BRANCH_CALL_INDIRECT;
    case ZYDIS_CATEGORY_UNCOND_BR:
        if (far)
            return BRANCH_FAR;
        return relative ? BRANCH_JMP_RELATIVE : BRANCH_JMP_INDIRECT;
    default: break;
    }
    bool ret = d->zi.mnemonic == ZYDIS_MNEMONIC_RET && !far;
    return ret ? BRANCH_RET : BRANCH_FAR;
}

static struct block *finish(struct builder *b, unsigned insns, uint64_t rip)
{
    struct xlat *x = &b->x;
    const struct insn_meta *total = &b->s->meta[insns];
    struct block *n = codecache_alloc(x->c->code, x->count, insns);
    if (n == NULL)
        return NULL;
    uint64_t mask = ~(xlat_granule(x) - 1);
    n->line = b->lin & mask;
    n->pline = b->phys & mask;
    n->base = total->base;
    n->l1d = total->l1d;
    n->cycles = n->base + n->l1d;
    n->instructions = insns;
    n->loads = total->loads;
    n->stores = total->stores;
    n->lin = b->lin;
    n->rip = rip;
    n->phys = b->phys;
    n->mode = x->mode;
    n->length = total->offset;
    n->insns = (uint16_t)insns;
    n->branch = (uint8_t)branch_kind(&b->s->insn[insns - 1]);
    memcpy(n->uop, x->op, x->count * sizeof(struct uop));
    memcpy(n->meta, b->s->meta, (insns + 1) * sizeof(struct insn_meta));
    bool two = (b->lin & (PAGE_SIZE - 1)) + n->length > PAGE_SIZE;
    codecache_insert(x->c->code, n, two ? b->phys2 : UINT64_MAX);
    return n;
}

struct block *xlat_block(struct cpu *c, uint64_t phys, uint64_t lin,
                         uint64_t rip, uint32_t mode)
{
    struct builder b = {
        .x = {.c = c, .mode = mode, .rip = rip, .op = c->code->scratch->op},
        .s = c->code->scratch,
        .lin = lin,
        .phys = phys,
        .phys2 = UINT64_MAX,
    };
    struct source src = {.phys2 = UINT64_MAX};
    uint64_t ppage;
    /* The line was fetched just now, so that this cannot fault. */
    if (!mmu_fetch_peek(c->mmu, lin, &ppage, &src.page[0]))
        src.page[0] = NULL;
    decode_block(&b, &src);
    if (src.second && !src.faults)
        b.phys2 = src.phys2;
    xlat_flags(c, b.s->insn, b.decoded);
    unsigned n = emit_block(&b);
    return finish(&b, n, rip);
}
