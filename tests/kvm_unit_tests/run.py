#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the images of kvm-unit-tests, built by their own project, unchanged.

usage: run.py DIR [--vtsim PROGRAM] [--only GLOB]... [--others] [--list]
              [--timing off|simple] [--set NAME=VALUE]... [--seconds N]
              [--jobs N] [--logs DIR] [-o TABLE.md]

DIR is the built source tree, or a folder with the .flat files. Each sub-test
of vmx.flat is one run; --others runs the other images in place of it. The
result is that of the debug-exit port: 1 pass, 3 fail, 77 nothing but skipped;
"no end" when the limit of --seconds (of host time) came first. Exit status:
0 when everything passed or is known not to, else 1.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import catalogue

STATUS = {1: "pass", 3: "fail", 77: "skip", 124: "no end"}
COMMON = ["--preset", "skylake-sp", "--memory", "2560M"]
# Their environment: the board lacks their test device.
ENVIRONMENT = "TEST_DEVICE=0\n"


class Job:
    def __init__(self, group, name, flat, append, options):
        self.group, self.name, self.flat = group, name, flat
        self.append, self.options = append, options


def jobs_of(args):
    if args.others:
        return [Job("-", n, f, a, o) for n, f, a, o in catalogue.OTHERS]
    return [Job(g, n, "vmx", n, catalogue.OPTIONS.get(n, []))
            for g, n in catalogue.vmx_subtests()]


def find_flat(root, name):
    for place in (root / "x86" / f"{name}.flat", root / f"{name}.flat"):
        if place.exists():
            return place
    sys.exit(f"{root}: no {name}.flat (build it: ./configure && make)")


def command(args, job):
    c = [args.vtsim, "run", *COMMON, "--timing", args.timing,
         "--max-seconds", str(args.seconds), "--quiet"]
    for setting in args.set:
        c += ["--set", setting]
    c += ["--module", args.environment, *job.options]
    if job.append:
        c += ["--append", job.append]
    return c + [str(find_flat(args.dir, job.flat))]


def first_reason(text, errors):
    """A line that says what went wrong, for a table."""
    for pattern in (r"^FAIL: .*", r"^Unhandled exception.*", r"^.*ABORT.*",
                    r"^.*[Aa]ssert.*", r"^SKIP: .*", r"^.*not supported.*"):
        found = re.search(pattern, text, re.M)
        if found:
            line = found.group(0).strip()
            more = len(re.findall(r"^FAIL: ", text, re.M))
            return line[:150] + (f" (and {more - 1} more)" if more > 1 else "")
    lines = [l for l in errors.splitlines() if "error" in l]
    return lines[-1][:150] if lines else ""


def run(args, job):
    begin = time.monotonic()
    p = subprocess.run(command(args, job), stdin=subprocess.DEVNULL,
                       capture_output=True, check=False)
    took = time.monotonic() - begin
    text = p.stdout.decode("latin-1")
    errors = p.stderr.decode("latin-1")
    if args.logs:
        safe = job.name.replace("/", "_")
        (args.logs / f"{safe}.txt").write_text(text + "\n" + errors)
    result = STATUS.get(p.returncode, "fail")
    reason = first_reason(text, errors) if result != "pass" else ""
    count = re.search(r"^SUMMARY: (.*)$", text, re.M)
    return {"group": job.group, "name": job.name, "result": result,
            "status": p.returncode, "seconds": took, "reason": reason,
            "known": catalogue.WHY.get(job.name, ""),
            "summary": count.group(1) if count else ""}


def table(rows):
    out = ["| group | test | result | checks | host s | reason |",
           "| --- | --- | --- | --- | ---: | --- |"]
    for r in rows:
        why = r["known"] or r["reason"]
        if r["result"] == "pass":
            why = ""
        out.append(f"| {r['group']} | {r['name']} | {r['result']} | "
                   f"{r['summary']} | {r['seconds']:.1f} | "
                   f"{why.replace('|', '/')} |")
    return "\n".join(out)


def totals(rows):
    out = ["| group | | tests | pass | fail | skip | no end |",
           "| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for key, (title, _) in catalogue.GROUPS.items():
        mine = [r["result"] for r in rows if r["group"] == key]
        if mine:
            out.append(f"| {key} | {title} | {len(mine)} | " + " | ".join(
                str(mine.count(x)) for x in STATUS.values()) + " |")
    every = [r["result"] for r in rows]
    out.append(f"| | all | {len(every)} | " + " | ".join(
        str(every.count(x)) for x in STATUS.values()) + " |")
    return "\n".join(out)


def parse():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("dir", type=pathlib.Path)
    p.add_argument("--vtsim", default="build/vtsim")
    p.add_argument("--only", "--subtests", action="append", default=[])
    p.add_argument("--others", action="store_true")
    p.add_argument("--list", action="store_true")
    p.add_argument("--timing", default="off", choices=["off", "simple"])
    p.add_argument("--set", action="append", default=[])
    p.add_argument("--seconds", type=int, default=900)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--logs", type=pathlib.Path)
    p.add_argument("-o", "--output", type=pathlib.Path)
    return p.parse_args()


def run_all(args, jobs):
    rows = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for r in pool.map(lambda j: run(args, j), jobs):
            rows.append(r)
            print(f"{r['result']:7}{r['name']:50}{r['seconds']:8.1f} s  "
                  f"{r['reason']}", flush=True)
    return rows


def main():
    args = parse()
    jobs = [j for j in jobs_of(args)
            if not args.only or any(fnmatch.fnmatch(j.name, g)
                                    for g in args.only)]
    if args.list:
        print("\n".join(f"{j.group} {j.name}" for j in jobs))
        return 0
    if args.logs:
        args.logs.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", prefix="environment") as f:
        f.write(ENVIRONMENT)
        f.flush()
        args.environment = f.name
        rows = run_all(args, jobs)
    text = totals(rows) + "\n\n" + table(rows) + "\n"
    print("\n" + totals(rows))
    if args.output:
        args.output.write_text(text)
    bad = [r for r in rows if r["result"] != "pass" and not r["known"]]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
