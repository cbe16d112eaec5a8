#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GDB itself on the stub: breakpoints, watchpoints, steps, registers, memory,
monitor commands; and that none of it changes what is simulated.

usage: session.py VTSIM BUILD_DIR
"""
import json
import os
import subprocess
import sys
import tempfile

from rsp import Vtsim, guest, keep_promises, named

VTSIM, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
ELF = guest(BUILD, "debug")


def gdb(commands, *words):
    """Run a batch of GDB commands; returns its output and vtsim's end."""
    with Vtsim(VTSIM, *words, ELF) as v:
        script = ["set confirm off", "set pagination off", f"file {ELF}",
                  f"target remote {v.path}", *commands]
        line = ["gdb", "-batch", "-nx"]
        for command in script:
            line += ["-ex", command]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, HOME="/nonexistent"))
        return done.stdout + done.stderr, v.end()


def need(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"{part!r} is not in:\n{text}")


def check_breakpoints_and_arguments():
    text, end = gdb(["break leaf", "continue", "printf \"edi %d\\n\", $edi",
                     "ignore 1 5", "continue", "printf \"edi %d\\n\", $edi",
                     "bt", "delete", "hbreak tick", "continue",
                     "printf \"tick %d\\n\", $edi", "delete", "continue"])
    need(text, "edi 0", "edi 6", "in tick", "in guest_main", "tick 7",
         "exited with code 01")
    assert end[0] == 1, end


def check_watchpoints():
    text, _ = gdb(["break guest_main", "continue", "watch *(long *)&counter",
                   "continue", "continue", "print *(long *)&counter",
                   "delete", "rwatch *(long *)&counter", "continue",
                   "info symbol $rip", "delete",
                   "awatch *(char *)((char *)&block + 3)", "continue",
                   "x/1i $rip", "delete", "continue"])
    need(text, "Old value = 0", "New value = 1", "New value = 5", "= 5",
         "Hardware read watchpoint", "tick", "Hardware access (read/write)",
         "exited with code 01")


def check_steps():
    text, _ = gdb(["break leaf", "continue", "x/2i $rip", "stepi",
                   "info symbol $rip", "finish", "stepi 3", "nexti",
                   "delete", "kill"])
    need(text, "leaf + ", "in tick")


def check_registers_and_memory():
    text, end = gdb(["break tick", "continue", "set $rbx = 0x123456789abcdef0",
                     "print/x $rbx", "set $xmm3.v4_float[1] = 1.5",
                     "print $xmm3.v4_float", "print/x $cr0", "print/x $efer",
                     "print $eflags", "set $r12 = -1", "print $r12",
                     "set var *(long *)&mailbox = 9", "print *(long *)&mailbox",
                     "dump binary memory m.bin &block ((char *)&block + 64)",
                     "restore m.bin binary &block", "x/2i $rip",
                     "info registers cs ss fs_base cr3 apic_base",
                     "info all-registers", "delete", "continue"])
    need(text, "0x123456789abcdef0", "0, 1.5, 0, 0", "0x80000013", "0x500",
         "= -1", "= 9", "fs_base", "apic_base      0xfee00900", "ymm15",
         "exited with code 023")
    assert end[0] == 19, end


def check_monitor_walk_and_tlb():
    text, _ = gdb(["break tick", "continue", "monitor walk $rip",
                   "monitor walk counter", "monitor walk 0x800000000000",
                   "monitor walk 0x7f0000000000", "monitor tlb tick",
                   "monitor cores", "monitor view guest", "monitor exits",
                   "monitor stats instructions", "monitor phys tick 16",
                   "info threads", "delete", "kill"])
    need(text, "3 entries", "PML4E     at 0x", "PDPTE", "PDE", "P RW A D PS",
         "page of 2 MiB, RWX supervisor", "not canonical",
         "not present: #PF", "itlb", "psc.pdpte", "core 0: running, root",
         "no current VMCS", "0 VM exits", "core0.instructions", "Thread 1")


def check_both_sides_of_vmx():
    text, _ = gdb(["hbreak leaf", "continue", "bt", "monitor cores",
                   "monitor walk counter", "monitor tlb counter",
                   "monitor vmcs", "monitor view root",
                   "maint flush register-cache", "info registers cr3",
                   "monitor symbol $rip", "monitor walk $rip",
                   "x/2xb $rip", "set $rax = 1", "monitor view core",
                   "maint flush register-cache", "info symbol $rip",
                   "delete", "continue"], "--under", "microhv")
    need(text, "in tick", "VMX non-root",
         "19 entries (3 of the guest, 16 of EPT)", "    EPT PTE   at 0x",
         "R W X WB", "guest-physical 0x", ", EPT RWX", "vpid 1",
         "launched, its guest runs", "unrestricted guest",
         "681e guest_rip", "host_rip", "of: root, read only",
         "(microhv.elf)", "4 entries", "Could not write register", "leaf in",
         "exited with code 01")


def check_dying_guest_can_be_looked_at():
    with Vtsim(VTSIM, guest(BUILD, "ends"), "--append", "triple") as v:
        p = v.connect()
        p.raw(p.frame("c"))
        p.byte()
        reply = p.packet()
        assert reply.startswith(b"T06"), reply
        assert len(p.ask("g")) > 1000
        p.raw(p.frame("c"))
        p.byte()
        reply = p.packet()
        assert reply == b"W7e", reply
        assert v.end()[0] == 126


def simulated(path):
    with open(path) as f:
        tree = json.load(f)
    tree["core0"].pop("engine")  # how the host did it
    return {k: v for k, v in tree.items() if k not in ("host", "images")}


def check_nothing_simulated_changes():
    """Statistics and cycles are those of a run without a stub: with it, with
    breakpoints that stop often, with watchpoints, with steps."""
    with tempfile.TemporaryDirectory() as name:
        plain = os.path.join(name, "plain.json")
        subprocess.run([VTSIM, "run", "--quiet", "--stats", plain, ELF],
                       check=False, stdin=subprocess.DEVNULL)
        wanted = simulated(plain)
        sessions = {
            "attached": ["continue"],
            "breakpoints": ["break leaf", "ignore 1 1000", "continue"],
            "stops": ["break leaf"] + ["continue"] * 12,
            "watchpoints": ["break guest_main", "continue",
                            "watch *(long *)&counter",
                            "rwatch *(char *)&block"] + ["continue"] * 40,
            "steps": ["break tick", "continue", "delete", "stepi 40",
                      "continue"],
            "looking": ["break leaf", "continue", "info all-registers",
                        "monitor walk counter", "monitor tlb",
                        "x/100xb &block", "monitor stats", "delete",
                        "continue"],
        }
        for what, commands in sessions.items():
            out = os.path.join(name, what + ".json")
            text, _ = gdb(commands, "--stats", out)
            need(text, "exited with code 01")
            if simulated(out) != wanted:
                raise AssertionError(f"{what}: other statistics")
        under = ["--under", "microhv"]
        subprocess.run([VTSIM, "run", "--quiet", "--stats", plain, *under,
                        ELF], check=False, stdin=subprocess.DEVNULL)
        out = os.path.join(name, "under.json")
        text, _ = gdb(sessions["looking"][:-2] + ["monitor vmcs",
                                                  "monitor view root",
                                                  "monitor walk 0x100000",
                                                  "stepi 20", "delete",
                                                  "continue"],
                      *under, "--stats", out)
        need(text, "exited with code 01")
        if simulated(out) != simulated(plain):
            raise AssertionError("below a monitor: other statistics")


def check_traces_change_nothing_and_are_stable():
    with tempfile.TemporaryDirectory() as name:
        plain = os.path.join(name, "plain.json")
        out = os.path.join(name, "trace.json")
        text = [os.path.join(name, "1"), os.path.join(name, "2")]
        subprocess.run([VTSIM, "run", "--quiet", "--stats", plain, ELF],
                       check=False, stdin=subprocess.DEVNULL)
        for file in text:
            subprocess.run([VTSIM, "run", "--quiet", "--stats", out, "--trace",
                            file, "--trace-categories", "all", ELF],
                           check=False, stdin=subprocess.DEVNULL)
        assert simulated(plain) == simulated(out), "other statistics"
        with open(text[0]) as a, open(text[1]) as b:
            one, two = a.read(), b.read()
        assert one == two and one.count("\n") > 1000


os.chdir(tempfile.mkdtemp())
keep_promises(named(globals(), "check_"))
