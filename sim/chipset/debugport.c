/* SPDX-License-Identifier: Apache-2.0
 * Debug console, debug exit and shutdown string: see debugport.h.
 */
#include "sim/chipset/debugport.h"

static const char shutdown_word[] = "Shutdown";

void debugport_init(struct debugport *d, struct debugport_sink sink)
{
    *d = (struct debugport){.sink = sink};
}

static bool debugport_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    (void)self;
    if (port == DEBUGPORT_CONSOLE && len == 1) {
        *out = 0xE9;
        return true;
    }
    if (port == DEBUGPORT_EXIT) {
        *out = 0;
        return true;
    }
    return false;
}

static void shutdown_letter(struct debugport *d, uint8_t letter)
{
    /* A wrong letter may be the first one of a new attempt. */
    if (letter != (uint8_t)shutdown_word[d->matched])
        d->matched = 0;
    if (letter == (uint8_t)shutdown_word[d->matched])
        d->matched++;
    if (d->matched == sizeof shutdown_word - 1) {
        d->matched = 0;
        d->sink.shutdown(d->sink.self);
    }
}

static bool debugport_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct debugport *d = self;
    if (port == DEBUGPORT_EXIT) {
        d->sink.exit(d->sink.self, in);
        return true;
    }
    if (len != 1)
        return false;
    if (port == DEBUGPORT_CONSOLE) {
        d->sink.put(d->sink.self, (uint8_t)in);
        return true;
    }
    if (port == DEBUGPORT_SHUTDOWN) {
        shutdown_letter(d, (uint8_t)in);
        return true;
    }
    return false;
}

struct io_port debugport_port(struct debugport *d)
{
    return (struct io_port){
        .self = d, .in = debugport_in, .out = debugport_out};
}
