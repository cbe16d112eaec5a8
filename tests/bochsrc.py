# SPDX-License-Identifier: Apache-2.0
"""The machine that Bochs is when it runs our disks: no window, ports E9h and
the VMX-capable processor model."""

TEMPLATE = """\
config_interface: textconfig
display_library: term
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=corei7_skylake_x, count=1, ips=100000000, reset_on_triple_fault=0
clock: sync=none
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, path={disk}, mode=flat, cylinders={cylinders}, heads=16, spt=63
boot: disk
port_e9_hack: enabled=1
log: {log}
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


def bochsrc(disk, log, memory=64, cylinders=16):
    """Text of the configuration; memory in MiB."""
    return TEMPLATE.format(disk=disk, log=log, memory=memory,
                           cylinders=cylinders)
