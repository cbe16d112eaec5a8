/* SPDX-License-Identifier: Apache-2.0
 * fw_cfg: items, the file directory, selector and data port.
 */
#include "sim/chipset/fwcfg.h"

#include "sim/base/bits.h"

#include <string.h>

/* ID: bit 0, traditional interface; bit 1 would be DMA. */
#define ID_TRADITIONAL 0x01u

/* Bit 14 of a selector once asked for write access, bit 15 is part of the
 * number. */
#define SELECT_WRITE 0x4000u

/* The directory is big-endian. */
static void store_be(uint8_t *p, unsigned len, uint32_t v)
{
    for (unsigned i = 0; i < len; i++)
        p[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
}

static const struct fwcfg_item *find(const struct fwcfg *f, uint16_t key)
{
    for (unsigned i = 0; i < f->items; i++)
        if (f->item[i].key == key)
            return &f->item[i];
    return NULL;
}

void fwcfg_init(struct fwcfg *f)
{
    memset(f, 0, sizeof *f);
    fwcfg_add(f, FWCFG_SIGNATURE, "QEMU", 4);
    fwcfg_add_number(f, FWCFG_ID, ID_TRADITIONAL, 4);
}

void fwcfg_add(struct fwcfg *f, uint16_t key, const void *bytes, size_t len)
{
    SIM_ASSERT(f->items < FWCFG_ITEMS_MAX && find(f, key) == NULL &&
               len <= sizeof f->data - f->used);
    f->item[f->items++] = (struct fwcfg_item){
        .key = key, .at = (uint16_t)f->used, .len = (uint16_t)len};
    memcpy(f->data + f->used, bytes, len);
    f->used += len;
}

void fwcfg_add_number(struct fwcfg *f, uint16_t key, uint64_t v, unsigned len)
{
    uint8_t bytes[8];
    SIM_ASSERT(len <= sizeof bytes);
    for (unsigned i = 0; i < len; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    fwcfg_add(f, key, bytes, len);
}

/* An entry: size, selector, two reserved bytes, name. */
void fwcfg_add_file(struct fwcfg *f, const char *name, const void *bytes,
                    size_t len)
{
    uint16_t key = (uint16_t)(FWCFG_FILE_FIRST + f->files);
    uint8_t *entry = f->directory + 4 + f->files * FWCFG_DIR_ENTRY;
    SIM_ASSERT(f->files < FWCFG_FILES_MAX && strlen(name) < FWCFG_NAME_MAX);
    fwcfg_add(f, key, bytes, len);
    store_be(entry, 4, (uint32_t)len);
    store_be(entry + 4, 2, key);
    memcpy(entry + 8, name, strlen(name) + 1);
    store_be(f->directory, 4, ++f->files);
}

static uint8_t next_byte(struct fwcfg *f)
{
    size_t at = f->next;
    if (f->key == FWCFG_FILE_DIR) {
        f->next += at < sizeof f->directory;
        return at < sizeof f->directory ? f->directory[at] : 0;
    }
    const struct fwcfg_item *i = find(f, f->key);
    if (i == NULL || at >= i->len)
        return 0;
    f->next++;
    return f->data[i->at + at];
}

static bool fwcfg_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    if (port != FWCFG_DATA || len != 1)
        return false;
    *out = next_byte(self);
    return true;
}

static bool fwcfg_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct fwcfg *f = self;
    if (port == FWCFG_SELECTOR && len == 2) {
        f->key = (uint16_t)(in & ~SELECT_WRITE);
        f->next = 0;
        return true;
    }
    return port == FWCFG_DATA && len == 1;
}

struct io_port fwcfg_port(struct fwcfg *f)
{
    return (struct io_port){.self = f, .in = fwcfg_in, .out = fwcfg_out};
}
