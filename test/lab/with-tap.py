"""Opens a tap as libvirt does and runs a program with its descriptor: with-tap.py IFNAME DESCRIPTOR PROGRAM [WORD]..."""

import fcntl
import os
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000

ifname, descriptor, program = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", ifname.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
subprocess.run(["ip", "link", "set", ifname, "up"], check=True)
os.dup2(tap, descriptor)
os.close(tap)
os.execvp(program[0], program)
