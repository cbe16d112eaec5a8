/* SPDX-License-Identifier: Apache-2.0
 * The guest's end of the host proxy (vtsim_pk.h), and what stands in for it
 * on other machines: port 0xE9 for output, 0xF4 for exit, and, so that pk can
 * be tested whole on a machine without the device, a second serial port that
 * carries the doorbell to a server which sees the guest's RAM.
 */
#include "workloads/pk/pk.h"

#define DEBUG_PORT 0xe9
#define EXIT_PORT  0xf4
#define COM2       0x2f8

bool proxy_present;

static bool by_serial;
static u8 bounce[PROXY_BOUNCE] __attribute__((aligned(4096)));
static struct {
    u32 op, zero;
    u64 arg[PK_REQUEST_ARGS];
    s64 result;
} request __attribute__((aligned(64)));

_Static_assert(sizeof request == PK_REQUEST_SIZE, "the contract's layout");

static void serial_put(u8 byte)
{
    while (!(in8(COM2 + 5) & 0x20))
        cpu_pause();
    out8(COM2, byte);
}

static u8 serial_get(void)
{
    while (!(in8(COM2 + 5) & 1))
        cpu_pause();
    return in8(COM2);
}

/* A server answers '?' with 'P'; an absent one gives no answer in time. */
static bool serial_probe(void)
{
    out8(COM2 + 7, 0x5a);
    if (in8(COM2 + 7) != 0x5a)
        return false;
    out8(COM2 + 1, 0);
    out8(COM2 + 3, 3);
    serial_put('?');
    for (unsigned i = 0; i < 2000000; i++)
        if (in8(COM2 + 5) & 1)
            return in8(COM2) == 'P';
    return false;
}

void proxy_init(void)
{
    if (in32(PK_PROXY_PORT + PK_REG_SIGNATURE) == PK_PROXY_SIGNATURE) {
        u32 version = in32(PK_PROXY_PORT + PK_REG_VERSION);
        if (version != PK_PROXY_VERSION)
            pk_panic("host proxy version %u, expected %u", version,
                     PK_PROXY_VERSION);
        proxy_present = true;
    } else if (serial_probe()) {
        proxy_present = by_serial = true;
    }
}

u8 *proxy_bounce(void)
{
    return bounce;
}

s64 proxy_call(u32 op, const u64 *arg, unsigned args)
{
    u64 pa = kernel_pa(&request);

    if (!proxy_present)
        return -ENOSYS;
    request.op = op;
    for (unsigned i = 0; i < PK_REQUEST_ARGS; i++)
        request.arg[i] = i < args ? arg[i] : 0;
    request.result = -EIO;
    if (by_serial) {
        for (unsigned i = 0; i < 4; i++)
            serial_put((u8)(pa >> 8 * i));
        serial_get();
    } else {
        out32(PK_PROXY_PORT + PK_REG_ADDR_HIGH, (u32)(pa >> 32));
        out32(PK_PROXY_PORT + PK_REG_DOORBELL, (u32)pa);
    }
    return *(volatile s64 *)&request.result;
}

void console_write(int fd, const char *text, size_t n)
{
    while (n && proxy_present) {
        size_t part = min64(n, sizeof bounce);
        memcpy(bounce, text, part);
        u64 arg[] = {(u64)fd, kernel_pa(bounce), part, 0};
        s64 done = proxy_call(PK_OP_WRITE, arg, 4);
        if (done <= 0)
            return;
        text += done;
        n -= (size_t)done;
    }
    for (size_t i = 0; i < n; i++)
        out8(DEBUG_PORT, (u8)text[i]);
}

void machine_exit(u32 status)
{
    u64 arg[] = {status & 0xff};

    proxy_call(PK_OP_EXIT, arg, 1);
    for (;;) {
        out32(EXIT_PORT, status);
        __asm__ volatile("cli; hlt");
    }
}
