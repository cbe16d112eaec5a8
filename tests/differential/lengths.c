/* SPDX-License-Identifier: Apache-2.0
 * Instruction lengths: with the last byte on the absent page after the code
 * page, fetching the instruction must fault there, on the host and in the
 * simulator. Nothing is executed, so this holds for every instruction.
 */
#include "tests/differential/gen.h"

#include <string.h>

static bool faults_at_end(const struct test_case *t, const struct outcome *o)
{
    return o->vector == 14 && (o->error & 0x10) && o->cr2 == CODE_PAGE + 4096 &&
           o->after.rip == t->before.rip;
}

const char *length_differs(struct sim *s, const struct test_case *t,
                           bool invalid)
{
    static struct test_case part; /* large */
    static struct outcome native, sim;
    /* With 66h a near branch of AMD's has a 16-bit displacement. */
    bool branch66 = t->zi.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE &&
                    (t->zi.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE);
    if (t->zi.length < 2 || branch66)
        return NULL;
    part = *t;
    part.length = t->zi.length - 1u;
    part.place = (uint16_t)(4096 - part.length);
    part.before.rip = CODE_PAGE + part.place;
    part.open_end = true;
    native_run(&part, &native);
    /* An encoding that is invalid anyway may be refused before its end. */
    if (!faults_at_end(&part, &native) && !(invalid && native.vector == 6))
        return " the host wants fewer bytes;";
    if (case_standing(&t->zi, t->zo) != STANDING_TESTED || invalid)
        return NULL;
    sim_run_case(s, &part, &sim);
    return faults_at_end(&part, &sim) ? NULL
                                      : " the simulator wants fewer bytes;";
}
