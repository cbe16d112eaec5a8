/* SPDX-License-Identifier: Apache-2.0
 * One implementation of access sizes, partial writes, write-1-to-clear and
 * write-only bits for every device whose registers are a table.
 */
#include "sim/base/regfile.h"

#include "sim/base/bits.h"

void regfile_reset(struct regfile *f)
{
    for (size_t i = 0; i < f->count; i++)
        f->value[i] = f->rows[i].reset;
}

int regfile_find(const struct regfile *f, uint64_t offset, unsigned len)
{
    if (len != 1 && len != 2 && len != 4 && len != 8)
        return -1;
    size_t low = 0;
    size_t high = f->count;
    while (low < high) { /* the last row that starts at or below `offset` */
        size_t mid = low + (high - low) / 2;
        if (f->rows[mid].offset <= offset)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return -1;
    const struct reg_desc *d = &f->rows[low - 1];
    uint64_t into = offset - d->offset;
    if (into >= d->size || len > d->size - into)
        return -1;
    return (int)(low - 1);
}

/* The bits of the register that [offset, offset+len) covers. */
static uint64_t lanes(const struct reg_desc *d, uint64_t offset, unsigned len)
{
    return bits_mask(8 * len) << (8 * (offset - d->offset));
}

bool regfile_read(const struct regfile *f, uint64_t offset, unsigned len,
                  uint64_t *out)
{
    int i = regfile_find(f, offset, len);
    if (i < 0)
        return false;
    const struct reg_desc *d = &f->rows[i];
    uint64_t value = d->read != NULL ? d->read(f->self) : f->value[i];
    value &= ~d->wo & lanes(d, offset, len);
    *out = value >> (8 * (offset - d->offset));
    return true;
}

bool regfile_write(struct regfile *f, uint64_t offset, unsigned len,
                   uint64_t in)
{
    int i = regfile_find(f, offset, len);
    if (i < 0)
        return false;
    const struct reg_desc *d = &f->rows[i];
    uint64_t touched = lanes(d, offset, len);
    uint64_t written = (in << (8 * (offset - d->offset))) & touched;
    uint64_t old = f->value[i];
    uint64_t now = (old & ~(d->rw & touched)) | (written & d->rw);
    now &= ~(written & d->w1c);
    f->value[i] = now;
    if (d->wrote != NULL)
        d->wrote(f->self, old, now);
    return true;
}
