/* SPDX-License-Identifier: Apache-2.0
 * Cases as text, one line each: the mode (64, 32 or 16), the bytes in hex,
 * then whatever differs from a plain state as key=value. corpus.txt holds
 * cases that once failed; they are replayed before all others.
 *
 *   64 0fafc3 rax=8000000000000000 rflags=203 mem+1ff8=00ff
 */
#include "tests/differential/gen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 8192, LINES_MAX = 4096 };

static const char *const gpr_name[16] = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const mode_name[CODE_MODES] = {"64", "32", "16"};

/* The state a line starts from. */
static void plain(struct test_case *t, enum code_mode mode)
{
    struct machine_state *s = &t->before;
    t->mode = mode;
    t->place = CODE_OFFSET;
    t->steps = 1;
    t->open_end = false;
    memset(t->bytes, 0xcc, sizeof t->bytes);
    memset(t->start, 0, sizeof t->start);
    memset(t->undefined, 0, sizeof t->undefined);
    memset(t->memory, 0, ARENA_SIZE);
    memset(s, 0, sizeof *s);
    s->gpr[4] = mode == CODE_16 ? 0x1000 : ARENA + 0x1000;
    s->rip = (mode == CODE_16 ? 0 : CODE_PAGE) + CODE_OFFSET;
    s->rflags = 0x202;
    s->cs = mode == CODE_64   ? USER_CS64
            : mode == CODE_32 ? USER_CS32
                              : ldt_selector(LDT_CODE16);
    s->ss = mode == CODE_16 ? ldt_selector(LDT_WINDOW) : (uint16_t)USER_DS;
    s->ds = s->es = mode == CODE_64 ? 0 : s->ss;
    s->xstate_bv = 7;
    s->fx.fcw = 0x37f;
    s->fx.mxcsr = 0x1f80;
    s->fx.mxcsr_mask = 0xffff;
}

/* --- the named 16, 32 and 64-bit fields --- */

struct field {
    const char *name;
    void *at;
    unsigned size;
};

enum { FIELDS = 16 + 16 };

static unsigned list_fields(struct test_case *t, struct field f[FIELDS])
{
    struct machine_state *s = &t->before;
    unsigned n = 0;
    for (; n < 16; n++)
        f[n] = (struct field){gpr_name[n], &s->gpr[n], 8};
    f[n++] = (struct field){"rflags", &s->rflags, 8};
    f[n++] = (struct field){"cs", &s->cs, 2};
    f[n++] = (struct field){"ss", &s->ss, 2};
    f[n++] = (struct field){"ds", &s->ds, 2};
    f[n++] = (struct field){"es", &s->es, 2};
    f[n++] = (struct field){"fcw", &s->fx.fcw, 2};
    f[n++] = (struct field){"fsw", &s->fx.fsw, 2};
    f[n++] = (struct field){"ftw", &s->fx.ftw, 1};
    f[n++] = (struct field){"mxcsr", &s->fx.mxcsr, 4};
    f[n++] = (struct field){"steps", &t->steps, 4};
    f[n++] = (struct field){"place", &t->place, 2};
    f[n++] = (struct field){"open", &t->open_end, 1};
    f[n++] = (struct field){"undef", &t->undefined[STEPS_MAX], 4};
    return n;
}

static uint64_t field_value(const struct field *f)
{
    uint64_t v = 0;
    memcpy(&v, f->at, f->size);
    return v;
}

/* --- out --- */

struct text {
    char *out;
    size_t size, used;
};

static void add(struct text *x, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct text *x, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(x->out + x->used, x->size - x->used, format, args);
    va_end(args);
    x->used += (size_t)n;
    if (x->used >= x->size)
        x->used = x->size - 1;
}

static void add_pair(struct text *x, const char *name, unsigned i,
                     const uint64_t v[2])
{
    if (v[0] | v[1])
        add(x, " %s%u=%llx:%llx", name, i, (unsigned long long)v[1],
            (unsigned long long)v[0]);
}

static void add_memory(struct text *x, const uint8_t *memory)
{
    for (unsigned i = 0; i < ARENA_SIZE; i++) {
        if (memory[i] == 0)
            continue;
        add(x, " mem+%x=", i);
        unsigned end = i + 1; /* up to eight zeros do not end a run */
        for (unsigned k = i; k < ARENA_SIZE && k < end + 8; k++) {
            if (memory[k] != 0)
                end = k + 1;
        }
        for (; i < end; i++)
            add(x, "%02x", memory[i]);
    }
}

void case_print(const struct test_case *t, char *out, size_t size)
{
    static struct test_case base, copy; /* large */
    struct text x = {.out = out, .size = size};
    struct field f[FIELDS], g[FIELDS];
    plain(&base, t->mode);
    copy = *t;
    copy.undefined[STEPS_MAX] = t->steps > 2 ? t->undefined[t->steps] : 0;
    add(&x, "%s ", mode_name[t->mode]);
    for (unsigned i = 0; i < t->length; i++)
        add(&x, "%02x", t->bytes[i]);
    unsigned n = list_fields(&copy, f);
    (void)list_fields(&base, g);
    for (unsigned i = 0; i < n; i++) {
        if (field_value(&f[i]) != field_value(&g[i]))
            add(&x, " %s=%llx", f[i].name,
                (unsigned long long)field_value(&f[i]));
    }
    const struct machine_state *s = &t->before;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t st[2] = {s->fx.st[i].mantissa, s->fx.st[i].exponent};
        add_pair(&x, "st", i, st);
    }
    for (unsigned i = 0; i < 16; i++) {
        add_pair(&x, "xmm", i, s->fx.xmm[i]);
        add_pair(&x, "ymmh", i, s->ymmh[i]);
    }
    add_memory(&x, t->memory);
}

/* --- in --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static unsigned parse_bytes(const char *s, uint8_t *to, unsigned most)
{
    unsigned n = 0;
    while (n < most && hex_digit(s[0]) >= 0 && hex_digit(s[1]) >= 0) {
        to[n++] = (uint8_t)(hex_digit(s[0]) << 4 | hex_digit(s[1]));
        s += 2;
    }
    return *s == '\0' ? n : 0;
}

static bool parse_pair(struct test_case *t, const char *key, const char *value)
{
    struct machine_state *s = &t->before;
    char *end;
    uint64_t hi = strtoull(value, &end, 16), lo;
    unsigned long i;
    if (*end != ':')
        return false;
    lo = strtoull(end + 1, NULL, 16);
    if (strncmp(key, "st", 2) == 0 && (i = strtoul(key + 2, NULL, 10)) < 8) {
        s->fx.st[i].mantissa = lo;
        s->fx.st[i].exponent = (uint16_t)hi;
    } else if (strncmp(key, "xmm", 3) == 0 &&
               (i = strtoul(key + 3, NULL, 10)) < 16) {
        s->fx.xmm[i][0] = lo;
        s->fx.xmm[i][1] = hi;
    } else if (strncmp(key, "ymmh", 4) == 0 &&
               (i = strtoul(key + 4, NULL, 10)) < 16) {
        s->ymmh[i][0] = lo;
        s->ymmh[i][1] = hi;
    } else {
        return false;
    }
    return true;
}

static bool parse_word(struct test_case *t, char *word)
{
    char *value = strchr(word, '=');
    struct field f[FIELDS];
    if (value == NULL)
        return false;
    *value++ = '\0';
    if (strncmp(word, "mem+", 4) == 0) {
        unsigned long at = strtoul(word + 4, NULL, 16);
        return at < ARENA_SIZE && parse_bytes(value, t->memory + at,
                                              (unsigned)(ARENA_SIZE - at)) > 0;
    }
    unsigned n = list_fields(t, f);
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(f[i].name, word) == 0) {
            uint64_t v = strtoull(value, NULL, 16);
            memcpy(f[i].at, &v, f[i].size);
            return true;
        }
    }
    return parse_pair(t, word, value);
}

bool case_parse(const char *line, struct test_case *t, const char **why)
{
    static char copy[LINE_MAX_BYTES];
    char *save = NULL;
    *why = "not a line of the corpus";
    if (strlen(line) >= sizeof copy)
        return false;
    strcpy(copy, line);
    char *word = strtok_r(copy, " \n", &save);
    unsigned mode = 0;
    while (mode < CODE_MODES && word && strcmp(word, mode_name[mode]) != 0)
        mode++;
    if (word == NULL || mode == CODE_MODES)
        return false;
    plain(t, (enum code_mode)mode);
    word = strtok_r(NULL, " \n", &save);
    t->length = word == NULL ? 0 : parse_bytes(word, t->bytes, CODE_MAX - 16);
    if (t->length == 0)
        return false;
    while ((word = strtok_r(NULL, " \n", &save)) != NULL) {
        if (!parse_word(t, word))
            return false;
    }
    if (t->steps == 0 || t->steps > STEPS_MAX)
        return false;
    t->before.rip = (mode == CODE_16 ? 0 : CODE_PAGE) + t->place;
    t->start[t->steps] = (uint16_t)t->length;
    t->undefined[t->steps] = t->undefined[STEPS_MAX];
    *why = "this host has no such code segments";
    if (!host_has_mode(t->mode))
        return false;
    if (!case_decode(t))
        memset(&t->zi, 0, sizeof t->zi);
    *why = "left to other tests";
    return case_standing(&t->zi, t->zo) != STANDING_HOST_LACKS;
}

/* --- the file --- */

static char **lines(unsigned *count)
{
    static char *list[LINES_MAX];
    static unsigned n;
    static bool read;
    char buffer[LINE_MAX_BYTES];
    FILE *f = read ? NULL : fopen(DIFFERENTIAL_CORPUS, "r");
    while (f != NULL && n < LINES_MAX && fgets(buffer, sizeof buffer, f)) {
        if (buffer[0] != '#' && buffer[0] != '\n')
            list[n++] = strdup(buffer);
    }
    if (f != NULL)
        fclose(f);
    read = true;
    *count = n;
    return list;
}

unsigned corpus_count(void)
{
    unsigned n;
    (void)lines(&n);
    return n;
}

bool corpus_generate(unsigned line, struct test_case *t, const char **why)
{
    unsigned n;
    char **list = lines(&n);
    *why = "no such line";
    return line < n && case_parse(list[line], t, why);
}
