# SPDX-License-Identifier: Apache-2.0
"""A small peer of the GDB remote protocol, and a vtsim to talk to."""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time


class Vtsim:
    """`vtsim run -S --gdb unix:...` in a folder of its own."""

    def __init__(self, vtsim, *words, wait=True):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "s")
        command = [str(vtsim), "run", "--quiet", "--gdb", "unix:" + self.path]
        if wait:
            command.append("-S")
        self.process = subprocess.Popen(command + [str(w) for w in words],
                                        stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        end = time.monotonic() + 30
        while not os.path.exists(self.path):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("no socket: "
                                     f"{self.process.communicate()}")
            time.sleep(0.01)

    def connect(self, **more):
        return Peer(self.path, **more)

    def end(self, timeout=60):
        out, err = self.process.communicate(timeout=timeout)
        self.folder.cleanup()
        return self.process.returncode, out, err

    def __enter__(self):
        return self

    def __exit__(self, *why):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.folder.cleanup()


class Peer:
    def __init__(self, path, ack=True):
        family = socket.AF_UNIX if isinstance(path, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        end = time.monotonic() + 10
        while True:
            try:
                self.socket.connect(path)
                break
            except ConnectionRefusedError:  # bound, not yet listening
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
        self.data = b""
        self.ack = True
        if not ack:
            assert self.ask("QStartNoAckMode") == b"OK"
            self.ack = False

    def raw(self, data):
        self.socket.sendall(data)

    @staticmethod
    def frame(payload):
        if isinstance(payload, str):
            payload = payload.encode("latin-1")
        return b"$" + payload + b"#%02x" % (sum(payload) & 0xff)

    def byte(self):
        if not self.data:
            self.data = self.socket.recv(65536)
            if not self.data:
                raise EOFError("the stub closed the connection")
        first, self.data = self.data[:1], self.data[1:]
        return first

    def packet(self):
        """The next packet's payload, unescaped; acknowledges it."""
        while self.byte() != b"$":
            pass
        payload, escaped, total = b"", False, 0
        while True:
            c = self.byte()
            if c == b"#":
                break
            total += c[0]
            if escaped:
                c, escaped = bytes([c[0] ^ 0x20]), False
            elif c == b"}":
                escaped = True
                continue
            payload += c
        given = int(self.byte() + self.byte(), 16)
        assert given == total & 0xff, "checksum of a reply"
        if self.ack:
            try:
                self.raw(b"+")
            except BrokenPipeError:
                pass  # the last packet of a run that is over
        return payload

    def ask(self, payload):
        self.raw(self.frame(payload))
        if self.ack:
            c = self.byte()
            assert c == b"+", c
        return self.packet()

    def drain(self):
        """Forget what has come."""
        self.data = b""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(65536):
                pass
        except BlockingIOError:
            pass
        self.socket.settimeout(20)

    def monitor(self, line):
        """Text of `monitor LINE`."""
        reply = self.ask("qRcmd," + line.encode().hex())
        text = b""
        while reply != b"OK":
            assert reply[:1] == b"O", reply
            text += bytes.fromhex(reply[1:].decode())
            reply = self.packet()
        return text.decode()

    def close(self):
        self.socket.close()


def symbols(elf):
    """Names and addresses, by nm."""
    text = subprocess.run(["nm", str(elf)], check=True, capture_output=True,
                          text=True).stdout
    return {line.split()[2]: int(line.split()[0], 16)
            for line in text.splitlines() if len(line.split()) == 3}


def guest(build, name):
    return pathlib.Path(build, "guests", name + ".elf")


def keep_promises(functions):
    """Try every function of (name, function) and say which failed; the exit
    status is 1 if one did."""
    failed = total = 0
    for name, function in functions:
        total += 1
        try:
            function()
        except Exception as error:  # every promise is tried
            failed += 1
            print(f"{name}: {type(error).__name__}: {error}")
    print(f"{total} promises, {failed} broken")
    sys.exit(1 if failed else 0)


def named(namespace, prefix):
    """The functions whose name begins so, by name."""
    return [(n, f) for n, f in sorted(namespace.items())
            if n.startswith(prefix) and callable(f)]
