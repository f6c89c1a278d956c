"""A host that receives and sends multicast. Commands from the FIFO that is the argument, one a line:

  join GROUP [SOURCE]      leave GROUP [SOURCE]      send GROUP COUNT
  query ADDRESS            as a multicast router: IGMPv2, which groups are there
"""

import os
import selectors
import socket
import struct
import sys

PORT = 5000
sockets = {}
chosen = selectors.DefaultSelector()
eth0 = socket.if_nametoindex("eth0")


def family_of(group):
    return socket.AF_INET6 if ":" in group else socket.AF_INET


def packed(address):
    """A struct sockaddr_storage."""
    if ":" in address:
        head = struct.pack("=HHI", socket.AF_INET6, 0, 0) + socket.inet_pton(socket.AF_INET6, address)
    else:
        head = struct.pack("=HH", socket.AF_INET, 0) + socket.inet_aton(address)
    return head.ljust(128, b"\0")


def request(group, source):
    """Of MCAST_JOIN_GROUP and MCAST_JOIN_SOURCE_GROUP (RFC 3678)."""
    head = struct.pack("=I4x", eth0) + packed(group)
    return head if source is None else head + packed(source)


JOIN, LEAVE, JOIN_SOURCE, LEAVE_SOURCE = 42, 45, 46, 47


def membership(joins, group, source=None):
    level = socket.IPPROTO_IPV6 if ":" in group else socket.IPPROTO_IP
    key = (group, source)
    if joins:
        receiver = socket.socket(family_of(group), socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        receiver.bind((group, PORT))
        receiver.setsockopt(level, JOIN if source is None else JOIN_SOURCE, request(group, source))
        chosen.register(receiver, selectors.EVENT_READ, group)
        sockets[key] = receiver
    else:
        receiver = sockets.pop(key)
        chosen.unregister(receiver)
        receiver.setsockopt(level, LEAVE if source is None else LEAVE_SOURCE, request(group, source))
        receiver.close()
    print("joined" if joins else "left", group, source, flush=True)


def send(group, count):
    sender = socket.socket(family_of(group), socket.SOCK_DGRAM)
    if ":" in group:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, eth0)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 8)
    else:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", bytes(4), bytes(4), eth0))
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
    for _ in range(int(count)):
        sender.sendto(b"stream", (group, PORT))
    print("sent", group, count, flush=True)


def query(address):
    router = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
    router.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", bytes(4), socket.inet_aton(address), eth0))
    router.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    # Answers within half a second; the checksum of 0x1105 and zeros.
    router.sendto(bytes.fromhex("1105eefa00000000"), ("224.0.0.1", 0))
    print("asked", flush=True)


def commands(line):
    word, *rest = line.split()
    if word == "send":
        send(*rest)
    elif word == "query":
        query(*rest)
    else:
        membership(word == "join", *rest)


# Opened for writing, too: a writer that closes it does not end us.
fifo = os.fdopen(os.open(sys.argv[1], os.O_RDWR))
chosen.register(fifo, selectors.EVENT_READ, None)
print("ready", flush=True)
while True:
    for key, _ in chosen.select():
        if key.data is None:
            commands(fifo.readline())
        else:
            key.fileobj.recv(2048)
            print("got", key.data, flush=True)
