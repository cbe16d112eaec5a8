/* SPDX-License-Identifier: Apache-2.0
 * Configuration files and presets: YAML maps whose nesting spells the dotted
 * names of parameters. Three more keys may stand at the top: `title`,
 * `preset` (what a --config file starts from) and `source`, which says for
 * dotted names or their beginnings where the values come from:
 *     source:
 *       core.dtlb: [read, "CPUID leaf 2, descriptor 03h"]
 */
#ifndef VTSIM_SIM_MACHINE_CONFIG_FILE_H
#define VTSIM_SIM_MACHINE_CONFIG_FILE_H

#include "sim/machine/config.h"

struct config_file;

/* Read the text of a configuration; `name` opens error lines. Errors are
 * SIM_BAD_INPUT with line and column. */
SIM_MUST_CHECK enum sim_status config_file_read(const char *name,
                                                const char *data, size_t len,
                                                struct config_file **out,
                                                struct sim_error *e);
void config_file_free(struct config_file *f);

/* The preset it names, or NULL. */
const char *config_file_preset(const struct config_file *f);

/* Its title, or "". */
const char *config_file_title(const struct config_file *f);

/* Set every parameter the file gives. */
SIM_MUST_CHECK enum sim_status config_file_apply(const struct config_file *f,
                                                 struct machine_config *c,
                                                 struct sim_error *e);

/* Is the parameter given by the file? */
bool config_file_gives(const struct config_file *f, const char *param);

/* Where the file says a value comes from: confidence ("read", "recalled",
 * "derived", "chosen") and text; false if it does not say. */
bool config_file_source(const struct config_file *f, const char *param,
                        const char **confidence, const char **text);

/* Measurements of the part that the values were chosen to reproduce, in the
 * file's order: "vm_round_trip", or "vm_round_trip.<by whom>" of another
 * source than the one that was followed. False: no more. */
struct published {
    const char *name, *value, *confidence, *source;
};
bool config_file_published(const struct config_file *f, size_t index,
                           struct published *out);

/* --- Presets, compiled into the program --------------------------------- */

struct preset {
    const char *name;
    const char *text; /* YAML */
    size_t len;
};

/* All presets in alphabetical order; `*count` of them. */
const struct preset *preset_all(size_t *count);

#define PRESET_DEFAULT "skylake"

/* Read preset `name`; an unknown one is SIM_USAGE and names them all. */
SIM_MUST_CHECK enum sim_status
preset_read(const char *name, struct config_file **out, struct sim_error *e);

#endif
