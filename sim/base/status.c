/* SPDX-License-Identifier: Apache-2.0
 * Recording host-side failures, and the end of a run whose own code is
 * wrong. The text of an error reaches a terminal, so it holds no control
 * characters whatever a file name or an option contained.
 */
#include "sim/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void replace_controls(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7f)
            *p = '?';
    }
}

enum sim_status sim_fail(struct sim_error *e, enum sim_status status,
                         const char *format, ...)
{
    if (e == NULL)
        return status;
    va_list args;
    va_start(args, format);
    if (vsnprintf(e->text, sizeof e->text, format, args) < 0)
        e->text[0] = '\0';
    va_end(args);
    replace_controls(e->text);
    e->status = status;
    return status;
}

void sim_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "vtsim: error: internal error: %s (%s:%d)\n", what, file,
            line);
    /* exit and not abort: the contract of the exit status says 125, and what
     * the guest has printed so far is still flushed. */
    exit(SIM_INTERNAL);
}
