/* SPDX-License-Identifier: Apache-2.0
 * Wiring of the devices: I/O ports, interrupt lines, clocks, and the host's
 * file descriptors behind the consoles.
 */
#include "sim/machine/acpi.h"
#include "sim/machine/inside.h"
#include "sim/machine/memory_map.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { COM1_BASE = 0x3f8, COM1_IRQ = 4, PIT_IRQ = 0, RTC_IRQ = 8 };
enum { LCR_8N1 = 3 };

/* --- Bytes to and from the host ------------------------------------------ */

static void sink_flush(struct byte_sink *s)
{
    size_t done = 0;
    while (done < s->used) {
        ssize_t n = write(s->fd, s->data + done, s->used - done);
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = s->fd, .events = POLLOUT}, 1, -1);
        else if (n < 0 && errno != EINTR)
            break; /* nobody reads any more: what is left is lost */
    }
    s->used = 0;
}

static void sink_put(struct byte_sink *s, uint8_t byte)
{
    s->data[s->used++] = byte;
    if (byte == '\n' || s->used == sizeof s->data)
        sink_flush(s);
}

/* The next byte, UART_RX_NONE or UART_RX_END; never waits. */
static int source_get(struct byte_source *s)
{
    if (s->at < s->used)
        return s->data[s->at++];
    if (s->fd < 0)
        return UART_RX_END;
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
        return UART_RX_NONE;
    ssize_t n = read(s->fd, s->data, sizeof s->data);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return UART_RX_NONE;
    if (n <= 0) {
        s->fd = -1;
        return UART_RX_END;
    }
    s->used = (size_t)n;
    s->at = 1;
    return s->data[0];
}

void board_flush(struct machine *m)
{
    sink_flush(&m->board.console);
    sink_flush(&m->board.serial);
}

static void serial_put(void *self, uint8_t byte)
{
    struct machine *m = self;
    sink_put(m->io.serial_out >= 0 ? &m->board.serial : &m->board.console,
             byte);
}

static int serial_get(void *self)
{
    struct machine *m = self;
    return source_get(&m->board.input);
}

static void console_put(void *self, uint8_t byte)
{
    struct machine *m = self;
    sink_put(&m->board.console, byte);
}

/* --- Ends and interrupts -------------------------------------------------- */

/* As QEMU's isa-debug-exit: an odd status. */
static void debug_exit(void *self, uint32_t value)
{
    struct machine *m = self;
    int status = (int)((value << 1 | 1) & 0xff);
    machine_end(m, END_EXIT, status, "the guest wrote 0x%x to port F4h", value);
}

static void power_off(void *self)
{
    machine_end(self, END_EXIT, 0, "%s", "");
}

static void reset_request(void *self, enum reset_kind kind)
{
    static const char *const name[] = {"processor reset (INIT)",
                                       "processor reset", "hard reset"};
    machine_end(self, END_ABNORMAL, SIM_GUEST_STOPPED,
                "the guest asked for a %s: there is no firmware to restart",
                name[kind]);
}

/* The tables name S5 only. */
static void sleep_request(void *self, unsigned type)
{
    if (type == ACPI_S5)
        power_off(self);
    else
        machine_end(self, END_ABNORMAL, SIM_GUEST_STOPPED,
                    "the guest asked for sleep type %u: only %d, power off, "
                    "is there",
                    type, ACPI_S5);
}

static void a20_changed(void *self, bool open)
{
    struct machine *m = self;
    for (unsigned i = 0; i < m->cores; i++)
        cpu_set_a20(m->core[i].cpu, open);
}

static void intr_changed(void *self, bool level)
{
    struct machine *m = self;
    m->board.vcd_requests += level;
    if (m->cores == 0)
        return; /* while devices are made */
    cpu_set_intr(m->core[0].cpu, level);
    machine_wake_core(m, 0);
}

/* --- Host proxy ----------------------------------------------------------- */

/* RAM as a bus master sees it. */
static bool ram_read(void *self, hpa at, unsigned len, void *out)
{
    const struct machine *m = self;
    return memsys_read(m->memory, at, len, out);
}

static bool ram_write(void *self, hpa at, unsigned len, const void *in)
{
    const struct machine *m = self;
    return memsys_write(m->memory, at, len, in);
}

static void program_exit(void *self, uint8_t status)
{
    machine_end(self, END_EXIT, status, "%s", "");
}

static bool proxy_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    const struct machine *m = self;
    const struct io_port *p = &m->board.proxy_port;
    return p->in(p->self, port, len, out);
}

/* The proxy writes to the same descriptors as the consoles: keep order. */
static bool proxy_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct machine *m = self;
    const struct io_port *p = &m->board.proxy_port;
    board_flush(m);
    bool answered = p->out(p->self, port, len, in);
    machine_tick(m); /* it may have waited for input until Ctrl-C */
    return answered;
}

static enum sim_status create_proxy(struct machine *m, struct sim_error *e)
{
    struct board *b = &m->board;
    const struct hostproxy_config c = {
        .mem = {m, ram_read, ram_write},
        .share = m->io.share,
        .read_only = m->io.share_read_only,
        .shares = m->io.shares,
        .in = STDIN_FILENO,
        .out = STDOUT_FILENO,
        .err = STDERR_FILENO,
        .exit = {m, program_exit},
    };
    enum sim_status s = hostproxy_create(&c, &b->proxy, e);
    if (s != SIM_OK)
        return s;
    b->proxy_port = hostproxy_port(b->proxy);
    const struct io_port outer = {m, proxy_in, proxy_out};
    return iobus_claim(&b->iobus, HOSTPROXY_PORT,
                       HOSTPROXY_PORT + HOSTPROXY_PORTS - 1, outer, e);
}

/* --- Devices -------------------------------------------------------------- */

static void create_uart(struct machine *m)
{
    struct board *b = &m->board;
    struct uart_wiring w = {
        .base = COM1_BASE,
        .irq = pic_irq_port(&b->pic),
        .line = COM1_IRQ,
        .self = m,
        .transmit = serial_put,
        .receive = serial_get,
    };
    alarm_create(m, uart_on_time, &b->uart, &w.clock);
    uart_init(&b->uart, &w);
    b->uart.s.lcr = LCR_8N1; /* as firmware leaves it */
}

/* The RAM that firmware tells of: that behind it is a monitor's. */
static void told_ram(const struct machine *m, uint64_t *low, uint64_t *high)
{
    const uint64_t hole = UINT64_C(3) << 30;
    uint64_t ram = m->config.memory.ram_bytes;
    *low = m->io.told_low;
    *high = m->io.told_high;
    if (*low == 0) {
        *low = ram < hole ? ram : hole;
        *high = ram - *low;
    }
}

static void create_timers(struct machine *m)
{
    uint64_t low, high;
    struct board *b = &m->board;
    struct pit_wiring pit = {.irq = pic_irq_port(&b->pic), .line = PIT_IRQ};
    alarm_create(m, pit_on_time, &b->pit, &pit.clock);
    pit_init(&b->pit, &pit);
    struct rtc_wiring rtc = {
        .irq = pic_irq_port(&b->pic),
        .line = RTC_IRQ,
        .epoch = m->config.epoch,
    };
    alarm_create(m, rtc_on_time, &b->rtc, &rtc.clock);
    rtc_init(&b->rtc, &rtc);
    told_ram(m, &low, &high);
    rtc_set_memory(&b->rtc, low, high);
}

static void create_acpi(struct machine *m)
{
    struct board *b = &m->board;
    struct acpi_pm_wiring w = {
        .base = ACPI_PM_BASE,
        .irq = pic_irq_port(&b->pic),
        .line = ACPI_SCI,
        .self = m,
        .sleep = sleep_request,
    };
    alarm_create(m, acpi_pm_on_time, &b->acpi_pm, &w.clock);
    acpi_pm_init(&b->acpi_pm, &w);
}

/* Entries of "etc/e820": base, size, type, little-endian and packed. */
static void add_e820(struct fwcfg *f, uint64_t low, uint64_t high)
{
    enum { ENTRY = 20 };
    struct mem_range map[MEM_RANGES_MAX];
    uint8_t bytes[MEM_RANGES_MAX * ENTRY];
    unsigned ranges = memory_map(low, high, map);
    for (unsigned i = 0; i < ranges; i++) {
        memcpy(bytes + i * ENTRY, &map[i].base, 8);
        memcpy(bytes + i * ENTRY + 8, &map[i].size, 8);
        memcpy(bytes + i * ENTRY + 16, &map[i].type, 4);
    }
    fwcfg_add_file(f, "etc/e820", bytes, (size_t)ranges * ENTRY);
}

static void create_fwcfg(struct machine *m)
{
    uint64_t low, high;
    struct fwcfg *f = &m->board.fwcfg;
    told_ram(m, &low, &high);
    fwcfg_init(f);
    fwcfg_add_number(f, FWCFG_RAM_SIZE, low + high, 8);
    fwcfg_add_number(f, FWCFG_NOGRAPHIC, 1, 2);
    fwcfg_add_number(f, FWCFG_NB_CPUS, m->config.cores, 2);
    fwcfg_add_number(f, FWCFG_MAX_CPUS, m->config.cores, 2);
    add_e820(f, low, high);
}

/* Devices that a configuration may leave out. */
static enum sim_status claim_optional(struct machine *m, struct sim_error *e)
{
    struct board *b = &m->board;
    enum sim_status s = SIM_OK;
    if (m->config.acpi)
        s = iobus_claim(&b->iobus, ACPI_PM_BASE,
                        ACPI_PM_BASE + ACPI_PM_PORTS - 1,
                        acpi_pm_port(&b->acpi_pm), e);
    if (s == SIM_OK && m->config.fw_cfg)
        s = iobus_claim(&b->iobus, FWCFG_SELECTOR, FWCFG_DATA,
                        fwcfg_port(&b->fwcfg), e);
    return s;
}

static enum sim_status claim_all(struct board *b, struct sim_error *e)
{
    struct io_port pic = pic_io_port(&b->pic);
    struct io_port debug = debugport_port(&b->debugport);
    struct io_port kbd = i8042_port(&b->i8042);
    struct io_port pit = pit_port(&b->pit);
    const struct {
        uint16_t first, last;
        struct io_port port;
    } claim[] = {
        {0x20, 0x21, pic},
        {0xa0, 0xa1, pic},
        {0x4d0, 0x4d1, pic},
        {COM1_BASE, COM1_BASE + 7, uart_port(&b->uart)},
        {DEBUGPORT_CONSOLE, DEBUGPORT_CONSOLE, debug},
        {DEBUGPORT_EXIT, DEBUGPORT_EXIT, debug},
        {DEBUGPORT_SHUTDOWN, DEBUGPORT_SHUTDOWN, debug},
        {0x40, 0x43, pit},
        {0x61, 0x61, pit},
        {POSTCODE_PORT, POSTCODE_PORT, postcode_port(&b->postcode)},
        {0x70, 0x71, rtc_port(&b->rtc)},
        {0x60, 0x60, kbd},
        {0x64, 0x64, kbd},
        {0x92, 0x92, kbd},
        {0xcf8, 0xcfb, kbd},
    };
    for (size_t i = 0; i < sizeof(claim) / sizeof(claim[0]); i++) {
        enum sim_status s = iobus_claim(&b->iobus, claim[i].first,
                                        claim[i].last, claim[i].port, e);
        if (s != SIM_OK)
            return s;
    }
    return SIM_OK;
}

enum sim_status board_create(struct machine *m, struct sim_error *e)
{
    struct board *b = &m->board;
    b->console.fd = m->io.console_out;
    b->serial.fd = m->io.serial_out;
    b->input.fd = m->io.serial_in;
    iobus_init(&b->iobus);
    pic_init(&b->pic, m, intr_changed);
    create_uart(m);
    create_timers(m);
    debugport_init(&b->debugport, (struct debugport_sink){
                                      m, console_put, debug_exit, power_off});
    i8042_init(&b->i8042, m, reset_request, a20_changed);
    postcode_init(&b->postcode);
    create_acpi(m);
    create_fwcfg(m);
    enum sim_status s = claim_all(b, e);
    if (s == SIM_OK)
        s = claim_optional(m, e);
    return s == SIM_OK && m->io.proxy ? create_proxy(m, e) : s;
}

void board_destroy(struct machine *m)
{
    hostproxy_destroy(m->board.proxy);
}
