#!/usr/bin/env python3
"""Networks of DDRP nodes, of both revisions: they find each other from one, and know each other by their keys.

Usage: test_ddrp.py PATH-OF-KITH [word of a test's name]...
"""
import json
import queue
import re
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

from kithnode import EVERYONE, SLOW, check, promises, run, until

PORT = 9097
OUTGOING = 8
PROTOCOLS = ("ddrp", "fnd")
# Nodes start one after the other: whoever is not there yet must be tried again soon.
QUICK = ("-redial", "1s", "-redialSpecial", "500ms", "-savePeers", "500ms")
ASKS = ("-peerRequest", "1s", "-peerRequestLimit", "100ms")
ALONE = ("-exclusive", *QUICK)  # dials nobody but its special peers
# Three secrets and the ids that they make, computed by other programs than kith.
KEYS = json.loads(Path(__file__).resolve().parents[1].joinpath("vectors", "ddrp.json").read_text(encoding="utf-8"))["keys"]


def ddrp(lab, protocol, *flags, start=True, port=PORT):
    return lab.node("-protocol", protocol, *flags, start=start, port=port)


def identity(node):
    return node.status()["identity"]


def with_id(node):
    return f"{identity(node)}@{node.endpoint}"


def wait_outgoing(nodes, least, seconds):
    until(lambda: all(n.count("outgoing") >= least for n in nodes), seconds,
          lambda: f"{least} outgoing each, but {[n.count('outgoing') for n in nodes]}")


def seconds_until_outgoing(nodes, least, seconds):
    before = time.monotonic()
    wait_outgoing(nodes, least, seconds)
    return time.monotonic() - before


def has_joined(protocol, node, nodes):
    count = node.count("outgoing")
    if protocol == "fnd":
        peers = [p for p, _ in node.online]
        check(len(peers) == len(set(peers)), f"{node} has two connections with somebody")
        return count == OUTGOING or len(peers) == len(nodes) - 1
    return count == OUTGOING


def seconds_until_joined(protocol, nodes, seconds):
    before = time.monotonic()
    until(lambda: all(has_joined(protocol, n, nodes) for n in nodes), seconds,
          lambda: f"not joined: {[(n.count('outgoing'), n.count('incoming')) for n in nodes]}")
    return time.monotonic() - before


# --- networks ---

@promises("D5", "D8", "D9", "D18")
def a_network_of_one_bootstrap_peer(lab):
    """Twelve know one node and nobody else: each gets eight outgoing connections, and again after four were killed. As
    fnd has one connection for two nodes, a dozen have no more than one with everybody."""
    said = []
    for protocol in PROTOCOLS:
        first = ddrp(lab, protocol, *QUICK, *ASKS)
        bootstrap = with_id(first)
        nodes = [first] + [ddrp(lab, protocol, *QUICK, *ASKS, "-bootstrap", bootstrap) for _ in range(12)]
        found = seconds_until_joined(protocol, nodes, 20)
        time.sleep(0.3)
        check(all(n.count("outgoing") <= OUTGOING for n in nodes), f"{[n.count('outgoing') for n in nodes]} outgoing")
        check(not any(n.all("offline") for n in nodes), "a connection ended that should have stayed")
        names = {identity(n): n for n in nodes}
        check(len(names) == len(nodes), "two have one identity")
        updates_reach_everybody(nodes, names)
        a_directed_update_reaches_one(nodes, names)
        for node in nodes[:4]:  # who was the start of it all is among them
            node.kill()
        left = nodes[4:]
        again = seconds_until_joined(protocol, left, 20)
        said.append(f"{protocol}: after {found:.1f} s, and {again:.1f} s after the kill")
        for node in left:
            node.end()
    return "; ".join(said)


def updates_reach_everybody(nodes, names):
    """A full broadcast reaches every peer once, under the sender's id, and nobody else."""
    for sender in nodes:
        name, text, peers = identity(sender), f"everyone, from {sender}", sender.peers()
        check(peers <= names.keys(), f"{sender} has peers that are nobody: {peers}")
        answer = sender.send(EVERYONE, text, kind="Update")
        check(answer["peers"] == len(peers), f"{sender} has {len(peers)} peers, sent to {answer['peers']}")
        for peer in peers:
            names[peer].wait("parcel", text=text, peer=name, kind="Update")
        got = sum(len([e for e in n.all("parcel") if e["text"] == text]) for n in nodes)
        check(got == len(peers), f"{got} came of {len(peers)} that {sender} sent")


def a_directed_update_reaches_one(nodes, names):
    sender = nodes[-1]
    for peer in sorted(sender.peers()):
        check(re.fullmatch("[0-9a-f]{64}", peer), f"{peer} is no id")
        text = f"for {peer} alone"
        check(sender.send(peer, text, kind="Update")["peers"] == 1, f"{peer}")
        names[peer].wait("parcel", text=text)
        got = [n for n in nodes if any(e["text"] == text for e in n.all("parcel"))]
        check(got == [names[peer]], f"{text}: {got} got it")


@promises("D9", "D18")
def a_chain_of_newcomers(lab):
    """Each knows the one before, and nobody else. All but the last one want no more than that: so nobody dials the last
    one, and what it learns is what those answer whom it has dialed."""
    said = []
    for protocol in PROTOCOLS:
        nodes = [ddrp(lab, protocol, *QUICK, *ASKS)]
        for i in range(1, 10):
            flags = () if i == 9 else ("-outgoing", "1")
            nodes.append(ddrp(lab, protocol, *QUICK, *ASKS, *flags, "-bootstrap", with_id(nodes[-1])))
            nodes[-1].wait_online(nodes[-2], peer=identity(nodes[-2]), direction="outgoing")
        said.append(f"{protocol}: {seconds_until_outgoing(nodes[-1:], OUTGOING, 30):.1f} s")
        for node in nodes:
            node.end()
    return "; ".join(said)


@promises("D17")
def nobody_to_start_with(lab):
    """A node without bootstrap peers waits, and is dialed."""
    for protocol in PROTOCOLS:
        for flags in ((), ("-bootstrap=",)):
            lonely = ddrp(lab, protocol, *QUICK, *flags)
            time.sleep(0.5)
            status = lonely.status()
            check((status["known"], status["dialing"]) == (0, 0), f"{status}")
            guest = ddrp(lab, protocol, *ALONE, "-peers", with_id(lonely))
            guest.wait_online(lonely, peer=identity(lonely))
            lonely.wait_online(guest, peer=identity(guest))
            guest.send(identity(lonely), "nobody is alone")
            lonely.wait("parcel", text="nobody is alone", peer=identity(guest))
            guest.end()
            lonely.end()


# --- what is told and dialed ---

@promises("D15", "D16")
def other_ports(lab):
    """Who listens on another port than the standard one is not told to others, and not dialed by whoever is told,
    unless all want that."""
    for tells, takes in (((), ("-anyPort",)), (("-anyPort",), ()), (("-anyPort",), ("-anyPort",))):
        hub = ddrp(lab, "ddrp", *QUICK, *ASKS, *tells)
        odd = ddrp(lab, "ddrp", *ALONE, "-peers", with_id(hub), port=9098)
        usual = ddrp(lab, "ddrp", *ALONE, "-peers", with_id(hub))
        hub.wait_online(odd, peer=identity(odd))
        hub.wait_online(usual, peer=identity(usual))
        newcomer = ddrp(lab, "ddrp", *QUICK, *ASKS, *takes, "-bootstrap", with_id(hub))
        newcomer.wait_online(usual, peer=identity(usual), direction="outgoing")
        if tells and takes:
            newcomer.wait_online(odd, peer=identity(odd), direction="outgoing")
        else:
            time.sleep(2.5 * SLOW)  # two more requests
            check(newcomer.peers() == {identity(hub), identity(usual)}, f"{newcomer.online}")
            check(identity(newcomer) not in odd.peers(), "it was dialed")
            check(odd.endpoint not in known(newcomer), "it was told, or it was taken")


def known(node):
    """Who is in its peers file, by address."""
    node.end()
    peers = json.loads(peers_file(node).read_text(encoding="utf-8"))["peers"]
    return {peer["address"]: peer for peer in peers}


def peers_file(node):
    return next(Path(node.home).glob("peers-*-LOCAL.json"))


# --- who is who ---

def recorded(lab, protocol, key):
    """A node whose key is that one of the recorded ones."""
    node = ddrp(lab, protocol, *ALONE, start=False)
    path = Path(node.home, f"identity-{protocol}.key")
    path.touch(0o600)
    path.write_text(key["private"] + "\n", encoding="ascii")
    return node.start()


@promises("D13")
def a_restart_keeps_who_is_who(lab):
    """A node keeps its identity and, with their ids, its peers; whoever has another id by then is nobody it knows."""
    for protocol in PROTOCOLS:
        others = [recorded(lab, protocol, key) for key in KEYS]
        node = ddrp(lab, protocol, *QUICK, "-bootstrap", " ".join(n.endpoint for n in others))
        wait_outgoing([node], 3, 10)
        own, ids = identity(node), {n.endpoint: key["peer_id"] for n, key in zip(others, KEYS)}
        check(re.fullmatch("[0-9a-f]{64}", own), own)
        check([identity(n) for n in others] == list(ids.values()), "they call themselves otherwise")
        until(lambda n=node: list(Path(n.home).glob("peers-*-LOCAL.json")) and len(
            json.loads(peers_file(n).read_text(encoding="utf-8"))["peers"]) == 3, 5, "three peers in the file")
        node.kill()
        node.flags = ["-protocol", protocol, *QUICK]
        node.start()
        wait_outgoing([node], 3, 10)
        check(identity(node) == own, "it is somebody else now")
        check(node.peers() == set(ids.values()), f"{node.peers()}")
        check({a: p.get("id") for a, p in known(node).items()} == ids, "the ids in the file")
        impostor = others[0]
        impostor.end()
        next(Path(impostor.home).glob("identity-*.key")).unlink()
        impostor.start()
        node.start()
        until(lambda n=node: n.ended("somebody else is there"), 5, "it takes anybody for whom it knew")
        wait_outgoing([node], 2, 10)
        for each in (*others, node):
            each.end()


# --- one peer, two connections ---

class SlowWay:
    """Passes on what comes to one address to another one, each way so many seconds late; to the other it seems to come
    from `source`. Nothing passes before `gate`, a barrier, has let the first connection through."""

    def __init__(self, at, to, source, gate, delay=0.05):
        self.to, self.source, self.gate, self.delay = to, source, gate, delay
        self.sockets = [socket.create_server((at, PORT), backlog=64)]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                near, _ = self.sockets[0].accept()
                if len(self.sockets) == 1:
                    self.gate.wait()
                far = socket.create_connection((self.to, PORT), source_address=(self.source, 0))
                self.sockets += [near, far]
                for end in ((near, far), (far, near)):
                    self._pump(*end)
        except (OSError, threading.BrokenBarrierError):
            pass  # closed

    def _pump(self, come, go):
        late = queue.SimpleQueue()

        def take():
            data = b"?"
            while data:
                try:
                    data = come.recv(65536)
                except OSError:
                    data = b""
                late.put((time.monotonic() + self.delay, data))

        def give():
            data = b"?"
            while data:
                due, data = late.get()
                time.sleep(max(0, due - time.monotonic()))
                try:
                    go.sendall(data) if data else go.shutdown(socket.SHUT_WR)
                except OSError:
                    return

        for job in (take, give):
            threading.Thread(target=job, daemon=True).start()

    def close(self):
        for each in self.sockets:
            each.close()


class Chatter:
    """Sends numbered messages to a peer from the moment on at which it is online."""

    def __init__(self, node, peer, word, count=400):
        self.node, self.peer, self.texts = node, peer, [f"{word} {i}" for i in range(count)]
        self.thread = threading.Thread(target=self._talk, daemon=True)
        self.thread.start()

    def _talk(self):
        self.node.wait("online", 20, peer=self.peer)
        for text in self.texts:
            self.node.request(send=self.peer, text=text, kind="Update")
            time.sleep(0.002)


def missing(chatter, receiver):
    got = {e["text"] for e in receiver.all("parcel")}
    return [t for t in chatter.texts if t not in got]


def dropped(node):
    return sum(e["parcels"] for e in node.all("dropped"))


def two_that_dial_each_other_at_once(lab):
    """With 50 ms one way, both dial before either can know of the other. One connection comes online, and it stays: of
    what is sent from the first moment on nothing is lost. If their addresses do not tell that the dials cross, two come
    online and stay, and nothing is lost either."""
    for masked in (False, True):
        a, b = (ddrp(lab, "fnd", *ALONE) for _ in range(2))
        ids = identity(a), identity(b)
        at_a, at_b, mask = lab.address(), lab.address(), lab.address()
        a.end(), b.end()
        gate = threading.Barrier(2)
        ways = [SlowWay(at_b, b.address, mask if masked else at_a, gate),
                SlowWay(at_a, a.address, mask if masked else at_b, gate)]
        a.flags += ["-peers", f"{at_b}:{PORT}", "-silence", "3s", "-ping", "500ms", "-rate", "0"]
        b.flags += ["-peers", f"{at_a}:{PORT}", "-silence", "3s", "-ping", "500ms", "-rate", "0"]
        for node in (a, b):
            node.start(wait=False)
        talks = [Chatter(a, ids[1], "from a"), Chatter(b, ids[0], "from b")]
        for talk in talks:
            talk.thread.join(30 * SLOW)
        time.sleep(3 * SLOW)
        for talk, node, other in zip(talks, (a, b), (b, a)):
            lost = missing(talk, other)
            check(not lost, f"masked {masked}: {len(lost)} lost ({lost[:3]}), {dropped(node)} of them told")
            check(len(node.online) == 1 + masked, f"masked {masked}: {node} has {len(node.online)} connections")
            check(not node.all("offline"), f"masked {masked}: {node.all('offline')}")
        for each in (a, b, *ways):
            each.end() if each in (a, b) else each.close()


def who_is_connected_is_left_alone(lab):
    """Of fnd, whoever has dialed is not dialed back when nobody else is left, nor as a special peer."""
    host = ddrp(lab, "fnd", *QUICK)
    guest = ddrp(lab, "fnd", *ALONE, "-peers", with_id(host))
    host.wait_online(guest)
    third = ddrp(lab, "fnd", *ALONE)
    third.end()
    third.flags += ["-peers", with_id(host)]
    third.start()
    host.wait_online(third)
    time.sleep(3 * SLOW)
    for node in (host, guest, third):
        check(not node.all("offline"), f"{node}: {node.all('offline')}")
    check(host.count("outgoing") == 0 and host.count("incoming") == 2, f"{host.online}")


def a_peer_that_comes_back(lab):
    """Its old connection hangs: it is taken back within a ping's time, tells its application of it once, and nothing is
    lost that it says meanwhile. Whoever has the same key while the first one lives is refused."""
    for protocol in PROTOCOLS:
        host = ddrp(lab, protocol, *ALONE, "-ping", "1s", "-silence", "60s")
        old = ddrp(lab, protocol, *ALONE, "-peers", with_id(host), "-ping", "1s")
        name = identity(old)
        host.wait("online", peer=name)
        new = ddrp(lab, protocol, *ALONE, "-peers", with_id(host), "-ping", "1s", start=False)
        shutil.copy(next(Path(old.home).glob("identity-*.key")), new.home)
        new.start()
        until(lambda n=host: n.ended("already connected"), 5, "the double is refused")
        check(not host.all("offline"), "the double has pushed the first one out")
        new.end()
        old.send_signal(signal.SIGSTOP)
        time.sleep(1.2)  # so that no ping of it is under way
        mark, before = host.mark(), time.monotonic()
        new.start()
        new.wait("online", peer=identity(host))
        for i in range(100):
            new.request(send=identity(host), text=f"{i}", kind="Update")
        host.wait("offline", since=mark, peer=name)
        host.wait("online", since=mark, peer=name, where=lambda e, n=new: e["address"].startswith(n.address))
        took = time.monotonic() - before
        check(took < 20 * SLOW, f"{protocol}: back after {took:.1f} s, as the silence is over")
        until(lambda n=host, m=mark: len(n.all("parcel", m)) == 100, 5, "not all that it said has come")
        check(not new.all("offline"), f"{new.all('offline')}")
        old.send_signal(signal.SIGCONT)
        for each in (host, old, new):
            each.end()


# --- signs of life ---

@promises("D1", "D3")
def pings_keep_idle_nodes_together(lab):
    """Without any other traffic they stay; one that stands still is given up, and found again."""
    limit = 0.9 * SLOW
    for protocol in PROTOCOLS:
        flags = (*ALONE, "-ping", "200ms", "-silence", f"{limit * 1000:.0f}ms")
        a = ddrp(lab, protocol, *flags)
        b = ddrp(lab, protocol, *flags, "-peers", with_id(a))
        name_of_a = b.wait_online(a)["peer"]
        name_of_b = a.wait_online(b)["peer"]
        time.sleep(2.5 * limit)
        check(not a.all("offline") and not b.all("offline"), "an idle connection ended")
        a.send_signal(signal.SIGSTOP)
        before, mark = time.monotonic(), b.mark()
        offline = b.wait("offline", peer=name_of_a)
        took = time.monotonic() - before
        a.send_signal(signal.SIGCONT)
        check(limit - 0.3 < took < limit + SLOW, f"{offline['reason']} after {took:.1f} s")
        b.wait_online(a, since=mark, peer=name_of_a)
        a.wait("online", peer=name_of_b)


if __name__ == "__main__":
    run([a_network_of_one_bootstrap_peer, a_chain_of_newcomers, nobody_to_start_with, other_ports,
         a_restart_keeps_who_is_who, two_that_dial_each_other_at_once, who_is_connected_is_left_alone,
         a_peer_that_comes_back], alone=[pings_keep_idle_nodes_together])
