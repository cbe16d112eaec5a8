/* SPDX-License-Identifier: Apache-2.0
 * From files to a plan of guest RAM and the state a core starts in. Nothing
 * here touches a machine. Images are untrusted input.
 */
#ifndef VTSIM_SIM_MACHINE_LOAD_H
#define VTSIM_SIM_MACHINE_LOAD_H

#include "cpu/cpu.h"
#include "sim/machine/config.h"
#include "sim/machine/plan.h"

enum image_kind {
    IMAGE_AUTO,
    IMAGE_MULTIBOOT,  /* version 1 */
    IMAGE_MULTIBOOT2, /* version 2 */
    IMAGE_LINUX,      /* static Linux executable, run by pk */
    IMAGE_ELF,        /* plain ELF64, entered in long mode */
    IMAGE_FLAT,       /* bytes at an address, entered in long mode */
};

enum {
    LOAD_MODULES_MAX = 64,
    LOAD_FILES_MAX = LOAD_MODULES_MAX + 4,
    LOAD_CMDLINE_MAX = 1 << 20,
};
#define LOAD_FILE_CAP ((size_t)4 << 30) /* bytes of one input file */

/* A file in memory. */
struct load_file {
    char *path;       /* as the user gave it */
    const char *role; /* "image", "module", "pk", "monitor" */
    uint8_t *data;
    size_t len;
    char sha256[65];
};

struct load_request {
    enum image_kind kind;
    uint64_t flat_base;       /* IMAGE_FLAT: load and entry address */
    const char *append;       /* kernel command line after the path, or NULL */
    struct load_file *image;  /* already read */
    struct load_file *module; /* already read */
    const char *const *module_cmdline; /* text after the path, or NULL */
    size_t modules;
    /* IMAGE_LINUX */
    struct load_file *pk;    /* already read; NULL: not found */
    const char *exec_path;   /* absolute path of the program */
    const char *const *argv; /* after argv[0] */
    size_t argc;
    const char *const *env; /* K=V */
    size_t envs;
    const char *const *share; /* absolute directories */
    size_t shares;
    const struct machine_config *config;
};

/* How to start what was planned. */
struct load_result {
    enum image_kind kind;
    struct cpu_entry entry;
    char note[200]; /* a remark for the user, or "" */
};

/* Read a file into memory with its digest; role is kept by reference. */
SIM_MUST_CHECK enum sim_status load_read(struct load_file *f, const char *path,
                                         const char *role, struct sim_error *e);
void load_release(struct load_file *f);

/* What `--kind auto` decides for these bytes: never IMAGE_AUTO on success. */
SIM_MUST_CHECK enum sim_status load_detect(const struct load_file *f,
                                           enum image_kind *kind,
                                           struct sim_error *e);

/*
 * Plan the image, its modules, boot information, tables and stack. `p` is
 * initialised by the caller and freed by the caller in any case. Files of
 * the request must outlive the plan. Errors: SIM_BAD_INPUT.
 */
SIM_MUST_CHECK enum sim_status load_plan(const struct load_request *r,
                                         struct plan *p,
                                         struct load_result *out,
                                         struct sim_error *e);

#endif
