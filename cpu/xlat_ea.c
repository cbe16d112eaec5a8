/* SPDX-License-Identifier: Apache-2.0
 * Operands of the translator: register numbers and memory operands.
 */
#include "cpu/plant.h"
#include "cpu/xlat_block.h"

uint8_t xlat_gpr(ZydisRegister r)
{
    int n = (int)r;
    if (n >= ZYDIS_REGISTER_AL && n <= ZYDIS_REGISTER_BL)
        return (uint8_t)((n - ZYDIS_REGISTER_AL) * 8);
    if (n >= ZYDIS_REGISTER_AH && n <= ZYDIS_REGISTER_BH)
        return (uint8_t)((n - ZYDIS_REGISTER_AH) * 8 + 1);
    if (n >= ZYDIS_REGISTER_SPL && n <= ZYDIS_REGISTER_R15B)
        return (uint8_t)((n - ZYDIS_REGISTER_SPL + 4) * 8);
    if (n >= ZYDIS_REGISTER_AX && n <= ZYDIS_REGISTER_R15W)
        return (uint8_t)((n - ZYDIS_REGISTER_AX) * 8);
    if (n >= ZYDIS_REGISTER_EAX && n <= ZYDIS_REGISTER_R15D)
        return (uint8_t)((n - ZYDIS_REGISTER_EAX) * 8);
    if (n >= ZYDIS_REGISTER_RAX && n <= ZYDIS_REGISTER_R15)
        return (uint8_t)((n - ZYDIS_REGISTER_RAX) * 8);
    return GPR_ZERO * 8;
}

uint8_t xlat_number(ZydisRegister r)
{
    ZyanI8 id = ZydisRegisterGetId(r);
    return id < 0 ? 0 : (uint8_t)id;
}

struct uop *xlat_emit(struct xlat *x, uop_fn *fn)
{
    SIM_ASSERT(x->count < SCRATCH_UOPS);
    struct uop *u = &x->op[x->count++];
    *u = (struct uop){
        .fn = fn,
        .dst = GPR_ZERO * 8,
        .src = GPR_ZERO * 8,
        .base = GPR_ZERO * 8,
        .index = GPR_ZERO * 8,
        .seg = SEG_DS,
    };
    return u;
}

void xlat_set_ea(struct uop *u, const struct ea *ea)
{
    u->base = ea->base;
    u->index = ea->index;
    u->scale = ea->scale;
    u->seg = ea->seg;
    u->disp = ea->disp;
}

uint8_t xlat_segment(const ZydisDecodedOperand *o)
{
    ZydisRegister s = o->mem.segment;
    return s >= ZYDIS_REGISTER_ES && s <= ZYDIS_REGISTER_GS
               ? (uint8_t)(s - ZYDIS_REGISTER_ES)
               : (uint8_t)SEG_DS;
}

static struct ea made(unsigned seg)
{
    return (struct ea){GPR_EA * 8, GPR_ZERO * 8, 0, (uint8_t)seg, 0};
}

/* gpr[GPR_EA] = constant offset plus the base of FS or GS. */
static struct ea constant(struct xlat *x, unsigned seg, uint64_t offset)
{
    const struct exec_ctl_table *t = xlat_ctl_table(x);
    struct uop *u = xlat_emit(x, t->ea_const);
    u->imm = offset;
    if (seg == SEG_FS || seg == SEG_GS) {
        u = xlat_emit(x, t->ea_base);
        u->base = GPR_EA * 8;
        u->imm = UINT64_MAX;
        u->aux = seg;
    }
    return made(seg);
}

static bool fits32(int64_t v)
{
    return v == (int32_t)v;
}

/* RIP-relative: from the line in gpr[GPR_LINE], which is the one the
 * instruction ends in. */
static struct ea rip_relative(struct xlat *x, unsigned seg,
                              const ZydisDecodedOperand *o)
{
    uint64_t target = x->next_rip + (uint64_t)o->mem.disp.value;
    if (o->mem.base == ZYDIS_REGISTER_EIP)
        target = (uint32_t)target;
    uint64_t line = (x->next_rip - 1) & ~(xlat_granule(x) - 1);
    int64_t away = (int64_t)(target - line);
    if (seg == SEG_FS || seg == SEG_GS || !fits32(away))
        return constant(x, seg, target);
    return (struct ea){GPR_LINE * 8, GPR_ZERO * 8, 0, (uint8_t)seg,
                       (int32_t)away};
}

/* The address before segment base and truncation. */
static struct ea plain(const ZydisDecodedOperand *o, unsigned seg)
{
    struct ea ea = {GPR_ZERO * 8, GPR_ZERO * 8, 0, (uint8_t)seg,
                    (int32_t)o->mem.disp.value};
    if (o->mem.base != ZYDIS_REGISTER_NONE)
        ea.base = xlat_gpr(o->mem.base);
    if (o->mem.index != ZYDIS_REGISTER_NONE) {
        ea.index = xlat_gpr(o->mem.index);
        ea.scale = o->mem.scale == 0 ? 0 : (uint8_t)__builtin_ctz(o->mem.scale);
    }
    return ea;
}

bool xlat_segmented(const struct xlat *x, const ZydisDecodedOperand *o)
{
    unsigned seg = xlat_segment(o);
    bool write = (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    return !(x->mode & MODE_LONG) &&
           (seg == SEG_FS || seg == SEG_GS || !(x->mode & MODE_FLAT) ||
            (seg == SEG_CS && write));
}

struct ea xlat_offset(struct xlat *x, const ZydisDecodedOperand *o)
{
    ZydisDecodedOperand offset = *o;
    offset.mem.type = ZYDIS_MEMOP_TYPE_AGEN;
    struct ea ea = xlat_ea(x, &offset);
    ea.seg = xlat_segment(o);
    return ea;
}

struct ea xlat_ea(struct xlat *x, const ZydisDecodedOperand *o)
{
    const struct exec_ctl_table *t = xlat_ctl_table(x);
    unsigned seg = xlat_segment(o), width = x->zi->address_width;
    bool lea = o->mem.type == ZYDIS_MEMOP_TYPE_AGEN;
    bool based = !lea && (seg == SEG_FS || seg == SEG_GS);
    bool write = (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    if (lea)
        seg = SEG_DS;
    if (o->mem.base == ZYDIS_REGISTER_RIP || o->mem.base == ZYDIS_REGISTER_EIP)
        return rip_relative(x, seg, o);
    if (!fits32(o->mem.disp.value))
        return constant(x, seg, (uint64_t)o->mem.disp.value);
    struct ea ea = plain(o, seg);
    if (width == 64 && !based)
        return ea;
    uop_fn *fn = t->ea_mask;
    if (based && (x->mode & MODE_LONG))
        fn = t->ea_base;
    else if (!lea && xlat_segmented(x, o))
        fn = t->ea_seg;
    struct uop *u = xlat_emit(x, fn);
    xlat_set_ea(u, &ea);
    u->imm = bits_mask(PLANTED(x->c, PLANT_EA16_WRAP) ? 32 : width);
    u->aux = seg;
    if (fn == t->ea_seg)
        u->aux = o->size / 8u | (write ? 0x10000u : 0);
    return made(seg);
}
