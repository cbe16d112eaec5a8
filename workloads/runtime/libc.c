/* SPDX-License-Identifier: Apache-2.0
 * Memory, strings and formatting without a host library.
 */
#include "workloads/runtime/libc.h"

void *memcpy(void *to, const void *from, size_t n)
{
    void *d = to;

    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *d = to;
    const char *s = from;

    if (d <= s || d >= s + n)
        return memcpy(to, from, n);
    while (n) {
        n--;
        d[n] = s[n];
    }
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    void *d = to;

    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(byte) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;

    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i])
            return (u8)a[i] - (u8)b[i];
        if (!a[i])
            break;
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}

char *strrchr(const char *s, int c)
{
    const char *last = NULL;

    for (;; s++) {
        if (*s == (char)c)
            last = s;
        if (!*s)
            return (char *)(uintptr_t)last;
    }
}

bool parse_decimal(const char *s, u64 limit, u64 *out)
{
    u64 v = 0;

    if (!*s)
        return false;
    for (; *s; s++) {
        u64 digit = (u64)(*s - '0');
        if (*s < '0' || *s > '9' || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return v <= limit;
}

struct sink {
    char *out;
    size_t size, n;
};

static void put(struct sink *s, char c)
{
    if (s->n + 1 < s->size)
        s->out[s->n] = c;
    s->n++;
}

struct field {
    int width, precision;
    bool left;
    char fill;
};

static void put_text(struct sink *s, const struct field *f, const char *text,
                     size_t n)
{
    size_t pad = f->width > (int)n ? (size_t)f->width - n : 0;

    for (size_t i = 0; !f->left && i < pad; i++)
        put(s, f->fill);
    for (size_t i = 0; i < n; i++)
        put(s, text[i]);
    for (size_t i = 0; f->left && i < pad; i++)
        put(s, ' ');
}

static void put_number(struct sink *s, const struct field *f, u64 v,
                       unsigned base, bool negative)
{
    char buf[24];
    size_t at = sizeof buf;

    do {
        buf[--at] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    if (negative)
        buf[--at] = '-';
    put_text(s, f, buf + at, sizeof buf - at);
}

/* The length modifiers; returns how many longs are meant (0: int). */
static int read_length(const char **f)
{
    int longs = 0;

    for (;; ++*f) {
        if (**f == 'l')
            longs++;
        else if (**f == 'z')
            longs = 1;
        else
            return longs;
    }
}

static struct field read_field(const char **f)
{
    struct field r = {.precision = -1, .fill = ' '};

    for (;; ++*f) {
        if (**f == '-')
            r.left = true;
        else if (**f == '0')
            r.fill = '0';
        else
            break;
    }
    for (; **f >= '0' && **f <= '9'; ++*f)
        r.width = r.width * 10 + (**f - '0');
    if (**f == '.') {
        r.precision = 0;
        for (++*f; **f >= '0' && **f <= '9'; ++*f)
            r.precision = r.precision * 10 + (**f - '0');
    }
    return r;
}

static size_t text_length(const char *text, int precision)
{
    size_t n = 0;

    while ((precision < 0 || n < (size_t)precision) && text[n])
        n++;
    return n;
}

size_t format_list(char *out, size_t size, const char *f, va_list ap)
{
    struct sink s = {out, size, 0};

    for (; *f; f++) {
        if (*f != '%') {
            put(&s, *f);
            continue;
        }
        f++;
        struct field field = read_field(&f);
        int longs = read_length(&f);
        switch (*f) {
        case 'd':
        case 'i': {
            s64 v = longs ? va_arg(ap, long) : va_arg(ap, int);
            u64 magnitude = v < 0 ? 0 - (u64)v : (u64)v;
            put_number(&s, &field, magnitude, 10, v < 0);
            break;
        }
        case 'u':
        case 'x': {
            u64 v = longs ? va_arg(ap, unsigned long) : va_arg(ap, unsigned);
            put_number(&s, &field, v, *f == 'x' ? 16 : 10, false);
            break;
        }
        case 'p':
            put_number(&s, &field, (u64)va_arg(ap, void *), 16, false);
            break;
        case 'c': {
            char c = (char)va_arg(ap, int);
            put_text(&s, &field, &c, 1);
            break;
        }
        case 's': {
            const char *text = va_arg(ap, const char *);
            put_text(&s, &field, text, text_length(text, field.precision));
            break;
        }
        default: put(&s, *f); break;
        }
    }
    if (size)
        out[s.n < size ? s.n : size - 1] = 0;
    return s.n;
}

size_t format(char *out, size_t size, const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    size_t n = format_list(out, size, f, ap);
    va_end(ap);
    return n;
}
