/* SPDX-License-Identifier: Apache-2.0
 * ACPI fixed hardware. Nothing ticks: the timer is a function of simulated
 * time, and the clock is armed only while its interrupt is enabled.
 */
#include "sim/chipset/acpi_pm.h"

#include "sim/base/bits.h"
#include "timer/tsc.h"

#include <stddef.h>

enum { STATUS, ENABLE, CONTROL, TIMER };

#define TMR 0x0001u /* status and enable of the timer */
#define GBL 0x0020u /* firmware releases the global lock: never */

#define SCI_EN  0x0001u
#define BM_RLD  0x0002u
#define GBL_RLS 0x0004u /* an SMI; there is no SMM code to take it */
#define SLP_TYP 0x1c00u
#define SLP_EN  0x2000u

enum { SLP_TYP_SHIFT = 10, TIMER_BITS = 24 };

static uint64_t ticks(const struct acpi_pm *p)
{
    return ticks_by_time(p->w.clock.now(p->w.clock.self), ACPI_PM_HZ);
}

static uint64_t read_timer(void *self)
{
    return ticks(self) & bits_mask(TIMER_BITS);
}

static void wrote_control(void *self, uint64_t old, uint64_t now)
{
    struct acpi_pm *p = self;
    (void)old;
    p->value[CONTROL] &= ~(uint64_t)(SLP_EN | GBL_RLS);
    if ((now & SLP_EN) != 0)
        p->w.sleep(p->w.self, (unsigned)((now & SLP_TYP) >> SLP_TYP_SHIFT));
}

static const struct reg_desc rows[] = {
    {.offset = ACPI_PM1_STATUS,
     .size = 2,
     .name = "PM1_STS",
     .w1c = TMR | GBL,
     .source = "ACPI, PM1 Status Registers"},
    {.offset = ACPI_PM1_ENABLE,
     .size = 2,
     .name = "PM1_EN",
     .rw = TMR | GBL,
     .source = "ACPI, PM1 Enable Registers"},
    {.offset = ACPI_PM1_CONTROL,
     .size = 2,
     .name = "PM1_CNT",
     .reset = SCI_EN,
     .rw = BM_RLD | GBL_RLS | SLP_TYP | SLP_EN,
     .wo = GBL_RLS | SLP_EN,
     .wrote = wrote_control,
     .source = "ACPI, PM1 Control Registers"},
    {.offset = ACPI_PM_TIMER,
     .size = 4,
     .name = "PM_TMR",
     .read = read_timer,
     .source = "ACPI, Power Management Timer"},
};

/* TMR_STS is set whenever the timer's highest bit changes, either way. */
static void catch_up(struct acpi_pm *p)
{
    uint64_t toggles = ticks(p) >> (TIMER_BITS - 1);
    if (toggles != p->toggles)
        p->value[STATUS] |= TMR;
    p->toggles = toggles;
}

static void update(struct acpi_pm *p)
{
    bool level = (p->value[STATUS] & p->value[ENABLE]) != 0;
    bool wait = !level && (p->value[ENABLE] & TMR) != 0;
    uint64_t next = (p->toggles + 1) << (TIMER_BITS - 1);
    p->w.irq.set(p->w.irq.self, p->w.line, level);
    p->w.clock.arm(p->w.clock.self,
                   wait ? time_of_cycles(next, ACPI_PM_HZ) : SIM_NEVER);
}

void acpi_pm_on_time(void *self, sim_time now)
{
    struct acpi_pm *p = self;
    (void)now;
    catch_up(p);
    update(p);
}

static bool acpi_pm_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    struct acpi_pm *p = self;
    uint64_t value;
    catch_up(p);
    if (!regfile_read(&p->regs, (uint64_t)port - p->w.base, len, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool acpi_pm_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct acpi_pm *p = self;
    catch_up(p);
    if (!regfile_write(&p->regs, (uint64_t)port - p->w.base, len, in))
        return false;
    update(p);
    return true;
}

void acpi_pm_init(struct acpi_pm *p, const struct acpi_pm_wiring *w)
{
    *p = (struct acpi_pm){.w = *w};
    p->regs = (struct regfile){.rows = rows,
                               .count = sizeof(rows) / sizeof(rows[0]),
                               .value = p->value,
                               .self = p};
    regfile_reset(&p->regs);
}

struct io_port acpi_pm_port(struct acpi_pm *p)
{
    return (struct io_port){.self = p, .in = acpi_pm_in, .out = acpi_pm_out};
}
