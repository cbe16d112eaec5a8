/* SPDX-License-Identifier: Apache-2.0
 * mmap, mremap, mprotect, madvise, brk, shared and file mappings.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1ul << 20)

static uint64_t checksum(const unsigned char *p, size_t n)
{
    uint64_t s = 0;
    for (size_t i = 0; i < n; i += 511)
        s = s * 31 + p[i];
    return s;
}

int main(void)
{
    unsigned char *p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < 8 * MIB; i++)
        p[i] = (unsigned char)(i * 7 + i / 4096);
    printf("%lu\n", checksum(p, 8 * MIB));
    printf("%d\n", munmap(p + MIB + 4096, MIB));
    printf("%d\n", mprotect(p + 3 * MIB, 12288, PROT_READ));
    printf("%lu\n", checksum(p + 3 * MIB, 5 * MIB));
    printf("%d\n", madvise(p + 4 * MIB + 8192, MIB, MADV_DONTNEED));
    printf("%lu %d\n", checksum(p + 3 * MIB, 5 * MIB), p[4 * MIB + 9000]);
    unsigned char *q = mremap(p + 5 * MIB, MIB, 6 * MIB, MREMAP_MAYMOVE);
    printf("%d %lu %d\n", q != MAP_FAILED, checksum(q, MIB), q[5 * MIB]);
    q = mremap(q, 6 * MIB, MIB / 2, 0);
    printf("%lu\n", checksum(q, MIB / 2));
    void *fixed = mmap(p + MIB + 4096, 4096, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf("%d %d\n", fixed == p + MIB + 4096, *(char *)fixed);
    printf("%d ", mprotect((void *)0x10000000, 4096, PROT_READ));
    printf("%d\n", errno == ENOMEM);

    char *heap = sbrk(0);
    sbrk(5 * (long)MIB);
    memset(heap, 9, 5 * MIB);
    sbrk(-4 * (long)MIB);
    sbrk(4 * (long)MIB);
    printf("%d %d\n", heap[MIB - 1], heap[2 * MIB]);

    int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (ftruncate(fd, 10000) != 0)
        return 1;
    char *m = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(m + 5000, "written through a mapping");
    msync(m, 10000, MS_SYNC);
    char buf[40] = "";
    printf("%zd ", pread(fd, buf, 25, 5000));
    puts(buf);
    strcpy(m + 100, "at the end");
    munmap(m, 10000);
    m = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    puts(m + 100);
    m[100] = 'X';
    printf("%zd ", pread(fd, buf, 10, 100));
    puts(buf);
    close(fd);
    unlink("mapped");
    unsigned char core[4];
    mincore(q, 4096, core);
    printf("%d\n", core[0] & 1);
    return 0;
}
