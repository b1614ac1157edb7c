#!/usr/bin/env python3
"""Those who mean harm to a ledger: what they say is bounded, costs what the pages say, and holds up no honest peer."""
import json
import os
import re
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))

import test_coin  # noqa: E402  (the folder beside this one)
import test_infnote  # noqa: E402
from kithnode import PARCEL, SLOW, Failure, check, few, memory_is_measured, run, until  # noqa: E402
from ledgerwire import COIN_PORT, INFNOTE_PORT, Coin, Infnote, digest, genesis, next_block, transaction  # noqa: E402
from namespace import in_namespaces  # noqa: E402

MEGA = 1 << 20
ALONE = ("-exclusive", "-acceptInterval", "0")
START = genesis()
PORTS = {"infnote": INFNOTE_PORT, "coin": COIN_PORT}


def slow():
    """How much longer all may take: under sanitizers, or beside whatever else the machine does."""
    return max(SLOW, os.getloadavg()[0] / os.cpu_count())


def ledger(lab, protocol, *flags):
    return lab.node("-protocol", protocol, *ALONE, *flags, address="127.9.0.1", port=PORTS[protocol])


def of_both(test):
    """A test of one protocol is two."""
    def each(protocol):
        def one(lab):
            return test(lab, protocol)
        one.__name__ = f"{test.__name__}_under_{protocol}"
        return in_namespaces(one)
    return each("infnote"), each("coin")


def meet(protocol, node, number):
    """A peer of a network group of its own."""
    source = f"127.{20 + number % 100}.{number // 100}.1"
    return Infnote.meet(node, source, number=number) if protocol == "infnote" else Coin.meet(node, source)


def push(protocol, *some):
    """A line of transactions."""
    said = {"type": "Transactions", "transactions": some} if protocol == "infnote" else {"PUSHTRANSACTION": some}
    return json.dumps(said).encode() + b"\n"


class Flood(threading.Thread):
    """Sends what it is given, and reads nothing; over and over if `again`."""

    def __init__(self, peer, data, again=False):
        super().__init__(daemon=True)
        self.peer, self.data, self.again, self.over = peer, data, again, False
        peer.sock.settimeout(None)
        self.start()

    def run(self):
        try:
            self.peer.sock.sendall(self.data)
            while self.again and not self.over:
                self.peer.sock.sendall(self.data)
        except OSError:
            pass  # the node has ended it, or the end of the test has

    def close(self):
        self.over = True
        try:
            self.peer.sock.shutdown(socket.SHUT_RDWR)  # whoever waits for room in it wakes
        except OSError:
            pass
        self.join(10 * SLOW)
        self.peer.close()


class Reader(threading.Thread):
    """Reads all that comes."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.bytes = peer, 0
        self.start()

    def run(self):
        try:
            while data := self.peer.sock.recv(1 << 18):
                self.bytes += len(data)
        except OSError:
            pass  # the test is over


FLOODERS, OF_EACH = 4, 10000


def refused_by(node):
    found = re.search(r"(\d+) transactions of peers refused", node.command("chain")["message"])
    return int(found[1]) if found else 0


def a_flood_of_transactions(lab, protocol):
    """Ten thousand a second, all different. What an honest peer sends meanwhile and afterwards is passed on at once."""
    node = ledger(lab, protocol)
    node.raw = lambda line: line.startswith(PARCEL)
    before = node.memory("VmRSS")
    honest, watcher = meet(protocol, node, 1), meet(protocol, node, 2)
    lines = [push(protocol, *(transaction(f"{a}.{b}") for b in range(100))) for a in range(FLOODERS * OF_EACH // 100)]
    flooders = []
    for i in range(FLOODERS):
        flooders.append(Flood(meet(protocol, node, 50 + i), b"".join(lines[i::FLOODERS])))
        Reader(flooders[-1].peer)
    waits, refused = [], 0
    while refused < FLOODERS * OF_EACH / 2 or len(waits) < 20:
        t, began = transaction(f"honest {len(waits)}"), time.monotonic()
        honest.say_bytes(push(protocol, t))
        mark = f"honest {len(waits)}\"" if protocol == "infnote" else digest(t)
        watcher.until(lambda said: mark in json.dumps(said))
        waits.append(time.monotonic() - began)
        refused = refused_by(node)
    check(max(waits) < 1 * slow(), f"an honest transaction took {max(waits):.2f} s")
    grown = node.memory() - before
    check(grown < 100 * SLOW, f"memory grew by {grown:.0f} MiB")
    check(not node.all("offline"), "somebody was sent away")
    for flood in flooders:
        flood.close()
    return f"{len(waits)} honest ones took {max(waits):.2f} s at most; {refused} of the others were refused, {grown:.0f} MiB"


a_flood_of_transactions_under_infnote, a_flood_of_transactions_under_coin = of_both(a_flood_of_transactions)


# --- asking ---

ASKERS, LONG_BLOCKS, EACH = 10, 30, 800_000


def chain_of(node, count, size):
    """A chain of blocks so long is the node's."""
    blocks = [START]
    for i in range(count):
        blocks.append(next_block(blocks[-1], *(transaction(f"{i}.{n}", "x" * (size // 4)) for n in range(4))))
        answer = node.send("<FULLBROADCAST>", json.dumps(blocks[-1]), kind="Block")
        check(answer["event"] == "sent", f"{answer}")
    return blocks


def wants(protocol, blocks):
    """The lines that ask for all of these."""
    if protocol == "infnote":
        return json.dumps({"type": "GetBlocks", "hashes": [b["hash"] for b in blocks]}).encode() + b"\n"
    return b"".join(b'{"GETBLOCK":%d}\n' % b["number"] for b in blocks)


def brings(said):
    return bool(said.get("blocks") or said.get("BLOCK"))


def the_chain_is_asked_for_and_not_read(lab, protocol):
    """Again and again, by ten. Each has the node keep some MiB and work no more; who reads is served. They leave: all that they
    asked for is forgotten at once."""
    node = ledger(lab, protocol)
    blocks = chain_of(node, LONG_BLOCKS, EACH)
    before = node.memory("VmRSS")
    floods = [Flood(meet(protocol, node, 50 + i), wants(protocol, blocks) * 50, again=True) for i in range(ASKERS)]
    honest, waits = meet(protocol, node, 1), []
    for block in blocks[1:]:
        began = time.monotonic()
        honest.say_bytes(wants(protocol, [block]))
        honest.until(brings)
        waits.append(time.monotonic() - began)
    check(max(waits) < 1 * slow(), f"an honest question took {max(waits):.2f} s")
    grown = node.memory() - before
    check(grown < 12 * ASKERS * SLOW, f"memory grew by {grown:.0f} MiB")
    began = time.monotonic()
    for flood in floods:
        flood.close()
    until(lambda: node.status()["incoming"] == 1, 5, lambda: f"{node.status()['incoming']} are left")
    check(honest.is_alive(), "who reads was sent away")
    return f"who reads waited {max(waits):.2f} s at most, {grown:.0f} MiB, and after {time.monotonic() - began:.1f} s they had gone"


the_chain_is_asked_for_and_not_read_under_infnote, the_chain_is_asked_for_and_not_read_under_coin = of_both(
    the_chain_is_asked_for_and_not_read)


# --- a tracker ---

PORTS_OF_EACH, TOLD_BY = 2500, 40


@in_namespaces
def a_tracker_that_is_told_of_100000_addresses(lab):
    """Nobody listens at most of them; at some of three networks, somebody who says nothing. A member that comes meanwhile is
    called, and others are told of it."""
    node = ledger(lab, "coin", "-tracker", "-handshakeTimeout", "1s")
    silent = [socket.create_server((f"127.{60 + i}.0.1", 2000 + port)) for i in range(3) for port in range(64)]
    lab.closes(*silent)
    before, floods = node.memory("VmRSS"), []
    for i in range(TOLD_BY):
        peer = Coin.meet(node, f"127.{60 + i}.0.1")
        Reader(peer)
        floods.append(Flood(peer, b"".join(b'{"GETADDR":%d}\n' % (2000 + port) for port in range(few(PORTS_OF_EACH))), again=True))
    until(lambda: any_is_called(node), 10, "none of them was called")
    honest = lab.node("-protocol", "coin", *ALONE, "-trackers", node.endpoint, address="127.30.0.1", port=COIN_PORT)
    began = time.monotonic()
    until(lambda: is_told(node, honest), 30, "the honest member is in no answer")
    took, grown = time.monotonic() - began, node.memory() - before
    check(grown < 60 * SLOW, f"memory grew by {grown:.0f} MiB")
    for flood in floods:
        flood.close()
    return f"the honest member is in its answers after {took:.1f} s, memory grew by {grown:.0f} MiB"


def any_is_called(node):
    return node.status()["dialing"] > 0


def is_told(node, member):
    """A newcomer is."""
    asker = Coin.meet(node, "127.31.0.1")
    asker.say({"GETADDR": 0})
    while (told := asker.of("ADDR")) == [node.endpoint]:
        pass  # it tells of itself
    asker.close()
    return member.endpoint in told


if __name__ == "__main__":
    memory_is_measured()
    run([], alone=[a_flood_of_transactions_under_infnote, a_flood_of_transactions_under_coin,
                   the_chain_is_asked_for_and_not_read_under_infnote, the_chain_is_asked_for_and_not_read_under_coin,
                   a_tracker_that_is_told_of_100000_addresses])
