"""A network of twelve nodes of kith, and a peer that is none."""
import os
import time

from kithnode import SLOW, Skipped, check, promises, run, until
from namespace import on_public_addresses

from mintlayer_fixture import ADDRESSES, QUICK, World, kith

NODES, OUTGOING = 12, 8
PINGS = 8  # as many of their times, as -ping has them, pass in silence
LONG = os.environ.get("KITH_TEST_LONG")  # any text: also what takes minutes


def network(lab, *flags):
    boot = kith(lab, *flags)
    return [boot] + [kith(lab, "-bootstrap", boot.endpoint, *flags) for _ in range(NODES - 1)]


def outgoing(nodes):
    return [n.count("outgoing") for n in nodes]


def connections(nodes):
    """The numbers of each node's connections."""
    return [{event["connection"] for event in list(n.online.values())} for n in nodes]


def wait_full(nodes, seconds):
    before = time.monotonic()
    until(lambda: min(outgoing(nodes)) >= OUTGOING, seconds, lambda: f"{outgoing(nodes)} outgoing")
    for node in nodes:
        there = [peer for peer, way in node.online if way == "outgoing"]
        check(len(there) == OUTGOING, f"{node} has dialed {len(there)}")
        check(node.endpoint not in there, f"{node} has dialed itself")
    return time.monotonic() - before


def idle(nodes, seconds, wait=time.sleep):
    """Nobody says anything but pings; every connection stays. Answers with how many ends of connections there are.
    Feelers come and go meanwhile."""
    had = connections(nodes)
    wait(seconds)
    for node, numbers, now in zip(nodes, had, connections(nodes)):
        check(numbers <= now, f"{node} has lost {numbers - now}: "
              f"{[e for e in node.all('offline') if e['connection'] in numbers]}")
    return sum(len(numbers) for numbers in had)


@promises("M1", "M3", "M12", "M16")
@on_public_addresses
def twelve_from_one_bootnode_stay_together(lab):
    """Also a peer that is no kith is told of all, and is kept as long as it answers."""
    nodes = network(lab, *QUICK, "-ping", "1s", "-silence", "2500ms")
    took = wait_full(nodes, 60)
    world = World(lab)
    peer = world.dial(nodes[0])
    peer.meet()
    peer.say("AddrListRequest")
    told = peer.take_kind("AddrListResponse")["addresses"]
    check(set(told) <= {n.endpoint for n in nodes} and len(told) >= OUTGOING, f"it is told of {told}")
    pings = []
    ends = idle(nodes, PINGS * SLOW, lambda seconds: pings.append(peer.answer_pings(seconds)))
    check(pings[0] >= PINGS // 2, f"the peer was pinged {pings[0]} times")
    return f"8 outgoing each after {took:.1f} s; then {ends} ends of connections idle through {PINGS} pings"


@promises("M1", "M3", "M12", "M16")
@on_public_addresses
def twelve_as_they_are_idle_for_eight_minutes(lab):
    """The same with no flag but the bootnode's address."""
    if not LONG:
        raise Skipped("takes ten minutes; KITH_TEST_LONG=1 runs it")
    nodes = network(lab)
    took = wait_full(nodes, 900)
    ends = idle(nodes, 8 * 60)
    feelers = sum(len(n.all("offline")) for n in nodes)
    return f"8 outgoing each after {took:.1f} s; then {ends} ends of connections idle for 8 minutes, beside " \
        f"{feelers} feelers"


@on_public_addresses
def a_feeler_only_asks_who_is_there(lab):
    """Who is known but not needed is met, and told that this was all. Some services will do."""
    if not LONG:
        raise Skipped("takes up to three minutes; KITH_TEST_LONG=1 runs it")
    world = World(lab)
    listeners = [world.listener() for _ in range(2)]
    node = kith(lab, *QUICK, "-services", "all", "-relays", "0", "-outgoing", "1", "-bootstrap", " ".join(each.endpoint for each in listeners))
    needed = listeners[0].accept_of(listeners[1]).meet()
    node.wait("online", peer=needed.name)
    other = next(each for each in listeners if each.endpoint != needed.own)
    before = time.monotonic()
    felt = other.accept(200).meet(services=ADDRESSES)
    took = time.monotonic() - before
    said = list(iter(felt.take, None))
    check([m.get("reason") for m in said] == ["We close this connection"], f"it says {said}")
    check(node.count("outgoing") == 1 and len(node.all("online")) == 1, "it is more than a feeler")
    return f"after {took:.0f} s"


if __name__ == "__main__":
    run([twelve_as_they_are_idle_for_eight_minutes, a_feeler_only_asks_who_is_there,
         twelve_from_one_bootnode_stay_together])
