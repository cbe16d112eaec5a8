/* SPDX-License-Identifier: Apache-2.0
 * The x87, deeply: any TOP and tags, every precision and rounding, unmasked
 * exceptions; FWAIT after the instruction makes a pending one visible, as it
 * does for programs. SDM Vol.1 "Programming with the x87 FPU".
 */
#include "tests/differential/gen.h"

#include <string.h>

static void random_control(struct rng *r, struct fx_image *fx)
{
    static const uint16_t precision[] = {0, 2, 3, 3};
    uint16_t masks = (uint16_t)(one_in(r, 3) ? below(r, 64) : 0x3f);
    fx->fcw = (uint16_t)(0x40 | precision[below(r, 4)] << 8 |
                         below(r, 4) << 10 | masks);
    fx->fsw = (uint16_t)(below(r, 8) << 11 | (rng_next(r) & 0x4700));
    if (one_in(r, 4)) /* flags of earlier, masked exceptions */
        fx->fsw |= (uint16_t)(rng_next(r) & masks & 0x7f);
    if (one_in(r, 16)) /* pending */
        fx->fsw |= (uint16_t)(rng_next(r) & 0x3f);
    switch (below(r, 4)) {
    case 0: fx->ftw = (uint8_t)rng_next(r); break;
    case 1: fx->ftw = (uint8_t)(1u << below(r, 8)); break;
    default: fx->ftw = 0xff; break;
    }
}

bool x87_generate(struct rng *r, struct test_case *t, const char **why)
{
    *why = "no x87 form found";
    unsigned form = form_choose(r, true);
    t->place = CODE_OFFSET;
    if (!form_generate(r, form, t))
        return false;
    random_state(r, t);
    random_control(r, &t->before.fx);
    fill_memory(r, t->memory);
    t->steps = 1;
    steer(r, t);
    if (!case_decode(t))
        return false;
    t->length = t->zi.length;
    if (!one_in(r, 8)) {
        t->bytes[t->length++] = 0x9b; /* FWAIT */
        t->steps = 2;
    }
    return true;
}
