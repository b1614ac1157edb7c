#!/usr/bin/env python3
"""Where nodes find their first peers, and in which order they ask.

Usage: test_discovery.py PATH-OF-KITH [word of a test's name]...
"""
import json
import os
import time
from pathlib import Path

from kithnode import check, promises, run, until
from nameserver import NameServer
from namespace import on_public_addresses, sh

PORT, INFNOTE_PORT = 3031, 8210
OWN = "51.15.192.100"  # an address of the network's own, which programs of that network have built in
SEED = "seed.mintlayer.org"
MAIN = ("-protocol", "mintlayer", "-network", "MAIN", "-logLevel", "debug")


def member(lab, address=None):
    """A node of the network that dials nobody."""
    return lab.node(*MAIN, "-exclusive", address=address, port=PORT)


def own_member(lab):
    sh("ip", "address", "add", f"{OWN}/32", "dev", "lo")
    return member(lab, OWN)


@promises("I3", "I4", "I5")
@on_public_addresses
def whom_the_peers_file_knows_is_asked_before_any_name(lab):
    names, own, friend = NameServer(lab, {SEED: []}), own_member(lab), member(lab)
    node = lab.node(*MAIN, "-bootstrap", friend.endpoint, port=PORT)
    node.wait_online(friend)
    node.end()
    names.asked.clear()
    node.flags = list(MAIN)
    node.start()
    node.wait_online(friend)
    check(not names.asked, f"it has asked for {names.asked}")
    check(not own.all("online"), "the network's own was dialed, too")


@promises("I3")
@on_public_addresses
def who_knows_nobody_asks_for_the_seeds_names(lab):
    own, friend = own_member(lab), member(lab)
    names = NameServer(lab, {SEED: [friend.address]})
    node = lab.node(*MAIN, port=PORT)
    node.wait_online(friend)
    check(SEED in names.asked, f"it has asked for {names.asked}")
    check(not own.all("online"), "the network's own was dialed, too")


@promises("I4")
@on_public_addresses
def the_networks_own_are_dialed_if_no_name_server_answers(lab):
    NameServer(lab)
    own = own_member(lab)
    node = lab.node(*MAIN, port=PORT)
    node.wait_online(own)
    check("not one of 2 names could be looked up" in node.stderr(), "it has not asked first")


@promises("I4")
@on_public_addresses
def the_networks_own_are_dialed_if_the_names_lead_nowhere(lab):
    names, own = NameServer(lab, {}), own_member(lab)
    node = lab.node(*MAIN, port=PORT)
    node.wait_online(own)
    check(SEED in names.asked, f"it has asked for {names.asked}")


@promises("I1")
@on_public_addresses
def whoever_connects_dials_nobody_else(lab):
    """Neither whom it knows, nor whom seeds or names would tell of."""
    names, server, own = NameServer(lab, {SEED: []}), lab.seeds(), own_member(lab)
    known, given, pinned, wanted = (member(lab) for _ in range(4))
    server.lines = [known.endpoint]
    node = lab.node(*MAIN, "-bootstrap", known.endpoint, port=PORT)
    node.wait_online(known)
    node.end()
    names.asked.clear()
    node.flags += ["-bootstrap", given.endpoint, "-seedURL", server.url, "-peers", pinned.endpoint, "-connect", wanted.address]
    node.start()
    for other in (wanted, pinned):
        node.wait_online(other, special=True)
    log = node.stderr()[node.stderr().rindex("info: kith"):]
    check(log.count(": dials ") == 2, f"it has dialed others: {log}")
    check(not names.asked and server.fetches == 0, f"it has asked for {names.asked}, and {server.fetches} lists")
    check(not own.all("online") and not given.all("online"), "others were dialed")


@promises("I1")
@on_public_addresses
def an_added_node_is_dialed_for_ever(lab):
    NameServer(lab, {SEED: [], "friend.example": ["5.1.0.1"]})
    friend = member(lab)
    other = member(lab)
    with open(os.path.join(lab.home, "kith.conf"), "w", encoding="utf-8") as file:
        file.write(f"addnode = {other.address}\n")
    node = lab.node(*MAIN, "-redialSpecial", "300ms", "-addnode", "friend.example", "-config",
                    os.path.join(lab.home, "kith.conf"), port=PORT)
    node.wait_online(friend, special=True)
    node.wait_online(other, special=True)
    for _ in range(2):
        mark = node.mark()
        friend.end()
        node.wait("offline", since=mark)
        friend.start()
        node.wait_online(friend, since=mark)
    check(node.status()["outgoing"] == 2, "others were dialed")


def known_to(node):
    """The peers file of an Infnote node that has ended: each address with what is told of it."""
    text = Path(node.home, "peers-infnote-LOCAL.json").read_text(encoding="utf-8")
    return {peer["address"]: peer for peer in json.loads(text)["peers"]}


@promises("I5", "I6")
def who_has_answered_is_told_from_whom_one_has_heard_of(lab):
    """With the times of both, through a restart."""
    lab.needs("infnote")
    flags, begun = ("-protocol", "infnote"), time.time() * 1000 - 1000
    friend = lab.node(*flags, "-exclusive", port=INFNOTE_PORT)
    other = lab.node(*flags, "-exclusive", "-peers", friend.endpoint, port=INFNOTE_PORT)
    other.wait_online(friend)
    node = lab.node(*flags, "-outgoing", "1", "-bootstrap", friend.endpoint, port=INFNOTE_PORT)
    node.wait_online(friend)
    until(lambda: node.status()["known"] == 2, 10, "it has been told of the other")
    node.end()
    before = known_to(node)
    check(before[friend.endpoint]["tried"] and before[friend.endpoint]["heard"] >= begun, f"{before}")
    stranger = before[other.endpoint]
    check(not stranger.get("tried") and not stranger.get("answered") and stranger["learned"] >= begun, f"{before}")
    friend.end()
    node.flags = [*flags, "-retryFirst", "100ms"]
    node.start()
    node.wait_online(other)
    node.end()
    after = known_to(node)
    check(after[other.endpoint]["tried"] and after[other.endpoint]["heard"] > before[friend.endpoint]["heard"], f"{after}")
    check(after[friend.endpoint]["tried"] and after[friend.endpoint]["failures"] > 0, f"{after}")


if __name__ == "__main__":
    run([who_has_answered_is_told_from_whom_one_has_heard_of, an_added_node_is_dialed_for_ever, whoever_connects_dials_nobody_else,
         whom_the_peers_file_knows_is_asked_before_any_name, who_knows_nobody_asks_for_the_seeds_names,
         the_networks_own_are_dialed_if_no_name_server_answers, the_networks_own_are_dialed_if_the_names_lead_nowhere])
