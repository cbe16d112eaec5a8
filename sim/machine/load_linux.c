/* SPDX-License-Identifier: Apache-2.0
 * Static Linux programs and the parameter block of the proxy kernel.
 */
#include "sim/machine/load_linux.h"

#include "sim/machine/elf_image.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum sim_status load_linux_check(const struct load_file *f, struct sim_error *e)
{
    struct elf_image image;
    enum sim_status s = elf_image_read(f, &image, e);
    if (s != SIM_OK)
        return s;
    if (!image.is64 || !image.is_x86_64)
        s = sim_fail(e, SIM_BAD_INPUT,
                     "%s: not an x86-64 program (pk runs 64-bit programs)",
                     f->path);
    else if (image.has_interp)
        s = sim_fail(e, SIM_BAD_INPUT,
                     "%s: dynamically linked (PT_INTERP): link it with "
                     "-static",
                     f->path);
    elf_image_free(&image);
    return s;
}

/* Measures when data is NULL. */
struct block {
    char *data;
    size_t size, used;
};

static void put(struct block *b, const char *key, const char *value)
{
    size_t len = strlen(key) + 1 + strlen(value) + 1;
    if (b->data != NULL)
        snprintf(b->data + b->used, b->size - b->used, "%s=%s", key, value);
    b->used += len;
}

static void put_number(struct block *b, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    put(b, key, text);
}

static void build(struct block *b, const struct load_request *r)
{
    static const char *const page[] = {"4k", "2m", "1g"};
    const struct machine_config *c = r->config;
    put(b, "exec", r->exec_path);
    put(b, "arg", r->image->path);
    for (size_t i = 0; i < r->argc; i++)
        put(b, "arg", r->argv[i]);
    for (size_t i = 0; i < r->envs; i++)
        put(b, "env", r->env[i]);
    for (size_t i = 0; i < r->shares; i++)
        put(b, "share", r->share[i]);
    put(b, "page", page[c->pk_page]);
    put_number(b, "cores", c->cores);
    put_number(b, "epoch", c->epoch);
    put_number(b, "seed", c->seed);
    put_number(b, "tsc_hz", c->core.tsc_hz);
    put_number(b, "apic_hz", c->core.apic_hz);
    put(b, "zeroed", "1");
}

enum sim_status load_linux_params(const struct load_request *r, struct plan *p,
                                  const uint8_t **data, uint64_t *len,
                                  struct sim_error *e)
{
    struct block b = {0};
    build(&b, r);
    b.size = b.used;
    b.used = 0;
    b.data = plan_own(p, b.size);
    if (b.data == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", p->name);
    build(&b, r);
    *data = (const uint8_t *)b.data;
    *len = b.size;
    return SIM_OK;
}
