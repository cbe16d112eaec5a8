/* SPDX-License-Identifier: Apache-2.0
 * Guest images that come with vtsim.
 */
#include "sim/cli/run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside the program, or where cmake --install puts it. */
enum sim_status run_find_beside(const char *name, const char *role,
                                struct load_file *f, bool *found,
                                struct sim_error *e)
{
    static const char *const places[] = {"", "../lib/vtsim/"};
    char exe[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    *found = false;
    if (n <= 0)
        return SIM_OK;
    exe[n] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash != NULL)
        slash[1] = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof path, "%s%s%s", exe, places[i], name);
        if (access(path, F_OK) != 0)
            continue;
        enum sim_status s = load_read(f, path, role, e);
        *found = s == SIM_OK;
        if (s != SIM_OK)
            return s;
        /* Where it is installed does not belong into results. */
        free(f->path);
        f->path = strdup(name);
        return f->path != NULL ? SIM_OK
                               : sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    }
    return SIM_OK;
}
