"""Numbered broadcasts. Either of:

  broadcasts.py listen                prints "got NAME NUMBER" for each
  broadcasts.py send NAME ADDRESS     sends one every 10 ms and prints "sent NUMBER" for each, until it is ended: after SIGTERM
                                      the last number is the last that was sent
"""

import signal
import socket
import sys
import time

PORT = 5001


def listen():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    receiver.bind(("", PORT))
    print("ready", flush=True)
    while True:
        print("got", receiver.recv(64).decode(), flush=True)


def send(name, address):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    print("ready", flush=True)
    number = 0
    while not ended:
        number += 1
        sender.sendto(f"{name} {number}".encode(), (address, PORT))
        print("sent", number, flush=True)
        time.sleep(0.01)


send(*sys.argv[2:]) if sys.argv[1] == "send" else listen()
