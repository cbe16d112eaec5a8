/* SPDX-License-Identifier: Apache-2.0
 * Counting cases by form and flag outcome, and the report.
 */
#include "tests/differential/report.h"

#include "tests/differential/gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_name[CASE_KINDS] = {
    "single instructions", "sequences", "x87 cases", "random byte strings",
    "corpus cases"};
static const uint32_t flag_bit[4] = {1, 0x40, 0x80, 0x800};
static const char flag_name[] = "CZSO";

/* Flags whose both values the instruction can leave. */
static uint32_t flags_of(const ZydisDecodedInstruction *zi)
{
    return zi->cpu_flags == NULL
               ? 0
               : zi->cpu_flags->modified & ~undefined_flags_worst(zi);
}

void tally_case(struct tally *tally, const struct test_case *t,
                const struct outcome *native, const struct verdict *v)
{
    tally->run[case_kind(t)]++;
    tally->faults += native->vector >= 0;
    if (v->waived >= 0)
        tally->waived[v->waived]++;
    if (t->zi.length == 0 || t->steps > 2)
        return;
    int i = form_of(t->mode, &t->zi, t->zo);
    if (i < 0) {
        tally->unknown++;
        return;
    }
    struct form_hits *h = &tally->form[i];
    h->cases++;
    if (native->vector >= 0)
        return;
    for (unsigned f = 0; f < 4; f++)
        h->flag[f][(native->after.rflags & flag_bit[f]) != 0]++;
}

static void add_tally(struct tally *sum, const struct tally *t)
{
    for (unsigned k = 0; k < CASE_KINDS; k++)
        sum->run[k] += t->run[k];
    sum->skipped += t->skipped;
    sum->faults += t->faults;
    sum->different += t->different;
    sum->unstable += t->unstable;
    sum->unknown += t->unknown;
    for (unsigned w = 0; w < waiver_count(); w++)
        sum->waived[w] += t->waived[w];
    for (unsigned i = 0; i < forms_count(); i++) {
        sum->form[i].cases += t->form[i].cases;
        for (unsigned f = 0; f < 8; f++)
            (&sum->form[i].flag[0][0])[f] += (&t->form[i].flag[0][0])[f];
    }
}

static void print_form(unsigned i, const struct form_hits *h)
{
    char text[160];
    ZydisDecodedInstruction zi;
    const struct form *f = form_at(i);
    form_describe(i, text, sizeof text);
    printf("%8u  %s", h->cases, text);
    if (ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
            case_decoder((enum code_mode)f->mode), NULL, f->bytes, 15, &zi))) {
        for (unsigned k = 0; k < 4; k++) {
            if (flags_of(&zi) & flag_bit[k])
                printf("  %cF %u/%u", flag_name[k], h->flag[k][0],
                       h->flag[k][1]);
        }
    }
    printf("\n");
}

/* Flag outcomes of the form seen fewer than 20 times though the instruction
 * defines the flag. */
static unsigned rare_outcomes(unsigned i, const struct form_hits *h)
{
    ZydisDecodedInstruction zi;
    const struct form *f = form_at(i);
    unsigned n = 0;
    if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(
            case_decoder((enum code_mode)f->mode), NULL, f->bytes, 15, &zi)))
        return 0;
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned v = 0; v < 2 && (flags_of(&zi) & flag_bit[k]); v++)
            n += h->flag[k][v] < 20;
    }
    return n;
}

/* The host executes the form, or refuses it with another fault than #UD. */
static bool host_executes(const struct form *f)
{
    static struct test_case t; /* large */
    static struct outcome o;
    static const char *const modes[CODE_MODES] = {"64", "32", "16"};
    const char *why;
    char line[80];
    size_t n = (size_t)snprintf(line, sizeof line, "%s ", modes[f->mode]);
    for (unsigned i = 0; i < f->length; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%02x", f->bytes[i]);
    snprintf(line + n, sizeof line - n, " rbx=%llx",
             (unsigned long long)(ARENA + 64));
    if (!case_parse(line, &t, &why))
        return false;
    native_run(&t, &o);
    return o.vector != 6;
}

/* Mnemonics of a standing, each once; `host`: only those the host has. */
static void print_standing(enum standing standing, bool host, const char *title)
{
    bool seen[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {false};
    for (unsigned i = 0; i < forms_count(); i++) { /* known in another form */
        if (form_at(i)->standing == STANDING_TESTED)
            seen[form_at(i)->mnemonic] = true;
    }
    printf("%s:", title);
    for (unsigned i = 0; i < forms_count(); i++) {
        const struct form *f = form_at(i);
        if (f->standing != (uint8_t)standing || seen[f->mnemonic] ||
            (host && !host_executes(f)))
            continue;
        seen[f->mnemonic] = true;
        printf(" %s", ZydisMnemonicGetString((ZydisMnemonic)f->mnemonic));
    }
    printf("\n");
}

static uint64_t report_forms(const struct tally *sum, bool coverage,
                             uint64_t require)
{
    unsigned supported = 0, without = 0, few = 0, rare = 0, rare_forms = 0;
    uint32_t least = UINT32_MAX;
    for (unsigned i = 0; i < forms_count(); i++) {
        const struct form *f = form_at(i);
        const struct form_hits *h = &sum->form[i];
        if (f->standing != STANDING_TESTED ||
            !host_has_mode((enum code_mode)f->mode))
            continue;
        supported++;
        without += h->cases == 0;
        least = h->cases < least ? h->cases : least;
        few += h->cases < require;
        unsigned n = rare_outcomes(i, h);
        rare += n;
        rare_forms += n != 0;
        if (coverage || (require != 0 && h->cases < require))
            print_form(i, h);
    }
    printf("%u supported forms: %u without a hit, the least hit %u times; "
           "%u flag outcomes in %u forms seen fewer than 20 times\n",
           supported, without, least, rare, rare_forms);
    if (coverage && native_open()) {
        print_standing(STANDING_NOT_MODELLED, true,
                       "not modelled though the host has them");
        print_standing(STANDING_HOST_LACKS, false, "not of both sides");
        print_standing(STANDING_EXCLUDED, false, "left to other tests");
    }
    return few;
}

static uint64_t report_waivers(const struct tally *sum, uint64_t run)
{
    uint64_t wrong = 0;
    for (unsigned w = 0; w < waiver_count(); w++) {
        const char *note = "";
        if ((double)sum->waived[w] > waiver_share(w) * (double)run + 8) {
            note = " ABOVE ITS SHARE";
            wrong++;
        } else if (sum->run[CASE_SINGLE] >= 1000000 && sum->waived[w] == 0) {
            note = " (no hit: delete it)";
        }
        printf("waiver %-18s %8llu%s  %s\n", waiver_name(w),
               (unsigned long long)sum->waived[w], note, waiver_reason(w));
    }
    return wrong;
}

uint64_t report(const struct tally *tally, unsigned jobs, uint64_t seed,
                unsigned show, bool coverage, uint64_t require)
{
    struct tally *sum = calloc(1, sizeof *sum);
    unsigned shown = 0;
    if (sum == NULL)
        abort();
    for (unsigned j = 0; j < jobs; j++) {
        add_tally(sum, &tally[j]);
        for (unsigned i = 0; i < tally[j].shown && shown < show; i++)
            printf("%s\n", (shown++, tally[j].text[i]));
    }
    uint64_t run = 0, wrong = sum->different;
    for (unsigned k = 0; k < CASE_KINDS; k++)
        run += sum->run[k];
    wrong += report_forms(sum, coverage, require);
    wrong += report_waivers(sum, run);
    printf("seed %llu: %llu cases, %llu faulting, %llu without a case, "
           "%llu of no known form, %llu unstable on the host\n",
           (unsigned long long)seed, (unsigned long long)run,
           (unsigned long long)sum->faults, (unsigned long long)sum->skipped,
           (unsigned long long)sum->unknown, (unsigned long long)sum->unstable);
    for (unsigned k = 0; k < CASE_KINDS; k++) {
        if (sum->run[k] != 0)
            printf("  %llu %s\n", (unsigned long long)sum->run[k],
                   kind_name[k]);
    }
    printf("%llu unexplained differences\n",
           (unsigned long long)sum->different);
    free(sum);
    return wrong;
}
