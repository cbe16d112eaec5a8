/* SPDX-License-Identifier: Apache-2.0
 * SDM Vol.3 "Paging", "VMX Support for Address Translation".
 */
#include "model.h"

#include <string.h>

#define ONES(n)    (((n) >= 64 ? 0 : UINT64_C(1) << (n)) - 1)
#define ON(x, bit) (((x) >> (bit)&1) != 0)
#define FRAME      (ONES(52) & ~ONES(12))

/* What nobody answers reads as ones and ignores writes. */
static uint64_t get(const struct model *m, uint64_t at, unsigned bytes)
{
    uint64_t v = bytes == 4 ? ONES(32) : ~UINT64_C(0);
    if (at + bytes <= m->ram_bytes) {
        v = 0;
        memcpy(&v, m->ram + at, bytes);
    }
    return v;
}

static void set_bits(struct model *m, uint64_t at, unsigned bytes, uint64_t on)
{
    if (at + bytes > m->ram_bytes)
        return;
    uint64_t v = 0;
    memcpy(&v, m->ram + at, bytes);
    v |= on;
    memcpy(m->ram + at, &v, bytes);
}

static bool end(struct model *m, enum model_end how, uint64_t gpa)
{
    m->end = how;
    m->gpa = gpa;
    return false;
}

/* --- EPT --- */

struct want {
    bool r, w, x;
    bool user;      /* the linear address is a user-mode one */
    bool table;     /* an access to a guest paging structure */
    unsigned about; /* qualification bits 11:7 */
    unsigned len;
};

static bool ept_violation(struct model *m, uint64_t gpa, const struct want *k,
                          uint64_t all, uint64_t last)
{
    uint64_t q = (k->r ? 1 : 0) | (k->w ? 2 : 0) | (k->x ? 4 : 0);
    if (ON(all, 0))
        q |= 8;
    if (ON(all, 1))
        q |= 16;
    if (ON(all, 2))
        q |= 32;
    if (m->mode_execute && ON(all, 10))
        q |= 64;
    m->qualification = q | k->about;
    m->suppress_ve = ON(last, 63);
    return end(m, MODEL_VIOLATION, gpa);
}

/* 1: write, 0: do not, -1: an event. */
static int sub_page(struct model *m, uint64_t gpa, unsigned len)
{
    uint64_t table = m->sub_page_table & FRAME;
    for (int shift = 39; shift > 12; shift -= 9) {
        uint64_t e = get(m, table + (gpa >> shift & 511) * 8, 8);
        if (!ON(e, 0)) {
            m->qualification = 1u << 11;
            (void)end(m, MODEL_SUB_PAGE, gpa);
            return -1;
        }
        if ((e & 0xffe) != 0 || e >> m->maxphyaddr != 0) {
            m->qualification = 0;
            (void)end(m, MODEL_SUB_PAGE, gpa);
            return -1;
        }
        table = e & FRAME;
    }
    uint64_t v = get(m, table + (gpa >> 12 & 511) * 8, 8);
    for (unsigned odd = 1; odd < 64; odd += 2)
        if (ON(v, odd)) {
            m->qualification = 0;
            (void)end(m, MODEL_SUB_PAGE, gpa);
            return -1;
        }
    for (uint64_t at = gpa; at < gpa + len; at++)
        if (!ON(v, (at & 0xfff) / 128 * 2))
            return 0;
    return 1;
}

static bool ept_entry_bad(const struct model *m, uint64_t e, unsigned level,
                          bool *leaf)
{
    bool r = ON(e, 0), w = ON(e, 1);
    if (w && !r)
        return true;
    if (!r && !w && !m->execute_only)
        return true; /* execution alone, in whatever mode */
    if ((e & ONES(52)) >> m->maxphyaddr != 0)
        return true;
    *leaf = level == 1;
    if (level > 1 && ON(e, 7)) {
        if (!(level == 2 && m->ept_2m) && !(level == 3 && m->ept_1g))
            return true;
        *leaf = true;
    }
    if (!*leaf)
        return (e >> 3 & 15) != 0;
    unsigned type = (unsigned)(e >> 3) & 7;
    if (type == 2 || type == 3 || type == 7)
        return true;
    return ((e & ONES(12 + 9 * (level - 1))) >> 12) != 0;
}

static bool ept_page(struct model *m, uint64_t gpa, const struct want *k,
                     uint64_t *host, uint64_t *rights)
{
    unsigned levels = ((unsigned)(m->eptp >> 3) & 7) + 1;
    uint64_t at[6], table = m->eptp & FRAME, all = ~UINT64_C(0), e;
    unsigned level = levels;
    if (levels == 4 && gpa >> 48 != 0)
        return ept_violation(m, gpa, k, 0, 0);
    for (;; level--) {
        bool leaf = false;
        at[level] = table + (gpa >> (12 + 9 * (level - 1)) & 511) * 8;
        e = get(m, at[level], 8);
        all &= e;
        if ((e & 7) == 0 && !(m->mode_execute && ON(e, 10)))
            return ept_violation(m, gpa, k, all, e);
        if (ept_entry_bad(m, e, level, &leaf))
            return end(m, MODEL_MISCONFIG, gpa);
        if (leaf)
            break;
        table = e & FRAME;
    }
    bool x = ON(all, m->mode_execute && k->user ? 10 : 2);
    bool short_of = (k->r && !ON(all, 0)) || (k->x && !x);
    if (short_of)
        return ept_violation(m, gpa, k, all, e);
    if (k->w && !ON(all, 1)) {
        int may = 0;
        if (m->sub_page && level == 1 && ON(e, 61) && !k->table && ON(all, 0))
            may = sub_page(m, gpa, k->len);
        if (may < 0)
            return false;
        if (may == 0)
            return ept_violation(m, gpa, k, all, e);
    }
    if (ON(m->eptp, 6)) {
        if (m->page_log && k->w && !ON(e, 9)) {
            if (m->logged == m->log_room)
                return end(m, MODEL_LOG_FULL, gpa);
            m->log[m->logged++] = gpa & ~ONES(12);
        }
        for (unsigned l = levels; l > level; l--)
            set_bits(m, at[l], 8, 1u << 8);
        set_bits(m, at[level], 8, 1u << 8 | (k->w ? 1u << 9 : 0));
    }
    uint64_t offset = ONES(12 + 9 * (level - 1));
    *host = (e & FRAME & ~offset) | (gpa & offset);
    *rights = all;
    return true;
}

/* --- the guest's tables --- */

struct guest {
    uint64_t lin;
    unsigned kind;
    bool user_access, write;
    bool user, writable, nx; /* so far */
};

static bool page_fault(struct model *m, const struct guest *g, bool present,
                       bool reserved, bool key)
{
    m->error = (present ? 1u : 0) | (g->write ? 2u : 0) |
               (g->user_access ? 4u : 0) | (reserved ? 8u : 0) |
               (key ? 32u : 0);
    bool nxe = ON(m->cr4, 5) && ON(m->efer, 11);
    if (g->kind == MODEL_FETCH && (nxe || ON(m->cr4, 20)))
        m->error |= 16;
    return end(m, MODEL_PAGE_FAULT, g->lin);
}

static bool guest_entry_bad(const struct model *m, uint64_t e, unsigned level,
                            bool wide, bool pae, bool leaf)
{
    if (!wide) {
        if (!leaf || level == 1)
            return false;
        unsigned top = m->maxphyaddr < 40 ? m->maxphyaddr : 40;
        return ON(e, 21) || (e & ONES(21)) >> (top - 19) != 0;
    }
    if (!ON(m->efer, 11) && ON(e, 63))
        return true;
    if ((e & ONES(pae ? 63 : 52)) >> m->maxphyaddr != 0)
        return true;
    if (level > 1 && ON(e, 7) && !leaf)
        return true;
    return leaf && level > 1 && (e & ONES(12 + 9 * (level - 1))) >> 13 != 0;
}

static bool key_closed(const struct model *m, const struct guest *g,
                       uint64_t leaf)
{
    if (!ON(m->cr4, 22) || !ON(m->efer, 10) || !g->user ||
        g->kind == MODEL_FETCH)
        return false;
    unsigned key = (unsigned)(leaf >> 59) & 15;
    if (ON(m->pkru, 2 * key))
        return true;
    return g->write && ON(m->pkru, 2 * key + 1) &&
           (g->user_access || ON(m->cr0, 16));
}

static bool rights_ok(const struct model *m, const struct guest *g, bool system)
{
    if (g->kind == MODEL_FETCH) {
        if (g->nx)
            return false;
        return g->user_access ? g->user : !(ON(m->cr4, 20) && g->user);
    }
    if (g->user_access)
        return g->user && (!g->write || g->writable);
    if (ON(m->cr4, 21) && g->user && (system || !m->ac))
        return false;
    return !g->write || !ON(m->cr0, 16) || g->writable;
}

/* Set flags in an entry: a write, of a page that was read so far. */
static bool update(struct model *m, uint64_t gpa, unsigned bytes, uint64_t old,
                   uint64_t on, uint64_t host, uint64_t rights)
{
    if ((old & on) == on)
        return true;
    if (m->eptp != 0 && !ON(rights, 1)) {
        struct want k = {.r = true, .w = true, .table = true, .about = 1 << 7};
        if (!ept_page(m, gpa, &k, &host, &rights))
            return false;
    }
    set_bits(m, host, bytes, on);
    return true;
}

static bool guest_walk(struct model *m, struct guest *g, bool system,
                       uint64_t *gpa)
{
    bool pae = ON(m->cr4, 5) && !ON(m->efer, 10), wide = ON(m->cr4, 5);
    unsigned levels = !wide || pae ? 2 : ON(m->cr4, 12) ? 5 : 4;
    unsigned bytes = wide ? 8 : 4, bits = wide ? 9 : 10;
    uint64_t table = m->cr3 & (wide ? FRAME : ONES(32) & ~ONES(12));
    if (pae) {
        uint64_t p = m->pdpte[g->lin >> 30 & 3];
        if (!ON(p, 0))
            return page_fault(m, g, false, false, false);
        table = p & FRAME;
    }
    g->user = g->writable = true;
    g->nx = false;
    for (unsigned level = levels;; level--) {
        unsigned shift = 12 + bits * (level - 1);
        uint64_t at = table + (g->lin >> shift & ONES(bits)) * bytes;
        uint64_t host = at, rights = 0;
        struct want k = {
            .r = true, .w = ON(m->eptp, 6), .table = true, .about = 1 << 7};
        if (m->eptp != 0 && !ept_page(m, at, &k, &host, &rights))
            return false;
        uint64_t e = get(m, host, bytes);
        if (!ON(e, 0))
            return page_fault(m, g, false, false, false);
        bool large = wide ? level == 2 || (level == 3 && m->guest_1g)
                          : level == 2 && ON(m->cr4, 4);
        bool leaf = level == 1 || (large && ON(e, 7));
        if (guest_entry_bad(m, e, level, wide, pae, leaf))
            return page_fault(m, g, true, true, false);
        g->user = g->user && ON(e, 2);
        g->writable = g->writable && ON(e, 1);
        g->nx = g->nx || (wide && ON(m->efer, 11) && ON(e, 63));
        if (!leaf) {
            if (!update(m, at, bytes, e, 32, host, rights))
                return false;
            table = e & (wide ? FRAME : ONES(32) & ~ONES(12));
            continue;
        }
        bool key = key_closed(m, g, e);
        if (key || !rights_ok(m, g, system))
            return page_fault(m, g, true, false, key);
        if (!update(m, at, bytes, e, 32u | (g->write ? 64u : 0), host, rights))
            return false;
        uint64_t base = e & (wide ? FRAME : ONES(32)) & ~ONES(shift);
        if (!wide && level == 2)
            base |= (e >> 13 & 255) << 32;
        *gpa = base | (g->lin & ONES(shift));
        return true;
    }
}

bool model_access(struct model *m, uint64_t lin, unsigned kind, bool system,
                  unsigned len)
{
    struct guest g = {.lin = lin,
                      .kind = kind,
                      .user_access = m->cpl == 3 && !system,
                      .write = kind == MODEL_WRITE || kind == MODEL_MODIFY};
    uint64_t gpa = lin & ONES(32), rights;
    m->end = MODEL_OK;
    m->qualification = 0;
    m->error = 0;
    m->suppress_ve = false;
    if (!ON(m->cr0, 31)) {
        g.user = g.writable = true;
        g.nx = false;
    } else if (!guest_walk(m, &g, system, &gpa)) {
        return false;
    }
    m->gpa = gpa;
    m->host = gpa;
    if (m->eptp == 0)
        return true;
    struct want k = {.r = kind == MODEL_READ || kind == MODEL_MODIFY,
                     .w = g.write,
                     .x = kind == MODEL_FETCH,
                     .user = g.user,
                     .len = len,
                     .about = 1u << 7 | 1u << 8 | (g.user ? 1u << 9 : 0) |
                              (g.writable ? 1u << 10 : 0) |
                              (g.nx ? 1u << 11 : 0)};
    return ept_page(m, gpa, &k, &m->host, &rights);
}
