/* SPDX-License-Identifier: Apache-2.0
 * The table of VMCS fields.
 */
#include "cpu/vmx/vmcs.h"

#include <string.h>

#define FIELD(width, name, encoding, when)                                     \
    static bool has_##name(const struct vmx_config *f)                         \
    {                                                                          \
        (void)f;                                                               \
        return when;                                                           \
    }
#include "cpu/vmx/vmcs.def"
#undef FIELD

#define BYTES_16      2
#define BYTES_32      4
#define BYTES_64      8
#define BYTES_NATURAL 8
#define IS_16         false
#define IS_32         false
#define IS_64         false
#define IS_NATURAL    true

const struct vmcs_field vmcs_fields[] = {
#define FIELD(width, name, encoding, when)                                     \
    {#name,         encoding,   offsetof(struct vmcs, name),                   \
     BYTES_##width, IS_##width, has_##name},
#include "cpu/vmx/vmcs.def"
#undef FIELD
};
const unsigned vmcs_field_count = sizeof vmcs_fields / sizeof vmcs_fields[0];

/* The number of each row, and from an encoding without its lowest bit to that
 * number plus one: VMREAD and VMWRITE are on every exit path. */
enum {
#define FIELD(width, name, encoding, when) ROW_##name,
#include "cpu/vmx/vmcs.def"
#undef FIELD
    ROWS
};
_Static_assert(ROWS < 256, "a row's number is a byte");

enum { ENCODINGS = 0x8000 }; /* bit 15 and those above are reserved */

static const uint8_t row_of[ENCODINGS / 2] = {
#define FIELD(width, name, encoding, when) [(encoding) / 2] = ROW_##name + 1,
#include "cpu/vmx/vmcs.def"
#undef FIELD
};

const struct vmcs_field *vmcs_find(const struct vmx_config *f,
                                   uint64_t encoding, bool *high)
{
    *high = (encoding & 1) != 0;
    if (encoding >= ENCODINGS || row_of[encoding / 2] == 0)
        return NULL;
    const struct vmcs_field *d = &vmcs_fields[row_of[encoding / 2] - 1];
    bool is_64 = d->bytes == 8 && !d->natural;
    return (*high && !is_64) || !d->available(f) ? NULL : d;
}

const struct vmcs_field *vmcs_by_name(const char *name)
{
    for (unsigned k = 0; k < vmcs_field_count; k++)
        if (strcmp(vmcs_fields[k].name, name) == 0)
            return &vmcs_fields[k];
    return NULL;
}

uint64_t vmcs_get(const struct vmcs *v, const struct vmcs_field *d, bool high)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)v + d->offset, d->bytes);
    return high ? value >> 32 : value;
}

void vmcs_set(struct vmcs *v, const struct vmcs_field *d, bool high,
              uint64_t value)
{
    char *at = (char *)v + d->offset;
    if (high)
        memcpy(at + 4, &value, 4);
    else
        memcpy(at, &value, d->bytes);
}

/* Selectors, limits, rights and bases each lie in the order of SEG_*. */
#define TOGETHER(part, size)                                                   \
    _Static_assert(offsetof(struct vmcs, guest_tr_##part) -                    \
                           offsetof(struct vmcs, guest_es_##part) ==           \
                       SEG_TR * size,                                          \
                   "segments are in order")
TOGETHER(selector, 2);
TOGETHER(limit, 4);
TOGETHER(base, 8);
_Static_assert(offsetof(struct vmcs, guest_tr_rights) -
                       offsetof(struct vmcs, guest_es_rights) ==
                   SEG_TR * 4,
               "segments are in order");

struct segment vmcs_segment(const struct vmcs *v, unsigned seg)
{
    struct segment s = {0};
    const char *at = (const char *)v;
    memcpy(&s.selector, at + offsetof(struct vmcs, guest_es_selector) + seg * 2,
           2);
    memcpy(&s.limit, at + offsetof(struct vmcs, guest_es_limit) + seg * 4, 4);
    memcpy(&s.attr, at + offsetof(struct vmcs, guest_es_rights) + seg * 4, 4);
    memcpy(&s.base, at + offsetof(struct vmcs, guest_es_base) + seg * 8, 8);
    return s;
}

void vmcs_set_segment(struct vmcs *v, unsigned seg, const struct segment *s)
{
    char *at = (char *)v;
    memcpy(at + offsetof(struct vmcs, guest_es_selector) + seg * 2,
           &s->selector, 2);
    memcpy(at + offsetof(struct vmcs, guest_es_limit) + seg * 4, &s->limit, 4);
    memcpy(at + offsetof(struct vmcs, guest_es_rights) + seg * 4, &s->attr, 4);
    memcpy(at + offsetof(struct vmcs, guest_es_base) + seg * 8, &s->base, 8);
}
