/* SPDX-License-Identifier: Apache-2.0
 * The monitor's options from its command line, and the guest's parameters
 * from the loader's module. What is not known is refused.
 */
#include "workloads/microhv/hv.h"

static bool word_is(const char *at, size_t n, const char *word)
{
    return strlen(word) == n && !memcmp(at, word, n);
}

/* The index of the value among the words, or refusal. */
static unsigned choose(const char *key, const char *at, size_t n,
                       const char *const *words)
{
    for (unsigned i = 0; words[i]; i++)
        if (word_is(at, n, words[i]))
            return i;
    char value[40] = {0};
    memcpy(value, at, min64(n, sizeof value - 1));
    hv_panic("option %s=%s is not known", key, value);
}

static void set_option(const char *at, size_t n)
{
    static const char *const page[] = {"4k", "2m", "1g", NULL};
    static const char *const off_on[] = {"off", "on", NULL};
    static const char *const paging[] = {"ept", "shadow", NULL};
    static const char *const pass_exit[] = {"pass", "exit", NULL};
    struct options *o = &hv.options;
    size_t key = 0;

    while (key < n && at[key] != '=')
        key++;
    const char *value = at + key + 1;
    size_t rest = key < n ? n - key - 1 : 0;
    if (word_is(at, key, "ept"))
        o->ept_level = 1 + choose("ept", value, rest, page);
    else if (word_is(at, key, "vpid"))
        o->vpid = choose("vpid", value, rest, off_on);
    else if (word_is(at, key, "paging"))
        o->shadow = choose("paging", value, rest, paging);
    else if (word_is(at, key, "apic"))
        o->apic = choose("apic", value, rest, pass_exit);
    else if (word_is(at, key, "io"))
        o->io_exit = choose("io", value, rest, pass_exit);
    else if (word_is(at, key, "hlt"))
        o->hlt_exit = choose("hlt", value, rest, pass_exit);
    else if (word_is(at, key, "stats"))
        o->stats = choose("stats", value, rest, off_on);
    else if (!extra_option(at, n))
        choose("(unknown)", at, n, (const char *const[]){NULL});
}

void options_read(const char *text)
{
    hv.options.ept_level = 1;
    hv.options.vpid = true;
    while (*text) {
        size_t n = 0;
        while (text[n] && text[n] != ' ')
            n++;
        if (n)
            set_option(text, n);
        text += n + (text[n] == ' ');
    }
}

static void set_parameter(const char *at, const char *value, size_t key)
{
    static const char *const modes[] = {"protected32", "long64", NULL};
    struct guest_start *s = &hv.start;
    const struct {
        const char *key;
        u64 *to;
    } table[] = {
        {"rip", &s->rip},
        {"rsp", &s->gpr[RSP]},
        {"rax", &s->gpr[RAX]},
        {"rbx", &s->gpr[RBX]},
        {"rcx", &s->gpr[RCX]},
        {"rdx", &s->gpr[RDX]},
        {"rsi", &s->gpr[RSI]},
        {"rdi", &s->gpr[RDI]},
        {"cr3", &s->cr3},
        {"gdt_base", &s->gdt_base},
        {"gdt_limit", &s->gdt_limit},
        {"cs", &s->cs},
        {"ds", &s->ds},
        {"ram_low", &s->ram_low},
        {"ram_high", &s->ram_high},
        {"zeroed", &s->zeroed},
    };

    if (word_is(at, key, "mode")) {
        s->long64 = choose("mode", value, strlen(value), modes);
        return;
    }
    for (unsigned i = 0; i < ARRAY(table); i++) {
        if (!word_is(at, key, table[i].key))
            continue;
        if (!parse_decimal(value, UINT64_MAX, table[i].to))
            hv_panic("guest parameter %s is not a number", at);
        return;
    }
    hv_panic("guest parameter %s is not known", at);
}

void guest_params_read(const char *text, const char *end)
{
    if (text == end || end[-1])
        hv_panic("the guest's parameters do not end in NUL");
    for (; text < end; text += strlen(text) + 1) {
        const char *equals = strchr(text, '=');
        if (!equals)
            hv_panic("guest parameter %s has no value", text);
        set_parameter(text, equals + 1, (size_t)(equals - text));
    }
}
