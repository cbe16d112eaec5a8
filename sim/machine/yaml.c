/* SPDX-License-Identifier: Apache-2.0
 * YAML trees from libfyaml's event stream. The library's own document tree
 * is not used: aliases would be copied (and can be made to explode), and
 * its errors go to stderr.
 */
#include "sim/machine/yaml.h"

#include <libfyaml.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
    struct chunk *next;
};

struct anchor {
    char *name;
    struct yaml_node *node;
    struct anchor *next;
};

struct yaml {
    struct chunk *chunks;   /* everything allocated for the tree */
    struct anchor *anchors; /* latest first: a name may be redefined */
    unsigned nodes;
    const char *name;
    struct sim_error *e;
    enum sim_status status; /* of the first failure */
    /* Collections that are open. */
    unsigned depth;
    struct {
        struct yaml_node *node;
        struct yaml_node **tail;
        char *key;        /* map: a key that waits for its value */
        int line, column; /* of that key */
        struct anchor *anchor;
    } open[YAML_DEPTH_MAX];
    struct yaml_node *root;
};

static void fail(struct yaml *y, int line, int column, const char *what,
                 const char *detail)
{
    if (y->status != SIM_OK)
        return;
    y->status = sim_fail(y->e, SIM_BAD_INPUT, "%s:%d:%d: %s%.100s", y->name,
                         line, column, what, detail);
}

static void *allocate(struct yaml *y, size_t size)
{
    struct chunk *c = calloc(1, sizeof *c + size);
    if (c == NULL) {
        if (y->status == SIM_OK)
            y->status =
                sim_fail(y->e, SIM_NO_RESOURCE, "%s: out of memory", y->name);
        return NULL;
    }
    c->next = y->chunks;
    y->chunks = c;
    return c + 1;
}

/* A copy of a token's text; NULL and a failure when it holds a NUL. */
static char *token_text(struct yaml *y, struct fy_token *t, int line,
                        int column)
{
    size_t len = 0;
    const char *text = t != NULL ? fy_token_get_text(t, &len) : "";
    if (text == NULL)
        len = 0;
    if (len > 0 && memchr(text, 0, len) != NULL) {
        fail(y, line, column, "NUL character in a value", "");
        return NULL;
    }
    char *copy = allocate(y, len + 1);
    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

static void place(struct fy_token *t, int *line, int *column)
{
    const struct fy_mark *m = t != NULL ? fy_token_start_mark(t) : NULL;
    *line = m != NULL ? m->line + 1 : 1;
    *column = m != NULL ? m->column + 1 : 1;
}

static struct yaml_node *new_node(struct yaml *y, enum yaml_kind kind, int line,
                                  int column)
{
    if (++y->nodes > YAML_NODES_MAX) {
        fail(y, line, column, "too many values (4096 at most)", "");
        return NULL;
    }
    struct yaml_node *n = allocate(y, sizeof *n);
    if (n != NULL) {
        n->kind = kind;
        n->line = line;
        n->column = column;
    }
    return n;
}

/* Hang a finished or opened node below the innermost open collection. */
static void attach(struct yaml *y, struct yaml_node *n)
{
    if (y->depth == 0) {
        y->root = n;
        return;
    }
    struct yaml_node *parent = y->open[y->depth - 1].node;
    if (parent->kind == YAML_MAP) {
        char **key = &y->open[y->depth - 1].key;
        if (*key == NULL) {
            fail(y, n->line, n->column, "a key must be a plain word", "");
            return;
        }
        n->key = *key;
        n->key_line = y->open[y->depth - 1].line;
        n->key_column = y->open[y->depth - 1].column;
        *key = NULL;
        for (struct yaml_node *c = parent->child; c != NULL; c = c->next)
            if (strcmp(c->key, n->key) == 0) {
                fail(y, n->key_line, n->key_column, "duplicate key ", n->key);
                return;
            }
    }
    *y->open[y->depth - 1].tail = n;
    y->open[y->depth - 1].tail = &n->next;
}

static struct anchor *add_anchor(struct yaml *y, struct fy_token *t)
{
    if (t == NULL)
        return NULL;
    int line, column;
    place(t, &line, &column);
    struct anchor *a = allocate(y, sizeof *a);
    char *name = token_text(y, t, line, column);
    if (a == NULL || name == NULL)
        return NULL;
    a->name = name;
    a->next = y->anchors;
    y->anchors = a;
    return a;
}

/* True when the next scalar is a key of the open map. */
static bool wants_key(const struct yaml *y)
{
    return y->depth > 0 && y->open[y->depth - 1].node->kind == YAML_MAP &&
           y->open[y->depth - 1].key == NULL;
}

static void on_scalar(struct yaml *y, const struct fy_event *ev)
{
    const struct fy_event_scalar_data *s = &ev->scalar;
    int line, column;
    place(s->value, &line, &column);
    if (s->tag != NULL) {
        fail(y, line, column, "tags are not supported", "");
        return;
    }
    char *text = token_text(y, s->value, line, column);
    if (text == NULL)
        return;
    if (wants_key(y)) {
        y->open[y->depth - 1].key = text;
        y->open[y->depth - 1].line = line;
        y->open[y->depth - 1].column = column;
        return;
    }
    struct yaml_node *n = new_node(y, YAML_SCALAR, line, column);
    if (n == NULL)
        return;
    n->text = text;
    struct anchor *a = add_anchor(y, s->anchor);
    if (a != NULL)
        a->node = n;
    attach(y, n);
}

static void on_open(struct yaml *y, enum yaml_kind kind, struct fy_token *at,
                    struct fy_token *anchor, struct fy_token *tag)
{
    int line, column;
    place(at, &line, &column);
    if (tag != NULL) {
        fail(y, line, column, "tags are not supported", "");
        return;
    }
    if (y->depth == YAML_DEPTH_MAX) {
        fail(y, line, column, "nested too deeply (32 levels at most)", "");
        return;
    }
    if (wants_key(y)) {
        fail(y, line, column, "a key must be a plain word", "");
        return;
    }
    struct yaml_node *n = new_node(y, kind, line, column);
    if (n == NULL)
        return;
    struct anchor *a = add_anchor(y, anchor);
    attach(y, n);
    y->open[y->depth].node = n;
    y->open[y->depth].tail = &n->child;
    y->open[y->depth].key = NULL;
    y->open[y->depth].anchor = a;
    y->depth++;
}

static void on_close(struct yaml *y)
{
    if (y->depth == 0)
        return;
    y->depth--;
    /* Only now: an alias inside its own anchor would be a loop. */
    if (y->open[y->depth].anchor != NULL)
        y->open[y->depth].anchor->node = y->open[y->depth].node;
}

static void on_alias(struct yaml *y, const struct fy_event *ev)
{
    int line, column;
    place(ev->alias.anchor, &line, &column);
    char *name = token_text(y, ev->alias.anchor, line, column);
    if (name == NULL)
        return;
    const struct anchor *a = y->anchors;
    while (a != NULL && (a->node == NULL || strcmp(a->name, name) != 0))
        a = a->next;
    if (a == NULL) {
        fail(y, line, column, "no anchor called ", name);
        return;
    }
    /* A copy of the node shares the children. */
    struct yaml_node *n = new_node(y, a->node->kind, line, column);
    if (n == NULL)
        return;
    n->text = a->node->text;
    n->child = a->node->child;
    if (wants_key(y)) {
        fail(y, line, column, "a key must be a plain word", "");
        return;
    }
    attach(y, n);
}

static void on_event(struct yaml *y, const struct fy_event *ev,
                     unsigned *documents)
{
    switch (ev->type) {
    case FYET_DOCUMENT_START:
        if (++*documents > 1) {
            int line, column;
            place(ev->document_start.document_start, &line, &column);
            fail(y, line, column, "a second document in the file", "");
        }
        break;
    case FYET_MAPPING_START:
        on_open(y, YAML_MAP, ev->mapping_start.mapping_start,
                ev->mapping_start.anchor, ev->mapping_start.tag);
        break;
    case FYET_SEQUENCE_START:
        on_open(y, YAML_LIST, ev->sequence_start.sequence_start,
                ev->sequence_start.anchor, ev->sequence_start.tag);
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: on_close(y); break;
    case FYET_SCALAR: on_scalar(y, ev); break;
    case FYET_ALIAS: on_alias(y, ev); break;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
    default: break;
    }
}

/* The library's first complaint, with its place, as our error line. */
static void take_diagnostic(struct yaml *y, struct fy_diag *diag)
{
    void *iter = NULL;
    struct fy_diag_error *d;
    while ((d = fy_diag_errors_iterate(diag, &iter)) != NULL)
        if (d->type == FYET_ERROR && d->msg != NULL) {
            fail(y, d->line > 0 ? d->line : 1, d->column > 0 ? d->column : 1,
                 d->msg, "");
            return;
        }
    fail(y, 1, 1, "not YAML", "");
}

/* Length of the UTF-8 sequence at p, 0 if it is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;
    if (n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* Refuse what no configuration contains before the parser sees it. */
static bool check_text(struct yaml *y, const char *data, size_t len)
{
    int line = 1, column = 1;
    if (len > YAML_BYTES_MAX) {
        fail(y, 1, 1, "too long (1 MiB at most)", "");
        return false;
    }
    const unsigned char *p = (const unsigned char *)data;
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(p + i, len - i);
        bool control =
            p[i] < 0x20 && p[i] != '\t' && p[i] != '\r' && p[i] != '\n';
        if (n == 0 || control || p[i] == 0x7f) {
            fail(y, line, column, n == 0 ? "not UTF-8" : "control character",
                 "");
            return false;
        }
        column = p[i] == '\n' ? 1 : column + 1;
        line += p[i] == '\n';
        i += n;
    }
    return true;
}

static void parse(struct yaml *y, const char *data, size_t len)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_config);
    if (diag == NULL) {
        y->status =
            sim_fail(y->e, SIM_NO_RESOURCE, "%s: out of memory", y->name);
        return;
    }
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg config = {
        .search_path = "",
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DISABLE_MMAP_OPT |
                 FYPCF_JSON_NONE,
        .diag = diag,
    };
    struct fy_parser *p = fy_parser_create(&config);
    if (p == NULL || fy_parser_set_string(p, data, len) != 0) {
        y->status =
            sim_fail(y->e, SIM_NO_RESOURCE, "%s: out of memory", y->name);
    } else {
        unsigned documents = 0;
        struct fy_event *ev;
        while (y->status == SIM_OK && (ev = fy_parser_parse(p)) != NULL) {
            on_event(y, ev, &documents);
            fy_parser_event_free(p, ev);
        }
        if (y->status == SIM_OK && fy_parser_get_stream_error(p))
            take_diagnostic(y, diag);
    }
    fy_parser_destroy(p);
    fy_diag_destroy(diag);
}

enum sim_status yaml_read(const char *name, const char *data, size_t len,
                          struct yaml **out, struct yaml_node **root,
                          struct sim_error *e)
{
    struct yaml *y = calloc(1, sizeof *y);
    if (y == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", name);
    y->name = name;
    y->e = e;
    /* A byte-order mark is harmless. */
    if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        data += 3;
        len -= 3;
    }
    if (check_text(y, data, len) && len > 0)
        parse(y, data, len);
    enum sim_status status = y->status;
    if (status != SIM_OK) {
        yaml_free(y);
        return status;
    }
    *out = y;
    *root = y->root;
    return SIM_OK;
}

void yaml_free(struct yaml *y)
{
    if (y == NULL)
        return;
    for (struct chunk *c = y->chunks; c != NULL;) {
        struct chunk *next = c->next;
        free(c);
        c = next;
    }
    free(y);
}

const struct yaml_node *yaml_child(const struct yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != YAML_MAP)
        return NULL;
    for (const struct yaml_node *c = map->child; c != NULL; c = c->next)
        if (strcmp(c->key, key) == 0)
            return c;
    return NULL;
}
