#!/usr/bin/env python3
"""kith and the second-generation Go implementation of the Factom protocol, in one network.

Usage: KITH_GO_NODE=PATH-OF-GO-NODE test_interop.py PATH-OF-KITH [word of a test's name]...

The script "run" builds the Go node and then runs this. KITH_INTEROP_ROUNDS=N builds a network of six nodes of each kind
N times; KITH_INTEROP_SEED=N repeats the choices of an earlier run about whom to kill in it.
"""
import base64
import itertools
import json
import os
import queue
import random
import sys
import threading
import time
from pathlib import Path

from gonode import GO_NODE, LONELY, QUICK, SHARES, VERSIONS, dials, go_node, versions
from kithnode import SLOW, Failure, check, few, promises, run, until
from mixed_network import a_mixed_network, a_mixed_network_under_fire
from targets import (kith_passes_on_between_go_nodes, nothing_goes_back_to_its_sender, targets_of_a_go_node,
                     targets_of_a_kith_node)

# The Go node drops what finds more than 1000 parcels waiting for its application or for a peer.
WINDOW_PARCELS, WINDOW_BYTES = 200, 40 << 20
BOTH = ("-jsonPayload", "both")  # as the Go node's program shows its parcels


class Pair:
    """A kith and a Go node; `dialer` is "kith" or "go". Flags come on top of those that make the connection."""

    def __init__(self, lab, dialer, kith_flags=(), go_flags=(), connected=True):
        if dialer == "kith":
            self.go = go_node(lab, *go_flags)
            self.kith = lab.node(*LONELY, *BOTH, *kith_flags, *dials(self.go))
        else:
            self.kith = lab.node(*LONELY, *BOTH, *kith_flags)
            self.go = go_node(lab, *go_flags, *dials(self.kith))
        if connected:
            self.in_kith = self.kith.wait_online(self.go)  # what kith says of the Go node
            self.in_go = self.go.wait_online(self.kith)

    def directions(self):
        """(sender, what it calls the receiver, receiver, what that calls the sender)"""
        yield self.kith, self.in_kith["peer"], self.go, self.in_go["peer"]
        yield self.go, self.in_go["peer"], self.kith, self.in_kith["peer"]

    def talk(self):
        """A message each way, directed, arrives unchanged under the right name."""
        for sender, target, receiver, name in self.directions():
            text, since = base64.b64encode(random.randbytes(100)).decode(), receiver.mark()
            sender.request(send=target, base64=text)
            receiver.wait("parcel", since=since, base64=text, peer=name)

    def stays(self):
        check(not self.kith.all("offline"), f"{self.kith}: {self.kith.all('offline')}")
        check(not self.go.all("offline"), f"{self.go}: {self.go.all('offline')}")

    def kill(self):
        self.go.end()
        self.kith.end()


def agreed(dialer, listener):
    """The version of a connection between nodes that prefer these."""
    return 9 if (dialer, listener) == (10, 9) else dialer


@promises("F10", "F31")
def every_version_prefers_each(lab):
    seen = []
    for who, of_dialer, of_listener in itertools.product(("kith", "go"), VERSIONS, VERSIONS):
        of_kith, of_go = (of_dialer, of_listener) if who == "kith" else (of_listener, of_dialer)
        pair = Pair(lab, who, versions(of_kith), versions(of_go))
        wanted = agreed(of_dialer, of_listener)
        said = pair.in_kith["version"], pair.in_go["version"]
        check(said == (wanted, wanted), f"{who} with {of_dialer} dials {of_listener}: {said}")
        check(pair.in_kith["address"] == pair.go.endpoint, f"{pair.in_kith}")
        pair.talk()
        pair.stays()
        pair.kill()
        seen.append(f"{who} {of_dialer}>{of_listener}={wanted}")
    return ", ".join(seen)


def both_dial_each_other(lab):
    """The Go node keeps the latest connection of a peer, kith one of each direction: that comes to rest."""
    pairs = []
    for version in VERSIONS:
        kith = lab.node(*LONELY, *versions(version), start=False)
        go = go_node(lab, *versions(version), *dials(kith), start=False)
        kith.flags += dials(go)
        go.start(wait=False)
        kith.start(wait=False)
        pairs.append((kith, go))
    for kith, go in pairs:
        kith.wait_online(go)
        go.wait_online(kith)
    time.sleep(2.5)  # in which either dials again what the other has closed
    marks = [(kith.mark(), go.mark()) for kith, go in pairs]
    time.sleep(2)
    for (kith, go), (of_kith, of_go) in zip(pairs, marks):
        check(len(kith.online) == 1 and len(go.online) == 1, f"{kith.online}, {go.online}")
        check(not kith.all("offline", of_kith) and not go.all("offline", of_go), "the connections change for ever")
        for sender, receiver in ((kith, go), (go, kith)):
            sender.request(send=sender.peers().pop(), text="hello")
            receiver.wait("parcel", text="hello", peer=receiver.peers().pop())


# --- many messages ---

def payloads(count):
    """Mostly small; each power of two's neighbourhood up to 64 KiB, some of MiBs, and two as long as 16 MiB."""
    edges = [n for power in (1, 7, 8, 12, 15, 16) for n in ((1 << power) - 1, 1 << power, (1 << power) + 1)]
    large = [1 << 20, (1 << 20) + 1, 5 << 20, (16 << 20) - 1, 16 << 20]
    if SLOW > 1:
        large = large[:2]  # a sanitizer would spend minutes on the others
    sizes = edges + large + [random.randint(1, 3000) for _ in range(count - len(edges) - len(large))]
    random.shuffle(sizes)
    # Each is another message, or it would be held back as an echo.
    return (random.randbytes(size) for size in sizes)


def divert(node):
    """The node's parcels go to a queue from now on, and what it answers to a send nowhere."""
    parcels = queue.Queue()

    def take(line):
        event = json.loads(line)
        if event["event"] == "parcel":
            parcels.put(event)
        return event["event"] in ("parcel", "sent")

    node.raw = take
    return parcels


def expect(parcels, name, text):
    """The next parcel is this one."""
    try:
        event = parcels.get(timeout=120 * SLOW)
    except queue.Empty:
        raise Failure(f"a message of {len(text) * 3 // 4} bytes has not come") from None
    check(event["peer"] == name, f"the sender is {event['peer']}, not {name}")
    check(event["base64"] == text, f"instead of {len(text) * 3 // 4} bytes {len(event['base64']) * 3 // 4} others came")


def stream(sender, target, parcels, name, count):
    """Sends with a window; all arrive, in order. Returns how many bytes went."""
    waiting, inside, total = [], 0, 0
    for payload in payloads(count):
        text = base64.b64encode(payload).decode()
        while waiting and (len(waiting) >= WINDOW_PARCELS or inside + len(payload) > WINDOW_BYTES):
            inside -= len(waiting[0]) * 3 // 4
            expect(parcels, name, waiting.pop(0))
        sender.request(send=target, base64=text)
        waiting.append(text)
        inside += len(payload)
        total += len(payload)
    for text in waiting:
        expect(parcels, name, text)
    return total


def stream_both_ways(pair, count):
    faults, totals, threads = [], [], []

    def work(*arguments):
        try:
            totals.append(stream(*arguments))
        except (Failure, OSError) as fault:
            faults.append(f"{arguments[0]}: {fault}")

    for sender, target, receiver, name in pair.directions():
        threads.append(threading.Thread(target=work, args=(sender, target, divert(receiver), name, count)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not faults, "; ".join(faults))
    return sum(totals)


def many_messages(lab, version, dialer):
    count, before = few(10000), time.monotonic()
    pair = Pair(lab, dialer, versions(version), versions(version))
    total = stream_both_ways(pair, count)
    check(not any(pair.kith.status()["dropped"].values()), f"{pair.kith.status()['dropped']}")
    pair.stays()
    return f"{count} each way, {total >> 20} MiB in {time.monotonic() - before:.1f} s"


@promises("F29", "F31")
def many_messages_in_version_9(lab):
    return many_messages(lab, 9, "kith")


@promises("F29", "F31")
def many_messages_in_version_10(lab):
    return many_messages(lab, 10, "go")


@promises("F29", "F31")
def many_messages_in_version_11(lab):
    return many_messages(lab, 11, "kith")


# --- silence ---

def idle_connections_stay(lab):
    """One side pings and would end the connection, were there no answers; then the other."""
    quiet = ("-target", "1")  # with its one peer the Go node is content, and asks for no others
    ours = [Pair(lab, "kith", (*versions(v), "-ping", "500", "-silence", "3s"), (*versions(v), "-ping", "60s", *quiet))
            for v in VERSIONS]
    theirs = [Pair(lab, "go", (*versions(v), "-ping", "60s", "-silence", "120s"),
                   (*versions(v), "-ping", "1s", "-silence", "3500ms", *quiet)) for v in VERSIONS]
    time.sleep(1.5)  # the Go node greets with a ping
    before = [pair.kith.status()["bytes_in"] for pair in ours + theirs]
    time.sleep(5)
    for pair, was in zip(ours + theirs, before):
        pair.stays()
        check(pair.kith.status()["bytes_in"] > was, f"{pair.kith} has heard nothing")
        pair.talk()


# --- peers of peers ---

@promises("F7")
def go_asks_kith(lab):
    """The Go node learns of another from kith, and dials it."""
    for version in VERSIONS:
        hub = lab.node(*LONELY, *SHARES, *versions(version))
        other = lab.node(*LONELY, *versions(version), *dials(hub))
        other.wait_online(hub)
        hub.wait_online(other)
        asker = go_node(lab, *versions(version), "-peerRequest", "500ms", *dials(hub))
        check(asker.wait_online(other)["direction"] == "outgoing", "it was dialed")
        check("bad data" not in asker.stderr() and "Failed to unmarshal" not in asker.stderr(), "a bad share")
        check(not hub.all("offline"), f"{hub.all('offline')}")


@promises("F7", "F8")
def kith_asks_go(lab):
    """kith learns of another from the Go node, and dials it: at an interval, and on connecting. An answer that names
    nobody does no harm."""
    for version in VERSIONS:
        hub = go_node(lab, *versions(version), "-peerRequest", "200ms")
        asker = lab.node(*QUICK, *versions(version), "-peerRequest", "500ms", *dials(hub))
        asker.wait_online(hub)
        time.sleep(1.2)  # two answers without addresses
        check(all(p["quality"] >= 0 for p in asker.command("peers")["peers"]), f"{asker.command('peers')}")
        other = go_node(lab, *versions(version), *dials(hub), "-target", "1")
        check(asker.wait_online(other)["direction"] == "outgoing", "it was dialed")
        check(not asker.all("offline"), f"{asker.all('offline')}")
        at_once = lab.node(*QUICK, *versions(version), "-peerRequest", "1m", *dials(hub))
        check(at_once.wait_online(other)["direction"] == "outgoing", "it was dialed")


@promises("F8", "F16", "P16")
def kith_does_not_share_special_peers(lab):
    """The Go node shares its own, so the one here has none but kith, and asks nobody."""
    content = ("-target", "1", "-peerRequest", "100ms")
    groups = []
    for version in VERSIONS:
        special = go_node(lab, *versions(version), *content)
        hub = lab.node(*LONELY, *SHARES, *versions(version), *dials(special))
        hub.wait_online(special)
        other = go_node(lab, *versions(version), *content, *dials(hub))
        hub.wait_online(other)
        groups.append((special, hub, other, go_node(lab, *versions(version), "-peerRequest", "200ms", *dials(hub))))
    for special, hub, other, asker in groups:
        asker.wait_online(other)
        until(lambda: asker.stderr().count(f"Received peer share from {hub}") >= 2, 15, "two answers")
        check(special.endpoint not in asker.stderr(), "the special peer was shared")


@promises("F17")
def special_peers_come_back(lab):
    """Each side dials its special peer again, however often that is killed."""
    ours, theirs = Pair(lab, "kith"), Pair(lab, "go")
    for dialer, special in ((ours.kith, ours.go), (theirs.go, theirs.kith)):
        for _ in range(2):
            mark = dialer.mark()
            special.kill()
            dialer.wait("offline", since=mark)
            special.start()
            dialer.wait_online(special, since=mark)


@promises("P14")
def a_full_kith_refuses(lab):
    """The Go node understands the refusal and the addresses in it, which it then leaves alone: it is made so."""
    for version in VERSIONS:
        full = lab.node(*LONELY, *SHARES, "-incoming", "1", *versions(10))
        member = go_node(lab, *versions(10), *dials(full))
        full.wait_online(member)
        newcomer = go_node(lab, *versions(version), *dials(full))
        newcomer.logged(f"Connection declined with alternatives from {full}")
        until(lambda: full.ended("refused: full") >= 2, 10, lambda: f"{full.status()['ended']}")
        check(f"Dialing to {member}" not in newcomer.stderr(), "it goes where it is told to")
        check(not newcomer.online and full.count("incoming") == 1, "it was let in")
        member.end()  # then there is room
        newcomer.wait_online(full)


@promises("P13", "P14")
def a_full_kith_that_knows_nobody(lab):
    for version in VERSIONS:
        full = lab.node(*LONELY, "-incoming", "0", *versions(9))
        newcomer = go_node(lab, *versions(version), *dials(full))
        newcomer.logged("connection rejected")
        until(lambda: full.ended("refused: full") >= 1, 5, lambda: f"{full.status()['ended']}")
        check(not newcomer.online and not full.online, "it was let in")


@promises("P12")
def a_full_go_node_refuses(lab):
    """It refuses in the version that it prefers, before it has read anything; kith goes where it is told to."""
    for of_kith, of_go in itertools.product(VERSIONS, VERSIONS):
        full = go_node(lab, "-incoming", "1", *versions(of_go))
        member = lab.node(*LONELY, *dials(full))
        known = full.wait_online(member)["peer"]
        newcomer = lab.node(*QUICK, *versions(of_kith), *dials(full))
        newcomer.wait_online(member)
        check(newcomer.ended("peer is full") >= 1, f"{newcomer.status()['ended']}")
        check(full.peers() == {known}, f"it was let in: {full.peers()}")
        for node in (newcomer, member, full):
            node.end()


@promises("P13")
def a_full_go_node_that_knows_nobody(lab):
    for of_kith, of_go in itertools.product(VERSIONS, VERSIONS):
        full = go_node(lab, "-incoming", "0", *versions(of_go))
        newcomer = lab.node(*LONELY, *versions(of_kith), *dials(full))
        until(lambda: newcomer.ended("peer is full") >= 1, 5, lambda: f"{newcomer.status()['ended']}")
        check(not any(n for cause, n in newcomer.status()["ended"].items() if cause != "peer is full"),
              f"{newcomer.status()['ended']}")
        newcomer.end()
        full.end()


# --- who does not belong together ---

@promises("F20", "F21")
def networks_by_name(lab):
    for number, *names in (("0xfeedbeef", "MAIN"), ("0xdeadbeef", "TEST"), ("0x00beaded", "LOCAL"),
                           ("0x29cb7175", "CUSTOM", "-customnet", "myNetwork")):
        for dialer in ("kith", "go"):
            Pair(lab, dialer, ("-network", *names), ("-networkID", number)).talk()


@promises("F9", "F21")
def another_network(lab):
    for version in VERSIONS:
        of_go = (*versions(version), "-networkID", "0xfeedbeef")
        pair = Pair(lab, "go", versions(version), of_go, connected=False)
        pair.kith.logged("network feedbeef, ours is 00beaded")
        check(pair.kith.ended("wrong network") >= 1, f"{pair.kith.status()['ended']}")
        check(not pair.kith.online and not pair.go.online, "they are connected")
        pair = Pair(lab, "kith", versions(version), of_go, connected=False)
        pair.go.logged("wrong network id")
        check(not pair.kith.online and not pair.go.online, "they are connected")


@promises("F10")
def too_low_a_version(lab):
    for low, least in ((9, 10), (10, 11), (9, 11)):
        pair = Pair(lab, "go", versions(least, least), versions(low), connected=False)
        pair.kith.logged(f"version {low}, at least {least} is wanted")
        check(not pair.kith.online and not pair.go.online, "they are connected")
        pair = Pair(lab, "kith", versions(low), versions(least, least), connected=False)
        pair.go.logged(f"version {low} is below the minimum")
        check(not pair.kith.online and not pair.go.online, "they are connected")
    # The answer may be too low as well.
    pair = Pair(lab, "kith", versions(10, 10), versions(9), connected=False)
    pair.kith.logged("version 9, at least 10 is wanted")
    pair = Pair(lab, "go", versions(9), versions(10, 10), connected=False)
    pair.go.logged("version 9 is below the minimum")
    check(not pair.go.online, "they are connected")


@promises("F4")
def a_seed_list_that_names_themselves(lab):
    """Both find out that they dialed themselves, and find each other."""
    server = lab.seeds()
    for version in VERSIONS:
        kith = lab.node(*QUICK, *versions(version), "-seedURL", server.url, start=False)
        go = go_node(lab, *versions(version), "-seedURL", server.url, start=False)
        server.lines = [kith.endpoint, go.endpoint]
        go.start()
        kith.start()
        kith.wait_online(go)
        go.wait_online(kith)
        until(lambda: kith.ended("connected to ourselves") >= 1, 5, lambda: f"{kith.status()['ended']}")
        go.logged("Banning ourselves")
        check(len(kith.peers()) == 1 and len(go.peers()) == 1, f"{kith.peers()}, {go.peers()}")
        kith.end()
        go.end()


@promises("P15", "P21")
def kith_bans_the_go_node(lab):
    pair = Pair(lab, "go", go_flags=("-redial", "500ms"))
    pair.kith.command("ban", peer=pair.in_kith["peer"], seconds=100)
    check(pair.kith.wait("offline", peer=pair.in_kith["peer"])["reason"] == "banned", f"{pair.kith.all('offline')}")
    pair.go.wait("offline", peer=pair.in_go["peer"])
    until(lambda: pair.kith.status()["shed"] >= 2, 10, "the Go node has dialed again")
    check(not pair.kith.online and not pair.go.online, "it was let in")
    mark = pair.kith.mark()
    pair.kith.command("unban", address=pair.go.address)
    pair.kith.wait_online(pair.go, since=mark)


def the_go_node_bans_kith(lab):
    pair = Pair(lab, "kith")
    pair.go.command("ban", peer=pair.in_go["peer"])
    pair.kith.wait("offline", peer=pair.in_kith["peer"])
    pair.go.wait("offline", peer=pair.in_go["peer"])
    # The Go node answers whom it has banned as it does when it is full.
    until(lambda: pair.kith.ended("peer is full") >= 2, 10, lambda: f"{pair.kith.status()['ended']}")
    check(not pair.kith.online and not pair.go.online, "it was let in")


def kith_starts_from_the_go_node_s_peers_file(lab):
    file = Path(lab.home, "peers.json")
    server = lab.node(*LONELY)
    writer = go_node(lab, "-peersFile", str(file), "-cat", "1s", *dials(server))
    writer.wait_online(server)
    until(lambda: file.exists() and json.loads(file.read_text() or "{}").get("peers"), 5, "a peer in the file")
    writer.end()
    lab.node(*QUICK, "-peersFile", str(file)).wait_online(server)


if __name__ == "__main__":
    if not os.access(GO_NODE, os.X_OK):
        sys.exit("KITH_GO_NODE names no program")
    run([a_mixed_network_under_fire, many_messages_in_version_9, many_messages_in_version_10,
         many_messages_in_version_11, every_version_prefers_each, both_dial_each_other, idle_connections_stay,
         go_asks_kith, kith_asks_go, kith_does_not_share_special_peers, special_peers_come_back, a_full_kith_refuses,
         a_full_kith_that_knows_nobody, a_full_go_node_refuses, a_full_go_node_that_knows_nobody, networks_by_name,
         another_network, too_low_a_version, a_seed_list_that_names_themselves, kith_bans_the_go_node,
         the_go_node_bans_kith, kith_starts_from_the_go_node_s_peers_file, targets_of_a_kith_node,
         targets_of_a_go_node, nothing_goes_back_to_its_sender, kith_passes_on_between_go_nodes, a_mixed_network])
