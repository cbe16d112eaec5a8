/* SPDX-License-Identifier: Apache-2.0
 * Port 80h.
 */
#include "sim/chipset/postcode.h"

void postcode_init(struct postcode *p)
{
    p->value = 0;
}

static bool postcode_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    const struct postcode *p = self;
    (void)port;
    *out = p->value;
    return len == 1;
}

static bool postcode_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct postcode *p = self;
    (void)port;
    if (len != 1)
        return false;
    p->value = (uint8_t)in;
    return true;
}

struct io_port postcode_port(struct postcode *p)
{
    return (struct io_port){.self = p, .in = postcode_in, .out = postcode_out};
}
