"""An os-ken BGP speaker for EVPN.

usage: osken-speaker.py FIFO ASN ADDRESS "PEER ASN"...

A line of the fifo is {"call": NAME, "args": {...}}: a method of BGPSpeaker and its arguments. Prints one JSON object
per line: ready, peer-up, peer-down, best-path, done, error. It connects from the address of the outgoing interface, so
a peer that knows it by its loopback has to do the connecting.
"""
import json
import os
import sys

from os_ken.lib import hub

# Its timers are green threads: without both calls the standard library stays unpatched and nothing runs.
hub.patch(thread=False)
hub.patch(thread=True)

from os_ken.services.protocols.bgp.bgpspeaker import BGPSpeaker  # noqa: E402

fifo, asn, address, *peers = sys.argv[1:]


def report(event, **fields):
    print(json.dumps({"event": event, **fields}, default=str), flush=True)


def best_path(change):
    attributes = change.path.pathattr_map.values() if change.path else ()
    report(
        "best-path",
        withdraw=change.is_withdraw,
        nextHop=change.nexthop,
        nlri=str(change.path.nlri) if change.path else None,
        communities=[str(c) for a in attributes for c in getattr(a, "communities", ())],
    )


speaker = BGPSpeaker(
    as_number=int(asn),
    router_id=address,
    bgp_server_hosts=(address,),
    bgp_server_port=179,
    refresh_stalepath_time=0,
    label_range=(100, 100000),
    best_path_change_handler=best_path,
    peer_up_handler=lambda ip, peer_asn: report("peer-up", peer=ip),
    peer_down_handler=lambda ip, peer_asn: report("peer-down", peer=ip),
)
for peer in peers:
    peer_address, peer_asn = peer.split()
    speaker.neighbor_add(
        peer_address, int(peer_asn), enable_evpn=True, enable_ipv4=False, local_address=address, next_hop=address
    )
report("ready")

descriptor = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
pending = b""
while True:
    try:
        pending += os.read(descriptor, 65536)
    except BlockingIOError:
        hub.sleep(0.05)
    *lines, pending = pending.split(b"\n")
    for line in lines:
        command = json.loads(line)
        try:
            getattr(speaker, command["call"])(**command["args"])
            report("done", call=command["call"])
        except Exception as error:  # the test decides what a refusal means
            report("error", call=command["call"], error=repr(error))
