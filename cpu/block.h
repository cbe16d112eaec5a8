/* SPDX-License-Identifier: Apache-2.0
 * Translated blocks and the cache that holds them. A block is a header and
 * its uops in one piece of the cache's arena; it is charged as a whole when
 * it is entered, and its per-instruction prefix sums take charges back
 * exactly when it is left in the middle.
 *
 * A block is found by (physical address, linear address, RIP, mode key). It
 * is dropped when bytes it was made from are written: its line then matches
 * no fetch, so every link to it fails the entry check. Memory is reused only
 * when the whole arena is flushed, which happens in the run loop, where no
 * chain is running.
 */
#ifndef VTSIM_CPU_BLOCK_H
#define VTSIM_CPU_BLOCK_H

#include "cpu/uop.h"
#include "sim/base/status.h"

enum {
    BLOCK_INSNS_MAX = 64,
    JUMP_ENTRIES = 4096,  /* targets of indirect branches */
    BLOCK_HASH = 1 << 15, /* buckets */
    PAGE_HASH = 1 << 12,
};

/* A line that no fetch has, and cycles that no limit allows: what a block
 * that must not be entered carries. */
#define BLOCK_NO_LINE   UINT64_C(1)
#define BLOCK_NO_CYCLES (UINT64_C(1) << 62)

/* Instruction i of a block: what the instructions before it cost. Entry
 * number `insns` holds the totals. */
struct insn_meta {
    uint16_t offset; /* bytes from the block's start */
    uint8_t uop0;    /* its first uop */
    bool clean;      /* all state is architectural before it, and uop0 is
                        its own: the chain may be left there */
    uint32_t base, l1d;
    uint16_t loads, stores;
};

struct block {
    /* What entry looks at: one host line. */
    uint64_t line, pline; /* line (timing off: page) of its first byte */
    uint64_t cycles, instructions;
    uint64_t loads, stores;
    uint64_t base, l1d; /* cycles == base + l1d */

    uint64_t key;      /* rip while alive: what indirect branches compare */
    uint64_t lin, rip; /* of the first byte; rip is the offset in CS */
    uint64_t phys;
    uint32_t mode;
    uint16_t length; /* bytes */
    uint16_t insns;
    bool alive;
    uint8_t branch;         /* enum branch_kind of the last instruction */
    struct insn_meta *meta; /* insns + 1 entries */
    struct block *hash_next;
    struct code_page *page[2]; /* second: its one instruction crosses */
    struct block *page_next[2];
    uint64_t reserved[4]; /* uops start at a host line */

    struct uop uop[];
};
_Static_assert(sizeof(struct block) % 64 == 0, "uops are line-aligned");

/* Second uop of every direct branch: data, never run. */
struct uop_link {
    struct block *to[2]; /* [0] falls through, [1] taken */
    uint64_t target;     /* RIP when taken */
    uint64_t cost;       /* cycles added when taken */
};
_Static_assert(sizeof(struct uop_link) == sizeof(struct uop), "one slot");

/* Code of one physical page. */
struct code_page {
    uint64_t phys;
    uint64_t marked; /* lines that memsys was told of */
    struct code_page *next;
    struct block *blocks;
};

/* Timing off: a page lately fetched from, so that going to and fro between
 * pages needs no walk. */
struct fetch_page {
    uint64_t line, pline, generation, unused;
};
enum { FETCH_PAGES = 64 };

struct debugger;

struct codecache {
    struct fetch_page fetched[FETCH_PAGES];
    /* Reached by indirect branches. */
    struct block *jump[JUMP_ENTRIES];
    struct block *none; /* what an unmade link points at */

    /* The chain that is running. */
    struct uop *patch_at; /* uop replaced by engine_stop, or NULL */
    uop_fn *patch_fn;
    bool synced;        /* charges after the present instruction are out */
    bool device_synced; /* ... and the device port took them out */
    bool running;
    /* The link to make to the block found next; `indirect`: in jump[]. */
    const struct uop *link_from;
    unsigned link_edge;
    bool link_indirect;

    uint8_t *arena;
    size_t arena_size, used;
    uint64_t generation; /* flushes so far */
    unsigned port;       /* memsys handle */
    struct memsys *memory;
    struct block *hash[BLOCK_HASH];
    struct code_page *pages[PAGE_HASH];
    struct cpu *cpu;
    struct xlat_scratch *scratch;
    struct debugger *debugger; /* cpu/debugger.h; NULL: none */
};

ALWAYS_INLINE struct block *block_of(const struct uop *u)
{
    return (struct block *)(uintptr_t)((const uint8_t *)(u - u->place) -
                                       offsetof(struct block, uop));
}

ALWAYS_INLINE struct uop_link *block_link(const struct uop *u)
{
    return (struct uop_link *)(uintptr_t)(u + 1);
}

ALWAYS_INLINE struct fetch_page *fetch_page_of(struct codecache *k,
                                               uint64_t lin)
{
    return &k->fetched[(lin >> PAGE_SHIFT) & (FETCH_PAGES - 1)];
}

ALWAYS_INLINE size_t jump_index(uint64_t rip)
{
    return (size_t)((rip ^ (rip >> 12)) & (JUMP_ENTRIES - 1));
}

/* RIP of instruction `insn` of the block (insns: of what follows it). */
static inline uint64_t block_rip(const struct block *b, unsigned insn)
{
    uint64_t rip = b->rip + b->meta[insn].offset;
    return b->mode & MODE_LONG ? rip : (uint32_t)rip;
}

SIM_MUST_CHECK enum sim_status codecache_create(struct cpu *c,
                                                struct sim_error *e);
void codecache_destroy(struct cpu *c);

/* Forget everything. Only while no chain is running. */
void codecache_flush(struct codecache *k);

/* The block, or NULL. */
struct block *codecache_find(struct codecache *k, uint64_t phys, uint64_t lin,
                             uint64_t rip, uint32_t mode);

/* Room for a block of `uops` uops and `insns` instructions; NULL: the arena
 * is full, flush. The block is not yet known to codecache_find. */
struct block *codecache_alloc(struct codecache *k, unsigned uops,
                              unsigned insns);

/* Make the filled block known, and its lines to the memory system. phys2 is
 * the physical address of the bytes in a second page, or ~0. */
void codecache_insert(struct codecache *k, struct block *b, uint64_t phys2);

/* The block is never entered again. */
void codecache_drop(struct codecache *k, struct block *b);

/* Make the block at (lin, rip), whose first byte is at `phys`. Returns NULL
 * when the arena is full. cpu/xlat.c */
struct block *xlat_block(struct cpu *c, uint64_t phys, uint64_t lin,
                         uint64_t rip, uint32_t mode);
SIM_MUST_CHECK enum sim_status xlat_create(struct cpu *c, struct sim_error *e);
void xlat_destroy(struct cpu *c);

/*
 * The running chain and its charges: cpu/engine.c.
 *
 * engine_replan  time or the limit moved while the instruction of `u` ran:
 *                the chain stops at the first boundary after it whose time
 *                is at or past the limit.
 * engine_stop    the handler a stop puts in place of a uop's own.
 * engine_recheck replan when needed: what slow paths end with.
 */
void engine_replan(struct cpu *c, const struct uop *u);
uop_fn engine_stop;
static inline void engine_recheck(struct cpu *c, const struct uop *u)
{
    if (UNLIKELY(c->account.cycles > c->limit) && u != NULL && !c->code->synced)
        engine_replan(c, u);
}

/* Cold ends of handlers, out of line. */
/* True when a branch may go to rip; false: #GP(0) is recorded. */
bool engine_target_ok(struct cpu *c, uint64_t rip);
const struct uop *engine_unlinked(struct cpu *c, const struct uop *u,
                                  unsigned edge);
const struct uop *engine_unknown(struct cpu *c, uint64_t rip);
const struct uop *engine_leave(struct cpu *c, uint64_t rip, enum leave why);
const struct uop *engine_call(struct cpu *c, const struct uop *u, bool end);
/* The line uop when the quick check fails: fetch and compare. False: the
 * chain is left. */
bool engine_fetch_line(struct cpu *c, const struct uop *u, uint64_t line);

/* Hooks for the memory system. */
struct device_port engine_device_port(struct cpu *c);

#endif
