/* SPDX-License-Identifier: Apache-2.0
 * Symbols, stub and trace of `vtsim run`: from options to open ones.
 */
#include "sim/cli/debugging.h"

#include "sim/base/param.h"
#include "sim/cli/cli.h"
#include "sim/machine/elf_image.h"

#include <stdlib.h>
#include <string.h>

static enum sim_status need_symbols(struct debugging *d, struct sim_error *e)
{
    if (d->symbols == NULL)
        d->symbols = symbols_create();
    return d->symbols != NULL ? SIM_OK
                              : sim_fail(e, SIM_NO_RESOURCE, "out of memory");
}

enum sim_status debugging_names(struct debugging *d, const struct load_file *f,
                                enum symbol_side side, struct sim_error *e)
{
    enum sim_status s = need_symbols(d, e);
    if (s != SIM_OK || !elf_image_is(f->data, f->len))
        return s;
    return symbols_add(d->symbols, f->path, f->data, f->len, 0, side, e);
}

static enum sim_status add_symbols(struct debugging *d, const char *word,
                                   struct sim_error *e)
{
    const char *at = strrchr(word, '@');
    uint64_t base = 0;
    if (at != NULL && param_parse_number(at + 1, true, &base) != PARAM_NUMBER)
        at = NULL; /* part of the file's name */
    size_t len = at != NULL ? (size_t)(at - word) : strlen(word);
    char *path = strndup(word, len);
    if (path == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    struct load_file f = {0};
    enum sim_status s = load_read(&f, path, "symbols", e);
    if (s == SIM_OK)
        s = symbols_add(d->symbols, path, f.data, f.len, at != NULL ? base : 0,
                        SYMBOL_ANY, e);
    load_release(&f);
    free(path);
    return s;
}

enum sim_status debugging_symbols(struct debugging *d,
                                  const struct run_options *o,
                                  struct sim_error *e)
{
    enum sim_status s = need_symbols(d, e);
    for (size_t i = 0; i < o->symbols.count && s == SIM_OK; i++)
        s = add_symbols(d, o->symbols.word[i], e);
    return s;
}

enum sim_status debugging_open(struct debugging *d, const struct run_options *o,
                               const struct gdb_options *port,
                               struct sim_error *e)
{
    enum sim_status s = SIM_OK;
    struct gdb_options g = *port;
    g.where = o->gdb;
    g.symbols = d->symbols;
    if (o->trace.file != NULL)
        s = trace_open(&o->trace, g.machine, d->symbols, &d->trace, e);
    if (s == SIM_OK && o->gdb != NULL)
        s = gdb_open(&g, &d->gdb, e);
    return s;
}

bool debugging_begin(struct debugging *d, const struct run_options *o)
{
    return d->gdb == NULL || !o->gdb_wait || gdb_wait(d->gdb);
}

bool debugging_tick(struct debugging *d)
{
    return d->gdb == NULL || gdb_tick(d->gdb);
}

enum sim_status debugging_end(struct debugging *d, int status,
                              struct sim_error *e)
{
    gdb_close(d->gdb, status);
    d->gdb = NULL;
    enum sim_status s = trace_close(d->trace, e);
    d->trace = NULL;
    return s;
}

void debugging_release(struct debugging *d)
{
    /* After another error, which has been told. */
    struct sim_error e;
    if (debugging_end(d, 0, &e) != SIM_OK)
        cli_fail(&e);
    symbols_free(d->symbols);
    d->symbols = NULL;
}
