#!/usr/bin/env python3
"""Peers that mean harm: whatever they do, the node goes on serving the others, and keeps within its bounds."""
import itertools
import os
import re
import resource
import socket
import struct
import time

import factomwire as wire
from factomwire import RawPeer, closed_within, dial, try_dial
from kithnode import EVERYONE, SLOW, check, promises, run, until

GROWTH_MIB = 64 * (1 if SLOW == 1 else 4)  # of the node's memory, by whatever strangers do
HANDSHAKE = 2
HALF = wire.handshake()[:9]


class Target:
    """A node under attack, and a good peer that it must go on serving."""

    def __init__(self, lab, *flags):
        self.node = lab.node("-exclusive", "-handshakeTimeout", f"{int(HANDSHAKE * 1000 * SLOW)}ms", *flags)
        self.good = lab.node("-exclusive", "-peers", self.node.endpoint, "-redialSpecial", "300ms")
        self.name = self.node.wait_online(self.good)["peer"]
        self.numbers = itertools.count()
        self.serves()
        time.sleep(0.2)
        self.memory, self.descriptors, self.threads = self.node.memory(), self.node.descriptors(), self.node.threads()

    def serves(self):
        """A message goes each way."""
        text = f"message {next(self.numbers)}"
        check(self.node.send(self.name, text).get("peers") == 1, "the good peer has gone")
        self.good.wait("parcel", text=text)
        self.good.send(EVERYONE, text + " back")
        self.node.wait("parcel", text=text + " back")

    def unharmed(self):
        self.serves()
        until(lambda: self.node.descriptors() <= self.descriptors and self.node.threads() <= self.threads, 5,
              lambda: f"{self.node.descriptors()} descriptors and {self.node.threads()} threads, "
                      f"{self.descriptors} and {self.threads} before")
        grown = self.node.memory() - self.memory
        check(grown < GROWTH_MIB, f"memory has grown by {grown:.0f} MiB, more than {GROWTH_MIB}")
        check(not self.good.all("offline"), "the good peer was disconnected")
        return f"memory grew by {grown:.1f} MiB"

    def peer(self, address):
        """What the node tells of its peer at that address."""
        return next(p for p in self.node.command("peers")["peers"] if p["peer"].startswith(address + ":"))

    def ended(self, reason):
        return self.node.status()["ended"].get(reason, 0)


@promises("F10")
def garbage(lab):
    target = Target(lab)
    handshakes = [{"port": b"0"}, {"port": b"70000"}, {"port": b"http"}, {"port": b""}, {"kind": 6}]
    junk = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 4096, b"\xff" * 4096, os.urandom(100000),
            b"pbuf" + b"\xff" * 100, b"pbuf" + wire.frame(b""), b"pbuf" + wire.frame(os.urandom(200)),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\xf8" + b"\xff" * 8,
            *(wire.handshake(**fields) for fields in handshakes)]
    for data in junk:
        with dial(target.node.address, lab.address()) as sock:
            sock.sendall(data)
            closed_within(sock, HANDSHAKE + 3)
    until(lambda: target.ended("bad handshake") + target.ended("handshake timed out") == len(junk), 2,
          lambda: f"{len(junk)} are counted: {target.node.status()['ended']}")
    check(len(target.node.all("online")) == 1, "one of them came online")
    return target.unharmed()


def half_a_handshake(lab):
    """Silence in the middle of a handshake ends it at the handshake's time-out."""
    target = Target(lab)
    for data in (b"", b"p", HALF):
        with dial(target.node.address, lab.address()) as sock:
            sock.sendall(data)
            seconds, _ = closed_within(sock, HANDSHAKE + 2)
        check(seconds > (HANDSHAKE - 0.2) * SLOW, f"closed after {seconds:.1f} s")
    until(lambda: target.ended("handshake timed out") == 3, 2, lambda: f"{target.node.status()['ended']}")
    return target.unharmed()


def one_byte_a_second(lab):
    """Progress does not prolong a handshake."""
    target = Target(lab)
    with dial(target.node.address, lab.address()) as sock:
        before = time.monotonic()
        try:
            for byte in wire.handshake():
                sock.send(bytes([byte]))
                time.sleep(1)
                check(time.monotonic() - before < (HANDSHAKE + 3) * SLOW, "the handshake goes on and on")
        except ConnectionError:
            pass
    until(lambda: target.ended("handshake timed out") == 1, 3, lambda: f"{target.node.status()['ended']}")
    return target.unharmed()


@promises("F9", "F10", "F11", "P42", "P51")
def refused_handshakes(lab):
    """The wrong network, a version too low: the reason is logged, and costs ten merits."""
    target = Target(lab, "-acceptInterval", "0")
    for reason, said, fields in (("wrong network", "network feedbeef", {"network": wire.MAIN}),
                                 ("version too low", "version 8", {"version": 8})):
        source = lab.address()
        with dial(target.node.address, source) as sock:
            sock.sendall(wire.handshake(**fields))
            seconds, _ = closed_within(sock, 2)
        check(seconds < HANDSHAKE * SLOW * 0.9, f"{reason}: closed only after {seconds:.1f} s")
        until(lambda r=reason: target.ended(r) == 1, 2, lambda: f"{target.node.status()['ended']}")
        line = re.compile(f"{re.escape(source)}.*{said}")
        until(lambda p=line: p.search(target.node.stderr()), 2, f"{said} in the log")
        peer = RawPeer(target.node, source)
        target.node.wait_online(f"{source}:8110")
        quality = target.peer(source)["quality"]
        check(-10 <= quality <= -8, f"{reason}: its quality is {quality}")
        peer.close()
    return target.unharmed()


@promises("P3")
def claimed_lengths(lab):
    """A length that is too long ends the connection; one that is allowed costs no memory before its bytes come."""
    target = Target(lab, "-silence", "60s")
    for length in (0xFFFFFFFF, 129 << 20):
        with dial(target.node.address, lab.address()) as sock:
            sock.sendall(wire.PREAMBLE + struct.pack(">I", length))
            closed_within(sock, HANDSHAKE * 0.8)
    for i, length in enumerate((0xFFFFFFFF, 129 << 20, (128 << 20) + 100)):
        peer = RawPeer(target.node, lab.address(), node_id=0xBAD0 + i)
        peer.sock.sendall(struct.pack(">I", length))
        offline = target.node.wait("offline", where=lambda e, i=i: e["peer"].endswith(f"bad{i}"))
        check(offline["reason"], f"{offline}")
        peer.close()
    check(target.ended("bad parcel") == 3, f"{target.node.status()['ended']}")
    waiting = [RawPeer(target.node, lab.address(), node_id=0xC0DE00 + i) for i in range(20)]
    for peer in waiting:
        peer.sock.sendall(struct.pack(">I", 100 << 20) + b"x" * 1000)
    time.sleep(0.5)
    grown = target.node.memory() - target.memory
    check(grown < GROWTH_MIB, f"20 claims of 100 MiB: memory has grown by {grown:.0f} MiB")
    for peer in waiting:
        peer.close()
    return target.unharmed()


@promises("P3")
def many_parts_of_large_parcels(lab):
    """What all peers together have sent of parcels that are not whole yet is bounded, too."""
    target = Target(lab, "-maxParcel", "4M", "-receiveBytes", "10M", "-silence", "60s")
    peers = [RawPeer(target.node, lab.address(), node_id=0xC0DE00 + i) for i in range(8)]
    for peer in peers:
        try:
            peer.sock.sendall(struct.pack(">I", 4 << 20) + b"x" * (3 << 20))
        except ConnectionError:
            pass  # it was ended before all of it had gone
    until(lambda: target.ended("held too much memory for too long") >= 5, 10,
          lambda: f"{target.node.status()['ended']}")
    target.serves()
    honest = RawPeer(target.node, lab.address(), node_id=0xC0DEFE)
    honest.send(wire.MESSAGE, b"z" * (3 << 20))
    target.node.wait("parcel", text="z" * (3 << 20))
    honest.close()
    for peer in peers:
        peer.close()
    until(lambda: target.node.count("incoming") == 1, 5, "the others have gone")
    late = RawPeer(target.node, lab.address(), node_id=0xC0DEFF)
    late.send(wire.MESSAGE, b"y" * (3 << 20))
    target.node.wait("parcel", text="y" * (3 << 20))
    late.close()
    return target.unharmed()


@promises("F10", "F11", "P42")
def invalid_parcels(lab):
    """A type that does not exist, an empty payload, a share that is no list: disconnected, or a demerit."""
    target = Target(lab)
    parcels = ((10, b"x"), (200, b"x"), (0xFFFFFFFF, b"x"), (wire.MESSAGE, b""), (wire.PING, b""))
    for i, (kind, payload) in enumerate(parcels):
        peer = RawPeer(target.node, lab.address(), node_id=0xF000 + i)
        target.node.wait("online", where=lambda e, i=i: e["peer"].endswith(f"f00{i}"))
        peer.send(kind, payload)
        target.node.wait("offline", where=lambda e, i=i: e["peer"].endswith(f"f00{i}"))
        peer.close()
    check(target.ended("bad parcel") == 5, f"{target.node.status()['ended']}")
    source, known = lab.address(), target.node.status()["known"]
    peer = RawPeer(target.node, source, node_id=0xF0F0)
    peer.receive_kind(wire.PEER_REQUEST)
    good = wire.field(1, wire.field(1, b"10.1.2.3") + wire.field(2, b"8110"))
    peer.send(wire.PEER_RESPONSE, good + wire.field(1, wire.field(1, b"10.1.2.4") + wire.field(2, b"99999")))
    peer.send(wire.PING, b"Ping")
    peer.receive_kind(wire.PONG)
    until(lambda: target.peer(source)["quality"] < 0, 3, "a bad share, and its quality is not below 0")
    check(target.node.status()["known"] == known + 1, "something was learned from a bad share")
    peer.close()
    return target.unharmed()


@promises("P1")
def a_share_that_nobody_asked_for(lab):
    """Addresses are taken from answers only."""
    target = Target(lab)
    peer = RawPeer(target.node, lab.address())
    peer.receive_kind(wire.PEER_REQUEST)
    share = wire.field(1, wire.field(1, b"10.1.2.3") + wire.field(2, b"8110"))
    peer.send(wire.PEER_RESPONSE, share)
    known = until(lambda: target.node.status()["known"], 1, "nothing known")
    for i in range(50):
        peer.send(wire.PEER_RESPONSE, wire.field(1, wire.field(1, b"10.9.9.%d" % i) + wire.field(2, b"8110")))
    peer.send(wire.PING, b"Ping")
    peer.receive_kind(wire.PONG)
    check(target.node.status()["known"] <= known + 1, f"{target.node.status()['known']} known, {known} before")
    peer.close()
    return target.unharmed()


def many_connections_of_one_address(lab):
    target = Target(lab)
    source = lab.address()
    socks = list(filter(None, (try_dial(target.node.address, source) for _ in range(500))))
    target.serves()
    # What the kernel has connected may still be on its way to the node.
    until(lambda: target.node.status()["shed"] >= 490, HANDSHAKE / 2, lambda: f"{target.node.status()['shed']} shed")
    closed = 500 - len(socks)
    for sock in socks:
        sock.setblocking(False)
        try:
            closed += sock.recv(1) == b""
        except ConnectionError:
            closed += 1
        except BlockingIOError:
            pass
    check(closed >= 490, f"{closed} of 500 were closed at once")
    check(target.node.descriptors() < target.descriptors + 20, f"{target.node.descriptors()} descriptors")
    for sock in socks:
        sock.close()
    return f"{closed} of 500 closed at once; {target.unharmed()}"


@promises("P4")
def many_half_handshakes_of_many_addresses(lab):
    """No more handshakes are under way at once than -pending allows; when they are over, others get in."""
    target = Target(lab)
    socks = list(filter(None, (try_dial(target.node.address, lab.address(), HALF) for _ in range(500))))
    threads, descriptors = target.node.threads() - target.threads, target.node.descriptors() - target.descriptors
    # Who gave its place to another takes a moment to leave.
    check(threads <= 2 * 64 and descriptors <= 2 * 3 * 64, f"{threads} more threads, {descriptors} more descriptors")
    until(lambda: target.node.threads() - target.threads <= 64 + 4, 2, "64 threads")
    until(lambda: target.node.descriptors() - target.descriptors <= 3 * 64 + 8, 2, "64 connections' descriptors")
    target.serves()
    late = lab.node("-exclusive", "-peers", target.node.endpoint, "-redialSpecial", "500ms")
    target.node.wait_online(late, HANDSHAKE + 4)
    for sock in socks:
        sock.close()
    late.end()
    return f"{threads} threads and {descriptors} descriptors more at most; {target.unharmed()}"


@promises("P15", "P50")
def a_banned_address_is_not_answered(lab):
    target = Target(lab, "-acceptInterval", "0")
    source = lab.address()
    peer = RawPeer(target.node, source)
    shed = target.node.status()["shed"]
    check(target.node.command("ban", peer=source, seconds=60)["event"] == "done", "ban")
    closed_within(peer.sock, 2)
    for _ in range(3):
        sock = try_dial(target.node.address, source, wire.handshake())
        if sock is not None:
            _, got = closed_within(sock, 2)
            check(not got, f"{got!r} was sent to a banned address")
            sock.close()
    check(target.node.status()["shed"] == shed + 3, f"{target.node.status()['shed']} were counted, {shed} before")
    return target.unharmed()


def a_flood_of_pings(lab):
    """A peer that asks much and reads nothing is held back by its own connection, and ends."""
    target = Target(lab, "-silence", "2s", "-ping", "500ms")
    peer = RawPeer(target.node, lab.address(), receive_buffer=4096, node_id=0xF100D)
    peer.sock.settimeout(1)
    pings = wire.parcel(wire.PING, b"Ping") * 1000
    try:
        for _ in range(int(2000 / SLOW)):
            peer.sock.sendall(pings)
    except (socket.timeout, ConnectionError):
        pass
    target.serves()
    grown = target.node.memory() - target.memory
    check(grown < GROWTH_MIB, f"memory has grown by {grown:.0f} MiB")
    peer.close()
    return target.unharmed()


@promises("P7")
def few_descriptors(lab):
    """Without descriptors it waits instead of spinning, and goes on once there are some."""
    target = Target(lab)
    few = target.descriptors + 6 + 8  # the last eight are for files
    _, hard = resource.prlimit(target.node.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(target.node.process.pid, resource.RLIMIT_NOFILE, (few, hard))
    socks = list(filter(None, (try_dial(target.node.address, lab.address(), HALF) for _ in range(60))))
    before, seconds = target.node.cpu(), 1.5
    time.sleep(seconds)
    spent = target.node.cpu() - before
    check(spent < 0.3 * SLOW, f"{spent:.2f} s of processor time within {seconds} s")
    target.serves()
    for sock in socks:
        sock.close()
    late = lab.node("-exclusive", "-peers", target.node.endpoint, "-redialSpecial", "500ms")
    target.node.wait_online(late, HANDSHAKE + 6)
    late.end()
    resource.prlimit(target.node.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    return f"{spent:.2f} s of processor time in {seconds} s; {target.unharmed()}"


if __name__ == "__main__":
    run([half_a_handshake, garbage, one_byte_a_second, refused_handshakes, claimed_lengths, many_parts_of_large_parcels,
         invalid_parcels, a_share_that_nobody_asked_for, a_banned_address_is_not_answered, few_descriptors],
        alone=[many_connections_of_one_address, many_half_handshakes_of_many_addresses, a_flood_of_pings])
