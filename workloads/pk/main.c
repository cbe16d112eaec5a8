/* SPDX-License-Identifier: Apache-2.0
 * Start: what the loader handed over, the parameters, and the order in which
 * the parts come up.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/pk.h"
#include "workloads/runtime/multiboot.h"

struct params params;

static u64 random_state;
static const char *words[256];
static char exec_path[PK_PATH_MAX + 1];

void pk_warn(const char *f, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, f);
    size_t n = format(line, sizeof line, "pk: ");
    n += format_list(line + n, sizeof line - n - 1, f, ap);
    va_end(ap);
    n = min64(n, sizeof line - 2);
    line[n++] = '\n';
    console_write(2, line, n);
}

void pk_panic(const char *f, ...)
{
    char line[512];
    va_list ap;

    irq_disable();
    va_start(ap, f);
    size_t n = format(line, sizeof line, "pk: panic: ");
    n += format_list(line + n, sizeof line - n - 1, f, ap);
    va_end(ap);
    n = min64(n, sizeof line - 2);
    line[n++] = '\n';
    console_write(2, line, n);
    machine_exit(126);
}

/* splitmix64: every seed gives a full-period, well-mixed stream. */
u64 random_next(void)
{
    u64 z = random_state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void random_fill(void *to, size_t n)
{
    u8 *p = to;

    while (n) {
        u64 v = random_next();
        size_t part = min64(n, sizeof v);
        memcpy(p, &v, part);
        p += part;
        n -= part;
    }
}

static u64 number(const char *key, const char *value, u64 limit)
{
    u64 v;

    if (!parse_decimal(value, limit, &v))
        pk_panic("parameter %s=%s is not a number up to %lu", key, value,
                 limit);
    return v;
}

static void set_page(const char *value)
{
    if (!strcmp(value, "4k"))
        params.page_level = 1;
    else if (!strcmp(value, "2m"))
        params.page_level = 2;
    else if (!strcmp(value, "1g"))
        params.page_level = 3;
    else
        pk_panic("parameter page=%s is not 4k, 2m or 1g", value);
}

static void set_number(const char *key, const char *value)
{
    static const struct {
        const char *key;
        u64 *to, limit;
    } table[] = {
        {"epoch", &params.epoch, 1ull << 33},
        {"seed", &params.seed, UINT64_MAX},
        {"tsc_hz", &params.tsc_hz, 10000000000},
        {"apic_hz", &params.apic_hz, 10000000000},
        {"slice_us", &params.slice_us, 1000000000},
    };

    for (unsigned i = 0; i < ARRAY(table); i++) {
        if (!strcmp(key, table[i].key)) {
            *table[i].to = number(key, value, table[i].limit);
            return;
        }
    }
    pk_panic("unknown parameter %s=%s", key, value);
}

static void set_parameter(const char *key, const char *value)
{
    if (!strcmp(key, "exec")) {
        params.exec = value;
    } else if (!strcmp(key, "arg")) {
        params.argv[params.argc++] = value;
    } else if (!strcmp(key, "env")) {
        params.envp[params.envc++] = value;
    } else if (!strcmp(key, "cwd")) {
        params.cwd = value;
    } else if (!strcmp(key, "share")) {
        if (params.shares == ARRAY(params.share))
            pk_panic("more than %u shares", params.shares);
        params.share[params.shares++] = value;
    } else if (!strcmp(key, "page")) {
        set_page(value);
    } else if (!strcmp(key, "cores")) {
        params.cores = (unsigned)number(key, value, MAX_CPUS);
    } else if (!strcmp(key, "zeroed")) {
        params.zeroed = number(key, value, 1) != 0;
    } else {
        set_number(key, value);
    }
}

/* argv and envp go into `room`, each with its NULL. */
static void read_parameters(char *text, const char *end, const char **room)
{
    u64 count = 0;

    for (const char *p = text; p < end; p += strlen(p) + 1)
        count += !strncmp(p, "arg=", 4);
    params.argv = room;
    params.envp = room + count + 1;
    for (char *p = text; p < end;) {
        char *next = p + strlen(p) + 1;
        char *value = strchr(p, '=');
        if (!value)
            pk_panic("parameter '%s' has no value", p);
        *value = 0;
        set_parameter(p, value + 1);
        p = next;
    }
}

/* Without parameters: the module's string is the path and the arguments. */
static void read_words(char *text)
{
    unsigned n = 0;

    for (char *p = text; *p && n < ARRAY(words) - 3;) {
        while (*p == ' ')
            *p++ = 0;
        if (!*p)
            break;
        words[n++] = p;
        while (*p && *p != ' ')
            p++;
    }
    if (!n)
        words[n++] = "program";
    params.exec = words[0];
    params.argv = words;
    params.argc = n;
    words[n + 1] = "PATH=/bin:/usr/bin";
    params.envp = words + n + 1;
    params.envc = 1;
}

/* Pointers to the strings; they are needed before there is a heap. */
static const char *parameter_room[4096];

static void read_boot_info(u64 info_pa)
{
    struct multiboot_info *info = direct(info_pa);
    struct multiboot_module *m = direct(info->mods_addr);

    params.cores = 1;
    params.page_level = 1;
    params.seed = 1;
    params.epoch = 946684800;
    params.slice_us = 4000;
    if (!(info->flags & MULTIBOOT_MODULES) || !info->mods_count)
        pk_panic("no program: module 0 is missing");
    params.image = direct(m[0].start);
    params.image_len = m[0].end - m[0].start;
    if (info->mods_count < 2) {
        read_words(direct(m[0].string));
        return;
    }
    char *text = direct(m[1].start), *end = direct(m[1].end);
    u64 strings = 0;
    for (const char *p = text; p < end; p++)
        strings += !*p;
    if (text == end || end[-1])
        pk_panic("the parameters do not end in NUL");
    if (strings + 3 > ARRAY(parameter_room))
        pk_panic("more than %lu parameters", ARRAY(parameter_room) - 3);
    read_parameters(text, end, parameter_room);
}

static void check_parameters(void)
{
    if (!params.exec && params.argc)
        params.exec = params.argv[0];
    if (!params.exec)
        pk_panic("no parameter exec=");
    if (strlen(params.exec) >= sizeof exec_path - 1)
        pk_panic("the path of the program is too long");
    path_normalise(params.exec, exec_path);
    params.exec = exec_path;
    if (!params.argc) {
        params.argv = parameter_room;
        params.argv[params.argc++] = params.exec;
        params.argv[1] = NULL;
    }
    if (!params.cores)
        params.cores = 1;
    if (!params.cwd)
        params.cwd = params.shares ? params.share[0] : "/";
}

void kernel_main(u32 magic, u64 info_pa);

void kernel_main(u32 magic, u64 info_pa)
{
    proxy_init();
    if (magic != MULTIBOOT_LOADED)
        pk_panic("not started by a multiboot 1 loader");
    read_boot_info(info_pa);
    check_parameters();
    random_state = params.seed;
    page_init(info_pa);
    time_init();
    cpu_init_first();
    sched_init();
    file_init();
    proc_first();
    cpu_start_others();
    sched_run_first();
}
