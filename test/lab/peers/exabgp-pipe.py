"""API process of ExaBGP: commands come from a fifo, what ExaBGP reports goes to a file.

usage: exabgp-pipe.py FIFO EVENTS
"""
import os
import sys
import threading


def forward(fifo):
    # Opened for both directions, so that a writer that leaves does not end the stream.
    with os.fdopen(os.open(fifo, os.O_RDWR)) as commands:
        for command in commands:
            print(command, end="", flush=True)


threading.Thread(target=forward, args=sys.argv[1:2], daemon=True).start()
with open(sys.argv[2], "a", buffering=1) as events:
    for report in sys.stdin:
        events.write(report)
