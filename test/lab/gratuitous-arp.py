"""Sends a gratuitous ARP out of eth0 for each line "MAC ADDRESS" of the FIFO that is the argument, at once, and says "sent" when it is out."""

import os
import socket
import sys

wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
# Opened for writing, too: a writer that closes it does not end us.
for line in os.fdopen(os.open(sys.argv[1], os.O_RDWR)):
    mac, address = line.split()
    source = bytes.fromhex(mac.replace(":", ""))
    ip = socket.inet_aton(address)
    arp = bytes.fromhex("0001080006040001") + source + ip + bytes(6) + ip
    wire.send(bytes.fromhex("ffffffffffff") + source + bytes.fromhex("0806") + arp)
    print("sent", flush=True)
