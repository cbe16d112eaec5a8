#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The lines of --trace (docs/debugging.md).

usage: trace.py VTSIM BUILD_DIR
"""
import json
import os
import re
import subprocess
import sys
import tempfile

from rsp import guest, keep_promises, named

VTSIM, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
ELF = str(guest(BUILD, "debug"))
HELLO = str(guest(BUILD, "hello"))


def run(*words):
    return subprocess.run([VTSIM, "run", "--quiet", *words],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=120)


def trace(*words):
    """Lines of a trace."""
    run("--trace", "t.txt", *words)
    with open("t.txt") as f:
        return f.read().splitlines()


def expect(what, got, due):
    if got != due:
        raise AssertionError(f"{what}: {got!r:.300}, not {due!r:.300}")


def check_commit_log():
    lines = trace("--trace-categories", "insn", "--trace-from", "tick",
                  "--trace-to", "leaf", ELF)
    first = lines[0].split(" ", 6)
    expect("core", first[0], "0")
    expect("side, category", first[2:4], ["root", "insn"])
    expect("symbol", first[5], "<tick>")
    assert any(" <leaf> " in line for line in lines), lines
    text = "\n".join(lines)
    assert re.search(r" <tick> [0-9a-f]+ call 0x\w+ ; "
                     r"rsp=0x[0-9a-f]+ store8 \[0x[0-9a-f]+\]=0x[0-9a-f]+$",
                     text, re.M), text


def check_registers_flags_and_accesses():
    text = "\n".join(trace("--trace-categories", "insn", ELF))
    for form in (r"xor eax, eax ; rax=0x0 rflags=0x46$",
                 r"mov \w+, \[0x\w+\] ;( \w+=0x\w+)? load8 \[0x\w+\]=0x\w+$",
                 r"mov \[0x\w+\], \w+ ; store8 \[0x\w+\]=0x1$",
                 r"sub ecx, edi ; rcx=0x\w+ rflags=0x\w+$",
                 r"rep movsb ; .*load1 \[0x\w+\]=0x\w+ store1 \[0x\w+\]",
                 r"ret ; rsp=0x\w+ load8 \[0x\w+\]=0x\w+$"):
        assert re.search(form, text, re.M), form


def check_instructions_are_all_there():
    lines = trace("--trace-categories", "insn", HELLO)
    run("--stats", "s.json", HELLO)
    with open("s.json") as f:
        count = json.load(f)["core0"]["instructions"]
    expect("lines", len(lines), count)


def check_stdout_has_whole_lines():
    lines = run("--trace", "-", "--trace-categories", "insn",
                HELLO).stdout.decode().splitlines()
    guest_lines = [line for line in lines if not re.match(r"\d+ \d+ ", line)]
    expect("the guest's", guest_lines, ["hello from the serial port",
                                        "hello from the debug console"])
    expect("the trace's", [line for line in lines if line not in guest_lines],
           trace("--trace-categories", "insn", HELLO))


def check_other_categories():
    lines = trace("--trace-categories", "invalidate,msr,io", HELLO)
    text = "\n".join(lines)
    assert re.search(r" root invalidate 0x\w+ <start\+0x\w+> mov\.cr3 value "
                     r"0x\w+$", text, re.M), text[:500]
    assert re.search(r" root msr 0x\w+ <start\+0x\w+> wrmsr msr 0xc0000080 "
                     r"value 0x100$", text, re.M), text[:500]
    assert re.search(r" root io 0x\w+ <\w+\+0x\w+> out port 0x3f8 size 0x1 "
                     r"value 0x68$", text, re.M), text[:500]
    expect("nothing else", {line.split()[3] for line in lines},
           {"invalidate", "msr", "io"})


def check_windows():
    every = trace("--trace-categories", "insn", HELLO)
    cycles = [int(line.split()[1]) for line in every]
    low, high = cycles[100], cycles[200]
    some = trace("--trace-categories", "insn", "--trace-window",
                 f"{low}-{high}", HELLO)
    expect("lines", some, [line for line, cycle in zip(every, cycles)
                           if low <= cycle <= high])
    from_low = trace("--trace-categories", "insn", "--trace-window",
                     f"{low}-", HELLO)
    expect("first", from_low[0], some[0])


def check_exits_of_a_guest():
    lines = trace("--trace-categories", "exit", "--under",
                  "microhv:paging=shadow,vpid=off", HELLO)
    kinds = [line.split()[6] for line in lines]
    expect("they alternate", kinds[:6], ["entry", "exit"] * 3)
    text = "\n".join(lines)
    assert re.search(r" guest exit 0x100020 <start> entry 0x0$", text, re.M)
    assert re.search(r" <start\+0x\w+> exit cr_access qualification 0x\w+ "
                     r"length 3 gpa 0x0$", text, re.M), text


def check_walks_in_both_dimensions():
    lines = trace("--trace-categories", "walk", "--under", "microhv", ELF)
    walks = [line for line in lines if " guest walk " in line]
    assert walks, "none"
    text = "\n".join(walks)
    # With cold paging-structure caches each of the guest's entries is found
    # through four of EPT.
    ept = r"EPT PML4E@\S+ EPT PDPTE@\S+ EPT PDE@\S+ EPT PTE@\S+"
    assert re.search(rf" fetch 0x100020 \d+ cycles: {ept} -> 0x100020$", text,
                     re.M), text[:400]
    assert re.search(r" PML4E@0x\w+=0x\w+ ", text), text[:400]
    for line in walks:
        assert re.search(r" (read|write|fetch) 0x\w+ \d+ cycles:( (EPT )?\w+@"
                         r"0x\w+=0x\w+)* -> (0x\w+|fault)$", line), line


def check_refusals():
    for words in (["--trace", "t", "--trace-categories", "foo"],
                  ["--trace", "t", "--trace-categories", ""],
                  ["--trace", "t", "--trace-window", "x"],
                  ["--trace", "t", "--trace-window", "5-4"],
                  ["--trace", "t", "--trace-window", "5"],
                  ["--trace", "t", "--trace-from", "no_such_symbol"],
                  ["--trace-categories", "insn"], ["--trace-from", "tick"],
                  ["-S"], ["-x"], ["--symbols", "/nonexistent"]):
        done = run(*words, ELF)
        due = 122 if words[0] == "--symbols" else 121
        expect(" ".join(words), done.returncode, due)
        expect("one line", done.stderr.count(b"\n"), 1)
    expect("no folder", run("--trace", "/nonexistent/t", ELF).returncode, 123)
    expect("full disk", run("--trace", "/dev/full", "--trace-categories",
                            "insn", ELF).returncode, 123)


os.chdir(tempfile.mkdtemp())
keep_promises(named(globals(), "check_"))
