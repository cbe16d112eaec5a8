/* SPDX-License-Identifier: Apache-2.0
 * Every form there is: mnemonic x encoding x operand kinds and sizes x mode.
 * Found by asking the decoder about every opcode of every map with every
 * mandatory prefix, operand size, vector length and ModRM.reg, with a memory
 * and a register operand; so the list cannot leave out what the decoder
 * knows. A form keeps one of its encodings, from which cases are made.
 */
#include "tests/differential/gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMS_MAX = 1 << 14, HASH_SIZE = 1 << 16 };

struct shape {
    struct form form;
    uint8_t regs;               /* values of ModRM.reg it was found with */
    uint8_t rms;                /* ... and of ModRM.rm */
    bool x87, system;           /* opcodes D8-DF, 0F 01: ModRM.rm matters */
    uint8_t opcode;             /* offset of the opcode or its escape */
    ZydisDecodedInstruction zi; /* of form.bytes */
};

static struct shape *shape;
static unsigned shapes;
static uint16_t hash[HASH_SIZE]; /* index + 1 */
static uint16_t *tested[2];      /* indices: all, x87 */
static unsigned tested_count[2];

static uint64_t mix(uint64_t h, uint64_t v)
{
    return (h ^ v) * UINT64_C(0x9E3779B97F4A7C15) ^ (h >> 29);
}

static unsigned mandatory_prefix(const ZydisDecodedInstruction *zi)
{
    if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
        return zi->raw.vex.pp;
    for (unsigned i = 0; i < zi->raw.prefix_count; i++) {
        if (zi->raw.prefixes[i].type == ZYDIS_PREFIX_TYPE_MANDATORY)
            return zi->raw.prefixes[i].value;
    }
    return 0;
}

static uint64_t form_key(enum code_mode mode, const ZydisDecodedInstruction *zi,
                         const ZydisDecodedOperand *zo)
{
    uint64_t h = mix((uint64_t)mode, (uint64_t)zi->mnemonic);
    h = mix(h, (uint64_t)zi->encoding << 16 | (uint64_t)zi->opcode_map << 8 |
                   zi->opcode);
    h = mix(h, mandatory_prefix(zi));
    for (unsigned i = 0; i < zi->operand_count_visible; i++) {
        uint64_t kind = (uint64_t)zo[i].type << 32 | zo[i].size;
        if (zo[i].type == ZYDIS_OPERAND_TYPE_REGISTER)
            kind |= (uint64_t)ZydisRegisterGetClass(zo[i].reg.value) << 40;
        h = mix(h, kind);
    }
    return h;
}

/* The hash slot of a key: its own or the free one where it belongs. */
static unsigned slot_of(uint64_t key)
{
    unsigned at = (unsigned)(key >> 20) & (HASH_SIZE - 1);
    while (hash[at] != 0 && shape[hash[at] - 1].form.key != key)
        at = (at + 1) & (HASH_SIZE - 1);
    return at;
}

int form_of(enum code_mode mode, const ZydisDecodedInstruction *zi,
            const ZydisDecodedOperand *zo)
{
    return hash[slot_of(form_key(mode, zi, zo))] - 1;
}

/* --- the sweep --- */

/* Where the opcode is in bytes that the sweep made. */
static uint8_t opcode_offset(enum code_mode mode,
                             const ZydisDecodedInstruction *zi,
                             const uint8_t *bytes)
{
    uint8_t n = 0;
    if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
        return 3;
    while (bytes[n] == 0x66 || bytes[n] == 0x67 || bytes[n] == 0xf2 ||
           bytes[n] == 0xf3)
        n++;
    return mode == CODE_64 && bytes[n] == 0x48 ? (uint8_t)(n + 1) : n;
}

static unsigned opcode_bytes(const ZydisDecodedInstruction *zi)
{
    if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX ||
        zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
        return 1;
    return zi->opcode_map == ZYDIS_OPCODE_MAP_0F ? 2 : 3;
}

/* Note the form of these bytes. True when the opcode has a ModRM byte. */
static bool try_bytes(enum code_mode mode, const uint8_t *bytes, bool *valid)
{
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    *valid = ZYAN_SUCCESS(
        ZydisDecoderDecodeFull(case_decoder(mode), bytes, 15, &zi, zo));
    if (!*valid)
        return true;
    bool modrm = zi.attributes & ZYDIS_ATTRIB_HAS_MODRM;
    uint64_t key = form_key(mode, &zi, zo);
    unsigned at = slot_of(key);
    if (hash[at] == 0) {
        if (shapes == FORMS_MAX)
            abort();
        struct shape *s = &shape[shapes++];
        hash[at] = (uint16_t)shapes;
        s->form = (struct form){.key = key,
                                .mode = (uint8_t)mode,
                                .standing = (uint8_t)case_standing(&zi, zo),
                                .length = zi.length,
                                .mnemonic = (uint16_t)zi.mnemonic};
        memcpy(s->form.bytes, bytes, sizeof s->form.bytes);
        s->x87 = zi.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
                 zi.opcode >= 0xd8 && zi.opcode <= 0xdf;
        s->system = zi.opcode_map == ZYDIS_OPCODE_MAP_0F && zi.opcode == 1 &&
                    zi.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY;
        s->zi = zi;
        s->opcode = opcode_offset(mode, &zi, bytes);
    }
    struct shape *s = &shape[hash[at] - 1];
    if (modrm) {
        s->regs |= (uint8_t)(1u << zi.raw.modrm.reg);
        s->rms |= (uint8_t)(1u << zi.raw.modrm.rm);
    }
    return modrm;
}

/* All ModRM bytes that matter after the n bytes of prefixes and opcode. */
static void sweep_modrm(enum code_mode mode, uint8_t *b, unsigned n, bool all,
                        bool memory_only)
{
    uint8_t mem = mode == CODE_16 ? 7 : 3; /* [rbx], [bx] */
    bool valid;
    for (unsigned reg = 0; reg < 8; reg++) {
        b[n] = (uint8_t)(reg << 3 | mem);
        if (!try_bytes(mode, b, &valid))
            return;
        if (!valid) { /* it may want a vector index, of which reg is not one */
            b[n] = (uint8_t)(reg << 3 | 4);
            b[n + 1] = reg == 4 ? 0x33 : 0x23; /* another register */
            (void)try_bytes(mode, b, &valid);
            b[n + 1] = 0;
        }
        for (unsigned rm = 0; rm < (memory_only ? 0u : all ? 8u : 1u); rm++) {
            b[n] = (uint8_t)(0xc0 | reg << 3 | rm);
            (void)try_bytes(mode, b, &valid);
        }
    }
}

static bool is_prefix(enum code_mode mode, unsigned opcode)
{
    static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
                                       0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x0f};
    if (memchr(prefixes, (int)opcode, sizeof prefixes) != NULL)
        return true;
    return mode == CODE_64 && ((opcode & 0xf0) == 0x40 || opcode == 0xc4 ||
                               opcode == 0xc5 || opcode == 0x62);
}

static void sweep_map(enum code_mode mode, const uint8_t *prefix, unsigned n,
                      unsigned map)
{
    static const uint8_t escape[4][2] = {
        {0, 0}, {0x0f, 0}, {0x0f, 0x38}, {0x0f, 0x3a}};
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        uint8_t b[20] = {0};
        unsigned at = n;
        memcpy(b, prefix, n);
        if (map > 0)
            b[at++] = escape[map][0];
        if (map > 1)
            b[at++] = escape[map][1];
        if (map == 0 && is_prefix(mode, opcode))
            continue;
        b[at++] = (uint8_t)opcode;
        bool x87 = map == 0 && opcode >= 0xd8 && opcode <= 0xdf;
        bool vex =
            map == 0 && (opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62);
        sweep_modrm(mode, b, at, x87 || (map == 1 && opcode == 1), vex);
    }
}

static void sweep_legacy(enum code_mode mode)
{
    /* 67h makes another instruction of JCXZ. */
    static const uint8_t sets[7][3] = {
        {0}, {0x66}, {0xf2}, {0xf3}, {0x66, 0xf2}, {0x66, 0xf3}, {0x67}};
    for (unsigned set = 0; set < 7; set++) {
        for (unsigned w = 0; w < (mode == CODE_64 ? 2u : 1u); w++) {
            uint8_t b[4] = {0};
            unsigned n = 0;
            while (n < 2 && sets[set][n] != 0) {
                b[n] = sets[set][n];
                n++;
            }
            if (w)
                b[n++] = 0x48;
            for (unsigned map = 0; map < (b[0] == 0x67 ? 1u : 4u); map++)
                sweep_map(mode, b, n, map);
        }
    }
}

static void sweep_vex(enum code_mode mode)
{
    /* vvvv: no operand, and register 5 (also of a gather's mask). */
    static const uint8_t vvvv[] = {0x78, 0x50};
    for (unsigned i = 0; i < 3u * 2 * 8 * 2; i++) {
        uint8_t b[20] = {0xc4, (uint8_t)(0xe1 + i % 3)};
        b[2] = (uint8_t)((i / 3 & 1) << 7 | (i / 6 & 7) | vvvv[i / 48]);
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            b[3] = (uint8_t)opcode;
            sweep_modrm(mode, b, 4, false, false);
        }
    }
}

static void list_tested(void)
{
    for (unsigned k = 0; k < 2; k++) {
        tested[k] = calloc(shapes, sizeof *tested[k]);
        if (tested[k] == NULL)
            abort();
        for (unsigned i = 0; i < shapes; i++) {
            if (shape[i].form.standing == STANDING_TESTED &&
                host_has_mode((enum code_mode)shape[i].form.mode) &&
                (k == 0 || shape[i].x87))
                tested[k][tested_count[k]++] = (uint16_t)i;
        }
    }
}

void forms_open(void)
{
    shape = calloc(FORMS_MAX, sizeof *shape);
    if (shape == NULL)
        abort();
    for (unsigned mode = 0; mode < CODE_MODES; mode++) {
        sweep_legacy((enum code_mode)mode);
        sweep_vex((enum code_mode)mode);
    }
    list_tested();
}

unsigned forms_count(void)
{
    return shapes;
}

const struct form *form_at(unsigned i)
{
    return &shape[i].form;
}

unsigned form_choose(struct rng *r, bool x87)
{
    return tested[x87][below(r, tested_count[x87])];
}

/* --- cases of a form --- */

static uint8_t pick_bit(struct rng *r, uint8_t set)
{
    unsigned bit;
    do {
        bit = (unsigned)below(r, 8);
    } while (!(set >> bit & 1));
    return (uint8_t)bit;
}

static unsigned put_prefixes(struct rng *r, const struct shape *s, uint8_t *b,
                             bool plain)
{
    static const uint8_t segments[] = {0x2e, 0x3e, 0x26, 0x36};
    const ZydisDecodedInstruction *zi = &s->zi;
    bool vex = zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
    bool string = zi->meta.category == ZYDIS_CATEGORY_STRINGOP;
    unsigned n = 0;
    if (!plain && one_in(r, 12))
        b[n++] = segments[below(r, 4)];
    if (!plain && one_in(r, 12))
        b[n++] = 0x67;
    if (!plain && !vex && one_in(r, 48))
        b[n++] = 0xf0;
    if (!vex && one_in(r, string ? 2 : 64))
        b[n++] = below(r, 2) ? 0xf3 : 0xf2;
    for (unsigned i = 0; i < s->opcode && !vex; i++) {
        uint8_t prefix = s->form.bytes[i];
        if (prefix == 0x66 || prefix == 0x67 || prefix == 0xf2 ||
            prefix == 0xf3)
            b[n++] = prefix;
    }
    return n;
}

/* REX or VEX of the form with random register bits. Returns the new n. */
static unsigned put_extension(struct rng *r, const struct shape *s, uint8_t *b,
                              unsigned n, bool plain)
{
    const ZydisDecodedInstruction *zi = &s->zi;
    const uint8_t *t = s->form.bytes;
    if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
        uint8_t high = (uint8_t)(t[1] & 0x1f), last = t[2];
        high |= (uint8_t)(s->form.mode == CODE_64 && !plain ? below(r, 8) << 5
                                                            : 0xe0);
        if (!plain && ((last & 0x78) != 0x78 || below(r, 2)))
            last = (uint8_t)((last & 0x87) | below(r, 16) << 3);
        if ((high & 0x7f) == 0x61 && !(last & 0x80) && below(r, 2)) {
            b[n++] = 0xc5;
            b[n++] = (uint8_t)((high & 0x80) | last);
            return n;
        }
        b[n++] = 0xc4;
        b[n++] = high;
        b[n++] = last;
        return n;
    }
    if (s->form.mode == CODE_64) {
        bool w = s->opcode > 0 && t[s->opcode - 1] == 0x48;
        uint64_t rxb = plain ? 0 : below(r, 8);
        if (w || (!plain && below(r, 2)))
            b[n++] = (uint8_t)(0x40 | (w ? 8 : 0) | rxb);
    }
    return n;
}

static void make_bytes(struct rng *r, const struct shape *s, uint8_t *b,
                       unsigned attempt)
{
    bool plain = attempt >= 8;
    unsigned n = put_prefixes(r, s, b, attempt >= 4);
    n = put_extension(r, s, b, n, plain);
    const ZydisDecodedInstruction *zi = &s->zi;
    bool modrm = zi->attributes & ZYDIS_ATTRIB_HAS_MODRM;
    memcpy(b + n, s->form.bytes + s->opcode, opcode_bytes(zi));
    n += opcode_bytes(zi);
    uint8_t value = 0, keep = 0;
    if (modrm) {
        bool memory = zi->raw.modrm.mod != 3;
        uint8_t mod = memory ? (uint8_t)below(r, 3) : 3;
        uint8_t rm = (uint8_t)below(r, 8);
        if (memory && s->form.mode != CODE_16 && s->rms == 1 << 4)
            rm = 4; /* a vector index is wanted */
        if (!memory && (s->x87 || s->system))
            rm = pick_bit(r, s->rms);
        value = (uint8_t)(mod << 6 | pick_bit(r, s->regs) << 3 | rm);
        keep = 0xff;
    }
    random_tail(r, b, n, value, keep);
}

bool form_generate(struct rng *r, unsigned i, struct test_case *t)
{
    const struct shape *s = &shape[i];
    t->mode = (enum code_mode)s->form.mode;
    for (unsigned attempt = 0; attempt < 16; attempt++) {
        make_bytes(r, s, t->bytes, attempt);
        if (case_decode(t) && form_key(t->mode, &t->zi, t->zo) == s->form.key)
            return true;
    }
    return false;
}

static void describe_operand(const ZydisDecodedOperand *o, char *out,
                             size_t size)
{
    static const char *const kinds[] = {"?", "r", "m", "p", "i"};
    const char *kind =
        kinds[o->type <= ZYDIS_OPERAND_TYPE_IMMEDIATE ? (unsigned)o->type : 0];
    if (o->type == ZYDIS_OPERAND_TYPE_REGISTER) {
        static const struct {
            ZydisRegisterClass of;
            const char *name;
        } names[] = {
            {ZYDIS_REGCLASS_X87, "st"},    {ZYDIS_REGCLASS_MMX, "mm"},
            {ZYDIS_REGCLASS_XMM, "x"},     {ZYDIS_REGCLASS_YMM, "y"},
            {ZYDIS_REGCLASS_SEGMENT, "s"}, {ZYDIS_REGCLASS_CONTROL, "cr"}};
        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (ZydisRegisterGetClass(o->reg.value) == names[i].of)
                kind = names[i].name;
        }
    }
    snprintf(out, size, " %s%u", kind, o->size);
}

void form_describe(unsigned i, char *out, size_t size)
{
    static const char *const modes[] = {"64", "32", "16"};
    const struct form *f = &shape[i].form;
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    size_t n =
        (size_t)snprintf(out, size, "%s %s [", modes[f->mode],
                         ZydisMnemonicGetString((ZydisMnemonic)f->mnemonic));
    for (unsigned k = 0; k < f->length && n < size; k++)
        n += (size_t)snprintf(out + n, size - n, "%02x", f->bytes[k]);
    if (n < size)
        n += (size_t)snprintf(out + n, size - n, "]");
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(
            case_decoder((enum code_mode)f->mode), f->bytes, 15, &zi, zo)))
        return;
    for (unsigned k = 0; k < zi.operand_count_visible && n + 1 < size; k++) {
        describe_operand(&zo[k], out + n, size - n);
        n = strlen(out);
    }
}
