#!/usr/bin/env python3
"""Whom a node of Infnote or coin tells of whom: by connections, and with Infnote by datagrams.

Usage: test_addresses.py PATH-OF-KITH [word of a test's name]...
"""
import json
import os
import socket
import time

from kithnode import SLOW, check, promises, run, until
from ledgerwire import COIN_PORT, INFNOTE_PORT, Coin, Infnote

ALONE = ("-exclusive", "-peerRequestLimit", "0")  # dials nobody


def knows(lab, protocol, port, addresses, *flags):
    """A node that has known those for days: the later in the list, the longer ago it has heard of them. And the times."""
    node = lab.node("-protocol", protocol, *flags, start=False, port=port)
    now = int(time.time() * 1000)
    peers = [{"address": f"{address}:{port}", "heard": at, "answered": at, "since": at - 1000, "learned": at - 1000, "dialed": at,
              "failures": 0, "source": "peer", "told_by": 1, "tried": True}
             for address, at in ((a, now - 900_000 * (i + 1)) for i, a in enumerate(addresses))]
    with open(os.path.join(node.home, f"peers-{protocol}-LOCAL.json"), "w", encoding="utf-8") as file:
        json.dump({"kith_peers": 1, "network": "LOCAL", "peers": peers, "scores": []}, file)
    node.start()
    return node, {p["address"]: p["heard"] // 1000 for p in peers}


def knows_many(lab, protocol, port):
    return knows(lab, protocol, port, [f"10.{i}.7.{i + 1}" for i in range(150)], *ALONE)


def text(peer):
    return f"{peer['ip']}:{peer['port']}"


@promises("I7", "I8")
def infnote_tells_the_newest_first_and_a_hundred_at_most(lab):
    node, known = knows_many(lab, "infnote", INFNOTE_PORT)
    peer = Infnote.meet(node, lab.address())
    peer.say({"type": "getaddr"})
    told = peer.until(lambda said: said["type"] == "addr" and len(said["peers"]) != 1)["peers"]
    check(len(told) == 100, f"{len(told)} addresses")
    check(all(abs(known[text(p)] - p["timestamp"]) <= 1 for p in told), f"times: {told[:3]}, {list(known.items())[:3]}")
    times = [p["timestamp"] for p in told]
    check(times == sorted(times, reverse=True), f"the newest first: {times}")


@promises("C6")
def coin_tells_a_hundred_at_most(lab):
    node, known = knows_many(lab, "coin", COIN_PORT)
    peer = Coin.meet(node, lab.address())
    peer.say({"GETADDR": 0})
    told = peer.until(lambda said: len(said.get("ADDR", [0])) != 1)["ADDR"]
    check(len(set(told)) == len(told) == 100 and set(told) <= set(known), f"{len(told)} addresses: {told[:3]}")


@promises("I10", "C14")
def a_node_tells_of_itself_on_connecting(lab):
    node = lab.node("-protocol", "infnote", *ALONE, port=INFNOTE_PORT)
    peer = Infnote.meet(node, lab.address())
    (told,) = peer.of("addr")["peers"]
    check(text(told) == node.endpoint and abs(told["timestamp"] - time.time()) < 60, f"{told}")
    node = lab.node("-protocol", "coin", *ALONE, port=COIN_PORT)
    check(Coin.meet(node, lab.address()).of("ADDR") == [node.endpoint], "it tells of others")


@promises("I9")
def a_datagram_is_answered_by_one_of_at_most_twice_its_bytes(lab):
    node, known = knows_many(lab, "infnote", INFNOTE_PORT)
    most = 0
    for pad in (0, 40, 400, 1000):
        question = json.dumps({"type": "getaddr", "pad": "x" * pad}).encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((lab.address(), 0))
            sock.settimeout(0.5)
            answer, by = None, time.monotonic() + 10 * SLOW
            while answer is None and time.monotonic() < by:  # a datagram may be lost; an address is answered once a second
                sock.sendto(question, (node.address, node.port))
                try:
                    answer, source = sock.recvfrom(65536)
                except TimeoutError:
                    pass
            check(answer is not None, f"no answer to {len(question)} bytes")
        check(source == (node.address, node.port) and len(answer) <= min(1200, 2 * len(question)), f"{len(answer)} bytes, {source}")
        said = json.loads(answer)
        times = [p["timestamp"] for p in said["peers"]]
        check(said["type"] == "addr" and all(text(p) in known for p in said["peers"]), f"{said}")
        check(times == sorted(times, reverse=True), f"the newest first: {times}")
        most = max(most, len(times))
    check(most >= 10, f"{most} addresses in the longest answer")
    return f"{most} addresses in the longest answer"


@promises("I9", "I6")
def a_node_that_lacks_peers_asks_those_that_it_knows_by_datagram(lab):
    """What it hears so is dialed as new."""
    friend, other = lab.address(), lab.address()
    asked = lab.closes(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    asked.bind((friend, INFNOTE_PORT))
    asked.settimeout(30 * SLOW)
    streams = lab.closes(socket.create_server((friend, INFNOTE_PORT)))
    streams.settimeout(20 * SLOW)
    listener = lab.closes(socket.create_server((other, INFNOTE_PORT)))
    listener.settimeout(20 * SLOW)
    node, _ = knows(lab, "infnote", INFNOTE_PORT, [friend])
    peer = lab.closes(Infnote(streams.accept()[0]))
    peer.say(peer.hello(port=str(INFNOTE_PORT)), peer.status())
    question, source = asked.recvfrom(65536)
    check(source == (node.address, node.port) and json.loads(question)["type"] == "getaddr", f"{source}: {question[:80]}")
    asked.sendto(json.dumps({"type": "addr", "peers": [{"ip": other, "port": INFNOTE_PORT, "timestamp": 1}]}).encode(), source)
    listener.accept()[0].close()
    until(lambda: node.status()["known"] == 2, 10, "it knows both")


if __name__ == "__main__":
    run([a_node_that_lacks_peers_asks_those_that_it_knows_by_datagram, a_datagram_is_answered_by_one_of_at_most_twice_its_bytes,
         infnote_tells_the_newest_first_and_a_hundred_at_most, coin_tells_a_hundred_at_most, a_node_tells_of_itself_on_connecting])
