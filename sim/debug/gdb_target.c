/* SPDX-License-Identifier: Apache-2.0
 * The target description: GDB's features of an x86-64 target and two of our
 * own for control registers and model-specific registers. GDB manual,
 * appendix "Target Descriptions", "i386 Features".
 */
#include "sim/debug/gdb_inside.h"

static const char *const feature[DEBUG_SETS] = {
    [DEBUG_CORE] = "org.gnu.gdb.i386.core",
    [DEBUG_SSE] = "org.gnu.gdb.i386.sse",
    [DEBUG_AVX] = "org.gnu.gdb.i386.avx",
    [DEBUG_SEGMENTS] = "org.gnu.gdb.i386.segments",
    [DEBUG_CONTROL] = "org.vtsim.control",
    [DEBUG_MSR] = "org.vtsim.msr",
};

/* What the registers' types refer to. */
static const char *const types[DEBUG_SETS] = {
    [DEBUG_CORE] = "<flags id=\"i386_eflags\" size=\"4\">"
                   "<field name=\"\" start=\"22\" end=\"31\"/>"
                   "<field name=\"ID\" start=\"21\" end=\"21\"/>"
                   "<field name=\"VIP\" start=\"20\" end=\"20\"/>"
                   "<field name=\"VIF\" start=\"19\" end=\"19\"/>"
                   "<field name=\"AC\" start=\"18\" end=\"18\"/>"
                   "<field name=\"VM\" start=\"17\" end=\"17\"/>"
                   "<field name=\"RF\" start=\"16\" end=\"16\"/>"
                   "<field name=\"NT\" start=\"14\" end=\"14\"/>"
                   "<field name=\"IOPL\" start=\"12\" end=\"13\"/>"
                   "<field name=\"OF\" start=\"11\" end=\"11\"/>"
                   "<field name=\"DF\" start=\"10\" end=\"10\"/>"
                   "<field name=\"IF\" start=\"9\" end=\"9\"/>"
                   "<field name=\"TF\" start=\"8\" end=\"8\"/>"
                   "<field name=\"SF\" start=\"7\" end=\"7\"/>"
                   "<field name=\"ZF\" start=\"6\" end=\"6\"/>"
                   "<field name=\"AF\" start=\"4\" end=\"4\"/>"
                   "<field name=\"PF\" start=\"2\" end=\"2\"/>"
                   "<field name=\"CF\" start=\"0\" end=\"0\"/>"
                   "</flags>",
    [DEBUG_SSE] = "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
                  "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
                  "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
                  "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
                  "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
                  "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
                  "<union id=\"vec128\">"
                  "<field name=\"v4_float\" type=\"v4f\"/>"
                  "<field name=\"v2_double\" type=\"v2d\"/>"
                  "<field name=\"v16_int8\" type=\"v16i8\"/>"
                  "<field name=\"v8_int16\" type=\"v8i16\"/>"
                  "<field name=\"v4_int32\" type=\"v4i32\"/>"
                  "<field name=\"v2_int64\" type=\"v2i64\"/>"
                  "<field name=\"uint128\" type=\"uint128\"/>"
                  "</union>"
                  "<flags id=\"i386_mxcsr\" size=\"4\">"
                  "<field name=\"IE\" start=\"0\" end=\"0\"/>"
                  "<field name=\"DE\" start=\"1\" end=\"1\"/>"
                  "<field name=\"ZE\" start=\"2\" end=\"2\"/>"
                  "<field name=\"OE\" start=\"3\" end=\"3\"/>"
                  "<field name=\"UE\" start=\"4\" end=\"4\"/>"
                  "<field name=\"PE\" start=\"5\" end=\"5\"/>"
                  "<field name=\"DAZ\" start=\"6\" end=\"6\"/>"
                  "<field name=\"IM\" start=\"7\" end=\"7\"/>"
                  "<field name=\"DM\" start=\"8\" end=\"8\"/>"
                  "<field name=\"ZM\" start=\"9\" end=\"9\"/>"
                  "<field name=\"OM\" start=\"10\" end=\"10\"/>"
                  "<field name=\"UM\" start=\"11\" end=\"11\"/>"
                  "<field name=\"PM\" start=\"12\" end=\"12\"/>"
                  "<field name=\"FZ\" start=\"15\" end=\"15\"/>"
                  "</flags>",
};

static void put_feature(struct text *t, unsigned set)
{
    text_printf(t, "<feature name=\"%s\">", feature[set]);
    /* In pieces: a line of text_printf has a limit. */
    for (const char *p = types[set]; p != NULL && *p != '\0';) {
        int n = 0;
        while (n < 400 && p[n] != '\0')
            n++;
        text_printf(t, "%.*s", n, p);
        p += n;
    }
    for (unsigned i = 0; i < debugger_registers(); i++) {
        const struct debug_register *r = debugger_register(i);
        if (r->set == set)
            text_printf(t,
                        "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" "
                        "regnum=\"%u\"/>",
                        r->name, (unsigned)r->bits, r->type, i);
    }
    text_printf(t, "</feature>");
}

void gdb_target_xml(struct text *t)
{
    text_printf(t, "<?xml version=\"1.0\"?>"
                   "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
                   "<target><architecture>i386:x86-64</architecture>");
    for (unsigned set = 0; set < DEBUG_SETS; set++)
        put_feature(t, set);
    text_printf(t, "</target>");
}
