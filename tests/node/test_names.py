#!/usr/bin/env python3
"""Names and addresses: where they lead, all of them, and what becomes of a node whose own network is away."""
import json
import os
import socket
import time
from pathlib import Path

import factomwire as wire
from factomwire import RawListener, RawPeer
from kithnode import PORT, check, run, until
from namespace import cover, in_namespaces, sh

QUICK = ("-exclusive", "-redialSpecial", "1s", "-acceptInterval", "0")


class Hosts:
    """The system's table of host names, which may change at any time."""

    def __init__(self, lab, text=""):
        self.path = os.path.join(lab.home, "hosts")
        cover("/etc/hosts", lab, "127.0.0.1 localhost\n" + text)

    def say(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("127.0.0.1 localhost\n" + text)


def swallower(lab, address, port=PORT):
    """Takes no connection: its queue is full."""
    full = socket.socket()
    full.bind((address, port))
    full.listen(0)
    for sock in (full, socket.create_connection((address, port))):
        lab.closers.append(sock.close)


@in_namespaces
def every_address_of_a_name_is_tried(lab):
    """One swallows what comes, one takes connections and never says a word, the third is good."""
    Hosts(lab, "127.0.0.60 dual.example\n127.0.0.61 dual.example\n127.0.0.50 dual.example\n")
    swallower(lab, "127.0.0.60")
    lab.closers.append(RawListener("127.0.0.61", PORT).close)
    good = lab.node("-exclusive", address="127.0.0.50")
    node = lab.node(*QUICK, "-peers", f"dual.example:{PORT}", "-dialTimeout", "2s", "-handshakeTimeout", "1s")
    node.wait_online(good, 8)


@in_namespaces
def a_name_is_known_whoever_dials(lab):
    """The peer is behind NAT: it can only dial us. Then it moves."""
    hosts = Hosts(lab, "127.0.0.51 nat.example\n")
    node = lab.node("-exclusiveIn", "-peers", f"nat.example:{PORT}", *QUICK[1:])
    comes_in = lambda source: accepted(node, source)
    until(lambda: comes_in("127.0.0.51"), 3, "it comes in")

    def refused_by_name():
        check(not comes_in("127.0.0.52"), "somebody else comes in")
        return "127.0.0.52" in node.stderr()

    until(refused_by_name, 3, "the log says who was refused: one line a second may")
    check("not from the IP address of a special peer" in node.stderr(), "the log does not say why")
    hosts.say("127.0.0.52 nat.example\n")
    until(lambda: comes_in("127.0.0.52"), 5, "it comes in from its new address")
    check(not comes_in("127.0.0.51"), "its old address is still its own")


def accepted(node, source):
    try:
        RawPeer(node, source).sock.close()
        return True
    except Exception:  # whatever it is that a connection ends with that was closed at once
        return False


@in_namespaces
def a_name_may_end_with_the_dot_of_the_root(lab):
    Hosts(lab, "127.0.0.50 node.example\n127.0.0.51 seed.example\n")
    special, seed = (lab.node("-exclusive", address=f"127.0.0.5{i}") for i in range(2))
    server = lab.seeds([f"SEED.Example.:{PORT}"])
    node = lab.node("-seedURL", server.url, "-peers", f"node.example.:{PORT}")
    node.wait_online(special)
    node.wait_online(seed)


@in_namespaces
def a_name_that_is_ourselves_is_left_alone(lab):
    """By the handshake it is told; then it is not dialed any more."""
    Hosts(lab, "127.0.0.50 me.example\n")
    node = lab.node(*QUICK, "-peers", f"me.example:{PORT}", address="127.0.0.50")
    time.sleep(5)
    dials = node.stderr().count("me.example:8110 ended")
    check(dials == 1, f"it was dialed {dials} times")


@in_namespaces
def a_peer_by_two_names_is_dialed_once(lab):
    Hosts(lab, "127.0.0.50 node.example alias.example\n")
    peer = lab.node("-exclusive", "-acceptInterval", "0", address="127.0.0.50")
    node = lab.node(*QUICK, "-peers", f"{peer.endpoint} node.example:{PORT} alias.example:{PORT}")
    node.wait_online(peer)
    time.sleep(5)
    check(peer.stderr().count("ended") == 0, f"it was dialed again: {peer.stderr()}")
    peer.end()
    mark = node.mark()
    peer.start()
    node.wait_online(peer, since=mark)


@in_namespaces
def bound_to_everything_is_both_families(lab):
    peer = lab.node("-exclusive", address="127.0.0.50")
    node = lab.node(*QUICK, "-peers", peer.endpoint, "-bind", "::", port=9002)
    node.wait_online(peer)
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as sock:
            sock.settimeout(3)
            sock.connect((address, 9002))


@in_namespaces
def a_link_local_peer_is_dialed_by_its_interface_alone(lab):
    sh("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    for name, address in (("v0", "fe80::a"), ("v1", "fe80::b")):
        sh("ip", "link", "set", name, "up")
        sh("ip", "address", "add", f"{address}/64", "dev", name, "nodad")
    node = lab.node("-redial", "1s", "-bind", "::")
    sock = socket.socket(socket.AF_INET6)
    sock.settimeout(5)
    sock.connect(("fe80::a", PORT, 0, socket.if_nametoindex("v0")))
    sock.sendall(wire.handshake(node_id=5))
    node.wait("online")
    sock.close()
    node.wait("offline")
    time.sleep(3)
    check(node.status()["known"] == 0 and "outgoing" not in node.stderr(), f"it was booked: {node.stderr()}")
    other = lab.node(*QUICK, "-peers", f"[fe80::a%v0]:{PORT}", "-bind", "::", port=9002)
    event = other.wait("online")
    check(event["address"].startswith("[fe80::a%"), f"{event}")


@in_namespaces
def our_own_network_is_nobodys_fault(lab):
    """Nothing leads anywhere for a while. Who may be dialed once in ten minutes is back a moment after the network is."""
    others = [lab.node("-exclusive", address=f"127.0.0.5{i}") for i in range(2)]
    sh("ip", "address", "flush", "dev", "lo")
    node = lab.node("-peers", f"127.0.0.50:{PORT}", "-bootstrap", f"127.0.0.51:{PORT}", "-bind", "0.0.0.0",
                    "-redialSpecial", "10m", "-redial", "10m", "-giveUp", "1", "-savePeers", "100ms", port=9002)
    time.sleep(4)
    ended = node.stderr().count("Network is unreachable")
    check(4 <= ended <= 20, f"{ended} dials failed")
    peers = json.loads(Path(node.home, "peers-LOCAL.json").read_text(encoding="utf-8"))["peers"]
    check([p["failures"] for p in peers] == [0], f"{peers}")
    sh("ip", "address", "add", "127.0.0.1/8", "dev", "lo")
    for other in others:
        node.wait_online(other, 10)


if __name__ == "__main__":
    run([every_address_of_a_name_is_tried, a_name_is_known_whoever_dials, a_name_may_end_with_the_dot_of_the_root,
         a_name_that_is_ourselves_is_left_alone, a_peer_by_two_names_is_dialed_once,
         bound_to_everything_is_both_families, a_link_local_peer_is_dialed_by_its_interface_alone,
         our_own_network_is_nobodys_fault])
