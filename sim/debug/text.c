/* SPDX-License-Identifier: Apache-2.0
 * Text that grows up to a cap.
 */
#include "sim/debug/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_printf(struct text *t, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n <= 0 || t->cut)
        return;
    size_t len = strlen(line);
    if (t->room - t->len <= len) {
        size_t room = t->room == 0 ? 4096 : 2 * t->room;
        char *more = room <= TEXT_MAX ? realloc(t->at, room) : NULL;
        if (more == NULL) {
            t->cut = true;
            return;
        }
        t->at = more;
        t->room = room;
    }
    memcpy(t->at + t->len, line, len + 1);
    t->len += len;
}

void text_free(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}
