# SPDX-License-Identifier: Apache-2.0
"""Differences to the peers that the manual explains: each with the peers it
concerns, the section, and a predicate over the case's inputs, both outcomes
and the names of the fields that differ."""
import collections

# What is compared with whom. QEMU 7.2 has no EXT bit, few checks of gates and
# stacks, and ends on some of the segment cases.
KINDS = {"bochs": "abcdefg", "qemu": "e"}

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
    so it does not see that the upper half is wrong or beyond the limit."""
    if (inputs["kind"] != "a" or inputs["bits"] == 0x40 or
            inputs.get("legacy") or "desc" not in inputs or
            inputs["desc"] >> 44 & 1):
        return False
    last = inputs["sel"] >> 3 == (15 if inputs["sel"] & 4 else 55)
    return last or inputs.get("upper", 0) >> 40 & 31 != 0


def stack_noncanonical(inputs, a, b, differs):
    """Bochs gives the old SS as the error code of #SS for a stack pointer of
    the TSS that is not canonical."""
    return (inputs["kind"] in "bc" and not inputs.get("legacy") and
            a["v"] == b["v"] == 12 and differs == {"e"} and
            a.get("e", 0) < 2)


def smap_implicit(inputs, a, b, differs):
    """Bochs and QEMU let EFLAGS.AC open user pages to the processor's own accesses
    (here: of the LDT)."""
    return (inputs["kind"] == "e" and 8 in inputs["op"] and
            inputs["cr4"] >> 21 & 1 and inputs["fl"] >> 18 & 1 and
            a["v"] == 14 and a.get("e", 0) & 5 == 1)


def iret_short(inputs, a, b, differs):
    """In 64-bit mode IRET pops SS and RSP whatever its operand size; Bochs
    does so with 64 bits only."""
    return (inputs["kind"] == "b" and inputs["bits"] == 0x40 and
            inputs.get("iret", 8) < 8 and inputs.get("iret", 0) and
            bool(differs & {"sp", "ss", "v", "e"}))


def call_offset(inputs, a, b, differs):
    """Bochs pushes the return address before it looks at the offset."""
    if inputs["kind"] not in "bd" or not inputs.get("call"):
        return False
    return differs == {"mem"} and a["v"] == 13 and "e" not in a


def gate_upper(inputs, a, b, differs):
    """A system descriptor that is absent and whose upper half has a type:
    the manual names no order."""
    return (inputs["kind"] in "ab" and differs == {"v"} and
            {a["v"], b["v"]} == {11, 13} and
            inputs.get("upper", 0) >> 40 & 31 != 0)


def wide_offset(inputs, a, b, differs):
    """Bochs cuts a 64-bit offset to 32 bits before it compares it with the
    limit of code that is not 64-bit."""
    return (inputs["kind"] == "b" and inputs["bits"] == 0x40 and
            inputs.get("to", 0) >> 32 != 0 and
            inputs["desc"] >> 53 & 1 == 0 and a["v"] == 13 and "e" not in a)


def gate_order(inputs, a, b, differs):
    """A 64-bit call gate whose offset is not canonical, and a stack that
    faults when it is pushed to: Bochs pushes first."""
    return (inputs["kind"] == "b" and inputs.get("call") and
            not inputs.get("legacy") and a["v"] == 13 and "e" not in a and
            b["v"] in (12, 14))


def task_code_first(inputs, a, b, differs):
    """Neither CS nor another segment of a new task is good: the manual's
    table looks at CS first, Bochs last."""
    return (inputs["kind"] == "d" and a["v"] == 10 and
            b["v"] in (10, 11, 12) and differs <= {"v", "e", "mem"} and
            a.get("e", 0) & ~3 == a.get("cs", 0) & ~3)


def task_present_first(inputs, a, b, differs):
    """A data segment of a new task is neither present nor of a level that
    may use it: the manual's table looks at presence first."""
    return (inputs["kind"] == "d" and a["v"] == 11 and b["v"] == 10 and
            differs <= {"v", "mem"})


def task_accessed(inputs, a, b, differs):
    """The same exception in a new task, but not the same descriptors marked
    accessed: the manual does not say which of those before the bad one
    are."""
    return (inputs["kind"] == "d" and a["v"] in (10, 11, 12) and
            differs == {"mem"})


def v86_iret_limit(inputs, a, b, differs):
    """Bochs does not compare the EIP of IRETD in virtual-8086 mode with the
    segment's limit: the next fetch faults instead."""
    return inputs["kind"] == "g" and a["v"] == 13 and b["ip"] > 0xffff


def null_stack_level(inputs, a, b, differs):
    """A null SS popped for 64-bit code of level 0 to 2, its RPL not that
    level: #GP(0), which Bochs does not raise."""
    sel = inputs.get("ssel", 4)
    return (inputs["kind"] == "b" and sel & 0xfffc == 0 and
            sel & 3 != inputs["sel"] & 3 and inputs["desc"] >> 53 & 1 and
            a["v"] == 13 and "e" not in a)


def accessed_early(inputs, a, b, differs):
    """QEMU marks entries accessed before it knows whether the access is
    allowed, and PAE paging's PDPTEs, which have no such flag."""
    if inputs["kind"] != "e" or len(a["pte"]) != len(b["pte"]):
        return set()
    pairs = list(zip(a["pte"], b["pte"]))
    if a["v"] != 14 and inputs.get("legacy") and inputs["cr4"] >> 5 & 1:
        good = pairs[0][0] | 32 == pairs[0][1] and \
            all(x == y for x, y in pairs[1:])
    else:
        # An access of two pages: QEMU has not yet looked at the second when
        # it marks the first, or the other way round.
        good = a["v"] == 14 and all((x ^ y) & ~0x60 == 0 for x, y in pairs)
    return {"pte"} if good else set()


def pushed_rf(inputs, a, b, differs):
    """Without a change of level the image of the flags, with RF, is on the
    case's own stack; QEMU does not set RF for faults."""
    frame = inputs.get("legacy") and a["cs"] & 3 == 0 and a["v"] != 3
    return {"mem"} if frame else set()


def int1_unknown(inputs, a, b, differs):
    """QEMU does not know INT1 (F1)."""
    return a["v"] == 1 and b["v"] == 6


def split_reads_first(inputs, a, b, differs):
    """An instruction that reads and writes across two pages: QEMU reads both
    before it sees that the first is read-only."""
    first, second = a.get("cr2", 0), b.get("cr2", 0)
    split = {2, 4} & set(inputs.get("op", ())) and a["v"] == b["v"] == 14 \
        and second & 0xfff == 0 and 0 < second - first < 8
    return {"e", "cr2"} if split else set()


def error_bits(inputs, a, b, differs):
    """QEMU leaves P out of the error code when a reserved bit is set, and
    reports the fault of an instruction that reads and writes as a read's."""
    wrong = a.get("e", 0) ^ b.get("e", 0)
    allowed = (1 if a.get("e", 0) & 8 else 0) | \
        (2 if {2, 3, 4} & set(inputs.get("op", ())) else 0)
    good = a["v"] == b["v"] == 14 and not wrong & ~allowed
    return {"e"} if good else set()


def accessed_width(inputs, a, b, differs):
    """QEMU writes four bytes to mark a descriptor accessed, Bochs and vtsim
    one: CR2 of the fault."""
    same = 8 in inputs.get("op", ()) and a["v"] == b["v"] == 14 and \
        a.get("cr2", 0) & ~3 == b.get("cr2", 0)
    return {"cr2", "mem"} if same else set()


def eip_wraps(inputs, a, b, differs):
    """Outside 64-bit mode EIP has 32 bits: Bochs pushes the sum behind the
    last byte of the segment unwrapped."""
    return differs <= {"ip", "mem"} and b["ip"] >> 32 == 1 and \
        b["ip"] & 0xffffffff == a.get("ip", 0)


WAIVERS = [
    Waiver("delivery-offset", ("bochs", "qemu"),
           "INT n/INTO/INT3/INT1, Operation", delivery_offset),
    Waiver("compat-system", ("bochs",),
           "Segment Descriptor Tables in IA-32e Mode", compat_system),
    Waiver("stack-noncanonical", ("bochs",),
           "INT n/INTO/INT3/INT1, Operation", stack_noncanonical),
    Waiver("smap-implicit", ("bochs", "qemu"),
           "Determination of Access Rights", smap_implicit),
    Waiver("iret-short", ("bochs",), "IRET/IRETD/IRETQ, Operation",
           iret_short),
    Waiver("call-offset", ("bochs",), "CALL, Operation", call_offset),
    Waiver("gate-upper", ("bochs",), "CALL, 64-Bit Mode Exceptions",
           gate_upper),
    Waiver("wide-offset", ("bochs",), "JMP, CALL, RET, IRET, Operation",
           wide_offset),
    Waiver("gate-order", ("bochs",), "CALL, Operation", gate_order),
    Waiver("task-code-first", ("bochs",),
           "Exception Conditions Checked During a Task Switch",
           task_code_first),
    Waiver("task-present-first", ("bochs",),
           "Exception Conditions Checked During a Task Switch",
           task_present_first),
    Waiver("task-accessed", ("bochs",),
           "Exception Conditions Checked During a Task Switch",
           task_accessed),
    Waiver("v86-iret-limit", ("bochs",), "IRET/IRETD/IRETQ, Operation",
           v86_iret_limit),
    Waiver("null-stack-level", ("bochs",),
           "RET, IRET, 64-Bit Mode Exceptions", null_stack_level),
    Waiver("accessed-early", ("qemu",), "Accessed and Dirty Flags",
           accessed_early),
    Waiver("pushed-rf", ("qemu",),
           "Instruction-Breakpoint Exception Condition", pushed_rf),
    Waiver("int1-unknown", ("qemu",), "INT n/INTO/INT3/INT1", int1_unknown),
    Waiver("split-reads-first", ("qemu",), "Page-Fault Exceptions",
           split_reads_first),
    Waiver("error-bits", ("qemu",), "Page-Fault Exceptions", error_bits),
    Waiver("accessed-width", ("qemu",), "Segment Descriptors",
           accessed_width),
    Waiver("eip-wraps", ("bochs",), "Instruction Pointer", eip_wraps),
]
