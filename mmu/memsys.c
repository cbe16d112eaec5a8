/* SPDX-License-Identifier: Apache-2.0
 * RAM, device regions, ROM, and the map of lines that hold translated code.
 * RAM is one host mapping between guard areas, committed on first touch. The
 * host's huge pages would commit 2 MiB for one touched byte, so they are
 * asked for only where a guest has touched most of a 2 MiB chunk, and never
 * for more untouched memory than HUGE_SLACK in all.
 */
#include "mmu/memsys.h"

#include "mmu/coherence.h"
#include "mmu/memory.h"
#include "mmu/trail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; an older kernel refuses it, harmless */
#endif

#define GUARD_BYTES (UINT64_C(1) << 30)
#define CHUNK_SHIFT 21
#define CHUNK_BYTES (UINT64_C(1) << CHUNK_SHIFT)
#define HUGE_SLACK  (UINT64_C(32) << 20)

enum { CHUNK_PAGES = 512, CHUNK_DENSE = 384, CHUNK_HUGE = 0x8000 };

/* Tables with one element a page are mapped, not allocated: pages never
 * used cost nothing, and a size that no guest can choose is checked once. */
static void *table_map(uint64_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void table_unmap(void *p, uint64_t bytes)
{
    if (p != NULL)
        munmap(p, bytes);
}

static uint64_t ram_pages(const struct memsys *s)
{
    return s->config.ram_bytes >> PAGE_SHIFT;
}

static uint64_t ram_chunks(const struct memsys *s)
{
    return (s->config.ram_bytes + CHUNK_BYTES - 1) >> CHUNK_SHIFT;
}

static bool map_ram(struct memsys *s)
{
    uint64_t bytes = s->config.ram_bytes;
    uint64_t room = (bytes + CHUNK_BYTES - 1) & ~(CHUNK_BYTES - 1);
    s->map_bytes = room + 2 * GUARD_BYTES + CHUNK_BYTES;
    void *p = mmap(NULL, s->map_bytes, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    s->map = p;
    /* A whole number of chunks, aligned as the host's huge pages are. */
    uintptr_t start = (uintptr_t)s->map + GUARD_BYTES;
    start = (start + CHUNK_BYTES - 1) & ~(uintptr_t)(CHUNK_BYTES - 1);
    s->ram = s->map + (start - (uintptr_t)s->map);
    if (mprotect(s->ram, bytes, PROT_READ | PROT_WRITE) != 0)
        return false;
    (void)madvise(s->ram, bytes, MADV_NOHUGEPAGE);
    return true;
}

static bool map_tables(struct memsys *s)
{
    uint64_t pages = ram_pages(s);
    s->page_flags = table_map(pages * sizeof *s->page_flags);
    s->code_lines = table_map(pages * sizeof *s->code_lines);
    s->code_count = table_map(pages * sizeof *s->code_count);
    s->chunk_touched = table_map(ram_chunks(s) * sizeof *s->chunk_touched);
    return s->page_flags != NULL && s->code_lines != NULL &&
           s->code_count != NULL && s->chunk_touched != NULL;
}

static enum sim_status check_ram(const struct memsys_config *c,
                                 struct sim_error *e)
{
    if (c->ram_bytes == 0 || c->ram_bytes % PAGE_SIZE != 0)
        return sim_fail(e, SIM_USAGE,
                        "memory: %" PRIu64 " bytes (a multiple of 4096)",
                        c->ram_bytes);
    if (c->ram_bytes > MEMORY_LIMIT)
        return sim_fail(e, SIM_USAGE, "memory: %" PRIu64 " GiB (60 at most)",
                        c->ram_bytes >> 30);
    return SIM_OK;
}

enum sim_status memsys_create(const struct memsys_config *c,
                              struct memsys **out, struct sim_error *e)
{
    enum sim_status status = check_ram(c, e);
    if (status != SIM_OK)
        return status;
    struct memsys *s = calloc(1, sizeof *s);
    if (s == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "memory: %s", strerror(errno));
    s->config = *c;
    s->low_bytes = c->ram_bytes < MEMORY_LOW ? c->ram_bytes : MEMORY_LOW;
    s->high_bytes = c->ram_bytes - s->low_bytes;
    s->has_l3 = c->timing && c->l3.size_kib != 0;
    if (!map_ram(s) || !map_tables(s)) {
        status = sim_fail(e, SIM_NO_RESOURCE,
                          "memory: %" PRIu64 " MiB of guest RAM: %s",
                          c->ram_bytes >> 20, strerror(errno));
    } else if (s->has_l3) {
        struct rng rng = rng_make(c->seed, 0x4c33);
        status = cache_init(&s->l3, &c->l3, rng_next(&rng), "l3", e);
    }
    if (status != SIM_OK) {
        memsys_destroy(s);
        return status;
    }
    *out = s;
    return SIM_OK;
}

void memsys_destroy(struct memsys *s)
{
    if (s == NULL)
        return;
    uint64_t pages = ram_pages(s);
    if (s->map != NULL)
        munmap(s->map, s->map_bytes);
    if (s->code_count != NULL)
        for (uint64_t k = 0; k < pages; k++)
            free(s->code_count[k]);
    table_unmap(s->page_flags, pages * sizeof *s->page_flags);
    table_unmap(s->code_lines, pages * sizeof *s->code_lines);
    table_unmap(s->code_count, pages * sizeof *s->code_count);
    table_unmap(s->chunk_touched, ram_chunks(s) * sizeof *s->chunk_touched);
    cache_free(&s->l3);
    book_destroy(s->book);
    free(s->mmio);
    free(s);
}

/* --- device regions and ROM --- */

static bool overlaps_ram(const struct memsys *s, uint64_t base, uint64_t end)
{
    return base < s->low_bytes || (s->high_bytes != 0 && end > MEMORY_4G &&
                                   base < MEMORY_4G + s->high_bytes);
}

enum sim_status memsys_add_mmio(struct memsys *s, hpa base, uint64_t size,
                                struct mmio_port port, struct sim_error *e)
{
    uint64_t end = base.v + size;
    if (size == 0 || base.v % PAGE_SIZE != 0 || size % PAGE_SIZE != 0 ||
        end < base.v || overlaps_ram(s, base.v, end))
        return sim_fail(e, SIM_INTERNAL,
                        "device region 0x%" PRIx64 "+0x%" PRIx64
                        ": misplaced or over RAM",
                        base.v, size);
    unsigned at = 0;
    while (at < s->mmios && s->mmio[at].base < base.v)
        at++;
    if ((at > 0 && s->mmio[at - 1].end > base.v) ||
        (at < s->mmios && s->mmio[at].base < end))
        return sim_fail(e, SIM_INTERNAL,
                        "device region 0x%" PRIx64 "+0x%" PRIx64
                        ": overlaps another",
                        base.v, size);
    struct mmio_region *bigger =
        realloc(s->mmio, (s->mmios + 1) * sizeof *bigger);
    if (bigger == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "device region: no memory");
    s->mmio = bigger;
    memmove(bigger + at + 1, bigger + at, (s->mmios - at) * sizeof *bigger);
    bigger[at] = (struct mmio_region){base.v, end, port};
    s->mmios++;
    return SIM_OK;
}

const struct mmio_region *memory_region(const struct memsys *s, uint64_t pa)
{
    unsigned low = 0, high = s->mmios;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (pa < s->mmio[mid].base)
            high = mid;
        else if (pa >= s->mmio[mid].end)
            low = mid + 1;
        else
            return &s->mmio[mid];
    }
    return NULL;
}

void memsys_set_rom(struct memsys *s, hpa base, uint64_t size)
{
    uint64_t first = base.v & ~(PAGE_SIZE - 1);
    for (uint64_t pa = first; pa < base.v + size; pa += PAGE_SIZE) {
        uint64_t offset = memory_offset(s, pa);
        if (offset == MEMORY_NONE)
            continue;
        s->page_flags[offset >> PAGE_SHIFT] |= PAGE_ROM;
        coherence_write_protect(s, offset, PAGE_SIZE);
    }
}

unsigned memsys_ram_ranges(const struct memsys *s, hpa base[2],
                           uint64_t size[2])
{
    base[0].v = 0;
    size[0] = s->low_bytes;
    base[1].v = MEMORY_4G;
    size[1] = s->high_bytes;
    return s->high_bytes != 0 ? 2 : 1;
}

/* --- untimed access --- */

static bool range_in_ram(const struct memsys *s, uint64_t at, uint64_t len)
{
    if (len == 0)
        return true;
    uint64_t last = at + len - 1;
    if (last < at)
        return false;
    uint64_t a = memory_offset(s, at), b = memory_offset(s, last);
    return a != MEMORY_NONE && b != MEMORY_NONE && b - a == last - at;
}

bool memsys_read(struct memsys *s, hpa at, uint64_t len, void *out)
{
    if (!range_in_ram(s, at.v, len))
        return false;
    if (len != 0)
        memcpy(out, s->ram + memory_offset(s, at.v), len);
    return true;
}

bool memsys_write(struct memsys *s, hpa at, uint64_t len, const void *in)
{
    if (!range_in_ram(s, at.v, len))
        return false;
    const uint8_t *from = in;
    while (len != 0) {
        uint64_t offset = memory_offset(s, at.v);
        uint64_t room = PAGE_SIZE - (offset & (PAGE_SIZE - 1));
        unsigned n = (unsigned)(len < room ? len : room);
        memory_touch(s, offset);
        if (UNLIKELY(s->book != NULL))
            oracle_agent_store(s, at.v, n);
        memcpy(s->ram + offset, from, n);
        coherence_agent_write(s, at.v, n);
        if (memory_has_code(s, offset))
            memory_written(s, offset, n);
        at.v += n;
        from += n;
        len -= n;
    }
    return true;
}

/* --- translated code --- */

unsigned memsys_add_code_port(struct memsys *s, struct code_port port)
{
    SIM_ASSERT(s->code_ports < MEMORY_PORTS_MAX);
    s->code_port[s->code_ports] = port;
    return s->code_ports++;
}

void memsys_mark_code(struct memsys *s, hpa at)
{
    uint64_t offset = memory_offset(s, at.v);
    if (offset == MEMORY_NONE)
        return;
    uint64_t page = offset >> PAGE_SHIFT;
    unsigned line = (unsigned)((offset & (PAGE_SIZE - 1)) >> LINE_SHIFT);
    if (s->code_count[page] == NULL) {
        s->code_count[page] =
            calloc(PAGE_SIZE / LINE_SIZE, sizeof **s->code_count);
        SIM_ASSERT(s->code_count[page] != NULL);
    }
    uint16_t *users = &s->code_count[page][line];
    if (*users != UINT16_MAX) /* a saturated count is never given back */
        ++*users;
    if ((s->code_lines[page] >> line & 1) != 0)
        return;
    s->code_lines[page] |= BIT(line);
    s->page_flags[page] |= PAGE_CODE;
    coherence_write_protect(s, offset & ~(LINE_SIZE - 1), LINE_SIZE);
}

void memsys_unmark_code(struct memsys *s, hpa at)
{
    uint64_t offset = memory_offset(s, at.v);
    if (offset == MEMORY_NONE)
        return;
    uint64_t page = offset >> PAGE_SHIFT;
    unsigned line = (unsigned)((offset & (PAGE_SIZE - 1)) >> LINE_SHIFT);
    if (s->code_count[page] == NULL || s->code_count[page][line] == 0 ||
        s->code_count[page][line] == UINT16_MAX)
        return;
    if (--s->code_count[page][line] != 0)
        return;
    s->code_lines[page] &= ~BIT(line);
    if (s->code_lines[page] == 0)
        s->page_flags[page] &= (uint8_t)~PAGE_CODE;
}

void memory_written(struct memsys *s, uint64_t offset, unsigned len)
{
    uint64_t end = offset + len;
    while (offset < end) {
        uint64_t room = LINE_SIZE - (offset & (LINE_SIZE - 1));
        uint64_t n = end - offset < room ? end - offset : room;
        if (memory_is_code_line(s, offset)) {
            hpa at = {memory_address(s, offset)};
            for (unsigned k = 0; k < s->code_ports; k++)
                s->code_port[k].written(s->code_port[k].self, at, (unsigned)n);
        }
        offset += n;
    }
}

/* --- the host's pages --- */

void memory_touch_page(struct memsys *s, uint64_t offset)
{
    s->page_flags[offset >> PAGE_SHIFT] |= PAGE_TOUCHED;
    uint64_t chunk = offset >> CHUNK_SHIFT;
    uint16_t *n = &s->chunk_touched[chunk];
    ++*n;
    if ((*n & CHUNK_HUGE) != 0) {
        s->huge_slack -= PAGE_SIZE;
        return;
    }
    uint64_t slack = (uint64_t)(CHUNK_PAGES - *n) * PAGE_SIZE;
    if (*n < CHUNK_DENSE || s->huge_slack + slack > HUGE_SLACK ||
        ((chunk + 1) << CHUNK_SHIFT) > s->config.ram_bytes)
        return;
    uint8_t *at = s->ram + (chunk << CHUNK_SHIFT);
    if (madvise(at, CHUNK_BYTES, MADV_HUGEPAGE) == 0)
        (void)madvise(at, CHUNK_BYTES, MADV_COLLAPSE);
    *n |= CHUNK_HUGE;
    s->huge_slack += slack;
}

uint64_t memsys_committed(const struct memsys *s)
{
    enum { STEP = 16384 };
    unsigned char resident[STEP];
    uint64_t pages = ram_pages(s), total = 0;
    for (uint64_t first = 0; first < pages; first += STEP) {
        uint64_t n = pages - first < STEP ? pages - first : STEP;
        if (mincore(s->ram + (first << PAGE_SHIFT), n << PAGE_SHIFT,
                    resident) != 0)
            return 0;
        for (uint64_t k = 0; k < n; k++)
            total += resident[k] & 1;
    }
    return total << PAGE_SHIFT;
}
