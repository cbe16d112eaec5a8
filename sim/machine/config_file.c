/* SPDX-License-Identifier: Apache-2.0
 * Walks a YAML tree and sets the parameters it names.
 */
#include "sim/machine/config_file.h"

#include "sim/machine/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 128, VISITS_MAX = 100000 };

struct config_file {
    char name[256];
    struct yaml *yaml;
    struct yaml_node *root; /* a map, or NULL for an empty file */
};

/* One walk over the tree. Aliases can make a small tree large: visits are
 * counted. */
struct walk {
    const struct config_file *file;
    struct machine_config *config;
    struct sim_error *e;
    int *given; /* per parameter: line that gave it, 0 none */
    unsigned visits;
};

static bool is_about_the_file(const char *key)
{
    return strcmp(key, "title") == 0 || strcmp(key, "preset") == 0 ||
           strcmp(key, "source") == 0 || strcmp(key, "published") == 0;
}

static enum sim_status unknown(const struct walk *w, const char *name,
                               const struct yaml_node *n)
{
    const char *near = param_nearest(config_params(), name);
    return sim_fail(w->e, SIM_BAD_INPUT,
                    "%s:%d:%d: unknown parameter '%.80s'%s%s%s", w->file->name,
                    n->key_line, n->key_column, name,
                    near != NULL ? " (did you mean " : "",
                    near != NULL ? near : "", near != NULL ? "?)" : "");
}

static enum sim_status set_scalar(struct walk *w, const char *name,
                                  const struct yaml_node *n)
{
    const struct param_table *t = config_params();
    const struct param_desc *d = param_find(t, name);
    if (d == NULL)
        return unknown(w, name, n);
    size_t row = (size_t)(d - t->rows);
    if (w->given[row] != 0)
        return sim_fail(w->e, SIM_BAD_INPUT,
                        "%s:%d:%d: %s is given twice (first in line %d)",
                        w->file->name, n->key_line, n->key_column, name,
                        w->given[row]);
    w->given[row] = n->key_line;
    char where[300];
    snprintf(where, sizeof where, "%s:%d:%d", w->file->name, n->line,
             n->column);
    if (param_set(d, w->config, n->text, where, w->e) == SIM_OK)
        return SIM_OK;
    if (w->e != NULL)
        w->e->status = SIM_BAD_INPUT;
    return SIM_BAD_INPUT;
}

/* Does any parameter lie below the dotted name? */
static bool is_group(const char *name)
{
    const struct param_table *t = config_params();
    size_t len = strlen(name);
    for (size_t i = 0; i < t->count; i++)
        if (strncmp(t->rows[i].name, name, len) == 0 &&
            t->rows[i].name[len] == '.')
            return true;
    return false;
}

static enum sim_status walk_map(struct walk *w, const struct yaml_node *map,
                                const char *prefix, unsigned depth);

static enum sim_status walk_child(struct walk *w, const struct yaml_node *n,
                                  const char *prefix, unsigned depth)
{
    char name[NAME_MAX_LEN];
    int len = snprintf(name, sizeof name, "%s%s%s", prefix,
                       prefix[0] != '\0' ? "." : "", n->key);
    if (len < 0 || (size_t)len >= sizeof name)
        return unknown(w, n->key, n);
    if (++w->visits > VISITS_MAX)
        return sim_fail(w->e, SIM_BAD_INPUT, "%s:%d:%d: too many values",
                        w->file->name, n->line, n->column);
    if (n->kind == YAML_SCALAR)
        return set_scalar(w, name, n);
    if (n->kind == YAML_LIST || !is_group(name)) {
        if (param_find(config_params(), name) == NULL && !is_group(name))
            return unknown(w, name, n);
        return sim_fail(w->e, SIM_BAD_INPUT, "%s:%d:%d: %s: a %s (%s)",
                        w->file->name, n->line, n->column, name,
                        n->kind == YAML_LIST ? "list" : "map",
                        is_group(name) ? "a map is due" : "one value is due");
    }
    return walk_map(w, n, name, depth + 1);
}

static enum sim_status walk_map(struct walk *w, const struct yaml_node *map,
                                const char *prefix, unsigned depth)
{
    if (depth > YAML_DEPTH_MAX)
        return sim_fail(w->e, SIM_BAD_INPUT, "%s:%d:%d: nested too deeply",
                        w->file->name, map->line, map->column);
    for (const struct yaml_node *n = map->child; n != NULL; n = n->next) {
        if (depth == 0 && is_about_the_file(n->key))
            continue;
        enum sim_status s = walk_child(w, n, prefix, depth);
        if (s != SIM_OK)
            return s;
    }
    return SIM_OK;
}

/* The map `name` of lists of `words` scalars each, if it is there. */
static enum sim_status check_lists(const struct config_file *f,
                                   const char *name, unsigned words,
                                   const char *due, struct sim_error *e)
{
    const struct yaml_node *map = yaml_child(f->root, name);
    if (map == NULL)
        return SIM_OK;
    if (map->kind != YAML_MAP)
        return sim_fail(e, SIM_BAD_INPUT, "%s:%d:%d: %s: a map is due", f->name,
                        map->line, map->column, name);
    for (const struct yaml_node *n = map->child; n != NULL; n = n->next) {
        unsigned count = 0;
        bool scalars = n->kind == YAML_LIST;
        if (scalars)
            for (const struct yaml_node *w = n->child; w != NULL;
                 w = w->next, count++)
                scalars = scalars && w->kind == YAML_SCALAR;
        if (!scalars || count != words)
            return sim_fail(e, SIM_BAD_INPUT,
                            "%s:%d:%d: %s of %.80s: [%s] is due", f->name,
                            n->line, n->column, name, n->key, due);
    }
    return SIM_OK;
}

/* The keys about the file itself have the right shape. */
static enum sim_status check_about(const struct config_file *f,
                                   struct sim_error *e)
{
    static const char *const words[] = {"title", "preset"};
    for (size_t i = 0; i < 2; i++) {
        const struct yaml_node *n = yaml_child(f->root, words[i]);
        if (n != NULL && n->kind != YAML_SCALAR)
            return sim_fail(e, SIM_BAD_INPUT, "%s:%d:%d: %s: a word is due",
                            f->name, n->line, n->column, words[i]);
    }
    enum sim_status s = check_lists(f, "source", 2, "confidence, text", e);
    if (s == SIM_OK)
        s = check_lists(f, "published", 3, "value, confidence, text", e);
    return s;
}

enum sim_status config_file_read(const char *name, const char *data, size_t len,
                                 struct config_file **out, struct sim_error *e)
{
    struct config_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", name);
    snprintf(f->name, sizeof f->name, "%s", name);
    enum sim_status s = yaml_read(f->name, data, len, &f->yaml, &f->root, e);
    /* A document of nothing but its marker. */
    if (s == SIM_OK && f->root != NULL && f->root->kind == YAML_SCALAR &&
        f->root->text[0] == '\0')
        f->root = NULL;
    if (s == SIM_OK && f->root != NULL && f->root->kind != YAML_MAP)
        s = sim_fail(e, SIM_BAD_INPUT, "%s:%d:%d: not a map of parameters",
                     f->name, f->root->line, f->root->column);
    if (s == SIM_OK && f->root != NULL)
        s = check_about(f, e);
    if (s != SIM_OK) {
        config_file_free(f);
        return s;
    }
    *out = f;
    return SIM_OK;
}

void config_file_free(struct config_file *f)
{
    if (f == NULL)
        return;
    yaml_free(f->yaml);
    free(f);
}

const char *config_file_preset(const struct config_file *f)
{
    const struct yaml_node *n = yaml_child(f->root, "preset");
    return n != NULL ? n->text : NULL;
}

const char *config_file_title(const struct config_file *f)
{
    const struct yaml_node *n = yaml_child(f->root, "title");
    return n != NULL ? n->text : "";
}

enum sim_status config_file_apply(const struct config_file *f,
                                  struct machine_config *c, struct sim_error *e)
{
    if (f->root == NULL)
        return SIM_OK;
    int *given = calloc(config_params()->count, sizeof *given);
    if (given == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", f->name);
    struct walk w = {.file = f, .config = c, .e = e, .given = given};
    enum sim_status s = walk_map(&w, f->root, "", 0);
    free(given);
    return s;
}

/* Length of `prefix` if it is `name` or a dotted beginning of it, else 0. */
static size_t dotted_prefix(const char *prefix, const char *name)
{
    size_t len = strlen(prefix);
    if (strncmp(prefix, name, len) != 0)
        return 0;
    return name[len] == '\0' || name[len] == '.' ? len : 0;
}

static bool gives(const struct yaml_node *map, const char *param)
{
    if (map == NULL || map->kind != YAML_MAP)
        return false;
    for (const struct yaml_node *n = map->child; n != NULL; n = n->next) {
        size_t len = dotted_prefix(n->key, param);
        if (len == 0)
            continue;
        if (param[len] == '\0')
            return true;
        if (gives(n, param + len + 1))
            return true;
    }
    return false;
}

bool config_file_gives(const struct config_file *f, const char *param)
{
    return gives(f->root, param);
}

bool config_file_source(const struct config_file *f, const char *param,
                        const char **confidence, const char **text)
{
    const struct yaml_node *source = yaml_child(f->root, "source");
    size_t best = 0;
    if (source == NULL)
        return false;
    for (const struct yaml_node *n = source->child; n != NULL; n = n->next) {
        size_t len = dotted_prefix(n->key, param);
        if (len <= best)
            continue;
        best = len;
        *confidence = n->child->text;
        *text = n->child->next->text;
    }
    return best != 0;
}

bool config_file_published(const struct config_file *f, size_t index,
                           struct published *out)
{
    const struct yaml_node *map = yaml_child(f->root, "published");
    const struct yaml_node *n = map == NULL ? NULL : map->child;
    while (n != NULL && index-- > 0)
        n = n->next;
    if (n == NULL)
        return false;
    out->name = n->key;
    out->value = n->child->text;
    out->confidence = n->child->next->text;
    out->source = n->child->next->next->text;
    return true;
}

enum sim_status preset_read(const char *name, struct config_file **out,
                            struct sim_error *e)
{
    size_t count;
    const struct preset *p = preset_all(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(p[i].name, name) == 0) {
            char label[64];
            snprintf(label, sizeof label, "preset %s", name);
            return config_file_read(label, p[i].text, p[i].len, out, e);
        }
    char names[200] = "";
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ",
                 p[i].name);
    }
    return sim_fail(e, SIM_USAGE, "--preset: unknown preset '%.60s' (%s)", name,
                    names);
}
