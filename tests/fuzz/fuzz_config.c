/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: configuration files.
 */
#include "sim/machine/config_file.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct machine_config c;
    struct sim_error e;
    struct config_file *f = NULL;
    config_defaults(&c);
    enum sim_status s =
        config_file_read("fuzz", (const char *)data, len, &f, &e);
    if (s == SIM_OK) {
        const char *a, *b;
        s = config_file_apply(f, &c, &e);
        (void)config_file_gives(f, "core.l1d.size");
        (void)config_file_source(f, "core.l1d.size", &a, &b);
        config_file_free(f);
    }
    if (s == SIM_OK)
        s = config_finish(&c, SIM_BAD_INPUT, &e);
    if (s != SIM_OK && (s != SIM_BAD_INPUT || strchr(e.text, '\n') != NULL))
        abort();
    return 0;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t cap)
{
    static const char small[] =
        "# comment\n"
        "title: \"a title\"\n"
        "preset: toy\n"
        "core: &c\n"
        "  dtlb: {4k: {entries: 64, ways: 4}, 2m: &t {entries: 32}}\n"
        "  itlb.4k: *t\n"
        "  cost:\n"
        "    mul: 3\n"
        "    'div32': 0x1a\n"
        "machine.memory: 512M\n"
        "source:\n"
        "  core: [read, 'here']\n"
        "  l3:\n"
        "  - chosen\n"
        "  - >-\n"
        "    folded\n"
        "    text\n";
    size_t count;
    const struct preset *p = preset_all(&count);
    const char *text = index == 0 ? small : NULL;
    size_t len = sizeof small - 1;
    if (index >= 1 && index <= 2) {
        text = p[index].text;
        len = p[index].len;
    }
    if (text == NULL || len > cap)
        return 0;
    memcpy(buf, text, len);
    return len;
}
