/* SPDX-License-Identifier: Apache-2.0
 * Descriptors, segment-register loads and segmented addresses.
 * SDM Vol.3 "Protected-Mode Memory Management", "Protection".
 */
#include "cpu/segment.h"

#include "cpu/control.h"
#include "cpu/mem.h"
#include "cpu/plant_system.h"
#include "sim/base/bits.h"

bool segment_canonical(const struct cpu *c, uint64_t lin)
{
    unsigned width = (c->cr4 & CR4_LA57) != 0 ? 57 : 48;
    return bits_sext(lin, width) == lin;
}

bool segment_canonical_register(const struct cpu *c, uint64_t v)
{
    return bits_sext(v, c->config.linear_bits) == v;
}

/* ------------------------------------------------------------ descriptors */

/* Where a selector's descriptor lies; false when its table lacks it. */
static bool locate(const struct cpu *c, uint16_t sel, unsigned bytes,
                   uint64_t *lin)
{
    uint64_t base = c->gdtr.base;
    uint32_t limit = c->gdtr.limit;
    if ((sel & 4) != 0) {
        const struct segment *ldt = &c->seg[SEG_LDTR];
        if ((ldt->attr & SEG_ATTR_UNUSABLE) != 0 ||
            selector_is_null(ldt->selector))
            return false;
        base = ldt->base;
        limit = ldt->limit;
    }
    uint32_t offset = sel & 0xfff8u;
    if (offset + bytes - 1 > limit)
        return false;
    *lin = base + offset;
    if ((c->mode & MODE_LMA) == 0)
        *lin = (uint32_t)*lin;
    return true;
}

bool descriptor_peek(struct cpu *c, uint16_t sel, bool wide, bool *found,
                     struct descriptor *d)
{
    unsigned bytes = wide ? 16 : 8;
    *d = (struct descriptor){.selector = sel};
    *found = !selector_is_null(sel) && locate(c, sel, bytes, &d->lin);
    if (!*found)
        return true;
    uint64_t raw[2] = {0, 0};
    if (!mem_system_read(c, d->lin, bytes, raw))
        return false;
    d->lo = raw[0];
    d->hi = raw[1];
    return true;
}

static bool read_or_raise(struct cpu *c, uint16_t sel, bool wide,
                          uint8_t vector, uint32_t ext, struct descriptor *d)
{
    bool found;
    if (!descriptor_peek(c, sel, wide, &found, d))
        return false;
    if (!found)
        raise_error(c, vector, selector_error(sel, ext));
    return found;
}

bool descriptor_read(struct cpu *c, uint16_t sel, uint8_t vector, uint32_t ext,
                     struct descriptor *d)
{
    return read_or_raise(c, sel, false, vector, ext, d);
}

bool descriptor_read_system(struct cpu *c, uint16_t sel, uint8_t vector,
                            uint32_t ext, struct descriptor *d)
{
    bool wide = (c->mode & MODE_LMA) != 0;
    return read_or_raise(c, sel, wide, vector, ext, d);
}

bool descriptor_set_accessed(struct cpu *c, struct descriptor *d)
{
    if ((descriptor_type(d) & TYPE_ACCESSED) != 0)
        return true;
    d->lo |= BIT(40);
    uint8_t byte = (uint8_t)(d->lo >> 40);
    return mem_system_write(c, d->lin + 5, 1, &byte);
}

bool descriptor_set_busy(struct cpu *c, struct descriptor *d, bool busy)
{
    d->lo = busy ? d->lo | BIT(41) : d->lo & ~BIT(41);
    uint8_t byte = (uint8_t)(d->lo >> 40);
    return mem_system_write(c, d->lin + 5, 1, &byte);
}

struct segment segment_from(const struct descriptor *d)
{
    struct segment s = {.selector = d->selector};
    s.attr = (uint32_t)(d->lo >> 40) & 0xf0ff;
    if ((s.attr & SEG_ATTR_S) != 0)
        s.attr |= TYPE_ACCESSED;
    s.limit = (uint32_t)(d->lo & 0xffff) | (uint32_t)(d->lo >> 32 & 0xf0000);
    if ((s.attr & SEG_ATTR_G) != 0)
        s.limit = s.limit << 12 | 0xfff;
    s.base =
        bits_get(d->lo, 39, 16) | bits_get(d->lo, 63, 56) << 24 | d->hi << 32;
    return s;
}

struct segment segment_null(uint16_t sel, unsigned dpl)
{
    struct segment s = {.selector = sel};
    s.attr = SEG_ATTR_UNUSABLE | dpl << SEG_ATTR_DPL_SHIFT;
    return s;
}

struct segment segment_v86(uint16_t sel)
{
    enum { DATA_LEVEL_3 = 0xf3 }; /* present, DPL 3, writable, accessed */
    return (struct segment){.selector = sel,
                            .base = (uint64_t)sel << 4,
                            .limit = 0xffff,
                            .attr = DATA_LEVEL_3};
}

/* ------------------------------------------------------ register loading */

static bool fail(struct cpu *c, uint8_t vector, uint16_t sel, uint32_t ext)
{
    raise_error(c, vector, selector_error(sel, ext));
    return false;
}

bool segment_check_ss(struct cpu *c, uint16_t sel, unsigned cpl, uint8_t vector,
                      uint32_t ext, struct descriptor *out)
{
    if (!descriptor_read(c, sel, vector, ext, out))
        return false;
    bool writable = !descriptor_is_system(out) && !descriptor_is_code(out) &&
                    (descriptor_type(out) & TYPE_WRITE) != 0;
    bool level = descriptor_dpl(out) == cpl || PLANTED(c, SYS_PLANT_SS_DPL);
    if ((sel & 3u) != cpl || !writable || !level)
        return fail(c, vector, sel, ext);
    return descriptor_present(out) || fail(c, EXC_SS, sel, ext);
}

static bool load_ss(struct cpu *c, uint16_t sel)
{
    unsigned cpl = cpu_cpl(c);
    struct segment s;
    struct descriptor d;
    if (selector_is_null(sel)) {
        /* Null is fine for the inner levels of 64-bit mode only. */
        if ((c->mode & MODE_LONG) == 0 || cpl == 3 || (sel & 3u) != cpl)
            return fail(c, EXC_GP, 0, 0);
        s = segment_null(sel, cpl);
    } else {
        if (!segment_check_ss(c, sel, cpl, EXC_GP, 0, &d) ||
            !descriptor_set_accessed(c, &d))
            return false;
        s = segment_from(&d);
    }
    c->seg[SEG_SS] = s;
    return true;
}

static bool load_data(struct cpu *c, unsigned seg, uint16_t sel)
{
    if (selector_is_null(sel)) {
        c->seg[seg] = segment_null(sel, 0);
        return true;
    }
    struct descriptor d;
    if (!descriptor_read(c, sel, EXC_GP, 0, &d))
        return false;
    unsigned type = descriptor_type(&d), dpl = descriptor_dpl(&d);
    bool code = descriptor_is_code(&d);
    if (descriptor_is_system(&d) || (code && (type & TYPE_READ) == 0))
        return fail(c, EXC_GP, sel, 0);
    bool conforming = code && (type & TYPE_CONFORMING) != 0;
    if (PLANTED(c, SYS_PLANT_NP_FIRST) && !descriptor_present(&d))
        return fail(c, EXC_NP, sel, 0);
    if (!conforming && ((sel & 3u) > dpl || cpu_cpl(c) > dpl))
        return fail(c, EXC_GP, sel, 0);
    if (!descriptor_present(&d))
        return fail(c, EXC_NP, sel, 0);
    if (!descriptor_set_accessed(c, &d))
        return false;
    c->seg[seg] = segment_from(&d);
    return true;
}

bool segment_load(struct cpu *c, unsigned seg, uint16_t sel)
{
    if ((c->mode & MODE_V86) != 0) {
        c->seg[seg] = segment_v86(sel);
        return true;
    }
    if ((c->mode & MODE_PROT) == 0) {
        /* Limit and rights stay: "unreal" mode is made this way. */
        c->seg[seg].selector = sel;
        c->seg[seg].base = (uint64_t)sel << 4;
        c->seg[seg].attr &= ~(uint32_t)SEG_ATTR_UNUSABLE;
        c->seg[seg].attr |= SEG_ATTR_P | SEG_ATTR_S;
        return true;
    }
    return seg == SEG_SS ? load_ss(c, sel) : load_data(c, seg, sel);
}

/* 16-byte system descriptors: the type field of the upper half is zero and
 * the base is canonical. */
static bool system_base_ok(struct cpu *c, const struct descriptor *d)
{
    if ((c->mode & MODE_LMA) == 0)
        return true;
    return bits_get(d->hi, 44, 40) == 0 &&
           segment_canonical_register(c, segment_from(d).base);
}

bool segment_load_ldtr(struct cpu *c, uint16_t sel)
{
    if (selector_is_null(sel)) {
        c->seg[SEG_LDTR] = segment_null(sel, 0);
        return true;
    }
    struct descriptor d;
    if ((sel & 4) != 0)
        return fail(c, EXC_GP, sel, 0);
    if (!descriptor_read_system(c, sel, EXC_GP, 0, &d))
        return false;
    if (!descriptor_is_system(&d) || descriptor_type(&d) != SYS_LDT)
        return fail(c, EXC_GP, sel, 0);
    if (!descriptor_present(&d))
        return fail(c, EXC_NP, sel, 0);
    if (!system_base_ok(c, &d))
        return fail(c, EXC_GP, sel, 0);
    c->seg[SEG_LDTR] = segment_from(&d);
    return true;
}

bool segment_load_tr(struct cpu *c, uint16_t sel)
{
    struct descriptor d;
    if (selector_is_null(sel))
        return fail(c, EXC_GP, 0, 0);
    if ((sel & 4) != 0)
        return fail(c, EXC_GP, sel, 0);
    if (!descriptor_read_system(c, sel, EXC_GP, 0, &d))
        return false;
    unsigned type = descriptor_type(&d);
    bool avail = type == SYS_TSS_AVAIL ||
                 (type == SYS_TSS16_AVAIL && (c->mode & MODE_LMA) == 0);
    if (!descriptor_is_system(&d) || !avail)
        return fail(c, EXC_GP, sel, 0);
    if (!descriptor_present(&d))
        return fail(c, EXC_NP, sel, 0);
    if (!system_base_ok(c, &d))
        return fail(c, EXC_GP, sel, 0);
    if (!descriptor_set_busy(c, &d, true))
        return false;
    c->seg[SEG_TR] = segment_from(&d);
    return true;
}

void segment_set_cs(struct cpu *c, const struct segment *cs, unsigned cpl)
{
    c->seg[SEG_CS] = *cs;
    c->seg[SEG_CS].selector = (uint16_t)((cs->selector & ~3u) | cpl);
}

void segment_set_real_cs(struct cpu *c, uint16_t sel)
{
    struct segment *cs = &c->seg[SEG_CS];
    if ((c->mode & MODE_V86) != 0) {
        *cs = segment_v86(sel);
        return;
    }
    cs->selector = sel;
    cs->base = (uint64_t)sel << 4;
    cs->attr = (cs->attr & (SEG_ATTR_DB | SEG_ATTR_G)) | 0x93;
}

void segment_set_v86(struct cpu *c, const uint16_t sel[6])
{
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        c->seg[i] = segment_v86(sel[i]);
}

/* The selector becomes null and the segment unusable; the hidden base stays
 * as processors leave it, which 64-bit mode shows for FS and GS. */
void segment_drop_inner(struct cpu *c, unsigned cpl)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    for (unsigned i = 0; i < sizeof data; i++) {
        struct segment *s = &c->seg[data[i]];
        unsigned dpl = s->attr >> SEG_ATTR_DPL_SHIFT & 3;
        unsigned kind = s->attr & (TYPE_CODE | TYPE_CONFORMING);
        bool conforming = kind == (TYPE_CODE | TYPE_CONFORMING);
        if ((s->attr & SEG_ATTR_UNUSABLE) == 0 && dpl < cpl && !conforming) {
            s->selector = 0;
            s->limit = 0;
            s->attr = SEG_ATTR_UNUSABLE;
        }
    }
}

/* ------------------------------------------------------------- addresses */

bool segment_within(const struct segment *s, uint32_t off, unsigned len)
{
    uint64_t last = (uint64_t)off + len - 1;
    unsigned type = s->attr & (TYPE_CODE | TYPE_EXPAND_DOWN);
    if ((s->attr & SEG_ATTR_S) != 0 && type == TYPE_EXPAND_DOWN) {
        uint64_t top = (s->attr & SEG_ATTR_DB) != 0 ? UINT32_MAX : 0xffff;
        return off > s->limit && last <= top;
    }
    /* A segment of 4 GiB lets an access wrap around. */
    return last <= s->limit || s->limit == UINT32_MAX;
}
