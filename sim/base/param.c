/* SPDX-License-Identifier: Apache-2.0
 * Parsing, printing and range checks of parameters. Numbers are decimal
 * without leading zeros or hexadecimal with 0x: an octal-looking or
 * underscored number is refused and not guessed at.
 */
#include "sim/base/param.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct param_desc *param_find(const struct param_table *t,
                                    const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].name, name) == 0)
            return &t->rows[i];
    return NULL;
}

/* --- The nearest name --------------------------------------------------- */

#define NEAREST_MAX 95 /* characters; longer names are no slip of the pen */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein distance; both lengths are at most NEAREST_MAX. */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[NEAREST_MAX + 1];
    size_t width = strlen(b);
    for (unsigned j = 0; j <= width; j++)
        row[j] = j;
    for (unsigned i = 0; a[i] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            unsigned change = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = min3(change, row[j] + 1, diagonal + 1);
        }
    }
    return row[width];
}

/* "dtlb.entries" for "core.dtlb.entries": the tail of a dotted name. */
static bool is_dotted_tail(const char *whole, const char *tail, size_t length)
{
    size_t n = strlen(whole);
    return length > 0 && n > length && whole[n - length - 1] == '.' &&
           strcmp(whole + n - length, tail) == 0;
}

const char *param_nearest(const struct param_table *t, const char *name)
{
    size_t length = strlen(name);
    if (length > NEAREST_MAX)
        return NULL;
    /* More than a third of the letters wrong is another word. */
    unsigned best = (unsigned)length / 3 + 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const char *row = t->rows[i].name;
        if (strlen(row) > NEAREST_MAX)
            continue;
        unsigned d =
            is_dotted_tail(row, name, length) ? 1 : edit_distance(name, row);
        if (d < best) {
            best = d;
            nearest = row;
        }
    }
    return nearest;
}

/* --- Numbers ------------------------------------------------------------ */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* The power of two of a size suffix, or -1. */
static int suffix_shift(const char *s)
{
    static const char letters[] = "kmgt";
    if (s[0] == '\0')
        return 0;
    const char *p = strchr(letters, s[0] | 0x20);
    if (p == NULL || *p == '\0')
        return -1;
    if (s[1] != '\0' && strcmp(s + 1, "iB") != 0)
        return -1;
    return 10 * ((int)(p - letters) + 1);
}

enum param_number param_parse_number(const char *text, bool suffixes,
                                     uint64_t *out)
{
    const char *p = text;
    unsigned base = 10;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        base = 16;
        p += 2;
    } else if (p[0] == '0' && digit_value(p[1]) < 10) {
        return PARAM_NOT_A_NUMBER;
    }
    const char *digits = p;
    uint64_t value = 0;
    bool over = false;
    for (; (unsigned)digit_value(*p) < base; p++) {
        over |= __builtin_mul_overflow(value, base, &value);
        over |=
            __builtin_add_overflow(value, (uint64_t)digit_value(*p), &value);
    }
    if (p == digits)
        return PARAM_NOT_A_NUMBER;
    int shift = suffixes ? suffix_shift(p) : (*p == '\0' ? 0 : -1);
    if (shift < 0)
        return PARAM_NOT_A_NUMBER;
    if (over || (value << shift) >> shift != value)
        return PARAM_OVERFLOW;
    *out = value << shift;
    return PARAM_NUMBER;
}

/* --- Setting ------------------------------------------------------------ */

static size_t format_size(uint64_t value, char *buf, size_t size)
{
    static const char unit[] = " KMGT";
    unsigned u = 0;
    while (u < 4 && value != 0 && value % 1024 == 0) {
        value /= 1024;
        u++;
    }
    int n = u == 0 ? snprintf(buf, size, "%" PRIu64, value)
                   : snprintf(buf, size, "%" PRIu64 "%ciB", value, unit[u]);
    return n < 0 ? 0 : (size_t)n;
}

static void format_limits(const struct param_desc *d, uint64_t max, char *buf,
                          size_t size)
{
    char low[32];
    char high[32];
    if (d->type == PARAM_SIZE) {
        format_size(d->min, low, sizeof low);
        format_size(max, high, sizeof high);
        snprintf(buf, size, "%s to %s", low, high);
        return;
    }
    snprintf(buf, size, "%" PRIu64 " to %" PRIu64 "%s%s", d->min, max,
             d->unit != NULL && d->unit[0] != '\0' ? " " : "",
             d->unit != NULL ? d->unit : "");
}

static enum sim_status set_number(const struct param_desc *d, void *field,
                                  const char *text, const char *where,
                                  struct sim_error *e)
{
    uint64_t max = d->max;
    if (d->type == PARAM_U32 && max > UINT32_MAX)
        max = UINT32_MAX;
    uint64_t value = 0;
    enum param_number kind =
        param_parse_number(text, d->type == PARAM_SIZE, &value);
    if (kind != PARAM_NUMBER || value < d->min || value > max) {
        char limits[100];
        format_limits(d, max, limits, sizeof limits);
        return sim_fail(
            e, SIM_USAGE, "%s: %s: %.60s (%s%s)", where, d->name, text,
            kind == PARAM_NOT_A_NUMBER ? "not a number; " : "", limits);
    }
    if (d->type == PARAM_U32) {
        uint32_t narrow = (uint32_t)value;
        memcpy(field, &narrow, sizeof narrow);
    } else {
        memcpy(field, &value, sizeof value);
    }
    return SIM_OK;
}

static enum sim_status set_bool(const struct param_desc *d, void *field,
                                const char *text, const char *where,
                                struct sim_error *e)
{
    static const char *const words[2][4] = {{"off", "false", "no", "0"},
                                            {"on", "true", "yes", "1"}};
    for (unsigned v = 0; v < 2; v++) {
        for (unsigned i = 0; i < 4; i++) {
            if (strcasecmp(text, words[v][i]) == 0) {
                bool value = v != 0;
                memcpy(field, &value, sizeof value);
                return SIM_OK;
            }
        }
    }
    return sim_fail(e, SIM_USAGE, "%s: %s: %.60s (on or off)", where, d->name,
                    text);
}

static enum sim_status set_enum(const struct param_desc *d, void *field,
                                const char *text, const char *where,
                                struct sim_error *e)
{
    char list[200] = "";
    size_t used = 0;
    for (unsigned i = 0; d->choices[i] != NULL; i++) {
        if (strcmp(text, d->choices[i]) == 0) {
            uint8_t value = (uint8_t)i;
            memcpy(field, &value, sizeof value);
            return SIM_OK;
        }
        int n = snprintf(list + used, sizeof list - used, "%s%s",
                         i > 0 ? ", " : "", d->choices[i]);
        used += n > 0 ? (size_t)n : 0;
        if (used >= sizeof list)
            used = sizeof list - 1;
    }
    return sim_fail(e, SIM_USAGE, "%s: %s: %.60s (one of %s)", where, d->name,
                    text, list);
}

enum sim_status param_set(const struct param_desc *d, void *config,
                          const char *text, const char *where,
                          struct sim_error *e)
{
    void *field = (char *)config + d->offset;
    switch (d->type) {
    case PARAM_BOOL: return set_bool(d, field, text, where, e);
    case PARAM_ENUM: return set_enum(d, field, text, where, e);
    case PARAM_U32:
    case PARAM_U64:
    case PARAM_SIZE: return set_number(d, field, text, where, e);
    }
    return sim_fail(e, SIM_INTERNAL, "%s: unknown kind of parameter", d->name);
}

/* --- Printing ----------------------------------------------------------- */

static const char *choice_name(const struct param_desc *d, uint8_t index)
{
    for (unsigned i = 0; d->choices[i] != NULL; i++)
        if (i == index)
            return d->choices[i];
    return "?";
}

size_t param_format(const struct param_desc *d, const void *config, char *buf,
                    size_t size)
{
    const char *field = (const char *)config + d->offset;
    uint64_t wide = 0;
    uint32_t narrow = 0;
    uint8_t index = 0;
    bool on = false;
    int n = 0;
    switch (d->type) {
    case PARAM_BOOL:
        memcpy(&on, field, sizeof on);
        n = snprintf(buf, size, "%s", on ? "on" : "off");
        break;
    case PARAM_ENUM:
        memcpy(&index, field, sizeof index);
        n = snprintf(buf, size, "%s", choice_name(d, index));
        break;
    case PARAM_U32:
        memcpy(&narrow, field, sizeof narrow);
        n = snprintf(buf, size, "%" PRIu32, narrow);
        break;
    case PARAM_U64:
        memcpy(&wide, field, sizeof wide);
        n = snprintf(buf, size, "%" PRIu64, wide);
        break;
    case PARAM_SIZE:
        memcpy(&wide, field, sizeof wide);
        return format_size(wide, buf, size);
    }
    return n < 0 ? 0 : (size_t)n;
}
