/* SPDX-License-Identifier: Apache-2.0
 * Random bytes executed as code, in rings 0 and 3 and in every mode the
 * entry states give: whatever a guest does, the simulator neither crashes,
 * nor hangs, nor runs past its limits.
 *
 *   random_code [INSTRUCTIONS [SEED]]     default 10000000 1
 *
 * Exit status 0 when all rounds kept to their limits.
 */
#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "mmu/memsys.h"
#include "sim/base/rng.h"
#include "sim/machine/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RAM_BYTES = 4 << 20,
    ROUND_INSTRUCTIONS = 20000,
    TABLES_AT = 0x1000, /* PML4, PDPT, PD */
    GDT_AT = 0x8000,
    IDT_AT = 0x9000,
    TSS_AT = 0xa000,
    CODE_AT = 0x100000,
    CODE_BYTES = 0x10000,
};

struct box {
    struct memsys *memory;
    struct cpu *cpu;
    struct rng rng;
    uint8_t code[CODE_BYTES];
    uint64_t stops[8], rounds;
};

static void put64(struct box *b, uint64_t at, uint64_t v)
{
    if (!memsys_write(b->memory, (hpa){at}, 8, &v))
        abort();
}

/* Identity map of the first GiB with 2 MiB pages; entries get random extra
 * bits now and then, so that walks meet reserved bits and odd rights. */
static void random_tables(struct box *b)
{
    put64(b, TABLES_AT, (TABLES_AT + 0x1000) | 7);
    put64(b, TABLES_AT + 0x1000, (TABLES_AT + 0x2000) | 7);
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t e = i << 21 | 0x87;
        if (i > 1 && rng_next(&b->rng) % 4 == 0)
            e ^= rng_next(&b->rng) & 0x80000000000001ff;
        put64(b, TABLES_AT + 0x2000 + 8 * i, e);
    }
}

static void random_descriptors(struct box *b)
{
    put64(b, GDT_AT + 0x08, 0x00af9b000000ffff);
    put64(b, GDT_AT + 0x10, 0x00cf93000000ffff);
    put64(b, GDT_AT + 0x18, 0x00cffb000000ffff); /* ring 3, 32-bit code */
    put64(b, GDT_AT + 0x20, 0x00cff3000000ffff);
    put64(b, GDT_AT + 0x28, 0x00affb000000ffff); /* ring 3, 64-bit code */
    put64(b, GDT_AT + 0x30, 0x00cf9b000000ffff); /* ring 0, 32-bit code */
    for (uint64_t i = 7; i < 32; i++)
        put64(b, GDT_AT + 8 * i, rng_next(&b->rng));
    for (uint64_t v = 0; v < 256; v++) {
        uint64_t to = CODE_AT + rng_next(&b->rng) % CODE_BYTES;
        uint64_t type = rng_next(&b->rng) % 8 ? 0x8e : rng_next(&b->rng) & 255;
        put64(b, IDT_AT + 16 * v,
              (to & 0xffff) | 0x08 << 16 | (rng_next(&b->rng) & 3) << 32 |
                  type << 40 | (to >> 16 & 0xffff) << 48);
        put64(b, IDT_AT + 16 * v + 8, to >> 32);
    }
    for (uint64_t i = 0; i < 104; i += 8)
        put64(b, TSS_AT + i, 0);
    for (uint64_t i = 4; i < 92; i += 8)
        put64(b, TSS_AT + i, 0x200000 + (rng_next(&b->rng) & 0xffff));
}

/* Mostly random bytes; some stretches of short valid instructions so that
 * more than a few run before the first #UD. */
static void random_bytes(struct box *b)
{
    static const uint8_t common[] = {
        0x48, 0x89, 0x8b, 0x01, 0x83, 0xc3, 0xe8, 0xeb, 0x74, 0x0f, 0x66,
        0xf3, 0xa4, 0xab, 0x50, 0x58, 0x41, 0xff, 0xc1, 0xd3, 0xf7, 0x85,
        0xb6, 0xbe, 0xaf, 0xc7, 0xdd, 0xd9, 0x10, 0x11, 0x28, 0x6f, 0x7f};
    for (unsigned i = 0; i < CODE_BYTES; i++) {
        uint64_t r = rng_next(&b->rng);
        b->code[i] =
            r & 1 ? (uint8_t)(r >> 8) : common[(r >> 8) % sizeof common];
    }
    if (!memsys_write(b->memory, (hpa){CODE_AT}, CODE_BYTES, b->code))
        abort();
}

static struct segment segment(uint16_t selector, uint32_t attr)
{
    struct segment g = {.selector = selector, .attr = attr};
    g.limit = 0xffffffff;
    return g;
}

static void random_registers(struct box *b, unsigned ring)
{
    struct cpu_regs r;
    cpu_reset(b->cpu);
    cpu_get_regs(b->cpu, &r);
    uint64_t kind = rng_next(&b->rng);
    bool code64 = kind & 3;
    for (unsigned i = 0; i < 16; i++)
        r.gpr[i] = kind >> (i + 8) & 1 ? rng_next(&b->rng)
                                       : rng_next(&b->rng) % RAM_BYTES;
    r.gpr[REG_RSP] = 0x300000;
    r.rip = CODE_AT + rng_next(&b->rng) % CODE_BYTES;
    r.rflags = 2 | (rng_next(&b->rng) & 0x244fd5);
    r.cr0 = 0x80050033;
    r.cr3 = TABLES_AT;
    r.cr4 = 0x620;
    r.efer = 0xd01;
    uint32_t code =
        (ring ? 0xfb : 0x9b) | SEG_ATTR_G | (code64 ? SEG_ATTR_L : SEG_ATTR_DB);
    uint32_t data = (ring ? 0xf3 : 0x93) | SEG_ATTR_G | SEG_ATTR_DB;
    uint16_t rpl = ring ? 3 : 0;
    uint16_t cs = ring ? (code64 ? 0x28 : 0x18) : (code64 ? 0x08 : 0x30);
    for (unsigned i = 0; i < 6; i++)
        r.seg[i] = segment((uint16_t)((ring ? 0x20 : 0x10) | rpl), data);
    r.seg[SEG_CS] = segment((uint16_t)(cs | rpl), code);
    r.seg[SEG_TR] = segment(0x40, 0x8b);
    r.seg[SEG_TR].base = TSS_AT;
    r.seg[SEG_TR].limit = 103;
    r.seg[SEG_LDTR] = segment(0, SEG_ATTR_UNUSABLE);
    r.gdtr = (struct descriptor_table){GDT_AT, 255};
    r.idtr = (struct descriptor_table){IDT_AT, 4095};
    cpu_set_regs(b->cpu, &r);
}

/* One round; false when the core ran past its limits. */
static bool run_round(struct box *b, unsigned ring)
{
    random_tables(b);
    random_descriptors(b);
    random_bytes(b);
    random_registers(b, ring);
    struct cycle_account *a = cpu_account(b->cpu);
    uint64_t from = a->instructions, begin = a->cycles;
    uint64_t until = begin + 400 * (uint64_t)ROUND_INSTRUCTIONS;
    cpu_set_instruction_limit(b->cpu, from + ROUND_INSTRUCTIONS);
    enum cpu_stop stop = cpu_run(b->cpu, until);
    b->stops[stop]++;
    b->rounds++;
    uint64_t sum = 0;
    for (unsigned i = 0; i < LEAF_COUNT; i++)
        sum += a->leaf[i];
    if (sum != a->cycles) {
        printf("round %" PRIu64 ": leaves %" PRIu64 ", cycles %" PRIu64 "\n",
               b->rounds, sum, a->cycles);
        return false;
    }
    if (a->instructions - from > ROUND_INSTRUCTIONS) {
        printf("round %" PRIu64 ": ran past the limit\n", b->rounds);
        return false;
    }
    return true;
}

static bool open_box(struct box *b, uint64_t seed)
{
    struct machine_config config;
    struct sim_error e;
    config_defaults(&config);
    config.memory.ram_bytes = RAM_BYTES;
    config.seed = seed;
    if (config_finish(&config, SIM_INTERNAL, &e) != SIM_OK ||
        memsys_create(&config.memory, &b->memory, &e) != SIM_OK) {
        fprintf(stderr, "random_code: %s\n", e.text);
        return false;
    }
    struct cpu_wiring wiring = {.cores = 1, .memory = b->memory};
    if (cpu_create(&config.core, &config.mmu, &wiring, &b->cpu, &e) != SIM_OK) {
        fprintf(stderr, "random_code: %s\n", e.text);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t target = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    struct box *b = calloc(1, sizeof *b);
    if (b == NULL || !open_box(b, seed))
        return 2;
    b->rng = rng_make(seed, 99);
    bool good = true;
    uint64_t done = 0;
    while (good && done < target) {
        uint64_t from = cpu_account(b->cpu)->instructions;
        good = run_round(b, b->rounds & 1 ? 3 : 0);
        uint64_t now = cpu_account(b->cpu)->instructions;
        done += now >= from ? now - from : now;
    }
    printf("%" PRIu64 " instructions in %" PRIu64 " rounds, seed %" PRIu64
           "; stops:",
           done, b->rounds, seed);
    for (unsigned i = 0; i < 8; i++)
        printf(" %" PRIu64, b->stops[i]);
    printf("\n");
    cpu_destroy(b->cpu);
    memsys_destroy(b->memory);
    free(b);
    return good ? 0 : 1;
}
