/* SPDX-License-Identifier: Apache-2.0
 * Reaching the current process's memory. The range is checked here; pages
 * come in by ordinary page faults, which trap.c serves or turns into EFAULT.
 */
#include "workloads/pk/pk.h"

u64 user_copy(void *to, const void *from, u64 n);
u64 user_clear(void *to, u64 n);

static bool in_user_space(u64 va, u64 n)
{
    return n <= USER_END && va <= USER_END - n;
}

s64 copy_from_user(void *to, u64 from, u64 n)
{
    if (!in_user_space(from, n) || user_copy(to, (const void *)from, n))
        return -EFAULT;
    return 0;
}

s64 copy_to_user(u64 to, const void *from, u64 n)
{
    if (!in_user_space(to, n) || user_copy((void *)to, from, n))
        return -EFAULT;
    return 0;
}

s64 clear_user(u64 to, u64 n)
{
    if (!in_user_space(to, n) || user_clear((void *)to, n))
        return -EFAULT;
    return 0;
}

s64 string_from_user(char *to, u64 from, u64 size)
{
    u64 n = 0;

    while (n < size) {
        u64 part = min64(size - n, PAGE - ((from + n) & (PAGE - 1)));
        part = min64(part, 256);
        if (copy_from_user(to + n, from + n, part))
            return -EFAULT;
        for (u64 end = n + part; n < end; n++)
            if (!to[n])
                return (s64)n;
    }
    return -ENAMETOOLONG;
}
