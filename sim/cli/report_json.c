/* SPDX-License-Identifier: Apache-2.0
 * Statistics as JSON and as text. In JSON names nest at their dots; what
 * depends on the host is apart in "host".
 */
#include "sim/cli/run.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum { SCHEMA_VERSION = 1, DOTTED_MAX = 200 };

/* Put `value` (stolen) at the dotted name below `root`. */
static void put_nested(json_t *root, const char *name, json_t *value)
{
    char part[DOTTED_MAX];
    json_t *at = root;
    const char *dot;
    while ((dot = strchr(name, '.')) != NULL) {
        size_t len = (size_t)(dot - name);
        SIM_ASSERT(len < sizeof part);
        memcpy(part, name, len);
        part[len] = '\0';
        json_t *next = json_object_get(at, part);
        if (next == NULL) {
            next = json_object();
            json_object_set_new(at, part, next);
        }
        SIM_ASSERT(json_is_object(next));
        at = next;
        name = dot + 1;
    }
    SIM_ASSERT(json_object_get(at, name) == NULL);
    json_object_set_new(at, name, value);
}

static void visit(void *self, const char *name, uint64_t value,
                  const struct stat_desc *d)
{
    (void)d;
    put_nested(self, name, json_integer((json_int_t)value));
}

static json_t *config_object(const struct machine_config *c)
{
    const struct param_table *t = config_params();
    json_t *out = json_object();
    for (size_t i = 0; i < t->count; i++) {
        const struct param_desc *d = &t->rows[i];
        const char *field = (const char *)c + d->offset;
        json_t *value = NULL;
        switch (d->type) {
        case PARAM_BOOL: value = json_boolean(*(const bool *)field); break;
        case PARAM_U32: {
            uint32_t v;
            memcpy(&v, field, sizeof v);
            value = json_integer(v);
            break;
        }
        case PARAM_U64:
        case PARAM_SIZE: {
            uint64_t v;
            memcpy(&v, field, sizeof v);
            value = json_integer((json_int_t)v);
            break;
        }
        case PARAM_ENUM:
            value = json_string(d->choices[*(const uint8_t *)field]);
            break;
        }
        put_nested(out, d->name, value);
    }
    return out;
}

static const char *end_name(enum machine_end end)
{
    static const char *const names[] = {"none", "exit", "limit", "abnormal",
                                        "requested"};
    return names[end];
}

static json_t *files_array(const struct run_report *r)
{
    json_t *out = json_array();
    for (size_t i = 0; i < r->files; i++)
        json_array_append_new(
            out, json_pack("{s:s%, s:s, s:s}", "path", r->file[i].path,
                           strlen(r->file[i].path), "role", r->file[i].role,
                           "sha256", r->file[i].sha256));
    return out;
}

static double mips(const struct run_report *r)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < r->config->cores; i++)
        sum += machine_account(r->machine, i)->instructions;
    return r->host_seconds > 0.0 ? (double)sum / r->host_seconds / 1e6 : 0.0;
}

static json_t *document(const struct run_report *r)
{
    const struct stat_registry *stats = machine_stats(r->machine);
    const struct machine_outcome *end = r->outcome;
    json_t *root = json_object();
    json_object_set_new(root, "schema", json_integer(SCHEMA_VERSION));
    json_object_set_new(root, "version", json_string(VTSIM_VERSION));
    json_object_set_new(root, "preset", json_string(r->preset));
    json_object_set_new(root, "images", files_array(r));
    json_object_set_new(root, "end",
                        json_pack("{s:s, s:i, s:s}", "why", end_name(end->end),
                                  "status", r->status, "reason", end->reason));
    json_object_set_new(root, "regions",
                        json_integer((json_int_t)machine_regions(r->machine)));
    stat_walk(stats, r->values, visit, root);
    if (machine_dumps(r->machine) != 0) {
        json_t *dumps = json_array();
        for (size_t i = 0; i < machine_dumps(r->machine); i++) {
            json_t *one = json_object();
            stat_walk(stats, machine_dump(r->machine, i), visit, one);
            json_array_append_new(dumps, one);
        }
        json_object_set_new(root, "dumps", dumps);
    }
    json_object_set_new(root, "config", config_object(r->config));
    json_object_set_new(root, "host",
                        json_pack("{s:f, s:f, s:f, s:I}", "seconds",
                                  r->host_seconds, "startup_seconds",
                                  r->startup_seconds, "mips", mips(r),
                                  "guest_ram_committed",
                                  (json_int_t)machine_committed(r->machine)));
    return root;
}

enum sim_status report_json(const struct run_report *r, struct hostio_file *f,
                            struct sim_error *e)
{
    json_t *root = document(r);
    int failed =
        json_dumpf(root, f->stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    if (failed == 0)
        failed = fputc('\n', f->stream) == EOF;
    json_decref(root);
    if (failed != 0)
        return sim_fail(e, SIM_NO_RESOURCE, "--stats: cannot write JSON: %m");
    return hostio_commit(f, e);
}

/* --- Text ----------------------------------------------------------------- */

static void text_line(void *self, const char *name, uint64_t value,
                      const struct stat_desc *d)
{
    fprintf(self, "%-52s %16" PRIu64 " # %s (%s)\n", name, value, d->doc,
            d->unit);
}

static void text_block(const struct run_report *r, FILE *out,
                       const uint64_t *values)
{
    fputs("---------- Begin Simulation Statistics ----------\n", out);
    stat_walk(machine_stats(r->machine), values, text_line, out);
    fputs("---------- End Simulation Statistics   ----------\n\n", out);
}

enum sim_status report_text(const struct run_report *r, struct hostio_file *f,
                            struct sim_error *e)
{
    /* Dumps in their order, then what is reported at the end. */
    for (size_t i = 0; i < machine_dumps(r->machine); i++)
        text_block(r, f->stream, machine_dump(r->machine, i));
    text_block(r, f->stream, r->values);
    fprintf(f->stream, "# host: %.6f seconds, %.3f MIPS\n", r->host_seconds,
            mips(r));
    return hostio_commit(f, e);
}
