/* SPDX-License-Identifier: Apache-2.0
 * The local descriptor table of both sides: segments with which 32 and
 * 16-bit code meets limits, directions and rights. SDM Vol.3 "Segment
 * Descriptors".
 */
#include "tests/differential/case.h"

/* Types: data 0-7 (bit 0 accessed, 1 writable, 2 expands down), code 8-15
 * (bit 1 readable). Linux sets the accessed bit. */
const struct ldt_row ldt_rows[LDT_ROWS] = {
    [LDT_CODE16] = {CODE_PAGE, 0xffff, 0xb, false, true},
    [LDT_CODE16_XO] = {CODE_PAGE, 0xffff, 0x9, false, true},
    [LDT_CODE32] = {0, 0xffffffff, 0xb, true, true},
    [LDT_CODE32_XO] = {0, 0xffffffff, 0x9, true, true},
    [LDT_FLAT] = {0, 0xffffffff, 0x3, true, true},
    [LDT_WINDOW] = {ARENA, 0xffff, 0x3, false, true},
    [LDT_SMALL] = {ARENA, 0x17fe, 0x3, true, true},
    [LDT_DOWN16] = {ARENA, 0x0fff, 0x7, false, true},
    [LDT_DOWN32] = {0, 0x20001fff, 0x7, true, true},
    [LDT_RO] = {0, 0xffffffff, 0x1, true, true},
    [LDT_ABSENT] = {0, 0xffffffff, 0x3, true, false},
};

uint64_t selector_base(uint16_t selector)
{
    unsigned row = selector >> 3;
    if (!(selector & 4) || row >= LDT_ROWS)
        return 0;
    return ldt_rows[row].base;
}
