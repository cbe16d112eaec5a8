/* SPDX-License-Identifier: Apache-2.0
 * The parts of the case generator among themselves.
 */
#ifndef VTSIM_TESTS_DIFFERENTIAL_GEN_H
#define VTSIM_TESTS_DIFFERENTIAL_GEN_H

#include "sim/base/rng.h"
#include "tests/differential/case.h"

static inline uint64_t below(struct rng *r, uint64_t n)
{
    return rng_next(r) % n;
}

/* True once in n. */
static inline bool one_in(struct rng *r, uint64_t n)
{
    return below(r, n) == 0;
}

static inline bool has_rep(const ZydisDecodedInstruction *zi)
{
    return zi->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
                             ZYDIS_ATTRIB_HAS_REPNE);
}

/* values.c: registers and memory. */
uint64_t integer_value(struct rng *r);
uint64_t vector_value(struct rng *r);
void random_state(struct rng *r, struct test_case *t);
void random_segments(struct rng *r, struct test_case *t);
void fill_memory(struct rng *r, uint8_t *memory);

/* bytes.c: encodings. Fills 15 bytes. */
void random_encoding(struct rng *r, enum code_mode mode, uint8_t *b);
/* The encoder's choice of encoding for the instruction in t->zi, often with
 * other registers. False: t->bytes are as they were. */
bool reencode(struct rng *r, struct test_case *t);
/* The ModRM byte, SIB and displacement of a random operand, and random
 * bytes after them, from b[n] to b[14]. `modrm` gives the fields that
 * `keep` (a mask) has set. */
void random_tail(struct rng *r, uint8_t *b, unsigned n, uint8_t modrm,
                 uint8_t keep);

/* steer.c: make operands mean something. Changes registers, memory and the
 * displacement and immediate bytes; the case is decoded again after it. */
uint64_t arena_target(struct rng *r);
void steer(struct rng *r, struct test_case *t);
int gpr_number(ZydisRegister reg); /* 0-15, or -1 */
/* Linear address of a memory operand before the case, as far as it does not
 * depend on vector registers. */
uint64_t operand_address(const struct test_case *t,
                         const ZydisDecodedOperand *o);

/* images.c: save areas. Make the area at p, of which `room` bytes are in the
 * arena, one that the instruction may restore from. */
bool has_image(const ZydisDecodedInstruction *zi);
void steer_image(struct rng *r, struct test_case *t, uint8_t *p, unsigned room);

/* forms.c: what there is to test. */
struct form {
    uint64_t key;
    uint8_t mode, standing; /* enum code_mode, enum standing */
    uint8_t bytes[15];      /* an encoding with zero immediates */
    uint8_t length;
    uint16_t mnemonic;
};
void forms_open(void); /* after sim_open */
unsigned forms_count(void);
const struct form *form_at(unsigned i);
/* Index of the form of a decoded instruction, or -1: it is not known. */
int form_of(enum code_mode mode, const ZydisDecodedInstruction *zi,
            const ZydisDecodedOperand *zo);
/* One instruction of form `i`, random but for that. False: none found. */
bool form_generate(struct rng *r, unsigned i, struct test_case *t);
/* A random form to test, of x87 only when `x87`. */
unsigned form_choose(struct rng *r, bool x87);
/* A line for people: mnemonic, mode, encoding, operands. */
void form_describe(unsigned i, char *out, size_t size);

/* The other kinds of cases. */
bool sequence_generate(struct rng *r, struct test_case *t, const char **why);
bool x87_generate(struct rng *r, struct test_case *t, const char **why);
bool bytes_generate(struct rng *r, struct test_case *t, const char **why);

/* corpus.c */
unsigned corpus_count(void);
bool corpus_generate(unsigned line, struct test_case *t, const char **why);

#endif
