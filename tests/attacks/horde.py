#!/usr/bin/env python3
"""Hostile peers of one node, in a process of their own, so that they cost the test that measures no time.

usage: horde.py NAME ADDRESS SECONDS
It says "ready" on standard output, begins at a line of standard input, says "begun" once it has sent what it sends in one
moment, and ends after so many seconds.
"""
import os
import random
import select
import socket
import sys
import time
import types

from farm import many_descriptors, share

import factomwire as wire
from factomwire import PEER_REQUEST, PEER_RESPONSE, RawPeer

MANY, LINGER_NOT = 99, (1).to_bytes(4, "little") + bytes(4)


def source(i):
    return f"127.{16 + i % 100}.{i // 100 % 250}.{1 + i // 25000}"


def junk(count):
    return [f"{random.randrange(11, 120)}.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}:"
            f"{random.randrange(1, 65536)}" for _ in range(count)]


def gather(node):
    return [RawPeer(node, source(i), node_id=i + 1) for i in range(MANY)]


def throw_away(peers, seconds):
    """What the node has sent to them."""
    for sock in select.select([p.sock for p in peers], [], [], seconds)[0]:
        sock.recv(1 << 16)


def shares(node):
    """All that were asked answer in the same moment, with as many addresses as a share holds, and go on unasked."""
    peers, many = gather(node), wire.parcel(PEER_RESPONSE, share(junk(10500)))
    for peer in peers:
        peer.receive_kind(PEER_REQUEST)
    yield
    while True:
        for peer in peers:
            peer.sock.settimeout(10)
            peer.sock.sendall(many)
        yield


def requests(node):
    """All ask for addresses, for the first time in the same moment and then without end."""
    peers = gather(node)
    yield
    for peer in peers:
        peer.send(PEER_REQUEST, b"x")
        peer.sock.setblocking(False)
    yield
    many = wire.parcel(PEER_REQUEST, b"x") * 1000
    while True:
        for peer in peers:
            try:
                peer.sock.send(many)
            except BlockingIOError:
                pass
        throw_away(peers, 0)
        yield


def storm(node):
    """Connections by the thousand, of many addresses: each shakes hands, asks for addresses, and goes with a reset."""
    hello = wire.handshake() + wire.parcel(PEER_REQUEST, b"x")
    yield
    open_socks, at = [], 0
    while True:
        for _ in range(100 if not open_socks else 20):
            sock, at = socket.socket(), at + 1
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            sock.bind((source(at), 0))
            sock.setblocking(False)
            sock.connect_ex((node.address, 8110))
            open_socks.append(sock)
        time.sleep(0.01)
        for sock in open_socks[-100 if at == 100 else -20:]:
            try:
                sock.send(hello)
            except OSError:
                pass
        while len(open_socks) > 200:
            open_socks.pop(0).close()
        yield


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    many_descriptors()
    attack = {"shares": shares, "requests": requests, "storm": storm}[sys.argv[1]]
    steps = attack(types.SimpleNamespace(address=sys.argv[2]))
    next(steps)
    print("ready", flush=True)
    sys.stdin.readline()
    next(steps)
    print("begun", flush=True)
    end = time.monotonic() + float(sys.argv[3])
    try:
        while time.monotonic() < end:
            next(steps)
    except OSError:
        pass  # the node has ended
    os._exit(0)  # sockets close at once


if __name__ == "__main__":
    main()
