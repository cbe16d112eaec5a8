/* SPDX-License-Identifier: Apache-2.0
 * ACPI tables: one block of bytes, built in host memory once its address is
 * known. Field offsets and titles are those of the ACPI Specification 5.1.
 */
#include "sim/machine/acpi.h"

#include "sim/base/bits.h"
#include "sim/chipset/acpi_pm.h"

#include <inttypes.h>
#include <string.h>

enum {
    HEADER = 36,
    FACS_SIZE = 64,
    FADT_SIZE = 268,
    MADT_FIXED = HEADER + 8,
    LOCAL_APIC_SIZE = 8,
    LOCAL_APIC_NMI_SIZE = 6,
    TABLES = 2, /* that RSDT and XSDT list: FADT and MADT */
    RSDT_SIZE = HEADER + 4 * TABLES,
    XSDT_SIZE = HEADER + 8 * TABLES,
    SPACE_IO = 1, /* "Generic Address Structure" */
};

/* Name (\_S5, Package () {S5, S5, 0, 0}): "Definition Block Encoding". */
static const uint8_t dsdt_code[] = {
    0x08,    '\\',    '_',  'S',  '5', '_', /* NameOp, root, name */
    0x12,    0x06,    0x04,       /* PackageOp, its length, 4 elements */
    ACPI_S5, ACPI_S5, 0x00, 0x00, /* ZeroOp */
};

/* Where each table is, from the start of the block. */
struct layout {
    uint64_t facs, fadt, madt, dsdt, rsdt, xsdt, size;
    uint64_t madt_size;
};

static uint64_t take(uint64_t *end, uint64_t size)
{
    uint64_t at = *end;
    *end += (size + 15) & ~UINT64_C(15);
    return at;
}

static struct layout lay_out(uint32_t cores)
{
    struct layout l = {.madt_size = MADT_FIXED +
                                    (uint64_t)cores * LOCAL_APIC_SIZE +
                                    LOCAL_APIC_NMI_SIZE};
    uint64_t end = 64; /* the RSDP, and FACS on a 64-byte boundary */
    l.facs = take(&end, FACS_SIZE);
    l.fadt = take(&end, FADT_SIZE);
    l.madt = take(&end, l.madt_size);
    l.dsdt = take(&end, HEADER + sizeof dsdt_code);
    l.rsdt = take(&end, RSDT_SIZE);
    l.xsdt = take(&end, XSDT_SIZE);
    l.size = end;
    return l;
}

static void store(uint8_t *p, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* The bytes of a table sum up to zero. */
static uint8_t checksum(const uint8_t *p, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    return (uint8_t)(0x100 - sum);
}

/* "System Description Table Header"; the rest of the table is there. */
static void put_header(uint8_t *p, const char *signature, uint64_t len,
                       uint8_t revision)
{
    memcpy(p, signature, 4);
    store(p + 4, 4, len);
    p[8] = revision;
    memcpy(p + 10, "VTSIM ", 6);   /* OEM */
    memcpy(p + 16, "VTSIM   ", 8); /* OEM's table */
    store(p + 24, 4, 1);
    memcpy(p + 28, "VTSM", 4); /* creator */
    store(p + 32, 4, 1);
    p[9] = checksum(p, len);
}

/* "Firmware ACPI Control Structure": no header, no checksum. */
static void put_facs(uint8_t *p)
{
    memcpy(p, "FACS", 4);
    store(p + 4, 4, FACS_SIZE);
    p[32] = 1; /* version */
}

/* "Fixed ACPI Description Table": every field that is not zero, but for the
 * addresses of other tables. */
static const struct {
    uint8_t offset, size;
    uint32_t value;
} fadt[] = {
    {46, 2, ACPI_SCI},
    {56, 4, ACPI_PM_BASE + ACPI_PM1_STATUS},
    {64, 4, ACPI_PM_BASE + ACPI_PM1_CONTROL},
    {76, 4, ACPI_PM_BASE + ACPI_PM_TIMER},
    {88, 1, 4},       /* bytes of status and enable */
    {89, 1, 2},       /* of control */
    {91, 1, 4},       /* of the timer */
    {96, 2, 0xffff},  /* no C2 */
    {98, 2, 0xffff},  /* no C3 */
    {108, 1, 0x32},   /* century in CMOS */
    {109, 2, 0x0007}, /* legacy devices, 8042, no VGA */
    /* WBINVD, C1, no fixed buttons, no fixed RTC wake, reset register */
    {112, 4, 0x0001 | 0x0004 | 0x0010 | 0x0020 | 0x0040 | 0x0400},
    {116, 1, SPACE_IO},
    {117, 1, 8},
    {119, 1, 1}, /* byte access */
    {120, 4, 0xcf9},
    {128, 1, 0x06}, /* value to write: hard reset */
    {131, 1, 1},    /* minor version */
    /* The same ports as generic addresses: space, bits, access, address. */
    {148, 1, SPACE_IO},
    {149, 1, 32},
    {151, 1, 2},
    {152, 4, ACPI_PM_BASE + ACPI_PM1_STATUS},
    {172, 1, SPACE_IO},
    {173, 1, 16},
    {175, 1, 2},
    {176, 4, ACPI_PM_BASE + ACPI_PM1_CONTROL},
    {208, 1, SPACE_IO},
    {209, 1, 32},
    {211, 1, 3},
    {212, 4, ACPI_PM_BASE + ACPI_PM_TIMER},
};

static void put_fadt(uint8_t *p, uint64_t facs, uint64_t dsdt)
{
    for (size_t i = 0; i < sizeof(fadt) / sizeof(fadt[0]); i++)
        store(p + fadt[i].offset, fadt[i].size, fadt[i].value);
    store(p + 36, 4, facs);
    store(p + 40, 4, dsdt);
    store(p + 140, 8, dsdt);
    put_header(p, "FACP", FADT_SIZE, 5);
}

/* "Multiple APIC Description Table": a local APIC a core, NMI at LINT1 of
 * all; there is no I/O APIC. */
static void put_madt(uint8_t *p, uint32_t cores, uint64_t size)
{
    store(p + HEADER, 4, 0xfee00000);
    store(p + HEADER + 4, 4, 1); /* 8259s are there, too */
    uint8_t *at = p + MADT_FIXED;
    for (uint32_t i = 0; i < cores; i++, at += LOCAL_APIC_SIZE) {
        at[1] = LOCAL_APIC_SIZE;
        at[2] = (uint8_t)i; /* processor */
        at[3] = (uint8_t)i; /* its APIC */
        at[4] = 1;          /* usable */
    }
    at[0] = 4;
    at[1] = LOCAL_APIC_NMI_SIZE;
    at[2] = 0xff; /* all processors */
    at[5] = 1;    /* LINT1 */
    put_header(p, "APIC", size, 3);
}

/* "Root System Description Pointer". */
static void put_rsdp(uint8_t *p, uint64_t rsdt, uint64_t xsdt)
{
    memcpy(p, "RSD PTR ", 8);
    memcpy(p + 9, "VTSIM ", 6);
    p[15] = 2; /* revision */
    store(p + 16, 4, rsdt);
    p[8] = checksum(p, 20);
    store(p + 20, 4, ACPI_RSDP_SIZE);
    store(p + 24, 8, xsdt);
    p[32] = checksum(p, ACPI_RSDP_SIZE);
}

static void build(uint8_t *p, uint64_t at, const struct layout *l,
                  uint32_t cores)
{
    put_rsdp(p, at + l->rsdt, at + l->xsdt);
    put_facs(p + l->facs);
    put_fadt(p + l->fadt, at + l->facs, at + l->dsdt);
    put_madt(p + l->madt, cores, l->madt_size);
    memcpy(p + l->dsdt + HEADER, dsdt_code, sizeof dsdt_code);
    put_header(p + l->dsdt, "DSDT", HEADER + sizeof dsdt_code, 2);
    const uint64_t listed[TABLES] = {at + l->fadt, at + l->madt};
    for (unsigned i = 0; i < TABLES; i++) {
        store(p + l->rsdt + HEADER + 4 * i, 4, listed[i]);
        store(p + l->xsdt + HEADER + 8 * i, 8, listed[i]);
    }
    put_header(p + l->rsdt, "RSDT", RSDT_SIZE, 1);
    put_header(p + l->xsdt, "XSDT", XSDT_SIZE, 1);
}

enum sim_status acpi_plan(const struct machine_config *c, struct plan *p,
                          struct acpi_root *root, struct sim_error *e)
{
    const struct layout l = lay_out(c->cores);
    if (!plan_alloc(p, l.size, 64, 0xe0000, 0x100000, &root->at))
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: no room for %" PRIu64
                        " bytes of ACPI tables at E0000h-FFFFFh "
                        "(machine.acpi=off leaves them out)",
                        p->name, l.size);
    uint8_t *bytes = plan_own(p, l.size);
    if (bytes == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", p->name);
    build(bytes, root->at, &l, c->cores);
    plan_fill(p, root->at, bytes, l.size);
    root->bytes = bytes;
    return SIM_OK;
}
