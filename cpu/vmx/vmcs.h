/* SPDX-License-Identifier: Apache-2.0
 * A virtual-machine control structure: its fields as a struct and as a table.
 * The struct is also the format of the VMCS region in memory, which software
 * sees only through VMREAD and VMWRITE but for its first 8 bytes. SDM Vol.3
 * "Virtual-Machine Control Structures".
 */
#ifndef VTSIM_CPU_VMX_VMCS_H
#define VTSIM_CPU_VMX_VMCS_H

#include "cpu/regs.h"
#include "cpu/vmx/config.h"

#include <stddef.h>

typedef uint16_t vmcs_16;
typedef uint32_t vmcs_32;
typedef uint64_t vmcs_64;
typedef uint64_t vmcs_NATURAL;

#define VMCS_SHADOW (UINT32_C(1) << 31) /* in `revision` */

struct vmcs {
    uint32_t revision; /* bits 30:0; bit 31: a shadow VMCS */
    uint32_t abort;    /* VMX-abort indicator */
    uint32_t launched; /* launch state: 0 clear, 1 launched */
    uint32_t unused;
    /* By falling width, so that nothing is padded. */
#define FIELD_16(name)
#define FIELD_32(name)
#define FIELD_64(name)                     vmcs_64 name;
#define FIELD_NATURAL(name)                vmcs_NATURAL name;
#define FIELD(width, name, encoding, when) FIELD_##width(name)
#include "cpu/vmx/vmcs.def"
#undef FIELD_32
#undef FIELD_64
#undef FIELD_NATURAL
#define FIELD_32(name) vmcs_32 name;
#define FIELD_64(name)
#define FIELD_NATURAL(name)
#include "cpu/vmx/vmcs.def"
#undef FIELD_16
#undef FIELD_32
#define FIELD_16(name) vmcs_16 name;
#define FIELD_32(name)
#include "cpu/vmx/vmcs.def"
#undef FIELD
#undef FIELD_16
#undef FIELD_32
#undef FIELD_64
#undef FIELD_NATURAL
};
/* Processors report regions of 1 KiB. */
_Static_assert(sizeof(struct vmcs) <= 1024, "the region is 1 KiB");

enum vmcs_type { VMCS_CONTROL, VMCS_READ_ONLY, VMCS_GUEST, VMCS_HOST };

/* A row of the table. */
struct vmcs_field {
    const char *name;
    uint16_t encoding; /* of the whole field */
    uint16_t offset;   /* in struct vmcs */
    uint8_t bytes;     /* 2, 4, 8 */
    bool natural;
    bool (*available)(const struct vmx_config *f);
};

static inline enum vmcs_type vmcs_type(unsigned encoding)
{
    return (enum vmcs_type)(encoding >> 10 & 3);
}

extern const struct vmcs_field vmcs_fields[];
extern const unsigned vmcs_field_count;

/* The row of an encoding that the configured processor has, or NULL; *high:
 * the encoding is that of the upper half of a 64-bit field. */
const struct vmcs_field *vmcs_find(const struct vmx_config *f,
                                   uint64_t encoding, bool *high);
const struct vmcs_field *vmcs_by_name(const char *name);

uint64_t vmcs_get(const struct vmcs *v, const struct vmcs_field *d, bool high);
void vmcs_set(struct vmcs *v, const struct vmcs_field *d, bool high,
              uint64_t value);

/* Guest segment register SEG_* as the VMCS holds it, and back. Rights are as
 * in struct segment. */
struct segment vmcs_segment(const struct vmcs *v, unsigned seg);
void vmcs_set_segment(struct vmcs *v, unsigned seg, const struct segment *s);

#endif
