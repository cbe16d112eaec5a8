/* SPDX-License-Identifier: Apache-2.0
 * Keyboard controller with nothing attached, port 92h, port CF9h.
 * Source: Intel 8042 interface as the PC/AT technical reference gives it;
 * Intel chipset data sheets, "Reset Control Register" and "PORT 92".
 */
#include "sim/chipset/i8042.h"

#include "sim/base/bits.h"

#include <stddef.h>

#define STATUS_FULL    0x01u
#define STATUS_SYSTEM  0x04u
#define STATUS_COMMAND 0x08u
#define STATUS_UNLOCK  0x10u

#define OUTPUT_RESET 0x01u /* low resets */
#define OUTPUT_A20   0x02u

#define P92_INIT 0x01u
#define P92_A20  0x02u

#define CF9_HARD 0x02u
#define CF9_GO   0x04u
#define CF9_FULL 0x08u

void i8042_init(struct i8042 *k, void *self,
                void (*reset)(void *self, enum reset_kind kind),
                void (*gate)(void *self, bool open))
{
    *k = (struct i8042){.self = self,
                        .reset = reset,
                        .gate = gate,
                        .port92 = P92_A20,
                        .command_byte = 0x74};
}

/* Bit 1 of port 92h is the gate itself. */
static void set_gate(struct i8042 *k, bool open)
{
    bool was = (k->port92 & P92_A20) != 0;
    if (open == was)
        return;
    k->port92 ^= P92_A20;
    if (k->gate != NULL)
        k->gate(k->self, open);
}

static uint8_t output_port(const struct i8042 *k)
{
    bool open = (k->port92 & P92_A20) != 0;
    return (uint8_t)(OUTPUT_RESET | (open ? OUTPUT_A20 : 0));
}

static void answer(struct i8042 *k, uint8_t byte)
{
    k->output = byte;
    k->full = true;
}

static void write_command(struct i8042 *k, uint8_t v)
{
    k->expects = 0;
    k->last_was_command = true;
    switch (v) {
    case 0x20: answer(k, k->command_byte); break;
    case 0x60: /* write the command byte */
    case 0xD1: /* write the output port */
    case 0xD2: /* write the output buffer, keyboard */
    case 0xD3: /* the same, mouse */
    case 0xD4: /* write to the mouse */ k->expects = v; break;
    case 0xA7: k->command_byte |= 0x20; break;
    case 0xA8: k->command_byte &= (uint8_t)~0x20u; break;
    case 0xA9: answer(k, 0x01); break; /* mouse clock stuck: no mouse */
    case 0xAA: answer(k, 0x55); break; /* self test passed */
    case 0xAB: answer(k, 0x01); break; /* keyboard clock stuck low */
    case 0xAD: k->command_byte |= 0x10; break;
    case 0xAE: k->command_byte &= (uint8_t)~0x10u; break;
    case 0xC0: answer(k, 0x80); break; /* input port: not locked */
    case 0xD0: answer(k, output_port(k)); break;
    case 0xDD: set_gate(k, false); break;
    case 0xDF: set_gate(k, true); break;
    default:
        /* F0h..FFh pulse output lines low, bit 0 is the reset. */
        if (v >= 0xF0 && (v & 1) == 0)
            k->reset(k->self, RESET_INIT);
        break; /* others are not defined and do nothing */
    }
}

static void write_data(struct i8042 *k, uint8_t v)
{
    uint8_t command = k->expects;
    k->expects = 0;
    k->last_was_command = false;
    switch (command) {
    case 0x60: k->command_byte = v; break;
    case 0xD1:
        if ((v & OUTPUT_RESET) == 0)
            k->reset(k->self, RESET_INIT);
        set_gate(k, (v & OUTPUT_A20) != 0);
        break;
    case 0xD2:
    case 0xD3: answer(k, v); break;
    default: break; /* to a keyboard or mouse that is not there */
    }
}

/* A double word at CF8h is for PCI's configuration address, which is not
 * here; its bytes must not reach the reset control register. */
static bool is_pci_address(uint16_t port, unsigned len)
{
    return port == 0xCF8 && len == 4;
}

static bool i8042_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    struct i8042 *k = self;
    if (is_pci_address(port, len)) {
        *out = UINT32_MAX;
        return true;
    }
    if (len != 1)
        return false;
    switch (port) {
    case 0x60:
        *out = k->output;
        k->full = false;
        return true;
    case 0x64:
        *out = STATUS_SYSTEM | STATUS_UNLOCK | (k->full ? STATUS_FULL : 0) |
               (k->last_was_command ? STATUS_COMMAND : 0);
        return true;
    case 0x92: *out = k->port92; return true;
    case 0xCF9: *out = k->cf9; return true;
    default: return false;
    }
}

static bool i8042_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct i8042 *k = self;
    uint8_t v = (uint8_t)in;
    bool rises;
    if (is_pci_address(port, len))
        return true;
    if (len != 1)
        return false;
    switch (port) {
    case 0x60: write_data(k, v); return true;
    case 0x64: write_command(k, v); return true;
    case 0x92:
        rises = (v & ~k->port92 & P92_INIT) != 0;
        k->port92 = (v & P92_INIT) | (k->port92 & P92_A20);
        set_gate(k, (v & P92_A20) != 0);
        if (rises)
            k->reset(k->self, RESET_INIT);
        return true;
    case 0xCF9:
        rises = (v & ~k->cf9 & CF9_GO) != 0;
        k->cf9 = v & (CF9_HARD | CF9_GO | CF9_FULL);
        if (rises)
            k->reset(k->self, (v & CF9_HARD) != 0 ? RESET_HARD : RESET_CPU);
        return true;
    default: return false;
    }
}

struct io_port i8042_port(struct i8042 *k)
{
    return (struct io_port){.self = k, .in = i8042_in, .out = i8042_out};
}
