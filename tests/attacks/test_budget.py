#!/usr/bin/env python3
"""Attackers who have the node keep much and finish nothing: the budget of bytes holds, they pay, and an honest peer's large
parcels come through."""
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

import gobwire  # noqa: E402  (the folder beside this one)
from factomwire import MESSAGE, RawPeer  # noqa: E402
from kithnode import PARCEL, SLOW, check, memory_is_measured, run, until  # noqa: E402
from namespace import in_namespaces  # noqa: E402

MEGA = 1 << 20
BUDGET = 48  # MiB, three of the longest parcels
FLAGS = ("-exclusive", "-maxParcel", "16M", "-receiveBytes", f"{BUDGET}M", "-acceptInterval", "0", "-silence", "60s")
SENDERS = 32
HOARDED = "held too much memory for too long"


def honest_parcels(victim):
    """Of each size one, with nobody but the attackers to make room."""
    honest = RawPeer(victim, "127.81.0.1", node_id=1)
    for size in (60_000, 100_000, 1_000_000):
        text = f"{size}" + "h" * size
        honest.send(MESSAGE, text.encode())
        victim.wait("parcel", 10 * SLOW, text=text)
    return honest


def ended(victim, reason):
    return victim.status()["ended"].get(reason, 0)


def goes_back(victim, honest, hoarders, before):
    """Nobody but the hoarders has lost a connection, and their memory goes back."""
    honest.alive()
    for hoarder in hoarders:
        hoarder.close()
    until(lambda: victim.count("incoming") == 1, 5 * SLOW, "the hoarders have gone")
    until(lambda: victim.memory("VmRSS") - before < BUDGET * SLOW, 5 * SLOW,
          lambda: f"{victim.memory('VmRSS') - before:.0f} MiB are kept")


@in_namespaces
def parcels_that_never_end(lab):
    victim = lab.node(*FLAGS, address="127.9.0.1")
    before, hoarders = victim.memory("VmRSS"), []
    for i in range(12):
        hoarder = RawPeer(victim, f"127.80.{i}.1", node_id=100 + i)
        hoarder.sock.settimeout(2 * SLOW)
        try:
            hoarder.sock.sendall(struct.pack(">I", 15 * MEGA) + b"\0" * (9 * MEGA))
        except OSError:
            pass  # it was ended, or is read no more
        hoarders.append(hoarder)
    grown = victim.memory() - before
    honest = honest_parcels(victim)
    paid = ended(victim, HOARDED)
    check(paid > 0, f"{victim.status()['ended']}")
    check(grown < BUDGET * 2, f"memory grew by {grown:.0f} MiB")
    goes_back(victim, honest, hoarders, before)
    return f"{paid} of 12 hoarders ended, memory grew by {grown:.0f} MiB at most"


def parts(name, count, payload, crc):
    gobwire_crc, gobwire.crc32k = gobwire.crc32k, lambda data: crc
    try:
        return b"".join(gobwire.v9(7, payload, PartNo=n, PartsTotal=60000, AppHash=name) for n in range(count))
    finally:
        gobwire.crc32k = gobwire_crc


@in_namespaces
def parts_of_messages_that_never_end(lab):
    victim = lab.node(*FLAGS, address="127.9.0.1")
    payload = b"\7" * 60000
    blob = parts(b"m", 150, payload, gobwire.crc32k(payload))
    before, hoarders = victim.memory("VmRSS"), []
    for i in range(12):
        sock = socket.create_connection((victim.address, victim.port), 5, source_address=(f"127.90.{i}.1", 0))
        hoarders.append(sock)
        sock.sendall(gobwire.handshake(9, NodeID=i + 1))
        sock.settimeout(2 * SLOW)
        try:
            sock.recv(65536)
            sock.sendall(blob)
        except OSError:
            pass
    quality = [p["quality"] for p in victim.command("peers")["peers"]]
    grown = victim.memory() - before
    honest = honest_parcels(victim)
    paid = ended(victim, HOARDED)
    check(paid > 0, f"{victim.status()['ended']}")
    check(grown < BUDGET * 2, f"memory grew by {grown:.0f} MiB")
    check(max(quality, default=0) <= 2, f"parts earned merit: {quality}")
    goes_back(victim, honest, hoarders, before)
    return f"{paid} of 12 hoarders ended, memory grew by {grown:.0f} MiB at most"


class Reader(threading.Thread):
    """Reads all that comes."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.sock, self.bytes = peer.sock, 0

    def run(self):
        self.sock.settimeout(None)
        to = bytearray(MEGA)
        try:
            while n := self.sock.recv_into(to):
                self.bytes += n
        except OSError:
            pass  # the test is over


@in_namespaces
def relays_that_wait_for_one_who_does_not_read(lab):
    """Each sender's message waits for it, beside all others'. It alone loses some; who reads gets all of them."""
    victim = lab.node(*FLAGS, "-receiveBytes", "64M", "-relay", "-queueBytes", "1M", "-stall", "60s", address="127.9.0.1")
    victim.raw = lambda line: line.startswith(PARCEL)
    reader = Reader(RawPeer(victim, "127.81.0.1", node_id=1))
    silent = RawPeer(victim, "127.82.0.1", receive_buffer=4096, node_id=2)
    senders = [RawPeer(victim, f"127.80.{i}.1", node_id=100 + i) for i in range(SENDERS)]
    readers = [Reader(sender) for sender in senders]
    for thread in (reader, *readers):
        thread.start()
    before = victim.memory("VmRSS")
    for i, sender in enumerate(senders):
        sender.send(MESSAGE, bytes([i + 1]) * MEGA)
        until(lambda: reader.bytes >= (i + 1) * MEGA, 10, lambda: f"{reader.bytes} bytes of {i + 1} MiB came to who reads")
    grown = victim.memory("VmRSS") - before
    lost = victim.status()["dropped"].get("peer stalled", 0)
    silent.close()
    check(lost > 0, f"{victim.status()['dropped']}, {grown:.0f} MiB")
    check(grown < 128 * SLOW, f"memory grew by {grown:.0f} MiB")
    return f"who does not read lost {lost} of {SENDERS}, memory grew by {grown:.0f} MiB"


if __name__ == "__main__":
    memory_is_measured()
    run([], alone=[parcels_that_never_end, parts_of_messages_that_never_end, relays_that_wait_for_one_who_does_not_read])
