#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `vtsim run` promises: exit statuses, limits, output, statistics.

usage: behaviour.py VTSIM BUILD_DIR
Every function whose name begins with `check_` states one promise.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

VTSIM = pathlib.Path(sys.argv[1]).resolve()
GUESTS = pathlib.Path(sys.argv[2]).resolve() / "guests"
HELLO = str(GUESTS / "hello.elf")
ENDS = str(GUESTS / "ends.elf")
VMXCOST = str(GUESTS / "vmxcost.elf")


def run(*words, stdin=subprocess.DEVNULL, timeout=60, **more):
    return subprocess.run([VTSIM, "run", *words], stdin=stdin,
                          capture_output=True, timeout=timeout, **more)


def stats(*words):
    """Statistics of a run that ends with any status."""
    p = run("--quiet", "--stats", "s.json", *words)
    with open("s.json") as f:
        return p, json.load(f)


def leaves(tree):
    if isinstance(tree, dict):
        return sum(leaves(v) for v in tree.values())
    return tree


def simulated(tree):
    """Everything that must not depend on the host or the folder."""
    return {k: v for k, v in tree.items() if k not in ("host", "images")}


def expect(what, got, due):
    if got != due:
        raise AssertionError(f"{what}: {got!r}, not {due!r}")


def check_console_is_stdout_and_nothing_else_is():
    p = run(HELLO)
    expect("stdout", p.stdout, b"hello from the serial port\n"
           b"hello from the debug console\n")
    expect("status", p.returncode, 41)
    text = p.stderr.decode()
    for part in ("instructions", "IPC", "MIPS", "where the cycles went"):
        assert part in text, part
    assert len(text.splitlines()) <= 40, "more than a screen"
    assert all(len(line) <= 100 for line in text.splitlines()), "wide lines"


def check_quiet_is_silent():
    expect("stderr", run("--quiet", HELLO).stderr, b"")


def check_serial_goes_to_its_file():
    p = run("--quiet", "--serial", "serial.txt", HELLO)
    expect("stdout", p.stdout, b"hello from the debug console\n")
    expect("file", pathlib.Path("serial.txt").read_bytes(),
           b"hello from the serial port\n")


def check_ends_have_their_status():
    for word, status, line in (
            ("", 1, None), ("m5exit", 0, None), ("m5fail", 300 % 256, None),
            ("shutdown", 0, None), ("hlt", 126, "halted for ever"),
            ("triple", 126, "triple fault"), ("reset", 126, "reset")):
        p = run("--quiet", "--append", word, ENDS)
        expect(word, p.returncode, status)
        text = p.stderr.decode()
        if line is None:
            expect(word, text, "")
        else:
            assert re.fullmatch(f"vtsim: error: .*{line}.*\n", text), text


def check_instruction_limit_is_exact():
    for n in (1, 2, 999, 12345, 1000003):
        for timing in ("off", "simple"):
            p, s = stats("--append", "spin", "--timing", timing,
                         "--max-instructions", str(n), ENDS)
            expect("status", p.returncode, 124)
            expect("instructions", s["core0"]["instructions"], n)
            assert b"limit reached" in p.stderr


def check_cycle_limit_is_met_within_one_instruction():
    p, s = stats("--append", "spin", "--max-cycles", "1000000", ENDS)
    expect("status", p.returncode, 124)
    assert 1000000 <= s["core0"]["cycles"] < 1001000, s["core0"]["cycles"]


def check_host_time_limit():
    start = time.monotonic()
    p = run("--append", "spin", "--max-seconds", "0.5", ENDS)
    expect("status", p.returncode, 124)
    assert 0.4 < time.monotonic() - start < 10


def check_waiting_for_input_can_be_ended():
    busybox = shutil.which("busybox")
    if busybox is None or not VTSIM.with_name("pk.elf").exists():
        return
    for words, number, status in ((["--max-seconds", "1"], None, 124),
                                  ([], signal.SIGINT, 130)):
        start = time.monotonic()
        with subprocess.Popen([VTSIM, "run", "--quiet", *words, busybox, "--",
                               "cat"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as p:
            if number is not None:
                time.sleep(1)
                p.send_signal(number)
            expect("status", p.wait(timeout=20), status)
        assert time.monotonic() - start < 10


def check_interrupt_reports_what_there_is():
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([VTSIM, "run", "--stats", "int.json", "--append",
                               "spin", ENDS], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as p:
            time.sleep(1)
            p.send_signal(number)
            _, err = p.communicate(timeout=20)
        expect("status", p.returncode, 128 + number)
        assert b"where the cycles went" in err
        with open("int.json") as f:
            assert json.load(f)["core0"]["instructions"] > 1000
        os.remove("int.json")


def check_statistics_document():
    p, s = stats("--set", "core.l1d.ways=4", HELLO)
    core = s["core0"]
    expect("sum", leaves(core["cycle_stack"]), core["cycles"])
    expect("schema", s["schema"], 1)
    expect("config", s["config"]["core"]["l1d"]["ways"], 4)
    expect("end", (s["end"]["why"], s["end"]["status"]), ("exit", 41))
    digest = subprocess.run(["sha256sum", HELLO], capture_output=True,
                            check=True).stdout.decode().split()[0]
    expect("image", s["images"][0]["sha256"], digest)
    assert s["host"]["seconds"] > 0
    for tlb in (core["dtlb"]["l1"], core["itlb"]["l1"], core["stlb"]):
        expect("causes", leaves(tlb["miss_cause"]), tlb["misses"])


def check_text_statistics_agree_with_json():
    run("--quiet", "--stats", "a.json", "--stats-text", "a.txt", HELLO)
    with open("a.json") as f:
        tree = json.load(f)
    count = 0
    for line in pathlib.Path("a.txt").read_text().splitlines():
        found = re.fullmatch(r"(\S+) +(\d+) # .+ \(.+\)", line)
        if not found:
            continue
        at = tree
        for part in found.group(1).split("."):
            at = at[part]
        expect(found.group(1), at, int(found.group(2)))
        count += 1
    assert count > 50, count


def check_runs_are_deterministic():
    _, first = stats("--append", "ticks", ENDS)
    _, again = stats("--append", "ticks", ENDS)
    expect("again", simulated(again), simulated(first))
    _, loose = stats("--append", "ticks", "--set", "core.filter=off", ENDS)
    loose["config"]["core"]["filter"] = True
    expect("filter", simulated(loose), simulated(first))


def check_regions_count_only_themselves():
    _, s = stats("--append", "regions", ENDS)
    expect("regions", s["regions"], 3)
    # A region is 200 instructions of loop and a few around it.
    assert 600 <= s["core0"]["instructions"] < 640, s["core0"]["instructions"]
    expect("sum", leaves(s["core0"]["cycle_stack"]), s["core0"]["cycles"])


def check_vm_exits_are_reported():
    costs = {"exit_save": 101, "exit_load": 202, "entry_checks": 303,
             "entry_load": 404}
    sets = [word for name, cycles in costs.items()
            for word in ("--set", f"core.vtx.cost.{name}={cycles}")]
    p = run("--preset", "nehalem", "--stats", "s.json", *sets, VMXCOST)
    expect("status", p.returncode, 1)
    with open("s.json") as f:
        core = json.load(f)["core0"]
    exits = core["exits"]["vmcall"]
    expect("exits", exits["count"], core["vmx"]["entries"])
    # Times are known at the entry that follows, and none follows the last.
    expect("in", exits["in"], 303 * (exits["count"] - 1))
    expect("out", exits["out"], 707 * (exits["count"] - 1))
    assert exits["handler"] > exits["count"]
    expect("others", leaves(core["exits"]), leaves(exits))
    row = re.search(r"^  VMCALL +(\d+) +100\.00% +100\.00% .*\| +303 +\d+ +707 ",
                    p.stderr.decode(), re.M)
    assert row, p.stderr.decode()
    expect("samples", int(row[1]), exits["count"])


def check_dumps_are_blocks():
    run("--quiet", "--stats", "d.json", "--stats-text", "d.txt", "--append",
        "dumps", ENDS)
    with open("d.json") as f:
        s = json.load(f)
    expect("dumps", len(s["dumps"]), 2)
    first, second = (d["core0"]["instructions"] for d in s["dumps"])
    assert 10 <= second - first < 30, (first, second)
    assert s["core0"]["instructions"] < 40, "the reset counts"
    expect("blocks", pathlib.Path("d.txt").read_text().count("Begin Sim"), 3)


def check_magic_results():
    expect("sum", run("--append", "sum", "--quiet", ENDS).stdout, b"42\n")
    p = run("--append", "unknown", ENDS)
    assert b"vtsim: warning: the guest used unknown magic operation 0x99\n" \
        in p.stderr, p.stderr
    p = run("--quiet", "--set", "core.magic_ops=off", "--append", "sum", ENDS)
    expect("magic off: #UD without a handler", p.returncode, 126)


def check_timer_interrupts_wake_a_halted_core():
    p, s = stats("--append", "ticks", ENDS)
    expect("milliseconds of ten 1 kHz ticks", p.stdout, b"10\n")
    assert s["core0"]["cycle_stack"]["idle"] > 20000000
    expect("interrupts", s["core0"]["interrupts"], 10)


def check_configuration_precedence():
    pathlib.Path("c.yaml").write_text(
        "preset: toy\ncore: {l2.latency: 9}\nmachine.seed: 5\n")
    base = ["--config", "c.yaml", HELLO]
    _, s = stats(*base)
    expect("preset", s["preset"], "toy")
    expect("file over preset", s["config"]["core"]["l2"]["latency"], 9)
    _, s = stats("--set", "core.l2.latency=10", "--set", "machine.seed=6",
                 "--seed", "7", *base)
    expect("--set over file", s["config"]["core"]["l2"]["latency"], 10)
    expect("option over --set", s["config"]["machine"]["seed"], 7)
    _, s = stats("--preset", "zen3", *base)
    expect("--preset over file's", s["preset"], "zen3")


def check_every_preset_runs():
    out = subprocess.run([VTSIM, "presets"], capture_output=True, check=True)
    names = [line.split()[0] for line in out.stdout.decode().splitlines()]
    expect("number", len(names), 10)
    for name in names:
        for timing in ("off", "simple"):
            p = run("--quiet", "--preset", name, "--timing", timing, HELLO)
            expect(name, (p.returncode, p.stderr), (41, b""))
        shown = subprocess.run([VTSIM, "presets", name], capture_output=True,
                               check=True).stdout.decode()
        assert re.search(r"core\.dtlb\.4k\.entries .*(read|recalled|chosen)",
                         shown), name


def check_outputs_replace_only_on_success():
    pathlib.Path("old.json").write_text("old")
    p = run("--stats", "old.json", "--stats-text", "nodir/x", HELLO)
    expect("status", p.returncode, 123)
    expect("kept", pathlib.Path("old.json").read_text(), "old")
    expect("no rest", [f for f in os.listdir(".") if "old.json" in f],
           ["old.json"])
    run("--quiet", "--stats", "old.json", HELLO)
    json.loads(pathlib.Path("old.json").read_text())


def check_vcd():
    run("--quiet", "--vcd", "w.vcd", "--append", "ticks", ENDS)
    text = pathlib.Path("w.vcd").read_text()
    ids = dict(re.findall(r"\$var wire +\d+ +(\w+) +(\w+)", text))
    names = {name: key for key, name in ids.items()}
    # Ten times woken, and in between asleep.
    wakes = len(re.findall(f"^1{names['running']}$", text, re.M))
    sleeps = len(re.findall(f"^0{names['running']}$", text, re.M))
    assert 10 <= wakes <= 12 and 10 <= sleeps <= 12, (wakes, sleeps)
    last = re.findall(f"^b([01]+) {names['requests']}$", text, re.M)[-1]
    # The run may end at the very instant of the last one.
    assert int(last, 2) in (9, 10), last


def check_progress_lines():
    p = run("--progress", "plain", "--append", "spin", "--max-seconds", "2.5",
            ENDS)
    lines = re.findall(rb"insts  [\d.]+ MIPS  IPC", p.stderr)
    assert 1 <= len(lines) <= 3, lines


def check_startup_is_quick():
    best = min(stats("--append", "m5exit", ENDS)[1]["host"]["startup_seconds"]
               for _ in range(5))
    assert best < 0.1, best


def check_help_and_version():
    for words, part in ((["--help"], "usage"), (["--version"], "vtsim "),
                        (["run", "--help"], "--max-instructions"),
                        (["params", "--help"], "PATTERN"),
                        (["presets", "--help"], "NAME")):
        p = subprocess.run([VTSIM, *words], capture_output=True)
        expect(words, p.returncode, 0)
        assert part in p.stdout.decode(), words
        expect(words, p.stderr, b"")


def main():
    failed = 0
    checks = [(n, f) for n, f in globals().items() if n.startswith("check_")]
    wanted = sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, function in checks:
            if wanted and not any(w in name for w in wanted):
                continue
            try:
                function()
            except Exception as wrong:  # one failure does not hide others
                failed += 1
                print(f"{name}: {type(wrong).__name__}: {wrong}")
        os.chdir("/")
    print(f"{len(checks)} promises, {failed} broken")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
