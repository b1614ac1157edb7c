"""Six kith and six Go nodes in one network, from one seed list; also while some of them are killed."""
import contextlib
import json
import os
import random
import signal
import time

from gonode import EVERYONE, QUICK, SHARES, VERSIONS, GoNode, go_node, versions
from kithnode import SLOW, Failure, check, few, promises, until

ROUNDS = int(os.environ.get("KITH_INTEROP_ROUNDS", "1"))
EACH_KIND = 6
LEAST_PEERS = 6
KILL_ROUNDS, KILL_EVERY = few(30), SLOW  # half a minute, also where all is slower
LOST_WITH_A_PEER = {"connection lost", "no such peer"}
GO_PANIC = "panic: send on closed channel"  # a message that meets the end of its peer's connection ends the Go node


class Flood:
    """Every node's application sends what it sees for the first time on to everyone."""

    def __init__(self, nodes):
        self.nodes, self.seen = nodes, {node: set() for node in nodes}
        for node in nodes:
            node.raw = lambda line, node=node: self.take(node, line)

    def take(self, node, line):
        if not line.endswith(b"\n"):
            return True  # it was killed while it wrote this
        event = json.loads(line)
        if event["event"] == "parcel":
            self.send(node, event["text"])
        return event["event"] in ("parcel", "sent")

    def send(self, node, text):
        if text not in self.seen[node]:
            self.seen[node].add(text)
            with contextlib.suppress(OSError):  # it has just been killed
                node.request(send=EVERYONE, text=text)

    def missing(self, texts):
        return {str(node): texts - seen for node, seen in self.seen.items() if texts - seen}


class Network:
    """Its nodes; kith's and Go's take turns, of each version two. The first four are in the seed list."""

    def __init__(self, lab):
        self.server = lab.seeds()
        seeded = ("-peerRequest", "1s", "-seedURL", self.server.url)
        each = [version for version in VERSIONS for _ in range(EACH_KIND // len(VERSIONS))]
        self.kiths = [lab.node(*QUICK, *SHARES, *versions(v), "-fewPeers", "20", *seeded, start=False) for v in each]
        self.gos = [go_node(lab, *versions(v), *seeded, start=False) for v in each]
        self.nodes = [node for both in zip(self.kiths, self.gos) for node in both]
        self.by_endpoint = {node.endpoint: node for node in self.nodes}
        self.server.lines = [node.endpoint for node in self.nodes[:4]]
        self.flood = Flood(self.nodes)

    def start(self):
        for node in self.nodes:
            node.start()
        self.grown(30)

    def grown(self, seconds):
        """Waits until each has enough peers and is connected with all others; returns how long that took."""
        before = time.monotonic()
        until(lambda: all(len(node.peers()) >= LEAST_PEERS for node in self.nodes), seconds,
              lambda: f"{LEAST_PEERS} peers each, but {self.peers()}")
        until(lambda: len(reach(self.nodes[0], self.connections())) == len(self.nodes), seconds, "one network")
        return time.monotonic() - before

    def peers(self):
        return [len(node.peers()) for node in self.nodes]

    def connections(self):
        """{(node, other): what the first has said of its connections with the second}, where both say there are."""
        said = {}
        for node in self.nodes:
            with node.news:
                events = list(node.online.values())
            for event in events:
                said.setdefault((node, self.by_endpoint.get(event["address"])), []).append(event)
        return {(a, b): events for (a, b), events in said.items() if (b, a) in said}

    def everyone_reaches_everyone(self, name):
        texts = {f"{name}, from {node}" for node in self.nodes}
        for node in self.nodes:
            self.flood.send(node, f"{name}, from {node}")
        until(lambda: not self.flood.missing(texts), 20, lambda: f"missing: {self.flood.missing(texts)}")

    def end(self):
        for node in self.nodes:
            node.end()
        self.server.close()


def reach(node, connections):
    """The nodes that something can get to from this one, itself among them."""
    reached, edge = {node}, [node]
    while edge:
        at = edge.pop()
        near = {b for a, b in connections if a is at} - reached
        reached |= near
        edge.extend(near)
    return reached


def check_dropped(kith):
    """kith may lose what waited for a peer that has gone, and nothing else."""
    dropped = {cause: count for cause, count in kith.status()["dropped"].items() if count}
    check(set(dropped) <= LOST_WITH_A_PEER, f"{kith} has dropped {dropped}")
    return sum(dropped.values())


@promises("F4", "F29", "F31")
def a_mixed_network(lab):
    took = []
    for _ in range(ROUNDS):
        network, before = Network(lab), time.monotonic()
        network.start()
        network.everyone_reaches_everyone("hello")
        took.append(time.monotonic() - before)
        for kith in network.kiths:
            check(not any(kith.status()["dropped"].values()), f"{kith} has dropped {kith.status()['dropped']}")
        said = network.peers()
        network.end()
    return f"{len(took)} times, at most {max(took):.1f} s; {said} peers"


class Volley:
    """A message of each node that is up, and what the connections were when they went."""

    def __init__(self, network, name, down=()):
        self.network = network
        self.connections = network.connections()
        self.texts = {node: f"{name}, from {node}" for node in network.nodes if node not in down}
        for node, text in self.texts.items():
            network.flood.send(node, text)

    def lasting(self):
        """The connections that neither side has seen end since. The same event is meant, not one like it."""
        now = self.network.connections()
        same = {pair for pair, events in self.connections.items()
                if len(events) == len(now.get(pair, ())) and all(x is y for x, y in zip(events, now[pair]))}
        return {(a, b) for a, b in same if (b, a) in same}

    def owed(self):
        """(node, text) of what must come: where there is a way of connections that have stood throughout."""
        lasting = self.lasting()
        return {(node, text) for sender, text in self.texts.items() for node in reach(sender, lasting)}

    def overdue(self):
        return {(str(node), text) for node, text in self.owed() if text not in self.network.flood.seen[node]}

    def arrive(self):
        """Waits for all that must come. Returns how much that was, and what it would be without any losses."""
        until(lambda: not self.overdue(), 30, lambda: f"missing: {self.overdue()}")
        return len(self.owed()), len(self.texts) * len(self.network.nodes)


class Fire:
    """Kills one or two nodes at a time, of either kind, and starts them again."""

    def __init__(self, network, chance):
        self.network, self.chance = network, chance
        self.killed, self.panics, self.lost, self.owed, self.possible = 0, 0, 0, 0, 0
        self.before, self.recent = [], []  # killed in the round before; in that and in this one
        self.told = {kith: 0 for kith in network.kiths}  # how far its events have been looked at

    def has_panicked(self, node):
        return isinstance(node, GoNode) and not node.alive() and GO_PANIC in node.stderr()

    def watch(self):
        """Nobody ends by itself; but for the Go node where it has to, which is then started again."""
        for node in self.network.nodes:
            if self.has_panicked(node):
                self.panics += 1
                node.kill()
                node.start()
            check(node.alive(), f"{node} has ended by itself, with {node.process.returncode}")

    def watch_drops(self):
        """kith loses parcels to nodes that were killed, and to a Go node that exchanges one connection for another."""
        for kith in self.network.kiths:
            for event in kith.all("dropped", self.told[kith]):
                peer = self.network.by_endpoint.get(event["peer"].split(" ")[0])
                check(peer is None or peer in self.recent or isinstance(peer, GoNode), f"{kith}: {event}")
            self.told[kith] = kith.mark()

    def kill(self, victims):
        for victim in victims:
            if not isinstance(victim, GoNode):
                self.lost += check_dropped(victim)
        for victim in victims:
            victim.kill()
            check(victim.process.returncode == -signal.SIGKILL or self.has_panicked(victim),
                  f"{victim} has ended by itself, with {victim.process.returncode}")
            self.told[victim] = 0
        self.before, self.recent = victims, self.before + victims
        self.killed += len(victims)

    def round(self, number):
        victims = self.chance.sample(self.network.nodes, self.chance.choice((1, 1, 2)))
        pause = self.chance.uniform(0.2, 1)
        self.watch()
        before = Volley(self.network, f"before kill {number}")
        self.kill(victims)  # while messages are under way
        during = Volley(self.network, f"after kill {number}", victims)
        time.sleep(pause)
        for victim in victims:
            victim.start(wait=False)
        for victim in victims:
            victim.wait("listening")
        for volley in (before, during):
            owed, possible = volley.arrive()
            self.owed, self.possible = self.owed + owed, self.possible + possible
        self.watch_drops()


def under_fire(lab, chance):
    network = Network(lab)
    network.start()
    fire, start = Fire(network, chance), time.monotonic()
    for number in range(KILL_ROUNDS):
        fire.round(number)
        time.sleep(max(0, start + (number + 1) * KILL_EVERY - time.monotonic()))
    fire.watch()
    check(fire.owed > fire.possible / 2, f"too little stood to say anything: {fire.owed} of {fire.possible}")
    healed = network.grown(30)
    network.everyone_reaches_everyone("after all")
    fire.watch()
    lost = fire.lost + sum(check_dropped(kith) for kith in network.kiths)
    return (f"{fire.killed} killed, {fire.panics} panics of Go nodes, {fire.owed} messages of {fire.possible} had a "
            f"way that stood and came, {lost} parcels lost with a peer, whole again after {healed:.1f} s, "
            f"{network.peers()} peers")


@promises("F4", "F29", "F31", "F32")
def a_mixed_network_under_fire(lab):
    """What a node is killed with may be lost; what had a way of connections that stood throughout is not."""
    seed = int(os.environ.get("KITH_INTEROP_SEED", random.randrange(1 << 32)))
    try:
        return under_fire(lab, random.Random(seed)) + f"; KITH_INTEROP_SEED={seed}"
    except Failure as failure:
        raise Failure(f"{failure}; the same choices again: KITH_INTEROP_SEED={seed}") from None
