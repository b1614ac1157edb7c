#!/usr/bin/env python3
"""Strangers take the places for incoming connections, and those for handshakes: honest peers get in all the same."""
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

import factomwire as wire
from factomwire import RawPeer
from kithnode import SLOW, Failure, Skipped, check, run, until
from namespace import in_namespaces

DEFAULTS = ("-outgoing", "0", "-incoming", "200")
HONEST, ATTACKERS, PATIENCE = 20, 400, 10
IP_BIND_ADDRESS_NO_PORT = 24
LINGER_NOT = (1).to_bytes(4, "little") + bytes(4)


def attackers(groups):
    """400 addresses of so many /16 networks."""
    return [f"127.{110 + i % groups}.0.{1 + i // groups}" for i in range(ATTACKERS)]


class Flood(threading.Thread):
    """Keeps as many handshakes begun as the node takes, with the bytes that each begins with."""

    def __init__(self, node, addresses, data, live=80, gap=1.02):
        super().__init__(daemon=True)
        self.node, self.addresses, self.data, self.live, self.gap = node, addresses, data, live, gap
        self.begun, self.goes_on = 0, True

    def knock(self, source):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        sock.settimeout(1)
        try:
            sock.bind((source, 0))
            sock.connect((self.node.address, self.node.port))
            sock.sendall(self.data)
        except OSError:
            sock.close()
            return None
        sock.setblocking(False)
        self.begun += 1
        return sock

    @staticmethod
    def stands(sock):
        try:
            if sock.recv(1):
                return True
        except BlockingIOError:
            return True
        except OSError:
            pass
        sock.close()
        return False

    def run(self):
        socks, last, at = [], {}, 0
        while self.goes_on:
            socks = [s for s in socks if self.stands(s)]
            for _ in range(20):
                source, at = self.addresses[at % len(self.addresses)], at + 1
                if len(socks) < self.live and time.monotonic() - last.get(source, 0) > self.gap:
                    last[source] = time.monotonic()
                    socks += filter(None, [self.knock(source)])
            time.sleep(0.01)
        for sock in socks:
            sock.close()

    def __enter__(self):
        self.start()
        time.sleep(1)
        return self

    def __exit__(self, *_):
        self.goes_on = False
        self.join()


def get_in(node, address, node_id):
    """An honest peer tries once a second; answers with the peer and the seconds that it took."""
    before = time.monotonic()
    while True:
        try:
            peer = RawPeer(node, address, node_id=node_id)
            if dict(peer.hello).get(1) != 9:
                peer.alive()
                return peer, time.monotonic() - before
        except (OSError, Failure):
            pass
        check(time.monotonic() - before < PATIENCE * SLOW, f"{address} did not get in within {PATIENCE} s")
        time.sleep(0.5)


def all_get_in(node):
    """Twenty honest peers, of addresses of their own; all are served at the end."""
    found = [get_in(node, f"127.{71 + i % 7}.0.{1 + i}", 5000 + i) for i in range(HONEST)]
    for peer, _ in found:
        peer.alive()
    return [peer for peer, _ in found], max(seconds for _, seconds in found)


@in_namespaces
def one_address(lab):
    """It takes all places, comes again and again, and keeps nobody out."""
    node = lab.node(*DEFAULTS, "-acceptInterval", "0", address="127.9.0.1")
    taken = [RawPeer(node, "127.77.0.1", node_id=i + 1, port=str(2000 + i).encode()) for i in range(200)]
    until(lambda: node.status()["incoming"] == 200, 5, "all places are taken")
    honest, longest = all_get_in(node)
    for i in range(60):
        try:
            taken.append(RawPeer(node, "127.77.0.1", node_id=1000 + i, port=str(3000 + i).encode()))
        except (OSError, Failure):
            pass
    for peer in honest:
        peer.alive()
    until(lambda: node.ended("made room for another peer") == HONEST, 5, lambda: f"{node.status()['ended']}")
    until(lambda: node.status()["incoming"] == 200, 5, lambda: f"{node.status()['incoming']} are online")
    return f"{HONEST} of {HONEST} got in, within {longest:.2f} s"


@in_namespaces
def addresses_of_a_few_networks(lab):
    """Whole connections: 200 of 400 addresses of two networks hold all places."""
    node = lab.node(*DEFAULTS, address="127.9.0.1")
    taken = [RawPeer(node, source, node_id=i + 1) for i, source in enumerate(attackers(2)[:200])]
    until(lambda: node.status()["incoming"] == 200, 5, "all places are taken")
    with Flood(node, attackers(2)[200:], wire.handshake(node_id=77)):
        honest, longest = all_get_in(node)
    for peer in honest:
        peer.alive()
    del taken
    return f"{HONEST} of {HONEST} got in, within {longest:.2f} s"


def handshakes(lab, groups, data):
    node = lab.node(*DEFAULTS, address="127.9.0.1")
    with Flood(node, attackers(groups), data) as flood:
        _, longest = all_get_in(node)
    check(flood.begun > 100, f"the flood was one of {flood.begun}")
    return f"{HONEST} of {HONEST} got in, within {longest:.2f} s, beside {flood.begun} of {ATTACKERS} addresses"


@in_namespaces
def half_handshakes(lab):
    return handshakes(lab, 2, wire.handshake()[:9])


@in_namespaces
def half_handshakes_of_many_networks(lab):
    return handshakes(lab, 100, wire.handshake()[:9])


@in_namespaces
def silent_connections(lab):
    return handshakes(lab, 2, b"")


def ddrp(lab, protocol, addresses, data=b"", live=30):
    """Sockets that say no more than `data` under DDRP, whose nodes have 12 places for handshakes."""
    port = 9097
    if subprocess.run([lab.kith, "-protocol", protocol, "-help"], capture_output=True, check=False).returncode:
        raise Skipped(f"built without {protocol}")
    node = lab.node("-protocol", protocol, *DEFAULTS, address="127.9.0.1", port=port)
    place = f"{node.status()['identity']}@{node.endpoint}"
    times = []
    with Flood(node, addresses, data, live=live, gap=0) as flood:
        for i in range(3):
            before = time.monotonic()
            guest = lab.node("-protocol", protocol, "-exclusive", "-redialSpecial", "1s", "-peers", place,
                             address=f"127.61.0.{1 + i}", port=port)
            guest.wait_online(node, PATIENCE)
            times.append(time.monotonic() - before)
    check(flood.begun > 20, f"the flood was one of {flood.begun}")
    until(lambda: node.status()["incoming"] == 3, 2, lambda: f"{node.status()['incoming']} are online")
    check(node.ended("handshake timed out") + node.ended("too many handshakes at once") > 0, "nobody made room")
    return f"3 of 3 got in, within {max(times):.2f} s"


@in_namespaces
def silence_of_one_address_under_ddrp(lab):
    return ddrp(lab, "ddrp", ["127.66.6.6"])


@in_namespaces
def silence_of_one_address_under_fnd(lab):
    return ddrp(lab, "fnd", ["127.66.6.6"])


@in_namespaces
def silence_of_many_addresses_under_ddrp(lab):
    return ddrp(lab, "ddrp", attackers(2))


@in_namespaces
def half_handshakes_of_many_networks_under_ddrp(lab):
    return ddrp(lab, "ddrp", attackers(100), b"\xca", 80)


if __name__ == "__main__":
    run([], alone=[one_address, addresses_of_a_few_networks, half_handshakes, half_handshakes_of_many_networks,
                   silent_connections, silence_of_one_address_under_ddrp, silence_of_one_address_under_fnd,
                   silence_of_many_addresses_under_ddrp, half_handshakes_of_many_networks_under_ddrp])
