#!/usr/bin/env python3
"""Where nodes find their first peers, and in which order they ask.

Usage: test_discovery.py PATH-OF-KITH [word of a test's name]...
"""
from kithnode import check, promises, run
from nameserver import NameServer
from namespace import on_public_addresses, sh

PORT = 3031
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


if __name__ == "__main__":
    run([whom_the_peers_file_knows_is_asked_before_any_name, who_knows_nobody_asks_for_the_seeds_names,
         the_networks_own_are_dialed_if_no_name_server_answers, the_networks_own_are_dialed_if_the_names_lead_nowhere])
