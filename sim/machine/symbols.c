/* SPDX-License-Identifier: Apache-2.0
 * Symbol tables by libelf. A file is a sorted array of names; a lookup is a
 * binary search in each file.
 */
#include "sim/machine/symbols.h"

#include "sim/machine/elf_image.h"

#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 80, NAMES_MAX = 1 << 22 };

struct name {
    uint64_t address, size;
    const char *text;
    uint8_t rank; /* which of several names of an address is shown */
};

struct file {
    char *file;
    enum symbol_side side;
    struct name *name;
    size_t names;
    char *text; /* the names' bytes */
};

struct symbols {
    struct file file[FILES_MAX];
    size_t files;
};

struct symbols *symbols_create(void)
{
    return calloc(1, sizeof(struct symbols));
}

static void file_free(struct file *f)
{
    free(f->file);
    free(f->name);
    free(f->text);
    *f = (struct file){0};
}

void symbols_free(struct symbols *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->files; i++)
        file_free(&s->file[i]);
    free(s);
}

/* By address; of one address the name to show comes first, and equals are in
 * order of their text so that the result depends on nothing else. */
static int compare(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strcmp(x->text, y->text);
}

/* Global functions before local ones, before objects, before labels. */
static uint8_t rank_of(const GElf_Sym *y)
{
    unsigned type = GELF_ST_TYPE(y->st_info), bind = GELF_ST_BIND(y->st_info);
    uint8_t rank = type == STT_FUNC || type == STT_GNU_IFUNC ? 0
                   : type == STT_OBJECT                      ? 2
                                                             : 4;
    return (uint8_t)(rank + (bind == STB_LOCAL));
}

static bool is_wanted(const GElf_Sym *y, const char *text)
{
    unsigned type = GELF_ST_TYPE(y->st_info);
    return text != NULL && text[0] != '\0' && y->st_shndx != SHN_UNDEF &&
           y->st_shndx != SHN_ABS &&
           (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE ||
            type == STT_GNU_IFUNC);
}

/* Names go into terminals and files: what is not printable becomes `?`. */
static char *copy_name(char *to, const char *from)
{
    for (; *from != '\0'; from++)
        *to++ = *from > ' ' && *from < 127 ? *from : '?';
    *to = '\0';
    return to + 1;
}

/* Two passes over the section: sizes, then names. */
static bool read_section(struct file *f, Elf *elf, Elf_Scn *section,
                         const GElf_Shdr *h, uint64_t bias)
{
    Elf_Data *data = elf_getdata(section, NULL);
    uint64_t count = h->sh_entsize != 0 ? h->sh_size / h->sh_entsize : 0;
    size_t bytes = 0, names = 0;
    GElf_Sym y;
    if (data == NULL || count > NAMES_MAX)
        return true;
    for (uint64_t i = 0; i < count; i++) {
        const char *text = gelf_getsym(data, (int)i, &y) != NULL
                               ? elf_strptr(elf, h->sh_link, y.st_name)
                               : NULL;
        if (text == NULL || !is_wanted(&y, text))
            continue;
        bytes += strlen(text) + 1;
        names++;
    }
    if (names == 0)
        return true;
    f->name = calloc(names, sizeof *f->name);
    f->text = malloc(bytes);
    if (f->name == NULL || f->text == NULL)
        return false;
    char *at = f->text;
    for (uint64_t i = 0; i < count && f->names < names; i++) {
        const char *text = gelf_getsym(data, (int)i, &y) != NULL
                               ? elf_strptr(elf, h->sh_link, y.st_name)
                               : NULL;
        if (text == NULL || !is_wanted(&y, text))
            continue;
        f->name[f->names++] =
            (struct name){y.st_value + bias, y.st_size, at, rank_of(&y)};
        at = copy_name(at, text);
    }
    qsort(f->name, f->names, sizeof *f->name, compare);
    return true;
}

static bool read_tables(struct file *f, Elf *elf, uint64_t bias)
{
    Elf_Scn *section = NULL;
    GElf_Shdr h;
    while ((section = elf_nextscn(elf, section)) != NULL)
        if (gelf_getshdr(section, &h) != NULL && h.sh_type == SHT_SYMTAB)
            return read_section(f, elf, section, &h, bias);
    return true;
}

enum sim_status symbols_add(struct symbols *s, const char *file,
                            const uint8_t *data, size_t len, uint64_t bias,
                            enum symbol_side side, struct sim_error *e)
{
    if (s->files == FILES_MAX)
        return sim_fail(e, SIM_USAGE, "%s: symbols of %d files at most", file,
                        (int)FILES_MAX);
    elf_version(EV_CURRENT);
    Elf *elf = len >= 64 && elf_image_is(data, len)
                   ? elf_memory((char *)(uintptr_t)data, len)
                   : NULL;
    if (elf == NULL || elf_kind(elf) != ELF_K_ELF) {
        if (elf != NULL)
            elf_end(elf);
        return sim_fail(e, SIM_BAD_INPUT, "%s: not an ELF file", file);
    }
    struct file *f = &s->file[s->files];
    f->side = side;
    f->file = strdup(file);
    bool good = f->file != NULL && read_tables(f, elf, bias);
    elf_end(elf);
    if (!good) {
        file_free(f);
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    }
    s->files++;
    return SIM_OK;
}

static bool find_in(const struct file *f, uint64_t address, struct symbol *out)
{
    size_t low = 0, high = f->names;
    while (low < high) { /* the first name beyond the address */
        size_t mid = low + (high - low) / 2;
        if (f->name[mid].address <= address)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return false;
    const struct name *n = &f->name[low - 1];
    while (n > f->name && n[-1].address == n->address)
        n--;
    uint64_t offset = address - n->address;
    /* A label without a size reaches to the next name, but not to the end of
     * the address space. */
    if (n->size != 0 ? offset >= n->size : offset >= 0x10000)
        return false;
    *out = (struct symbol){n->text, f->file, n->address, offset};
    return true;
}

bool symbols_find(const struct symbols *s, uint64_t address,
                  enum symbol_side side, struct symbol *out)
{
    bool found = false;
    for (size_t i = 0; s != NULL && i < s->files; i++) {
        const struct file *f = &s->file[i];
        bool exact = f->side == side && side != SYMBOL_ANY;
        struct symbol here;
        if ((found && !exact) || !find_in(f, address, &here))
            continue;
        *out = here;
        if (exact)
            return true;
        found = true;
    }
    return found;
}

bool symbols_address(const struct symbols *s, const char *name, uint64_t *out)
{
    for (size_t i = 0; s != NULL && i < s->files; i++) {
        const struct file *f = &s->file[i];
        const char *base = strrchr(f->file, '/');
        base = base != NULL ? base + 1 : f->file;
        size_t n = strlen(base);
        bool named = strncmp(name, base, n) == 0 && name[n] == ':';
        const char *text = named ? name + n + 1 : name;
        for (size_t k = 0; k < f->names; k++) {
            if (strcmp(f->name[k].text, text) == 0) {
                *out = f->name[k].address;
                return true;
            }
        }
    }
    return false;
}

const char *symbols_format(const struct symbols *s, uint64_t address,
                           enum symbol_side side, char *out, size_t size)
{
    struct symbol y;
    out[0] = '\0';
    if (!symbols_find(s, address, side, &y))
        return out;
    if (y.offset == 0)
        snprintf(out, size, "%s", y.name);
    else
        snprintf(out, size, "%s+0x%" PRIx64, y.name, y.offset);
    return out;
}
