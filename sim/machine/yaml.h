/* SPDX-License-Identifier: Apache-2.0
 * A small tree of a YAML document with the place of every node, read through
 * libfyaml's events under caps on size, depth and number of nodes. Anchors
 * and aliases work; tags and several documents in a file are refused.
 */
#ifndef VTSIM_SIM_MACHINE_YAML_H
#define VTSIM_SIM_MACHINE_YAML_H

#include "sim/base/status.h"

#include <stddef.h>

enum {
    YAML_BYTES_MAX = 1 << 20,
    YAML_DEPTH_MAX = 32,
    YAML_NODES_MAX = 4096,
};

enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_LIST };

struct yaml_node {
    enum yaml_kind kind;
    int line, column;         /* of the value, from 1 */
    int key_line, key_column; /* of the key */
    const char *text;         /* YAML_SCALAR: NUL-terminated, no NUL inside */
    const char *key;          /* the name in the parent map, else NULL */
    struct yaml_node *child;  /* YAML_MAP, YAML_LIST: first of the children */
    struct yaml_node *next;   /* next child of the same parent */
};

struct yaml;

/*
 * Read `len` bytes. `name` opens error lines ("name:line:column: ...").
 * A key that occurs twice in a map is refused. `*root` is NULL for an empty
 * document. Errors are SIM_BAD_INPUT. The tree lives until yaml_free; with
 * aliases a node may be reached over several paths.
 */
SIM_MUST_CHECK enum sim_status yaml_read(const char *name, const char *data,
                                         size_t len, struct yaml **out,
                                         struct yaml_node **root,
                                         struct sim_error *e);
void yaml_free(struct yaml *y);

/* The child of a map called `key`, or NULL. */
const struct yaml_node *yaml_child(const struct yaml_node *map,
                                   const char *key);

#endif
