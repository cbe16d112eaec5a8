#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a peer of the GDB stub may do wrong, and what must come of it.

usage: protocol.py VTSIM BUILD_DIR
Every function whose name begins with `check_` states one promise; each gets
a fresh stopped guest. Whatever is sent, the stub answers a good packet
afterwards, and the guest ends as if nothing had been.
"""
import random
import socket
import struct
import subprocess
import sys
import time

from rsp import Peer, Vtsim, guest, keep_promises, named, symbols

VTSIM, BUILD = sys.argv[1], sys.argv[2]
ELF = guest(BUILD, "debug")
NAME = symbols(ELF)
REGISTERS = 16  # general ones, before rip


def expect(what, got, due):
    if got != due:
        raise AssertionError(f"{what}: {got!r}, not {due!r}")


def alive(p):
    assert p.ask("?").startswith(b"T"), "no answer any more"


def check_checksum_in_ack_mode(p):
    p.raw(b"$?#00")
    expect("bad checksum", p.byte(), b"-")
    p.raw(b"$?#zz")
    expect("no checksum", p.byte(), b"-")
    alive(p)


def check_bad_checksum_without_acks(p):
    expect("mode", p.ask("QStartNoAckMode"), b"OK")
    p.ack = False
    p.raw(b"$g#00" + Peer.frame("qC"))
    expect("the good one is answered", p.packet(), b"QC1")


def check_noise_and_nested_begin(p):
    p.raw(b"xyz\x00\xff++garbage$m0,1$qC" + b"#b4")
    expect("ack", p.byte(), b"+")
    expect("reply", p.packet(), b"QC1")
    p.raw(b"$g#" + b"$" + b"qC#b4")
    expect("nak", p.byte(), b"-")
    expect("ack", p.byte(), b"+")
    expect("reply", p.packet(), b"QC1")


def check_packet_sizes(p):
    for size in (4096, 4097, 100000):
        reply = p.ask(b"m" + b"0" * (size - 1))
        assert reply in (b"E22", b""), (size, reply)
    p.raw(b"$" + b"x" * (1 << 20))  # without an end
    p.raw(Peer.frame("qC"))
    while p.byte() != b"+":
        pass
    expect("reply", p.packet(), b"QC1")


def check_escapes(p):
    p.raw(b"$abc}#" + b"00")
    expect("escape cut off", p.byte(), b"-")
    expect("run lengths are not for requests", p.ask("m0* ,1"), b"E22")
    at = NAME["block"]
    body = b"X%x,4:" % at + b"}\x03}\x04}]}\n"
    expect("X with escapes", p.ask(body), b"OK")
    expect("bytes", p.ask(f"m{at:x},4"), b"#$}*".hex().encode())


def check_unknown_packets_are_empty(p):
    for name in ("vMustReplyEmpty", "vFoo", "qFoo", "QFoo", "b", "R", "J",
                 "!", "i", "Z9,0,0", "vFile:open:2f,0,0", "vRun;2f"):
        expect(name, p.ask(name), b"")


def check_memory_reads(p):
    at = NAME["counter"]
    expect("eight bytes", p.ask(f"m{at:x},8"), b"0" * 16)
    expect("none", p.ask(f"m{at:x},0"), b"")
    for bad in ("m", "m,", "m0", "m0,", "mzz,1", f"m{at:x},1,", "m1 ,1",
                "m" + "1" * 17 + ",1", "m0," + "f" * 17, "m-1,1"):
        expect(bad, p.ask(bad), b"E22")
    expect("unmapped", p.ask("m8000000000000000,1"), b"E14")
    expect("a device", p.ask("mfee00030,4"), b"E14")
    reply = p.ask(f"m{at:x},ffffffffffffffff")
    assert 0 < len(reply) <= 4096, len(reply)


def check_memory_writes(p):
    at = NAME["block"]
    expect("write", p.ask(f"M{at:x},2:beef"), b"OK")
    expect("read back", p.ask(f"m{at:x},3"), b"beef00")
    for bad in (f"M{at:x},2:be", f"M{at:x},2:beefee", f"M{at:x},2:bexx",
                f"M{at:x},2", f"M{at:x}:be", "M", f"M{at:x},ffffffffffffffff:",
                f"X{at:x},5:abc", f"X{at:x},ffffffff:a"):
        expect(bad, p.ask(bad), b"E22")
    expect("nothing of it was written", p.ask(f"m{at:x},3"), b"beef00")
    expect("unmapped", p.ask("M8000000000000000,1:00"), b"E14")
    expect("probe", p.ask(f"X{at:x},0:"), b"OK")


def check_registers(p):
    file = p.ask("g")
    expect("as it is", p.ask(b"G" + file), b"OK")
    for bad in (b"G", b"G00", b"G" + file[:-1], b"G" + file + b"00",
                b"G" + b"x" * len(file)):
        expect(bad[:6], p.ask(bad), b"E22")
    for bad in ("p", "pzz", "p0,", "P", "P0", "P0=", "P0=12", "P0=" + "0" * 18,
                "P0=zz00000000000000"):
        expect(bad, p.ask(bad), b"E22")
    for none in ("p3b9aca00", "pffffffffffffffff", "Pfff=00"):
        expect(none, p.ask(none), b"E01")
    expect("write", p.ask("P0=8877665544332211"), b"OK")
    expect("read", p.ask("p0"), b"8877665544332211")


def registers(p):
    """Number and size of each register by its name."""
    text, offset = b"", 0
    while True:
        part = p.ask(f"qXfer:features:read:target.xml:{offset:x},7f0")
        text += part[1:]
        offset += len(part) - 1
        if part[:1] == b"l":
            break
    import xml.etree.ElementTree as tree
    return {r.get("name"): (int(r.get("regnum")), int(r.get("bitsize")))
            for r in tree.fromstring(text.decode()).iter("reg")}


def check_target_description(p):
    regs = registers(p)
    for name in ("rax", "rip", "eflags", "st0", "xmm15", "mxcsr", "ymm0h",
                 "fs_base", "cr0", "cr3", "cr4", "efer", "apic_base", "star",
                 "lstar", "k_gs_base", "dr7"):
        assert name in regs, name
    expect("size of g", len(p.ask("g")),
           sum(bits for _, bits in regs.values()) // 4)


def check_impossible_values(p):
    regs = registers(p)

    def write(name, value):
        number, bits = regs[name]
        return p.ask(f"P{number:x}=" + value.to_bytes(bits // 8,
                                                      "little").hex())

    def read(name):
        return int.from_bytes(bytes.fromhex(
            p.ask(f"p{regs[name][0]:x}").decode()), "little")

    before = {name: read(name) for name in ("cr0", "cr4", "efer", "eflags",
                                            "cs", "mxcsr")}
    expect("PG without PE", write("cr0", 0x80000000), b"E22")
    expect("reserved bits of CR4", write("cr4", 1 << 62), b"E22")
    expect("reserved bits of EFER", write("efer", 1 << 40), b"E22")
    expect("a selector alone", write("cs", 0x33), b"E22")
    expect("reserved bits of MXCSR", write("mxcsr", 1 << 20), b"E22")
    expect("VM flag", write("eflags", 1 << 17), b"E22")
    expect("beyond CS", write("rip", 1 << 40), b"E22")
    for name, value in before.items():
        expect(name, read(name), value)


def check_points(p):
    at = NAME["tick"]
    for kind in range(5):
        expect("set", p.ask(f"Z{kind},{at:x},1"), b"OK")
        expect("set again", p.ask(f"Z{kind},{at:x},1"), b"OK")
        expect("clear", p.ask(f"z{kind},{at:x},1"), b"OK")
        expect("clear what is not there", p.ask(f"z{kind},{at:x},1"), b"OK")
    for bad in ("Z", "Z0", "Z0,", f"Z0,{at:x}", f"Z0,{at:x},zz",
                f"Z2,{at:x},0", f"Z2,{at:x},10000000000", "Z0,,1",
                "Zf,0,1"):
        reply = p.ask(bad)
        assert reply in (b"E22", b""), (bad, reply)
    n = 0
    while p.ask(f"Z0,{0x100000000 + n:x},1") == b"OK":
        n += 1
        assert n <= 4096, "no cap"
    assert n >= 256, n


def check_resume_words(p):
    for bad in ("vCont", "vCont;", "vCont;x", "vCont;c:63", "vCont;;c",
                "vCont;c:", "vCont;C", "vCont;s:zz", "czz", "C", "szz",
                "c1 2"):
        reply = p.ask(bad)
        assert reply in (b"E22", b"", b"E01"), (bad, reply)
    expect("vCont?", p.ask("vCont?"), b"vCont;c;C;s;S")
    expect("threads", p.ask("qfThreadInfo"), b"m1")
    expect("step", p.ask("vCont;s:1;c")[:1], b"T")


def check_threads(p):
    for bad in ("H", "Hx1", "Hg-2", "Hg63", "Hg1;", "Hgzz"):
        expect(bad, p.ask(bad), b"E22")
    for good in ("Hg0", "Hg1", "Hc-1", "Hc0", "Hg-1"):
        expect(good, p.ask(good), b"OK")
    expect("T1", p.ask("T1"), b"OK")
    for bad in ("T", "T0", "T63", "Tzz", "T-1"):
        expect(bad, p.ask(bad), b"E01")


def check_transfers(p):
    xml = "qXfer:features:read:target.xml:"
    assert p.ask(xml + "0,10")[:1] == b"m"
    expect("behind the end", p.ask(xml + "8000000000000000,10"), b"l")
    assert len(p.ask(xml + "0,8000000000000000")) <= 4096
    expect("annex", p.ask("qXfer:features:read:foo.xml:0,10"), b"E00")
    for bad in ("0", "0,", ",1", "zz,1", "0,1,2"):
        expect(bad, p.ask(xml + bad), b"E22")


def check_monitor(p):
    expect("not hexadecimal", p.ask("qRcmd,zz"), b"E22")
    expect("odd", p.ask("qRcmd,123"), b"E22")
    assert "unknown command" in p.monitor("frobnicate")
    assert "unknown command" in p.monitor("")
    assert "unknown command" in p.monitor("x" * 1500)
    assert "no address" in p.monitor("walk")
    assert "no address" in p.monitor("walk nowhere")
    p.monitor("walk 0x" + "f" * 40)
    p.monitor("help\x00\x01\x02")
    assert "walk" in p.monitor("help")
    assert "tick" in p.monitor(f"symbol {NAME['tick']:#x}")
    assert "no current VMCS" in p.monitor("vmcs")


def check_physical_memory(p):
    expect("off", p.ask("qqemu.PhyMemMode"), b"0")
    expect("on", p.ask("Qqemu.PhyMemMode:1"), b"OK")
    expect("bad", p.ask("Qqemu.PhyMemMode:7"), b"E22")
    at = NAME["block"]
    expect("write", p.ask(f"M{at:x},2:1234"), b"OK")
    expect("read", p.ask(f"m{at:x},2"), b"1234")
    expect("no RAM", p.ask("mffffffffff000,1"), b"E14")
    expect("wrap", p.ask("mfffffffffffffff0,20"), b"E14")
    expect("off", p.ask("Qqemu.PhyMemMode:0"), b"OK")


def check_interrupts_while_stopped(p):
    p.raw(b"\x03" * 1000)
    alive(p)


def check_resend(p):
    p.raw(Peer.frame("qC"))
    expect("ack", p.byte(), b"+")
    p.ack = False
    first = p.packet()
    p.raw(b"-")
    expect("again", p.packet(), first)
    p.raw(b"-" * 100)  # a storm: the client is dropped, not served for ever
    try:
        while True:
            p.byte()
    except (EOFError, ConnectionError):
        pass


RECONNECTS = {check_resend}


def state_is_unharmed(v, p):
    """The machine goes on to its end as the guest wants."""
    if p is None:
        p = v.connect()
    p.raw(Peer.frame("D"))
    status, _, _ = v.end()
    expect("exit status", status & 1, 1)


def with_stopped_guest(check):
    with Vtsim(VTSIM, ELF) as v:
        p = v.connect()
        check(p)
        if check in RECONNECTS:
            v.process.wait(60)
            return
        alive(p)
        state_is_unharmed(v, p)


def lone_second_client():
    with Vtsim(VTSIM, ELF) as v:
        first = v.connect()
        alive(first)
        second = v.connect()
        try:
            expect("second client", second.socket.recv(1), b"")
        except ConnectionError:
            pass
        alive(first)
        state_is_unharmed(v, first)


def lone_disconnects():
    """In a packet, in a reply, by reset: the guest runs on."""
    for what in (b"$m0,10", b"$m0,10#", Peer.frame("g"), b"\x03", b""):
        with Vtsim(VTSIM, ELF) as v:
            p = v.connect()
            p.raw(what)
            p.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack("ii", 1, 0))
            p.close()
            status, _, _ = v.end()
            expect("status after " + repr(what), status, 1)


def lone_kill():
    for word in ("k", "vKill;1"):
        with Vtsim(VTSIM, ELF) as v:
            p = v.connect()
            p.raw(Peer.frame(word))
            status, _, _ = v.end()
            expect(word, status, 0)


def lone_interrupt_of_a_running_guest():
    chase = guest(BUILD, "bench")
    with Vtsim(VTSIM, chase) as v:
        p = v.connect()
        p.raw(Peer.frame("c"))
        expect("ack", p.byte(), b"+")
        time.sleep(0.3)
        p.raw(b"\x03")
        reply = p.packet()
        assert reply.startswith(b"T02"), reply
        p.raw(b"\x03\x03\x03")
        alive(p)
        p.raw(Peer.frame("k"))
        v.end()


def lone_slow_bytes():
    with Vtsim(VTSIM, ELF) as v:
        p = v.connect()
        for byte in Peer.frame("qC"):
            p.raw(bytes([byte]))
            time.sleep(0.02)
        expect("ack", p.byte(), b"+")
        expect("reply", p.packet(), b"QC1")
        state_is_unharmed(v, p)


def lone_client_that_does_not_read():
    """Megabytes of replies that nobody reads: dropped, and the guest ends."""
    with Vtsim(VTSIM, ELF) as v:
        p = v.connect()
        p.socket.settimeout(0.5)
        try:
            for _ in range(20000):
                p.raw(Peer.frame(f"m{NAME['guest_main']:x},7ff"))
        except (TimeoutError, ConnectionError, OSError):
            pass
        status, _, _ = v.end(timeout=90)
        expect("status", status, 1)
        p.close()


def lone_addresses():
    """Where it may listen."""
    for bad in ("tcp:0.0.0.0:1", "tcp:192.0.2.1:1234", "tcp:[::]:1",
                "tcp:127.0.0.1:65536", "tcp:127.0.0.1:", "tcp:x", "unix:",
                "unix:" + "x" * 200, "stdio", ""):
        done = subprocess.run([VTSIM, "run", "--gdb", bad, ELF],
                              capture_output=True, timeout=30)
        expect(bad, done.returncode, 121)
        assert done.stderr.count(b"\n") == 1, done.stderr
    with Vtsim(VTSIM, ELF) as v:
        import os
        import stat
        mode = stat.S_IMODE(os.stat(v.path).st_mode)
        expect("mode of the socket", mode, 0o600)
        v.connect().raw(Peer.frame("k"))
        v.end()


def lone_tcp():
    """On the loopback address; port 0 is any, and the user is told."""
    process = subprocess.Popen([VTSIM, "run", "--progress", "none", "-S",
                                "--gdb", "tcp:127.0.0.1:0", ELF],
                               stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        line = process.stderr.readline().decode()
        assert "gdb: listening on tcp:127.0.0.1:" in line, line
        port = int(line.rsplit(":", 1)[1])
        p = Peer(("127.0.0.1", port))
        alive(p)
        p.raw(Peer.frame("D"))
        process.communicate(timeout=60)
        expect("status", process.returncode, 1)
    finally:
        process.kill()
        process.communicate()


def lone_fuzz():
    """Mutations of good packets: never a crash, always an answer after it."""
    rng = random.Random(4)
    at = NAME["block"]
    seeds = ["g", "p10", f"m{at:x},10", f"M{at:x},4:01020304", "Z0,10,1",
             "z2,10,4", "Hg1", "T1", "qSupported:swbreak+", "vCont?", "qC",
             "qXfer:features:read:target.xml:0,100", "qRcmd,68656c70",
             "qThreadExtraInfo,1", "P1=0011223344556677", "X10,2:ab",
             "qRcmd," + b"walk 0x1000".hex(), "qRcmd," + b"tlb".hex()]
    banned = b"cCsSkDRv"  # would resume or end the run
    with Vtsim(VTSIM, ELF) as v:
        p = v.connect(ack=False)
        for _ in range(4000):
            s = bytearray(rng.choice(seeds).encode())
            for _ in range(rng.randrange(1, 4)):
                i = rng.randrange(len(s) + 1)
                kind = rng.randrange(4)
                if kind == 0:
                    s[i:i] = bytes([rng.randrange(256)])
                elif kind == 1 and i < len(s):
                    s[i] = rng.randrange(256)
                elif kind == 2:
                    del s[i:i + rng.randrange(1, 5)]
                else:
                    s[i:i] = s[:rng.randrange(1, 30)]
            if not s or s[0] in banned or s[0] == ord("v"):
                continue
            if b"$" in s or b"#" in s or b"}" in s:
                p.raw(b"$" + bytes(s) + b"#00")
            else:
                p.raw(Peer.frame(bytes(s)))
            p.drain()
        p.raw(Peer.frame("qqemu.PhyMemMode") + Peer.frame("qC"))
        while p.packet() not in (b"QC1",):
            pass
        p.raw(Peer.frame("k"))
        v.end()


def with_guest(function):
    return lambda: with_stopped_guest(function)


keep_promises([(n, with_guest(f)) for n, f in named(globals(), "check_")] +
              named(globals(), "lone_"))
