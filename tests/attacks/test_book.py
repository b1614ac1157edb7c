#!/usr/bin/env python3
"""An attacker who floods the peer book: an honest peer, a seed and -bootstrap enter it all the same, the attacker gets a
quarter of the outgoing connections at most, and no share holds the controller up."""
import json
import os
import random
import time

from farm import PORT, Farm, many_descriptors, share

import factomwire as wire
from factomwire import MESSAGE, PEER_REQUEST, PEER_RESPONSE, RawPeer
from kithnode import SLOW, check, run, until
from namespace import in_namespaces

GROUPS, OUTGOING = 8, 8
HONEST = [f"127.{100 + i}.0.1" for i in range(40)]
EVIL = [f"127.{1 + i % GROUPS}.{i // GROUPS // 250}.{1 + i // GROUPS % 250}" for i in range(1000)]


def endpoints(addresses):
    return [f"{a}:{PORT}" for a in addresses]


def tell(peer, told):
    """Waits until the node asks, and answers."""
    peer.receive_kind(PEER_REQUEST)
    peer.send(PEER_RESPONSE, share(told))
    peer.alive()


def book(node):
    """The addresses of the peers file."""
    with open(os.path.join(node.home, "peers-LOCAL.json"), encoding="utf-8") as file:
        return {e["address"] for e in json.load(file)["peers"]}


def eclipse(lab, tarpits):
    many_descriptors()
    farm = lab.closes(Farm())
    farm.listen("honest", HONEST)
    farm.listen("evil", EVIL)
    farm.answers = {"honest": share(endpoints(HONEST[:32])), "evil": share(endpoints(EVIL))}
    if tarpits:
        farm.tarpits.add("evil")
    fast = ("-protocolVersion", "11", "-redial", "1s", "-savePeers", "300ms", "-acceptInterval", "0",
            "-handshakeTimeout", f"{int(1000 * SLOW)}ms")
    victim = lab.node(*fast, "-bootstrap", " ".join(endpoints(HONEST)), address="127.9.0.1")
    until(lambda: farm.count("honest") == OUTGOING, 10, "eight honest peers are dialed")
    farm.say("honest", wire.parcel(MESSAGE, b"of use"))
    guests = [RawPeer(victim, a, node_id=i + 1) for i, a in enumerate(EVIL[:64])]
    for guest in guests[:16]:
        tell(guest, endpoints(EVIL))
    for guest in guests:
        guest.send(MESSAGE, b"of use, it seems")
        for _ in range(100):
            guest.send(wire.HEARTBEAT, b"x")
        guest.alive()
        guest.close()
    time.sleep(0.6 * SLOW)
    most, known = 0, victim.status()["known"]
    check(known > len(HONEST) + 100, f"the attacker has told of nobody: {known} known")
    for _ in range(3):
        victim.end()
        victim.flags = list(fast)  # it comes back by its file alone
        victim.start()
        until(lambda: farm.count("honest") + farm.count("evil") >= OUTGOING, 10, lambda: f"{victim.count('outgoing')}")
        most = max(most, farm.count("evil"))
        time.sleep(0.5 * SLOW)
    check(most <= OUTGOING // 4, f"the attacker has {most} of {OUTGOING} outgoing connections")
    return f"the attacker had {most} of {OUTGOING}, {known} were known"


@in_namespaces
def eclipse_by_shares_handshakes_and_merit(lab):
    return eclipse(lab, False)


@in_namespaces
def eclipse_by_tarpits(lab):
    return eclipse(lab, True)


@in_namespaces
def a_book_that_strangers_have_filled(lab):
    """1,000 addresses shake hands and claim three ports each. Then an honest newcomer dials in and tells of others; and
    the node starts again, with a seed list and -bootstrap."""
    victim = lab.node("-savePeers", "300ms", "-outgoing", "0", "-acceptInterval", "0", "-incoming", "1000",
                      address="127.9.0.1")
    made = 0
    for port in range(3):
        for i, address in enumerate(EVIL):
            peer = RawPeer(victim, address, node_id=i + 1, port=b"%d" % (9000 + port))
            peer.close()
            made += 1
    until(lambda: victim.status()["incoming"] == 0, 10, "they are gone")
    known = victim.status()["known"]
    check(known <= GROUPS * 128, f"{made} handshakes of {GROUPS} groups have {known} places")
    newcomer, told = RawPeer(victim, "127.150.0.1"), endpoints(f"127.15{i}.0.1" for i in range(1, 9))
    tell(newcomer, told)
    newcomer.close()
    until(lambda: book(victim) >= {f"127.150.0.1:{PORT}", *told}, 5, "an honest newcomer is in the book")
    victim.end()
    seeds = endpoints(f"127.160.0.{i}" for i in range(1, 21))
    server = lab.seeds(seeds)
    pinned = endpoints(("127.161.0.1", "127.161.0.2"))
    victim.flags += ["-seedURL", server.url, "-bootstrap", " ".join(pinned)]
    victim.start()
    until(lambda: book(victim) >= {*seeds, *pinned}, 5, "the seeds and -bootstrap are in the book")
    return f"{made} handshakes have {known} places"


def junk(count):
    return [f"{random.randrange(11, 120)}.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}:"
            f"{random.randrange(1, 65536)}" for _ in range(count)]


@in_namespaces
def shares_of_eleven_thousand_addresses(lab):
    """They cost the controller next to nothing, and push no seed out."""
    seeds = [f"127.200.{i // 200}.{1 + i % 200}" for i in range(1000)]
    victim = lab.node("-savePeers", "300ms", "-outgoing", "0", "-acceptInterval", "0", "-bootstrap",
                      " ".join(endpoints(seeds)), address="127.9.0.1")
    many, slowest = junk(10500), 0
    guests = [RawPeer(victim, f"127.{1 + i}.0.1", node_id=i + 1) for i in range(40)]
    for guest in guests:
        guest.receive_kind(PEER_REQUEST)
    before = victim.cpu()
    for guest in guests:
        guest.send(PEER_RESPONSE, share(many))
        asked = time.monotonic()
        victim.status()
        slowest = max(slowest, time.monotonic() - asked)
    for guest in guests:
        guest.alive()
    each = (victim.cpu() - before) / len(guests)
    check(each < 0.05 * SLOW, f"a share costs {each:.3f} s")
    check(slowest < 0.5 * SLOW, f"an answer took {slowest:.2f} s")
    time.sleep(0.6 * SLOW)
    left = len(book(victim) & set(endpoints(seeds)))
    check(left == len(seeds), f"{left} of {len(seeds)} seeds are left")
    return f"{1000 * each:.1f} ms of processor time for a share, an answer took {1000 * slowest:.0f} ms at most"


if __name__ == "__main__":
    run([], alone=[eclipse_by_shares_handshakes_and_merit, eclipse_by_tarpits, a_book_that_strangers_have_filled,
                   shares_of_eleven_thousand_addresses])
