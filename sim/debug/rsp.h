/* SPDX-License-Identifier: Apache-2.0
 * The packet layer of GDB's remote serial protocol: framing, checksums,
 * escapes and hexadecimal, on buffers of fixed size. The peer is not trusted.
 */
#ifndef VTSIM_SIM_DEBUG_RSP_H
#define VTSIM_SIM_DEBUG_RSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RSP_PACKET_MAX = 4096 }; /* bytes of a payload, either way */

struct rsp {
    enum { RSP_IDLE, RSP_PAYLOAD, RSP_ESCAPE, RSP_SUM_HIGH, RSP_SUM_LOW } state;
    bool too_long; /* the payload does not fit: it is counted, not kept */
    uint8_t sum, given;
    size_t len;
    char payload[RSP_PACKET_MAX + 1]; /* a zero byte follows */
};

enum rsp_event {
    RSP_NOTHING,
    RSP_PACKET,    /* payload, len: to be acknowledged */
    RSP_TOO_LONG,  /* a packet that is well formed but too long */
    RSP_BAD,       /* wrong checksum or malformed: to be refused */
    RSP_ACK,       /* '+' */
    RSP_NAK,       /* '-': the last packet is wanted again */
    RSP_INTERRUPT, /* byte 03h outside a packet */
};

void rsp_init(struct rsp *r);
enum rsp_event rsp_feed(struct rsp *r, uint8_t byte);

/* "$payload#sum" with escapes; returns its length. */
enum { RSP_WIRE_MAX = 2 * RSP_PACKET_MAX + 4 };
size_t rsp_frame(const char *payload, size_t len, char out[RSP_WIRE_MAX]);

/* --- hexadecimal --- */

int rsp_digit(char c); /* -1: none */

/* A number of 1 to 16 digits at *at, which moves behind it. */
bool rsp_number(const char **at, uint64_t *out);

/* `bytes` pairs of digits. False: there is something else. */
bool rsp_bytes(const char *from, size_t bytes, uint8_t *out);

/* --- replies --- */

/* A payload being made; what does not fit is dropped and noted. */
struct rsp_reply {
    char text[RSP_PACKET_MAX + 1];
    size_t len;
    bool full;
};

void rsp_put(struct rsp_reply *r, const char *text);
void rsp_put_bytes(struct rsp_reply *r, const void *data, size_t len); /* raw */
void rsp_put_hex(struct rsp_reply *r, const void *data, size_t len);
void rsp_printf(struct rsp_reply *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
