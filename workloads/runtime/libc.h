/* SPDX-License-Identifier: Apache-2.0
 * The pieces of a C library that freestanding guests need. memcpy, memmove,
 * memset and memcmp are those of C: the compiler may call them.
 */
#ifndef WORKLOADS_RUNTIME_LIBC_H
#define WORKLOADS_RUNTIME_LIBC_H

#include "workloads/runtime/types.h"

#include <stdarg.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/*
 * Format into `out` (at most `size` bytes with the NUL) and return the length
 * that the whole text has. Conversions: d i u x p s c % with l, ll, z, width,
 * 0 and - flags, and precision on s.
 */
size_t format(char *out, size_t size, const char *f, ...) PRINTF(3, 4);
size_t format_list(char *out, size_t size, const char *f, va_list ap);

/*
 * Read a decimal number that is all of `s` and at most `limit`. False if it
 * is anything else.
 */
bool parse_decimal(const char *s, u64 limit, u64 *out);

#endif
