/* SPDX-License-Identifier: Apache-2.0
 * Plan an image from bytes and check the plan.
 */
#ifndef VTSIM_TESTS_FUZZ_FUZZ_IMAGE_H
#define VTSIM_TESTS_FUZZ_FUZZ_IMAGE_H

#include "sim/machine/load.h"

#include <stdlib.h>
#include <string.h>

/* Aborts when a plan that was accepted breaks a promise. */
static inline void fuzz_plan(const uint8_t *data, size_t len,
                             enum image_kind kind)
{
    static char path[] = "fuzz";
    const uint64_t ram = UINT64_C(32) << 20;
    struct load_file file = {.path = path, .len = len};
    struct machine_config config;
    struct load_result result;
    struct plan plan;
    struct sim_error e;
    config_defaults(&config);
    file.data = malloc(len != 0 ? len : 1);
    if (file.data == NULL)
        abort();
    if (len != 0)
        memcpy(file.data, data, len);
    const struct load_request request = {
        .kind = kind,
        .image = &file,
        .append = "a=b",
        .exec_path = "/fuzz",
        .flat_base = 0x100000,
        .config = &config,
    };
    plan_init(&plan, path, ram);
    enum sim_status s = load_plan(&request, &plan, &result, &e);
    if (s == SIM_INTERNAL || (s != SIM_OK && strchr(e.text, '\n') != NULL))
        abort();
    uint64_t end = 0;
    uint64_t sum = 0; /* reads every byte that would be copied */
    for (size_t i = 0; s == SIM_OK && i < plan.count; i++) {
        const struct plan_item *item = &plan.item[i];
        if (item->at < end || item->filled > item->size ||
            item->at + item->size > ram)
            abort();
        end = item->at + item->size;
        for (uint64_t n = 0; n < item->filled; n++)
            sum += item->data[n];
    }
    if (s == SIM_OK && (result.entry.rip >= ram || sum == UINT64_MAX))
        abort();
    plan_free(&plan);
    free(file.data);
}

#endif
