#!/usr/bin/env python3
"""Peers that cost more than they are worth: they have to go, and nobody else waits for them."""
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

from factomwire import HEARTBEAT, PEER_RESPONSE, PING, RawPeer, parcel
from kithnode import EVERYONE, SLOW, Failure, check, run, until
from namespace import in_namespaces

ALONE = ("-outgoing", "0", "-acceptInterval", "0")


def refused(node, address):
    try:
        return RawPeer(node, address).hello is None
    except (OSError, Failure):
        return True


@in_namespaces
def invalid_shares(lab):
    """20,000 of them: its connection ends, and heartbeats buy nothing back."""
    node = lab.node(*ALONE, address="127.9.0.1")
    honest, liar = RawPeer(node, "127.38.2.1", node_id=2), RawPeer(node, "127.38.1.1", node_id=1)
    try:
        for _ in range(20):
            liar.sock.sendall(parcel(PEER_RESPONSE, b"\x0a\x00") * 1000)
        liar.sock.sendall(parcel(HEARTBEAT, b"x") * 1000)
    except OSError:
        pass  # it was ended meanwhile
    until(lambda: node.ended("its quality fell too low") == 1, 5, lambda: f"{node.status()['ended']}")
    node.wait("offline", where=lambda e: "quality" in e["reason"])
    check(refused(node, "127.38.1.1"), "it came back")
    honest.alive()


@in_namespaces
def lingerers(lab):
    """They ask much, read nothing and leave: their places are free at once."""
    node = lab.node(*ALONE, address="127.9.0.1")
    peers = [RawPeer(node, f"127.33.0.{1 + i}", receive_buffer=4096, node_id=i + 1) for i in range(4)]
    for peer in peers:
        peer.sock.settimeout(0.3)
        try:
            for _ in range(1000):
                peer.sock.sendall(parcel(PING, b"x") * 3000)
            raise Failure("who reads no answer is read on")
        except socket.timeout:
            peer.close()
    until(lambda: node.status()["incoming"] == 0, 5, lambda: f"{node.status()['incoming']} linger")
    check(node.ended("closed by peer") == len(peers), f"{node.status()['ended']}")


class Liar(threading.Thread):
    """Says eight times in a stall time that it gets on, and takes nothing."""

    def __init__(self, node, address):
        super().__init__(daemon=True)
        self.peer, self.goes_on = RawPeer(node, address, receive_buffer=4096, node_id=666), True
        self.start()

    def run(self):
        while self.goes_on:
            try:
                self.peer.send(HEARTBEAT, b"x")
            except OSError:
                return
            time.sleep(STALL / 8)


def read_all(peer, got):
    try:
        while data := peer.sock.recv(1 << 20):
            got[0] += len(data)
    except OSError:
        pass


STALL, SIZE = 0.1 * SLOW, 60000


@in_namespaces
def a_liar_about_its_progress(lab):
    """It is believed for twenty stall times; then nobody waits for it."""
    said = None
    for turn in range(1, 6):
        said = said or how_long_it_is_believed(lab, f"127.9.0.{turn}", turn == 5)
    return said


def how_long_it_is_believed(lab, address, is_last):
    """None if it was not: once that says nothing, as a busy machine may keep the liar from speaking in time, or the node
    from hearing it."""
    node = lab.node(*ALONE, "-stall", f"{int(STALL * 1000)}ms", "-queueBytes", "1M", address=address)
    honest, got = RawPeer(node, "127.41.1.1", node_id=2), [0]
    threading.Thread(target=read_all, args=(honest, got), daemon=True).start()
    liar = Liar(node, "127.41.2.1")
    until(lambda: node.status()["incoming"] == 2, 5, "both are online")
    begun = time.monotonic()
    while not node.all("dropped"):
        node.request(send=EVERYONE, text="." * SIZE)
        time.sleep(0.01)
        check(time.monotonic() - begun < 100 * STALL, "it is believed for ever")
    waited, before = time.monotonic() - begun, got[0]
    if waited <= 10 * STALL and not is_last:
        liar.goes_on = False
        return None
    check(waited > 10 * STALL, "it is not believed at all")
    check(all(e["cause"] == "peer stalled" for e in node.all("dropped")), f"{node.all('dropped')}")
    for _ in range(100):
        node.request(send=EVERYONE, text="." * SIZE)
    until(lambda: got[0] - before > 90 * SIZE, 5, lambda: f"{got[0] - before} bytes went to the honest peer")
    liar.goes_on = False
    return f"after {waited:.1f} s nobody waits for it"


if __name__ == "__main__":
    run([], alone=[invalid_shares, lingerers, a_liar_about_its_progress])
