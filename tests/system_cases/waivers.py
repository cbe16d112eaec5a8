# SPDX-License-Identifier: Apache-2.0
"""Differences to the peers that the manual explains: each with the peers it
concerns, the section, and a predicate over the case's inputs, both outcomes
and the names of the fields that differ."""
import collections

KINDS = "abcef"

# Bits of RFLAGS that a peer does not keep. QEMU pushes no RF for faults
# (SDM Vol.3 "Instruction-Breakpoint Exception Condition").
IGNORED_FLAGS = {"bochs": 0, "qemu": 0x10000}

Waiver = collections.namedtuple("Waiver", "name peers source test")


def canonical(address):
    return address >> 47 in (0, 0x1ffff)


def gate_offset_bad(inputs):
    """The gate's target lies outside its code segment."""
    gate, desc = inputs["gate"], inputs["desc"]
    offset = (gate & 0xffff) | (gate >> 48) << 16
    if not inputs.get("legacy"):
        return not canonical(offset | (inputs.get("upper", 0) & 0xffffffff)
                             << 32)
    if gate >> 40 & 15 in (6, 7):
        offset &= 0xffff
    return offset > limit_of(desc)


def limit_of(desc):
    limit = (desc & 0xffff) | (desc >> 32 & 0xf0000)
    return limit << 12 | 0xfff if desc >> 55 & 1 else limit


def delivery_offset(inputs, a, b, differs):
    """Bochs pushes the frame before it looks at the target's offset: bytes
    below the stack pointer, and another fault when the stack is bad."""
    return (inputs["kind"] == "c" and gate_offset_bad(inputs) and
            a["v"] in (8, 13) and b["v"] in (8, 10, 12, 13, 14))


def compat_system(inputs, a, b, differs):
    """Bochs reads eight bytes of a system descriptor in compatibility mode,
    so it does not see what the upper half says."""
    return (inputs["kind"] == "a" and inputs["bits"] != 0x40 and
            not inputs.get("legacy") and inputs.get("upper", 0) >> 40 & 31 and
            not inputs["desc"] >> 44 & 1 and differs <= {"fl", "dx"})


def stack_noncanonical(inputs, a, b, differs):
    """Bochs gives the old SS as the error code of #SS for a stack pointer of
    the TSS that is not canonical."""
    return (inputs["kind"] in "bc" and not inputs.get("legacy") and
            a["v"] == b["v"] == 12 and differs == {"e"} and
            a.get("e", 0) < 2)


def smap_implicit(inputs, a, b, differs):
    """Bochs lets EFLAGS.AC open user pages to the processor's own accesses
    (here: of the LDT)."""
    return (inputs["kind"] == "e" and 8 in inputs["op"] and
            inputs["cr4"] >> 21 & 1 and inputs["fl"] >> 18 & 1 and
            a["v"] == 14 and a.get("e", 0) & 5 == 1)


def iret_short(inputs, a, b, differs):
    """In 64-bit mode IRET pops SS and RSP whatever its operand size; Bochs
    does so with 64 bits only."""
    return (inputs["kind"] == "b" and inputs["bits"] == 0x40 and
            inputs.get("iret", 8) < 8 and inputs.get("iret", 0) and
            differs & {"sp", "ss", "v"})


def call_offset(inputs, a, b, differs):
    """Bochs pushes the return address before it looks at the offset that a
    64-bit call gate gives."""
    if (inputs["kind"] != "b" or inputs.get("legacy") or
            "desc" not in inputs or inputs["desc"] >> 40 & 31 != 12):
        return False
    offset = (inputs["desc"] & 0xffff | inputs["desc"] >> 48 << 16 |
              (inputs.get("upper", 0) & 0xffffffff) << 32)
    return not canonical(offset) and differs == {"mem"} and a["v"] == 13


WAIVERS = [
    Waiver("delivery-offset", ("bochs", "qemu"),
           "INT n/INTO/INT3/INT1, Operation", delivery_offset),
    Waiver("compat-system", ("bochs",),
           "Segment Descriptor Tables in IA-32e Mode", compat_system),
    Waiver("stack-noncanonical", ("bochs",),
           "INT n/INTO/INT3/INT1, Operation", stack_noncanonical),
    Waiver("smap-implicit", ("bochs",),
           "Determination of Access Rights", smap_implicit),
    Waiver("iret-short", ("bochs",), "IRET/IRETD/IRETQ, Operation",
           iret_short),
    Waiver("call-offset", ("bochs",), "CALL, Operation", call_offset),
]
