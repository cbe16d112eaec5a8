/* SPDX-License-Identifier: Apache-2.0
 * Text that grows up to a cap: what monitor commands print.
 */
#ifndef VTSIM_SIM_DEBUG_TEXT_H
#define VTSIM_SIM_DEBUG_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum { TEXT_MAX = 1 << 18 };

/* Zero-initialise; text_free ends it. */
struct text {
    char *at;
    size_t len, room;
    bool cut; /* the cap was reached, or memory ran out */
};

void text_printf(struct text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_free(struct text *t);

#endif
