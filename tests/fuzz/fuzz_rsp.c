/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: what a peer of the GDB stub sends, and the numbers in it. What
 * the stub frames, it reads back.
 */
#include "sim/debug/rsp.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Hexadecimal in the payload, as commands read it. */
static void read_numbers(const struct rsp *r)
{
    const char *p = r->payload;
    uint64_t a, b;
    uint8_t bytes[RSP_PACKET_MAX / 2];
    if (r->len == 0 || strlen(r->payload) != r->len)
        return;
    p++;
    if (rsp_number(&p, &a) && *p == ',') {
        p++;
        if (rsp_number(&p, &b) && p > r->payload + r->len)
            abort();
    }
    (void)rsp_bytes(r->payload, r->len / 2, bytes);
}

static void there_and_back(const struct rsp *r)
{
    static char wire[RSP_WIRE_MAX];
    static struct rsp again;
    size_t n = rsp_frame(r->payload, r->len, wire);
    enum rsp_event last = RSP_NOTHING;
    rsp_init(&again);
    for (size_t i = 0; i < n; i++)
        last = rsp_feed(&again, (uint8_t)wire[i]);
    if (last != RSP_PACKET || again.len != r->len ||
        memcmp(again.payload, r->payload, r->len) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rsp r;
    struct rsp_reply reply = {.len = 0};
    rsp_init(&r);
    for (size_t i = 0; i < len; i++) {
        if (rsp_feed(&r, data[i]) != RSP_PACKET)
            continue;
        if (r.len > RSP_PACKET_MAX || r.payload[r.len] != '\0')
            abort();
        read_numbers(&r);
        there_and_back(&r);
    }
    rsp_put_hex(&reply, data, len);
    rsp_put_bytes(&reply, data, len);
    if (reply.len > RSP_PACKET_MAX || reply.text[reply.len] != '\0')
        abort();
    return 0;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t cap)
{
    static const char *const seed[] = {
        "+$qSupported:swbreak+;hwbreak+#9d",
        "$m100000,40#7f$g#67",
        "$X10,4:}\x03}\x04}]}\n#00\x03-",
        "$Z0,100100,1#6d$vCont;c#a8",
    };
    if (index >= sizeof seed / sizeof *seed || strlen(seed[index]) > cap)
        return 0;
    memcpy(buf, seed[index], strlen(seed[index]));
    return strlen(seed[index]);
}
