/* SPDX-License-Identifier: Apache-2.0
 * Packets of the remote serial protocol. GDB manual, "Overview" of the
 * appendix "GDB Remote Serial Protocol".
 */
#include "sim/debug/rsp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

void rsp_init(struct rsp *r)
{
    r->state = RSP_IDLE;
    r->len = 0;
}

static void begin(struct rsp *r)
{
    r->state = RSP_PAYLOAD;
    r->too_long = false;
    r->sum = 0;
    r->len = 0;
}

static void keep(struct rsp *r, uint8_t byte)
{
    if (r->len == RSP_PACKET_MAX)
        r->too_long = true;
    else
        r->payload[r->len++] = (char)byte;
}

static enum rsp_event idle(struct rsp *r, uint8_t byte)
{
    switch (byte) {
    case '$': begin(r); return RSP_NOTHING;
    case '+': return RSP_ACK;
    case '-': return RSP_NAK;
    case 3: return RSP_INTERRUPT;
    default: return RSP_NOTHING; /* noise between packets */
    }
}

static enum rsp_event payload(struct rsp *r, uint8_t byte)
{
    if (byte == '$') { /* the end of the one before was lost */
        begin(r);
        return RSP_NOTHING;
    }
    if (byte == '#') {
        bool cut = r->state == RSP_ESCAPE;
        r->state = cut ? RSP_IDLE : RSP_SUM_HIGH;
        return cut ? RSP_BAD : RSP_NOTHING;
    }
    r->sum = (uint8_t)(r->sum + byte);
    if (r->state == RSP_ESCAPE) {
        keep(r, byte ^ 0x20);
        r->state = RSP_PAYLOAD;
    } else if (byte == '}') {
        r->state = RSP_ESCAPE;
    } else {
        keep(r, byte);
    }
    return RSP_NOTHING;
}

static enum rsp_event checksum(struct rsp *r, uint8_t byte)
{
    int d = rsp_digit((char)byte);
    if (d < 0) {
        r->state = RSP_IDLE;
        if (byte == '$')
            begin(r);
        return RSP_BAD;
    }
    if (r->state == RSP_SUM_HIGH) {
        r->given = (uint8_t)(d << 4);
        r->state = RSP_SUM_LOW;
        return RSP_NOTHING;
    }
    r->state = RSP_IDLE;
    if ((r->given | (uint8_t)d) != r->sum)
        return RSP_BAD;
    r->payload[r->len] = '\0';
    return r->too_long ? RSP_TOO_LONG : RSP_PACKET;
}

enum rsp_event rsp_feed(struct rsp *r, uint8_t byte)
{
    switch (r->state) {
    case RSP_IDLE: return idle(r, byte);
    case RSP_PAYLOAD:
    case RSP_ESCAPE: return payload(r, byte);
    case RSP_SUM_HIGH:
    case RSP_SUM_LOW: return checksum(r, byte);
    }
    return RSP_NOTHING;
}

size_t rsp_frame(const char *payload_text, size_t len, char out[RSP_WIRE_MAX])
{
    size_t n = 0;
    uint8_t sum = 0;
    out[n++] = '$';
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)payload_text[i];
        if (byte == '$' || byte == '#' || byte == '}' || byte == '*') {
            out[n++] = '}';
            sum = (uint8_t)(sum + '}');
            byte ^= 0x20;
        }
        out[n++] = (char)byte;
        sum = (uint8_t)(sum + byte);
    }
    out[n++] = '#';
    out[n++] = digits[sum >> 4];
    out[n++] = digits[sum & 15];
    return n;
}

/* --- hexadecimal --- */

int rsp_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool rsp_number(const char **at, uint64_t *out)
{
    uint64_t v = 0;
    unsigned n = 0;
    for (int d; (d = rsp_digit(**at)) >= 0; (*at)++) {
        if (++n > 16)
            return false;
        v = v << 4 | (uint64_t)d;
    }
    *out = v;
    return n != 0;
}

bool rsp_bytes(const char *from, size_t bytes, uint8_t *out)
{
    for (size_t i = 0; i < bytes; i++) {
        int high = rsp_digit(from[2 * i]);
        int low = high < 0 ? -1 : rsp_digit(from[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* --- replies --- */

void rsp_put_bytes(struct rsp_reply *r, const void *data, size_t len)
{
    if (len > RSP_PACKET_MAX - r->len) {
        r->full = true;
        return;
    }
    memcpy(r->text + r->len, data, len);
    r->len += len;
    r->text[r->len] = '\0';
}

void rsp_put(struct rsp_reply *r, const char *text)
{
    rsp_put_bytes(r, text, strlen(text));
}

void rsp_put_hex(struct rsp_reply *r, const void *data, size_t len)
{
    const uint8_t *p = data;
    if (len > (RSP_PACKET_MAX - r->len) / 2) {
        r->full = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        r->text[r->len++] = digits[p[i] >> 4];
        r->text[r->len++] = digits[p[i] & 15];
    }
    r->text[r->len] = '\0';
}

void rsp_printf(struct rsp_reply *r, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    rsp_put(r, text);
}
